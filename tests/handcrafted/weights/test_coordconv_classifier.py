"""The computed weights of the CoordConv classifier: its softmax is the one-hot picture."""

from itertools import product

import numpy as np
import pytest

from compare import backends
from compare.datasets.not_so_clevr import one_hot
from compare.learned.published import coordconv_classifier as architecture
from compare.tasks.coord2onehot import TASK
from handcrafted.weights.coordconv_classifier import coordconv_classifier
from handcrafted.weights.coordinate_inputs import balance

COORDINATES = ("pixels", "scaled")
RECTANGLES = [(1, 64), (64, 1), (2, 33), (33, 2), (5, 7), (7, 5), (9, 57), (17, 40), (33, 64), (47, 53), (63, 12), (64, 32)]  # fmt: skip


def everywhere(height, width):
    return np.array(list(product(range(width), range(height))))


def predict(size, coordinates, weights, positions, backend=None, multiplier=1):
    backend = backend or backends.load("numpy")
    network = architecture(*size, multiplier, coordinates)
    weights = {name: backend.asarray(array) for name, array in weights.items()}
    inputs = backend.asarray(np.asarray(positions, np.float32))
    outputs = [
        backend.to_numpy(network.apply(backend, weights, inputs[start : start + 16])[0])
        for start in range(0, len(positions), 16)
    ]
    return TASK.supervision.decode(np.concatenate(outputs), *size, "softmax")


def reference(weights, positions, size, coordinates, dtype):
    """Return the channels after each layer, (n, channels, height, width), the first four of each."""
    height, width = size
    x, y = np.asarray(positions, dtype).T[:, :, None, None]
    columns = np.linspace(-1, 1, width).astype(dtype)[None, None]
    rows = np.linspace(-1, 1, height).astype(dtype)[None, :, None]
    if coordinates == "scaled":
        x = x * dtype(2 / max(width - 1, 1)) - dtype(1)
        y = y * dtype(2 / max(height - 1, 1)) - dtype(1)
    maps = np.stack(np.broadcast_arrays(x, y, columns, rows), axis=1)
    layers = []
    names = sorted({int(name.split(".")[0]) for name in weights})
    for name in names:
        weight, bias = weights[f"{name}.weight"][:4, :, 0, 0], weights[f"{name}.bias"][:4]
        assert not np.any(weights[f"{name}.weight"][4:])
        assert not np.any(weight[:, maps.shape[1] :])
        weight = weight[:, : maps.shape[1]].astype(dtype)
        maps = np.einsum("nihw,oi->nohw", maps, weight) + bias.astype(dtype)[:, None, None]
        maps = maps if name == names[-1] else np.maximum(maps, 0)
        layers.append(maps)
    return layers


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("size", [(64, 64), (5, 7)])
def test_names_and_shapes_are_the_architecture_s(size, multiplier, coordinates):
    parameters = architecture(*size, multiplier, coordinates).parameters()
    weights = coordconv_classifier(*size, multiplier, coordinates)
    shapes = {name: array.shape for name, array in weights.items()}
    assert shapes == {name: parameter.shape for name, parameter in parameters.items()}
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("size", [(side, side) for side in (*range(1, 13), 16)] + RECTANGLES[:6])
def test_every_position(size, coordinates):
    positions, weights = everywhere(*size), coordconv_classifier(*size, 1, coordinates)
    answers = predict(size, coordinates, weights, positions)
    assert np.array_equal(answers, one_hot(positions, *size))


