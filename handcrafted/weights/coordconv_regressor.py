"""Weights for the published CoordConv regressor, computed instead of learned."""

from __future__ import annotations

import math

import numpy as np

from handcrafted.weights.regression import RADIUS, Weights, reciprocal, require_picture

__all__ = ["BITMAP", "CHANNELS", "X", "Y", "coordconv_image2coord", "coordconv_onehot2coord"]

CHANNELS = 8
BITMAP, X, Y = 0, 1, 2
"""The input's channels, and what they are turned into."""


def coordconv_onehot2coord(height: int, width: int, balanced: bool = False) -> Weights:
    """Return weights that map a bitmap with one hot pixel (x, y) to (x / width, y / height).

    On any canvas, at every position; a pixel is a square of radius 0, see `_weights`.
    Raises TypeError or ValueError for a canvas that there is not.
    """
    return _weights(height, width, 0, balanced)


def coordconv_image2coord(height: int, width: int, balanced: bool = False) -> Weights:
    """Return weights that map the picture of a 9x9 square to its centre, (x / width, y / height).

    On any canvas, for every square that lies on it whole; see `_weights`.
    Raises TypeError or ValueError for a canvas that the square does not fit on.
    """
    return _weights(height, width, RADIUS, balanced)


def _weights(height: int, width: int, radius: int, balanced: bool) -> Weights:
    """Return weights for pictures of a square of `radius`, 1 on it and 0 elsewhere.

    The five layers are linear; all that is not is the maximum over the canvas at the end. So let
    every pixel carry its own column, lift those of the square above all others, and the maximum
    is the square's right edge, x + radius. Its bottom edge says y likewise. Let A be the picture,
    W the width, and i a pixel's column, which the network is given as X = 2 i / (W - 1) - 1.

    | layer | channel 0 | channel 1 (channel 2 is the same for rows, with H for W) |
    | --- | --- | --- |
    | 0 | A | (W - 1) / 2 * X + (W - 1) / 2 + W = W + i |
    | 1 | | (W + i) + W A - 2 W - radius = i - radius on the square, i - radius - W off it |
    | 2, 3 | | the same |
    | 4 | | the same times 1 / W |
    | maximum | | (x + radius - radius) / W = x / W |

    Layer 0: X is rounded, and so is not quite what it should be, but the sum is: adding W rounds
    the error away. Let 2**(n-1) < W <= 2**n. X was rounded by less than 2**-25 and its product
    with (W - 1) / 2 < 2**(n-1) again, by 2**(n-26) at most; that is less than 2**(n-25) together.
    The sum is between W and 2 W, where the nearest float32 numbers to a whole number are no nearer
    than 2**(n-24). So it is rounded to W + i itself, whatever the order of the additions.
    Layers 1 to 3: all numbers are whole.
    Layer 4: 1 / W is exact if W is a power of two. Any other is added up from two parts, so that
    the result is x / W rounded once; see `reciprocal`. Layer 3 then has every coordinate twice.
    Sparse evaluation, which computes what the picture changes apart from the empty canvas, adds W
    times 1 / W to (i - W) / W after that layer. Both are rounded to 2**-25 or less, and where x / W
    is no multiple of 2**-24 no weights can do better for small x: the answer is wrong by 2**-23 of
    the width at most, and right if it is rounded.
    Maximum: what is off the square is at most W - 1 - radius - W < 0; on it there is x >= 0.

    How far the square is lifted, W A here, is the K of "K pixels". It has to be W - 1 for a hot
    pixel, no less: at x = 0 the last column carries W - 1 - K, and that must not be above 0.
    A square needs 2 * radius less. W is as good and serves to round too.

    With `balanced`, lengths are measured in canvases (2**n pixels, so that no digit changes), and
    in half canvases in layer 0. On sides that are powers of two, no doubling or halving of a
    channel then makes the weights' sum of squares smaller, and K is 1.
    """
    require_picture(height, width, radius)
    shapes = {0: (CHANNELS, 3, 1), 1: (CHANNELS, CHANNELS, 1), 2: (CHANNELS, CHANNELS, 1)}
    shapes |= {3: (CHANNELS, CHANNELS, 3), 4: (2, CHANNELS, 3)}
    weight = {n: np.zeros((o, i, k, k), np.float32) for n, (o, i, k) in shapes.items()}
    bias = {n: np.zeros(o, np.float32) for n, (o, _, _) in shapes.items()}

    weight[0][BITMAP, BITMAP] = 1
    for channel, side in ((X, width), (Y, height)):
        pixel = 2.0 ** -math.ceil(math.log2(side)) if balanced else 1.0
        first_pixel = 2 * pixel if balanced else 1.0
        half = (side - 1) / 2
        weight[0][channel, channel] = half * first_pixel
        bias[0][channel] = (half + side) * first_pixel
        weight[1][channel, channel] = pixel / first_pixel
        weight[1][channel, BITMAP] = side * pixel
        bias[1][channel] = -(2 * side + radius) * pixel
        weight[2][channel, channel] = 1
        for copy, part in enumerate(reciprocal(side)):
            weight[3][channel + 2 * copy, channel, 1, 1] = 1
            weight[4][channel - 1, channel + 2 * copy, 1, 1] = part / pixel
    return {
        f"{n}.{name}": arrays[n]
        for n in shapes
        for name, arrays in (("weight", weight), ("bias", bias))
    }
