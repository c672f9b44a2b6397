"""The fixed operations that weight-free networks are made of.

Each is plain data, so that it can be run, printed, counted, exported, perturbed, and evaluated
symbolically by the proofs. Maps are (batch, channel, height, width), vectors (batch, channel), of
any library that follows the Python array API standard; the output lives where the input lives.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np

__all__ = [
    "Array",
    "Convolution",
    "Coordinates",
    "Linear",
    "Operation",
    "Relu",
    "Shape",
    "Subtraction",
    "Sum",
    "Tap",
    "Tile",
    "namespace",
]

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
    """Return the library that an array belongs to, as the array API standard names it.

    Raises TypeError, saying what to do, for arrays that the operations would get wrong.
    """
    kind: Any = type(x)
    library = _library(kind)
    return x.__array_namespace__() if library is None else library


@cache
def _library(kind: type) -> Any:
    """Return a library that does not say its name as the standard asks; None for all others."""
    packages = {base.__module__.partition(".")[0] for base in kind.__mro__}
    if "torch" in packages:
        return sys.modules["torch"]
    if "autograd" in packages:
        return sys.modules["autograd.numpy"]
    name = f"{kind.__module__}.{kind.__qualname__}"
    if issubclass(kind, np.ma.MaskedArray):
        raise TypeError(f"a {name} would lose its mask; give its `filled(0)` or its `data`")
    if issubclass(kind, np.ndarray) and kind not in (np.ndarray, np.memmap):
        raise TypeError(f"a {name} may compute in its own way; give `numpy.asarray` of it")
    if "sparse" in packages or not hasattr(kind, "__array_namespace__"):
        raise TypeError(
            f"a {name} is no dense array of NumPy, PyTorch, JAX or another library of the Python "
            "array API standard; convert it to one"
        )
    return None


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
        if self._products:
            return self._pointwise(x)
        # Every rectangle wider than a pixel reads its channel's prefix sums; they are made once.
        prefixes = {t.input: _prefix(_channel(x, t.input), 3) for t in self.taps if t.columns != 1}
        outputs = []
        for output, bias in enumerate(self.bias):
            taps = [tap for tap in self.taps if tap.output == output]
            terms = [(_window(x, prefixes.get(tap.input), tap), tap.value) for tap in taps]
            outputs.append(_weighted_sum(terms, bias, _channel(x, 0)))
        return _concat(namespace(x), outputs, 1)

    def _pointwise(self, x: Array) -> Array:
        """Compute all outputs at once, which reads and writes less."""
        (inputs, values), *others = self._products
        # The product is a new array, so it can be added to in place.
        total = x[:, inputs, ...] * _column(values, x)
        for inputs, values in others:
            if set(values) == {-1}:
                total -= x[:, inputs, ...]
            else:
                total += x[:, inputs, ...] * _column(values, x)
        return total + _column(self.bias, x) if any(self.bias) else total

    @cached_property
    def _products(self) -> tuple[tuple[slice, tuple[int, ...]], ...]:
        """Return what the first taps of all outputs read and their values, then the second taps...

        Empty unless every tap is its own pixel alone, every output has as many, and those of one
        turn read the same channel or neighbouring ones in order.
        """
        outputs = range(len(self.bias))
        taps = [[tap for tap in self.taps if tap.output == output] for output in outputs]
        if len({len(each) for each in taps}) != 1:
            return ()
        products = []
        for turn in zip(*taps, strict=True):
            inputs = [tap.input for tap in turn]
            first = inputs[0]
            pixels = all(tap == Tap(tap.output, tap.input, tap.value) for tap in turn)
            if not pixels or inputs not in ([first for _ in outputs], [first + k for k in outputs]):
                return ()
            products.append((slice(first, inputs[-1] + 1), tuple(tap.value for tap in turn)))
        return tuple(products)

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


def _channel(x: Array, channel: int) -> Array:
    """Return one channel, (n, 1, ...): a view, where the library has views."""
    return x[:, channel : channel + 1, ...]


def _concat(xp: Any, arrays: list[Array], axis: int) -> Array:
    """Join arrays along an axis; one alone is returned as it is."""
    if len(arrays) == 1:
        return arrays[0]
    # autograd differentiates the standard's function under NumPy's old name alone.
    concat = getattr(xp, "concatenate", None) or xp.concat
    return concat(arrays, axis=axis)


def _window(x: Array, prefix: Array, tap: Tap) -> Array:
    """Sum the tap's input channel over its rectangle around each pixel, (n, 1, h, w)."""
    if tap.columns == 1:
        x = _moved(_channel(x, tap.input), 3, tap.left)
    else:
        x = _run(prefix, 3, tap.columns, tap.left)
    return _moved(x, 2, tap.top) if tap.rows == 1 else _run(_prefix(x, 2), 2, tap.rows, tap.top)


def _column(numbers: tuple[int, ...], like: Array) -> Array:
    """Return one number for each channel, (channels, 1, 1)."""
    column = namespace(like).asarray(numbers, dtype=like.dtype, device=_device(like))
    return column[:, None, None]


def _device(x: Array) -> Any:
    """Return the device of an array, None (the library's default) while it is being traced."""
    return getattr(x, "device", None)


def _weighted_sum(terms: list[tuple[Array, int]], bias: int, like: Array) -> Array:
    """Return a new array, the sum of terms times weights and the bias, in the shape of `like`."""
    total = namespace(like).zeros_like(like) if not terms else terms[0][0] * terms[0][1]
    for term, weight in terms[1:]:
        if weight == -1:
            total -= term
        else:
            total += term if weight == 1 else term * weight
    return total + bias if bias else total


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
    return _concat(xp, parts if offset > 0 else parts[::-1], axis)


def _prefix(x: Array, axis: int) -> Array:
    """Return prefix sums along an axis; all sums here are integers, so none is rounded."""
    xp = namespace(x)
    # PyTorch has the standard's function, and autograd its gradient, under NumPy's old name alone.
    cumulative_sum = getattr(xp, "cumsum", None) or xp.cumulative_sum
    sums = cumulative_sum(x, axis=axis)
    return sums if sums.dtype == x.dtype else xp.asarray(sums, dtype=x.dtype)


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
    return _concat(xp, parts, axis)


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
        maps = [xp.broadcast_to(columns, shape), xp.broadcast_to(rows, shape)]
        return _concat(xp, [x, *maps], 1)

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
    ramp = namespace(like).arange(size, dtype=like.dtype, device=_device(like))
    return ramp if (first, step) == (0, 1) else first + step * ramp


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
            terms = [(_channel(x, k), weight) for k, weight in enumerate(row) if weight]
            outputs.append(_weighted_sum(terms, bias, _channel(x, 0)))
        return _concat(namespace(x), outputs, 1)

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
        channels = [number - _channel(x, k) for k, number in enumerate(self.minuends)]
        return _concat(namespace(x), channels, 1)

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
