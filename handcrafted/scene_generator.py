"""Random numbers to scenes of two objects: a generator that needs no training.

The scenes and their distribution are those of the CoordConv paper's GAN experiment (Liu et al.
2018, arXiv:1807.03247, section 5; the authors' data/sort_of_clevr_generator.py): the blue centre
is uniform over all places, the red one uniform over those at least 20 pixels from it, each object
a disc or a square with equal chance. The authors draw the red centre again and again until it is
far enough. A network cannot draw again, so it counts: of the N places that the blue object leaves
free it takes the one whose number, from the top left and row after row, is the whole part of N u.

Latents are vectors of eight whole numbers from 0 to 4095:

    x, x', y, y'   the blue centre's column and row
    u, u'          which of the free places is the red centre
    b, r           the blue and the red object's shape: a disc below 2048, else a square

Two of them make one number in [0, 1), such as (4096 u + u') / 4096**2, since every number on the
way must be an integer that float32 holds: N u and N u' are, N (4096 u + u') is not. Their
comparison with a whole number of places is one subtraction at the end, whose sign IEEE 754 rounds
right whatever its operands. So on whole latents nothing is rounded that decides an output.

A network of relus is continuous, so between whole latents it must pass from one scene to the
next. It does so while x', y' or u' passes the last unit before a boundary, divided by the number
of places, or b or r the last 4096th before 2048. If these five are real and uniform, that is a
share of 2**-24 for each, so all but about 3e-7 of the latents give exact scenes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from handcrafted.domains import first_true, require_canvas, whole
from handcrafted.exactness import dtype_name, largest_exact_size
from handcrafted.network import Network
from handcrafted.operations import (
    Array,
    Convolution,
    Coordinates,
    Operation,
    Relu,
    Shape,
    Tap,
    Tile,
    namespace,
)
from handcrafted.two_objects import RADIUS, drawing_steps, free_places, nearer_taps

__all__ = [
    "BASE",
    "LATENTS",
    "Digits",
    "blue_steps",
    "distance_from_published",
    "network",
    "red_steps",
    "shares",
    "steps",
]

BASE = 4096
"""Latents are digits of this base, and two of them make a number."""

LATENTS = 8
"""How many there are: x, x', y, y', u, u', b, r."""


def network(height: int, width: int) -> Network:
    """Return (n, 8) latents to (n, 3, height, width) scenes."""
    height, width = require_canvas(height, width)
    return Network("two-objects", Digits(height, width), steps(height, width))


def steps(height: int, width: int) -> tuple[Operation, ...]:
    """Return the operations for a canvas of this size; the proofs pass symbols for numbers."""
    return (*blue_steps(height, width), *red_steps(height, width), *drawing_steps())


