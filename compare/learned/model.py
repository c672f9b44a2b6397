"""A model: an architecture with weights, whoever made them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend, load
from compare.learned.architecture import Architecture
from compare.learned.sparse.batches import from_chunks, microbatch, to_arrays
from compare.learned.training import forward

__all__ = ["Cost", "History", "Model", "require_batch"]


@dataclass(frozen=True)
class Cost:
    """What a model is made of and what one sample costs it, computed densely."""

    parameters: int
    """Numbers that were learned."""
    constants: int
    """Numbers that somebody fixed; of computed weights, those that matter."""
    multiply_adds: int


@dataclass(frozen=True)
class History:
    """How a training went; empty where there was none."""

    losses: tuple[float, ...] = ()
    """The mean loss of each epoch."""
    seconds: float = 0.0
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What else is known of each epoch, by name."""
    samples: int | None = None
    """How many it was trained on, counted again in every epoch, if somebody counted."""
    waiting: float | None = None
    """Of the seconds, those without a batch to compute on, if somebody looked."""
    by_step: Mapping[int, float] = field(default_factory=dict)
    """Of a training of one epoch, by step, the mean loss since the step before, if it is known."""

    @property
    def diverged(self) -> bool:
        """Whether the last loss is no longer finite."""
        return bool(self.losses) and not math.isfinite(self.losses[-1])


def require_batch(inputs: Any, sample: tuple[int, ...]) -> None:
    """Raise TypeError or ValueError for what is no batch of samples of a shape, which is named."""
    expected = f"({', '.join(map(str, ('n', *sample)))})"
    if not isinstance(inputs, np.ndarray) or inputs.dtype.kind not in "biuf":
        kind = getattr(inputs, "dtype", type(inputs).__name__)
        raise TypeError(f"the inputs are of {kind}; give a NumPy array of numbers, {expected}")
    if inputs.shape[1:] != sample or inputs.ndim != 1 + len(sample):
        raise ValueError(f"the inputs have shape {inputs.shape}; expected {expected}")


def _as_they_are(outputs: NDArray[Any]) -> NDArray[Any]:
    return outputs


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """An architecture with weights: it predicts.

    `Model(architecture, weights)` is all it takes for weights from anywhere. Raises ValueError for
    weights of other names or shapes than the architecture's, or of another dtype than the backend
    computes in, float64 or float32; and of numbers that are not finite, unless they were trained.
    """

    architecture: Architecture
    weights: Mapping[str, NDArray[Any]]
    """Every array of `architecture.parameters()`, by name."""
    decode: Callable[[NDArray[Any]], NDArray[Any]] = _as_they_are
    """(outputs of the network) to answers, in a task's own units."""
    backend: Backend = field(default_factory=lambda: load("numpy"))
    history: History = History()
    trained: bool = False
    """Whether the weights were learned, which decides how they are counted. If so, they may not be
    finite, after a training that diverged, and they have the backend's dtype."""
    dense: bool = False
    """Whether pictures are computed on full maps always. The shortcut for sparse pictures adds in
    another order, and so may round in another way."""

    def __post_init__(self) -> None:
        """Compare the weights with the architecture."""
        expected = {name: p.shape for name, p in self.architecture.parameters().items()}
        given = {name: tuple(array.shape) for name, array in self.weights.items()}
        for name in expected | given:
            if expected.get(name) != given.get(name):
                raise ValueError(
                    f"weight {name} has shape {given.get(name)}; this architecture has "
                    f"{expected.get(name)} there"
                )
        computed = np.dtype("float64" if self.backend.precision == "float64" else "float32")
        for name, array in self.weights.items():
            if array.dtype != computed:
                raise ValueError(
                    f"weight {name} is in {array.dtype}; {self.backend.name} computes in "
                    f"{self.backend.precision} here: give {computed}"
                )
            if not self.trained and not np.isfinite(array).all():
                raise ValueError(f"weight {name} is not finite; give numbers")

    def __repr__(self) -> str:
        """Return what goes in and out, the layers, and how many numbers there are."""
        shapes = ["x".join(map(str, shape)) for shape in self.architecture.shapes()]
        layers = ", ".join(type(layer).__name__ for layer in self.architecture.layers)
        learned = f"{self.cost.parameters:,} numbers learned"
        numbers = learned if self.trained else f"{self.cost.constants:,} numbers fixed"
        return f"<Model: {shapes[0]} -> {shapes[-1]}; {layers}; {numbers}>"

    @cached_property
    def cost(self) -> Cost:
        """What the architecture is made of, and what one sample costs it.

        Of weights that were learned all numbers count; of others those that are not 0, or not 1
        for the scale of a batch norm.
        """
        multiply_adds = self.architecture.multiply_adds()
        if self.trained:
            return Cost(self.architecture.count(), 0, multiply_adds)
        return Cost(0, self.architecture.used(self.weights), multiply_adds)

    @cached_property
    def _on_device(self) -> dict[str, Array]:
        return {name: self.backend.asarray(array) for name, array in self.weights.items()}

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Run the network on a batch, (n, *architecture.inputs); returns decoded answers."""
        return self.decode(self.outputs(inputs))

    def predict_by_batch(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Run the network on a batch at once, its batch norms by the batch's own statistics.

        As in training; `predict` takes the running statistics.
        """
        backend = self.backend
        outputs, _ = self.architecture.apply(
            backend, self._on_device, backend.asarray(inputs), training=True
        )
        return self.decode(backend.to_numpy(outputs))

    def outputs(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Run the network on a batch, as many samples at a time as the backend likes.

        inputs: (n, *architecture.inputs). Returns what the last layer puts out, the sample first.
        Raises TypeError or ValueError for inputs of another kind or shape.
        """
        require_batch(inputs, self.architecture.inputs)
        if len(inputs) == 0:
            precision = np.float64 if self.backend.precision == "float64" else np.float32
            return np.zeros((0, *self.architecture.shapes()[-1]), precision)
        backend, compiled = self.backend, forward(self.architecture, self.backend)
        batch = inputs if self.dense else from_chunks([inputs])
        size = microbatch(self.architecture, backend, len(inputs), batch)
        shared, samples = to_arrays(batch)
        shared = tuple(backend.asarray(array) for array in shared)

        def outputs(start: int) -> NDArray[Any]:
            part = tuple(backend.asarray(array[start : start + size]) for array in samples)
            return backend.to_numpy(compiled(self._on_device, shared, part))

        return np.concatenate(backend.map(outputs, range(0, len(inputs), size)))
