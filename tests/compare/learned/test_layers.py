"""Each layer alone, in float64: against PyTorch (values and gradients) and finite differences."""

import numpy as np
import pytest

from compare import backends
from compare.backends import same_padding
from compare.learned import layers
from compare.learned.architecture import Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    CoordConv,
    Crop,
    Dense,
    Flatten,
    GlobalMaxPool,
    GlobalMeanPool,
    LeakyRelu,
    MaxPool,
    MeanPool,
    Relu,
    Reshape,
    Residual,
    Scale,
    Sigmoid,
    Softmax,
    Tanh,
    Tile,
    TiledCoordConv,
)

BACKEND = backends.load("numpy")

CASES = [
    *(
        (CoordConv(3, kernel, stride, radius), (2, *size))
        for kernel in (1, 2, 3, 4, 5)
        for stride in (1, 2)
        for radius, size in ((False, (5, 8)), (True, (6, 7)))
    ),
    (CoordConv(2, 3, 3, radius=True), (1, 1, 9)),
    *((Conv(3, kernel, stride), (2, 7, 4)) for kernel in (1, 2, 3, 5) for stride in (1, 2, 3)),
    *(
        (ConvTranspose(3, kernel), (2, *size))
        for kernel in (2, 3, 4, 5)
        for size in ((1, 1), (3, 5))
    ),
    (ConvTranspose(2, 3, stride=3), (2, 4, 2)),
    (BatchNorm(), (3, 4, 5)),
    (BatchNorm(momentum=0.5, epsilon=1e-3), (1, 1, 2)),
    *((pool(2), (2, *size)) for pool in (MaxPool, MeanPool) for size in ((4, 6), (5, 7))),
    (MaxPool(3), (1, 3, 8)),
    (GlobalMaxPool(), (2, 5, 4)),
    (GlobalMeanPool(), (2, 5, 4)),
    (Dense(4), (7,)),
    *((layer, (2, 3, 4)) for layer in (Relu(), LeakyRelu(), LeakyRelu(0.01), Tanh(), Sigmoid())),
    (Softmax(), (2, 3, 4)),
    (Softmax(), (5,)),
    (Flatten(), (2, 3, 4)),
    (Reshape(2, 3, 4), (24,)),
    (Tile(3, 5), (2,)),
    (TiledCoordConv(4, 3, 5), (2,)),
    (Scale(9, 33), (2,)),
    (Crop(3, 2), (2, 4, 5)),
    (Residual((Conv(2, 3), BatchNorm(), LeakyRelu(), Conv(2, 3))), (2, 4, 5)),
    (Residual((BatchNorm(), Tanh(), Conv(3, 3, 2), Tanh(), Conv(3, 3))), (2, 5, 4)),
    (Residual((Residual((Tanh(), Conv(2, 1))), MaxPool(2))), (2, 4, 4)),
]
IDS = [f"{layer} on {'x'.join(map(str, shape))}" for layer, shape in CASES]


def set_up(layer, shape, training):
    """Return weights, a batch, and the objective: a fixed random combination of the outputs."""
    rng = np.random.default_rng(0)
    network = Architecture(shape, (layer,))
    everything = {
        name: rng.uniform(0.5, 2, parameter.shape) if "variance" in name
        else rng.normal(size=parameter.shape)
        for name, parameter in network.parameters().items()
    }  # fmt: skip
    trained = {n: w for n, w in everything.items() if network.parameters()[n].trained}
    running = {n: w for n, w in everything.items() if n not in trained}
    batch = rng.normal(size=(4, *shape))
    probe = rng.normal(size=(4, *network.shapes()[-1]))

    def objective(arrays):
        arrays = dict(arrays)
        x = arrays.pop("x")
        outputs, statistics = network.apply(BACKEND, {**running, **arrays}, x, training)
        return BACKEND.xp.sum(outputs * probe), {**statistics, "outputs": outputs}

    return {**trained, "x": batch}, running, probe, objective


TRAINING = [False, True]


