"""`compare run`: solvers on a task, and the table."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.cli import progress
from compare.cli.progress import _say
from compare.experiments.values import MOST_SEEDS, count

if TYPE_CHECKING:
    from compare.experiments.plan import Plan, Request
    from compare.learned.training import Progress


def _run(options: argparse.Namespace) -> int:
    from compare.experiments.plan import make_plans

    plans = make_plans(_request(options))
    if options.dry_run:
        return _dry_run(options, plans)
    first = plans[0].setting.backend.first
    out = _writable(options.out) if first else Path(options.out)

    started = time.perf_counter()
    records = _execute(plans, out, options.force)
    seconds = time.perf_counter() - started
    if not first:
        return 0  # of several processes that compute together, one reports

    from itertools import combinations, groupby

    from compare.experiments.run import outcomes
    from compare.results.statistics import paired, summarise

    task = plans[0].setting.task
    summaries = summarise(records)
    pairs = {
        split: [paired(*two) for two in combinations(outcomes(list(group), out), 2)]
        for split, group in groupby(plans, key=lambda plan: plan.setting.split)
    }
    header = _header(options, plans)
    if options.json:
        answer = {**header, "rows": summaries, "pairs": pairs}
        print(json.dumps(_strict_json(answer), indent=2))
        return 0
    from compare.report.text import comparison

    print(comparison(task, header, summaries, pairs))
    progress.note(f"\nDone in {seconds:.1f} s. Every run's files and its error picture: {out}/")
    progress.note(f"A page about them, with pictures: compare report {out}")
    return 0


def _dry_run(options: argparse.Namespace, plans: list[Plan]) -> int:
    """Print what would be run, and where, and leave no trace."""
    from compare.report.text import counted
    from compare.results.runs import read_record

    rows = []
    for plan in plans:
        directory = plan.directory(Path(options.out))
        try:
            finished = read_record(directory) is not None and not options.force
        except ValueError:
            finished = False
        cut_off = (directory / "checkpoint.npz").exists()
        state = "finished" if finished else "goes on" if cut_off else "to run"
        rows.append({"state": state, "directory": str(directory), **plan.arguments()})
    if options.json:
        print(json.dumps(_strict_json(rows), indent=2))
        return 0
    backend = plans[0].setting.backend
    print(f"{counted(len(rows), 'run')} on {backend.name}, {backend.device}; none was started.\n")
    for row in rows:
        learned = counted(row["epochs"], "epoch") if row["epochs"] else "nothing to learn"
        seed = f" seed {row['seed']}" if row["epochs"] else ""
        print(f"{row['state']:<8}  {row['split']} {row['solver']}{seed}: {learned}")
        print(f"          {row['directory']}")
    return 0


def _request(options: argparse.Namespace) -> Request:
    """Read what `compare run` was asked for."""
    from dataclasses import fields

    from compare.experiments.plan import Request

    texts = {field.name: getattr(options, field.name) for field in fields(Request)}
    seeds = count("--seeds", options.seeds, MOST_SEEDS)
    return Request(**{**texts, "seeds": tuple(range(seeds))})


def _execute(plans: list[Plan], out: Path, force: bool) -> list[dict[str, Any]]:
    """Carry the plans out under one progress bar, skipping what is already on disk.

    A run that another process is at is left to it; its record is taken when it is there.
    """
    from collections import deque

    from compare.experiments.run import settle

    records: dict[str, dict[str, Any]] = {}
    # Scoring and drawing takes about as long as one epoch, and every run does it once.
    first = plans[0].setting.backend.first
    with progress.bar(sum(plan.epochs + 1 for plan in plans), "epoch", shown=first) as bar:
        waiting, busy = deque(plans), set[str]()
        while waiting:
            plan = waiting.popleft()
            bar.set_description(
                f"{plan.setting.split} {plan.solver}"
                + (f" seed {plan.seed}" if plan.epochs else "")
            )
            before = bar.n

            def advance(done: Progress, before: float = before) -> None:
                bar.update(before + done.epoch - bar.n)

            record = settle(plan, out, advance, force=force, say=lambda message: _say(message, bar))
            if record is None:
                if plan.name() not in busy:
                    _say(f"another process is at {plan.directory(out)}; it is left to that", bar)
                    busy.add(plan.name())
                waiting.append(plan)
                if len(busy.intersection(plan.name() for plan in waiting)) == len(waiting):
                    time.sleep(0.2)
                continue
            records[plan.name()] = record
            made = record["environment"]["started"]
            progress.detail(f"{record['status']}: {plan.directory(out)}, of {made}")
            bar.update(before + plan.epochs + 1 - bar.n)
    return [records[plan.name()] for plan in plans]


def _header(options: argparse.Namespace, plans: list[Plan]) -> dict[str, Any]:
    setting = plans[0].setting
    return {
        "task": setting.task.name,
        "size": [setting.height, setting.width],
        "preset": options.preset,
        "epochs": max(plan.epochs for plan in plans),
        "seeds": int(options.seeds),
        "backend": setting.backend.name,
        "device": setting.backend.device,
        "precision": setting.backend.precision,
    }


def _strict_json(value: Any) -> Any:
    """Replace what JSON has no number for, infinities and NaN, by null."""
    if isinstance(value, dict):
        return {key: _strict_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict_json(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value


def _writable(path: str) -> Path:
    from compare.files import writable_directory

    return writable_directory(Path(path))
