"""`compare power`: what a comparison over seeds could have shown."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from textwrap import fill

from compare.cli import output
from compare.errors import UsageError, choice
from compare.experiments.values import count, read
from compare.learned.recipe import below_1, positive, whole_number

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = (
    "Say how small a difference in accuracy a comparison of two networks over seeds could have "
    "shown, on so many test items, and how many runs another one takes. The defaults are about the "
    "size of ImageNet's: 50,000 items, and a difference in the fourth decimal."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what was compared, and how it is shown."""
    what = parser.add_argument_group("what is compared")
    what.add_argument("--items", metavar="N", default="50000", help="tested on (default: 50000)")
    what.add_argument(
        "--seeds",
        metavar="N,...",
        default="5,10,20,50,100",
        help="runs of each network, in pairs; 2 or more (default: 5,10,20,50,100)",
    )
    what.add_argument(
        "--accuracy", metavar="P", default="0.76", help="of both, roughly (default: 0.76)"
    )
    what.add_argument(
        "--difference", metavar="X", default="0.0001", help="in accuracy (default: 0.0001)"
    )
    what.add_argument(
        "--deviation",
        metavar="X",
        help="standard deviation of the difference of two runs of one seed, if it was "
        "measured (default: what the test items make of it if the errors are independent)",
    )
    results = parser.add_argument_group("results")
    results.add_argument("--figure", metavar="FILE", help="draw it too, as .svg, .png or .pdf")
    results.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> int:
    """Print the smallest difference for each number of runs, and how many the given one takes."""
    items = count("--items", options.items)
    seeds = [read("--seeds", text, _runs) for text in options.seeds.split(",")]
    accuracy = read("--accuracy", options.accuracy, _share)
    difference = read("--difference", options.difference, _share)
    given = options.deviation
    measured = read("--deviation", given, positive) if given is not None else None
    figure = Path(options.figure) if options.figure is not None else None
    if figure:
        from compare.files import writable_file

        choice("--figure", figure.suffix, (".svg", ".png", ".pdf"))
        writable_file(figure)
    from compare.results import power

    of_items = power.item_deviation(accuracy, items)
    deviation = of_items if measured is None else measured
    if not 1 / _MOST_RATIO <= difference / deviation <= _MOST_RATIO:
        raise UsageError(
            f"--difference is '{options.difference}' and the standard deviation {deviation:.3g}; "
            f"give two of which neither is more than {_MOST_RATIO:,} times the other"
        )
    rows = [
        {
            "runs": runs,
            "smallest_difference": power.smallest_difference(deviation, runs),
            "power": power.power(difference, deviation, runs),
        }
        for runs in seeds
    ]
    needed = power.runs_needed(difference, deviation)
    if figure:
        from compare.figures.seeds import power_curves
        from compare.figures.style import save

        save(power_curves(power.power, deviation, seeds, difference, power.POWER), figure)
    if options.json:
        facts = {"items": items, "accuracy": accuracy, "difference": difference}
        found = {"deviation": deviation, "runs_needed": needed, "rows": rows}
        output.show(json.dumps({**facts, **found}, indent=2))
        return 0
    from compare.report.text import columns, folded

    shown = f"{100 * difference:g} points"
    cells = [
        (
            f"{row['runs']:,}",
            f"{100 * row['smallest_difference']:.3g}",
            f"{100 * row['power']:.3g} %",
        )
        for row in rows
    ]
    source = (
        "as given"
        if measured is not None
        else f"what {items:,} test items make of it near an accuracy of {100 * accuracy:g} %, if "
        "the errors of the two networks have nothing to do with each other"
    )
    texts = (
        f"Standard deviation of the difference of two runs of one seed: {100 * deviation:.3g} "
        f"points, {source}.",
        f"Shown: by a two-sided paired t test at 5 %, in {100 * power.POWER:g} of 100 such "
        f"experiments. A difference of {shown} is {difference * items:g} of {items:,} items, and "
        f"takes {needed:,} runs of each network.",
    )
    before, after = (fill(text, output.width()) for text in texts)
    head = ("runs of each", "smallest difference shown, points", f"chance to show {shown}")
    parts = folded([head, *cells], 1, output.width())
    output.show("\n\n".join((before, *(columns(part, left=0) for part in parts), after)))
    return 0


_MOST_RUNS = 1_000_000

_MOST_RATIO = 1_000_000_000
"""Of a difference and its deviation, either way; far beyond it floats overflow."""


def _runs(text: str) -> int:
    """Read a number of pairs; ValueError for one of which nothing can be said."""
    runs = whole_number(text, _MOST_RUNS)
    if runs < 2:
        raise ValueError("give 2 or more: of one pair nothing is known of others")
    return runs


def _share(text: str) -> float:
    """Read a number above 0 and below 1; ValueError says so."""
    value = below_1(text)
    if value == 0:
        raise ValueError("give a number above 0 and below 1")
    return value
