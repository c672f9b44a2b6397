"""The report: runs on disk to one self-contained page, and to figures for a paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from compare.figures.style import EMPTY, INK, ONE_COLUMN, PAPER, TWO_COLUMNS, colour, solver_of, svg
from compare.report.answers import answers
from compare.report.commands import commands
from compare.report.plots import Plot, all_plots, data_plots, plots, points, shown
from compare.report.sections import Section
from compare.report.tables import every_run, summary, table
from compare.report.text import (
    COST,
    LEDGER_TITLE,
    conclusions,
    cost_cells,
    ledger_cells,
    legend,
    score_cells,
    score_parts,
)
from compare.results.statistics import compare_all, summarise

__all__ = ["page"]


def page(
    found: Sequence[Section],
    complaints: Sequence[str],
    source: str,
    on_figure: Callable[[Plot, Figure], None] = lambda plot, figure: None,
    prices: Mapping[str, float] | None = None,
) -> str:
    """Return the report as HTML that refers to nothing outside itself.

    prices: as `compare.results.ledger.cost` takes them.
    source: the directory of the runs, as a reader would type it. `on_figure` is called with each
    figure that was drawn, for whoever wants it as a file too.
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
        text = svg(figure, text=True)
        on_figure(plot, figure)
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

    names = shown(found)
    return environment.get_template("report.html").render(
        source=source,
        figures=(len(names), len(all_plots(found))),
        points=[
            {**drawn(plot), "commands": commands(section, source)}
            for plot, section in points(found)
            if plot.name in names
        ],
        data=[
            {**drawn(plot), "commands": commands(section, source)}
            for plot, section in data_plots(found)
            if plot.name in names
        ],
        sections=[
            {
                "id": section.name,
                "task": section.task,
                "height": section.size[0],
                "width": section.size[1],
                "figures": [drawn(plot) for plot in plots(section) if plot.name in names],
                "splits": [
                    _split_tables(section, split, prices or {}) for split in section.splits()
                ],
                "commands": commands(section, source),
                "answers": answers(section, commands(section, source)),
                "left_out": section.of_many(),
                "summary": summary(section),
                "runs": every_run(section),
                "legend": legend(section.task),
            }
            for section in found
        ],
        complaints=complaints,
        environments=_environments(found),
        solvers={
            solver_of(run.solver): colour(run.solver) for section in found for run in section.runs
        },
    )


def _split_tables(section: Section, split: str, prices: Mapping[str, float]) -> dict[str, Any]:
    records = [run.labelled() for seeds in section.of(split).values() for run in seeds]
    rows = summarise(records)
    # Only what every solver of the split was scored on stands in one table.
    parts = {
        part: title
        for part, title in score_parts(section.task, rows[0]).items()
        if all(part in row["scores"] for row in rows)
    }
    few = section.few(split)
    compared = [record for record in records if record["arguments"]["solver"] in few]
    pairs = compare_all(compared, section.task.verdict)[split]
    scores = {
        title: score_cells(section.task, [(row["solver"], row["scores"][part]) for row in rows])
        for part, title in parts.items()
    }
    cost, ledger = [COST, *map(cost_cells, rows)], ledger_cells(rows, prices)
    return {
        "name": split,
        "tables": [
            *(table(title, cells) for title, cells in scores.items()),
            table("cost, and success over seeds", cost),
            table(LEDGER_TITLE, ledger, foot=len(ledger) - 1 - len(rows)),
        ],
        "conclusions": conclusions(
            section.task, [row for row in rows if row["solver"] in few], pairs
        ),
        "diverged": sum(row["diverged"] for row in rows),
    }


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
                f"{run.arguments['backend']} on {run.arguments['device']}"
            )
    return list(dict.fromkeys(lines))
