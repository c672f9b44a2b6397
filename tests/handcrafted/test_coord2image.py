import numpy as np
import pytest

from compare.datasets import not_so_clevr
from handcrafted import coord2onehot
from handcrafted.coord2image import network, steps
from handcrafted.operations import Convolution, Tap
from handcrafted.proofs.cases import positions


def drawn(place, size, square):
    """Write the definition down: slices of the canvas, which cut off by themselves."""
    picture = np.zeros(size, np.float32)
    x, y = place
    r = square // 2
    picture[max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1] = 1
    return picture


@pytest.mark.parametrize("square", [1, 3, 9, 15])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 8), (20, 33)])
def test_every_position_with_squares_cut_off(size, square):
    places = positions(*size)
    pictures = network(*size, square)(places.astype(np.float32))
    for place, picture in zip(places, pictures[:, 0], strict=True):
        assert (picture == drawn(place, size, square)).all()


def test_the_published_pictures():
    places = not_so_clevr.centres(64, 64)
    pictures = network(64, 64)(places.astype(np.float32))
    assert (pictures.sum(axis=(1, 2, 3)) == 81).all()


@pytest.mark.parametrize(
    ("square", "error", "message"),
    [
        (8, ValueError, "the square's size is 8; give an odd number"),
        (0, ValueError, "the square's size is 0"),
        (-3, ValueError, "the square's size is -3"),
        (9.0, TypeError, "the square's size is 9.0; give a whole number"),
        (True, TypeError, "the square's size is True"),
    ],
)
def test_other_squares_are_refused(square, error, message):
    with pytest.raises(error, match=message):
        network(64, 64, square)


def test_coordinates_beyond_the_canvas_are_refused():
    with pytest.raises(ValueError, match="item 1 of the batch has y = 64"):
        network(64, 64)(np.array([[3, 3], [3, 64]]))


def test_the_square_is_the_published_one_by_default():
    default = network(20, 21)
    assert default.name == "coord2image with a 9x9 square"
    assert default == network(20, 21, 9)
    assert (default(np.array([[10, 10]])) == drawn((10, 10), (20, 21), 9)).all()


def test_the_square_is_one_rectangle_around_its_pixel():
    *before, square = steps(20, 21, 3)
    assert tuple(before) == coord2onehot.steps(20, 21)
    assert square == Convolution((Tap(0, 0, 1, rows=7, columns=7, top=-3, left=-3),), bias=(0,))
