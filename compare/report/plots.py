"""The figures of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from compare.figures import argument
from compare.figures.canvas import Answers, data, error_maps, pictures, predictions
from compare.figures.curves import Price, cost_against_error, learning_curves
from compare.figures.seeds import scores_by_seed
from compare.report.generated import generated
from compare.report.sections import Run, Section
from compare.results.statistics import compare_all
from compare.solvers.catalogue import solvers_of

__all__ = [
    "EXAMPLES",
    "INTERVAL",
    "MOST_SHOWN",
    "Plot",
    "all_plots",
    "data_plots",
    "on_canvas",
    "plots",
    "point",
    "points",
    "shown",
]

EXAMPLES = 6
"""Pictures shown of those that a task draws."""


@dataclass(frozen=True)
class Plot:
    """A figure of the report: drawn when it is asked for."""

    name: str
    """Of its files, without the ending."""
    caption: str
    draw: Callable[[], Figure]


# --- Figures --------------------------------------------------------------------------------


def plots(section: Section) -> Iterator[Plot]:
    """Return the figures of a section, in the order of the page."""
    task, size, name = section.task, section.size, section.name
    splits = section.splits()
    for split in splits:
        answers = [run.answers() for run in section.typical(split) if on_canvas(run, size)]
        if not answers:
            continue
        title = f"{task.name}, {split} split"
        if drawn := _predictions(section, split, answers, title):
            yield Plot(f"{name}-{split}-predictions", *drawn)
        yield Plot(
            f"{name}-{split}-errors",
            "The error at every position, trained on above and held out below, on one scale. "
            f"A learned solver is shown at its median seed.{section.of_many()}"
            + section.trainings(),
            lambda answers=answers, title=title: error_maps(  # type: ignore[misc]
                answers, size, title, task.error
            ),
        )
    if section.task.verdict and (by_seed := _by_seed(section, section.task.verdict)):
        yield Plot(f"{name}-seeds", *by_seed)
    for part, caption, draw in generated(section):
        yield Plot(f"{name}-{part}", caption, draw)
    if curves := _curves(section):
        yield Plot(f"{name}-learning", *curves)
    prices = {split: found for split in splits if (found := _prices(section.of(split)))}
    if not prices:
        return
    yield Plot(
        f"{name}-cost",
        f"What one answer costs against how wrong it is, held-out {task.noun} only, both axes "
        "logarithmic. The vertical axis is broken: an error of exactly 0, which has no place on a "
        "logarithmic axis, has the strip at the bottom. A small marker is a seed, the large one "
        "their median. Closed forms are left out, as their operations are not counted."
        + section.trainings(),
        lambda: cost_against_error(prices, task.error),
    )


def _predictions(
    section: Section, split: str, answers: list[Answers], title: str
) -> tuple[str, Callable[[], Figure]] | None:
    """Return the caption and the drawing of what was predicted; None for what has no picture."""
    height, width = section.size
    shapes = {run.predictions["test"].shape[1:] for run in answers}
    if shapes == {(2,)}:
        return (
            "Predicted positions beside the targets: light for positions trained on, in the "
            "solver's colour, and dark for targets, for those held out. The frame is the canvas. "
            f"A learned solver is shown at its median seed.{section.of_many()}"
            + section.trainings(),
            lambda: predictions(answers, section.size, title),
        )
    bits = all(run.predictions["test"].dtype == np.uint8 for run in answers)
    if not bits or shapes != {(-(-height * width // 8),)}:
        return None
    positions = answers[0].positions["test"]
    chosen = np.unique(np.linspace(0, len(positions) - 1, EXAMPLES).round().astype(int))
    test = section.task.split(split, height, width).test
    targets = test.draw_targets(positions[chosen])
    if targets.shape[1:] != (1, height, width):
        return None
    drawn: dict[str, NDArray[Any]] = {"target": targets[:, 0] > 0.5}
    for run in answers:
        pixels = np.unpackbits(run.predictions["test"][chosen], axis=1, count=height * width)
        drawn[run.solver] = pixels.reshape(-1, height, width)
    return (
        "Held-out pictures, rounded to black and white, beside the targets, whose outline is "
        "drawn into each; above them the centre's (x, y). A learned solver is shown at its "
        f"median seed.{section.of_many()}{section.trainings()}",
        lambda: pictures(drawn, positions[chosen], title),
    )


def _curves(section: Section) -> tuple[str, Callable[[], Figure]] | None:
    """Return the caption and the drawing of the learning curves; None if all are of one point."""
    trained = [run for run in section.runs if len(run.losses)]
    if all(len(run.losses) == 1 for run in trained):
        return None
    by_step = all(run.steps is not None for run in trained)
    curves = {
        split: found
        for split in section.splits()
        if (
            found := {
                name: [run.curve(by_step=by_step) for run in seeds]
                for name, seeds in section.of(split).items()
                if len(seeds[0].losses)
            }
        )
    }
    after = "each epoch"
    if any(run.steps is not None for run in trained):
        after = "steps" if by_step else "each epoch, or parts of one where there is only one"
    return (
        f"The training loss after {after}: a thin line for each seed, and their median. Losses of "
        "different kinds are not comparable with each other." + section.trainings(),
        lambda: learning_curves(
            curves,
            f"training loss ({', '.join(sorted(_losses(section)))})",
            "step" if by_step else "epoch",
        ),
    )


def _by_seed(section: Section, score: str) -> tuple[str, Callable[[], Figure]] | None:
    """Return the caption and the drawing of a score by seed; None where nothing learns."""
    learned = [
        run.labelled()
        for split in section.splits()
        for seeds in section.few(split).values()
        for run in seeds
        if run.arguments["recipe"]
    ]
    if not learned:
        return None
    scores: dict[str, dict[str, dict[int, float]]] = {}
    for record in learned:
        split, solver, seed = (record["arguments"][key] for key in ("split", "solver", "seed"))
        scores.setdefault(split, {}).setdefault(solver, {})[seed] = record["scores"]["test"][score]
    differences = {
        split: [
            (*pair["solvers"], *(pair["differences"][score][key] for key in INTERVAL))
            for pair in pairs
            if pair["differences"][score]["low95"] is not None
        ]
        for split, pairs in compare_all(learned).items()
    }
    title = next((c.title for c in section.task.columns if c.score == score), score)
    return (
        f"The {title} of each seed on held-out samples; a line joins what was trained with one "
        "seed. Below, the mean differences over seeds, with their 95 % intervals."
        + section.of_many()
        + section.trainings(),
        lambda: scores_by_seed(scores, differences, title),
    )


INTERVAL = ("mean", "low95", "high95")


def _losses(section: Section) -> set[str]:
    return {run.arguments["recipe"]["loss"] for run in section.runs if run.arguments["recipe"]}


def _prices(solvers: Mapping[str, Sequence[Run]]) -> list[Price]:
    return [
        Price(
            solver,
            seeds[0].record["cost"]["multiply_adds"],
            tuple(float(run.samples["test_error"].mean()) for run in seeds),
        )
        for solver, seeds in solvers.items()
        if seeds[0].record["cost"]["multiply_adds"]
        and all("test_error" in run.samples for run in seeds)
    ]


def point(section: Section) -> Plot | None:
    """Return the picture that makes the point; None for other tasks than onehot2coord."""
    split = next((name for name in ("quadrant", "uniform") if name in section.splits()), None)
    if section.task.name != "onehot2coord" or split is None:
        return None
    specs = solvers_of(section.task.name, of_folder=bool(section.folder))
    computed = {name for name, spec in specs.items() if spec.variants}
    every = [run for run in section.typical(split) if run.record["cost"]["multiply_adds"]]
    runs = [run for run in every if run.arguments["solver"] not in computed][:3]
    if not runs:
        return None
    twins = {
        run.answers().solver: max(float(error.max()) for error in twin.part("error").values())
        for run in runs
        for twin in every
        if twin.arguments["solver"] in computed and _same_network(run.arguments, twin.arguments)
    }
    return Plot(
        "point",
        "Above, the handcrafted network's four steps find x; below, the error of every solver. "
        "A learned solver is shown at its median seed. Computed: with weights that were computed "
        f"instead of learned.{section.of_many()}{section.trainings()}",
        lambda: argument.point(
            [run.answers() for run in runs],
            {run.answers().solver: run.record["cost"]["parameters"] for run in runs},
            twins,
            section.size,
            split,
        ),
    )


def _same_network(trained: Mapping[str, Any], computed: Mapping[str, Any]) -> bool:
    """Say whether the arguments of two runs are of one architecture."""
    options, recipe = computed.get("options", {}), trained["recipe"] or {}
    return bool(
        computed["solver"] == f"handcrafted-{trained['solver']}"
        and all(recipe.get(name) == value for name, value in options.items())
    )


def data_plots(found: Sequence[Section]) -> list[tuple[Plot, Section]]:
    """Return a figure of the splits for each size of canvas, with the section it is drawn from."""
    pairs: dict[tuple[int, int], tuple[Plot, Section]] = {}
    for section in found:
        size = section.size
        positions: dict[str, Mapping[str, NDArray[Any]]] = {
            run.arguments["split"]: run.part("position")
            for run in section.runs
            if on_canvas(run, size)
        }
        if positions and size not in pairs:
            plot = Plot(
                f"data-{size[0]}x{size[1]}",
                f"Which positions of a {size[0]}x{size[1]} canvas each split trains on, and which "
                "it holds out.",
                lambda size=size, positions=positions: data(positions, size),  # type: ignore[misc]
            )
            pairs[size] = (plot, section)
    return [pairs[size] for size in sorted(pairs, reverse=True)]


def on_canvas(run: Run, size: tuple[int, int]) -> bool:
    """Say whether a run's samples are known by a position on the canvas, as pictures need it."""
    if not run.knows("position"):
        return False
    for positions in run.part("position").values():
        if positions.shape[1:] != (2,) or not np.issubdtype(positions.dtype, np.integer):
            return False
        if (positions < 0).any() or (positions >= size[::-1]).any():
            return False
    return True


