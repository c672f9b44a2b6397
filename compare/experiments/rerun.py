"""A finished run once more, from its record alone, and whether the same comes out."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compare.errors import RunError, UsageError, command
from compare.experiments.executors import in_this_process
from compare.experiments.plan import plan_of
from compare.files import Record
from compare.results.runs import read_record

__all__ = ["Repetition", "rerun"]

_NOT_COMPARED = ("started", "cores")


@dataclass(frozen=True)
class Repetition:
    """What a run gave when it was done, and what it gives now."""

    run: str
    scores: list[tuple[str, Any, Any]]
    """(score, then, now)."""
    environment: list[tuple[str, Any, Any]]
    """What the result also depends on, where it differs: (what, then, now)."""
    weights: bool
    """Whether the weights are the same, bit for bit."""
    predictions: bool
    """Whether the predictions are the same, bit for bit."""

    @property
    def same(self) -> bool:
        """Whether every score is the same, to the last bit."""
        return all(_equal(then, now) for _, then, now in self.scores)


def rerun(run: Path) -> Repetition:
    """Repeat the run in the directory `run`, or whose `run.json` it is, beside the store.

    With as many BLAS threads as it had, since sums may be rounded otherwise with another number.
    Raises `UsageError` where there is no finished run, or one that cannot be done here.
    """
    from threadpoolctl import threadpool_limits

    directory = run.parent if run.name == "run.json" else run
    try:
        before = read_record(directory) if os.path.isdir(directory) else None
    except ValueError as error:
        raise UsageError(f"{error}; it cannot be repeated") from error
    if before is None:
        raise UsageError(f"'{directory}' is not a finished run; '{command('results')}' lists them")
    plan = plan_of(before["arguments"])
    threads = before["environment"]["threads"]
    with (
        tempfile.TemporaryDirectory(prefix="compare-rerun-") as scratch,
        threadpool_limits(threads, user_api="blas"),
    ):
        ((_, outcome),) = in_this_process([plan], Path(scratch), False, lambda *_: None)
        if outcome.status == "failed":
            raise RunError(outcome.error)
        after = read_record(plan.directory(Path(scratch)))
    assert after is not None  # it was just written
    then, now = before["environment"], after["environment"]
    return Repetition(
        run=directory.absolute().name,
        scores=[(name, old, _scores(after).get(name)) for name, old in _scores(before).items()],
        environment=[
            (name, then.get(name), now.get(name))
            for name in {**then, **now}
            if name not in _NOT_COMPARED and then.get(name) != now.get(name)
        ],
        weights=before["files"]["weights.npz"] == after["files"]["weights.npz"],
        predictions=before["files"]["predictions.npz"] == after["files"]["predictions.npz"],
    )


def _scores(record: Record) -> dict[str, Any]:
    """Flatten what a record says of how good the solver is."""
    return {
        "status": record["status"],
        **{
            f"{part}_{score}": value
            for part, scores in record["scores"].items()
            for score, value in (scores or {}).items()
        },
    }


def _equal(then: Any, now: Any) -> bool:
    return json.dumps(then) == json.dumps(now)  # NaN is the same as NaN here