@pytest.mark.parametrize("training", TRAINING, ids=["predicting", "training"])
@pytest.mark.parametrize(("layer", "shape"), CASES, ids=IDS)
def test_derivatives_are_finite_differences(layer, shape, training):
    arrays, _, _, objective = set_up(layer, shape, training)
    _, _, gradients = BACKEND.value_and_grad(objective)(arrays)
    step = 1e-6
    for name, array in arrays.items():
        for index in np.ndindex(array.shape):
            moved = []
            for sign in (step, -step):
                other = array.copy()
                other[index] += sign
                moved.append(float(objective({**arrays, name: other})[0]))
            slope = (moved[0] - moved[1]) / (2 * step)
            # Of order step^2 by Taylor's theorem, and of rounding, 1e-16 / step.
            assert gradients[name][index] == pytest.approx(slope, rel=1e-6, abs=1e-7), name


@pytest.mark.parametrize("training", TRAINING, ids=["predicting", "training"])
@pytest.mark.parametrize(("layer", "shape"), CASES, ids=IDS)
def test_values_and_derivatives_are_pytorchs(layer, shape, training):
    torch = pytest.importorskip("torch")
    arrays, running, probe, objective = set_up(layer, shape, training)
    _, results, gradients = BACKEND.value_and_grad(objective)(arrays)
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    statistics = {name: torch.tensor(array) for name, array in running.items()}
    outputs = in_pytorch(torch, layer, tensors, statistics, training)
    (outputs * torch.tensor(probe)).sum().backward()
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(results.pop("outputs"), outputs.detach(), **close)
    for name, tensor in tensors.items():
        expected = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
        np.testing.assert_allclose(gradients[name], expected, **close, err_msg=name)
    assert results.keys() == (statistics.keys() if training else set())
    for name, expected in statistics.items():
        np.testing.assert_allclose(results.get(name, running[name]), expected, **close)


def in_pytorch(torch, layer, tensors, statistics, training):
    """Compute what a layer does by PyTorch's own means."""
    functional, x = torch.nn.functional, tensors["x"]
    weight, bias = tensors.get("0.weight"), tensors.get("0.bias")
    match layer:
        case Conv(_, kernel, stride):
            if isinstance(layer, CoordConv):
                channels = torch.tensor(layers.coordinates(*x.shape[2:], layer.radius))
                x = torch.cat([x, channels.expand(len(x), -1, -1, -1)], dim=1)
            above, left = (same_padding(size, kernel, stride) for size in x.shape[2:])
            padded = functional.pad(x, (*left, *above))
            return functional.conv2d(padded, weight, bias, stride)
        case TiledCoordConv():
            tile, convolution = layer.dense()
            maps = in_pytorch(torch, tile, {"x": x}, {}, training)
            return in_pytorch(torch, convolution, {**tensors, "x": maps}, {}, training)
        case ConvTranspose(_, kernel, stride):
            sizes = [size * stride for size in x.shape[2:]]
            (top, _), (left, _) = (same_padding(size, kernel, stride) for size in sizes)
            spread = functional.conv_transpose2d(x, weight, None, stride)
            cut = spread[:, :, top : top + sizes[0], left : left + sizes[1]]
            return cut + bias[:, None, None]
        case BatchNorm(momentum, epsilon):
            return functional.batch_norm(
                x, statistics["0.mean"], statistics["0.variance"], tensors["0.scale"],
                tensors["0.shift"], training, 1 - momentum, epsilon,
            )  # fmt: skip
        case Residual(inner):
            y = x
            for index, each in enumerate(inner):
                y = of_a_part(torch, each, str(index), y, tensors, statistics, training)
            if y.shape != x.shape:
                skip = Conv(y.shape[1], 1, stride=2)
                x = of_a_part(torch, skip, "skip", x, tensors, statistics, training)
            return y + x
        case MaxPool(kernel):
            return functional.max_pool2d(x, kernel)
        case MeanPool(kernel):
            return functional.avg_pool2d(x, kernel)
        case GlobalMaxPool():
            return functional.adaptive_max_pool2d(x, 1)
        case GlobalMeanPool():
            return functional.adaptive_avg_pool2d(x, 1)
        case Dense():
            return functional.linear(x, weight.T, bias)
        case Relu():
            return functional.relu(x)
        case LeakyRelu(slope):
            return functional.leaky_relu(x, slope)
        case Tanh():
            return torch.tanh(x)
        case Sigmoid():
            return torch.sigmoid(x)
        case Softmax():
            return torch.softmax(x.flatten(1), dim=1).reshape(x.shape)
        case Flatten():
            return x.flatten(1)
        case Reshape(channels, height, width):
            return x.unflatten(1, (channels, height, width))
        case Tile(height, width):
            return x[:, :, None, None].expand(-1, -1, height, width)
        case Scale(height, width):
            return x * torch.tensor([2 / (width - 1), 2 / (height - 1)]) - 1
        case Crop(height, width):
            return x[:, :, :height, :width]
    raise NotImplementedError(layer)


