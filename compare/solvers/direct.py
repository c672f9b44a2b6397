"""What a programmer would write in place of a network, by the solver's name.

Each maps a task's inputs, for a canvas of (height, width), to its answers, both float32 with the
sample first. Coordinates are (x, y) in pixels, (n, 2); pictures are (n, 1, height, width).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import not_so_clevr
from handcrafted import verified_argmax as search

__all__ = ["argmax", "centroid", "expectation", "indexing", "slicing", "verified_argmax"]


def argmax(bitmaps: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Return the (x, y) of the largest pixel, the first of several."""
    y, x = np.unravel_index(
        bitmaps.reshape(len(bitmaps), height * width).argmax(axis=1), (height, width)
    )
    return np.stack([x, y], axis=1).astype(np.float32)


def verified_argmax(bitmaps: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Return the (x, y) of the one hot pixel; ValueError for what is no one-hot bitmap."""
    return search.verified_argmax(bitmaps).astype(np.float32)


def expectation(bitmaps: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Return sum(A X) / sum(A) and sum(A Y) / sum(A), X and Y being each pixel's column and row.

    It is what DSNT computes once its map is normalised (Nibali et al. 2018, arXiv:1801.07372), and
    exact on a one-hot bitmap, where each sum has one term that is not 0.
    """
    rows, columns = np.indices((height, width), dtype=np.float32).reshape(2, -1)
    weights = np.stack([columns, rows, np.ones_like(rows)], axis=1)
    sums = bitmaps.reshape(len(bitmaps), height * width).astype(np.float32, copy=False) @ weights
    answers: NDArray[np.float32] = sums[:, :2] / sums[:, 2:]
    return answers


def centroid(pictures: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Return the mean (x, y) of the lit pixels."""
    lit = pictures[:, 0].astype(np.float64)
    area = lit.sum(axis=(1, 2))
    x = lit.sum(axis=1) @ np.arange(width) / area
    y = lit.sum(axis=2) @ np.arange(height) / area
    return np.stack([x, y], axis=1).astype(np.float32)


def indexing(coordinates: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Return bitmaps with the pixel at (x, y) 1."""
    x, y = coordinates.astype(int).T
    bitmaps = np.zeros((len(x), 1, height, width), np.float32)
    bitmaps[np.arange(len(x)), 0, y, x] = 1
    return bitmaps


def slicing(coordinates: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Return pictures of a square centred at (x, y), as large as the data set's."""
    pictures = np.zeros((len(coordinates), 1, height, width), np.float32)
    r = not_so_clevr.RADIUS
    for picture, (x, y) in zip(pictures[:, 0], coordinates.astype(int), strict=True):
        picture[max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1] = 1
    return pictures
