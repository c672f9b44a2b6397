"""The handcrafted `onehot2coord` and the closed forms beside what a user would write, in turns.

    python benchmarks/hot_pixels.py [--json FILE]     # or, with the rest, benchmarks/speed.py

For each batch and canvas it prints microseconds a picture, medians, of

- `run`, the network's own operations, and `literal`, the same four steps written in NumPy in place;
- `check`, what a call of the network does before it runs: every bitmap must be one-hot;
- `argmax` with `unravel_index`, which checks nothing, and `verified_argmax`, which does;
- `expectation`, sum(A X) / sum(A), and `inner`, W - A.(W - X), one matrix product each.

Ratios are medians of each turn's. It ends with the bars: which hold, and by what figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from timing import report

from compare.solvers import direct
from handcrafted import onehot2coord
from handcrafted.memory import keep_freed_memory
from handcrafted.verified_argmax import verified_argmax

BATCHES, SIDES = (1, 16, 64, 256), (16, 64, 128)
TURNS = 31
TURN = 0.004
"""About how many seconds of the processor's time each alternative has in a turn."""

Function = Callable[[np.ndarray], np.ndarray | None]


def literal(height: int, width: int) -> Function:
    """Return the four steps in NumPy: one new array, and all else in place."""
    column = np.arange(width, dtype=np.float32)
    row = np.arange(height, dtype=np.float32)[:, None]

    def steps(bitmaps: np.ndarray) -> np.ndarray:
        A = bitmaps[:, 0]
        maps = A * np.float32(width)
        maps -= column
        np.maximum(maps, 0, out=maps)
        x = width - maps.sum(axis=(1, 2))
        np.multiply(A, np.float32(height), out=maps)
        maps -= row
        np.maximum(maps, 0, out=maps)
        y = height - maps.sum(axis=(1, 2))
        return np.stack([x, y], axis=1)

    return steps


def inner(height: int, width: int) -> Function:
    """Return W - A.(W - X) and H - A.(H - Y), what the steps are on bitmaps of 0 and 1."""
    row, column = np.indices((height, width), dtype=np.float32).reshape(2, -1)
    size = np.float32([width, height])
    weights = size - np.stack([column, row], axis=1)
    return lambda bitmaps: size - bitmaps.reshape(len(bitmaps), -1) @ weights


def alternatives(height: int, width: int) -> dict[str, Function]:
    """Return what is timed, by name."""
    network = onehot2coord.network(height, width)
    return {
        "run": network.run,
        "literal": literal(height, width),
        "check": network.check,
        "argmax": lambda bitmaps: direct.argmax(bitmaps, height, width),
        "verified_argmax": verified_argmax,
        "expectation": lambda bitmaps: direct.expectation(bitmaps, height, width),
        "inner": inner(height, width),
    }


def seconds(function: Function, bitmaps: np.ndarray, calls: int) -> float:
    """Return the processor's seconds of a call, which other programs do not lengthen."""
    before = time.process_time()
    for _ in range(calls):
        function(bitmaps)
    return (time.process_time() - before) / calls


def turns(functions: dict[str, Function], bitmaps: np.ndarray) -> dict[str, np.ndarray]:
    """Return the seconds of a call in each turn, by name."""
    calls = {}
    for name, function in functions.items():
        function(bitmaps)
        calls[name] = max(1, round(TURN / max(seconds(function, bitmaps, 3), 1e-6)))
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(TURNS):
        for name, function in functions.items():
            times[name].append(seconds(function, bitmaps, calls[name]))
    return {name: np.array(each) for name, each in times.items()}


def bars(rows: list[dict]) -> list[tuple[str, float, float]]:
    """Return what each bar asks for, the most that it allows, and the worst there was."""

    def worst(ratio: str, batches: tuple[int, ...]) -> float:
        asked = [row[ratio] for row in rows if row["side"] == 64 and row["batch"] in batches]
        return max(asked)

    return [
        ("64x64, batches of 16 and 64: run / literal", 2, worst("run / literal", (16, 64))),
        ("64x64, batches of 256: run / literal", 2, worst("run / literal", (256,))),
        ("64x64, batches of 256: verified_argmax / argmax", 2, worst("verified / argmax", (256,))),
    ]


def measure() -> dict[str, object]:
    """Measure every shape; print, and return, the times and the bars."""
    keep_freed_memory()  # as `compare` does; else the system's zeroing of memory is measured
    rng = np.random.default_rng(0)
    rows: list[dict] = []
    for side in SIDES:
        functions = alternatives(side, side)
        for batch in BATCHES:
            bitmaps = np.zeros((batch, 1, side, side), np.float32)
            y, x = places = rng.integers(side, size=(2, batch))
            bitmaps[np.arange(batch), 0, y, x] = 1
            for name, function in functions.items():
                if name != "check" and not (function(bitmaps) == places[::-1].T).all():
                    raise AssertionError(f"{name} is wrong")
            took = turns(functions, bitmaps)
            if not rows:
                print("| pictures |", " | ".join(took), "| run / literal | verified / argmax |")
                print("| --- |", " | ".join("---:" for _ in range(len(took) + 2)), "|")
            row = {"side": side, "batch": batch}
            row |= {name: float(np.median(each)) for name, each in took.items()}
            row["run / literal"] = float(np.median(took["run"] / took["literal"]))
            row["verified / argmax"] = float(np.median(took["verified_argmax"] / took["argmax"]))
            rows.append(row)
            cells = [f"{row[name] / batch * 1e6:,.2f}" for name in took]
            cells += [f"{row[name]:.2f}" for name in ("run / literal", "verified / argmax")]
            print(f"| {batch} of {side}x{side} |", " | ".join(cells), "|", flush=True)
    print()
    for asked, most, worst in bars(rows):
        verdict = "holds" if worst <= most else "does not hold"
        print(f"{asked}: at most {most:g}, worst {worst:.3g}: {verdict}")
    return {"rows": rows}


if __name__ == "__main__":
    report(__doc__, measure)
