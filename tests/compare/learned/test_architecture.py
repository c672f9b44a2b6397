"""An architecture counts, prints, draws its first weights and keeps its running statistics."""

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm, uniform

from compare import backends
from compare.learned.architecture import Architecture, initial_deviation
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
    Residual,
    Scale,
    Sigmoid,
    Softmax,
    Tanh,
    Tile,
)

BACKEND = backends.load("numpy")

# (layer, shape of its input, shape of its output, learned numbers, multiply-adds), by hand.
COUNTS = [
    # 3 kernels of 2 channels of 5x5 and 3 biases; at each of ceil(7/2) x ceil(4/2) pixels.
    (Conv(3, kernel=5, stride=2), (2, 7, 4), (3, 4, 2), 3 * 2 * 25 + 3, 3 * 2 * 25 * 8),
    (Conv(4, kernel=1), (3, 2, 5), (4, 2, 5), 4 * 3 + 4, 4 * 3 * 10),
    (Conv(1, kernel=3, stride=3), (1, 7, 9), (1, 3, 3), 10, 9 * 9),
    # Two coordinate channels more, or three with the radius.
    (CoordConv(3, kernel=3), (2, 4, 5), (3, 4, 5), 3 * 4 * 9 + 3, 3 * 4 * 9 * 20),
    (CoordConv(3, 1, radius=True), (2, 4, 5), (3, 4, 5), 3 * 5 + 3, 3 * 5 * 20),
    # Each weight once at each input pixel, of which there are 3 x 2.
    (ConvTranspose(4, kernel=3), (5, 3, 2), (4, 6, 4), 5 * 4 * 9 + 4, 6 * 5 * 4 * 9),
    (ConvTranspose(1, kernel=2, stride=3), (2, 1, 4), (1, 3, 12), 2 * 4 + 1, 4 * 2 * 4),
    # The running mean and variance are not learned.
    (BatchNorm(), (3, 4, 5), (3, 4, 5), 6, 60),
    (Dense(7), (5,), (7,), 42, 35),
    (MeanPool(2), (3, 5, 4), (3, 2, 2), 0, 60),
    (MaxPool(2), (3, 5, 4), (3, 2, 2), 0, 0),
    (MaxPool(3), (1, 3, 3), (1, 1, 1), 0, 0),
    (GlobalMeanPool(), (3, 5, 4), (3, 1, 1), 0, 60),
    (GlobalMaxPool(), (3, 5, 4), (3, 1, 1), 0, 0),
    (Flatten(), (3, 5, 4), (60,), 0, 0),
    (Tile(3, 5), (2,), (2, 3, 5), 0, 0),
    (Crop(4, 4), (3, 5, 4), (3, 4, 4), 0, 0),
    (Scale(5, 9), (2,), (2,), 0, 0),
    *(
        (layer, (3, 5, 4), (3, 5, 4), 0, 0)
        for layer in (Relu(), LeakyRelu(), Tanh(), Sigmoid(), Softmax())
    ),
]


@pytest.mark.parametrize(
    ("layer", "before", "after", "learned", "multiply_adds"), COUNTS, ids=lambda x: str(x)
)
def test_shapes_and_counts_of_each_layer(layer, before, after, learned, multiply_adds):
    architecture = Architecture(before, (layer,))
    assert architecture.shapes() == (before, after)
    assert architecture.count() == learned
    assert architecture.multiply_adds() == multiply_adds
    outputs, _ = architecture.apply(
        BACKEND, architecture.initial_weights(0), np.ones((2, *before), np.float32)
    )
    assert outputs.shape == (2, *after)
    # What is compiled for an architecture is kept by it.
    assert hash(architecture) == hash(Architecture(before, (layer,)))


NETWORK = Architecture(
    (1, 4, 6), (Conv(2, kernel=3), BatchNorm(), MaxPool(2), Flatten(), Dense(300))
)


def test_the_table():
    """Conv: 2 x 9 + 2 numbers, 18 x 24 multiply-adds; Dense: 12 inputs and a bias to 300."""
    rows = [line.split() for line in str(NETWORK).splitlines()]
    assert rows == [
        ["layer", "output", "parameters", "multiply-adds"],
        ["input", "1x4x6"],
        ["Conv(channels=2,", "kernel=3,", "stride=1)", "2x4x6", "20", "432"],
        ["BatchNorm(momentum=0.9,", "epsilon=1e-05)", "2x4x6", "4", "48"],
        ["MaxPool(kernel=2)", "2x2x3", "0", "0"],
        ["Flatten()", "12", "0", "0"],
        ["Dense(features=300)", "300", "3,900", "3,600"],
        ["total", "3,924", "4,080"],
    ]


