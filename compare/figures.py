"""Figures, each a function from arrays to a matplotlib figure; usable alone and in notebooks.

They are drawn for print: 3.5 inches wide for one column or 7.2 for two, with type of 7 points or
more at that size, and saved as vectors or pixels. A solver has one colour and one marker in all of
them. Nothing is told by colour alone.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from compare.results import write_output
from handcrafted import onehot2coord

ONE_COLUMN, TWO_COLUMNS = 3.5, 7.2
"""Widths in inches."""

ERROR_COLOURS = "cividis"
"""Perceptually uniform, and read alike with and without colour-blindness (Nunez et al. 2018)."""

PAPER, INK, EMPTY, FAINT = "#fffffe", "#1b1b1f", "#ececee", "#a6a6ac"
"""What is drawn on; text and lines; canvas without a sample; what only gives context. The report
gives the first three the colours of its page."""

_READY_MADE = ("#767676", "D")
_SOLVERS = {
    # Okabe & Ito 2008 for the three of the paper; a marker each for those who see no colours.
    "handcrafted": ("#d55e00", "*"),
    "coordconv": ("#0072b2", "o"),
    "conv": ("#009e73", "s"),
    "deconv": ("#9a5fb5", "^"),
    **dict.fromkeys(("argmax", "indexing", "slicing", "centroid"), _READY_MADE),
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

_MARGIN = 0.1
"""Shown of what lies beyond the canvas, as a share of it."""

_NAMES = {"train": "trained on", "test": "held out"}


@dataclass(frozen=True)
class Answers:
    """What one run came to at each sample; every field under "train" and "test"."""

    solver: str
    """Its name, perhaps with a comma and what sets it apart from another run of the same."""
    positions: Mapping[str, NDArray[Any]]
    """(n, 2), (x, y) in pixels."""
    predictions: Mapping[str, NDArray[Any]]
    """(n, 2) coordinates in pixels, or what else the task keeps."""
    errors: Mapping[str, NDArray[Any]]
    """(n,), in the task's unit."""


@dataclass(frozen=True)
class Price:
    """What a solver costs, and the mean held-out error of each of its seeds."""

    solver: str
    multiply_adds: int
    """For one sample."""
    errors: tuple[float, ...]


def colour(solver: str) -> str:
    """Return a solver's colour, the same in every figure; "NAME, anything" has that of "NAME"."""
    return _look(solver)[0]


def marker(solver: str) -> str:
    """Return a solver's marker, as matplotlib names it."""
    return _look(solver)[1]


def _look(solver: str) -> tuple[str, str]:
    name = solver.partition(",")[0]
    return _SOLVERS.get(name) or _OTHERS[zlib.crc32(name.encode()) % len(_OTHERS)]


# --- Error over the canvas ------------------------------------------------------------------


@rc_context(STYLE)
def error_map(
    positions: dict[str, NDArray[Any]],
    errors: dict[str, NDArray[Any]],
    size: tuple[int, int],
    title: str,
    label: str = "error (pixels)",
) -> Figure:
    """Draw the error at every position of the canvas, training and held-out side by side.

    positions: (n, 2) pixels and errors: (n,), each under "train" and "test"; size: the canvas's
    (height, width); label: what the error is, with its unit. Both pictures share one scale, from 0
    to the largest error.
    """
    largest = _largest([errors["train"], errors["test"]])
    figure = _figure(TWO_COLUMNS, 3.7, "compressed")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, part in zip(axes, _NAMES, strict=True):
        image = _error_image(ax, positions[part], errors[part], size, largest)
        ax.set_title(f"{_NAMES[part]}: {len(errors[part]):,} positions\n{_in_words(errors[part])}")
        ax.set_xlabel("x (pixels)")
    axes[0].set_ylabel("y (pixels)")
    figure.colorbar(image, ax=axes, label=label)
    figure.suptitle(title)
    return figure


