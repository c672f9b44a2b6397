from fractions import Fraction

import numpy as np
import pytest

from compare.tasks.onehot2coord import decode, encode
from handcrafted.weights.regression import (
    CORRECTLY_ROUNDED,
    LONGEST_SIDE,
    reciprocal,
    require_picture,
    undecodable,
)


def quotients(side):
    """Multiply as a layer does, in float32."""
    x = np.arange(side, dtype=np.float32)
    products = [x * np.float32(part) for part in reciprocal(side)]
    return np.sum(products, axis=0, dtype=np.float32)


def test_quotients_are_the_training_targets_to_the_last_bit():
    for side in range(1, 513):
        positions = np.stack([np.arange(side)] * 2, axis=1)
        assert (quotients(side) == encode(positions, side, side)[:, 0]).all()


def test_a_quotient_is_the_nearest_float32_number_by_exact_arithmetic():
    for side in (3, 7, 33, 63, 100, 511):
        for x, quotient in enumerate(quotients(side)):
            error = abs(Fraction(float(quotient)) - Fraction(x, side))
            for neighbour in (np.nextafter(quotient, np.float32(s)) for s in (-1, 2)):
                assert error <= abs(Fraction(float(neighbour)) - Fraction(x, side))


def test_the_proof_of_correct_rounding_holds_up_to_the_stated_side():
    def holds(side):
        return Fraction(1, 2**25 * side) > Fraction(1, 2**34)

    assert holds(CORRECTLY_ROUNDED)
    assert not holds(CORRECTLY_ROUNDED + 1)


@pytest.mark.slow
def test_quotients_up_to_the_longest_side_are_wrong_by_one_unit_at_most():
    for side in range(1, LONGEST_SIDE + 1):
        nearest = (np.arange(side) / side).astype(np.float32)
        assert (abs(quotients(side) - nearest) <= np.spacing(nearest)).all()


def test_powers_of_two_take_one_number_and_other_sides_two():
    assert [side for side in range(1, 513) if len(reciprocal(side)) == 1] == [
        2**n for n in range(10)
    ]
    assert all(np.float32(part) == part for side in range(1, 513) for part in reciprocal(side))


def test_undecodable_positions_are_those_that_no_output_near_decodes_to():
    count = 0
    for side in range(1, 65):
        x = np.arange(side, dtype=np.float32)
        # A relative step of 2**-24 or 2**-23 each; products further away round to other numbers.
        bits = (x / np.float32(side)).view(np.int32)[:, None] + np.arange(-8, 9, dtype=np.int32)
        outputs = np.where(bits < 0, 0, bits).view(np.float32)
        answers = decode(outputs.reshape(-1, 1).repeat(2, axis=1), side, side, "mse")[:, 0]
        found = (answers.reshape(outputs.shape) == x[:, None]).any(axis=1)
        assert undecodable(side).tolist() == np.flatnonzero(~found).tolist()
        count += len(undecodable(side))
    assert count == 109


def test_rounded_answers_are_right_on_every_side():
    for side in range(1, 513):
        outputs = np.stack([quotients(side)] * 2, axis=1)
        answers = decode(outputs, side, side, "mse")[:, 0]
        assert (np.rint(answers) == np.arange(side)).all()
        if side & (side - 1) == 0:
            assert (answers == np.arange(side)).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 5, 0), ValueError, "the height is 0"),
        ((5, 2.0, 0), TypeError, "the width is 2.0"),
        ((5, 5, 0, 0), ValueError, "the multiplier is 0; give 1 or more"),
        ((5, 5, 0, 1.5), TypeError, "the multiplier is 1.5; give a whole number"),
        ((8, 20, 4), ValueError, "canvas of 8x20; give sides of 9 to 4096 pixels"),
        ((5, 4097, 0), ValueError, "canvas of 5x4097; give sides of 1 to 4096 pixels"),
    ],
)
def test_bad_canvases_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        require_picture(*arguments)
