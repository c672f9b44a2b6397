"""Each operation against its definition written out, on NumPy, PyTorch and JAX."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from handcrafted.operations import (
    Convolution,
    Coordinates,
    Linear,
    Relu,
    Subtraction,
    Sum,
    Tap,
    Tile,
)

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(-5, 6, (3, 2, 5, 7)).astype(np.float32)

TAPS = [
    Tap(0, 0, 3),
    Tap(0, 1, -2, top=1, left=-2),
    Tap(0, 0, 1, rows=2, columns=3, top=-1, left=0),
    Tap(0, 1, 1, rows=5, columns=1, top=-4),
    Tap(0, 1, 1, columns=7, left=-6),
    Tap(0, 1, 4, rows=9, columns=9, top=-4, left=-4),
    Tap(0, 0, 1, rows=2, columns=2, top=2, left=3),
    Tap(0, 0, 1, top=9),
    Tap(0, 0, 1, rows=0),
    Tap(0, 0, 0),
]


def slow_convolution(convolution, x):
    n, _, height, width = x.shape
    out = np.zeros((n, len(convolution.bias), height, width))
    for o, bias in enumerate(convolution.bias):
        out[:, o] = bias
    for tap in convolution.taps:
        for i in range(height):
            for j in range(width):
                for a in range(i + tap.top, i + tap.top + tap.rows):
                    for b in range(j + tap.left, j + tap.left + tap.columns):
                        if 0 <= a < height and 0 <= b < width:
                            out[:, tap.output, i, j] += tap.value * x[:, tap.input, a, b]
    return out


@pytest.mark.parametrize("tap", TAPS, ids=str)
def test_a_tap_is_the_sum_over_its_rectangle(tap):
    convolution = Convolution((tap,), (7,))
    assert (convolution(X) == slow_convolution(convolution, X)).all()


def test_taps_and_channels_add_up():
    taps = tuple(
        Tap(k % 3, t.input, t.value, t.rows, t.columns, t.top, t.left) for k, t in enumerate(TAPS)
    )
    convolution = Convolution(taps, (0, -1, 2))
    assert convolution(X).shape == (3, *convolution.shape((2, 5, 7)))
    assert (convolution(X) == slow_convolution(convolution, X)).all()


def test_the_others_by_definition():
    assert (Relu()(X) == np.maximum(X, 0)).all()
    assert (Sum()(X) == X.sum(axis=(2, 3))).all()
    assert (Subtraction((3, -4))(X) == np.array([3, -4])[:, None, None] - X).all()
    rows, columns = np.indices((5, 7))
    with_coordinates = Coordinates()(X)
    assert (with_coordinates[:, :2] == X).all()
    assert (with_coordinates[:, 2] == columns).all()
    assert (with_coordinates[:, 3] == rows).all()
    tiled = Tile(4, 6)(X[:, :, 0, 0])
    assert tiled.shape == (3, 2, 4, 6)
    assert (tiled == X[:, :, :1, :1]).all()
    matrix = Linear(((1, 2), (0, -3), (4, 0)), (5, 0, -6))
    assert (matrix(X[:, :, 0, 0]) == X[:, :, 0, 0] @ np.array(matrix.weights).T + [5, 0, -6]).all()


OPERATIONS = [
    Convolution(tuple(TAPS), (1,)), Relu(), Coordinates(), Sum(), Subtraction((3, -4)),
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: type(o).__name__)
def test_shapes_are_as_announced(operation):
    assert operation(X).shape[1:] == operation.shape((2, 5, 7))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: type(o).__name__)
def test_the_dtype_is_kept(operation, dtype):
    assert operation(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: type(o).__name__)
def test_the_output_lives_where_the_input_lives(operation, library):
    xp = pytest.importorskip(library)
    x = xp.asarray(X)
    y = operation(x)
    assert type(y) is type(x)
    assert y.device == x.device
    assert y.dtype == x.dtype
    assert (np.asarray(y) == operation(X)).all()


@pytest.mark.parametrize(
    "operation", [*OPERATIONS, Linear(((1, 2), (3, 4)), (5, 6))], ids=lambda o: type(o).__name__
)
def test_numbers_go_out_and_come_back(operation):
    numbers = operation.numbers()
    assert operation.with_numbers(numbers) == operation
    for index in range(len(numbers)):
        other = list(numbers)
        other[index] += 1
        changed = operation.with_numbers(tuple(other))
        assert changed.numbers() == tuple(other)
        assert changed != operation


def test_channels_count_from_any_number_in_any_step():
    rows, columns = np.indices((5, 7))
    maps = Coordinates(first_column=3, column_step=-2, first_row=5, row_step=4)(X)
    assert (maps[:, 2] == 3 - 2 * columns).all()
    assert (maps[:, 3] == 5 + 4 * rows).all()
    assert Coordinates() == Coordinates(0, 1, 0, 1)


def test_a_tap_is_one_pixel_in_its_own_place_by_default():
    assert Tap(0, 0, 3) == Tap(0, 0, 3, rows=1, columns=1, top=0, left=0)


def test_a_vector_is_subtracted_from_and_weighted():
    vectors = np.array([[1, 2], [3, -4]])
    assert Subtraction((10, 20))(vectors).tolist() == [[9, 18], [7, 24]]
    assert Linear(((0, 0), (2, -1)), (5, 1))(vectors).tolist() == [[5, 1], [5, 11]]


KERNELS = Convolution(
    (Tap(0, 0, 1, rows=3, columns=4), Tap(1, 1, 5, rows=2), Tap(2, 0, 1)), (0, 7, 9)
)

COUNTED = [
    # operation, its input's shape, its output's shape, multiply-adds for one sample
    (KERNELS, (2, 5, 7), (3, 5, 7), (3 * 4 + 2 + 1) * 5 * 7),
    (Relu(), (2, 5, 7), (2, 5, 7), 0),
    (Coordinates(), (2, 5, 7), (4, 5, 7), 0),
    (Tile(5, 7), (2,), (2, 5, 7), 0),
    (Sum(), (3, 5, 7), (3,), 3 * 5 * 7),
    (Linear(((1, 2), (0, -3), (4, 0)), (5, 0, -6)), (2,), (3,), 3 * 2),
    (Subtraction((3, -4)), (2, 5, 7), (2, 5, 7), 2 * 5 * 7),
    (Subtraction((3, -4)), (2,), (2,), 2),
]


@pytest.mark.parametrize(
    ("operation", "inputs", "output", "multiply_adds"), COUNTED, ids=lambda v: type(v).__name__
)
def test_shapes_and_multiply_adds_by_hand(operation, inputs, output, multiply_adds):
    assert operation.shape(inputs) == output
    assert operation(np.zeros((3, *inputs))).shape == (3, *output)
    assert operation.multiply_adds(inputs) == multiply_adds


@pytest.mark.parametrize(
    ("operation", "numbers"),
    [
        (Convolution((Tap(1, 2, 3, rows=4, columns=5, top=6, left=7),), (8, 9)), (3, 4, 5, 6, 7, 8, 9)),
        (Relu(), ()),
        (Coordinates(1, 2, 3, 4), (1, 2, 3, 4)),
        (Tile(5, 7), ()),
        (Sum(), ()),
        (Linear(((1, 2, 3), (4, 5, 6)), (7, 8)), (1, 2, 3, 4, 5, 6, 7, 8)),
        (Subtraction((3, -4)), (3, -4)),
    ],
    ids=lambda v: type(v).__name__,
)  # fmt: skip
def test_numbers_are_in_order(operation, numbers):
    assert operation.numbers() == numbers
    assert operation.with_numbers(numbers) == operation


def test_operations_are_plain_data_that_nothing_changes():
    """Equal numbers make equal operations, which may be keys, and no number can be assigned to."""
    for one, other, name in (
        (Tap(0, 0, 3), Tap(0, 0, 3), "value"),
        (Convolution((), (1,)), Convolution((), (1,)), "bias"),
        (Relu(), Relu(), "slope"),
        (Coordinates(), Coordinates(), "first_row"),
        (Tile(2, 3), Tile(2, 3), "height"),
        (Sum(), Sum(), "axes"),
        (Linear(((1,),), (0,)), Linear(((1,),), (0,)), "weights"),
        (Subtraction((1,)), Subtraction((1,)), "minuends"),
    ):
        assert one == other
        assert hash(one) == hash(other)
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 5)


def test_a_window_of_any_extent_anywhere_is_the_sum_over_it():
    """Every extent and place along one axis of a row of five pixels, also all beyond the canvas."""
    x = np.array([1, 10, 100, 1000, 10000]).reshape(1, 1, 1, 5)
    for extent in range(8):
        for start in range(-8, 8):
            for across in (True, False):
                tap = (
                    Tap(0, 0, 1, columns=extent, left=start)
                    if across
                    else Tap(0, 0, 1, rows=extent, top=start)
                )
                convolution = Convolution((tap,), (0,))
                pixels = x if across else x.reshape(1, 1, 5, 1)
                assert (convolution(pixels) == slow_convolution(convolution, pixels)).all(), tap
