"""Adam, its rate and the penalty, through `train`, against PyTorch and values worked out by hand.

In several tests the loss is the mean output of `Dense(1)` with all inputs 0: the outputs are then
the bias, which begins at 0, and the gradient is 1 at every step. Adam moves such a weight by
exactly the rate, whatever its betas, because both corrected means are 1. So the losses of an
epoch of one step tell the rates: loss k is minus the sum of the first k rates.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from compare import backends
from compare.learned import training
from compare.learned.architecture import Architecture
from compare.learned.layers import BatchNorm, Conv, ConvTranspose, Dense, Flatten, Relu, Tile
from compare.learned.losses import LOSSES
from compare.learned.recipe import Recipe


def train(architecture, inputs, targets, recipe, *, epochs, **arguments):
    """Train for so many epochs by a recipe."""
    recipe = replace(recipe, epochs=epochs)
    return training.train(architecture, inputs, targets, recipe, **arguments)


BACKEND = backends.load("numpy")
BIAS = Architecture((1,), (Dense(1),))


@pytest.fixture
def mean_output(monkeypatch):
    """Add the loss "mean output", whose derivative is a constant."""
    monkeypatch.setitem(
        LOSSES, "mean output", lambda backend, outputs, targets: backend.xp.mean(outputs)
    )
    return Recipe(0.01, l2=0.0, batch=4, loss="mean output")


def rates(recipe, epochs):
    """Return the rate of every epoch but the last, each of one step; see the module's text."""
    zeros = np.zeros((4, 1), np.float32)
    state = train(BIAS, zeros, zeros, recipe, epochs=epochs, seed=0, backend=BACKEND)
    assert state.losses[0] == 0
    return -np.diff(state.losses)


@pytest.mark.parametrize("rate", [0.5, 0.01, 0.0])
@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.9, 0.999), (0.5, 0.8), (0.0, 0.0)])
def test_a_constant_gradient_moves_a_weight_by_the_rate(mean_output, rate, betas):
    recipe = replace(mean_output, learning_rate=rate, beta1=betas[0], beta2=betas[1])
    np.testing.assert_allclose(rates(recipe, 30), [rate] * 29, rtol=1e-4)


def test_the_first_step_by_hand(mean_output):
    """With betas 0.9 and 0.99 and gradient 1 the means are 0.1 and 0.01, their root 0.1.

    The corrections make the rate sqrt(1 - 0.99) / (1 - 0.9) = 1 times itself, and epsilon is added
    to the root as it is: 0.1 / (0.1 + 0.4) = 0.2 of the rate. Corrected first, as PyTorch has it,
    the root would be 1 and the move 1 / (1 + 0.4).
    """
    recipe = replace(mean_output, learning_rate=2.0, epsilon=0.4)
    np.testing.assert_allclose(rates(recipe, 2), [2.0 * 0.2], rtol=1e-5)


def test_the_constant_schedule_keeps_the_rate(mean_output):
    np.testing.assert_allclose(rates(mean_output, 20), [0.01] * 19, rtol=1e-4)


@pytest.mark.parametrize(
    ("epochs", "exponents"),
    [
        (10, [0, 0, 1, 1, 2, 2, 3, 3, 4]),
        (5, [0, 1, 2, 3]),
        # Where the fifths are no whole epochs, the epoch in which one ends still belongs to it.
        (7, [0, 0, 1, 2, 2, 3]),
        (3, [0, 1]),
        (2, [0]),
    ],
)
def test_the_step_schedule_at_its_edges(mean_output, epochs, exponents):
    recipe = replace(mean_output, learning_rate=1.0, lr_schedule="step")
    moved = rates(recipe, epochs)
    # Float32 keeps sums of about 2 to 2e-7; the smallest rate is 1e-4.
    np.testing.assert_allclose(moved, [10.0**-k for k in exponents], rtol=1e-6, atol=1e-6)


def test_the_schedule_counts_epochs_and_not_steps(mean_output):
    """Three steps an epoch, all at the rate of the epoch."""
    zeros = np.zeros((12, 1), np.float32)
    recipe = replace(mean_output, learning_rate=1.0, lr_schedule="step")
    losses = train(BIAS, zeros, zeros, recipe, epochs=5, seed=0, backend=BACKEND).losses
    # The mean of the bias before each of three steps; after an epoch it is three rates lower.
    expected, bias = [], 0.0
    for epoch in range(5):
        rate = 10.0**-epoch
        expected.append(bias - rate)
        bias -= 3 * rate
    np.testing.assert_allclose(losses, expected, rtol=1e-6, atol=1e-6)


