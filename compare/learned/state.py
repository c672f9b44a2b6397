"""The state of a training, and its checkpoint."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.files import read_sealed_arrays, write_sealed_arrays

__all__ = ["MARKS", "Arrays", "HostArrays", "State", "marks", "read_checkpoint"]

Arrays: TypeAlias = dict[str, Array]
HostArrays: TypeAlias = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class State:
    """Everything a training run needs to go on: on disk it is the checkpoint.

    weights, and Adam's moving means of gradients and of their squares, by parameter name; the
    sum of losses in this epoch; the number of steps done; each finished epoch's mean loss; what
    else is known of each finished epoch, by name; the seconds spent; and of a training of one
    epoch the sums of losses up to each of `marks` since the one before, None of others. In such a
    training the sum of losses begins anew at each.
    """

    weights: Arrays
    mean: Arrays
    square: Arrays
    running_loss: Array
    steps: int = 0
    losses: tuple[float, ...] = ()
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    seconds: float = 0.0
    sums: tuple[float, ...] | None = None

    def arrays(self, backend: Backend) -> HostArrays:
        """Return what is written to a checkpoint."""
        arrays = {
            f"{group}/{name}": backend.to_numpy(array)
            for group in ("weights", "mean", "square")
            for name, array in getattr(self, group).items()
        }
        arrays["steps"] = np.asarray(self.steps)
        arrays["losses"] = np.asarray(self.losses, dtype=np.float64)
        for name, curve in self.curves.items():
            arrays[f"curves/{name}"] = np.asarray(curve, dtype=np.float64)
        arrays["running_loss"] = backend.to_numpy(self.running_loss)
        arrays["seconds"] = np.asarray(self.seconds)
        if self.sums is not None:
            arrays["sums"] = np.asarray(self.sums, dtype=np.float64)
        return arrays

    def save(self, path: Path, backend: Backend) -> None:
        """Write the checkpoint, whole or not at all."""
        write_sealed_arrays(path, self.arrays(backend))

    @classmethod
    def of(cls, arrays: HostArrays, backend: Backend) -> State:
        """Undo `arrays`."""
        groups: dict[str, Arrays] = {"weights": {}, "mean": {}, "square": {}}
        curves = {}
        for key, array in arrays.items():
            group, _, name = key.partition("/")
            if group == "curves":
                curves[name] = tuple(array.tolist())
            elif name:
                groups[group][name] = backend.asarray(array)
        return cls(
            **groups,
            curves=curves,
            steps=int(arrays["steps"]),
            losses=tuple(arrays["losses"].tolist()),
            running_loss=backend.asarray(arrays["running_loss"]),
            seconds=float(arrays["seconds"]),
            sums=tuple(arrays["sums"].tolist()) if "sums" in arrays else None,
        )


MARKS = 50
"""Steps of a training of one epoch, at most, after which its loss is kept."""


def marks(steps: int) -> tuple[int, ...]:
    """Return the steps of one epoch of so many after which its loss is kept; the last is one."""
    count = min(MARKS, steps)
    return tuple(steps * number // count for number in range(1, count + 1))


def read_checkpoint(path: Path, like: HostArrays, epochs: int, steps_an_epoch: int) -> HostArrays:
    """Read what `State.of` takes; `like` is what `State.arrays` returns before the first step.

    Raises ValueError, naming the file, if it is not a whole one, has other arrays, dtypes or shapes
    than `like`, or is not of a training by so many epochs and steps.
    """
    arrays = read_sealed_arrays(path)
    # An earlier version wrote none; a training of more epochs has one sum for each.
    if "sums" in arrays and "sums" not in like:
        sums = arrays.pop("sums")
        if arrays["steps"] < steps_an_epoch:
            arrays["running_loss"] = np.asarray(arrays["running_loss"] + sums.sum(), np.float32)
    for name in (like.keys() | arrays.keys()) - ({"sums"} - arrays.keys()):
        expected, found = like.get(name), arrays.get(name)
        if (
            expected is None
            or found is None
            or (found.shape != expected.shape and (not _grows(name) or found.ndim != 1))
        ):
            raise ValueError(f"{path} is the checkpoint of another network")
        if found.dtype != expected.dtype:
            raise ValueError(f"{path} has {name} in {found.dtype}, not {expected.dtype}")
    if fault := _fault(arrays, epochs, steps_an_epoch):
        raise ValueError(f"{path} is of no training: {fault}")
    return arrays


def _grows(name: str) -> bool:
    """Whether an array of a checkpoint becomes longer as the training goes on."""
    return _of_epochs(name) or name == "sums"


def _of_epochs(name: str) -> bool:
    """Whether an array of a checkpoint has a number for each epoch."""
    return name == "losses" or name.startswith("curves/")


def _fault(arrays: HostArrays, epochs: int, steps_an_epoch: int) -> str:
    """Say what no training by so many epochs and steps leaves behind; nothing if all is well."""
    steps, losses, seconds = int(arrays["steps"]), arrays["losses"], float(arrays["seconds"])
    if not 0 <= steps <= epochs * steps_an_epoch:
        return f"{steps} steps, of {epochs * steps_an_epoch}"
    for name in filter(_of_epochs, arrays):
        if (count := len(arrays[name])) != steps // steps_an_epoch:
            what = "losses" if name == "losses" else f"values of {name}"
            return f"{count} {what} after {steps} steps, {steps_an_epoch} an epoch"
    if "sums" in arrays and len(arrays["sums"]) != bisect_right(marks(steps_an_epoch), steps):
        return f"{len(arrays['sums'])} sums of losses after {steps} steps of {steps_an_epoch}"
    if not np.isfinite(losses[:-1]).all() or (
        steps % steps_an_epoch and not np.isfinite(losses).all()
    ):
        return "it went on after a loss that is not finite"
    if not 0 <= seconds < np.inf:
        return f"{seconds} seconds"
    for name, moments in arrays.items():
        group, _, parameter = name.partition("/")
        if group == "square" and (moments < 0).any():
            return f"{name} has a negative mean of squares"
        # A step takes what is not a number from the moments to the weights.
        if group in ("mean", "square"):
            weights = arrays[f"weights/{parameter}"]
            if (np.isnan(moments) & np.isfinite(weights)).any():
                return f"{name} has what is not a number, and its weights have not"
    return ""
