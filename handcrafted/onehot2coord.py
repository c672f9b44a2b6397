"""A bitmap with one hot pixel to that pixel's coordinates, without a learned number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from handcrafted.domains import OneHot, require_canvas, shown
from handcrafted.network import Network
from handcrafted.operations import Convolution, Coordinates, Operation, Relu, Subtraction, Sum, Tap

__all__ = [
    "network",
    "network_without_coordinates",
    "onehot2coord",
    "steps",
    "steps_without_coordinates",
]


def onehot2coord(bitmap: NDArray[Any]) -> tuple[float, float]:
    """Return the (x, y) of the one hot pixel of a (height, width) bitmap: the whole argument.

    The CoordConv paper (Liu et al. 2018, arXiv:1807.03247) trained networks for this. Four fixed
    steps do it exactly. Let A be the bitmap, 1 at pixel (x, y) and 0 elsewhere, W its width and
    X the map of every pixel's own column: 0, 1, ..., W - 1 from left to right.

        W * A - X       is W - x at the hot pixel, at least 1 since x is at most W - 1,
                        and -X, at most 0, everywhere else;
        relu(...)       leaves W - x at the hot pixel and 0 everywhere else;
        sum(...)        is therefore W - x;
        W - sum(...)    is x.

    Every number on the way is an integer no larger than W, so floating point rounds nothing.
    The same with the height and the map of rows gives y.

        >>> bitmap = np.zeros((48, 64))
        >>> bitmap[12, 41] = 1
        >>> onehot2coord(bitmap)
        (41.0, 12.0)

    bitmap: of any boolean, integer or floating dtype. Raises ValueError for values that are not
    one 1 and else 0, and TypeError for what is no array of numbers.
    """
    _require_one_hot(bitmap)
    bitmap = bitmap.astype(np.float64)  # small integers would overflow
    height, width = bitmap.shape
    row, column = np.indices(bitmap.shape)

    # 1. A fixed convolution, of the bitmap with a single weight, minus the coordinate channel.
    x_map = ndimage.convolve(bitmap, [[width]], mode="constant") - column
    y_map = ndimage.convolve(bitmap, [[height]], mode="constant") - row

    # 2. A nonlinearity.
    x_map = np.maximum(x_map, 0)
    y_map = np.maximum(y_map, 0)

    # 3. A sum. 4. A subtraction.
    return float(width - x_map.sum()), float(height - y_map.sum())


def _require_one_hot(bitmap: NDArray[Any]) -> None:
    if type(bitmap) not in (np.ndarray, np.memmap):
        raise TypeError(f"the bitmap is a {type(bitmap).__name__}; give a plain NumPy array")
    if bitmap.dtype.kind not in "biuf":
        raise TypeError(f"the bitmap has dtype {bitmap.dtype}; give booleans, integers or floats")
    if bitmap.ndim != 2:
        raise ValueError(f"the bitmap has shape {bitmap.shape}; expected (height, width)")
    lit = bitmap[bitmap != 0]
    if lit.size != 1 or lit[0] != 1:
        what = f"{lit.size} pixels that are not 0" if lit.size > 1 else "no hot pixel"
        if lit.size == 1:
            what = f"a pixel of value {shown(lit[0].item())}"
        raise ValueError(f"the bitmap has {what}; expected exactly one pixel 1 and every other 0")


def network(height: int, width: int) -> Network:
    """Return the same four steps as a `Network`: (n, 1, height, width) to (n, 2), as (x, y).

    The coordinate channels enter the convolution like any other input, as in a CoordConv layer.
    """
    height, width = require_canvas(height, width)
    return Network("onehot2coord", OneHot(height, width), steps(height, width))


def steps(height: int, width: int) -> tuple[Operation, ...]:
    """Return the operations for a canvas of this size; the proofs pass symbols for numbers."""
    bitmap, column, row = 0, 1, 2
    return (
        Coordinates(),
        Convolution(
            (
                Tap(0, bitmap, width),
                Tap(0, column, -1),
                Tap(1, bitmap, height),
                Tap(1, row, -1),
            ),
            bias=(0, 0),
        ),
        Relu(),
        Sum(),
        Subtraction((width, height)),
    )


def network_without_coordinates(height: int, width: int) -> Network:
    """Return a network that finds (x, y) with no coordinate channel anywhere in it.

    It is said that a convolution cannot know where it is, because it does the same at every place.
    That holds on an endless canvas. On a finite one the zeros beyond the edge are not part of the
    picture, and a kernel that reaches them computes something else there: the border betrays the
    position (Islam et al. 2020, arXiv:2001.08248; Kayhan & van Gemert 2020, arXiv:2003.07064).
    Here the kernel is a row of W ones that ends at its own pixel. At pixel j it sees columns
    j - W + 1 to j, which is all of the row up to j and, beyond the left edge, zeros. So its output
    is 1 at every pixel from the hot one to the right edge, which cuts the trail off, and 0 at
    every other: the sum is W - x. Were the canvas endless, the trail would be W pixels long
    wherever the hot pixel lies, and the sum would say nothing.
    """
    height, width = require_canvas(height, width)
    return Network(
        "onehot2coord without coordinates",
        OneHot(height, width),
        steps_without_coordinates(height, width),
    )


def steps_without_coordinates(height: int, width: int) -> tuple[Operation, ...]:
    """Return the operations for a canvas of this size; the proofs pass symbols for numbers."""
    return (
        Convolution(
            (
                Tap(0, 0, 1, columns=width, left=1 - width),
                Tap(1, 0, 1, rows=height, top=1 - height),
            ),
            bias=(0, 0),
        ),
        Relu(),
        Sum(),
        Subtraction((width, height)),
    )
