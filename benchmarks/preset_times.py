"""Estimate how long each preset takes, and write it where `compare list` reads it.

    python benchmarks/preset_times.py

For one seed on the task's first split, on the NumPy backend with the cores that this process may
use, from the time of one training step, as `compare run --dry-run` does. Minutes on two cores.
"""

from __future__ import annotations

import json
from pathlib import Path

from compare import tasks
from compare.experiments.environment import environment
from compare.experiments.estimate import estimate, measure_here
from compare.experiments.plan import Request, make_plans
from compare.solvers import catalogue

OUT = Path(catalogue.__file__).parent / "preset_times.json"


def main() -> None:
    """Measure each preset of each built-in solver, and write the file."""
    seconds: dict[str, dict[str, dict[str, float]]] = {}
    for task in tasks.BUILT_IN:
        split = tasks.load(task).splits[0]
        for solver, spec in catalogue.solvers_of(task).items():
            if catalogue.added_by(task, solver):
                continue
            for preset in spec.recipes:
                plans = make_plans(Request(task, (0,), solver, split, preset))
                found = estimate(plans, measure_here)
                own = seconds.setdefault(task, {}).setdefault(solver, {})
                own[preset] = float(f"{found.seconds:.2g}")
                print(task, solver, preset, own[preset], flush=True)
    facts = environment("numpy")
    about = {key: facts[key] for key in ("processor", "cores", "handcrafted", "numpy")}
    OUT.write_text(json.dumps({**about, "seconds": seconds}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
