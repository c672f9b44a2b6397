"""Scores of one run, and what runs come to over seeds. Nothing here knows the solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.tasks.base import Scores


def summarise(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gather the runs of each split and solver over their seeds, in order of appearance."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["split"], record["solver"]), []).append(record)
    return [_summary(runs) for runs in groups.values()]


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    first = runs[0]

    def spreads(scores: list[Scores | None]) -> dict[str, dict[str, float]] | None:
        known = [each for each in scores if each is not None]
        return {key: spread([s[key] for s in known]) for key in known[0]} if known else None

    successes = sum(run["success"] for run in runs)
    return {
        "task": first["task"],
        "split": first["split"],
        "solver": first["solver"],
        "seeds": [run["seed"] for run in runs] if first["epochs"] else [],
        "epochs": first["epochs"],
        "recipe": first["recipe"],
        "held_out": first["samples"]["test"],
        "trained_on": first["samples"]["train"],
        "test": spreads([run["scores"]["test"] for run in runs]),
        "train": spreads([run["scores"]["train"] for run in runs]),
        "elsewhere": {
            size: spreads([run["elsewhere"][size] for run in runs]) for size in first["elsewhere"]
        },
        "success": {"runs": successes, "of": len(runs), "wilson95": wilson(successes, len(runs))},
        "diverged": sum(run["status"] == "diverged" for run in runs),
        "cost": first["cost"],
        "train_seconds": spread([run["timing"]["train_seconds"] for run in runs]),
        "predict_microseconds": spread([run["timing"]["predict_microseconds"] for run in runs]),
    }


def spread(numbers: list[float]) -> dict[str, float]:
    """Return the median, the range and a bootstrap interval for the median, 95 %.

    The interval is left out for fewer than three numbers, which say nothing about others.
    """
    from scipy.stats import bootstrap

    values = np.sort(np.asarray(numbers, dtype=float))
    result = {"median": _median(values), "min": values[0], "max": values[-1]}
    if len(values) >= 3:
        # Of the median's place among the sorted numbers, since some of those may be infinite.
        places = np.arange(len(values))
        low, high = bootstrap((places,), np.median, method="percentile", rng=0).confidence_interval
        result["low95"], result["high95"] = values[int(low)], values[int(np.ceil(high))]
    return {name: float(value) for name, value in result.items()}


def _median(values: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    # Not np.median: the mean of two infinite errors would be a warning.
    ordered = np.sort(values, axis=axis)
    middle = (ordered.shape[axis] - 1) // 2, ordered.shape[axis] // 2
    low, high = (np.take(ordered, place, axis=axis) for place in middle)
    return np.asarray(np.where(low == high, low, (low + high) / 2))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval for a success rate (Wilson 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Outcome:
    """What a solver came to at each held-out position, over its seeds, (n,) each."""

    solver: str
    seeds: int
    right: NDArray[np.bool_]
    """Right for more than half of the seeds."""
    error: NDArray[np.float64]
    """The median over the seeds."""


def outcome(solver: str, right: list[NDArray[Any]], error: list[NDArray[Any]]) -> Outcome:
    """Take the seeds of a solver together."""
    return Outcome(solver, len(right), np.mean(right, axis=0) > 0.5, _median(np.stack(error), 0))


def paired(first: Outcome, second: Outcome) -> dict[str, Any]:
    """Compare two solvers on the same positions.

    McNemar's exact test for right and wrong, with the difference of the shares right as its effect;
    Wilcoxon's signed-rank test for the errors, with the rank-biserial correlation, from -1 (the
    first solver's error is the smaller everywhere) to 1.
    """
    from scipy.stats import binomtest, rankdata, wilcoxon

    only_first = int(np.sum(first.right & ~second.right))
    only_second = int(np.sum(second.right & ~first.right))
    discordant = only_first + only_second
    # Infinite errors are equal to each other and larger than all others.
    largest = 1 + max(
        (float(e[np.isfinite(e)].max(initial=0)) for e in (first.error, second.error)), default=0
    )
    a, b = (np.where(np.isfinite(e), e, largest) for e in (first.error, second.error))
    difference = a - b
    differing = difference[difference != 0]
    ranks = rankdata(np.abs(differing))
    total = ranks.sum()
    return {
        "solvers": [first.solver, second.solver],
        "positions": len(difference),
        "only_first_right": only_first,
        "only_second_right": only_second,
        "mcnemar_p": float(binomtest(only_first, discordant).pvalue) if discordant else 1.0,
        "right_difference": float(first.right.mean() - second.right.mean()),
        "first_closer": float(np.mean(difference < 0)),
        "second_closer": float(np.mean(difference > 0)),
        "wilcoxon_p": float(wilcoxon(differing).pvalue) if len(differing) else 1.0,
        "rank_biserial": float(ranks @ np.sign(differing) / total) if total else 0.0,
    }
