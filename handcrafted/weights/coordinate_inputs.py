"""What networks that are given (x, y) have in common: their input, their losses, their scaling."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from handcrafted.domains import require_canvas

__all__ = [
    "PICTURES",
    "RADIUS",
    "Coordinates",
    "Loss",
    "Weights",
    "balance",
    "require_options",
    "to_pixels",
]

Weights: TypeAlias = dict[str, NDArray[np.float32]]
"""Arrays by name: "3.weight" is the weight of layer 3 of the architecture."""

Coordinates: TypeAlias = Literal["scaled", "pixels"]
"""Whether the network is given x and y in [-1, 1], or as they are."""

Loss: TypeAlias = Literal["sigmoid", "mse"]
"""Whether a picture is the sigmoid of the outputs, or the outputs themselves."""

RADIUS = 4
"""Pixels from the centre of the square to its edge."""

PICTURES: dict[Loss, tuple[float, float]] = {"sigmoid": (256, -128), "mse": (1, 0)}
"""The factor and the bias that take 0 and 1 to the outputs for a black and a white pixel.

In float32 the sigmoid of 128 is 1 and that of -128 is 0, however it is computed: exp(-128) is less
than half of the smallest number above 0, 2**-149, and than half of the last bit of 1, 2**-24.
"""


def to_pixels(side: int, coordinates: Coordinates) -> tuple[float, float]:
    """Return (factor, offset) with pixels = factor * coordinate + offset, for one axis.

    "scaled" coordinates rise from -1 to 1 over the `side` pixels, so both are (side - 1) / 2. A
    side of one pixel has the coordinate -1, or 0 in pixels, and both numbers are 0.
    """
    return (1.0, 0.0) if coordinates == "pixels" else ((side - 1) / 2, (side - 1) / 2)


def require_options(
    height: int, width: int, multiplier: int, kernel: int, coordinates: str, loss: str
) -> None:
    """Raise ValueError, or TypeError, for an option that no architecture has."""
    require_canvas(height, width)
    for name, number in (("multiplier", multiplier), ("kernel", kernel)):
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"the {name} is {number!r}; give a whole number")
        if number < 1:
            raise ValueError(f"the {name} is {number}; give 1 or more")
    for name, value, known in (
        ("coordinates", coordinates, ("scaled", "pixels")),
        ("loss", loss, tuple(PICTURES)),
    ):
        if value not in known:
            raise ValueError(f"{name} '{value}' is not known; choose from: {', '.join(known)}")


def balance(weights: Weights) -> Weights:
    """Return weights of the same function whose layers have nearly equal Frobenius norms.

    For a > 0, relu(a z) = a relu(z). So a layer's kernel may be multiplied by a factor f, and its
    bias by the product of all factors up to it, and what the next layers get is only scaled; if
    all factors together multiply to 1, the outputs are the same. Equal norms would need factors
    f = (geometric mean of the norms) / (own norm). Their running products are rounded to powers
    of two, by which float32 multiplies without rounding: the outputs are the same to the bit. Each
    norm is then within a factor of 2 of the mean.

    Valid for layers with ReLU, or with batch norms that change nothing, between them.
    Rescaling: Neyshabur et al. 2015, arXiv:1506.02617.
    """
    layers = sorted(int(name.split(".")[0]) for name in weights if name.endswith(".weight"))
    norms = np.array([np.linalg.norm(weights[f"{layer}.weight"]) for layer in layers])
    norms[norms == 0] = 1  # a canvas of one pixel needs no weight in the first layer
    exponents = np.cumsum(np.mean(np.log2(norms)) - np.log2(norms)).round()
    products = dict(zip(layers, np.exp2(exponents), strict=True))
    result, before = dict(weights), 1.0
    for layer, product in products.items():
        for name, factor in (("weight", product / before), ("bias", product)):
            result[f"{layer}.{name}"] = weights[f"{layer}.{name}"] * np.float32(factor)
        before = product
    return result
