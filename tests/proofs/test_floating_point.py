"""Exact at `largest_exact_size`; and, beyond it, where the first wrong answer is.

A significand of p bits represents every integer up to 2**p and not 2**p + 1, which becomes 2**p
(ties go to the even one). So one pixel past the limit the width W = 2**p + 1 is no longer
represented, and the two networks differ in what follows:

- without coordinates, W pixels from x = 0 to the edge add up to 2**p for a W that was rounded to
  2**p too; but for x = 1 the sum is 2**p, the same, and the answer 0 is wrong;
- the critique's network computes round(W) - X and takes it from round(W) again, so what W was
  rounded by cancels. Its first wrong answers come a pixel later, at W = 2**p + 2, which is
  represented again: for x = 1, where W - x = 2**p + 1 is rounded, and for x = 2**p + 1, which is
  rounded itself.
"""

import numpy as np
import pytest

from handcrafted import onehot2coord
from handcrafted.exactness import largest_exact_size
from handcrafted.operations import Coordinates
from handcrafted.proofs.cases import bitmaps, positions
from handcrafted.proofs.claims import representable
from handcrafted.proofs.symbolic import ProofError

CRITIQUE, PADDING = onehot2coord.network, onehot2coord.network_without_coordinates


def numpy_answers(build, width, places, dtype):
    """Run a network on bitmaps of one row without asking whether the dtype will do."""
    pictures = bitmaps(places, 1, width, dtype)
    step = max(1, (1 << 24) // width)
    run = build(1, width).run
    parts = [run(pictures[k : k + step]) for k in range(0, len(places), step)]
    return np.concatenate(parts).astype(np.int64)


def torch_answers(build, width, places, dtype):
    torch = pytest.importorskip("torch")
    pictures = torch.asarray(bitmaps(places, 1, width, np.float32)).to(getattr(torch, dtype))
    return build(1, width).run(pictures).to(torch.int64).numpy()


def jax_answers(build, width, places, dtype):
    jnp = pytest.importorskip("jax.numpy")
    pictures = jnp.asarray(bitmaps(places, 1, width, np.float32)).astype(dtype)
    return np.asarray(build(1, width).run(pictures)).astype(np.int64)


LIBRARIES = [
    (numpy_answers, "float16"),
    (torch_answers, "float16"),
    (jax_answers, "float16"),
    (torch_answers, "bfloat16"),
    (jax_answers, "bfloat16"),
]


def wrong(answers, build, width, dtype):
    places = positions(1, width)
    right = (answers(build, width, places, dtype) == places).all(axis=1)
    return np.flatnonzero(~right).tolist()


@pytest.mark.parametrize(("answers", "dtype"), LIBRARIES)
def test_small_floats_at_the_limit_and_past_it(answers, dtype):
    limit = largest_exact_size(dtype)
    for build in (CRITIQUE, PADDING):
        assert wrong(answers, build, limit, dtype) == []
    assert wrong(answers, PADDING, limit + 1, dtype)[0] == 1
    assert wrong(answers, CRITIQUE, limit + 1, dtype) == []
    assert wrong(answers, CRITIQUE, limit + 2, dtype) == [1, limit + 1]


def test_float32_at_the_limit_and_past_it():
    """A bitmap of 1 x 16,777,216 pixels takes 64 MB."""
    limit = largest_exact_size("float32")
    assert limit == 16_777_216
    ends = np.array([[0, 0], [1, 0], [limit // 2 + 1, 0], [limit - 1, 0]])
    for build in (CRITIQUE, PADDING):
        for place in ends:
            bitmap = bitmaps(place[None], 1, limit, np.float32)
            assert build(1, limit)(bitmap).tolist() == [place.tolist()]
    assert numpy_answers(PADDING, limit + 1, np.array([[1, 0]]), np.float32).tolist() != [[1, 0]]
    for x in (1, limit + 1):
        place = np.array([[x, 0]])
        assert numpy_answers(CRITIQUE, limit + 2, place, np.float32).tolist() != place.tolist()


def crop(width, first, count, dtype):
    """Run the critique's network on `count` columns of a row too wide for any memory.

    At every pixel but the hot one relu leaves 0, since its column X is 0 or more; so the columns
    that are left out add nothing, and the crop's sum is the row's.
    """
    coordinates, *rest = onehot2coord.steps(1, width)
    assert coordinates == Coordinates()
    x = bitmaps(positions(1, count), 1, count, dtype)
    for operation in (Coordinates(first_column=first), *rest):
        x = operation(x)
    return [int(value) for value in x[:, 0]]


def test_float64_at_the_limit_and_past_it():
    limit = largest_exact_size("float64")
    assert limit == 2**53
    for first in (0, 1, limit // 2 - 4, limit - 8):
        assert crop(limit, first, 8, np.float64) == list(range(first, first + 8))
    # One past: right, as said above; two past: wrong.
    assert crop(limit + 1, limit - 7, 8, np.float64) == list(range(limit - 7, limit + 1))
    assert crop(limit + 2, limit - 6, 8, np.float64)[-1] != limit + 1
    assert crop(limit + 2, 0, 3, np.float64) == [0, 2, 2]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_crop_is_the_whole(dtype):
    assert crop(2048, 2000, 48, dtype) == [
        int(x) for x in numpy_answers(CRITIQUE, 2048, positions(1, 2048)[2000:], dtype)[:, 0]
    ]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_the_range_that_a_dtype_represents(dtype, monkeypatch):
    assert representable(dtype).cases >= 4
    if dtype != "int64":
        limit = largest_exact_size(dtype)
        for other in (limit - 1, 2 * limit):
            monkeypatch.setattr(
                "handcrafted.proofs.claims.largest_exact_size", lambda _, n=other: n
            )
            with pytest.raises(ProofError, match=f"{dtype} "):
                representable(dtype)


def test_the_other_networks_at_the_limit_of_float16():
    """On a row and a column as long as float16 allows, at both ends and around the middle."""
    from handcrafted import coord2image, coord2onehot, image2coord

    limit = largest_exact_size("float16")
    for height, width in ((limit, 9), (9, limit)):
        places = np.array(
            [
                [min(a, width - 1), min(b, height - 1)]
                for a in (0, 5, 1025, 2047)
                for b in (0, 3, 2047)
            ]
        )
        places16 = places.astype(np.float16)
        pictures = coord2onehot.network(height, width)(places16)
        assert (pictures == bitmaps(places, height, width, np.float16)).all()
        both = coord2image.network(height, width) | image2coord.network(height, width)
        assert (both(places16) == places).all()
