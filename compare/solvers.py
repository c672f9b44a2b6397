"""Solvers behind one interface: handcrafted, ready-made and learned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compare.backends import Backend
from compare.datasets import Dataset, not_so_clevr
from compare.learned import architectures, training
from compare.learned.architecture import Architecture
from compare.learned.patched import Patched, gather
from compare.learned.training import Progress, Recipe, State, split_maps
from compare.plugins import plugins
from compare.tasks import Task


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
        self._outputs = training.forward(architecture, backend)

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
            _maps(train.inputs(part) for part in train.chunks()),
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
        maps = _maps([inputs])
        step = training.piece(self.architecture, self.backend, len(inputs), maps)
        shared, samples = split_maps(maps)
        shared = tuple(self.backend.asarray(array) for array in shared)

        def outputs(start: int) -> NDArray[Any]:
            assert self.state is not None
            part = tuple(self.backend.asarray(array[start : start + step]) for array in samples)
            return self.backend.to_numpy(self._outputs(self.state.weights, shared, part))

        parts = self.backend.map(outputs, range(0, len(inputs), step))
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


def _maps(parts: Iterable[NDArray[Any]]) -> Patched | NDArray[Any]:
    """Join inputs that come a chunk at a time: pictures as patches, vectors as they are."""
    first, *rest = parts
    if first.ndim == 4:
        return gather([first, *rest])
    return np.concatenate([first, *rest])


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
    build: Callable[[Setting, Recipe | None, Path | None], Solver]
    """(setting, recipe, checkpoint) to the solver; ValueError for a canvas it cannot do."""
    recipes: dict[str, Recipe] = field(default_factory=dict)
    """How each preset trains it; empty if there is nothing to learn."""
    options: tuple[str, ...] = ()
    """The recipe's fields that its architecture has: of "width", "kernel" and "coordinates"."""


def offered(task: str) -> dict[str, Entry]:
    """Return the solvers of a task by name, the built-in ones first.

    Other packages add theirs under the entry-point group `compare.solvers`: the entry's name is
    "TASK.SOLVER", its value "module:ENTRY".
    """
    solvers = dict(_OFFERED.get(task, {}))
    for point in plugins("compare.solvers"):
        owner, _, name = point.name.rpartition(".")
        if owner == task:
            solvers.setdefault(name, point.load())
    return solvers


def _handcrafted(task: str) -> Entry:
    def built(setting: Setting, recipe: Recipe | None, checkpoint: Path | None) -> Solver:
        # Imported here because it takes longer than everything that `compare list` does.
        from handcrafted import NETWORKS

        network = NETWORKS[task](setting.height, setting.width)
        cost = network.cost()
        return Fixed(network, Cost(0, cost.constants, cost.multiply_adds))

    return Entry("a network of fixed operations; no weight learned", built)


def _ready_made(
    summary: str, build: Callable[[Setting], Callable[[NDArray[Any]], NDArray[Any]]]
) -> Entry:
    return Entry(summary, lambda setting, recipe, _: Fixed(build(setting), Cost(0, 0, 0)))


def _argmax(bitmaps: NDArray[Any]) -> NDArray[Any]:
    flat = bitmaps.reshape(len(bitmaps), -1)
    y, x = np.unravel_index(flat.argmax(axis=1), bitmaps.shape[2:])
    return np.stack([x, y], axis=1).astype(np.float32)


def _centroid(pictures: NDArray[Any]) -> NDArray[Any]:
    lit = pictures[:, 0].astype(np.float64)
    area = lit.sum(axis=(1, 2))
    x = lit.sum(axis=1) @ np.arange(lit.shape[2]) / area
    y = lit.sum(axis=2) @ np.arange(lit.shape[1]) / area
    return np.stack([x, y], axis=1).astype(np.float32)


def _indexing(setting: Setting) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def draw(coordinates: NDArray[Any]) -> NDArray[Any]:
        x, y = coordinates.astype(int).T
        bitmaps = np.zeros((len(x), 1, setting.height, setting.width), np.float32)
        bitmaps[np.arange(len(x)), 0, y, x] = 1
        return bitmaps

    return draw


def _slicing(setting: Setting) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def draw(coordinates: NDArray[Any]) -> NDArray[Any]:
        pictures = np.zeros((len(coordinates), 1, setting.height, setting.width), np.float32)
        r = not_so_clevr.RADIUS
        for picture, (x, y) in zip(pictures[:, 0], coordinates.astype(int), strict=True):
            picture[max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1] = 1
        return pictures

    return draw


