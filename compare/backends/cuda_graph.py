"""Functions of arrays on a CUDA device, recorded as CUDA graphs and replayed.

A training step on small pictures is a few thousand kernels of a few microseconds, and eager PyTorch
takes longer to start each than it runs. A graph starts all of them at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import torch
from torch import Tensor

__all__ = ["EAGER_CALLS", "Recorded", "leaves", "with_leaves"]

_Kind: TypeAlias = tuple[tuple[tuple[int, ...], torch.dtype], ...]

EAGER_CALLS = 3
"""Calls before one is recorded: libraries choose their kernels in them, and what is called less
often is not worth recording."""


class Recorded:
    """A pure function of arrays, in tuples and dicts, that is recorded for each kind of arguments.

    Arrays are of a kind if their shapes and dtypes are equal. The results are copies, which later
    calls leave alone. The function must not read an array on the host.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """Record nothing yet."""
        self._function = function
        self._calls: Counter[_Kind] = Counter()
        self._graphs: dict[_Kind, _Graph] = {}

    def __call__(self, *args: Any) -> Any:
        """Replay the function, or call it if it was not called often enough to be recorded."""
        given = list(leaves(args))
        kind = tuple((tuple(array.shape), array.dtype) for array in given)
        if kind not in self._graphs:
            self._calls[kind] += 1
            if self._calls[kind] <= EAGER_CALLS:
                return self._function(*args)
            self._graphs[kind] = _Graph(self._function, args)
        return self._graphs[kind].replay(given)


class _Graph:
    """A function with arrays of its own, from which the graph reads and into which it writes."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._inputs = [array.clone() for array in leaves(args)]
        self._last: list[Tensor | None] = [None] * len(self._inputs)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = function(*with_leaves(args, iter(self._inputs)))

    def replay(self, given: list[Tensor]) -> Any:
        for own, array, last in zip(self._inputs, given, self._last, strict=True):
            if array is not last:  # as the data set is, at every step
                own.copy_(array)
        self._last = list(given)
        self._graph.replay()
        return with_leaves(self._outputs, iter([array.clone() for array in leaves(self._outputs)]))


def leaves(tree: Any) -> Iterator[Tensor]:
    """Yield the arrays in nested tuples and dicts, in order."""
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, tuple):
        for branch in tree:
            yield from leaves(branch)
    else:
        yield tree


def with_leaves(tree: Any, arrays: Iterator[Tensor]) -> Any:
    """Return the same nested tuples and dicts with other arrays in them."""
    if isinstance(tree, dict):
        return {name: with_leaves(branch, arrays) for name, branch in tree.items()}
    if isinstance(tree, tuple):
        return tuple(with_leaves(branch, arrays) for branch in tree)
    return next(arrays)
