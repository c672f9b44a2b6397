"""Weights for the published baseline of transposed convolutions, computed instead of learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handcrafted.weights.coordinate_inputs import (
    PICTURES,
    RADIUS,
    Coordinates,
    Loss,
    Weights,
    require_options,
    to_pixels,
)

__all__ = [
    "SIDE",
    "deconv_coord2image",
    "deconv_coord2onehot",
    "square_picture",
    "unsolved_pixels",
    "unsolved_squares",
]

SIDE = 64
"""Pixels that six doublings make of one."""


def deconv_coord2onehot(
    height: int,
    width: int,
    multiplier: int = 1,
    kernel: int = 3,
    coordinates: Coordinates = "scaled",
) -> Weights:
    """Return weights whose softmax is the one-hot picture of (x, y), on canvases up to 64x64.

    A pixel is a square of radius 0; see `square_picture`. The last layer makes logits of the
    picture, 0 and 128, and exp(-128) is 0 in float32.

    Every position is right but one, (0, 0), for a kernel of 2 in pixels if a side is above 32:
    there the softmax is equal in two or four pixels. `square_picture` proves that it must be.

    Raises ValueError, or TypeError, for a larger canvas, a kernel of 1 or an unknown option.
    """
    return square_picture(height, width, 0, multiplier, kernel, coordinates, (128, 0))


def deconv_coord2image(
    height: int,
    width: int,
    multiplier: int = 1,
    kernel: int = 3,
    coordinates: Coordinates = "scaled",
    loss: Loss = "sigmoid",
) -> Weights:
    """Return weights that draw the 9x9 square around (x, y), on canvases up to 64x64.

    `loss` names what the outputs are read by: the last layer makes 0 and 1 of the picture for
    "mse", -128 and 128 for "sigmoid" (see `PICTURES`). What the canvas cuts off is not drawn.

    Every centre of a whole square is right but one: the middle of a canvas with odd sides, one of
    them 57 or more, for a kernel of 2 or 3 in scaled coordinates. `square_picture` says why.

    Raises ValueError, or TypeError, for a larger canvas, a kernel of 1 or an unknown option.
    """
    require_options(height, width, multiplier, kernel, coordinates, loss)
    return square_picture(height, width, RADIUS, multiplier, kernel, coordinates, PICTURES[loss])


def unsolved_pixels(
    height: int,
    width: int,
    multiplier: int = 1,
    kernel: int = 3,
    coordinates: Coordinates = "scaled",
) -> list[tuple[int, int]]:
    """Return the pixels that `deconv_coord2onehot` gets wrong, (x, y): (0, 0) or none."""
    lost = kernel == 2 and coordinates == "pixels" and max(height, width) > SIDE // 2
    return [(0, 0)] if lost else []


def unsolved_squares(
    height: int,
    width: int,
    multiplier: int = 1,
    kernel: int = 3,
    coordinates: Coordinates = "scaled",
    loss: Loss = "sigmoid",
) -> list[tuple[int, int]]:
    """Return the centres of whole squares that `deconv_coord2image` gets wrong, (x, y).

    They are the middle of some canvases, or none.
    """
    middle = height % 2 == width % 2 == 1 and max(height, width) >= 57
    lost = middle and kernel < 4 and coordinates == "scaled"
    return [(width // 2, height // 2)] if lost else []


def square_picture(
    height: int,
    width: int,
    radius: int,
    multiplier: int,
    kernel: int,
    coordinates: Coordinates,
    output: tuple[float, float],
) -> Weights:
    """Return weights that draw the square around (x, y); `output` is the last factor and bias.

    Each layer cuts every cell of the picture into four, until a cell is a pixel. All that is said
    of x and columns goes for y and rows too.

    **What a cell knows.** The square spans from a = x - radius - 1/2 to b = x + radius + 1/2, and
    pixel i is in it if a < i < b. A cell of the columns L to R carries

        A = relu(a - L), how far the square begins right of its first column, and
        B = relu(R - b), how far the square ends left of its last column.

    For a pixel L = R = i: it is in the square if A and B are both 0; else their sum is 1/2 or more.

    **Cutting a cell** of 2q columns. The left half keeps L, the right half begins q later; the
    right half keeps R, the left half ends q earlier. So the left half has A and relu(B - q), and
    the right half has relu(A - q) and B, because, for any t and any q >= 0,

        relu(relu(t) - q) = relu(t - q).

    By the same line it does not matter in which order, or when, what is subtracted is subtracted.

    **A transposed convolution** with kernel 2 makes of each cell four and has own weights for
    each: (0, -q) from a channel that is 1 to A, for the left and the right half, and (-q, 0) to B.
    A larger kernel does the same with two of its columns and zeros in the others. Batch norm is
    the identity: its variance is 1 - 1e-5, to which it adds 1e-5, and float32 rounds that to 1.

    **The first cut** has no channel that is 1: a bias is the same in all four cells, and so is the
    input. It is made up for in the third layer, which takes 32 (1 - near) from A and 32 near from
    B, with near 1 in the left half of the canvas and 0 in the right one. The second layer gets
    near from the border or from the input.

    *From the border*, with a kernel of 3 or more, which also reads, in every even column of cells,
    the cell before it; beyond the border that is 0. Of layer 2's columns of cells, 0 to 3, let the
    channel that is 1 and a bias of 1 give

        near = relu(1 - cell before) in columns 0 and 2, which is 1 and 0.

    With a kernel of 4 or more, which reads, in every odd column, the cell after it, likewise

        near = relu(1 - own cell + cell after) in columns 1 and 3, which is 1 and 0.

    *From the input*, in the columns that are left. Let u and v say, in pixels, how far x and y are
    from where the input is (0, 0): the first pixel, or, scaled, the middle of the canvas. Of u,
    weights (0, 1) in the first layer make 0 on the left, and u on the right. So with s the sum of
    relu(u), relu(-u), relu(v) and relu(-v) in that layer,

        near = relu(1 - 4 s)

    is 1 on the left, and on the right, where s = |u| + |v|, it is 0 if the input is not (0, 0), for
    then s is 1/2 or more. Often fewer terms will do; see `_distances`.

    | layer | cells | channels for x, and as many for y | channels for both |
    | --- | --- | --- | --- |
    | 1 | 32x32 | A = relu(a), B = relu(63 - b); terms of s on the right | 1 |
    | 2 | 16x16 | A and B, but for the first cut; near | 1 |
    | 3 | 8x8 | A, B | 1 |
    | 4 | 4x4 | A and B of each of the cell's four columns | |
    | 5 | 2x2 | | of each of the cell's four pixels: relu(1 - 4 (A + B) - 4 (A + B of y)) |
    | 6 | 1x1 | | factor * pixel + bias |

    The columns of layer 4 are k = 0 to 3 later than the cell's first, or 3 - k earlier than its
    last, and that is a bias. Layer 5 is 1 in the square and 0 outside, for 4 * 1/2 > 1. In pixels
    all numbers are multiples of 1/2 below 2**10, so float32 is exact. Scaled, A and B are wrong by
    less than 2**-10; what should be 0 is 0 still, what should be 1/2 or more exceeds 1/4, and
    layer 5 is exact again.

    **Where the input is (0, 0)**, near from the input is 1 everywhere: with a kernel of 2, all four
    quarters draw the picture that is due in the upper left one.

    In pixels (0, 0) is the corner, whose copies are on the canvas if a side is above 32. With a
    kernel of 3 the border makes near 0 in column 2, where the copy would be. With a kernel of 2
    there is no solution: the first layer makes its bias in all four cells, and after it no cell's
    value depends on another's, nor on where the cell is, but only on which half of each larger
    cell it is. The outputs are four equal quarters, so the softmax at (0, 0) is 1/4 at most, or
    1/2 if one side is 32 or less: here it is just that.

    Scaled, (0, 0) is the middle of a canvas with two odd sides. For a pixel that does no harm: it
    is in the upper left quarter, and its copies, 32 further, are beyond the canvas. A square of
    radius 4 reaches into the other quarters or has copies on the canvas if a side is 57 or more.
    With a kernel of 2 this has no solution, for the same reason: pixels 32 apart are equal, and
    only one of them is in the square. With a kernel of 3 there is no solution here, and no proof
    that there is none. What the border makes of a channel that is 1 is the same, in each layer,
    in the last column of cells of the left half and in the last one of the right half.

    **A kernel of 1** reads each cell into the upper left of its four; the others get the bias. So
    all pixels but (0, 0) are the same whatever (x, y) is: it can draw no picture.

    **Larger canvases** begin with several cells of 64x64, and the input is the same in all.
    A kernel of 2 makes the same of each, so pixels 64 apart are the same. A border reaches, with a
    kernel of 3, the first 63 pixels, and with 4 also the last 63, so that pixels 63 and 127 are
    the same if a canvas has them and, with a kernel of 4, more than 128. There are no weights here
    for what may be left.

    Returns float32 arrays of `compare.learned`'s layout. Raises ValueError, or TypeError, for a
    canvas or an option without weights.
    """
    require_options(height, width, multiplier, kernel, coordinates, "mse")
    if kernel == 1:
        raise ValueError(
            "a transposed convolution with a kernel of 1 reaches no pixel but the first; "
            "there are weights for kernels of 2 or more"
        )
    if max(height, width) > SIDE:
        raise ValueError(
            f"the canvas is {height}x{width}; there are weights for the transposed convolutions "
            f"up to {SIDE}x{SIDE}, which they make of one pixel"
        )
    layers = [number + (coordinates == "scaled") for number in (1, 4, 7, 10, 13, 16)]
    channels = (2, *(n * multiplier for n in (64, 64, 64, 32, 32)), 1)
    weights = _blank(layers, channels, kernel)
    kernels = [weights[f"{layer}.weight"] for layer in layers]
    biases = [weights[f"{layer}.bias"] for layer in layers]
    # TensorFlow's "same" padding cuts this many rows and columns of a large kernel's output.
    first = (kernel - 2) // 2

    def connect(layer: int, source: int, target: int, axis: int, taps: tuple[float, float]) -> None:
        """Set what goes to the first and to the second half, along x (0) or y (1)."""
        block = np.array([taps, taps])
        halves = block if axis == 0 else block.T
        kernels[layer - 1][source, target, first : first + 2, first : first + 2] = halves

    steps = [to_pixels(side, coordinates) for side in (width, height)]
    ones = {1: 12, 2: 6, 3: 4}
    for layer, one in ones.items():
        biases[layer - 1][one] = 1

    for axis, (factor, offset) in enumerate(steps):
        # Layer 1: A and B, and how far the input is from (0, 0), in the second half.
        terms = _distances(axis, height, width, kernel, coordinates)
        a, b, *distances = range(6 * axis, 6 * axis + 2 + len(terms))
        connect(1, axis, a, axis, (factor, factor))
        biases[0][a] = offset - radius - 0.5
        connect(1, axis, b, axis, (-factor, -factor))
        biases[0][b] = SIDE - 1 - offset - radius - 0.5
        for distance, signs in zip(distances, terms, strict=True):
            for given, sign in enumerate(signs):
                connect(1, given, distance, axis, (0, sign * steps[given][0]))

        # Layer 2: cells of 16, and near, which tells the halves of the canvas apart.
        a2, b2, near = range(3 * axis, 3 * axis + 3)
        connect(2, a, a2, axis, (1, 1))
        connect(2, b, b2, axis, (1, 1))
        connect(2, ones[1], a2, axis, (0, -16))
        connect(2, ones[1], b2, axis, (-16, 0))
        for distance in distances:
            connect(2, distance, near, axis, (-4, -4) if kernel == 2 else (0, -4))
        biases[1][near] = 1
        border = kernels[1][ones[1], near] if axis == 0 else kernels[1][ones[1], near].T
        if kernel > 2:
            border[first : first + 2, first + 2] = -1  # the cell before, in even columns
        if kernel > 3:
            border[first : first + 2, [first - 1, first + 1]] = 1, -1  # after and own, in odd ones

        # Layer 3: cells of 8, with the first cut made up for.
        a3, b3 = range(2 * axis, 2 * axis + 2)
        connect(3, a2, a3, axis, (1, 1))
        connect(3, b2, b3, axis, (1, 1))
        connect(3, near, a3, axis, (32, 32))
        connect(3, near, b3, axis, (-32, -32))
        connect(3, ones[2], a3, axis, (-32, -32 - 8))
        connect(3, ones[2], b3, axis, (-8, 0))

        # Layer 4: cells of 4, and A and B of each of their columns.
        for k in range(4):
            a4, b4 = 8 * axis + k, 8 * axis + 4 + k
            connect(4, a3, a4, axis, (1, 1))
            connect(4, b3, b4, axis, (1, 1))
            connect(4, ones[3], a4, axis, (0, -4))
            connect(4, ones[3], b4, axis, (-4, 0))
            biases[3][a4], biases[3][b4] = -k, -(3 - k)

            # Layer 5: columns 0 and 1 are in the first half, 2 and 3 in the second.
            half, within = divmod(k, 2)
            for other in range(2):
                pixel = 2 * other + within if axis == 0 else 2 * within + other
                for channel in (a4, b4):
                    connect(5, channel, pixel, axis, (-4, 0) if half == 0 else (0, -4))

    # Layer 6: each of a cell's pixels, row by row, to where it is.
    for pixel in range(4):
        biases[4][pixel] = 1
        row, column = divmod(pixel, 2)
        kernels[5][pixel, 0, first + row, first + column] = output[0]
    biases[5][0] = output[1]
    return weights


def _distances(
    axis: int, height: int, width: int, kernel: int, coordinates: Coordinates
) -> list[tuple[int, int]]:
    """Return the terms of s for the first cut along x (0) or y (1), as factors of u and v.

    A kernel of 4 or more needs none. In pixels u and v are not negative, and relu(u + v) is all of
    s. A kernel of 3 needs only u along x, and v along y: where x is 0, near is wrong in column 3,
    which draws what is due in column 1, and with x = 0 that is nothing. Scaled, u is
    never 0 if the width is even, and v is never 0 if the height is; then one of them will do.
    """
    if kernel > 3:
        return []
    u, v = (1, 0), (0, 1)
    if coordinates == "pixels":
        return [(1, 1)] if kernel == 2 else [(u, v)[axis]]
    signed = {0: [u, (-1, 0)], 1: [v, (0, -1)]}
    if width % 2 == 0:
        return signed[0]
    return signed[1] if height % 2 == 0 else signed[0] + signed[1]


def _blank(layers: list[int], channels: tuple[int, ...], kernel: int) -> Weights:
    """Return weights of 0, with batch norms that are the identity in prediction."""
    weights: Weights = {}
    for layer, inputs, outputs in zip(layers, channels[:-1], channels[1:], strict=True):
        weights[f"{layer}.weight"] = np.zeros((inputs, outputs, kernel, kernel), np.float32)
        weights[f"{layer}.bias"] = np.zeros(outputs, np.float32)
        if layer != layers[-1]:
            weights |= _identity(layer + 1, outputs)
    return weights


def _identity(layer: int, channels: int) -> dict[str, NDArray[np.float32]]:
    """Return a batch norm whose variance and the epsilon of 1e-5 add up to 1."""
    return {
        f"{layer}.scale": np.ones(channels, np.float32),
        f"{layer}.shift": np.zeros(channels, np.float32),
        f"{layer}.mean": np.zeros(channels, np.float32),
        f"{layer}.variance": np.full(channels, 1 - 1e-5, np.float32),
    }