def test_the_columns_of_the_table_are_straight():
    lines = str(NETWORK).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert all(line[0] != " " for line in lines)
    # Names to the left and numbers to the right, two spaces between the columns.
    assert lines[3] == ("BatchNorm(momentum=0.9, epsilon=1e-05)   2x4x6           4             48")
    assert lines[4] == ("MaxPool(kernel=2)                        2x2x3           0              0")


def test_every_array_has_the_number_of_its_layer():
    shapes = {name: parameter.shape for name, parameter in NETWORK.parameters().items()}
    assert shapes == {
        "0.weight": (2, 1, 3, 3), "0.bias": (2,),
        "1.scale": (2,), "1.shift": (2,), "1.mean": (2,), "1.variance": (2,),
        "4.weight": (12, 300), "4.bias": (300,),
    }  # fmt: skip


def test_only_kernels_of_convolutions_are_penalised_and_only_statistics_not_trained():
    network = Architecture(
        (1, 2, 2),
        (CoordConv(1, 1), Conv(1, 1), ConvTranspose(1, 1), BatchNorm(), Flatten(), Dense(1)),
    )
    parameters = network.parameters()
    assert {name for name, p in parameters.items() if p.decayed} == {
        "0.weight", "1.weight", "2.weight",
    }  # fmt: skip
    assert {name for name, p in parameters.items() if not p.trained} == {"3.mean", "3.variance"}


def test_only_a_batch_norm_mixes_samples():
    assert NETWORK.mixes_samples()
    layers = tuple(layer for layer in NETWORK.layers if layer != BatchNorm())
    assert not Architecture((1, 4, 6), layers).mixes_samples()
    assert Architecture((1, 4, 6), (Residual((BatchNorm(),)),)).mixes_samples()
    assert not Architecture((1, 4, 6), (Residual((Relu(),)),)).mixes_samples()


# (layer, shape of its input, fan-in by hand).
HE_NORMAL = [
    (Conv(400, kernel=5), (50, 8, 8), 50 * 25),
    (Conv(500, kernel=1), (1000, 2, 2), 1000),
    (CoordConv(500, kernel=3), (98, 4, 4), 100 * 9),
    (CoordConv(500, kernel=3, radius=True), (98, 4, 4), 101 * 9),
    # TensorFlow takes the outputs of a transposed convolution for its inputs.
    (ConvTranspose(40, kernel=5), (500, 4, 4), 40 * 25),
]


@pytest.mark.parametrize(("layer", "shape", "fan_in"), HE_NORMAL, ids=lambda x: str(x))
def test_kernels_are_scipys_truncated_normal(layer, shape, fan_in):
    """Cut at two deviations, of variance 2 / fan_in afterwards: He et al. 2015, as in Keras."""
    kernel = Architecture(shape, (layer,)).initial_weights(0)["0.weight"].astype(float).ravel()
    assert kernel.size >= 400_000
    scale = np.sqrt(2 / fan_in) / truncnorm(-2, 2).std()
    expected = truncnorm(-2, 2, scale=scale)
    assert expected.var() == pytest.approx(2 / fan_in, rel=1e-12)
    # Some of 400,000 draws come within 1e-4 of either end: the density there is 0.057.
    assert -2 * scale * (1 + 1e-6) <= kernel.min() < -2 * scale * (1 - 2e-4)
    assert 2 * scale * (1 + 1e-6) >= kernel.max() > 2 * scale * (1 - 2e-4)
    # The largest distance of two distribution functions is above 2 / sqrt(n) 1 time in 1500.
    assert kstest(kernel, expected.cdf).statistic < 2 / np.sqrt(kernel.size)
    assert kernel.var() == pytest.approx(2 / fan_in, rel=0.01)


@pytest.mark.parametrize(("inputs", "outputs"), [(600, 800), (1000, 400)])
def test_dense_weights_are_uniform(inputs, outputs):
    """Between plus and minus sqrt(6 / (inputs + outputs)): Glorot & Bengio 2010."""
    architecture = Architecture((inputs,), (Dense(outputs),))
    weight = architecture.initial_weights(0)["0.weight"].astype(float).ravel()
    limit = np.sqrt(6 / (inputs + outputs))
    assert -limit * (1 + 1e-6) <= weight.min() < -limit * (1 - 1e-4)
    assert limit * (1 + 1e-6) >= weight.max() > limit * (1 - 1e-4)
    expected = uniform(-limit, 2 * limit)
    assert kstest(weight, expected.cdf).statistic < 2 / np.sqrt(weight.size)


