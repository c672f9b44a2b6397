"""The picture of a 9x9 square to its centre's (x, y).

The inverse of the CoordConv paper's rendering task (Liu et al. 2018, arXiv:1807.03247, section
4.3). The paper has no network for it; its regressors, which map one-hot bitmaps to the same
coordinates, are used as they are.
"""

from __future__ import annotations

from dataclasses import replace

from compare.datasets import Dataset, Split, not_so_clevr
from compare.tasks import BUILT_IN, onehot2coord

__all__ = ["TASK"]


def _split(name: str, height: int, width: int) -> Split:
    return not_so_clevr.split(name, height, width, not_so_clevr.squares, not_so_clevr.coordinates)


def _all_samples(height: int, width: int) -> Dataset:
    return not_so_clevr.all_samples(height, width, not_so_clevr.squares, not_so_clevr.coordinates)


TASK = replace(
    onehot2coord.TASK,
    name="image2coord",
    summary=BUILT_IN["image2coord"],
    split=_split,
    all_samples=_all_samples,
)
