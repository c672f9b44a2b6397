"""What several commands share: their options, and JSON that every reader takes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from compare.learned.recipe import OPTIONS, Option

__all__ = [
    "PRESET",
    "Group",
    "add_events",
    "add_fields",
    "add_place",
    "add_price",
    "add_recipe",
    "add_size",
    "add_solvers",
    "add_splits",
    "add_task",
    "recipe_of",
    "strict_json",
]

Group: TypeAlias = argparse._ActionsContainer
"""A parser, or a group of its options."""

PRESET = (
    "quick: a first look, unfinished; paper: the published recipe in full (default: paper for the "
    "regressors, quick for what takes hours)"
)


def add_task(group: Group, **keywords: Any) -> None:
    """Add the option for a task, which must be given unless the keywords say otherwise."""
    group.add_argument(
        "--task",
        **{"required": True, "help": "what to compute; 'compare list' names them", **keywords},
    )


def add_solvers(group: Group) -> None:
    """Add the option for solvers."""
    group.add_argument(
        "--solver", metavar="NAMES", help="comma-separated (default: all of the task's)"
    )


def add_splits(group: Group) -> None:
    """Add the option for splits."""
    group.add_argument(
        "--split", metavar="NAMES", help="comma-separated (default: all of the task's)"
    )


def add_size(group: Group, *, folder: bool = False) -> None:
    """Add the option for the canvas, of a command that takes a folder of pictures or not."""
    group.add_argument(
        "--size",
        metavar="N|HxW",
        help="canvas in pixels (default: 64, as published; 50 for the GANs' quick preset"
        f"{'; 224 with --data' if folder else ''})",
    )


def add_place(group: Group, *, precision: bool = True, folder: bool = False) -> None:
    """Add the options for a backend, its device and its precision; see `add_size`."""
    group.add_argument(
        "--backend",
        metavar="NAME",
        default=None if folder else "numpy",
        help=f"numpy, torch, jax (default: numpy{'; torch with --data' if folder else ''})",
    )
    group.add_argument(
        "--device",
        metavar="NAME",
        default="auto",
        help="cpu, cuda:N, mps, tpu:N, or with jax all of them (default: auto, the best one)",
    )
    if precision:
        group.add_argument(
            "--precision",
            metavar="NAME",
            help="float32, or, to be faster, tf32 or bf16 where the backend has them"
            f"{', or fp16 with --data' if folder else ''} (default: float32)",
        )


def add_price(group: Group) -> None:
    """Add the option for prices."""
    group.add_argument(
        "--price",
        metavar="NAME=X",
        help="say what runs cost at prices such as gpu=2.50,kwh=0.30: an hour of one gpu, an hour "
        "of one core where there is no GPU, and kwh of energy",
    )


def add_events(group: Group) -> None:
    """Add the option for live training curves."""
    group.add_argument(
        "--tensorboard",
        metavar="DIR",
        help="write the loss of each epoch there as it ends, a directory a run; 'tensorboard "
        "--logdir DIR' draws it live",
    )


def add_recipe(parser: argparse.ArgumentParser, summary: str) -> None:
    """Add an option for each field of the recipe that is one, under a heading of their own."""
    add_fields(parser.add_argument_group("training", summary).add_argument, OPTIONS)


def add_fields(add_argument: Callable[..., Any], chosen: Sequence[Option]) -> None:
    """Add an option for each of some fields of the recipe, to a parser or a group of one."""
    for option in chosen:
        add_argument(
            "--" + option.name.replace("_", "-"),
            metavar=option.metavar,
            help=f"{option.help}{f' ({_or(option.choices)})' if option.choices else ''}",
        )


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


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
