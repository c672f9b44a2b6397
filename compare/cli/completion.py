"""Completion for shells: subcommands, options, and the names that they take."""

from __future__ import annotations

import argparse
from typing import Any

from compare import backends, tasks
from compare.errors import UsageError
from compare.solvers.catalogue import offered


def _completion(options: argparse.Namespace) -> int:
    from compare.cli import _parser
    from compare.cli.completion import script

    print(script(_parser(), options.shell))
    return 0


FILES = ("file", "output")
DIRECTORIES = ("out", "runs", "figures")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script of a parser; its arguments gain choices on the way.

    Raises `UsageError` for a shell that there is none for.
    """
    import shtab

    if shell not in shtab.SUPPORTED_SHELLS:
        raise UsageError(
            f"unknown shell '{shell}'; choose from: {', '.join(shtab.SUPPORTED_SHELLS)}"
        )
    known = tasks.known()
    loaded = [tasks.load(name) for name in known]
    names = {
        "task": known,
        "solver": dict.fromkeys(solver for name in known for solver in offered(name)),
        "split": dict.fromkeys(split for task in loaded for split in task.splits),
        "loss": dict.fromkeys(loss for task in loaded for loss in task.losses),
        "preset": ("quick", "paper"),
        "lr_schedule": ("constant", "step"),
        "coordinates": ("scaled", "pixels"),
        "backend": backends.available(),
        "shell": shtab.SUPPORTED_SHELLS,
    }
    for action in _actions(parser):
        if action.dest in names:
            action.choices = list(names[action.dest])
        elif action.dest in FILES + DIRECTORIES:
            complete: Any = shtab.FILE if action.dest in FILES else shtab.DIRECTORY
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
