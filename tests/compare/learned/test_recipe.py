"""A recipe's defaults, which the published command lines rely on."""

from dataclasses import FrozenInstanceError, asdict

import pytest

from compare.learned.recipe import Recipe


def test_the_defaults_are_those_of_the_authors_script():
    """Batch 256, betas 0.9 and 0.99, L2 1e-5 (github.com/uber-research/CoordConv); the rest is ours."""
    recipe = asdict(Recipe(learning_rate=0.005))
    expected = {
        "learning_rate": 0.005,
        "l2": 1e-5,
        "batch": 256,
        "loss": "mse",
        "lr_schedule": "constant",
        "width": 1,
        "kernel": 3,
        "coordinates": "scaled",
        "beta1": 0.9,
        "beta2": 0.99,
        "epsilon": 1e-8,
    }
    assert {name: recipe[name] for name in expected} == expected


def test_there_is_no_default_rate():
    with pytest.raises(TypeError, match="learning_rate"):
        Recipe()


def test_a_recipe_is_a_key_that_does_not_change():
    """Compiled steps are kept by recipe."""
    recipe = Recipe(0.01)
    assert hash(recipe) == hash(Recipe(0.01))
    assert recipe != Recipe(0.02)
    with pytest.raises(FrozenInstanceError):
        recipe.batch = 1
