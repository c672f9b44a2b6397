"""The proofs for every size; that they fail for other networks; and that their rules are right."""

import numpy as np
import pytest

from handcrafted.operations import (
    Convolution,
    Coordinates,
    Linear,
    Relu,
    Subtraction,
    Tap,
    Tile,
)

pytest.importorskip("z3")

from handcrafted.proofs.claims import CLAIMS, lemmas
from handcrafted.proofs.lemmas import inner_product_lemmas
from handcrafted.proofs.symbolic import Canvas, Field, Impulse, ProofError


def test_every_claim_holds_on_every_canvas(claim):
    proved = lemmas(claim)
    assert proved.cases >= 10


def test_on_bitmaps_of_0_and_1_the_network_is_one_inner_product():
    """For every size by lemmas; here the inner product beside the network, on random bitmaps."""
    assert inner_product_lemmas() == 6
    A = np.random.default_rng(0).integers(0, 2, (50, 1, 5, 7))
    rows, columns = np.indices((5, 7))
    answers = CLAIMS["onehot2coord"][0].build(5, 7).run(A)
    for bitmap, (x, y) in zip(A[:, 0], answers, strict=True):
        assert x == 7 - np.vdot(bitmap, 7 - columns)
        assert y == 5 - np.vdot(bitmap, 5 - rows)


def test_another_relu_has_no_proof(claim):
    """Every relu of every network is needed: without it the proof fails."""

    def without(place):
        def change(operations):
            return tuple(
                Identity() if index == place else operation
                for index, operation in enumerate(operations)
            )

        return change

    places = [
        index
        for index, operation in enumerate(claim.build(64, 64).operations)
        if isinstance(operation, Relu)
    ]
    assert places
    # The one nonlinearity of the network without coordinates changes nothing on a bitmap.
    if claim.name != "onehot2coord without coordinates":
        for place in places:
            with pytest.raises(ProofError):
                claim.lemmas(without(place))


class Identity(Relu):
    pass


@pytest.fixture(autouse=True)
def _identity(monkeypatch):
    """Teach the symbolic rules an operation that does nothing."""
    apply = Canvas.apply

    def with_identity(self, operation, channels):
        return channels if isinstance(operation, Identity) else apply(self, operation, channels)

    monkeypatch.setattr(Canvas, "apply", with_identity)


def test_a_false_lemma_is_refuted_with_a_counterexample():
    c = Canvas()
    c.prove("true", c.x < c.W)
    with pytest.raises(ProofError, match=r"'false' does not hold: \[.*W = "):
        c.prove("false", c.x < c.W - 1)
    c.prove("still true", c.x < c.W)


def test_contradicting_assumptions_prove_nothing():
    c = Canvas()
    c.assume(c.x > c.W)
    c.prove("anything", c.x == c.x + 1)
    with pytest.raises(ProofError, match="contradict each other"):
        c.proved()


HEIGHT, WIDTH = 5, 7
OPERATIONS = [
    Relu(),
    Subtraction((3, -4)),
    Coordinates(2, 3, -1, -2),
    Convolution((Tap(0, 0, 2), Tap(0, 1, -1, left=-2), Tap(1, 1, 3, top=1)), (0, 4)),
    Convolution((Tap(0, 0, 1, rows=3, columns=2, top=-1, left=0), Tap(0, 1, -2, top=9)), (-1,)),
    Convolution((Tap(0, 0, 1, columns=WIDTH, left=1 - WIDTH), Tap(1, 0, 5, rows=0)), (0, 0)),
]


@pytest.mark.parametrize("impulse", [False, True], ids=["field", "impulse"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_the_symbolic_rules_compute_what_the_operations_compute(operation, impulse):
    """At every pixel of a canvas the formula's value is the array's."""
    maps = np.random.default_rng(1).integers(-4, 5, (1, 2, HEIGHT, WIDTH))
    if impulse:
        maps[:] = 0
        maps[0, 0, 3, 4], maps[0, 1, 0, 6] = 2, -3
    c = Canvas()
    size = [(c.H, c.z3.IntVal(HEIGHT)), (c.W, c.z3.IntVal(WIDTH))]

    def field(channel):
        value = c.z3.IntVal(0)
        for row in range(HEIGHT):
            for column in range(WIDTH):
                here = c.z3.And(c.i == row, c.j == column)
                value = c.z3.If(here, int(maps[0, channel, row, column]), value)
        return Field(value)

    channels = [Impulse(3, 4, 2), Impulse(0, 6, -3)] if impulse else [field(0), field(1)]
    outputs = c.apply(operation, channels)
    expected = operation(maps)[0]
    assert len(outputs) == len(expected)
    for output, array in zip(outputs, expected, strict=True):
        formula = c.at_pixel(output)
        for i in range(HEIGHT):
            for j in range(WIDTH):
                pixel = [(c.i, c.z3.IntVal(i)), (c.j, c.z3.IntVal(j))]
                value = c.z3.simplify(c.z3.substitute(formula, *size, *pixel))
                assert value.as_long() == array[i, j]


def test_the_symbolic_rules_for_vectors():
    c = Canvas()
    vector = np.array([[3, -5]])
    linear = Linear(((1, 2), (-3, 0), (0, 4)), (0, 7, -1))
    symbols = [c.z3.IntVal(3), c.z3.IntVal(-5)]
    values = [c.z3.simplify(value).as_long() for value in c.apply(linear, symbols)]
    assert values == linear(vector)[0].tolist()
    for channel, expected in zip(c.apply(Tile(HEIGHT, WIDTH), symbols), (3, -5), strict=True):
        c.prove("the same everywhere", c.at_pixel(channel) == expected)


def test_a_sum_is_taken_of_impulses_only():
    c = Canvas()
    total = CLAIMS["onehot2coord"][0].build(3, 3).operations[3]
    assert c.apply(total, [Impulse(0, 0, 5)]) == [5]
    with pytest.raises(TypeError, match="only an impulse's sum"):
        c.apply(total, [Field(c.i)])
