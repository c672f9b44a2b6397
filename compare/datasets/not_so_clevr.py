"""Not-so-Clevr: one 9x9 square at every place of a canvas, and the two published splits.

The rules are those of the authors' generator (github.com/uber-research/CoordConv,
data/not_so_clevr_generator.py) for Liu et al. 2018, arXiv:1807.03247: the square is swept with
x in the outer loop and y in the inner one, and only where it lies on the canvas whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split
from compare.errors import UsageError, choice

__all__ = [
    "RADIUS",
    "SPLITS",
    "Draw",
    "all_samples",
    "centres",
    "coordinates",
    "held_out",
    "one_hot",
    "split",
    "squares",
]

RADIUS = 4
"""Pixels from the square's centre to its edge."""

SPLITS = ("uniform", "quadrant")

_SPLIT_SEED = 20202
"""The generator's MAGIC_SEED_OF_WONDER; its draws decide the uniform split."""


def centres(height: int, width: int) -> NDArray[np.int64]:
    """Return every centre (x, y) in the published order, (n, 2) in pixels.

    Raises `UsageError` for a canvas that the square does not fit on.
    """
    if min(height, width) < 2 * RADIUS + 1:
        raise UsageError(
            f"a canvas of {height}x{width} is too small for the {2 * RADIUS + 1}x{2 * RADIUS + 1} "
            "square: as published, the positions of every task, those of single pixels too, are "
            f"its centres; give at least {2 * RADIUS + 1} pixels each way"
        )
    x = np.arange(RADIUS, width - RADIUS)
    y = np.arange(RADIUS, height - RADIUS)
    return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)


def held_out(split: str, height: int, width: int) -> NDArray[np.bool_]:
    """Say for each centre whether the split keeps it for testing, (n,).

    "uniform": a random quarter. "quadrant": x beyond half the width and y beyond half the height.
    Raises `UsageError` for no split, and where one side of it would be empty.
    """
    choice("split", split, SPLITS)
    places = centres(height, width)
    if split == "uniform":
        test = np.random.RandomState(_SPLIT_SEED).random_sample(len(places)) < 0.25
    else:
        test = np.all(places / (width, height) > 0.5, axis=1)
    if test.all() or not test.any():
        raise UsageError(
            f"a canvas of {height}x{width} leaves the {split} split "
            f"{'nothing to train on' if test.all() else 'nothing to test on'}; give a larger one"
        )
    return test


def one_hot(positions: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Draw bitmaps with the one pixel (x, y) set, (n, 1, height, width)."""
    bitmaps = np.zeros((len(positions), 1, height, width), dtype=np.float32)
    x, y = positions.T
    bitmaps[np.arange(len(positions)), 0, y, x] = 1
    return bitmaps


def squares(positions: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Draw pictures of the square, 1 on 0, centred at (x, y), (n, 1, height, width)."""
    columns = abs(np.arange(width) - positions[:, :1]) <= RADIUS
    rows = abs(np.arange(height) - positions[:, 1:]) <= RADIUS
    return np.asarray((rows[:, :, None] & columns[:, None, :])[:, None], dtype=np.float32)


def coordinates(positions: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Return the positions themselves as float32, (n, 2)."""
    return positions.astype(np.float32)


Draw: TypeAlias = Callable[[NDArray[Any], int, int], NDArray[Any]]
"""(positions, height, width) to arrays with the sample first."""


def all_samples(height: int, width: int, inputs: Draw, targets: Draw) -> Dataset:
    """Return the samples at every centre; `UsageError` for a canvas that is too small."""
    return _dataset(centres(height, width), height, width, inputs, targets)


def split(name: str, height: int, width: int, inputs: Draw, targets: Draw) -> Split:
    """Return the samples of a split; `UsageError` for no split or a canvas that is too small."""
    places, test = centres(height, width), held_out(name, height, width)
    return Split(
        _dataset(places[~test], height, width, inputs, targets),
        _dataset(places[test], height, width, inputs, targets),
    )


def _dataset(places: NDArray[Any], height: int, width: int, inputs: Draw, targets: Draw) -> Dataset:
    return Dataset(
        places,
        lambda positions: inputs(positions, height, width),
        lambda positions: targets(positions, height, width),
    )
