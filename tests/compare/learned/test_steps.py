"""One training step: Adam, the penalty, microbatches and where its samples come from."""

import numpy as np
import pytest

from compare import backends
from compare.learned.architecture import Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
    CoordConv,
    Dense,
    Flatten,
    GlobalMeanPool,
    Relu,
    Tile,
)
from compare.learned.optimizer import adam_rate
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import to_arrays
from compare.learned.sparse.patches import gather
from compare.learned.steps import _step, indexed_step
from compare.learned.training import initial_state
from compare.tasks import load

TASK = load("onehot2coord")


SIZE = (16, 20)


DATA = TASK.split("uniform", *SIZE).train


INPUTS = gather([DATA.inputs()])


TARGETS = TASK.supervision.encode(DATA.positions, *SIZE)


NETWORK = Architecture(
    (1, *SIZE),
    (CoordConv(4, kernel=1), Conv(4, kernel=3), BatchNorm(), Relu(), Conv(2, 3), GlobalMeanPool(),
     Flatten()),
)  # fmt: skip


def test_one_step_is_adam():
    """Against the algorithm of Kingma & Ba written out for one parameter array."""
    gradients = []
    recipe = Recipe(0.01, l2=0.0)
    backend = backends.load("numpy")
    step = _step(NETWORK, recipe, backend)
    inputs, targets = INPUTS, TARGETS
    state = initial_state(NETWORK, 0, backend)
    shared, samples = to_arrays(inputs)
    arrays = (state.weights, state.mean, state.square, np.zeros((), np.float32))
    m = v = 0.0
    for t in range(1, 4):
        before = arrays[0]["0.weight"].astype(float)
        old_mean = arrays[1]["0.weight"].astype(float)
        rate = adam_rate(recipe, t)
        arrays = step(*arrays, rate, shared, targets, *samples)
        gradient = (arrays[1]["0.weight"] - 0.9 * old_mean) / 0.1
        gradients.append(gradient)
        m = 0.9 * m + 0.1 * gradient
        v = 0.99 * v + 0.01 * gradient**2
        update = 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
        np.testing.assert_allclose(arrays[0]["0.weight"], before - update, rtol=1e-4, atol=1e-6)
    assert np.abs(gradients).max() > 0


def test_the_penalty_pulls_kernels_and_leaves_biases():
    backend = backends.load("numpy")
    inputs, targets = INPUTS, TARGETS
    shared, samples = to_arrays(inputs)
    means = {}
    for l2 in (0.0, 1.0):
        state = initial_state(NETWORK, 0, backend)
        step = _step(NETWORK, Recipe(0.01, l2=l2), backend)
        _, means[l2], _, _ = step(
            state.weights, state.mean, state.square, np.float32(0), 0.01, shared, targets, *samples
        )
    kernels = NETWORK.initial_weights(0)["0.weight"]
    np.testing.assert_allclose(
        means[1.0]["0.weight"] - means[0.0]["0.weight"], 0.1 * 2 * kernels, rtol=1e-4, atol=1e-6
    )
    assert np.array_equal(means[1.0]["0.bias"], means[0.0]["0.bias"])


def test_microbatches_add_up_to_the_whole(monkeypatch):
    network = Architecture((2,), (Tile(5, 6), CoordConv(8, 1), Relu(), Conv(1, 3), Flatten()))
    inputs = np.random.default_rng(0).normal(size=(13, 2))
    targets = np.random.default_rng(1).integers(30, size=13)
    backend = backends.load("numpy")
    means = []
    for size in (1 << 30, 240, 480):
        monkeypatch.setattr(type(backend), "microbatch", lambda self, size=size: size)
        state = initial_state(network, 0, backend)
        weights = {name: array.astype(float) for name, array in state.weights.items()}
        step = _step(network, Recipe(0.01, loss="softmax"), backend)
        arguments = (weights, state.mean, state.square, 0.0, 0.01, (), targets, inputs)
        _, mean, _, loss = step(*arguments)
        means.append({**mean, "loss": loss})
    for mean in means[1:]:
        for name, expected in means[0].items():
            np.testing.assert_allclose(mean[name], expected, rtol=1e-10, atol=1e-12)


LINE = Architecture((1,), (Dense(1),))


def line(weight, bias):
    arrays = {"0.weight": np.array([[weight]], np.float32), "0.bias": np.array([bias], np.float32)}
    zeros = {name: np.zeros_like(array) for name, array in arrays.items()}
    return arrays, zeros, dict(zeros)


