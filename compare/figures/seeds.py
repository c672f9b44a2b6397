"""Scores by seed, and what so many seeds could have shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from compare.figures.style import (
    FAINT,
    INK,
    ONE_COLUMN,
    TWO_COLUMNS,
    colour,
    marker,
    new_figure,
    plain_text,
    styled,
)

__all__ = ["Difference", "power_curves", "scores_by_seed"]

Difference = tuple[str, str, float, float, float]
"""Two solvers, and the mean of the first's score less the second's, with its 95 % interval."""


@styled()
def scores_by_seed(
    scores: Mapping[str, Mapping[str, Mapping[int, float]]],
    differences: Mapping[str, Sequence[Difference]],
    title: str,
) -> Figure:
    """Draw each seed's score above, and the differences with their intervals below.

    scores: of each split, solver and seed, shares; those of one seed are joined. differences: of
    each split; from shares too, drawn in points. `title` is the score's.
    """
    figure = new_figure(ONE_COLUMN if len(scores) == 1 else TWO_COLUMNS, 3.6)
    rows = figure.subplots(2, len(scores), squeeze=False, height_ratios=(3, 2))
    shown: list[tuple[str, str]] = []
    for upper, lower, (split, solvers) in zip(*rows, scores.items(), strict=True):
        if upper is not rows[0][0]:
            upper.sharey(rows[0][0])
        names = list(solvers)
        for seed in dict.fromkeys(seed for seeds in solvers.values() for seed in seeds):
            pairs = [
                (x, solvers[name][seed]) for x, name in enumerate(names) if seed in solvers[name]
            ]
            upper.plot(*zip(*pairs, strict=True), color=FAINT, linewidth=0.6, zorder=1)
        for x, name in enumerate(names):
            values = list(solvers[name].values())
            look = {"color": colour(name), "marker": marker(name)}
            upper.scatter([x] * len(values), values, s=14, **look)
        upper.set(title=plain_text(split), xlim=(-0.5, len(names) - 0.5))
        upper.set_xticks(range(len(names)), [plain_text(name) for name in names])
        upper.tick_params("x", rotation=20)
        found = differences.get(split, ())
        for y, (_, _, mean, low, high) in enumerate(found):
            lower.plot([100 * low, 100 * high], [y, y], color=INK, linewidth=1)
            lower.plot(100 * mean, y, "o", color=INK, markersize=4)
        lower.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
        compared = [(first, second) for first, second, *_ in found]
        labels = [plain_text(f"{first} minus {second}") for first, second in compared]
        # Said once, at the left, where all splits compare the same.
        if lower is not rows[1][0] and compared == shown:
            labels = [""] * len(labels)
        shown = compared
        lower.set_yticks(range(len(found)), labels)
        lower.set(xlabel="difference (points)", ylim=(max(len(found), 1) - 0.5, -0.5))
    rows[0][0].set_ylabel(title)
    return figure


@styled()
def power_curves(
    power: Callable[[float, float, int], float],
    deviation: float,
    runs: Sequence[int],
    difference: float,
    enough: float,
) -> Figure:
    """Draw the chance to show a difference against its size, a line for each number of runs.

    power: (difference, deviation, runs) to that chance; deviation: of the difference of one pair of
    runs, a share, as is `difference`, which is marked, as is the chance that is `enough`.
    """
    figure = new_figure(ONE_COLUMN, 2.6)
    ax = figure.subplots()
    largest = 4 * deviation
    sizes = np.geomspace(min(difference / 2, largest / 1000), max(largest, 2 * difference), 80)
    tones = np.linspace(0.25, 1, len(runs))
    for count, tone in zip(runs, tones, strict=True):
        chances = [power(size, deviation, count) for size in sizes]
        ax.plot(100 * sizes, chances, color=INK, alpha=tone, linewidth=1, label=f"{count:,}")
    ax.axhline(enough, color=FAINT, linewidth=0.6)
    ax.axvline(100 * difference, color=INK, linewidth=1, linestyle=":")
    ax.annotate(
        f"{100 * difference:g} points",
        (100 * difference, 0.97),
        (3, 0),
        textcoords="offset points",
        fontsize=7,
        verticalalignment="top",
    )
    ax.set(xscale="log", ylim=(0, 1), xlabel="difference in accuracy (points)")
    ax.set_ylabel("chance to show it")
    ax.legend(
        title="runs of each",
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=min(5, len(runs)),
        handlelength=1,
    )
    return figure
