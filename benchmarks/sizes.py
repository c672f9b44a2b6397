"""What one prediction costs against the size of the canvas and of the batch, for each solver.

    python benchmarks/sizes.py [--json FILE] [--figure docs/figures/cost_size.png]

`onehot2coord` on the NumPy backend, learned networks with their first weights, which cost what
trained ones cost. Prints the median milliseconds of a batch of 16 on canvases of 16 to 1024, of
batches of 1 to 1024 on 64x64, and the exponent: the slope of log(time) against log(side) and
against log(batch) between the last two points, where what is fixed in a call weighs least.
A solver is left out where its memory would pass 2 GB. Takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from compare import backends
from compare.learned import training
from compare.solvers import Learned, Setting, Solver, offered
from compare.tasks import load

SOLVERS = ("handcrafted", "coordconv", "conv", "argmax")
SIDES = (16, 32, 64, 128, 256, 512, 1024)
BATCHES = (1, 4, 16, 64, 256, 1024)
BATCH, SIDE = 16, 64
SECONDS = 0.4
"""About how long each point is measured."""


def solver(name: str, side: int) -> Solver:
    """Return a solver of `onehot2coord` for a canvas, a learned one with its first weights."""
    task, backend = load("onehot2coord"), backends.load("numpy")
    entry = offered("onehot2coord")[name]
    recipe = entry.recipes.get("quick")
    built = entry.build(Setting(task, "uniform", side, side, backend), recipe, None)
    if isinstance(built, Learned):
        built.state = training._begin(built.architecture, 0, backend)
    return built


def milliseconds(name: str, side: int, batch: int) -> float:
    """Return the median of a batch's prediction; NaN where the weights would pass 2 GB."""
    bitmaps = np.zeros((batch, 1, side, side), np.float32)
    y, x = np.random.default_rng(0).integers(side, size=(2, batch))
    bitmaps[np.arange(batch), 0, y, x] = 1
    predict = solver(name, side).predict
    predict(bitmaps)
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < 3:
        before = time.perf_counter()
        predict(bitmaps)
        times.append(time.perf_counter() - before)
    return 1e3 * float(np.median(times))


def exponent(sizes: tuple[int, ...], times: list[float]) -> float:
    """Return the slope of log(time) against log(size) between the last two points."""
    return math.log(times[-1] / times[-2]) / math.log(sizes[-1] / sizes[-2])


def table(title: str, unit: str, sizes: tuple[int, ...], rows: dict[str, list[float]]) -> None:
    """Print milliseconds, and the exponent in the last column."""
    print(f"\n{title}, milliseconds\n")
    print("| solver | " + " | ".join(f"{size}{unit}" for size in sizes) + " | exponent |")
    print("| --- |" + " ---: |" * (len(sizes) + 1))
    for name, times in rows.items():
        cells = " | ".join(f"{t:.3g}" for t in times)
        print(f"| {name} | {cells} | {exponent(sizes, times):.2f} |")


def draw(path: str, by_side: dict[str, list[float]], by_batch: dict[str, list[float]]) -> None:
    """Plot both tables, logarithmic in each direction."""
    import matplotlib.pyplot as plt

    from compare.figures import STYLE, TWO_COLUMNS, colour, marker, save

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, 2, figsize=(TWO_COLUMNS, 3), layout="constrained", sharey=True
        )
        for axis, sizes, rows, label in (
            (axes[0], SIDES, by_side, f"side of the canvas (pixels), batch of {BATCH}"),
            (axes[1], BATCHES, by_batch, f"batch (bitmaps of {SIDE}x{SIDE})"),
        ):
            for name, times in rows.items():
                look = {"color": colour(name), "marker": marker(name), "markersize": 4}
                axis.loglog(sizes, times, label=name, **look)
            axis.set_xlabel(label)
            axis.set_xticks(sizes, [str(size) for size in sizes])
            axis.minorticks_off()
        axes[0].set_ylabel("time of a batch (ms)")
        axes[0].legend()
        save(figure, Path(path))


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write the milliseconds here too")
    parser.add_argument("--figure", metavar="FILE", help="plot them here")
    options = parser.parse_args()
    by_side = {name: [milliseconds(name, side, BATCH) for side in SIDES] for name in SOLVERS}
    table(f"Batch of {BATCH}", "", SIDES, by_side)
    by_batch = {name: [milliseconds(name, SIDE, batch) for batch in BATCHES] for name in SOLVERS}
    table(f"Canvas of {SIDE}x{SIDE}", "", BATCHES, by_batch)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump({"sides": SIDES, "by_side": by_side, "batches": BATCHES,
                       "by_batch": by_batch}, stream, indent=2)  # fmt: skip
    if options.figure:
        draw(options.figure, by_side, by_batch)


if __name__ == "__main__":
    main()
