"""The report: runs on disk to one self-contained page, and to figures for a paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from compare.figures.style import EMPTY, INK, ONE_COLUMN, PAPER, TWO_COLUMNS, colour, svg
from compare.report.commands import commands
from compare.report.plots import Plot, data_plots, plots, points
from compare.report.sections import Section
from compare.report.text import COST, conclusions, cost_cells, percent, score_cells
from compare.results.statistics import outcome, paired, summarise

# --- The page -------------------------------------------------------------------------------


def page(
    found: Sequence[Section],
    complaints: Sequence[str],
    source: str,
    on_figure: Callable[[Plot, Figure, str], None] = lambda plot, figure, svg: None,
) -> str:
    """Return the report as HTML that refers to nothing outside itself.

    source: the directory of the runs, as a reader would type it. `on_figure` is called with each
    figure that was drawn and its SVG, for whoever wants it as a file too.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("compare.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def drawn(plot: Plot) -> dict[str, Any]:
        figure = plot.draw()
        text = svg(figure)
        on_figure(plot, figure, text)
        text = text[text.index("<svg") :]
        # A page in the dark has light ink: the figure's neutral colours become the page's own.
        for tone, own in (
            (PAPER, "none"),
            (INK, "currentColor"),
            (EMPTY, "var(--empty)"),
        ):
            text = text.replace(tone, own)
        return {
            "name": plot.name,
            "caption": plot.caption,
            "svg": text,
            "wide": figure.get_figwidth() > (ONE_COLUMN + TWO_COLUMNS) / 2,
        }

    return environment.get_template("report.html").render(
        source=source,
        points=[
            {**drawn(plot), "commands": commands(section, source)}
            for plot, section in points(found)
        ],
        data=[
            {**drawn(plot), "commands": commands(section, source)}
            for plot, section in data_plots(found)
        ],
        sections=[
            {
                "id": section.name,
                "task": section.task,
                "height": section.size[0],
                "width": section.size[1],
                "figures": [drawn(plot) for plot in plots(section)],
                "splits": [_split_tables(section, split) for split in section.splits()],
                "commands": commands(section, source),
                "short": _in_short(section),
                "success": section.task.success,
            }
            for section in found
        ],
        complaints=complaints,
        environments=_environments(found),
        cost_header=COST,
        solvers={
            run.solver.partition(",")[0]: colour(run.solver)
            for section in found
            for run in section.runs
        },
    )


def _split_tables(section: Section, split: str) -> dict[str, Any]:
    solvers = section.of(split)
    rows = summarise([run.record for seeds in solvers.values() for run in seeds])
    outcomes = [
        outcome(
            solver,
            [run.arrays["test_right"] for run in seeds],
            [run.arrays["test_error"] for run in seeds],
        )
        for solver, seeds in solvers.items()
    ]
    # Positions of another number are of another version of the data: not to be paired.
    pairs = [
        paired(*two)
        for two in combinations(outcomes, 2)
        if two[0].error.shape == two[1].error.shape
    ]
    # Only what every solver of the split was scored on stands in one table.
    elsewhere = [
        size for size in rows[0]["elsewhere"] if all(size in row["elsewhere"] for row in rows)
    ]
    parts = [
        (f"{rows[0]['held_out']:,} held-out positions", [row["test"] for row in rows]),
        (f"{rows[0]['trained_on']:,} positions trained on", [row["train"] for row in rows]),
        *(
            (f"every position of a {size} canvas", [row["elsewhere"][size] for row in rows])
            for size in elsewhere
        ),
    ]
    names = [row["solver"] for row in rows]
    return {
        "name": split,
        "scores": [
            (heading, score_cells(section.task, list(zip(names, scores, strict=True))))
            for heading, scores in parts
        ],
        "cost": [cost_cells(row) for row in rows],
        "conclusions": [line.removeprefix("- ") for line in conclusions(rows, pairs)],
        "diverged": sum(row["diverged"] for row in rows),
    }


def _in_short(section: Section) -> list[str]:
    """Say in a sentence for each split how often each solver is exact on what was held out."""
    lines = []
    for split in section.splits():
        shares = []
        for solver, seeds in section.of(split).items():
            exact = [run.record["scores"]["test"].get("exact") for run in seeds]
            if None in exact:
                return []
            learned = seeds[0].record["cost"]["parameters"]
            shares.append(
                f"{solver} ({f'{learned:,} numbers' if learned else 'nothing'} learned) at "
                f"{percent(float(np.median(exact)))}"
            )
        lines.append(f"Exact on held-out samples of the {split} split: {', '.join(shares)}.")
    return lines


def _environments(found: Sequence[Section]) -> list[str]:
    """Say, without repeating it, what the runs were made with."""
    lines = []
    for section in found:
        for run in section.runs:
            made = run.record["environment"]
            libraries = ", ".join(
                f"{name} {made[name]}" for name in ("python", "numpy", "scipy") if name in made
            )
            commit = made.get("commit")
            lines.append(
                f"handcrafted {made.get('handcrafted', '?')}"
                + (f" (commit {commit[:10]})" if commit else "")
                + f"; {libraries}; {made.get('processor', '?')}, {made.get('cores', '?')} cores; "
                f"{run.record['backend']} on {run.record['device']}"
            )
    return list(dict.fromkeys(lines))