def blue_steps(height: int, width: int) -> tuple[Operation, ...]:
    """Return the operations from latents to the blue centre.

    What comes out is (n, 6, height, width): the one-hot map of the blue centre; u and u'
    everywhere; b and r everywhere, as 0 for a disc and 1 for a square; and the map of all places,
    1 where an object's centre may be and 0 elsewhere.
    """
    columns, rows = width - 2 * RADIUS, height - 2 * RADIUS
    x, x_fine, y, y_fine, u, u_fine, blue, red, column, row = range(10)
    half = BASE // 2
    return (
        Tile(height, width),
        Coordinates(),
        # The column's number k is right if k 4096 <= columns (x + x' / 4096) < (k + 1) 4096.
        # 4096 (k + 1) and 4096 k less columns times x; below, less columns times x' / 4096.
        Convolution(
            (
                Tap(0, column, BASE),
                Tap(0, x, -columns),
                Tap(1, column, BASE),
                Tap(1, x, -columns),
                Tap(2, row, BASE),
                Tap(2, y, -rows),
                Tap(3, row, BASE),
                Tap(3, y, -rows),
                Tap(4, x_fine, columns),
                Tap(5, y_fine, rows),
                Tap(6, u, 1),
                Tap(7, u_fine, 1),
                Tap(8, blue, -BASE),
                Tap(9, red, -BASE),
                # How far to the left, right, above and below the places a pixel is.
                Tap(10, column, -1),
                Tap(11, column, 1),
                Tap(12, row, -1),
                Tap(13, row, 1),
            ),
            bias=(
                (1 - RADIUS) * BASE,
                -RADIUS * BASE,
                (1 - RADIUS) * BASE,
                -RADIUS * BASE,
                *(0, 0, 0, 0),
                half * BASE,
                half * BASE,
                RADIUS,
                1 + RADIUS - width,
                RADIUS,
                1 + RADIUS - height,
            ),
        ),
        # 1 - v, the first half of a step: relu(1 - relu(1 - v)) is 1 if the integer v is above 0.
        Convolution(
            (
                *(tap for k in range(4) for tap in (Tap(k, k, -BASE), Tap(k, 4 + k // 2, 1))),
                *(Tap(k - 2, k, 1) for k in range(6, 14)),
            ),
            bias=(1, 1, 1, 1, *(0,) * 8),
        ),
        Relu(),
        Convolution(
            (
                *(Tap(k, k, -1) for k in range(4)),
                Tap(4, 4, 1),
                Tap(5, 5, 1),
                Tap(6, 6, -1),
                Tap(7, 7, -1),
                *(Tap(8, k, -1) for k in range(8, 12)),
            ),
            bias=(1, 1, 1, 1, 0, 0, 1, 1, 1),
        ),
        Relu(),
        # The blue centre is where both the column and the row are right.
        Convolution(
            (
                Tap(0, 0, 1),
                Tap(0, 1, -1),
                Tap(0, 2, 1),
                Tap(0, 3, -1),
                *(Tap(k - 3, k, 1) for k in range(4, 9)),
            ),
            bias=(-1, 0, 0, 0, 0, 0),
        ),
        Relu(),
    )


def red_steps(height: int, width: int) -> tuple[Operation, ...]:
    """Return the operations from what `blue_steps` puts out to the four maps that are drawn."""
    centre, u, u_fine, blue, red, places = range(6)
    canvas = {"rows": 2 * height - 1, "top": 1 - height}
    across = {"columns": 2 * width - 1, "left": 1 - width}
    return (
        # The places that are free: all but those nearer to the blue centre than 20 pixels.
        Convolution(
            (
                *(Tap(k, k, 1) for k in range(5)),
                Tap(places, places, 1),
                *nearer_taps(places, centre, -1),
            ),
            bias=(0,) * 6,
        ),
        Relu(),
        # u and u' where it is free, 0 elsewhere.
        Convolution(
            (
                Tap(centre, centre, 1),
                Tap(u, u, 1),
                Tap(u, places, BASE),
                Tap(u_fine, u_fine, 1),
                Tap(u_fine, places, BASE),
                *(Tap(k, k, 1) for k in (blue, red, places)),
            ),
            bias=(0, -BASE, -BASE, 0, 0, 0),
        ),
        Relu(),
        # 4096 times the number of free places to here, this one with it and without, less N u.
        Convolution(
            (
                Tap(0, centre, 1),
                Tap(1, places, BASE, rows=height - 1, top=1 - height, **across),
                Tap(1, places, BASE, columns=width, left=1 - width),
                Tap(1, u, -1, **canvas, **across),
                Tap(2, places, BASE, rows=height - 1, top=1 - height, **across),
                Tap(2, places, BASE, columns=width - 1, left=1 - width),
                Tap(2, u, -1, **canvas, **across),
                Tap(3, u_fine, 1, **canvas, **across),
                Tap(4, blue, 1),
                Tap(5, red, 1),
            ),
            bias=(0,) * 6,
        ),
        # Less N u' / 4096: above 0 from the place wanted on, and from the one after it on.
        Convolution(
            (
                Tap(0, 0, 1),
                Tap(1, 1, -BASE),
                Tap(1, 3, 1),
                Tap(2, 2, -BASE),
                Tap(2, 3, 1),
                Tap(3, 4, 1),
                Tap(4, 5, 1),
            ),
            bias=(0, 1, 1, 0, 0),
        ),
        Relu(),
        Convolution(
            (
                Tap(0, 0, 1),
                Tap(1, 1, -1),
                Tap(2, 2, -1),
                Tap(3, 3, 1),
                Tap(4, 4, 1),
            ),
            bias=(0, 1, 1, 0, 0),
        ),
        Relu(),
        # The four maps: each centre where the shape is right.
        Convolution(
            (
                Tap(0, 0, 1),
                Tap(0, 3, -1),
                Tap(1, 0, 1),
                Tap(1, 3, 1),
                *(tap for k in (2, 3) for tap in (Tap(k, 1, 1), Tap(k, 2, -1))),
                Tap(2, 4, -1),
                Tap(3, 4, 1),
            ),
            bias=(0, -1, 0, -1),
        ),
        Relu(),
    )


def distance_from_published(height: int, width: int) -> Fraction:
    """Return the total-variation distance of uniform latents' scenes from the published ones.

    Exact, by counting the latents of each scene: of BASE**2 numbers, a share of 1 / n of them gets
    ceil((k + 1) BASE**2 / n) - ceil(k BASE**2 / n) for the k-th of n.
    """
    counts = free_places(height, width)
    rows, columns = counts.shape
    across, down = shares(columns), shares(rows)
    second = {int(n): Counter(shares(int(n))) for n in set(counts.ravel().tolist())}
    firsts = Counter(
        (across[column] * down[row], int(counts[row, column]))
        for row in range(rows)
        for column in range(columns)
    )
    total = Fraction(0)
    for (first, n), times in firsts.items():
        published = Fraction(1, rows * columns * n)
        for share, places in second[n].items():
            total += times * places * abs(first * share - published)
    return total / 2


def shares(parts: int) -> list[Fraction]:
    """Return the share of the BASE**2 numbers that each of so many parts of [0, 1) gets."""
    ends = [-(-k * BASE**2 // parts) for k in range(parts + 1)]
    return [Fraction(b - a, BASE**2) for a, b in pairwise(ends)]


@dataclass(frozen=True)
class Digits:
    """Latents (n, 8), whole numbers from 0 to 4095, for a canvas."""

    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse a canvas where some first object leaves no place for a second."""
        require_canvas(self.height, self.width)
        if int(free_places(self.height, self.width).min()) == 0:
            raise ValueError(
                f"on a canvas of {self.height}x{self.width} some first objects leave no place for "
                "a second one, so there is none to choose; give 50x50 or more"
            )

    name = "latents"

    @property
    def shape(self) -> Shape:
        """The shape of one vector."""
        return (LATENTS,)

    @property
    def largest(self) -> int:
        """A sum of one latent over all places, or of 4096 over them."""
        return BASE * (self.height - 2 * RADIUS) * (self.width - 2 * RADIUS)

    def check(self, x: Array, first: int) -> None:
        """See `handcrafted.network.Domain.check`."""
        xp = namespace(x)
        dtype = dtype_name(x.dtype)
        if dtype.startswith("int") and BASE * self.largest > largest_exact_size(dtype):
            raise ValueError(
                f"latents are computed with in {dtype}, which does not hold {BASE * self.largest}; "
                "give a floating dtype"
            )
        wrong = ~whole(x, 0, BASE - 1)
        if bool(xp.any(wrong)):
            item = first_true(xp.any(wrong, axis=1))
            value = float(x[item, first_true(wrong[item, ...])])
            raise ValueError(
                f"item {first + item} of the batch has a latent of {value:g}; "
                f"expected whole numbers from 0 to {BASE - 1}"
            )
