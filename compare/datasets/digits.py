"""Handwritten digits on a larger canvas, by three rules for where they stand.

The digits are the 1,797 pictures of 8x8 pixels that scikit-learn ships, the test set of "Optical
Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998, doi.org/10.24432/C50P49). No digit is
both trained on and held out, whatever the split. Digits and positions come from random streams of
their own: they depend on the split and the canvas, never on the seed of a training.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split
from compare.datasets.streams import random_stream
from compare.errors import UsageError, choice

__all__ = [
    "CLASSES",
    "HELD_OUT",
    "POSITIONS",
    "SIDE",
    "SPLITS",
    "all_samples",
    "one_hot",
    "pictures",
    "split",
]

SIDE = 8
"""Pixels of a digit's side."""

CLASSES = 10

HELD_OUT = 597
"""Digits that no split trains on; the other 1,200 are trained on."""

POSITIONS = 8
"""Positions that each digit trained on stands at, one picture for each: all the augmentation there
is, and the same for every solver. A digit that is held out stands at one."""

SPLITS = ("irrelevant", "relevant", "disjoint")
"""irrelevant: digits stand anywhere, and the label is the digit. relevant: they stand in the left
or the right half of the canvas, and in the right one the label is the digit plus 5, modulo 10.
disjoint: the label is the digit; digits trained on stand in the left half, others in the right."""


def split(name: str, height: int, width: int) -> Split:
    """Return the pictures of a split, known by (x, y, digit, label), (n, 4) int64.

    x and y are the column and row of the digit's top left pixel; digit is its number in
    scikit-learn's order. Inputs are pictures from 0 to 1, (n, 1, height, width); targets one-hot
    labels, (n, 10). UsageError for no split, a canvas that is too small, or no scikit-learn.
    """
    choice("split", name, SPLITS)
    _require_room(height, width)
    order = random_stream(0, "digits held out").permutation(len(_digits()[1]))
    train, test = np.repeat(order[HELD_OUT:], POSITIONS), order[:HELD_OUT]
    return Split(
        _positioned(train, name, "train", height, width),
        _positioned(test, name, "test", height, width),
    )


def all_samples(height: int, width: int) -> Dataset:
    """Return every digit once, anywhere on the canvas; UsageError as for `split`."""
    _require_room(height, width)
    return _positioned(np.arange(len(_digits()[1])), "irrelevant", "all", height, width)


def _require_room(height: int, width: int) -> None:
    if height < SIDE or width < 2 * SIDE:
        raise UsageError(
            f"a canvas of {height}x{width} is too small for a digit of {SIDE}x{SIDE} in either "
            f"half of it; give {SIDE}x{2 * SIDE} pixels or more"
        )


def _positioned(numbers: NDArray[Any], split: str, part: str, height: int, width: int) -> Dataset:
    """Give the digits with these numbers their positions and labels."""
    random = random_stream(0, f"digits {split} {part}")
    y = random.integers(0, height - SIDE + 1, len(numbers))
    right = random.integers(0, 2, len(numbers))
    if split == "disjoint":
        right = np.full(len(numbers), int(part != "train"))
    if split == "irrelevant":
        x = random.integers(0, width - SIDE + 1, len(numbers))
    else:
        # Whole in one half; of an odd width the middle column is in neither.
        x = random.integers(0, width // 2 - SIDE + 1, len(numbers)) + right * (width - width // 2)
    labels = _digits()[1][numbers]
    if split == "relevant":
        labels = (labels + CLASSES // 2 * right) % CLASSES
    return Dataset(
        np.stack([x, y, numbers, labels], axis=1).astype(np.int64),
        lambda samples: pictures(samples, height, width),
        one_hot,
    )


def pictures(samples: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Draw samples (x, y, digit, label), (n, 4), as pictures, (n, 1, height, width)."""
    x, y, numbers, _ = samples.T
    canvas = np.zeros((len(samples), 1, height, width), dtype=np.float32)
    offsets = np.arange(SIDE)
    rows, columns = y[:, None, None] + offsets[:, None], x[:, None, None] + offsets
    canvas[np.arange(len(samples))[:, None, None], 0, rows, columns] = _digits()[0][numbers]
    return canvas


def one_hot(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Return the one-hot labels of samples, (n, 10)."""
    return np.asarray(np.eye(CLASSES, dtype=np.float32)[samples[:, 3]])


@cache
def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the digits, (1797, 8, 8) from 0 to 1, and what each is, (1797,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UsageError(
            "the digits come with scikit-learn, which is not installed; "
            "run: pip install 'handcrafted[digits]'"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    return (pixels / 16).astype(np.float32).reshape(-1, SIDE, SIDE), labels.astype(np.int64)
