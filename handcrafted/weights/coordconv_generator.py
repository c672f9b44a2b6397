"""Weights for the published CoordConv generator of two objects, computed instead of learned.

The network is given 256 latents and, at each pixel, its coordinates; eight convolutions with ReLU
between put out a colour. Each pixel by itself finds out where both objects are and whether it is
in them. Latents are multiples of 1 / 2048 in [-1, 1), so v = 2048 (z + 1) is a whole number below
4096.

The published scenes are drawn by rejection: the red centre is drawn again until it is 20 pixels or
more from the blue one. A network cannot draw again and again, but it can draw seven times and take
the first that will do. If none will, red goes where it is sure to be far enough. So every scene is
valid, and its distribution is the published one but for the scenes in which all seven failed;
`distance_from_published` says how much that is.

| after layer | carries |
| --- | --- |
| 1 | one step for each bound between two digits of a coordinate; both shapes; i, j of the pixel |
| 2 | all centres and the pixel; terms of d^2 for two proposals; abs(d) for the others and blue |
| 3 | near for two proposals; terms of d^2 for the others; where red is sure to be far enough |
| 4 | near for the others; terms of how far the pixel is from blue |
| 5 | blue here, the red centre |
| 6 | terms of how far the pixel is from red |
| 7 | red here, blue here |
| 8 | the colours, -16 or less, or 16 or more, whose tanh is -1 or 1 in float32 |

**A step** of a whole number n, 1 if n >= 1 and 0 if n <= 0, is relu(n) - relu(n - 1).

**A coordinate** has two digits, since 44 = 4 * 11: two latents, of which one needs 3 steps and the
other 10, where one latent would need 43. Digit k of p is taken from k 4096 / p on. 4096 is no
multiple of 11, so some digits are likelier than others by 1 in 372.

**The square** of a whole number n, 0 <= n <= m, is n + 2 (relu(n - 1) + ... + relu(n - m + 1)),
since n^2 = 1 + 3 + ... + (2 n - 1). Two centres are too near if dx^2 + dy^2 < 400, and for that a
distance above 20 in one axis may count as 20.

**The choice** of the first proposal that is not near: relu(x_k - S (near_k + the number of earlier
ones that are not near)), with S no smaller than any x, is x_k for that one and 0 for all others.

**A pixel is in an object** if dx^2 + dy^2 <= 100, for a disc, or if neither distance is above 10.
Let q(n) = n^2 up to 10 and grow by 119 a pixel beyond. A disc's pixels are those with q(dx) + q(dy)
<= 100, a square's those with q(dx) + q(dy) <= 200: with a distance of 11 or more q is at least 219.

**Why not exactly the published distribution.** A pair of centres has the chance 1 / (1936 N), N the
number of places that the first leaves free. 1936 = 16 * 121 is no power of two. All latents
together take a power of two of values, equally likely, so the chance of any scene is a whole
number over a power of two, for every network.

**Real latents.** A network of relus is continuous, so between two scenes it must pass through
pictures that are neither. It does while a latent's v is in the last 16th below a bound between two
digits; elsewhere all is as on whole numbers. On 64x64 there are 236 bounds, and so less than
236 / 65,536 of uniform real latents, 0.36 %, have a v in such a band.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from handcrafted.domains import require_canvas
from handcrafted.two_objects import DISTANCE, RADIUS, free_places
from handcrafted.weights.coordinate_inputs import Weights, to_pixels

__all__ = [
    "CHANNELS",
    "LATENTS",
    "PROPOSALS",
    "SHORTEST_SIDE",
    "VALUES",
    "Point",
    "chances",
    "coordconv_generator",
    "distance_from_published",
    "proposals",
]

LATENTS = 256

SHORTEST_SIDE = 2 * RADIUS + 1
"""Of a canvas that has room for an object, in pixels."""

VALUES = 4096
"""Of a latent, equally likely."""

PROPOSALS = 7
"""For the red centre, as many as the third layer has room for."""

CHANNELS = 64
"""Of the last layers, as published; the others have 8, 4, 4, 2 and 1 times as many."""

_EARLY = 2
"""Proposals that are compared with the blue centre one layer before the others."""

_GAIN = 16
"""The steepness of steps of a latent: between whole numbers one is neither 0 nor 1 for 1 / 16."""

_BRIGHT = 16.0
"""tanh(16) is 1 in float32: 1 - tanh(16) is about 2.5e-14."""


# --- Sums of units --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sum:
    """A linear function of a layer's inputs: of the units before it."""

    terms: dict[int, float] = field(default_factory=dict)
    constant: float = 0.0

    def __add__(self, other: _Sum | float) -> _Sum:
        if not isinstance(other, _Sum):
            return _Sum(self.terms, self.constant + other)
        names = self.terms | other.terms
        terms = {k: self.terms.get(k, 0.0) + other.terms.get(k, 0.0) for k in names}
        return _Sum(terms, self.constant + other.constant)

    def __mul__(self, factor: float) -> _Sum:
        return _Sum({k: v * factor for k, v in self.terms.items()}, self.constant * factor)

    def __sub__(self, other: _Sum | float) -> _Sum:
        return self + other * -1.0

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: float) -> _Sum:
        return self * -1.0 + other


