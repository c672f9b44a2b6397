"""Plain-text tables, 80 columns wide, that read well without colour."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

from compare.tasks import Column, Task


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Align rows of cells, a rule under the first; the first `left` columns to the left."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def comparison(
    task: Task,
    header: dict[str, Any],
    summaries: list[dict[str, Any]],
    pairs: dict[str, list[dict[str, Any]]],
) -> str:
    """Set out what `compare.scoring` made of the runs: how exact, at what cost, what follows."""
    parts = [heading(header)]
    for split in dict.fromkeys(row["split"] for row in summaries):
        rows = [row for row in summaries if row["split"] == split]
        first = rows[0]
        parts += ["", f"{split} split, {first['held_out']:,} held-out positions"]
        parts += [_scores(task, [(row["solver"], row["test"]) for row in rows])]
        parts += ["", f"{split} split, {first['trained_on']:,} positions trained on"]
        parts += [_scores(task, [(row["solver"], row["train"]) for row in rows])]
        for size in first["elsewhere"]:
            parts += ["", f"{split} split, every position of a {size} canvas"]
            parts += [_scores(task, [(row["solver"], row["elsewhere"][size]) for row in rows])]
        parts += ["", f"{split} split: cost, and luck"]
        parts += [columns([COST, *map(cost_cells, rows)])]
        if lines := conclusions(rows, pairs[split]):
            parts += ["", f"{split} split: what may be concluded"]
            parts += [fill(line, 80, subsequent_indent="  ") for line in lines]
    diverged = sum(row["diverged"] for row in summaries)
    if diverged:
        parts += ["", f"{diverged} runs diverged: their loss was no longer finite."]
    return "\n".join([*parts, "", task.legend, fill(_LEGEND.format(success=task.success), 80)])


def heading(header: dict[str, Any]) -> str:
    """Say what was run."""
    height, width = header["size"]
    last = header["seeds"] - 1
    seeds = "seed 0" if last == 0 else f"seeds 0 to {last}"
    learned = f"Every learned solver: {counted(header['epochs'], 'epoch')},\n{seeds}, "
    return (
        f"{header['task']} on a {height}x{width} canvas. "
        f"{learned if header['epochs'] else 'No solver learns: '}"
        f"{header['backend']} on {header['device']}, {header['precision']}."
    )


def counted(number: int, noun: str) -> str:
    """Write how many there are."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


COST = ("solver", "learned", "multiply-adds", "train s", "us/sample", "success", "95 %")
_LEGEND = """Over seeds: the median (smallest..largest). success: seeds with {success}, and the
Wilson interval of that rate. learned: parameters. multiply-adds: for one sample, computed densely.
us/sample: median microseconds to predict one."""


def _scores(task: Task, rows: list[tuple[str, dict[str, Any] | None]]) -> str:
    return columns(score_cells(task, rows))


def score_cells(
    task: Task, rows: Sequence[tuple[str, dict[str, Any] | None]]
) -> list[tuple[str, ...]]:
    """Return the cells of a table of scores, its header first; None: the solver cannot do it."""
    cells = [("solver", *(column.title for column in task.columns))]
    for solver, scores in rows:
        if scores is None:
            cells.append((solver, "cannot", *[""] * (len(task.columns) - 1)))
        else:
            cells.append(
                (solver, *(_cell(column, scores[column.score]) for column in task.columns))
            )
    return cells


def _cell(column: Column, spread: dict[str, float]) -> str:
    if column.share:
        return percent(spread["median"])
    return _spread(spread, column.digits)


def cost_cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return a summary's cells under `COST`."""
    low, high = row["success"]["wilson95"]
    luck = (f"{100 * low:.0f}..{100 * high:.0f} %",) if row["seeds"] else ("",)
    return (
        row["solver"],
        f"{row['cost']['parameters']:,}",
        f"{row['cost']['multiply_adds']:,}",
        _number(row["train_seconds"]["median"]),
        _number(row["predict_microseconds"]["median"]),
        f"{row['success']['runs']}/{row['success']['of']}"
        if row["seeds"]
        else ("yes" if row["success"]["runs"] else "no"),
        *luck,
    )


def conclusions(rows: list[dict[str, Any]], pairs: list[dict[str, Any]]) -> list[str]:
    """Say in words what the figures show, and how far they reach."""
    lines = []
    learners = {row["solver"] for row in rows if row["seeds"]}
    for pair in pairs:
        first, second = pair["solvers"]
        n = pair["positions"]
        if "handcrafted" not in (first, second) and not {first, second} <= learners:
            continue  # a learner against a ready-made answer: as against the handcrafted one
        if pair["only_first_right"] == pair["only_second_right"] == 0 and not (
            pair["first_closer"] or pair["second_closer"]
        ):
            lines.append(f"- {first} and {second}: the same at every one of {n} positions.")
            continue
        lines.append(
            f"- {first} against {second}, on the same {n} positions: right where the other is "
            f"wrong at {pair['only_first_right']} and {pair['only_second_right']} "
            f"(McNemar p {_p(pair['mcnemar_p'])}, difference of shares "
            f"{100 * pair['right_difference']:+.1f} %); closer at "
            f"{100 * pair['first_closer']:.0f} % and {100 * pair['second_closer']:.0f} % "
            f"(Wilcoxon p {_p(pair['wilcoxon_p'])}, rank-biserial r = "
            f"{pair['rank_biserial']:+.2f})."
        )
    seeds = max((len(row["seeds"]) for row in rows), default=0)
    if seeds:
        tests = (
            "These tests are about the positions of this split, each learner taken at its median "
            "over seeds. "
        )
        lines.append(
            f"- {tests if lines else ''}What another seed would do, the range over "
            + (f"{seeds} seeds tells" if seeds > 1 else "one seed cannot tell")
            + "; another recipe or a longer training, nothing here tells."
        )
    return lines


def _p(p: float) -> str:
    return f"= {p:.2g}" if p >= 1e-4 else "< 1e-4"


def percent(share: float) -> str:
    """Write a share of the samples."""
    # A share that is not 1 is never printed as 100 %, nor one that is not 0 as 0 %.
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.3g} %"


def _spread(spread: dict[str, float], digits: int | None = None) -> str:
    median, low, high = (
        _number(spread[key]) if digits is None else f"{spread[key]:.{digits}f}"
        for key in ("median", "min", "max")
    )
    return median if low == high else f"{median} ({low}..{high})"


def _number(value: float) -> str:
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    # What is not 0 is never printed as 0.
    return f"{value:.2f}" if value >= 0.01 else f"{value:.0e}"
