"""`compare report`: a page about the runs, and figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from compare.cli import progress
from compare.cli.run import _writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from compare.report.plots import Plot


def _report(options: argparse.Namespace) -> int:
    from compare.figures.style import save
    from compare.files import writable_file, write_output
    from compare.report.page import page
    from compare.report.plots import all_plots
    from compare.report.sections import read_runs, sections

    runs, complaints = read_runs(Path(options.runs))
    file = writable_file(Path(options.output))
    for complaint in complaints:
        print(f"compare: {complaint}", file=sys.stderr)
    directory = _writable(options.figures) if options.figures else None
    found = sections(runs)
    count = len(all_plots(found))
    with progress.bar(count, "figure") as bar:

        def drawn(plot: Plot, figure: Figure, svg: str) -> None:
            progress.detail(f"drawn: {plot.name}")
            bar.set_description(plot.name)
            if directory:
                write_output(directory / f"{plot.name}.svg", svg.encode())
                save(figure, directory / f"{plot.name}.png")
            bar.update()

        text = page(found, complaints, options.runs, drawn)
    write_output(file, text.encode())
    if str(file) == "-":
        return 0
    progress.note(f"{len(runs)} runs reported in {file}, {len(text.encode()) / 1e6:.1f} MB")
    if directory:
        progress.note(f"{count} figures, each as SVG and PNG, in {directory}/")
    return 0
