"""The fixed operations that weight-free networks are made of.

Each is plain data, so that it can be run, printed, counted, exported, perturbed, and evaluated
symbolically by the proofs. Maps are (batch, channel, height, width), vectors (batch, channel), of
any library that follows the Python array API standard; the output lives where the input lives.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeAlias

Array: TypeAlias = Any
"""An array of NumPy, PyTorch, JAX or another library of the array API standard."""

Shape: TypeAlias = tuple[int, ...]
"""Of one sample: (channels, height, width) or (channels,)."""


class Operation(Protocol):
    """One step of a network."""

    def __call__(self, x: Array) -> Array:
        """Map a batch."""
        ...

    def shape(self, inputs: Shape) -> Shape:
        """Return the shape of one output."""
        ...

    def numbers(self) -> tuple[int, ...]:
        """Return the fixed numbers, in order; nothing else decides what the operation does."""
        ...

    def with_numbers(self, numbers: tuple[int, ...]) -> Operation:
        """Return the same operation with other numbers."""
        ...

    def multiply_adds(self, inputs: Shape) -> int:
        """Return multiply-adds for one sample."""
        ...


def namespace(x: Array) -> Any:
    """Return the library that an array belongs to, as the array API standard names it."""
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    return sys.modules[type(x).__module__.partition(".")[0]]  # PyTorch: the module `torch`


@dataclass(frozen=True)
class Tap:
    """A rectangle of equal weights in the kernel from one input channel to one output channel.

    Output pixel (row, column) gets `value` times the sum of the input over rows `row + top`, ...,
    `+ rows - 1` and columns `column + left`, ..., `+ columns - 1`; beyond the canvas lie zeros.
    """

    output: int
    input: int
    value: int
    rows: int = 1
    columns: int = 1
    top: int = 0
    left: int = 0


@dataclass(frozen=True)
class Convolution:
    """A cross-correlation of stride 1 with zero padding, `outputs` channels, and a bias for each.

    Its kernels are sums of rectangles (`Tap`), which is all that the networks here need and lets
    a kernel as wide as the canvas be written down.
    """

    taps: tuple[Tap, ...]
    bias: tuple[int, ...]

    def __call__(self, x: Array) -> Array:
        """Map (n, c, h, w) to (n, outputs, h, w)."""
        # Every rectangle wider than a pixel reads its channel's prefix sums; they are made once.
        prefixes = {t.input: _prefix(x[:, t.input, ...], 2) for t in self.taps if t.columns != 1}
        channels = []
        for output, bias in enumerate(self.bias):
            total = 0
            for tap in self.taps:
                if tap.output == output:
                    total = total + _weighted(x[:, tap.input, ...], prefixes.get(tap.input), tap)
            channels.append(total + bias if bias else total)
        return namespace(x).stack(channels, axis=1)

    def shape(self, inputs: Shape) -> Shape:
        """Return the input's shape with `outputs` channels."""
        return (len(self.bias), *inputs[1:])

    def numbers(self) -> tuple[int, ...]:
        """Return each tap's value, extents and place, then the biases."""
        return (*(n for tap in self.taps for n in _tap_numbers(tap)), *self.bias)

    def with_numbers(self, numbers: tuple[int, ...]) -> Convolution:
        """Return the same channels connected by other kernels."""
        size = len(_TAP_NUMBERS)
        taps = tuple(
            replace(tap, **dict(zip(_TAP_NUMBERS, numbers[i * size :], strict=False)))
            for i, tap in enumerate(self.taps)
        )
        return Convolution(taps, numbers[len(taps) * size :])

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one for each cell of each rectangle at each pixel."""
        return sum(tap.rows * tap.columns for tap in self.taps) * _pixels(inputs)


_TAP_NUMBERS = tuple(f.name for f in fields(Tap) if f.name not in ("output", "input"))


def _tap_numbers(tap: Tap) -> tuple[int, ...]:
    return tuple(getattr(tap, name) for name in _TAP_NUMBERS)


def _weighted(x: Array, prefix: Array, tap: Tap) -> Array:
    """Sum (n, h, w) over the tap's rectangle around each pixel, times its value."""
    x = _moved(x, 2, tap.left) if tap.columns == 1 else _run(prefix, 2, tap.columns, tap.left)
    x = _moved(x, 1, tap.top) if tap.rows == 1 else _run(_prefix(x, 1), 1, tap.rows, tap.top)
    return x if tap.value == 1 else x * tap.value


