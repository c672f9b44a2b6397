"""(x, y) to the picture of a 9x9 square there: the CoordConv paper's rendering task.

Liu et al. 2018, arXiv:1807.03247, section 4.3. Learned networks put out a logit for each pixel, or,
under the mean squared error, its brightness.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split, not_so_clevr
from compare.tasks import BUILT_IN
from compare.tasks.base import Column, Measures, Scores, Task


def _split(name: str, height: int, width: int) -> Split:
    return not_so_clevr.split(name, height, width, not_so_clevr.coordinates, not_so_clevr.squares)


def _everywhere(height: int, width: int) -> Dataset:
    return not_so_clevr.everywhere(height, width, not_so_clevr.coordinates, not_so_clevr.squares)


def _decode(outputs: NDArray[Any], height: int, width: int, loss: str) -> NDArray[Any]:
    if loss == "mse":
        return outputs
    return np.asarray(0.5 * (np.tanh(0.5 * outputs) + 1))  # the sigmoid, without overflow


def rounded_bits(pictures: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (n, 1, height, width) pictures rounded to 0 and 1, eight pixels a byte."""
    return np.packbits(pictures.reshape(len(pictures), -1) > 0.5, axis=1)


def picture_measures(answers: NDArray[Any], targets: NDArray[Any]) -> Measures:
    """Measure (n, 1, height, width) pictures of 0 and 1; the error is 1 - IoU once rounded."""
    axes = (1, 2, 3)
    painted, wanted = answers > 0.5, targets > 0.5
    union = np.sum(painted | wanted, axis=axes)
    iou = np.sum(painted & wanted, axis=axes) / np.maximum(union, 1)
    return Measures(
        np.all(answers == targets, axis=axes),
        np.all(painted == wanted, axis=axes),
        np.where(union == 0, 0.0, 1 - iou),
    )


def picture_scores(measures: Measures) -> Scores:
    """Score pictures: shares exact and right when rounded, mean and worst IoU."""
    return {
        "exact": float(measures.exact.mean()),
        "rounded": float(measures.right.mean()),
        "mean_iou": float(1 - measures.error.mean()),
        "worst_iou": float(1 - measures.error.max()),
    }


TASK = Task(
    name="coord2image",
    summary=BUILT_IN["coord2image"],
    splits=not_so_clevr.SPLITS,
    split=_split,
    everywhere=_everywhere,
    losses=("sigmoid", "mse"),
    encode=not_so_clevr.squares,
    decode=_decode,
    keep=rounded_bits,
    measure=picture_measures,
    score=picture_scores,
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
    success="mean IoU of 0.99 or more",
    succeeded=lambda scores: scores["mean_iou"] >= 0.99,
    epochs={"quick": 3, "paper": 1000},
)