@rc_context(STYLE)
def error_maps(
    runs: Sequence[Answers],
    size: tuple[int, int],
    title: str,
    label: str = "error (pixels)",
) -> Figure:
    """Draw the error of several solvers over the canvas, a column each, on one scale.

    The upper row has the positions trained on, the lower one those held out. `size` is
    (height, width). The scale ends at the canvas's diagonal if an error is beyond it.
    """
    diagonal = float(np.hypot(*size))
    everything = _largest([run.errors[part] for run in runs for part in _NAMES])
    largest = min(everything, diagonal)
    columns = len(runs)
    side = (TWO_COLUMNS - 1.1) / max(columns, 3)
    figure = _figure(
        1.1 + side * columns, 0.8 + 2 * (side * size[0] / size[1] + 0.22), "compressed"
    )
    axes = figure.subplots(2, columns, sharex=True, sharey=True, squeeze=False)
    for run, column in zip(runs, axes.T, strict=True):
        for part, ax in zip(_NAMES, column, strict=True):
            image = _error_image(ax, run.positions[part], run.errors[part], size, largest)
            words = _in_words(run.errors[part])
            ax.set_title(f"{run.solver}\n{words}" if part == "train" else words)
        column[1].set_xlabel("x (pixels)")
    for part, ax in zip(_NAMES, axes[:, 0], strict=True):
        ax.set_ylabel(f"{_NAMES[part]}\ny (pixels)")
    figure.colorbar(
        image, ax=axes, label=label, extend="max" if everything > largest else "neither"
    )
    figure.suptitle(title)
    return figure


def _error_image(
    ax: Axes,
    positions: NDArray[Any],
    error: NDArray[Any],
    size: tuple[int, int],
    largest: float,
) -> AxesImage:
    canvas = np.full(size, np.nan)
    x, y = positions.T
    canvas[y, x] = np.where(np.isfinite(error), error, largest)
    ax.set_facecolor(EMPTY)
    _bare(ax)
    return ax.imshow(
        canvas, cmap=ERROR_COLOURS, vmin=0, vmax=largest, interpolation="nearest", zorder=1
    )


