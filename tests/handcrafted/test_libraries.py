"""Every network on every array library: the same answers, and they live where the input lives."""

import numpy as np
import pytest

from handcrafted.proofs.cases import positions
from handcrafted.proofs.claims import CLAIMS

LIBRARIES = ["array_api_strict", "torch", "jax.numpy"]
# Not every dtype holds the generator's numbers; test_scene_generator.py has it.
EVERY = {
    claim.name: claim
    for task, claims in CLAIMS.items()
    for claim in claims
    if task != "two-objects"
}


def cases(claim, dtype):
    """Return a network with every case of a small canvas, or some of those with two objects."""
    size = (11, 12)
    some = claim.cases(*size)
    if "objects" in claim.name:
        size = (41, 50)
        every = claim.cases(*size)
        some = every[:: len(every) // 9]
    draw = (claim.inputs, claim.outputs)
    return claim.build(*size), *(function(some, *size, dtype) for function in draw)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "int64"])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_numpy(claim, dtype):
    network, inputs, outputs = cases(claim, dtype)
    answers = network(inputs)
    assert (answers == outputs).all()
    assert answers.dtype == (dtype if dtype.startswith("float") else "int64")


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_other_libraries(claim, library, dtype):
    xp = pytest.importorskip(library)
    network, inputs, outputs = cases(claim, dtype)
    x = xp.asarray(inputs)
    answers = network(x)
    assert type(answers) is type(x)
    assert answers.device == x.device
    assert (np.asarray(answers) == outputs).all()
    for name, array in network.trace(x).items():
        assert type(array) is type(x), name


@pytest.mark.parametrize("library", LIBRARIES[1:])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_bfloat16(claim, library):
    xp = pytest.importorskip(library)
    network, inputs, outputs = cases(claim, np.float32)
    x = xp.asarray(inputs)
    x = x.to(xp.bfloat16) if library == "torch" else x.astype(xp.bfloat16)
    answers = network(x)
    assert answers.dtype == xp.bfloat16
    answers = answers.float().numpy() if library == "torch" else np.asarray(answers, np.float32)
    assert (answers == outputs).all()


@pytest.mark.parametrize("library", ["numpy", *LIBRARIES])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_an_empty_batch_gives_an_empty_one(claim, library):
    xp = pytest.importorskip(library)
    network, inputs, outputs = cases(claim, np.float32)
    answers = network(xp.asarray(inputs[:0]))
    assert tuple(answers.shape) == (0, *outputs.shape[1:])


