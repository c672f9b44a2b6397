"""A picture to its class: does a coordinate channel help where position does not matter?

The CoordConv paper (Liu et al. 2018, arXiv:1807.03247, section 5) puts one CoordConv layer in front
of a ResNet-50 and finds 0.04 points of top-5 accuracy on ImageNet, over five runs each. Here the
pictures are handwritten digits on a canvas (`compare.datasets.digits`, which has the splits).
Networks put out a logit for each class, and answers are probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split, digits, folder
from compare.errors import UsageError
from compare.tasks import BUILT_IN
from compare.tasks.base import Column, Samples, Scores, Supervision, Task, alike, by_sample

__all__ = ["TASK", "TOP", "decode", "encode", "measure", "of_folder", "score"]

TOP = 5
"""Classes among which the right one may be; scored where there are more than twice as many."""


def encode(samples: NDArray[Any], height: int, width: int) -> NDArray[np.int64]:
    """Return the label of each sample, (n,), which is the last thing it is known by."""
    return np.asarray(samples[:, -1])


def decode(outputs: NDArray[Any], height: int, width: int, loss: str) -> NDArray[Any]:
    """Return the softmax of logits, (n, classes)."""
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def measure(answers: NDArray[Any], targets: NDArray[Any]) -> Samples:
    """Measure probabilities against one-hot targets, (n, classes) both.

    prediction: the likeliest class; correct: it is the right one; error: the probability given to
    other classes; top5, of eleven classes or more: the right one is among the five likeliest. An
    answer that is no number is wrong, and so is a tie with another class.
    """
    right = targets.argmax(axis=1)
    given = np.take_along_axis(answers, right[:, None], axis=1)
    # NaN compares as false, so the number of classes before it must not be counted by `>=`.
    known = np.isfinite(answers).all(axis=1)
    before = (answers >= given).sum(axis=1) - 1
    error = np.where(known, 1 - given[:, 0].astype(np.float64), 1.0)
    samples = {
        "prediction": answers.argmax(axis=1),
        "correct": known & (before == 0),
        "error": error.clip(0, 1),
    }
    if answers.shape[1] > 2 * TOP:
        samples["top5"] = known & (before < TOP)
    return samples


def score(samples: Mapping[str, NDArray[Any]]) -> Scores:
    """Score classes: accuracy, mean error, and top-5 accuracy where it was measured."""
    scores = {
        "accuracy": float(samples["correct"].mean()),
        "mean_error": float(samples["error"].mean()),
    }
    if "top5" in samples:
        scores["top5"] = float(samples["top5"].mean())
    return scores


def of_folder(directory: str) -> Task:
    """Return the task on the pictures in a folder, `train/CLASS/*` and `val/CLASS/*`.

    Its one split, `folder`, holds out those of `val`. Networks are scored by the likeliest class
    and by the five likeliest; of five classes or fewer the latter says nothing.
    """

    def split(name: str, height: int, width: int) -> Split:
        if name != "folder":
            raise UsageError(f"unknown split '{name:.40}'; choose from: folder")
        return folder.split_of(folder.open_folder(directory), height, width)

    def all_samples(height: int, width: int) -> Dataset:
        return split("folder", height, width).test

    def measured(answers: NDArray[Any], targets: NDArray[Any]) -> Samples:
        samples = measure(answers, targets)
        if "top5" not in samples:
            few = answers.shape[1] <= TOP
            given = (answers * targets).sum(axis=1, keepdims=True)
            samples["top5"] = few | ((answers >= given).sum(axis=1) <= TOP)
        return samples

    return replace(
        TASK,
        summary=f"a picture of '{directory}' to its class",
        splits=("folder",),
        split=split,
        all_samples=all_samples,
        evaluate=by_sample(alike(measured), score, lambda scores: scores["accuracy"] >= 0.95),
        columns=(
            Column("accuracy", "top-1", share=True),
            Column("top5", "top-5", share=True),
            Column("mean_error", "mean error", digits=4),
        ),
        legend="""\
top-1: the likeliest class is the right one. top-5: the right one is among the
five likeliest. mean error: the probability given to the other classes.""",
        of_folder=None,
    )


TASK = Task(
    name="classification",
    summary=BUILT_IN["classification"],
    splits=digits.SPLITS,
    split=digits.split,
    all_samples=digits.all_samples,
    evaluate=by_sample(alike(measure), score, lambda scores: scores["accuracy"] >= 0.95),
    columns=(
        Column("accuracy", "accuracy", share=True),
        Column("mean_error", "mean error", digits=4),
    ),
    legend="""\
accuracy: the likeliest class is the right one. mean error: the probability
given to the other classes, from 0 to 1.""",
    error="probability of other classes",
    criterion="95 % of the held-out pictures right",
    noun="pictures",
    supervision=Supervision(("softmax",), encode, decode),
    verdict="accuracy",
    of_folder=of_folder,
)
