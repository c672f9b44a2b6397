import numpy as np
import pytest

from handcrafted.exactness import dtype_name, largest_exact_size, noise_limit, require_exact


@pytest.mark.parametrize(
    ("dtype", "limit"),
    [
        ("float16", 2**11),
        ("bfloat16", 2**8),
        (np.float32, 2**24),
        (np.dtype("float64"), 2**53),
        ("int8", 127),
        (np.uint8, 255),
        (np.int64, 2**63 - 1),
    ],
)
def test_limits(dtype, limit):
    assert largest_exact_size(dtype) == limit


def test_dtypes_of_other_libraries():
    torch = pytest.importorskip("torch")
    jnp = pytest.importorskip("jax.numpy")
    assert largest_exact_size(torch.bfloat16) == largest_exact_size(jnp.bfloat16) == 256
    assert largest_exact_size(torch.int16) == 2**15 - 1
    assert largest_exact_size(jnp.zeros(1).dtype) == 2**24


@pytest.mark.parametrize("dtype", ["complex64", "object", "str", "bool"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(TypeError, match=f"dtype {dtype} is none .* use one of float16"):
        largest_exact_size(dtype)


@pytest.mark.parametrize(
    ("dtype", "side", "wider"),
    [("float16", 2049, "float32"), ("float32", 2**24 + 1, "float64"), ("float64", 2**60, "int64")],
)
def test_a_side_beyond_the_limit_names_the_dtype_to_use(dtype, side, wider):
    for exact in (1, largest_exact_size(dtype) - 1, largest_exact_size(dtype)):
        require_exact(dtype, exact)
    with pytest.raises(ValueError, match=f"{side} pixels is beyond .* {dtype} .* use {wider}"):
        require_exact(dtype, side)


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0), (-1, -1), (-5, 3)])
@pytest.mark.parametrize("coordinates", [True, False])
def test_a_canvas_without_pixels_has_no_noise_limit(size, coordinates):
    with pytest.raises(ValueError, match=r"the (height|width) is .*; give 1 pixel or more"):
        noise_limit(*size, coordinates)
    with pytest.raises(TypeError, match=r"the height is 5\.5"):
        noise_limit(5.5, 5, coordinates)


def test_the_byte_order_does_not_matter():
    assert largest_exact_size(np.dtype(">f4")) == 2**24
    assert largest_exact_size(np.dtype(">i2")) == 2**15 - 1


def test_noise_limits_by_hand():
    # 64x64 with coordinates: 1 / (2 * 64 * 65); without: 1 / (64 * 64 * 65).
    assert noise_limit(64, 64) == 1 / 8320
    assert noise_limit(64, 64, coordinates=False) == 1 / 266240
    assert noise_limit(1, 1) == 1 / 2


@pytest.mark.parametrize(
    ("height", "width", "with_coordinates", "without"),
    [
        # x needs 1 / (2 W (H + 1)) and y 1 / (2 H (W + 1)); a side of 1 has no pixel beside
        # the hot one's row or column: (H + 0) or (W + 0). Without channels: 1 / (H W (side + 1)).
        (2, 3, 1 / (2 * 3 * 3), 1 / (2 * 3 * 4)),
        (5, 3, 1 / (2 * 5 * 4), 1 / (5 * 3 * 6)),
        (3, 5, 1 / (2 * 5 * 4), 1 / (3 * 5 * 6)),
        (1, 4, 1 / (2 * 4 * 2), 1 / (1 * 4 * 5)),
        (4, 1, 1 / (2 * 4 * 2), 1 / (4 * 1 * 5)),
        (1, 2, 1 / (2 * 2 * 2), 1 / (1 * 2 * 3)),
        (1, 1, 1 / 2, 1 / 2),
    ],
)
def test_noise_limits_of_small_canvases_by_hand(height, width, with_coordinates, without):
    assert noise_limit(height, width) == with_coordinates
    assert noise_limit(height, width, coordinates=False) == without


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ("float32", "float32"),
        (np.float32, "float32"),
        (np.dtype("int8"), "int8"),
        ("torch.bfloat16", "bfloat16"),
    ],
)
def test_names_of_dtypes(dtype, name):
    assert dtype_name(dtype) == name


@pytest.mark.parametrize(
    ("dtype", "side", "wider"),
    [
        ("float16", 2**24, "float32"),
        ("float16", 2**24 + 1, "float64"),
        ("int8", 128, "float32"),
        ("float32", 2**53, "float64"),
        ("float32", 2**53 + 1, "int64"),
    ],
)
def test_the_narrowest_dtype_that_will_do_is_named(dtype, side, wider):
    with pytest.raises(ValueError, match=f"a side of {side} pixels is beyond .*; use {wider}$"):
        require_exact(dtype, side)
