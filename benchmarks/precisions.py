"""How many positions the computed weights solve on a device, by precision.

    python benchmarks/precisions.py torch:float32,torch:tf32,torch:bf16,jax:float32 64 128

Prints a line for each architecture that has weights on the canvas: of all its positions, those
whose answer equals the target with `==`.
"""

from __future__ import annotations

import argparse

import numpy as np

from compare import backends, tasks
from compare.backends import Backend
from compare.experiments.exactness import CASES, Claim, claims
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of

BATCH = 512


def solved(claim: Claim, side: int, backend: Backend) -> tuple[int, int]:
    """Return how many positions are right, and how many there are."""
    setting = Setting(tasks.load(claim.task), claim.split, side, side, backend, dict(claim.options))
    solver = solvers_of(claim.task)[claim.solver].build(setting, None)
    model = solver.load({})
    cases, inputs, targets = CASES[claim.task]
    positions = cases(side, side)
    right = 0
    for start in range(0, len(positions), BATCH):
        part = positions[start : start + BATCH]
        same = model.predict(inputs(part, side, side)) == targets(part, side, side)
        right += int(np.count_nonzero(same.reshape(len(part), -1).all(axis=1)))
    return right, len(positions)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("precisions", help="BACKEND:PRECISION, separated by commas")
    parser.add_argument("sides", nargs="+", type=int, help="of square canvases, in pixels")
    options = parser.parse_args()
    places = [each.split(":") for each in options.precisions.split(",")]
    for name, precision in places:
        print(f"{name} {precision} on {backends.load(name, 'auto', precision).device}")
    for side in options.sides:
        for claim in (claim for task in CASES for claim in claims(task)):
            try:
                found = [solved(claim, side, backends.load(n, "auto", p)) for n, p in places]
            except ValueError as error:
                print(f"{side}x{side} {claim.name}: {error}")
                continue
            text = ", ".join(f"{right} of {count}" for right, count in found)
            print(f"{side}x{side} {claim.name}: {text}", flush=True)


if __name__ == "__main__":
    main()
