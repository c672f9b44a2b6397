"""The kernels for NumPy compute what the generic ones do: values and gradients, in both dtypes."""

import numpy as np
import pytest

from compare import backends
from compare.learned.sparse import kernels as generic
from compare.learned.sparse.numpy_kernels import KERNELS

BACKEND = backends.load("numpy")
XP = BACKEND.xp
TOP, LEFT = np.array([1, -2, 3, 0, 7]), np.array([2, 3, -9, -1, 7])
"""Windows inside, over each edge, and wholly beyond the canvas of 5x4 pixels."""
CANVAS = (5, 4)


def normal(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


def values_and_gradients(function, arrays):
    """Return what a function of arrays returns, and the gradients of a mix of its results."""
    first = [np.asarray(result) for result in function(*arrays)]
    mixes = normal(*(result.shape for result in first))

    def mixed(parameters):
        results = function(*(parameters[str(k)] for k in range(len(arrays))))
        total = sum(
            XP.sum(mix.astype(arrays[0].dtype) * result)
            for mix, result in zip(mixes, results, strict=True)
        )
        return total, {}

    parameters = {str(k): array for k, array in enumerate(arrays)}
    _, _, gradients = BACKEND.value_and_grad(mixed)(parameters)
    return first, [gradients[str(k)] for k in range(len(arrays))]


def assert_same(function, arrays):
    """`function` takes kernels and returns a function of the arrays to a tuple of results."""
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-5)):
        cast = [array.astype(dtype) for array in arrays]
        found, expected = (
            values_and_gradients(function(kernels), cast)
            for kernels in (KERNELS, generic.Kernels())
        )
        for ours, theirs in zip(found, expected, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                assert a.dtype == dtype
                np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))


@pytest.mark.parametrize("size", [(2, 2), (3, 4), (9, 9)])
@pytest.mark.parametrize("count", [1, 5], ids=["from one picture", "from a picture each"])
def test_window(count, size):
    (x,) = normal((count, 2, *CANVAS))
    assert_same(lambda kernels: lambda x: (kernels.window(BACKEND, x, TOP, LEFT, *size),), [x])


@pytest.mark.parametrize("kernels", [KERNELS, generic.Kernels()], ids=["numpy", "generic"])
@pytest.mark.parametrize("count", [1, 5], ids=["from one picture", "from a picture each"])
def test_window_pixel_by_pixel(count, kernels):
    (x,) = normal((count, 2, *CANVAS))
    for height, width in ((2, 2), (3, 4), (9, 9)):
        y = kernels.window(BACKEND, x, TOP, LEFT, height, width)
        for item, i, j in np.ndindex(len(TOP), height, width):
            row, column = TOP[item] + i, LEFT[item] + j
            on_canvas = 0 <= row < CANVAS[0] and 0 <= column < CANVAS[1]
            expected = x[item % count, :, row, column] if on_canvas else np.zeros(2)
            assert np.array_equal(y[item, :, i, j], expected)


@pytest.mark.parametrize("kernels", [KERNELS, generic.Kernels()], ids=["numpy", "generic"])
def test_a_window_is_zero_beyond_the_edge(kernels):
    """Whatever is at the edge: a diverged network has infinities there."""
    corner, before = np.full((1, 1, 1, 1), np.inf), np.array([-1])
    window = kernels.window(BACKEND, corner, before, before, 3, 3)
    assert window[0, 0].tolist() == [[0, 0, 0], [0, np.inf, 0], [0, 0, 0]]


def test_crop():
    (delta,) = normal((5, 2, 3, 2))
    assert_same(lambda kernels: lambda d: (kernels.crop(BACKEND, d, TOP, LEFT, CANVAS),), [delta])


def test_crop_leaves_windows_on_the_canvas_as_they_are():
    (delta,) = normal((2, 2, 3, 2))
    corner = np.array([0, 2])
    assert KERNELS.crop(BACKEND, delta, corner, corner, CANVAS) is delta


def cropped(delta):
    return generic.crop(BACKEND, delta, TOP, LEFT, CANVAS)


def test_relu():
    background, delta = normal((1, 2, *CANVAS), (5, 2, 3, 2))

    def change(kernels):
        return lambda b, d: (kernels.relu(BACKEND, b, d, TOP, LEFT),)

    assert_same(change, [background, cropped(delta)])


def test_batch_norm():
    background, delta, under, scale, shift = normal(
        (1, 2, *CANVAS), (5, 2, 3, 2), (5, 2, 3, 2), (2,), (2,)
    )

    def normalised(kernels):
        return lambda *arrays: kernels.batch_norm(BACKEND, *arrays, 1e-3)[:2]

    arrays = [background, cropped(delta), cropped(under), scale, shift]
    assert_same(normalised, arrays)
    moments = (kernels.batch_norm(BACKEND, *arrays, 1e-3)[2:] for kernels in (KERNELS, generic))
    np.testing.assert_allclose(*moments, rtol=1e-13)
