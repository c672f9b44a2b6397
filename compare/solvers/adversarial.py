"""Generators that are trained against a discriminator, as solvers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Backend, load
from compare.datasets import Dataset
from compare.datasets.two_objects import scenes
from compare.learned import adversarial
from compare.learned.architecture import Adversaries
from compare.learned.model import History, Model
from compare.learned.recipe import Recipe
from compare.learned.training import Progress
from compare.tasks.base import Task

__all__ = ["JUDGED", "Adversarial"]

JUDGED = 200
"""Latents, of those that the generator is evaluated on, that it is judged by after each epoch."""


@dataclass(frozen=True)
class Adversarial:
    """A generator of scenes that is trained by a recipe for a canvas of `size`, (height, width).

    The real scenes are the first of the training set of the recipe's number; ValueError if they are
    fewer than a batch.
    """

    adversaries: Adversaries
    task: Task
    size: tuple[int, int]
    recipe: Recipe
    backend: Backend | None = None

    def __post_init__(self) -> None:
        """Refuse a batch that is never full."""
        adversarial.steps_an_epoch(self.recipe, self._scenes)

    @property
    def _scenes(self) -> int:
        assert self.recipe.scenes is not None  # the catalogue's recipes all have it
        return self.recipe.scenes

    def fit(
        self,
        data: Dataset,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Model:
        """Train from the seed's first weights.

        data: latents, of which the first `JUDGED` say what the generator makes of them after each
        epoch; nothing does if there are none. It is not trained on them, but on noise and scenes
        of its own.
        """
        backend = self.backend or load("numpy")
        first = replace(data, positions=data.positions[:JUDGED])

        def judge(weights: Mapping[str, NDArray[Any]]) -> dict[str, float]:
            if not len(data):
                return {}
            return self.task.evaluate(self._model(weights, History()), first).scores

        state = adversarial.train(
            self.adversaries,
            self._pictures(),
            self.recipe,
            seed=seed,
            backend=backend,
            judge=judge,
            judged=[column.score for column in self.task.columns] if len(data) else (),
            checkpoint=checkpoint,
            on_progress=on_progress or (lambda _: None),
        )
        weights = {
            name: backend.to_numpy(array)
            for name, array in adversarial.generator_weights(state.weights).items()
        }
        return self._model(weights, History(state.losses, state.seconds, state.curves))

    def load(self, weights: Mapping[str, NDArray[Any]]) -> Model:
        """Return the generator with these weights; ValueError for those of another shape."""
        return self._model(weights, History())

    def _pictures(self) -> NDArray[np.int8]:
        real = scenes(self._scenes, *self.size)
        pictures = np.empty((len(real), 3, *self.size), np.int8)
        for part in real.chunks():
            pictures[part] = real.targets(part)
        return pictures

    def _model(self, weights: Mapping[str, NDArray[Any]], history: History) -> Model:
        decode = _as_they_are if self.adversaries.bounded else np.tanh
        backend = self.backend or load("numpy")
        return Model(self.adversaries.generator, weights, decode, backend, history, trained=True)


def _as_they_are(pictures: NDArray[Any]) -> NDArray[Any]:
    return pictures
