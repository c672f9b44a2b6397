"""The published networks: their tables, their counts, their first weights."""

from itertools import pairwise

import numpy as np
import pytest

from compare.learned.architecture import Architecture
from compare.learned.layers import Conv, Dense, Flatten, MaxPool, coordinates
from compare.learned.published import (
    conv_regressor_quadrant,
    conv_regressor_uniform,
    coordconv_classifier,
    coordconv_regressor,
    coordconv_renderer,
    deconv,
)


def rows(architecture):
    return [line.split() for line in str(architecture).splitlines()]


def test_the_coordconv_regressor():
    architecture = coordconv_regressor(64, 64)
    assert architecture.count() == 906
    layers = [(row[-3], row[-2]) for row in rows(architecture)[2:-1]]
    assert layers == [
        ("8x64x64", "32"), ("8x64x64", "72"), ("8x64x64", "72"), ("8x64x64", "584"),
        ("2x64x64", "146"), ("2x1x1", "0"), ("2", "0"),
    ]  # fmt: skip


def test_the_plain_regressor_for_the_uniform_split():
    architecture = conv_regressor_uniform(64, 64)
    shapes = ["x".join(map(str, shape)) for shape in architecture.shapes()]
    assert shapes == [
        "1x64x64", "16x64x64", "16x64x64", "16x32x32", "16x32x32", "16x32x32", "16x16x16",
        "16x16x16", "16x16x16", "16x8x8", "16x8x8", "16x8x8", "1024", "64", "64", "2",
    ]  # fmt: skip
    # 9 + 1 weights a channel, three times 16 * 9 + 1, 1025 * 64, 65 * 2.
    assert architecture.count() == 160 + 3 * 2320 + 65600 + 130 == 72850


def test_the_plain_regressor_for_the_quadrant_split():
    architecture = conv_regressor_quadrant(64, 64)
    sides = [shape[1] for shape in architecture.shapes()[:-1]]
    assert [side for k, side in enumerate(sides) if k == 0 or side != sides[k - 1]] == [
        64, 32, 16, 8, 4, 2, 1,
    ]  # fmt: skip
    # 5x5, two 1x1, five 3x3 of 16, the last 3x3 of 2, two batch norms.
    assert architecture.count() == 416 + 2 * 272 + 5 * 2320 + 290 + 2 * 32 == 12914


def test_the_coordconv_classifier():
    architecture = coordconv_classifier(64, 64)
    assert architecture.count() == 7553
    layers = [(row[-3], row[-2]) for row in rows(architecture)[2:-1]]
    assert layers == [
        ("2", "0"), ("2x64x64", "0"), ("32x64x64", "160"), ("32x64x64", "0"),
        ("32x64x64", "1,056"), ("32x64x64", "0"), ("64x64x64", "2,112"), ("64x64x64", "0"),
        ("64x64x64", "4,160"), ("64x64x64", "0"), ("1x64x64", "65"),
    ]  # fmt: skip
    # As published there is no scaling, and the multiplier widens every layer but the last.
    published = coordconv_classifier(64, 64, 2, "pixels")
    assert len(published.layers) == len(architecture.layers) - 1
    assert published.count() == 64 * 5 + 64 * 65 + 128 * 65 + 128 * 129 + 129


@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_the_coordconv_renderer(multiplier, kernel):
    architecture = coordconv_renderer(64, 64, multiplier, kernel)
    layers = [(row[-3], row[-2].replace(",", "")) for row in rows(architecture)[13:-1]]
    area, channels = kernel**2, [1, *(n * multiplier for n in (8, 8, 16, 16)), 1]
    counts = [(a * area + 1) * b for a, b in pairwise(channels)]
    expected = [("1x64x64", "0")]
    for number, (width, count) in enumerate(zip(channels[1:], counts, strict=True)):
        expected += [(f"{width}x64x64", str(count))]
        expected += [(f"{width}x64x64", "0")] if number < 4 else []
    assert layers == expected
    assert architecture.count() == 7553 + sum(counts)


@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_the_transposed_convolutions(multiplier, kernel):
    architecture = deconv(64, 64, multiplier, kernel)
    layers = [(row[-3], row[-2].replace(",", "")) for row in rows(architecture)[2:-1]]
    channels = [2, *(n * multiplier for n in (64, 64, 64, 32, 32)), 1]
    expected, total = [("2", "0"), ("2x1x1", "0")], 0
    for number, (a, b) in enumerate(pairwise(channels)):
        shape, count = f"{b}x{2 << number}x{2 << number}", (a * kernel**2) * b + b
        expected += [(shape, str(count))]
        if number < 5:
            expected += [(shape, str(2 * b)), (shape, "0")]
        total += count + (2 * b if number < 5 else 0)
    assert layers == expected
    assert architecture.count() == total
    if (multiplier, kernel) == (1, 3):
        assert total == 103_585


@pytest.mark.parametrize("size", [(9, 9), (16, 30), (65, 33)])
@pytest.mark.parametrize(
    "build",
    [
        coordconv_regressor,
        conv_regressor_uniform,
        conv_regressor_quadrant,
    ],
)
def test_every_canvas_gives_two_numbers(build, size):
    assert build(*size).shapes()[-1] == (2,)


def test_multiply_adds_are_counted_densely():
    architecture = Architecture((2, 6, 8), (Conv(3, kernel=3, stride=2), Flatten(), Dense(5)))
    assert architecture.multiply_adds() == 3 * 4 * (3 * 2 * 9) + 36 * 5


def test_a_seed_gives_the_same_weights_and_another_others():
    architecture = coordconv_regressor(64, 64)
    first, again, other = (architecture.initial_weights(seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["0.weight"], other["0.weight"])
    assert {array.dtype for array in first.values()} == {np.dtype(np.float32)}


def test_kernels_begin_he_normal_truncated_and_biases_zero():
    architecture = Architecture((16, 8, 8), (Conv(512, kernel=5),))
    weights = architecture.initial_weights(0)
    kernel = weights["0.weight"].astype(float)
    deviation = np.sqrt(2 / (16 * 25))
    assert abs(kernel.std() / deviation - 1) < 0.01
    assert abs(kernel.mean()) < 0.01 * deviation
    # Truncated at two of the untruncated deviations, which is 0.8796 of that before widening.
    assert np.abs(kernel).max() <= 2 * deviation / 0.8796
    assert np.abs(kernel).max() > 1.99 * deviation / 0.8796
    assert not weights["0.bias"].any()


def test_dense_weights_begin_glorot_uniform():
    weights = Architecture((600,), (Dense(200),)).initial_weights(0)
    limit = np.sqrt(6 / 800)
    assert 0.999 * limit < np.abs(weights["0.weight"]).max() <= limit


def test_coordinates_rise_from_minus_one_to_one():
    channels = coordinates(3, 5, radius=True)
    assert channels.shape == (1, 3, 3, 5)
    np.testing.assert_allclose(channels[0, 0], [[-1, -0.5, 0, 0.5, 1]] * 3)
    np.testing.assert_allclose(channels[0, 1].T, [[-1, 0, 1]] * 5)
    np.testing.assert_allclose(channels[0, 2, 0], np.hypot([-1, -0.5, 0, 0.5, 1], -1))


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2x2 map is smaller than the 3x3 max pool"):
        Architecture((1, 2, 2), (MaxPool(3),))
    with pytest.raises(ValueError, match=r"Dense takes vectors, got \(1, 2, 2\)"):
        Architecture((1, 2, 2), (Dense(3),))
