from threading import Thread

import numpy as np
import pytest

from handcrafted import (
    NETWORKS,
    Network,
    coord2image,
    image2coord,
    onehot2coord,
    verified_argmax,
)
from handcrafted.proofs.cases import bitmaps, positions


def test_a_trace_names_every_map_in_order():
    network = onehot2coord.network(3, 4)
    bitmap = bitmaps(np.array([[2, 1]]), 3, 4, np.float32)
    maps = network.trace(bitmap)
    assert list(maps) == [
        "input", "1 coordinates", "2 convolution", "3 relu", "4 sum", "5 subtraction",
    ]  # fmt: skip
    assert maps["2 convolution"][0, 0].tolist() == [
        [0, -1, -2, -3],
        [0, -1, 2, -3],
        [0, -1, -2, -3],
    ]
    assert maps["3 relu"][0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    assert maps["4 sum"].tolist() == [[2, 2]]
    assert maps["5 subtraction"].tolist() == [[2, 1]]
    assert (maps["5 subtraction"] == network(bitmap)).all()


def test_the_table_counts_what_there_is():
    network = onehot2coord.network(3, 4)
    lines = network.describe().splitlines()
    assert lines[0] == "onehot2coord"
    assert lines[3].split() == ["input", "1x3x4"]
    assert lines[5].split() == ["2", "convolution", "2x3x4", "4", "48"]
    # 4 weights at 12 pixels, 2 sums of 12, 2 subtractions.
    assert network.cost() == (4 + 4 + 2, 48 + 24 + 2)
    assert lines[-1].split() == ["total", "10", "74"]


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_tables_fit_80_columns(build):
    assert max(map(len, build(1024, 1024).describe().splitlines())) <= 80


def test_repr_is_readable():
    assert repr(onehot2coord.network(3, 4)) == (
        "<onehot2coord: 1x3x4 -> 2; Coordinates, Convolution, Relu, Sum, Subtraction>"
    )


@pytest.mark.parametrize(
    ("size", "square"), [((9, 9), 9), ((12, 20), 9), ((7, 5), 3), ((64, 64), 9)]
)
def test_drawing_and_finding_again_is_the_identity(size, square):
    both = coord2image.network(*size, square) | image2coord.network(*size, square)
    places = positions(*size).astype(np.float32)
    assert (both(places) == places).all()
    assert both.cost().multiply_adds == (
        coord2image.network(*size, square).cost().multiply_adds
        + image2coord.network(*size, square).cost().multiply_adds
    )


def test_networks_that_do_not_fit_are_not_chained():
    with pytest.raises(ValueError, match=r"1x9x9 .* takes 1x9x10; chain networks for the same"):
        coord2image.network(9, 9) | image2coord.network(9, 10)


def test_one_number_is_replaced():
    network = onehot2coord.network(3, 4)
    assert len(network.numbers()) == 28
    for index, number in enumerate(network.numbers()):
        changed = network.with_number(index, number + 1)
        assert isinstance(changed, Network)
        expected = list(network.numbers())
        expected[index] += 1
        assert changed.numbers() == tuple(expected)


@pytest.mark.parametrize("index", [-1, 28, 10**6])
def test_a_number_that_is_not_there_is_not_replaced(index):
    with pytest.raises(IndexError, match=f"no number {index}; give an index from 0 to 27"):
        onehot2coord.network(3, 4).with_number(index, 5)


def test_no_call_starts_a_thread(monkeypatch):
    """Where no thread may start, as after the main thread's end, networks work all the same."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", refuse)
    places = np.random.default_rng(0).integers(64, size=(600, 2))
    pictures = bitmaps(places, 64, 64, np.float32)
    for find in (onehot2coord.network(64, 64), verified_argmax.verified_argmax):
        assert (find(pictures) == places).all()
    assert (coord2image.network(64, 64)(places).sum(axis=(1, 2, 3)) > 0).all()


def test_a_large_batch_is_the_same_as_a_small_one():
    network = onehot2coord.network(64, 64)
    pictures = bitmaps(positions(64, 64)[::3], 64, 64, np.float32)
    one_by_one = np.concatenate([network(pictures[k : k + 1]) for k in range(100)])
    assert (network(pictures)[:100] == one_by_one).all()
