"""The report: runs on disk to one self-contained page, and to figures for a paper."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from compare import UsageError, figures, tables, tasks
from compare.figures import Answers, Price
from compare.learned.recipe import Recipe
from compare.results import read_arrays, read_record
from compare.scoring import outcome, paired, summarise
from compare.solvers import offered
from compare.tasks import Task

EXAMPLES = 6
"""Pictures shown of those that a task draws."""


@dataclass(frozen=True)
class Run:
    """One finished run, as its directory has it."""

    record: dict[str, Any]
    losses: NDArray[np.float64]
    """(epochs,), the mean training loss of each."""
    arrays: dict[str, NDArray[Any]]
    """Of `predictions.npz`."""

    @property
    def solver(self) -> str:
        """The solver's name, perhaps with a comma and what sets it apart."""
        return str(self.record["solver"])

    @property
    def split(self) -> str:
        """The split's name."""
        return str(self.record["split"])

    def answers(self) -> Answers:
        """Return what it came to at each sample."""

        def parts(what: str) -> dict[str, NDArray[Any]]:
            return {part: self.arrays[f"{part}_{what}"] for part in ("train", "test")}

        return Answers(self.solver, parts("positions"), parts("predictions"), parts("error"))


@dataclass(frozen=True)
class Plot:
    """A figure of the report: drawn when it is asked for."""

    name: str
    """Of its files, without the ending."""
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Section:
    """All runs of one task on one canvas."""

    task: Task
    size: tuple[int, int]
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """The task's and the canvas's."""
        return f"{self.task.name}-{self.size[0]}x{self.size[1]}"

    def splits(self) -> tuple[str, ...]:
        """Return the splits that there are runs of, in the task's order."""
        there = {run.split for run in self.runs}
        return tuple(split for split in self.task.splits if split in there)

    def of(self, split: str) -> dict[str, list[Run]]:
        """Return the runs of a split by solver, seeds in order."""
        solvers: dict[str, list[Run]] = {}
        for run in self.runs:
            if run.split == split:
                solvers.setdefault(run.solver, []).append(run)
        return solvers

    def typical(self, split: str) -> list[Run]:
        """Return each solver's median seed: the middle one by its mean held-out error."""
        return [
            sorted(seeds, key=lambda run: run.arrays["test_error"].mean())[(len(seeds) - 1) // 2]
            for seeds in self.of(split).values()
        ]


# --- Reading --------------------------------------------------------------------------------


def read_runs(directory: Path) -> tuple[list[Run], list[str]]:
    """Return the finished runs in a directory, and a line for each that cannot be used.

    Raises `UsageError` if there is no such directory or no finished run in it.
    """
    if not directory.is_dir():
        raise UsageError(f"there is no directory '{directory}'; give one that 'compare run' wrote")
    runs, complaints = [], []
    for place in sorted(path.parent for path in directory.glob("*/run.json")):
        try:
            runs.append(_read(place))
        except ValueError as error:
            complaints.append(f"{error}; left out")
    if not runs:
        raise UsageError(
            f"no finished run in '{directory}'"
            + (f" ({complaints[0]})" if complaints else "")
            + "; make some with 'compare run --task NAME'"
        )
    return runs, complaints


def _read(place: Path) -> Run:
    record = read_record(place, check_files=True)
    assert record is not None  # its file was just listed
    arrays = read_arrays(place / "predictions.npz")
    expected = {
        f"{part}_{what}"
        for part in ("train", "test")
        for what in ("positions", "predictions", "right", "error")
    }
    if missing := sorted(expected - set(arrays)):
        raise ValueError(f"{place / 'predictions.npz'} lacks {', '.join(missing)}")
    history = place / "history.csv"
    try:
        with open(history, encoding="utf-8", newline="") as lines:
            losses = np.array([float(row["loss"]) for row in csv.DictReader(lines)])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{history} is not a readable table of losses ({error})") from error
    try:
        record["environment"]["started"], record["samples"]["test"], record["cost"]["parameters"]
        tasks.load(record["task"])
    except (KeyError, TypeError, UsageError) as error:
        raise ValueError(f"{place / 'run.json'} cannot be used ({error})") from error
    return Run(record, losses, arrays)


def sections(runs: Sequence[Run]) -> list[Section]:
    """Sort the runs by task and canvas, in the order of `compare list`."""
    groups: dict[tuple[str, tuple[int, ...]], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.record["task"], tuple(run.record["size"])), []).append(run)
    order = {name: place for place, name in enumerate(tasks.known())}
    keys = sorted(groups, key=lambda key: (order[key[0]], key[1]))
    return [_section(tasks.load(name), size, groups[name, size]) for name, size in keys]


