"""The commands that make the runs of a report again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from compare.learned.recipe import Recipe
from compare.report.sections import Section
from compare.solvers.catalogue import offered
from compare.tasks.base import Task

# --- How to do it again ---------------------------------------------------------------------


def commands(section: Section, out: str) -> list[str]:
    """Return the `compare run` commands that make the section's runs again."""
    entries = offered(section.task.name)
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    fixed: dict[str, None] = {}
    for run in section.runs:
        solver = run.solver.partition(",")[0]
        if not run.record["epochs"]:
            fixed[solver] = None
            continue
        options = tuple(_options(section.task, solver, run.record, entries))
        group = groups.setdefault(options, {"solvers": {}, "splits": {}, "seeds": 0})
        group["solvers"][solver] = group["splits"][run.split] = None
        group["seeds"] = max(group["seeds"], run.record["seed"] + 1)
    if not groups:
        groups[()] = {"solvers": {}, "splits": dict.fromkeys(section.splits()), "seeds": 0}
    lines = []
    for place, (options, group) in enumerate(groups.items()):
        # What learns nothing goes with the first command.
        solvers = [
            name for name in entries if name in group["solvers"] or (not place and name in fixed)
        ]
        words = ["compare", "run", "--task", section.task.name]
        if solvers != list(entries):
            words += ["--solver", ",".join(solvers)]
        if set(group["splits"]) != set(section.task.splits):
            words += ["--split", ",".join(group["splits"])]
        if section.size != (64, 64):
            words += ["--size", "x".join(map(str, dict.fromkeys(section.size)))]
        if group["seeds"] not in (0, 3):
            words += ["--seeds", str(group["seeds"])]
        words += options
        if out != "runs":
            words += ["--out", out]
        lines.append(shlex.join(words))
    return lines


def _options(
    task: Task, solver: str, record: dict[str, Any], entries: Mapping[str, Any]
) -> Iterator[str]:
    """Return what sets a training apart from the quick preset, as options."""
    recipe: dict[str, Any] = record["recipe"] or {}
    recipes: dict[str, Recipe] = entries[solver].recipes if solver in entries else {}
    preset = "quick"
    if recipes:
        fitting = [
            name
            for name in recipes
            if asdict(recipes[name]) == recipe and task.epochs[name] == record["epochs"]
        ]
        fitting += [name for name in recipes if asdict(recipes[name]) == recipe]
        preset = fitting[0] if fitting else "quick"
        if preset != "quick":
            yield from ("--preset", preset)
        changed = {
            key: value
            for key, value in recipe.items()
            if asdict(recipes[preset]).get(key, value) != value
        }
        for key, option in (
            ("learning_rate", "--learning-rate"),
            ("l2", "--l2"),
            ("batch", "--batch"),
            ("loss", "--loss"),
            ("schedule", "--lr-schedule"),
            ("width", "--width"),
            ("kernel", "--kernel"),
            ("coordinates", "--coordinates"),
        ):
            if key in changed:
                yield from (option, f"{changed[key]}")
    if record["epochs"] != task.epochs.get(preset):
        yield from ("--epochs", str(record["epochs"]))
    if record["backend"] != "numpy":
        yield from ("--backend", record["backend"], "--device", record["device"])
    if record["precision"] not in ("float32", None):
        yield from ("--precision", record["precision"])
    if record["elsewhere"]:
        yield from ("--eval-size", ",".join(record["elsewhere"]))
