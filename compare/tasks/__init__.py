"""The tasks by name; a task's module is imported when it is asked for.

Other packages add theirs under the entry-point group `compare.tasks`: the entry's name is the
task's, its value "module:TASK".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from compare import UsageError
from compare.plugins import plugins

if TYPE_CHECKING:  # `compare list` does without NumPy
    from numpy.typing import NDArray

    from compare.datasets import Dataset, Split
    from compare.scoring import Measures, Scores

__all__ = ["BUILT_IN", "Column", "Task", "known", "load", "summary"]

BUILT_IN = {
    "onehot2coord": "a bitmap with one hot pixel to that pixel's (x, y)",
    "coord2onehot": "(x, y) to the bitmap with that one pixel hot",
    "coord2image": "(x, y) to the picture of a 9x9 square centred there",
    "image2coord": "the picture of a 9x9 square to its centre's (x, y)",
}
"""What each built-in task maps to what."""


@dataclass(frozen=True)
class Column:
    """A score as the table shows it."""

    score: str
    title: str
    share: bool = False
    """Whether it is a share of the samples, printed as a percentage."""
    digits: int | None = None
    """Decimals; three figures if None."""


@dataclass(frozen=True)
class Task:
    """A mapping to be computed, with its data, its losses and its scores."""

    name: str
    summary: str
    """What it maps to what, in the words of `compare list`."""
    splits: tuple[str, ...]
    split: Callable[[str, int, int], Split]
    """(split, height, width) to the data; UsageError for a canvas that is too small."""
    everywhere: Callable[[int, int], Dataset]
    """(height, width) to every sample there is; UsageError for a canvas that is too small."""
    losses: tuple[str, ...]
    """The names of the losses that fit, the default first."""
    encode: Callable[[NDArray[Any], int, int], NDArray[Any]]
    """(positions, height, width) to what a learned network is trained to put out."""
    decode: Callable[[NDArray[Any], int, int, str], NDArray[Any]]
    """(network outputs, height, width, loss) to answers, in the targets' own units."""
    keep: Callable[[NDArray[Any]], NDArray[Any]]
    """(answers) to what is stored of them, with the sample first."""
    measure: Callable[[NDArray[Any], NDArray[Any]], Measures]
    """(answers, targets) to figures for each sample."""
    score: Callable[[Measures], Scores]
    """Figures for each sample to figures for all of them."""
    columns: tuple[Column, ...]
    """The scores that the table shows."""
    legend: str
    """What the columns mean."""
    error: str
    """What the error of one sample is, with its unit."""
    success: str
    """When a run counts as a success, in a few words."""
    succeeded: Callable[[Scores], bool]
    """(held-out scores) to whether it is one."""
    epochs: dict[str, int]
    """How long each preset trains."""


def known() -> tuple[str, ...]:
    """Return the names of all tasks, the built-in ones first."""
    others = (point.name for point in plugins("compare.tasks"))
    return tuple(dict.fromkeys((*BUILT_IN, *others)))


def summary(name: str) -> str:
    """Return what a task maps to what; a built-in one is not imported for that."""
    return BUILT_IN.get(name) or load(name).summary


def load(name: str) -> Task:
    """Import a task; UsageError lists the tasks if there is no such."""
    if name in BUILT_IN:
        task: Task = import_module(f"compare.tasks.{name}").TASK
        return task
    for point in plugins("compare.tasks").select(name=name):
        task = point.load()
        return task
    raise UsageError(f"unknown task '{name}'; choose from: {', '.join(known())}")