def _section(task: Task, size: tuple[int, ...], runs: list[Run]) -> Section:
    """Keep the latest of equal runs; a solver that was trained in two ways becomes two."""
    latest: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.record["environment"]["started"]):
        latest[f"{run.split} {run.solver} {run.record['seed']} {_training(run)}"] = run
    known = list(offered(task.name))
    kept = sorted(
        latest.values(),
        key=lambda run: (
            task.splits.index(run.split) if run.split in task.splits else len(task.splits),
            known.index(run.solver) if run.solver in known else len(known),
            _training(run),
            run.record["seed"],
        ),
    )
    ways: dict[str, list[dict[str, Any]]] = {}
    for run in kept:
        way = _way(run)
        if way not in ways.setdefault(run.solver, []):
            ways[run.solver].append(way)
    height, width = size
    return Section(task, (height, width), tuple(_named(run, ways[run.solver]) for run in kept))


def _training(run: Run) -> str:
    return json.dumps(_way(run), sort_keys=True)


def _way(run: Run) -> dict[str, Any]:
    """Return how a solver was trained; for one that learns nothing, nothing."""
    record = run.record
    if not record["epochs"]:
        return {}
    recipe = record["recipe"] or {}
    made = {name: record[name] for name in ("epochs", "backend", "precision")}
    return {**made, **recipe}


def _named(run: Run, ways: list[dict[str, Any]]) -> Run:
    """Add to the solver's name what differs between the ways it was trained."""
    if len(ways) < 2:
        return run
    way = _way(run)
    differing = [key for key in way if len({json.dumps(other.get(key)) for other in ways}) > 1]
    words = [
        f"{way[key]} epochs" if key == "epochs" else f"{key.replace('_', ' ')} {way[key]}"
        for key in differing
    ]
    name = ", ".join([run.solver, *words])
    return replace(run, record={**run.record, "solver": name})


# --- Figures --------------------------------------------------------------------------------


def plots(section: Section) -> Iterator[Plot]:
    """Lay out the figures of a section, in the order of the page."""
    task, size, name = section.task, section.size, section.name
    splits = section.splits()
    for split in splits:
        answers = [run.answers() for run in section.typical(split) if _on_canvas(run, size)]
        if not answers:
            continue
        title = f"{task.name}, {split} split"
        if drawn := _predictions(section, split, answers, title):
            yield Plot(f"{name}-{split}-predictions", *drawn)
        yield Plot(
            f"{name}-{split}-errors",
            "The error at every position, trained on above and held out below, on one scale. "
            "A learned solver is shown at its median seed.",
            lambda answers=answers, title=title: figures.error_maps(  # type: ignore[misc]
                answers, size, title, task.error
            ),
        )
    curves = {
        split: {
            solver: [run.losses for run in seeds]
            for solver, seeds in section.of(split).items()
            if len(seeds[0].losses)
        }
        for split in splits
    }
    if any(curves.values()):
        yield Plot(
            f"{name}-learning",
            "The training loss after each epoch: a thin line for each seed, and their median. "
            "Losses of different kinds are not comparable with each other.",
            lambda: figures.learning_curves(
                {split: solvers for split, solvers in curves.items() if solvers},
                f"training loss ({', '.join(sorted(_losses(section)))})",
            ),
        )
    yield Plot(
        f"{name}-cost",
        "What one answer costs against how wrong it is, held-out positions only, both axes "
        "logarithmic. The vertical axis is broken: an error of exactly 0, which has no place on a "
        "logarithmic axis, has the strip at the bottom. A small marker is a seed, the large one "
        "their median. Ready-made answers are left out, as their operations are not counted.",
        lambda: figures.cost_against_error(
            {split: _prices(section.of(split)) for split in splits}, task.error
        ),
    )


