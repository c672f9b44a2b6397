"""A network that is trained, as a solver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Backend
from compare.datasets import Dataset
from compare.learned import training
from compare.learned.architecture import Architecture
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import from_chunks, microbatch, to_arrays
from compare.learned.state import State
from compare.learned.training import Progress, forward
from compare.solvers.base import Budget, Cost
from compare.tasks.base import Task


class Learned:
    """A network trained by gradient descent on a backend."""

    def __init__(
        self,
        task: Task,
        architecture: Architecture,
        size: tuple[int, int],
        recipe: Recipe,
        backend: Backend,
        checkpoint: Path | None = None,
    ) -> None:
        """Set up an untrained network for a canvas of `size`, (height, width).

        `checkpoint` is where training may be taken up again.
        """
        self.task = task
        self.architecture = architecture
        self.size = size
        self.recipe = recipe
        self.backend = backend
        self.checkpoint = checkpoint
        self.state: State | None = None
        self._outputs = forward(architecture, backend)

    def fit(
        self,
        train: Dataset,
        *,
        seed: int,
        budget: Budget,
        on_progress: Callable[[Progress], None],
    ) -> None:
        """Train from the seed's first weights."""
        self.state = training.train(
            self.architecture,
            from_chunks(train.inputs(part) for part in train.chunks()),
            self.task.encode(train.positions, *self.size),
            self.recipe,
            epochs=budget.epochs,
            seed=seed,
            backend=self.backend,
            checkpoint=self.checkpoint,
            on_progress=on_progress,
        )

    def begin(self, seed: int) -> None:
        """Take the seed's first weights, with no training."""
        self.state = training.begin(self.architecture, seed, self.backend)

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Run the network on a batch, as many samples at a time as the backend likes."""
        if self.state is None:
            raise ValueError("this network has not been trained; call fit first")
        batch = from_chunks([inputs])
        size = microbatch(self.architecture, self.backend, len(inputs), batch)
        shared, samples = to_arrays(batch)
        shared = tuple(self.backend.asarray(array) for array in shared)

        def outputs(start: int) -> NDArray[Any]:
            assert self.state is not None
            part = tuple(self.backend.asarray(array[start : start + size]) for array in samples)
            return self.backend.to_numpy(self._outputs(self.state.weights, shared, part))

        parts = self.backend.map(outputs, range(0, len(inputs), size))
        return self.task.decode(np.concatenate(parts), *self.size, self.recipe.loss)

    def transfer(self, other: Learned) -> None:
        """Give the trained weights to the same architecture for another canvas.

        Raises ValueError if that has other weights, as one with a dense layer over all pixels has.
        """
        own, others = self.architecture.parameters(), other.architecture.parameters()
        for name, parameter in own.items():
            if parameter.shape != others[name].shape:
                raise ValueError(f"weight {name} depends on the size of the canvas")
        other.state = self.state

    def describe(self) -> Cost:
        """Count the architecture."""
        return Cost(self.architecture.count(), 0, self.architecture.multiply_adds())
