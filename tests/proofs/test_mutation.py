"""Each fixed number of each network is changed in turn, and the proofs must notice each time."""

import random

import pytest

from handcrafted.network import numbers, with_number
from handcrafted.operations import Convolution, Tap
from handcrafted.proofs.claims import CLAIMS, enumerate_canvas
from handcrafted.proofs.lemmas import inner_product_lemmas
from handcrafted.proofs.symbolic import ProofError

pytest.importorskip("z3")  # a test extra, so always there in CI

EVERY = {claim.name: claim for claims in CLAIMS.values() for claim in claims}
NUMBERS = {
    "onehot2coord": 28,
    "onehot2coord without coordinates": 14,
    "coord2onehot": 70,
    "coord2image": 76,
    "image2coord": 112,
    "objects2image": 656,
    "image2objects": 328,
    "two-objects": 1039,
}


WIDER = {"two-objects": (604, 613, 614, 619, 628, 629, 633, 634)}
"""Rows and columns of windows that end beyond the canvas whatever the pixel, by their index.

One more row or column of zeros is the same network, so these are not changed upwards.
"""


def changes(claim):
    """Every number of a network by its index, one up and one down."""
    return [
        (index, delta)
        for index in range(NUMBERS[claim.name])
        for delta in (1, -1)
        if delta == -1 or index not in WIDER.get(claim.name, ())
    ]


def test_a_window_that_ends_further_beyond_the_canvas_is_the_same_network():
    network = EVERY["two-objects"].build(21, 61)
    latents = EVERY["two-objects"].cases(21, 61)
    for index in WIDER["two-objects"]:
        wider = network.with_number(index, network.numbers()[index] + 1)
        assert wider.numbers()[index] in (2 * 21, 2 * 61)
        assert (wider(latents) == network(latents)).all()


def unnoticed(prove, changes):
    """Change one number of the symbolic network after the other; return the changes missed."""
    missed = []
    for index, delta in changes:

        def change(operations, index=index, delta=delta):
            return with_number(operations, index, numbers(operations)[index] + delta)

        try:
            prove(change)
        except ProofError:
            continue
        missed.append((index, delta))
    return missed


def test_every_number_counts(claim):
    assert len(claim.build(64, 64).numbers()) == NUMBERS[claim.name]


def test_the_lemmas_notice_every_number(claim):
    """Of the three largest networks, 40 of the changes; all of theirs take minutes and are `slow`."""
    every = changes(claim)
    if "objects" in claim.name:
        every = random.Random(0).sample(every, 40)
    assert unnoticed(claim.lemmas, every) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["objects2image", "image2objects", "two-objects"])
def test_the_lemmas_notice_every_number_of_the_largest_networks(name):
    assert unnoticed(EVERY[name].lemmas, changes(EVERY[name])) == []


def test_the_inner_product_notices_every_number_and_the_relu():
    """Another network than `onehot2coord` is not the inner product W - A.(W - X)."""
    assert unnoticed(inner_product_lemmas, changes(EVERY["onehot2coord"])) == []

    def without_relu(operations):
        coordinates, convolution, _, *rest = operations
        same = Convolution((Tap(0, 0, 1), Tap(1, 1, 1)), bias=(0, 0))
        return (coordinates, convolution, same, *rest)

    with pytest.raises(ProofError, match=r"'relu.W A - X. is A .W - X.' does not hold"):
        inner_product_lemmas(without_relu)


NOTICED = {
    "onehot2coord": 56,
    "onehot2coord without coordinates": 28,
    "coord2onehot": 126,
    "coord2image": 138,
    "image2coord": 202,
}
"""Changes, one up and one down for each number, that make an output wrong.

The others, in the last three networks, change maps that a later relu puts right; the lemmas notice
them, since they say what each map is.
"""


@pytest.mark.parametrize("name", NOTICED)
def test_enumeration_notices_what_changes_an_output(name):
    """On every case of one small canvas."""
    claim = EVERY[name]
    network = claim.build(11, 12)
    noticed = 0
    for index, number in enumerate(network.numbers()):
        for delta in (1, -1):
            try:
                enumerate_canvas(
                    claim, network.with_number(index, number + delta), 11, 12, "float32"
                )
            except ProofError:
                noticed += 1
    assert noticed == NOTICED[name]
