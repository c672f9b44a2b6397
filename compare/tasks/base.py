"""What a task is, and the evaluation of a model on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:  # `compare list` does without NumPy
    from numpy.typing import NDArray

    from compare.datasets import Dataset, Split

__all__ = [
    "Column",
    "Evaluation",
    "Measure",
    "Predictor",
    "Samples",
    "Scores",
    "Supervision",
    "Task",
    "alike",
    "by_sample",
    "samples_by_part",
]

Samples: TypeAlias = "dict[str, NDArray[Any]]"
"""Arrays with a row for each sample, by name."""

Scores: TypeAlias = dict[str, float]
"""Figures for all samples, by name."""


class Predictor(Protocol):
    """What a task can evaluate: a model, whoever made it."""

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Map a batch of inputs to answers in the task's own units."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What a model came to on some samples."""

    samples: Samples
    """An array for each thing that is known of a sample, with the sample first. Names that figures
    and comparisons look for: `position`, (n, 2) in pixels; `prediction`; `exact`, equal to the
    target with nothing rounded; `correct`, right in the task's own sense; `error`, in its unit."""
    scores: Scores
    success: bool
    """Whether a run with these scores on held-out samples counts as solved."""


def samples_by_part(evaluations: Mapping[str, Evaluation]) -> Samples:
    """Return every part's samples under names such as "test_error", as runs store them."""
    return {
        f"{part}_{name}": array
        for part, evaluation in evaluations.items()
        for name, array in evaluation.samples.items()
    }


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
class Supervision:
    """What supervised training needs to know of a task."""

    losses: tuple[str, ...]
    """The names of the losses that fit, the default first."""
    encode: Callable[[NDArray[Any], int, int], NDArray[Any]]
    """(positions, height, width) to what a learned network is trained to put out."""
    decode: Callable[[NDArray[Any], int, int, str], NDArray[Any]]
    """(network outputs, height, width, loss) to answers, in the targets' own units."""


@dataclass(frozen=True)
class Task:
    """A mapping to be computed, with its data and how an answer is evaluated."""

    name: str
    summary: str
    """What it maps to what, in the words of `compare list`."""
    splits: tuple[str, ...]
    split: Callable[[str, int, int], Split]
    """(split, height, width) to the data; UsageError for a canvas that is too small."""
    all_samples: Callable[[int, int], Dataset]
    """(height, width) to every sample there is; UsageError for a canvas that is too small."""
    evaluate: Callable[[Predictor, Dataset], Evaluation]
    """(model, data) to what the model comes to; `by_sample` makes one."""
    columns: tuple[Column, ...]
    """The scores that the table shows, and by which solvers are compared."""
    legend: str
    """What the columns mean."""
    error: str
    """What the error of one sample is, with its unit."""
    criterion: str
    """When a run counts as a success, in a few words."""
    noun: str = "samples"
    """What its samples are, in the plural."""
    supervision: Supervision | None = None
    """None for a task that no supervised training fits."""
    of_folder: Callable[[str], Task] | None = None
    """(directory) to the same task on the pictures in it; None for one that has none. Nothing is
    read before they are asked for."""
    verdict: str | None = None
    """A score, a share, by which it is said in a sentence whether trained solvers differ."""
    least: tuple[str, float] | None = None
    """A score below which nothing is concluded about a solver, for the others are of too few
    samples."""


Measure: TypeAlias = "Callable[[NDArray[Any], NDArray[Any]], Samples]"
"""(answers, targets) to arrays with the sample first."""


def alike(measure: Measure) -> Measure:
    """Make a measure refuse, by ValueError, answers that are not numbers of the targets' shape.

    Some of those would be broadcast, and compared with the wrong targets.
    """

    def measured(answers: NDArray[Any], targets: NDArray[Any]) -> Samples:
        import numpy as np

        if np.shape(answers) != targets.shape or np.asarray(answers).dtype.kind not in "biuf":
            raise ValueError(
                f"the model answered with {type(answers).__name__} of shape "
                f"{np.shape(answers)}; numbers of shape {targets.shape} were expected"
            )
        return measure(answers, targets)

    return measured


def by_sample(
    measure: Measure,
    score: Callable[[Mapping[str, NDArray[Any]]], Scores],
    succeeded: Callable[[Scores], bool],
) -> Callable[[Predictor, Dataset], Evaluation]:
    """Make an evaluation that predicts and measures a few megabytes of samples at a time.

    measure: (answers, targets) to arrays with the sample first; score: these, for all samples, to
    figures; succeeded: scores to whether the run counts as a success.
    """

    def evaluate(model: Predictor, data: Dataset) -> Evaluation:
        import numpy as np

        parts = [
            measure(model.predict(data.inputs(part)), data.targets(part)) for part in data.chunks()
        ]
        samples = {"position": data.positions}
        for name in parts[0]:
            samples[name] = np.concatenate([part[name] for part in parts])
        scores = score(samples)
        return Evaluation(samples, scores, bool(succeeded(scores)))

    return evaluate
