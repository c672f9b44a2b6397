"""Two objects' places, colours and shapes to the picture of them and back, nothing learned.

The scenes are those of the CoordConv paper's GAN experiment (Liu et al. 2018, arXiv:1807.03247,
section 5; the authors' data/sort_of_clevr_generator.py): on white, one blue and one red object,
each a disc or a square of radius 10, whole on the canvas, their centres at least 20 pixels apart.
Blue is drawn first, so red covers it where two squares or a square and a disc still meet. Colour
values are -1 and 1.

Objects are vectors of eight numbers: x, y, colour (0 blue, 1 red), shape (0 disc, 1 square), and
the same for the other object.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, isqrt

import numpy as np
from numpy.typing import NDArray

from handcrafted.domains import any_true, first_true, require_canvas, shown, whole
from handcrafted.network import Network
from handcrafted.operations import (
    Array,
    Convolution,
    Coordinates,
    Linear,
    Operation,
    Relu,
    Shape,
    Sum,
    Tap,
    Tile,
    namespace,
)

__all__ = [
    "DISTANCE",
    "RADIUS",
    "Objects",
    "Scenes",
    "drawing_steps",
    "free_places",
    "inverse_network",
    "inverse_steps",
    "nearer_taps",
    "network",
    "steps",
]

RADIUS = 10
"""Pixels from an object's centre to its edge."""

DISTANCE = 2 * RADIUS
"""The least distance between the two centres."""


def network(height: int, width: int) -> Network:
    """Return (n, 8) objects, in any order, to (n, 3, height, width) scenes.

    Relus sort the objects by colour, four one-hot bitmaps mark the centres (one for each colour
    and shape; those of the shapes that are not there stay empty), one convolution draws a disc or
    a square around each, and a relu takes from the blue object what the red one covers.
    """
    height, width = require_canvas(height, width)
    return Network("objects2image", Objects(height, width), steps(height, width))


def steps(height: int, width: int) -> tuple[Operation, ...]:
    """Return the operations for a canvas of this size; the proofs pass symbols for numbers."""
    return (
        # Sort: relu(v - M c) is v if the object is blue and 0 if it is red, for any v up to M;
        # relu(v - M + M c) the other way round.
        _by_colour(height + width),
        Relu(),
        _add_pairs(),
        Tile(height, width),
        Coordinates(),
        # x - X, X - x, y - Y, Y - y of the blue object, then of the red one, and both shapes.
        Convolution(
            (
                *(
                    tap
                    for colour in range(2)
                    for axis in range(2)
                    for sign in range(2)
                    for tap in (
                        Tap(4 * colour + 2 * axis + sign, 3 * colour + axis, 1 - 2 * sign),
                        Tap(4 * colour + 2 * axis + sign, 6 + axis, 2 * sign - 1),
                    )
                ),
                Tap(8, 2, 1),
                Tap(9, 5, 1),
            ),
            bias=(0,) * 10,
        ),
        Relu(),
        # 1 - shape - distance marks a disc's centre and shape - distance a square's.
        Convolution(
            tuple(
                tap
                for colour in range(2)
                for shape in range(2)
                for tap in (
                    *(Tap(2 * colour + shape, 4 * colour + k, -1) for k in range(4)),
                    Tap(2 * colour + shape, 8 + colour, 2 * shape - 1),
                )
            ),
            bias=(1, 0, 1, 0),
        ),
        Relu(),
        *drawing_steps(),
    )


def drawing_steps() -> tuple[Operation, ...]:
    """Return the operations from four one-hot maps to the scene.

    The maps, (n, 4, height, width), mark the centre of a blue disc, a blue square, a red disc and
    a red square; one of each colour is empty.
    """
    return (
        Convolution(
            tuple(tap for colour in range(2) for tap in _brushes(colour)),
            bias=(0, 0),
        ),
        # What is seen of the blue object, and the red one.
        Convolution((Tap(0, 0, 1), Tap(0, 1, -1), Tap(1, 1, 1)), bias=(0, 0)),
        Relu(),
        # White is (1, 1, 1), blue takes 2 from red and green, red takes 2 from green and blue.
        Convolution((Tap(0, 0, -2), Tap(1, 0, -2), Tap(1, 1, -2), Tap(2, 1, -2)), bias=(1, 1, 1)),
    )


def _by_colour(large: int) -> Linear:
    rows, bias = [], []
    for colour in range(2):
        for thing in (0, 1, 3):
            for which in range(2):
                row = [0] * 8
                row[4 * which + thing] = 1
                row[4 * which + 2] = large if colour else -large
                rows.append(tuple(row))
                bias.append(-large if colour else 0)
    return Linear(tuple(rows), tuple(bias))


