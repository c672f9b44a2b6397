"""Weights for the published CoordConv renderer, computed instead of learned."""

from __future__ import annotations

import numpy as np

from handcrafted.weights.coordconv_classifier import square_logits
from handcrafted.weights.coordinate_inputs import (
    PICTURES,
    RADIUS,
    Coordinates,
    Loss,
    Weights,
    balance,
    require_options,
)

__all__ = ["balanced_coordconv_renderer", "coordconv_renderer"]


def coordconv_renderer(
    height: int,
    width: int,
    multiplier: int = 1,
    kernel: int = 3,
    coordinates: Coordinates = "scaled",
    loss: Loss = "sigmoid",
) -> Weights:
    """Return weights that draw the 9x9 square around (x, y), on any canvas and with any kernel.

    The architecture is the classifier, its softmax and five convolutions. One would expect the
    classifier to find the centre and the convolutions to draw the square around it, but five
    kernels of side 2 reach no further than 5 pixels, and kernels of side 1 nowhere. The
    classifier can draw the square by itself (`square_logits`), and the convolutions need only
    one weight each, the one that reads the pixel itself.

    | layer | in the square | outside |
    | --- | --- | --- |
    | classifier | 0 | below -112 |
    | softmax p | 1/81, or more where the canvas cuts the square | at most 1.3e-24 |
    | 6 | relu(1 - 128 p) = 0, for 128/81 > 1 | relu(1 - 128 p) = 1 |
    | 7, 8, 9 | 0 | 1 |
    | 10 | factor + bias | bias |

    `loss` names what the outputs are read by, and so the factor and the bias: 1 and 0 for "mse",
    256 and -128 for "sigmoid" (see `PICTURES`). Layer 10 is given the opposite of the picture,
    so its weight is -factor and its bias factor + bias.

    Outside, p depends on the library: 0 in most, but a softmax that bounds its logits at -55 has
    exp(-55) = 1.3e-24. 1 - 128 p is 1 in float32 either way. 26 numbers are used.

    Raises ValueError, or TypeError, for a canvas or an option that there is not.
    """
    require_options(height, width, multiplier, kernel, coordinates, loss)
    weights = square_logits(height, width, RADIUS + 0.5, 1, coordinates)
    layers = [number + (coordinates == "scaled") for number in (11, 13, 15, 17, 19)]
    channels = (1, *(n * multiplier for n in (8, 8, 16, 16)), 1)
    factor, bias = PICTURES[loss]
    taps = (-128, 1, 1, 1, -factor)
    own = (kernel - 1) // 2  # of an even kernel, TensorFlow's padding has the larger half behind
    for layer, inputs, outputs, tap in zip(layers, channels[:-1], channels[1:], taps, strict=True):
        weights[f"{layer}.weight"] = np.zeros((outputs, inputs, kernel, kernel), np.float32)
        weights[f"{layer}.bias"] = np.zeros(outputs, np.float32)
        weights[f"{layer}.weight"][0, 0, own, own] = tap
    weights[f"{layers[0]}.bias"][0] = 1
    weights[f"{layers[-1]}.bias"][0] = factor + bias
    return weights


def balanced_coordconv_renderer(
    height: int,
    width: int,
    multiplier: int = 1,
    kernel: int = 3,
    coordinates: Coordinates = "scaled",
    loss: Loss = "sigmoid",
) -> Weights:
    """Return weights of the same function as `coordconv_renderer`, balanced in two parts.

    The softmax between the classifier and the convolutions must get the logits as they are, so
    each part is balanced by itself.
    """
    weights = coordconv_renderer(height, width, multiplier, kernel, coordinates, loss)
    last = 9 + (coordinates == "scaled")
    classifier = {k: array for k, array in weights.items() if int(k.partition(".")[0]) <= last}
    convolutions = {k: array for k, array in weights.items() if k not in classifier}
    return balance(classifier) | balance(convolutions)
