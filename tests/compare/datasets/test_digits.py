"""Handwritten digits on a canvas: which, where, and with which label."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from compare.datasets.digits import HELD_OUT, POSITIONS, SPLITS, all_samples, split
from compare.errors import UsageError

PIXELS, LABELS = load_digits(return_X_y=True)


@pytest.mark.parametrize("name", SPLITS)
def test_no_digit_is_both_trained_on_and_held_out(name):
    data = split(name, 16, 24)
    train, test = (part.positions[:, 2] for part in (data.train, data.test))
    assert set(train) | set(test) == set(range(1797))
    assert not set(train) & set(test)
    assert (len(train), len(test)) == (POSITIONS * (1797 - HELD_OUT), HELD_OUT)
    assert set(np.unique(train, return_counts=True)[1]) == {POSITIONS}


def test_the_digits_held_out_are_the_same_in_every_split_and_on_every_canvas():
    first = split("irrelevant", 16, 24).test.positions[:, 2]
    for name in SPLITS:
        assert (split(name, 64, 64).test.positions[:, 2] == first).all()


def test_each_picture_is_the_digit_at_its_position_and_nothing_else():
    data = split("irrelevant", 17, 30).test
    for (x, y, number, label), picture in zip(data.positions, data.inputs()[:, 0], strict=True):
        expected = np.zeros((17, 30))
        expected[y : y + 8, x : x + 8] = PIXELS[number].reshape(8, 8) / 16
        assert (picture == expected).all()
        assert label == LABELS[number]


def test_targets_are_the_labels_one_hot():
    data = split("relevant", 16, 24).train
    targets = data.targets()
    assert targets.dtype == np.float32
    assert (targets.sum(axis=1) == 1).all()
    assert (targets.argmax(axis=1) == data.positions[:, 3]).all()


def test_irrelevant_positions_are_all_there_are():
    data = split("irrelevant", 10, 17).train.positions
    assert set(map(tuple, data[:, :2])) == {(x, y) for x in range(10) for y in range(3)}


@pytest.mark.parametrize("width", [16, 17, 30])
def test_the_control_shifts_labels_by_five_in_the_right_half(width):
    for part in split("relevant", 9, width).parts.values():
        x, _, number, label = part.positions.T
        left, right = x + 8 <= width / 2, x >= width / 2
        assert (left ^ right).all()
        assert 0.4 < right.mean() < 0.6
        assert (label[left] == LABELS[number[left]]).all()
        assert (label[right] == (LABELS[number[right]] + 5) % 10).all()
        assert x[left].min() == 0
        assert x[right].max() == width - 8


@pytest.mark.parametrize("width", [16, 17, 30])
def test_disjoint_regions_share_no_pixel(width):
    data = split("disjoint", 9, width)
    assert (data.train.positions[:, 0] + 8 <= width / 2).all()
    assert (data.test.positions[:, 0] >= width / 2).all()
    covered = [part.inputs().any(axis=(0, 1)) for part in (data.train, data.test)]
    assert not (covered[0] & covered[1]).any()


def test_samples_are_the_same_whenever_they_are_drawn_and_by_their_split():
    again = split("irrelevant", 20, 40)
    assert (split("irrelevant", 20, 40).train.positions == again.train.positions).all()
    assert (split("relevant", 20, 40).train.positions != again.train.positions).any()


def test_every_digit_once():
    data = all_samples(16, 24)
    assert data.positions[:, 2].tolist() == list(range(1797))
    assert (data.positions[:, 3] == LABELS).all()


@pytest.mark.parametrize(("height", "width"), [(7, 64), (64, 15), (0, 0)])
def test_a_canvas_without_room_is_refused(height, width):
    for draw in (all_samples, lambda *size: split("disjoint", *size)):
        with pytest.raises(UsageError, match=f"{height}x{width} is too small for a digit of 8x8"):
            draw(height, width)
    assert len(split("relevant", 8, 16).test) == HELD_OUT


def test_an_unknown_split_is_refused():
    with pytest.raises(UsageError, match="unknown split 'uniform'; choose from: irrelevant, rel"):
        split("uniform", 64, 64)


def test_without_scikit_learn_one_line_says_what_to_install(monkeypatch):
    from compare.datasets.digits import _digits

    _digits.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(
        UsageError, match=r"not installed; run: pip install 'handcrafted\[digits\]'"
    ):
        split("irrelevant", 64, 64)
    _digits.cache_clear()
