import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from compare.backends import load
from compare.datasets import not_so_clevr
from compare.learned.published import coordconv_regressor
from compare.learned.recipe import Recipe
from compare.learned.training import forward
from compare.solvers.learned import Learned
from compare.tasks.onehot2coord import TASK, encode
from handcrafted.weights.coordconv_regressor import (
    coordconv_image2coord,
    coordconv_onehot2coord,
)

SQUARES = [(side, side) for side in (*range(1, 21), 24, 32, 33, 48, 63, 64)]
RECTANGLES = [
    *((1, 7), (7, 1), (5, 7), (8, 13), (9, 40), (10, 64)),
    *((13, 29), (16, 64), (31, 17), (33, 64), (63, 47), (64, 9)),
]


def onehot(height, width):
    x, y = np.meshgrid(np.arange(width), np.arange(height), indexing="ij")
    return np.stack([x, y], axis=-1).reshape(-1, 2)


CASES = [
    (coordconv_onehot2coord, not_so_clevr.one_hot, onehot),
    (coordconv_image2coord, not_so_clevr.squares, not_so_clevr.centres),
]


def predict(weights, inputs, size, backend):
    """Answer in pixels as a trained network does, by sparse evaluation."""
    solver = Learned(coordconv_regressor(*size), TASK.supervision, size, Recipe(0.1), backend)
    return solver.load(weights).predict(inputs)


def apply(weights, inputs, size, backend):
    """Return the outputs, computed on full maps."""
    on_device = {name: backend.asarray(array) for name, array in weights.items()}
    outputs = forward(coordconv_regressor(*size), backend)
    parts = [backend.asarray(inputs[i : i + 256]) for i in range(0, len(inputs), 256)]
    return np.concatenate([backend.to_numpy(outputs(on_device, (), (part,))) for part in parts])


def check(size, backend, every=1, scalings=(False, True)):
    """Compare answers of both tasks with the targets, and outputs with those of the training.

    Sparse evaluation is fast, so it is asked for every position; full maps for each `every`th.
    """
    for weights_of, draw, positions_of in CASES:
        if weights_of is coordconv_image2coord and min(size) < 9:
            continue
        positions = positions_of(*size)
        sides = np.array(size[::-1])
        for balanced in scalings:
            weights = weights_of(*size, balanced)
            answers = predict(weights, draw(positions, *size), size, backend)
            assert (np.rint(answers) == positions).all()
            exact = (sides & (sides - 1)) == 0
            assert (answers == positions)[:, exact].all()
            # What the sparse sums of other sides are wrong by; see `_weights`.
            assert (abs(answers - positions) <= sides * 2.0**-23).all()
            some = positions[::every]
            outputs = apply(weights, draw(some, *size), size, backend)
            assert (outputs == encode(some, *size)).all()


@pytest.mark.parametrize("size", SQUARES + RECTANGLES)
def test_every_position(size):
    small = size[0] * size[1] < 1000
    check(size, load("numpy"), 1 if small else 23, (False, True) if small else (False,))


@pytest.mark.slow
@pytest.mark.parametrize("side", range(1, 65))
def test_every_position_of_every_square_on_full_maps(side):
    check((side, side), load("numpy"))


@pytest.mark.parametrize("size", [(64, 64), (33, 64), (5, 7)])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_other_libraries(library, size):
    pytest.importorskip(library)
    check(size, load(library, "cpu"), 1 if size == (5, 7) else 409, (False,))


@pytest.mark.parametrize("size", [(64, 64), (5, 7), (100, 200), (1, 1)])
def test_names_and_shapes_are_the_architecture_s(size):
    expected = coordconv_regressor(*size).parameters()
    for weights in (coordconv_onehot2coord(*size), coordconv_onehot2coord(*size, balanced=True)):
        assert {n: a.shape for n, a in weights.items()} == {n: p.shape for n, p in expected.items()}
        assert all(array.dtype == np.float32 for array in weights.values())