def _moved(x: Array, axis: int, offset: int) -> Array:
    """Read `offset` pixels further on along an axis, 0 beyond the canvas."""
    if offset == 0:
        return x
    xp = namespace(x)
    shift = min(abs(offset), x.shape[axis])
    gone, kept = (slice(None, shift), slice(shift, None))
    if offset < 0:
        gone, kept = (slice(x.shape[axis] - shift, None), slice(None, x.shape[axis] - shift))
    before = (slice(None),) * axis
    parts = [x[(*before, kept, ...)], xp.zeros_like(x[(*before, gone, ...)])]
    return xp.concat(parts if offset > 0 else parts[::-1], axis=axis)


def _prefix(x: Array, axis: int) -> Array:
    """Return prefix sums along an axis; all sums here are integers, so none is rounded."""
    xp = namespace(x)
    # PyTorch and older NumPy have the standard's function under NumPy's old name.
    cumulative_sum = getattr(xp, "cumulative_sum", None) or xp.cumsum
    return cumulative_sum(x, axis=axis, dtype=x.dtype)


def _run(prefix: Array, axis: int, extent: int, start: int) -> Array:
    """Sum `extent` neighbours, the first of them `start` away, as a difference of prefix sums."""
    upper = _shifted(prefix, axis, start + extent - 1)
    # A window that reaches beyond the near edge everywhere has nothing to take off.
    return upper if start <= 1 - prefix.shape[axis] else upper - _shifted(prefix, axis, start - 1)


def _shifted(prefix: Array, axis: int, offset: int) -> Array:
    """Read prefix sums `offset` further on: 0 before the canvas, the total beyond it."""
    if offset <= 0:
        return _moved(prefix, axis, offset)
    xp = namespace(prefix)
    size = prefix.shape[axis]
    beyond = min(offset, size)
    before = (slice(None),) * axis
    total = prefix[(*before, slice(size - 1, size), ...)]
    shape = (*prefix.shape[:axis], beyond, *prefix.shape[axis + 1 :])
    parts = [prefix[(*before, slice(beyond, None), ...)], xp.broadcast_to(total, shape)]
    return xp.concat(parts, axis=axis)


@dataclass(frozen=True)
class Relu:
    """The nonlinearity: max(x, 0)."""

    def __call__(self, x: Array) -> Array:
        """Map any array."""
        return namespace(x).clip(x, 0, None)

    def shape(self, inputs: Shape) -> Shape:
        """Return the input's shape."""
        return inputs

    def numbers(self) -> tuple[int, ...]:
        """Return none."""
        return ()

    def with_numbers(self, numbers: tuple[int, ...]) -> Relu:
        """Return itself."""
        return self

    def multiply_adds(self, inputs: Shape) -> int:
        """Return 0: comparisons are not counted."""
        return 0


@dataclass(frozen=True)
class Coordinates:
    """Appends two channels that hold each pixel's own column and row.

    They are first + step * column and first + step * row, with 0 and 1 for zero-based pixels.
    """

    first_column: int = 0
    column_step: int = 1
    first_row: int = 0
    row_step: int = 1

    def __call__(self, x: Array) -> Array:
        """Map (n, c, h, w) to (n, c + 2, h, w)."""
        xp = namespace(x)
        n, _, height, width = x.shape
        columns = _ramp(x, width, self.first_column, self.column_step)[None, None, None, :]
        rows = _ramp(x, height, self.first_row, self.row_step)[None, None, :, None]
        shape = (n, 1, height, width)
        return xp.concat([x, xp.broadcast_to(columns, shape), xp.broadcast_to(rows, shape)], axis=1)

    def shape(self, inputs: Shape) -> Shape:
        """Return two channels more."""
        return (inputs[0] + 2, *inputs[1:])

    def numbers(self) -> tuple[int, ...]:
        """Return first and step of the columns, then of the rows."""
        return (self.first_column, self.column_step, self.first_row, self.row_step)

    def with_numbers(self, numbers: tuple[int, ...]) -> Coordinates:
        """Return channels that count differently."""
        return Coordinates(*numbers)

    def multiply_adds(self, inputs: Shape) -> int:
        """Return 0: the channels do not depend on the input."""
        return 0


