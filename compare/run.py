"""One run: fit a solver, predict every sample, score it and leave a directory that says so."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import compare
from compare import results
from compare.datasets import Dataset
from compare.learned.training import Progress, Recipe
from compare.scoring import Measures, Outcome, Scores, joined, microseconds_a_sample, outcome
from compare.solvers import Budget, Entry, Learned, Setting, Solver
from compare.tasks import Task

TIMED_SAMPLES = 256
"""Held-out samples that predictions are timed on."""


@dataclass(frozen=True)
class Plan:
    """One solver, one task, one split, one seed, one backend."""

    setting: Setting
    solver: str
    entry: Entry
    recipe: Recipe | None
    """None for a solver that learns nothing."""
    seed: int
    epochs: int
    """0 for a solver that learns nothing."""
    elsewhere: tuple[tuple[int, int], ...] = ()
    """Other canvases, (height, width), to score the solver on."""

    def arguments(self) -> dict[str, Any]:
        """Return everything that determines the result, but for the machine and the code."""
        setting = self.setting
        return {
            "task": setting.task.name,
            "split": setting.split,
            "size": [setting.height, setting.width],
            "solver": self.solver,
            "seed": self.seed,
            "epochs": self.epochs,
            "recipe": asdict(self.recipe) if self.recipe else None,
            "elsewhere": [list(size) for size in self.elsewhere],
            "backend": setting.backend.name,
            "device": setting.backend.device,
        }

    def directory(self, out: Path) -> Path:
        """Return the run's own directory; its name holds a digest of the arguments."""
        arguments = self.arguments()
        text = json.dumps([results.FORMAT, version("handcrafted"), arguments], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        a = arguments
        height, width = a["size"]
        name = f"{a['task']}-{height}x{width}-{a['split']}-{a['solver']}-seed{a['seed']}"
        return out / f"{name}-{a['backend']}-{digest}"


def execute(plan: Plan, out: Path, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
    """Carry a plan out and return its record; a training that was cut off goes on."""
    from compare.figures import error_map, save

    directory = plan.directory(out)
    directory.mkdir(exist_ok=True)
    checkpoint = directory / "checkpoint.npz"
    solver = plan.entry.build(plan.setting, plan.recipe, checkpoint)
    task = plan.setting.task
    split = task.split(plan.setting.split, plan.setting.height, plan.setting.width)

    solver.fit(split.train, seed=plan.seed, budget=Budget(plan.epochs), on_progress=on_progress)
    parts = {"train": split.train, "test": split.test}
    answers = {name: _answers(task, solver, data) for name, data in parts.items()}
    scores = {name: task.score(measures) for name, (measures, _) in answers.items()}
    state = solver.state if isinstance(solver, Learned) else None
    timed = split.test.inputs(slice(TIMED_SAMPLES))
    record = {
        "format": results.FORMAT,
        **plan.arguments(),
        "status": "diverged" if state and not np.isfinite(state.losses[-1]) else "finished",
        "samples": {name: len(data) for name, data in parts.items()},
        "scores": scores,
        "success": bool(task.succeeded(scores["test"])),
        "elsewhere": {f"{h}x{w}": _elsewhere(plan, solver, h, w) for h, w in plan.elsewhere},
        "cost": asdict(solver.describe()),
        "timing": {
            "train_seconds": state.seconds if state else 0.0,
            "predict_microseconds": microseconds_a_sample(solver.predict, timed),
        },
        "environment": environment(),
    }

    picture = error_map(
        {name: data.positions for name, data in parts.items()},
        {name: measures.error for name, (measures, _) in answers.items()},
        (plan.setting.height, plan.setting.width),
        title=f"{plan.solver}, {plan.setting.split} split"
        + (f", seed {plan.seed}, {plan.epochs} epochs" if plan.epochs else ""),
        label=task.error,
    )
    for ending in ("png", "svg"):
        save(picture, directory / f"error.{ending}")
    results.write_arrays(
        directory / "predictions.npz",
        {
            f"{name}_{what}": array
            for name, data in parts.items()
            for measures, kept in (answers[name],)
            for what, array in (
                ("positions", data.positions),
                ("predictions", kept),
                ("exact", measures.exact),
                ("right", measures.right),
                ("error", measures.error),
            )
        },
    )
    losses = state.losses if state else ()
    weights = state.weights if state else {}
    to_numpy = plan.setting.backend.to_numpy
    results.write_csv(
        directory / "history.csv", ("epoch", "loss"), list(enumerate(losses, start=1))
    )
    results.write_arrays(
        directory / "weights.npz", {name: to_numpy(array) for name, array in weights.items()}
    )
    # The record comes last: where it lies, everything else does.
    results.write_json(directory / "run.json", record)
    checkpoint.unlink(missing_ok=True)
    return record


def _answers(task: Task, solver: Solver, data: Dataset) -> tuple[Measures, NDArray[Any]]:
    """Measure a solver's answers to all samples; returns what is kept of the answers too."""
    measures, kept = [], []
    for part in data.chunks():
        answers = solver.predict(data.inputs(part))
        measures.append(task.measure(answers, data.targets(part)))
        kept.append(task.keep(answers))
    return joined(measures), np.concatenate(kept)


def _elsewhere(plan: Plan, solver: Solver, height: int, width: int) -> Scores | None:
    """Score a solver on another canvas; None if what it learned does not fit there."""
    setting = replace(plan.setting, height=height, width=width)
    other = plan.entry.build(setting, plan.recipe, None)
    if isinstance(solver, Learned) and isinstance(other, Learned):
        try:
            solver.transfer(other)
        except ValueError:
            return None
    task = setting.task
    return task.score(_answers(task, other, task.everywhere(height, width))[0])


def outcomes(plans: list[Plan], out: Path) -> list[Outcome]:
    """Read what each solver came to at each held-out position, from its seeds' directories."""
    right: dict[str, list[Any]] = {}
    error: dict[str, list[Any]] = {}
    for plan in plans:
        arrays = results.read_arrays(plan.directory(out) / "predictions.npz")
        right.setdefault(plan.solver, []).append(arrays["test_right"])
        error.setdefault(plan.solver, []).append(arrays["test_error"])
    return [outcome(solver, right[solver], error[solver]) for solver in right]


@cache
def environment() -> dict[str, Any]:
    """Return what a result also depends on: versions, machine, threads, commit, time."""
    return {
        "handcrafted": version("handcrafted"),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "autograd")},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "commit": _commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


def _commit() -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    root = Path(compare.__file__).parent.parent
    answer = subprocess.run(
        [git, "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None
