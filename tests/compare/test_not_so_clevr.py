import hashlib

import numpy as np
import pytest

from compare import UsageError
from compare.datasets import not_so_clevr
from compare.tasks import load


def test_every_centre_in_the_published_order():
    centres = not_so_clevr.centres(64, 64)
    expected = [(x, y) for x in range(4, 60) for y in range(4, 60)]
    assert centres.tolist() == [list(centre) for centre in expected]


def test_a_rectangular_canvas_keeps_x_outside_and_y_inside():
    assert not_so_clevr.centres(10, 11).tolist() == [
        [4, 4], [4, 5], [5, 4], [5, 5], [6, 4], [6, 5],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("split", "train", "test"), [("uniform", 2368, 768), ("quadrant", 2407, 729)]
)
def test_published_counts(split, train, test):
    data = load("onehot2coord").split(split, 64, 64)
    assert (len(data.train), len(data.test)) == (train, test)


def test_uniform_split_position_for_position():
    # Written out as the published generator runs: one draw for each datum, in its order.
    random = np.random.RandomState(20202)
    expected = [(x, y) for x in range(4, 60) for y in range(4, 60) if random.random_sample() < 0.25]
    test = load("onehot2coord").split("uniform", 64, 64).test
    assert [tuple(position) for position in test.positions.tolist()] == expected


def test_quadrant_split_position_for_position():
    data = load("onehot2coord").split("quadrant", 64, 64)
    expected = {(x, y) for x in range(33, 60) for y in range(33, 60)}
    assert {tuple(p) for p in data.test.positions.tolist()} == expected
    assert expected.isdisjoint(tuple(p) for p in data.train.positions.tolist())


@pytest.mark.parametrize("split", not_so_clevr.SPLITS)
@pytest.mark.parametrize("size", [(64, 64), (30, 41), (17, 64)])
def test_splits_share_nothing_and_lose_nothing(split, size):
    data = load("onehot2coord").split(split, *size)
    parts = [set(map(tuple, part.positions.tolist())) for part in (data.train, data.test)]
    assert parts[0].isdisjoint(parts[1])
    assert parts[0] | parts[1] == set(map(tuple, not_so_clevr.centres(*size).tolist()))


def test_bitmaps_are_one_hot_at_x_right_and_y_down():
    bitmaps = not_so_clevr.one_hot(np.array([[2, 0], [0, 1]]), 2, 3)
    assert bitmaps.dtype == np.float32
    assert bitmaps.tolist() == [[[[0, 0, 1], [0, 0, 0]]], [[[0, 0, 0], [1, 0, 0]]]]


def test_chunks_are_the_inputs_in_order():
    data = load("onehot2coord").split("uniform", 64, 64).train
    chunks = list(data.chunks())
    assert len(chunks) > 1
    together = hashlib.sha256(np.concatenate([data.inputs(part) for part in chunks]).tobytes())
    assert together.digest() == hashlib.sha256(data.inputs().tobytes()).digest()


@pytest.mark.parametrize("size", [(8, 64), (64, 8), (0, 0)])
def test_a_canvas_smaller_than_the_square_is_refused(size):
    with pytest.raises(UsageError, match=f"{size[0]}x{size[1]} is too small for the 9x9 square"):
        not_so_clevr.centres(*size)


def test_a_split_with_an_empty_side_is_refused():
    with pytest.raises(UsageError, match="10x10 leaves the quadrant split nothing to test on"):
        not_so_clevr.held_out("quadrant", 10, 10)
