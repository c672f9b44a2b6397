"""What networks that are given (x, y) have in common, by hand."""

import numpy as np
import pytest

from handcrafted.weights.coordinate_inputs import PICTURES, balance, require_options, to_pixels


@pytest.mark.parametrize("side", [1, 2, 3, 9, 64, 100])
def test_scaled_coordinates_come_back_to_pixels(side):
    """They rise evenly from -1, at pixel 0, to 1, at the last."""
    factor, offset = to_pixels(side, "scaled")
    coordinates = np.linspace(-1, 1, side) if side > 1 else np.array([-1.0])
    np.testing.assert_allclose(factor * coordinates + offset, np.arange(side), atol=1e-12)


def test_scaled_coordinates_by_hand():
    assert to_pixels(64, "scaled") == (31.5, 31.5)
    assert to_pixels(1, "scaled") == (0, 0)
    assert to_pixels(64, "pixels") == to_pixels(1, "pixels") == (1, 0)


def test_black_and_white_are_exact_under_every_loss():
    """In float32 the sigmoids of the outputs are 0 and 1, nothing rounded."""
    assert PICTURES.keys() == {"sigmoid", "mse"}
    for loss, answer in (("sigmoid", lambda z: 1 / (1 + np.exp(-z))), ("mse", lambda z: z)):
        factor, bias = PICTURES[loss]
        outputs = np.float32(factor) * np.float32([0, 1]) + np.float32(bias)
        with np.errstate(over="ignore"):
            assert answer(outputs).tolist() == [0, 1]
    assert PICTURES["sigmoid"] == (256, -128)


GOOD = {
    "height": 5,
    "width": 7,
    "multiplier": 1,
    "kernel": 1,
    "coordinates": "pixels",
    "loss": "mse",
}


def test_options_of_every_kind_are_taken():
    require_options(**GOOD)
    require_options(**{**GOOD, "coordinates": "scaled", "loss": "sigmoid", "height": 1, "width": 1})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"height": 0}, ValueError, "the height is 0; give 1 pixel or more"),
        ({"width": 2.0}, TypeError, "the width is 2.0; give a whole number of pixels"),
        ({"multiplier": 0}, ValueError, "the multiplier is 0; give 1 or more"),
        ({"multiplier": True}, TypeError, "the multiplier is True; give a whole number"),
        ({"kernel": -1}, ValueError, "the kernel is -1; give 1 or more"),
        ({"kernel": 1.0}, TypeError, "the kernel is 1.0; give a whole number"),
        (
            {"coordinates": "polar"},
            ValueError,
            "coordinates 'polar' is not known; choose from: scaled, pixels",
        ),
        ({"loss": "hinge"}, ValueError, "loss 'hinge' is not known; choose from: sigmoid, mse"),
    ],
)
def test_other_options_are_refused(changes, error, message):
    with pytest.raises(error) as refused:
        require_options(**{**GOOD, **changes})
    assert str(refused.value) == message


def applied(weights, x):
    """Two dense layers with a ReLU between, named as those of an architecture may be."""
    hidden = np.maximum(weights["2.weight"] @ x + weights["2.bias"], 0)
    return weights["10.weight"] @ hidden + weights["10.bias"]


def test_balanced_layers_have_nearly_equal_norms_and_the_same_outputs_to_the_bit():
    rng = np.random.default_rng(0)
    weights = {
        "2.weight": rng.normal(size=(6, 4)).astype(np.float32) * np.float32(1000),
        "2.bias": rng.normal(size=6).astype(np.float32),
        "10.weight": rng.normal(size=(3, 6)).astype(np.float32) / np.float32(50),
        "10.bias": rng.normal(size=3).astype(np.float32),
    }
    balanced = balance(weights)
    assert balanced.keys() == weights.keys()
    norms = {k: float(np.linalg.norm(v)) for k, v in balanced.items() if k.endswith("weight")}
    assert 0.5 <= norms["2.weight"] / norms["10.weight"] <= 2
    for x in rng.normal(size=(20, 4)).astype(np.float32):
        assert np.array_equal(applied(balanced, x), applied(weights, x))


def test_balancing_by_hand():
    """Norms of 16 and 1: their mean is 4, so the first layer is divided by 4, the second times 4.

    The first bias goes with its layer; the last is under all factors together, which are 1. Layer
    10 comes after layer 2, whatever the order of their names as texts.
    """
    weights = {
        "10.weight": np.float32([[1]]), "10.bias": np.float32([3]),
        "2.weight": np.float32([[16]]), "2.bias": np.float32([8]),
    }  # fmt: skip
    assert {name: array.tolist() for name, array in balance(weights).items()} == {
        "2.weight": [[4]], "2.bias": [2], "10.weight": [[4]], "10.bias": [3],
    }  # fmt: skip
    # What was given is left as it was.
    assert weights["2.weight"].tolist() == [[16]]


def test_a_layer_without_any_weight_counts_as_one():
    weights = {
        "0.weight": np.zeros((1, 1), np.float32), "0.bias": np.float32([2]),
        "1.weight": np.float32([[4]]), "1.bias": np.float32([1]),
    }  # fmt: skip
    # Norms of 1, instead of 0, and 4, so the factors are 2 and 1/2.
    assert {name: array.tolist() for name, array in balance(weights).items()} == {
        "0.weight": [[0]], "0.bias": [4], "1.weight": [[2]], "1.bias": [1],
    }  # fmt: skip
