"""The runs of a store, sorted into sections."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare import tasks
from compare.errors import UsageError
from compare.figures.canvas import Answers
from compare.files import read_arrays
from compare.results.runs import read_record
from compare.solvers.catalogue import offered
from compare.tasks.base import Task


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
