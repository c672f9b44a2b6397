"""The search that checks: right on every bitmap, and an error for everything else."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from handcrafted import onehot2coord, verified_argmax
from handcrafted.proofs.cases import bitmaps, positions

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", ">f4", ">i2"),
)
search = verified_argmax.verified_argmax


@pytest.mark.parametrize(
    "size", [(height, width) for height in (1, 2, 5, 16) for width in (1, 3, 16)]
)
def test_every_position(size):
    places = positions(*size)
    assert (search(bitmaps(places, *size, np.float32)) == places).all()


def test_every_position_of_the_published_canvas():
    places = positions(64, 64)
    assert (search(bitmaps(places, 64, 64, np.float32)) == places).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [0, 1, 20])
def test_answers_have_the_values_and_the_dtype_of_the_network(dtype, count):
    drawn = bitmaps(positions(4, 5)[:count], 4, 5, np.dtype(dtype))
    found, computed = search(drawn), onehot2coord.network(4, 5)(drawn)
    assert (found == computed).all()
    assert found.shape == (count, 2)
    assert found.dtype == computed.dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_hot_bitmaps_need_no_second_look(dtype, monkeypatch):
    """The last pixel of all is among the hot ones, and so is the first."""
    monkeypatch.setattr(verified_argmax.OneHot, "check", None)
    places = positions(4, 5)
    for order in (places, places[::-1], places[:1], places[-1:]):
        assert (search(bitmaps(order, 4, 5, np.dtype(dtype))) == order).all()


VALUES = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, np.nan, np.inf, -np.inf, 1e-45)


def test_every_kind_of_bad_bitmap_is_refused_as_the_network_refuses_it():
    """Two pixels anywhere of the second of three bitmaps, of every pair of values."""
    network = onehot2coord.network(2, 3)
    refused = 0
    for first, second in product(range(6), repeat=2):
        for values in product(VALUES, repeat=2):
            batch = bitmaps(np.array([[1, 1]] * 3), 2, 3, np.float32)
            batch[1] = 0
            batch[1].reshape(-1)[[first, second]] = values
            pixels = batch[1].reshape(-1)
            if sorted(pixels.tolist(), key=abs) == [0, 0, 0, 0, 0, 1]:
                x, y = pixels.argmax() % 3, pixels.argmax() // 3
                assert search(batch).tolist() == [[1, 1], [x, y], [1, 1]]
                continue
            with pytest.raises(ValueError, match="bitmap 1 of the batch has") as found:
                search(batch)
            with pytest.raises(ValueError, match="bitmap 1") as expected:
                network(batch)
            assert str(found.value) == str(expected.value)
            refused += 1
    assert refused > 2000


@pytest.mark.parametrize("count", [2, 300])
def test_hot_pixels_that_are_neighbours_in_memory(count):
    """The last pixel of one bitmap and the first of the next, also across two parts of a batch."""
    places = np.array([[63, 63], [0, 0]] * (count // 2))
    for order in (places, places[::-1]):
        assert (search(bitmaps(order, 64, 64, np.float32)) == order).all()


@pytest.mark.parametrize("item", [0, 63, 64, 150, 299])
@pytest.mark.parametrize("place", [(0, 0), (63, 63)])
def test_one_more_pixel_anywhere_in_a_large_batch_is_named(item, place):
    batch = bitmaps(np.full((300, 2), 31), 64, 64, np.float32)
    batch[(item, 0, *place)] = 1e-45
    with pytest.raises(ValueError, match=rf"bitmap {item} of the batch has a pixel of value 1\.4"):
        search(batch)


@pytest.mark.parametrize("item", [0, 1, 2])
def test_one_more_pixel_is_named_where_the_very_last_one_is_hot(item):
    batch = bitmaps(np.array([[1, 1], [0, 0], [2, 1]]), 2, 3, np.float32)
    batch[item, 0, 0, 1] = 1
    with pytest.raises(ValueError, match=f"bitmap {item} of the batch has 2 pixels"):
        search(batch)


def test_two_in_one_bitmap_do_not_make_up_for_none_in_another():
    batch = bitmaps(np.array([[0, 0], [2, 1]]), 2, 3, np.float32)
    batch[0] += batch[1]
    batch[1] = 0
    with pytest.raises(ValueError, match="bitmap 0 of the batch has 2 pixels that are not 0"):
        search(batch)
    with pytest.raises(ValueError, match="bitmap 0 of the batch has no hot pixel"):
        search(batch[::-1])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int64", "bool"])
def test_random_bits_are_refused_or_right(dtype):
    """Batches of one small bitmap, from bits with few of them set."""
    rng, accepted = np.random.default_rng(0), 0
    for _ in range(3000):
        size = np.dtype(dtype).itemsize
        pixels = np.zeros(4, dtype)
        pixels[rng.integers(4)] = 1
        if dtype == "bool":
            pixels ^= rng.random(4) < 0.2
        else:
            bits = pixels.view(np.uint8)
            bits[rng.random(4 * size) < 0.2 / size] ^= np.uint8(1 << rng.integers(8))
        batch = pixels.reshape(1, 1, 2, 2)
        lit = [value for value in pixels.tolist() if value != 0]
        if lit == [1]:
            place = int(np.flatnonzero(pixels)[0])
            assert search(batch).tolist() == [[place % 2, place // 2]]
            accepted += 1
        else:
            with pytest.raises(ValueError, match="bitmap 0 of the batch has"):
                search(batch)
    assert 0 < accepted < 3000


def test_arrays_of_any_layout():
    batch = bitmaps(positions(4, 5), 4, 5, np.float32)
    batch.flags.writeable = False
    for other in (batch[::2], batch[::-1], np.asfortranarray(batch), batch.transpose(0, 1, 3, 2)):
        height, width = other.shape[2:]
        assert (search(other) == onehot2coord.network(height, width)(other)).all()


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ([[1]], TypeError, "bitmaps are a list; give a plain NumPy array"),
        (np.zeros((4, 5)), ValueError, r"shape \(4, 5\); expected \(n, 1, height, width\)"),
        (np.zeros((3, 2, 4, 5)), ValueError, r"shape \(3, 2, 4, 5\); expected \(n, 1, 4, 5\)"),
        (np.zeros((3, 1, 0, 5)), ValueError, "the height is 0"),
        (np.zeros((1, 1, 2, 2), complex), TypeError, "dtype complex128"),
        (np.zeros((1, 1, 2, 2), object), TypeError, "dtype object"),
        (np.ma.zeros((1, 1, 2, 2)), TypeError, "bitmaps are a MaskedArray"),
        (np.zeros((1, 1, 1, 2049), np.float16), ValueError, "beyond 2048"),
    ],
)
def test_what_is_no_batch_of_bitmaps_is_refused(batch, error, message):
    with pytest.raises(error, match=message):
        search(batch)


def test_it_is_short_and_uses_public_numpy_alone():
    source = Path(verified_argmax.__file__).read_text()
    assert len(source.splitlines()) < 80
    assert "np._" not in source
    assert "thread" not in source.lower()
