"""Solvers behind one interface: handcrafted, ready-made and learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compare.backends import Backend
from compare.datasets import Dataset
from compare.learned import architectures, training
from compare.learned.architecture import Architecture
from compare.learned.patched import gather
from compare.learned.training import Progress, Recipe, State, join_maps, split_maps
from compare.tasks import Task
from handcrafted import onehot2coord


@dataclass(frozen=True)
class Cost:
    """What a solver is made of and what one sample costs it, computed densely."""

    parameters: int
    """Numbers that were learned."""
    constants: int
    """Numbers that somebody fixed."""
    multiply_adds: int


@dataclass(frozen=True)
class Budget:
    """How much training a solver is given; the same for every learned one."""

    epochs: int


class Solver(Protocol):
    """Anything that maps a task's inputs to its outputs."""

    def fit(
        self,
        train: Dataset,
        *,
        seed: int,
        budget: Budget,
        on_progress: Callable[[Progress], None],
    ) -> None:
        """Learn from the training samples, if there is anything to learn."""
        ...

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Map a batch of inputs to outputs in the task's own units."""
        ...

    def describe(self) -> Cost:
        """Say what it costs."""
        ...


@dataclass(frozen=True)
class Fixed:
    """A solver with nothing to learn: a handcrafted network, or what a programmer would write."""

    function: Callable[[NDArray[Any]], NDArray[Any]]
    cost: Cost

    def fit(
        self,
        train: Dataset,
        *,
        seed: int,
        budget: Budget,
        on_progress: Callable[[Progress], None],
    ) -> None:
        """Do nothing."""

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Apply the function."""
        return self.function(inputs)

    def describe(self) -> Cost:
        """Return the cost it was built with."""
        return self.cost


class Learned:
    """A network trained by gradient descent on a backend."""

    def __init__(
        self,
        task: Task,
        architecture: Architecture,
        recipe: Recipe,
        backend: Backend,
        checkpoint: Path | None = None,
    ) -> None:
        """Set up an untrained network; `checkpoint` is where training may be taken up again."""
        self.task = task
        self.architecture = architecture
        self.recipe = recipe
        self.backend = backend
        self.checkpoint = checkpoint
        self.state: State | None = None

    def fit(
        self,
        train: Dataset,
        *,
        seed: int,
        budget: Budget,
        on_progress: Callable[[Progress], None],
    ) -> None:
        """Train from the seed's first weights."""
        height, width = self.architecture.inputs[1:]
        self.state = training.train(
            self.architecture,
            gather(train.chunks()),
            self.task.encode(train.targets(), height, width),
            self.task.loss,
            self.recipe,
            epochs=budget.epochs,
            seed=seed,
            backend=self.backend,
            checkpoint=self.checkpoint,
            on_progress=on_progress,
        )

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Run the network on a batch, in parts of the recipe's batch size."""
        if self.state is None:
            raise ValueError("this network has not been trained; call fit first")
        parts = [
            self._outputs(inputs[start : start + self.recipe.batch])
            for start in range(0, len(inputs), self.recipe.batch)
        ]
        return self.task.decode(np.concatenate(parts), *self.architecture.inputs[1:])

    def _outputs(self, inputs: NDArray[Any]) -> NDArray[Any]:
        assert self.state is not None
        shared, samples = split_maps(gather([inputs]))
        maps = join_maps(
            tuple(self.backend.asarray(array) for array in shared),
            tuple(self.backend.asarray(array) for array in samples),
        )
        outputs, _ = self.architecture.apply(self.backend, self.state.weights, maps)
        return self.backend.to_numpy(outputs)

    def describe(self) -> Cost:
        """Count the architecture."""
        return Cost(self.architecture.count(), 0, self.architecture.multiply_adds())


@dataclass(frozen=True)
class Setting:
    """What a solver is built for."""

    task: Task
    split: str
    height: int
    width: int
    backend: Backend


@dataclass(frozen=True)
class Entry:
    """A solver that a task offers: how to build it, and how it is trained if it is."""

    summary: str
    build: Callable[[Setting, Path | None], Solver]
    recipe: Recipe | None = None


def offered(task: str) -> dict[str, Entry]:
    """Return the solvers of a task by name."""
    return _OFFERED[task]


def _handcrafted_onehot2coord(setting: Setting, _: Path | None) -> Solver:
    network = onehot2coord.network(setting.height, setting.width)
    cost = network.cost()
    return Fixed(network, Cost(0, cost.constants, cost.multiply_adds))


def _argmax(bitmaps: NDArray[Any]) -> NDArray[Any]:
    flat = bitmaps.reshape(len(bitmaps), -1)
    y, x = np.unravel_index(flat.argmax(axis=1), bitmaps.shape[2:])
    return np.stack([x, y], axis=1).astype(np.float32)


def _learned(
    architecture: Callable[[Setting], Architecture], recipe: Recipe, summary: str
) -> Entry:
    def build(setting: Setting, checkpoint: Path | None) -> Solver:
        return Learned(setting.task, architecture(setting), recipe, setting.backend, checkpoint)

    return Entry(summary, build, recipe)


def _conv_regressor(setting: Setting) -> Architecture:
    build = {
        "uniform": architectures.conv_regressor_uniform,
        "quadrant": architectures.conv_regressor_quadrant,
    }[setting.split]
    return build(setting.height, setting.width)


_OFFERED: dict[str, dict[str, Entry]] = {
    "onehot2coord": {
        "handcrafted": Entry(
            "convolution, nonlinearity, sum, subtraction; no weight learned",
            _handcrafted_onehot2coord,
        ),
        "coordconv": _learned(
            lambda setting: architectures.coordconv_regressor(setting.height, setting.width),
            Recipe(learning_rate=0.01),
            "the published CoordConv regressor",
        ),
        "conv": _learned(
            _conv_regressor,
            Recipe(learning_rate=0.001),
            "the published plain-convolution regressors, one for each split",
        ),
        "argmax": Entry(
            "numpy.argmax and unravel_index, what a programmer would write",
            lambda setting, _: Fixed(_argmax, Cost(0, 0, 0)),
        ),
    }
}
