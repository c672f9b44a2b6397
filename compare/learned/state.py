"""The state of a training, and its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.files import read_sealed_arrays, write_sealed_arrays

Arrays: TypeAlias = dict[str, Array]
HostArrays: TypeAlias = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class State:
    """Everything a training run needs to go on: on disk it is the checkpoint.

    weights, and Adam's moving means of gradients and of their squares, by parameter name; the
    sum of losses in this epoch; the number of steps done; each finished epoch's mean loss; and
    the seconds spent.
    """

    weights: Arrays
    mean: Arrays
    square: Arrays
    running_loss: Array
    steps: int = 0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0

    def arrays(self, backend: Backend) -> HostArrays:
        """Return what is written to a checkpoint."""
        arrays = {
            f"{group}/{name}": backend.to_numpy(array)
            for group in ("weights", "mean", "square")
            for name, array in getattr(self, group).items()
        }
        arrays["steps"] = np.asarray(self.steps)
        arrays["losses"] = np.asarray(self.losses, dtype=np.float64)
        arrays["running_loss"] = backend.to_numpy(self.running_loss)
        arrays["seconds"] = np.asarray(self.seconds)
        return arrays

    def save(self, path: Path, backend: Backend) -> None:
        """Write the checkpoint, whole or not at all."""
        write_sealed_arrays(path, self.arrays(backend))

    @classmethod
    def of(cls, arrays: HostArrays, backend: Backend) -> State:
        """Undo `arrays`."""
        groups: dict[str, Arrays] = {"weights": {}, "mean": {}, "square": {}}
        for key, array in arrays.items():
            group, _, name = key.partition("/")
            if name:
                groups[group][name] = backend.asarray(array)
        return cls(
            **groups,
            steps=int(arrays["steps"]),
            losses=tuple(arrays["losses"].tolist()),
            running_loss=backend.asarray(arrays["running_loss"]),
            seconds=float(arrays["seconds"]),
        )


def read_checkpoint(path: Path, like: State) -> HostArrays:
    """Read what `State.of` takes; ValueError if it is not a whole one, or not of a state `like`."""
    arrays = read_sealed_arrays(path)
    wanted = {
        f"{group}/{name}": array.shape
        for group in ("weights", "mean", "square")
        for name, array in getattr(like, group).items()
    }
    scalars = {"steps", "losses", "running_loss", "seconds"}
    found = {name: array.shape for name, array in arrays.items() if name not in scalars}
    if found != wanted or not scalars <= arrays.keys():
        raise ValueError(f"{path} is the checkpoint of another network")
    return arrays
