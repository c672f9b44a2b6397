"""One run: fit a solver, evaluate the model and write a directory that says what came of it."""

from __future__ import annotations

import json
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

from compare.datasets import Split
from compare.errors import RunError, StorageError
from compare.experiments.environment import environment
from compare.experiments.events import written
from compare.experiments.meter import metered
from compare.experiments.plan import TIMED_SAMPLES, Plan, load_backend
from compare.files import Record, make_directory
from compare.learned.model import History
from compare.learned.training import Progress
from compare.results.ledger import Ledger
from compare.results.runs import (
    complete_new_files,
    locked,
    read_record,
    write_failure,
    write_run,
)
from compare.results.schema import FORMAT
from compare.solvers.base import Model
from compare.solvers.catalogue import training_of
from compare.tasks.base import Scores, samples_by_part

__all__ = ["failure", "load_or_run", "microseconds_a_sample", "warnings_to"]


def load_or_run(
    plan: Plan,
    out: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
    *,
    force: bool = False,
    events: Path | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Record | None:
    """Return a run's record, from the disk or by carrying it out; an interrupted one is resumed.

    None while another process has locked the run's directory. `force` repeats a run that is
    finished; a directory for `events` gets one of the run's name with event files of its training;
    `warn` is called with a line for each file that is damaged. A run that fails leaves a
    `failure.json` that says why, and its exception is raised; `StorageError` if it is the disk.
    """
    directory = plan.directory(out)
    backend = load_backend(plan.backend, plan.device, plan.precision)
    if not backend.first:
        # Several processes compute together; the first locks the directory and reads it for all.
        mine, found = json.loads(backend.broadcast(b""))
        if mine and found is None:
            return _run(plan, directory, on_progress)
        theirs: Record | None = found
        return theirs
    make_directory(directory)
    with locked(directory) as mine:
        if not mine:
            backend.broadcast(b"[false, null]")
            return None
        complete_new_files(directory)
        try:
            record = None if force else read_record(directory, check_files=True)
        except ValueError as error:
            warn(f"{error}; running it again")
            record = None
        backend.broadcast(json.dumps([True, record]).encode())
        if record is not None:
            return record
        try:
            own = events / plan.name() if events is not None and plan.recipe is not None else None
            with warnings_to(warn), written(own) as write:

                def report(done: Progress) -> None:
                    write(done)
                    on_progress(done)

                return _run(plan, directory, report)
        except (StorageError, KeyboardInterrupt):
            raise
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
            record = failure(plan, message)
            write_failure(directory, {**record, "traceback": traceback.format_exc()})
            if isinstance(error, Exception):
                raise
            raise RunError(message) from error  # a solver may not end the program


def failure(plan: Plan, error: str) -> Record:
    """Return the record of a run that failed, perhaps at asking what it is computed on."""
    machine: Record | None
    try:
        machine = environment(plan.backend)
    except Exception:
        machine = None
    return {
        "format": FORMAT,
        "arguments": plan.arguments(),
        "status": "failed",
        "error": error,
        "environment": machine,
    }


@contextmanager
def warnings_to(warn: Callable[[str], None]) -> Iterator[None]:
    """Pass warnings on as plain lines; what a training that diverges computes is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.showwarning = lambda message, *_, **__: warn(str(message))
        yield


def _run(plan: Plan, directory: Path, on_progress: Callable[[Progress], None]) -> Record:
    """Carry a plan out in a directory that no other process writes to, and return its record."""
    with metered(directory, load_backend(plan.backend, plan.device, plan.precision)) as taken:
        return _metered_run(plan, directory, on_progress, taken)


def _metered_run(
    plan: Plan,
    directory: Path,
    on_progress: Callable[[Progress], None],
    taken: Callable[[], Ledger],
) -> Record:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    backend = load_backend(plan.backend, plan.device, plan.precision)
    task = plan.load_task()
    split = task.split(plan.split, *plan.size)
    model = plan.build().fit(
        split.train,
        seed=plan.seed,
        checkpoint=directory / "checkpoint.npz",
        on_progress=on_progress,
    )
    evaluations = {
        part: task.evaluate(model, plan.evaluated_on(data)) for part, data in split.parts.items()
    }
    other_scores = {f"{h}x{w}": _scores_on(plan, model, (h, w)) for h, w in plan.eval_sizes}
    record = {
        "format": FORMAT,
        "arguments": plan.arguments(),
        "status": "diverged" if _diverged(model) else "finished",
        **_training(plan),
        "samples": {part: len(data) for part, data in split.parts.items()},
        "correct": {
            part: int(evaluation.samples["correct"].sum())
            for part, evaluation in evaluations.items()
            if "correct" in evaluation.samples
        },
        "scores": {
            **{part: evaluation.scores for part, evaluation in evaluations.items()},
            **other_scores,
        },
        "success": evaluations["test"].success,
        "cost": asdict(model.cost),
        "timing": {
            "train_seconds": model.history.seconds,
            "predict_microseconds": microseconds_a_sample(
                model.predict, split.test.inputs(slice(TIMED_SAMPLES))
            ),
            **_throughput(model.history),
        },
        "ledger": asdict(replace(taken(), multiply_adds=_multiply_adds(plan, model, split))),
        "environment": {**environment(plan.backend), **backend.about(), "started": started},
    }
    if not backend.first:
        return record  # several processes computed this run together, and one writes it
    return write_run(
        directory, record, _history(model.history), samples_by_part(evaluations), model.weights
    )


def _history(history: History) -> dict[str, Sequence[float]]:
    """Return the columns of `history.csv`: by epoch, or of one epoch by step, where known."""
    if history.by_step and not history.curves:
        return {"step": list(history.by_step), "loss": list(history.by_step.values())}
    epochs = range(1, len(history.losses) + 1)
    return {"epoch": epochs, "loss": history.losses, **history.curves}


def _throughput(history: History) -> Record:
    """Return how fast a training was, and how long it waited for data, where that is known."""
    found: Record = {}
    if history.samples is not None and history.seconds > 0:
        found["samples_a_second"] = history.samples / history.seconds
    if history.waiting is not None:
        found["waiting_seconds"] = history.waiting
    return found


def _multiply_adds(plan: Plan, model: Model, split: Split) -> int | None:
    """Count those of training and evaluating; None for what nobody counts."""
    trained_on = model.history.samples if plan.recipe else 0
    evaluated = sum(map(len, split.parts.values()))
    each = model.cost.multiply_adds
    return each * (3 * trained_on + evaluated) if each and trained_on is not None else None


def _training(plan: Plan) -> Record:
    """Return the record's entries about the preset and the published length of a training."""
    if plan.recipe is None:
        return {"published_epochs": None}
    return training_of(plan.task, plan.solver, plan.recipe, of_folder=bool(plan.folder))


def _diverged(model: Model) -> bool:
    """Whether the last loss or a weight is not finite.

    A loss may stay finite where a variance overflowed: the batch norm divides by it.
    """
    return model.history.diverged or not all(
        np.isfinite(array).all() for array in model.weights.values()
    )


def _scores_on(plan: Plan, model: Model, size: tuple[int, int]) -> Scores | None:
    """Score a model on another canvas; None if what it learned does not fit there."""
    try:
        other = plan.build(size).load(model.weights)
    except ValueError:
        return None
    task = plan.load_task()
    return task.evaluate(other, plan.evaluated_on(task.all_samples(*size))).scores


def microseconds_a_sample(predict: Callable[[Any], Any], inputs: NDArray[Any]) -> float:
    """Return the median time of five predictions of the same batch, for one sample of it."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        predict(inputs)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) / len(inputs) * 1e6
