"""(x, y) to the picture of a 9x9 square there: the CoordConv paper's rendering task.

Liu et al. 2018, arXiv:1807.03247, section 4.3. Learned networks put out a logit for each pixel, or,
under the mean squared error, its brightness.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split, not_so_clevr
from compare.scoring import picture_measures, picture_scores, rounded_bits
from compare.tasks import BUILT_IN, Column, Task


def _split(name: str, height: int, width: int) -> Split:
    return not_so_clevr.split(name, height, width, not_so_clevr.coordinates, not_so_clevr.squares)


def _everywhere(height: int, width: int) -> Dataset:
    return not_so_clevr.everywhere(height, width, not_so_clevr.coordinates, not_so_clevr.squares)


def _decode(outputs: NDArray[Any], height: int, width: int, loss: str) -> NDArray[Any]:
    if loss == "mse":
        return outputs
    return np.asarray(0.5 * (np.tanh(0.5 * outputs) + 1))  # the sigmoid, without overflow


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
