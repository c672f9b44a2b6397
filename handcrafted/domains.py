"""The inputs that networks are made for, and how they are checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handcrafted.operations import Array, Shape, namespace

__all__ = [
    "OneHot",
    "Positions",
    "Squares",
    "any_true",
    "first_true",
    "radius",
    "require_canvas",
    "shown",
    "whole",
]


@dataclass(frozen=True)
class OneHot:
    """Bitmaps (n, 1, height, width), each with exactly one pixel 1 and every other 0."""

    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse a canvas without pixels."""
        require_canvas(self.height, self.width)

    name = "bitmaps"

    @property
    def shape(self) -> Shape:
        """The shape of one bitmap."""
        return (1, self.height, self.width)

    @property
    def largest(self) -> int:
        """No number on the way to an output is larger than the longer side."""
        return max(self.height, self.width)

    def check(self, x: Array, first: int) -> None:
        """See `handcrafted.network.Domain.check`."""
        xp = namespace(x)
        hot = xp.sum(xp.asarray(x != 0, dtype=xp.asarray([0]).dtype), axis=(1, 2, 3))
        # NaN is not 0 and not 1. Sums of the values might overflow.
        wrong = (hot != 1) | ~xp.any(x == 1, axis=(1, 2, 3))
        if any_true(wrong):
            item = first_true(wrong)
            complaint = _complaint(x[item, 0, ...], int(hot[item]))
            raise ValueError(f"bitmap {first + item} of the batch {complaint}")


def any_true(wrong: Array) -> bool:
    """Say whether any of an array's values is true; TypeError if it has no values to read."""
    try:
        return bool(namespace(wrong).any(wrong))
    except (TypeError, RuntimeError) as error:
        raise TypeError(
            "an array that is traced (by jax.jit, vmap or the like) has no values to check; "
            "call the network's `run`, which does not check"
        ) from error


def first_true(wrong: Array) -> int:
    """Return the place of the first true value in (n,) booleans."""
    xp = namespace(wrong)
    return int(xp.argmax(xp.asarray(wrong, dtype=xp.asarray([0]).dtype)))


def _complaint(bitmap: Array, hot: int) -> str:
    expected = "expected exactly one pixel 1 and every other 0"
    if hot == 0:
        return f"has no hot pixel; {expected}"
    lit = bitmap[bitmap != 0]
    values = [float(lit[k]) for k in range(min(hot, 2))]
    odd = next((value for value in values if value != 1), None)
    if odd is not None:
        return f"has a pixel of value {shown(odd)}; {expected}"
    return f"has {hot} pixels that are not 0; {expected}"


def shown(value: float) -> str:
    """Return a number with every digit that tells it from its neighbours, 2 for 2.0."""
    return repr(value).removesuffix(".0")


def require_canvas(height: int, width: int) -> tuple[int, int]:
    """Return the sides as Python's integers, which do not overflow.

    Raises ValueError, or TypeError, for a canvas that is not at least one pixel each way.
    """
    for name, side in (("height", height), ("width", width)):
        if isinstance(side, bool) or not isinstance(side, int | np.integer):
            raise TypeError(f"the {name} is {side!r}; give a whole number of pixels")
        if side < 1:
            raise ValueError(f"the {name} is {side}; give 1 pixel or more")
    return int(height), int(width)


@dataclass(frozen=True)
class Positions:
    """Coordinates (n, 2), (x, y), whole and on the canvas."""

    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse a canvas without pixels."""
        require_canvas(self.height, self.width)

    name = "coordinates"

    @property
    def shape(self) -> Shape:
        """The shape of one pair."""
        return (2,)

    @property
    def largest(self) -> int:
        """A coordinate is smaller than the longer side, and so are the channels'."""
        return max(self.height, self.width)

    def check(self, x: Array, first: int) -> None:
        """See `handcrafted.network.Domain.check`."""
        for axis, (name, size) in enumerate((("x", self.width), ("y", self.height))):
            wrong = ~whole(x[:, axis], 0, size - 1)
            if any_true(wrong):
                item = first_true(wrong)
                raise ValueError(
                    f"item {first + item} of the batch has {name} = {shown(float(x[item, axis]))}; "
                    f"expected a whole number from 0 to {size - 1}"
                )


def whole(values: Array, low: int, high: int) -> Array:
    """Say which values are whole numbers from `low` to `high`."""
    return (values >= low) & (values <= high) & (namespace(values).floor(values) == values)


def radius(size: int) -> int:
    """Return the pixels from a square's centre to its edge; ValueError for an even size."""
    if isinstance(size, bool) or not isinstance(size, int | np.integer):
        raise TypeError(f"the square's size is {size!r}; give a whole number of pixels")
    if size < 1 or size % 2 == 0:
        raise ValueError(
            f"the square's size is {size}; give an odd number, 1 or more: only such a square has "
            "a pixel at its centre"
        )
    return int(size) // 2


@dataclass(frozen=True)
class Squares:
    """Pictures (n, 1, height, width) of one square, 1 on it and 0 elsewhere, perhaps cut off."""

    height: int
    width: int
    size: int

    def __post_init__(self) -> None:
        """Refuse an even size and a canvas that is smaller than the square."""
        require_canvas(self.height, self.width)
        radius(self.size)
        if min(self.height, self.width) < self.size:
            raise ValueError(
                f"a canvas of {self.height}x{self.width} is smaller than the "
                f"{self.size}x{self.size} square: pictures of squares at different places would "
                f"be equal; give at least {self.size} pixels each way"
            )

    name = "pictures"

    @property
    def shape(self) -> Shape:
        """The shape of one picture."""
        return (1, self.height, self.width)

    @property
    def largest(self) -> int:
        """No number on the way to an output is larger than the longer side."""
        return max(self.height, self.width)

    def check(self, x: Array, first: int) -> None:
        """See `handcrafted.network.Domain.check`.

        A picture is a whole or cut-off square exactly if it is 0 and 1 and its pixels fill the
        product of a run of columns and a run of rows, each run `size` long or, at an edge, shorter
        but longer than half.
        """
        xp = namespace(x)
        picture = x[:, 0, ...]
        lit_rows, lit_columns = xp.any(picture != 0, axis=2), xp.any(picture != 0, axis=1)
        product = lit_rows[:, :, None] & lit_columns[:, None, :]
        right = xp.all(picture == xp.asarray(product, dtype=x.dtype), axis=(1, 2))
        for lit in (lit_rows, lit_columns):
            right = right & _is_run(lit, self.size)
        if any_true(~right):
            raise ValueError(
                f"picture {first + first_true(~right)} of the batch is not a "
                f"{self.size}x{self.size} square of ones on zeros, whole or cut off by the edge "
                "of the canvas with its centre on it"
            )


def _is_run(lit: Array, size: int) -> Array:
    """Say which rows of (n, length) booleans hold one run, of `size` or cut off at an end."""
    xp = namespace(lit)
    touches = lit[:, 0] | lit[:, -1]
    ones = xp.asarray(lit, dtype=xp.asarray([0]).dtype)
    length = xp.sum(ones, axis=1)
    starts = xp.sum(ones[:, 1:] * (1 - ones[:, :-1]), axis=1) + ones[:, 0]
    cut_off = touches & (length > size // 2) & (length < size)
    return (starts == 1) & ((length == size) | cut_off)
