"""The computed weights of the transposed convolutions: exact, and what no weights can do."""

from itertools import pairwise, product

import numpy as np
import pytest

from compare import backends
from compare.datasets.not_so_clevr import centres, one_hot, squares
from compare.learned.published import deconv
from compare.tasks.coord2image import TASK as COORD2IMAGE
from compare.tasks.coord2onehot import TASK as COORD2ONEHOT
from handcrafted.weights.coordinate_inputs import balance
from handcrafted.weights.deconv import deconv_coord2image, deconv_coord2onehot, square_picture

KERNELS = (2, 3, 4)
COORDINATES = ("pixels", "scaled")
RECTANGLES = [
    (1, 64), (64, 1), (2, 33), (33, 2), (5, 7), (7, 5), (9, 57), (17, 40), (33, 64), (47, 53),
    (63, 12), (64, 32),
]  # fmt: skip


def everywhere(height, width):
    return np.array(list(product(range(width), range(height))))


def predict(architecture, weights, positions, task, size, loss, backend=None):
    """Decode the project's own outputs, some samples at a time."""
    backend = backend or backends.load("numpy")
    weights = {name: backend.asarray(array) for name, array in weights.items()}
    inputs = np.asarray(positions, np.float32)
    outputs = [
        backend.to_numpy(
            architecture.apply(backend, weights, backend.asarray(inputs[start : start + 64]))[0]
        )
        for start in range(0, len(inputs), 64)
    ]
    return task.supervision.decode(np.concatenate(outputs), *size, loss)


# The same layers, written anew, with the channels left out that are 0 for every input.


def used(weights):
    """Return the layers' arrays without the channels that nothing is added to."""
    numbers = sorted({int(name.split(".")[0]) for name in weights if name.endswith("weight")})
    kept, layers = [0, 1], []
    for number in numbers:
        weight, bias = weights[f"{number}.weight"][kept], weights[f"{number}.bias"]
        kept = np.flatnonzero(np.any(weight != 0, axis=(0, 2, 3)) | (bias != 0))
        layer = {"weight": weight[:, kept], "bias": bias[kept]}
        if number != numbers[-1]:
            for name in ("scale", "shift", "mean", "variance"):
                layer[name] = weights[f"{number + 1}.{name}"][kept]
        layers.append(layer)
    return layers


def reference(layers, positions, size, coordinates, dtype=np.float64):
    """Return each layer's output, the last one cut to size."""
    maps, outputs = scaled(positions, size, coordinates, dtype), []
    for layer in layers:
        maps = apply(layer, maps, dtype)
        outputs.append(maps)
    outputs[-1] = maps[:, :, : size[0], : size[1]]
    return outputs


def scaled(positions, size, coordinates, dtype):
    """Return what the first layer is given, (n, 2, 1, 1)."""
    inputs = np.asarray(positions, dtype)
    if coordinates == "scaled":
        last = np.maximum(np.array([size[1] - 1, size[0] - 1]), 1)
        inputs = inputs * (2 / last).astype(dtype) - dtype(1)
    return inputs[:, :, None, None]


def apply(layer, maps, dtype):
    layer = {name: array.astype(dtype) for name, array in layer.items()}
    maps = transposed(maps, layer["weight"]) + layer["bias"][:, None, None]
    if "variance" not in layer:
        return maps
    scale = layer["scale"] / np.sqrt(layer["variance"] + dtype(1e-5))
    shift = layer["shift"] - layer["mean"] * scale
    return np.maximum(maps * scale[:, None, None] + shift[:, None, None], 0)


def transposed(maps, weight):
    """Spread, and cut what "same" padding cuts: (kernel - 2) // 2 pixels before."""
    n, _, height, width = maps.shape
    kernel = weight.shape[2]
    before = (kernel - 2) // 2
    full = np.zeros((n, weight.shape[1], 2 * height + kernel, 2 * width + kernel), maps.dtype)
    for row, column in product(range(kernel), range(kernel)):
        if np.any(weight[:, :, row, column]):
            spread = np.einsum("nihw,io->nohw", maps, weight[:, :, row, column], optimize=True)
            full[:, :, row : row + 2 * height : 2, column : column + 2 * width : 2] += spread
    return full[:, :, before : before + 2 * height, before : before + 2 * width]


