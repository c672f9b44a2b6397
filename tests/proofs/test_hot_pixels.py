"""The shortcut of `onehot2coord`: equal to the four steps on every bitmap, silent about the rest.

`test_enumeration.py` runs it on every bitmap of every canvas up to 64x64. Here: why it is right on
every canvas, that a wrong one is found, and that it vouches for nothing but bitmaps.
"""

from dataclasses import replace
from itertools import product
from threading import get_ident

import numpy as np
import pytest

import handcrafted.hot_pixels as shortcut_module
from handcrafted import onehot2coord
from handcrafted.hot_pixels import hot_pixels
from handcrafted.proofs.cases import bitmaps, positions
from handcrafted.proofs.claims import CLAIMS, enumeration
from handcrafted.proofs.symbolic import ProofError

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


def test_a_count_of_n_and_a_1_at_each_claim_leave_nothing_but_bitmaps():
    """Of any number of bitmaps of any size: with a 1 at its claim a bitmap has set pixels, one or
    more; n positive integers that come to n are 1 each. By induction on the number of bitmaps."""
    z3 = pytest.importorskip("z3")
    bitmaps, total, last = z3.Ints("bitmaps total last")

    def follows(claim, *given):
        solver = z3.Solver()
        solver.add(*given, z3.Not(claim))
        return solver.check() == z3.unsat

    # n bitmaps have n or more, and n only if each has one: with one bitmap more this still holds.
    more = z3.And(total + last >= bitmaps + 1)
    exact = z3.Implies(total + last == bitmaps + 1, z3.And(total == bitmaps, last == 1))
    assert follows(z3.And(more, exact), total >= bitmaps, last >= 1)
    # The companions: without a 1 at the claim of each, two in one make up for none in another.
    assert not follows(exact, total >= bitmaps)
    assert not follows(exact, last >= 1)


def test_every_claim_about_every_small_batch():
    """Two bitmaps of three pixels with values of all kinds, and whatever place is claimed."""
    values = (0.0, 1.0, -0.0, 0.5, np.nan)
    broken = {"count": 0, "ones": 0}
    for pixels in product(values, repeat=6):
        batch = np.array(pixels, np.float32).reshape(2, 3)
        set_bits = batch.view(np.uint32) != 0
        for places in product(range(3), repeat=2):
            claimed = np.zeros((2, 3), bool)
            claimed[[0, 1], places] = True
            right = (batch[claimed] == 1).all() and not set_bits[~claimed].any()
            count, ones = set_bits.sum() == 2, (batch[claimed] == 1).all()
            assert right == (count and ones)
            # The companions: neither check will do without the other.
            broken["count"] += bool(count and not right)
            broken["ones"] += bool(ones and not right)
    assert all(broken.values())


@pytest.mark.parametrize("build", [onehot2coord.network, onehot2coord.network_without_coordinates])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (16, 9), (32, 33)])
def test_answers_have_the_values_and_the_dtype_of_the_four_steps(build, dtype, size):
    network = build(*size)
    drawn = bitmaps(positions(*size), *size, np.dtype(dtype))
    numbers = drawn if dtype.startswith("float") else drawn.astype(int)
    for batch in (slice(None), slice(1), slice(0)):
        shortcut, steps = hot_pixels(*size, drawn[batch]), network.run(numbers[batch])
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
            answers = hot_pixels(height, width, drawn)
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
                    vouched = hot_pixels(2, 3, batch) is not None
                    # A negative zero is left to the four steps, to which it is a zero.
                    plain = not np.signbit(batch[item]).any()
                    assert vouched == (sorted(values) == [0, 1] and plain), values


def test_a_bitmap_with_a_negative_zero_is_still_a_bitmap():
    batch = bitmaps(np.array([[2, 1]]), 2, 3, np.float32)
    batch[0, 0, 0, 0] = -0.0
    assert hot_pixels(2, 3, batch) is None
    assert onehot2coord.network(2, 3)(batch).tolist() == [[2, 1]]


