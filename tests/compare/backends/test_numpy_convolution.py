"""NumPy convolutions against their definition and finite differences."""

import numpy as np
import pytest

from compare import backends
from compare.testing.backends import CONVOLUTIONS

BACKEND = backends.load("numpy")


RNG = np.random.default_rng(0)


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
def test_conv(check_gradient, n, channels, height, width, outputs, kernel, stride, padding):
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
    check_gradient, n, channels, height, width, outputs, kernel, stride, padding
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
