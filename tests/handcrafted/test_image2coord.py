import itertools

import numpy as np
import pytest

from handcrafted import image2coord
from handcrafted.proofs.cases import positions, squares


@pytest.mark.parametrize("size", [(9, 9), (9, 20), (14, 11), (33, 40)])
def test_every_position_with_squares_cut_off(size):
    places = positions(*size)
    assert (image2coord.network(*size)(squares(places, *size, np.float32)) == places).all()


@pytest.mark.parametrize("size", [(3, 3), (3, 4), (4, 3)])
def test_exactly_the_pictures_of_squares_are_taken(size):
    """Of every picture of 0 and 1 there is on a small canvas."""
    height, width = size
    places = positions(height, width)
    radius = 1
    valid = {
        ((abs(np.arange(height) - y) <= radius)[:, None] & (abs(np.arange(width) - x) <= radius))
        .astype(np.int64)
        .tobytes(): (x, y)
        for x, y in places
    }
    network = image2coord.network(height, width, 3)
    taken = 0
    for bits in itertools.product((0, 1), repeat=height * width):
        picture = np.array(bits, np.int64).reshape(height, width)
        expected = valid.get(picture.tobytes())
        if expected is None:
            with pytest.raises(ValueError, match="picture 0 of the batch is not a 3x3 square"):
                network(picture[None, None])
        else:
            taken += 1
            assert tuple(network(picture[None, None])[0]) == expected
    assert taken == height * width


@pytest.mark.parametrize("value", [2, 0.5, -1, np.nan, np.inf])
@pytest.mark.parametrize("pixel", [(10, 10), (0, 0)])
def test_other_values_are_refused(value, pixel):
    pictures = squares(np.array([[10, 10]] * 3), 20, 20, np.float32)
    pictures[(1, 0, *pixel)] = value
    with pytest.raises(ValueError, match="picture 1 of the batch is not a 9x9 square"):
        image2coord.network(20, 20)(pictures)


@pytest.mark.parametrize("size", [(8, 20), (20, 8), (1, 1)])
def test_a_canvas_smaller_than_the_square_is_refused(size):
    with pytest.raises(ValueError, match=r"is smaller than the 9x9 square.*give at least 9 pixels"):
        image2coord.network(*size)


def test_an_even_square_is_refused():
    with pytest.raises(ValueError, match="the square's size is 4; give an odd number"):
        image2coord.network(20, 20, 4)


def test_the_square_is_the_published_one_by_default():
    assert image2coord.network(12, 20).name == "image2coord with a 9x9 square"
    assert image2coord.network(12, 20) == image2coord.network(12, 20, 9)


def lit(rows, columns, size):
    picture = np.zeros(size, np.float32)
    picture[rows, columns] = 1
    return picture[None, None]


def test_the_maps_of_a_square_cut_off_at_the_left_by_hand():
    """3x3 at (0, 2) on 4 x 5: columns 0 to 1 and rows 1 to 3."""
    network = image2coord.network(4, 5, 3)
    maps = network.trace(lit(slice(1, 4), slice(0, 2), (4, 5)))
    # Beside the corners nothing is lit, and no pixel misses by more than one.
    assert np.unique(maps["1 convolution"]).tolist() == [-1, 0, 1]
    corners = maps["2 relu"][0]
    assert np.argwhere(corners).tolist() == [[0, 1, 0], [1, 3, 1]]
    assert corners.max() == 1
    # W - a, H - p, W - b, H - q with a, p = 0, 1 and b, q = 1, 3.
    assert maps["6 sum"].tolist() == [[5, 3, 4, 1]]
    # a, p, 2r - b, 2r - q; then x = a + r - relu(2r - b) and y = p + r - relu(2r - q).
    assert maps["7 linear"].tolist() == [[0, 1, 1, -1]]
    assert maps["10 subtraction"].tolist() == [[0, 2]]