@pytest.mark.slow
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("size", [(side, side) for side in range(1, 65)] + RECTANGLES)
def test_every_position_of_every_canvas(size, coordinates):
    weights = coordconv_classifier(*size, 1, coordinates)
    for part in np.array_split(everywhere(*size), -(-size[0] * size[1] // 512)):
        answers = predict(size, coordinates, weights, part)
        assert np.array_equal(answers, one_hot(part, *size))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("size", [(20, 20), (24, 24), (32, 32), (33, 33), (17, 40)])
def test_every_position_in_layers_written_anew(size, coordinates, dtype):
    weights = coordconv_classifier(*size, 1, coordinates)
    for part in np.array_split(everywhere(*size), 4):
        logits = reference(weights, part, size, coordinates, dtype)[-1].astype(np.float32)
        assert np.array_equal(
            TASK.supervision.decode(logits, *size, "softmax"), one_hot(part, *size)
        )


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("size", [(48, 48), (63, 63), (64, 64), (33, 64), (47, 53), (9, 57)])
def test_every_column_and_every_row_of_large_canvases(size, coordinates):
    """A logit is a sum of one term of x and one of y, so one position for each will do."""
    height, width = size
    longer = np.arange(max(size))
    positions = np.stack([longer % width, (longer * 7 + 3) % height], axis=1)
    positions = np.concatenate([positions, np.stack([positions[:, 0], longer % height], axis=1)])
    assert set(positions[:, 0]) == set(range(width))
    assert set(positions[:, 1]) == set(range(height))
    weights = coordconv_classifier(*size, 1, coordinates)
    logits = reference(weights, positions, size, coordinates, np.float32)[-1]
    assert np.array_equal(
        TASK.supervision.decode(logits, *size, "softmax"), one_hot(positions, *size)
    )


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_the_longest_side(coordinates):
    size = (1, 2**16)
    positions = [(0, 0), (1, 0), (21845, 0), (43690, 0), (2**16 - 2, 0), (2**16 - 1, 0)]
    weights = coordconv_classifier(*size, 1, coordinates)
    logits = reference(weights, positions, size, coordinates, np.float32)[-1]
    answers = TASK.supervision.decode(logits, *size, "softmax")
    assert np.array_equal(answers, one_hot(np.array(positions), *size))
    # What the docstring proves of the rounding.
    ordered = np.sort(logits.reshape(len(positions), -1), axis=1)
    assert np.all(ordered[:, -1] - ordered[:, -2] >= 208)
    with pytest.raises(
        ValueError, match="canvas is 1x65537; there are weights for sides up to 65536"
    ):
        coordconv_classifier(1, 2**16 + 1, 1, coordinates)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("size", [(64, 64), (33, 64), (5, 7)])
def test_every_library_gives_the_same(name, size):
    pytest.importorskip(name)
    some = np.random.default_rng(0).permutation(everywhere(*size))[:12]
    corners = list(product((0, size[1] - 1), (0, size[0] - 1)))
    positions = np.concatenate([some, corners])
    for coordinates in COORDINATES:
        weights = coordconv_classifier(*size, 1, coordinates)
        answers = predict(size, coordinates, weights, positions, backends.load(name))
        assert np.array_equal(answers, one_hot(positions, *size))


@pytest.mark.parametrize("multiplier", [2, 3])
def test_wider_networks(multiplier):
    positions = everywhere(9, 10)
    weights = coordconv_classifier(9, 10, multiplier, "scaled")
    answers = predict((9, 10), "scaled", weights, positions, multiplier=multiplier)
    assert np.array_equal(answers, one_hot(positions, 9, 10))


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("size", [(64, 64), (5, 7), (1, 1)])
def test_balanced_weights_give_the_same_logits(size, coordinates):
    positions = np.random.default_rng(1).permutation(everywhere(*size))[:32]
    plain = coordconv_classifier(*size, 1, coordinates)
    even = balance(plain)
    logits = [
        reference(weights, positions, size, coordinates, np.float32)[-1]
        for weights in (plain, even)
    ]
    assert np.array_equal(*logits)
    norms = [np.linalg.norm(even[name]) for name in even if name.endswith("weight")]
    if size != (1, 1):
        assert max(norms) <= 4 * min(norms)


def table(positions, size):
    """Return the docstring's table for a pixel, which is given its place in pixels."""
    height, width = size
    x, y = np.asarray(positions, float).T[:, :, None, None]
    across, down = np.arange(width)[None, None] - x, np.arange(height)[None, :, None] - y
    terms = [np.maximum(t, 0) for t in (across, -across, down, -down)]
    first = np.stack(np.broadcast_arrays(*terms), axis=1)
    distance = first.sum(axis=1, keepdims=True)
    return [first, distance, distance, distance, -256 * distance]


def changed(weights, factors):
    for name, array in weights.items():
        for place in np.argwhere(array):
            for factor in factors:
                other = array.copy()
                other[tuple(place)] *= factor
                yield weights | {name: other}, (name, *map(int, place), factor)


def test_the_channels_carry_what_the_table_says_and_every_number_matters():
    # On 5x9 pixels the coordinate channels are multiples of 1/4, so nothing is rounded.
    size, positions = (5, 9), everywhere(5, 9)
    weights = coordconv_classifier(*size, 1, "pixels")

    def agrees(weights):
        layers = reference(weights, positions, size, "pixels", np.float32)
        pairs = zip(layers, table(positions, size), strict=True)
        return all(
            np.array_equal(layer[:, : wanted.shape[1]], wanted)
            and not layer[:, wanted.shape[1] :].any()
            for layer, wanted in pairs
        )

    assert agrees(weights)
    assert [what for other, what in changed(weights, (-1, 2, 0)) if agrees(other)] == []


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_the_answers_notice_every_number_whose_sign_changes_or_that_is_0(coordinates):
    size, positions = (64, 64), np.random.default_rng(2).permutation(everywhere(64, 64))[:12]
    positions = np.concatenate([positions, [(0, 0), (63, 63), (31, 32)]])
    weights = coordconv_classifier(*size, 1, coordinates)
    used = sum(np.count_nonzero(array) for array in weights.values())
    # Four channels of two weights and, in pixels, a bias; their sum, two copies, the factor.
    assert used == 4 * (3 if coordinates == "pixels" else 2) + 4 + 2 + 1
    assert architecture(*size, 1, coordinates).count() == 7553
    missed = []
    for other, what in changed(weights, (-1, 0)):
        logits = reference(other, positions, size, coordinates, np.float32)[-1]
        if np.array_equal(
            TASK.supervision.decode(logits, *size, "softmax"), one_hot(positions, *size)
        ):
            missed.append(what)
    assert missed == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((64, 0), "width is 0"),
        ((64, 64, 0), "multiplier is 0; give 1 or more"),
        ((64, 64, 1, "polar"), "coordinates 'polar' is not known; choose from: scaled, pixels"),
    ],
)
def test_what_there_is_not_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        coordconv_classifier(*options)
