"""Every case there is on a canvas, as arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handcrafted import scene_generator, two_objects

__all__ = [
    "SQUARE",
    "Draw",
    "bitmaps",
    "choices",
    "chosen_scenes",
    "latent_count",
    "pairs",
    "positions",
    "scene_count",
    "scenes",
    "squares",
    "themselves",
]

SQUARE = 9
"""Side of the square that pictures are enumerated with, the published one."""


# --- Enumeration ----------------------------------------------------------------------------


def positions(height: int, width: int) -> NDArray[np.int64]:
    """Return every (x, y) of a canvas, (height * width, 2), row after row."""
    y, x = np.divmod(np.arange(height * width), width)
    return np.stack([x, y], axis=1)


def bitmaps(places: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return the one-hot bitmaps of (n, 2) positions, (n, 1, height, width)."""
    pictures = np.zeros((len(places), 1, height, width), dtype=dtype)
    pictures[np.arange(len(places)), 0, places[:, 1], places[:, 0]] = 1
    return pictures


def squares(places: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return pictures of the square at (n, 2) positions, cut off at the border."""
    radius = SQUARE // 2
    columns = abs(np.arange(width) - places[:, :1]) <= radius
    rows = abs(np.arange(height) - places[:, 1:]) <= radius
    return np.asarray((rows[:, :, None] & columns[:, None, :])[:, None], dtype=dtype)


def themselves(cases: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return the cases as they are, as numbers of the dtype."""
    return np.asarray(cases, dtype=dtype)


def pairs(height: int, width: int) -> NDArray[np.int64]:
    """Return two objects wherever they can stand to each other, (n, 8), blue first.

    Each object at each of its places with the other as far off as can be; and, where they may
    touch, each way to stand to each other, at the top left and the bottom right of the canvas.
    All in every combination of shapes.
    """
    low = two_objects.RADIUS
    high = np.array([width, height]) - 1 - low
    places = low + positions(height - 2 * low, width - 2 * low)
    corners = np.where(places < (low + high) / 2, high, low)
    near = 2 * low + 1
    offsets = positions(2 * near + 1, 2 * near + 1) - near
    offsets = offsets[(offsets**2).sum(axis=1) >= two_objects.DISTANCE**2]
    first = np.where(offsets < 0, low - offsets, low)
    last = np.where(offsets < 0, high, high - offsets)
    centres = np.concatenate(
        [
            np.hstack([places, corners]),
            np.hstack([corners, places]),
            np.hstack([first, first + offsets]),
            np.hstack([last, last + offsets]),
        ]
    )
    # On a small canvas not every one of these places is on it, or far enough away.
    apart = ((centres[:, :2] - centres[:, 2:]) ** 2).sum(axis=1) >= two_objects.DISTANCE**2
    on_canvas = np.all((centres >= low) & (centres <= np.tile(high, 2)), axis=1)
    centres = centres[apart & on_canvas]
    shapes = positions(2, 2)
    n = len(centres)
    blue = [np.repeat(centres[:, :2], 4, axis=0), np.zeros((4 * n, 1), int)]
    red = [np.repeat(centres[:, 2:], 4, axis=0), np.ones((4 * n, 1), int)]
    shape = np.tile(shapes, (n, 1))
    return np.hstack([*blue, shape[:, :1], *red, shape[:, 1:]])


def scene_count(height: int, width: int) -> int:
    """Count the scenes there are: two discs or squares far enough apart, in every combination."""
    return 4 * int(two_objects.free_places(height, width).sum())


def latent_count(height: int, width: int) -> int:
    """Count the latents of `handcrafted.scene_generator`, eight numbers each."""
    return int(scene_generator.BASE) ** 8


def scenes(objects: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return the pictures of (n, 8) objects, drawn from the definition of their shapes."""
    pictures = np.ones((len(objects), 3, height, width), dtype=dtype)
    y, x = np.indices((height, width))
    for colour, taken in ((0, (0, 1)), (1, (1, 2))):  # blue first, red over it
        for picture, pair in zip(pictures, objects.reshape(-1, 2, 4), strict=True):
            cx, cy, _, square = pair[pair[:, 2] == colour][0]
            across, down = abs(x - cx), abs(y - cy)
            disc = across**2 + down**2 <= two_objects.RADIUS**2
            drawn = np.maximum(across, down) <= two_objects.RADIUS if square else disc
            for channel in range(3):
                picture[channel][drawn] = -1 if channel in taken else 1
    return pictures


def choices(height: int, width: int) -> NDArray[np.int64]:
    """Return latents of `handcrafted.scene_generator`, (n, 8).

    The blue centre in each column and in each row, at both edges and in the middle of the other;
    with the first red centre, one in the middle and the last, at both ends of the numbers that
    choose them; shapes in turn.
    """
    columns, rows = width - 2 * two_objects.RADIUS, height - 2 * two_objects.RADIUS
    base = scene_generator.BASE
    blue = [(x, y) for x in range(columns) for y in (0, rows // 2, rows - 1)]
    blue += [(x, y) for x in (0, columns // 2, columns - 1) for y in range(rows)]
    free = two_objects.free_places(height, width)
    latents: list[list[int]] = []
    for x, y in dict.fromkeys(blue):
        n = int(free[y, x])
        for number in dict.fromkeys((0, n // 2, n - 1)):
            # The first or the last of all numbers that choose it.
            last = len(latents) % 2
            digits = [
                divmod(-(-(k + last) * base**2 // of) - last, base)
                for k, of in ((x, columns), (y, rows), (number, n))
            ]
            shapes = [base // 2 * (len(latents) // k % 2) for k in (2, 4)]
            latents.append([*(digit for pair in digits for digit in pair), *shapes])
    return np.array(latents)


def chosen_scenes(latents: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return the pictures of what (n, 8) latents choose, worked out in Python's integers."""
    r, base = two_objects.RADIUS, scene_generator.BASE
    objects = []
    for a, a_fine, b, b_fine, u, u_fine, *shapes in latents.tolist():
        x = r + (width - 2 * r) * (base * a + a_fine) // base**2
        y = r + (height - 2 * r) * (base * b + b_fine) // base**2
        places = r + positions(height - 2 * r, width - 2 * r)
        far = ((places - (x, y)) ** 2).sum(axis=1) >= two_objects.DISTANCE**2
        places = places[far]
        red_x, red_y = places[len(places) * (base * u + u_fine) // base**2]
        blue_shape, red_shape = (int(shape >= base // 2) for shape in shapes)
        objects.append((x, y, 0, blue_shape, red_x, red_y, 1, red_shape))
    return scenes(np.array(objects), height, width, dtype)


Draw = Callable[[NDArray[Any], int, int, Any], NDArray[Any]]
