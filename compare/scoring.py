"""Scores of one run, and what they come to over seeds. Nothing here knows the solver."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import reduce
from operator import getitem
from typing import Any

import numpy as np
from numpy.typing import NDArray


def coordinate_error(predictions: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Euclidean distance in pixels between (n, 2) coordinates, (n,)."""
    difference = predictions.astype(np.float64) - targets.astype(np.float64)
    return np.hypot(difference[:, 0], difference[:, 1])


def coordinate_scores(predictions: NDArray[Any], targets: NDArray[Any]) -> dict[str, float]:
    """Score (n, 2) coordinates in pixels.

    exact: share of samples equal to the target in both coordinates, nothing rounded.
    rounded: share that is right after rounding to whole pixels. mean_error, worst_error: of the
    Euclidean distance, in pixels; infinite where a prediction is not a number.
    """
    error = coordinate_error(predictions, targets)
    error = np.where(np.isnan(error), np.inf, error)
    return {
        "exact": float(np.mean(np.all(predictions == targets, axis=1))),
        "rounded": float(np.mean(np.all(np.rint(predictions) == targets, axis=1))),
        "mean_error": float(np.mean(error)),
        "worst_error": float(np.max(error)),
    }


def microseconds_a_sample(predict: Callable[[Any], Any], inputs: NDArray[Any]) -> float:
    """Return the median time of five predictions of the same batch, for one sample of it."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        predict(inputs)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) / len(inputs) * 1e6


def summarise(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gather the runs of each split and solver over their seeds, in order of appearance.

    Each score becomes {"median", "min", "max"}; `within_half_pixel` is the share of runs whose
    worst error on the held-out positions is under half a pixel.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["split"], record["solver"]), []).append(record)
    return [_summary(runs) for runs in groups.values()]


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    first = runs[0]

    def spread(path: str) -> dict[str, float]:
        values = np.array([reduce(getitem, path.split("."), run) for run in runs], dtype=float)
        # Not np.median: the mean of two infinite errors would be a warning.
        middle = np.sort(values)[[(len(values) - 1) // 2, len(values) // 2]]
        median = middle[0] if middle[0] == middle[1] else middle.mean()
        return {"median": float(median), "min": float(values.min()), "max": float(values.max())}

    within = [run["scores"]["test"]["worst_error"] < 0.5 for run in runs]
    return {
        "task": first["task"],
        "split": first["split"],
        "solver": first["solver"],
        "seeds": [run["seed"] for run in runs] if first["epochs"] else [],
        "epochs": first["epochs"],
        "held_out": first["samples"]["test"],
        "test": {name: spread(f"scores.test.{name}") for name in first["scores"]["test"]},
        "train": {name: spread(f"scores.train.{name}") for name in first["scores"]["train"]},
        "within_half_pixel": sum(within) / len(within),
        "diverged": sum(run["status"] == "diverged" for run in runs),
        "cost": first["cost"],
        "train_seconds": spread("timing.train_seconds"),
        "predict_microseconds": spread("timing.predict_microseconds"),
    }
