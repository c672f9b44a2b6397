"""Adam's rates and their schedule."""

from __future__ import annotations

import math

from compare.learned.recipe import Recipe


def _adam_rate(recipe: Recipe, step: int) -> float:
    return recipe.learning_rate * math.sqrt(1 - recipe.beta2**step) / (1 - recipe.beta1**step)


def _decay(recipe: Recipe, epoch: int) -> float:
    return 0.1 ** (epoch * 5 // recipe.epochs) if recipe.lr_schedule == "step" else 1.0