def _add_pairs() -> Linear:
    rows = tuple(tuple(int(column // 2 == row) for column in range(12)) for row in range(6))
    return Linear(rows, (0,) * 6)


def _brushes(colour: int) -> tuple[Tap, ...]:
    """Return a disc, row by row, around a disc's centre and a square around a square's.

    The disc is every pixel within 10 of the centre, as OpenCV's `circle` fills it.
    """
    disc = tuple(
        Tap(colour, 2 * colour, 1, columns=2 * half + 1, top=row, left=-half)
        for row in range(-RADIUS, RADIUS + 1)
        for half in (isqrt(RADIUS**2 - row**2),)
    )
    side = 2 * RADIUS + 1
    return (*disc, Tap(colour, 2 * colour + 1, 1, side, side, -RADIUS, -RADIUS))


def inverse_network(height: int, width: int) -> Network:
    """Return (n, 3, height, width) scenes to (n, 8) objects, the blue one first.

    A pixel is an object's centre if the four pixels 10 to its left, to its right, above and below
    are the object's: nowhere else is a disc or a square 21 pixels long both ways. The red object
    is seen whole. Of the blue one's four end pixels the red object can cover one, no more (it
    would have to be nearer than 20), so of the four three must be blue and the last blue or red;
    and of those just beyond the four none may be blue, else a red object below a blue square
    would pass for its lower end. An object is a square if one of its corners is seen at least: a
    disc has none, and of a blue square's four the red object can cover two, no more.
    """
    height, width = require_canvas(height, width)
    return Network("image2objects", Scenes(height, width), inverse_steps(height, width))


_ENDS = ((-RADIUS, 0), (RADIUS, 0), (0, -RADIUS), (0, RADIUS))
_BEYOND = ((-RADIUS - 1, 0), (RADIUS + 1, 0), (0, -RADIUS - 1), (0, RADIUS + 1))
_CORNERS = ((-RADIUS, -RADIUS), (-RADIUS, RADIUS), (RADIUS, -RADIUS), (RADIUS, RADIUS))


def inverse_steps(height: int, width: int) -> tuple[Operation, ...]:
    """Return the operations for a canvas of this size; the proofs pass symbols for numbers."""
    blue, red = 0, 1

    def taps(
        output: int, channel: int, value: int, places: tuple[tuple[int, int], ...]
    ) -> list[Tap]:
        return [Tap(output, channel, value, top=top, left=left) for top, left in places]

    return (
        # What is seen of the blue object has no red in it, the red object no blue.
        Convolution((Tap(blue, 0, -1), Tap(red, 2, -1)), bias=(0, 0)),
        Relu(),
        # 2 or 1 at the blue centre, 1 at the red one, at most 0 elsewhere; and how many corners.
        Convolution(
            (
                *taps(0, blue, 2, _ENDS),
                *taps(0, red, 1, _ENDS),
                *taps(0, blue, -8, _BEYOND),
                *taps(1, red, 1, _ENDS),
                *taps(2, blue, 1, _CORNERS),
                *taps(3, red, 1, _CORNERS),
            ),
            bias=(-6, -3, 0, 0),
        ),
        Relu(),
        # The blue centre as 0 on 1, whether it was 1 or 2.
        Convolution((Tap(0, 0, -1), Tap(1, 1, 1), Tap(2, 2, 1), Tap(3, 3, 1)), bias=(1, 0, 0, 0)),
        Relu(),
        Coordinates(),
        # The steps of onehot2coord for both, and the corners where the centre is.
        Convolution(
            (
                Tap(0, 0, -width),
                Tap(0, 4, -1),
                Tap(1, 0, -height),
                Tap(1, 5, -1),
                Tap(2, 1, width),
                Tap(2, 4, -1),
                Tap(3, 1, height),
                Tap(3, 5, -1),
                Tap(4, 0, -4),
                Tap(4, 2, 1),
                Tap(5, 1, 4),
                Tap(5, 3, 1),
            ),
            bias=(width, height, 0, 0, 0, -4),
        ),
        Relu(),
        Sum(),
        # x and y of both, and 1 - corners, which the relu makes 1 for a disc and 0 for a square.
        Linear(
            tuple(tuple(-int(row == column) for column in range(6)) for row in range(6)),
            bias=(width, height, width, height, 1, 1),
        ),
        Relu(),
        Linear(
            (
                (1, 0, 0, 0, 0, 0),
                (0, 1, 0, 0, 0, 0),
                (0, 0, 0, 0, 0, 0),
                (0, 0, 0, 0, -1, 0),
                (0, 0, 1, 0, 0, 0),
                (0, 0, 0, 1, 0, 0),
                (0, 0, 0, 0, 0, 0),
                (0, 0, 0, 0, 0, -1),
            ),
            bias=(0, 0, 0, 1, 0, 0, 1, 1),
        ),
    )


def nearer_taps(output: int, channel: int, value: int) -> tuple[Tap, ...]:
    """Return the disc of all offsets nearer than `DISTANCE`, row by row."""
    return tuple(
        Tap(output, channel, value, columns=2 * half + 1, top=row, left=-half)
        for row in range(1 - DISTANCE, DISTANCE)
        for half in (isqrt(DISTANCE**2 - 1 - row**2),)
    )


def free_places(height: int, width: int) -> NDArray[np.int64]:
    """Count the places that a first object leaves for the second.

    Returns (height - 20, width - 20), for the first centre at (10 + column, 10 + row). ValueError
    for a canvas without room for two objects.
    """
    height, width = _require_room(height, width)
    places = np.ones((1, 1, height - 2 * RADIUS, width - 2 * RADIUS), dtype=np.int64)
    taken = Convolution(nearer_taps(0, 0, 1), (0,))(places)
    return np.asarray(places.size - taken[0, 0])


def _require_room(height: int, width: int) -> tuple[int, int]:
    height, width = require_canvas(height, width)
    side = 2 * RADIUS + 1
    if min(height, width) < side or (height - side) ** 2 + (width - side) ** 2 < DISTANCE**2:
        raise ValueError(
            f"a canvas of {height}x{width} has no room for two objects of radius {RADIUS} "
            f"{DISTANCE} pixels apart; the published canvas is 64x64"
        )
    return height, width


@dataclass(frozen=True)
class Objects:
    """Vectors (n, 8) of two objects, one blue and one red, far enough apart, on the canvas."""

    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse a canvas without room for two objects."""
        _require_room(self.height, self.width)

    name = "objects"

    @property
    def shape(self) -> Shape:
        """The shape of one vector."""
        return (8,)

    @property
    def largest(self) -> int:
        """Sorting by colour adds the sum of both sides."""
        return self.height + self.width

    def check(self, x: Array, first: int) -> None:
        """See `handcrafted.network.Domain.check`."""
        wrong = self.wrong(x)
        if any_true(wrong):
            item = first_true(wrong)
            values = [float(x[item, k]) for k in range(8)]
            raise ValueError(f"item {first + item} of the batch {self._complaint(values)}")

    def wrong(self, x: Array) -> Array:
        """Say which of (n, 8) vectors are no two such objects."""
        limits = 2 * self._limits()
        right = whole(x[:, 0], limits[0][1], limits[0][2])
        for k, (_, low, high) in enumerate(limits):
            right = right & whole(x[:, k], low, high)
        # Beyond 20 pixels it does not matter how far, and clipped the squares are exact. What is
        # not on the canvas is wrong already, and clipped its differences do not overflow.
        xp = namespace(x)
        on_canvas = [xp.clip(x[:, k], *limits[k][1:]) for k in range(8)]
        apart = [xp.clip(xp.abs(on_canvas[k] - on_canvas[k + 4]), 0, DISTANCE) for k in (0, 1)]
        far = apart[0] * apart[0] + apart[1] * apart[1] >= DISTANCE**2
        return ~(right & (x[:, 2] != x[:, 6]) & far)

    def _limits(self) -> tuple[tuple[str, int, int], ...]:
        return (
            ("x", RADIUS, self.width - 1 - RADIUS),
            ("y", RADIUS, self.height - 1 - RADIUS),
            ("colour", 0, 1),
            ("shape", 0, 1),
        )

    def _complaint(self, values: list[float]) -> str:
        for value, (name, low, high) in zip(values, 2 * self._limits(), strict=True):
            if not (low <= value <= high and value == int(value)):
                return f"has {name} = {shown(value)}; expected a whole number from {low} to {high}"
        if values[2] == values[6]:
            return "has two objects of one colour; expected one blue (0) and one red (1)"
        apart = hypot(values[0] - values[4], values[1] - values[5])
        return f"has centres {apart:.3g} pixels apart; expected {DISTANCE} or more"


@dataclass(frozen=True)
class Scenes:
    """Scenes (n, 3, height, width) that `network` draws, with values -1 and 1."""

    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse a canvas without room for two objects."""
        _require_room(self.height, self.width)

    name = "scenes"

    @property
    def shape(self) -> Shape:
        """The shape of one scene."""
        return (3, self.height, self.width)

    @property
    def largest(self) -> int:
        """What it finds must be drawn again."""
        return self.height + self.width

    def check(self, x: Array, first: int) -> None:
        """See `handcrafted.network.Domain.check`.

        Draws what the network finds: exactly the valid scenes come out the same again.
        """
        xp = namespace(x)
        found = xp.clip(x, -1, 1)  # other values are wrong, whatever is found, and may overflow
        for operation in inverse_steps(self.height, self.width):
            found = operation(found)
        drawn = found
        for operation in steps(self.height, self.width):
            drawn = operation(drawn)
        wrong = xp.any(drawn != x, axis=(1, 2, 3)) | Objects(self.height, self.width).wrong(found)
        if any_true(wrong):
            raise ValueError(
                f"scene {first + first_true(wrong)} of the batch is not one blue and one red "
                "object on white; see handcrafted.two_objects for the rules"
            )
