"""The layers, each a frozen description that knows its shape, its parameters and what it computes.

Each is written once over the backend contract and maps an array to an array.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend, Padding, same_padding, without_negligible

__all__ = [
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "CoordConv",
    "Crop",
    "Dense",
    "Flatten",
    "GlobalMaxPool",
    "GlobalMeanPool",
    "Initial",
    "Layer",
    "LeakyRelu",
    "MaxPool",
    "MeanPool",
    "Parameter",
    "Relu",
    "Reshape",
    "Residual",
    "Scale",
    "Shape",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Tile",
    "TiledCoordConv",
    "coordinate_maps",
    "coordinates",
    "mixes_samples",
]

Shape: TypeAlias = tuple[int, ...]
"""Of one picture, (channels, height, width), or of one vector, (features,)."""

Initial: TypeAlias = Literal["he_normal", "glorot_uniform", "zeros", "ones"]
"""How an array begins; `compare.learned.architecture` draws it."""


@dataclass(frozen=True)
class Parameter:
    """An array that a layer owns and how it begins."""

    shape: Shape
    initial: Initial
    fans: tuple[int, int] = (1, 1)
    """Inputs that one output sums over, and outputs that depend on one input."""
    trained: bool = True
    """False for running statistics, which are kept with the weights but get no gradient."""
    decayed: bool = False
    """Whether the L2 penalty counts it; the published code penalises convolution kernels only."""


class Layer(Protocol):
    """One step of an architecture."""

    def shape(self, inputs: Shape) -> Shape:
        """Return the shape of one output; ValueError if `inputs` does not fit."""
        ...

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return what the layer owns, by name."""
        ...

    def multiply_adds(self, inputs: Shape) -> int:
        """Return multiply-adds for one sample, computed densely."""
        ...

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Map a batch, (n, *inputs) to (n, *shape(inputs)).

        `own` holds the layer's parameters by name. `updates` receives new running statistics; it is
        None in prediction.
        """
        ...


class _Plain:
    """What layers share that own no parameters and are not counted as arithmetic."""

    def shape(self, inputs: Shape) -> Shape:
        return inputs

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        return {}

    def multiply_adds(self, inputs: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Conv:
    """A convolution with bias, padded so that only the stride shrinks the picture."""

    channels: int
    kernel: int
    stride: int = 1
    initial: Initial = field(default="he_normal", repr=False)

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height / stride, width / stride), rounded up."""
        _, height, width = inputs
        return (self.channels, -(-height // self.stride), -(-width // self.stride))

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return the kernels and the biases, zero."""
        return self._parameters(inputs[0])

    def _parameters(self, channels: int) -> dict[str, Parameter]:
        area = self.kernel * self.kernel
        return {
            "weight": Parameter(
                (self.channels, channels, self.kernel, self.kernel),
                self.initial,
                fans=(channels * area, self.channels * area),
                decayed=True,
            ),
            "bias": Parameter((self.channels,), "zeros"),
        }

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one for each weight at each output pixel."""
        _, height, width = self.shape(inputs)
        kernels = self.parameters(inputs)["weight"].shape
        return int(np.prod(kernels)) * height * width

    def padding(self, inputs: Shape) -> Padding:
        """Return the zeros around pictures of shape `inputs`."""
        return _padding(inputs, self.kernel, self.stride)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Convolve."""
        padding = self.padding(x.shape[1:])
        return backend.conv(x, own["weight"], own["bias"], self.stride, padding)


def _padding(inputs: Shape, kernel: int, stride: int) -> Padding:
    _, height, width = inputs
    return same_padding(height, kernel, stride), same_padding(width, kernel, stride)


@dataclass(frozen=True)
class CoordConv(Conv):
    """A convolution of the picture and each pixel's coordinates.

    The channels x and y rise from -1 to 1 over the canvas; `radius` adds sqrt(x^2 + y^2).
    Liu et al. 2018, arXiv:1807.03247, section 3.
    """

    radius: bool = False

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return the kernels, with the coordinate channels last, and the biases."""
        return self._parameters(inputs[0] + 2 + self.radius)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Append the coordinate channels and convolve."""
        xp, (n, _, height, width) = backend.xp, x.shape
        channels = backend.asarray(coordinates(height, width, self.radius), like=x)
        tiled = xp.broadcast_to(channels, (n, *channels.shape[1:]))
        return super().__call__(backend, own, xp.concatenate([x, tiled], axis=1), updates)


@dataclass(frozen=True)
class TiledCoordConv(_Plain):
    """A 1x1 convolution of a vector, the same at each pixel, and of the pixel's coordinates.

    The same map, with the same parameters, as `Tile` and `CoordConv`, which compute the vector's
    part of the sum at each pixel again; here it is computed once a sample.
    """

    channels: int
    height: int
    width: int
    initial: Initial = field(default="he_normal", repr=False)

    def dense(self) -> tuple[Tile, CoordConv]:
        """Return the two layers that compute the same."""
        convolution = CoordConv(self.channels, kernel=1, initial=self.initial)
        return Tile(self.height, self.width), convolution

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height, width)."""
        if len(inputs) != 1:
            raise ValueError(f"TiledCoordConv takes vectors, got {inputs}")
        return (self.channels, self.height, self.width)

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return the kernels, (channels, features + 2, 1, 1), coordinates last, and the biases."""
        tile, convolution = self.dense()
        return convolution.parameters(tile.shape(inputs))

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one for each weight at each pixel, as a dense convolution has them."""
        tile, convolution = self.dense()
        return convolution.multiply_adds(tile.shape(inputs))

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Add a sample's number and a pixel's, of each channel."""
        xp, features = backend.xp, x.shape[1]
        kernels = xp.reshape(own["weight"], (self.channels, -1))
        of_sample = xp.matmul(x, xp.moveaxis(kernels[:, :features], 0, 1)) + own["bias"]
        places = backend.asarray(coordinates(self.height, self.width), like=x)
        of_pixel = backend.conv(places, own["weight"][:, features:], None, 1, ((0, 0), (0, 0)))
        return xp.reshape(of_sample, (*of_sample.shape, 1, 1)) + of_pixel


@lru_cache(maxsize=16)
def coordinates(height: int, width: int, radius: bool = False) -> NDArray[np.float64]:
    """Return the coordinate channels x, y and perhaps the radius, (1, 2 or 3, height, width).

    The array cannot be written to: the next caller gets the same one.
    """
    maps = coordinate_maps(height, width, radius).values()
    channels = np.stack(np.broadcast_arrays(*maps))[None]
    channels.flags.writeable = False
    return channels


def coordinate_maps(
    height: int, width: int, radius: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Return what the coordinate channels consist of, by name.

    x as a row, (1, width), y as a column, (height, 1), and the radius, if asked for, whole.
    """
    x, y = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    return {"x": x, "y": y} | ({"radius": np.hypot(x, y)} if radius else {})


@dataclass(frozen=True)
class ConvTranspose:
    """A transposed convolution with bias that multiplies the picture's sides by its stride."""

    channels: int
    kernel: int
    stride: int = 2
    initial: Initial = field(default="he_normal", repr=False)

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height * stride, width * stride)."""
        _, height, width = inputs
        return (self.channels, height * self.stride, width * self.stride)

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return the kernels and the biases, zero.

        The fan-in counts this layer's own channels: TensorFlow reads it from the same axis of the
        kernel's shape as for a convolution, where a transposed one has its outputs.
        """
        area = self.kernel * self.kernel
        return {
            "weight": Parameter(
                (inputs[0], self.channels, self.kernel, self.kernel),
                self.initial,
                fans=(self.channels * area, inputs[0] * area),
                decayed=True,
            ),
            "bias": Parameter((self.channels,), "zeros"),
        }

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one for each weight at each input pixel."""
        return int(np.prod(inputs)) * self.channels * self.kernel * self.kernel

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Apply; TensorFlow's "same" padding is that of the convolution it transposes."""
        outputs = self.shape(x.shape[1:])
        _, height, width = outputs
        padding = _padding(outputs, self.kernel, self.stride)
        return backend.conv_transpose(
            x, own["weight"], own["bias"], (height, width), self.stride, padding
        )


@dataclass(frozen=True)
class Relu(_Plain):
    """max(x, 0), with derivative 0 at 0 as TensorFlow and PyTorch have it."""

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Rectify."""
        return backend.relu(x)


@dataclass(frozen=True)
class LeakyRelu(_Plain):
    """x where it is positive and slope * x where it is not."""

    slope: float = 0.2

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Rectify in part."""
        return backend.xp.where(x > 0, x, self.slope * x)


@dataclass(frozen=True)
class Tanh(_Plain):
    """The hyperbolic tangent."""

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Squash to (-1, 1)."""
        return backend.xp.tanh(x)


@dataclass(frozen=True)
class Sigmoid(_Plain):
    """The logistic function, 1 / (1 + exp(-x))."""

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Squash to (0, 1); by the tangent, which overflows nowhere."""
        return 0.5 * (backend.xp.tanh(0.5 * x) + 1)


@dataclass(frozen=True)
class Softmax(_Plain):
    """exp(x) over its sum, taken over all channels and pixels of a sample."""

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Shift by the largest first, so that nothing overflows or is next to nothing."""
        xp, axes = backend.xp, tuple(range(1, len(x.shape)))
        shifted = x - xp.max(x, axis=axes, keepdims=True)
        exponentials = xp.exp(without_negligible(xp, shifted))
        return exponentials / xp.sum(exponentials, axis=axes, keepdims=True)


@dataclass(frozen=True)
class Scale(_Plain):
    """Coordinates in pixels, (x, y), to [-1, 1], as the coordinate channels have them."""

    height: int
    width: int

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Take 0 to -1 and the last pixel to 1."""
        return x * backend.asarray(self.factor(), like=x) - 1

    def factor(self) -> NDArray[np.float64]:
        """Return what x and y are multiplied by, (2,)."""
        return np.asarray(2 / np.maximum(np.array([self.width - 1, self.height - 1]), 1))


@dataclass(frozen=True)
class Tile(_Plain):
    """A vector to constant maps, one for each of its numbers."""

    height: int
    width: int

    def shape(self, inputs: Shape) -> Shape:
        """Return (features, height, width)."""
        if len(inputs) != 1:
            raise ValueError(f"Tile takes vectors, got {inputs}")
        return (*inputs, self.height, self.width)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Repeat."""
        xp, shape = backend.xp, (*x.shape, self.height, self.width)
        return xp.broadcast_to(xp.reshape(x, (*x.shape, 1, 1)), shape)


@dataclass(frozen=True)
class Crop(_Plain):
    """The top left part of each map."""

    height: int
    width: int

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height, width)."""
        if inputs[1] < self.height or inputs[2] < self.width:
            raise ValueError(f"a map of {inputs} is smaller than {self.height}x{self.width}")
        return (inputs[0], self.height, self.width)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Cut."""
        return x[:, :, : self.height, : self.width]


@dataclass(frozen=True)
class MaxPool(_Plain):
    """The largest value of each kernel x kernel block; what does not fill a block is dropped."""

    kernel: int

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height / kernel, width / kernel), rounded down."""
        channels, height, width = inputs
        if min(height, width) < self.kernel:
            raise ValueError(
                f"a {height}x{width} map is smaller than the {self.kernel}x{self.kernel} max pool"
            )
        return (channels, height // self.kernel, width // self.kernel)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Pool."""
        return backend.max_pool(x, self.kernel)


@dataclass(frozen=True)
class MeanPool(_Plain):
    """The mean of each kernel x kernel block; what does not fill a block is dropped."""

    kernel: int

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height / kernel, width / kernel), rounded down."""
        channels, height, width = inputs
        if min(height, width) < self.kernel:
            raise ValueError(
                f"a {height}x{width} map is smaller than the {self.kernel}x{self.kernel} mean pool"
            )
        return (channels, height // self.kernel, width // self.kernel)

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one addition an element."""
        return int(np.prod(inputs))

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Average."""
        n, channels, height, width = x.shape
        kernel, rows, columns = self.kernel, height // self.kernel, width // self.kernel
        filled = x[:, :, : rows * kernel, : columns * kernel]
        blocks = backend.xp.reshape(filled, (n, channels, rows, kernel, columns, kernel))
        return backend.xp.mean(blocks, axis=(3, 5))


@dataclass(frozen=True)
class GlobalMaxPool(_Plain):
    """The largest value of each whole channel, as (channels, 1, 1)."""

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, 1, 1)."""
        return (inputs[0], 1, 1)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Take the maximum."""
        return backend.xp.max(x, axis=(2, 3), keepdims=True)


@dataclass(frozen=True)
class GlobalMeanPool(_Plain):
    """The mean of each whole channel, as (channels, 1, 1)."""

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, 1, 1)."""
        return (inputs[0], 1, 1)

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one addition an element."""
        return int(np.prod(inputs))

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Average."""
        return backend.xp.mean(x, axis=(2, 3), keepdims=True)


@dataclass(frozen=True)
class BatchNorm(_Plain):
    """Each channel to mean 0 and variance 1 over the batch, then scaled and shifted.

    In prediction by running statistics: new = momentum * old + (1 - momentum) * batch, the
    variance with Bessel's correction, as TensorFlow's fused kernel and PyTorch keep it.
    Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return scale and shift, and the running mean and variance."""
        channels = (inputs[0],)
        return {
            "scale": Parameter(channels, "ones"),
            "shift": Parameter(channels, "zeros"),
            "mean": Parameter(channels, "zeros", trained=False),
            "variance": Parameter(channels, "ones", trained=False),
        }

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one for each element."""
        return int(np.prod(inputs))

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Normalise."""
        if updates is None:
            scale, shift = self.affine(backend, own)
            return x * scale + shift
        result, mean, variance = backend.batch_norm(x, own["scale"], own["shift"], self.epsilon)
        n, _, height, width = x.shape
        updates.update(self.running(own, mean, variance, n * backend.shards * height * width))
        return result

    def affine(self, backend: Backend, own: dict[str, Array]) -> tuple[Array, Array]:
        """Return the scale and the shift of prediction, (1, c, 1, 1) each."""
        xp = backend.xp
        scale = own["scale"] / xp.sqrt(own["variance"] + self.epsilon)
        shift = xp.reshape(own["shift"] - own["mean"] * scale, (1, -1, 1, 1))
        return xp.reshape(scale, (1, -1, 1, 1)), shift

    def running(
        self, own: dict[str, Array], mean: Array, variance: Array, count: int
    ) -> dict[str, Array]:
        """Return the running statistics after a batch of `count` numbers a channel.

        `mean` and `variance`, (c,), are the batch's; the variance is the biased one.
        """
        batch = {"mean": mean, "variance": variance * (count / max(count - 1, 1))}
        return {
            name: self.momentum * own[name] + (1 - self.momentum) * moment
            for name, moment in batch.items()
        }


@dataclass(frozen=True)
class Flatten(_Plain):
    """Maps to vectors, channel after channel."""

    def shape(self, inputs: Shape) -> Shape:
        """Return (features,)."""
        return (int(np.prod(inputs)),)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Reshape."""
        return backend.xp.reshape(x, (x.shape[0], -1))


@dataclass(frozen=True)
class Reshape(_Plain):
    """Vectors to maps, channel after channel; the inverse of `Flatten`."""

    channels: int
    height: int
    width: int

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height, width)."""
        outputs = (self.channels, self.height, self.width)
        if int(np.prod(inputs)) != int(np.prod(outputs)):
            raise ValueError(f"{inputs} has another number of elements than {outputs}")
        return outputs

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Reshape."""
        return backend.xp.reshape(x, (x.shape[0], self.channels, self.height, self.width))


@dataclass(frozen=True)
class Dense(_Plain):
    """Every output a weighted sum of every input; Glorot-uniform weights, as published."""

    features: int

    def shape(self, inputs: Shape) -> Shape:
        """Return (features,)."""
        if len(inputs) != 1:
            raise ValueError(f"Dense takes vectors, got {inputs}; put Flatten() before it")
        return (self.features,)

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return the weight, (inputs, features), and the bias."""
        shape = (inputs[0], self.features)
        return {
            "weight": Parameter(shape, "glorot_uniform", fans=shape),
            "bias": Parameter((self.features,), "zeros"),
        }

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one for each weight."""
        return inputs[0] * self.features

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Multiply."""
        return backend.xp.matmul(x, own["weight"]) + own["bias"]


@dataclass(frozen=True)
class Residual(_Plain):
    """A block of layers whose input is added to what they put out.

    Where the block changes the shape, the input is added through a 1x1 convolution of the same
    stride. He et al. 2016, arXiv:1512.03385.
    """

    layers: tuple[Layer, ...]

    def shape(self, inputs: Shape) -> Shape:
        """Return the shape of what the layers put out; ValueError if the input cannot be added."""
        outputs = self._shapes(inputs)[-1]
        if outputs != inputs and self._skip(inputs).shape(inputs) != outputs:
            raise ValueError(f"a block from {inputs} to {outputs} has no sum with its input")
        return outputs

    def _shapes(self, inputs: Shape) -> list[Shape]:
        shapes = [inputs]
        for layer in self.layers:
            shapes.append(layer.shape(shapes[-1]))
        return shapes

    def _skip(self, inputs: Shape) -> Conv:
        """Return the convolution of the input where the shape changes."""
        channels, height, _ = self._shapes(inputs)[-1]
        return Conv(channels, kernel=1, stride=-(-inputs[1] // height))

    def parts(self, inputs: Shape) -> list[tuple[str, Layer, Shape]]:
        """Return the name, the layer and the shape of its input, of each layer; "skip" at last."""
        shapes = self._shapes(inputs)
        inner = [
            (str(index), layer, shape)
            for index, (layer, shape) in enumerate(zip(self.layers, shapes, strict=False))
        ]
        return inner if shapes[-1] == inputs else [*inner, ("skip", self._skip(inputs), inputs)]

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return what the layers own, "0.weight" for the first one's weight."""
        return {
            f"{prefix}.{name}": parameter
            for prefix, layer, shape in self.parts(inputs)
            for name, parameter in layer.parameters(shape).items()
        }

    def multiply_adds(self, inputs: Shape) -> int:
        """Return those of the layers, and one for each sum."""
        inner = sum(layer.multiply_adds(shape) for _, layer, shape in self.parts(inputs))
        return inner + int(np.prod(self.shape(inputs)))

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Array, updates: dict[str, Array] | None
    ) -> Array:
        """Apply the layers one after the other, and add the input."""
        y, skipped = x, x
        for prefix, layer, shape in self.parts(tuple(x.shape[1:])):
            arrays = {name: own[f"{prefix}.{name}"] for name in layer.parameters(shape)}
            changes: dict[str, Array] | None = None if updates is None else {}
            if prefix == "skip":
                skipped = layer(backend, arrays, x, changes)
            else:
                y = layer(backend, arrays, y, changes)
            if updates is not None:
                updates.update({f"{prefix}.{name}": new for name, new in (changes or {}).items()})
        return y + skipped


def mixes_samples(layer: Layer) -> bool:
    """Whether, in training, a sample's output depends on the others in its batch."""
    if isinstance(layer, Residual):
        return any(map(mixes_samples, layer.layers))
    return isinstance(layer, BatchNorm)
