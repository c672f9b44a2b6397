"""(x, y) to the picture of a 9x9 square there: the CoordConv paper's rendering task.

Liu et al. 2018, arXiv:1807.03247, section 4.3. Learned networks put out a logit for each pixel, or,
under the mean squared error, its brightness.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split, not_so_clevr
from compare.tasks import BUILT_IN
from compare.tasks.base import Column, Samples, Scores, Supervision, Task, alike, by_sample


def _split(name: str, height: int, width: int) -> Split:
    return not_so_clevr.split(name, height, width, not_so_clevr.coordinates, not_so_clevr.squares)


def _all_samples(height: int, width: int) -> Dataset:
    return not_so_clevr.all_samples(height, width, not_so_clevr.coordinates, not_so_clevr.squares)


def decode(outputs: NDArray[Any], height: int, width: int, loss: str) -> NDArray[Any]:
    """Return brightnesses: the outputs themselves under "mse", else their sigmoids."""
    if loss == "mse":
        return outputs
    return np.asarray(0.5 * (np.tanh(0.5 * outputs) + 1))  # the sigmoid, without overflow


def rounded_bits(pictures: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (n, 1, height, width) pictures rounded to 0 and 1, eight pixels a byte."""
    return np.packbits(pictures.reshape(len(pictures), -1) > 0.5, axis=1)


def measure(answers: NDArray[Any], targets: NDArray[Any]) -> Samples:
    """Measure (n, 1, height, width) pictures of 0 and 1; the error is 1 - IoU once rounded."""
    axes = (1, 2, 3)
    painted, wanted = answers > 0.5, targets > 0.5
    union = np.sum(painted | wanted, axis=axes)
    iou = np.sum(painted & wanted, axis=axes) / np.maximum(union, 1)
    return {
        "prediction": rounded_bits(answers),
        "exact": np.all(answers == targets, axis=axes),
        "correct": np.all(painted == wanted, axis=axes),
        "error": np.where(union == 0, 0.0, 1 - iou),
    }


def score(samples: Mapping[str, NDArray[Any]]) -> Scores:
    """Score pictures: shares exact and right when rounded, mean and worst IoU."""
    return {
        "exact": float(samples["exact"].mean()),
        "rounded": float(samples["correct"].mean()),
        "mean_iou": float(1 - samples["error"].mean()),
        "worst_iou": float(1 - samples["error"].max()),
    }


TASK = Task(
    name="coord2image",
    summary=BUILT_IN["coord2image"],
    splits=not_so_clevr.SPLITS,
    split=_split,
    all_samples=_all_samples,
    evaluate=by_sample(alike(measure), score, lambda scores: scores["mean_iou"] >= 0.99),
    columns=(
        Column("exact", "exact", share=True),
        Column("rounded", "rounded", share=True),
        Column("mean_iou", "mean IoU", digits=4),
        Column("worst_iou", "worst IoU", digits=4),
    ),
    legend="""\
exact: every pixel equal to the target's, nothing rounded. rounded: every pixel
right after rounding to 0 or 1. IoU: intersection over union of the rounded
picture and the square, 1 if they are the same.""",
    error="1 - IoU",
    criterion="mean IoU of 0.99 or more",
    supervision=Supervision(("sigmoid", "mse"), not_so_clevr.squares, decode),
)
