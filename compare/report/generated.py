"""The figures of what generators make: samples, where their objects are, and how training went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from compare.datasets.two_objects import Distribution
from compare.figures.scenes import generation_curves, position_maps, sample_grids
from compare.files import read_arrays
from compare.learned.recipe import Recipe
from compare.report.sections import Run, Section
from compare.solvers.base import Model, Setting
from compare.solvers.catalogue import solvers_of
from compare.tasks.two_objects import TOLERANCES
from handcrafted.two_objects import RADIUS

__all__ = ["SAMPLES", "Drawing", "generated"]

SAMPLES = 16
"""Shown of each generator, from the first latents that all are evaluated on."""

Drawing: TypeAlias = tuple[str, str, Callable[[], Figure]]
"""The last part of a figure's name, its caption, and what draws it."""


def generated(section: Section) -> Iterator[Drawing]:
    """Yield the figures of a section's generators; none for a task that generates nothing."""
    for split in section.splits():
        few = section.few(split)
        solvers = {name: seeds for name, seeds in few.items() if _generates(seeds[0])}
        if not solvers:
            continue
        chosen = [_median(seeds) for seeds in solvers.values()]
        title = f"{section.task.name}, {section.size[0]}x{section.size[1]}"
        seed = "A learned generator is shown at its median seed, by valid pictures."
        seed += section.of_many()
        yield (
            f"{split}-samples",
            "Scenes of the test set, and what each generator makes of the first "
            f"{SAMPLES} latents; where it has batch norms, by their running statistics and by "
            f"those of the batch. {seed}{section.trainings()}",
            lambda chosen=chosen, split=split, title=title: sample_grids(  # type: ignore[misc]
                dict(_panels(section, split, chosen)), title
            ),
        )
        yield (
            f"{split}-positions",
            "Where the objects of valid scenes are, those with up to 40 wrong pixels, beside what "
            f"is true. {seed}{section.trainings()}",
            lambda chosen=chosen, title=title: position_maps(  # type: ignore[misc]
                {_label(run): _places(run) for run in chosen}, _truth(section.size), title
            ),
        )
        trained = {name: seeds for name, seeds in solvers.items() if seeds[0].curves}
        if any(len(run.losses) > 1 for seeds in trained.values() for run in seeds):
            yield (
                f"{split}-training",
                "Valid pictures, and the places that are a blue centre of one, after each epoch: a "
                "thin line for each seed, and their median. The first latents of those that the "
                f"run is evaluated on.{section.trainings()}",
                lambda trained=trained, title=title: generation_curves(  # type: ignore[misc]
                    {
                        label: {
                            name: [(_steps(run), factor * run.curves[curve]) for run in seeds]
                            for name, seeds in trained.items()
                        }
                        for label, (curve, factor) in _CURVES.items()
                    },
                    title,
                ),
            )


_CURVES = {
    "valid but for 40 px (%)": ("valid_40", 100),
    "valid but for 10 px (%)": ("valid_10", 100),
    "places of a blue centre (%)": ("blue_coverage", 100),
}
"""What is drawn against steps: the column of the history and its factor, by label."""


def _generates(run: Run) -> bool:
    return {"test_objects", "test_wrong_pixels"} <= run.samples.keys()


def _median(seeds: Sequence[Run]) -> Run:
    ordered = sorted(seeds, key=lambda run: run.record["scores"]["test"]["valid_40"])
    return ordered[(len(ordered) - 1) // 2]


def _label(run: Run) -> str:
    return ", ".join(filter(None, (run.solver, run.unfinished())))


def _steps(run: Run) -> NDArray[np.int64]:
    recipe = Recipe(**run.arguments["recipe"])
    each = (recipe.steps or recipe.epochs) // recipe.epochs
    return each * np.arange(1, len(run.losses) + 1)


def _panels(
    section: Section, split: str, runs: Sequence[Run]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the real scenes' and each generator's pictures, each with its name."""
    data = section.task.split(split, *section.size).test
    first = slice(SAMPLES)
    yield "real scenes", data.targets(first)
    latents = data.inputs(first)
    for run in runs:
        model: Any = _model(section, run)
        yield _label(run), model.predict(latents)
        if hasattr(model, "architecture") and model.architecture.mixes_samples():
            yield f"{run.solver}, the batch's statistics", model.predict_by_batch(latents)


def _model(section: Section, run: Run) -> Model:
    """Return a run's model with its stored weights, on the NumPy backend."""
    arguments = run.arguments
    setting = Setting(
        section.task, arguments["split"], *section.size, options=arguments.get("options", {})
    )
    recipe = Recipe(**arguments["recipe"]) if arguments["recipe"] else None
    solver = solvers_of(section.task.name)[arguments["solver"]].build(setting, recipe)
    return solver.load(read_arrays(run.folder / "weights.npz"))


def _places(run: Run) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the valid scenes' blue and red centres as places (column, row)."""
    valid = run.samples["test_wrong_pixels"] <= max(TOLERANCES)
    objects = run.samples["test_objects"][valid]
    return objects[:, :2] - RADIUS, objects[:, 4:6] - RADIUS


def _truth(size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    true = Distribution(*size)
    return true.blue, true.red
