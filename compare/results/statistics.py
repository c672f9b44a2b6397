"""What runs come to over seeds, and how two solvers compare. Nothing here knows the solver.

The unit that was repeated is the seed, so intervals are over seeds. The positions of one canvas
are no sample of anything: at how many of them a solver is correct is counted, not tested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.files import Record
from compare.learned.recipe import Recipe
from compare.results.ledger import of_record, total
from compare.results.power import verdict
from compare.tasks.base import Scores

__all__ = [
    "by_solver",
    "compare",
    "compare_all",
    "describe",
    "spread",
    "summarise",
    "unfinished",
    "wilson",
]


def by_solver(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """Gather runs by their split and solver, in order of appearance."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        arguments = record["arguments"]
        groups.setdefault((arguments["split"], arguments["solver"]), []).append(record)
    return groups


def summarise(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Summarise the runs of each split and solver over their seeds, in order of appearance."""
    return [_summary(runs) for runs in by_solver(records).values()]


def _summary(runs: Sequence[Record]) -> dict[str, Any]:
    first = runs[0]
    arguments = first["arguments"]

    def over_seeds(scores: list[Scores | None]) -> dict[str, dict[str, float]] | None:
        known = [each for each in scores if each is not None]
        return {key: describe([s[key] for s in known]) for key in _shared(known)} if known else None

    successes = sum(run["success"] for run in runs)
    return {
        "task": arguments["task"],
        "split": arguments["split"],
        "solver": arguments["solver"],
        "seeds": [run["arguments"]["seed"] for run in runs] if arguments["recipe"] else [],
        "recipe": arguments["recipe"],
        "published_epochs": first["published_epochs"],
        "published_steps": first.get("published_steps"),
        "preset": first.get("preset"),
        "unfinished": unfinished(first),
        "samples": first["samples"],
        "scores": {
            part: over_seeds([run["scores"].get(part) for run in runs]) for part in first["scores"]
        },
        "correct": describe([sum(run["correct"].values()) for run in runs])
        if all(run["correct"] for run in runs)
        else None,
        "success": {"runs": successes, "of": len(runs), "wilson95": wilson(successes, len(runs))},
        "diverged": sum(run["status"] == "diverged" for run in runs),
        "cost": first["cost"],
        "ledger": asdict(total(map(of_record, runs))),
        "samples_a_second": _median_of(runs, "samples_a_second"),
        "waiting_share": _waiting(runs),
        "train_seconds": describe([run["timing"]["train_seconds"] for run in runs]),
        "predict_microseconds": describe([run["timing"]["predict_microseconds"] for run in runs]),
    }


def unfinished(record: Record) -> bool:
    """Say whether a training stopped before the published number of epochs, or of steps."""
    recipe = record["arguments"]["recipe"]
    if not recipe:
        return False
    if (steps := record.get("published_steps")) is not None:
        return (Recipe(**recipe).steps or 0) < int(steps)
    return int(recipe["epochs"]) < (record["published_epochs"] or 0)


def _median_of(runs: Sequence[Record], name: str) -> float | None:
    """Return the median of a time that is known of each run; None if it is not of one."""
    values = [run["timing"].get(name) for run in runs]
    return None if None in values else _median(np.sort(np.asarray(values, dtype=float)))


def _waiting(runs: Sequence[Record]) -> float | None:
    """Return the share of the training that had to wait for data; None where nobody looked."""
    waits = [run["timing"].get("waiting_seconds") for run in runs]
    trained = sum(run["timing"]["train_seconds"] for run in runs)
    return None if None in waits or not trained else float(sum(waits) / trained)


def _shared(scores: Sequence[Scores]) -> list[str]:
    """Return the names that all have, in order."""
    return [name for name in scores[0] if all(name in each for each in scores)]


def spread(numbers: Sequence[float]) -> dict[str, float]:
    """Return the median and the range."""
    values = np.sort(np.asarray(numbers, dtype=float))
    return {"median": _median(values), "min": float(values[0]), "max": float(values[-1])}


def describe(numbers: Sequence[float]) -> dict[str, float]:
    """Return the median, the range and a bootstrap interval for the median, 95 %.

    The interval is left out for fewer than three numbers, which say nothing about others.
    """
    from scipy.stats import bootstrap

    result = spread(numbers)
    values = np.sort(np.asarray(numbers, dtype=float))
    if len(values) >= 3:
        # Of the median's rank among the sorted numbers, since some of those may be infinite.
        ranks = np.arange(len(values))
        low, high = bootstrap((ranks,), np.median, method="percentile", rng=0).confidence_interval
        result["low95"], result["high95"] = values[int(low)], values[int(np.ceil(high))]
    return {name: float(value) for name, value in result.items()}


def _median(values: NDArray[Any]) -> float:
    # Not np.median: the mean of two infinite errors would be a warning.
    low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
    return float(low if low == high else (low + high) / 2)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval for a success rate (Wilson 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def compare_all(
    records: Sequence[Record], score: str | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Compare every two solvers of each split on its held-out samples; see `compare`."""
    groups = by_solver(records)
    splits = dict.fromkeys(split for split, _ in groups)
    return {
        split: [
            compare(groups[first], groups[second], score)
            for first, second in combinations([key for key in groups if key[0] == split], 2)
        ]
        for split in splits
    }


def compare(
    first: Sequence[Record], second: Sequence[Record], score: str | None = None
) -> dict[str, Any]:
    """Compare the runs of two solvers: each held-out score of the first less the second's.

    Where both learn, runs are paired by seed if they share two or more; a solver that learns
    nothing has one run, which stands beside each of the other's. Returns the solvers, how many
    `seeds` the differences are over (0 if neither learns), whether they are `paired`, and of each
    score the mean difference with its 95 % interval over seeds, None where there is none: of one
    seed, or of scores that are not finite. If a `score` is named and both learn, `verdict` says in
    a sentence what the comparison shows of it.
    """
    one, other = (
        {run["arguments"]["seed"]: run["scores"]["test"] for run in runs}
        for runs in (first, second)
    )
    learns = [runs[0]["arguments"]["recipe"] is not None for runs in (first, second)]
    shared = sorted(one.keys() & other.keys()) if all(learns) else []
    paired = len(shared) >= 2
    if all(learns) and paired:
        pairs = [(one[seed], other[seed]) for seed in shared]
    elif all(learns):
        pairs = []
    else:
        pairs = [(a, b) for a in one.values() for b in other.values()]
    names = _shared([*one.values(), *other.values()])
    differences = {
        name: _interval([a[name] - b[name] for a, b in pairs])
        if pairs
        else _welch([a[name] for a in one.values()], [b[name] for b in other.values()])
        for name in names
    }
    found = {
        "solvers": [runs[0]["arguments"]["solver"] for runs in (first, second)],
        "seeds": len(pairs)
        if any(learns) and pairs
        else (min(len(one), len(other)) if all(learns) else 0),
        "paired": paired,
        "differences": differences,
    }
    if score is not None and all(learns):
        found["verdict"] = verdict(found, score)
    return found


def _interval(values: Sequence[float]) -> dict[str, float | None]:
    """Return the mean and its 95 % interval by Student's t, for independent differences."""
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).all():
        return {"mean": None, "low95": None, "high95": None}
    if len(array) < 2:
        return {"mean": float(array[0]), "low95": None, "high95": None}
    return _around(
        float(array.mean()), float(array.std(ddof=1)) / math.sqrt(len(array)), len(array) - 1
    )


def _welch(first: Sequence[float], second: Sequence[float]) -> dict[str, float | None]:
    """Return the difference of means and its 95 % interval for unequal variances (Welch 1947)."""
    a, b = (np.asarray(values, dtype=float) for values in (first, second))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return {"mean": None, "low95": None, "high95": None}
    mean = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2:
        return {"mean": mean, "low95": None, "high95": None}
    parts = [float(values.var(ddof=1)) / len(values) for values in (a, b)]
    weights = [part**2 / (len(values) - 1) for part, values in zip(parts, (a, b), strict=True)]
    freedom = sum(parts) ** 2 / sum(weights) if sum(weights) else 1.0
    return _around(mean, math.sqrt(sum(parts)), freedom)


def _around(mean: float, error: float, freedom: float) -> dict[str, float | None]:
    from scipy.special import stdtrit

    margin = float(stdtrit(freedom, 0.975)) * error
    return {"mean": mean, "low95": mean - margin, "high95": mean + margin}
