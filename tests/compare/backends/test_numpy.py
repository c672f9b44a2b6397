"""The NumPy backend's primitives against their definitions and float64 finite differences."""

import importlib.util

import numpy as np
import pytest

from compare import backends
from compare.backends import same_padding
from compare.errors import UsageError
from compare.testing.backends import CONVOLUTIONS

BACKEND = backends.load("numpy")
RNG = np.random.default_rng(0)


def check_gradient(function, *arrays):
    """Compare each derivative of sum(weights * function) with central differences in float64."""
    weights = RNG.normal(size=function(*arrays).shape)

    def scalar(parameters):
        value = function(*(parameters[name] for name in sorted(parameters)))
        return BACKEND.xp.sum(weights * value), {}

    parameters = {str(index): array for index, array in enumerate(arrays)}
    value, _, gradients = BACKEND.value_and_grad(scalar)(parameters)
    assert value == scalar(parameters)[0]
    for name, array in parameters.items():
        assert gradients[name].shape == array.shape
        numerical = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            step = 1e-6
            ends = []
            for sign in (1, -1):
                changed = array.copy()
                changed[index] += sign * step
                ends.append(scalar({**parameters, name: changed})[0])
            numerical[index] = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(gradients[name], numerical, rtol=1e-6, atol=1e-7)


def slow_conv(x, weight, stride, padding):
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    kernel = weight.shape[2]
    rows = (padded.shape[2] - kernel) // stride + 1
    columns = (padded.shape[3] - kernel) // stride + 1
    out = np.zeros((len(x), len(weight), rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = padded[
                :, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel
            ]
            out[:, :, i, j] = np.einsum("ncab,ocab->no", window, weight)
    return out


@pytest.mark.parametrize(
    ("n", "channels", "height", "width", "outputs", "kernel", "stride", "padding"), CONVOLUTIONS
)
def test_conv(n, channels, height, width, outputs, kernel, stride, padding):
    x = RNG.normal(size=(n, channels, height, width))
    weight = RNG.normal(size=(outputs, channels, kernel, kernel))
    bias = RNG.normal(size=outputs)
    expected = slow_conv(x, weight, stride, padding)
    y = BACKEND.conv(x, weight, None, stride, padding)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    y = BACKEND.conv(x, weight, bias, stride, padding)
    np.testing.assert_allclose(y, expected + bias[:, None, None], rtol=1e-12, atol=1e-12)
    check_gradient(lambda x, w, b: BACKEND.conv(x, w, b, stride, padding), x, weight, bias)


@pytest.mark.parametrize(
    ("n", "channels", "height", "width", "outputs", "kernel", "stride", "padding"), CONVOLUTIONS
)
def test_conv_transpose_is_the_adjoint(
    n, channels, height, width, outputs, kernel, stride, padding
):
    """<conv(x), y> = <x, conv_transpose(y)> for all x and y, and the bias comes on top."""
    x = RNG.normal(size=(n, channels, height, width))
    weight = RNG.normal(size=(outputs, channels, kernel, kernel))
    maps = BACKEND.conv(x, weight, None, stride, padding)
    y, bias = RNG.normal(size=maps.shape), RNG.normal(size=channels)
    spread = BACKEND.conv_transpose(y, weight, None, (height, width), stride, padding)
    np.testing.assert_allclose(np.sum(maps * y), np.sum(x * spread), rtol=1e-10)
    assert spread.shape == x.shape
    with_bias = BACKEND.conv_transpose(y, weight, bias, (height, width), stride, padding)
    np.testing.assert_allclose(with_bias - spread, np.broadcast_to(bias[:, None, None], x.shape))
    check_gradient(
        lambda y, w, b: BACKEND.conv_transpose(y, w, b, (height, width), stride, padding),
        y, weight, bias,
    )  # fmt: skip


def test_relu():
    x = np.array([[-1.5, -0.0, 0.0, 2.5]])
    assert BACKEND.relu(x).tolist() == [[0, 0, 0, 2.5]]
    check_gradient(BACKEND.relu, np.array([[-1.5, -0.2, 0.3, 2.5]]))
    _, _, gradients = BACKEND.value_and_grad(lambda p: (XP.sum(BACKEND.relu(p["x"])), {}))({"x": x})
    assert gradients["x"].tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("shape", "kernel"), [((2, 3, 4, 6), 2), ((1, 2, 7, 5), 3), ((2, 1, 3, 3), 1)]
)
def test_max_pool(shape, kernel):
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
A, B = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(3, 4))


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: XP.broadcast_to(b[None], (2, 3, 4)) * a,
        lambda a, b: XP.concatenate([a, XP.reshape(b, (1, 3, 4))], axis=0),
        lambda a, b: XP.max(a, axis=(1, 2), keepdims=True) + XP.sum(b),
        lambda a, b: XP.maximum(a, b),
        lambda a, b: XP.mean(a, axis=(0, 2)) * XP.mean(b),
        lambda a, b: XP.sqrt(a**2 + 1) - b / 3,
        lambda a, b: XP.where(b > 0, a, 2 * a),
        lambda a, b: a @ XP.reshape(b, (4, 3)),
        lambda a, b: a[:, 1:, ::2] + b[np.array([0, 0]), 1:3],
        lambda a, b: a * (a > 0) - b,
        lambda a, b: XP.exp(a - b) + XP.log(a**2 + 1) + XP.tanh(b),
    ],
)
def test_the_functions_of_xp(function):
    check_gradient(function, A, B)


def test_extra_results_come_back_without_derivatives():
    def function(parameters, factor):
        y = parameters["x"] * factor
        return XP.sum(y), {"y": y}

    value, extra, gradients = BACKEND.value_and_grad(function)({"x": np.ones(3)}, 2.0)
    assert (value, extra["y"].tolist(), gradients["x"].tolist()) == (6, [2, 2, 2], [2, 2, 2])
    assert type(extra["y"]) is np.ndarray


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


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("kernel", range(1, 6))
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_shrinks_by_the_stride_alone(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    assert 0 <= before <= after <= before + 1
    if kernel >= stride:
        assert (size + before + after - kernel) // stride + 1 == -(-size // stride)


def test_memory_is_known():
    assert BACKEND.memory_limit() > 1 << 20


def test_names_and_devices_are_checked():
    assert backends.load("numpy", "cpu").device == "cpu"
    with pytest.raises(UsageError, match="unknown backend 'cuda'; choose from: numpy"):
        backends.load("cuda")
    with pytest.raises(UsageError, match=r"no device 'cuda:1' here; present: cpu \(or 'auto'\)"):
        backends.load("numpy", "cuda:1")


def test_a_missing_library_is_named_with_its_install_command(monkeypatch):
    real = importlib.util.find_spec
    entry = backends.BackendEntry("far", "far.away:Far", "far", "pip install far")
    monkeypatch.setattr(backends, "available", lambda: {"far": entry})
    with pytest.raises(UsageError, match="needs far, which is not installed; run: pip install far"):
        backends.load("far")
    assert real("far") is None
