"""One run: fit a solver, predict every sample, score it and leave a directory that says so."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset
from compare.errors import StorageError
from compare.experiments.environment import environment
from compare.experiments.plan import Plan
from compare.files import Record, read_arrays, refused, remove, write_arrays, write_csv
from compare.learned.training import Progress
from compare.results.runs import (
    FORMAT,
    complete_new_files,
    held,
    new_files,
    read_record,
    write_failure,
    write_record,
)
from compare.results.statistics import Outcome, outcome
from compare.solvers.base import Budget, Solver
from compare.solvers.learned import Learned
from compare.tasks.base import Measures, Scores, Task, joined


def microseconds_a_sample(predict: Callable[[Any], Any], inputs: NDArray[Any]) -> float:
    """Return the median time of five predictions of the same batch, for one sample of it."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        predict(inputs)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) / len(inputs) * 1e6


TIMED_SAMPLES = 256
"""Held-out samples that predictions are timed on."""


FILES = ("history.csv", "predictions.npz", "weights.npz", "error.png", "error.svg")
"""What a finished run leaves beside its record."""


def settle(
    plan: Plan,
    out: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Record | None:
    """Return a run's record, from the disk or by carrying it out; a training cut off goes on.

    None while another process holds the run's directory. `force` repeats a run that is finished;
    `say` is told, by name, of files that are not to be trusted. A run that fails leaves a
    `failure.json` that says why, and its exception is raised; `StorageError` if it is the disk.
    """
    directory, backend = plan.directory(out), plan.setting.backend
    if not backend.first:
        # Several processes compute together; the first holds the directory and reads it for all.
        mine, found = backend.broadcast(None)
        if mine and found is None:
            return execute(plan, directory, on_progress)
        theirs: Record | None = found
        return theirs
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise refused(directory, error) from error
    with held(directory) as mine:
        if not mine:
            backend.broadcast((False, None))
            return None
        complete_new_files(directory)
        try:
            record = None if force else read_record(directory, check_files=True)
        except ValueError as error:
            say(f"{error}; running it again")
            record = None
        backend.broadcast((True, record))
        if record is not None:
            return record
        try:
            with _warnings_to(say):
                return execute(plan, directory, on_progress)
        except StorageError:
            raise
        except Exception as error:
            record = failure(plan, f"{type(error).__name__}: {error}")
            write_failure(directory, {**record, "traceback": traceback.format_exc()})
            raise


def failure(plan: Plan, error: str) -> Record:
    """Return the record of a run that failed."""
    return {
        "format": FORMAT,
        "arguments": plan.arguments(),
        "status": "failed",
        "error": error,
        "environment": environment(plan.setting.backend),
    }


@contextmanager
def _warnings_to(say: Callable[[str], None]) -> Iterator[None]:
    """Pass warnings on as plain lines; what a training that diverges computes is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.showwarning = lambda message, *_, **__: say(str(message))
        yield


def execute(plan: Plan, directory: Path, on_progress: Callable[[Progress], None]) -> Record:
    """Carry a plan out in a directory that nobody else writes to, and return its record."""
    from compare.figures.canvas import error_map
    from compare.figures.style import save

    started = datetime.now(UTC).isoformat(timespec="seconds")
    backend = plan.setting.backend
    checkpoint = directory / "checkpoint.npz"
    solver = plan.entry.build(plan.setting, plan.recipe, checkpoint)
    task = plan.setting.task
    split = task.split(plan.setting.split, plan.setting.height, plan.setting.width)

    solver.fit(split.train, seed=plan.seed, budget=Budget(plan.epochs), on_progress=on_progress)
    parts = {"train": split.train, "test": split.test}
    answers = {name: _answers(task, solver, data) for name, data in parts.items()}
    scores = {name: task.score(measures) for name, (measures, _) in answers.items()}
    state = solver.state if isinstance(solver, Learned) else None
    timed = split.test.inputs(slice(TIMED_SAMPLES))
    record = {
        "format": FORMAT,
        **plan.arguments(),
        "arguments": plan.arguments(),
        "status": "diverged" if state and not np.isfinite(state.losses[-1]) else "finished",
        "samples": {name: len(data) for name, data in parts.items()},
        "scores": scores,
        "success": bool(task.succeeded(scores["test"])),
        "elsewhere": {f"{h}x{w}": _elsewhere(plan, solver, h, w) for h, w in plan.elsewhere},
        "cost": asdict(solver.describe()),
        "timing": {
            "train_seconds": state.seconds if state else 0.0,
            "predict_microseconds": microseconds_a_sample(solver.predict, timed),
        },
        "environment": {**environment(backend), **backend.about(), "started": started},
    }
    if not backend.first:
        return record  # several processes computed this run together, and one writes it

    picture = error_map(
        {name: data.positions for name, data in parts.items()},
        {name: measures.error for name, (measures, _) in answers.items()},
        (plan.setting.height, plan.setting.width),
        title=f"{plan.solver}, {plan.setting.split} split"
        + (f", seed {plan.seed}, {plan.epochs} epochs" if plan.epochs else ""),
        label=task.error,
    )
    losses = state.losses if state else ()
    weights = state.weights if state else {}
    with new_files(directory) as folder:
        for ending in ("png", "svg"):
            save(picture, folder / f"error.{ending}")
        write_arrays(
            folder / "predictions.npz",
            {
                f"{name}_{what}": array
                for name, data in parts.items()
                for measures, kept in (answers[name],)
                for what, array in (
                    ("positions", data.positions),
                    ("predictions", kept),
                    ("exact", measures.exact),
                    ("right", measures.right),
                    ("error", measures.error),
                )
            },
        )
        write_csv(folder / "history.csv", ("epoch", "loss"), list(enumerate(losses, start=1)))
        write_arrays(
            folder / "weights.npz",
            {name: backend.to_numpy(array) for name, array in weights.items()},
        )
        record = write_record(folder, record, FILES, directory.name)
    for name in ("checkpoint.npz", "failure.json"):
        remove(directory / name)
    return record


def _answers(task: Task, solver: Solver, data: Dataset) -> tuple[Measures, NDArray[Any]]:
    """Measure a solver's answers to all samples; returns what is kept of the answers too."""
    measures, kept = [], []
    for part in data.chunks():
        answers = solver.predict(data.inputs(part))
        measures.append(task.measure(answers, data.targets(part)))
        kept.append(task.keep(answers))
    return joined(measures), np.concatenate(kept)


def _elsewhere(plan: Plan, solver: Solver, height: int, width: int) -> Scores | None:
    """Score a solver on another canvas; None if what it learned does not fit there."""
    setting = replace(plan.setting, height=height, width=width)
    other = plan.entry.build(setting, plan.recipe, None)
    if isinstance(solver, Learned) and isinstance(other, Learned):
        try:
            solver.transfer(other)
        except ValueError:
            return None
    task = setting.task
    return task.score(_answers(task, other, task.everywhere(height, width))[0])


def outcomes(plans: Sequence[Plan], out: Path) -> list[Outcome]:
    """Read what each solver came to at each held-out position, from its seeds' directories."""
    right: dict[str, list[Any]] = {}
    error: dict[str, list[Any]] = {}
    for plan in plans:
        arrays = read_arrays(plan.directory(out) / "predictions.npz")
        right.setdefault(plan.solver, []).append(arrays["test_right"])
        error.setdefault(plan.solver, []).append(arrays["test_error"])
    return [outcome(solver, right[solver], error[solver]) for solver in right]
