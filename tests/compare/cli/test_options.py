"""What several commands share."""

import argparse

import pytest

from compare.cli.options import add_recipe, recipe_of, strict_json
from compare.learned.recipe import OPTIONS


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_recipe(parser, "a heading")
    return parser


def test_every_option_of_the_recipe_is_one_of_the_command(parser):
    options = vars(parser.parse_args([]))
    assert list(options) == [option.name for option in OPTIONS]
    assert recipe_of(parser.parse_args([])) == {}


def test_what_was_given_is_kept_as_text(parser):
    options = parser.parse_args(["--epochs", "3", "--lr-schedule", "step"])
    assert recipe_of(options) == {"epochs": "3", "lr_schedule": "step"}


def test_json_has_null_for_what_is_no_number():
    found = strict_json({"a": [1.5, float("nan"), (float("inf"), -0.0)], "b": "nan", "c": 3})
    assert found == {"a": [1.5, None, [None, -0.0]], "b": "nan", "c": 3}
