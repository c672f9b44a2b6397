"""Data sets, drawn when they are asked for and never held whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Split"]

_CHUNK_BYTES = 1 << 23
"""Drawn at a time: small enough to stay near the processor, large enough to be few."""


@dataclass(frozen=True)
class Dataset:
    """Samples that are known by their positions and drawn from them.

    positions: (n, 2) int64, (x, y) in pixels; of samples in a sequence (n, 1), their numbers; of
    others whatever they are drawn from, such as (x, y, digit, label).
    `draw_inputs` and `draw_targets` map such positions to float32 arrays with the sample first.
    """

    positions: NDArray[Any]
    draw_inputs: Callable[[NDArray[Any]], NDArray[Any]]
    draw_targets: Callable[[NDArray[Any]], NDArray[Any]]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.positions)

    def inputs(self, part: slice = slice(None)) -> NDArray[Any]:
        """Draw the inputs of a part of the samples."""
        return self.draw_inputs(self.positions[part])

    def targets(self, part: slice = slice(None)) -> NDArray[Any]:
        """Draw the targets of a part of the samples."""
        return self.draw_targets(self.positions[part])

    def with_targets_times(self, factor: float) -> Dataset:
        """Return the same samples with their targets multiplied, in the targets' own dtype."""

        def draw(positions: NDArray[Any]) -> NDArray[Any]:
            targets = self.draw_targets(positions)
            return np.asarray(targets * targets.dtype.type(factor))

        return replace(self, draw_targets=draw)

    def chunks(self) -> Iterator[slice]:
        """Cut the samples, in order, into parts that take a few megabytes when drawn."""
        one = slice(1)
        step = max(1, _CHUNK_BYTES // max(self.inputs(one).nbytes, self.targets(one).nbytes))
        for start in range(0, len(self), step):
            yield slice(start, min(start + step, len(self)))


@dataclass(frozen=True)
class Split:
    """The samples to fit and the samples held out."""

    train: Dataset
    test: Dataset
    held_out_only: bool = False
    """Whether models are evaluated on the samples held out alone."""

    @property
    def parts(self) -> dict[str, Dataset]:
        """Return what models are evaluated on: "train" and "test".

        "test" alone where both are the same samples, or where it says so.
        """
        return (
            {"test": self.test}
            if self.train is self.test or self.held_out_only
            else {"train": self.train, "test": self.test}
        )