class _Layer:
    """A layer's units, each the relu of a sum of the units before."""

    def __init__(self) -> None:
        self.units: list[_Sum] = []

    def relu(self, total: _Sum) -> _Sum:
        """Add a unit; returns what it puts out, for the next layer."""
        self.units.append(total)
        return _Sum({len(self.units) - 1: 1.0})

    def step(self, total: _Sum, gain: float = 1.0) -> _Sum:
        """Return 1 where a whole number is 1 or more, and 0 where it is 0 or less.

        Between 0 and 1 it is 0 up to 1 - 1 / gain, and rises from there.
        """
        return self.relu(total * gain + (1 - gain)) - self.relu(total * gain - gain)

    def squared(self, distance: _Sum, bound: int, beyond: float) -> _Sum:
        """Return n^2 of a whole number n from 0 to the bound; it grows by `beyond` after that.

        0 for a negative number.
        """
        terms = [self.relu(distance - k) * (2 - (k == 0)) for k in range(bound)]
        last = self.relu(distance - bound) * (beyond - (2 * bound - 1))
        return _total([*terms, last])

    def of_difference(self, difference: _Sum, bound: int, beyond: float) -> _Sum:
        """Return `squared` of the absolute value of a difference."""
        return _total(self.squared(difference * sign, bound, beyond) for sign in (1, -1))

    def absolute(self, difference: _Sum) -> _Sum:
        """Return the absolute value."""
        return self.relu(difference) + self.relu(difference * -1)


def _total(sums: Iterable[_Sum]) -> _Sum:
    return sum(sums, _Sum())


# --- The network ----------------------------------------------------------------------------

Point: TypeAlias = list[_Sum]
"""Sums that come to x and y, in pixels."""


