"""What is checked before a network computes, and what the messages say."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from handcrafted import NETWORKS, coord2image, coord2onehot, image2coord, onehot2coord, two_objects
from handcrafted.domains import (
    OneHot,
    Positions,
    Squares,
    first_true,
    radius,
    require_canvas,
    shown,
    whole,
)
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


def test_whole_numbers_within_the_limits():
    values = np.array([-1, -0.5, 0, 0.5, 1, 3, 3.5, 4, np.nan, np.inf, -np.inf])
    assert values[whole(values, 0, 3)].tolist() == [0, 1, 3]
    assert values[whole(values, 1, 1)].tolist() == [1]


def test_what_positions_are():
    positions = Positions(5, 8)
    assert (positions.name, positions.shape, positions.largest) == ("coordinates", (2,), 8)
    assert Positions(8, 5).largest == 8
    assert positions == Positions(5, 8) != Positions(8, 5)
    with pytest.raises(FrozenInstanceError):
        positions.height = 3


def test_the_first_bad_item_counts_on_from_the_batch_before():
    """x goes to the width less one, y to the height less one, and neither further."""
    Positions(5, 8).check(np.array([[7, 4], [0, 0]]), 0)
    for wrong, message in (([8, 4], "x = 8; .* from 0 to 7"), ([7, 5], "y = 5; .* from 0 to 4")):
        places = np.array([[1, 1], wrong, wrong, [1, 1]])
        with pytest.raises(ValueError, match=f"^item 104 of the batch has {message}$"):
            Positions(5, 8).check(places, 103)


@pytest.mark.parametrize("size", [(0, 8), (8, 0), (2.5, 8), (8, True)])
def test_wrong_canvases_are_refused_before_any_batch(size):
    with pytest.raises((ValueError, TypeError), match=r"the (height|width) is"):
        Positions(*size)


def test_what_squares_are():
    domain = Squares(12, 20, 5)
    assert (domain.name, domain.shape, domain.largest) == ("pictures", (1, 12, 20), 20)
    assert Squares(20, 12, 5).largest == 20
    assert domain == Squares(12, 20, 5) != Squares(12, 20, 7)
    with pytest.raises(FrozenInstanceError):
        domain.size = 3


def test_the_first_bad_picture_counts_on_from_the_batch_before():
    pictures = squares(np.array([[5, 6]] * 4), 12, 20, np.float32)
    Squares(12, 20, 9).check(pictures, 0)
    pictures[1:3, 0, 0, 0] = 1
    with pytest.raises(ValueError, match=r"^picture 104 of the batch is not a 9x9 square"):
        Squares(12, 20, 9).check(pictures, 103)


def lit(rows, columns, size):
    picture = np.zeros(size, np.float32)
    picture[rows, columns] = 1
    return picture[None, None]


@pytest.mark.parametrize(
    ("rows", "columns", "is_one"),
    [
        (slice(3, 8), slice(4, 9), True),  # whole
        (slice(0, 3), slice(4, 9), True),  # cut off at the top, its centre on the first row
        (slice(0, 2), slice(4, 9), False),  # its centre would be beyond the top
        (slice(9, 12), slice(17, 20), True),  # cut off at both far edges
        (slice(10, 12), slice(4, 9), False),
        (slice(3, 8), slice(18, 20), False),
        (slice(0, 6), slice(4, 9), False),  # too tall
        (slice(3, 7), slice(4, 9), False),  # too small, and at no edge
        (slice(3, 8), slice(4, 8), False),
        (slice(3, 8), slice(0, 20), False),  # as wide as the canvas
        (slice(3, 8, 2), slice(4, 9), False),  # three rows with gaps
        (slice(0, 0), slice(0, 0), False),  # nothing
    ],
)
def test_which_rectangles_are_5x5_squares(rows, columns, is_one):
    picture = lit(rows, columns, (12, 20))
    if is_one:
        Squares(12, 20, 5).check(picture, 0)
    else:
        with pytest.raises(ValueError, match="picture 0 of the batch is not a 5x5 square"):
            Squares(12, 20, 5).check(picture, 0)


def test_two_runs_of_rows_or_columns_are_refused():
    """A corner cut off at each end: together they are as long as one square."""
    picture = lit(slice(0, 3), slice(4, 9), (12, 20)) + lit(slice(9, 12), slice(4, 9), (12, 20))
    for pictures in (picture, np.swapaxes(picture, 2, 3)):
        with pytest.raises(ValueError, match="picture 0"):
            Squares(*pictures.shape[2:], 5).check(pictures, 0)


def test_what_one_hot_bitmaps_are():
    bitmaps = OneHot(5, 8)
    assert (bitmaps.name, bitmaps.shape, bitmaps.largest) == ("bitmaps", (1, 5, 8), 8)
    assert OneHot(8, 5).largest == 8
    assert bitmaps == OneHot(5, 8) != OneHot(8, 5)
    with pytest.raises(FrozenInstanceError):
        bitmaps.width = 3


@pytest.mark.parametrize(
    ("lit", "complaint"),
    [
        ([], "has no hot pixel"),
        ([0.5], "has a pixel of value 0.5"),
        ([np.nan], "has a pixel of value nan"),
        ([1, 1], "has 2 pixels that are not 0"),
        ([1, 1, 1], "has 3 pixels that are not 0"),
        ([2, 1], "has a pixel of value 2"),
        ([1, -1], "has a pixel of value -1"),
        # Only the first two are looked at for one to name.
        ([1, 1, 3], "has 3 pixels that are not 0"),
    ],
)
def test_what_is_wrong_with_a_bitmap(lit, complaint):
    bitmaps = np.zeros((4, 1, 3, 4))
    bitmaps[:, 0, 2, 3] = 1
    OneHot(3, 4).check(bitmaps, 0)
    bitmaps[1:3] = 0
    bitmaps[1:3].reshape(2, -1)[:, : len(lit)] = lit
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        OneHot(3, 4).check(bitmaps, 103)
    assert str(refused.value) == (
        f"bitmap 104 of the batch {complaint}; expected exactly one pixel 1 and every other 0"
    )


def test_the_first_of_several():
    assert first_true(np.array([False, True, True])) == 1
    assert first_true(np.array([True, False])) == 0


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        ((0, 1), ValueError, "the height is 0; give 1 pixel or more"),
        ((1, -2), ValueError, "the width is -2; give 1 pixel or more"),
        ((1, 1.5), TypeError, "the width is 1.5; give a whole number of pixels"),
        ((True, 1), TypeError, "the height is True; give a whole number of pixels"),
        (("3", 1), TypeError, "the height is '3'; give a whole number of pixels"),
    ],
)
def test_a_canvas_has_one_pixel_or_more_each_way(size, error, message):
    require_canvas(1, 1)
    require_canvas(np.int64(3), np.int32(4))
    with pytest.raises(error) as refused:
        require_canvas(*size)
    assert str(refused.value) == message
    for domain in (OneHot, Positions):
        with pytest.raises(error):
            domain(*size)
    with pytest.raises(error):
        Squares(*size, 1)


@pytest.mark.parametrize(("size", "pixels"), [(1, 0), (3, 1), (9, 4), (15, 7)])
def test_a_radius_is_half_of_what_is_beside_the_centre(size, pixels):
    assert radius(size) == pixels


@pytest.mark.parametrize("size", [0, 2, -1, -2])
def test_an_even_square_has_no_centre(size):
    with pytest.raises(ValueError, match=f"the square's size is {size}; give an odd number, 1 or"):
        Squares(20, 20, size)


@pytest.mark.parametrize("size", [3.0, True, "3", None])
def test_a_size_is_a_whole_number(size):
    with pytest.raises(TypeError, match=r"the square's size is .*; give a whole number of pixels"):
        Squares(20, 20, size)


@pytest.mark.parametrize("size", [(8, 9), (9, 8)])
def test_a_canvas_smaller_than_the_square_is_refused_by_its_domain(size):
    Squares(9, 9, 9)
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} is smaller than the 9x9 square"):
        Squares(*size, 9)
