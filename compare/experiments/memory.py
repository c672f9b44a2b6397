"""How much main memory will be needed, said before any work starts.

These are lower bounds: what is surely too much is refused, and what is only too much for a network
ends in an error that names its batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from compare.errors import UsageError
from compare.tasks.base import Task

__all__ = ["A_PIXEL", "of_enumeration", "of_samples", "require", "require_enumeration"]

A_PIXEL = 64
"""Bytes a pixel that the positions of a split take while it is drawn: each an (x, y) of int64,
copied, and divided by the canvas's sides in float64."""

_A_JOB = 2_000
"""Bytes that each part of an enumeration takes while it waits for a thread; 2,000 to 2,350 were
measured."""

_LARGEST_ENUMERATION = 10**9
"""Bytes of all parts of one."""

_JOB = 1 << 18
"""Numbers in the inputs of one part, `handcrafted.proofs.claims._ELEMENTS`."""

_AT_WORK = 1 << 25
"""Bytes of what is computed at a time, roughly and whatever the canvas."""


def require(what: str, text: str, needed: int) -> None:
    """Raise `UsageError`, naming the value and the bytes needed, if memory has not so many."""
    from compare.backends.base import host_memory

    free = host_memory()
    if needed > free:
        raise UsageError(
            f"{what} is '{text:.40}', which takes at least {_gigabytes(needed)} of memory, and "
            f"{_gigabytes(free)} are free: give a smaller canvas"
        )


def require_enumeration(what: str, text: str, side: int, every_size: bool) -> None:
    """Raise `UsageError` for a side whose enumeration would take more than a gigabyte."""
    needed = of_enumeration(side, every_size)
    if needed > _LARGEST_ENUMERATION:
        raise UsageError(
            f"{what} is '{text:.40}', whose cases take {_gigabytes(needed)} of memory while they "
            f"wait, and up to {_gigabytes(_LARGEST_ENUMERATION)} may: give a smaller one"
        )


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:,.0f} GB" if number >= 10**10 else f"{number / 1e9:.2g} GB"


def of_samples(task: Task, height: int, width: int, drawn: int = 0) -> int:
    """Return the bytes that evaluating a model at every position of a canvas takes.

    What is kept of each sample, twice, as it is joined or written from a copy; and `drawn` samples
    with their targets at once. It is measured on one sample, with its target for an answer.
    """
    data = task.all_samples(height, width)
    one = replace(data, positions=data.positions[:1])
    targets = one.targets()
    kept = task.evaluate(_Answers(targets), one).samples
    each = A_PIXEL + 2 * sum(array.nbytes for array in kept.values())
    pictures = min(drawn, len(data)) * (one.inputs().nbytes + targets.nbytes)
    return len(data) * each + pictures + _AT_WORK


def of_enumeration(side: int, every_size: bool) -> int:
    """Return the bytes of an enumeration's parts, of one case a pixel or more.

    It is of every canvas up to `side` pixels each way, or of the square one alone.
    """
    if every_size:
        canvases, cases = side**2, (side * (side + 1) // 2) ** 2
        numbers = (side * (side + 1) * (2 * side + 1) // 6) ** 2
    else:
        canvases, cases, numbers = 1, side**2, side**4
    return _A_JOB * min(cases, max(canvases, numbers // _JOB))


@dataclass(frozen=True)
class _Answers:
    """Answers that are known."""

    answers: NDArray[Any]

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return them, whatever the inputs."""
        return self.answers
