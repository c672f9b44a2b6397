"""Learning curves, and costs against errors and sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.transforms import Bbox, BboxBase
from numpy.typing import NDArray

from compare.figures.style import (
    EMPTY,
    INK,
    LINES,
    MOST_ALIKE,
    ONE_COLUMN,
    TWO_COLUMNS,
    colour,
    look,
    marker,
    new_figure,
    plain_text,
    solver_of,
    styled,
    suptitle,
)

__all__ = ["Curve", "Price", "cost_against_error", "cost_against_size", "learning_curves"]


Curve: TypeAlias = tuple[NDArray[Any], NDArray[Any]]
"""After how many epochs or steps losses are, and these, (n,) each."""


@dataclass(frozen=True)
class Price:
    """What a solver costs, and the mean held-out error of each of its seeds."""

    solver: str
    multiply_adds: int
    """For one sample."""
    errors: tuple[float, ...]


# --- Learning, and cost ---------------------------------------------------------------------


@styled()
def learning_curves(
    curves: Mapping[str, Mapping[str, Sequence[Curve]]],
    loss: str = "training loss",
    after: str = "epoch",
) -> Figure:
    """Draw each seed's loss after epochs or steps, and their median, on a log axis.

    curves: for each split those of each seed of each solver. `loss` and `after` label the axes.
    Where seeds diverged, their lines end. Recipes of one solver have a line style each; of
    more than `MOST_ALIKE` only the medians are drawn, all alike.
    """
    figure = new_figure(ONE_COLUMN if len(curves) == 1 else TWO_COLUMNS, 2.6)
    axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    legend: dict[str, Any] = {}
    for ax, (split, solvers) in zip(axes, curves.items(), strict=True):
        for solver, names in _recipes(solvers).items():
            tone, many = colour(solver), len(names) > MOST_ALIKE
            for name, line in zip(names, [":"] * len(names) if many else LINES, strict=False):
                seeds = solvers[name]
                for steps, losses in seeds[: 0 if many else None]:
                    ax.plot(steps, losses, color=tone, alpha=0.4, linewidth=0.6, linestyle=line)
                shortest = min(len(losses) for _, losses in seeds)
                middle = np.median([losses[:shortest] for _, losses in seeds], axis=0)
                (drawn,) = ax.plot(
                    seeds[0][0][:shortest],
                    middle,
                    color=tone,
                    linestyle=line,
                    linewidth=0.8 if many else None,
                    marker=marker(solver),
                    markersize=3,
                    markevery=max(1, shortest // 8),
                )
                if many:
                    legend.setdefault(f"{solver}, medians of {len(names)} recipes", drawn)
                else:
                    legend.setdefault(f"{name}, {_seeds(len(seeds))}", drawn)
        ax.set(yscale="log", title=f"{plain_text(split)} split", xlabel=after)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylabel(loss)
    _legend_below(figure, legend)
    return figure


def _recipes(names: Iterable[str]) -> dict[str, list[str]]:
    """Group names by solver: those of its recipes."""
    solvers: dict[str, list[str]] = {}
    for name in names:
        solvers.setdefault(solver_of(name), []).append(name)
    return solvers


def _legend_below(figure: Figure, entries: Mapping[str, Any]) -> None:
    """Write a legend below the axes, where it hides nothing, and make room for it."""
    across = min(len(entries), max(1, round(figure.get_figwidth() / 2.4)))
    texts = [plain_text(name) for name in entries]
    lines = sum(
        max(text.count("\n") + 1 for text in texts[row : row + across])
        for row in range(0, len(texts), across)
    )
    figure.set_figheight(figure.get_figheight() + 0.1 + 0.14 * lines)
    # By rows, as they are read; matplotlib fills columns.
    order = [index for column in range(across) for index in range(column, len(texts), across)]
    handles = list(entries.values())
    figure.legend(
        [handles[index] for index in order],
        [texts[index] for index in order],
        loc="outside lower center",
        ncols=across,
    )


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"median of {count} seeds"


@styled()
def cost_against_error(
    prices: Mapping[str, Sequence[Price]], label: str = "error (pixels)"
) -> Figure:
    """Draw the mean held-out error against the multiply-adds a sample, both on log axes.

    prices: the solvers of each split. An error of exactly 0 has no place on a log axis, so the
    axis is broken and 0 has a strip of its own below. A small marker is a seed, the large one
    their median. Solvers whose multiply-adds are not counted are left out.
    """
    figure = new_figure(ONE_COLUMN if len(prices) == 1 else TWO_COLUMNS, 2.9)
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
    labels: list[Annotation] = []
    for (above, below), (split, solvers) in zip(grid.T, prices.items(), strict=True):
        above.set(xscale="log", yscale="log", title=f"{plain_text(split)} split")
        # Whole decades, so that there are ticks to read off, however close the errors.
        above.set_ylim(_decades(positive))
        above.set_xlim(_decades(counts))
        above.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
        for price in solvers:
            if price.multiply_adds:
                _place(above, below, price)
        for name, price in _labelled(solvers):
            at = price.multiply_adds, float(np.median(_finite(price)))
            labels.append(_label(above, name, at, leftwards=price.multiply_adds > halfway))
        _label_exact(below, [price for price in solvers if price.multiply_adds], halfway)
        below.set(ylim=(-1, 1), yticks=[0], yticklabels=["0"])
        below.set_xlabel("multiply-adds for one sample")
        above.spines["bottom"].set_visible(False)
        above.tick_params(axis="x", which="both", length=0)
        # The two short strokes that say: the axis is broken here.
        stroke = {"marker": [(-1, -0.6), (1, 0.6)], "markersize": 7, "linestyle": "none"}
        above.plot([0], [0], transform=above.transAxes, color=INK, clip_on=False, **stroke)
        below.plot([0], [1], transform=below.transAxes, color=INK, clip_on=False, **stroke)
        above.yaxis.set_minor_formatter(NullFormatter())
        below.xaxis.set_minor_formatter(NullFormatter())
    grid[0, 0].set_ylabel(f"mean held-out\n{label}")
    grid[1, 0].set_ylabel("exact", rotation=0, ha="right", va="center")
    _untangle(figure, labels)
    return figure


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Return whole decades around positive values: there are ticks to read off, however close."""
    low, high = (np.log10(f(values)) if values else 0 for f in (min, max))
    return 10.0 ** np.floor(low - 0.05), 10.0 ** np.ceil(high + 0.05)


