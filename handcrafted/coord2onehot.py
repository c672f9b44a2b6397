"""Coordinates to the bitmap with that one pixel hot, without a learned number."""

from __future__ import annotations

from handcrafted.domains import Positions, require_canvas
from handcrafted.network import Network
from handcrafted.operations import Convolution, Coordinates, Operation, Relu, Subtraction, Tap, Tile

__all__ = ["network", "steps"]


def network(height: int, width: int) -> Network:
    """Return (n, 2) coordinates (x, y) to (n, 1, height, width) bitmaps, exactly one-hot.

    With the coordinates tiled over the canvas and X, Y the maps of each pixel's own column and
    row, the distances |x - X| and |y - Y| are sums of two relus each, and

        relu(1 - |x - X| - |y - Y|)

    is 1 where both distances are 0. Everywhere else their sum is 1 or more, and the relu is 0.
    (The sum may be larger than the canvas is long, and so be rounded. That does no harm: rounding
    never reverses an order, so a sum of 1 or more stays 1 or more.)
    """
    height, width = require_canvas(height, width)
    return Network("coord2onehot", Positions(height, width), steps(height, width))


def steps(height: int, width: int) -> tuple[Operation, ...]:
    """Return the operations for a canvas of this size; the proofs pass symbols for numbers."""
    x, y, column, row = range(4)
    return (
        Tile(height, width),
        Coordinates(),
        # x - X, X - x, y - Y, Y - y: of each pair, one is the distance and the other its negative.
        Convolution(
            (
                Tap(0, x, 1),
                Tap(0, column, -1),
                Tap(1, x, -1),
                Tap(1, column, 1),
                Tap(2, y, 1),
                Tap(2, row, -1),
                Tap(3, y, -1),
                Tap(3, row, 1),
            ),
            bias=(0, 0, 0, 0),
        ),
        Relu(),
        Convolution(tuple(Tap(0, channel, 1) for channel in range(4)), bias=(0,)),
        Subtraction((1,)),
        Relu(),
    )
