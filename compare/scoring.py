"""Scores of one run, and what runs come to over seeds. Nothing here knows the solver."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Measures:
    """What came of each sample, (n,) each."""

    exact: NDArray[np.bool_]
    """Equal to the target in every coordinate or pixel, nothing rounded."""
    right: NDArray[np.bool_]
    """Right after rounding, in the task's own sense."""
    error: NDArray[np.float64]
    """How far off, in the task's own unit; infinite where an answer is not a number."""


Scores: TypeAlias = dict[str, float]
"""Figures for all samples, by name."""


def coordinate_error(answers: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Euclidean distance in pixels between (n, 2) coordinates, (n,)."""
    difference = answers.astype(np.float64) - targets.astype(np.float64)
    error = np.hypot(difference[:, 0], difference[:, 1])
    return np.where(np.isnan(error), np.inf, error)


def coordinate_measures(answers: NDArray[Any], targets: NDArray[Any]) -> Measures:
    """Measure (n, 2) coordinates; right: equal after rounding to whole pixels."""
    return Measures(
        np.all(answers == targets, axis=1),
        np.all(np.rint(answers) == targets, axis=1),
        coordinate_error(answers, targets),
    )


def coordinate_scores(measures: Measures) -> Scores:
    """Score coordinates: shares exact and right when rounded, mean and worst error in pixels."""
    return {
        "exact": float(measures.exact.mean()),
        "rounded": float(measures.right.mean()),
        "mean_error": float(measures.error.mean()),
        "worst_error": float(measures.error.max()),
    }


def brightest(bitmaps: NDArray[Any]) -> NDArray[np.int64]:
    """Return the brightest pixel, (x, y), of each of (n, 1, height, width) bitmaps."""
    flat = bitmaps.reshape(len(bitmaps), -1).argmax(axis=1)
    y, x = np.divmod(flat, bitmaps.shape[-1])
    return np.stack([x, y], axis=1)


def bitmap_measures(answers: NDArray[Any], targets: NDArray[Any]) -> Measures:
    """Measure (n, 1, height, width) bitmaps; right: the brightest pixel is the hot one."""
    error = coordinate_error(brightest(answers), brightest(targets))
    error[np.isnan(answers).any(axis=(1, 2, 3))] = np.inf
    return Measures(np.all(answers == targets, axis=(1, 2, 3)), error == 0, error)


def bitmap_scores(measures: Measures) -> Scores:
    """Score one-hot bitmaps: share exact, accuracy, mean and worst distance in pixels."""
    return {
        "exact": float(measures.exact.mean()),
        "accuracy": float(measures.right.mean()),
        "mean_error": float(measures.error.mean()),
        "worst_error": float(measures.error.max()),
    }


def rounded_bits(pictures: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (n, 1, height, width) pictures rounded to 0 and 1, eight pixels a byte."""
    return np.packbits(pictures.reshape(len(pictures), -1) > 0.5, axis=1)


def picture_measures(answers: NDArray[Any], targets: NDArray[Any]) -> Measures:
    """Measure (n, 1, height, width) pictures of 0 and 1; the error is 1 - IoU once rounded."""
    axes = (1, 2, 3)
    painted, wanted = answers > 0.5, targets > 0.5
    union = np.sum(painted | wanted, axis=axes)
    iou = np.sum(painted & wanted, axis=axes) / np.maximum(union, 1)
    return Measures(
        np.all(answers == targets, axis=axes),
        np.all(painted == wanted, axis=axes),
        np.where(union == 0, 0.0, 1 - iou),
    )


def picture_scores(measures: Measures) -> Scores:
    """Score pictures: shares exact and right when rounded, mean and worst IoU."""
    return {
        "exact": float(measures.exact.mean()),
        "rounded": float(measures.right.mean()),
        "mean_iou": float(1 - measures.error.mean()),
        "worst_iou": float(1 - measures.error.max()),
    }


def joined(parts: list[Measures]) -> Measures:
    """Put the measures of consecutive samples together."""
    return Measures(
        np.concatenate([part.exact for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.error for part in parts]),
    )


def microseconds_a_sample(predict: Callable[[Any], Any], inputs: NDArray[Any]) -> float:
    """Return the median time of five predictions of the same batch, for one sample of it."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        predict(inputs)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) / len(inputs) * 1e6


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
