"""Weights from anywhere become a model, or one line says what is wrong with them."""

import numpy as np
import pytest

from compare.learned.architecture import Architecture
from compare.learned.layers import BatchNorm, Conv
from compare.learned.model import Cost, Model
from compare.learned.published import coordconv_regressor
from handcrafted.weights import WEIGHTS

ARCHITECTURE = coordconv_regressor(9, 12)
WEIGHTS_9X12 = WEIGHTS["onehot2coord", "coordconv_regressor"](9, 12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0.weight": np.zeros((8, 3, 3, 3), np.float32)}, r"0\.weight has shape \(8, 3, 3, 3\)"),
        ({"9.weight": np.zeros(1, np.float32)}, r"9\.weight .* this architecture has None there"),
        ({"1.bias": WEIGHTS_9X12["1.bias"].astype(np.float64)}, "1.bias is float64; give float32"),
        ({"1.bias": WEIGHTS_9X12["1.bias"].astype(int)}, "1.bias is int64; give float32"),
        ({"2.bias": np.full(8, np.nan, np.float32)}, "2.bias is not finite"),
        ({"2.bias": np.full(8, -np.inf, np.float32)}, "2.bias is not finite"),
    ],
)
def test_other_weights_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Model(ARCHITECTURE, {**WEIGHTS_9X12, **changes})


def test_missing_weights_are_refused():
    without = {name: array for name, array in WEIGHTS_9X12.items() if name != "4.bias"}
    with pytest.raises(ValueError, match=r"weight 4\.bias has shape None"):
        Model(ARCHITECTURE, without)


def test_what_training_left_may_be_anything():
    weights = {name: np.full_like(a, np.nan, np.float64) for name, a in WEIGHTS_9X12.items()}
    assert Model(ARCHITECTURE, weights, trained=True).cost.parameters == 906


def test_computed_weights_count_where_they_matter():
    architecture = Architecture((1, 2, 2), (Conv(2, 1), BatchNorm()))
    weights = {
        "0.weight": np.array([3, 0], np.float32).reshape(2, 1, 1, 1),
        "0.bias": np.array([0, -1], np.float32),
        "1.scale": np.array([1, 0], np.float32),
        "1.shift": np.array([0, 1], np.float32),
        "1.mean": np.array([5, 5], np.float32),
        "1.variance": np.array([5, 5], np.float32),
    }
    # A kernel's, a bias, a scale that is not 1, a shift; statistics are not learned.
    assert Model(architecture, weights).cost == Cost(0, 4, architecture.multiply_adds())
    assert Model(architecture, weights, trained=True).cost.parameters == 8


def test_a_dense_model_adds_up_full_maps():
    """On sides that are no powers of two the shortcut differs in the last place."""
    from compare.datasets.not_so_clevr import one_hot
    from handcrafted.proofs.cases import positions

    cases = positions(9, 12)
    inputs, target = one_hot(cases, 9, 12), (cases / [12, 9]).astype(np.float32)
    dense = Model(ARCHITECTURE, WEIGHTS_9X12, dense=True)
    assert (dense.predict(inputs) == target).all()
    sparse = Model(ARCHITECTURE, WEIGHTS_9X12).predict(inputs)
    assert (sparse != target).any()
    np.testing.assert_allclose(sparse, target, atol=2**-23)
