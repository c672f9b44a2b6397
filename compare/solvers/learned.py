"""Architectures that are trained, as solvers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Backend, load
from compare.datasets import Dataset
from compare.learned import training
from compare.learned.architecture import Architecture
from compare.learned.model import History, Model
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import from_chunks
from compare.learned.training import Progress
from compare.tasks.base import Supervision

__all__ = ["Learned"]


@dataclass(frozen=True)
class Learned:
    """An architecture that is trained by a recipe for a canvas of `size`, (height, width)."""

    architecture: Architecture
    supervision: Supervision
    size: tuple[int, int]
    recipe: Recipe
    backend: Backend | None = None
    first_weights: Callable[[int], Mapping[str, NDArray[Any]]] | None = None
    """(seed) to what training begins from; None for what the architecture draws."""

    def fit(
        self,
        data: Dataset,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        initial: Mapping[str, NDArray[Any]] | None = None,
    ) -> Model:
        """Train from the seed's first weights, or from `initial` ones."""
        backend = self.backend or load("numpy")
        if initial is None and self.first_weights is not None:
            initial = self.first_weights(seed)
        state = training.train(
            self.architecture,
            from_chunks(data.inputs(part) for part in data.chunks()),
            self.targets(data),
            self.recipe,
            seed=seed,
            backend=backend,
            initial=training.state_from_weights(self.architecture, initial, backend)
            if initial
            else None,
            checkpoint=checkpoint,
            on_progress=on_progress or (lambda _: None),
        )
        weights = {name: backend.to_numpy(array) for name, array in state.weights.items()}
        history = History(
            state.losses,
            state.seconds,
            samples=len(data) * len(state.losses),
            by_step=training.losses_by_step(state.sums, len(data), self.recipe.batch),
        )
        return self._model(weights, history)

    def targets(self, data: Dataset) -> NDArray[Any]:
        """Return what the network is to put out for samples, as the recipe has it."""
        targets = self.supervision.encode(data.positions, *self.size)
        brightness = self.recipe.brightness
        # Where there are no pictures to draw, targets may be whole numbers, and stay so.
        return targets if brightness == 1 else np.multiply(targets, brightness, dtype=targets.dtype)

    def load(self, weights: Mapping[str, NDArray[Any]]) -> Model:
        """Return the model with these weights; ValueError for those of another shape."""
        return self._model(weights, History())

    def _model(self, weights: Mapping[str, NDArray[Any]], history: History) -> Model:
        def decode(outputs: NDArray[Any]) -> NDArray[Any]:
            return self.supervision.decode(outputs, *self.size, self.recipe.loss)

        backend = self.backend or load("numpy")
        return Model(self.architecture, weights, decode, backend, history, trained=True)
