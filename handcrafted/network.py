"""A network: an ordered sequence of fixed operations. Run it, trace it, count it, print it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple, Protocol

from handcrafted.exactness import dtype_name, require_exact
from handcrafted.operations import Array, Convolution, Operation, Shape, namespace

_ELEMENTS = 1 << 18
"""Of the largest map that is held at a time, so that maps stay in the second-level cache."""


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


class Cost(NamedTuple):
    """What a network is made of, and what one sample costs it."""

    constants: int
    """Weights in kernels, biases and numbers subtracted from; nothing is learned."""
    multiply_adds: int
    """A multiplication with its addition, or an addition or subtraction alone, counts as one."""


@dataclass(frozen=True)
class Network:
    """A weight-free network for inputs of one `domain`.

    Call it with a batch. It has no learned number and does not branch on what it is given.
    """

    name: str
    domain: Domain
    operations: tuple[Operation, ...]
    shortcut: Callable[[Array], Array | None] | None = None
    """What the operations come to, computed faster; None for a batch it leaves to them. They
    remain the definition, and `tests/proofs/` has the proof that both are equal."""

    def __call__(self, x: Array) -> Array:
        """Map a batch, (n, *domain.shape), a part at a time; an empty batch gives an empty one.

        Booleans and integers are computed with in the library's default integer dtype, which no
        canvas that fits in memory overflows. Raises TypeError for what is not an array of numbers,
        and ValueError, naming the item of the batch, for numbers the network is not made for.
        """
        shortcut = self.shortcut
        if shortcut is not None and (answer := shortcut(x)) is not None:
            return answer
        _require_batch(x, self.domain)
        step = max(1, _ELEMENTS // max(map(prod, self.shapes())))
        count = x.shape[0]
        parts = []
        for start in range(0, max(count, 1), step):
            part = x[start : min(start + step, count), ...]
            # One item that is wrong does not slow down the search through all others.
            answer = shortcut(part) if shortcut is not None and count > step else None
            parts.append(self.run(_checked(part, self.domain, start)) if answer is None else answer)
        return parts[0] if len(parts) == 1 else namespace(x).concat(parts, axis=0)

    def run(self, x: Array) -> Array:
        """Apply the operations to a batch that is not checked."""
        for operation in self.operations:
            x = operation(x)
        return x

    def trace(self, x: Array) -> dict[str, Array]:
        """Return the input and what every operation makes of it, by name and in order."""
        _require_batch(x, self.domain)
        x = _checked(x, self.domain, 0)
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

    def cost(self) -> Cost:
        """Count the constants, and the multiply-adds for one sample."""
        constants = sum(_constants(operation) for operation in self.operations)
        pairs = zip(self.operations, self.shapes(), strict=False)
        return Cost(constants, sum(op.multiply_adds(shape) for op, shape in pairs))

    def describe(self) -> str:
        """Return a table of the operations, their shapes, constants and multiply-adds."""
        rows: list[tuple[str, ...]] = [("operation", "output", "constants", "multiply-adds")]
        rows.append(("input", _times(self.domain.shape), "", ""))
        for label, operation, before, after in zip(
            self.labels(), self.operations, self.shapes(), self.shapes()[1:], strict=False
        ):
            counts = (_constants(operation), operation.multiply_adds(before))
            rows.append((label, _times(after), *(f"{count:,}" for count in counts)))
        rows.append(("total", "", *(f"{count:,}" for count in self.cost())))
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
        return replace(self, operations=changed, shortcut=None)

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


def _require_batch(x: Array, domain: Domain) -> None:
    """Raise TypeError or ValueError for what is not a batch of the domain's shape in a dtype."""
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        raise TypeError(f"{domain.name} are a {type(x).__name__}; give an array")
    if tuple(x.shape[1:]) != domain.shape:
        expected = ", ".join(["n", *map(str, domain.shape)])
        raise ValueError(f"{domain.name} have shape {tuple(x.shape)}; expected ({expected})")
    dtype = dtype_name(x.dtype)
    if not dtype.startswith(("float", "bfloat", "int", "uint", "bool")):
        raise TypeError(
            f"{domain.name} have dtype {dtype}; expected a floating, integer or boolean one"
        )
    if dtype.startswith(("float", "bfloat")):
        require_exact(dtype, domain.largest)


def _checked(x: Array, domain: Domain, first: int) -> Array:
    """Return part of a batch as numbers to compute with, its values checked."""
    if not dtype_name(x.dtype).startswith(("float", "bfloat")):
        xp = namespace(x)
        x = xp.asarray(x, dtype=xp.asarray([0]).dtype)
    domain.check(x, first)
    return x


def _times(shape: Shape) -> str:
    return "x".join(map(str, shape))
