"""What commands say on the way: a bar with the time left, notes, details; `-q` and `-v` decide.

What was asked for itself, such as a table, is printed by the command and is none of these.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def _say(message: str, bar: Any) -> None:
    bar.write(f"compare: {message}", file=sys.stderr)


QUIET, NORMAL, VERBOSE = -1, 0, 1

level: ContextVar[int] = ContextVar("level", default=NORMAL)
"""Of this process's commands; the command line sets it."""


def bar(total: int, unit: str, shown: bool = True) -> tqdm[Any]:
    """Return a progress bar with the time left on standard error; none if that is no terminal.

    It is never shown in a process that leaves reporting to another, where `shown` is False.
    It is drawn without colour, so NO_COLOR (no-color.org) has nothing to take away.
    """
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, disable=None if shown and level.get() > QUIET else True)


def note(message: str) -> None:
    """Print what is good to know, such as where results lie; nothing if quiet."""
    if level.get() > QUIET:
        print(message)


def detail(message: str) -> None:
    """Say on standard error, above a bar, what is of interest when asked for more."""
    if level.get() >= VERBOSE:
        from tqdm import tqdm

        tqdm.write(f"compare: {message}", file=sys.stderr)