def wrong(weights, positions, task, size, coordinates, loss, target, dtype):
    """Return the positions whose decoded answer is not the target."""
    layers, found = used(weights), []
    for start in range(0, len(positions), 256):
        part = positions[start : start + 256]
        outputs = reference(layers, part, size, coordinates, dtype)[-1]
        # In float32, whatever the layers were computed in: there exp(-128) is 0.
        answers = task.supervision.decode(outputs.astype(np.float32), *size, loss)
        missed = np.any(answers != target(part, *size), axis=(1, 2, 3))
        found += [tuple(map(int, position)) for position in part[missed]]
    return found


def unsolved_pixel(size, kernel, coordinates):
    return [(0, 0)] if (kernel, coordinates) == (2, "pixels") and max(size) > 32 else []


def unsolved_square(size, kernel, coordinates):
    height, width = size
    middle = height % 2 == width % 2 == 1 and max(size) >= 57
    return [(width // 2, height // 2)] if middle and kernel < 4 and coordinates == "scaled" else []


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("size", [(64, 64), (5, 7)])
def test_names_and_shapes_are_the_architecture_s(size, multiplier, kernel, coordinates):
    parameters = deconv(*size, multiplier, kernel, coordinates).parameters()
    for compute in (deconv_coord2onehot, deconv_coord2image):
        weights = compute(*size, multiplier, kernel, coordinates)
        shapes = {name: array.shape for name, array in weights.items()}
        assert shapes == {name: parameter.shape for name, parameter in parameters.items()}
        assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 5)])
def test_every_position_in_the_project_s_own_layers(size, kernel, coordinates):
    positions, architecture = everywhere(*size), deconv(*size, 1, kernel, coordinates)
    weights = deconv_coord2onehot(*size, 1, kernel, coordinates)
    answers = predict(architecture, weights, positions, COORD2ONEHOT, size, "softmax")
    assert np.array_equal(answers, one_hot(positions, *size))
    for loss in COORD2IMAGE.supervision.losses:  # also where the canvas cuts the square
        weights = deconv_coord2image(*size, 1, kernel, coordinates, loss)
        answers = predict(architecture, weights, positions, COORD2IMAGE, size, loss)
        assert np.array_equal(answers, squares(positions, *size))


SIZES = [*((side, side) for side in range(1, 13)), (16, 16), (33, 12), (1, 64), (64, 2)]  # fmt: skip


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_pixel(kernel, coordinates):
    largest = {(2, "pixels"): [(64, 64)], (3, "pixels"): [(33, 33)]}
    for size in SIZES + largest.get((kernel, coordinates), []):
        weights = deconv_coord2onehot(*size, 1, kernel, coordinates)
        missed = wrong(
            weights,
            everywhere(*size),
            COORD2ONEHOT,
            size,
            coordinates,
            "softmax",
            one_hot,
            np.float32,
        )
        assert missed == unsolved_pixel(size, kernel, coordinates)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_square(kernel, coordinates):
    largest = {(3, "scaled"): [(39, 57)]}
    for size in [(9, 9), (9, 57), (20, 24), *largest.get((kernel, coordinates), [])]:
        for loss in COORD2IMAGE.supervision.losses:
            weights = deconv_coord2image(*size, 1, kernel, coordinates, loss)
            missed = wrong(
                weights, centres(*size), COORD2IMAGE, size, coordinates, loss, squares, np.float32
            )
            assert missed == unsolved_square(size, kernel, coordinates)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("sides", [(55, 55), (55, 57), (57, 57), (61, 33), (63, 63)])
