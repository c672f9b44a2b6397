"""A bitmap with one hot pixel to that pixel's (x, y): the CoordConv paper's regression task.

Liu et al. 2018, arXiv:1807.03247, section 4.2. Learned networks are trained on
(x / width, y / height) with the mean squared error, as published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split, not_so_clevr
from compare.tasks import BUILT_IN
from compare.tasks.base import Column, Samples, Scores, Supervision, Task, alike, by_sample

__all__ = ["TASK", "coordinate_error", "decode", "encode", "measure", "score"]


def _split(name: str, height: int, width: int) -> Split:
    return not_so_clevr.split(name, height, width, not_so_clevr.one_hot, not_so_clevr.coordinates)


def _all_samples(height: int, width: int) -> Dataset:
    return not_so_clevr.all_samples(height, width, not_so_clevr.one_hot, not_so_clevr.coordinates)


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


def measure(answers: NDArray[Any], targets: NDArray[Any]) -> Samples:
    """Measure (n, 2) coordinates; correct: equal after rounding to whole pixels."""
    return {
        "prediction": answers,
        "exact": np.all(answers == targets, axis=1),
        "correct": np.all(np.rint(answers) == targets, axis=1),
        "error": coordinate_error(answers, targets),
    }


def score(samples: Mapping[str, NDArray[Any]]) -> Scores:
    """Score coordinates: shares exact and right when rounded, mean and worst error in pixels."""
    return {
        "exact": float(samples["exact"].mean()),
        "rounded": float(samples["correct"].mean()),
        "mean_error": float(samples["error"].mean()),
        "worst_error": float(samples["error"].max()),
    }


TASK = Task(
    name="onehot2coord",
    summary=BUILT_IN["onehot2coord"],
    splits=not_so_clevr.SPLITS,
    split=_split,
    all_samples=_all_samples,
    evaluate=by_sample(alike(measure), score, lambda scores: scores["worst_error"] < 0.5),
    columns=(
        Column("exact", "exact", share=True),
        Column("rounded", "rounded", share=True),
        Column("mean_error", "mean error px"),
        Column("worst_error", "worst error px"),
    ),
    legend="""\
exact: equal to the target in x and y, nothing rounded. rounded: right after
rounding to whole pixels. Errors are Euclidean distances in pixels.""",
    error="error (pixels)",
    criterion="worst error under half a pixel",
    noun="positions",
    supervision=Supervision(("mse",), encode, decode),
)
