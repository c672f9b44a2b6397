"""Figures, each a function from arrays to a matplotlib figure; usable alone and in notebooks.

They are drawn for print: 3.5 inches wide for one column or 7.2 for two, with type of 7 points or
more at that size, and saved as vectors or pixels. A solver has one colour and one marker in all of
them. Nothing is shown by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from compare.figures.style import (
    EMPTY,
    ERROR_COLOURS,
    FAINT,
    HELD_OUT,
    INK,
    TARGET,
    TWO_COLUMNS,
    colour,
    new_figure,
    plain_text,
    styled,
    suptitle,
    without_frame,
)

__all__ = [
    "PART_TITLES",
    "Answers",
    "data",
    "error_image",
    "error_map",
    "error_maps",
    "largest_finite",
    "pictures",
    "predictions",
]

_MARGIN = 0.1
"""Shown of what lies beyond the canvas, as a share of it."""

PART_TITLES = {"train": "trained on", "test": "held out"}


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


# --- Error over the canvas ------------------------------------------------------------------


@styled()
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
    largest = largest_finite([errors["train"], errors["test"]])
    figure = new_figure(TWO_COLUMNS, 3.7, "compressed")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, part in zip(axes, PART_TITLES, strict=True):
        image = error_image(ax, positions[part], errors[part], size, largest)
        ax.set_title(
            f"{PART_TITLES[part]}: {len(errors[part]):,} positions\n{_in_words(errors[part])}"
        )
        ax.set_xlabel("x (pixels)")
    axes[0].set_ylabel("y (pixels)")
    figure.colorbar(image, ax=axes, label=label)
    suptitle(figure, title)
    return figure


@styled()
def error_maps(
    runs: Sequence[Answers],
    size: tuple[int, int],
    title: str,
    label: str = "error (pixels)",
) -> Figure:
    """Draw the error of several solvers over the canvas, a column each, on one scale.

    The upper row has the positions trained on, the lower one those held out; of more than
    five solvers there are several pairs of rows. `size` is (height, width). The scale
    ends at the canvas's diagonal if an error is beyond it.
    """
    diagonal = float(np.hypot(*size))
    everything = largest_finite([run.errors[part] for run in runs for part in PART_TITLES])
    largest = min(everything, diagonal)
    rows, columns = _grid(len(runs))
    side = (TWO_COLUMNS - 1.1) / max(columns, 3)
    figure = new_figure(
        1.1 + side * columns,
        0.6 + rows * (0.5 + 2 * (side * size[0] / size[1] + 0.33)),
        "compressed",
    )
    grid = figure.subplots(2 * rows, columns, sharex=True, sharey=True, squeeze=False)
    # A pair of rows after the other: (2, rows * columns).
    axes = grid.reshape(rows, 2, columns).swapaxes(0, 1).reshape(2, -1)
    for ax in axes[:, len(runs) :].ravel():
        ax.set_visible(False)
    for run, column in zip(runs, axes.T, strict=False):
        for part, ax in zip(PART_TITLES, column, strict=True):
            image = error_image(ax, run.positions[part], run.errors[part], size, largest)
            words = plain_text(_in_words(run.errors[part]), side)
            name = plain_text(run.solver, side)
            ax.set_title(f"{name}\n{words}" if part == "train" else words)
        column[1].set_xlabel("x (pixels)")
        column[1].tick_params(labelbottom=True)
    for pair in axes[:, ::columns].T:
        for part, ax in zip(PART_TITLES, pair, strict=True):
            ax.set_ylabel(f"{PART_TITLES[part]}\ny (pixels)")
    figure.colorbar(
        image, ax=grid, label=label, extend="max" if everything > largest else "neither"
    )
    suptitle(figure, title)
    return figure


_MOST_COLUMNS = 5
"""Panels beside each other, for which there is room for their titles."""


def _grid(panels: int) -> tuple[int, int]:
    """Return the rows and columns that panels stand in, about as many in each row."""
    rows = -(-panels // _MOST_COLUMNS)
    return rows, -(-panels // rows)


def error_image(
    ax: Axes,
    positions: NDArray[Any],
    error: NDArray[Any],
    size: tuple[int, int],
    largest: float,
) -> AxesImage:
    """Draw errors at their positions: the largest is black, and what has none is empty."""
    canvas = np.full(size, np.nan)
    x, y = positions.T
    canvas[y, x] = np.where(np.isfinite(error), error, largest)
    ax.set_facecolor(EMPTY)
    without_frame(ax)
    return ax.imshow(
        canvas, cmap=ERROR_COLOURS, vmin=0, vmax=largest, interpolation="nearest", zorder=1
    )


def largest_finite(errors: Sequence[NDArray[Any]]) -> float:
    """Return the largest finite error; 1 if all are exact, for any scale shows the same then."""
    everything = np.concatenate(errors)
    return float(everything[np.isfinite(everything)].max(initial=0)) or 1.0


def _in_words(error: NDArray[Any]) -> str:
    if np.all(error == 0):
        return "no error anywhere"
    return f"mean {error.mean():.3g}, worst {error.max():.3g}"


# --- The data, and predictions beside targets -----------------------------------------------


@styled()
def data(splits: Mapping[str, Mapping[str, NDArray[Any]]], size: tuple[int, int]) -> Figure:
    """Show which positions each split trains on and which it holds out.

    splits: for each by name the (n, 2) positions under "train" and "test"; size: (height, width).
    """
    figure = new_figure(min(0.4 + 1.75 * len(splits), TWO_COLUMNS), 2.5, "compressed")
    axes = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    tones = ListedColormap([FAINT, HELD_OUT])
    for ax, (name, positions) in zip(axes, splits.items(), strict=True):
        canvas = np.full(size, np.nan)
        for part, value in (("train", 0), ("test", 1)):
            x, y = positions[part].T
            canvas[y, x] = value
        ax.imshow(canvas, cmap=tones, vmin=0, vmax=1, interpolation="nearest")
        ax.set_facecolor(EMPTY)
        without_frame(ax)
        trained, held_out = len(positions["train"]), len(positions["test"])
        ax.set_title(f"{plain_text(name)} split\n{trained:,} trained on, {held_out:,} held out")
        ax.set_xlabel("x (pixels)")
    axes[0].set_ylabel("y (pixels)")
    figure.supxlabel("light: trained on; dark: held out", fontsize=7)
    return figure


@styled()
def predictions(runs: Sequence[Answers], size: tuple[int, int], title: str) -> Figure:
    """Draw predicted coordinates beside the targets, a panel for each solver.

    Predictions are (n, 2), (x, y) in pixels. Those for positions trained on are light, those for
    held-out ones in the solver's colour. The canvas has a frame; what is predicted far
    outside it is not shown, but counted.
    """
    rows, columns = _grid(len(runs) + 1)
    side = (TWO_COLUMNS - 0.5) / max(columns, 3)
    figure = new_figure(
        0.5 + side * columns, 0.5 + rows * (0.6 + side * size[0] / size[1]), "compressed"
    )
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = grid.ravel()
    targets = Answers("targets", runs[0].positions, runs[0].positions, {})
    height, width = size
    for ax in axes[len(runs) + 1 :]:
        ax.set_visible(False)
    for ax, run in zip(axes, (targets, *runs), strict=False):
        _canvas(ax, size, margin=_MARGIN)
        outside = 0
        for part, tone in (
            ("train", FAINT),
            ("test", HELD_OUT if run is targets else colour(run.solver)),
        ):
            _dots(ax, run.predictions[part], tone, size)
            x, y = run.predictions[part].T
            inside = (abs(x / width - 0.5) <= 0.5 + _MARGIN) & (
                abs(y / height - 0.5) <= 0.5 + _MARGIN
            )
            outside += int(np.sum(~inside))
        words = plain_text(f"{outside:,} lie further out", side) if outside else ""
        ax.set_title(f"{plain_text(run.solver, side)}\n{words}")
        ax.set_xlabel("x (pixels)")
        ax.tick_params(labelbottom=True)
    for ax in grid[:, 0]:
        ax.set_ylabel("y (pixels)")
    suptitle(figure, title)
    return figure


@styled()
def pictures(examples: Mapping[str, NDArray[Any]], positions: NDArray[Any], title: str) -> Figure:
    """Draw pictures in rows, one for each name and the targets' first, a column for each position.

    examples: (n, height, width) of 0 and 1 by the solver's name, the targets' under "target";
    positions: (n, 2), (x, y) in pixels.
    """
    rows, columns = len(examples), len(positions)
    _, height, width = examples["target"].shape
    side = (TWO_COLUMNS - 1.2) / max(columns, 5)
    figure = new_figure(
        1.2 + side * columns, 0.7 + rows * (side * height / width + 0.06), "compressed"
    )
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax, (x, y) in zip(axes[0], positions, strict=True):
        ax.set_title(f"({x}, {y})")
    for row, (name, drawn) in zip(axes, examples.items(), strict=True):
        for ax, picture, target in zip(row, drawn, examples["target"], strict=True):
            ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.contour(target, [0.5], colors=TARGET, linewidths=0.7)
            ax.set(xticks=[], yticks=[])
            without_frame(ax)
        row[0].set_ylabel(plain_text(name), rotation=0, ha="right", va="center")
    suptitle(figure, title)
    return figure


def _canvas(ax: Axes, size: tuple[int, int], margin: float = 0.0) -> None:
    """Set an axis up as a canvas of pixels, with a frame and y downwards."""
    height, width = size
    ax.set_aspect("equal")
    ax.set_xlim(-0.5 - margin * width, width - 0.5 + margin * width)
    ax.set_ylim(height - 0.5 + margin * height, -0.5 - margin * height)
    without_frame(ax)
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
