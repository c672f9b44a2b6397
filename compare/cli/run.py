"""`compare run`: solvers on a task, and the table."""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from compare.cli import output, progress
from compare.cli.options import (
    PRESET,
    add_events,
    add_place,
    add_price,
    add_recipe,
    add_size,
    add_solvers,
    add_splits,
    add_task,
    recipe_of,
    strict_json,
)
from compare.errors import command
from compare.experiments.values import MOST_SEEDS, count

if TYPE_CHECKING:
    from compare.experiments.plan import Plan, Request

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = (
    "Run solvers on a task and print how exact each is, and at what cost. Finished runs in --out "
    "are not repeated; an interrupted one is resumed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a request, and those of a recipe."""
    parser.usage = "%(prog)s --task TASK [options]"
    what = parser.add_argument_group("what is run")
    add_task(what)
    add_solvers(what)
    add_splits(what)
    what.add_argument(
        "--seeds", metavar="N", default="3", help="seeds 0 to N-1 of what learns (default: 3)"
    )
    what.add_argument("--preset", metavar="{quick,paper}", help=PRESET)
    what.add_argument(
        "--data",
        metavar="DIR",
        help="pictures to classify by ResNet-50, DIR/train/CLASS/* and DIR/val/CLASS/*",
    )
    add_size(what, folder=True)
    what.add_argument(
        "--eval-size", metavar="SIZES", help="score on these canvases too, comma-separated"
    )
    add_place(parser.add_argument_group("where it is computed"), folder=True)
    results = parser.add_argument_group("results")
    results.add_argument("--out", metavar="DIR", default="runs", help="of all runs (default: runs)")
    add_events(results)
    results.add_argument("--force", action="store_true", help="repeat runs that are finished")
    results.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be run, where, and about how long it takes; run nothing",
    )
    results.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_price(results)
    add_recipe(parser, "instead of the preset's, for every solver that learns")


def run(options: argparse.Namespace) -> int:
    """Carry the runs out and print what they came to."""
    from compare.experiments.comparison import carry_out, header, waiting
    from compare.experiments.events import event_directory
    from compare.experiments.plan import load_backend, make_plans
    from compare.results.ledger import read_prices

    prices = read_prices("--price", options.price)
    plans = make_plans(_request(options), warn=progress.warn)
    if options.dry_run:
        return _dry_run(options, plans)
    place = plans[0]
    first = load_backend(place.backend, place.device, place.precision).first
    out = Path(options.out)
    events = event_directory("--tensorboard", options.tensorboard) if first else None
    missing = waiting(plans, out, options.force)
    awaited = set(missing)
    if first and progress.level.get() > progress.QUIET:
        progress.announce(*progress.to_carry_out("run", missing))
    for plan in plans:
        if plan not in awaited:
            progress.detail(f"finished: {plan.directory(out)}")

    started = time.perf_counter()
    watched = partial(progress.watch, missing, out, shown=first)
    records = carry_out(
        plans, missing, out, options.force, watched, progress.warn, options.solver is None, events
    )
    if not first:
        return 0  # of several processes that compute together, one reports
    seconds = time.perf_counter() - started

    from compare.results.statistics import compare_all, summarise

    found = list(records.values())
    task = place.load_task()
    summaries, pairs = summarise(found), compare_all(found, task.verdict)
    above = header(plans, options.preset, int(options.seeds))
    if prices:
        above["price"] = prices
    if options.json:
        answer = {**above, "rows": summaries, "pairs": pairs}
        output.show(json.dumps(strict_json(answer), indent=2))
        return 0
    from compare.report.text import comparison

    output.show(comparison(task, above, summaries, pairs, output.width()))
    progress.note(f"\nDone in {seconds:.1f} s. Every run's files: {out}/")
    progress.note(f"A page about them, with pictures: {command('report', str(out))}")
    return 0


def _request(options: argparse.Namespace) -> Request:
    """Read what was asked for."""
    from dataclasses import fields

    from compare.experiments.plan import Request

    names = [field.name for field in fields(Request) if field.name not in ("seeds", "recipe")]
    seeds = tuple(range(count("--seeds", options.seeds, MOST_SEEDS)))
    return Request(
        **{name: getattr(options, name) for name in names}, seeds=seeds, recipe=recipe_of(options)
    )


def _dry_run(options: argparse.Namespace, plans: list[Plan]) -> int:
    """Print what would be run, and where, and leave no trace."""
    from textwrap import fill

    from compare.experiments.executors import finished
    from compare.report.text import training
    from compare.solvers.catalogue import training_of

    rows = []
    for plan in plans:
        directory = plan.directory(Path(options.out))
        done = not options.force and finished(plan, Path(options.out))
        begun = (directory / "checkpoint.npz").exists()
        state = "finished" if done else "to resume" if begun else "to run"
        known = (
            training_of(plan.task, plan.solver, plan.recipe, of_folder=bool(plan.folder))
            if plan.recipe
            else {}
        )
        rows.append({"state": state, "directory": str(directory), **plan.arguments(), **known})
    if options.json:
        output.show(json.dumps(strict_json(rows), indent=2))
        return 0
    missing = [plan for plan, row in zip(plans, rows, strict=True) if row["state"] != "finished"]
    progress.none_started("run", plans, missing)
    for plan, row in zip(plans, rows, strict=True):
        how = "nothing to learn"
        if plan.recipe:
            how = f"seed {plan.seed}, {training(row)}"
        line = f"{row['state']:<9}  {plan.split} {plan.solver}: {how}"
        output.show(fill(line, output.width(), subsequent_indent=11 * " "))
        output.show(f"           {row['directory']}")
    return 0
