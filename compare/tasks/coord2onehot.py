"""(x, y) to the bitmap with that one pixel hot: the CoordConv paper's classification task.

Liu et al. 2018, arXiv:1807.03247, section 4.1. Learned networks choose one of all pixels by a
softmax over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split, not_so_clevr
from compare.tasks import BUILT_IN
from compare.tasks.base import Column, Samples, Scores, Supervision, Task, alike, by_sample
from compare.tasks.onehot2coord import coordinate_error

__all__ = ["TASK", "brightest", "decode", "encode", "measure", "score"]


def _split(name: str, height: int, width: int) -> Split:
    return not_so_clevr.split(name, height, width, not_so_clevr.coordinates, not_so_clevr.one_hot)


def _all_samples(height: int, width: int) -> Dataset:
    return not_so_clevr.all_samples(height, width, not_so_clevr.coordinates, not_so_clevr.one_hot)


def encode(positions: NDArray[Any], height: int, width: int) -> NDArray[np.int64]:
    """Return each pixel's index, counted row after row, (n,)."""
    return np.asarray(positions[:, 1] * width + positions[:, 0])


def decode(outputs: NDArray[Any], height: int, width: int, loss: str) -> NDArray[Any]:
    """Return the softmax of each sample's outputs, taken over all its pixels."""
    exponentials = np.exp(outputs - outputs.max(axis=(1, 2, 3), keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=(1, 2, 3), keepdims=True))


def brightest(bitmaps: NDArray[Any]) -> NDArray[np.int64]:
    """Return the brightest pixel, (x, y), of each of (n, 1, height, width) bitmaps."""
    flat = bitmaps.reshape(len(bitmaps), -1).argmax(axis=1)
    y, x = np.divmod(flat, bitmaps.shape[-1])
    return np.stack([x, y], axis=1)


def measure(answers: NDArray[Any], targets: NDArray[Any]) -> Samples:
    """Measure (n, 1, height, width) bitmaps; correct: the brightest pixel is the hot one."""
    found = brightest(answers)
    error = coordinate_error(found, brightest(targets))
    error[np.isnan(answers).any(axis=(1, 2, 3))] = np.inf
    return {
        "prediction": found,
        "exact": np.all(answers == targets, axis=(1, 2, 3)),
        "correct": error == 0,
        "error": error,
    }


def score(samples: Mapping[str, NDArray[Any]]) -> Scores:
    """Score one-hot bitmaps: share exact, accuracy, mean and worst distance in pixels."""
    return {
        "exact": float(samples["exact"].mean()),
        "accuracy": float(samples["correct"].mean()),
        "mean_error": float(samples["error"].mean()),
        "worst_error": float(samples["error"].max()),
    }


TASK = Task(
    name="coord2onehot",
    summary=BUILT_IN["coord2onehot"],
    splits=not_so_clevr.SPLITS,
    split=_split,
    all_samples=_all_samples,
    evaluate=by_sample(alike(measure), score, lambda scores: scores["accuracy"] == 1),
    columns=(
        Column("exact", "exact", share=True),
        Column("accuracy", "accuracy", share=True),
        Column("mean_error", "mean error px"),
        Column("worst_error", "worst error px"),
    ),
    legend="""\
exact: every pixel equal to the target's, nothing rounded; a learned network's
pixels are its probabilities. accuracy: the brightest pixel is the hot one.
Errors: from the brightest pixel to the hot one, Euclidean, in pixels.""",
    error="distance (pixels)",
    criterion="every held-out pixel right",
    noun="positions",
    supervision=Supervision(("softmax",), encode, decode),
)
