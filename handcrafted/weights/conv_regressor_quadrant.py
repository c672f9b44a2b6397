"""Weights for the published plain-convolution regressor of the quadrant split, computed.

No layer is given a coordinate, and none pools: strides do. A strided kernel tells by itself which
half of a cell the pixel is in, so the position within the cell is carried along and grows by one
binary digit with each stride. What is left is which of the last cells the pixel is in. Zero
padding tells that, for up to three of them a side; from a certain size on nothing can.
"""

from __future__ import annotations

import numpy as np

from handcrafted.weights.regression import RADIUS, Weights, reciprocal, require_picture

__all__ = [
    "CELL",
    "EPSILON",
    "LARGEST_SIDE",
    "MARK",
    "ONE",
    "X",
    "Y",
    "conv_quadrant_image2coord",
    "conv_quadrant_onehot2coord",
]

CELL = 32
"""Pixels that five strides of 2 make one of."""

LARGEST_SIDE = 3 * CELL

EPSILON = 1e-5
"""What the batch norms add to the variance."""

MARK, X, Y, ONE = 0, 1, 2, 3
"""Channels between the layers."""


def conv_quadrant_onehot2coord(height: int, width: int, multiplier: int = 1) -> Weights:
    """Return weights that map a bitmap with one hot pixel (x, y) to (x / width, y / height).

    At every position of any canvas of up to 96 pixels each way; a pixel is a square of radius 0,
    see `_weights`. Raises TypeError or ValueError for others; `_weights` says what is known there.
    """
    return _weights(height, width, 0, multiplier)


def conv_quadrant_image2coord(height: int, width: int, multiplier: int = 1) -> Weights:
    """Return weights that map the picture of a 9x9 square to its centre, (x / width, y / height).

    For every square that lies whole on any canvas of 9 to 96 pixels each way; see `_weights`.
    Raises TypeError or ValueError for other canvases.
    """
    return _weights(height, width, RADIUS, multiplier)


