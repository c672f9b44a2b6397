"""`compare report`: a page about the runs, and figures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from compare.cli import output, progress
from compare.cli.options import add_price

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from compare.report.plots import Plot

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = (
    "Write one self-contained page about the finished runs in a directory, with an interactive "
    "figure; and, with --figures, every figure as SVG and PNG."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the runs, the page, and a directory for figures."""
    parser.add_argument("runs", nargs="?", default="runs", help="directory of runs (default: runs)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="report.html", help="page (default: report.html)"
    )
    parser.add_argument("--figures", metavar="DIR", help="write every figure here too")
    add_price(parser)


def run(options: argparse.Namespace) -> int:
    """Write the page, and the figures if they were asked for."""
    from compare.figures.style import save
    from compare.files import writable_directory, writable_file, write_output
    from compare.report.page import page
    from compare.report.plots import all_plots, shown
    from compare.report.sections import read_runs, sections
    from compare.results.ledger import read_prices

    prices = read_prices("--price", options.price)
    runs, complaints = read_runs(Path(options.runs))
    file = writable_file(Path(options.output))
    for complaint in complaints:
        output.complain(complaint)
    directory = writable_directory(Path(options.figures)) if options.figures is not None else None
    found = sections(runs)
    names = shown(found)
    others = [plot for plot in all_plots(found) if plot.name not in names] if directory else []
    with progress.bar(len(names) + len(others), "figure") as bar:

        def drawn(plot: Plot, figure: Figure) -> None:
            progress.detail(f"drawn: {plot.name}")
            bar.set_description(plot.name)
            if directory:
                for ending in ("svg", "png"):
                    save(figure, directory / f"{plot.name}.{ending}")
            bar.update()

        text = page(found, complaints, options.runs, drawn, prices)
        for plot in others:
            drawn(plot, plot.draw())
    # Names that are not UTF-8 are shown as Python writes them.
    content = text.encode(errors="backslashreplace")
    if str(file) == "-":
        output.show_bytes(content)
        return 0
    write_output(file, content)
    progress.note(f"{len(runs)} runs reported in {file}, {len(content) / 1e6:.1f} MB")
    if directory:
        progress.note(f"{len(names) + len(others)} figures, each as SVG and PNG, in {directory}/")
    return 0
