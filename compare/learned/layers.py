"""The layers, each a frozen description that knows its shape, its parameters and its rule.

A rule is written once over the backend contract. It takes either full maps (n, c, h, w) or a
`Patched` batch; for the latter it maps the shared background as a batch of one and says what
becomes of the differences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend, Padding, same_padding, without_negligible
from compare.learned.sparse.patches import Patched, Sliding, reach

Shape: TypeAlias = tuple[int, ...]
"""Of one picture, (channels, height, width), or of one vector, (features,)."""

Maps: TypeAlias = Patched | Array


@dataclass(frozen=True)
class Parameter:
    """An array that a layer owns and how it begins."""

    shape: Shape
    initial: Literal["he_normal", "glorot_uniform", "zeros", "ones"]
    fans: tuple[int, int] = (1, 1)
    """Inputs that one output sums over, and outputs that one input reaches."""
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

    def sliding(self, inputs: Shape) -> Sliding | None:
        """Return the kernel that slides over the canvas; None unless it treats all places alike."""
        ...

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Map a batch. `updates` receives new running statistics; it is None in prediction.

        Differences it takes are cropped, or it is a `Relu`, which crops; those it returns may be
        loose (`Architecture.apply` sees to that).
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

    def sliding(self, inputs: Shape) -> Sliding | None:
        return None


@dataclass(frozen=True)
class Conv:
    """A convolution with bias, padded so that only the stride shrinks the picture."""

    channels: int
    kernel: int
    stride: int = 1

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height / stride, width / stride), rounded up."""
        _, height, width = inputs
        return (self.channels, -(-height // self.stride), -(-width // self.stride))

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return the kernels, He-normal, and the biases, zero."""
        return self._parameters(inputs[0])

    def _parameters(self, channels: int) -> dict[str, Parameter]:
        area = self.kernel * self.kernel
        return {
            "weight": Parameter(
                (self.channels, channels, self.kernel, self.kernel),
                "he_normal",
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

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Convolve; the difference of two pictures convolves like a picture, without the bias."""
        kernel, stride = self.kernel, self.stride
        rows, columns = _paddings(x.shape[2:], kernel, stride)

        def dense(maps: Array) -> Array:
            return backend.conv(maps, own["weight"], own["bias"], stride, (rows, columns))

        if not isinstance(x, Patched):
            return dense(x)
        seen = reach(x, backend, kernel, stride, (rows[0], columns[0]))
        around = (seen.margin, seen.margin)
        delta = backend.conv(seen.delta, own["weight"], None, stride, (around, around))
        return x.moved(seen, dense(x.background), delta)

    def sliding(self, inputs: Shape) -> Sliding | None:
        """Say how it slides."""
        rows, columns = _paddings(inputs[1:], self.kernel, self.stride)
        return Sliding(self.kernel, self.stride, (rows[0], columns[0]), linear=True)


def _paddings(sizes: Shape, kernel: int, stride: int) -> Padding:
    """The zeros around (height, width)."""
    height, width = sizes
    return same_padding(height, kernel, stride), same_padding(width, kernel, stride)


@dataclass(frozen=True)
class CoordConv(Conv):
    """A convolution that sees each pixel's coordinates beside the picture.

    The channels x and y rise from -1 to 1 over the canvas; `radius` adds sqrt(x^2 + y^2).
    Liu et al. 2018, arXiv:1807.03247, section 3.
    """

    radius: bool = False

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return the kernels, with the coordinate channels last, and the biases."""
        return self._parameters(inputs[0] + 2 + self.radius)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Append the coordinate channels, which no picture changes, and convolve."""
        xp = backend.xp
        maps = x.background if isinstance(x, Patched) else x
        n, _, height, width = maps.shape
        channels = backend.asarray(coordinates(height, width, self.radius), like=maps)
        tiled = xp.broadcast_to(channels, (n, *channels.shape[1:]))
        maps = xp.concatenate([maps, tiled], axis=1)
        if not isinstance(x, Patched):
            return super().__call__(backend, own, maps, updates)
        unchanged = xp.zeros_like(x.delta[:, :1])
        delta = xp.concatenate([x.delta] + [unchanged] * channels.shape[1], axis=1)
        return super().__call__(backend, own, replace(x, background=maps, delta=delta), updates)

    def sliding(self, inputs: Shape) -> Sliding | None:
        """None: its background is another at every place."""
        return None


@lru_cache(maxsize=16)
def coordinates(height: int, width: int, radius: bool = False) -> NDArray[np.float64]:
    """Return the coordinate channels x, y and perhaps the radius, (1, 2 or 3, height, width).

    The array cannot be written to: the next caller gets the same one.
    """
    x = np.linspace(-1, 1, width)[None, :].repeat(height, axis=0)
    y = np.linspace(-1, 1, height)[:, None].repeat(width, axis=1)
    channels = np.stack([x, y, np.hypot(x, y)] if radius else [x, y])[None]
    channels.flags.writeable = False
    return channels


@dataclass(frozen=True)
class ConvTranspose:
    """A transposed convolution with bias that multiplies the picture's sides by its stride."""

    channels: int
    kernel: int
    stride: int = 2

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, height * stride, width * stride)."""
        _, height, width = inputs
        return (self.channels, height * self.stride, width * self.stride)

    def parameters(self, inputs: Shape) -> dict[str, Parameter]:
        """Return the kernels, He-normal, and the biases, zero.

        The fan-in counts this layer's own channels: TensorFlow reads it from the same place in
        the kernel's shape as for a convolution, where a transposed one has its outputs.
        """
        area = self.kernel * self.kernel
        return {
            "weight": Parameter(
                (inputs[0], self.channels, self.kernel, self.kernel),
                "he_normal",
                fans=(self.channels * area, inputs[0] * area),
                decayed=True,
            ),
            "bias": Parameter((self.channels,), "zeros"),
        }

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one for each weight at each input pixel."""
        return int(np.prod(inputs)) * self.channels * self.kernel * self.kernel

    def sliding(self, inputs: Shape) -> Sliding | None:
        """None: it maps full maps."""
        return None

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Spread; TensorFlow's "same" padding is that of the convolution it transposes."""
        maps = _full(x, backend)
        _, height, width = self.shape(maps.shape[1:])
        padding = _paddings((height, width), self.kernel, self.stride)
        return backend.conv_transpose(
            maps, own["weight"], own["bias"], (height, width), self.stride, padding
        )


def _full(x: Maps, backend: Backend) -> Array:
    return x.dense(backend) if isinstance(x, Patched) else x


class _Pointwise(_Plain):
    """What nonlinearities share that treat every number alike."""

    def rule(self, backend: Backend, values: Array) -> Array:
        raise NotImplementedError

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        if not isinstance(x, Patched):
            return self.rule(backend, x)
        delta = self.change(backend, x)
        return replace(x, background=self.rule(backend, x.background), delta=delta, loose=False)

    def change(self, backend: Backend, x: Patched) -> Array:
        """What becomes of the differences, nothing beyond the canvas."""
        under = x.under(backend)
        return self.rule(backend, under + x.delta) - self.rule(backend, under)

    def sliding(self, inputs: Shape) -> Sliding | None:
        """Pixel by pixel."""
        return Sliding(1, 1, (0, 0), linear=False)


@dataclass(frozen=True)
class Relu(_Pointwise):
    """max(x, 0), with derivative 0 at 0 as TensorFlow and PyTorch have it."""

    def rule(self, backend: Backend, values: Array) -> Array:
        """Rectify."""
        return backend.relu(values)

    def change(self, backend: Backend, x: Patched) -> Array:
        """Leave it to the backend, which crops too."""
        return backend.patched_relu(x.background, x.delta, x.top, x.left)


@dataclass(frozen=True)
class LeakyRelu(_Pointwise):
    """x where it is positive and slope * x elsewhere."""

    slope: float = 0.2

    def rule(self, backend: Backend, values: Array) -> Array:
        """Rectify in part."""
        return backend.xp.where(values > 0, values, self.slope * values)


@dataclass(frozen=True)
class Tanh(_Pointwise):
    """The hyperbolic tangent."""

    def rule(self, backend: Backend, values: Array) -> Array:
        """Squash to (-1, 1)."""
        return backend.xp.tanh(values)


@dataclass(frozen=True)
class Sigmoid(_Pointwise):
    """The logistic function, 1 / (1 + exp(-x))."""

    def rule(self, backend: Backend, values: Array) -> Array:
        """Squash to (0, 1); by the tangent, which overflows nowhere."""
        return 0.5 * (backend.xp.tanh(0.5 * values) + 1)


@dataclass(frozen=True)
class Softmax(_Plain):
    """exp(x) over its sum, taken over all channels and pixels of a sample."""

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Shift by the largest first, so that nothing overflows or is next to nothing."""
        xp, maps = backend.xp, _full(x, backend)
        axes = tuple(range(1, len(maps.shape)))
        shifted = maps - xp.max(maps, axis=axes, keepdims=True)
        exponentials = xp.exp(without_negligible(xp, shifted))
        return exponentials / xp.sum(exponentials, axis=axes, keepdims=True)


@dataclass(frozen=True)
class Scale(_Plain):
    """Coordinates in pixels, (x, y), to [-1, 1], as the coordinate channels have them."""

    height: int
    width: int

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Take 0 to -1 and the last pixel to 1."""
        last = np.maximum(np.array([self.width - 1, self.height - 1]), 1)
        return x * backend.asarray(2 / last, like=x) - 1


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
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
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
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Cut."""
        return _full(x, backend)[:, :, : self.height, : self.width]


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
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Pool the background, and the values inside each window; keep their difference."""
        kernel = self.kernel
        if not isinstance(x, Patched):
            return backend.max_pool(x, kernel)
        seen = reach(x, backend, kernel, kernel)
        under = backend.window(x.background, seen.read_top, seen.read_left, *seen.delta.shape[2:])
        background = backend.max_pool(x.background, kernel)
        pooled = x.moved(seen, background, backend.max_pool(under + seen.delta, kernel))
        return replace(pooled, delta=pooled.delta - pooled.under(backend))

    def sliding(self, inputs: Shape) -> Sliding | None:
        """Block by block."""
        return Sliding(self.kernel, self.kernel, (0, 0), linear=False)


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
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Average the background, and the differences, which just add."""
        kernel = self.kernel

        def pool(maps: Array) -> Array:
            n, channels, height, width = maps.shape
            rows, columns = height // kernel, width // kernel
            filled = maps[:, :, : rows * kernel, : columns * kernel]
            blocks = backend.xp.reshape(filled, (n, channels, rows, kernel, columns, kernel))
            return backend.xp.mean(blocks, axis=(3, 5))

        if not isinstance(x, Patched):
            return pool(x)
        seen = reach(x, backend, kernel, kernel)
        return x.moved(seen, pool(x.background), pool(seen.delta))

    def sliding(self, inputs: Shape) -> Sliding | None:
        """Block by block."""
        return Sliding(self.kernel, self.kernel, (0, 0), linear=True)


@dataclass(frozen=True)
class GlobalMaxPool(_Plain):
    """The largest value of each whole channel, as (channels, 1, 1)."""

    def shape(self, inputs: Shape) -> Shape:
        """Return (channels, 1, 1)."""
        return (inputs[0], 1, 1)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Take the larger of the window's maximum and that of the background around it."""
        xp = backend.xp
        if not isinstance(x, Patched):
            return xp.max(x, axis=(2, 3), keepdims=True)
        n, channels, height, width = x.shape
        rows, columns = x.delta.shape[2:]
        item, channel = xp.arange(n)[:, None], xp.arange(channels)[None, :]

        # A window hides at most rows * columns pixels, so among that many and one of the
        # brightest of the background the brightest that is not hidden is found.
        background = xp.reshape(x.background, (channels, height * width))
        brightest = xp.argsort(-background, axis=1)[:, : rows * columns + 1]
        y, x_ = brightest // width, brightest % width
        top, left = x.top[:, None, None], x.left[:, None, None]
        hidden = (y >= top) & (y < top + rows) & (x_ >= left) & (x_ < left + columns)
        around = background[channel, brightest[channel, xp.argmin(1 * hidden, axis=2)]]

        values = xp.reshape(x.under(backend) + x.delta, (n, channels, rows * columns))
        on_canvas = xp.reshape(x.on_canvas(backend), (n, 1, rows * columns))
        # Nothing of a window is left where it lay in what a pool has dropped.
        values = xp.where(on_canvas > 0, values, -xp.inf)
        inside = values[item, channel, xp.argmax(values, axis=2)]
        return xp.reshape(xp.maximum(inside, around), (n, channels, 1, 1))


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
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Average; the mean is linear, so the differences just add."""
        xp = backend.xp
        if not isinstance(x, Patched):
            return xp.mean(x, axis=(2, 3), keepdims=True)
        _, _, height, width = x.shape
        shift = xp.sum(x.delta, axis=(2, 3), keepdims=True) / (height * width)
        return xp.mean(x.background, axis=(2, 3), keepdims=True) + shift


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
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Normalise; the differences are only scaled."""
        xp = backend.xp
        if updates is None:
            scale = own["scale"] / xp.sqrt(own["variance"] + self.epsilon)
            shift = xp.reshape(own["shift"] - own["mean"] * scale, (1, -1, 1, 1))
            scale = xp.reshape(scale, (1, -1, 1, 1))
            if not isinstance(x, Patched):
                return x * scale + shift
            return replace(x, background=x.background * scale + shift, delta=x.delta * scale)
        result: Maps
        if isinstance(x, Patched):
            background, delta, mean, variance = backend.patched_batch_norm(
                x.background,
                x.delta,
                x.under(backend),
                x.extent(backend),
                x.share(backend),
                own["scale"],
                own["shift"],
                self.epsilon,
            )
            result = replace(x, background=background, delta=delta)
        else:
            result, mean, variance = backend.batch_norm(x, own["scale"], own["shift"], self.epsilon)
        n, _, height, width = x.shape
        count = n * backend.parts * height * width
        unbiased = variance * (count / max(count - 1, 1))
        for name, batch in (("mean", mean), ("variance", unbiased)):
            updates[name] = self.momentum * own[name] + (1 - self.momentum) * batch
        return result

    def sliding(self, inputs: Shape) -> Sliding | None:
        """Pixel by pixel; the variance of a batch has to do with the background."""
        return Sliding(1, 1, (0, 0), linear=False)


@dataclass(frozen=True)
class Flatten(_Plain):
    """Maps to vectors, channel after channel."""

    def shape(self, inputs: Shape) -> Shape:
        """Return (features,)."""
        return (int(np.prod(inputs)),)

    def __call__(
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Write the maps out in full."""
        maps = _full(x, backend)
        return backend.xp.reshape(maps, (maps.shape[0], -1))


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
        self, backend: Backend, own: dict[str, Array], x: Maps, updates: dict[str, Array] | None
    ) -> Maps:
        """Multiply."""
        return backend.xp.matmul(x, own["weight"]) + own["bias"]
