import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from compare.backends import load
from compare.datasets import not_so_clevr
from compare.learned.published import conv_regressor_quadrant
from compare.learned.recipe import Recipe
from compare.learned.training import forward
from compare.solvers.learned import Learned
from compare.tasks.onehot2coord import TASK, decode, encode
from handcrafted.weights.conv_regressor_quadrant import (
    conv_quadrant_image2coord,
    conv_quadrant_onehot2coord,
)

SQUARES = [(side, side) for side in (*range(1, 21), 24, 32, 33, 48, 63, 64)]
RECTANGLES = [
    *((1, 7), (7, 1), (5, 7), (8, 13), (9, 40), (10, 64)),
    *((13, 29), (16, 64), (31, 17), (33, 64), (63, 47), (64, 9)),
]
THREE_CELLS = [(96, 96), (65, 80), (81, 20), (3, 96), (40, 66)]


def onehot(height, width):
    x, y = np.meshgrid(np.arange(width), np.arange(height), indexing="ij")
    return np.stack([x, y], axis=-1).reshape(-1, 2)


CASES = [
    (conv_quadrant_onehot2coord, not_so_clevr.one_hot, onehot),
    (conv_quadrant_image2coord, not_so_clevr.squares, not_so_clevr.centres),
]


def cases(height, width):
    return CASES if min(height, width) > 8 else CASES[:1]


def predict(weights, inputs, size, backend, multiplier=1):
    """Answer in pixels as a trained network does, by sparse evaluation."""
    architecture = conv_regressor_quadrant(*size, multiplier)
    solver = Learned(architecture, TASK.supervision, size, Recipe(0.1), backend)
    return solver.load(weights).predict(inputs)


def apply(weights, inputs, size, backend):
    """Return the outputs, computed on full maps."""
    on_device = {name: backend.asarray(array) for name, array in weights.items()}
    outputs = forward(conv_regressor_quadrant(*size), backend)
    parts = [backend.asarray(inputs[i : i + 256]) for i in range(0, len(inputs), 256)]
    return np.concatenate([backend.to_numpy(outputs(on_device, (), (part,))) for part in parts])


def check(size, backend, every=1):
    """Compare outputs of both tasks with those of the training, to the last bit.

    Sparse evaluation is fast, so it is asked for every position; full maps for each `every`th.
    """
    for weights_of, draw, positions_of in cases(*size):
        positions = positions_of(*size)
        weights = weights_of(*size)
        answers = predict(weights, draw(positions, *size), size, backend)
        assert (answers == decode(encode(positions, *size), *size, "mse")).all()
        assert (np.rint(answers) == positions).all()
        sides = np.array(size[::-1])
        assert (answers == positions)[:, (sides & (sides - 1)) == 0].all()
        some = positions[::every]
        outputs = apply(weights, draw(some, *size), size, backend)
        assert (outputs == encode(some, *size)).all()


@pytest.mark.parametrize("size", SQUARES + RECTANGLES)
def test_every_position(size):
    check(size, load("numpy"), 1 if size[0] * size[1] < 500 else 29)


@pytest.mark.slow
@pytest.mark.parametrize("side", range(1, 65))
def test_every_position_of_every_square_on_full_maps(side):
    check((side, side), load("numpy"))


@pytest.mark.parametrize("size", THREE_CELLS)
def test_three_cells_a_side_are_rounded_a_few_times_more(size):
    for weights_of, draw, positions_of in cases(*size):
        positions = positions_of(*size)
        answers = predict(weights_of(*size), draw(positions, *size), size, load("numpy"))
        expected = decode(encode(positions, *size), *size, "mse")
        assert (abs(answers - expected) <= 2 * np.spacing(expected)).all()
        assert (np.rint(answers) == positions).all()


@pytest.mark.parametrize("size", [(64, 64), (33, 64), (5, 7)])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_other_libraries(library, size):
    pytest.importorskip(library)
    check(size, load(library, "cpu"), 1 if size == (5, 7) else 409)


@pytest.mark.parametrize("size", [(64, 64), (5, 7), (96, 1)])
@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_names_and_shapes_are_the_architecture_s(size, multiplier):
    expected = conv_regressor_quadrant(*size, multiplier).parameters()
    weights = conv_quadrant_onehot2coord(*size, multiplier)
    assert {n: a.shape for n, a in weights.items()} == {n: p.shape for n, p in expected.items()}
    assert all(array.dtype == np.float32 for array in weights.values())


@pytest.mark.parametrize("multiplier", [2, 3])
def test_wider_networks(multiplier):
    size = (16, 43)
    for weights_of, draw, positions_of in CASES:
        positions = positions_of(*size)
        weights = weights_of(*size, multiplier)
        answers = predict(weights, draw(positions, *size), size, load("numpy"), multiplier)
        assert (answers == decode(encode(positions, *size), *size, "mse")).all()


def convolved(maps, weight, bias, stride=1):
    """TensorFlow's "same" convolution, written out: an odd zero goes to the end."""
    kernel = weight.shape[-1]
    around = []
    for size in maps.shape[2:]:
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        around.append((total // 2, total - total // 2))
    padded = np.pad(maps, ((0, 0), (0, 0), *around))
    windows = sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return (np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3))) + bias).transpose(0, 3, 1, 2)


