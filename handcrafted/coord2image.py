"""Coordinates to the picture of a square there, without a learned number."""

from __future__ import annotations

from handcrafted import coord2onehot
from handcrafted.domains import Positions, radius, require_canvas
from handcrafted.network import Network
from handcrafted.operations import Convolution, Operation, Tap

__all__ = ["network", "steps"]


def network(height: int, width: int, size: int = 9) -> Network:
    """Return (n, 2) coordinates (x, y) to (n, 1, height, width) pictures of 0 and 1.

    The picture is a square of `size` x `size` pixels, an odd number, centred at (x, y); what would
    lie beyond the canvas is cut off. `coord2onehot` makes a single pixel of the coordinates, and
    a convolution with a square of ones draws the square around it. The zero padding does the
    cutting.

    Raises TypeError or ValueError for an even size, or one below 1.
    """
    height, width = require_canvas(height, width)
    name = f"coord2image with a {size}x{size} square"
    return Network(name, Positions(height, width), steps(height, width, radius(size)))


def steps(height: int, width: int, radius: int) -> tuple[Operation, ...]:
    """Return the operations for a canvas of this size; the proofs pass symbols for numbers."""
    side = 2 * radius + 1
    square = Tap(0, 0, 1, rows=side, columns=side, top=-radius, left=-radius)
    return (*coord2onehot.steps(height, width), Convolution((square,), bias=(0,)))
