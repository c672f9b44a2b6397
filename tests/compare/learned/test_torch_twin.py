"""The same networks in PyTorch: their layers' names and shapes, and what they put out."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from compare.backends import load  # noqa: E402
from compare.learned import layers  # noqa: E402
from compare.learned.architecture import Architecture  # noqa: E402
from compare.learned.export import state_dict  # noqa: E402
from compare.learned.layers import Conv, ConvTranspose, CoordConv  # noqa: E402
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


def compared(architecture):
    """Return what the twin and the architecture put out in prediction, by random weights."""
    rng = np.random.default_rng(2)
    weights = {
        # Variances are above 0.
        name: rng.uniform(0.5, 1.5, a.shape).astype(np.float32)
        if name.endswith("variance")
        else rng.normal(size=a.shape).astype(np.float32)
        for name, a in architecture.initial_weights(1).items()
    }
    inputs = rng.normal(size=(3, *architecture.inputs)).astype(np.float32)
    network = twin(architecture)
    arrays = state_dict(architecture, weights)
    network.load_state_dict(
        {key: torch.from_numpy(array) for key, array in arrays.items()}, strict=False
    )
    with torch.no_grad():
        found = network.eval()(torch.from_numpy(inputs)).numpy()
    return found, architecture.apply(load("numpy"), weights, inputs)[0]


@pytest.mark.parametrize("sides", [(6, 6), (5, 7), (1, 4)])
@pytest.mark.parametrize(
    "layer",
    [
        Conv(3, kernel=2), Conv(3, kernel=3, stride=2), CoordConv(3, kernel=1),
        ConvTranspose(3, kernel=1), ConvTranspose(3, kernel=2), ConvTranspose(3, kernel=3),
    ],
    ids=str,
)  # fmt: skip
def test_padding_is_the_architectures_own(layer, sides):
    found, expected = compared(Architecture((2, *sides), (layer, layers.Relu())))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


MAPS, VECTORS = (4, 6, 8), (5,)
EVERY = [
    (layers.CoordConv(3, kernel=3, radius=True), MAPS), (layers.BatchNorm(), MAPS),
    (layers.Relu(), MAPS), (layers.LeakyRelu(0.2), MAPS), (layers.Tanh(), MAPS),
    (layers.Sigmoid(), MAPS), (layers.Softmax(), MAPS), (layers.MaxPool(2), MAPS),
    (layers.MeanPool(2), MAPS), (layers.GlobalMaxPool(), MAPS), (layers.GlobalMeanPool(), MAPS),
    (layers.Flatten(), MAPS), (layers.Crop(3, 5), MAPS), (layers.Dense(3), VECTORS),
    (layers.Tile(3, 4), VECTORS), (layers.TiledCoordConv(3, 4, 5), VECTORS),
    (layers.Reshape(1, 5, 1), VECTORS), (layers.Scale(9, 14), (2,)), (layers.Scale(1, 14), (2,)),
    (layers.Residual((layers.Conv(4, 3), layers.BatchNorm())), MAPS),
    (layers.Residual((layers.Conv(3, 3, stride=2), layers.Relu())), MAPS),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "inputs"), EVERY, ids=lambda each: str(each)[:20])
def test_every_layer_is_the_architectures_own(layer, inputs):
    found, expected = compared(Architecture(inputs, (layer,)))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_layer_is_left_out():
    known = {
        name
        for name, each in vars(layers).items()
        if isinstance(each, type) and hasattr(each, "multiply_adds") and name[0] != "_"
    } - {"Layer"}
    tried = {type(layer).__name__ for layer, _ in EVERY}
    assert known == tried | {"Conv", "ConvTranspose"}
