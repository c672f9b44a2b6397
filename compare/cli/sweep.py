"""`compare sweep`: every run of a grid."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.cli import progress
from compare.cli.progress import _say
from compare.cli.run import _writable
from compare.errors import StorageError, UsageError
from compare.experiments.values import count

if TYPE_CHECKING:
    from compare.experiments.estimate import Estimate
    from compare.experiments.plan import Plan
    from compare.learned.training import Progress


def _sweep(options: argparse.Namespace) -> int:
    if options.workers and options.scheduler:
        raise UsageError("--workers is for this machine and --scheduler for a cluster; give one")
    workers = count("--workers", options.workers) if options.workers else 0
    from functools import partial

    from compare import backends
    from compare.experiments.cluster import (
        connect,
        lacks_gpu,
        measure_on_cluster,
        remote,
    )
    from compare.experiments.estimate import Measure, estimate, measure_here, measure_on_processes
    from compare.experiments.executors import finished
    from compare.experiments.grid import read_plans

    load = remote if options.scheduler else backends.load
    plans = read_plans(Path(options.file), load)
    out = _writable(options.out)
    client = connect(options.scheduler) if options.scheduler else None
    try:
        measure: Measure = measure_here
        if workers:
            measure = partial(measure_on_processes, workers)
        if client is not None:
            measure = partial(measure_on_cluster, client)
        todo = plans if options.force else [plan for plan in plans if not finished(plan, out)]
        _announce(options, plans, todo, estimate(todo, measure), client)
        if client is not None and lacks_gpu(todo, client):
            print(
                "compare: no worker offers a GPU yet, which some runs wait for; "
                "start some with: dask worker ADDRESS --resources GPU=1",
                file=sys.stderr,
            )
        if options.dry_run:
            return 0
        started = time.perf_counter()
        stopped = _carry_out(options, todo, out, workers, client)
        seconds = time.perf_counter() - started
    finally:
        if client is not None:
            client.close()
    if stopped:
        raise StorageError(stopped)
    return _summary(options, plans, out, seconds)


def _announce(
    options: argparse.Namespace,
    plans: list[Plan],
    todo: list[Plan],
    estimate: Estimate,
    client: Any,
) -> None:
    """Say how many runs there are and about how long they take."""
    done = len(plans) - len(todo)
    counted = f"{len(plans):,} runs" + (f", {done:,} of them finished" if done else "")
    at_once, where = 1, "here, one after another"
    if options.workers:
        at_once, where = int(options.workers), f"on {options.workers} processes"
    if client is not None:
        at_once = sum(client.nthreads().values())
        where = f"on {at_once} threads of {len(client.nthreads())} workers"
        if not at_once:
            where = "on one thread"
    lines = [f"{counted}."]
    if estimate.unknown < len(todo):
        seconds = estimate.seconds / max(1, min(at_once, len(todo)))
        lines = [f"{counted}: about {_duration(seconds)} {where}."]
    if estimate.unknown:
        lines.append(f"{estimate.unknown:,} of them could not be measured, and are not in it.")
    print(*lines, sep="\n", file=sys.stderr if options.json else sys.stdout, flush=True)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _carry_out(
    options: argparse.Namespace, todo: list[Plan], out: Path, workers: int, client: Any
) -> str:
    """Carry out what is to do, under a progress bar; returns why it stopped early, if it did."""
    from functools import partial

    from compare.experiments.cluster import (
        on_cluster,
    )
    from compare.experiments.executors import in_this_process, on_processes

    epochs = {plan.name(): plan.epochs + 1 for plan in todo}
    ended = 0
    with progress.bar(sum(epochs.values()), "epoch") as bar:

        def advance(plan: Plan, done: Progress) -> None:
            bar.set_description(plan.name().rsplit("-", 2)[0])
            bar.update(ended + done.epoch - bar.n)

        if client is not None:
            outcomes = on_cluster(todo, out, options.force, client, partial(_say, bar=bar))
        elif workers:
            outcomes = on_processes(todo, out, options.force, workers)
        else:
            outcomes = in_this_process(todo, out, options.force, advance)
        with closing(outcomes):
            for outcome in outcomes:
                for message in outcome.said:
                    _say(message, bar)
                if not outcome.stored:
                    return outcome.error
                if outcome.status == "failed":
                    _say(f"{outcome.run} failed: {outcome.error}", bar)
                ended += epochs[outcome.run]
                bar.update(ended - bar.n)
    return ""


def _summary(options: argparse.Namespace, plans: list[Plan], out: Path, seconds: float) -> int:
    """Print what the sweep's runs came to; returns the exit code."""
    from compare.report.text import render
    from compare.results.runs import records
    from compare.results.table import group, plain, tidy

    names = {plan.name() for plan in plans}
    found, _ = records(out)
    table = tidy({name: record for name, record in found.items() if name in names})
    states = {
        state: int((table["status"] == state).sum()) for state in ("finished", "diverged", "failed")
    }
    groups = group(table, ("task", "split", "solver"))
    if options.json:
        answer = {"runs": len(plans), **states, "groups": plain(groups)}
        print(json.dumps(answer, indent=2))
    else:
        print(f"\n{render(groups, 'table')}\n")
        counted = ", ".join(f"{number:,} {state}" for state, number in states.items())
        print(f"{counted}, in {_duration(seconds)}. To ask more: compare results {out}")
    return 1 if states["failed"] else 0
