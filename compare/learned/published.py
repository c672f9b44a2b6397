"""The published architectures, for canvases of any size.

Layer for layer from the authors' code (github.com/uber-research/CoordConv, model_builders.py)
for Liu et al. 2018, arXiv:1807.03247. Where that code leaves an array's beginning to its library,
TensorFlow, it is Glorot-uniform.
"""

from __future__ import annotations

from compare.datasets.two_objects import LATENTS
from compare.learned.architecture import Adversaries, Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    CoordConv,
    Crop,
    Dense,
    Flatten,
    GlobalMaxPool,
    GlobalMeanPool,
    Initial,
    Layer,
    LeakyRelu,
    MaxPool,
    Relu,
    Reshape,
    Scale,
    Softmax,
    Tanh,
    Tile,
    TiledCoordConv,
)
from compare.learned.recipe import Coordinates

__all__ = [
    "DOUBLINGS",
    "conv_regressor_quadrant",
    "conv_regressor_uniform",
    "coordconv_classifier",
    "coordconv_g",
    "coordconv_gd",
    "coordconv_regressor",
    "coordconv_renderer",
    "deconv",
    "gan",
]


def coordconv_regressor(height: int, width: int) -> Architecture:
    """Bitmap to (x / width, y / height): five linear layers and one maximum over the canvas."""
    return Architecture(
        (1, height, width),
        (
            CoordConv(8, kernel=1),
            Conv(8, kernel=1),
            Conv(8, kernel=1),
            Conv(8, kernel=3),
            Conv(2, kernel=3),
            GlobalMaxPool(),
            Flatten(),
        ),
    )


def conv_regressor_uniform(height: int, width: int, multiplier: int = 1) -> Architecture:
    """The plain-convolution baseline published for the uniform split."""
    channels = 16 * multiplier
    block = (Conv(channels, kernel=3), Relu(), MaxPool(2))
    return Architecture(
        (1, height, width),
        (
            *block,
            *block,
            *block,
            Conv(channels, kernel=3),
            Relu(),
            Flatten(),
            Dense(64),
            Relu(),
            Dense(2),
        ),
    )


def conv_regressor_quadrant(height: int, width: int, multiplier: int = 1) -> Architecture:
    """The plain-convolution baseline published for the quadrant split.

    The second batch norm stands before its nonlinearity, and a last ReLU before the mean.
    """
    channels = 16 * multiplier
    return Architecture(
        (1, height, width),
        (
            Conv(channels, kernel=5, stride=2),
            Relu(),
            Conv(channels, kernel=1),
            Relu(),
            BatchNorm(),
            Conv(channels, kernel=3),
            Relu(),
            Conv(channels, kernel=3, stride=2),
            Relu(),
            Conv(channels, kernel=3, stride=2),
            BatchNorm(),
            Relu(),
            Conv(channels, kernel=3, stride=2),
            Relu(),
            Conv(channels, kernel=1),
            Relu(),
            Conv(channels, kernel=3, stride=2),
            Relu(),
            Conv(2, kernel=3),
            Relu(),
            GlobalMeanPool(),
            Flatten(),
        ),
    )


def coordconv_classifier(
    height: int, width: int, multiplier: int = 1, coordinates: Coordinates = "scaled"
) -> Architecture:
    """(x, y) to the logits of each pixel: five 1x1 convolutions with ReLU between."""
    return Architecture((2,), _classifier(height, width, multiplier, coordinates))


def _classifier(
    height: int, width: int, multiplier: int, coordinates: Coordinates
) -> tuple[Layer, ...]:
    return (
        *_seen(height, width, coordinates),
        Tile(height, width),
        CoordConv(32 * multiplier, kernel=1),
        Relu(),
        Conv(32 * multiplier, kernel=1),
        Relu(),
        Conv(64 * multiplier, kernel=1),
        Relu(),
        Conv(64 * multiplier, kernel=1),
        Relu(),
        Conv(1, kernel=1),
    )


def _seen(height: int, width: int, coordinates: Coordinates) -> tuple[Layer, ...]:
    return (Scale(height, width),) if coordinates == "scaled" else ()


def coordconv_renderer(
    height: int,
    width: int,
    multiplier: int = 1,
    kernel: int = 3,
    coordinates: Coordinates = "scaled",
) -> Architecture:
    """(x, y) to the logits of a picture: the classifier, its softmax, and five convolutions.

    The multiplier widens the five convolutions only, as in the authors' code.
    """
    eight, sixteen = 8 * multiplier, 16 * multiplier
    return Architecture(
        (2,),
        (
            *_classifier(height, width, 1, coordinates),
            Softmax(),
            Conv(eight, kernel),
            Relu(),
            Conv(eight, kernel),
            Relu(),
            Conv(sixteen, kernel),
            Relu(),
            Conv(sixteen, kernel),
            Relu(),
            Conv(1, kernel),
        ),
    )


