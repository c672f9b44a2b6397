"""What other packages add to this one, through entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any


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
