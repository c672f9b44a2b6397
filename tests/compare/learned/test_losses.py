"""The losses against values worked out by hand, SciPy and PyTorch: values and gradients."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from compare import backends
from compare.learned.losses import LOSSES

BACKEND = backends.load("numpy")


def value_and_gradient(name, outputs, targets):
    """Return a loss and its derivatives by the outputs."""

    def objective(parameters):
        return LOSSES[name](BACKEND, parameters["outputs"], targets), {}

    value, _, gradients = BACKEND.value_and_grad(objective)({"outputs": outputs})
    return value, gradients["outputs"]


def in_pytorch(torch, name, outputs, targets):
    """Compute a loss and its derivatives by PyTorch's own functions."""
    functional, outputs = torch.nn.functional, torch.tensor(outputs, requires_grad=True)
    targets = torch.tensor(targets)
    if name == "mse":
        value = functional.mse_loss(outputs, targets)
    elif name == "sigmoid":
        value = functional.binary_cross_entropy_with_logits(outputs, targets)
    else:
        value = functional.cross_entropy(outputs.flatten(1), targets)
    value.backward()
    return value.detach(), outputs.grad


def test_the_names():
    assert list(LOSSES) == ["mse", "softmax", "sigmoid"]


def test_mse_by_hand():
    outputs, targets = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[0.0, 2.0], [0.5, 1.0]])
    value, gradient = value_and_gradient("mse", outputs, targets)
    assert value == (1 + 16 + 0 + 4) / 4
    # 2 (output - target) over the count of numbers.
    assert gradient.tolist() == [[0.5, -2.0], [0.0, 1.0]]


def test_mse_has_its_minimum_at_the_targets():
    targets = np.array([[3.0, -7.0]])
    value, gradient = value_and_gradient("mse", targets.copy(), targets)
    assert value == 0
    assert not gradient.any()


def test_softmax_by_hand():
    """Logits 0 and log 3 are the probabilities 1/4 and 3/4."""
    outputs = np.log([[1.0, 3.0], [1.0, 3.0], [1.0, 1.0]]).reshape(3, 1, 1, 2)
    value, gradient = value_and_gradient("softmax", outputs, np.array([0, 1, 1]))
    assert value == pytest.approx((np.log(4) + np.log(4 / 3) + np.log(2)) / 3, rel=1e-15)
    # The probabilities minus 1 at the target, over the count of samples.
    expected = np.array([[-0.75, 0.75], [0.25, -0.25], [0.5, -0.5]]) / 3
    np.testing.assert_allclose(gradient.reshape(3, 2), expected, rtol=1e-14)


def test_softmax_counts_pixels_row_by_row():
    """Target 4 of a 2x3 picture is row 1, column 1."""
    outputs = np.zeros((1, 1, 2, 3))
    outputs[0, 0, 1, 1] = 5.0
    value, _ = value_and_gradient("softmax", outputs, np.array([4]))
    assert value == pytest.approx(logsumexp(outputs) - 5, rel=1e-14)


def test_softmax_is_scipys():
    rng = np.random.default_rng(0)
    outputs, targets = 30 * rng.normal(size=(6, 1, 3, 4)), rng.integers(12, size=6)
    value, _ = value_and_gradient("softmax", outputs, targets)
    rows = log_softmax(outputs.reshape(6, 12), axis=1)
    assert value == pytest.approx(-rows[np.arange(6), targets].mean(), rel=1e-13)


def test_sigmoid_by_hand():
    """A logit of log 3 is the probability 3/4, and 0 is 1/2."""
    outputs, targets = np.log([[3.0, 3.0, 1.0, 1 / 3]]), np.array([[1.0, 0.0, 1.0, 0.0]])
    value, gradient = value_and_gradient("sigmoid", outputs, targets)
    assert value == pytest.approx(-np.log([3 / 4, 1 / 4, 1 / 2, 3 / 4]).sum() / 4, rel=1e-15)
    np.testing.assert_allclose(gradient, np.array([[-0.25, 0.75, -0.5, 0.25]]) / 4, rtol=1e-14)


@pytest.mark.parametrize(("logit", "target"), [(200.0, 0.0), (-200.0, 1.0)])
def test_sigmoid_of_a_large_logit_is_the_logit(logit, target):
    """exp(200) is beyond float32: a form that overflows would be infinite here."""
    outputs = np.array([[logit]], np.float32)
    value, gradient = value_and_gradient("sigmoid", outputs, np.array([[target]], np.float32))
    assert value == 200
    assert gradient.item() == np.sign(logit)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
def test_values_and_gradients_are_pytorchs(name, spread):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    outputs = spread * rng.normal(size=(5, 1, 4, 3))
    targets = {
        "mse": rng.normal(size=outputs.shape),
        "sigmoid": rng.uniform(size=outputs.shape),
        "softmax": rng.integers(12, size=5),
    }[name]
    value, gradient = value_and_gradient(name, outputs, targets)
    expected, expected_gradient = in_pytorch(torch, name, outputs, targets)
    assert value == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-12, atol=1e-15)