def test_only_the_middle_of_large_odd_canvases_is_lost(sides, kernel, coordinates):
    height, width = sides
    positions = np.array([(width // 2 + dx, height // 2 + dy) for dx, dy in product((-1, 0, 1), (-1, 0, 1))])  # fmt: skip
    weights = deconv_coord2image(*sides, 1, kernel, coordinates, "mse")
    missed = wrong(weights, positions, COORD2IMAGE, sides, coordinates, "mse", squares, np.float32)
    assert missed == unsolved_square(sides, kernel, coordinates)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_position_in_double_precision(kernel, coordinates):
    size = (33, 20)
    for compute, task, loss, target, positions, unsolved in [
        (deconv_coord2onehot, COORD2ONEHOT, "softmax", one_hot, everywhere(*size), unsolved_pixel),
        (deconv_coord2image, COORD2IMAGE, "sigmoid", squares, centres(*size), unsolved_square),
    ]:
        weights = compute(*size, 1, kernel, coordinates)
        missed = wrong(weights, positions, task, size, coordinates, loss, target, np.float64)
        assert missed == unsolved(size, kernel, coordinates)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(side, side) for side in range(1, 65)] + RECTANGLES)
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_position_of_every_canvas(kernel, coordinates, size):
    architecture = deconv(*size, 1, kernel, coordinates)
    cases = [(COORD2ONEHOT, "softmax", everywhere(*size), one_hot, unsolved_pixel)]
    if min(size) >= 9:
        cases += [(COORD2IMAGE, loss, centres(*size), squares, unsolved_square) for loss in ("mse", "sigmoid")]  # fmt: skip
    for task, loss, positions, target, unsolved in cases:
        weights = (
            deconv_coord2onehot(*size, 1, kernel, coordinates)
            if task is COORD2ONEHOT
            else deconv_coord2image(*size, 1, kernel, coordinates, loss)
        )
        missed = []
        for start in range(0, len(positions), 512):
            part = positions[start : start + 512]
            answers = predict(architecture, weights, part, task, size, loss)
            unequal = np.any(answers != target(part, *size), axis=(1, 2, 3))
            missed += [tuple(map(int, position)) for position in part[unequal]]
        assert missed == unsolved(size, kernel, coordinates)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("size", [(64, 64), (33, 64), (5, 7)])
def test_every_library_gives_the_same(name, size):
    pytest.importorskip(name)
    backend = backends.load(name)
    height, width = size
    some = np.random.default_rng(0).permutation(everywhere(*size))[:8]
    corners = list(product((0, width - 1), (0, height - 1)))
    positions = np.concatenate([some, corners])
    inner = np.clip(positions, 4, (max(width - 5, 4), max(height - 5, 4)))
    architecture = deconv(*size, 1, 3, "pixels")
    weights = deconv_coord2onehot(*size, 1, 3, "pixels")
    answers = predict(architecture, weights, positions, COORD2ONEHOT, size, "softmax", backend)
    assert np.array_equal(answers, one_hot(positions, *size))
    architecture = deconv(*size, 1, 4, "scaled")
    for loss in COORD2IMAGE.supervision.losses:
        weights = deconv_coord2image(*size, 1, 4, "scaled", loss)
        answers = predict(architecture, weights, inner, COORD2IMAGE, size, loss, backend)
        assert np.array_equal(answers, squares(inner, *size))


@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
def test_wider_networks_and_larger_kernels(multiplier, kernel):
    size, positions = (64, 64), np.array([(63, 0), (0, 63), (31, 32), (17, 40)])
    architecture = deconv(*size, multiplier, kernel, "scaled")
    weights = deconv_coord2onehot(*size, multiplier, kernel, "scaled")
    answers = predict(architecture, weights, positions, COORD2ONEHOT, size, "softmax")
    assert np.array_equal(answers, one_hot(positions, *size))


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_balanced_weights_give_the_same_logits(kernel, coordinates):
    size = (64, 64)
    positions = np.random.default_rng(1).permutation(everywhere(*size))[:100]
    plain = deconv_coord2onehot(*size, 1, kernel, coordinates)
    even = balance(plain)
    outputs = [
        reference(used(weights), positions, size, coordinates, np.float32)[-1]
        for weights in (plain, even)
    ]
    assert np.array_equal(*outputs)
    norms = [
        np.log2([np.linalg.norm(weights[name]) for name in weights if name.endswith("weight")])
        for weights in (plain, even)
    ]
    assert np.isclose(norms[0].mean(), norms[1].mean())
    assert np.abs(norms[1] - norms[1].mean()).max() <= 1
    assert np.ptp(norms[1]) < np.ptp(norms[0])


# What each channel carries, by the docstring's table, for kernels of 2 in pixels.


def table(positions, radius, output):
    """Return every layer's channels, (n, channels, rows, columns), from positions and places."""
    low, high = positions - radius - 0.5, positions + radius + 0.5
    relu = lambda values: np.maximum(values, 0)  # noqa: E731

    def both(cells, *channels):
        """Spread (n, cells) channels of x along the rows, and those of y along the columns."""
        x = [np.repeat(channel(0)[:, None, :], cells, axis=1) for channel in channels]
        y = [np.repeat(channel(1)[:, :, None], cells, axis=2) for channel in channels]
        return [*x, *y]

    def along(function, cells):
        """A channel of each axis from `function(low, high, cell)`."""
        cell = np.arange(cells)
        return lambda axis: function(low[:, [axis]], high[:, [axis]], cell) * np.ones(cells)

    def one(cells):
        return [np.ones((len(positions), cells, cells))]

    def distance(axis):
        return positions.sum(axis=1, keepdims=True) * np.array([0, 1])

    layers = [
        both(2, along(lambda a, b, i: relu(a), 2), along(lambda a, b, i: relu(63 - b), 2),
             distance) + one(2),
        both(4, along(lambda a, b, i: relu(a - 16 * (i % 2)), 4),
             along(lambda a, b, i: relu(63 - b - 16 * (1 - i % 2)), 4),
             along(lambda a, b, i: (i < 2) * np.ones_like(a), 4)) + one(4),
        both(8, along(lambda a, b, i: relu(a - 8 * i), 8),
             along(lambda a, b, i: relu(8 * i + 7 - b), 8)) + one(8),
        both(16, *(along(lambda a, b, i, k=k: relu(a - 4 * i - k), 16) for k in range(4)),
             *(along(lambda a, b, i, k=k: relu(4 * i + k - b), 16) for k in range(4))),
    ]  # fmt: skip
    pixel = np.arange(64)
    inside = (low[:, :, None] < pixel) & (pixel < high[:, :, None])
    picture = (inside[:, 1, :, None] & inside[:, 0, None, :]).astype(float)
    layers.append([picture[:, row::2, column::2] for row in (0, 1) for column in (0, 1)])
    layers.append([output[0] * picture + output[1]])
    return [np.stack(layer, axis=1) for layer in layers]


@pytest.mark.parametrize("radius", [0, 4])
def test_the_channels_carry_what_the_table_says(radius):
    positions = np.random.default_rng(2).permutation(everywhere(64, 64)[1:])[:60]
    weights = square_picture(64, 64, radius, 1, 2, "pixels", (1, 0))
    outputs = reference(used(weights), positions, (64, 64), "pixels", np.float32)
    for layer, expected in zip(outputs, table(positions, radius, (1, 0)), strict=True):
        assert np.array_equal(layer, expected)


def count(kernel, coordinates):
    weights = deconv_coord2onehot(64, 64, 1, kernel, coordinates)
    return sum(np.count_nonzero(w) for n, w in weights.items() if n.endswith(("weight", "bias")))


def test_few_of_its_numbers_are_used():
    first = 2 * 2 * (4 + 1) + 1  # for x and y: A and B, four taps and a bias each; the one
    second = 2 * (2 * (4 + 2) + 1) + 1  # A and B, near's bias; the one
    third = 2 * (3 * 4 + 2 * 4 + 2) + 1  # A, and B
    fourth = 16 * (4 + 2) + 2 * 2 * 3
    rest = 4 * 4 * 4 + 4 + 4
    common = first + second + third + fourth + rest
    before, after_and_own = 2, 4
    # Of each term of s two taps, and from it one for each column it decides, in two rows.
    assert count(4, "pixels") == count(4, "scaled") == common + 2 * (before + after_and_own) == 285
    assert count(2, "pixels") == common + 2 * (2 * 2 + 4) == 289
    assert count(2, "scaled") == common + 2 * 2 * (2 + 4) == 297
    assert count(3, "pixels") == common + 2 * (before + 2 + 2) == 285
    assert count(3, "scaled") == common + 2 * (before + 2 * (2 + 2)) == 293
    assert deconv(64, 64, 1, 3).count() == 103585


def changes(layers, names, factors):
    """Yield the index of a layer and that layer with one number changed that is not 0."""
    for index, layer in enumerate(layers):
        for name in sorted(names & layer.keys()):
            for place in np.argwhere(layer[name]):
                for factor in factors:
                    array = layer[name].copy()
                    array[tuple(place)] *= factor
                    yield index, layer | {name: array}, (name, *map(int, place), factor)


def test_the_table_notices_every_change():
    positions = np.concatenate([one_of_each_8x8()[::11], [(0, 1), (1, 0), (63, 63)]])
    layers = used(square_picture(64, 64, 4, 1, 2, "pixels", (256, -128)))
    expected = table(positions, 4, (256, -128))
    inputs = [np.float32(positions)[:, :, None, None], *map(np.float32, expected)]
    missed = []
    with np.errstate(invalid="ignore"):  # of a negative variance
        for index, layer, what in changes(layers, {"weight", "bias", "variance"}, (-1, 2, 0)):
            if np.array_equal(apply(layer, inputs[index], np.float32), expected[index]):
                missed.append((index, *what))
    # Where relu makes 0 of all but a small number, a steeper slope does as well.
    assert {(index, factor) for index, *_, factor in missed} <= {(1, 2), (4, 2)}
    assert {layers[index][name][tuple(place)] for index, name, *place, _ in missed} <= {-4}


def one_of_each_8x8():
    """Layers 4 to 6 treat every 8x8 pixels alike, so one position for each of these."""
    within = everywhere(8, 8)
    return within + 8 * np.random.default_rng(3).integers(0, 8, within.shape)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_answers_notice_every_number_whose_sign_changes_or_that_is_0(kernel, coordinates):
    """Squares need more of the numbers than pixels: they lie on both sides of a cut."""
    edge = [(1, 0), (5, 0), (20, 0), (30, 0), (40, 0), (60, 0)]
    some = [(30, 30), (33, 33), (28, 36), (36, 28), (30, 5), (5, 30), (33, 40), (40, 33), (56, 56),
            (56, 20), (20, 56), (24, 40), (40, 24), (56, 40), (40, 56)]  # fmt: skip
    positions = np.concatenate([edge, np.array(edge)[:, ::-1], some, one_of_each_8x8()])
    if kernel > 2:
        positions = np.concatenate([[(0, 0)], positions])
    target = squares(positions, 64, 64)
    layers = used(deconv_coord2image(64, 64, 1, kernel, coordinates, "mse"))
    first = scaled(positions, (64, 64), coordinates, np.float32)
    outputs = [first, *reference(layers, positions, (64, 64), coordinates, np.float32)]
    assert np.array_equal(outputs[-1], target)

    def right(index, layer, part):
        maps = outputs[index][part]
        for one in (layer, *layers[index + 1 :]):
            maps = apply(one, maps, np.float32)
        return np.array_equal(maps, target[part])

    parts = [slice(start, start + 10) for start in range(0, len(positions), 10)]
    missed = {0: [], -1: []}
    for index, layer, what in changes(layers, {"weight", "bias"}, (-1, 0)):
        if all(right(index, layer, part) for part in parts):
            missed[what[-1]].append((index, *what[:-1]))
    spare = []
    if (kernel, coordinates) == (2, "pixels"):
        # In the lower right quarter one of x and y is enough.
        spare = [(0, "weight", 0, 2, 1, 1), (0, "weight", 1, 5, 1, 1)]
    assert missed[0] == spare
    unneeded = []
    if coordinates == "scaled" and kernel < 4:
        # Where relu(-u) is not 0, x is on the left, and column 3 is to stay dark: there a near
        # above 1 is as good as 0.
        unneeded = [(1, "weight", 3, 2, 0, 1), (1, "weight", 3, 2, 1, 1)]
    assert missed[-1] == unneeded


# What no weights can do, on networks of whole numbers, in which float64 rounds nothing.


def any_weights(kernel, seed, channels=(2, 3, 3, 3, 3, 3, 1)):
    rng = np.random.default_rng(seed)
    return [
        {
            "weight": rng.integers(-3, 4, (inputs, outputs, kernel, kernel)),
            "bias": rng.integers(-3, 4, outputs),
        }
        | (
            {}
            if outputs == 1
            else {
                "scale": np.ones(outputs),
                "shift": np.zeros(outputs),
                "mean": np.zeros(outputs),
                "variance": np.full(outputs, 1 - 1e-5),
            }
        )
        for inputs, outputs in pairwise(channels)
    ]


def test_a_kernel_of_2_makes_four_equal_quarters_of_the_input_0():
    for seed in range(20):
        (picture,) = reference(any_weights(2, seed), [(0, 0)], (64, 64), "pixels")[-1][:, 0]
        assert np.array_equal(picture, np.tile(picture[:32, :32], (2, 2)))
        assert len(np.unique(reference(any_weights(3, seed), [(0, 0)], (64, 64), "pixels")[-1])) > 1


def test_of_the_corner_a_kernel_of_2_gets_the_largest_share_that_it_can():
    for size, copies in [((64, 64), [(0, 0), (32, 0), (0, 32), (32, 32)]), ((20, 33), [(0, 0), (32, 0)])]:  # fmt: skip
        weights = deconv_coord2onehot(*size, 1, 2, "pixels")
        architecture = deconv(*size, 1, 2, "pixels")
        answer = predict(architecture, weights, [(0, 0)], COORD2ONEHOT, size, "softmax")
        assert np.array_equal(answer[0], one_hot(np.array(copies), *size).mean(axis=0))


def tiled(layers, positions, rows, columns):
    maps = np.tile(np.asarray(positions, float)[:, :, None, None], (1, 1, rows, columns))
    for layer in layers:
        maps = transposed(maps, layer["weight"].astype(float)) + layer["bias"][:, None, None]
        maps = np.maximum(maps, 0) if "variance" in layer else maps
    return maps[0, 0]


def test_on_larger_canvases_some_columns_are_always_the_same():
    differ = {62: 0, 63: 0, 64: 0}
    for seed in range(20):
        position = [(5, 9)]
        picture = tiled(any_weights(2, seed), position, 1, 2)
        assert np.array_equal(picture[:, :64], picture[:, 64:])
        picture = tiled(any_weights(3, seed), position, 1, 2)
        for column in (62, 63):
            differ[column] += not np.array_equal(picture[:, column], picture[:, column + 64])
        picture = tiled(any_weights(4, seed), position, 1, 3)
        assert np.array_equal(picture[:, 63], picture[:, 127])
        differ[64] += not np.array_equal(picture[:, 64], picture[:, 64 + 65])
    assert differ[62] > 0
    assert differ[63] == 0


def test_a_kernel_of_1_draws_one_pixel():
    for seed in range(20):
        layers = any_weights(1, seed)
        pictures = []
        for position in [(0, 0), (9, 9), (63, 5)]:
            maps = np.array(position, float)[None, :, None, None]
            for layer in layers:
                spread = np.zeros((1, len(layer["bias"]), 2 * maps.shape[2], 2 * maps.shape[3]))
                spread[:, :, ::2, ::2] = np.einsum("nihw,iokl->nohw", maps, layer["weight"])
                maps = spread + layer["bias"][:, None, None]
                maps = np.maximum(maps, 0) if "variance" in layer else maps
            pictures.append(maps.ravel())
        assert np.array_equal(pictures[0][1:], pictures[1][1:])
        assert np.array_equal(pictures[0][1:], pictures[2][1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((64, 65), "canvas is 64x65; there are weights .* up to 64x64"),
        ((128, 128, 1, 4), "canvas is 128x128"),
        ((64, 64, 1, 1), "kernel of 1 .* kernels of 2 or more"),
        ((64, 64, 0), "multiplier is 0"),
        ((64, 64, 1, 0), "kernel is 0"),
        ((64, 64, 1, 3, "polar"), "coordinates 'polar' is not known; choose from: scaled, pixels"),
        ((0, 64), "height is 0"),
    ],
)
def test_what_has_no_weights_is_refused(options, message):
    for compute in (deconv_coord2onehot, deconv_coord2image):
        with pytest.raises(ValueError, match=message):
            compute(*options)


def test_a_loss_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="loss 'l1' is not known; choose from: sigmoid, mse"):
        deconv_coord2image(64, 64, loss="l1")


def test_a_kernel_that_is_no_whole_number_is_refused():
    with pytest.raises(TypeError, match=r"kernel is 2\.5"):
        deconv_coord2onehot(64, 64, kernel=2.5)
