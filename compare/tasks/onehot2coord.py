"""A bitmap with one hot pixel to that pixel's (x, y): the CoordConv paper's regression task.

Liu et al. 2018, arXiv:1807.03247, section 4.2. Learned networks are trained on
(x / width, y / height) with the mean squared error, as published.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split, not_so_clevr
from compare.tasks import BUILT_IN
from compare.tasks.base import Column, Measures, Scores, Task


def _split(name: str, height: int, width: int) -> Split:
    return not_so_clevr.split(name, height, width, not_so_clevr.one_hot, not_so_clevr.coordinates)


def _everywhere(height: int, width: int) -> Dataset:
    return not_so_clevr.everywhere(height, width, not_so_clevr.one_hot, not_so_clevr.coordinates)


def encode(positions: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Return (x / width, y / height)."""
    return np.asarray(positions / np.array([width, height]), dtype=np.float32)


def decode(outputs: NDArray[Any], height: int, width: int, loss: str) -> NDArray[Any]:
    """Return pixels."""
    return np.asarray(outputs * np.array([width, height], dtype=outputs.dtype))


def coordinate_error(answers: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Euclidean distance in pixels between (n, 2) coordinates, (n,)."""
    difference = answers.astype(np.float64) - targets.astype(np.float64)
    error = np.hypot(difference[:, 0], difference[:, 1])
    return np.where(np.isnan(error), np.inf, error)


def coordinate_measures(answers: NDArray[Any], targets: NDArray[Any]) -> Measures:
    """Measure (n, 2) coordinates; right: equal after rounding to whole pixels."""
    return Measures(
        np.all(answers == targets, axis=1),
        np.all(np.rint(answers) == targets, axis=1),
        coordinate_error(answers, targets),
    )


def coordinate_scores(measures: Measures) -> Scores:
    """Score coordinates: shares exact and right when rounded, mean and worst error in pixels."""
    return {
        "exact": float(measures.exact.mean()),
        "rounded": float(measures.right.mean()),
        "mean_error": float(measures.error.mean()),
        "worst_error": float(measures.error.max()),
    }


COLUMNS = (
    Column("exact", "exact", share=True),
    Column("rounded", "rounded", share=True),
    Column("mean_error", "mean error px"),
    Column("worst_error", "worst error px"),
)

LEGEND = """\
exact: equal to the target in x and y, nothing rounded. rounded: right after
rounding to whole pixels. Errors are Euclidean distances in pixels."""

TASK = Task(
    name="onehot2coord",
    summary=BUILT_IN["onehot2coord"],
    splits=not_so_clevr.SPLITS,
    split=_split,
    everywhere=_everywhere,
    losses=("mse",),
    encode=encode,
    decode=decode,
    keep=np.asarray,
    measure=coordinate_measures,
    score=coordinate_scores,
    columns=COLUMNS,
    legend=LEGEND,
    error="error (pixels)",
    success="worst error under half a pixel",
    succeeded=lambda scores: scores["worst_error"] < 0.5,
    epochs={"quick": 15, "paper": 100},
)
