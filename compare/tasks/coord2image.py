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

__all__ = ["TASK", "bits", "decode", "measure", "score"]


def _split(name: str, height: int, width: int) -> Split:
    return not_so_clevr.split(name, height, width, not_so_clevr.coordinates, not_so_clevr.squares)


def _all_samples(height: int, width: int) -> Dataset:
    return not_so_clevr.all_samples(height, width, not_so_clevr.coordinates, not_so_clevr.squares)


def decode(outputs: NDArray[Any], height: int, width: int, loss: str) -> NDArray[Any]:
    """Return brightnesses: the outputs themselves under "mse", else their sigmoids."""
    if loss == "mse":
        return outputs
    return np.asarray(0.5 * (np.tanh(0.5 * outputs) + 1))  # the sigmoid, without overflow


def bits(painted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return which pixels of (n, 1, height, width) pictures are painted, eight pixels a byte."""
    return np.packbits(painted.reshape(len(painted), -1), axis=1)


def measure(answers: NDArray[Any], targets: NDArray[Any]) -> Samples:
    """Measure (n, 1, height, width) pictures of squares; the error is 1 - IoU once rounded.

    The square may be of any brightness above 0, on black. A pixel is painted if it is nearer to
    that than to black. The authors' IoU has a pixel painted if it rounds to 1, and takes the
    target's brightness for the share of a pixel in the intersection: a square of 128/255 that is
    drawn without fault comes to no more than 128/255, if it is painted at all.
    """
    axes = (1, 2, 3)
    brightness = targets.max(axis=axes, keepdims=True)
    painted, wanted = answers > np.where(brightness > 0, brightness, 1) / 2, targets > 0
    union = np.sum(painted | wanted, axis=axes)
    iou = np.sum(painted & wanted, axis=axes) / np.maximum(union, 1)
    rounded = np.rint(answers) > 0
    shares = np.sum(rounded * targets, axis=axes) / np.maximum(
        np.sum(rounded | wanted, axis=axes), 1
    )
    return {
        "prediction": bits(painted),
        "exact": np.all(answers == targets, axis=axes),
        "correct": np.all(painted == wanted, axis=axes),
        "error": np.where(union == 0, 0.0, 1 - iou),
        "authors_iou": shares,
    }


def score(samples: Mapping[str, NDArray[Any]]) -> Scores:
    """Score pictures: shares exact and right when rounded, mean and worst IoU, the authors' IoU."""
    return {
        "exact": float(samples["exact"].mean()),
        "rounded": float(samples["correct"].mean()),
        "mean_iou": float(1 - samples["error"].mean()),
        "worst_iou": float(1 - samples["error"].max()),
        "authors_iou": float(samples["authors_iou"].mean()),
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
        Column("authors_iou", "authors' IoU", digits=4),
    ),
    legend="""\
exact: every pixel equal to the target's, nothing rounded. rounded: every pixel
right after rounding to black or to the brightness of the square, whichever is
nearer. IoU: intersection over union of the rounded picture and the square, 1 if
they are the same. authors' IoU: the mean as their code has it; with --target
grey at most 128/255 = 0.502.""",
    error="1 - IoU",
    criterion="mean IoU of 0.99 or more",
    noun="positions",
    supervision=Supervision(("sigmoid", "mse"), not_so_clevr.squares, decode),
)