def coordconv_generator(height: int, width: int, channels: int = CHANNELS) -> Weights:
    """Return weights that draw a valid scene of two objects from any latents.

    Raises TypeError for what is no whole number, and ValueError for a canvas, or a number of
    channels, that there are none for.
    """
    layers = _layers(height, width, channels)
    weights: Weights = {}
    inputs = LATENTS + 2
    sizes = (8, 4, 4, 2, 1, 1, 1)
    outputs = [size * channels for size in sizes] + [3]
    for index, (units, many) in enumerate(zip(layers, outputs, strict=True)):
        assert len(units) <= many, (index, len(units))
        side = 3 if index in (5, 6) else 1
        kernel = np.zeros((many, inputs, side, side), np.float32)
        bias = np.zeros(many, np.float32)
        for row, total in enumerate(units):
            for column, value in total.terms.items():
                kernel[row, column, side // 2, side // 2] = value
            bias[row] = total.constant
        weights[f"{2 * index}.weight"], weights[f"{2 * index}.bias"] = kernel, bias
        inputs = many
    return weights


def _layers(height: int, width: int, channels: int) -> list[list[_Sum]]:
    """Return what each unit of each layer is the relu of, and the three colours."""
    count = proposals(height, width, channels)
    sides = (width, height)
    far = _far(height, width)
    latent = iter(range(LATENTS))

    # Layer 1: of the latents and of the pixel's coordinates.
    layer = _Layer()
    here = []
    for axis, side in enumerate(sides):
        factor, offset = to_pixels(side, "scaled")
        here.append(layer.relu(_Sum({LATENTS + axis: factor}, offset)))

    def digit(parts: int) -> _Sum:
        value = _Sum({next(latent): VALUES / 2}, VALUES / 2)
        return _total(layer.step(value + (1 - bound), _GAIN) for bound in _bounds(parts))

    def centre() -> Point:
        return [
            RADIUS + digit(high) * low + digit(low)
            for high, low in (_digits(side - 2 * RADIUS) for side in sides)
        ]

    blue, proposed, spare = centre(), [centre() for _ in range(count)], centre()
    shapes = [digit(2), digit(2)]
    layers = [layer.units]

    # Layer 2: which proposals are too near is found in two turns, for want of room.
    layer = _Layer()
    blue_from = [layer.absolute(a - b) for a, b in zip(here, blue, strict=True)]
    near = [_excess(layer, red, blue) for red in proposed[:_EARLY]]
    later = [
        [layer.absolute(a - b) for a, b in zip(red, blue, strict=True)] for red in proposed[_EARLY:]
    ]
    here, shapes = _keep(layer, here), _keep(layer, shapes)
    proposed, spare = [_keep(layer, red) for red in proposed], _keep(layer, spare)
    kept = _keep(layer, blue)
    layers.append(layer.units)

    # Layer 3.
    layer = _Layer()
    near = [layer.step(excess) for excess in near]
    for distances in later:
        squares = (layer.squared(d, DISTANCE, 0) for d in distances)
        near.append(DISTANCE**2 - _total(squares))
    blue_from = _keep(layer, blue_from)
    spare = [
        _farthest(layer, axis_centre, side) if axis in far else layer.relu(free)
        for axis, (axis_centre, free, side) in enumerate(zip(kept, spare, sides, strict=True))
    ]
    here, shapes = _keep(layer, here), _keep(layer, shapes)
    proposed = [_keep(layer, red) for red in proposed]
    layers.append(layer.units)

    # Layer 4.
    layer = _Layer()
    near = [*_keep(layer, near[:_EARLY]), *(layer.step(excess) for excess in near[_EARLY:])]
    outside = _total(layer.squared(d, RADIUS, _BEYOND) for d in blue_from)
    here, shapes = _keep(layer, here), _keep(layer, shapes)
    proposed, spare = [_keep(layer, red) for red in proposed], _keep(layer, spare)
    layers.append(layer.units)

    # Layer 5.
    layer = _Layer()
    blue_here = _inside(layer, outside, shapes[0])
    red = _first(layer, near, proposed, spare, max(sides))
    here, (shape,) = _keep(layer, here), _keep(layer, shapes[1:])
    layers.append(layer.units)

    # Layer 6, whose kernels see their own pixel alone.
    layer = _Layer()
    outside = _total(
        layer.of_difference(a - b, RADIUS, _BEYOND) for a, b in zip(here, red, strict=True)
    )
    blue_here, shape = _keep(layer, (blue_here, shape))
    layers.append(layer.units)

    # Layer 7, likewise.
    layer = _Layer()
    red_here = _inside(layer, outside, shape)
    (blue_here,) = _keep(layer, (blue_here,))
    layers.append(layer.units)

    # White has all three colours, blue the third and red the first; red covers blue.
    first = 1 - 2 * blue_here + 2 * red_here
    second = 1 - 2 * blue_here - 2 * red_here
    third = 1 - 2 * red_here
    layers.append([colour * _BRIGHT for colour in (first, second, third)])
    return layers


_BEYOND = 119.0
"""What the square of a distance grows by, a pixel, beyond the radius."""


def _keep(layer: _Layer, sums: Iterable[_Sum]) -> list[_Sum]:
    """Let numbers through that are never negative."""
    return [layer.relu(total) for total in sums]


def _excess(layer: _Layer, red: Iterable[_Sum], blue: Iterable[_Sum]) -> _Sum:
    """Return a whole number that is 1 or more if two centres are too near, and else 0 or less."""
    pairs = zip(red, blue, strict=True)
    return DISTANCE**2 - _total(layer.of_difference(a - b, DISTANCE, 0) for a, b in pairs)


def _farthest(layer: _Layer, blue: _Sum, side: int) -> _Sum:
    """Return the first or the last place along an axis, whichever is farther from blue."""
    last = side - 2 * RADIUS - 1
    return RADIUS + last * layer.step(RADIUS + (last + 1) // 2 - blue)


def _first(
    layer: _Layer, near: list[_Sum], proposed: list[Point], spare: Point, large: int
) -> Point:
    """Return the first proposal that is not near, or what is spare if all are."""
    red, free = [_Sum(), _Sum()], _Sum()
    for excluded, point in zip(near, proposed, strict=True):
        red = [
            a + layer.relu(b - large * (excluded + free)) for a, b in zip(red, point, strict=True)
        ]
        free = free + (1 - excluded)
    return [a + layer.relu(b - large * free) for a, b in zip(red, spare, strict=True)]


def _inside(layer: _Layer, outside: _Sum, square: _Sum) -> _Sum:
    """Return 1 in an object and 0 out of it, from the sum of q and the shape, 1 for a square."""
    # A pixel's own coordinates are rounded, so the bound lies between two whole numbers.
    return layer.step(RADIUS**2 * (1 + square) + 1 - outside, 2.0)


# --- What is drawn --------------------------------------------------------------------------


def _digits(parts: int) -> tuple[int, int]:
    """Return two factors of a number as near to each other as there are."""
    low = next(k for k in range(isqrt(parts), 0, -1) if parts % k == 0)
    return low, parts // low


def _bounds(parts: int) -> list[int]:
    """Return the smallest value of a latent for each digit but 0."""
    return [-(-k * VALUES // parts) for k in range(1, parts)]


def _far(height: int, width: int) -> tuple[int, ...]:
    """Return the axes along which red goes to the farther end if no proposal will do.

    0 for x and 1 for y; ValueError for a canvas where that is not far enough.
    """
    if min(height, width) < SHORTEST_SIDE:
        raise ValueError(
            f"a canvas of {height}x{width} has no room for an object; give 50x50 or more"
        )
    # In the middle, of n places the farther end is n // 2 away.
    distances = [(side - 2 * RADIUS) // 2 for side in (width, height)]
    for axis in (0, 1):
        if distances[axis] >= DISTANCE:
            return (axis,)
    if distances[0] ** 2 + distances[1] ** 2 >= DISTANCE**2:
        return (0, 1)
    raise ValueError(
        f"no weights are known for a canvas of {height}x{width}; there must be a place 20 pixels "
        "from the middle: give 50x50 or more"
    )


def proposals(height: int, width: int, channels: int = CHANNELS) -> int:
    """Return how many proposals for the red centre a canvas has room for, 7 at most.

    Raises TypeError for what is no whole number, and ValueError for a canvas, or a number of
    channels, that there are no weights for.
    """
    height, width = require_canvas(height, width)
    if isinstance(channels, bool) or not isinstance(channels, int):
        raise TypeError(f"channels is {channels!r}; give a whole number")
    if channels < CHANNELS:
        raise ValueError(f"no weights are known for {channels} channels; give {CHANNELS} or more")
    _far(height, width)
    steps = sum(part - 1 for side in (width, height) for part in _digits(side - 2 * RADIUS))
    # Two units a step; blue and what is spare are points too, beside two shapes and the pixel.
    room = (8 * channels - 6) // (2 * steps) - 2
    if room < 1:
        raise ValueError(
            f"no weights are known for a canvas of {height}x{width}: the steps of its "
            f"{height - 2 * RADIUS}x{width - 2 * RADIUS} places do not fit into {8 * channels} "
            "units; give sides that are 20 more than a product of small numbers, such as 64x64"
        )
    return min(PROPOSALS, room)


def _shares(parts: int) -> NDArray[np.float64]:
    """Return the chance of each of so many places along an axis."""
    chances = [np.diff([0, *_bounds(n), VALUES]) / VALUES for n in _digits(parts)]
    return np.outer(*chances).ravel()


def chances(height: int, width: int) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Yield, for each blue centre, its chance and those of each red centre once it is given.

    Row after row from the top left; the latter as an array (height - 20, width - 20). For latents
    of 4096 equally likely values, with 64 channels. Raises as `coordconv_generator` does.
    """
    count, far = proposals(height, width), _far(height, width)
    rows, columns = height - 2 * RADIUS, width - 2 * RADIUS
    down, across = _shares(rows), _shares(columns)
    proposed = np.outer(down, across)
    y, x = np.mgrid[:rows, :columns]
    for row in range(rows):
        for column in range(columns):
            free = (x - column) ** 2 + (y - row) ** 2 >= DISTANCE**2
            near = float(proposed[~free].sum())
            ends = (column, columns, across), (row, rows, down)
            spare_x, spare_y = (
                np.eye(n)[(n - 1) * (own < n // 2)] if axis in far else share
                for axis, (own, n, share) in enumerate(ends)
            )
            red = np.where(free, proposed, 0) * (1 - near**count) / (1 - near)
            yield float(proposed[row, column]), red + near**count * np.outer(spare_y, spare_x)


def distance_from_published(height: int, width: int) -> float:
    """Return the total-variation distance of the scenes from the published distribution.

    Every pair of centres is counted, and summed in float64; see `chances`.
    """
    counts = free_places(height, width)
    differences = (
        np.abs(blue * red - (red > 0) / (counts.size * int(count))).sum()
        for (blue, red), count in zip(chances(height, width), counts.ravel(), strict=True)
    )
    return float(sum(differences)) / 2
