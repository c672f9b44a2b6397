"""Whether training returns to computed weights: success, errors, and the loss on the way there.

The first and the last take summaries over seeds as `compare basin --json` prints them: one for each
split, scaling and start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from compare.figures.style import (
    EMPTY,
    ERROR_COLOURS,
    FAINT,
    HELD_OUT,
    INK,
    STYLE,
    TWO_COLUMNS,
    new_figure,
    without_frame,
)

__all__ = ["Map", "error_maps", "loss_along_line", "success"]

_SCALINGS = {
    "balanced": (HELD_OUT, "o", 0.1),
    "plain": (FAINT, "s", -0.1),
}
"""A tone, a marker and a shift to the side each, so that none hides the other."""

_USUAL = "usual"


@dataclass(frozen=True)
class Map:
    """Where the held-out errors of one training lie."""

    title: str
    positions: NDArray[Any]
    """(n, 2), (x, y) in pixels."""
    errors: NDArray[Any]
    """(n,)."""


@rc_context(STYLE)
def success(rows: Sequence[Mapping[str, Any]], title: str, criterion: str, error: str) -> Figure:
    """Draw the share of seeds that return, and every seed's worst error, against the disturbance.

    A column of panels for each split with noise, and one with flips if there are any. `criterion`
    says when a training counts as having returned; `error` is the label of the errors' axis.
    """
    splits = list(dict.fromkeys(row["split"] for row in rows))
    kinds = ["noise"] + ["flips"] * any(row["flips"] for row in rows)
    columns = [(split, kind) for kind in kinds for split in splits]
    figure = new_figure(TWO_COLUMNS, 4.0)
    axes = figure.subplots(
        2, len(columns), sharex="col", sharey="row", squeeze=False, height_ratios=(2, 3)
    )
    for (above, below), (split, kind) in zip(axes.T, columns, strict=True):
        own = [row for row in rows if row["split"] == split]
        values = sorted({row[kind] for row in own if row["noise"] == 0 or kind == "noise"})
        for scaling in dict.fromkeys(row["scaling"] for row in own if row["scaling"] != _USUAL):
            chosen = [row for row in own if row["scaling"] == scaling and _is_of(kind, row)]
            chosen.sort(key=lambda row: float(row[kind]))
            _draw_success(above, below, scaling, values, kind, chosen)
        usual = [row for row in own if row["scaling"] == _USUAL]
        for row in usual:
            x = len(values)
            above.plot(x, row["success"]["runs"] / row["success"]["of"], "D", color=INK, ms=4)
            _dots(below, x, row["worst_error"]["by_seed"], INK, "D")
        labels = [*(f"{value:g}" for value in values), *["usual"] * len(usual)]
        below.set_xticks(range(len(labels)), labels)
        below.set_xlabel(kind if kind == "noise" else "signs flipped")
        above.set_title(f"{split} split")
        above.set_ylim(-0.08, 1.08)
        below.set_yscale("log")
        below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        below.yaxis.set_minor_formatter(NullFormatter())
        for ax in (above, below):
            ax.grid(color=EMPTY, axis="y")
            ax.set_axisbelow(True)
            ax.margins(x=0.1)
    axes[0, 0].set_ylabel("share of seeds\nthat return")
    axes[1, 0].set_ylabel(f"worst held-out {error}\nof each seed, and median")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    figure.suptitle(f"{title}\nreturned: {criterion}")
    return figure


def _is_of(kind: str, row: Mapping[str, Any]) -> bool:
    """Whether a start belongs to the noise or to the flips; the undisturbed one does to both."""
    return bool(row["flips"] == 0 if kind == "noise" else row["noise"] == 0)


def _draw_success(
    above: Axes,
    below: Axes,
    scaling: str,
    values: Sequence[float],
    kind: str,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    tone, shape, shift = _SCALINGS[scaling]
    across = [values.index(row[kind]) + shift for row in rows]
    shares = [row["success"]["runs"] / row["success"]["of"] for row in rows]
    above.plot(across, shares, color=tone, marker=shape, ms=4, label=f"{scaling} weights")
    below.plot(across, [row["worst_error"]["median"] for row in rows], color=tone)
    for x, row in zip(across, rows, strict=True):
        _dots(below, x, row["worst_error"]["by_seed"], tone, shape)


def _dots(ax: Axes, x: float, errors: Sequence[float], tone: str, shape: str) -> None:
    finite = [error for error in errors if 0 < error < np.inf]
    ax.scatter([x] * len(finite), finite, s=12, color=tone, marker=shape, alpha=0.6, linewidths=0)


@rc_context(STYLE)
def error_maps(
    maps: Mapping[str, Sequence[Map]], size: tuple[int, int], title: str, label: str
) -> Figure:
    """Draw the held-out errors after training, a row for each split and a column for each start.

    Only the part of the canvas that has held-out positions is shown. All pictures share one
    logarithmic scale; `label` says what the error is. An error of 0 has the scale's lowest colour.
    """
    everything = np.concatenate([each.errors for row in maps.values() for each in row])
    positive = everything[(everything > 0) & np.isfinite(everything)]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (0.1, 1.0)
    norm = LogNorm(max(low, high / 1e4), high * 1.0001)
    columns = max(map(len, maps.values()))
    figure = new_figure(TWO_COLUMNS, 0.7 + 1.7 * len(maps), "compressed")
    axes = figure.subplots(len(maps), columns, squeeze=False)
    for row, (split, shown) in zip(axes, maps.items(), strict=True):
        for ax, each in zip(row, shown, strict=False):
            canvas = np.full(size, np.nan)
            x, y = each.positions.T
            canvas[y, x] = np.clip(each.errors, norm.vmin, norm.vmax)
            ax.set_facecolor(EMPTY)
            image = ax.imshow(canvas, cmap=ERROR_COLOURS, norm=norm, interpolation="nearest")
            ax.set_xlim(x.min() - 0.5, x.max() + 0.5)
            ax.set_ylim(y.max() + 0.5, y.min() - 0.5)
            without_frame(ax)
            errors = each.errors
            ax.set_title(f"{each.title}\nmean {errors.mean():.3g}, worst {errors.max():.3g}")
        row[0].set_ylabel(f"{split} split\ny (pixels)")
    for ax in axes[-1]:
        ax.set_xlabel("x (pixels)")
    bar = figure.colorbar(image, ax=axes, label=f"held-out {label}")
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    figure.suptitle(title)
    return figure


@rc_context(STYLE)
def loss_along_line(
    rows: Sequence[Mapping[str, Any]], noises: Sequence[float], title: str
) -> Figure:
    """Draw the loss on the straight line from the computed to the trained weights.

    A panel for each split and scaling, darker lines for more of `noises`; the median over seeds.
    Solid: the mean loss of the samples trained on; dashed: with the L2 penalty. The axis is
    logarithmic, so a loss of 0 is not drawn.
    """
    panels = list(
        dict.fromkeys((row["split"], row["scaling"]) for row in rows if row["line"] is not None)
    )
    tones = np.linspace(0.3, 1, len(noises))
    figure = new_figure(TWO_COLUMNS, 2.9)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (split, scaling) in zip(axes, panels, strict=True):
        for tone, noise in zip(tones, noises, strict=True):
            for row in rows:
                wanted = (split, scaling, noise, 0)
                key = row["split"], row["scaling"], row["noise"], row["flips"]
                if key != wanted or row["line"] is None:
                    continue
                line = {name: np.asarray(values) for name, values in row["line"].items()}
                share, loss, penalty = line["share"], line["train"], line["penalty"]
                positive = loss > 0
                label = f"noise {noise:g}"
                look = {"color": INK, "alpha": tone}
                ax.plot(share[positive], loss[positive], label=label, **look)
                ax.plot(share, loss + penalty, linestyle=(0, (3, 2)), linewidth=0.9, **look)
        ax.set(yscale="log", title=f"{split} split,\n{scaling} weights")
        ax.set_xticks([0, 1], ["computed", "trained"])
        ax.get_xticklabels()[0].set_horizontalalignment("left")
        ax.get_xticklabels()[1].set_horizontalalignment("right")
        ax.grid(color=EMPTY, axis="y")
    axes[0].set_ylabel("training loss; dashed: with L2 penalty")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    figure.suptitle(title)
    return figure
