"""The generic operations on windows, against whole pictures, and which kernels a backend has."""

import numpy as np
import pytest

from compare import backends
from compare.learned.sparse.kernels import (
    Kernels,
    batch_norm,
    crop,
    inside,
    kernels,
    relu,
    window,
)

NUMPY = backends.load("numpy")


class Unregistered:
    """The NumPy backend under a class that has no kernels of its own."""

    def __getattr__(self, name):
        return getattr(NUMPY, name)


UNREGISTERED = Unregistered()


def test_a_backend_of_an_unknown_class_has_the_generic_kernels():
    class Derived(type(NUMPY)):
        """A backend of another package that is one of NumPy's."""

    assert kernels(UNREGISTERED) == Kernels()
    assert kernels(NUMPY) == kernels(Derived()) != Kernels()


CANVAS = (4, 6)
PATCH = (2, 3)
CORNERS = [(0, 0), (2, 3), (-1, 4), (3, -2), (1, 1)]
"""(top, left): on the canvas, at its far corner, and beyond each of its edges."""
TOP, LEFT = np.array(CORNERS).T


def drawn(background, delta):
    """Return the whole pictures: the background, and each difference where its window lies."""
    pictures = np.repeat(background, len(delta), axis=0)
    for picture, change, (top, left) in zip(pictures, delta, CORNERS, strict=True):
        for i, j in np.ndindex(PATCH):
            row, column = top + i, left + j
            if 0 <= row < CANVAS[0] and 0 <= column < CANVAS[1]:
                picture[:, row, column] += change[:, i, j]
    return pictures


@pytest.fixture
def patches():
    """A background and differences from it, zero beyond the canvas."""
    rng = np.random.default_rng(0)
    background = rng.normal(size=(1, 2, *CANVAS))
    delta = rng.normal(size=(len(CORNERS), 2, *PATCH))
    return background, crop(NUMPY, delta, TOP, LEFT, CANVAS)


def test_which_pixels_of_a_window_are_on_the_canvas():
    found = inside(NUMPY, TOP, LEFT, PATCH, CANVAS)
    assert found.shape == (5, 1, 2, 3)
    assert found[:, 0].tolist() == [
        [[True, True, True], [True, True, True]],
        [[True, True, True], [True, True, True]],
        [[False, False, False], [True, True, False]],
        [[False, False, True], [False, False, False]],
        [[True, True, True], [True, True, True]],
    ]


def test_a_window_reads_the_picture_and_zeros_beyond_it():
    picture = np.arange(24.0).reshape(1, 1, *CANVAS)
    found = window(NUMPY, picture, TOP, LEFT, *PATCH)[:, 0].tolist()
    assert found[0] == [[0, 1, 2], [6, 7, 8]]
    assert found[1] == [[15, 16, 17], [21, 22, 23]]
    assert found[2] == [[0, 0, 0], [4, 5, 0]]
    assert found[3] == [[0, 0, 18], [0, 0, 0]]


def test_a_window_of_its_own_picture():
    pictures = np.arange(5 * 2 * 24.0).reshape(5, 2, *CANVAS)
    found = window(NUMPY, pictures, TOP, LEFT, *PATCH)
    assert found.shape == (5, 2, *PATCH)
    assert np.array_equal(found[1], pictures[1, :, 2:4, 3:6])
    assert np.array_equal(found[4], pictures[4, :, 1:3, 1:4])


def test_crop_by_hand():
    found = crop(NUMPY, np.ones((5, 1, *PATCH)), TOP, LEFT, CANVAS)
    assert found.sum(axis=(1, 2, 3)).tolist() == [6, 6, 2, 1, 6]


def test_relu_is_that_of_whole_pictures(patches):
    background, delta = patches
    change = relu(NUMPY, background, delta, TOP, LEFT)
    expected = np.maximum(drawn(background, delta), 0)
    np.testing.assert_allclose(drawn(np.maximum(background, 0), change), expected, atol=1e-15)


def test_batch_norm_is_that_of_whole_pictures(patches):
    background, delta = patches
    scale, shift = np.array([2.0, -3.0]), np.array([0.5, 1.0])
    under = window(NUMPY, background, TOP, LEFT, *PATCH)
    found = batch_norm(NUMPY, background, delta, under, scale, shift, 1e-3)
    expected, mean, variance = NUMPY.batch_norm(drawn(background, delta), scale, shift, 1e-3)
    np.testing.assert_allclose(drawn(*found[:2]), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found[2], mean, rtol=1e-12)
    np.testing.assert_allclose(found[3], variance, rtol=1e-12)
