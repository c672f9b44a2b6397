import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from compare.backends import load
from compare.datasets import not_so_clevr
from compare.learned.published import conv_regressor_uniform
from compare.learned.recipe import Recipe
from compare.learned.training import forward
from compare.solvers.learned import Learned
from compare.tasks.onehot2coord import TASK, decode, encode
from handcrafted.weights.conv_regressor_uniform import (
    conv_uniform_image2coord,
    conv_uniform_onehot2coord,
)

SQUARES = [(side, side) for side in (*range(8, 21), 24, 32, 33, 48, 63, 64)]
RECTANGLES = [
    *((8, 9), (9, 8), (11, 14), (15, 8), (10, 64), (13, 29)),
    *((16, 64), (31, 17), (33, 64), (63, 47), (64, 9), (22, 21)),
]


def onehot(height, width):
    x, y = np.meshgrid(np.arange(width), np.arange(height), indexing="ij")
    return np.stack([x, y], axis=-1).reshape(-1, 2)


CASES = [
    (conv_uniform_onehot2coord, not_so_clevr.one_hot, onehot),
    (conv_uniform_image2coord, not_so_clevr.squares, not_so_clevr.centres),
]


def cases(height, width):
    return CASES if min(height, width) > 8 else CASES[:1]


def predict(weights, inputs, size, backend, multiplier=1):
    """Answer in pixels as a trained network does, by sparse evaluation."""
    architecture = conv_regressor_uniform(*size, multiplier)
    solver = Learned(architecture, TASK.supervision, size, Recipe(0.1), backend)
    return solver.load(weights).predict(inputs)


def apply(weights, inputs, size, backend):
    """Return the outputs, computed on full maps."""
    on_device = {name: backend.asarray(array) for name, array in weights.items()}
    outputs = forward(conv_regressor_uniform(*size), backend)
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
@pytest.mark.parametrize("side", range(8, 65))
def test_every_position_of_every_square_on_full_maps(side):
    check((side, side), load("numpy"))


@pytest.mark.slow
@pytest.mark.parametrize("height", range(8, 25))
@pytest.mark.parametrize("width", range(8, 25))
def test_every_position_for_all_remainders(height, width):
    check((height, width), load("numpy"))


@pytest.mark.parametrize("size", [(64, 64), (33, 64), (9, 14)])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_other_libraries(library, size):
    pytest.importorskip(library)
    check(size, load(library, "cpu"), 1 if size == (9, 14) else 409)


@pytest.mark.parametrize("size", [(64, 64), (9, 14), (100, 200)])
@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_names_and_shapes_are_the_architecture_s(size, multiplier):
    expected = conv_regressor_uniform(*size, multiplier).parameters()
    for weights_of, _, _ in CASES:
        weights = weights_of(*size, multiplier)
        assert {n: a.shape for n, a in weights.items()} == {n: p.shape for n, p in expected.items()}
        assert all(array.dtype == np.float32 for array in weights.values())


@pytest.mark.parametrize("multiplier", [2, 3])
def test_wider_networks(multiplier):
    size = (16, 23)
    for weights_of, draw, positions_of in CASES:
        positions = positions_of(*size)
        weights = weights_of(*size, multiplier)
        answers = predict(weights, draw(positions, *size), size, load("numpy"), multiplier)
        assert (answers == decode(encode(positions, *size), *size, "mse")).all()


