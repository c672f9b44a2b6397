"""The handcrafted `onehot2coord` beside what a user would pick instead, in one process.

    python benchmarks/hot_pixels.py [--json FILE]     # or, with the rest, benchmarks/speed.py

For each batch and canvas it prints the network's time, and ratios to each alternative's: "own /"
those that are as fast as reading can be (`sum` reads and computes nothing; `argmax`, with
`unravel_index`, and `flatnonzero` check nothing), "/ own" those that it should be many times faster
than. A turn is a loop of calls of one alternative, as a user's loop would be; the alternatives take
turns, so that a busy machine slows all alike; times are medians. It ends with the bandwidth of the
memory and with the bars set for the network: which hold, and by what figure.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
from scipy import ndimage
from timing import Ways, medians, report

from compare.experiments.environment import cores
from handcrafted import NETWORKS

SHAPES = [
    (batch, side)
    for batch in (1, 64, 4096)
    for side in (16, 64, 256, 1024)
    if batch * side * side <= 1 << 28
]
"""(bitmaps, side): those that take 1 GiB of float32 or less."""

COLUMNS = {
    **{f"own / {name}": (name, True) for name in ("sum", "argmax", "flatnonzero")},
    **{
        f"{name} / own": (name, False)
        for name in ("torch.argmax", "center_of_mass", "dsntnn", "kornia", "jax argmax")
    },
}
"""Titles of columns; which alternative, and whether it is the one divided by."""


def alternatives(bitmaps: np.ndarray) -> Ways:
    """Return what is timed, by name; the handcrafted network first."""
    count, _, height, width = bitmaps.shape
    network = NETWORKS["onehot2coord"](height, width)
    ways: Ways = {"own": lambda: network(bitmaps), **refusals(bitmaps)}
    if bitmaps.dtype == bool:
        return {**ways, "flatnonzero": lambda: np.flatnonzero(bitmaps)}
    flat = bitmaps.reshape(count, -1)
    ways["sum"] = lambda: bitmaps.sum()
    ways["argmax"] = lambda: np.unravel_index(flat.argmax(axis=1), (height, width))
    if find_spec("torch"):
        import torch

        there = torch.from_numpy(flat)
        ways["torch.argmax"] = lambda: there.argmax(dim=1)
    if bitmaps.size <= 1 << 24:  # it takes seconds beyond
        ways["center_of_mass"] = lambda: [ndimage.center_of_mass(one[0]) for one in bitmaps]
    return {**ways, **others(bitmaps)} if (height, width) == (64, 64) else ways


def others(bitmaps: np.ndarray) -> Ways:
    """Return the alternatives from packages of the `bench` extra, those that are installed."""
    ways: Ways = {}
    if find_spec("dsntnn"):
        import dsntnn
        import torch

        maps = torch.from_numpy(bitmaps)
        ways["dsntnn"] = lambda: dsntnn.dsnt(maps)
    if find_spec("kornia"):
        import torch
        from kornia.geometry.subpix import spatial_expectation2d

        heat = torch.from_numpy(bitmaps)
        ways["kornia"] = lambda: spatial_expectation2d(heat, normalized_coordinates=False)
    if find_spec("jax"):
        import jax

        there = jax.numpy.asarray(bitmaps.reshape(len(bitmaps), -1))
        argmax = jax.jit(lambda flat: flat.argmax(axis=1))
        ways["jax argmax"] = lambda: argmax(there).block_until_ready()
    return ways


def refusals(bitmaps: np.ndarray) -> Ways:
    """Return the refusals of a batch whose first bitmap, or last one, has several hot pixels."""
    network = NETWORKS["onehot2coord"](*bitmaps.shape[2:])
    steps = replace(network, shortcut=None)
    first, last = bitmaps.copy(), bitmaps.copy()
    for wrong, item in ((first, 0), (last, -1)):
        wrong[item, 0, [0, -1], [0, -1]] = 1

    def refuse() -> None:
        with suppress(ValueError):
            steps(first)
            raise AssertionError

    return {
        "refuse first": lambda: network.shortcut(first),
        "refuse last": lambda: network.shortcut(last),
        "steps refuse first": refuse,
    }


def bandwidth(cores: int) -> dict[str, float]:
    """Return bytes a second of 256 MiB that so many threads sum, or copy (read and written)."""
    source = np.ones(1 << 26, np.float32)
    target = np.zeros_like(source)
    parts = list(zip(np.array_split(source, cores), np.array_split(target, cores), strict=True))
    with ThreadPoolExecutor(cores) as threads:
        ways: Ways = {
            "own": lambda: list(threads.map(lambda part: part[0].sum(), parts)),
            "copy": lambda: list(threads.map(lambda part: np.copyto(part[1], part[0]), parts)),
        }
        took = medians(ways)
    return {"sum": source.nbytes / took["own"], "copy": 2 * source.nbytes / took["copy"]}


def bars(rows: list[dict]) -> list[tuple[str, float, float]]:
    """Return what each bar asks for, the most that it allows, and the worst there was."""

    def worst(own: str, other: str, dtype: str, **where: int) -> float:
        asked = [
            row["seconds"][own] / row["seconds"][other]
            for row in rows
            if row["dtype"] == dtype
            and other in row["seconds"]
            and all(row[key] == value for key, value in where.items())
        ]
        return max(asked, default=float("nan"))

    big = {"batch": 4096, "side": 64}
    checks = [
        # (what, own time, alternative, at most, dtype, where)
        ("4096 of 64x64: own / argmax", "own", "argmax", 1, "float32", big),
        ("4096 of 64x64: own / torch.argmax", "own", "torch.argmax", 1 / 5, "float32", big),
        ("4096 of 64x64: own / center_of_mass", "own", "center_of_mass", 1 / 50, "float32", big),
        ("float32: own / sum", "own", "sum", 2, "float32", {}),
        ("bool: own / flatnonzero", "own", "flatnonzero", 2, "bool", {}),
        ("float32: refusing the last / sum", "refuse last", "sum", 2, "float32", {}),
        ("bool: refusing the last / flatnonzero", "refuse last", "flatnonzero", 2, "bool", {}),
    ]
    checks += [
        (f"{dtype}: refusing the first / by the steps", "refuse first", "steps refuse first", 1,
         dtype, {})
        for dtype in ("float32", "bool")
    ]  # fmt: skip
    return [
        (what, most, worst(own, other, dtype, **where))
        for what, own, other, most, dtype, where in checks
    ]


def measure() -> dict[str, object]:
    """Measure every shape; print, and return, the times, the bandwidth and the bars."""
    rows = []
    print("| dtype | bitmaps | own |", " | ".join(COLUMNS), "|")
    print("| --- | --- | ---: |", " | ".join("---:" for _ in COLUMNS), "|")
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.bool_):
        for batch, side in SHAPES:
            bitmaps = np.zeros((batch, 1, side, side), dtype)
            y, x = rng.integers(side, size=(2, batch))
            bitmaps[np.arange(batch), 0, y, x] = 1
            took = medians(alternatives(bitmaps))
            name = np.dtype(dtype).name
            rows.append({"dtype": name, "batch": batch, "side": side, "seconds": took})
            ratios = [
                f"{(took['own'] / took[n]) ** (1 if divided else -1):,.2f}" if n in took else ""
                for n, divided in COLUMNS.values()
            ]
            shape = f"{batch} of {side}x{side}"
            own = f"{took['own'] * 1e6:,.1f} us"
            print("|", " | ".join([name, shape, own, *ratios]), "|", flush=True)
    print()
    speeds = {threads: bandwidth(threads) for threads in sorted({1, cores()})}
    for threads, speed in speeds.items():
        each = ", ".join(f"{name} {value / 1e9:.1f} GB/s" for name, value in speed.items())
        print(f"256 MiB, {threads} thread(s): {each}")
    print()
    for asked, most, worst in bars(rows):
        verdict = "holds" if worst <= most else "does not hold"
        print(f"{asked}: at most {most:g}, worst {worst:.3g}: {verdict}")
    return {"rows": rows, "bandwidth": speeds}


if __name__ == "__main__":
    report(__doc__, measure)
