"""Functions that are recorded; without a GPU, on a graph that computes everything again.

`compare.testing.backends` calls what a backend compiles often enough that a GPU records it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from compare import backends  # noqa: E402
from compare.backends import cuda_graph  # noqa: E402
from compare.backends.cuda_graph import EAGER_CALLS, Recorded, leaves, with_leaves  # noqa: E402
from compare.learned import published, training  # noqa: E402
from compare.learned.recipe import Recipe  # noqa: E402


def test_leaves_and_back() -> None:
    """Nested tuples and dicts are taken apart in order and put together again."""
    tree = ({"b": 1, "a": (2, ())}, 3)
    assert list(leaves(tree)) == [1, 2, 3]
    assert with_leaves(tree, iter("xyz")) == ({"b": "x", "a": ("y", ())}, "z")


class Function:
    """Counts its calls; returns a dict and a number, and can be asked to do it again in place."""

    def __init__(self) -> None:
        self.calls = 0
        self.seen: tuple[Any, ...] = ()
        self.results: Any = None

    def __call__(self, x: Any, state: dict[str, Any]) -> Any:
        self.calls += 1
        self.seen = (x, state)
        self.results = {"a": state["a"] + x}, (x * state["a"]).sum()
        return self.results

    def again(self) -> None:
        """Do what the last call did, with the same arrays."""
        results = self.results
        for old, new in zip(leaves(results), leaves(self(*self.seen)), strict=True):
            old.copy_(new)
        self.results = results


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Function:
    """A function whose graph computes it again in the same arrays, as a GPU's would."""
    function = Function()

    class Graph:
        def replay(self) -> None:
            function.again()

    @contextmanager
    def graph(_: Graph) -> Any:
        yield

    monkeypatch.setattr(cuda_graph.torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(cuda_graph.torch.cuda, "graph", graph)
    return function


def test_replays_are_calls(function: Function) -> None:
    """Every call has the function's results, and no later one changes them."""
    recorded = Recorded(function)
    state, found = {"a": torch.ones(2)}, []
    for number in range(EAGER_CALLS + 4):
        x = torch.tensor([number, 1.0])
        before = state["a"]
        state, total = recorded(x, state)
        found.append((before, x, state["a"], total))
    for before, x, after, total in found:
        assert after.tolist() == (before + x).tolist()
        assert total.item() == (before * x).sum().item()
    assert found[-1][2].tolist() == [1 + sum(range(EAGER_CALLS + 4)), EAGER_CALLS + 5]


def test_arrays_of_another_shape_are_another_graph(function: Function) -> None:
    """A batch that is not whole is called, until it too has come often enough."""
    recorded = Recorded(function)
    whole, part = torch.ones(3), torch.ones(2)
    for _ in range(EAGER_CALLS + 1):
        recorded(whole, {"a": whole})
    state, _ = recorded(part, {"a": part})
    assert state["a"].tolist() == [2, 2]
    state, _ = recorded(whole, {"a": whole})
    assert state["a"].shape == (3,)


def test_what_is_the_same_array_is_copied_once(function: Function) -> None:
    """The data set is an argument of every step."""
    recorded = Recorded(function)
    x, a = torch.ones(2), torch.ones(2)
    for _ in range(EAGER_CALLS + 2):
        recorded(x, {"a": a})
    own = function.seen[0]
    assert own is not x
    own.zero_()  # a sign: it would be overwritten by another copy
    assert recorded(x, {"a": a})[1].item() == 0
    assert recorded(x.clone(), {"a": a})[1].item() == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("coordconv_regressor", (2,)),
        ("conv_regressor_quadrant", (2,)),
        ("coordconv_classifier", (1, 64, 64)),
        ("deconv", (1, 64, 64)),
    ],
)
def test_a_graph_gives_the_bits_of_eager_steps(
    name: str, outputs: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU, over three epochs whose last batch is not whole; and so do two trainings alike."""
    architecture = getattr(published, name)(64, 64)
    random = np.random.default_rng(0)
    inputs = random.random((155, *architecture.inputs), np.float32)
    targets = random.random((155, *outputs), np.float32)

    def trained() -> dict[str, Any]:
        backend = backends.load("torch", "cuda:0")
        recipe = Recipe(1e-3, epochs=3, batch=16)
        state = training.train(architecture, inputs, targets, recipe, seed=0, backend=backend)
        return {key: backend.to_numpy(array) for key, array in state.weights.items()}

    graphs = trained(), trained()
    monkeypatch.setattr(cuda_graph, "EAGER_CALLS", 1_000_000)
    eager = trained()
    for key, array in eager.items():
        np.testing.assert_array_equal(graphs[0][key], array, err_msg=key)
        np.testing.assert_array_equal(graphs[1][key], array, err_msg=key)
