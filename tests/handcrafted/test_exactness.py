import numpy as np
import pytest

from handcrafted.exactness import largest_exact_size, noise_limit, require_exact


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
    require_exact(dtype, largest_exact_size(dtype))
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
