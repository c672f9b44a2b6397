"""Weights for the published plain-convolution regressor of the uniform split, computed.

No layer is given a coordinate. Two facts are enough.

**A chain of taps and pools tells whether the pixel is in an interval.** Take one row of pixels, of
which one is hot, a kernel whose only tap looks t to the right, and a max pool. Output k is 1 if
the hot pixel is in [2k + t, 2k + t + 1], and 0 otherwise. Three of these, with taps t1, t2 and t3,
give an output k that is 1 if the hot pixel is in [8k + s, 8k + s + 7], s = t1 + 2 t2 + 4 t3: the
kth cell of 8 pixels, moved by s. Taps of 0 and 1 give every s from 0 to 7, in binary, and taps of
0 and -1 every s from 0 to -7. The same holds for columns and rows at once, since the pixels of a
rectangle are those in an interval of columns and in one of rows.

**The cells, moved by 0 to 7, have the position as their centre of mass.** The pixel x is in cell
floor((x - s) / 8) of those moved by s, and Hermite's identity (1884) says

    floor(n / 8) + floor((n + 1) / 8) + ... + floor((n + 7) / 8) = n.

Nothing is rounded before the last layer: up to there all numbers are multiples of 1 / 4.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from handcrafted.weights.regression import RADIUS, Weights, reciprocal, require_picture

__all__ = [
    "ABOVE",
    "BELOW",
    "CELL",
    "HIDDEN",
    "Offset",
    "conv_uniform_image2coord",
    "conv_uniform_onehot2coord",
]

CELL = 8
"""Pixels that three pools make one of."""

HIDDEN = 64
ABOVE, BELOW = (0, 1), (2, 1)
"""Taps, (row, column), that look at the next cell; the middle of a kernel is (1, 1)."""

Offset: TypeAlias = tuple[int, int]
"""How far a cell is moved, (columns, rows)."""


def conv_uniform_onehot2coord(height: int, width: int, multiplier: int = 1) -> Weights:
    """Return weights that map a bitmap with one hot pixel (x, y) to (x / width, y / height).

    At every position of any canvas of 8 pixels or more each way. With q whole cells in W columns:

    | after layer | channel | carries |
    | --- | --- | --- |
    | 2, 5 | one for each interval that the next needs | 1 where the pixel is in it, else 0 |
    | 8 | s = 0 ... 7 | 1 in cell k if x is in [8k + s, 8k + s + 7] |
    | 8 | 8 + s | the same for y |
    | 10 | 0 | c(k), the number of s for which that is so |
    | 10 | 2 | e, what the sum of (k + 1) c(k) lacks if x is in no whole cell, else 0 |
    | 10 | 1, 3 | the same for y |
    | 13 | 0 | the sum of (k + 1) c(k) over all cells, + e - 1 = x |
    | 14 | 0 | x / W; 1 the same for y |

    Layer 12, by Hermite's identity: (k + 1) is floor((x - s) / 8) + 1 = floor((x + 8 - s) / 8), and
    with n = x + 1 the sum over s = 7, ..., 0 is x + 1. Where k would be -1, there is no such cell,
    and none is missed, for its weight is 0.

    If W is no multiple of 8, r = W - 8 q columns at the right fill no cell, and a pool that has an
    odd number of columns drops the last. The taps to the right read them before that. Let f0 ... f7
    be the indicators of cell q - 1 and x = 8 q + d, d < r. Always f0 = 0, and f7 = 1: with a tap to
    the right in front of each pool, all that is dropped has been read by what is kept. For s < r
    the moved cell lies on the canvas whole, no part of it is dropped, and f_s = 1 exactly if s > d,
    which r - 1 - d of the s below r are. (For other s parts may be dropped and f_s be 0, which does
    no harm.) The pixel is in no other cell, so the sum is q c(q - 1), and what it lacks of x + 1 is
    W - (r - 1 - d) - q c. So channel 2, of which only cell q - 1 is read, is

        e = relu(W (f7 - f0) - (the sum of f_s over 0 < s < r) - q c).

    If the pixel is in that cell, f0 = 1, and if it is in one before it, f7 = 0: there e = 0.

    A pixel in the rows that fill no cell has an x too. If H is no multiple of 8, the channels for x
    add two intervals of rows before the last pool: cells moved by 0 and by 7 rows. No pixel is in
    the parts of both that are added, so a channel is 1 if y is in [8 i, 8 i + 14], which may be so
    in two cells, one above the other. Layer 9 keeps the lower one: c(i) - c(i + 1), and
    e - W f7(i + 1).

    Two hidden units of 64 are used (four where a side is no power of two, see `reciprocal`), on
    canvases of any size, and all 16 channels; 174 of 72,850 numbers on 64x64.

    Raises TypeError or ValueError for a canvas, or a multiplier, that there is not.
    """
    _require_cells(height, width, 0, multiplier)
    rows, columns = ((0, CELL - 1) if side % CELL else (0,) for side in (height, width))
    weights = _intervals(height, width, multiplier, 1, rows, columns)
    for axis, side, other in ((0, width, height), (1, height, width)):
        moved, kernel, cells, bias = _views(weights, axis, height, width)
        count, beyond = kernel[axis], kernel[2 + axis]
        first, last = moved[0], moved[-1]

        count[moved, 1, 1] = 1
        cells[axis] = np.arange(side // CELL) + 1
        bias[axis] = -1
        if side % CELL:
            beyond[moved, 1, 1] = -(side // CELL)
            beyond[moved[1 : side % CELL], 1, 1] -= 1
            beyond[last, 1, 1] += side
            beyond[first, 1, 1] -= side
            cells[2 + axis, :, -1] = 1
        if other % CELL:
            count[moved, *BELOW] = -1
            if side % CELL:
                beyond[last, *BELOW] = -side
    return _divided(weights, height, width)


def conv_uniform_image2coord(height: int, width: int, multiplier: int = 1) -> Weights:
    """Return weights that map the picture of a 9x9 square to its centre, (x / width, y / height).

    For every square that lies whole on any canvas of 9 pixels or more each way. A cell of 8 pixels
    has one of the square's 9 columns if the centre is in an interval of 8 + 8 pixels. That is two
    cells side by side, however they are moved: floor((x + 4 - s) / 8) and the one to its left. So
    the centre of mass is that of a hot pixel, and little is new. The table is that of
    `conv_uniform_onehot2coord`, with these lines:

    | after layer | channel | carries |
    | --- | --- | --- |
    | 8 | s = 0 ... 7 | 1 in cell k if one of [8k - s, 8k - s + 7] is a column of the square |
    | 10 | 0 | c(k), the number of s for which that is so |
    | 10 | 2 | e, how many s have both their cells beyond the last whole one |
    | 13 | 0 | 8 q - the sum of (q - k) c(k) / 2 over a row of cells, + e / 2 = x |

    Layer 12: let b(s) = floor((x + 4 + s) / 8), at least 1. If cells b and b - 1 are there, their
    weights are 2 q - 2 b + 1. If b = q is not, that is the weight of b - 1, and none is missed.
    By Hermite's identity the sum over s is 16 q + 8 - 2 (x + 4), and a half of it is 8 q - x.

    If W is no multiple of 8, x + 4 may be as large as 8 q + 6, and b(s) = q + 1 for some s. Then
    2 q - 2 b + 1 is -1, but neither cell is there: the sum is too large by the number of such s,
    which channel 2 has. Of it only cell q - 1 is read. With that cell's indicators f0 ... f7,

        e = relu(8 f0 - c).

    If the square's last column is beyond all whole cells, b(0) = q and f0 = 1, and c counts the s
    with b(s) = q; so e counts the others. If it is in cell q - 1, b(0) = q - 1 and b(s) is that or
    q, so c = 8. If it is in one before that, f0 = 0. With one column left over, x + 4 <= 8 q, no
    b(s) is q + 1, and the channel is not used.

    Rows: two cells, one above the other, have a row of the square in them, and everything counts
    twice, so layer 12 halves it. If H is no multiple of 8 the lower one may not be there; then
    layer 9 keeps the upper one, c(i) - c(i - 1) and e - 8 f0(i - 1), and everything counts once.

    Raises TypeError or ValueError for a canvas, or a multiplier, that there is not.
    """
    _require_cells(height, width, RADIUS, multiplier)
    weights = _intervals(height, width, multiplier, -1, (0,), (0,))
    for axis, side, other in ((0, width, height), (1, height, width)):
        moved, kernel, cells, bias = _views(weights, axis, height, width)
        count, beyond = kernel[axis], kernel[2 + axis]
        first = moved[0]

        count[moved, 1, 1] = 1
        if other % CELL:
            count[moved, *ABOVE] = -1
        share = 1 / 2 if other % CELL else 1 / 4
        cells[axis] = -np.arange(side // CELL, 0, -1) * share
        bias[axis] = side // CELL * CELL
        if side % CELL > 1:
            beyond[moved, 1, 1] = -1
            beyond[first, 1, 1] += CELL
            if other % CELL:
                beyond[first, *ABOVE] = -CELL
            cells[2 + axis, :, -1] = share
    return _divided(weights, height, width)


def _require_cells(height: int, width: int, radius: int, multiplier: int) -> None:
    """Refuse what `require_picture` does, and a canvas without a whole cell."""
    require_picture(height, width, radius, multiplier)
    if min(height, width) < CELL:
        raise ValueError(
            f"three pools leave nothing of a canvas of {height}x{width}; "
            f"give at least {CELL} pixels each way"
        )


def _intervals(
    height: int,
    width: int,
    multiplier: int,
    direction: int,
    rows: tuple[int, ...],
    columns: tuple[int, ...],
) -> Weights:
    """Return weights whose first three convolutions look for intervals; all others are 0.

    After the third pool, channel s is 1 in the cells that hold the pixel when they are moved by
    s = 0 ... 7 columns and any of `rows`, and channel 8 + s if by s rows and any of `columns`:
    to the right and down if `direction` is 1, to the left and up if it is -1.
    """
    channels = 16 * multiplier
    third = [[(s, row) for row in rows] for s in range(CELL)]
    third += [[(column, s) for column in columns] for s in range(CELL)]
    # A kernel moves cells by 0 or by half their side; cells of half the side do the rest.
    second = [[offset] for offset in sorted({(x % 4, y % 4) for cells in third for x, y in cells})]
    first = [[offset] for offset in sorted({(x % 2, y % 2) for [(x, y)] in second})]

    weights: Weights = {}
    bitmap: list[list[Offset]] = [[(0, 0)]]
    for layer, half, before, after in (
        (0, 1, bitmap, first),
        (3, 2, first, second),
        (6, 4, second, third),
    ):
        channel_of = {offset: channel for channel, [offset] in enumerate(before)}
        kernel = np.zeros((channels, channels if layer else 1, 3, 3), np.float32)
        for channel, cells in enumerate(after):
            for x, y in cells:
                row, column = 1 + direction * (y // half), 1 + direction * (x // half)
                kernel[channel, channel_of[x % half, y % half], row, column] = 1
        weights[f"{layer}.weight"] = kernel
        weights[f"{layer}.bias"] = np.zeros(channels, np.float32)
    features = channels * (height // CELL) * (width // CELL)
    return weights | {
        "9.weight": np.zeros((channels, channels, 3, 3), np.float32),
        "9.bias": np.zeros(channels, np.float32),
        "12.weight": np.zeros((features, HIDDEN), np.float32),
        "12.bias": np.zeros(HIDDEN, np.float32),
        "14.weight": np.zeros((HIDDEN, 2), np.float32),
        "14.bias": np.zeros(2, np.float32),
    }


def _views(
    weights: Weights, axis: int, height: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return what layers 9 and 12 have for x (axis 0) or y (axis 1), as if it were for x.

    The channels of the moved cells; layer 9's kernels, (out, in, across, along); layer 12's
    weights for hidden unit `axis`, (channel, across, along); and its biases.
    """
    kernel, dense = weights["9.weight"], weights["12.weight"]
    cells = dense.reshape(len(kernel), height // CELL, width // CELL, HIDDEN)[..., axis]
    if axis:
        kernel, cells = kernel.swapaxes(2, 3), cells.swapaxes(1, 2)
    return axis * CELL + np.arange(CELL), kernel, cells, weights["12.bias"]


def _divided(weights: Weights, height: int, width: int) -> Weights:
    """Add the last layer, which divides hidden units 0 and 1, x and y, by the canvas's sides."""
    for axis, side in ((0, width), (1, height)):
        for copy, part in enumerate(reciprocal(side)):
            hidden = axis + 2 * copy
            weights["12.weight"][:, hidden] = weights["12.weight"][:, axis]
            weights["12.bias"][hidden] = weights["12.bias"][axis]
            weights["14.weight"][hidden, axis] = part
    return weights
