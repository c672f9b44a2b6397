"""Solvers with nothing to learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.learned.recipe import Recipe
from compare.solvers.base import Budget, Cost, Entry, Setting, Solver

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from compare.datasets import Dataset
    from compare.learned.training import Progress


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


def _handcrafted(task: str) -> Entry:
    def built(setting: Setting, recipe: Recipe | None, checkpoint: Path | None) -> Solver:
        # Imported here because it takes longer than everything that `compare list` does.
        from handcrafted import NETWORKS

        network = NETWORKS[task](setting.height, setting.width)
        cost = network.cost()
        return Fixed(network.run, Cost(0, cost.constants, cost.multiply_adds))

    return Entry("a network of fixed operations; no weight learned", built)


def _ready_made(name: str, summary: str) -> Entry:
    def build(setting: Setting, recipe: Recipe | None, checkpoint: Path | None) -> Solver:
        from compare.solvers import direct  # brings NumPy, which `compare list` does without

        function = getattr(direct, name)
        size = {"height": setting.height, "width": setting.width}
        return Fixed(partial(function, **size), Cost(0, 0, 0))

    return Entry(summary, build)