NETWORK = Architecture(
    (1, 6, 5),
    (Conv(3, kernel=3), BatchNorm(), Relu(), ConvTranspose(2, kernel=2), Flatten(), Dense(2)),
)
"""Every kind of weight: convolution kernels, the scale and shift of a batch norm, dense weights."""


def to_pytorch(torch, weights):
    """Return the same network of PyTorch's own modules, and its convolution kernels."""
    conv, norm = torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.BatchNorm2d(3, momentum=0.1)
    transposed, dense = torch.nn.ConvTranspose2d(3, 2, 2, stride=2), torch.nn.Linear(240, 2)
    tensors = {name: torch.tensor(array) for name, array in weights.items()}
    with torch.no_grad():
        conv.weight.copy_(tensors["0.weight"])
        conv.bias.copy_(tensors["0.bias"])
        transposed.weight.copy_(tensors["3.weight"])
        transposed.bias.copy_(tensors["3.bias"])
        dense.weight.copy_(tensors["5.weight"].T)
        dense.bias.copy_(tensors["5.bias"])
    network = torch.nn.Sequential(
        conv, norm, torch.nn.ReLU(), transposed, torch.nn.Flatten(), dense
    )
    return network.double(), (conv.weight, transposed.weight)


@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.9, 0.999), (0.7, 0.8)])
@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_losses_and_weights_are_those_of_pytorchs_adam(betas, l2):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(8, 1, 6, 5)), rng.normal(size=(8, 2))
    recipe = Recipe(0.01, l2=l2, batch=8, beta1=betas[0], beta2=betas[1])
    epochs = 12
    state = train(NETWORK, inputs, targets, recipe, epochs=epochs, seed=0, backend=BACKEND)

    network, kernels = to_pytorch(torch, NETWORK.initial_weights(0))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, betas=betas, eps=1e-8)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(network(torch.tensor(inputs)), torch.tensor(targets))
        loss = loss + l2 * sum((kernel**2).sum() for kernel in kernels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    np.testing.assert_allclose(state.losses, losses, rtol=1e-4)
    names = {
        "0.weight": "0.weight", "0.bias": "0.bias", "1.scale": "1.weight", "1.shift": "1.bias",
        "1.mean": "1.running_mean", "1.variance": "1.running_var",
        "3.weight": "3.weight", "3.bias": "3.bias", "5.weight": "5.weight", "5.bias": "5.bias",
    }  # fmt: skip
    assert state.weights.keys() == names.keys()
    expected = network.state_dict()
    for name, theirs in names.items():
        if name == "0.bias":
            # A batch norm takes it away again: its gradient is rounding, which Adam makes a step.
            continue
        array = expected[theirs].numpy()
        array = array.T if name == "5.weight" else array
        np.testing.assert_allclose(state.weights[name], array, rtol=2e-3, atol=2e-4, err_msg=name)


def test_the_penalty_is_the_sum_of_squared_kernels_without_the_half(monkeypatch):
    """All of the gradient is the penalty's: kernels shrink by the rate, other weights stay."""
    monkeypatch.setitem(LOSSES, "nothing", lambda backend, outputs, _: 0 * backend.xp.sum(outputs))
    network = Architecture((2,), (Tile(3, 4), Conv(2, kernel=2), Flatten(), Dense(3)))
    begin = network.initial_weights(0)
    recipe = Recipe(1e-3, l2=0.25, batch=4, loss="nothing")
    zeros = np.zeros((4, 2), np.float32)
    state = train(network, zeros, zeros, recipe, epochs=1, seed=0, backend=BACKEND)
    kernels = begin["1.weight"].astype(float)
    assert state.losses[0] == pytest.approx(0.25 * math.fsum((kernels**2).ravel()), rel=1e-6)
    # One step of Adam moves each kernel by the rate against its sign; see the module's text.
    np.testing.assert_allclose(
        state.weights["1.weight"], kernels - 1e-3 * np.sign(kernels), rtol=1e-5, atol=1e-6
    )
    # The mean of the gradients after one step is a tenth of them: 2 x 0.25 x kernel.
    np.testing.assert_allclose(state.mean["1.weight"], 0.1 * 0.5 * kernels, rtol=1e-5)
    np.testing.assert_allclose(state.square["1.weight"], 0.01 * (0.5 * kernels) ** 2, rtol=1e-4)
    for name in ("1.bias", "3.weight", "3.bias"):
        assert np.array_equal(state.weights[name], begin[name]), name
