"""An architecture: a tuple of layer descriptions that counts, prints, initialises and runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from compare.backends import Array, Backend
from compare.datasets.streams import random_stream
from compare.learned.layers import Layer, Parameter, Shape, mixes_samples

__all__ = ["Adversaries", "Architecture", "initial_deviation"]


@dataclass(frozen=True)
class Architecture:
    """Layers for inputs of one shape, (channels, height, width)."""

    inputs: Shape
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        """Refuse layers that do not fit each other; ValueError names the first."""
        self.shapes()

    def shapes(self) -> tuple[Shape, ...]:
        """Return the input's shape and each layer's output's, in order."""
        shapes = [self.inputs]
        for layer in self.layers:
            shapes.append(layer.shape(shapes[-1]))
        return tuple(shapes)

    def parameters(self) -> dict[str, Parameter]:
        """Return every array of the network by name, "3.weight" for layer 3's weight."""
        return {
            f"{index}.{name}": parameter
            for index, (layer, shape) in enumerate(zip(self.layers, self.shapes(), strict=False))
            for name, parameter in layer.parameters(shape).items()
        }

    def count(self) -> int:
        """Return how many numbers are learned."""
        return sum(int(np.prod(p.shape)) for p in self.parameters().values() if p.trained)

    def used(self, weights: Mapping[str, NDArray[Any]]) -> int:
        """Return how many of the learned numbers matter: are not 0, or not 1 for a scale.

        The running statistics of batch norms are not learned, and not counted.
        """
        return sum(
            int(np.count_nonzero(weights[name] != (parameter.initial == "ones")))
            for name, parameter in self.parameters().items()
            if parameter.trained
        )

    def multiply_adds(self) -> int:
        """Return multiply-adds for one sample, computed densely."""
        pairs = zip(self.layers, self.shapes(), strict=False)
        return sum(layer.multiply_adds(shape) for layer, shape in pairs)

    def mixes_samples(self) -> bool:
        """Whether, in training, a sample's output depends on the others in its batch."""
        return any(map(mixes_samples, self.layers))

    def initial_weights(
        self, seed: int, purpose: str = "weights"
    ) -> dict[str, NDArray[np.float32]]:
        """Draw the first weights; the same on every backend, since NumPy draws them.

        `purpose` names the stream of random numbers that they are drawn from.
        """
        rng = random_stream(seed, purpose)
        return {name: _draw(rng, parameter) for name, parameter in self.parameters().items()}

    def bound(self, weights: dict[str, Array]) -> Iterator[tuple[str, Layer, dict[str, Array]]]:
        """Yield the prefix of each layer's names, "3.", the layer, and its own weights."""
        for index, (layer, shape) in enumerate(zip(self.layers, self.shapes(), strict=False)):
            prefix = f"{index}."
            yield prefix, layer, {k: weights[prefix + k] for k in layer.parameters(shape)}

    def apply(
        self,
        backend: Backend,
        weights: dict[str, Array],
        inputs: Array,
        training: bool = False,
    ) -> tuple[Array, dict[str, Array]]:
        """Map a batch, (n, *inputs).

        Returns the outputs and (when training) the new running statistics by name.
        """
        x, statistics = inputs, dict[str, Array]()
        for prefix, layer, own in self.bound(weights):
            updates: dict[str, Array] | None = {} if training else None
            x = layer(backend, own, x, updates)
            statistics.update({prefix + name: new for name, new in (updates or {}).items()})
        return x, statistics

    def __str__(self) -> str:
        """Return the table of layers, output shapes, parameters and multiply-adds."""
        rows = [("layer", "output", "parameters", "multiply-adds")]
        rows.append(("input", "x".join(map(str, self.inputs)), "", ""))
        for layer, before, after in zip(
            self.layers, self.shapes(), self.shapes()[1:], strict=False
        ):
            own = layer.parameters(before).values()
            learned = sum(int(np.prod(p.shape)) for p in own if p.trained)
            rows.append(
                (
                    repr(layer),
                    "x".join(map(str, after)),
                    f"{learned:,}",
                    f"{layer.multiply_adds(before):,}",
                )
            )
        rows.append(("total", "", f"{self.count():,}", f"{self.multiply_adds():,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
            for a, b, c, d in rows
        )


@dataclass(frozen=True)
class Adversaries:
    """A generator and the discriminator that it is trained against."""

    generator: Architecture
    discriminator: Architecture
    """Of one logit, for what the generator puts out."""
    bounded: bool = True
    """Whether what the generator puts out are pictures already, and not what tanh makes them of."""

    def parameters(self) -> dict[str, Parameter]:
        """Return every array of both, the generator's "3.weight" as "generator.3.weight"."""
        return {
            **_named("generator.", self.generator.parameters()),
            **_named("discriminator.", self.discriminator.parameters()),
        }

    def initial_weights(self, seed: int) -> dict[str, NDArray[np.float32]]:
        """Draw the first weights of both, from two streams of random numbers."""
        discriminator = self.discriminator.initial_weights(seed, "discriminator weights")
        return {
            **_named("generator.", self.generator.initial_weights(seed)),
            **_named("discriminator.", discriminator),
        }


def _named(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {prefix + name: array for name, array in arrays.items()}


def initial_deviation(parameter: Parameter) -> float:
    """Return the standard deviation of the distribution that an array is first drawn from.

    It is 0 for what begins as a constant: biases, and all of a batch norm.
    """
    fan_in, fan_out = parameter.fans
    match parameter.initial:
        case "he_normal":
            return float(np.sqrt(2 / fan_in))
        case "glorot_uniform":
            return float(np.sqrt(2 / (fan_in + fan_out)))
        case "zeros" | "ones":
            return 0.0


def _draw(rng: np.random.Generator, parameter: Parameter) -> NDArray[np.float32]:
    """Draw one array in float64 and round it once.

    He-normal is truncated at two standard deviations and widened so that its variance is still
    2 / fan_in (He et al. 2015, arXiv:1502.01852; the truncation and the widening are Keras's).
    Glorot-uniform has limits sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010).
    """
    fan_in, fan_out = parameter.fans
    match parameter.initial:
        case "he_normal":
            tail = ndtr(-2.0)
            normal = ndtri(rng.uniform(tail, 1 - tail, parameter.shape))
            # The standard deviation of a standard normal truncated at +-2.
            deviation = np.sqrt(1 - 4 * np.exp(-2) / np.sqrt(2 * np.pi) / (1 - 2 * tail))
            values = normal * np.sqrt(2 / fan_in) / deviation
        case "glorot_uniform":
            limit = np.sqrt(6 / (fan_in + fan_out))
            values = rng.uniform(-limit, limit, parameter.shape)
        case "zeros":
            values = np.zeros(parameter.shape)
        case "ones":
            values = np.ones(parameter.shape)
    return np.asarray(values, dtype=np.float32)