@pytest.mark.parametrize(
    ("betas", "moved"), [((0.9, 0.99), 0.25), ((0.25, 0.36), 0.25 * 0.75 / 0.8)]
)
def test_a_step_by_hand(betas, moved):
    """y = 2 x + 1 for x = 1 and 3, where the targets are 1 and 4: the errors are 2 and 3.

    The loss is (4 + 9) / 2 = 6.5. Its gradients are 2 x (2 x 1 + 3 x 3) / 2 = 11 for the weight and
    2 + 3 = 5 for the bias. Adam's means are shares of 1 - beta of g and g^2, so the first step is
    rate x (1 - beta1) / sqrt(1 - beta2), whatever g: the rate itself for 0.9 and 0.99.
    """
    recipe = Recipe(1.0, l2=0.0, beta1=betas[0], beta2=betas[1])
    step = _step(LINE, recipe, backends.load("numpy"))
    inputs, targets = np.float32([[1], [3]]), np.float32([[1], [4]])
    weights, mean, square, running = step(
        *line(2, 1), np.float32(10), np.float32(0.25), (), targets, inputs
    )
    # What an epoch adds up is the loss times the samples.
    assert running == 10 + 2 * 6.5
    for name, gradient, before in (("0.weight", 11, 2), ("0.bias", 5, 1)):
        np.testing.assert_allclose(mean[name].item(), (1 - betas[0]) * gradient, rtol=1e-6)
        np.testing.assert_allclose(square[name].item(), (1 - betas[1]) * gradient**2, rtol=1e-6)
        np.testing.assert_allclose(weights[name].item(), before - moved, rtol=1e-6)


def test_the_indexed_step_takes_its_own_samples_and_rate():
    """Step 1 of batches (0, 1), (3, 2): samples 3 and 2, at the second rate."""
    backend, recipe = backends.load("numpy"), Recipe(1.0, l2=0.0)
    inputs, targets = np.float32([[1], [3], [5], [7]]), np.float32([[0], [1], [2], [9]])
    before = *line(2, 1), np.float32(3)
    *after, index = indexed_step(LINE, recipe, backend)(
        *before, np.array([1]), np.float32([0.5, 0.125]), np.array([[0, 1], [3, 2]]), (),
        (targets, inputs),
    )  # fmt: skip
    expected = _step(LINE, recipe, backend)(
        *before, np.float32(0.125), (), targets[[3, 2]], inputs[[3, 2]]
    )
    assert index.tolist() == [2]
    for found, wanted in zip(after[:3], expected[:3], strict=True):
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    assert after[3] == expected[3]


def test_a_compiled_step_is_kept_for_the_next_seed():
    backend = backends.load("numpy")
    step = indexed_step(LINE, Recipe(0.5), backend)
    assert indexed_step(Architecture((1,), (Dense(1),)), Recipe(0.5), backend) is step
    assert indexed_step(LINE, Recipe(0.25), backend) is not step


def test_running_statistics_are_replaced_and_not_trained():
    """They move a tenth of the way to the batch's mean of 3 and variance of 1."""
    network = Architecture((1, 1, 2), (BatchNorm(), Flatten(), Dense(1)))
    weights = network.initial_weights(0)
    zeros = {k: np.zeros_like(v) for k, v in weights.items() if k not in ("0.mean", "0.variance")}
    inputs = np.float32([[[[2, 4]]]])
    step = _step(network, Recipe(1.0, l2=0.0), backends.load("numpy"))
    after, mean, _, _ = step(
        weights, zeros, dict(zeros), np.float32(0), np.float32(0), (), np.float32([[1]]), inputs
    )
    assert mean.keys() == zeros.keys()
    assert after.keys() == weights.keys()
    np.testing.assert_allclose(after["0.mean"], [0.3], rtol=1e-6)
    assert after["0.variance"] != weights["0.variance"]
    # At a rate of 0 nothing that is trained moves.
    assert all(np.array_equal(after[name], weights[name]) for name in zeros)


@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_the_penalty_is_part_of_the_loss_once_however_many_microbatches(l2, monkeypatch):
    network = Architecture((2,), (Tile(3, 4), Conv(1, kernel=1), Flatten()))
    weights = {
        "1.weight": np.float32([3, 4]).reshape(1, 2, 1, 1),
        "1.bias": np.zeros(1, np.float32),
    }
    zeros = {name: np.zeros_like(array) for name, array in weights.items()}
    inputs = np.zeros((5, 2), np.float32)
    targets = np.zeros((5, 12), np.float32)
    backend = backends.load("numpy")
    for numbers in (1 << 19, 48):  # all samples at once, and two at a time
        monkeypatch.setattr(type(backend), "microbatch", lambda self, numbers=numbers: numbers)
        step = _step(network, Recipe(1.0, l2=l2), backend)
        _, mean, _, running = step(
            weights, zeros, dict(zeros), np.float32(0), np.float32(0), (), targets, inputs
        )
        assert running == 5 * l2 * 25
        np.testing.assert_allclose(mean["1.weight"].ravel(), 0.1 * 2 * l2 * np.array([3, 4]))
        assert mean["1.bias"] == 0
