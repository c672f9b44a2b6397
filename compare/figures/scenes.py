"""Scenes of two objects: samples side by side, where the objects are, and how training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from compare.figures.style import (
    EMPTY,
    ERROR_COLOURS,
    FAINT,
    TWO_COLUMNS,
    colour,
    marker,
    new_figure,
    plain_text,
    styled,
    suptitle,
    without_frame,
)

__all__ = ["generation_curves", "position_maps", "sample_grids"]

_GAP = 2
"""Pixels between two samples."""


@styled()
def sample_grids(panels: Mapping[str, NDArray[Any]], title: str, across: int = 4) -> Figure:
    """Draw samples in square grids, a grid for each name.

    panels: (n, 3, height, width) pictures of -1 to 1, by name; what is not finite is black.
    """
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    side = TWO_COLUMNS / 4
    figure = new_figure(side * columns + 0.1, rows * (side + 0.35) + 0.3, "compressed")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        without_frame(ax)
    for ax, (name, pictures) in zip(axes, panels.items(), strict=False):
        ax.imshow(_tiled(pictures, across), interpolation="nearest")
        ax.set_title(plain_text(name, side))
    suptitle(figure, title)
    return figure


def _tiled(pictures: NDArray[Any], across: int) -> NDArray[np.float64]:
    """Return one picture of all, (rows, columns, 3) from 0 to 1, with grey between them."""
    count, _, height, width = pictures.shape
    down = -(-count // across)
    grey = int(FAINT[1:3], 16) / 255
    canvas = np.full((down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, 3), grey)
    for item, picture in enumerate(np.clip(np.nan_to_num(pictures, nan=-1.0) / 2 + 0.5, 0, 1)):
        top, left = (height + _GAP) * (item // across), (width + _GAP) * (item % across)
        canvas[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    return canvas


@styled()
def position_maps(
    centres: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    truth: tuple[NDArray[Any], NDArray[Any]],
    title: str,
) -> Figure:
    """Draw how often each place is a centre, blue above and red below, beside the true chances.

    centres: of the valid scenes the blue and the red centres, (n, 2) places (column, row) each, by
    name; truth: the chance of each place, (rows, columns), of blue and of red. A map is of the mean
    over 3x3 places around each, for single places are hit too seldom to be seen, as a multiple of
    what it would be if all places were equally likely; the scale ends at 3. One of no scenes is
    empty.
    """
    side = (TWO_COLUMNS - 0.9) / max(len(centres) + 1, 4)
    shape = truth[0].shape
    height = 2 * (side * shape[0] / shape[1] + 0.3) + 0.6
    figure = new_figure(0.9 + side * (len(centres) + 1), height, "compressed")
    axes = figure.subplots(2, len(centres) + 1, squeeze=False)
    for row, (name, tones) in enumerate((("blue", truth[0]), ("red", truth[1]))):
        maps = {"true": tones}
        for solver, both in centres.items():
            counts = np.zeros(shape) if len(both[row]) else np.full(shape, np.nan)
            np.add.at(counts, (both[row][:, 1], both[row][:, 0]), 1 / max(1, len(both[row])))
            maps[f"{solver}\n{len(both[row]):,} scenes"] = counts
        for ax, (label, chances) in zip(axes[row], maps.items(), strict=True):
            ax.set_facecolor(EMPTY)
            ax.set(xticks=[], yticks=[])
            without_frame(ax)
            image = ax.imshow(
                _smooth(chances) * chances.size, cmap=ERROR_COLOURS, vmin=0, vmax=3,
                interpolation="nearest",
            )  # fmt: skip
            if row == 0:
                head, _, tail = label.partition("\n")
                ax.set_title("\n".join([plain_text(head, side), tail]).rstrip("\n"))
        axes[row, 0].set_ylabel(f"{name} centres")
    figure.colorbar(image, ax=axes, label="times the mean over all places", extend="max")
    suptitle(figure, title)
    return figure


def _smooth(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean over the places around each, as far as there are any."""
    padded, there = np.pad(values, 1), np.pad(np.ones_like(values, dtype=float), 1)
    rows, columns = values.shape
    shifts = [(slice(i, i + rows), slice(j, j + columns)) for i in range(3) for j in range(3)]
    return np.asarray(sum(padded[s] for s in shifts) / sum(there[s] for s in shifts))


@styled()
def generation_curves(
    curves: Mapping[str, Mapping[str, Sequence[tuple[NDArray[Any], NDArray[Any]]]]], title: str
) -> Figure:
    """Draw how generators change over training, a panel for each quantity.

    curves: under the label of its axis, for each solver the steps and the values, (epochs,) each,
    of every seed: thin lines, and the median of the seeds that go as far. NaN is left out.
    """
    figure = new_figure(TWO_COLUMNS, 2.4)
    axes = figure.subplots(1, len(curves), squeeze=False)[0]
    for ax, (label, solvers) in zip(axes, curves.items(), strict=True):
        for solver, seeds in solvers.items():
            tone = colour(solver)
            for steps, values in seeds:
                ax.plot(steps, values, color=tone, alpha=0.4, linewidth=0.6)
            shortest = min(len(values) for _, values in seeds)
            middle = np.median([values[:shortest] for _, values in seeds], axis=0)
            ax.plot(
                seeds[0][0][:shortest], middle, color=tone, marker=marker(solver), markersize=3,
                markevery=max(1, shortest // 8), label=plain_text(solver),
            )  # fmt: skip
        last = max(steps[-1] for seeds in solvers.values() for steps, _ in seeds)
        values = np.concatenate([v for seeds in solvers.values() for _, v in seeds])
        # A line of zeros, which is common, needs a scale too.
        top = 1.1 * max(1.0, float(np.nan_to_num(values).max()))
        ax.set(xlabel="step", ylabel=label, xlim=(0, 1.05 * last), ylim=(-0.03 * top, top))
        ax.grid(color=EMPTY)
    axes[0].legend()
    suptitle(figure, title)
    return figure