def _bare(ax: Axes) -> None:
    """Take the frame away: the picture has an edge of its own."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=2, pad=2)


def _largest(errors: Sequence[NDArray[Any]]) -> float:
    """Return the largest finite error; 1 if all are exact, for any scale shows the same then."""
    everything = np.concatenate(errors)
    return float(everything[np.isfinite(everything)].max(initial=0)) or 1.0


def _in_words(error: NDArray[Any]) -> str:
    if np.all(error == 0):
        return "no error anywhere"
    return f"mean {error.mean():.3g}, worst {error.max():.3g}"


# --- The data, and predictions beside targets -----------------------------------------------


@rc_context(STYLE)
def data(splits: Mapping[str, Mapping[str, NDArray[Any]]], size: tuple[int, int]) -> Figure:
    """Show which positions each split trains on and which it holds out.

    splits: for each by name the (n, 2) positions under "train" and "test"; size: (height, width).
    """
    figure = _figure(min(0.4 + 1.75 * len(splits), TWO_COLUMNS), 2.5, "compressed")
    axes = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    tones = ListedColormap([FAINT, colour("coordconv")])
    for ax, (name, positions) in zip(axes, splits.items(), strict=True):
        canvas = np.full(size, np.nan)
        for part, value in (("train", 0), ("test", 1)):
            x, y = positions[part].T
            canvas[y, x] = value
        ax.imshow(canvas, cmap=tones, vmin=0, vmax=1, interpolation="nearest")
        ax.set_facecolor(EMPTY)
        _bare(ax)
        trained, held_out = len(positions["train"]), len(positions["test"])
        ax.set_title(f"{name} split\n{trained:,} trained on, {held_out:,} held out")
        ax.set_xlabel("x (pixels)")
    axes[0].set_ylabel("y (pixels)")
    figure.supxlabel("grey: trained on; blue: held out", fontsize=7)
    return figure


@rc_context(STYLE)
def predictions(runs: Sequence[Answers], size: tuple[int, int], title: str) -> Figure:
    """Draw predicted coordinates beside the targets, a panel for each solver.

    Predictions are (n, 2), (x, y) in pixels. Those for positions trained on are grey, those for
    held-out ones in the solver's colour. The canvas has a frame; what is predicted far
    outside it is not shown, but counted.
    """
    columns = len(runs) + 1
    side = (TWO_COLUMNS - 0.5) / max(columns, 3)
    figure = _figure(0.5 + side * columns, 0.8 + side * size[0] / size[1], "compressed")
    axes = figure.subplots(1, columns, sharex=True, sharey=True)
    targets = Answers("targets", runs[0].positions, runs[0].positions, {})
    height, width = size
    for ax, run in zip(axes, (targets, *runs), strict=True):
        _canvas(ax, size, margin=_MARGIN)
        outside = 0
        for part, tone in (
            ("train", FAINT),
            ("test", "#6b6b73" if run is targets else colour(run.solver)),
        ):
            _dots(ax, run.predictions[part], tone, size)
            x, y = run.predictions[part].T
            inside = (abs(x / width - 0.5) <= 0.5 + _MARGIN) & (
                abs(y / height - 0.5) <= 0.5 + _MARGIN
            )
            outside += int(np.sum(~inside))
        ax.set_title(f"{run.solver}\n" + (f"{outside:,} lie further out" if outside else ""))
        ax.set_xlabel("x (pixels)")
    axes[0].set_ylabel("y (pixels)")
    figure.suptitle(title)
    return figure


@rc_context(STYLE)
def pictures(examples: Mapping[str, NDArray[Any]], positions: NDArray[Any], title: str) -> Figure:
    """Draw pictures in rows, one for each name and the targets' first, a column for each position.

    examples: (n, height, width) of 0 and 1 by the solver's name, the targets' under "target";
    positions: (n, 2), (x, y) in pixels.
    """
    rows, columns = len(examples), len(positions)
    _, height, width = examples["target"].shape
    side = (TWO_COLUMNS - 1.2) / max(columns, 5)
    figure = _figure(
        1.2 + side * columns, 0.7 + rows * (side * height / width + 0.06), "compressed"
    )
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax, (x, y) in zip(axes[0], positions, strict=True):
        ax.set_title(f"({x}, {y})")
    for row, (name, drawn) in zip(axes, examples.items(), strict=True):
        for ax, picture, target in zip(row, drawn, examples["target"], strict=True):
            ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.contour(target, [0.5], colors=colour("handcrafted"), linewidths=0.7)
            ax.set(xticks=[], yticks=[])
            _bare(ax)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.suptitle(title)
    return figure


def _canvas(ax: Axes, size: tuple[int, int], margin: float = 0.0) -> None:
    """Set an axis up as a canvas of pixels, with a frame and y downwards."""
    height, width = size
    ax.set_aspect("equal")
    ax.set_xlim(-0.5 - margin * width, width - 0.5 + margin * width)
    ax.set_ylim(height - 0.5 + margin * height, -0.5 - margin * height)
    _bare(ax)
    frame = (
        [-0.5, width - 0.5, width - 0.5, -0.5, -0.5],
        [-0.5, -0.5, height - 0.5, height - 0.5, -0.5],
    )
    ax.plot(*frame, color=INK, linewidth=0.6)


def _dots(ax: Axes, places: NDArray[Any], tone: str, size: tuple[int, int]) -> None:
    finite = places[np.isfinite(places).all(axis=1)]
    # Thousands of dots: as pixels inside the vector figure, or the file would be megabytes.
    ax.scatter(
        finite[:, 0],
        finite[:, 1],
        s=1.6 * (64 / max(size)) ** 2,
        color=tone,
        linewidths=0,
        rasterized=True,
    )


# --- Learning, and cost ---------------------------------------------------------------------


@rc_context(STYLE)
def learning_curves(
    curves: Mapping[str, Mapping[str, Sequence[NDArray[Any]]]], loss: str = "training loss"
) -> Figure:
    """Draw each seed's loss after every epoch, and their median, on a log axis.

    curves: for each split the losses, (epochs,), of each seed of each solver. `loss` labels the
    axis. Where seeds diverged, their lines end.
    """
    figure = _figure(
        ONE_COLUMN if len(curves) == 1 else TWO_COLUMNS, 2.5 if len(curves) > 1 else 2.6
    )
    axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for ax, (split, solvers) in zip(axes, curves.items(), strict=True):
        for solver, seeds in solvers.items():
            tone = colour(solver)
            for losses in seeds:
                ax.plot(np.arange(1, len(losses) + 1), losses, color=tone, alpha=0.4, linewidth=0.6)
            shortest = min(map(len, seeds))
            middle = np.median([losses[:shortest] for losses in seeds], axis=0)
            ax.plot(
                np.arange(1, shortest + 1),
                middle,
                color=tone,
                marker=marker(solver),
                markersize=3,
                markevery=max(1, shortest // 8),
                label=f"{solver}, {_seeds(len(seeds))}",
            )
        ax.set(yscale="log", title=f"{split} split", xlabel="epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
    axes[0].set_ylabel(loss)
    return figure


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"median of {count} seeds"


@rc_context(STYLE)
def cost_against_error(
    prices: Mapping[str, Sequence[Price]], label: str = "error (pixels)"
) -> Figure:
    """Draw the mean held-out error against the multiply-adds a sample, both on log axes.

    prices: the solvers of each split. An error of exactly 0 has no place on a log axis, so the
    axis is broken and 0 has a strip of its own below. A small marker is a seed, the large one
    their median. Solvers whose multiply-adds are not counted are left out.
    """
    figure = _figure(ONE_COLUMN if len(prices) == 1 else TWO_COLUMNS, 2.9)
    grid = figure.subplots(
        2, len(prices), sharex=True, sharey="row", squeeze=False, height_ratios=(5, 1)
    )
    positive = [
        error
        for solvers in prices.values()
        for price in solvers
        for error in price.errors
        if 0 < error < np.inf
    ]
    counts = [price.multiply_adds for solvers in prices.values() for price in solvers]
    counts = [count for count in counts if count]
    halfway = np.sqrt(float(min(counts)) * max(counts)) if counts else 1.0
    for (above, below), (split, solvers) in zip(grid.T, prices.items(), strict=True):
        above.set(xscale="log", yscale="log", title=f"{split} split")
        # Whole decades, so that there are ticks to read off, however close the errors.
        low, high = (np.log10(f(positive)) if positive else 0 for f in (min, max))
        above.set_ylim(10.0 ** np.floor(low - 0.05), 10.0 ** np.ceil(high + 0.05))
        above.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
        for price in solvers:
            if price.multiply_adds:
                _place(above, below, price, leftwards=price.multiply_adds > halfway)
        below.set(ylim=(-1, 1), yticks=[0], yticklabels=["0"])
        below.set_xlabel("multiply-adds for one sample")
        above.spines["bottom"].set_visible(False)
        above.tick_params(axis="x", which="both", length=0)
        # The two short strokes that say: the axis is broken here.
        stroke = {"marker": [(-1, -0.6), (1, 0.6)], "markersize": 7, "linestyle": "none"}
        above.plot([0], [0], transform=above.transAxes, color=INK, clip_on=False, **stroke)
        below.plot([0], [1], transform=below.transAxes, color=INK, clip_on=False, **stroke)
        above.margins(x=0.1)
        above.yaxis.set_minor_formatter(NullFormatter())
    grid[0, 0].set_ylabel(f"mean held-out\n{label}")
    grid[1, 0].set_ylabel("exact", rotation=0, ha="right", va="center")
    return figure


@rc_context(STYLE)
def cost_against_size(
    panels: Mapping[str, Mapping[str, Mapping[int, float]]], title: str
) -> Figure:
    """Draw what a prediction costs against size, logarithmic both ways, one panel a kind of size.

    panels: under the label of its axis, each solver's milliseconds by size.
    """
    figure = _figure(TWO_COLUMNS, 3.0)
    figure.suptitle(title)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (label, solvers) in zip(axes, panels.items(), strict=True):
        for solver, points in solvers.items():
            look = {"color": colour(solver), "marker": marker(solver), "markersize": 4}
            ax.loglog(list(points), list(points.values()), label=solver, **look)
        sizes = sorted({size for points in solvers.values() for size in points})
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.minorticks_off()
        ax.set_xlabel(label)
        ax.grid(color=EMPTY)
    axes[0].set_ylabel("time of a prediction (ms)")
    axes[0].legend()
    return figure


def _place(above: Axes, below: Axes, price: Price, leftwards: bool) -> None:
    tone, shape = _look(price.solver)
    errors = np.sort([error for error in price.errors if np.isfinite(error)])
    if not len(errors):
        return
    middle = float(np.median(errors))
    for values, size, alpha in ((errors, 9, 0.5), (np.array([middle]), 52, 1.0)):
        for ax, chosen in ((above, values[values > 0]), (below, 0 * values[values == 0])):
            ax.scatter(
                np.full(len(chosen), price.multiply_adds),
                chosen,
                s=size * (2 if shape == "*" else 1),
                marker=shape,
                color=tone,
                alpha=alpha,
                linewidths=0,
                zorder=3,
            )
    if errors[0] > 0:
        above.plot([price.multiply_adds] * 2, errors[[0, -1]], color=tone, linewidth=0.8, alpha=0.6)
    above_or_below, at = (above, middle) if middle > 0 else (below, 0)
    above_or_below.annotate(
        price.solver,
        (price.multiply_adds, at),
        (-7 if leftwards else 7, 0),
        textcoords="offset points",
        ha="right" if leftwards else "left",
        va="center",
    )


# --- The four steps, and the point ----------------------------------------------------------


@rc_context(STYLE)
def four_steps(x: int, y: int, size: tuple[int, int] = (64, 64)) -> Figure:
    """Draw what each step of the handcrafted network makes of one bitmap, for its x.

    x, y: the hot pixel; size: (height, width).
    """
    figure = _figure(TWO_COLUMNS, 2.1, "constrained")
    _draw_steps(figure.subplots(1, 4), x, y, size)
    return figure


def _draw_steps(axes: Sequence[Axes], x: int, y: int, size: tuple[int, int]) -> None:
    height, width = size
    bitmap = np.zeros((1, 1, height, width), dtype=np.float32)
    bitmap[0, 0, y, x] = 1
    maps = list(onehot2coord.network(height, width).trace(bitmap).values())
    panels = (
        (bitmap, "the bitmap A", "gray", 0, 1),
        (maps[2], f"1. convolution: {width} A - X", "PuOr", -width, width),
        (maps[3], "2. nonlinearity: max(.., 0)", "PuOr", -width, width),
    )
    for ax, (drawn, title, colours, low, high) in zip(axes, panels, strict=False):
        ax.imshow(drawn[0, 0], cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        _bare(ax)
        ax.set(title=title, xticks=[0, x, width - 1], yticks=[0, y, height - 1])
        tone = "white" if drawn is bitmap else "black"  # on the picture, not on the page
        ax.text(
            x + (-2 if x > width / 2 else 2),
            y + height * (0.13 if y < height / 2 else -0.13),
            f"{drawn[0, 0, y, x]:.0f}",
            color=tone,
            ha="right" if x > width / 2 else "left",
            va="center",
        )
        ax.plot(
            [x], [y], "o", markersize=6, markerfacecolor="none", color=tone, markeredgewidth=0.7
        )
    total, answer = float(maps[4][0, 0]), float(maps[5][0, 0])
    bars, tone = axes[3], colour("handcrafted")
    bars.barh([1], [total], height=0.42, color="#5e3c99")
    bars.barh([0], [width], height=0.42, color=EMPTY)
    bars.barh([0], [answer], height=0.42, color=tone)
    bars.text(0, 1.3, f"3. sum = {total:.0f}")
    bars.text(0, 0.3, f"4. subtraction: {width} - {total:.0f} = {answer:.0f}")
    bars.set(xlim=(0, width), ylim=(-0.4, 1.7), yticks=[], xticks=[0, int(answer), width])
    bars.set(title=f"the answer: x = {answer:.0f}", xlabel="pixels", box_aspect=height / width)
    _bare(bars)


@rc_context(STYLE)
def point(
    runs: Sequence[Answers], learned: Mapping[str, int], size: tuple[int, int], split: str
) -> Figure:
    """Draw the whole argument: the four steps, and below them every solver's error.

    runs: of the task onehot2coord; learned: how many numbers each solver learned; size:
    (height, width).
    """
    height, width = size
    figure = _figure(TWO_COLUMNS, 5.5)
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(1, 1.25)))
    upper.suptitle("By hand: four fixed steps, nothing learned", weight="bold")
    x, y = round(width * 0.64), round(height * 0.19)
    _draw_steps(upper.subplots(1, 4), x, y, size)
    largest = min(
        _largest([run.errors[part] for run in runs for part in _NAMES]), float(np.hypot(*size))
    )
    lower.suptitle(
        f"The error at every position of the canvas ({split} split: framed positions held out)"
        if split == "quadrant"
        else f"The error at every position of the canvas ({split} split)",
        weight="bold",
    )
    axes = lower.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for ax, run in zip(axes, runs, strict=True):
        both = [
            np.concatenate([each[part] for part in _NAMES]) for each in (run.positions, run.errors)
        ]
        image = _error_image(ax, both[0], both[1], size, largest)
        count = learned[run.solver]
        ax.set_title(
            f"{run.solver}: {f'{count:,} numbers' if count else 'nothing'} learned\n"
            + (
                f"0 at all {len(both[1]):,} positions"
                if not both[1].any()
                else f"mean error held out: {run.errors['test'].mean():.3g} pixels"
            )
        )
        if split == "quadrant":
            left, top = run.positions["test"].min(axis=0) - 0.5
            right, bottom = run.positions["test"].max(axis=0) + 0.5
            ax.plot(
                [left, right, right, left, left],
                [top, top, bottom, bottom, top],
                color="white",
                linewidth=1.0,
            )
        ax.set_xlabel("x (pixels)")
    axes[0].set_ylabel("y (pixels)")
    lower.colorbar(image, ax=axes, label="error (pixels)", shrink=0.9)
    return figure


# --- Files ----------------------------------------------------------------------------------


def _figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure to `path`, in the format its ending names."""
    stream = io.BytesIO()
    _write(figure, stream, path.suffix[1:])
    write_output(path, stream.getvalue())


def svg(figure: Figure) -> str:
    """Return the figure as an SVG document."""
    stream = io.BytesIO()
    _write(figure, stream, "svg")
    return stream.getvalue().decode()


def _write(figure: Figure, file: IO[bytes], format_: str) -> None:
    # Without the date, so that the same figure gives the same file.
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context(STYLE):
        figure.savefig(file, format=format_, metadata=dated.get(format_))
    # It is laid out now; to do it again for another format would take as long as the drawing.
    figure.set_layout_engine("none")
