"""`compare sweep`: every run of a grid."""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.cli import output, progress
from compare.cli.options import add_events
from compare.errors import StorageError, UsageError, command
from compare.experiments.values import MOST_WORKERS, count

if TYPE_CHECKING:
    from collections.abc import Generator

    from compare.experiments.comparison import OnProgress
    from compare.experiments.estimate import Estimate
    from compare.experiments.executors import Outcome
    from compare.experiments.plan import Plan

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = (
    "Carry out every run of a grid in a TOML file, here or on a cluster. Finished runs in --out "
    "are not repeated; an interrupted one is resumed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, where its runs are carried out, and where their results go."""
    parser.add_argument("file", metavar="FILE", help="such as sweeps/quick.toml")
    where = parser.add_argument_group("where it is computed (default: in this process)")
    where.add_argument("--workers", metavar="N", help="on N processes that share the cores")
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="on a Dask cluster, such as tcp://host:8786"
    )
    results = parser.add_argument_group("results")
    results.add_argument("--out", metavar="DIR", default="runs", help="of all runs (default: runs)")
    add_events(results)
    results.add_argument("--force", action="store_true", help="repeat runs that are finished")
    results.add_argument(
        "--dry-run",
        action="store_true",
        help="check the file and say about how long it takes; run nothing",
    )
    results.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    """Plan, estimate, carry out and sum up the runs."""
    if options.workers is not None and options.scheduler is not None:
        raise UsageError("--workers is for this machine and --scheduler for a cluster; give one")
    workers = (
        count("--workers", options.workers, MOST_WORKERS) if options.workers is not None else 0
    )

    from compare.experiments.cluster import connect, lacks_gpu, measure_on_cluster, on_workers
    from compare.experiments.estimate import Measure, estimate, measure_here, measure_on_processes
    from compare.experiments.events import event_directory
    from compare.experiments.executors import unfinished
    from compare.experiments.grid import read_plans
    from compare.experiments.plan import here
    from compare.files import writable_directory

    on_cluster = options.scheduler is not None
    plans = read_plans(Path(options.file), on_workers if on_cluster else here, progress.warn)
    out = Path(options.out)
    waiting = plans if options.force else unfinished(plans, out)
    if waiting and not options.dry_run:
        writable_directory(out)
    events = None if options.dry_run else event_directory("--tensorboard", options.tensorboard)
    client = connect(options.scheduler) if on_cluster else None
    try:
        measure: Measure = measure_here
        if workers:
            measure = partial(measure_on_processes, workers)
        if client is not None:
            measure = partial(measure_on_cluster, client)
        _announce(options, plans, waiting, estimate(waiting, measure), workers, client)
        if client is not None and lacks_gpu(waiting, client):
            progress.warn(
                "no worker offers a GPU yet, which some runs wait for; "
                "start some with: dask worker ADDRESS --resources GPU=1"
            )
        if options.dry_run:
            return 0
        started = time.perf_counter()
        start = partial(_start, options, waiting, out, workers, client, events)
        for _, outcome in progress.watch(waiting, out, start):
            if not outcome.stored:
                raise StorageError(outcome.error)
            if outcome.status == "failed":
                progress.warn(f"{outcome.run} failed: {outcome.error}")
        seconds = time.perf_counter() - started
    finally:
        if client is not None:
            client.close()
    return _summary(options, plans, out, seconds)


def _start(
    options: argparse.Namespace,
    plans: list[Plan],
    out: Path,
    workers: int,
    client: Any,
    events: Path | None,
    on_progress: OnProgress,
) -> Generator[tuple[Plan, Outcome], None, None]:
    """Begin to carry plans out where that was asked for."""
    from compare.experiments.cluster import on_cluster
    from compare.experiments.executors import in_this_process, on_processes

    if client is not None:
        return on_cluster(plans, out, options.force, client, progress.warn, events)
    if workers:
        return on_processes(plans, out, options.force, workers, events)
    return in_this_process(plans, out, options.force, on_progress, events)


def _announce(
    options: argparse.Namespace,
    plans: list[Plan],
    waiting: list[Plan],
    estimate: Estimate,
    workers: int,
    client: Any,
) -> None:
    """Say how many runs there are and about how long they take."""
    from compare.experiments.values import duration
    from compare.report.text import counted

    done = len(plans) - len(waiting)
    runs = counted(len(plans), "run") + (f", {done:,} of them finished" if done else "")
    at_once, where = 1, "here, one after another"
    if workers:
        at_once, where = (
            workers,
            f"on {counted(workers, 'process')}".replace("processs", "processes"),
        )
    if client is not None:
        at_once = sum(client.nthreads().values())
        where = f"on {counted(at_once, 'thread')} of {counted(len(client.nthreads()), 'worker')}"
        if not at_once:
            where = "on one thread"
    lines = [f"{runs}."]
    if estimate.unknown < len(waiting):
        seconds = estimate.seconds / max(1, min(at_once, len(waiting)))
        lines = [f"{runs}: about {duration(seconds)} {where}."]
    if estimate.unknown:
        lines.append(f"{estimate.unknown:,} of them could not be measured, and are not in it.")
    if options.json:
        output.complain(" ".join(lines))
    else:
        output.show("\n".join(lines), now=True)


def _summary(options: argparse.Namespace, plans: list[Plan], out: Path, seconds: float) -> int:
    """Print what the sweep's runs came to; returns the exit code."""
    from compare.experiments.values import duration
    from compare.report.text import render
    from compare.results.runs import records
    from compare.results.table import group, plain, tidy

    names = {plan.name() for plan in plans}
    found, _ = records(out)
    table = tidy({name: record for name, record in found.items() if name in names})
    states = {
        state: int((table["status"] == state).sum()) for state in ("finished", "diverged", "failed")
    }
    groups = group(table, ("task", "split", "solver", "preset", "epochs", "published_epochs"))
    if options.json:
        answer = {"runs": len(plans), **states, "groups": plain(groups)}
        output.show(json.dumps(answer, indent=2))
    else:
        output.show(f"\n{render(groups, 'table', width=output.width())}\n")
        again = command("results", str(out))
        ended = ", ".join(f"{number:,} {state}" for state, number in states.items())
        output.show(f"{ended}, in {duration(seconds)}. To ask more: {again}")
    return 1 if states["failed"] else 0
