from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from handcrafted import coord2onehot
from handcrafted.domains import Positions, whole
from handcrafted.proofs.cases import bitmaps, positions


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (5, 8), (40, 33)])
def test_every_position(size):
    places = positions(*size)
    pictures = coord2onehot.network(*size)(places.astype(np.float32))
    assert (pictures == bitmaps(places, *size, np.float32)).all()


def place(value, row=2, axis=0):
    places = np.ones((4, 2), np.float32)
    places[row, axis] = value
    return places


@pytest.mark.parametrize(
    ("places", "error", "message"),
    [
        (place(8), ValueError, "item 2 of the batch has x = 8; expected a whole number from 0"),
        (place(5, 1, 1), ValueError, "item 1 .* y = 5; expected a whole number from 0 to 4"),
        (place(-1), ValueError, "x = -1"),
        (place(1.5), ValueError, r"x = 1\.5"),
        (place(np.nan), ValueError, "x = nan"),
        (place(np.inf), ValueError, "x = inf"),
        (np.ones((4, 3)), ValueError, r"coordinates have shape \(4, 3\); expected \(n, 2\)"),
        (np.ones(2), ValueError, r"coordinates have shape \(2,\); expected \(n, 2\)"),
        (np.ones((4, 2), complex), TypeError, "coordinates have dtype complex128"),
        ([(1, 2)], TypeError, "coordinates are a list; give an array"),
    ],
)  # fmt: skip
def test_bad_coordinates_are_refused(places, error, message):
    with pytest.raises(error, match=message):
        coord2onehot.network(5, 8)(places)


def test_a_canvas_without_pixels_is_refused():
    with pytest.raises(ValueError, match="the height is 0"):
        coord2onehot.network(0, 8)


def test_a_canvas_beyond_the_dtype_is_refused_with_the_dtype_to_use():
    with pytest.raises(ValueError, match=r"3000 pixels is beyond 2048.*float16.*use float32"):
        coord2onehot.network(1, 3000)(np.zeros((1, 2), np.float16))


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


def test_the_distances_are_what_the_second_relu_gets():
    """At (2, 1) on 3 x 4: 1 - |2 - X| - |1 - Y|, worked out by hand."""
    maps = coord2onehot.network(3, 4).trace(np.array([[2, 1]]))
    assert maps["5 convolution"][0, 0].tolist() == [[3, 2, 1, 2], [2, 1, 0, 1], [3, 2, 1, 2]]
    assert maps["6 subtraction"][0, 0].tolist() == [[-2, -1, 0, -1], [-1, 0, 1, 0], [-2, -1, 0, -1]]
