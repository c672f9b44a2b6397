"""The losses, each a mean over the samples of a batch.

Each takes (xp, outputs, targets) with outputs as the network puts them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from compare.backends import Array

Loss: TypeAlias = Callable[[Any, Array, Array], Array]


def mse(xp: Any, outputs: Array, targets: Array) -> Array:
    """Mean squared difference over samples and their numbers."""
    return xp.mean((outputs - targets) ** 2)


def softmax(xp: Any, outputs: Array, targets: Array) -> Array:
    """Cross-entropy of the softmax over all pixels; targets are (n,) flat pixel numbers."""
    logits = xp.reshape(outputs, (outputs.shape[0], -1))
    shifted = logits - xp.max(logits, axis=1, keepdims=True)
    chosen = shifted[xp.arange(outputs.shape[0]), targets]
    return xp.mean(xp.log(xp.sum(xp.exp(shifted), axis=1)) - chosen)


def sigmoid(xp: Any, outputs: Array, targets: Array) -> Array:
    """Cross-entropy of each pixel's sigmoid, the mean over samples and pixels.

    max(z, 0) - z t + log(1 + exp(-|z|)), which overflows nowhere (TensorFlow's form).
    """
    size = xp.maximum(outputs, -outputs)
    positive = (size + outputs) / 2
    return xp.mean(positive - outputs * targets + xp.log(1 + xp.exp(-size)))


LOSSES: dict[str, Loss] = {"mse": mse, "softmax": softmax, "sigmoid": sigmoid}
