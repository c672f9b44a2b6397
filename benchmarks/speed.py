"""All that has a bar for its speed, beside what a user would pick instead: one command.

    python benchmarks/speed.py [--json FILE]

The handcrafted network (hot_pixels.py), then training (learned.py, which needs PyTorch), then the
command `compare` itself: its start, the most memory of a run, and how long the CoordConv classifier
trains by its whole recipe. Takes about seven minutes on two cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import hot_pixels
import learned
from timing import medians, report

COMMAND = [sys.executable, "-m", "compare"]

MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def output(*command: str) -> str:
    """Return what a command prints; modules are compiled at its first start, as for a user."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(
        command, check=True, capture_output=True, encoding="utf-8", env=env
    ).stdout


def peak() -> float:
    """Return the megabytes that `compare run --task onehot2coord` had resident at most.

    Started by a small process, for at its start a process counts as large as the one it is from.
    """
    with tempfile.TemporaryDirectory() as out:
        run = [*COMMAND, "run", "--task", "onehot2coord", "--preset", "quick", "-q", "--out", out]
        return float(output(sys.executable, "-c", MEASURE, *run))


def classifier() -> dict[str, float]:
    """Return the seconds that the CoordConv classifier trained, by split; all must be right."""
    with tempfile.TemporaryDirectory() as out:
        chosen = ["--task", "coord2onehot", "--solver", "coordconv", "--seeds", "1"]
        rows = json.loads(output(*COMMAND, "run", *chosen, "--json", "-q", "--out", out))["rows"]
    for row in rows:
        right = [row["scores"][part]["accuracy"]["median"] for part in ("train", "test")]
        if right != [1, 1]:
            sys.exit(f"the classifier is right at {right} of the {row['split']} split's positions")
    return {row["split"]: row["train_seconds"]["median"] for row in rows}


def measure() -> dict[str, object]:
    """Measure and print everything."""
    results: dict[str, object] = {"hot pixels": hot_pixels.measure()}
    print()
    results["learned"] = learned.measure()
    starts = medians({word: lambda w=word: output(*COMMAND, w) for word in ("--help", "list")})
    checks = [
        *((f"compare {word}", 0.3, "s", seconds) for word, seconds in starts.items()),
        ("most memory of compare run --task onehot2coord", 400, "MB", peak()),
    ]
    print()
    for what, most, unit, found in checks:
        verdict = "holds" if found <= most else "does not hold"
        print(f"{what}: at most {most:g} {unit}, {found:.3g}: {verdict}")
        results[what] = found
    for split, seconds in classifier().items():
        what = f"CoordConv classifier, {split} split, the whole recipe"
        print(f"{what}: {seconds:.3g} s")
        results[what] = seconds
    return results


if __name__ == "__main__":
    report(__doc__, measure)
