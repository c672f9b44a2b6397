"""What one prediction costs against the size of the canvas and of the batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from compare.backends import Backend
from compare.errors import UsageError
from compare.solvers.base import Setting, SolverSpec
from compare.tasks.base import Task

__all__ = ["BATCH", "BATCHES", "SIDE", "SIDES", "Costs", "expected_seconds", "exponent", "measure"]

SIDES = (16, 32, 64, 128, 256, 512, 1024)
"""Square canvases, pixels, each with a batch of `BATCH` samples."""

BATCHES = (1, 4, 16, 64, 256, 1024)
"""Samples, each on a canvas of `SIDE`."""

BATCH, SIDE = 16, 64

_SECONDS = 0.3
"""About how long each size is measured."""

_PATIENCE = 1.0
"""A solver that took longer than this, in seconds, is not asked for the next size."""


def expected_seconds(solvers: int) -> float:
    """Return about how long so many solvers take.

    Besides being measured, each size has its samples drawn and its first call made, which on
    average takes as long again.
    """
    return solvers * (len(SIDES) + len(BATCHES)) * 2 * _SECONDS


@dataclass(frozen=True)
class Costs:
    """Median milliseconds of a batch's prediction; sizes that were not measured are left out."""

    solver: str
    by_side: dict[int, float]
    by_batch: dict[int, float]


def measure(
    task: Task,
    specs: Mapping[str, SolverSpec],
    backend: Backend,
    on_progress: Callable[[str], None] = lambda _: None,
) -> list[Costs]:
    """Time each solver; learned ones with their first weights, which cost what trained ones do."""
    found = []
    for name, spec in specs.items():
        on_progress(name)
        by_side = _until_slow({side: _timed(task, spec, backend, side, BATCH) for side in SIDES})
        by_batch = _until_slow(
            {batch: _timed(task, spec, backend, SIDE, batch) for batch in BATCHES}
        )
        found.append(Costs(name, by_side, by_batch))
    return found


def exponent(points: Mapping[int, float]) -> float | None:
    """Return the slope of log(time) against log(size) between the last two sizes measured.

    There what a call costs whatever its size weighs least. None if fewer than two were measured.
    """
    if len(points) < 2:
        return None
    (size, time_), (larger, longer) = list(points.items())[-2:]
    return math.log(longer / time_) / math.log(larger / size)


def _until_slow(timings: Mapping[int, Callable[[], float | None]]) -> dict[int, float]:
    """Take one timing after the other, up to one that cannot be had or that took too long."""
    measured: dict[int, float] = {}
    for size, timing in timings.items():
        milliseconds = timing()
        if milliseconds is None:
            continue
        measured[size] = milliseconds
        if milliseconds > 1e3 * _PATIENCE:
            break
    return measured


def _timed(
    task: Task, spec: SolverSpec, backend: Backend, side: int, batch: int
) -> Callable[[], float | None]:
    def milliseconds() -> float | None:
        try:
            return _median_milliseconds(task, spec, backend, side, batch)
        except MemoryError:
            return None

    return milliseconds


def _median_milliseconds(
    task: Task, spec: SolverSpec, backend: Backend, side: int, batch: int
) -> float | None:
    """Time a prediction; None for a canvas that the solver cannot do."""
    recipe = spec.recipes.get("quick")
    setting = Setting(task, task.splits[0], side, side, backend)
    try:
        data = task.all_samples(side, side)
    except UsageError:  # too small for the task
        return None
    chosen = np.random.default_rng(0).integers(len(data), size=batch)
    data = replace(data, positions=data.positions[chosen])
    if recipe:
        # No epoch: the first weights.
        recipe = replace(recipe, epochs=0, scenes=recipe.scenes and recipe.batch)
    try:
        solver = spec.build(setting, recipe)
    except ValueError:
        return None
    model, inputs = solver.fit(data), data.inputs()
    model.predict(inputs)  # the first call finds its memory, or compiles
    times: list[float] = []
    while sum(times) < _SECONDS or len(times) < 3:
        before = time.perf_counter()
        model.predict(inputs)
        times.append(time.perf_counter() - before)
        if times[0] > _PATIENCE:
            break
    return 1e3 * float(np.median(times))
