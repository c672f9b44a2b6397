"""Estimates how long runs take."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing import get_context
from typing import Any, TypeAlias

from compare.experiments.environment import cores
from compare.experiments.executors import _begin_worker
from compare.experiments.plan import Plan, restored
from compare.solvers.base import Budget
from compare.solvers.learned import Learned

_DRAWING_SECONDS = 0.5
"""What a run takes beside training and predicting, mostly for its picture."""


Measure: TypeAlias = Callable[[Sequence[Plan]], list[float | None]]
"""Seconds that one training step of each run takes; None where that cannot be said."""


@dataclass(frozen=True)
class Estimate:
    """How long runs will take, one after another."""

    seconds: float
    unknown: int
    """Runs that are not in it."""


def estimate(todo: Sequence[Plan], measure: Measure) -> Estimate:
    """Estimate what runs take from the time of one training step of each network in them."""
    like: dict[Any, Plan] = {}
    for plan in todo:
        if plan.epochs:
            like.setdefault(_kind(plan), plan)
    steps = dict(zip(like, measure(list(like.values())), strict=True))
    total, unknown = 0.0, 0
    for plan in todo:
        if plan.recipe is None:
            total += 2 * _DRAWING_SECONDS
            continue
        step = steps[_kind(plan)]
        if step is None:
            unknown += 1
            continue
        setting, batch = plan.setting, plan.recipe.batch
        split = setting.task.split(setting.split, setting.height, setting.width)
        an_epoch = math.ceil(len(split.train) / batch)
        # Predicting takes the forward third of a step, for the samples held out as well.
        steps_done = plan.epochs * an_epoch + (an_epoch + len(split.test) / batch) / 3
        total += steps_done * step + _DRAWING_SECONDS
    return Estimate(total, unknown)


def _kind(plan: Plan) -> Any:
    """Tell runs apart whose steps take different times."""
    setting, recipe = plan.setting, plan.recipe
    solver = plan.entry.build(setting, recipe, None)
    network: Any = (setting.task.name, plan.solver, setting.height, setting.width)
    if isinstance(solver, Learned):
        network = solver.architecture
    return network, recipe and recipe.batch, setting.backend.name, setting.backend.device


def seconds_a_step(arguments: dict[str, Any]) -> float | None:
    """Train on one batch again and again, and return the shortest time that took.

    None for a run that cannot even do that; why, it will say itself when it is carried out.
    """
    moments: list[float] = []
    try:
        plan = restored(arguments)
        setting = plan.setting
        assert plan.recipe is not None
        train = setting.task.split(setting.split, setting.height, setting.width).train
        first = replace(train, positions=train.positions[: plan.recipe.batch])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan.entry.build(setting, plan.recipe, None).fit(
                first,
                seed=0,
                budget=Budget(3),
                on_progress=lambda _: moments.append(time.perf_counter()),
            )
    except Exception:
        return None
    # The first step compiles and warms up. One that diverges at once leaves a single moment.
    return min((b - a for a, b in pairwise(moments)), default=None)


def measure_here(sample: Sequence[Plan]) -> list[float | None]:
    """Measure steps in this process."""
    return [seconds_a_step(plan.arguments()) for plan in sample]


def measure_on_processes(workers: int, sample: Sequence[Plan]) -> list[float | None]:
    """Measure steps while as many processes are at work as in the sweep."""
    processes = min(workers, max(1, len(sample)))
    threads = max(1, cores() // workers)
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin_worker, (threads,)) as pool:
        try:
            return list(pool.map(seconds_a_step, [plan.arguments() for plan in sample]))
        except BrokenProcessPool:
            return [None] * len(sample)
