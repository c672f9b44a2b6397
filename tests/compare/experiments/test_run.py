"""What a run is called in the end."""

from types import SimpleNamespace

import numpy as np
import pytest

from compare import backends
from compare.experiments.run import _diverged
from compare.learned.architecture import Architecture
from compare.learned.layers import BatchNorm, Conv, Flatten
from compare.learned.model import History, Model
from compare.learned.recipe import Recipe
from compare.learned.training import train

NETWORK = Architecture((1, 2, 2), (Conv(1, kernel=1), BatchNorm(), Flatten()))


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_a_variance_that_overflowed_is_a_divergence_though_the_loss_is_finite():
    backend = backends.load("numpy")
    inputs = np.random.default_rng(0).normal(size=(8, 1, 2, 2)).astype(np.float32) * np.float32(
        1e30
    )
    state = train(
        NETWORK, inputs, np.zeros((8, 4), np.float32), Recipe(0.1, epochs=2), seed=0,
        backend=backend,
    )  # fmt: skip
    model = Model(NETWORK, state.weights, history=History(state.losses))
    assert np.isfinite(state.losses).all()
    assert np.isinf(model.weights["1.variance"]).all()
    assert not model.history.diverged
    assert _diverged(model)


@pytest.mark.parametrize(
    ("losses", "weight", "diverged"),
    [
        ((), 1.0, False), ((0.5,), 1.0, False), ((0.5, np.nan), 1.0, True),
        ((0.5,), np.inf, True), ((0.5,), np.nan, True),
    ],
)  # fmt: skip
def test_a_run_diverged_where_a_loss_or_a_weight_is_not_finite(losses, weight, diverged):
    model = SimpleNamespace(history=History(losses), weights={"w": np.asarray([0.0, weight])})
    assert _diverged(model) is diverged
