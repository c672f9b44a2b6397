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
    accuracy = [
        ("split", "solver", "exact", "rounded", "mean error px", "worst error px", "< 1/2 px")
    ]
    cost = [("split", "solver", "learned", "multiply-adds", "train s", "us/sample", "seeds")]
    for row in summaries:
        test = row["test"]
        name = (row["split"], row["solver"])
        seeds = len(row["seeds"])
        accuracy.append(
            (
                *name,
                _percent(test["exact"]),
                _percent(test["rounded"]),
                _spread(test["mean_error"]),
                _spread(test["worst_error"]),
                f"{row['within_half_pixel'] * max(seeds, 1):.0f}/{max(seeds, 1)}",
            )
        )
        cost.append(
            (
                *name,
                f"{row['cost']['parameters']:,}",
                f"{row['cost']['multiply_adds']:,}",
                _spread(row["train_seconds"]) if seeds else "0",
                _spread(row["predict_microseconds"]),
                str(seeds) if seeds else "none needed",
            )
        )
    held_out = {row["split"]: row["held_out"] for row in summaries}
    counts = ", ".join(f"{split} {count:,}" for split, count in held_out.items())
    diverged = sum(row["diverged"] for row in summaries)
    return "\n".join(
        [
            heading,
            "",
            f"How exact, over all held-out positions: {counts}",
            columns(accuracy, left=2),
            "",
            "At what cost",
            columns(cost, left=2),
            "",
            "exact: equal to the target in x and y, nothing rounded. rounded: right after",
            "rounding to whole pixels. Errors are Euclidean distances in pixels: the median",
            "over seeds (smallest to largest). < 1/2 px: seeds whose worst error is under",
            "half a pixel. learned: parameters. multiply-adds: for one sample, computed",
            "densely. us/sample: microseconds to predict one sample, from bitmap to pixels.",
            *([f"{diverged} runs diverged: their loss was no longer finite."] if diverged else []),
        ]
    )


def _percent(spread: dict[str, float]) -> str:
    share = spread["median"]
    # A share that is not 1 is never printed as 100 %, nor one that is not 0 as 0 %.
    if 0 < share < 0.001 or 0.999 < share < 1:
        return f"{100 * share:.3f} %"
    return f"{100 * share:.3g} %" if share < 1 else "100 %"


def _spread(spread: dict[str, float]) -> str:
    median, low, high = (_number(spread[key]) for key in ("median", "min", "max"))
    return median if low == high else f"{median} ({low}-{high})"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value < 1 else f"{value:.3g}"
