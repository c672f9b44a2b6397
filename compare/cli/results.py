"""`compare results`: list, filter, group and sort runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from compare.cli import output
from compare.cli.options import add_price
from compare.errors import StorageError, choice

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = (
    "List, filter, group and sort the runs in a directory. Damaged files are named on standard "
    "error and left out."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the directory, and what is asked of its runs."""
    parser.add_argument(
        "out", metavar="DIR", nargs="?", default="runs", help="of runs (default: runs)"
    )
    which = parser.add_argument_group("which rows")
    which.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="such as solver=conv,coordconv or 'test_exact>=0.5'; all that are given must hold",
    )
    which.add_argument("--by", metavar="COLUMNS", help="one row for the runs equal in these")
    which.add_argument("--sort", metavar="COLUMNS", help="the first column first")
    which.add_argument("--reverse", action="store_true", help="sort downwards")
    which.add_argument(
        "--check",
        action="store_true",
        help="read every file of every run, and name what is not as it was written",
    )
    shown = parser.add_argument_group("how they are shown")
    shown.add_argument(
        "--columns",
        metavar="NAMES",
        help="these, comma-separated (default: what tells rows apart, and scores)",
    )
    shown.add_argument(
        "--format",
        metavar="NAME",
        default="table",
        help="table, csv, json or markdown (default: table)",
    )
    add_price(shown)


def run(options: argparse.Namespace) -> int:
    """Print the rows, groups or columns that were asked for."""
    from compare.report.text import FORMATS, render
    from compare.results.ledger import read_prices
    from compare.results.runs import read_record, records
    from compare.results.table import group, sort, tidy, where

    choice("format", options.format, FORMATS)
    prices = read_prices("--price", options.price)
    found, complaints = records(options.out)
    for name in list(found) if options.check else ():
        try:
            read_record(Path(options.out) / name, check_files=True)
        except (ValueError, StorageError) as error:
            complaints.append(str(error))
            del found[name]
    for complaint in complaints:
        output.complain(f"{complaint}; skipped")
    table = where(tidy(found, prices), options.where)
    if len(table) == 0 and options.format in ("table", "markdown"):
        among = f" that match, of {len(found):,}" if options.where else ""
        output.complain(f"no runs in {Path(options.out)}/{among}")
        return 0
    if not found:  # there are no columns of scores yet that could be grouped, sorted or chosen
        output.show(render(table, options.format, width=output.width()))
        return 0
    if options.by:
        table = group(table, _listed(options.by))
    if options.sort:
        table = sort(table, _listed(options.sort), options.reverse)
    chosen = _listed(options.columns) if options.columns else None
    output.show(render(table, options.format, chosen, output.width()))
    return 0


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
