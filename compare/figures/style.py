"""What all figures share: sizes, colours, markers, and files."""

from __future__ import annotations

import io
import textwrap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from matplotlib import rc_context, style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from compare.files import write_output

__all__ = [
    "EMPTY",
    "ERROR_COLOURS",
    "FAINT",
    "HELD_OUT",
    "INK",
    "LINES",
    "MOST_ALIKE",
    "ONE_COLUMN",
    "PAPER",
    "STYLE",
    "TARGET",
    "TWO_COLUMNS",
    "colour",
    "look",
    "marker",
    "new_figure",
    "plain_text",
    "save",
    "solver_of",
    "styled",
    "suptitle",
    "svg",
    "without_frame",
]

ONE_COLUMN, TWO_COLUMNS = 3.5, 7.2
"""Widths in inches."""

ERROR_COLOURS = "cividis"
"""Perceptually uniform, and read alike with and without colour-blindness (Nunez et al. 2018)."""

PAPER, INK, EMPTY, FAINT = "#fffffe", "#1b1b1f", "#ececee", "#a6a6ac"
"""What is drawn on; text and lines; canvas without a sample; what only gives context. The report
gives the first three the colours of its page."""

HELD_OUT, TARGET = "#6b6b73", "#e6007e"
"""Positions that are held out, beside those trained on, which are `FAINT`; what was to be drawn."""

LINES = ("-", "--", ":")
MOST_ALIKE = len(LINES)
"""Recipes of one solver that are told apart, by a line each: they have its colour and marker."""

_READY_MADE = ("#b58900", "D")
_SOLVERS = {
    # Okabe & Ito 2008 for the three of the paper; a marker each for those who see no colours.
    "handcrafted": ("#d55e00", "*"),
    "coordconv": ("#0072b2", "o"),
    "conv": ("#009e73", "s"),
    "deconv": ("#9a5fb5", "^"),
    # The three versions of the GAN, and the classifier's second CoordConv.
    "gan": ("#a3195b", "^"),
    "coordconv-g": ("#33448f", "o"),
    "coordconv-gd": ("#128f9c", "s"),
    "coordconv-first": ("#5a4fcf", "v"),
    # The same architectures with computed weights: lighter, and the markers turned.
    "handcrafted-coordconv": ("#56b4e9", "p"),
    "handcrafted-conv": ("#6cc4a1", "d"),
    "handcrafted-deconv": ("#c59ad6", "<"),
    "handcrafted-coordconv-g": ("#8f9bd6", "p"),
    **dict.fromkeys(
        ("argmax", "verified-argmax", "expectation", "indexing", "slicing", "centroid"), _READY_MADE
    ),
}
_OTHERS = (("#cc79a7", "v"), ("#88511d", "P"), ("#3f9aa6", "X"), ("#999933", "h"))

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 9,
    "figure.dpi": 150,
    "figure.facecolor": PAPER,
    "savefig.dpi": 300,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    # The same figure gives the same file.
    "svg.hashsalt": "handcrafted",
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw by matplotlib's defaults and `STYLE`, whatever a user's matplotlibrc says."""
    with style.context(["default", STYLE]):
        yield


def plain_text(name: str, inches: float = 1.9) -> str:
    """Return a name as a figure shows it: as plain text, on up to three lines that fit.

    A "$" does not begin a formula, and a leading "_" does not hide the name from a legend.
    """
    lines = textwrap.wrap(name, max(12, int(inches / _CHARACTER)), max_lines=3, placeholder="…")
    text = "\n".join(lines).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def suptitle(figure: Figure, title: str) -> None:
    """Write a title above a figure, on as many lines as its width needs."""
    figure.suptitle(plain_text(title, 0.8 * figure.get_figwidth()))


_CHARACTER = 0.065
"""Inches: the mean width of a character of 8 points, roundly."""


def solver_of(name: str) -> str:
    """Return a solver's name, of "NAME, anything" too."""
    return name.partition(",")[0]


def colour(solver: str) -> str:
    """Return a solver's colour, which means nothing else in any figure; see `solver_of`."""
    return look(solver)[0]


def marker(solver: str) -> str:
    """Return a solver's marker, as matplotlib names it."""
    return look(solver)[1]


def look(solver: str) -> tuple[str, str]:
    """Return a solver's colour and marker."""
    name = solver_of(solver)
    return _SOLVERS.get(name) or _OTHERS[zlib.crc32(name.encode()) % len(_OTHERS)]


def without_frame(ax: Axes) -> None:
    """Take the frame away: the picture has an edge of its own."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=2, pad=2)


# --- Files ----------------------------------------------------------------------------------


def new_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """Return an empty figure of this many inches, with a canvas to save it by."""
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure to `path`, in the format its ending names."""
    stream = io.BytesIO()
    _write(figure, stream, path.suffix[1:])
    write_output(path, stream.getvalue())


def svg(figure: Figure, *, text: bool = False) -> str:
    """Return the figure as an SVG document.

    Its letters are drawn, for any reader to show alike; or `text`, which is smaller, and which
    browsers search and read aloud.
    """
    stream = io.BytesIO()
    _write(figure, stream, "svg", text=text)
    return stream.getvalue().decode()


def _write(figure: Figure, file: IO[bytes], format_: str, *, text: bool = False) -> None:
    # Without the date, so that the same figure gives the same file.
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with styled(), rc_context({"svg.fonttype": "none" if text else "path"}):
        figure.savefig(file, format=format_, metadata=dated.get(format_))
    # It is laid out now; to do it again for another format would take as long as the drawing.
    figure.set_layout_engine("none")
