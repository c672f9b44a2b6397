"""A bitmap with one hot pixel to that pixel's (x, y): the CoordConv paper's regression task.

Liu et al. 2018, arXiv:1807.03247, section 4.2. Learned networks are trained on
(x / width, y / height) with the mean squared error, as published.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split, not_so_clevr
from compare.scoring import coordinate_measures, coordinate_scores
from compare.tasks import BUILT_IN, Column, Task


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