def reference(weights, pictures, until=None):
    """The published layers in float64, written out with NumPy alone; `until`: after that conv."""
    weights = {name: array.astype(float) for name, array in weights.items()}
    maps = pictures.astype(float)
    for layer in (0, 3, 6, 9):
        padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = sliding_window_view(padded, (3, 3), axis=(2, 3))
        kernel, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
        maps = np.tensordot(windows, kernel, axes=((1, 4, 5), (1, 2, 3))) + bias
        maps = np.maximum(maps.transpose(0, 3, 1, 2), 0)
        if layer < 9:
            rows, columns = (side // 2 * 2 for side in maps.shape[2:])
            halves = [maps[:, :, i:rows:2, j:columns:2] for i in (0, 1) for j in (0, 1)]
            maps = np.maximum.reduce(halves)
        if layer == until:
            return maps
    hidden = maps.reshape(len(maps), -1) @ weights["12.weight"] + weights["12.bias"]
    return np.maximum(hidden, 0) @ weights["14.weight"] + weights["14.bias"]


@pytest.mark.parametrize("size", [(8, 8), (9, 14), (16, 24), (23, 19)])
def test_float64_written_out(size):
    for weights_of, draw, positions_of in cases(*size):
        positions = positions_of(*size)
        outputs = reference(weights_of(*size), draw(positions, *size))
        assert (outputs.astype(np.float32) == encode(positions, *size)).all()


def test_channels_tell_whether_the_pixel_is_in_a_moved_cell():
    size = (16, 24)
    positions = onehot(*size)
    pictures = not_so_clevr.one_hot(positions, *size)
    maps = reference(conv_uniform_onehot2coord(*size), pictures, until=6)
    x, y = positions.T[:, :, None, None, None]
    s = np.arange(8)[:, None, None]
    i, k = np.arange(2)[:, None], np.arange(3)
    moved_right = (8 * k + s <= x) & (x < 8 * k + s + 8) & (8 * i <= y) & (y < 8 * i + 8)
    moved_down = (8 * k <= x) & (x < 8 * k + 8) & (8 * i + s <= y) & (y < 8 * i + s + 8)
    assert (maps[:, :8] == moved_right).all()
    assert (maps[:, 8:] == moved_down).all()


@pytest.mark.parametrize(
    ("case", "size"), [(0, (8, 8)), (0, (8, 24)), (1, (16, 16)), (1, (16, 24))]
)
def test_every_number_that_is_not_0_matters(case, size):
    assert unnoticed(case, size) == []


@pytest.mark.parametrize(("case", "size"), [(0, (21, 23)), (1, (18, 23))])
def test_where_columns_are_left_over_only_masks_may_be_larger(case, size):
    """What a mask subtracts has to be enough; twice as much is enough too."""
    for name, factor, number in unnoticed(case, size):
        assert (name, factor) == ("9.weight", 2)
        assert number < 0


def unnoticed(case, size):
    """Return which numbers may be changed, and by what factor, without a wrong answer."""
    weights_of, draw, positions_of = CASES[case]
    positions = np.random.default_rng(0).permutation(positions_of(*size))
    inputs, expected = draw(positions, *size), decode(encode(positions, *size), *size, "mse")
    weights, backend = weights_of(*size), load("numpy")
    found = []
    for name, array in weights.items():
        for index in map(tuple, np.argwhere(array)):
            number = array[index]
            for factor in (0, -1, 2):
                array[index] = factor * number
                # A few positions will show most changes.
                if all(
                    (predict(weights, inputs[part], size, backend) == expected[part]).all()
                    for part in (slice(0, 12), slice(12, None))
                ):
                    found.append((name, factor, number))
            array[index] = number
    return found


def test_174_numbers_are_used():
    assert sum(map(np.count_nonzero, conv_uniform_onehot2coord(64, 64).values())) == 174
    assert sum(map(np.count_nonzero, conv_uniform_image2coord(64, 64).values())) == 174
    assert conv_regressor_uniform(64, 64).count() == 72_850


@pytest.mark.parametrize("weights_of", [conv_uniform_onehot2coord, conv_uniform_image2coord])
@pytest.mark.parametrize("size", [(7, 64), (64, 5)])
def test_a_canvas_that_the_pools_leave_nothing_of_is_refused(weights_of, size):
    with pytest.raises(ValueError, match=r"give (at least 8 pixels each way|sides of 9 to 4096)"):
        weights_of(*size)
