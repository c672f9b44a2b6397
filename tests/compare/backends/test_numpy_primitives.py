"""NumPy's own primitives against their definitions and finite differences."""

import numpy as np
import pytest

from compare import backends

BACKEND = backends.load("numpy")


RNG = np.random.default_rng(0)


def test_relu(check_gradient):
    x = np.array([[-1.5, -0.0, 0.0, 2.5]])
    assert BACKEND.relu(x).tolist() == [[0, 0, 0, 2.5]]
    check_gradient(BACKEND.relu, np.array([[-1.5, -0.2, 0.3, 2.5]]))
    _, _, gradients = BACKEND.value_and_grad(lambda p: (XP.sum(BACKEND.relu(p["x"])), {}))({"x": x})
    assert gradients["x"].tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("shape", "kernel"), [((2, 3, 4, 6), 2), ((1, 2, 7, 5), 3), ((2, 1, 3, 3), 1)]
)
def test_max_pool(check_gradient, shape, kernel):
    x = RNG.normal(size=shape)
    rows, columns = (size // kernel * kernel for size in shape[2:])
    blocks = x[:, :, :rows, :columns].reshape(
        *shape[:2], rows // kernel, kernel, columns // kernel, kernel
    )
    assert np.array_equal(BACKEND.max_pool(x, kernel), blocks.max(axis=(3, 5)))
    check_gradient(lambda x: BACKEND.max_pool(x, kernel), x)


def test_max_pool_shares_the_gradient_among_ties():
    x = np.array([[[[1.0, 1.0], [0.0, 1.0]]]])
    _, _, gradients = BACKEND.value_and_grad(
        lambda p: (BACKEND.xp.sum(BACKEND.max_pool(p["x"], 2)), {})
    )({"x": x})
    np.testing.assert_allclose(gradients["x"], np.array([[[[1, 1], [0, 1]]]]) / 3)


XP = BACKEND.xp


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_primitive_keeps_the_dtype(dtype):
    x = RNG.normal(size=(2, 2, 4, 4)).astype(dtype)
    w = RNG.normal(size=(3, 2, 3, 3)).astype(dtype)

    def function(p):
        y = BACKEND.conv(p["x"], p["w"], None, 1, ((1, 1), (1, 1)))
        y = BACKEND.max_pool(y, 2)
        return XP.sum(y), {"y": y}

    value, extra, gradients = BACKEND.value_and_grad(function)({"x": x, "w": w})
    assert {value.dtype, extra["y"].dtype, gradients["x"].dtype, gradients["w"].dtype} == {
        np.dtype(dtype)
    }
