"""The tasks by name; a task's module is imported when it is asked for.

Other packages add theirs under the entry-point group `compare.tasks`: the entry's name is the
task's, its value "module:TASK".
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from compare.errors import UsageError, unknown
from compare.plugins import load as plugin
from compare.plugins import load_working, plugins
from compare.tasks.base import Column, Supervision, Task

__all__ = ["BUILT_IN", "known", "load", "summary"]

BUILT_IN = {
    "onehot2coord": "a bitmap with one hot pixel to that pixel's (x, y)",
    "coord2onehot": "(x, y) to the bitmap with that one pixel hot",
    "coord2image": "(x, y) to the picture of a 9x9 square centred there",
    "image2coord": "the picture of a 9x9 square to its centre's (x, y)",
    "two-objects": "random numbers to a picture of two objects, as the paper's GAN",
    "classification": "a handwritten digit on a canvas to its class",
}
"""What each built-in task maps to what."""


def known() -> tuple[str, ...]:
    """Return the names of all tasks, the built-in ones first; of others those that work."""
    others = (p.name for p in plugins("compare.tasks") if load_working(p, _fault) is not None)
    return tuple(dict.fromkeys((*BUILT_IN, *others)))


def summary(name: str) -> str:
    """Return what a task maps to what; a built-in one is not imported for that."""
    return BUILT_IN.get(name) or load(name).summary


def load(name: str, folder: str = "") -> Task:
    """Import a task; the one on the pictures in a `folder`, if one is given.

    Raises `UsageError`, which lists the tasks if there is no such and says what is wrong with one
    of another package that is broken, or that the task does not take a folder.
    """
    task = _load(name)
    if not folder:
        return task
    if task.of_folder is None:
        raise UsageError(f"task '{name}' takes no folder of pictures, such as '{folder}'")
    return task.of_folder(folder)


def _load(name: str) -> Task:
    if name in BUILT_IN:
        task: Task = import_module(f"compare.tasks.{name.replace('-', '_')}").TASK
        return task
    for point in plugins("compare.tasks").select(name=name):
        task = plugin(point, _fault)
        return task
    raise unknown("task", name, known())


def _fault(name: str, task: Any) -> str:
    """Say what is wrong with the task of another package; nothing if it can be used."""
    if not isinstance(task, Task):
        return f"it is of type {type(task).__name__}, not a compare.tasks.base.Task"
    if task.name != name:
        return f"it calls itself '{task.name}'"
    texts = (task.summary, task.legend, task.error, task.criterion)
    if not all(isinstance(text, str) for text in texts):
        return "its summary, legend, error or criterion is no text"
    if not task.splits or not all(isinstance(split, str) for split in task.splits):
        return "its splits are not names"
    if not all(isinstance(column, Column) for column in task.columns):
        return "its columns are not of compare.tasks.base.Column"
    if not all(map(callable, (task.split, task.all_samples, task.evaluate))):
        return "its split, all_samples or evaluate is no function"
    if not isinstance(task.supervision, Supervision | None):
        return "its supervision is not a compare.tasks.base.Supervision"
    return ""