@pytest.mark.parametrize(
    ("layer", "shape"), [(Conv(400, kernel=5), (50, 8, 8)), (Dense(800), (600,))]
)
def test_the_initial_deviation_is_that_of_what_is_drawn(layer, shape):
    architecture = Architecture(shape, (layer,))
    drawn = architecture.initial_weights(0)["0.weight"].astype(float)
    deviations = {k: initial_deviation(p) for k, p in architecture.parameters().items()}
    assert deviations == {"0.weight": pytest.approx(drawn.std(), rel=0.01), "0.bias": 0}


def test_everything_else_begins_at_0_or_1():
    weights = NETWORK.initial_weights(0)
    for name in ("0.bias", "1.shift", "1.mean", "4.bias"):
        assert not weights[name].any(), name
    for name in ("1.scale", "1.variance"):
        assert (weights[name] == 1).all(), name


def test_no_two_arrays_begin_alike():
    network = Architecture((4,), (Dense(4), Dense(4), Dense(4)))
    weights = network.initial_weights(0)
    arrays = [weights[f"{layer}.weight"] for layer in range(3)]
    assert len({array.tobytes() for array in arrays}) == 3


def test_running_statistics_are_renewed_in_training_only():
    """Of the numbers 1, 2, 3, 6: mean 3, variance 14 / 3 with Bessel's correction."""
    network = Architecture((1, 2, 1), (BatchNorm(momentum=0.75),))
    weights = network.initial_weights(0)
    batch = np.array([1, 2, 3, 6], np.float32).reshape(2, 1, 2, 1)
    outputs, statistics = network.apply(BACKEND, weights, batch, training=True)
    assert statistics.keys() == {"0.mean", "0.variance"}
    assert statistics["0.mean"] == pytest.approx(0.25 * 3, rel=1e-6)
    assert statistics["0.variance"] == pytest.approx(0.75 + 0.25 * 14 / 3, rel=1e-6)
    # Normalised by the biased variance, 14 / 4.
    expected = (batch - 3) / np.sqrt(14 / 4 + 1e-5)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)

    running = {**weights, "0.mean": np.float32([2]), "0.variance": np.float32([4])}
    outputs, statistics = network.apply(BACKEND, running, batch)
    assert statistics == {}
    np.testing.assert_allclose(outputs, (batch - 2) / np.sqrt(4 + 1e-5), rtol=1e-5, atol=1e-6)


def test_a_single_number_has_no_variance_to_correct():
    network = Architecture((1, 1, 1), (BatchNorm(),))
    weights = network.initial_weights(0)
    _, statistics = network.apply(BACKEND, weights, np.full((1, 1, 1, 1), 5.0), training=True)
    assert statistics["0.mean"] == pytest.approx(0.5)
    assert statistics["0.variance"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("shape", "layer", "message"),
    [
        ((1, 2, 3), Dense(2), r"Dense takes vectors, got \(1, 2, 3\); put Flatten\(\) before it"),
        ((1, 2, 3), Tile(2, 2), r"Tile takes vectors, got \(1, 2, 3\)"),
        ((1, 2, 3), Crop(3, 3), r"a map of \(1, 2, 3\) is smaller than 3x3"),
        ((1, 3, 2), Crop(3, 3), r"a map of \(1, 3, 2\) is smaller than 3x3"),
        ((1, 2, 3), MaxPool(3), "a 2x3 map is smaller than the 3x3 max pool"),
        ((1, 3, 2), MaxPool(3), "a 3x2 map is smaller than the 3x3 max pool"),
        ((1, 2, 3), MeanPool(3), "a 2x3 map is smaller than the 3x3 mean pool"),
        ((1, 3, 2), MeanPool(3), "a 3x2 map is smaller than the 3x3 mean pool"),
    ],
)
def test_a_layer_that_does_not_fit_is_refused(shape, layer, message):
    with pytest.raises(ValueError, match=message):
        Architecture(shape, (layer,))


def test_a_map_as_large_as_the_block_or_the_cut_fits():
    network = Architecture((1, 3, 3), (Crop(3, 3), MeanPool(3), MaxPool(1)))
    assert network.shapes() == ((1, 3, 3), (1, 3, 3), (1, 1, 1), (1, 1, 1))


def test_the_scale_of_a_canvas_of_one_pixel():
    """Its only column is its first, which is -1, and there is nothing to divide by."""
    outputs, _ = Architecture((2,), (Scale(1, 3),)).apply(
        BACKEND, {}, np.array([[0, 0], [1, 0], [2, 0]], np.float32)
    )
    np.testing.assert_array_equal(outputs, [[-1, -1], [0, -1], [1, -1]])
