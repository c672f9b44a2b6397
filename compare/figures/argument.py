"""The four steps, and the figure that makes the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from compare.figures.canvas import PART_TITLES, Answers, error_image, largest_finite
from compare.figures.style import (
    EMPTY,
    TWO_COLUMNS,
    colour,
    new_figure,
    plain_text,
    styled,
    without_frame,
)
from handcrafted import onehot2coord

__all__ = ["four_steps", "point"]

# --- The four steps, and the point ----------------------------------------------------------

_POSITIVE = "#5e3c99"
_SIGNED = LinearSegmentedColormap.from_list("signed", ["#8e8e96", "#f4f4f6", _POSITIVE])
"""Purple is above 0 and grey below it, in the maps and in the sum."""


@styled()
def four_steps(x: int, y: int, size: tuple[int, int] = (64, 64)) -> Figure:
    """Draw what each step of the handcrafted network makes of one bitmap, for its x.

    x, y: the hot pixel; size: (height, width).
    """
    figure = new_figure(TWO_COLUMNS, 2.1, "constrained")
    _draw_steps(figure.subplots(1, 4), x, y, size)
    return figure


def _draw_steps(axes: Sequence[Axes], x: int, y: int, size: tuple[int, int]) -> None:
    height, width = size
    bitmap = np.zeros((1, 1, height, width), dtype=np.float32)
    bitmap[0, 0, y, x] = 1
    maps = list(onehot2coord.network(height, width).trace(bitmap).values())
    panels: tuple[tuple[NDArray[Any], str, str | Colormap, int, int], ...] = (
        (bitmap, "the bitmap A", "gray", 0, 1),
        (maps[2], f"1. convolution: {width} A - X", _SIGNED, -width, width),
        (maps[3], "2. nonlinearity: max(.., 0)", _SIGNED, -width, width),
    )
    for ax, (drawn, title, colours, low, high) in zip(axes, panels, strict=False):
        ax.imshow(drawn[0, 0], cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        without_frame(ax)
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
    bars.barh([1], [total], height=0.42, color=_POSITIVE)
    bars.barh([0], [width], height=0.42, color=EMPTY)
    bars.barh([0], [answer], height=0.42, color=tone)
    bars.text(0, 1.3, f"3. sum = {total:.0f}")
    bars.text(0, 0.3, f"4. subtraction: {width} - {total:.0f} = {answer:.0f}")
    bars.set(xlim=(0, width), ylim=(-0.4, 1.7), yticks=[], xticks=[0, int(answer), width])
    bars.set(title=f"the answer: x = {answer:.0f}", xlabel="pixels", box_aspect=height / width)
    without_frame(bars)


@styled()
def point(
    runs: Sequence[Answers],
    learned: Mapping[str, int],
    computed: Mapping[str, float],
    size: tuple[int, int],
    split: str,
) -> Figure:
    """Draw the whole argument: the four steps, and below them every solver's error.

    runs: of the task onehot2coord; learned: how many numbers each solver learned; computed: for
    solvers whose network was run with computed weights too, its largest error then, in pixels;
    size: (height, width).
    """
    height, width = size
    side = (TWO_COLUMNS - 0.8) / len(runs)
    titles = [_title(run, learned[run.solver], computed.get(run.solver), side) for run in runs]
    # Three lines fit; more make the figure higher.
    more = 0.13 * max(0, *(title.count("\n") - 2 for title in titles))
    figure = new_figure(TWO_COLUMNS, 5.5 + more)
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=(2.45, 3.05 + more)))
    upper.suptitle("By hand: four fixed steps, nothing learned", weight="bold")
    x, y = round(width * 0.64), round(height * 0.19)
    _draw_steps(upper.subplots(1, 4), x, y, size)
    largest = min(
        largest_finite([run.errors[part] for run in runs for part in PART_TITLES]),
        float(np.hypot(*size)),
    )
    name = plain_text(split)
    lower.suptitle(
        f"The error at every position of the canvas ({name} split: framed positions held out)"
        if split == "quadrant"
        else f"The error at every position of the canvas ({name} split)",
        weight="bold",
    )
    axes = lower.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for ax, run, title in zip(axes, runs, titles, strict=True):
        both = [
            np.concatenate([each[part] for part in PART_TITLES])
            for each in (run.positions, run.errors)
        ]
        image = error_image(ax, both[0], both[1], size, largest)
        ax.set_title(title)
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


def _title(run: Answers, learned: int, twin: float | None, side: float) -> str:
    """Say how many numbers a solver learned, and how wrong it is; for a panel of `side` inches."""
    count = f"{learned:,} numbers learned" if learned else "nothing learned"
    name = plain_text(f"{run.solver}: {count}", side)
    if "\n" in name:
        name = f"{plain_text(run.solver, side)}\n{count}"
    everywhere = [run.errors[part] for part in PART_TITLES]
    error = f"mean error held out: {run.errors['test'].mean():.3g} pixels"
    if not any(part.any() for part in everywhere):
        error = f"0 at all {sum(map(len, everywhere)):,} positions"
    lines = [name, error, *([f"computed weights: {_at_most(twin)}"] if twin is not None else [])]
    return "\n".join(lines)


def _at_most(error: float) -> str:
    """Say how wrong a network is anywhere."""
    return f"at most {error:.2g} pixels" if error else "0 everywhere"
