"""What is checked before a network computes, and what the messages say."""

import numpy as np
import pytest

from handcrafted import NETWORKS, coord2image, coord2onehot, image2coord, onehot2coord, two_objects
from handcrafted.domains import require_canvas, shown
from handcrafted.proofs.cases import bitmaps, pairs, positions, scenes, squares


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"),
        (-1.0, "-1"),
        (2.0000001, "2.0000001"),
        (float(np.float32(2.0000002)), "2.000000238418579"),
        (0.5, "0.5"),
        (1e300, "1e+300"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_shown_with_all_their_digits(value, text):
    assert shown(value) == text


def test_a_coordinate_just_beside_a_whole_number_is_shown_as_it_is():
    with pytest.raises(ValueError, match=r"x = 2\.0000001; expected a whole number from 0 to 4"):
        coord2onehot.network(4, 5)(np.array([[2.0000001, 1]]))
    objects = np.array([[20.0000001, 20, 0, 0, 50, 50, 1, 1]])
    with pytest.raises(ValueError, match=r"x = 20\.0000001; expected"):
        two_objects.network(64, 64)(objects)
    with pytest.raises(ValueError, match=r"a pixel of value 1\.0000001; expected"):
        onehot2coord.network(1, 1)(np.full((1, 1, 1, 1), 1.0000001))


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.uint64])
def test_numpy_integers_are_sizes(kind):
    """120 + 120 overflows int8, and 1 - 120 uint8: the networks compute with Python's integers."""
    assert require_canvas(kind(3), kind(4)) == (3, 4)
    assert type(require_canvas(kind(3), kind(4))[0]) is int
    side = kind(120)
    for build in (*NETWORKS.values(), onehot2coord.network_without_coordinates):
        assert build(side, side) == build(120, 120)
    assert coord2image.network(side, side, kind(9)) == coord2image.network(120, 120, 9)
    assert image2coord.network(side, side, kind(9)) == image2coord.network(120, 120, 9)


@pytest.mark.parametrize("size", [(0, 5), (-1, 5), (5, -(10**30)), (np.int8(-5), 5)])
@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_sizes_below_one_are_refused(build, size):
    with pytest.raises(ValueError, match=r"the (height|width) is -?\d+; give 1 pixel or more"):
        build(*size)


@pytest.mark.parametrize("size", [(5.0, 5), ("5", 5), (None, 5), (5, np.array(5)), (np.True_, 5)])
@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_sizes_that_are_no_integers_are_refused(build, size):
    with pytest.raises(TypeError, match=r"the (height|width) is .*; give a whole number"):
        build(*size)


@pytest.mark.parametrize("side", [10**12, 10**30])
def test_huge_canvases_can_be_described_and_nothing_more(side):
    network = onehot2coord.network(side, side)
    assert str(4 * side * side + 2 * side * side + 2) in network.describe().replace(",", "")
    with pytest.raises(ValueError, match=r"shape \(1, 1, 1, 1\); expected"):
        network(np.ones((1, 1, 1, 1)))


NETWORKS_WITH_CASES = [
    (onehot2coord.network(4, 5), bitmaps(positions(4, 5), 4, 5, np.float64)),
    (coord2onehot.network(4, 5), positions(4, 5)),
    (image2coord.network(10, 11), squares(positions(10, 11), 10, 11, np.float64)),
    (two_objects.network(41, 50), pairs(41, 50)[:5]),
    (two_objects.inverse_network(41, 50), scenes(pairs(41, 50)[:5], 41, 50, np.float64)),
]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("network", "cases"), NETWORKS_WITH_CASES, ids=lambda v: str(v)[:20])
def test_values_that_overflow_are_refused_without_a_warning(network, cases, dtype):
    largest = np.finfo(dtype).max
    for first in (largest, -largest, np.inf, -np.inf, np.nan):
        for last in (largest, -largest, np.inf, -np.inf, np.nan):
            batch = cases.astype(dtype)
            batch[1].reshape(-1)[[0, -1]] = first, last
            with pytest.raises(ValueError, match=r"\w+ 1 of the batch"):
                network(batch)
