"""What a solver is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from compare.learned.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from compare.backends import Backend
    from compare.datasets import Dataset
    from compare.learned.training import Progress
    from compare.tasks.base import Task


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
