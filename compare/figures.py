"""Figures, each a function from arrays to a matplotlib figure; usable alone and in notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from compare.results import write_whole

ERROR_COLOURS = "cividis"
"""Perceptually uniform, and read alike with and without colour-blindness (Nunez et al. 2018)."""


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
    everything = np.concatenate([errors["train"], errors["test"]])
    finite = everything[np.isfinite(everything)]
    largest = float(finite.max(initial=0)) or 1.0  # all exact: any scale shows the same colour
    figure = Figure(figsize=(7.2, 4.0), layout="compressed", dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2, sharey=True)
    names = {"train": "trained on", "test": "held out"}
    for ax, part in zip(axes, names, strict=True):
        error = errors[part]
        canvas = np.full(size, np.nan)
        x, y = positions[part].T
        canvas[y, x] = np.where(np.isfinite(error), error, largest)
        image = ax.imshow(canvas, cmap=ERROR_COLOURS, vmin=0, vmax=largest, interpolation="nearest")
        right = np.mean(error == 0)
        ax.set_title(
            f"{names[part]}: {len(error)} positions\n"
            + (
                "no error anywhere"
                if right == 1
                else f"mean {error.mean():.3g}, worst {error.max():.3g}"
            ),
            fontsize=10,
        )
        ax.set_xlabel("x (pixels)")
        ax.set_facecolor("0.92")
    axes[0].set_ylabel("y (pixels)")
    figure.colorbar(image, ax=axes, label=label)
    figure.suptitle(title, fontsize=11)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure to `path`, in the format its ending names."""
    write_whole(path, lambda file: figure.savefig(file, format=path.suffix[1:]))