DOUBLINGS = 6
"""Transposed convolutions of the baseline, each of which doubles the picture's sides."""


def deconv(
    height: int,
    width: int,
    multiplier: int = 1,
    kernel: int = 3,
    coordinates: Coordinates = "scaled",
) -> Architecture:
    """(x, y) to the logits of each pixel: the baseline of transposed convolutions.

    From one pixel to 64x64 as published; other canvases begin with as many pixels as are needed
    to cover them and are cut from the top left.
    """
    side = 2**DOUBLINGS
    rows, columns = -(-height // side), -(-width // side)
    doublings: list[Layer] = []
    for channels in (64, 64, 64, 32, 32):
        doublings += [ConvTranspose(channels * multiplier, kernel), BatchNorm(), Relu()]
    cut = () if (rows * side, columns * side) == (height, width) else (Crop(height, width),)
    return Architecture(
        (2,),
        (
            *_seen(height, width, coordinates),
            Tile(rows, columns),
            *doublings,
            ConvTranspose(1, kernel),
            *cut,
        ),
    )


_FROM_LIBRARY: Initial = "glorot_uniform"


def gan(height: int, width: int, channels: int = 64) -> Adversaries:
    """The plain GAN, a DCGAN (Radford et al. 2016, arXiv:1511.06434).

    Its generator's pictures, (3, height, width), are in (-1, 1). `channels` are those of the
    discriminator's first layer, 64 as published; all other layers have so many times as many.
    """
    return Adversaries(_dcgan(height, width, channels), _discriminator(height, width, channels))


def coordconv_g(height: int, width: int, channels: int = 64) -> Adversaries:
    """The GAN whose generator has the coordinates.

    Its pictures are the tanh of what the generator puts out; the discriminator sees the latter.
    """
    generator = _coordconv_generator(height, width, channels)
    return Adversaries(generator, _discriminator(height, width, channels), bounded=False)


def coordconv_gd(height: int, width: int, channels: int = 64) -> Adversaries:
    """The GAN whose generator and discriminator have the coordinates; see `coordconv_g`."""
    generator = _coordconv_generator(height, width, channels)
    return Adversaries(generator, _discriminator(height, width, channels, True), bounded=False)


def _dcgan(height: int, width: int, channels: int) -> Architecture:
    """From 4x4 to 64x64; other canvases as `deconv` has them."""
    rows, columns = -(-height // 16), -(-width // 16)
    doublings: list[Layer] = []
    for many in (4, 2, 1):
        doublings += [
            ConvTranspose(many * channels, kernel=5, initial=_FROM_LIBRARY),
            BatchNorm(),
            Relu(),
        ]
    cut = () if (rows * 16, columns * 16) == (height, width) else (Crop(height, width),)
    return Architecture(
        (LATENTS,),
        (
            Dense(8 * channels * rows * columns),
            Reshape(8 * channels, rows, columns),
            BatchNorm(),
            Relu(),
            *doublings,
            ConvTranspose(3, kernel=5, initial=_FROM_LIBRARY),
            *cut,
            Tanh(),
        ),
    )


def _coordconv_generator(height: int, width: int, channels: int) -> Architecture:
    """Layer for layer what each pixel computes of the latents and of where it is."""
    pixelwise: list[Layer] = [TiledCoordConv(8 * channels, height, width), Relu()]
    for many in (4, 4, 2, 1):
        pixelwise += [Conv(many * channels, kernel=1), Relu()]
    return Architecture(
        (LATENTS,),
        (
            *pixelwise,
            Conv(channels, kernel=3),
            Relu(),
            Conv(channels, kernel=3),
            Relu(),
            Conv(3, kernel=1),
        ),
    )


def _discriminator(
    height: int, width: int, channels: int, coordinates: bool = False
) -> Architecture:
    """A picture to the logit of its being real."""
    first = CoordConv if coordinates else Conv
    strided: list[Layer] = [
        first(channels, kernel=5, stride=2, initial=_FROM_LIBRARY),
        LeakyRelu(0.2),
    ]
    for many in (2, 4, 8):
        strided += [
            Conv(many * channels, kernel=5, stride=2, initial=_FROM_LIBRARY),
            BatchNorm(),
            LeakyRelu(0.2),
        ]
    return Architecture((3, height, width), (*strided, Flatten(), Dense(1)))
