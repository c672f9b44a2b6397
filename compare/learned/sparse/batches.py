"""Batches of sparse pictures as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.learned.architecture import Architecture
from compare.learned.layers import Maps
from compare.learned.sparse.grouped import Grouped
from compare.learned.sparse.patches import Patched, gather


def maps(parts: Iterable[NDArray[Any]]) -> Patched | NDArray[Any]:
    """Join inputs that come a chunk at a time: pictures as patches, vectors as they are."""
    first, *rest = parts
    if first.ndim == 4:
        return gather([first, *rest])
    return np.concatenate([first, *rest])


def piece(architecture: Architecture, backend: Backend, count: int, maps: Maps | Grouped) -> int:
    """Return how many of `count` samples to compute at a time; the sums are the same anyway."""
    if isinstance(maps, Patched | Grouped):
        return count
    return max(1, min(count, backend.piece() // max(map(math.prod, architecture.shapes()))))


def split_maps(
    inputs: Patched | Grouped | NDArray[Any],
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Take a batch apart into the arrays all samples share and those with a row for each."""
    if isinstance(inputs, Grouped):
        of = inputs.examples
        shared = (of.background, of.delta, of.top, of.left, *chain.from_iterable(inputs.canvases))
        return shared, (of.kind, inputs.top, inputs.left)
    if isinstance(inputs, Patched):
        return (inputs.background,), (inputs.delta, inputs.top, inputs.left)
    return (), (inputs,)


def join_maps(shared: tuple[Array, ...], samples: tuple[Array, ...]) -> Maps | Grouped:
    """Undo `split_maps`."""
    if len(shared) > 1:
        (kind, top, left), canvases = samples, shared[4:]
        pairs = tuple(zip(canvases[::2], canvases[1::2], strict=True))
        background, delta, at_top, at_left = shared[:4]
        return Grouped(Patched(background, delta, at_top, at_left, kind), top, left, pairs)
    return Patched(*shared, *samples) if shared else samples[0]
