"""How the benchmarks of speed take their times: alternatives in turn, medians."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np

from compare.experiments.environment import cores

SECONDS = 0.5
"""About how long each alternative is measured."""

TURN = 0.005
"""About how many seconds a turn takes, but for calls that take longer."""

REST = 0.06
"""Seconds before a turn: threads of BLAS and OpenMP go on spinning for a while after their work."""

Ways = dict[str, Callable[[], object]]
"""What is timed, by name."""


def medians(ways: Ways, turn: float = TURN) -> dict[str, float]:
    """Return the median seconds of a call of each, taking turns of so many seconds or longer."""
    calls = {name: calls_in_a_turn(way, turn) for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    started = time.perf_counter()
    while time.perf_counter() - started < SECONDS * len(ways) or min(map(len, times.values())) < 5:
        for name, way in ways.items():
            time.sleep(REST)
            way()  # what the one before left in the caches, and its threads, are not its cost
            times[name].append(seconds(way, calls[name]))
    return {name: float(np.median(each)) for name, each in times.items()}


def calls_in_a_turn(way: Callable[[], object], turn: float) -> int:
    """Return how many calls take about as long as a turn."""
    calls = 1
    while seconds(way, calls) * calls < turn:
        calls *= 2
    return calls


def seconds(way: Callable[[], object], calls: int) -> float:
    """Return the mean seconds of so many calls in a row."""
    turns = range(calls)
    before = time.perf_counter()
    for _ in turns:
        way()
    return (time.perf_counter() - before) / calls


def report(about: str, measure: Callable[[], dict[str, object]]) -> None:
    """Measure, and write what came of it to the file that `--json` names."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write the seconds here too")
    file = parser.parse_args().json
    packages = ("numpy", "scipy", "torch", "jax")
    machine: dict[str, object] = {
        "processor": platform.processor() or platform.machine(),
        "cores": cores(),
        **{package: version(package) for package in packages if find_spec(package)},
    }
    results = {"machine": machine, **measure()}
    if file:
        with open(file, "w", encoding="utf-8") as stream:
            json.dump(results, stream, indent=2)
