"""The losses, each a mean over the samples of a batch.

Each takes (backend, outputs, targets) with outputs as the network puts them out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from compare.backends import Array, Backend

__all__ = ["LOSSES", "Loss", "mse", "sigmoid", "softmax"]

Loss: TypeAlias = Callable[[Backend, Array, Array], Array]


def mse(backend: Backend, outputs: Array, targets: Array) -> Array:
    """Mean squared difference over samples and their numbers."""
    return _mean(backend, (outputs - targets) ** 2)


def softmax(backend: Backend, outputs: Array, targets: Array) -> Array:
    """Cross-entropy of the softmax over all pixels; targets are (n,) flat pixel numbers."""
    return backend.softmax_cross_entropy(outputs, targets)


def sigmoid(backend: Backend, outputs: Array, targets: Array) -> Array:
    """Cross-entropy of each pixel's sigmoid, the mean over samples and pixels.

    max(z, 0) - z t + log(1 + exp(-|z|)), which overflows nowhere (TensorFlow's form).
    """
    xp = backend.xp
    size = xp.maximum(outputs, -outputs)
    positive = (size + outputs) / 2
    return _mean(backend, positive - outputs * targets + xp.log(1 + xp.exp(-size)))


def _mean(backend: Backend, values: Array) -> Array:
    """Return the mean. autograd's own sends float64 back, whatever the type of the values."""
    return backend.xp.sum(values) / math.prod(values.shape)


LOSSES: dict[str, Loss] = {"mse": mse, "softmax": softmax, "sigmoid": sigmoid}
