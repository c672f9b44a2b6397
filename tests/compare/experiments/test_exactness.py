"""The proofs that the published architectures are exact, and that they would notice if not."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from compare.backends import load
from compare.experiments.exactness import CASES, Claim, claims, prove, prove_all
from handcrafted.proofs.claims import Proved, Skipped
from handcrafted.proofs.symbolic import ProofError

EVERY = [claim for task in CASES for claim in claims(task)]
EACH = pytest.mark.parametrize("claim", EVERY, ids=lambda claim: claim.name)
RECTANGLES = [
    *((9, 13), (13, 29), (16, 64), (17, 40), (33, 64), (47, 53)),
    *((64, 9), (63, 12), (57, 9), (40, 10), (24, 20), (10, 64)),
]


def cases_of(claim, height, width):
    square = claim.task in ("image2coord", "coord2image")
    return (height - 8) * (width - 8) if square else height * width


@EACH
@pytest.mark.parametrize("size", [(16, 16), (9, 12)])
def test_every_case_of_small_canvases(claim, size):
    result = prove(claim, *size)
    assert isinstance(result, Proved)
    assert result.cases == cases_of(claim, *size)


@EACH
@pytest.mark.slow
@pytest.mark.parametrize("size", [*((side, side) for side in range(1, 65)), *RECTANGLES])
def test_every_case_of_every_square_and_of_awkward_rectangles(claim, size):
    result = prove(claim, *size)
    if isinstance(result, Skipped):
        least = claim.build(64, 64).weights.sides[0] if "onehot" in claim.task else 9
        assert min(size) < least
    else:
        assert result.cases == cases_of(claim, *size)


def test_each_architecture_is_claimed_as_each_preset_has_it():
    assert [claim.name for claim in claims("onehot2coord")] == [
        "onehot2coord handcrafted-coordconv",
        "onehot2coord handcrafted-conv, uniform split, width 1",
        "onehot2coord handcrafted-conv, quadrant split, width 1",
    ]
    assert [claim.name for claim in claims("coord2image")][1::2] == [
        "coord2image handcrafted-coordconv, width 1, kernel 1, coordinates pixels, loss sigmoid",
        "coord2image handcrafted-deconv, width 2, kernel 3, coordinates pixels, loss sigmoid",
    ]


def test_what_is_claimed_depends_on_what_float32_can_hold():
    coordconv, _, quadrant = claims("onehot2coord")
    numbers = r"\d+ of [\d,]+ numbers: "
    for claim, size, what in (
        (coordconv, (16, 32), "exact in every case of the canvas of 16x32"),
        (coordconv, (5, 7), "x / W and y / H, rounded to float32 once, in every case of the"),
        (quadrant, (70, 9), "right after rounding to whole pixels in every case of the canvas"),
    ):
        assert re.match(numbers + re.escape(what), prove(claim, *size).claim)


def test_a_position_that_no_weights_can_give_is_named():
    claim = Claim("coord2onehot", "handcrafted-deconv", "uniform", False, (("kernel", 2),
                  ("coordinates", "pixels"), ("width", 1)))  # fmt: skip
    assert "exact in every case but (0, 0) of the canvas of 33x3" in prove(claim, 33, 3).claim


@EACH
def test_a_wrong_weight_is_found(claim, monkeypatch):
    solver = claim.build(12, 16)

    def changed(height, width, **options):
        weights = solver.weights.compute(height, width, **options)
        last = max((name for name in weights if name.endswith("weight")), key=layer_of)
        weights[last] = -weights[last]
        return weights

    wrong = replace(solver, weights=replace(solver.weights, compute=changed))
    monkeypatch.setattr(Claim, "build", lambda *_: wrong)
    with pytest.raises(ProofError, match=r"on 12x16 is wrong at \[\("):
        prove(claim, 12, 16)


def layer_of(name):
    return int(name.split(".")[0])


def test_nothing_is_claimed_of_other_dtypes_or_where_there_are_no_weights():
    found = claims("coord2onehot")
    for result in prove_all(found, 16, "float64"):
        assert (result.reason, result.gap) == ("computed weights are float32", False)
    deconv = prove(found[-1], 65, 65)
    assert "give sides of 1 to 64 pixels" in deconv.reason
    small = prove(claims("image2coord")[0], 8, 8)
    assert "8x8" in small.reason
    assert not small.gap


@EACH
@pytest.mark.slow
def test_some_answers_in_bf16(claim):
    pytest.importorskip("torch")
    for side in (64, 128) if "onehot2coord handcrafted-coordconv" in claim.name else (64,):
        model = replace(claim.build(side, side).model(), backend=load("torch", "cpu", "bf16"))
        cases, draw_inputs, draw_targets = CASES[claim.task]
        positions = cases(side, side)
        some = positions[:: len(positions) // 24][:24]
        answers = model.predict(draw_inputs(some, side, side))
        assert (answers == draw_targets(some, side, side)).all() == (side == 64)


@pytest.mark.parametrize("task", CASES)
def test_the_documented_numbers_are_those_of_the_weights(task):
    page = Path("docs/weights.md").read_text()
    for claim in claims(task):
        if dict(claim.options).get("width", 1) == 1:
            solver = claim.build(64, 64)
            used, count = solver.model().cost.constants, solver.architecture.count()
            line = rf"\| `{task}` \| .*\b{used:,}( or [0-9]+)? of {count:,} \|"
            assert re.search(line, page), claim.name