def _ramp(like: Array, size: int, first: int, step: int) -> Array:
    """Return first, first + step, ... in the dtype and on the device of `like`."""
    return first + step * namespace(like).arange(size, dtype=like.dtype, device=like.device)


@dataclass(frozen=True)
class Tile:
    """Spreads a vector over a canvas: each of its numbers becomes a constant map."""

    height: int
    width: int

    def __call__(self, x: Array) -> Array:
        """Map (n, c) to (n, c, height, width)."""
        shape = (*x.shape, self.height, self.width)
        return namespace(x).broadcast_to(x[:, :, None, None], shape)

    def shape(self, inputs: Shape) -> Shape:
        """Return the canvas with as many channels."""
        return (*inputs, self.height, self.width)

    def numbers(self) -> tuple[int, ...]:
        """Return none: the canvas is the problem's size, not a weight."""
        return ()

    def with_numbers(self, numbers: tuple[int, ...]) -> Tile:
        """Return itself."""
        return self

    def multiply_adds(self, inputs: Shape) -> int:
        """Return 0."""
        return 0


@dataclass(frozen=True)
class Sum:
    """Adds all pixels of each channel."""

    def __call__(self, x: Array) -> Array:
        """Map (n, c, h, w) to (n, c), in the same dtype."""
        return namespace(x).sum(x, axis=(2, 3), dtype=x.dtype)

    def shape(self, inputs: Shape) -> Shape:
        """Return the channels alone."""
        return inputs[:1]

    def numbers(self) -> tuple[int, ...]:
        """Return none."""
        return ()

    def with_numbers(self, numbers: tuple[int, ...]) -> Sum:
        """Return itself."""
        return self

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one addition for each pixel."""
        return inputs[0] * _pixels(inputs)


@dataclass(frozen=True)
class Linear:
    """A vector times a fixed matrix, plus a bias: what a convolution is on a single pixel."""

    weights: tuple[tuple[int, ...], ...]
    """One row for each output, one column for each input."""
    bias: tuple[int, ...]

    def __call__(self, x: Array) -> Array:
        """Map (n, c) to (n, outputs)."""
        outputs = []
        for row, bias in zip(self.weights, self.bias, strict=True):
            terms = (x[:, k] * weight for k, weight in enumerate(row) if weight)
            outputs.append(sum(terms, start=0 * x[:, 0] + bias))
        return namespace(x).stack(outputs, axis=1)

    def shape(self, inputs: Shape) -> Shape:
        """Return the number of outputs."""
        return (len(self.bias),)

    def numbers(self) -> tuple[int, ...]:
        """Return the matrix, row after row, then the biases."""
        return (*(weight for row in self.weights for weight in row), *self.bias)

    def with_numbers(self, numbers: tuple[int, ...]) -> Linear:
        """Return another matrix and bias of the same shape."""
        outputs, inputs = len(self.weights), len(self.weights[0])
        rows = (numbers[k * inputs : (k + 1) * inputs] for k in range(outputs))
        return Linear(tuple(rows), numbers[outputs * inputs :])

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one for each weight."""
        return len(self.bias) * inputs[0]


@dataclass(frozen=True)
class Subtraction:
    """Subtracts each channel from a fixed number: `minuends[c] - x[:, c]`."""

    minuends: tuple[int, ...]

    def __call__(self, x: Array) -> Array:
        """Map (n, c, ...) to the same shape."""
        channels = [number - x[:, channel, ...] for channel, number in enumerate(self.minuends)]
        return namespace(x).stack(channels, axis=1)

    def shape(self, inputs: Shape) -> Shape:
        """Return the input's shape."""
        return inputs

    def numbers(self) -> tuple[int, ...]:
        """Return the minuends."""
        return self.minuends

    def with_numbers(self, numbers: tuple[int, ...]) -> Subtraction:
        """Return a subtraction from other numbers."""
        return Subtraction(numbers)

    def multiply_adds(self, inputs: Shape) -> int:
        """Return one subtraction for each element."""
        return inputs[0] * _pixels(inputs)


def _pixels(shape: Shape) -> int:
    _, *sides = shape
    return sides[0] * sides[1] if sides else 1