def reference(weights, pictures, until=None):
    """The published layers in float64, written out with NumPy alone; `until`: after that conv."""
    weights = {name: array.astype(float) for name, array in weights.items()}
    maps = pictures.astype(float)
    strides = {0: 2, 2: 1, 5: 1, 7: 2, 9: 2, 12: 2, 14: 1, 16: 2, 18: 1}
    for layer, stride in strides.items():
        maps = convolved(maps, weights[f"{layer}.weight"], weights[f"{layer}.bias"], stride)
        norm = {2: "4", 9: "10"}.get(layer)
        if layer == 2:
            maps = np.maximum(maps, 0)
        if norm:
            scale = weights[f"{norm}.scale"] / np.sqrt(weights[f"{norm}.variance"] + 1e-5)
            shift = weights[f"{norm}.shift"] - weights[f"{norm}.mean"] * scale
            maps = maps * scale[:, None, None] + shift[:, None, None]
        if layer != 2:
            maps = np.maximum(maps, 0)
        if layer == until:
            return maps
    return maps.mean(axis=(2, 3))


@pytest.mark.parametrize("size", [(5, 7), (1, 40), (16, 32), (33, 20)])
def test_float64_written_out(size):
    for weights_of, draw, positions_of in cases(*size):
        positions = positions_of(*size)
        outputs = reference(weights_of(*size), draw(positions, *size))
        # 1 less the batch norm's epsilon is not a float32 number: in float64 the scale is not 1.
        assert (abs(outputs - encode(positions, *size)) < 1e-7).all()
        weights = weights_of(*size)
        for name in ("4.variance", "10.variance"):
            weights[name] = weights[name].astype(float) * 0 + (1 - 1e-5)
        outputs = reference(weights, draw(positions, *size))
        assert (outputs.astype(np.float32) == encode(positions, *size)).all()


@pytest.mark.parametrize("case", [0, 1])
def test_channels_carry_the_corner_s_position_within_its_cell(case):
    size = (41, 33)
    weights_of, draw, positions_of = CASES[case]
    positions = positions_of(*size)[::11]
    pictures = draw(positions, *size)
    corner = positions - 4 * case
    for layer, cell in ((2, 2), (5, 2), (7, 4), (9, 8), (12, 16)):
        maps = reference(weights_of(*size), pictures, until=layer)[:, :3].round(4)
        expected = np.zeros_like(maps)
        item, (column, row) = np.arange(len(maps)), corner.T // cell
        expected[item, 0, row, column] = 1
        expected[item, 1:, row, column] = corner % cell
        assert (maps == expected).all()


def test_batch_norms_change_nothing_in_float32():
    weights = conv_quadrant_onehot2coord(8, 8)
    for layer in (4, 10):
        assert (weights[f"{layer}.variance"] + np.float32(1e-5) == 1).all()
        assert (weights[f"{layer}.scale"] == 1).all()
        assert not weights[f"{layer}.mean"].any()
        assert not weights[f"{layer}.shift"].any()


@pytest.mark.parametrize(("case", "size"), [(0, (64, 64)), (1, (64, 64)), (1, (70, 40))])
def test_every_number_that_is_not_0_matters(case, size):
    """But for what is taken off the pixels right of a corner and below: twice that is enough."""
    weights_of, draw, positions_of = CASES[case]
    rng = np.random.default_rng(0)
    positions = rng.permutation(positions_of(*size))[:300]
    inputs, backend = draw(positions, *size), load("numpy")
    weights = weights_of(*size)
    expected = predict(weights, inputs, size, backend)
    unnoticed = []
    for name, array in weights.items():
        if "variance" in name or "scale" in name:
            continue
        for index in map(tuple, np.argwhere(array)):
            number = array[index]
            for factor in (0, -1, 2):
                array[index] = factor * number
                if all(
                    (predict(weights, inputs[part], size, backend) == expected[part]).all()
                    for part in (slice(0, 12), slice(12, None))
                ):
                    unnoticed.append((name, factor, number))
            array[index] = number
    assert set(unnoticed) <= ({("0.weight", 2, -1)} if case == 1 else set())


@pytest.mark.parametrize(("case", "numbers"), [(0, 87), (1, 95)])
def test_few_numbers_are_used(case, numbers):
    weights = CASES[case][0](64, 64)
    used = [
        np.count_nonzero(array)
        for name, array in weights.items()
        if name.endswith(("weight", "bias", "shift"))
    ]
    assert sum(used) == numbers
    assert conv_regressor_quadrant(64, 64).count() == 12_914


@pytest.mark.parametrize("width", [297, 320])
def test_no_weights_tell_positions_apart_on_sides_of_297(width):
    """Whole numbers in float64 make both sides of the comparison exact."""
    rng = np.random.default_rng(0)
    pictures = not_so_clevr.one_hot(np.array([[132, 0], [164, 0]]), 1, width)
    for _ in range(5):
        parameters = conv_regressor_quadrant(1, width).parameters()
        weights = {
            name: rng.integers(-1, 2, parameter.shape).astype(float)
            for name, parameter in parameters.items()
        }
        for name in ("4.variance", "10.variance"):
            weights[name] = np.full_like(weights[name], 1 - 1e-5)
        weights["18.bias"] += 2.0**30  # so that no output is 0 because of its ReLU
        first, second, empty = reference(weights, np.concatenate([pictures, 0 * pictures[:1]]))
        assert (first == second).all()
        assert (first != empty).all()


@pytest.mark.parametrize("weights_of", [conv_quadrant_onehot2coord, conv_quadrant_image2coord])
@pytest.mark.parametrize("size", [(97, 64), (20, 300)])
def test_larger_canvases_are_refused(weights_of, size):
    with pytest.raises(ValueError, match=f"canvas of {size[0]}x{size[1]}; give sides of . to 96"):
        weights_of(*size)
