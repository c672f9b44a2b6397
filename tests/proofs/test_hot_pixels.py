"""The shortcut of `onehot2coord`: equal to the four steps on every bitmap, silent about the rest.

`test_enumeration.py` runs it on every bitmap of every canvas up to 64x64. Here: why it is right on
every canvas, that a wrong one is found, and that it vouches for nothing but bitmaps.
"""

from dataclasses import replace

import numpy as np
import pytest

from handcrafted import onehot2coord
from handcrafted.hot_pixels import hot_pixels
from handcrafted.proofs import CLAIMS, ProofError, bitmaps, enumeration, positions

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
)


def test_the_place_of_a_pixel_gives_its_row_and_column_on_every_canvas():
    """Pixels lie row after row: the quotient of a place by the width is its row, and no other."""
    z3 = pytest.importorskip("z3")
    W, x, y, row = z3.Ints("W x y row")
    place = y * W + x
    on_canvas = [0 <= x, x < W, 0 <= y]
    quotient = [row * W <= place, place < row * W + W]

    def holds(*claims, given):
        solver = z3.Solver()
        solver.add(*given, z3.Not(z3.And(*claims)))
        return solver.check() == z3.unsat

    assert holds(row == y, place - row * W == x, given=[*on_canvas, *quotient])
    # The companion: the claim needs the pixel to lie on the canvas.
    assert not holds(row == y, given=quotient)


@pytest.mark.parametrize("build", [onehot2coord.network, onehot2coord.network_without_coordinates])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (16, 9)])
def test_answers_have_the_values_and_the_dtype_of_the_four_steps(build, dtype, size):
    network = build(*size)
    drawn = bitmaps(positions(*size), *size, np.dtype(dtype))
    numbers = drawn if dtype.startswith("float") else drawn.astype(int)
    for batch in (slice(None), slice(1), slice(0)):
        shortcut, steps = hot_pixels(drawn[batch], *size), network.run(numbers[batch])
        assert shortcut is not None
        assert (shortcut == steps).all()
        assert shortcut.dtype == steps.dtype
        assert shortcut.shape == steps.shape


@pytest.mark.parametrize("index", [0, 1])
def test_a_shortcut_that_is_wrong_once_is_found(index):
    right = CLAIMS["onehot2coord"][index]

    def build(height, width):
        network = right.build(height, width)

        def once(drawn):
            answers = hot_pixels(drawn, height, width)
            if (height, width) == (19, 13):
                answers[(answers == (5, 17)).all(axis=1)] = (5, 16)
            return answers

        return replace(network, shortcut=once)

    with pytest.raises(ProofError, match=r"the shortcut of .* on 19x13 in float32 is wrong at"):
        enumeration(replace(right, build=build), 20, np.float32)


VALUES = (0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.0, np.nan, np.inf, -np.inf, 1e-45)


@pytest.mark.parametrize("count", [1, 3])
def test_only_bitmaps_are_vouched_for(count):
    """Every pair of values at every two pixels of a 2x3 canvas, in each item of the batch."""
    for item in range(count):
        for first in range(6):
            for second in range(first):
                for values in ((a, b) for a in VALUES for b in VALUES):
                    batch = bitmaps(np.array([[1, 1]] * count), 2, 3, np.float32)
                    batch[item] = 0
                    batch[item].reshape(-1)[[first, second]] = values
                    vouched = hot_pixels(batch, 2, 3) is not None
                    # A negative zero is left to the four steps, to which it is a zero.
                    plain = not np.signbit(batch[item]).any()
                    assert vouched == (sorted(values) == [0, 1] and plain), values


def test_a_bitmap_with_a_negative_zero_is_still_a_bitmap():
    batch = bitmaps(np.array([[2, 1]]), 2, 3, np.float32)
    batch[0, 0, 0, 0] = -0.0
    assert hot_pixels(batch, 2, 3) is None
    assert onehot2coord.network(2, 3)(batch).tolist() == [[2, 1]]


def test_what_is_not_a_plain_array_of_the_shape_is_left_to_the_network():
    batch = bitmaps(positions(4, 6), 4, 6, np.float32)
    for other in (
        batch[:, 0], batch[:, :, :3], batch.transpose(0, 1, 3, 2), batch[::2], batch.tolist(),
        batch.astype(complex), batch.astype(np.longdouble), np.asfortranarray(batch),
        batch.astype(">f4"), np.ma.array(batch),
    ):  # fmt: skip
        assert hot_pixels(other, 4, 6) is None
    long = np.zeros((1, 1, 1, 2049), np.float16)
    long[..., 0] = 1
    assert hot_pixels(long, 1, 2049) is None
    assert hot_pixels(long[..., :2048].copy(), 1, 2048).tolist() == [[0, 0]]


def test_batches_of_more_than_one_piece_are_read_to_the_end():
    places = np.random.default_rng(0).integers(64, size=(300, 2))
    batch = bitmaps(places, 64, 64, np.float32)
    assert (hot_pixels(batch, 64, 64) == places).all()
    for item in (0, 17, 299):
        wrong = batch.copy()
        wrong[item, 0, 63, 63] += 1
        wrong[item, 0, 0, 0] += 1
        assert hot_pixels(wrong, 64, 64) is None
        with pytest.raises(ValueError, match=f"bitmap {item} of the batch"):
            onehot2coord.network(64, 64)(wrong)
