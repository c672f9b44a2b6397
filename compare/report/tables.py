"""The tables of the page: what a cell has, a summary a section, and every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from compare.report.sections import Section, lead
from compare.report.text import median_and_range, number, percent, seeds_of, training
from compare.results.statistics import spread
from compare.tasks.base import Column

__all__ = ["Cell", "PageTable", "every_run", "scores_of", "shown", "summary", "table"]

Cell: TypeAlias = tuple[str, str]
"""What is read first, and what stands below it in small type, if anything."""


@dataclass(frozen=True)
class PageTable:
    """A table of the page, whose rows a reader may sort and filter."""

    title: str
    """What it is, for those who do not see what stands above it."""
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """The first cell of each says what it is about."""
    foot: tuple[tuple[Cell, ...], ...] = ()
    """Rows that stay below the others, such as a sum."""
    choices: tuple[str, ...] = ()
    """The columns that rows may be chosen by."""


def table(title: str, cells: Sequence[Sequence[str]], foot: int = 0) -> PageTable:
    """Return a table of texts, its header first; ranges are small, and `foot` rows stay last."""
    rows = [tuple(_cell(text) for text in row) for row in cells[1:]]
    return _full(title, cells[0], rows, foot)


def _full(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    foot: int = 0,
    choices: tuple[str, ...] = (),
) -> PageTable:
    """Return a table without its empty columns."""
    known = [n for n in range(len(header)) if any(any(row[n]) for row in rows)]
    kept = tuple(tuple(row[n] for n in known) for row in rows)
    last = len(rows) - foot
    return PageTable(title, tuple(header[n] for n in known), kept[:last], kept[last:], choices)


def _cell(text: str) -> Cell:
    value, _, limits = text.partition(" (")
    return value, f"({limits}" if limits else ""


def scores_of(section: Section, solver: str, split: str, score: str) -> list[float]:
    """Return a score on held-out samples of each seed; empty where there is none."""
    seeds = section.of(split).get(solver, [])
    found = [run.record["scores"]["test"].get(score) for run in seeds]
    return [] if None in found else [float(value) for value in found]


def shown(column: Column, values: Sequence[float]) -> str:
    """Write the median (smallest..largest) of a score over seeds."""
    numbers = spread(values)
    if column.share:
        low, middle, high = (percent(numbers[key]) for key in ("min", "median", "max"))
        return middle if low == high else f"{middle} ({low}..{high})"
    return median_and_range(numbers, column.digits)


def summary(section: Section) -> PageTable:
    """Return a row for each split and solver: what was learned, and the scores that matter.

    These are the lead score, the first that is no share, and how many seeds succeed.
    """
    task = section.task
    columns = [lead(task)]
    columns += [c for c in task.columns if not c.share and c not in columns][:1]
    rows = []
    for split in section.splits():
        for solver, seeds in section.of(split).items():
            first = seeds[0]
            recipe = first.arguments["recipe"]
            how = ""
            if recipe:
                numbers = sorted(run.arguments["seed"] for run in seeds)
                how = f"{training({**first.record, 'recipe': recipe})}; {seeds_of(numbers)}"
            learned = first.record["cost"]["parameters"]
            won = sum(run.record["success"] for run in seeds)
            success = f"{won} of {len(seeds)}" if recipe else "yes" if won else "no"
            values = (scores_of(section, solver, split, column.score) for column in columns)
            rows.append((
                (solver, how),
                (split, ""),
                (f"{learned:,}" if learned else "nothing", ""),
                *(
                    _cell(shown(column, found)) if found else ("-", "")
                    for column, found in zip(columns, values, strict=True)
                ),
                (success, ""),
            ))  # fmt: skip
    titles = (column.title for column in columns)
    return PageTable(
        f"Summary of {task.name}",
        ("solver", "split", "learned", *titles, "success"),
        tuple(rows),
        choices=("split",),
    )


def every_run(section: Section) -> PageTable:
    """Return a row for each run: its scores on held-out samples, and where its files are."""
    columns = section.task.columns
    rows = []
    for run in section.runs:
        record, learns = run.record, bool(run.arguments["recipe"])
        scores = record["scores"]["test"]
        diverged = record["status"] == "diverged"
        cells = (
            run.arguments["split"],
            str(run.arguments["seed"]) if learns else "",
            *(_of_one(column, scores.get(column.score)) for column in columns),
            "diverged" if diverged else "yes" if record["success"] else "no",
            number(record["timing"]["train_seconds"]) if learns else "",
        )
        rows.append(((run.solver, run.folder.name), *((cell, "") for cell in cells)))
    titles = (column.title for column in columns)
    return _full(
        f"Every run of {section.task.name}",
        ("solver", "split", "seed", *titles, "success", "train s"),
        rows,
        choices=("solver", "split", "success"),
    )


def _of_one(column: Column, value: float | None) -> str:
    return "-" if value is None else shown(column, [value])
