"""One example of each kind of picture computes what every picture computes."""

from dataclasses import replace

import numpy as np
import pytest
from test_patches import BACKEND, outputs_and_gradients

from compare.learned.architecture import Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
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
    Tanh,
)
from compare.learned.published import (
    conv_regressor_quadrant,
    conv_regressor_uniform,
    coordconv_regressor,
)
from compare.learned.recipe import Recipe
from compare.learned.sparse.grouped import Grouped, _Axis, group
from compare.learned.sparse.patches import gather
from compare.learned.training import prepared


def everywhere(height, width, square):
    """A square with its middle at every pixel, cut off by the border too."""
    y, x = (axis.reshape(-1, 1, 1) for axis in np.indices((height, width)))
    rows, columns = np.indices((height, width))
    near = (abs(rows - y) <= square // 2) & (abs(columns - x) <= square // 2)
    return near[:, None].astype(np.float64)


def random_architecture(rng, height, width):
    """Layers that tell no two places apart by themselves, and others at the end, or none."""
    layers = [Conv(2, int(rng.integers(1, 6)), int(rng.integers(1, 3)))]
    while len(layers) < 7:
        shape = Architecture((1, height, width), tuple(layers)).shapes()[-1]
        kernel, stride = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        nonlinear = [Relu(), LeakyRelu(), Tanh(), Sigmoid()][rng.integers(4)]
        pools = [MaxPool, MeanPool][rng.integers(2)]
        layers.append(
            [
                Conv(int(rng.integers(1, 4)), kernel, stride),
                nonlinear,
                nonlinear,
                BatchNorm(epsilon=0.01),  # a smaller one blows up rounding
                pools(int(rng.integers(2, 4))) if min(shape[1:]) >= 6 else nonlinear,
            ][rng.integers(5)]
        )
    last = [
        (GlobalMaxPool(), Flatten()),
        (GlobalMeanPool(), Flatten()),
        (CoordConv(2, 3), Flatten(), Dense(3)),
        (Conv(2, 3), Tanh()),
    ]
    return Architecture((1, height, width), (*layers, *last[rng.integers(4)]))


def drawn(architecture, seed):
    """Weights in float64, with biases and the like that are not what they begin as."""
    rng = np.random.default_rng(seed)
    return {
        name: array + rng.uniform(0, 0.2, array.shape)
        for name, array in architecture.initial_weights(seed).items()
    }


def grouped_pictures(architecture, full):
    return group(architecture, gather([full]), most=len(full) - 1)


def batch(grouped, chosen):
    """Some of the pictures, as a step takes them: examples of all kinds stay."""
    kind = grouped.examples.kind[chosen]
    examples = replace(grouped.examples, kind=kind)
    return replace(grouped, examples=examples, top=grouped.top[chosen], left=grouped.left[chosen])


@pytest.mark.parametrize("seed", range(60))
def test_random_architectures(seed):
    """Outputs at every position; then outputs, statistics and gradients of a batch in training."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(10, 20, 2))
    architecture = random_architecture(rng, height, width)
    square = int(rng.choice([1, 1, 3]))
    full = everywhere(height, width, square)
    grouped = grouped_pictures(architecture, full)
    assert isinstance(grouped, Grouped)
    assert len(grouped.examples.delta) < len(full) == len(grouped.examples.kind)
    weights = drawn(architecture, seed)
    outputs, expected = (architecture.apply(BACKEND, weights, maps)[0] for maps in (grouped, full))
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-12 * scale)

    chosen = rng.integers(len(full), size=12)
    found, wanted = (
        outputs_and_gradients(architecture, weights, maps, training=True)
        for maps in (batch(grouped, chosen), full[chosen])
    )
    assert_alike(found, wanted)


def assert_alike(found, wanted):
    assert found.keys() == wanted.keys()
    # Some gradients are 0, but for the rounding of terms as large as those of the others.
    scale = max(1, *(np.abs(values).max() for values in wanted.values()))
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-12 * scale, err_msg=name)


def test_awkward_ones():
    """Small canvases, windows as large as these, pools first, colours, empty pictures, one alone."""
    shrunk = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        height, width = (int(side) for side in rng.integers(3, 24, 2))
        channels = int(rng.integers(1, 4))
        first = [Conv(2, 1, 2), Conv(2, 2, 3), MeanPool(2), MaxPool(2), BatchNorm(), Tanh(), Relu()]
        layers = [first[rng.integers(len(first))], Conv(2, 3), Relu(), BatchNorm(epsilon=0.01)]
        architecture = Architecture((channels, height, width), (*layers, Conv(2, 3), Flatten()))
        full = everywhere(height, width, int(rng.choice([1, 5, 9])))
        full = full * rng.integers(0, 3, (len(full), channels, 1, 1))
        full = full[rng.permutation(len(full))[: int(rng.choice([1, 7, len(full)]))]]
        maps = group(architecture, gather([full]), most=len(full))
        if isinstance(maps, Grouped):
            shrunk += maps.examples.background.shape[2:] != (height, width)
        weights = drawn(architecture, seed)
        found, wanted = (
            outputs_and_gradients(architecture, weights, each, training=True)
            for each in (maps, full)
        )
        assert_alike(found, wanted)
    assert shrunk > 20


def test_each_kind_has_no_more_than_pictures_that_are_alike():
    """The comparison above can fail: a picture in another's kind changes its outputs."""
    architecture = Architecture(
        (1, 12, 12), (Conv(2, 3), Relu(), Conv(2, 3, stride=2), Relu(), Flatten())
    )
    full = everywhere(12, 12, 1)
    grouped = grouped_pictures(architecture, full)
    weights = drawn(architecture, 0)
    expected, _ = architecture.apply(BACKEND, weights, full)
    kinds = len(grouped.examples.delta)
    differs = []
    for merged in range(1, kinds):
        kind = np.where(grouped.examples.kind == merged, 0, grouped.examples.kind)
        wrong = replace(grouped, examples=replace(grouped.examples, kind=kind))
        outputs, _ = architecture.apply(BACKEND, weights, wrong)
        differs.append(np.abs(outputs - expected).max() > 1e-6)
    assert kinds > 9
    assert all(differs)


@pytest.mark.parametrize(
    ("build", "depth", "kinds", "canvas"),
    [
        (conv_regressor_uniform, 5, 16, 12),
        (conv_regressor_quadrant, 8, 64, 16),
        (coordconv_regressor, 0, None, 64),
    ],
)
def test_the_published_regressors(build, depth, kinds, canvas):
    """Hot pixels as far from the edge as the dataset's, a batch of 256."""
    full = everywhere(64, 64, 1).reshape(64, 64, 1, 64, 64)[4:60, 4:60].reshape(-1, 1, 64, 64)
    architecture, patched = build(64, 64), gather([full])
    _, shared, samples = prepared(architecture, patched, Recipe(0.01), BACKEND)
    assert len(samples[0]) == 56 * 56
    assert shared[0].shape == (1, 1, canvas, canvas)
    if depth:
        assert len(shared[1]) == kinds
        assert group(architecture, patched, 64).depth == depth
    else:
        assert len(shared) == 1


@pytest.mark.parametrize("sides", [(24, 24), (25, 31), (64, 20)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_examples_lie_on_the_smallest_canvas_that_makes_no_difference(sides, stride, monkeypatch):
    layers = (Conv(2, 3), Relu(), BatchNorm(), Conv(2, 3, stride), Relu(), Conv(2, 3))
    architecture = Architecture((1, *sides), layers)
    full = everywhere(*sides, 1)
    weights = drawn(architecture, stride)
    expected, _ = architecture.apply(BACKEND, weights, full)

    def canvas_and_error():
        grouped = grouped_pictures(architecture, full)
        outputs, _ = architecture.apply(BACKEND, weights, grouped)
        return grouped.examples.background.shape[2:], np.abs(outputs - expected).max()

    smallest, error = canvas_and_error()
    assert error < 1e-12
    assert max(smallest) < 20
    assert all((side - small) % stride == 0 for side, small in zip(sides, smallest, strict=True))
    # One stride less, of rows and of columns: what is missing is taken from the nearest that is there.
    for side, small in zip(sides, smallest, strict=True):
        sizes = {**dict(zip(sides, smallest, strict=True)), side: small - stride}
        monkeypatch.setattr(_Axis, "shrunk", lambda own, sizes=sizes: own._on(sizes[own.canvas]))
        monkeypatch.setattr("compare.learned.grouped._first", nearest)
        assert canvas_and_error()[1] > 1e-3


def nearest(values, among):
    """Find each value in `among`, or one that is near."""
    return np.abs(values[:, None] - among).argmin(axis=1)


def test_pictures_that_are_not_alike_are_left_as_they_are():
    architecture = Architecture((1, 9, 9), (Conv(2, 3), Relu(), Flatten()))
    every = gather([everywhere(9, 9, 1)])
    noise = np.random.default_rng(0).normal(size=every.delta.shape)
    lit = np.ones_like(every.background)
    for inputs in (replace(every, delta=noise), replace(every, background=lit)):
        assert group(architecture, inputs, most=len(noise) - 1) is inputs
    assert isinstance(group(architecture, every, most=len(noise) - 1), Grouped)


def test_pictures_of_several_brightnesses():
    architecture = Architecture((1, 16, 16), (Conv(2, 3), Relu(), Conv(1, 3), Flatten()))
    full = np.concatenate([everywhere(16, 16, 1), 2 * everywhere(16, 16, 1)])
    grouped = grouped_pictures(architecture, full)
    assert isinstance(grouped, Grouped)
    weights = drawn(architecture, 0)
    np.testing.assert_allclose(
        architecture.apply(BACKEND, weights, grouped)[0],
        architecture.apply(BACKEND, weights, full)[0],
        rtol=0,
        atol=1e-12,
    )
