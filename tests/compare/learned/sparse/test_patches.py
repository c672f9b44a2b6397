"""One background and small patches compute what full maps compute: values and gradients."""

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
    GlobalMaxPool,
    GlobalMeanPool,
    MaxPool,
    Relu,
)
from compare.learned.sparse.patches import Patched, gather, localise

BACKEND = backends.load("numpy")


def pictures(rng, n, height, width, square):
    """Bright squares anywhere, cut off by the border too; the first at a corner, one empty."""
    out = np.zeros((n, 1, height, width))
    for k in range(n - 1):
        y, x = (0, width - 1) if k == 0 else (rng.integers(height), rng.integers(width))
        out[k, 0, max(y - square // 2, 0) : y + square // 2 + 1,
            max(x - square // 2, 0) : x + square // 2 + 1] = rng.normal()  # fmt: skip
    return out


def random_architecture(rng, height, width):
    layers = [CoordConv(3, kernel=1, radius=bool(rng.integers(2)))]
    while len(layers) < 7:
        shape = Architecture((1, height, width), tuple(layers)).shapes()[-1]
        kind = rng.integers(6)
        if kind < 2:
            layers.append(
                Conv(int(rng.integers(1, 4)), int(rng.integers(1, 6)), int(rng.integers(1, 4)))
            )
        elif kind == 2:
            layers.append(Relu())
        elif kind == 3 and min(shape[1:]) >= 3:
            layers.append(MaxPool(int(rng.integers(2, 4))))
        elif kind == 4:
            layers.append(BatchNorm())
        elif kind == 5:
            layers.append(CoordConv(2, kernel=int(rng.integers(1, 4))))
    layers += [
        (GlobalMaxPool(), Flatten()),
        (GlobalMeanPool(), Flatten()),
        (Flatten(), Dense(3)),
    ][rng.integers(3)]
    return Architecture((1, height, width), tuple(layers))


def outputs_and_gradients(architecture, weights, maps, training):
    trained = {name for name, p in architecture.parameters().items() if p.trained}
    mix = np.random.default_rng(5).normal(size=architecture.shapes()[-1])

    def function(parameters):
        every = {**weights, **parameters}
        outputs, statistics = architecture.apply(BACKEND, every, maps, training)
        return BACKEND.xp.sum(outputs * mix.astype(outputs.dtype)), {
            "outputs": outputs,
            **statistics,
        }

    _, extra, gradients = BACKEND.value_and_grad(function)(
        {name: weights[name] for name in trained}
    )
    return {**extra, **{f"d {name}": gradient for name, gradient in gradients.items()}}


def both_ways(architecture, full, dtype, training, seed=0):
    weights = {k: v.astype(dtype) for k, v in architecture.initial_weights(seed).items()}
    rng = np.random.default_rng(seed)
    weights = {
        k: v + rng.normal(0, 0.1, v.shape).astype(dtype)
        if v.ndim == 1 and "variance" not in k
        else v
        for k, v in weights.items()
    }
    full = full.astype(dtype)
    patched = Patched(np.zeros_like(full[:1]), *localise(full))
    return (
        outputs_and_gradients(architecture, weights, maps, training) for maps in (full, patched)
    )


@pytest.mark.parametrize("training", [False, True], ids=["prediction", "training"])
@pytest.mark.parametrize("seed", range(40))
def test_random_architectures_in_float64(seed, training):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(18, 30, 2)
    architecture = random_architecture(rng, int(height), int(width))
    full = pictures(rng, int(rng.integers(2, 6)), height, width, int(rng.choice([1, 1, 3, 5])))
    dense, patched = both_ways(architecture, full, np.float64, training, seed)
    assert dense.keys() == patched.keys()
    for name, expected in dense.items():
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(
            patched[name], expected, rtol=0, atol=1e-12 * scale, err_msg=name
        )


@pytest.mark.parametrize("seed", range(10))
def test_random_architectures_in_float32(seed):
    rng = np.random.default_rng(100 + seed)
    architecture = random_architecture(rng, 16, 19)
    dense, patched = both_ways(architecture, pictures(rng, 4, 16, 19, 1), np.float32, True)
    for name, expected in dense.items():
        # A maximum that two pixels reach within rounding may pick either; its value is the same.
        if not name.startswith("d ") or not any(
            isinstance(layer, MaxPool | GlobalMaxPool) for layer in architecture.layers
        ):
            scale = max(1, np.abs(expected).max())
            np.testing.assert_allclose(patched[name], expected, rtol=0, atol=2e-5 * scale)


def test_every_position_of_a_small_canvas():
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
    dense, patched = both_ways(architecture, full, np.float64, False)
    for name, expected in dense.items():
        np.testing.assert_allclose(patched[name], expected, rtol=0, atol=1e-11, err_msg=name)


def test_a_window_that_lies_in_what_a_pool_drops():
    architecture = Architecture(
        (1, 4, 5), (Conv(2, 1), MaxPool(2), Relu(), Conv(3, 1), GlobalMaxPool(), Flatten())
    )
    full = np.zeros((2, 1, 4, 5))
    full[0, 0, 0, 4] = full[1, 0, 3, 3] = 1
    for seed in range(10):  # with all of the outputs below 0 in some
        dense, patched = both_ways(architecture, full, np.float64, True, seed)
        for name, expected in dense.items():
            np.testing.assert_allclose(patched[name], expected, rtol=0, atol=1e-12, err_msg=name)


def test_a_wrong_patch_is_noticed():
    """The comparison above can fail: a window one pixel off changes the outputs."""
    architecture = Architecture(
        (1, 12, 12), (CoordConv(2, 1), Conv(2, 3), GlobalMaxPool(), Flatten())
    )
    full = pictures(np.random.default_rng(0), 4, 12, 12, 1)
    weights = architecture.initial_weights(0)
    delta, top, left = localise(full)
    right, _ = architecture.apply(BACKEND, weights, Patched(full[:1] * 0, delta, top, left))
    moved, _ = architecture.apply(BACKEND, weights, Patched(full[:1] * 0, delta, top + 1, left))
    assert np.abs(right - moved).max() > 1e-3


def test_localise_cuts_the_smallest_windows():
    full = np.zeros((3, 2, 6, 8), np.float32)
    full[0, 0, 1, 2] = 1
    full[1, 1, 4:6, 5:8] = 2  # the largest, at the corner
    delta, top, left = localise(full)
    assert delta.shape == (3, 2, 2, 3)
    assert (Patched(full[:1] * 0, delta, top, left).dense(BACKEND) == full).all()


def test_gather_joins_chunks_of_different_windows():
    full = pictures(np.random.default_rng(1), 7, 12, 12, 5)
    patched = gather([full[:1], full[1:4], full[4:]])
    assert (patched.dense(BACKEND) == full).all()
    assert patched.shape == full.shape


@pytest.mark.parametrize(("side", "written_out"), [(3, True), (4, True), (5, False)])
def test_windows_that_cover_half_of_the_canvas_are_written_out(side, written_out):
    patched = Patched(
        np.zeros((1, 1, side, side)), np.ones((2, 1, 3, 3)), np.zeros(2, int), np.zeros(2, int)
    )
    assert isinstance(patched.settled(BACKEND), np.ndarray) == written_out
