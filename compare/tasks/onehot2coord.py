"""A bitmap with one hot pixel to that pixel's (x, y): the CoordConv paper's regression task.

Liu et al. 2018, arXiv:1807.03247, section 4.2. Learned networks are trained on
(x / width, y / height) with the mean squared error, as published.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array
from compare.datasets import Dataset, Split, not_so_clevr
from compare.scoring import coordinate_error, coordinate_scores
from compare.tasks import Task


def _split(name: str, height: int, width: int) -> Split:
    places = not_so_clevr.centres(height, width)
    test = not_so_clevr.held_out(name, height, width)
    dataset = partial(
        Dataset,
        draw_inputs=partial(not_so_clevr.one_hot, height=height, width=width),
        draw_targets=partial(np.asarray, dtype=np.float32),
    )
    return Split(dataset(places[~test]), dataset(places[test]))


def _encode(targets: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    return np.asarray(targets / np.array([width, height], dtype=targets.dtype))


def _decode(outputs: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    return np.asarray(outputs * np.array([width, height], dtype=outputs.dtype))


def _loss(xp: Any, outputs: Array, targets: Array) -> Array:
    return xp.mean((outputs - targets) ** 2)


TASK = Task(
    name="onehot2coord",
    splits=not_so_clevr.SPLITS,
    split=_split,
    encode=_encode,
    decode=_decode,
    loss=_loss,
    score=coordinate_scores,
    error=coordinate_error,
)
