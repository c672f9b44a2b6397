"""The picture of a square to the coordinates of its centre, without a learned number."""

from __future__ import annotations

from handcrafted.domains import Squares, radius, require_canvas
from handcrafted.network import Network
from handcrafted.operations import (
    Convolution,
    Coordinates,
    Linear,
    Operation,
    Relu,
    Subtraction,
    Sum,
    Tap,
)

__all__ = ["network", "steps"]


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
    height, width = require_canvas(height, width)
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