def _finite(price: Price) -> NDArray[np.float64]:
    return np.sort([error for error in price.errors if np.isfinite(error)])


def _labelled(prices: Sequence[Price]) -> Iterator[tuple[str, Price]]:
    """Yield what has a label above the break; many recipes of a solver one, at the best."""
    shown = [p for p in prices if p.multiply_adds and len(e := _finite(p)) and np.median(e) > 0]
    for solver, names in _recipes(price.solver for price in prices).items():
        own = sorted(
            (price for price in shown if price.solver in names),
            key=lambda price: float(np.median(_finite(price))),
        )
        if len(names) > MOST_ALIKE:
            yield from ((f"{solver}, {len(names)} recipes", price) for price in own[:1])
        else:
            yield from ((price.solver, price) for price in own)


def _untangle(figure: Figure, labels: Sequence[Annotation]) -> None:
    """Move labels that lie on another, or on a marker, to the other side, or up or down."""
    figure.draw_without_rendering()
    points = figure.dpi / 72
    sides: dict[int, Literal["left", "center", "right"]] = {7: "left", 0: "center", -7: "right"}
    placed: dict[Any, list[BboxBase]] = {}
    for ax in {label.axes for label in labels}:
        assert ax is not None
        shown = [at for dots in ax.collections for at in ax.transData.transform(dots.get_offsets())]
        placed[ax] = [
            Bbox.from_bounds(x - 3 * points, y - 3 * points, 6 * points, 6 * points)
            for x, y in shown
        ]
    for label in labels:
        assert label.axes is not None
        frame, others = label.axes.bbox, placed[label.axes]
        away = int(label.xyann[0])
        for up, sideways in product((0, 11, -11, 20, -20, 29, -29), (away, 0, -away)):
            label.xyann = (sideways, up)
            label.set_horizontalalignment(sides[sideways])
            box = label.get_window_extent()
            if frame.x0 <= box.x0 and box.x1 <= frame.x1 and not box.count_overlaps(others):
                break
        else:
            label.xyann = (away, 0)
            label.set_horizontalalignment(sides[away])
        others.append(label.get_window_extent())


@styled()
def cost_against_size(
    panels: Mapping[str, Mapping[str, Mapping[int, float]]], title: str
) -> Figure:
    """Draw what a prediction costs against size, logarithmic both ways, one panel a kind of size.

    panels: under the label of its axis, each solver's milliseconds by size.
    """
    figure = new_figure(TWO_COLUMNS, 3.0)
    suptitle(figure, title)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (label, solvers) in zip(axes, panels.items(), strict=True):
        for solver, points in solvers.items():
            look = {"color": colour(solver), "marker": marker(solver), "markersize": 4}
            ax.loglog(list(points), list(points.values()), label=plain_text(solver), **look)
        sizes = sorted({size for points in solvers.values() for size in points})
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.minorticks_off()
        ax.set_xlabel(label)
        ax.grid(color=EMPTY)
    axes[0].set_ylabel("time of a prediction (ms)")
    axes[0].legend()
    return figure


def _place(above: Axes, below: Axes, price: Price) -> None:
    tone, shape = look(price.solver)
    errors = _finite(price)
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


def _label_exact(below: Axes, prices: Sequence[Price], halfway: float) -> None:
    """Label the solvers that are exact, those that cost about the same with one label."""
    exact = [p for p in prices if len(p.errors) and float(np.median(p.errors)) == 0]
    exact.sort(key=lambda price: price.multiply_adds)
    groups: list[list[Price]] = []
    for price in exact:
        if groups and price.multiply_adds < 2 * groups[-1][-1].multiply_adds:
            groups[-1].append(price)
        else:
            groups.append([price])
    for group in groups:
        leftwards = group[0].multiply_adds > halfway
        counts = group[0 if leftwards else -1].multiply_adds
        _label(below, ",\n".join(price.solver for price in group), (counts, 0), leftwards)


def _label(ax: Axes, text: str, at: tuple[float, float], leftwards: bool) -> Annotation:
    """Write beside a marker."""
    return ax.annotate(
        "\n".join(map(plain_text, text.splitlines())),
        at,
        (-7 if leftwards else 7, 0),
        textcoords="offset points",
        ha="right" if leftwards else "left",
        va="center",
    )
