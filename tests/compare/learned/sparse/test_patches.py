"""Pictures to patches and back, and the outputs that depend on a window."""

import numpy as np
import pytest

from compare import backends
from compare.learned.sparse.kernels import window
from compare.learned.sparse.patches import Patches, gather, localise, receptive_fields

BACKEND = backends.load("numpy")


def squares(rng, n, side):
    """Noise in 5x5 squares around random pixels, cut off by the border; one picture empty."""
    out = np.zeros((n, 2, side, side))
    for picture in out[1:]:
        y, x = rng.integers(side, size=2)
        square = picture[:, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        square[:] = rng.normal(size=square.shape)
    return out


def test_localise_cuts_the_smallest_windows():
    full = np.zeros((3, 2, 6, 8), np.float32)
    full[0, 0, 1, 2] = 1
    full[1, 1, 4:6, 5:8] = 2  # the largest, at the corner
    delta, top, left = localise(full)
    assert delta.shape == (3, 2, 2, 3)
    assert (Patches(full[:1] * 0, delta, top, left).dense(BACKEND) == full).all()


def test_gather_joins_chunks_of_different_windows():
    full = squares(np.random.default_rng(1), 7, 12)
    full[0, 1, 11, 11] = 1  # alone in its chunk: a window of one pixel that grows over the edge
    patches = gather([full[:1], full[1:4], full[4:]])
    assert patches.delta.shape[2:] == (5, 5)
    assert (patches.dense(BACKEND) == full).all()
    assert patches.shape == full.shape


def test_windows_read_the_background_and_know_what_is_on_the_canvas():
    background = np.arange(12.0).reshape(1, 1, 3, 4) + 1
    top, left = np.array([-1, 2, 0]), np.array([0, 3, 1])
    patches = Patches(background, np.ones((3, 1, 2, 2)), top, left)
    assert patches.under(BACKEND).tolist() == [
        [[[0, 0], [1, 2]]], [[[12, 0], [0, 0]]], [[[2, 3], [6, 7]]]
    ]  # fmt: skip
    assert np.array_equal(patches.inside(BACKEND), patches.under(BACKEND) > 0)
    assert np.array_equal(patches.cropped(BACKEND).delta, patches.inside(BACKEND))


@pytest.mark.parametrize(("side", "small"), [(3, False), (4, False), (5, True)])
def test_windows_are_small_below_half_of_the_canvas(side, small):
    corner = np.zeros(2, int)
    patches = Patches(np.zeros((1, 1, side, side)), np.ones((2, 1, 3, 3)), corner, corner)
    assert patches.small == small


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", range(1, 6))
@pytest.mark.parametrize("size", [1, 2, 3])
def test_receptive_fields_are_those_of_every_output_that_depends_on_a_window(size, kernel, stride):
    side, before = 30, kernel // 2
    start = np.arange(6, 20)
    delta = np.random.default_rng(0).normal(size=(len(start), 1, size, size))
    patches = Patches(np.zeros((1, 1, side, side)), delta, start, start[::-1])
    fields = receptive_fields(patches, BACKEND, kernel, stride, (before, before))
    around = (fields.padding, fields.padding)
    inputs = np.pad(fields.delta, ((0, 0), (0, 0), around, around))
    rows = inputs.shape[2]
    count = (rows - kernel) // stride + 1
    for first, read, begin in zip(fields.top, fields.input_top, start, strict=True):
        dependent = {
            output
            for output in range(40)
            for pixel in range(output * stride - before, output * stride - before + kernel)
            if begin <= pixel < begin + size
        }
        assert dependent <= set(range(first, first + count))
        assert read == first * stride - before
    expected = window(
        BACKEND, patches.dense(BACKEND), fields.input_top, fields.input_left, *inputs.shape[2:]
    )
    assert np.array_equal(inputs, expected)
