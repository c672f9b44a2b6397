import numpy as np
import pytest

from handcrafted import coord2onehot
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


def test_the_distances_are_what_the_second_relu_gets():
    """At (2, 1) on 3 x 4: 1 - |2 - X| - |1 - Y|, worked out by hand."""
    maps = coord2onehot.network(3, 4).trace(np.array([[2, 1]]))
    assert maps["5 convolution"][0, 0].tolist() == [[3, 2, 1, 2], [2, 1, 0, 1], [3, 2, 1, 2]]
    assert maps["6 subtraction"][0, 0].tolist() == [[-2, -1, 0, -1], [-1, 0, 1, 0], [-2, -1, 0, -1]]
