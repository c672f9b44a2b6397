"""A network: an ordered sequence of fixed operations. Run it, trace it, count it, print it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Protocol

import numpy as np

from handcrafted.exactness import dtype_name, require_exact
from handcrafted.operations import Array, Convolution, Operation, Shape, namespace

__all__ = ["Domain", "Network", "numbers", "require_batch", "with_number"]

_ELEMENTS = 1 << 18
"""Of the largest map of a microbatch, so that maps stay in the second-level cache."""


class Domain(Protocol):
    """The inputs that a network is made for."""

    @property
    def name(self) -> str:
        """What a batch of them is called in messages."""
        ...

    @property
    def shape(self) -> Shape:
        """The shape of one input."""
        ...

    @property
    def largest(self) -> int:
        """The largest integer that decides an output, which the dtype must hold exactly."""
        ...

    def check(self, x: Array, first: int) -> None:
        """Raise ValueError naming the item of the batch and what is wrong with its values, if any.

        `first` is the number of the first of these items in the whole batch.
        """
        ...


@dataclass(frozen=True)
class Network:
    """A weight-free network for inputs of one `domain`.

    Call it with a batch. It has no learned number and does not branch on what it is given.
    """

    name: str
    domain: Domain
    operations: tuple[Operation, ...]

    def __call__(self, x: Array) -> Array:
        """Check a batch, (n, *domain.shape), and map it; an empty batch gives an empty one.

        Booleans and integers are computed with in the library's default integer dtype, which no
        canvas that fits in memory overflows. Raises TypeError for what is not an array of numbers,
        and ValueError, naming the item of the batch, for numbers the network is not made for.
        """
        self.check(x)
        return self._run_in_microbatches(x)

    def check(self, x: Array) -> None:
        """Raise TypeError or ValueError as a call does, and compute nothing else."""
        require_batch(x, self.domain)
        for start, part in self._microbatches(x):
            self.domain.check(_as_numbers(part), start)

    def run(self, x: Array) -> Array:
        """Map a batch that is not checked; JAX and autograd can trace and differentiate this.

        NumPy computes a microbatch at a time, for its caches' sake; other libraries plan better.
        """
        return self._run_in_microbatches(x) if isinstance(x, np.ndarray) else self._apply(x)

    def _run_in_microbatches(self, x: Array) -> Array:
        parts = [self._apply(part) for _, part in self._microbatches(x)]
        return parts[0] if len(parts) == 1 else namespace(x).concat(parts, axis=0)

    def _microbatches(self, x: Array) -> Iterator[tuple[int, Array]]:
        """Return parts of a batch, each with the number of its first item; one if it is empty."""
        count, step = x.shape[0], self._microbatch
        for start in range(0, max(count, 1), step):
            yield start, x[start : min(start + step, count), ...]

    @cached_property
    def _microbatch(self) -> int:
        return max(1, _ELEMENTS // max(map(prod, self.shapes())))

    def _apply(self, x: Array) -> Array:
        x = _as_numbers(x)
        for operation in self.operations:
            x = operation(x)
        return x

    def trace(self, x: Array) -> dict[str, Array]:
        """Return the input and what every operation makes of it, by name and in order."""
        self.check(x)
        x = _as_numbers(x)
        maps = {"input": x}
        for label, operation in zip(self.labels(), self.operations, strict=True):
            maps[label] = x = operation(x)
        return maps

    def labels(self) -> tuple[str, ...]:
        """Return a name for each operation: its place and its kind, "2 relu"."""
        return tuple(
            f"{place} {type(operation).__name__.lower()}"
            for place, operation in enumerate(self.operations, start=1)
        )

    def shapes(self) -> tuple[Shape, ...]:
        """Return the shape of one input and of each operation's output."""
        shapes = [self.domain.shape]
        for operation in self.operations:
            shapes.append(operation.shape(shapes[-1]))
        return tuple(shapes)

    def constants(self) -> int:
        """Count weights in kernels, biases and numbers subtracted from; nothing is learned."""
        return sum(_constants(operation) for operation in self.operations)

    def multiply_adds(self) -> int:
        """Count multiply-adds for one sample.

        A multiplication with its addition, or an addition or subtraction alone, counts as one.
        """
        pairs = zip(self.operations, self.shapes(), strict=False)
        return sum(operation.multiply_adds(shape) for operation, shape in pairs)

    def describe(self) -> str:
        """Return a table of the operations, their shapes, constants and multiply-adds."""
        rows: list[tuple[str, ...]] = [("operation", "output", "constants", "multiply-adds")]
        rows.append(("input", _times(self.domain.shape), "", ""))
        for label, operation, before, after in zip(
            self.labels(), self.operations, self.shapes(), self.shapes()[1:], strict=False
        ):
            counts = (_constants(operation), operation.multiply_adds(before))
            rows.append((label, _times(after), *(f"{count:,}" for count in counts)))
        rows.append(("total", "", f"{self.constants():,}", f"{self.multiply_adds():,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}".rstrip()
            for a, b, c, d in rows
        ]
        return "\n".join([self.name, "", *lines])

    def numbers(self) -> tuple[int, ...]:
        """Return every fixed number of every operation, in order."""
        return numbers(self.operations)

    def with_number(self, index: int, number: int) -> Network:
        """Return the network with one fixed number replaced."""
        changed = with_number(self.operations, index, number)
        return replace(self, operations=changed)

    def __or__(self, other: Network) -> Network:
        """Chain: `(a | b)(x)` is `b(a(x))`. ValueError if the shapes do not fit."""
        if self.shapes()[-1] != other.domain.shape:
            raise ValueError(
                f"{self.name} puts out {_times(self.shapes()[-1])} and {other.name} takes "
                f"{_times(other.domain.shape)}; chain networks for the same canvas"
            )
        operations = (*self.operations, *other.operations)
        return Network(f"{self.name} | {other.name}", self.domain, operations)

    def __repr__(self) -> str:
        """Return the name, what goes in and out, and the operations."""
        steps = ", ".join(type(operation).__name__ for operation in self.operations)
        shapes = self.shapes()
        return f"<{self.name}: {_times(shapes[0])} -> {_times(shapes[-1])}; {steps}>"


def numbers(operations: tuple[Operation, ...]) -> tuple[int, ...]:
    """Return every fixed number of a sequence of operations, in order."""
    return tuple(number for operation in operations for number in operation.numbers())


def with_number(
    operations: tuple[Operation, ...], index: int, number: int
) -> tuple[Operation, ...]:
    """Return a sequence of operations with one of its fixed numbers replaced."""
    count = len(numbers(operations))
    if not 0 <= index < count:
        raise IndexError(f"there is no number {index}; give an index from 0 to {count - 1}")
    changed = []
    for operation in operations:
        own = list(operation.numbers())
        if 0 <= index < len(own):
            own[index] = number
            operation = operation.with_numbers(tuple(own))
        index -= len(own)
        changed.append(operation)
    return tuple(changed)


def _constants(operation: Operation) -> int:
    if isinstance(operation, Convolution):
        cells = sum(tap.rows * tap.columns for tap in operation.taps)
        return cells + sum(1 for bias in operation.bias if bias)
    return len(operation.numbers())


def require_batch(x: Array, domain: Domain) -> None:
    """Raise TypeError or ValueError for what is not a batch of the domain's shape in a dtype."""
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        raise TypeError(f"{domain.name} are a {type(x).__name__}; give an array")
    namespace(x)  # raises TypeError for arrays of other libraries
    if tuple(x.shape[1:]) != domain.shape:
        expected = ", ".join(["n", *map(str, domain.shape)])
        raise ValueError(f"{domain.name} have shape {tuple(x.shape)}; expected ({expected})")
    layout = str(getattr(x, "layout", "strided")).removeprefix("torch.")
    if layout != "strided":
        raise TypeError(f"{domain.name} have the layout {layout}; give `to_dense()` of them")
    dtype = dtype_name(x.dtype)
    if not dtype.startswith(("float", "bfloat", "int", "uint", "bool")):
        raise TypeError(
            f"{domain.name} have dtype {dtype}; expected a floating, integer or boolean one"
        )
    if _is_floating(x.dtype):
        require_exact(dtype, domain.largest)


def _as_numbers(x: Array) -> Array:
    """Return a batch in a dtype to compute in: booleans and integers in the default integer one."""
    xp = namespace(x)
    if not _is_floating(x.dtype):
        return xp.asarray(x, dtype=xp.asarray([0]).dtype)
    if isinstance(x, np.ndarray) and not x.dtype.isnative:
        return x.astype(x.dtype.newbyteorder("="))
    return x


def _is_floating(dtype: Any) -> bool:
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return dtype.kind == "f"
    return dtype_name(dtype).startswith(("float", "bfloat"))


def _times(shape: Shape) -> str:
    return "x".join(map(str, shape))
