"""What so many runs could have shown: the power of a comparison over seeds, and its verdict.

Two networks are trained with the same seeds, and the differences of their scores, a pair a seed,
are tested by Student's paired t test, two-sided, at 5 %. Shares are from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = [
    "LEAST_SEEDS",
    "LEVEL",
    "POWER",
    "item_deviation",
    "power",
    "runs_needed",
    "smallest_difference",
    "verdict",
]

LEAST_SEEDS = 5
"""For a verdict."""

LEVEL = 0.05
"""The chance that the test finds a difference where there is none."""

POWER = 0.8
"""The chance that it finds one that is there, by which "could be shown" is meant."""


def item_deviation(accuracy: float, items: int, disagreement: float | None = None) -> float:
    """Return the standard deviation of the difference of two networks' accuracies on test items.

    The items are drawn anew, and the networks stay. `disagreement` is the share of items of which
    one of the two is right; by default 2 p (1 - p), as if their errors had nothing to do with each
    other. An item adds 1, 0 or -1, so the variance is disagreement / items, less the square of the
    difference, which is left out.
    """
    share = 2 * accuracy * (1 - accuracy) if disagreement is None else disagreement
    return math.sqrt(share / items)


def power(difference: float, deviation: float, runs: int) -> float:
    """Return the chance that `runs` pairs, 2 or more, show a difference.

    deviation: of the differences of one pair, above 0. The square of t has a noncentral F
    distribution with 1 and runs - 1 degrees of freedom, and runs (difference / deviation)^2 off
    the centre (Cohen 1988, Statistical Power Analysis, chapter 2).
    """
    from scipy.special import ncfdtr, stdtrit

    shift = runs * (difference / deviation) ** 2
    bound = float(stdtrit(runs - 1, 1 - LEVEL / 2))
    missed = float(ncfdtr(1, runs - 1, shift, bound**2))
    # The series fails for differences of 20 standard errors and more, which many runs never miss.
    return 1.0 if math.isnan(missed) else 1 - missed


def smallest_difference(deviation: float, runs: int) -> float:
    """Return the smallest difference that `runs` pairs, 2 or more, show by a chance of `POWER`."""
    from scipy.optimize import brentq

    def missing(difference: float) -> float:
        return power(difference, 1.0, runs) - POWER

    return deviation * float(brentq(missing, 0.0, 20.0, xtol=1e-9))


def runs_needed(difference: float, deviation: float) -> int:
    """Return how many pairs show a difference above 0 with a chance of `POWER`; 2 or more."""
    low, high = 1, 2
    while power(difference, deviation, high) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if power(difference, deviation, middle) < POWER:
            low = middle
        else:
            high = middle
    return high


def verdict(pair: Mapping[str, Any], score: str) -> str:
    """Say in one sentence what a comparison of two solvers shows of a score.

    pair: what `compare.results.statistics.compare` returns; score: the name of a share.
    One of three: there are not enough runs to say; there is an effect of this size; no effect
    larger than d is shown, d being the end of the 95 % interval that is farther from 0.
    """
    found = pair["differences"].get(score) or {}
    mean, low, high = (found.get(name) for name in ("mean", "low95", "high95"))
    seeds = pair["seeds"]
    if not pair["paired"] or seeds < LEAST_SEEDS or mean is None or low is None or high is None:
        return f"not enough runs to say; it takes {LEAST_SEEDS} pairs of runs of one seed"
    about = f"n = {seeds} seeds in pairs, 95 % interval by t"
    if low > 0 or high < 0:
        points, *ends = (f"{100 * value:+.2f}" for value in (mean, low, high))
        return f"an effect of {points} points ({'..'.join(ends)}; {about})"
    largest = 100 * max(abs(low), abs(high))
    return f"no effect larger than {largest:.2f} points shown ({about})"
