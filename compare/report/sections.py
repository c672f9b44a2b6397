"""The runs of a store, sorted into sections."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare import tasks
from compare.backends.base import host_memory
from compare.errors import StorageError, UsageError, command
from compare.figures.canvas import Answers
from compare.figures.style import MOST_ALIKE
from compare.files import Record, read_arrays, read_file
from compare.learned.recipe import Recipe
from compare.report.text import counted, training
from compare.results.runs import read_record, run_directories
from compare.results.statistics import unfinished
from compare.solvers.catalogue import solvers_of
from compare.tasks.base import Column, Task

__all__ = ["PARTS", "Run", "Section", "lead", "read_runs", "sections"]


@dataclass(frozen=True)
class Run:
    """One finished run, as its directory has it."""

    record: Record
    losses: NDArray[np.float64]
    """(epochs,), the mean training loss of each; or (steps,), see there."""
    samples: dict[str, NDArray[Any]]
    """What is known of each sample, such as "test_error"."""
    solver: str
    """The solver's name, perhaps with a comma and what sets it apart."""
    curves: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """(epochs,), what else its history has of each, by name."""
    folder: Path = Path()
    """Its directory."""
    steps: NDArray[np.float64] | None = None
    """(steps,), if it is of one epoch and its loss is known within: after which steps. Each loss is
    the mean since the step before."""

    def curve(self, *, by_step: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return after how many epochs, or steps of one epoch, its losses are, and these."""
        if self.steps is None:
            return np.arange(1.0, len(self.losses) + 1), self.losses
        return self.steps if by_step else self.steps / self.steps[-1], self.losses

    @property
    def arguments(self) -> dict[str, Any]:
        """What determined it."""
        arguments: dict[str, Any] = self.record["arguments"]
        return arguments

    def knows(self, *names: str) -> bool:
        """Whether arrays of these names are known of the samples."""
        return all(f"{part}_{name}" in self.samples for part in PARTS for name in names)

    def part(self, name: str) -> dict[str, NDArray[Any]]:
        """Return an array of the samples trained on, and of those held out."""
        return {part: self.samples[f"{part}_{name}"] for part in PARTS}

    def unfinished(self) -> str:
        """Say how far an unfinished training has come, such as "15 of 100 epochs"; else nothing."""
        if not unfinished(self.record):
            return ""
        recipe, published = self.arguments["recipe"], self.record["published_epochs"]
        if (steps := self.record.get("published_steps")) is not None:
            return f"{Recipe(**recipe).steps or 0:,} of {steps:,} steps"
        return f"{recipe['epochs']} of {published} epochs"

    def labelled(self) -> Record:
        """Return its record with the solver's name as the page has it."""
        return {**self.record, "arguments": {**self.arguments, "solver": self.solver}}

    def answers(self) -> Answers:
        """Return what it came to at each sample."""
        name = ", ".join(filter(None, (self.solver, self.unfinished())))
        return Answers(name, self.part("position"), self.part("prediction"), self.part("error"))


PARTS = ("train", "test")


@dataclass(frozen=True)
class Section:
    """All runs of one task on one canvas, and on one folder of pictures if it has one."""

    task: Task
    size: tuple[int, int]
    runs: tuple[Run, ...]

    @property
    def folder(self) -> str:
        """Where its pictures were, for a task on those in a folder."""
        return str(self.runs[0].arguments.get("folder", ""))

    @property
    def name(self) -> str:
        """The task's, the canvas's and the beginning of the folder's digest, if it has one."""
        digest = self.runs[0].arguments.get("digest", "")[:8]
        return "-".join(filter(None, (self.task.name, f"{self.size[0]}x{self.size[1]}", digest)))

    def trainings(self) -> str:
        """Say by whose recipe each solver was trained and how far, for captions; or nothing."""
        solvers: dict[str, dict[str, None]] = {}
        for run in self.runs:
            if recipe := run.arguments["recipe"]:
                how = training({**run.record, "recipe": recipe})
                if (ways := len(self.ways(run))) > MOST_ALIKE:
                    how = f"{ways} recipes, all in the tables"
                    solvers.setdefault(how, {})[run.arguments["solver"]] = None
                else:
                    solvers.setdefault(how, {})[run.solver] = None
        return "".join(f" {', '.join(names)}: {how}." for how, names in solvers.items())

    def ways(self, run: Run) -> tuple[str, ...]:
        """Return the names of all ways that a run's solver was trained in."""
        return self._ways[run.arguments["solver"]]

    @cached_property
    def _ways(self) -> dict[str, tuple[str, ...]]:
        names: dict[str, dict[str, None]] = {}
        for run in self.runs:
            names.setdefault(run.arguments["solver"], {})[run.solver] = None
        return {solver: tuple(found) for solver, found in names.items()}

    def of_many(self) -> str:
        """Say which solvers `few` leaves ways out of, for captions; or nothing."""
        many = [solver for solver, names in self._ways.items() if len(names) > MOST_ALIKE]
        return f" Of {', '.join(many)}: the best recipe, held out." if many else ""

    def splits(self) -> tuple[str, ...]:
        """Return the splits that there are runs of, in the task's order."""
        there = {run.arguments["split"] for run in self.runs}
        return tuple(split for split in self.task.splits if split in there)

    def of(self, split: str) -> dict[str, list[Run]]:
        """Return the runs of a split by solver, seeds in order."""
        return self._of.get(split, {})

    @cached_property
    def _of(self) -> dict[str, dict[str, list[Run]]]:
        splits: dict[str, dict[str, list[Run]]] = {}
        for run in self.runs:
            solvers = splits.setdefault(run.arguments["split"], {})
            solvers.setdefault(run.solver, []).append(run)
        return splits

    def few(self, split: str) -> dict[str, list[Run]]:
        """As `of`; of a solver trained in more than `MOST_ALIKE` ways only the best.

        That is the one with the best median of the `lead` score on held-out samples; of those with
        the same, the one with the least error at the median seed.
        """
        return self._few.get(split, {})

    @cached_property
    def _few(self) -> dict[str, dict[str, list[Run]]]:
        splits = {}
        for split, found in self._of.items():
            best: dict[str, str] = {}
            for name in sorted(found, key=lambda name: self._rank(found[name])):
                best.setdefault(found[name][0].arguments["solver"], name)
            splits[split] = {
                name: seeds
                for name, seeds in found.items()
                if len(self.ways(seeds[0])) <= MOST_ALIKE or name in best.values()
            }
        return splits

    def _rank(self, seeds: Sequence[Run]) -> tuple[float, float]:
        """Return what is less for better seeds: by the lead score, then by the error."""
        column = lead(self.task)
        scores = [run.record["scores"]["test"].get(column.score, np.nan) for run in seeds]
        score = float(np.median(scores)) * (-1 if column.share else 1)
        known = all("test_error" in run.samples for run in seeds)
        error = float(_median_seed(seeds).samples["test_error"].mean()) if known else np.inf
        return tuple(np.nan_to_num((score, error), nan=np.inf).tolist())

    def typical(self, split: str) -> list[Run]:
        """Return the median seed, by its mean error, of each of `few` that has one."""
        return [
            _median_seed(seeds)
            for seeds in self.few(split).values()
            if all(run.knows("position", "prediction", "error") for run in seeds)
        ]


def lead(task: Task) -> Column:
    """Return the score that can be won: the first that is not equality with nothing rounded.

    The output of a trained softmax is practically never equal to a bitmap of 0 and 1. A task that
    has no other score leads with this one.
    """
    return next((column for column in task.columns if column.score != "exact"), task.columns[0])


def _median_seed(seeds: Sequence[Run]) -> Run:
    ordered = sorted(seeds, key=lambda run: run.samples["test_error"].mean())
    return ordered[(len(ordered) - 1) // 2]


# --- Reading --------------------------------------------------------------------------------


def read_runs(directory: Path) -> tuple[list[Run], list[str]]:
    """Return the finished runs in a directory, and a line for each that cannot be used.

    Raises `UsageError` if there is no such directory or no finished run in it.
    """
    if not directory.is_dir():
        raise UsageError(
            f"there is no directory '{directory}'; give one that '{command('run')}' wrote"
        )
    runs = []
    names, unreadable = run_directories(directory)
    complaints = [f"{line}; left out" for line in unreadable]
    for name in names:
        try:
            if (run := _read(directory / name)) is not None:
                runs.append(run)
        except (ValueError, StorageError) as error:
            complaints.append(f"{error}; left out")
    if not runs:
        raise UsageError(
            f"no finished run in '{directory}'"
            + (f" ({complaints[0]})" if complaints else "")
            + f"; make some with '{command('run', '--task', 'NAME')}'"
        )
    return runs, complaints


def _read(folder: Path) -> Run | None:
    """Read a run; None if it is not finished. ValueError names a file that cannot be used."""
    record = read_record(folder, check_files=True)
    if record is None:
        return None
    arguments = record["arguments"]
    try:
        positions = (
            {part: None for part in record["samples"]}  # a folder that may not be here
            if arguments.get("folder")
            else _positions(arguments["task"], arguments["split"], *arguments["size"])
        )
    except Exception as error:  # a task of another package may raise any
        raise ValueError(f"{folder / 'run.json'} cannot be used ({error})") from error
    predictions = folder / "predictions.npz"
    samples = read_arrays(predictions)
    try:
        _require_samples(samples, positions, record["samples"])
    except ValueError as error:
        raise ValueError(f"{predictions} cannot be used ({error})") from error
    history = folder / "history.csv"
    try:
        rows = csv.DictReader(read_file(history).decode().splitlines())
        table = [{name: float(text) for name, text in row.items()} for row in rows]
        losses = np.array([row["loss"] for row in table])
        steps = np.array([row["step"] for row in table]) if table and "step" in table[0] else None
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise ValueError(f"{history} is not a readable table of losses ({error})") from error
    epochs = arguments["recipe"]["epochs"] if arguments["recipe"] else 0
    if steps is None:
        fits = len(losses) == epochs or (len(losses) < epochs and record["status"] == "diverged")
    else:
        fits = epochs == 1 and bool(np.all(np.diff(steps, prepend=0) > 0))
    if not fits:
        raise ValueError(
            f"{history} cannot be used ({len(losses)} losses of {counted(epochs, 'epoch')})"
        )
    others = [name for name in (table[0] if table else {}) if name not in ("epoch", "step", "loss")]
    curves = {name: np.array([row[name] for row in table]) for name in others}
    return Run(record, losses, samples, arguments["solver"], curves, folder, steps)


@lru_cache(maxsize=16)
def _positions(task: str, split: str, height: int, width: int) -> dict[str, NDArray[Any]]:
    """Return the positions that each part of a split has, (n, 2) in pixels."""
    if 16 * height * width > host_memory():
        raise ValueError(f"a canvas of {height}x{width} does not fit in memory")
    parts = tasks.load(task).split(split, height, width).parts
    return {part: data.positions for part, data in parts.items()}


_OF_A_SAMPLE: dict[str, tuple[str, tuple[int, ...]]] = {
    "exact": ("b", ()),
    "correct": ("b", ()),
    "error": ("f", ()),
}
"""The kind of NumPy's dtype, and the shape, of what figures take for granted."""


def _require_samples(
    samples: dict[str, NDArray[Any]],
    positions: Mapping[str, NDArray[Any] | None],
    counts: Mapping[str, int],
) -> None:
    """Raise ValueError, naming the array, for one that does not belong to these samples."""
    known = {part: len(array) for part, array in positions.items() if array is not None}
    if counts != {**dict.fromkeys(positions, 0), **counts, **known}:
        raise ValueError("the record has another number of samples")
    for key, array in samples.items():
        part, _, name = key.partition("_")
        if part not in positions or any(f"{other}_{name}" not in samples for other in positions):
            raise ValueError(f"{key} is not in {' and '.join(positions)} alike")
        twin = samples[f"test_{name}"]
        kind, shape = _OF_A_SAMPLE.get(name, (twin.dtype.kind, twin.shape[1:]))
        count = counts[part]
        if array.dtype.kind not in kind or array.shape != (count, *shape) or kind not in "biuf":
            raise ValueError(f"{key} is {array.dtype} of shape {array.shape}, for {count} samples")
        expected = positions[part]
        if name == "position" and not (expected is None or np.array_equal(array, expected)):
            raise ValueError(f"{key} are not those of the split")


def sections(runs: Sequence[Run]) -> list[Section]:
    """Sort the runs by task and canvas, in the order of `compare list`."""
    groups: dict[tuple[str, tuple[int, ...], str, str], list[Run]] = {}
    for run in runs:
        arguments = run.arguments
        folder, digest = arguments.get("folder", ""), arguments.get("digest", "")
        key = arguments["task"], tuple(arguments["size"]), folder, digest
        groups.setdefault(key, []).append(run)
    order = {name: index for index, name in enumerate(tasks.known())}
    keys = sorted(groups, key=lambda key: (order[key[0]], *key[1:]))
    return [_section(tasks.load(key[0], key[2]), key[1], groups[key]) for key in keys]


def _section(task: Task, size: tuple[int, ...], runs: list[Run]) -> Section:
    """Keep the latest of equal runs; a solver that was trained in two ways becomes two."""
    latest: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.record["environment"]["started"]):
        arguments = run.arguments
        key = f"{arguments['split']} {run.solver} {arguments['seed']} {_training(run)}"
        latest[key] = run
    of_folder = bool(runs[0].arguments.get("folder"))
    known = list(solvers_of(task.name, of_folder=of_folder))
    kept = sorted(
        latest.values(),
        key=lambda run: (
            _index(task.splits, run.arguments["split"]),
            _index(known, run.solver),
            _training(run),
            run.arguments["seed"],
        ),
    )
    ways: dict[str, list[dict[str, Any]]] = {}
    for run in kept:
        way = _way(run)
        if way not in ways.setdefault(run.solver, []):
            ways[run.solver].append(way)
    height, width = size
    return Section(task, (height, width), tuple(_named(run, ways[run.solver]) for run in kept))


def _index(known: Sequence[str], name: str) -> int:
    return known.index(name) if name in known else len(known)


def _training(run: Run) -> str:
    return json.dumps(_way(run), sort_keys=True)


def _way(run: Run) -> dict[str, Any]:
    """Return how a solver was trained; for one that learns nothing, its variant if it has any."""
    arguments = run.arguments
    recipe: dict[str, Any] | None = arguments["recipe"]
    if recipe is None:
        return dict(arguments.get("options", {}))
    return {**recipe, "backend": arguments["backend"], "precision": arguments["precision"]}


def _named(run: Run, ways: list[dict[str, Any]]) -> Run:
    """Add to the solver's name what differs between the ways it was trained."""
    if len(ways) < 2:
        return run
    way = _way(run)
    differing = [key for key in way if len({json.dumps(other.get(key)) for other in ways}) > 1]
    words = [
        counted(way[key], "epoch") if key == "epochs" else f"{key.replace('_', ' ')} {way[key]}"
        for key in differing
    ]
    return replace(run, solver=", ".join([run.solver, *words]))
