"""The same networks in PyTorch: their layers' names and shapes, and what they put out."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from compare.backends import load  # noqa: E402
from compare.learned.architecture import Architecture  # noqa: E402
from compare.learned.export import state_dict  # noqa: E402
from compare.learned.layers import Conv, ConvTranspose, CoordConv, Relu  # noqa: E402
from compare.learned.torch_twin import twin  # noqa: E402
from compare.testing.backends import published  # noqa: E402


@pytest.mark.parametrize("name", published())
def test_its_state_has_the_names_and_shapes_of_the_architecture(name):
    architecture = published()[name](64, 64)
    state = {key: tuple(array.shape) for key, array in twin(architecture).state_dict().items()}
    own = state_dict(architecture, architecture.initial_weights(0))
    # PyTorch also counts the batches that a batch norm has seen.
    assert {key: shape for key, shape in state.items() if not key.endswith("tracked")} == {
        key: array.shape for key, array in own.items()
    }


@pytest.mark.parametrize("sides", [(6, 6), (5, 7), (1, 4)])
@pytest.mark.parametrize(
    "layer",
    [
        Conv(3, kernel=2), Conv(3, kernel=3, stride=2), CoordConv(3, kernel=1),
        ConvTranspose(3, kernel=2), ConvTranspose(3, kernel=3),
    ],
    ids=str,
)  # fmt: skip
def test_padding_is_the_architectures_own(layer, sides):
    architecture = Architecture((2, *sides), (layer, Relu()))
    weights = architecture.initial_weights(1)
    rng = np.random.default_rng(2)
    weights = {key: rng.normal(size=a.shape).astype(np.float32) for key, a in weights.items()}
    inputs = rng.normal(size=(3, 2, *sides)).astype(np.float32)
    network = twin(architecture)
    arrays = state_dict(architecture, weights)
    network.load_state_dict({key: torch.from_numpy(array) for key, array in arrays.items()})
    with torch.no_grad():
        found = network.eval()(torch.from_numpy(inputs)).numpy()
    expected = architecture.apply(load("numpy"), weights, inputs)[0]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)
