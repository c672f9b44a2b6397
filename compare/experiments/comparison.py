"""The runs of a comparison: those that are missing are carried out, then all are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from compare.errors import RunError, StorageError
from compare.experiments.executors import Outcome, in_this_process, unfinished
from compare.experiments.plan import Plan, load_backend
from compare.files import Record, writable_directory
from compare.learned.training import Progress
from compare.results.runs import read_record
from compare.solvers.catalogue import added_by

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["OnProgress", "Start", "carry_out", "header", "steps_of", "title", "waiting", "watch"]

OnProgress: TypeAlias = Callable[[Plan, Progress], None]
"""Called with a plan and how far its training has come."""

Start: TypeAlias = Callable[[OnProgress], Generator[tuple[Plan, Outcome], None, None]]
"""Begins to carry plans out."""


def watch(
    out: Path,
    start: Start,
    bar: tqdm[Any],
    warn: Callable[[str], None],
    detail: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[Plan, Outcome]]:
    """Yield the plans' last outcomes as they come, and move a bar whose total is `steps_of` them.

    `warn` is called with a line for each warning, and for each run that another process has
    locked; `detail`, with one for each run that has ended.
    """
    ended, busy, shown = 0, set(), ""

    def advance(plan: Plan, done: Progress) -> None:
        nonlocal shown
        # Drawn at once only if it is another: a notebook keeps all that was ever drawn.
        if shown != (shown := title(plan)):
            bar.set_description(shown)
        bar.update(ended + done.epoch - bar.n)

    with closing(start(advance)) as outcomes:
        for plan, outcome in outcomes:
            for warning in outcome.warnings:
                warn(warning)
            if outcome.status == "busy":
                if plan not in busy:
                    warn(f"another process carries out {plan.directory(out)}; waiting for it")
                    busy.add(plan)
                continue
            detail(f"{outcome.status}: {plan.directory(out)}")
            ended += plan.epochs + 1
            bar.update(ended - bar.n)
            yield plan, outcome


def steps_of(plans: Sequence[Plan]) -> int:
    """Return the total of a bar: predicting and writing takes about as long as one epoch."""
    return sum(plan.epochs + 1 for plan in plans)


def title(plan: Plan) -> str:
    """Name a plan in a few words."""
    return f"{plan.split} {plan.solver}" + (f" seed {plan.seed}" if plan.recipe else "")


def waiting(plans: Sequence[Plan], out: Path, force: bool) -> list[Plan]:
    """Return the plans that are to be carried out: with `force` all, else the unfinished ones."""
    if force:
        return list(plans)
    backend = _backend(plans)
    # Of several processes that compute together, the first looks for all.
    left = [plan.name() for plan in unfinished(plans, out)] if backend.first else []
    names = set(json.loads(backend.broadcast(json.dumps(left).encode())))
    return [plan for plan in plans if plan.name() in names]


def carry_out(
    plans: Sequence[Plan],
    missing: Sequence[Plan],
    out: Path,
    force: bool,
    watched: Callable[[Start], Iterator[tuple[Plan, Outcome]]],
    warn: Callable[[str], None],
    lenient: bool,
    events: Path | None = None,
) -> dict[str, Record]:
    """Carry out the `missing` ones of some plans; return all records, by the runs' names.

    `watched` starts them and yields what became of each, as `watch` does. Where solvers were not
    asked for by name (`lenient`), those of other packages that fail are left out with a warning.
    A directory for `events` gets event files of the trainings, a directory each. Raises RunError
    for a run that fails, and `StorageError` for a disk that takes no more. Of several processes
    that compute together, each gets the records.
    """
    backend = _backend(plans)
    if backend.first and missing:
        writable_directory(out)
    left_out = set()
    for plan, outcome in watched(partial(in_this_process, missing, out, force, events=events)):
        if not outcome.stored:
            raise StorageError(outcome.error)
        if outcome.status != "failed":
            continue
        if lenient and (package := added_by(plan.task, plan.solver)):
            warn(f"solver '{plan.solver}' of {package} failed ({outcome.error}); left out")
            left_out.add(plan.solver)
        else:
            raise RunError(f"{outcome.error} ({plan.directory(out) / 'failure.json'} says more)")
    found: dict[str, Record] = {}
    for plan in plans if backend.first else ():
        record = read_record(plan.directory(out)) if plan.solver not in left_out else None
        if record is not None:
            found[plan.name()] = record
    everywhere: dict[str, Record] = json.loads(backend.broadcast(json.dumps(found).encode()))
    if not everywhere:
        raise RunError(f"no solver of task '{plans[0].task}' works")
    return everywhere


def header(plans: Sequence[Plan], preset: str | None, seeds: int) -> dict[str, Any]:
    """Return what is the same of all runs, for the heading of a table."""
    first = plans[0]
    return {
        "task": first.task,
        "size": list(first.size),
        **({"data": first.folder} if first.folder else {}),
        "preset": preset,
        "seeds": seeds,
        "backend": first.backend,
        "device": first.device,
        "precision": first.precision,
    }


def _backend(plans: Sequence[Plan]) -> Any:
    return load_backend(plans[0].backend, plans[0].device, plans[0].precision)
