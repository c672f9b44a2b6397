"""Runs that several modules report on."""

from dataclasses import asdict

import numpy as np
import pytest

from compare import cli
from compare.report.sections import Run
from compare.solvers.catalogue import solvers_of


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Solvers of a task on both splits, two seeds; less of another; small and short."""
    out = tmp_path_factory.mktemp("runs")
    solvers = "handcrafted,coordconv,argmax"
    two_seeds = ["--task", "onehot2coord", "--seeds", "2", "--solver", solvers]
    one_split = ["--task", "coord2image", "--split", "quadrant", "--solver", "coordconv,slicing"]
    for arguments in (two_seeds, one_split):
        always = ["--size", "16", "--epochs", "1", "-q", "--out", str(out)]
        assert cli.main(["run", *arguments, *always]) == 0
    return out


POSITIONS = {"train": np.array([[4, 4], [5, 9]]), "test": np.array([[11, 6]])}


@pytest.fixture
def made():
    """Return what makes a run up, as its directory would have it.

    (solver, **changes): of the arguments, of the recipe in `recipe`, and of what is known of the
    samples in `samples`; `started` orders equal runs, `error` is that of every sample.
    """

    def run(solver="conv", *, started="2020", error=0.0, recipe=(), samples=(), **arguments):
        task = arguments.get("task", "onehot2coord")
        spec = solvers_of(task).get(solver)
        published = spec.recipes["paper"].epochs if spec and spec.recipes else None
        default = asdict(spec.recipes[spec.preset]) if spec and spec.recipes else None
        record = {
            "arguments": {
                "task": task, "split": "uniform", "size": [12, 16], "solver": solver, "seed": 0,
                "recipe": default and {**default, **dict(recipe)}, "eval_sizes": [],
                "backend": "numpy", "device": "cpu", "precision": "float32", **arguments,
            },
            "published_epochs": published,
            "environment": {"started": started},
            "cost": {"parameters": 7, "constants": 0, "multiply_adds": 99 if default else 0},
        }  # fmt: skip
        known = {}
        for part, positions in POSITIONS.items():
            known[f"{part}_position"] = positions
            known[f"{part}_prediction"] = positions + error
            known[f"{part}_error"] = np.full(len(positions), error)
        known = {
            name: array for name, array in {**known, **dict(samples)}.items() if array is not None
        }
        return Run(record, np.array([2.0, 1.0] if default else []), known, solver)

    return run
