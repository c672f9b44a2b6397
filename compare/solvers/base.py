"""What a solver is: anything that fits a task's samples and returns a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from compare.learned.recipe import Recipe

if TYPE_CHECKING:  # `compare list` does without NumPy
    from numpy.typing import NDArray

    from compare.backends import Backend
    from compare.datasets import Dataset
    from compare.learned.model import Cost, History
    from compare.learned.training import Progress
    from compare.tasks.base import Task

__all__ = ["Model", "Setting", "Solver", "SolverSpec"]


class Model(Protocol):
    """What fitting returns: it predicts, and says what it is made of."""

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Map a batch of inputs to answers in the task's own units."""
        ...

    @property
    def cost(self) -> Cost:
        """What it is made of, and what one sample costs it."""
        ...

    @property
    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Its arrays by name; empty for what is not made of any."""
        ...

    @property
    def history(self) -> History:
        """How its training went."""
        ...


class Solver(Protocol):
    """Anything that maps a task's inputs to its outputs, built for one task and canvas."""

    def fit(
        self,
        data: Dataset,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Model:
        """Learn from samples, if there is anything to learn, and return the model.

        `checkpoint` is a file that training is resumed from and saved to; `on_progress` is called
        after each epoch.
        """
        ...

    def load(self, weights: Mapping[str, NDArray[Any]]) -> Model:
        """Return the model with these weights; ValueError for those of another shape."""
        ...


@dataclass(frozen=True)
class Setting:
    """What a solver is built for."""

    task: Task
    split: str
    height: int
    width: int
    backend: Backend | None = None
    """What learned networks run on; None where nothing is computed yet."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """For a solver with `variants`: which one, by the names of a recipe's fields."""
    folder: str = ""
    """Where the task's pictures are, for a task on those in a folder."""


@dataclass(frozen=True)
class SolverSpec:
    """A solver that a task offers: how to build it, and how it is trained if it is."""

    summary: str
    build: Callable[[Setting, Recipe | None], Solver]
    """(setting, recipe) to the solver; ValueError for a canvas it cannot do."""
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    """How each preset trains it; empty if there is nothing to learn."""
    preset: str = "quick"
    """Which of them is used where none is asked for."""
    options: tuple[str, ...] = ()
    """The recipe's fields that only some solvers have, of those that this one has."""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of a solver that learns nothing but has a choice of architectures: the one of each preset, as
    values by the names of a recipe's fields. Such a solver has no recipes."""
    whose: Mapping[str, str] = field(default_factory=dict)
    """Where each preset's recipe is from, in a few words; nothing is said of those left out."""
    sides: Mapping[str, int] = field(default_factory=dict)
    """Of the canvas, in pixels, by preset; 64, as published, for those left out."""
