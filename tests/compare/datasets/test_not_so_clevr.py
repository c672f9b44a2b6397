"""The published square on every canvas, and the two published splits."""

import hashlib

import numpy as np
import pytest

from compare.datasets.not_so_clevr import (
    RADIUS,
    SPLITS,
    all_samples,
    centres,
    coordinates,
    held_out,
    one_hot,
    split,
    squares,
)
from compare.errors import UsageError
from compare.tasks import load


def test_every_centre_in_the_published_order():
    expected = [(x, y) for x in range(4, 60) for y in range(4, 60)]
    assert centres(64, 64).tolist() == [list(centre) for centre in expected]


def test_a_rectangular_canvas_keeps_x_outside_and_y_inside():
    assert centres(10, 11).tolist() == [
        [4, 4], [4, 5], [5, 4], [5, 5], [6, 4], [6, 5],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "train", "test"), [("uniform", 2368, 768), ("quadrant", 2407, 729)]
)
def test_published_counts(name, train, test):
    data = load("onehot2coord").split(name, 64, 64)
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


@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize("size", [(64, 64), (30, 41), (17, 64)])
def test_splits_share_nothing_and_lose_nothing(name, size):
    data = load("onehot2coord").split(name, *size)
    parts = [set(map(tuple, part.positions.tolist())) for part in (data.train, data.test)]
    assert parts[0].isdisjoint(parts[1])
    assert parts[0] | parts[1] == set(map(tuple, centres(*size).tolist()))


def test_bitmaps_are_one_hot_at_x_right_and_y_down():
    bitmaps = one_hot(np.array([[2, 0], [0, 1]]), 2, 3)
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
        centres(*size)


def test_a_split_with_an_empty_side_is_refused():
    with pytest.raises(UsageError, match="10x10 leaves the quadrant split nothing to test on"):
        held_out("quadrant", 10, 10)


def test_the_smallest_canvas_with_a_quadrant_holds_one_centre_out():
    # 6 / 11 > 0.5, and 6 is the last centre; 5 / 11 is not.
    assert centres(11, 11)[held_out("quadrant", 11, 11)].tolist() == [[6, 6]]


def test_the_middle_is_not_beyond_it():
    # 20 wide: x / 20 > 0.5 from 11 on; 16 high: y / 16 > 0.5 from 9 on.
    places = centres(16, 20)[held_out("quadrant", 16, 20)]
    assert places.tolist() == [[x, y] for x in range(11, 16) for y in range(9, 12)]


def test_a_quarter_of_a_rectangular_canvas_is_drawn_in_the_order_of_the_centres():
    random = np.random.RandomState(20202)
    expected = [random.random_sample() < 0.25 for _ in range(12 * 8)]
    assert held_out("uniform", 16, 20).tolist() == expected


def test_all_of_a_split_held_out_is_refused(monkeypatch):
    class Low(np.random.RandomState):
        def random_sample(self, size):
            return np.full(size, 0.2499)

    monkeypatch.setattr(np.random, "RandomState", Low)
    with pytest.raises(UsageError, match="64x64 leaves the uniform split nothing to train on"):
        held_out("uniform", 64, 64)


def test_a_draw_of_exactly_a_quarter_is_not_held_out(monkeypatch):
    class Quarter(np.random.RandomState):
        def random_sample(self, size):
            return np.where(np.arange(size) == 7, np.nextafter(0.25, 0), 0.25)

    monkeypatch.setattr(np.random, "RandomState", Quarter)
    assert np.flatnonzero(held_out("uniform", 64, 64)).tolist() == [7]


def test_the_smallest_canvas_has_one_centre():
    assert RADIUS == 4
    assert centres(9, 9).tolist() == [[4, 4]]
    assert centres(9, 11).tolist() == [[4, 4], [5, 4], [6, 4]]
    assert centres(9, 9).dtype == np.int64


@pytest.mark.parametrize("name", SPLITS)
def test_a_single_centre_cannot_be_split(name):
    with pytest.raises(UsageError, match=f"9x9 leaves the {name} split nothing to"):
        held_out(name, 9, 9)


def test_the_message_says_what_size_will_do():
    with pytest.raises(UsageError) as refused:
        centres(8, 64)
    assert str(refused.value) == (
        "a canvas of 8x64 is too small for the 9x9 square: as published, the positions of every "
        "task, those of single pixels too, are its centres; give at least 9 pixels each way"
    )


def test_squares_are_9_by_9_around_their_centres():
    positions = np.array([(4, 4), (9, 5), (6, 7)])
    drawn = squares(positions, 12, 14)
    expected = np.zeros((3, 1, 12, 14))
    for sample, (x, y) in enumerate(positions):
        for row in range(y - 4, y + 5):
            for column in range(x - 4, x + 5):
                expected[sample, 0, row, column] = 1
    assert drawn.dtype == np.float32
    assert (drawn == expected).all()


def test_coordinates_are_the_positions_in_float32():
    positions = np.array([(4, 5), (63, 0)])
    assert coordinates(positions, 64, 64).dtype == np.float32
    assert coordinates(positions, 64, 64).tolist() == [[4, 5], [63, 0]]


def test_samples_are_drawn_by_the_functions_given():
    def sums(positions, height, width):
        return positions.sum(axis=1)

    def canvas(positions, height, width):
        return np.array([(height, width)] * len(positions))

    data = all_samples(10, 9, sums, canvas)
    assert data.inputs().tolist() == [8, 9]
    assert data.targets().tolist() == [[10, 9]] * 2
    parts = split("quadrant", 11, 12, sums, canvas)
    assert parts.test.inputs().tolist() == [13]
    assert parts.test.targets().tolist() == [[11, 12]]
    assert parts.train.inputs().tolist() == [8, 9, 10, 9, 10, 11, 10, 11, 12, 11, 12]
