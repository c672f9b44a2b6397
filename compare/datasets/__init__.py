"""Data sets, drawn when they are asked for and never held whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["Dataset", "Split"]

_CHUNK_BYTES = 1 << 23
"""Inputs drawn at a time; small enough to stay near the processor, large enough to be few."""


@dataclass(frozen=True)
class Dataset:
    """Samples that are known by their positions and drawn from them.

    positions: (n, 2) int64, (x, y) in pixels. `draw_inputs` and `draw_targets` map such
    positions to float32 arrays with the sample first.
    """

    positions: NDArray[Any]
    draw_inputs: Callable[[NDArray[Any]], NDArray[Any]]
    draw_targets: Callable[[NDArray[Any]], NDArray[Any]]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.positions)

    def inputs(self, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Draw the inputs of samples `start` to `stop`."""
        return self.draw_inputs(self.positions[start:stop])

    def targets(self) -> NDArray[Any]:
        """Draw the targets of all samples."""
        return self.draw_targets(self.positions)

    def chunks(self) -> Iterator[NDArray[Any]]:
        """Draw all inputs in order, a few megabytes at a time."""
        step = max(1, _CHUNK_BYTES // self.inputs(0, 1).nbytes)
        for start in range(0, len(self), step):
            yield self.inputs(start, start + step)


@dataclass(frozen=True)
class Split:
    """The samples to fit and the samples held out."""

    train: Dataset
    test: Dataset
