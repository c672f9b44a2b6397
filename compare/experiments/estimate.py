"""Estimates how long runs take, from the time of one training step of each network in them."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

from compare.experiments.executors import map_on_processes
from compare.experiments.plan import Plan, plan_of

__all__ = [
    "Estimate",
    "Measure",
    "estimate",
    "measure_here",
    "measure_on_processes",
    "seconds_a_step",
]

_OVERHEAD_SECONDS = 0.1
"""What a run takes beside training and predicting, mostly for its files."""

Measure: TypeAlias = Callable[[Sequence[Plan]], list[float | None]]
"""Seconds that one training step of each run takes; None where that cannot be said."""


@dataclass(frozen=True)
class Estimate:
    """How long runs will take, one after another."""

    seconds: float
    unknown: int
    """Runs that are not in it."""


def estimate(plans: Sequence[Plan], measure: Measure) -> Estimate:
    """Estimate what runs take from the time of one training step of each network in them."""
    representatives: dict[Plan, Plan] = {}
    for plan in plans:
        if plan.recipe:
            representatives.setdefault(_of_equal_steps(plan), plan)
    measured = measure(list(representatives.values()))
    steps = dict(zip(representatives, measured, strict=True))
    total, unknown = 0.0, 0
    for plan in plans:
        if plan.recipe is None:
            total += 2 * _OVERHEAD_SECONDS
            continue
        step = steps[_of_equal_steps(plan)]
        if step is None:
            unknown += 1
            continue
        split = plan.load_task().split(plan.split, *plan.size)
        an_epoch = math.ceil(len(split.train) / plan.recipe.batch)
        batches = plan.recipe.steps or plan.epochs * an_epoch
        # Predicting takes the forward third of a step, for the samples held out as well.
        predicting = (an_epoch + len(split.test) / plan.recipe.batch) / 3
        total += (batches + predicting) * step + _OVERHEAD_SECONDS
    return Estimate(total, unknown)


def _of_equal_steps(plan: Plan) -> Plan:
    """Return a plan that is the same for all runs whose steps take the same time."""
    assert plan.recipe is not None
    recipe = replace(
        plan.recipe,
        learning_rate=1.0,
        generator_rate=plan.recipe.generator_rate and 1.0,
        l2=0.0,
        epochs=1,
        lr_schedule="constant",
    )
    return replace(plan, recipe=recipe, seed=0, eval_sizes=())


def seconds_a_step(arguments: dict[str, Any]) -> float | None:
    """Train on one batch again and again, and return the shortest time that took.

    None for a run that cannot even do that; why, it will say itself when it is carried out. And
    for one on a folder of pictures, whose reading matters as much as its steps.
    """
    moments: list[float] = []
    try:
        plan = plan_of(arguments)
        assert plan.recipe is not None
        if plan.folder:
            return None
        train = plan.load_task().split(plan.split, *plan.size).train
        # A GAN has scenes of its own, and would only be judged by these.
        adversarial = plan.recipe.scenes is not None
        scenes = plan.recipe.batch if adversarial else None
        batch = replace(train, positions=train.positions[: 0 if adversarial else plan.recipe.batch])
        plan = replace(plan, recipe=replace(plan.recipe, epochs=3, scenes=scenes))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan.build().fit(batch, on_progress=lambda _: moments.append(time.perf_counter()))
    except Exception:
        return None
    # The first step compiles and warms up. One that diverges at once leaves a single moment.
    return min((b - a for a, b in pairwise(moments)), default=None)


def measure_here(sample: Sequence[Plan]) -> list[float | None]:
    """Measure steps in this process."""
    return [seconds_a_step(plan.arguments()) for plan in sample]


def measure_on_processes(workers: int, sample: Sequence[Plan]) -> list[float | None]:
    """Measure steps while as many processes are at work as in the sweep."""
    return map_on_processes(seconds_a_step, [plan.arguments() for plan in sample], workers)
