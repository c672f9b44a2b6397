"""Pictures to the nearest scene of two objects: least squares over all that are admissible.

A scene differs from a white canvas in its blue and its red pixels, so its squared distance from a
picture is the white canvas's, plus 4 (r + g) of the picture at each blue pixel, plus 4 (g + b) at
each red one. Sums of these over discs and squares at every place are correlations with their
masks, by prefix sums. Only where a red object would cover a blue one do the two not simply add up;
there the covered pixels' part, at most their number times the largest r + g, is taken off again.
So a pair whose sum less that bound is above the best known distance need not be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets.two_objects import require_room
from handcrafted.two_objects import DISTANCE, RADIUS

__all__ = ["HALF_WIDTHS", "Decoder"]

_ROWS = np.arange(-RADIUS, RADIUS + 1)
HALF_WIDTHS = np.array([[isqrt(RADIUS**2 - row**2) for row in _ROWS], [RADIUS] * len(_ROWS)])
"""(2, 21): of a disc and a square, row by row from the top."""

_SIDE = 2 * RADIUS + 1

_PAIRS = 1 << 17
"""Pairs of places that are compared at a time."""


def _areas() -> NDArray[np.int64]:
    """Return how many pixels two objects share, (2, 2, 22, 22): their shapes, |y| and |x| apart.

    21 pixels apart and more, the last entry, they share none.
    """
    areas = np.zeros((2, 2, _SIDE + 1, _SIDE + 1), dtype=np.int64)
    down, across = np.arange(_SIDE)[:, None, None], np.arange(_SIDE)[None, :, None]
    other = _ROWS - down  # the row of the second object, seen from its own centre
    inside = abs(other) <= RADIUS
    for first in range(2):
        for second in range(2):
            mine, theirs = (
                HALF_WIDTHS[first],
                HALF_WIDTHS[second][np.clip(other, -RADIUS, RADIUS) + RADIUS],
            )
            right, left = np.minimum(mine, across + theirs), np.maximum(-mine, across - theirs)
            runs = np.where(inside, np.maximum(0, right - left + 1), 0)
            areas[first, second, :_SIDE, :_SIDE] = runs.sum(axis=2)
    return areas


_AREAS = _areas()

_APART = np.arange(_SIDE + 1)[:, None] ** 2 + np.arange(_SIDE + 1) ** 2 >= DISTANCE**2
"""Whether two objects may stand so far apart, |y| and |x|, (22, 22)."""

_WAYS = [
    (down, across)
    for down in range(1 - _SIDE, _SIDE)
    for across in range(1 - _SIDE, _SIDE)
    if _APART[abs(down), abs(across)]
]
"""The ways apart, y and x, of two objects that may overlap."""


@dataclass(frozen=True)
class Decoder:
    """Finds the nearest scene on a canvas; `UsageError` for one without room for two objects."""

    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse a canvas without room."""
        require_room(self.height, self.width)

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns of places there are."""
        return self.height - 2 * RADIUS, self.width - 2 * RADIUS

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows, columns = self.shape
        y, x = np.divmod(np.arange(rows * columns), columns)
        return x + RADIUS, y + RADIUS

    def nearest(
        self, pictures: NDArray[np.floating]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the nearest scenes' objects, (n, 8), blue first, and their squared distances.

        pictures: (n, 3, height, width), finite. Sums are in float64. Of scenes that are equally
        near the first counts, ordered by the blue and the red place, row after row, and shapes.
        """
        objects = np.zeros((len(pictures), 8), dtype=np.int64)
        distances = np.zeros(len(pictures))
        for item, picture in enumerate(pictures.astype(np.float64)):
            objects[item], cost = self._nearest(picture)
            distances[item] = ((picture - 1) ** 2).sum() + 4 * cost
        return objects, distances

    def _nearest(self, picture: NDArray[np.float64]) -> tuple[tuple[int, ...], float]:
        red, green, blue = picture
        prefix = _prefix(red + green)
        blues, reds = self.sums(prefix), self.sums(_prefix(green + blue))
        largest = max(0.0, float((red + green).max()))
        best = self._guess(prefix, blues, reds)
        found: tuple[float, int, int, int, int] | None = None
        slack = 1e-9 * (1 + abs(best))
        for shapes in ((0, 0), (0, 1), (1, 0), (1, 1)):
            blue, red = blues[shapes[0]], reds[shapes[1]]
            for p, q in self._possible(blue, red, largest, best + slack, shapes):
                if not len(p):
                    continue
                costs = self._costs(p, q, shapes, prefix, blues, reds)
                k = np.lexsort((q, p, costs))[0]
                candidate = (float(costs[k]), int(p[k]), int(q[k]), *shapes)
                found = min(candidate, found) if found else candidate
                best = min(best, found[0])
        assert found is not None  # the guess itself is among the possible
        cost, p_best, q_best, first, second = found
        x, y = self._places
        scene = (x[p_best], y[p_best], 0, first, x[q_best], y[q_best], 1, second)
        return tuple(map(int, scene)), cost

    def sums(self, prefix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over a disc and a square at every place, (2, places), given prefix sums of rows."""
        rows, columns = self.shape
        sums = np.zeros((2, rows, columns))
        for shape in range(2):
            for top, half in enumerate(HALF_WIDTHS[shape].tolist()):
                lines = prefix[top : top + rows]
                left = RADIUS - half
                right = RADIUS + half + 1
                sums[shape] += lines[:, right : right + columns] - lines[:, left : left + columns]
        return sums.reshape(2, -1)

    def _guess(self, prefix: NDArray[Any], blues: NDArray[Any], reds: NDArray[Any]) -> float:
        """Return the cost of a scene that is near: the best of one colour, then of the other."""
        costs = []
        for given, other in ((reds, blues), (blues, reds)):
            shape, place = np.unravel_index(given.argmin(), given.shape)
            far = self._squared(np.array([place]), np.arange(given.shape[1]))[0] >= DISTANCE**2
            if not far.any():
                continue
            rest = np.where(far, other, np.inf)
            second, partner = np.unravel_index(rest.argmin(), rest.shape)
            pair = (int(partner), int(place)) if given is reds else (int(place), int(partner))
            shapes = (int(second), int(shape)) if given is reds else (int(shape), int(second))
            p, q = (np.array([number]) for number in pair)
            costs.append(float(self._costs(p, q, shapes, prefix, blues, reds)[0]))
        return min(costs, default=np.inf)

    def _squared(self, p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.int64]:
        x, y = self._places
        return np.asarray((x[p, None] - x[q]) ** 2 + (y[p, None] - y[q]) ** 2)

    def _possible(
        self,
        blue: NDArray[Any],
        red: NDArray[Any],
        largest: float,
        limit: float,
        shapes: tuple[int, int],
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield the pairs of places, far enough apart, that may cost no more than the limit."""
        spare = limit + largest * int(_AREAS[shapes][_APART].max())
        p = np.flatnonzero(blue + red.min() <= spare)
        q = np.flatnonzero(red + blue.min() <= spare)
        if len(p) * len(q) <= _PAIRS:
            yield self._pairs(p, q, blue, red, largest, limit, shapes)
            return
        # So many that pairs which overlap are looked at one way apart after the other instead.
        rows, columns = self.shape
        blue_map, red_map = blue.reshape(rows, columns), red.reshape(rows, columns)
        for down, across in _WAYS:
            area = int(_AREAS[shapes][abs(down), abs(across)])
            if area == 0 or rows <= abs(down) or columns <= abs(across):
                continue
            top, left = max(0, -down), max(0, -across)
            bottom, right = min(rows, rows - down), min(columns, columns - across)
            sums = (
                blue_map[top:bottom, left:right]
                + red_map[top + down : bottom + down, left + across : right + across]
            )
            y, x = np.nonzero(sums <= limit + largest * area)
            if len(y):
                first = (y + top) * columns + x + left
                yield first, first + down * columns + across
        p = np.flatnonzero(blue + red.min() <= limit)
        q = np.flatnonzero(red + blue.min() <= limit)
        step = max(1, _PAIRS // max(1, len(q)))
        for part in (p[start : start + step] for start in range(0, len(p), step)):
            yield self._pairs(part, q, blue, red, 0.0, limit, shapes)

    def _pairs(
        self,
        p: NDArray[Any],
        q: NDArray[Any],
        blue: NDArray[Any],
        red: NDArray[Any],
        largest: float,
        limit: float,
        shapes: tuple[int, int],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs of these places that may cost no more than the limit."""
        x, y = self._places
        down = np.minimum(abs(y[p, None] - y[q]), _SIDE)
        across = np.minimum(abs(x[p, None] - x[q]), _SIDE)
        bound = blue[p, None] + red[q] - largest * _AREAS[shapes][down, across]
        rows, columns = np.nonzero((bound <= limit) & _APART[down, across])
        return p[rows], q[columns]

    def _costs(
        self,
        p: NDArray[Any],
        q: NDArray[Any],
        shapes: tuple[int, int],
        prefix: NDArray[Any],
        blues: NDArray[Any],
        reds: NDArray[Any],
    ) -> NDArray[np.float64]:
        """Return what pairs of places cost beside a white canvas, a fourth of the distance."""
        first, second = shapes
        costs = blues[first, p] + reds[second, q]
        x, y = self._places
        meet = np.flatnonzero((abs(x[p] - x[q]) < _SIDE) & (abs(y[p] - y[q]) < _SIDE))
        p, q = p[meet, None], q[meet, None]
        lines = y[p] + _ROWS  # each row of the blue object
        other = lines - y[q]
        theirs = HALF_WIDTHS[second][np.clip(other, -RADIUS, RADIUS) + RADIUS]
        left = np.maximum(x[p] - HALF_WIDTHS[first], x[q] - theirs)
        right = np.minimum(x[p] + HALF_WIDTHS[first], x[q] + theirs) + 1
        shared = (abs(other) <= RADIUS) & (right > left)
        left = np.where(shared, left, 0)
        right = np.where(shared, right, 0)
        costs[meet] -= (prefix[lines, right] - prefix[lines, left]).sum(axis=1)
        return np.asarray(costs)


def _prefix(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return prefix sums along rows, (height, width + 1), 0 first."""
    return np.pad(values.cumsum(axis=1), ((0, 0), (1, 0)))
