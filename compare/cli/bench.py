"""`compare bench`: the time of a prediction against sizes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from compare.cli import output, progress
from compare.cli.options import add_place, add_solvers, add_task
from compare.errors import choice
from compare.experiments.values import names

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = (
    "Time each solver's prediction on larger and larger canvases and batches on this machine; "
    "learned networks with their first weights, which cost what trained ones do."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is timed, where, and how it is shown."""
    what = parser.add_argument_group("what is timed, and where")
    add_task(
        what, required=False, default="onehot2coord", help="whose solvers (default: onehot2coord)"
    )
    add_solvers(what)
    add_place(what, precision=False)
    results = parser.add_argument_group("results")
    results.add_argument("--figure", metavar="FILE", help="draw it too, as .svg, .png or .pdf")
    results.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be timed, and about how long it takes",
    )
    results.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    """Time the solvers and print a table for each kind of size."""
    from dataclasses import asdict
    from textwrap import fill

    from compare import backends, tasks
    from compare.experiments.bench import (
        BATCH,
        BATCHES,
        SIDE,
        SIDES,
        expected_seconds,
        exponent,
        measure,
    )
    from compare.report.text import columns, counted
    from compare.solvers.catalogue import solvers_of

    task = tasks.load(options.task)
    specs = solvers_of(task.name, options.solver)
    chosen = {name: specs[name] for name in names("solver", options.solver, tuple(specs))}
    figure = Path(options.figure) if options.figure is not None else None
    if figure:
        from compare.files import writable_file

        choice("--figure", figure.suffix, (".svg", ".png", ".pdf"))
        writable_file(figure)
    backend = backends.load(options.backend, options.device)
    work = expected_seconds(len(chosen)), counted(len(chosen), "solver")
    sides = f"side of the canvas (pixels), {BATCH} samples"
    batches = f"samples, canvas of {SIDE}x{SIDE}"
    if options.dry_run:
        if options.json:
            plan = {"solvers": [*chosen], "sides": SIDES, "batches": BATCHES, "seconds": work[0]}
            output.show(json.dumps(plan, indent=2))
            return 0
        output.show(f"{progress.on_this_machine(*work)}; none was timed.\n")
        for label, values in {"solvers": chosen, sides: SIDES, batches: BATCHES}.items():
            text = f"{label}: {', '.join(map(str, values))}"
            output.show(fill(text, output.width(), subsequent_indent="    "))
        return 0
    progress.announce(*work)
    with progress.bar(len(chosen), "solver") as bar:
        started = iter(range(len(chosen)))

        def announce(solver: str) -> None:
            bar.update(next(started) - bar.n)
            bar.set_description(solver)

        costs = measure(task, chosen, backend, announce)
    panels = {
        sides: {cost.solver: cost.by_side for cost in costs},
        batches: {cost.solver: cost.by_batch for cost in costs},
    }
    if figure:
        from compare.figures.curves import cost_against_size
        from compare.figures.style import save

        save(cost_against_size(panels, f"{task.name} on {backend.name}, {backend.device}"), figure)
    if options.json:
        output.show(json.dumps([asdict(cost) for cost in costs], indent=2))
        return 0
    output.show(f"{task.name} on {backend.name}, {backend.device}: milliseconds of a prediction")
    for label, solvers in panels.items():
        sizes = sorted({size for points in solvers.values() for size in points})
        rows = [("solver", *map(str, sizes), "exponent")]
        for solver, points in solvers.items():
            slope = exponent(points)
            cells = (f"{points[size]:.3g}" if size in points else "" for size in sizes)
            rows.append((solver, *cells, "" if slope is None else f"{slope:.2f}"))
        output.show(f"\n{label}\n{columns(rows)}")
    output.show(
        "\nexponent: the slope of log(time) against log(size) between the last two sizes.\n"
        "A solver that took more than a second is not asked for the next size."
    )
    return 0