def reference(weights, pictures):
    """The published layers in float64, written out with NumPy alone."""
    n, _, height, width = pictures.shape
    x = np.broadcast_to(np.linspace(-1, 1, width), (n, 1, height, width))
    y = np.broadcast_to(np.linspace(-1, 1, height)[:, None], (n, 1, height, width))
    maps = np.concatenate([pictures, x, y], axis=1)
    for layer in range(5):
        weight = weights[f"{layer}.weight"].astype(float)
        kernel = weight.shape[-1]
        around = (kernel // 2, kernel // 2)
        padded = np.pad(maps, ((0, 0), (0, 0), around, around))
        windows = sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
        maps = np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
        maps = maps + weights[f"{layer}.bias"].astype(float)[:, None, None]
    return maps.max(axis=(2, 3))


@pytest.mark.parametrize("size", [(5, 7), (16, 32), (13, 20)])
def test_float64_written_out(size):
    for weights_of, draw, positions_of in CASES:
        if weights_of is coordconv_image2coord and min(size) < 9:
            continue
        positions = positions_of(*size)
        outputs = reference(weights_of(*size), draw(positions, *size))
        assert (outputs.astype(np.float32) == encode(positions, *size)).all()


def lifted(height, width, lift):
    """The weights with the square lifted by `lift` pixels instead of by a side."""
    weights = coordconv_onehot2coord(height, width)
    for channel, side in ((1, width), (2, height)):
        weights["1.weight"][channel, 0] = lift(side)
        weights["1.bias"][channel] = -(side + lift(side))
    return weights


@pytest.mark.parametrize("size", [(5, 7), (16, 8), (1, 2), (13, 32)])
def test_no_smaller_lift_than_the_last_column_will_do(size):
    positions = onehot(*size)
    inputs = not_so_clevr.one_hot(positions, *size)
    enough = apply(lifted(*size, lambda side: side - 1), inputs, size, load("numpy"))
    assert (enough == encode(positions, *size)).all()
    too_little = apply(lifted(*size, lambda side: side - 2), inputs, size, load("numpy"))
    right = too_little == encode(positions, *size)
    assert (right == (positions > 0)).all()


@pytest.mark.parametrize(("case", "size"), [(0, (8, 8)), (0, (5, 7)), (1, (16, 16)), (1, (12, 11))])
def test_every_number_that_is_not_0_matters(case, size):
    weights_of, draw, positions_of = CASES[case]
    positions = positions_of(*size)
    inputs, expected = draw(positions, *size), encode(positions, *size)
    weights = weights_of(*size)
    for array in weights.values():
        for index in np.argwhere(array):
            number = array[tuple(index)]
            for changed in (0, -number, 2 * number):
                array[tuple(index)] = changed
                assert (apply(weights, inputs, size, load("numpy")) != expected).any()
            array[tuple(index)] = number


def test_17_numbers_are_used():
    assert sum(map(np.count_nonzero, coordconv_onehot2coord(64, 64).values())) == 17
    assert sum(map(np.count_nonzero, coordconv_image2coord(64, 64).values())) == 17
    assert coordconv_regressor(64, 64).count() == 906


def squares(weights):
    return sum(float((array**2).sum()) for name, array in weights.items() if "weight" in name)


@pytest.mark.parametrize("size", [(64, 64), (8, 32)])
def test_no_doubling_or_halving_of_a_channel_balances_the_layers_better(size):
    weights = coordconv_onehot2coord(*size, balanced=True)
    least = squares(weights)
    for layer in range(4):
        for channel in range(8):
            for factor in (0.5, 2):
                other = {name: array.copy() for name, array in weights.items()}
                other[f"{layer}.weight"][channel] *= factor
                other[f"{layer}.bias"][channel] *= factor
                other[f"{layer + 1}.weight"][:, channel] /= factor
                assert squares(other) >= least
    assert weights["1.weight"][1, 0] == weights["1.weight"][2, 0] == 1  # K


@pytest.mark.parametrize("size", [(8, 20), (20, 8)])
def test_a_canvas_without_room_for_the_square_is_refused(size):
    with pytest.raises(ValueError, match="give sides of 9 to 4096 pixels"):
        coordconv_image2coord(*size)
