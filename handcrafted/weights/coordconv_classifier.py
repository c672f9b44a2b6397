"""Weights for the published CoordConv classifier, computed instead of learned."""

from __future__ import annotations

import numpy as np

from handcrafted.weights.coordinate_inputs import (
    Coordinates,
    Weights,
    require_options,
    to_pixels,
)

__all__ = ["LONGEST_SIDE", "coordconv_classifier", "square_logits"]

LONGEST_SIDE = 2**16
"""Up to this, float32 leaves the logits far enough apart; see `square_logits`."""


def coordconv_classifier(
    height: int,
    width: int,
    multiplier: int = 1,
    coordinates: Coordinates = "scaled",
) -> Weights:
    """Return weights whose softmax is the one-hot picture of (x, y), on any canvas.

    `square_logits` with an edge of 0 makes the logits -256 (|i - x| + |j - y|). Of 7,553 numbers 15
    are used, and 4 more in pixels.

    Raises ValueError, or TypeError, for a canvas or an option that there is not.
    """
    require_options(height, width, multiplier, 1, coordinates, "mse")
    return square_logits(height, width, 0, multiplier, coordinates)


def square_logits(
    height: int, width: int, edge: float, multiplier: int, coordinates: Coordinates
) -> Weights:
    """Return weights whose logits fall with the distance from a square around (x, y).

    `edge` is how far the edge of the square is from its centre, in pixels. Each pixel is given
    (x, y), the same for all, and its own column i and row j, the coordinate channels.

    | layer | channels that are not 0 |
    | --- | --- |
    | input | x, y, i, j, as the network is given them |
    | 1 | relu(i - x - edge), relu(x - i - edge), relu(j - y - edge), relu(y - j - edge) |
    | 2 | d, the sum of these: how far the pixel is from the square, across and down |
    | 3 | d |
    | 4 | d |
    | 5 | -256 d, the logit |

    With an edge of 0, d = |i - x| + |j - y| is 0 in one pixel and 1 or more in all others. With an
    edge of radius + 1/2, i - x - edge is a whole number and a half, so d is 0 in a square of
    2 radius + 1 pixels each way, and 1/2 or more outside.

    A logit that is 104 or more below the largest has a softmax of 0 in float32: exp(-104) is less
    than half of the smallest number above 0, 2**-149. Outside they are 128 or more below. So the
    softmax is 1 in the pixel, or 1 / n in each of a square's n pixels, and 0 in all others.

    Rounding does no harm. The terms of i - x - edge are not above `side`, and fewer than 16
    roundings, each by less than side * 2**-24, go into it; so it is wrong by less than side *
    2**-20, 1/16 for a side of 2**16. With an edge of 0 the pixel's d is then below 1/8, and all
    others are above 15/16: their logits are 256 * 13/16 = 208 or more below. In a square, what
    should be -1/2 is still negative, so the logits are exactly 0, all the same; outside, one term
    is above 7/16, and the logits are below -112.

    Returns float32 arrays of `compare.learned`'s layout; the layers' numbers depend on
    `coordinates`, for scaling is a layer. Raises ValueError for a side above 65,536.
    """
    if max(height, width) > LONGEST_SIDE:
        raise ValueError(
            f"the canvas is {height}x{width}; there are weights for sides up to {LONGEST_SIDE}"
        )
    layers = [number + (coordinates == "scaled") for number in (1, 3, 5, 7, 9)]
    channels = (4, *(n * multiplier for n in (32, 32, 64, 64)), 1)
    weights: Weights = {}
    for layer, inputs, outputs in zip(layers, channels[:-1], channels[1:], strict=True):
        weights[f"{layer}.weight"] = np.zeros((outputs, inputs, 1, 1), np.float32)
        weights[f"{layer}.bias"] = np.zeros(outputs, np.float32)
    one, *middle, last = (weights[f"{layer}.weight"][:, :, 0, 0] for layer in layers)

    for axis, side in enumerate((width, height)):
        given, own = axis, 2 + axis
        factor, offset = to_pixels(side, coordinates)
        own_factor, own_offset = to_pixels(side, "scaled")
        for sign in (1, -1):
            channel = 2 * axis + (sign < 0)
            one[channel, own] = sign * own_factor
            one[channel, given] = -sign * factor
            bias = sign * (own_offset - offset) - edge
            weights[f"{layers[0]}.bias"][channel] = bias

    middle[0][0, :4] = 1
    middle[1][0, 0] = middle[2][0, 0] = 1
    last[0, 0] = -256
    return weights
