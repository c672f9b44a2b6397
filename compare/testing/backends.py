"""What every backend must do, as tests that a package can run on its own.

In a test file of the package that has the backend (pytest is needed, nothing else):

    from compare.testing.backends import BackendContract

    class TestMine(BackendContract):
        name = "mine"

Values are compared with the NumPy backend in float64, derivatives with central differences of that
in float64, and each published architecture, outputs and gradients, with the NumPy backend on equal
weights.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from compare import backends
from compare.backends import Array, Backend, Padding
from compare.backends.numpy import NumpyBackend
from compare.errors import RunError, UsageError
from compare.learned import published as published_architectures
from compare.learned.architecture import Architecture
from compare.learned.layers import Softmax
from compare.learned.losses import LOSSES
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import apply, from_arrays, to_arrays
from compare.learned.sparse.patches import Patches, gather
from compare.learned.state import State
from compare.learned.training import train

__all__ = [
    "CONVOLUTIONS",
    "GRADIENT_BOUND",
    "OUTPUT_BOUND",
    "Arrays",
    "BackendContract",
    "Case",
    "Parity",
    "example_inputs",
    "learning_curve",
    "parity",
    "published",
]

Arrays: TypeAlias = list[NDArray[Any]]

OUTPUT_BOUND = 2e-5
GRADIENT_BOUND = 5e-5
"""Largest difference from the NumPy backend, both in float32, as a share of the largest number.

