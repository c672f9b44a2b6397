"""`compare completion`: subcommands, options, and the names that they take, for shells."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from compare import backends, tasks
from compare.cli import COMMANDS, make_parser, output
from compare.errors import choice
from compare.learned.recipe import OPTIONS
from compare.solvers.catalogue import PRESETS, solvers_of

__all__ = ["DESCRIPTION", "add_arguments", "run", "script"]

DESCRIPTION = (
    "Print a completion script. For bash, once and for all:  compare completion bash > "
    "~/.local/share/bash-completion/completions/compare"
)

_FILES = ("file", "output", "figure")
_DIRECTORIES = ("out", "runs", "figures")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the shell."""
    parser.add_argument("shell", help="bash, zsh or another that shtab knows")


def run(options: argparse.Namespace) -> int:
    """Print the script of a shell."""
    output.show(script(make_parser(COMMANDS), options.shell))
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script of a parser; its arguments gain choices on the way.

    Raises `UsageError` for a shell that there is none for.
    """
    import shtab

    choice("shell", shell, shtab.SUPPORTED_SHELLS)
    known = tasks.known()
    loaded = [tasks.load(name) for name in known]
    supervised = [task.supervision for task in loaded if task.supervision]
    names: dict[str, Iterable[str]] = {
        **{option.name: option.choices for option in OPTIONS if option.choices},
        "loss": dict.fromkeys(loss for each in supervised for loss in each.losses),
        "task": known,
        "solver": dict.fromkeys(solver for name in known for solver in solvers_of(name)),
        "split": dict.fromkeys(split for task in loaded for split in task.splits),
        "preset": PRESETS,
        "backend": backends.available(),
        "shell": shtab.SUPPORTED_SHELLS,
    }
    for action in _actions(parser):
        if action.dest in names:
            action.choices = list(names[action.dest])
        elif action.dest in _FILES + _DIRECTORIES:
            complete: Any = shtab.FILE if action.dest in _FILES else shtab.DIRECTORY
            action.complete = complete  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    actions = []
    for action in parser._actions:
        actions.append(action)
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                actions += _actions(command)
    return actions
