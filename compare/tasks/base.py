"""What a task is, and the measures and scores of its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from compare.datasets import Dataset, Split


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


def joined(parts: list[Measures]) -> Measures:
    """Put the measures of consecutive samples together."""
    return Measures(
        np.concatenate([part.exact for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.error for part in parts]),
    )


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
