"""What the weights of all regressors share: the canvases, and the division by its sides."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from handcrafted.domains import require_canvas

__all__ = [
    "CORRECTLY_ROUNDED",
    "LONGEST_SIDE",
    "RADIUS",
    "Weights",
    "reciprocal",
    "require_picture",
    "undecodable",
]

Weights: TypeAlias = dict[str, NDArray[np.float32]]
"""Every array of an architecture by name, "3.weight" for the weight of layer 3."""

RADIUS = 4
"""Pixels from the centre of the published 9x9 square to its edge."""

LONGEST_SIDE = 2**12
"""Up to this many pixels every number on the way is exact in float32; see `reciprocal`."""

CORRECTLY_ROUNDED = 2**9 - 1
"""Up to this many pixels x / side is proved to be rounded once; see `reciprocal`."""


def require_picture(height: int, width: int, radius: int, multiplier: int = 1) -> None:
    """Refuse a canvas that a square of `radius` does not fit on, or that is too long.

    Raises TypeError for what is no whole number, and ValueError.
    """
    require_canvas(height, width)
    if isinstance(multiplier, bool) or not isinstance(multiplier, int | np.integer):
        raise TypeError(f"the multiplier is {multiplier!r}; give a whole number")
    if multiplier < 1:
        raise ValueError(f"the multiplier is {multiplier}; give 1 or more")
    shortest = 2 * radius + 1
    if min(height, width) < shortest or max(height, width) > LONGEST_SIDE:
        raise ValueError(
            f"no weights are known for a canvas of {height}x{width}; "
            f"give sides of {shortest} to {LONGEST_SIDE} pixels"
        )


def reciprocal(side: int) -> tuple[float, ...]:
    """Return float32 numbers by which x is multiplied, and the products added, to get x / side.

    The result is x / side, rounded to float32 once, for all whole numbers x from 0 to side - 1.
    That is the number that the published networks are trained to put out, to the last bit.

    If the side is a power of two, 1 / side is a float32 number, and so is x / side. Any other
    1 / side is not, and x times its rounded value is rounded a second time. So it is given in two
    parts: `high`, its first 12 binary digits, and `low`, the rest. x has 12 digits at most, so
    x * high has 24 and is exact. x * low is less than 2**-11 of that and wrong by 2**-23 of itself
    at most, or 2**-34 of x / side. Adding them rounds to the float32 number nearest to x / side
    unless the middle between two of those is as close to x / side as that.

    It never is. Two neighbouring float32 numbers between 2**e and 2**(e+1) have the middle
    k * 2**(e-24) for a whole number k. No such middle is x / side: that is a fraction with an odd
    factor below or, if x cancels it, a float32 number. So they differ by at least
    2**(e-24) / side, or 2**-25 / side of x / side. For sides below 2**9 that is more than 2**-34.
    Larger sides, up to 2**12, may in principle be wrong by one unit in the last place.
    """
    nearest = np.float32(1 / side)
    high = (nearest.view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32)
    low = np.float32(1 / side - float(high))
    return (float(high), float(low)) if low else (float(high),)


def undecodable(side: int) -> NDArray[np.int64]:
    """Return the positions x that no float32 number z gives as z * side, rounded to float32.

    There the answer in pixels cannot equal the target, whatever network puts z out: near x / side
    the products of neighbouring numbers are further apart than float32 numbers near x are. Powers
    of two have none; of the 2080 positions on sides of up to 64, 109 are such.
    """
    x = np.arange(side)
    nearest = (x / side).astype(np.float32)
    candidates = np.stack(
        [np.nextafter(nearest, np.float32(-1)), nearest, np.nextafter(nearest, np.float32(1))]
    )
    return x[np.all(candidates * np.float32(side) != x, axis=0)]
