"""Published architectures with computed weights, as solvers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Backend, load
from compare.datasets import Dataset
from compare.learned.architecture import Architecture
from compare.learned.model import Model
from compare.learned.training import Progress
from handcrafted.weights import ComputedWeights, Weights

__all__ = ["MOST_NUMBERS", "Computed"]

MOST_NUMBERS = 40_000_000
"""In the arrays of an architecture: exporting 160 MB of them as ONNX takes 0.9 GB."""


@dataclass(frozen=True)
class Computed:
    """An architecture whose weights are computed for a canvas of `size`, (height, width).

    Raises ValueError for a canvas or options that there are no weights for.
    """

    architecture: Architecture
    weights: ComputedWeights
    decode: Callable[[NDArray[Any]], NDArray[Any]]
    """(outputs of the network) to answers, in the task's own units."""
    size: tuple[int, int]
    options: Mapping[str, Any]
    """Those of `weights.options`, by name."""
    backend: Backend | None = None

    def __post_init__(self) -> None:
        """Refuse what there are no weights for, or too many, before any are computed."""
        self.weights.require(*self.size, **self.options)
        if (count := self.architecture.count()) > MOST_NUMBERS:
            raise ValueError(
                f"its weights would be {count:,} numbers, and up to {MOST_NUMBERS:,} are computed; "
                "give a smaller canvas or width"
            )

    def fit(
        self,
        data: Dataset,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Model:
        """Compute the weights, whatever the samples."""
        return self.model()

    def load(self, weights: Mapping[str, NDArray[Any]]) -> Model:
        """Compute the weights, which belong to the canvas; none are loaded."""
        return self.model()

    def compute(self, balanced: bool = False) -> Weights:
        """Compute the weights, in float32; if `balanced`, by layers of nearly equal norm."""
        compute = self.weights.balanced if balanced else self.weights
        return compute(*self.size, **self.options)

    def model(self) -> Model:
        """Return the architecture with its weights."""
        backend = self.backend or load("numpy")
        # They are float32 numbers, which float64 holds too.
        dtype = np.float64 if backend.precision == "float64" else np.float32
        weights = {name: array.astype(dtype, copy=False) for name, array in self.compute().items()}
        return Model(self.architecture, weights, self.decode, backend, dense=True)
