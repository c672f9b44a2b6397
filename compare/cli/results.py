"""`compare results`: list, filter, group and sort runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from compare.experiments.values import choice


def _results(options: argparse.Namespace) -> int:
    from compare.report.text import FORMATS, render
    from compare.results.runs import read_record, records
    from compare.results.table import group, sort, tidy, where

    choice("format", options.format, FORMATS)
    found, complaints = records(options.out)
    for name in list(found) if options.check else ():
        try:
            read_record(Path(options.out) / name, check_files=True)
        except ValueError as error:
            complaints.append(str(error))
            del found[name]
    for complaint in complaints:
        print(f"compare: {complaint}; skipped", file=sys.stderr)
    table = where(tidy(found), options.where)
    if len(table) == 0 and options.format in ("table", "markdown"):
        among = f" that match, of {len(found):,}" if options.where else ""
        print(f"compare: no runs in {Path(options.out)}/{among}", file=sys.stderr)
        return 0
    if options.by:
        table = group(table, _listed(options.by))
    if options.sort:
        table = sort(table, _listed(options.sort), options.reverse)
    chosen = _listed(options.columns) if options.columns else None
    print(render(table, options.format, chosen))
    return 0


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
