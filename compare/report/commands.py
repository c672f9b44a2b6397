"""The commands that make the runs of a report again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compare.learned.recipe import OPTIONS
from compare.report.sections import Section
from compare.solvers.base import SolverSpec
from compare.solvers.catalogue import preset_of, solvers_of

__all__ = ["commands"]


def commands(section: Section, out: str) -> list[str]:
    """Return the `compare run` commands that make the section's runs again."""
    specs = solvers_of(section.task.name, of_folder=bool(section.folder))
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    fixed: dict[str, None] = {}
    # What has variants comes last: it goes with the first command that makes the same one.
    for run in sorted(section.runs, key=lambda run: "options" in run.arguments):
        arguments = run.arguments
        solver = arguments["solver"]
        if "options" in arguments and solver in specs:
            same = (o for o in groups if _variant(specs[solver], o) == arguments["options"])
            if (options := next(same, None)) is not None:
                groups[options]["solvers"][solver] = None
                groups[options]["splits"][arguments["split"]] = None
                continue
        elif arguments["recipe"] is None:
            fixed[solver] = None
            continue
        options = tuple(_options(arguments, specs.get(solver)))
        group = groups.setdefault(options, {"solvers": {}, "splits": {}, "seeds": 0})
        group["solvers"][solver] = group["splits"][arguments["split"]] = None
        if arguments["recipe"] is not None:
            group["seeds"] = max(group["seeds"], arguments["seed"] + 1)
    if not groups:
        groups[()] = {"solvers": {}, "splits": dict.fromkeys(section.splits()), "seeds": 0}
    lines = []
    for index, (options, group) in enumerate(groups.items()):
        # What learns nothing goes with the first command.
        asked = {**group["solvers"], **(fixed if not index else {})}
        solvers = [name for name in {**specs, **asked} if name in asked]
        words = ["compare", "run", "--task", section.task.name]
        if section.folder:
            words += ["--data", section.folder]
        if solvers != list(specs):
            words += ["--solver", ",".join(solvers)]
        if set(group["splits"]) != set(section.task.splits):
            words += ["--split", ",".join(group["splits"])]
        # Some presets have a canvas of their own.
        if section.size != (64, 64) or any(spec.sides for spec in specs.values()):
            words += ["--size", "x".join(map(str, dict.fromkeys(section.size)))]
        if group["seeds"] not in (0, 3):
            words += ["--seeds", str(group["seeds"])]
        words += options
        if out != "runs":
            words += ["--out", out]
        lines.append(shlex.join(words))
    return lines


def _options(arguments: Mapping[str, Any], spec: SolverSpec | None) -> Iterator[str]:
    """Return what sets a training apart from the default one, as options."""
    recipe = arguments["recipe"] or arguments.get("options", {})
    if spec and (spec.recipes or spec.variants):
        preset, changes = preset_of(spec, recipe)
        if preset != spec.preset:
            yield from ("--preset", preset)
        for name in changes:
            yield from ("--" + name.replace("_", "-"), f"{recipe[name]}")
    if arguments["backend"] != "numpy":
        yield from ("--backend", arguments["backend"], "--device", arguments["device"])
    if arguments["precision"] not in ("float32", None):
        yield from ("--precision", arguments["precision"])
    if arguments["eval_sizes"]:
        sizes = ("x".join(map(str, size)) for size in arguments["eval_sizes"])
        yield from ("--eval-size", ",".join(sizes))


def _variant(spec: SolverSpec, options: Sequence[str]) -> dict[str, Any]:
    """Return the variant of a solver that a command with these options makes."""
    given = dict(zip(options[::2], options[1::2], strict=True))
    variant = spec.variants[given.get("--preset", spec.preset)]
    texts = {option.name: given.get("--" + option.name.replace("_", "-")) for option in OPTIONS}
    read = {option.name: option.read for option in OPTIONS}
    return {
        name: value if (text := texts[name]) is None else read[name](text)
        for name, value in variant.items()
    }
