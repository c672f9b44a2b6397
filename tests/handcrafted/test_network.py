import re
from dataclasses import FrozenInstanceError
from threading import Thread
from typing import ClassVar

import numpy as np
import pytest

from handcrafted import (
    NETWORKS,
    Network,
    coord2image,
    coord2onehot,
    image2coord,
    onehot2coord,
    verified_argmax,
)
from handcrafted.domains import OneHot
from handcrafted.network import with_number
from handcrafted.operations import Convolution, Relu, Subtraction, Sum, Tap
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
    assert (network.constants(), network.multiply_adds()) == (4 + 4 + 2, 48 + 24 + 2)
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
    assert both.multiply_adds() == (
        coord2image.network(*size, square).multiply_adds()
        + image2coord.network(*size, square).multiply_adds()
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


def test_an_answer_is_the_last_map_of_the_trace():
    for network, x in (
        (onehot2coord.network(3, 4), bitmaps(np.array([[2, 1]]), 3, 4, np.float32)),
        (coord2onehot.network(3, 4), np.array([[2, 1]], np.float32)),
    ):
        *_, last = network.trace(x).values()
        assert (network.run(x) == last).all()
        assert (network(x) == last).all()


def test_labels_count_from_1():
    labels = coord2onehot.network(3, 4).labels()
    assert labels == (
        "1 tile",
        "2 coordinates",
        "3 convolution",
        "4 relu",
        "5 convolution",
        "6 subtraction",
        "7 relu",
    )


def test_shapes_go_from_the_input_to_the_output():
    shapes = onehot2coord.network(3, 4).shapes()
    assert shapes == ((1, 3, 4), (3, 3, 4), (2, 3, 4), (2, 3, 4), (2,), (2,))


def test_the_whole_table_by_hand():
    """coord2onehot: 8 weights and 4, at 12 pixels, and a subtraction for each of 12 pixels."""
    assert coord2onehot.network(3, 4).describe().splitlines() == [
        "coord2onehot",
        "",
        "operation      output  constants  multiply-adds",
        "input               2",
        "1 tile          2x3x4          0              0",
        "2 coordinates   4x3x4          4              0",
        "3 convolution   4x3x4          8             96",
        "4 relu          4x3x4          0              0",
        "5 convolution   1x3x4          4             48",
        "6 subtraction   1x3x4          1             12",
        "7 relu          1x3x4          0              0",
        "total                         17            156",
    ]


def test_only_biases_that_are_not_zero_are_constants():
    taps = (Tap(0, 0, 1, rows=2, columns=3), Tap(1, 0, 1))
    domain = OneHot(3, 4)
    assert Network("two biases", domain, (Convolution(taps, (5, -1)),)).constants() == 9
    assert Network("one bias", domain, (Convolution(taps, (0, -1)),)).constants() == 8
    assert Network("no bias", domain, (Convolution(taps, (0, 0)),)).constants() == 7


class Recorded(Relu):
    """A relu that writes down the sizes of the batches it is given."""

    sizes: ClassVar[list[int]] = []

    def __call__(self, x):
        self.sizes.append(len(x))
        return super().__call__(x)


def test_a_large_batch_is_computed_a_part_at_a_time():
    """Parts whose largest map has 2 ** 18 elements: here 64 inputs of 64 x 64."""
    Recorded.sizes.clear()
    network = Network("recorded", OneHot(64, 64), (Recorded(), Sum()))
    pictures = bitmaps(positions(64, 64)[:150], 64, 64, np.float32)
    assert (network(pictures) == 1).all()
    assert Recorded.sizes == [64, 64, 22]


def test_an_input_larger_than_a_part_is_computed_alone():
    Recorded.sizes.clear()
    network = Network("recorded", OneHot(1024, 512), (Recorded(), Sum()))
    pictures = bitmaps(np.array([[0, 0], [511, 1023]]), 1024, 512, np.float32)
    assert (network(pictures) == 1).all()
    assert Recorded.sizes == [1, 1]
    Recorded.sizes.clear()
    assert network(pictures[:1]).tolist() == [[1]]
    assert Recorded.sizes == [1]


def test_chained_networks_have_both_names_and_all_operations():
    one, other = onehot2coord.network(3, 4), coord2onehot.network(3, 4)
    both = one | other
    assert both.name == "onehot2coord | coord2onehot"
    assert both.operations == one.operations + other.operations
    assert both.domain == one.domain


def test_numbers_before_and_after_the_one_replaced_stay():
    operations = (Subtraction((1, 2)), Relu(), Subtraction((3,)))
    assert with_number(operations, 2, 9) == (Subtraction((1, 2)), Relu(), Subtraction((9,)))
    assert with_number(operations, 0, 9) == (Subtraction((9, 2)), Relu(), Subtraction((3,)))
    for beyond in (3, -1):
        with pytest.raises(IndexError, match=f"no number {beyond}; give an index from 0 to 2"):
            with_number(operations, beyond, 9)


def test_a_network_is_plain_data_that_nothing_changes():
    network = coord2onehot.network(3, 4)
    assert network == coord2onehot.network(3, 4)
    assert network != coord2onehot.network(4, 3)
    with pytest.raises(FrozenInstanceError):
        network.name = "another"


def test_a_large_canvas_is_refused_in_small_floats_alone():
    """bfloat16 holds every integer to 256; integers are computed with in 64 bits."""
    network = onehot2coord.network(1, 2049)
    pictures = bitmaps(np.array([[2048, 0]]), 1, 2049, np.float64)
    with pytest.raises(ValueError, match="2049 pixels is beyond 2048"):
        network(pictures.astype(np.float16))
    for dtype in ("float32", "int8", "uint8", "bool"):
        assert network(pictures.astype(dtype)).tolist() == [[2048, 0]]


def test_an_array_without_a_shape_or_a_dtype_is_none():
    class Half:
        dtype = np.dtype("float32")

    with pytest.raises(TypeError, match="coordinates are a Half; give an array"):
        coord2onehot.network(3, 4)(Half())


def test_what_comes_last_is_what_must_fit():
    """A sum's output is a vector; its input, a bitmap, does not count."""
    total = Network("total", OneHot(3, 4), (Sum(),))
    with pytest.raises(ValueError, match="total puts out 1 and onehot2coord takes 1x3x4"):
        total | onehot2coord.network(3, 4)


@pytest.mark.parametrize("shape", [(), (2,), (5,), (5, 3), (5, 1), (5, 2, 1), (1, 5, 2), (0, 3)])
def test_batches_of_other_shapes_are_refused(shape):
    expected = re.escape(f"coordinates have shape {shape}; expected (n, 2)")
    for method in (coord2onehot.network(3, 4), coord2onehot.network(3, 4).trace):
        with pytest.raises(ValueError, match=f"^{expected}$"):
            method(np.zeros(shape, np.float32))
