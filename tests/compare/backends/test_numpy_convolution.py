"""NumPy convolutions against their definition and finite differences."""

import numpy as np
import pytest

from compare import backends
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
