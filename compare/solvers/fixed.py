"""Solvers with nothing to learn: networks by hand and closed forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.learned.recipe import Recipe
from compare.solvers.base import Setting, Solver, SolverSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from compare.datasets import Dataset
    from compare.learned.model import Cost, History
    from compare.learned.training import Progress

__all__ = ["Fixed", "closed_form", "handcrafted", "scene_generator"]


def _no_history() -> History:
    # Imported here because it takes longer than everything that `compare list` does.
    from compare.learned.model import History

    return History()


@dataclass(frozen=True)
class Fixed:
    """A function as a solver, and as the model that its fitting returns."""

    function: Callable[[NDArray[Any]], NDArray[Any]]
    cost: Cost
    sample: tuple[int, ...] | None = None
    """The shape of one input, which others are refused for; None where the function looks."""
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    history: History = field(default_factory=_no_history)

    def fit(
        self,
        data: Dataset,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Fixed:
        """Return itself: there is nothing to learn."""
        return self

    def load(self, weights: Mapping[str, NDArray[Any]]) -> Fixed:
        """Return itself: it has no weights."""
        return self

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Apply the function; TypeError or ValueError for inputs of another kind or shape."""
        if self.sample is not None:
            from compare.learned.model import require_batch

            require_batch(inputs, self.sample)
        return self.function(inputs)


def handcrafted(task: str) -> SolverSpec:
    """Offer the weight-free network of a task."""

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        from compare.learned.model import Cost
        from handcrafted import NETWORKS

        network = NETWORKS[task](setting.height, setting.width)
        cost = Cost(0, network.constants(), network.multiply_adds())
        return Fixed(network.run, cost, network.shapes()[0])

    return SolverSpec("a network of fixed operations; no weight learned", build)


def scene_generator() -> SolverSpec:
    """Offer the weight-free generator of scenes of two objects."""

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        import numpy as np

        from compare.learned.model import Cost
        from handcrafted.exactness import largest_exact_size
        from handcrafted.scene_generator import BASE, LATENTS, network

        generator = network(setting.height, setting.width)
        exact = generator.domain.largest <= largest_exact_size("float32")
        dtype = np.float32 if exact else np.float64

        def generate(latents: NDArray[Any]) -> NDArray[Any]:
            """Use the first latents, numbers in [-1, 1), as whole numbers from 0 to 4095."""
            digits = np.floor((latents[:, :LATENTS].astype(dtype) + 1) * (BASE // 2))
            return np.asarray(generator(digits), dtype=np.float32)

        return Fixed(generate, Cost(0, generator.constants(), generator.multiply_adds()))

    return SolverSpec("a generator of fixed operations; no weight learned", build)


def closed_form(name: str, summary: str) -> SolverSpec:
    """Offer a function of `compare.solvers.direct`."""

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        from compare.learned.model import Cost
        from compare.solvers import direct
        from handcrafted import NETWORKS

        function = getattr(direct, name)
        size = {"height": setting.height, "width": setting.width}
        sample = NETWORKS[setting.task.name](**size).shapes()[0]
        return Fixed(partial(function, **size), Cost(0, 0, 0), sample)

    return SolverSpec(summary, build)
