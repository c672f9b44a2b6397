"""Data sets as positions that inputs and targets are drawn from."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from compare.datasets import Dataset, Split

MEBIBYTE = 1 << 20


def dataset(samples, input_bytes=4, target_bytes=4):
    """Return a data set whose inputs and targets take so many bytes a sample."""
    positions = np.stack([np.arange(samples), 10 * np.arange(samples)], axis=1)

    def draw(size):
        # Broadcast, so that no test takes the memory that `nbytes` reports.
        return lambda drawn: np.broadcast_to(np.float32(1), (len(drawn), size // 4))

    return Dataset(positions, draw(input_bytes), draw(target_bytes))


def bounds(data):
    return [(part.start, part.stop) for part in data.chunks()]


def test_inputs_and_targets_are_drawn_from_the_positions_of_a_part():
    positions = np.array([[1, 2], [3, 4], [5, 6]])
    data = Dataset(positions, lambda p: 10 * p, lambda p: -p)
    assert len(data) == 3
    assert data.inputs().tolist() == [[10, 20], [30, 40], [50, 60]]
    assert data.targets().tolist() == [[-1, -2], [-3, -4], [-5, -6]]
    assert data.inputs(slice(1, 2)).tolist() == [[30, 40]]
    assert data.targets(slice(2, None)).tolist() == [[-5, -6]]


def test_nothing_is_drawn_before_it_is_asked_for():
    drawn = []

    def draw(positions):
        drawn.append(len(positions))
        return positions

    data = Dataset(np.zeros((5, 2)), draw, draw)
    assert len(data) == 5
    assert drawn == []
    data.inputs(slice(0, 3))
    assert drawn == [3]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (1, [(0, 1)]),
        (7, [(0, 7)]),
        (8, [(0, 8)]),
        (9, [(0, 8), (8, 9)]),
        (16, [(0, 8), (8, 16)]),
        (20, [(0, 8), (8, 16), (16, 20)]),
    ],
)
def test_a_chunk_takes_up_to_8_mebibytes(samples, expected):
    assert bounds(dataset(samples, input_bytes=MEBIBYTE)) == expected


def test_the_larger_of_inputs_and_targets_counts():
    assert bounds(dataset(5, input_bytes=2 * MEBIBYTE, target_bytes=4)) == [(0, 4), (4, 5)]
    assert bounds(dataset(5, input_bytes=4, target_bytes=2 * MEBIBYTE)) == [(0, 4), (4, 5)]


def test_a_sample_that_is_larger_than_a_chunk_is_one_of_its_own():
    assert bounds(dataset(3, input_bytes=8 * MEBIBYTE)) == [(0, 1), (1, 2), (2, 3)]
    assert bounds(dataset(3, input_bytes=8 * MEBIBYTE + 4)) == [(0, 1), (1, 2), (2, 3)]
    assert bounds(dataset(2, input_bytes=100 * MEBIBYTE)) == [(0, 1), (1, 2)]


def test_small_samples_are_one_chunk():
    assert bounds(dataset(100_000)) == [(0, 100_000)]


def test_a_split_is_what_is_fitted_and_what_is_held_out():
    first, second = dataset(3), dataset(2)
    assert Split(first, second).train is first
    assert Split(first, second).test is second


def test_data_sets_and_splits_cannot_be_changed():
    data = dataset(3)
    with pytest.raises(FrozenInstanceError):
        data.positions = data.positions[:1]
    with pytest.raises(FrozenInstanceError):
        Split(data, data).test = dataset(1)


def test_targets_are_multiplied_in_their_own_dtype():
    data = Dataset(np.array([[1, 2], [3, 4]]), lambda p: p, lambda p: p.astype(np.float32))
    grey = data.with_targets_times(128 / 255)
    assert grey.targets().dtype == np.float32
    assert (grey.targets() == data.targets() * np.float32(128 / 255)).all()
    assert (grey.inputs(slice(1)) == data.inputs(slice(1))).all()
