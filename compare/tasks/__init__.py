"""The tasks by name; a task's module is imported when it is asked for.

Other packages add theirs under the entry-point group `compare.tasks`: the entry's name is the
task's, its value "module:TASK".
"""

from __future__ import annotations

from importlib import import_module

from compare.errors import UsageError
from compare.plugins import plugins
from compare.tasks.base import Task

BUILT_IN = {
    "onehot2coord": "a bitmap with one hot pixel to that pixel's (x, y)",
    "coord2onehot": "(x, y) to the bitmap with that one pixel hot",
    "coord2image": "(x, y) to the picture of a 9x9 square centred there",
    "image2coord": "the picture of a 9x9 square to its centre's (x, y)",
}
"""What each built-in task maps to what."""


def known() -> tuple[str, ...]:
    """Return the names of all tasks, the built-in ones first."""
    others = (point.name for point in plugins("compare.tasks"))
    return tuple(dict.fromkeys((*BUILT_IN, *others)))


def summary(name: str) -> str:
    """Return what a task maps to what; a built-in one is not imported for that."""
    return BUILT_IN.get(name) or load(name).summary


def load(name: str) -> Task:
    """Import a task; UsageError lists the tasks if there is no such."""
    if name in BUILT_IN:
        task: Task = import_module(f"compare.tasks.{name}").TASK
        return task
    for point in plugins("compare.tasks").select(name=name):
        task = point.load()
        return task
    raise UsageError(f"unknown task '{name:.40}'; choose from: {', '.join(known())}")
