"""Plain-text tables, 80 columns wide, that read well without colour."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.results.table import Table, _hashable, _known, _scores, plain
from compare.tasks.base import Column, Task

FORMATS = ("table", "csv", "json", "markdown")


_DETERMINED = (
    "task", "split", "size", "solver", "backend", "device", "precision", "epochs",
    "learning_rate", "l2", "batch", "loss", "schedule", "width", "kernel", "coordinates", "seed",
)  # fmt: skip
"""What tells one run from another, in the order of a listing."""


def render(table: Table, style: str, chosen: Sequence[str] | None = None) -> str:
    """Print a table in one of `FORMATS`, all columns or those chosen.

    JSON and CSV hold every column in full, null or nothing where there is no finite number. The
    others round to four figures; unless columns are chosen they say once, above the table, what
    is the same in every row, and leave out what can be known from the rest. "table" has a table for
    each task, of 80 columns where that can be: what is wider goes on below, under the same names.
    """
    names = _known(table, chosen) if chosen else list(table.dtype.names or ())
    if style == "table" and not chosen and "task" in names:
        present = _in_order(table["task"])
        if len(present) > 1:
            return "\n\n".join(render(table[table["task"] == task], style) for task in present)
    if style == "json":
        return json.dumps(plain(table, names), indent=2)
    if style == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(
            ["" if value != value else value for value in row]
            for row in zip(*(table[name].tolist() for name in names), strict=True)
        )
        return text.getvalue().rstrip("\n")
    above = ""
    if not chosen:
        names, same = _telling(table, names)
        above = "".join(f"{name} {_plain_cell(table[name][0])}, " for name in same)[:-2]
    cells = {name: [_plain_cell(value) for value in table[name].tolist()] for name in names}
    for name in [name for name in names if f"{name}_min" in cells and f"{name}_max" in cells]:
        low, high = cells.pop(f"{name}_min"), cells.pop(f"{name}_max")
        cells[name] = [
            middle if a == b else f"{middle} ({a}..{b})"
            for middle, a, b in zip(cells[name], low, high, strict=True)
        ]
    if not chosen:
        cells = {name: column for name, column in cells.items() if any(column) or not column}
    rows = [list(cells), *(list(row) for row in zip(*cells.values(), strict=True))]
    left = sum(1 for name in cells if table.dtype[name].kind == "U")
    if style == "markdown":
        rule = ["---" if table.dtype[name].kind == "U" else "---:" for name in cells]
        lines = [rows[0], rule, *rows[1:]]
        body = "\n".join(
            f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |" for r in lines
        )
    else:
        left = left if _texts_first(table, cells) else 1
        results = "runs" if "runs" in cells else "success"
        keys = list(cells).index(results) if results in cells and not chosen else left
        body = "\n\n".join(columns(part, left=left) for part in _folded(rows, keys))
        above = fill(above, 80)
    return f"{above}\n\n{body}" if above else body


def _in_order(texts: NDArray[Any]) -> list[str]:
    return list(dict.fromkeys(texts.tolist()))


def _folded(rows: list[list[str]], keys: int, width: int = 80) -> list[list[list[str]]]:
    """Cut a table between columns so that each part fits; its first columns stand in each."""
    wide = [2 + max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    parts: list[list[int]] = [[]]
    for index in range(keys, len(wide)):
        if parts[-1] and sum(wide[:keys]) + sum(wide[i] for i in (*parts[-1], index)) - 2 > width:
            parts.append([])
        parts[-1].append(index)
    return [[[*row[:keys], *(row[index] for index in part)] for row in rows] for part in parts]


def _texts_first(table: Table, names: Sequence[str] | dict[str, Any]) -> bool:
    kinds = [table.dtype[name].kind == "U" for name in names]
    return kinds == sorted(kinds, reverse=True)


def _telling(table: Table, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the columns that tell rows apart or are results, and those alike in every row."""
    if "runs" in names or len(table) == 0:  # groups, or nothing
        same = ["task"] if "task" in names and len(_in_order(table["task"])) == 1 else []
        return [
            name
            for name in names
            if name not in same and (name not in ("failed", "diverged") or table[name].any())
        ], same
    same = [
        name
        for name in _DETERMINED
        if len(set(_hashable(table[name]))) == 1 and _plain_cell(table[name].tolist()[0])
    ]
    differing = [
        name
        for name in _DETERMINED
        if len(set(_hashable(table[name]))) > 1
        and (name in ("task", "split", "solver", "seed") or not _follows(table, name))
    ]
    texts = [name for name in differing if table.dtype[name].kind == "U"]
    if len(set(table["status"])) > 1:
        texts.append("status")
    if table["error"].any():
        texts.append("error")
    numbers = [name for name in differing if name not in texts]
    known = [name for name in _scores(table) if not np.isnan(table[name]).all()]
    return [*texts, *numbers, "success", *known], same


def _follows(table: Table, name: str) -> bool:
    """Whether task and solver tell a column's value."""
    told: dict[Any, set[Any]] = {}
    for task, solver, value in zip(
        table["task"].tolist(), table["solver"].tolist(), _hashable(table[name]), strict=True
    ):
        told.setdefault((task, solver), set()).add(value)
    return all(len(values) == 1 for values in told.values())


def _plain_cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value).replace("\n", " ")


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
    """Set out what the statistics made of the runs: how exact, at what cost, what follows."""
    parts = [heading(header)]
    for split in dict.fromkeys(row["split"] for row in summaries):
        rows = [row for row in summaries if row["split"] == split]
        first = rows[0]
        parts += ["", f"{split} split, {first['held_out']:,} held-out positions"]
        parts += [_score_table(task, [(row["solver"], row["test"]) for row in rows])]
        parts += ["", f"{split} split, {first['trained_on']:,} positions trained on"]
        parts += [_score_table(task, [(row["solver"], row["train"]) for row in rows])]
        for size in first["elsewhere"]:
            parts += ["", f"{split} split, every position of a {size} canvas"]
            parts += [_score_table(task, [(row["solver"], row["elsewhere"][size]) for row in rows])]
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


def _score_table(task: Task, rows: list[tuple[str, dict[str, Any] | None]]) -> str:
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
