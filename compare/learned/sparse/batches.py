"""Batches of inputs, sparse or not, as the training step and prediction take them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.learned.architecture import Architecture
from compare.learned.sparse import rules
from compare.learned.sparse.patches import Patches, gather

__all__ = ["Batch", "apply", "from_arrays", "from_chunks", "microbatch", "to_arrays"]

Batch: TypeAlias = Patches | Array
"""Pictures as patches, or inputs of any kind as one array, (n, ...)."""


def from_chunks(chunks: Iterable[NDArray[Any]]) -> Patches | NDArray[Any]:
    """Join inputs that come a chunk at a time: pictures as patches, vectors as they are."""
    first, *rest = chunks
    if first.ndim == 4:
        return gather([first, *rest])
    return np.concatenate([first, *rest])


def apply(
    architecture: Architecture,
    backend: Backend,
    weights: dict[str, Array],
    batch: Batch,
    training: bool = False,
) -> tuple[Array, dict[str, Array]]:
    """Map a batch as `Architecture.apply` does; patches by the rules for them."""
    if isinstance(batch, Patches):
        return rules.apply(architecture, backend, weights, batch, training)
    return architecture.apply(backend, weights, batch, training)


def microbatch(architecture: Architecture, backend: Backend, count: int, batch: Batch) -> int:
    """Return how many of `count` samples to compute at a time; patches are small enough for all."""
    if isinstance(batch, Patches):
        return count
    largest = max(map(math.prod, architecture.shapes()))
    return max(1, min(count, backend.microbatch() // largest))


def to_arrays(batch: Batch) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return a batch as the arrays that all samples share and those with a row for each."""
    if isinstance(batch, Patches):
        return (batch.background,), (batch.delta, batch.top, batch.left)
    return (), (batch,)


def from_arrays(shared: tuple[Array, ...], samples: tuple[Array, ...]) -> Batch:
    """Undo `to_arrays`."""
    return Patches(*shared, *samples) if shared else samples[0]
