"""A model takes only its architecture's weights, predicts in batches and counts what it is made of."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from compare import backends
from compare.learned.architecture import Architecture
from compare.learned.layers import BatchNorm, Conv, Dense, Flatten, Relu, Tile
from compare.learned.model import Cost, History, Model
from compare.learned.published import coordconv_regressor
from handcrafted.weights import WEIGHTS as COMPUTED

BACKEND = backends.load("numpy")
LINEAR = Architecture((2,), (Dense(3),))
WEIGHTS = {
    "0.weight": np.array([[1, 2, 3], [10, 20, 30]], np.float32),
    "0.bias": np.array([0.5, 0, -0.5], np.float32),
}
INPUTS = np.array([[1, 0], [0, 1], [2, 1]], np.float32)
OUTPUTS = [[1.5, 2, 2.5], [10.5, 20, 29.5], [12.5, 24, 35.5]]
"""Worked out by hand: x @ weight + bias."""


def test_architecture_and_weights_are_all_it_takes():
    model = Model(LINEAR, WEIGHTS)
    assert model.predict(INPUTS).tolist() == OUTPUTS
    assert model.predict(INPUTS).dtype == np.float32
    assert model.backend.name == "numpy"
    assert (model.history, model.history.diverged) == (History((), 0.0), False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0.bias": None}, r"weight 0\.bias has shape None; this architecture has \(3,\) there"),
        (
            {"1.weight": np.zeros(2)},
            r"weight 1\.weight has shape \(2,\); this architecture has None there",
        ),
        (
            {"0.weight": np.zeros((3, 2))},
            r"weight 0\.weight has shape \(3, 2\); this architecture has \(2, 3\) there",
        ),
        (
            {"0.bias": np.zeros((3, 1))},
            r"weight 0\.bias has shape \(3, 1\); this architecture has \(3,\) there",
        ),
    ],
)
def test_weights_of_other_names_or_shapes_are_refused(changes, message):
    weights = {k: v for k, v in {**WEIGHTS, **changes}.items() if v is not None}
    with pytest.raises(ValueError, match=f"^{message}$"):
        Model(LINEAR, weights)


def test_outputs_are_decoded_once_for_the_whole_batch(monkeypatch):
    monkeypatch.setattr(type(BACKEND), "microbatch", lambda self: 3)  # a sample at a time
    decoded = []

    def decode(outputs):
        decoded.append(outputs.tolist())
        return -outputs

    answers = Model(LINEAR, WEIGHTS, decode, BACKEND).predict(INPUTS)
    assert decoded == [OUTPUTS]
    assert answers.tolist() == (-np.array(OUTPUTS)).tolist()


@pytest.mark.parametrize("numbers", [1, 240, 500, 700, 1 << 19])
def test_batches_make_no_difference(numbers, monkeypatch):
    """The largest map has 2 x 6 x 5 x 4 = 240 numbers: 1 sample at a time, 1, 2, 2 or all."""
    network = Architecture((2,), (Tile(6, 5), Conv(8, 3), BatchNorm(), Relu(), Flatten(), Dense(2)))
    rng = np.random.default_rng(0)
    weights = {
        name: rng.uniform(0.5, 1, p.shape).astype(np.float32)
        for name, p in network.parameters().items()
    }
    inputs = rng.normal(size=(7, 2)).astype(np.float32)
    expected, _ = network.apply(BACKEND, weights, inputs)
    monkeypatch.setattr(type(BACKEND), "microbatch", lambda self: numbers)
    answers = Model(network, weights).predict(inputs)
    np.testing.assert_allclose(answers, expected, rtol=1e-5)


def test_pictures_are_those_of_the_dense_network():
    """Squares on black go by the shortcut for pictures that are black almost everywhere."""
    network = Architecture((1, 16, 20), (Conv(3, 3), Relu(), Conv(1, 3), Flatten(), Dense(2)))
    weights = network.initial_weights(0)
    pictures = np.zeros((5, 1, 16, 20), np.float32)
    for number, picture in enumerate(pictures[:, 0]):
        picture[number : number + 3, 2 * number : 2 * number + 3] = 1 + number
    expected, _ = network.apply(BACKEND, weights, pictures)
    np.testing.assert_allclose(Model(network, weights).predict(pictures), expected, rtol=1e-4)


def test_what_was_learned_and_what_somebody_fixed_are_counted_apart():
    """6 weights, 3 biases of which one is 0; each weight is used once a sample."""
    assert Model(LINEAR, WEIGHTS, trained=True).cost == Cost(9, 0, 6)
    assert Model(LINEAR, WEIGHTS).cost == Cost(0, 8, 6)


def test_running_statistics_are_no_learned_numbers():
    network = Architecture((2, 3, 4), (BatchNorm(),))
    model = Model(network, network.initial_weights(0), trained=True)
    assert len(model.weights) == 4
    assert model.cost == Cost(4, 0, 24)


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [
        ((), False), ((1.0,), False), ((1.0, np.inf), True), ((np.nan,), True),
        # Only the last counts: training ends with the first that is not finite.
        ((np.inf, 1.0), False),
    ],
)  # fmt: skip
def test_a_training_whose_last_loss_is_not_finite_has_diverged(losses, diverged):
    assert History(losses).diverged is diverged


def test_models_are_told_apart_by_identity():
    """Arrays have no equality of one truth value."""
    model = Model(LINEAR, WEIGHTS)
    assert model == model
    assert model != replace(model)


def test_models_costs_and_histories_do_not_change():
    model = Model(LINEAR, WEIGHTS)
    for each, name in ((model, "weights"), (model.cost, "parameters"), (model.history, "losses")):
        with pytest.raises(FrozenInstanceError):
            setattr(each, name, None)


ARCHITECTURE = coordconv_regressor(9, 12)
WEIGHTS_9X12 = COMPUTED["onehot2coord", "coordconv_regressor"](9, 12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0.weight": np.zeros((8, 3, 3, 3), np.float32)}, r"0\.weight has shape \(8, 3, 3, 3\)"),
        ({"9.weight": np.zeros(1, np.float32)}, r"9\.weight .* this architecture has None there"),
        (
            {"1.bias": WEIGHTS_9X12["1.bias"].astype(np.float64)},
            "1.bias is in float64; .*: give float32",
        ),
        ({"1.bias": WEIGHTS_9X12["1.bias"].astype(int)}, "1.bias is in int64; .*: give float32"),
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
    weights = {name: np.full_like(a, np.nan) for name, a in WEIGHTS_9X12.items()}
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
