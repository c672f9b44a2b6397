"""The handcrafted `onehot2coord` beside what a user would pick instead, in one process.

    python benchmarks/hot_pixels.py [--json FILE]

For each batch and canvas of float32 bitmaps it prints how many times as long each alternative takes
as the handcrafted network: medians of runs that take turns, so that a busy machine slows all alike.
`sum` reads the batch once and computes nothing, which is as fast as anything can be that looks at
every pixel. Booleans are compared with `numpy.flatnonzero`, which checks nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from scipy import ndimage

from handcrafted import NETWORKS

SHAPES = [
    (batch, side)
    for batch in (1, 64, 4096)
    for side in (16, 64, 256, 1024)
    if batch * side * side <= 1 << 24
]
"""(bitmaps, side): those that take 64 MiB of float32 or less."""

SECONDS = 0.5
"""About how long each alternative is measured at each shape."""


def alternatives(bitmaps: np.ndarray) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name; the handcrafted network first."""
    count, _, height, width = bitmaps.shape
    network = NETWORKS["onehot2coord"](height, width)
    ways: dict[str, Callable[[], object]] = {"handcrafted": lambda: network(bitmaps)}
    if bitmaps.dtype == bool:
        return {**ways, "flatnonzero": lambda: np.flatnonzero(bitmaps)}
    flat = bitmaps.reshape(count, -1)
    ways["sum"] = lambda: bitmaps.sum()
    ways["argmax"] = lambda: np.unravel_index(flat.argmax(axis=1), (height, width))
    if find_spec("torch"):
        import torch

        there = torch.from_numpy(flat)
        ways["torch.argmax"] = lambda: there.argmax(dim=1)
    if count * height * width <= 1 << 20:  # it takes seconds beyond
        ways["center_of_mass"] = lambda: [ndimage.center_of_mass(one[0]) for one in bitmaps]
    return ways


def medians(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()  # the first call finds its memory
    started = time.perf_counter()
    while time.perf_counter() - started < SECONDS * len(ways) or len(times["handcrafted"]) < 5:
        for name, way in ways.items():
            before = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - before)
    return {name: float(np.median(each)) for name, each in times.items()}


def main() -> None:
    """Measure every shape and print the ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--json", metavar="FILE", help="write the seconds here too")
    file = options.parse_args().json
    names = ("sum", "argmax", "torch.argmax", "center_of_mass", "flatnonzero")
    rows = []
    print("| dtype | bitmaps | handcrafted |", " | ".join(names), "|")
    print("| --- | --- | ---: |", " | ".join("---:" for _ in names), "|")
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.bool_):
        for batch, side in SHAPES:
            bitmaps = np.zeros((batch, 1, side, side), dtype)
            y, x = rng.integers(side, size=(2, batch))
            bitmaps[np.arange(batch), 0, y, x] = 1
            seconds = medians(alternatives(bitmaps))
            name = np.dtype(dtype).name
            rows.append({"dtype": name, "batch": batch, "side": side, "seconds": seconds})
            own = seconds["handcrafted"]
            ratios = (f"{seconds[n] / own:.2f}" if n in seconds else "" for n in names)
            print(
                f"| {name} | {batch} of {side}x{side} | {own * 1e6:,.1f} us |",
                " | ".join(ratios),
                "|",
                flush=True,
            )
    if file:
        machine = {"processor": platform.processor(), "numpy": np.__version__}
        with open(file, "w", encoding="utf-8") as stream:
            json.dump({"machine": machine, "rows": rows}, stream, indent=2)


if __name__ == "__main__":
    main()
