"""The NumPy backend's primitives against their definitions and float64 finite differences."""

import importlib.util

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from compare import backends
from compare.errors import UsageError

BACKEND = backends.load("numpy")
RNG = np.random.default_rng(0)


XP = BACKEND.xp
A, B = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(3, 4))


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: XP.broadcast_to(b[None], (2, 3, 4)) * a,
        lambda a, b: XP.concatenate([a, XP.reshape(b, (1, 3, 4))], axis=0),
        lambda a, b: XP.max(a, axis=(1, 2), keepdims=True) + XP.sum(b),
        lambda a, b: XP.maximum(a, b),
        lambda a, b: XP.mean(a, axis=(0, 2)) * XP.mean(b),
        lambda a, b: XP.sqrt(a**2 + 1) - b / 3,
        lambda a, b: XP.where(b > 0, a, 2 * a),
        lambda a, b: a @ XP.reshape(b, (4, 3)),
        lambda a, b: a[:, 1:, ::2] + b[np.array([0, 0]), 1:3],
        lambda a, b: a * (a > 0) - b,
        lambda a, b: XP.exp(a - b) + XP.log(a**2 + 1) + XP.tanh(b),
    ],
)
def test_the_functions_of_xp(check_gradient, function):
    check_gradient(function, A, B)


def test_extra_results_come_back_without_derivatives():
    def function(parameters, factor):
        y = parameters["x"] * factor
        return XP.sum(y), {"y": y}

    value, extra, gradients = BACKEND.value_and_grad(function)({"x": np.ones(3)}, 2.0)
    assert (value, extra["y"].tolist(), gradients["x"].tolist()) == (6, [2, 2, 2], [2, 2, 2])
    assert type(extra["y"]) is np.ndarray


def test_memory_is_known():
    assert BACKEND.memory_limit() > 1 << 20


def test_names_and_devices_are_checked():
    assert backends.load("numpy", "cpu").device == "cpu"
    with pytest.raises(UsageError, match="unknown backend 'cuda'; choose from: numpy"):
        backends.load("cuda")
    with pytest.raises(UsageError, match=r"no device 'cuda:1' here; present: cpu \(or 'auto'\)"):
        backends.load("numpy", "cuda:1")


def test_a_missing_library_is_named_with_its_install_command(monkeypatch):
    real = importlib.util.find_spec
    entry = backends.BackendEntry("far", "far.away:Far", "far", "pip install far")
    monkeypatch.setattr(backends, "available", lambda: {"far": entry})
    with pytest.raises(UsageError, match="needs far, which is not installed; run: pip install far"):
        backends.load("far")
    assert real("far") is None


@pytest.mark.parametrize("count", [1, 3])
def test_blas_has_one_thread_in_a_map_and_as_many_as_before_after_it(count):
    """Its threads wait for each other, which takes long on cores that are busy otherwise."""

    def threads(_=None):
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    before = threads()
    assert all(set(each) == {1} for each in BACKEND.map(threads, range(count)))
    assert threads() == before
