"""The rules compute from patches what the layers compute from pictures: values and gradients."""

import numpy as np
import pytest

from compare import backends
from compare.learned import layers
from compare.learned.architecture import Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    CoordConv,
    Dense,
    Flatten,
    GlobalMaxPool,
    GlobalMeanPool,
    LeakyRelu,
    MaxPool,
    MeanPool,
    Relu,
    Sigmoid,
    Softmax,
    Tanh,
)
from compare.learned.sparse import rules
from compare.learned.sparse.patches import Patches, localise

NUMPY = backends.load("numpy")


class Unregistered:
    """The NumPy backend under a class that has no kernels of its own."""

    def __getattr__(self, name):
        return getattr(NUMPY, name)


UNREGISTERED = Unregistered()
BACKENDS = pytest.mark.parametrize("backend", [NUMPY, UNREGISTERED], ids=["numpy", "unregistered"])


def pictures(rng, n, height, width, square):
    """Bright squares anywhere, cut off by the border too; the first at a corner, one empty."""
    out = np.zeros((n, 1, height, width))
    for k in range(n - 1):
        y, x = (0, width - 1) if k == 0 else (rng.integers(height), rng.integers(width))
        out[k, 0, max(y - square // 2, 0) : y + square // 2 + 1,
            max(x - square // 2, 0) : x + square // 2 + 1] = rng.normal()  # fmt: skip
    return out


def random_architecture(rng, height, width):
    """A CoordConv, five layers of any type that has a rule, and one of three ends."""
    network = [CoordConv(3, kernel=1, radius=bool(rng.integers(2)))]
    while len(network) < 7:
        shape = Architecture((1, height, width), tuple(network)).shapes()[-1]
        kernel, stride = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        choice = rng.integers(7)
        if choice < 2:
            network.append(Conv(int(rng.integers(1, 4)), kernel, stride))
        elif choice == 2:
            network.append(Relu())
        elif choice == 3:
            network.append([LeakyRelu(), Tanh(), Sigmoid()][rng.integers(3)])
        elif choice == 4 and min(shape[1:]) >= 3:
            network.append([MaxPool, MeanPool][rng.integers(2)](int(rng.integers(2, 4))))
        elif choice == 5:
            network.append(BatchNorm(epsilon=0.01))  # a smaller one magnifies rounding
        elif choice == 6:
            network.append(CoordConv(2, kernel=int(rng.integers(1, 4))))
    network += [
        (GlobalMaxPool(), Flatten()),
        (GlobalMeanPool(), Flatten()),
        (Flatten(), Dense(3)),
    ][rng.integers(3)]
    return Architecture((1, height, width), tuple(network))


def results(apply, backend, architecture, weights, inputs, training):
    """Return outputs, new statistics, and the gradients of a fixed combination of the outputs."""
    trained = {name for name, p in architecture.parameters().items() if p.trained}
    mix = np.random.default_rng(5).normal(size=architecture.shapes()[-1])

    def function(parameters):
        every = {**weights, **parameters}
        outputs, statistics = apply(architecture, backend, every, inputs, training)
        total = backend.xp.sum(outputs * mix.astype(outputs.dtype))
        return total, {"outputs": outputs, **statistics}

    _, extra, gradients = backend.value_and_grad(function)(
        {name: weights[name] for name in trained}
    )
    return {**extra, **{f"d {name}": gradient for name, gradient in gradients.items()}}


def dense_and_sparse(backend, architecture, full, dtype, training, seed=0):
    """Return the results from pictures in full and those from patches."""
    rng = np.random.default_rng(seed)
    weights = {
        name: array.astype(dtype)
        + (rng.normal(0, 0.1, array.shape).astype(dtype) if name.endswith(("bias", "shift")) else 0)
        for name, array in architecture.initial_weights(seed).items()
    }
    full = full.astype(dtype)
    patches = Patches(np.zeros_like(full[:1]), *localise(full))
    return (
        results(Architecture.apply, backend, architecture, weights, full, training),
        results(rules.apply, backend, architecture, weights, patches, training),
    )


def assert_close(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        scale = max(1, np.abs(array).max())
        np.testing.assert_allclose(found[name], array, rtol=0, atol=tolerance * scale, err_msg=name)


@BACKENDS
@pytest.mark.parametrize("training", [False, True], ids=["prediction", "training"])
@pytest.mark.parametrize("seed", range(40))
def test_random_architectures_in_float64(seed, training, backend):
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(18, 30, 2))
    architecture = random_architecture(rng, height, width)
    full = pictures(rng, int(rng.integers(2, 6)), height, width, int(rng.choice([1, 1, 3, 5])))
    dense, sparse = dense_and_sparse(backend, architecture, full, np.float64, training, seed)
    assert_close(sparse, dense, 1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_random_architectures_in_float32(seed):
    rng = np.random.default_rng(100 + seed)
    architecture = random_architecture(rng, 16, 19)
    full = pictures(rng, 4, 16, 19, 1)
    dense, sparse = dense_and_sparse(NUMPY, architecture, full, np.float32, True)
    if any(isinstance(layer, MaxPool | GlobalMaxPool) for layer in architecture.layers):
        # A maximum that two pixels attain within rounding may be either's; its value is the same.
        dense, sparse = (
            {name: array for name, array in each.items() if not name.startswith("d ")}
            for each in (dense, sparse)
        )
    assert_close(sparse, dense, 2e-5)
    assert {array.dtype for array in sparse.values()} == {np.dtype(np.float32)}


@BACKENDS
def test_every_position_of_a_small_canvas(backend):
    architecture = Architecture(
        (1, 9, 7),
        (
            CoordConv(3, 1),
            Conv(3, 5, stride=2),
            Relu(),
            Conv(2, 3),
            MaxPool(2),
            Conv(2, 2),
            Flatten(),
        ),
    )
    full = np.eye(63).reshape(63, 1, 9, 7)
    dense, sparse = dense_and_sparse(backend, architecture, full, np.float64, False)
    assert_close(sparse, dense, 1e-11)


@BACKENDS
def test_a_window_that_lies_in_what_a_pool_drops(backend):
    architecture = Architecture(
        (1, 4, 5), (Conv(2, 1), MaxPool(2), Relu(), Conv(3, 1), GlobalMaxPool(), Flatten())
    )
    full = np.zeros((2, 1, 4, 5))
    full[0, 0, 0, 4] = full[1, 0, 3, 3] = 1
    for seed in range(10):  # with all of the outputs below 0 in some
        dense, sparse = dense_and_sparse(backend, architecture, full, np.float64, True, seed)
        assert_close(sparse, dense, 1e-12)


def test_a_window_one_pixel_off_changes_the_outputs():
    """The comparisons above can fail."""
    architecture = Architecture(
        (1, 12, 12), (CoordConv(2, 1), Conv(2, 3), GlobalMaxPool(), Flatten())
    )
    full = pictures(np.random.default_rng(0), 4, 12, 12, 1)
    weights = architecture.initial_weights(0)
    delta, top, left = localise(full)
    right, wrong = (
        rules.apply(architecture, NUMPY, weights, Patches(full[:1] * 0, delta, corner, left))[0]
        for corner in (top, top + 1)
    )
    assert np.abs(right - wrong).max() > 1e-3


def test_every_layer_maps_patches_or_gets_the_pictures_in_full():
    """By a rule: those in the table. In full: those that have none, and what follows them."""
    in_full = {
        ConvTranspose, Softmax, Flatten, Dense,
        layers.Crop, layers.Tile, layers.Scale, layers.Reshape, layers.Residual,
        layers.TiledCoordConv,
    }  # fmt: skip
    described = {
        kind
        for name, kind in vars(layers).items()
        if isinstance(kind, type)
        and kind.__module__ == layers.__name__
        and not name.startswith("_")
        and name not in ("Layer", "Parameter")
    }
    assert described == rules.RULES.keys() | in_full
    full = pictures(np.random.default_rng(0), 3, 16, 16, 1)
    for layer in (ConvTranspose(2, 3), Softmax(), layers.Crop(5, 4)):
        architecture = Architecture((1, 16, 16), (Conv(2, 3), layer, Conv(1, 3), Relu(), Flatten()))
        dense, sparse = dense_and_sparse(NUMPY, architecture, full, np.float64, True)
        assert_close(sparse, dense, 1e-12)


@pytest.mark.parametrize(("side", "in_full"), [(3, True), (4, True), (5, False)])
def test_windows_that_cover_half_of_the_canvas_are_mapped_in_full(side, in_full, monkeypatch):
    shapes = []

    def rule(layer, backend, own, patches, updates):
        shapes.append(patches.shape)
        return rules.pointwise(layer, backend, own, patches, updates)

    monkeypatch.setitem(rules.RULES, Tanh, rule)
    patches = Patches(
        np.zeros((1, 1, side, side)), np.ones((2, 1, 3, 3)), np.zeros(2, int), np.zeros(2, int)
    )
    architecture = Architecture((1, side, side), (Tanh(), Tanh()))
    outputs, _ = rules.apply(architecture, NUMPY, {}, patches)
    assert shapes == ([] if in_full else [(2, 1, 5, 5)] * 2)
    np.testing.assert_allclose(outputs, np.tanh(np.tanh(patches.dense(NUMPY))))
