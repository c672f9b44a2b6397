"""The cases of every claim up to 64x64, compared with ==; and that a wrong network is found out.

Of the network without coordinates, which takes minutes, up to 40x40; up to 64x64 it is `slow`.
"""

from dataclasses import replace

import numpy as np
import pytest

from handcrafted.exactness import largest_exact_size
from handcrafted.proofs.claims import CLAIMS, enumeration
from handcrafted.proofs.symbolic import ProofError

CASES = {
    # Every position of every canvas to 64x64: (1 + 2 + ... + 64) squared.
    "onehot2coord": 2080**2,
    "onehot2coord without coordinates": 2080**2,
    # Every position at 64x64.
    "coord2onehot": 4096,
    "coord2image": 4096,
    "image2coord": 4096,
    # Either object at each of its 44 x 44 places; and twice each way for them to stand within 21
    # pixels of each other, of which 1245 are nearer than 20. All in 4 combinations of shapes.
    "objects2image": 4 * (2 * 44**2 + 2 * (43**2 - 1245)),
    # Three rows of each of the 44 columns and three columns of each row, which have nine in common,
    # with three red centres.
    "two-objects": 3 * (6 * 44 - 9),
    "image2objects": 4 * (2 * 44**2 + 2 * (43**2 - 1245)),
}

SMALL = {"objects2image": 44, "image2objects": 44, "two-objects": 50}
"""Canvases that hold two objects."""

WITHOUT_COORDINATES = CLAIMS["onehot2coord"][1]


def test_of_how_many_cases_some_are_tried():
    ofs = {claim.name: claim.of for claims in CLAIMS.values() for claim in claims if claim.of}
    assert ofs.keys() == {"objects2image", "image2objects", "two-objects"}
    # Ordered pairs of centres as docs/two_objects.md counts them, in 4 combinations of shapes.
    assert ofs["objects2image"](64, 64) == ofs["image2objects"](64, 64) == 4 * 2_185_268


def test_every_case_to_64x64(claim):
    if claim.name == WITHOUT_COORDINATES.name:
        assert enumeration(claim, 40, np.float32).cases == 820**2
    else:
        assert enumeration(claim, 64, np.float32).cases == CASES[claim.name]


@pytest.mark.slow
def test_every_case_to_64x64_without_coordinates():
    proved = enumeration(WITHOUT_COORDINATES, 64, np.float32)
    assert proved.cases == CASES[WITHOUT_COORDINATES.name]


@pytest.mark.parametrize("dtype", ["float16", "float64", "int64"])
def test_every_case_of_small_canvases_in_other_dtypes(claim, dtype):
    size = SMALL.get(claim.name, 20)
    if claim.build(size, size).domain.largest <= largest_exact_size(dtype):
        assert enumeration(claim, size, dtype).cases > 0
    else:
        assert (claim.name, dtype) == ("two-objects", "float16")


@pytest.mark.parametrize("where", [(1, 1), (7, 3), (20, 20)])
@pytest.mark.parametrize("index", [0, 1])
def test_one_canvas_with_one_wrong_number_is_found(where, index):
    right = CLAIMS["onehot2coord"][index]

    def build(height, width):
        network = right.build(height, width)
        last = len(network.numbers()) - 1
        return network.with_number(last, height + 1) if (height, width) == where else network

    with pytest.raises(
        ProofError, match=rf"on {where[0]}x{where[1]} in float32 is wrong at \(0, 0"
    ):
        enumeration(replace(right, build=build), 20, np.float32)


def test_a_wrong_number_is_found_in_every_network(claim):
    size = SMALL.get(claim.name, 12)

    def build(height, width):
        network = claim.build(height, width)
        return network.with_number(len(network.numbers()) - 1, 5)

    with pytest.raises(ProofError, match="is wrong at"):
        enumeration(replace(claim, build=build), size, np.float32)


def test_one_wrong_case_among_all_is_found():
    """A network that is right but for a single bitmap of a single canvas."""
    right = CLAIMS["onehot2coord"][0]

    class Once:
        def __init__(self, network):
            self.network, self.name = network, network.name

        def run(self, x):
            answers = self.network.run(x)
            if x.shape[2:] == (19, 13):
                answers[(answers == (5, 17)).all(axis=1)] = (5, 16)
            return answers

    wrong = replace(right, build=lambda height, width: Once(right.build(height, width)))
    with pytest.raises(ProofError, match=r"on 19x13 in float32 is wrong at \(5, 17\)"):
        enumeration(wrong, 20, np.float32)