def _weights(height: int, width: int, radius: int, multiplier: int) -> Weights:
    """Return weights for pictures of a square of `radius`, 1 on it and 0 elsewhere.

    Let (a, b) be the square's top left corner: a = x - radius. "Cell" means 2 x 2 pixels after the
    first stride, 4 x 4 after the second, and so on. At the end, n cells are in a row and h in a
    column.

    | after layer | channel | carries |
    | --- | --- | --- |
    | 1 | 2 v + u, for u, v = 0, 1 | 1 in cell (k, i) if the corner is pixel (2k + u, 2i + v) |
    | 3, 4, 6 | 0 | m: 1 in the cell that the corner is in, 0 in all others |
    | 3, 4, 6 | 1 | u: a mod 2 in that cell, 0 in all others |
    | 8; 11; 13; 17 | 0 | m, for cells of 4; 8; 16; 32 pixels |
    | 8; 11; 13 | 1 | u: a mod 4; 8; 16 in that cell, 0 in all others |
    | 15 | 3 | 1 everywhere |
    | 17 | 1 | a mod 32 + radius, and 32 more if it is the last of two or three, in that cell |
    | 19 | 0 | n h x / W in all cells together |
    | 20 | 0 | the mean, x / W |

    Channel 2, and output 1, have the same for y.

    Layer 0: the pixel itself, less the one to its left and the one above. On the square that is 1
    at its corner and 0 or less on the rest; next to it, 0 or less. A hot pixel is its own corner,
    and nothing needs to be taken off.
    Layer 2: the four channels, and those with u = 1, or v = 1, added up.
    Layers 7, 9, 12: m is added up over the cell's four parts. So is u, and where m is in the
    right half, with c more, the half cell's columns: 2, 4, 8 (and 16 in layer 16).
    Layers 4, 10: the batch norms do nothing, for the variance is 1 less their epsilon.
    Layer 14: m, u and the same for y, and a bias of 1.
    Layer 16: the kernel's last column reads what only the last cell lacks (see `_halves`). The
    constant is 1 there or, for the last cell, a padded 0. So with p for what is read,

        relu(u + (32 + radius) m - 32 p)

    is 0 in cells that the corner is not in, u + radius in one that is not the last, and
    u + radius + 32 in the last. If there is one cell a row, 32 is left out.
    Layer 18: for n = 3 the middle cell must get 32, and the last 32 more. A tap to the right puts
    32 m into the cell to the left of the corner's, if there is one. So all outputs add up to x:
    u + radius, and 0, 32 or 64 more. All is multiplied by n h / W.
    Layer 20: divides by n h.

    All numbers up to layer 17 are whole. On canvases of up to 64 pixels a side (n and h are 1 or
    2) only one cell is not 0 at the end, its number is whole, and dividing by n h is exact: the
    result is x / W, rounded once (see `reciprocal`). With three cells a side it is rounded a few
    times more. On 64x64, 87 numbers of 12,914 are used for a pixel and 95 for a square.

    **What is not known.** With four cells a side or more, the last two layers tell the first cell
    and the last from the others, but not these from each other. Whether earlier layers can help up
    to the limit below is open; no weights are given.

    **What cannot be.** No weights whatever tell all positions apart on a side of 297 pixels or
    more. An output of layer 18 depends on 133 columns: the first layer reads 5, and each 3x3 kernel
    after it adds two steps, of 2, 2, 4, 8, 16 and 32 pixels. If all of them lie on the canvas, then
    nothing was padded on the way, and the output is the same function of them wherever it is. Take
    x = 132 and x = 164 on a row of 297 pixels or more: whatever depends on one of them has its 133
    columns on the canvas. So the outputs that depend on the first are those that depend on the
    second, one cell further left, and all others depend on neither. Their mean is the same.
    """
    require_picture(height, width, radius, multiplier)
    if max(height, width) > LARGEST_SIDE:
        raise ValueError(
            f"no weights are known for a canvas of {height}x{width}; "
            f"give sides of {2 * radius + 1} to {LARGEST_SIDE} pixels"
        )
    weights = _zeros(16 * multiplier)
    rows, columns = -(-height // CELL), -(-width // CELL)

    top, left = 1 + height % 2, 1 + width % 2  # the taps of 5 that read a cell's first pixel
    for v in (0, 1):
        for u in (0, 1):
            corner = weights["0.weight"][2 * v + u, 0]
            corner[top + v, left + u] = 1
            if radius:
                corner[top + v, left + u - 1] = -1
                corner[top + v - 1, left + u] = -1
            weights["2.weight"][[MARK, X, Y], 2 * v + u, 0, 0] = 1, u, v
    for channel in (MARK, X, Y):
        weights["5.weight"][channel, channel, 1, 1] = 1
        weights["14.weight"][channel, channel, 0, 0] = 1
    weights["14.bias"][ONE] = 1
    for layer, half in ((7, 2), (9, 4), (12, 8), (16, 16)):
        if half < 16 or max(rows, columns) == 3:
            lower, right = _halves(height, half), _halves(width, half)
            weights[f"{layer}.weight"][MARK, MARK, lower, right] = 1

    for axis, side, other in ((0, width, height), (1, height, width)):
        # Kernels for y have rows and columns exchanged: then they read like those for x.
        kernels = {
            layer: weights[f"{layer}.weight"].transpose(0, 1, *((3, 2) if axis else (2, 3)))
            for layer in (7, 9, 12, 16, 18)
        }
        code = X + axis
        for layer, half in ((7, 2), (9, 4), (12, 8)):
            across, along = _halves(other, half), _halves(side, half)
            kernels[layer][code, code, across, along] = 1
            kernels[layer][code, MARK, across, along.stop - 1] = half

        across, along = _halves(other, 16), _halves(side, 16)
        step = CELL if side > CELL else 0
        for copy, part in enumerate(reciprocal(side)):
            position = code + 2 * copy
            kernels[16][position, code, across, along] = 1
            kernels[16][position, MARK, across, along] = step + radius
            kernels[16][position, MARK, across, along.stop - 1] += 16
            kernels[16][position, ONE, across.start, 2] = -step
            kernels[18][axis, position, 1, 1] = part * rows * columns
        if side > 2 * CELL:
            kernels[18][axis, MARK, 1, 2] = CELL * rows * columns / side
    return weights


def _halves(side: int, half: int) -> slice:
    """Return the two taps of 3 that read a cell's halves, of `half` pixels each.

    The last tap, 2, reads what the last cell alone lacks. If the halves are an even number, one
    zero is padded behind them, and tap 2 reads what is behind the cell; if they are odd, one is
    padded on either side, and tap 2 reads the second half, of which the last cell has none.
    """
    first = -(-side // half) % 2
    return slice(first, first + 2)


def _zeros(channels: int) -> Weights:
    """Return the arrays of the architecture, all 0, with batch norms that change nothing."""
    weights: Weights = {}
    before = 1
    for layer, after, kernel in (
        (0, channels, 5),
        (2, channels, 1),
        (5, channels, 3),
        (7, channels, 3),
        (9, channels, 3),
        (12, channels, 3),
        (14, channels, 1),
        (16, channels, 3),
        (18, 2, 3),
    ):
        weights[f"{layer}.weight"] = np.zeros((after, before, kernel, kernel), np.float32)
        weights[f"{layer}.bias"] = np.zeros(after, np.float32)
        before = after
    for layer in (4, 10):
        weights[f"{layer}.scale"] = np.ones(channels, np.float32)
        weights[f"{layer}.shift"] = np.zeros(channels, np.float32)
        weights[f"{layer}.mean"] = np.zeros(channels, np.float32)
        weights[f"{layer}.variance"] = np.full(channels, 1 - EPSILON, np.float32)
    return weights
