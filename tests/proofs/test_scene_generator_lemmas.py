"""The generator's proof for every size, and that it fails for other networks."""

import random

import pytest

from handcrafted import scene_generator
from handcrafted.network import numbers, with_number
from handcrafted.operations import Relu
from handcrafted.proofs.symbolic import Canvas, ProofError

pytest.importorskip("z3")  # a test extra, so always there in CI

from handcrafted.proofs.scene_generator_lemmas import _scene_generator_lemmas

NUMBERS = 1039


def unnoticed(changes):
    """Change one number of the symbolic network after the other; return the changes missed."""
    missed = []
    for index, delta in changes:

        def change(operations, index=index, delta=delta):
            return with_number(operations, index, numbers(operations)[index] + delta)

        try:
            _scene_generator_lemmas(change)
        except ProofError:
            continue
        missed.append((index, delta))
    return missed


def every_change():
    """Every number of the network by its index, one up and one down."""
    return [(index, delta) for index in range(NUMBERS) for delta in (1, -1)]


def test_the_generator_is_exact_on_every_canvas():
    assert _scene_generator_lemmas() == 176


class Identity(Relu):
    """An operation that does nothing."""


def test_another_relu_has_no_proof(monkeypatch):
    """Every relu is needed: without it the proof fails."""
    apply = Canvas.apply

    def with_identity(self, operation, channels):
        return channels if isinstance(operation, Identity) else apply(self, operation, channels)

    monkeypatch.setattr(Canvas, "apply", with_identity)
    operations = scene_generator.steps(64, 64)
    places = [k for k, operation in enumerate(operations) if isinstance(operation, Relu)]
    assert len(places) == 9
    for place in places:

        def change(given, place=place):
            return (*given[:place], Identity(), *given[place + 1 :])

        with pytest.raises(ProofError):
            _scene_generator_lemmas(change)


def test_every_number_counts():
    assert len(scene_generator.network(64, 64).numbers()) == NUMBERS


def test_the_lemmas_notice_numbers():
    """20 of the changes; all of them take minutes and are `slow`."""
    assert unnoticed(random.Random(0).sample(every_change(), 20)) == []


@pytest.mark.slow
def test_the_lemmas_notice_every_number():
    assert unnoticed(every_change()) == []