@pytest.mark.parametrize("library", ["numpy", *LIBRARIES])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_bad_values_are_refused_everywhere(claim, library):
    xp = pytest.importorskip(library)
    network, inputs, _ = cases(claim, np.float32)
    bad = inputs.copy()
    bad[3].reshape(-1)[-1] = np.nan
    with pytest.raises(ValueError, match=r"\w+ 3 of the batch"):
        network(xp.asarray(bad))


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_a_bad_item_late_in_a_large_batch_is_named(claim):
    network, inputs, _ = cases(claim, np.float32)
    many = np.concatenate([inputs] * (3000 // len(inputs) + 1))[:3000].copy()
    many[2345].reshape(-1)[0] = 0.25
    with pytest.raises(ValueError, match=r"\w+ 2345 of the batch"):
        network(many)


# --- Traced and differentiated --------------------------------------------------------------


def off_the_kinks(inputs, seed):
    """Return inputs at which, with a random step on each number, no relu is at its kink."""
    return inputs + np.random.default_rng(seed).uniform(0.01, 0.03, inputs.shape)


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_jax_traces_and_maps_run(claim):
    jax = pytest.importorskip("jax")
    network, inputs, outputs = cases(claim, np.float32)
    assert (jax.jit(network.run)(inputs) == outputs).all()
    one_by_one = jax.vmap(lambda one: network.run(one[None])[0])
    assert (one_by_one(inputs) == outputs).all()
    assert (jax.jit(one_by_one)(inputs.astype(np.int32)) == outputs).all()


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_torch_maps_run(claim):
    torch = pytest.importorskip("torch")
    network, inputs, outputs = cases(claim, np.float32)
    one_by_one = torch.func.vmap(lambda one: network.run(one[None])[0])
    assert (one_by_one(torch.asarray(inputs)).numpy() == outputs).all()


def gradient_of_autograd(function, x):
    autograd = pytest.importorskip("autograd")
    return autograd.grad(lambda x: autograd.numpy.sum(function(x) ** 2))(x)


def gradient_of_torch(function, x):
    torch = pytest.importorskip("torch")
    x = torch.asarray(x).requires_grad_()
    (function(x) ** 2).sum().backward()
    return x.grad.numpy()


def gradient_of_jax(function, x):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        loss = jax.jit(jax.grad(lambda x: (function(x) ** 2).sum()))
        return np.asarray(loss(jax.numpy.asarray(x)))


@pytest.mark.parametrize("gradient", [gradient_of_autograd, gradient_of_torch, gradient_of_jax])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_gradients_are_the_slopes(claim, gradient):
    """Against central differences along random directions, at points away from the kinks."""
    network, inputs, _ = cases(claim, np.float64)
    x = off_the_kinks(inputs[:2], seed=0)
    found = gradient(network.run, x)
    assert found.shape == x.shape
    rng = np.random.default_rng(1)
    for _ in range(3):
        direction = rng.normal(size=x.shape)
        step = 1e-7 * direction
        slope = ((network.run(x + step) ** 2).sum() - (network.run(x - step) ** 2).sum()) / 2e-7
        assert np.vdot(found, direction) == pytest.approx(slope, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_a_traced_call_says_to_use_run(claim):
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    network, inputs, _ = cases(claim, np.float32)
    for call in (
        lambda: jax.jit(network)(inputs),
        lambda: jax.vmap(network)(inputs[:, None]),
        lambda: torch.func.vmap(network)(torch.asarray(inputs)[:, None]),
        lambda: network(torch.asarray(inputs).to("meta")),
    ):
        with pytest.raises(TypeError, match="has no values to check; call the network's `run`"):
            call()


# --- Arrays of other kinds ------------------------------------------------------------------


class Subclass(np.ndarray):
    """What a package with units or labels makes of NumPy's arrays."""


def a_masked_array(x):
    return np.ma.masked_array(x, mask=x == 1)


def a_subclass(x):
    return x.view(Subclass)


def a_dask_array(x):
    return pytest.importorskip("dask.array").from_array(x)


def a_scipy_sparse_array(x):
    sparse = pytest.importorskip("scipy.sparse")
    return sparse.coo_array(x)


class Labelled:
    """An array with a shape and a dtype, of no library that networks run on (like xarray's)."""

    def __init__(self, x):
        self.x, self.shape, self.dtype = x, x.shape, x.dtype


@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (a_masked_array, r"MaskedArray would lose its mask; give its `filled\(0\)`"),
        (a_subclass, r"give `numpy\.asarray` of it"),
        (a_dask_array, "a dask.array.core.Array is no dense array of NumPy, PyTorch, JAX"),
        (a_scipy_sparse_array, "coo_array is no dense array of NumPy, PyTorch, JAX"),
        (Labelled, "Labelled is no dense array of NumPy, PyTorch, JAX"),
    ],
)
@pytest.mark.parametrize("method", ["__call__", "run", "check", "trace"])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_arrays_of_other_kinds_are_refused(claim, method, convert, message):
    network, inputs, _ = cases(claim, np.float32)
    x = convert(inputs)
    with pytest.raises(TypeError, match=message):
        getattr(network, method)(x)


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_a_sparse_tensor_is_refused(claim):
    torch = pytest.importorskip("torch")
    network, inputs, _ = cases(claim, np.float32)
    with pytest.raises(TypeError, match=r"have the layout sparse_coo; give `to_dense\(\)` of them"):
        network(torch.asarray(inputs).to_sparse())


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_subclasses_of_tensors_work(claim):
    """As torchvision's images are: of another module than torch."""
    torch = pytest.importorskip("torch")
    network, inputs, outputs = cases(claim, np.float32)

    class Image(torch.Tensor):
        pass

    for x in (torch.asarray(inputs).as_subclass(Image), torch.nn.Parameter(torch.asarray(inputs))):
        assert (network(x).detach().numpy() == outputs).all()


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", ">i2", ">i8", "<f4"])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_either_byte_order(claim, dtype):
    network, inputs, outputs = cases(claim, np.dtype(dtype))
    for answers in (network(inputs), network.run(inputs)):
        assert (answers == outputs).all()
        assert answers.dtype.isnative
        assert answers.dtype == (np.dtype(dtype).newbyteorder("=") if "f" in dtype else np.int64)


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_any_layout_in_memory_and_nothing_is_written_to(claim, tmp_path):
    network, inputs, outputs = cases(claim, np.float32)
    inputs.flags.writeable = False
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=inputs.shape)
    mapped[:] = inputs
    for x in (inputs, np.asfortranarray(inputs), inputs[::-1], mapped):
        before = x.copy()
        answers = network(x)
        assert (answers == (outputs[::-1] if x.strides[0] < 0 else outputs)).all()
        assert (x == before).all()
        assert not np.shares_memory(answers, x)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int8"])
def test_run_does_not_wrap_around_in_small_integers(dtype):
    claim = EVERY["onehot2coord"]
    network, inputs, _ = cases(claim, dtype)
    assert (network.run(inputs) == positions(11, 12)).all()


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("complex64", "dtype complex64; expected a floating, integer or boolean one"),
        ("object", "dtype object; expected"),
        ("datetime64[D]", r"dtype datetime64\[D\]; expected"),
        ("timedelta64[s]", r"dtype timedelta64\[s\]; expected"),
        ("S1", r"dtype \|?S1; expected"),
        ("longdouble", r"dtype \w+ is none that networks compute in; use one of float16"),
    ],
)
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_other_dtypes_are_refused(claim, dtype, message):
    network, inputs, _ = cases(claim, np.int64)
    with pytest.raises(TypeError, match=message):
        network(inputs.astype(dtype))


@pytest.mark.parametrize("x", [np.float32(1), np.array(1.0), np.array([]), np.zeros((0, 1, 0, 0))])
def test_arrays_of_other_shapes_are_refused(x):
    for claim in EVERY.values():
        network, _, _ = cases(claim, np.float32)
        with pytest.raises(ValueError, match=r"have shape \(.*\); expected \(n, "):
            network(x)
