"""What several commands share: the options of a recipe, and JSON that every reader takes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from compare.learned.recipe import OPTIONS, Option


def add_recipe(parser: argparse.ArgumentParser, summary: str) -> None:
    """Add an option for each field of the recipe that is one, under a heading of their own."""
    add_fields(parser.add_argument_group("training", summary).add_argument, OPTIONS)


def add_fields(add_argument: Callable[..., Any], chosen: Sequence[Option]) -> None:
    """Add an option for each of some fields of the recipe, to a parser or a group of one."""
    for option in chosen:
        choices = f"{', '.join(option.choices)}: " if option.choices else ""
        add_argument(
            "--" + option.name.replace("_", "-"),
            metavar=option.metavar,
            help=f"{choices}{option.help}",
        )


def recipe_of(options: argparse.Namespace, chosen: Sequence[Option] = OPTIONS) -> dict[str, str]:
    """Return those of the recipe's options that were given, by name, in text."""
    return {
        option.name: text
        for option in chosen
        if (text := getattr(options, option.name)) is not None
    }


def strict_json(value: Any) -> Any:
    """Replace what JSON has no number for, infinities and NaN, by null."""
    if isinstance(value, dict):
        return {key: strict_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict_json(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value
