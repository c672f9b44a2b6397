"""A task and a solver for `compare` from another package: coordinates counted from the right."""

from dataclasses import replace

import numpy as np

from compare.datasets import not_so_clevr
from compare.learned.model import Cost
from compare.solvers.base import SolverSpec
from compare.solvers.fixed import Fixed
from compare.tasks import onehot2coord


def from_the_right(positions, height, width):
    """Return (width - 1 - x, y) of positions (x, y), (n, 2) float32 in pixels."""
    return np.stack([width - 1 - positions[:, 0], positions[:, 1]], axis=1).astype(np.float32)


TASK = replace(
    onehot2coord.TASK,
    name="mirrored2coord",
    summary="a bitmap with one hot pixel to its (x, y), with x counted from the right",
    split=lambda name, h, w: not_so_clevr.split(name, h, w, not_so_clevr.one_hot, from_the_right),
    all_samples=lambda h, w: not_so_clevr.all_samples(h, w, not_so_clevr.one_hot, from_the_right),
    supervision=replace(
        onehot2coord.TASK.supervision,
        encode=lambda at, h, w: onehot2coord.encode(from_the_right(at, h, w), h, w),
    ),
)


def build(setting, recipe):
    """Return a solver for a canvas: the sum of A times (position + 1), less 1."""
    y, x = np.indices((setting.height, setting.width)).astype(np.float32)
    ramps = np.stack([setting.width - x, y + 1], axis=-1).reshape(-1, 2)
    cost = Cost(parameters=0, constants=ramps.size + 2, multiply_adds=ramps.size + 2)
    return Fixed(lambda bitmaps: bitmaps.reshape(len(bitmaps), -1) @ ramps - 1, cost)


SOLVER = SolverSpec("one product with two fixed ramps, less one", build)
