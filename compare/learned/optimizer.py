"""Adam, its rates and their schedule."""

from __future__ import annotations

import math
from typing import Any

from compare.learned.recipe import Recipe
from compare.learned.state import Arrays

__all__ = ["adam", "adam_rate", "decay"]


def adam(
    recipe: Recipe,
    xp: Any,
    rate: Any,
    weights: Arrays,
    mean: Arrays,
    square: Arrays,
    gradients: Arrays,
) -> tuple[Arrays, Arrays, Arrays]:
    """Take a step; returns the weights and both moving means of those that have a gradient.

    With the bias corrections folded into the rate, as TensorFlow has it; see `adam_rate`.
    """
    mean = {k: recipe.beta1 * mean[k] + (1 - recipe.beta1) * g for k, g in gradients.items()}
    square = {
        k: recipe.beta2 * square[k] + (1 - recipe.beta2) * g * g for k, g in gradients.items()
    }
    weights = {
        k: weights[k] - rate * mean[k] / (xp.sqrt(square[k]) + recipe.epsilon) for k in gradients
    }
    return weights, mean, square


def adam_rate(recipe: Recipe, step: int) -> float:
    """Return the rate, bias corrections included, of a step; the first is 1."""
    return recipe.learning_rate * math.sqrt(1 - recipe.beta2**step) / (1 - recipe.beta1**step)


def decay(recipe: Recipe, epoch: int, share: float = 1.0) -> float:
    """Return what the rate of a step is multiplied by.

    The first epoch is 0; the step ends after this share of its epoch.
    """
    if recipe.lr_schedule == "step":
        return 0.1 ** (epoch * 5 // recipe.epochs)
    if recipe.lr_schedule == "warm-up":
        # Of 90 epochs: five of warm-up, a tenth after 30, 60 and 80 (Goyal et al. 2017).
        tenths = sum(90 * epoch >= after * recipe.epochs for after in (30, 60, 80))
        return min(1.0, (epoch + share) * 18 / recipe.epochs) * 0.1**tenths
    return 1.0
