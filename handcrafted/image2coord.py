"""The picture of a square to the coordinates of its centre, without a learned number."""

from __future__ import annotations

from dataclasses import dataclass

from handcrafted.coord2image import radius
from handcrafted.network import Network
from handcrafted.onehot2coord import first_true, require_canvas
from handcrafted.operations import (
    Array,
    Convolution,
    Coordinates,
    Linear,
    Operation,
    Relu,
    Shape,
    Subtraction,
    Sum,
    Tap,
    namespace,
)


def network(height: int, width: int, size: int = 9) -> Network:
    """Return (n, 1, height, width) pictures of a square to (n, 2) coordinates of its centre.

    Convolution and nonlinearity find the square's corners: relu(P - left - above), with the
    neighbours of each pixel of the picture P, is 1 at the top left corner and 0 everywhere else,
    whatever the edge of the canvas cuts off; relu(P - right - below) is 1 at the bottom right one.
    Each is a one-hot bitmap, so the four steps of `onehot2coord` give its coordinates: a on the
    left, b on the right, and p and q for the rows.

    With r = size // 2, a square that is not cut off on the left has a = x - r; one that is has
    a = 0 and b = x + r, and lacks 2r - b = r - x columns there. So, in both cases,

        x = a + r - relu(2r - b),

    since on a canvas at least as wide as the square, b is at least 2r unless the left is cut off.
    On a narrower canvas both sides may be cut off at once and squares at different places look
    the same; that is refused.

    Raises TypeError or ValueError for an even size, or a canvas smaller than the square.
    """
    return Network(
        f"image2coord with a {size}x{size} square",
        Squares(height, width, size),
        steps(height, width, radius(size)),
    )


def steps(height: int, width: int, radius: int) -> tuple[Operation, ...]:
    """Return the operations for a canvas of this size; the proofs pass symbols for numbers."""
    top_left, bottom_right, column, row = range(4)
    return (
        Convolution(
            (
                Tap(top_left, 0, 1),
                Tap(top_left, 0, -1, left=-1),
                Tap(top_left, 0, -1, top=-1),
                Tap(bottom_right, 0, 1),
                Tap(bottom_right, 0, -1, left=1),
                Tap(bottom_right, 0, -1, top=1),
            ),
            bias=(0, 0),
        ),
        Relu(),
        Coordinates(),
        Convolution(
            (
                Tap(0, top_left, width),
                Tap(0, column, -1),
                Tap(1, top_left, height),
                Tap(1, row, -1),
                Tap(2, bottom_right, width),
                Tap(2, column, -1),
                Tap(3, bottom_right, height),
                Tap(3, row, -1),
            ),
            bias=(0, 0, 0, 0),
        ),
        Relu(),
        Sum(),
        # a and p, the top left corner, and 2r - b and 2r - q, what the other corner lacks.
        Linear(
            ((-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)),
            bias=(width, height, 2 * radius - width, 2 * radius - height),
        ),
        Relu(),
        Linear(((-1, 0, 1, 0), (0, -1, 0, 1)), bias=(0, 0)),
        Subtraction((radius, radius)),
    )


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
        if not bool(xp.all(right)):
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
