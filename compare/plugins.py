"""What other packages add to this one, through entry points.

One rule for tasks, solvers and backends: what is broken is a warning that names its distribution,
and is left out; it is an error only for whoever asks for it by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, TypeVar

from compare.errors import RunError, StorageError, UsageError

__all__ = ["PluginError", "T", "distribution", "guarded", "load", "load_working", "plugins"]

T = TypeVar("T")


class PluginError(UsageError):
    """What another package adds cannot be used; the message names its distribution."""


def plugins(group: str) -> EntryPoints:
    """Return the entry points of a group, "compare.tasks" for one, of all installed packages."""
    chosen: EntryPoints = _all().select(group=group)
    return chosen


@cache
def _all() -> Any:
    """Return all of them: looking through what is installed takes tens of milliseconds a time.

    What holds them is of another type in Python 3.12 than before, but has the same `select`.
    """
    return entry_points()


def distribution(point: EntryPoint) -> str:
    """Return the name of the package that an entry point is of."""
    return str(point.dist.name) if point.dist else str(point.value).partition(".")[0]


def guarded(what: str, function: Callable[[], T]) -> T:
    """Call a function of another package, which may raise anything.

    Raises `PluginError`, which says that `what` cannot be used and why; exceptions that this
    program says in one line already, and an interruption, are raised as they are.
    """
    try:
        return function()
    except (UsageError, RunError, StorageError, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit too, which would end the command in silence
        raise PluginError(f"{what} cannot be used ({type(error).__name__}: {error})") from error


def load(point: EntryPoint, fault: Callable[[str, Any], str]) -> Any:
    """Import what an entry point names.

    `fault` is called with its name and the object, and returns what is wrong with that, or nothing.
    Raises `PluginError`.
    """
    kind = point.group.removeprefix("compare.").removesuffix("s")
    what = f"{kind} '{point.name}' of {distribution(point)}"

    def checked() -> Any:
        found = point.load()
        if wrong := fault(point.name, found):
            raise TypeError(wrong)
        return found

    return guarded(what, checked)


@cache
def load_working(point: EntryPoint, fault: Callable[[str, Any], str]) -> Any | None:
    """Import what an entry point names; None, with a warning, if that is broken."""
    try:
        return load(point, fault)
    except UsageError as error:
        warnings.warn(f"{error}; left out", stacklevel=2)
        return None