def _learned(
    summary: str,
    architecture: Callable[[Setting, Recipe], Architecture],
    recipes: dict[str, Recipe],
    options: tuple[str, ...] = (),
) -> Entry:
    def build(setting: Setting, recipe: Recipe | None, checkpoint: Path | None) -> Solver:
        recipe = recipe or recipes["quick"]
        size = (setting.height, setting.width)
        built = architecture(setting, recipe)
        return Learned(setting.task, built, size, recipe, setting.backend, checkpoint)

    return Entry(summary, build, recipes, options)


def _conv_regressor(setting: Setting, recipe: Recipe) -> Architecture:
    build = {
        "uniform": architectures.conv_regressor_uniform,
        "quadrant": architectures.conv_regressor_quadrant,
    }[setting.split]
    return build(setting.height, setting.width, recipe.width)


def _alike(recipe: Recipe) -> dict[str, Recipe]:
    """Both presets train alike, but for the epochs."""
    return {"quick": recipe, "paper": recipe}


_REGRESSORS = {
    "coordconv": _learned(
        "the published CoordConv regressor",
        lambda setting, _: architectures.coordconv_regressor(setting.height, setting.width),
        _alike(Recipe(learning_rate=0.01)),
    ),
    # The best of the published grid's three rates, in our runs.
    "conv": _learned(
        "the published plain-convolution regressors, one for each split",
        _conv_regressor,
        _alike(Recipe(learning_rate=0.001)),
        ("width",),
    ),
}


def _deconv(loss: str) -> Entry:
    # As the authors' README trains it; narrower, faster and without decay in the quick preset.
    return _learned(
        "the published stack of transposed convolutions",
        lambda setting, recipe: architectures.deconv(
            setting.height, setting.width, recipe.width, recipe.kernel, recipe.coordinates
        ),
        {
            "quick": Recipe(learning_rate=0.01, l2=0.0, batch=16, loss=loss),
            "paper": Recipe(
                learning_rate=0.01,
                l2=0.001,
                batch=16,
                loss=loss,
                schedule="step",
                width=2,
                coordinates="pixels",
            ),
        },
        ("width", "kernel", "coordinates"),
    )


_OFFERED: dict[str, dict[str, Entry]] = {
    "onehot2coord": {
        "handcrafted": _handcrafted("onehot2coord"),
        **_REGRESSORS,
        "argmax": _ready_made(
            "numpy.argmax and unravel_index, what a programmer would write", lambda _: _argmax
        ),
    },
    "coord2onehot": {
        "handcrafted": _handcrafted("coord2onehot"),
        "coordconv": _learned(
            "the published CoordConv classifier",
            lambda setting, recipe: architectures.coordconv_classifier(
                setting.height, setting.width, recipe.width, recipe.coordinates
            ),
            {
                # Small batches and a high rate keep the network from being content with the
                # positions it is shown before it is right at the others; docs/recipes.md.
                "quick": Recipe(learning_rate=0.01, l2=0.0003, batch=4, loss="softmax"),
                "paper": Recipe(
                    learning_rate=0.005, l2=0.001, batch=16, loss="softmax", coordinates="pixels"
                ),
            },
            ("width", "coordinates"),
        ),
        "deconv": _deconv("softmax"),
        "indexing": _ready_made("bitmaps[item, 0, y, x] = 1", _indexing),
    },
    "coord2image": {
        "handcrafted": _handcrafted("coord2image"),
        "coordconv": _learned(
            "the published CoordConv renderer",
            lambda setting, recipe: architectures.coordconv_renderer(
                setting.height, setting.width, recipe.width, recipe.kernel, recipe.coordinates
            ),
            {
                # Under the cross-entropy some seeds never begin to learn; docs/recipes.md.
                "quick": Recipe(learning_rate=0.002, l2=0.0, batch=4, loss="mse"),
                "paper": Recipe(
                    learning_rate=0.005, l2=0.001, batch=16, loss="sigmoid", coordinates="pixels"
                ),
            },
            ("width", "kernel", "coordinates"),
        ),
        "deconv": _deconv("sigmoid"),
        "slicing": _ready_made("picture[y-4:y+5, x-4:x+5] = 1", _slicing),
    },
    "image2coord": {
        "handcrafted": _handcrafted("image2coord"),
        **_REGRESSORS,
        "centroid": _ready_made("the mean place of the lit pixels", lambda _: _centroid),
    },
}