One rounding is 6e-8. An output is reached over about twenty layers, each a sum of up to some
thousand products whose order is the library's own; that leaves a few hundred roundings. Through
a gradient pass as many again, and the sums run over the batch and the picture besides. The share is
of the layer's largest gradient: that of a bias before a batch norm is zero but for rounding.
"""


@dataclass(frozen=True)
class Case:
    """A function of a backend and some arrays, and the arrays, in float64."""

    name: str
    function: Callable[..., Array]
    arrays: tuple[NDArray[Any], ...]


CONVOLUTIONS: list[tuple[int, int, int, int, int, int, int, Padding]] = [
    # batch, channels, height, width, outputs, kernel, stride, padding
    (2, 3, 4, 5, 2, 1, 1, ((0, 0), (0, 0))),
    (2, 2, 5, 4, 3, 3, 1, ((1, 1), (1, 1))),
    (1, 2, 6, 5, 2, 3, 2, ((0, 1), (1, 1))),
    (3, 1, 7, 7, 2, 5, 2, ((2, 2), (1, 2))),
    (2, 2, 4, 6, 1, 2, 2, ((0, 0), (0, 0))),
    (2, 1, 3, 3, 2, 1, 2, ((0, 0), (0, 0))),
    (1, 2, 3, 4, 2, 3, 3, ((2, 2), (0, 2))),
    (2, 2, 2, 3, 2, 3, 1, ((2, 2), (2, 2))),
    (1, 4, 4, 3, 1, 2, 1, ((0, 1), (1, 0))),
    (1, 1, 8, 6, 8, 4, 2, ((1, 1), (1, 1))),
    (1, 1, 1, 2, 3, 5, 1, ((0, 4), (1, 4))),
]
"""Kernels, strides and paddings of every kind that primitives are tried on."""


def _cases() -> list[Case]:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> NDArray[Any]:
        return rng.normal(size=shape)

    cases = []
    for n, channels, height, width, outputs, kernel, stride, padding in CONVOLUTIONS:
        what = f"{kernel}x{kernel}/{stride} on {height}x{width}"
        weight = normal(outputs, channels, kernel, kernel)
        rows = (height + sum(padding[0]) - kernel) // stride + 1
        columns = (width + sum(padding[1]) - kernel) // stride + 1

        def conv(
            b: Backend, x: Array, w: Array, *bias: Array, s: int = stride, p: Padding = padding
        ) -> Array:
            return b.conv(x, w, bias[0] if bias else None, s, p)

        def conv_transpose(
            b: Backend,
            y: Array,
            w: Array,
            *bias: Array,
            shape: tuple[int, int] = (height, width),
            s: int = stride,
            p: Padding = padding,
        ) -> Array:
            return b.conv_transpose(y, w, bias[0] if bias else None, shape, s, p)

        x, y = normal(n, channels, height, width), normal(n, outputs, rows, columns)
        cases += [
            Case(f"conv {what}", conv, (x, weight, normal(outputs))),
            Case(f"conv {what} without bias", conv, (x, weight)),
            Case(f"conv_transpose {what}", conv_transpose, (y, weight, normal(channels))),
            Case(f"conv_transpose {what} without bias", conv_transpose, (y, weight)),
        ]
    for shape, kernel in (((2, 3, 4, 6), 2), ((1, 2, 7, 5), 3), ((2, 1, 3, 3), 1)):

        def pool(b: Backend, x: Array, k: int = kernel) -> Array:
            return b.max_pool(x, k)

        cases.append(Case(f"max_pool {kernel} of {shape}", pool, (normal(*shape),)))
    for shape in ((4, 3, 2, 5), (3, 2, 1, 1)):

        def batch_norm(b: Backend, x: Array, scale: Array, shift: Array) -> Array:
            return b.batch_norm(x, scale, shift, 1e-3)[0]

        arrays = (normal(*shape), normal(shape[1]), normal(shape[1]))
        cases.append(Case(f"batch_norm of {shape}", batch_norm, arrays))
    targets = np.array([5, 0, 5])

    def cross_entropy(b: Backend, outputs: Array) -> Array:
        return b.softmax_cross_entropy(outputs, b.asarray(targets))

    cases.append(Case("softmax_cross_entropy", cross_entropy, (normal(3, 1, 2, 3),)))
    a, c = normal(2, 3, 4), normal(3, 4)
    rows_chosen = np.array([0, 0])
    functions: dict[str, Callable[[Backend, Any, Array, Array], Array]] = {
        "relu": lambda b, xp, a, c: b.relu(a) + b.relu(c),
        "broadcast_to": lambda b, xp, a, c: xp.broadcast_to(c[None], (2, 3, 4)) * a,
        "concatenate": lambda b, xp, a, c: xp.concatenate([a, xp.reshape(c, (1, 3, 4))], axis=0),
        "max and sum": lambda b, xp, a, c: xp.max(a, axis=(1, 2), keepdims=True) + xp.sum(c),
        "maximum": lambda b, xp, a, c: xp.maximum(a, xp.broadcast_to(c[None], (2, 3, 4))),
        "mean": lambda b, xp, a, c: xp.mean(a, axis=(0, 2)) * xp.mean(c),
        "sqrt": lambda b, xp, a, c: xp.sqrt(a**2 + 1) - c / 3,
        "where": lambda b, xp, a, c: xp.where(c > 0, a, 2 * a),
        "where with infinity": lambda b, xp, a, c: xp.max(xp.where(a > -1, a, -xp.inf), axis=2),
        "matmul": lambda b, xp, a, c: xp.matmul(a, xp.reshape(c, (4, 3))),
        "@": lambda b, xp, a, c: a @ xp.reshape(c, (4, 3)),
        "moveaxis": lambda b, xp, a, c: xp.moveaxis(a, 2, 0) * xp.moveaxis(c, 0, 1)[:, None],
        "slices and indices": lambda b, xp, a, c: a[:, 1:, ::2] + c[b.asarray(rows_chosen), 1:3],
        "comparisons": lambda b, xp, a, c: a * (a > 0) - c * ((c <= 1) & (c > -1)),
        "exp, log and tanh": lambda b, xp, a, c: xp.exp(a - c) + xp.log(a**2 + 1) + xp.tanh(c),
        "zeros_like": lambda b, xp, a, c: xp.zeros_like(a) + c,
        "arange": lambda b, xp, a, c: a * xp.arange(4) + c,
        "chosen by argmax, argmin and argsort": lambda b, xp, a, c: (
            a[xp.arange(2)[:, None], xp.arange(3)[None, :], xp.argmax(a, axis=2)]
            + c[xp.arange(3), xp.argmin(c, axis=1)]
            + c[xp.arange(3)[:, None], xp.argsort(-c, axis=1)[:, :1]][:, 0]
        ),
    }
    for name, function in functions.items():

        def of_two(b: Backend, a: Array, c: Array, function: Any = function) -> Array:
            return function(b, b.xp, a, c)

        cases.append(Case(name, of_two, (a, c)))
    return cases


@cache
def _loaded(name: str, device: str) -> Backend:
    # One for all tests, so that what was compiled for one of them serves the others.
    return backends.load(name, device)


def published() -> dict[str, Callable[[int, int], Architecture]]:
    """Return every architecture of the project by name, each a function of height and width."""
    return {
        name: build
        for name, build in vars(published_architectures).items()
        if inspect.isfunction(build)
        and not name.startswith("_")
        and get_type_hints(build).get("return") is Architecture
    }


@dataclass(frozen=True)
class Parity:
    """Largest differences from the NumPy backend on equal weights, relative to the largest number.

    gradients: of the parameter array that differs most, each relative to the largest gradient of
    its layer. Some are zero but for rounding, such as those of a bias that the next layer takes out
    again.
    """

    outputs: float
    gradients: float


def parity(backend: Backend, name: str) -> Parity:
    """Compare an architecture's outputs and gradients in training, over all kinds of input.

    On a 16x20 canvas; on one of 24x28 where inputs are pictures, for windows soon cover half of a
    smaller one.
    """
    ours, reference = _outputs_and_gradients(backend, _built(name)), _reference(name)
    outputs, gradients = [], []
    for (output, gradient), (expected, derivative) in zip(ours, reference, strict=True):
        outputs.append(_difference(output, expected))
        largest: dict[str, float] = {}
        for name, array in derivative.items():
            layer = name.partition(".")[0]
            largest[layer] = max(largest.get(layer, 0.0), float(np.abs(array).max()))
        gradients += [
            _difference(gradient[name], array, largest[name.partition(".")[0]])
            for name, array in derivative.items()
        ]
    return Parity(max(outputs), max(gradients))


@cache
def _reference(name: str) -> list[tuple[Any, dict[str, Any]]]:
    return _outputs_and_gradients(backends.load("numpy"), _built(name))


def _built(name: str) -> Architecture:
    build = published()[name]
    architecture = build(24, 28)
    return architecture if len(architecture.inputs) == 3 else build(16, 20)


def _difference(a: NDArray[Any], b: NDArray[Any], least: float = 0.0) -> float:
    assert a.shape == b.shape, f"shape {a.shape} instead of {b.shape}"
    largest = max(least, float(np.abs(b).max()))
    return float(np.abs(a.astype(np.float64) - b).max()) / largest


def example_inputs(architecture: Architecture, count: int = 8) -> list[Patches | NDArray[Any]]:
    """Return vectors; or pictures in full and as patches."""
    rng = np.random.default_rng(1)
    if len(architecture.inputs) == 1:
        return [rng.uniform(0, 16, (count, *architecture.inputs)).astype(np.float32)]
    channels, height, width = architecture.inputs
    pictures = np.zeros((count, channels, height, width), np.float32)
    y, x = rng.integers(height, size=count), rng.integers(width, size=count)
    pictures[np.arange(count), :, y, x] = 1
    return [rng.normal(size=pictures.shape).astype(np.float32), gather([pictures])]


def _outputs_and_gradients(
    backend: Backend, architecture: Architecture
) -> list[tuple[NDArray[Any], dict[str, NDArray[Any]]]]:
    """Return outputs, and gradients of a weighted mean square, for each kind of input."""
    names = [name for name, p in architecture.parameters().items() if p.trained]
    drawn = architecture.initial_weights(0)
    rng = np.random.default_rng(2)
    for name in names:
        if not drawn[name].any():  # biases begin at zero, which would hide what is wrong with them
            drawn[name] = rng.normal(scale=0.1, size=drawn[name].shape).astype(np.float32)
    weights = {name: backend.asarray(array) for name, array in drawn.items()}
    results = []
    for batch in example_inputs(architecture):
        shared, samples = (
            tuple(backend.asarray(array) for array in arrays) for arrays in to_arrays(batch)
        )
        count = 8
        shape = (count, *architecture.shapes()[-1])
        targets = backend.asarray(rng.normal(size=shape).astype(np.float32))

        def objective(
            trained: dict[str, Array],
            running: dict[str, Array],
            targets: Array,
            shared: tuple[Array, ...],
            samples: tuple[Array, ...],
        ) -> tuple[Array, dict[str, Array]]:
            every = {**running, **trained}
            batch = from_arrays(shared, samples)
            outputs, _ = apply(architecture, backend, every, batch, training=True)
            return LOSSES["mse"](backend, outputs, targets), {"outputs": outputs}

        trained = {name: weights[name] for name in names}
        running = {name: weights[name] for name in weights if name not in trained}
        step = backend.jit(backend.value_and_grad(objective))
        _, extra, gradients = step(trained, running, targets, shared, samples)
        results.append(
            (
                backend.to_numpy(extra["outputs"]),
                {name: backend.to_numpy(gradient) for name, gradient in gradients.items()},
            )
        )
    return results


def learning_curve(
    backend: Backend, architecture: Architecture, recipe: Recipe, epochs: int, **arguments: Any
) -> tuple[float, ...]:
    """Train on random pictures or vectors and return the mean loss of each epoch."""
    return _trained(backend, architecture, recipe, epochs, **arguments).losses


def _trained(
    backend: Backend, architecture: Architecture, recipe: Recipe, epochs: int, **arguments: Any
) -> State:
    inputs = example_inputs(architecture, count=22)[-1]
    shape = (22, *architecture.shapes()[-1])
    targets = np.random.default_rng(3).uniform(size=shape).astype(np.float32)
    return train(
        architecture,
        inputs,
        targets,
        replace(recipe, epochs=epochs),
        seed=0,
        backend=backend,
        **arguments,
    )


class BackendContract:
    """The suite: a subclass named `Test...` that sets `name` runs all of it."""

    name: ClassVar[str]
    """As registered under the entry-point group `compare.backends`."""
    device: ClassVar[str] = "auto"

    @pytest.fixture
    def backend(self) -> Backend:
        """The backend under test, at its default precision."""
        return _loaded(self.name, self.device)

    def test_it_is_known_by_its_name(self) -> None:
        """`compare list` finds it."""
        backend = backends.available()[self.name].backend_class()
        assert backend.name == self.name
        assert backend.precisions[0] in ("float32", "float64")

    def test_devices(self, backend: Backend) -> None:
        """The best device is taken for "auto"; one that is missing is refused with a list."""
        present = type(backend).devices()
        assert present
        assert type(backend)(present[0], backend.precision).device == present[0]
        assert type(backend)("auto", backend.precision).device == present[0]
        with pytest.raises(UsageError, match="quantum:7") as refusal:
            type(backend)("quantum:7", backend.precision)
        assert all(device in str(refusal.value) for device in present)

    def test_precisions(self, backend: Backend) -> None:
        """A precision that it does not have is refused with a list."""
        with pytest.raises(UsageError, match="float7.*choose from: " + backend.precisions[0]):
            backends.load(self.name, self.device, "float7")

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_])
    def test_arrays_go_and_come_back(self, backend: Backend, dtype: Any) -> None:
        """To the device and back, of each kind, with any layout, and into another's dtype."""
        array = np.arange(12).reshape(3, 4).astype(dtype)
        for view in (array, array.T, array[::-1], array[:, ::2], array[0, 0, ...]):
            back = backend.to_numpy(backend.asarray(view))
            assert isinstance(back, np.ndarray)
            assert np.array_equal(back, view)
            assert back.dtype.kind == np.dtype(dtype).kind
        like = backend.asarray(np.zeros(1, np.float32))
        converted = backend.to_numpy(backend.asarray(array, like=like))
        assert converted.dtype == backend.to_numpy(like).dtype

    def test_an_array_is_a_copy(self, backend: Backend) -> None:
        """What is done to the host's array later does not reach one that is computed with."""
        if type(backend).asarray is NumpyBackend.asarray:  # or derived from it
            pytest.skip("NumPy's arrays are the host's; nothing in the loop writes into one")
        array = np.zeros(3, np.float32)
        there = backend.asarray(array)
        array[:] = 1
        assert not backend.to_numpy(there).any()

    @pytest.mark.parametrize("case", _cases(), ids=lambda case: case.name)
    def test_values_and_derivatives(self, backend: Backend, case: Case) -> None:
        """Against the NumPy backend in float64 and against central differences of it."""
        reference = backends.load("numpy")
        expected = case.function(reference, *case.arrays)
        weights = np.random.default_rng(1).normal(size=expected.shape)
        there = [backend.asarray(array.astype(np.float32)) for array in case.arrays]
        compiled = backend.jit(lambda *arrays: case.function(backend, *arrays))
        values = backend.to_numpy(compiled(*there))
        # A few hundred roundings, of the inputs to float32 among them.
        largest = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(values, expected, rtol=0, atol=3e-5 * largest)

        def scalar(parameters: dict[str, Array], weights: Array) -> tuple[Array, Any]:
            arrays = (parameters[str(k)] for k in range(len(parameters)))
            return backend.xp.sum(weights * case.function(backend, *arrays)), {}

        parameters = {str(k): array for k, array in enumerate(there)}
        weights_there = backend.asarray(weights.astype(np.float32))
        differentiated = backend.jit(backend.value_and_grad(scalar))
        _, _, gradients = differentiated(parameters, weights_there)
        for k, numerical in enumerate(_numerical(case, reference, weights)):
            gradient = backend.to_numpy(gradients[str(k)])
            largest = max(1.0, float(np.abs(numerical).max()))
            np.testing.assert_allclose(gradient, numerical, rtol=0, atol=1e-4 * largest)

    def test_batch_norm_gives_the_moments(self, backend: Backend) -> None:
        """Of each channel, the variance with the number of values as its divisor."""
        x = np.random.default_rng(0).normal(2, 3, (4, 3, 2, 5)).astype(np.float32)
        ones = backend.asarray(np.ones(3, np.float32))

        def moments(x: Array, ones: Array) -> tuple[Array, Array]:
            _, mean, variance = backend.batch_norm(x, ones, ones, 1e-5)
            return mean, variance

        found = backend.jit(moments)(backend.asarray(x), ones)
        for moment, expected in zip(found, (x.mean((0, 2, 3)), x.var((0, 2, 3))), strict=True):
            np.testing.assert_allclose(backend.to_numpy(moment), expected, rtol=1e-5)

    def test_softmax_cross_entropy_overflows_nowhere(self, backend: Backend) -> None:
        """It is the logarithm of a softmax, not of a quotient of exponentials."""
        outputs = np.random.default_rng(0).normal(0, 300, (4, 1, 3, 5)).astype(np.float32)
        targets = np.array([0, 14, 7, 7])
        loss = backend.softmax_cross_entropy(backend.asarray(outputs), backend.asarray(targets))
        chosen = log_softmax(outputs.reshape(4, -1), axis=1)[np.arange(4), targets]
        np.testing.assert_allclose(backend.to_numpy(loss), -chosen.mean(), rtol=1e-6)

    @pytest.mark.parametrize("as_layer", [False, True])
    def test_a_softmax_sends_back_nothing_subnormal(self, backend: Backend, as_layer: bool) -> None:
        """With such numbers processors are slow; what is left out is lost in rounding."""
        rng = np.random.default_rng(0)
        logits = rng.normal(0, 30, (4, 1, 16, 16)).astype(np.float32)
        weights, targets = rng.normal(size=logits.shape), np.array([0, 14, 7, 7])

        def weighted(parameters: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
            outputs = Softmax()(backend, {}, parameters["x"], None)
            return backend.xp.sum(outputs * backend.asarray(weights, like=outputs)), {}

        def loss(parameters: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
            return backend.softmax_cross_entropy(parameters["x"], backend.asarray(targets)), {}

        shares = softmax(logits.astype(float), axis=(1, 2, 3))
        if as_layer:
            mean = np.sum(weights * shares, axis=(1, 2, 3), keepdims=True)
            function, expected = weighted, shares * (weights - mean)
        else:
            hot = (targets[:, None] == np.arange(256)).reshape(logits.shape)
            function, expected = loss, (shares - hot) / 4
        _, _, gradients = backend.value_and_grad(function)({"x": backend.asarray(logits)})
        found = backend.to_numpy(gradients["x"])
        assert not ((found != 0) & (np.abs(found) < np.finfo(np.float32).tiny)).any()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)

    def test_a_softmax_of_a_diverged_network_is_nan(self, backend: Backend) -> None:
        """It shows, whatever is left out."""
        logits = backend.asarray(np.full((1, 1, 2, 3), np.nan, np.float32))
        assert np.isnan(backend.to_numpy(Softmax()(backend, {}, logits, None))).all()
        loss = backend.softmax_cross_entropy(logits, backend.asarray(np.array([1])))
        assert np.isnan(backend.to_numpy(loss))

    def test_relu_has_no_derivative_at_0(self, backend: Backend) -> None:
        """As TensorFlow and PyTorch have it."""
        gradient = self._gradient(backend, backend.relu, [-1.5, -0.0, 0.0, 2.5])
        assert gradient.tolist() == [0, 0, 0, 1]

    def test_equal_values_share_the_gradient(self, backend: Backend) -> None:
        """In `max_pool`, `max` and `maximum`."""
        xp = backend.xp
        x = [[[[1.0, 1.0], [0.0, 1.0]]]]
        shares = np.array([[[[1, 1], [0, 1]]]]) / 3
        for function in (
            lambda x: backend.max_pool(x, 2),
            lambda x: xp.max(x, axis=(2, 3), keepdims=True),
        ):
            np.testing.assert_allclose(self._gradient(backend, function, x), shares, rtol=1e-6)
        halved = self._gradient(backend, lambda x: xp.maximum(x, xp.zeros_like(x)), [0.0, 1.0])
        np.testing.assert_allclose(halved, [0.5, 1])

    @staticmethod
    def _gradient(backend: Backend, function: Callable[[Array], Array], x: Any) -> NDArray[Any]:
        there = backend.asarray(np.asarray(x, np.float32))
        differentiated = backend.value_and_grad(lambda p: (backend.xp.sum(function(p["x"])), {}))
        return backend.to_numpy(differentiated({"x": there})[2]["x"])

    def test_extra_results_and_unused_parameters(self, backend: Backend) -> None:
        """What is returned beside the value comes back; what is not used has gradient zero."""

        def function(parameters: dict[str, Array], factor: Array) -> tuple[Array, Any]:
            y = parameters["x"] * factor
            return backend.xp.sum(y), {"y": y}

        ones, two = (backend.asarray(np.full(3, number, np.float32)) for number in (1, 2))
        value, extra, gradients = backend.value_and_grad(function)({"x": ones, "z": ones}, two)
        assert float(backend.to_numpy(value)) == 6
        assert backend.to_numpy(extra["y"]).tolist() == [2, 2, 2]
        assert backend.to_numpy(gradients["x"]).tolist() == [2, 2, 2]
        assert backend.to_numpy(gradients["z"]).tolist() == [0, 0, 0]

    def test_jit_changes_nothing(self, backend: Backend) -> None:
        """A compiled function takes and returns arrays in dicts and tuples, of several shapes.

        Later calls change no earlier results, and arrays of the host may be constants in it.
        """

        def function(tree: dict[str, tuple[Array, ...]], x: Array) -> tuple[Any, ...]:
            three = backend.asarray(np.full(1, 3, np.float32), like=x)
            total = x * 2 + sum(tree["a"]) + three
            return {"total": total}, backend.xp.max(total, axis=0)

        compiled = backend.jit(function)
        found = []
        for call, size in enumerate((3, 3, 5, 3, 3, 3, 5, 3)):  # some backends record later calls
            x = call + np.arange(2 * size, dtype=np.float32).reshape(2, size)
            tree = {"a": (backend.asarray(x), backend.asarray(x + 1))}
            found.append((x, compiled(tree, backend.asarray(x))))
        for x, (first, second) in found:
            assert np.array_equal(backend.to_numpy(first["total"]), 4 * x + 4)
            assert np.array_equal(backend.to_numpy(second), (4 * x + 4).max(axis=0))

    def test_too_much_memory_is_a_memory_error(self, backend: Backend) -> None:
        """So that the loop can name the batch that was too large."""

        def function(x: Array) -> Array:
            return backend.xp.broadcast_to(x, (1 << 23, 1 << 23)) + x

        with pytest.raises(MemoryError):
            backend.to_numpy(backend.jit(function)(backend.asarray(np.ones((1, 1), np.float32))))

    def test_map_keeps_the_order(self, backend: Backend) -> None:
        """However many items are worked on at a time."""
        assert backend.map(lambda item: item * item, range(9)) == [k * k for k in range(9)]

    def test_its_size(self, backend: Backend) -> None:
        """A microbatch and the free memory are positive numbers; what it says of itself is text."""
        assert backend.microbatch() > 0
        assert backend.memory_limit() > 1 << 20
        assert all(isinstance(text, str) for pair in backend.about().items() for text in pair)

    def test_one_device_has_the_whole_batch(self, backend: Backend) -> None:
        """The batch is one shard, and an average over the shards is the array itself."""
        assert (backend.shards, backend.first) == (1, True)

        def function(rows: Array) -> tuple[Array, Array]:
            sharded, own = backend.shard(rows)
            assert sharded.shards == 1
            return own, sharded.average(rows)

        for result in backend.jit(function)(backend.asarray(np.arange(6))):
            assert backend.to_numpy(result).tolist() == [0, 1, 2, 3, 4, 5]
        assert backend.processes == 1
        assert backend.broadcast(b"\x00a") == b"\x00a"
        assert backend.gather(b"\x00a") == [b"\x00a"]

    @pytest.mark.parametrize("architecture", published())
    def test_parity(self, backend: Backend, architecture: str) -> None:
        """Outputs and gradients of every architecture are those of the NumPy backend."""
        differences = parity(backend, architecture)
        assert differences.outputs <= OUTPUT_BOUND
        assert differences.gradients <= GRADIENT_BOUND

    @pytest.mark.parametrize(
        ("architecture", "batch"), [("coordconv_regressor", 8), ("conv_regressor_quadrant", 22)]
    )
    def test_learning_curves_overlap(self, backend: Backend, architecture: str, batch: int) -> None:
        """NumPy draws first weights and the order of batches for all; a last batch is short."""
        built, recipe = published()[architecture](16, 16), Recipe(0.001, batch=batch)
        curve = learning_curve(backend, built, recipe, 4)
        expected = learning_curve(backends.load("numpy"), built, recipe, 4)
        np.testing.assert_allclose(curve, expected, rtol=1e-3)

    def test_a_checkpoint_comes_back(self, backend: Backend, tmp_path: Any) -> None:
        """Two epochs, saved and read, and two more are as good as four."""
        built, recipe = published()["coordconv_regressor"](16, 16), Recipe(0.001, batch=8)
        _trained(backend, built, recipe, 2).save(tmp_path / "c.npz", backend)
        resumed = learning_curve(backend, built, recipe, 4, checkpoint=tmp_path / "c.npz")
        np.testing.assert_allclose(resumed, learning_curve(backend, built, recipe, 4), rtol=1e-3)

    @pytest.mark.filterwarnings("ignore::RuntimeWarning")
    def test_a_loss_that_is_not_finite_ends_training(self, backend: Backend) -> None:
        """At the end of the epoch, with the history up to it."""
        built = published()["coordconv_regressor"](16, 16)
        losses = learning_curve(backend, built, Recipe(1e30, batch=8), 9)
        assert len(losses) < 9
        assert not np.isfinite(losses[-1])

    def test_the_batch_that_was_too_large_is_named(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """And a smaller one suggested, though the device says so late and a checkpoint is kept."""

        def exhausted(array: Array) -> NDArray[Any]:
            raise MemoryError("all gone")

        built = published()["coordconv_regressor"](16, 16)
        monkeypatch.setattr(backend, "to_numpy", exhausted)
        with pytest.raises(
            RunError, match=r"epoch 1, step 3, with a batch of 6 samples .*a batch of 3"
        ):
            # Of two epochs, since the loss of a single one is read on the way.
            learning_curve(backend, built, Recipe(0.001, batch=8), 2, checkpoint=tmp_path / "state")


def _numerical(case: Case, reference: Backend, weights: NDArray[Any]) -> Arrays:
    """Central differences of sum(weights * function) by each array, in float64."""
    gradients = []
    for k, array in enumerate(case.arrays):
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            ends = []
            for step in (1e-6, -1e-6):
                changed = array.copy()
                changed[index] += step
                arrays = (*case.arrays[:k], changed, *case.arrays[k + 1 :])
                ends.append(float(np.sum(weights * case.function(reference, *arrays))))
            gradient[index] = (ends[0] - ends[1]) / 2e-6
        gradients.append(gradient)
    return gradients