def of_a_part(torch, layer, name, x, tensors, statistics, training):
    """Compute what a layer of a block does; its arrays have the name in theirs."""
    own, running = (
        {f"0.{key.removeprefix(start)}": value for key, value in arrays.items()
         if key.startswith(start)}
        for start in [f"0.{name}."] for arrays in (tensors, statistics)
    )  # fmt: skip
    return in_pytorch(torch, layer, {**own, "x": x}, running, training)


def test_a_block_without_a_sum_is_refused():
    with pytest.raises(ValueError, match=r"from \(2, 5, 5\) to \(10,\) has no sum|a block from"):
        Residual((Conv(2, 3), GlobalMeanPool())).shape((2, 5, 7))
    assert Residual((Conv(4, 3, 2),)).shape((2, 5, 7)) == (4, 3, 4)


def test_every_layer_is_here():
    described = {
        kind.__name__ for kind in vars(layers).values()
        if isinstance(kind, type) and kind.__module__ == layers.__name__
        and not kind.__name__.startswith("_")
    } - {"Layer", "Parameter"}  # fmt: skip
    assert {type(layer).__name__ for layer, _ in CASES} == described


@pytest.mark.parametrize("size", [(3, 5), (1, 1), (8, 2)])
def test_a_tiled_vector_is_convolved_once_a_sample_with_the_same_result(size):
    """Small whole numbers: every sum is exact, whatever its order."""
    layer = TiledCoordConv(6, *size)
    tiled, dense = (Architecture((4,), each) for each in ((layer,), layer.dense()))
    assert tiled.shapes()[-1] == dense.shapes()[-1] == (6, *size)
    assert tiled.count() == dense.count() == 6 * (4 + 2) + 6
    assert tiled.multiply_adds() == dense.multiply_adds()
    rng = np.random.default_rng(3)
    weights = {
        name: rng.integers(-8, 8, parameter.shape).astype(np.float32)
        for name, parameter in tiled.parameters().items()
    }
    weights["0.weight"][:, 4:] *= np.float32(0)  # coordinates are no whole numbers
    x = rng.integers(-8, 8, (5, 4)).astype(np.float32)
    as_dense = {name.replace("0.", "1."): array for name, array in weights.items()}
    fast, slow = tiled.apply(BACKEND, weights, x)[0], dense.apply(BACKEND, as_dense, x)[0]
    assert fast.dtype == slow.dtype == np.float32
    assert np.array_equal(fast, slow)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (TiledCoordConv(2, 3, 4), (2, 3, 4), "TiledCoordConv takes vectors"),
        (Reshape(2, 3, 4), (25,), "another number of elements"),
    ],
)
def test_what_does_not_fit_is_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        Architecture(shape, (layer,))


@pytest.mark.parametrize(
    ("layer", "shape", "count"),
    [
        (Conv(3, kernel=2, stride=2), (2, 5, 7), 3 * 2 * 2 * 2 * (3 * 4)),
        (CoordConv(3, kernel=3), (2, 5, 7), 3 * 4 * 3 * 3 * (5 * 7)),
        (ConvTranspose(3, kernel=3), (2, 5, 7), 2 * 5 * 7 * 3 * 3 * 3),
        (Dense(3), (7,), 21),
    ],
)
def test_multiply_adds_by_hand(layer, shape, count):
    assert layer.multiply_adds(shape) == count


def test_the_variance_of_one_number_is_0_and_not_nan():
    own = {"mean": np.zeros(2), "variance": np.ones(2)}
    after = BatchNorm(momentum=0.75).running(own, np.ones(2), np.zeros(2), 1)
    assert after["variance"].tolist() == [0.75, 0.75]
    assert after["mean"].tolist() == [0.25, 0.25]