def test_what_is_not_a_plain_array_of_the_shape_is_left_to_the_network():
    batch = bitmaps(positions(4, 6), 4, 6, np.float32)
    for other in (
        batch[:, 0], batch[:, :, :3], batch.transpose(0, 1, 3, 2), batch[::2], batch.tolist(),
        batch.astype(complex), batch.astype(np.longdouble), np.asfortranarray(batch),
        batch.astype(">f4"), np.ma.array(batch),
    ):  # fmt: skip
        assert hot_pixels(4, 6, other) is None
    long = np.zeros((1, 1, 1, 2049), np.float16)
    long[..., 0] = 1
    assert hot_pixels(1, 2049, long) is None
    assert hot_pixels(1, 2048, long[..., :2048].copy()).tolist() == [[0, 0]]


@pytest.mark.parametrize("cores", [1, 2, 3])
@pytest.mark.parametrize(("count", "side"), [(300, 64), (7, 512), (12, 600)])
def test_batches_of_more_than_one_piece_are_read_to_the_end(monkeypatch, cores, count, side):
    here = shortcut_module._cores()[0]
    monkeypatch.setattr(shortcut_module, "_cores", lambda: (here,) * cores)
    monkeypatch.setattr(shortcut_module, "_SHARE_BYTES", 1 << 18)
    readers = set()
    count_nonzero = shortcut_module._count_nonzero

    def watched(words):
        readers.add(get_ident())
        return count_nonzero(words)

    monkeypatch.setattr(shortcut_module, "_count_nonzero", watched)
    places = np.random.default_rng(0).integers(side, size=(count, 2))
    batch = bitmaps(places, side, side, np.float32)
    assert (hot_pixels(side, side, batch) == places).all()
    assert cores == 1 or len(readers) > 1
    for item in (0, count // 2, count - 1):
        wrong = batch.copy()
        wrong[item, 0, -1, -1] += 1
        wrong[item, 0, 0, 0] += 1
        assert hot_pixels(side, side, wrong) is None
        # Two in one and none in the next have the right count, in a piece and across pieces.
        wrong = batch.copy()
        wrong[item - 1] += wrong[item]
        wrong[item] = 0
        assert hot_pixels(side, side, wrong) is None
        wrong = batch.copy()
        wrong[item] *= 2
        assert hot_pixels(side, side, wrong) is None
        if side == 64:
            with pytest.raises(ValueError, match=f"bitmap {item} of the batch"):
                onehot2coord.network(side, side)(wrong)


def test_an_early_bitmap_that_is_none_is_refused_before_the_rest_is_read(monkeypatch):
    monkeypatch.setattr(shortcut_module, "_cores", lambda: (0,))
    looked = []
    count = shortcut_module._count_nonzero
    monkeypatch.setattr(
        shortcut_module, "_count_nonzero", lambda words: looked.append(words.size) or count(words)
    )
    batch = bitmaps(np.zeros((1024, 2), int), 64, 64, np.float32)
    assert hot_pixels(64, 64, batch) is not None
    assert sum(looked) == batch.size
    looked.clear()
    batch[0, 0, 1, 1] = 1
    assert hot_pixels(64, 64, batch) is None
    assert sum(looked) <= batch.size // 16


def test_an_error_in_a_thread_is_an_error_and_no_answer(monkeypatch):
    here = shortcut_module._cores()[0]
    monkeypatch.setattr(shortcut_module, "_cores", lambda: (here, here))
    count_nonzero = shortcut_module._count_nonzero

    def short_of_memory(words):
        if words[0, 1]:
            raise MemoryError
        return count_nonzero(words)

    monkeypatch.setattr(shortcut_module, "_count_nonzero", short_of_memory)
    places = np.zeros((2048, 2), int)
    places[64] = (1, 0)
    batch = bitmaps(places, 64, 64, np.float32)
    with pytest.raises(MemoryError):
        hot_pixels(64, 64, batch)