def points(found: Sequence[Section]) -> list[tuple[Plot, Section]]:
    """Return the picture that makes the point, if there are runs for it, of the largest canvas."""
    return [(plot, section) for section in found if (plot := point(section))][-1:]


def all_plots(found: Sequence[Section]) -> list[Plot]:
    """Return every figure, the one that makes the point first."""
    return [
        *(plot for plot, _ in points(found)),
        *(plot for plot, _ in data_plots(found)),
        *(plot for section in found for plot in plots(section)),
    ]


MOST_SHOWN = 48
"""Figures in a page, so that it opens fast."""


def shown(found: Sequence[Section]) -> set[str]:
    """Return the names of the figures that the page has: all, or of too many the first ones.

    These are the one that makes the point, that of the largest canvas's splits, and as many of each
    section, from its last on; of larger canvases first.
    """
    queues = [[plot.name for plot, _ in points(found)], *([p.name] for p, _ in data_plots(found))]
    largest = sorted(found, key=lambda section: -section.size[0] * section.size[1])
    turns = zip_longest(*([plot.name for plot in plots(each)][::-1] for each in largest))
    first = [name for queue in queues[:2] for name in queue]
    rest = [name for turn in turns for name in turn if name is not None]
    others = [name for queue in queues[2:] for name in queue]
    return set([*first, *rest, *others][:MOST_SHOWN])
