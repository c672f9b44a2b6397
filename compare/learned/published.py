"""The published architectures, for canvases of any size.

Layer for layer from the authors' code (github.com/uber-research/CoordConv, model_builders.py)
for Liu et al. 2018, arXiv:1807.03247.
"""

from __future__ import annotations

from compare.learned.architecture import Architecture
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
    Layer,
    MaxPool,
    Relu,
    Scale,
    Softmax,
    Tile,
)
from compare.learned.recipe import Coordinates


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
