"""Plain-text tables, 80 columns wide, that read well without colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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


def comparison(summaries: list[dict[str, Any]], heading: str) -> str:
    """Set out the summaries of `compare.scoring.summarise`: how exact, then at what cost."""
    parts = [heading]
    for split in dict.fromkeys(row["split"] for row in summaries):
        rows = [row for row in summaries if row["split"] == split]
        parts += ["", f"{split} split, {rows[0]['held_out']:,} held-out positions: how exact"]
        parts += [columns([_ACCURACY, *map(_accuracy, rows)])]
        parts += ["", f"{split} split: at what cost", columns([_COST, *map(_cost, rows)])]
    diverged = sum(row["diverged"] for row in summaries)
    if diverged:
        parts += ["", f"{diverged} runs diverged: their loss was no longer finite."]
    return "\n".join([*parts, "", _LEGEND])


_ACCURACY = ("solver", "exact", "rounded", "mean error px", "worst error px", "< 1/2 px")
_COST = ("solver", "learned", "multiply-adds", "train s", "us/sample", "seeds")
_LEGEND = """\
exact: equal to the target in x and y, nothing rounded. rounded: right after
rounding to whole pixels. Errors are Euclidean distances in pixels: the median
over seeds (smallest..largest). < 1/2 px: seeds whose worst error is under half
a pixel. learned: parameters. multiply-adds: for one sample, computed densely.
us/sample: median microseconds to predict one sample, from bitmap to pixels."""


def _accuracy(row: dict[str, Any]) -> tuple[str, ...]:
    test, runs = row["test"], max(len(row["seeds"]), 1)
    return (
        row["solver"],
        _percent(test["exact"]["median"]),
        _percent(test["rounded"]["median"]),
        _spread(test["mean_error"]),
        _spread(test["worst_error"]),
        f"{row['within_half_pixel'] * runs:.0f}/{runs}",
    )


def _cost(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["solver"],
        f"{row['cost']['parameters']:,}",
        f"{row['cost']['multiply_adds']:,}",
        _number(row["train_seconds"]["median"]),
        _number(row["predict_microseconds"]["median"]),
        str(len(row["seeds"])) if row["seeds"] else "none needed",
    )


def _percent(share: float) -> str:
    # A share that is not 1 is never printed as 100 %, nor one that is not 0 as 0 %.
    if 0 < share < 0.001 or 0.999 < share < 1:
        return f"{min(max(100 * share, 0.001), 99.999):.3f} %"
    return f"{100 * share:.3g} %"


def _spread(spread: dict[str, float]) -> str:
    median, low, high = (_number(spread[key]) for key in ("median", "min", "max"))
    return median if low == high else f"{median} ({low}..{high})"


def _number(value: float) -> str:
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    # What is not 0 is never printed as 0.
    return f"{value:.2f}" if value >= 0.01 else f"{value:.0e}"
