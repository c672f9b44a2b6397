"""What a section comes to, in the order of the question: by hand, computed, trained, repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compare.figures.style import MOST_ALIKE
from compare.files import Record
from compare.report.sections import Section, lead
from compare.report.tables import scores_of, shown
from compare.report.text import counted, percent, training
from compare.results.statistics import unfinished, wilson
from compare.solvers.catalogue import solvers_of

__all__ = ["CLAIMS", "LATER", "Claim", "answers", "listed"]


@dataclass(frozen=True)
class Claim:
    """What the paper says of a network."""

    text: str
    succeeds: bool
    """Whether it says that the network solves the task."""


CLAIMS: Mapping[tuple[str, str], Claim] = {
    ("onehot2coord", "coordconv"): Claim(
        "CoordConv solves it with perfect generalization, on both splits", True
    ),
    ("onehot2coord", "conv"): Claim(
        "plain convolutions fail, on the quadrant split most of all", False
    ),
    ("coord2onehot", "coordconv"): Claim(
        "CoordConv is right at every position, trained on and held out, on both splits", True
    ),
    ("coord2onehot", "deconv"): Claim(
        "transposed convolutions stay below about 86 % of the held-out positions of the uniform "
        "split, and fail on the quadrant split",
        False,
    ),
    ("coord2image", "coordconv"): Claim("CoordConv draws the squares on both splits", True),
    ("coord2image", "deconv"): Claim(
        "transposed convolutions draw the squares worse than CoordConv does", False
    ),
}
"""Of the networks of Liu et al. 2018, by task and solver."""

LATER = {
    "onehot2coord": (
        "The authors, looking back in 2019: the regressor has no ReLU on any layer (“it's in the "
        "code, but not in the paper”), and it is “more finicky than I'd like”."
    )
}
"""What the authors wrote later (ml-retrospectives.github.io), by task."""


def answers(section: Section, repeat: Sequence[str] = ()) -> list[tuple[str, list[str]]]:
    """Return headings, each with its sentences; headings without any are left out.

    repeat: the commands that make the section's runs again.
    """
    specs = solvers_of(section.task.name, of_folder=bool(section.folder))
    groups: dict[str, dict[str, None]] = {"hand": {}, "computed": {}}
    trained: dict[str, str] = {}
    for run in section.runs:
        name = run.arguments["solver"]
        if run.arguments["recipe"]:
            ways = section.ways(run)
            if len(ways) > MOST_ALIKE:
                if name not in trained:
                    trained[name] = _of_many(section, name, ways)
            elif run.solver not in trained:
                trained[run.solver] = _trained(section, run.solver)
        elif name in specs and specs[name].variants:
            groups["computed"][run.solver] = None
        elif name == "handcrafted":
            groups["hand"][run.solver] = None
    later = [LATER[section.task.name]] if section.task.name in LATER else []
    found = [
        ("By hand", [_nothing_learned(section, name) for name in groups["hand"]]),
        (
            "The paper's own networks, by hand",
            [_nothing_learned(section, name) for name in groups["computed"]],
        ),
        ("Trained", [*trained.values(), *(later if trained else [])]),
        ("Repeat it", list(repeat)),
    ]
    return [(heading, lines) for heading, lines in found if lines]


def _nothing_learned(section: Section, solver: str) -> str:
    """Say whether a solver that learns nothing is exact, on which splits."""
    exact = {
        split: values[0]
        for split in section.splits()
        if (values := scores_of(section, solver, split, "exact"))
    }
    if not exact:
        column = lead(section.task)
        texts = [
            f"{split} split {shown(column, values)}"
            for split in section.splits()
            if (values := scores_of(section, solver, split, column.score))
        ]
        return f"{solver}, nothing learned: {column.title} {', '.join(texts)}."
    if all(value == 1 for value in exact.values()):
        return (
            f"{solver}, nothing learned: exact at all held-out {section.task.noun}, "
            f"{listed(list(exact))} split."
        )
    shares = ", ".join(f"{percent(value)} ({split} split)" for split, value in exact.items())
    return f"{solver}, nothing learned: exact at {shares} of the held-out {section.task.noun}."


def listed(names: Sequence[str]) -> str:
    """Write names as a list, the last after "and"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _trained(section: Section, solver: str) -> str:
    """Say what the paper claims of a trained network, what was found, and if they agree."""
    column = lead(section.task)
    runs = [run for run in section.runs if run.solver == solver]
    first = runs[0]
    how = training({**first.record, "recipe": first.arguments["recipe"]})
    medians, texts, counts = [], [], []
    for split in section.splits():
        seeds = section.of(split).get(solver, [])
        if not seeds:
            continue
        successes = sum(run.record["success"] for run in seeds)
        counts.append((successes, len(seeds)))
        low, high = wilson(successes, len(seeds))
        if score := scores_of(section, solver, split, column.score):
            medians.append(f"{shown(column, score).partition(' (')[0]} ({split} split)")
        texts.append(
            f"{successes} of {counted(len(seeds), 'seed')} ({100 * low:.0f} to {100 * high:.0f} %)"
        )
    scored = f"{column.title} {', '.join(medians)} at the median seed; " if medians else ""
    text = f"{solver}, {how}: {scored}{section.task.criterion} in {listed(texts)}."
    claim = CLAIMS.get((section.task.name, first.arguments["solver"]))
    if claim is None:
        return text
    reason = _no_verdict(first.record)
    verdict = f"{reason}, so this is no verdict on it." if reason else _verdict(claim, counts)
    return f"{text} The paper: {claim.text}. {verdict}"


def _of_many(section: Section, solver: str, ways: Sequence[str]) -> str:
    """Say the same of a network that was trained by many recipes, of all of them together."""
    column = lead(section.task)
    medians, texts = [], []
    for split in section.splits():
        seeds = [run for name in ways for run in section.of(split).get(name, [])]
        if not seeds:
            continue
        successes = sum(run.record["success"] for run in seeds)
        texts.append(f"{successes} of {counted(len(seeds), 'run')} ({split} split)")
        (best,) = (name for name in section.few(split) if name in ways)
        if score := scores_of(section, best, split, column.score):
            medians.append(f"{shown(column, score).partition(' (')[0]} ({split} split)")
    scored = f"{column.title} {', '.join(medians)} at the median seed of the best; "
    text = (
        f"{solver}, {len(ways)} recipes: {scored if medians else ''}{section.task.criterion} in "
        f"{listed(texts)}."
    )
    claim = CLAIMS.get((section.task.name, solver))
    if claim is None:
        return text
    published = [run for run in section.runs if run.solver in ways and not _no_verdict(run.record)]
    if not published:
        verdict = "None of the recipes is the published one in full, so this is no verdict on it."
    else:
        won = sum(run.record["success"] for run in published)
        verdict = f"By the published recipe: {_verdict(claim, [(won, len(published))]).lower()}"
    return f"{text} The paper: {claim.text}. {verdict}"


def _no_verdict(record: Record) -> str:
    """Say why a training is not as published; nothing if it is."""
    preset = record.get("preset") or {}
    if unfinished(record):
        return "Unfinished"
    if preset.get("name") != "paper" or set(preset.get("changed", ())) - {"epochs"}:
        return "Another recipe"
    return ""


def _verdict(claim: Claim, counts: Sequence[tuple[int, int]]) -> str:
    """Say whether what was found agrees with a claim."""
    agreeing = sum(won if claim.succeeds else of - won for won, of in counts)
    of = sum(each for _, each in counts)
    if agreeing == of:
        return f"All {counted(of, 'run')} agree."
    return f"{agreeing} of {counted(of, 'run')} agree."
