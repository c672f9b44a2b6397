"""The tasks by name; a task's module is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from compare import UsageError
from compare.backends import Array
from compare.datasets import Split

__all__ = ["SUMMARIES", "Task", "load"]

SUMMARIES = {
    "onehot2coord": "a bitmap with one hot pixel to that pixel's (x, y)",
}
"""Every task and what it maps to what, in the words of `compare list`."""


@dataclass(frozen=True)
class Task:
    """A mapping to be computed, with its data, its loss and its scores."""

    name: str
    splits: tuple[str, ...]
    split: Callable[[str, int, int], Split]
    """(split, height, width) to the data; UsageError for a canvas that is too small."""
    encode: Callable[[NDArray[Any], int, int], NDArray[Any]]
    """(targets, height, width) to what a learned network is trained to put out."""
    decode: Callable[[NDArray[Any], int, int], NDArray[Any]]
    """(network outputs, height, width) back to targets' units."""
    loss: Callable[[Any, Array, Array], Array]
    """(xp, network outputs, encoded targets) to the mean loss, a scalar."""
    score: Callable[[NDArray[Any], NDArray[Any]], dict[str, float]]
    """(predictions, targets) to figures by name."""
    error: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
    """(predictions, targets) to each sample's error in pixels, (n,)."""


def load(name: str) -> Task:
    """Import a task; UsageError lists the tasks if there is no such."""
    if name not in SUMMARIES:
        raise UsageError(f"unknown task '{name}'; choose from: {', '.join(SUMMARIES)}")
    task: Task = import_module(f"compare.tasks.{name}").TASK
    return task
