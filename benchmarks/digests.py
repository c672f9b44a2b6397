"""Digests of what small trainings give, to see whether a change keeps every bit.

Run it before a change and after it, on one machine, and compare what it prints:

    python benchmarks/digests.py > before.txt
    python benchmarks/digests.py | diff before.txt -
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
from pathlib import Path

import numpy as np

from compare.cli import main

TRAININGS = (
    ("--task", "onehot2coord", "--size", "64", "--epochs", "1", "--seeds", "1"),
    ("--task", "onehot2coord", "--size", "33x40", "--epochs", "2", "--seeds", "2"),
    ("--task", "image2coord", "--size", "32", "--epochs", "1", "--seeds", "1"),
    ("--task", "coord2onehot", "--size", "12", "--epochs", "2", "--seeds", "1"),
    (
        "--task",
        "coord2onehot",
        "--size",
        "11x13",
        "--preset",
        "paper",
        "--epochs",
        "1",
        "--seeds",
        "1",
    ),
    ("--task", "coord2image", "--size", "12", "--epochs", "2", "--l2", "0.001", "--seeds", "1"),
    (
        "--task",
        "coord2image",
        "--size",
        "11x14",
        "--preset",
        "paper",
        "--epochs",
        "1",
        "--seeds",
        "1",
    ),
)
"""Every task and published architecture, both splits, both presets; half a minute on two cores."""


def digest(file: Path, wanted: str = "") -> str:
    """Return a digest of the values in an `npz` file whose names contain `wanted`."""
    sha = hashlib.sha256()
    with np.load(file) as arrays:
        for name in sorted(name for name in arrays.files if wanted in name):
            array = arrays[name]
            sha.update(f"{array.dtype.str} {array.shape}".encode() + array.tobytes())
    return sha.hexdigest()[:16]


def digests() -> None:
    """Print a line for each run."""
    for options in TRAININGS:
        with tempfile.TemporaryDirectory() as out:
            with contextlib.redirect_stdout(io.StringIO()):
                code = main(["run", "--quiet", "--out", out, *options])
            print(" ".join(options), "" if code == 0 else f"exit code {code}")
            for run in sorted(Path(out).iterdir()):
                name = run.name.rpartition("-")[0]
                predictions = digest(run / "predictions.npz", "_prediction")
                print(f"  {name}  {digest(run / 'weights.npz')}  {predictions}", flush=True)


if __name__ == "__main__":
    digests()