def _predictions(
    section: Section, split: str, answers: list[Answers], title: str
) -> tuple[str, Callable[[], Figure]] | None:
    """Return the caption and the drawing of what was predicted; None for what has no picture."""
    height, width = section.size
    shapes = {run.predictions["test"].shape[1:] for run in answers}
    if shapes == {(2,)}:
        return (
            "Predicted positions beside the targets: grey for positions trained on, in the "
            "solver's colour for those held out. The frame is the canvas. "
            "A learned solver is shown at its median seed.",
            lambda: figures.predictions(answers, section.size, title),
        )
    if shapes != {(-(-height * width // 8),)}:
        return None
    positions = answers[0].positions["test"]
    chosen = np.unique(np.linspace(0, len(positions) - 1, EXAMPLES).round().astype(int))
    test = section.task.split(split, height, width).test
    targets = test.draw_targets(positions[chosen])
    if targets.shape[1:] != (1, height, width):
        return None
    drawn: dict[str, NDArray[Any]] = {"target": targets[:, 0] > 0.5}
    for run in answers:
        bits = np.unpackbits(run.predictions["test"][chosen], axis=1, count=height * width)
        drawn[run.solver] = bits.reshape(-1, height, width)
    return (
        "Held-out pictures, rounded to black and white, beside the targets, whose outline is "
        "drawn into each; above them the centre's (x, y). A learned solver is shown at its "
        "median seed.",
        lambda: figures.pictures(drawn, positions[chosen], title),
    )


def _losses(section: Section) -> set[str]:
    return {run.record["recipe"]["loss"] for run in section.runs if run.record["recipe"]}


def _prices(solvers: Mapping[str, Sequence[Run]]) -> list[Price]:
    return [
        Price(
            solver,
            seeds[0].record["cost"]["multiply_adds"],
            tuple(float(run.arrays["test_error"].mean()) for run in seeds),
        )
        for solver, seeds in solvers.items()
    ]


def point(section: Section) -> Plot | None:
    """Return the picture that makes the point; None for other tasks than onehot2coord."""
    split = next((name for name in ("quadrant", "uniform") if name in section.splits()), None)
    if section.task.name != "onehot2coord" or split is None:
        return None
    runs = [run for run in section.typical(split) if run.record["cost"]["multiply_adds"]][:3]
    return Plot(
        "point",
        "Above, the handcrafted network's four steps find x; below, the error of every solver. "
        "A learned solver is shown at its median seed.",
        lambda: figures.point(
            [run.answers() for run in runs],
            {run.solver: run.record["cost"]["parameters"] for run in runs},
            section.size,
            split,
        ),
    )


def data_plots(found: Sequence[Section]) -> list[tuple[Plot, Section]]:
    """Return a figure of the splits for each size of canvas, with the section it is drawn from."""
    pairs: dict[tuple[int, int], tuple[Plot, Section]] = {}
    for section in found:
        size = section.size
        positions: dict[str, Mapping[str, NDArray[Any]]] = {
            run.split: run.answers().positions for run in section.runs if _on_canvas(run, size)
        }
        if positions and size not in pairs:
            plot = Plot(
                f"data-{size[0]}x{size[1]}",
                f"Which positions of a {size[0]}x{size[1]} canvas each split trains on, and which "
                "it holds out.",
                lambda size=size, positions=positions: figures.data(positions, size),  # type: ignore[misc]
            )
            pairs[size] = (plot, section)
    return [pairs[size] for size in sorted(pairs, reverse=True)]


def _on_canvas(run: Run, size: tuple[int, int]) -> bool:
    """Say whether a run's samples are told apart by a place on the canvas, as pictures need it."""
    for places in run.answers().positions.values():
        if places.ndim != 2 or places.shape[1] != 2 or not np.issubdtype(places.dtype, np.integer):
            return False
        if (places < 0).any() or (places >= size[::-1]).any():
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


# --- The page -------------------------------------------------------------------------------


def page(
    found: Sequence[Section],
    complaints: Sequence[str],
    source: str,
    on_figure: Callable[[Plot, Figure, str], None] = lambda plot, figure, svg: None,
) -> str:
    """Return the report as HTML that refers to nothing outside itself.

    source: the directory of the runs, as a reader would type it. `on_figure` is called with each
    figure that was drawn and its SVG, for whoever wants it as a file too.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("compare"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def drawn(plot: Plot) -> dict[str, Any]:
        figure = plot.draw()
        text = figures.svg(figure)
        on_figure(plot, figure, text)
        text = text[text.index("<svg") :]
        # A page in the dark has light ink: the figure's neutral colours become the page's own.
        for tone, own in (
            (figures.PAPER, "none"),
            (figures.INK, "currentColor"),
            (figures.EMPTY, "var(--empty)"),
        ):
            text = text.replace(tone, own)
        return {
            "name": plot.name,
            "caption": plot.caption,
            "svg": text,
            "wide": figure.get_figwidth() > (figures.ONE_COLUMN + figures.TWO_COLUMNS) / 2,
        }

    return environment.get_template("report.html").render(
        source=source,
        points=[
            {**drawn(plot), "commands": commands(section, source)}
            for plot, section in points(found)
        ],
        data=[
            {**drawn(plot), "commands": commands(section, source)}
            for plot, section in data_plots(found)
        ],
        sections=[
            {
                "id": section.name,
                "task": section.task,
                "height": section.size[0],
                "width": section.size[1],
                "figures": [drawn(plot) for plot in plots(section)],
                "splits": [_split_tables(section, split) for split in section.splits()],
                "commands": commands(section, source),
                "short": _in_short(section),
                "success": section.task.success,
            }
            for section in found
        ],
        complaints=complaints,
        environments=_environments(found),
        cost_header=tables.COST,
        solvers={
            run.solver.partition(",")[0]: figures.colour(run.solver)
            for section in found
            for run in section.runs
        },
    )


def _split_tables(section: Section, split: str) -> dict[str, Any]:
    solvers = section.of(split)
    rows = summarise([run.record for seeds in solvers.values() for run in seeds])
    outcomes = [
        outcome(
            solver,
            [run.arrays["test_right"] for run in seeds],
            [run.arrays["test_error"] for run in seeds],
        )
        for solver, seeds in solvers.items()
    ]
    # Positions of another number are of another version of the data: not to be paired.
    pairs = [
        paired(*two)
        for two in combinations(outcomes, 2)
        if two[0].error.shape == two[1].error.shape
    ]
    # Only what every solver of the split was scored on stands in one table.
    elsewhere = [
        size for size in rows[0]["elsewhere"] if all(size in row["elsewhere"] for row in rows)
    ]
    parts = [
        (f"{rows[0]['held_out']:,} held-out positions", [row["test"] for row in rows]),
        (f"{rows[0]['trained_on']:,} positions trained on", [row["train"] for row in rows]),
        *(
            (f"every position of a {size} canvas", [row["elsewhere"][size] for row in rows])
            for size in elsewhere
        ),
    ]
    names = [row["solver"] for row in rows]
    return {
        "name": split,
        "scores": [
            (heading, tables.score_cells(section.task, list(zip(names, scores, strict=True))))
            for heading, scores in parts
        ],
        "cost": [tables.cost_cells(row) for row in rows],
        "conclusions": [line.removeprefix("- ") for line in tables.conclusions(rows, pairs)],
        "diverged": sum(row["diverged"] for row in rows),
    }


def _in_short(section: Section) -> list[str]:
    """Say in a sentence for each split how often each solver is exact on what was held out."""
    lines = []
    for split in section.splits():
        shares = []
        for solver, seeds in section.of(split).items():
            exact = [run.record["scores"]["test"].get("exact") for run in seeds]
            if None in exact:
                return []
            learned = seeds[0].record["cost"]["parameters"]
            shares.append(
                f"{solver} ({f'{learned:,} numbers' if learned else 'nothing'} learned) at "
                f"{tables.percent(float(np.median(exact)))}"
            )
        lines.append(f"Exact on held-out samples of the {split} split: {', '.join(shares)}.")
    return lines


def _environments(found: Sequence[Section]) -> list[str]:
    """Say, without repeating it, what the runs were made with."""
    lines = []
    for section in found:
        for run in section.runs:
            made = run.record["environment"]
            libraries = ", ".join(
                f"{name} {made[name]}" for name in ("python", "numpy", "scipy") if name in made
            )
            commit = made.get("commit")
            lines.append(
                f"handcrafted {made.get('handcrafted', '?')}"
                + (f" (commit {commit[:10]})" if commit else "")
                + f"; {libraries}; {made.get('processor', '?')}, {made.get('cores', '?')} cores; "
                f"{run.record['backend']} on {run.record['device']}"
            )
    return list(dict.fromkeys(lines))


# --- How to do it again ---------------------------------------------------------------------


def commands(section: Section, out: str) -> list[str]:
    """Return the `compare run` commands that make the section's runs again."""
    entries = offered(section.task.name)
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    fixed: dict[str, None] = {}
    for run in section.runs:
        solver = run.solver.partition(",")[0]
        if not run.record["epochs"]:
            fixed[solver] = None
            continue
        options = tuple(_options(section.task, solver, run.record, entries))
        group = groups.setdefault(options, {"solvers": {}, "splits": {}, "seeds": 0})
        group["solvers"][solver] = group["splits"][run.split] = None
        group["seeds"] = max(group["seeds"], run.record["seed"] + 1)
    if not groups:
        groups[()] = {"solvers": {}, "splits": dict.fromkeys(section.splits()), "seeds": 0}
    lines = []
    for place, (options, group) in enumerate(groups.items()):
        # What learns nothing goes with the first command.
        solvers = [
            name for name in entries if name in group["solvers"] or (not place and name in fixed)
        ]
        words = ["compare", "run", "--task", section.task.name]
        if solvers != list(entries):
            words += ["--solver", ",".join(solvers)]
        if set(group["splits"]) != set(section.task.splits):
            words += ["--split", ",".join(group["splits"])]
        if section.size != (64, 64):
            words += ["--size", "x".join(map(str, dict.fromkeys(section.size)))]
        if group["seeds"] not in (0, 3):
            words += ["--seeds", str(group["seeds"])]
        words += options
        if out != "runs":
            words += ["--out", out]
        lines.append(shlex.join(words))
    return lines


def _options(
    task: Task, solver: str, record: dict[str, Any], entries: Mapping[str, Any]
) -> Iterator[str]:
    """Return what sets a training apart from the quick preset, as options."""
    recipe: dict[str, Any] = record["recipe"] or {}
    recipes: dict[str, Recipe] = entries[solver].recipes if solver in entries else {}
    preset = "quick"
    if recipes:
        fitting = [
            name
            for name in recipes
            if asdict(recipes[name]) == recipe and task.epochs[name] == record["epochs"]
        ]
        fitting += [name for name in recipes if asdict(recipes[name]) == recipe]
        preset = fitting[0] if fitting else "quick"
        if preset != "quick":
            yield from ("--preset", preset)
        changed = {
            key: value
            for key, value in recipe.items()
            if asdict(recipes[preset]).get(key, value) != value
        }
        for key, option in (
            ("learning_rate", "--learning-rate"),
            ("l2", "--l2"),
            ("batch", "--batch"),
            ("loss", "--loss"),
            ("schedule", "--lr-schedule"),
            ("width", "--width"),
            ("kernel", "--kernel"),
            ("coordinates", "--coordinates"),
        ):
            if key in changed:
                yield from (option, f"{changed[key]}")
    if record["epochs"] != task.epochs.get(preset):
        yield from ("--epochs", str(record["epochs"]))
    if record["backend"] != "numpy":
        yield from ("--backend", record["backend"], "--device", record["device"])
    if record["precision"] not in ("float32", None):
        yield from ("--precision", record["precision"])
    if record["elsewhere"]:
        yield from ("--eval-size", ",".join(record["elsewhere"]))
