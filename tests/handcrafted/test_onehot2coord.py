import ast
import inspect

import numpy as np
import pytest

from handcrafted import onehot2coord
from handcrafted.proofs.cases import bitmaps, positions

BUILDS = [onehot2coord.network, onehot2coord.network_without_coordinates]
SIZES = [(1, 1), (1, 9), (7, 1), (5, 8), (64, 64)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "uint64", "bool"]
)
def test_every_position_in_every_dtype(build, size, dtype):
    places = positions(*size)
    answers = build(*size)(bitmaps(places, *size, dtype))
    assert (answers == places).all()
    if dtype.startswith("float"):
        assert answers.dtype == dtype


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32", "bool"])
def test_every_position_in_other_libraries(build, library, dtype):
    xp = pytest.importorskip(library)
    places = positions(9, 11)
    answers = build(9, 11)(xp.asarray(bitmaps(places, 9, 11, dtype)))
    assert type(answers) is type(xp.asarray([0]))
    assert (np.asarray(answers) == places).all()


def test_the_function_to_read_first_says_the_same_everywhere():
    for size in SIZES:
        places = positions(*size)
        pictures = bitmaps(places, *size, np.float32)
        answers = [onehot2coord.onehot2coord(picture[0]) for picture in pictures]
        assert answers == [tuple(place) for place in places]


DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "longdouble", ">f4", ">i2"),
)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_function_to_read_first_takes_every_dtype(dtype):
    """Also where W does not fit in the dtype: 300 in int8, 2100 in float16."""
    for height, width in ((1, 1), (5, 300), (2, 2100)):
        for x, y in ((0, 0), (width - 1, height - 1), (width // 2, 0)):
            bitmap = np.zeros((height, width), dtype)
            bitmap[y, x] = 1
            assert onehot2coord.onehot2coord(bitmap) == (x, y)


@pytest.mark.parametrize(
    ("dtype", "values", "message"),
    [
        ("uint8", [255], "a pixel of value 255"),
        ("uint64", [2**64 - 1], "a pixel of value 18446744073709551615"),
        ("int8", [-1], "a pixel of value -1"),
        ("float32", [0.5], r"a pixel of value 0\.5"),
        ("float64", [1.0000001], r"a pixel of value 1\.0000001"),
        ("float32", [np.nan], "a pixel of value nan"),
        ("float32", [np.inf], "a pixel of value inf"),
        ("float32", [], "no hot pixel"),
        ("bool", [], "no hot pixel"),
        ("bool", [1, 1], "2 pixels that are not 0"),
        ("uint8", [1, 1], "2 pixels that are not 0"),
        ("float64", [2 / 3, 2 / 3, -1 / 3], "3 pixels that are not 0"),
    ],
)
def test_the_function_to_read_first_names_what_is_wrong(dtype, values, message):
    bitmap = np.zeros((4, 5), dtype)
    bitmap[1, : len(values)] = values
    with pytest.raises(ValueError, match=f"the bitmap has {message}; expected exactly one pixel 1"):
        onehot2coord.onehot2coord(bitmap)


@pytest.mark.parametrize(
    ("bitmap", "error", "message"),
    [
        (np.zeros((0, 0)), ValueError, "the bitmap has no hot pixel"),
        (np.ones(1), ValueError, r"the bitmap has shape \(1,\); expected \(height, width\)"),
        (np.ones((1, 1, 1)), ValueError, r"the bitmap has shape \(1, 1, 1\)"),
        (np.array(1), ValueError, r"the bitmap has shape \(\)"),
        ([[1]], TypeError, "the bitmap is a list; give a plain NumPy array"),
        (np.ma.ones((1, 1)), TypeError, "the bitmap is a MaskedArray"),
        (np.ones((1, 1)).view(np.recarray), TypeError, "the bitmap is a recarray"),
        (np.ones((1, 1), complex), TypeError, "the bitmap has dtype complex128"),
        (np.ones((1, 1), object), TypeError, "the bitmap has dtype object"),
        (np.ones((1, 1), "M8[D]"), TypeError, "the bitmap has dtype datetime64"),
    ],
)
def test_the_function_to_read_first_refuses_what_is_no_bitmap(bitmap, error, message):
    with pytest.raises(error, match=message):
        onehot2coord.onehot2coord(bitmap)


def test_the_function_to_read_first_leaves_its_bitmap_as_it_was():
    bitmap = np.eye(1, 5)
    bitmap.flags.writeable = False
    assert onehot2coord.onehot2coord(bitmap) == (0, 0)


def test_the_function_to_read_first_is_short_and_needs_little():
    source = inspect.getsource(onehot2coord.onehot2coord)
    assert len(source.splitlines()) < 50
    module = ast.parse(inspect.getsource(onehot2coord))
    imported = {
        (node.module or "").partition(".")[0] if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {"__future__", "typing", "numpy", "scipy", "handcrafted"}


def test_without_coordinates_there_is_no_coordinate_channel():
    kinds = [type(o).__name__ for o in onehot2coord.network_without_coordinates(4, 5).operations]
    assert kinds == ["Convolution", "Relu", "Sum", "Subtraction"]


@pytest.mark.parametrize("build", BUILDS)
def test_an_empty_batch_gives_an_empty_one(build):
    assert build(4, 5)(np.zeros((0, 1, 4, 5), np.float32)).shape == (0, 2)


def batch(change):
    pictures = bitmaps(positions(4, 5)[:4], 4, 5, np.float32)
    change(pictures)
    return pictures


def set_pixel(value, place=(2, 0, 3, 3)):
    def change(pictures):
        pictures[place] = value

    return change


def clear(pictures):
    pictures[1] = 0


def swap(pictures):
    pictures[3] = 0
    pictures[3, 0, 0, 0] = -1


BAD_VALUES = [
    (clear, "bitmap 1 of the batch has no hot pixel"),
    (set_pixel(1), "bitmap 2 of the batch has 2 pixels that are not 0"),
    (set_pixel(0.5), "bitmap 2 of the batch has a pixel of value 0.5"),
    (set_pixel(np.nan), "bitmap 2 of the batch has a pixel of value nan"),
    (set_pixel(np.inf), "bitmap 2 of the batch has a pixel of value inf"),
    (swap, "bitmap 3 of the batch has a pixel of value -1"),
]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(("change", "message"), BAD_VALUES)
def test_a_bitmap_that_is_not_one_hot_is_named(build, change, message):
    with pytest.raises(ValueError, match=f"{message}.*expected exactly one pixel 1"):
        build(4, 5)(batch(change))


def test_values_that_cancel_are_still_refused():
    # Sum 1 and all: 2/3 + 2/3 - 1/3; and 1 + 1 - 1.
    for values in ([2 / 3, 2 / 3, -1 / 3], [1, 1, -1]):
        pictures = np.zeros((1, 1, 4, 5), np.float32)
        pictures[0, 0, 0, :3] = values
        with pytest.raises(ValueError, match="bitmap 0 of the batch has"):
            onehot2coord.network(4, 5)(pictures)


@pytest.mark.parametrize(
    ("pictures", "error", "message"),
    [
        (np.zeros((4, 5)), ValueError, r"shape \(4, 5\); expected \(n, 1, 4, 5\)"),
        (np.zeros((2, 3, 4, 5)), ValueError, r"shape \(2, 3, 4, 5\); expected \(n, 1, 4, 5\)"),
        (np.zeros((2, 1, 5, 4)), ValueError, r"shape \(2, 1, 5, 4\)"),
        (np.zeros((2, 1, 4, 5), complex), TypeError, "dtype complex128; expected a floating"),
        (np.zeros((2, 1, 4, 5), object), TypeError, "dtype object"),
        (np.zeros((2, 1, 4, 5), "U1"), TypeError, "dtype <U1"),
        ([[1, 0]], TypeError, "bitmaps are a list; give an array"),
    ],
)
def test_wrong_shapes_and_dtypes_are_refused(pictures, error, message):
    with pytest.raises(error, match=message):
        onehot2coord.network(4, 5)(pictures)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        ((0, 5), ValueError, "the height is 0; give 1 pixel or more"),
        ((4, -1), ValueError, "the width is -1"),
        ((4.0, 5), TypeError, "the height is 4.0; give a whole number"),
        ((4, "5"), TypeError, "the width is '5'"),
        ((True, 5), TypeError, "the height is True"),
    ],
)
def test_wrong_canvases_are_refused(size, error, message):
    for build in BUILDS:
        with pytest.raises(error, match=message):
            build(*size)


def test_a_canvas_beyond_the_dtype_is_refused_with_the_dtype_to_use():
    pictures = bitmaps(np.array([[2049, 0]]), 1, 2050, np.float16)
    with pytest.raises(ValueError, match=r"2050 pixels is beyond 2048.*float16.*use float32"):
        onehot2coord.network(1, 2050)(pictures)


@pytest.mark.parametrize("build", BUILDS)
def test_a_large_canvas(build):
    places = np.array([[0, 0], [1023, 0], [0, 1023], [1023, 1023], [511, 300]])
    assert (build(1024, 1024)(bitmaps(places, 1024, 1024, np.float32)) == places).all()
