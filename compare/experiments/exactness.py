"""Proofs, by enumeration, that the published architectures are exact with computed weights.

The architectures' own layers map every input there is on a canvas, in float32 on the NumPy backend,
and what comes out is compared with `==`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compare import tasks
from compare.datasets import not_so_clevr
from compare.learned.model import Model
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of
from compare.solvers.computed import Computed
from handcrafted.proofs.cases import positions
from handcrafted.proofs.claims import Proved, Skipped
from handcrafted.proofs.symbolic import ProofError

__all__ = ["CASES", "Check", "Claim", "claims", "expected_seconds", "prove", "prove_all"]

_BATCH = 256
"""Cases whose inputs and answers are in memory at a time, at most."""

_PIXELS = 1 << 22
"""Of such cases at a time, 16 MB, or those of one case."""

CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "onehot2coord": (positions, not_so_clevr.one_hot, not_so_clevr.coordinates),
    "image2coord": (not_so_clevr.centres, not_so_clevr.squares, not_so_clevr.coordinates),
    "coord2onehot": (positions, not_so_clevr.coordinates, not_so_clevr.one_hot),
    "coord2image": (not_so_clevr.centres, not_so_clevr.coordinates, not_so_clevr.squares),
}
"""Of each task: every position on a canvas, where a square must lie on it whole; and what draws the
inputs and the targets at positions."""


@dataclass(frozen=True)
class Claim:
    """That a task's solver, on a split and with options of its architecture, has exact weights."""

    task: str
    solver: str
    split: str
    by_split: bool
    """Whether the split decides the architecture."""
    options: tuple[tuple[str, Any], ...]
    """(name, value), as in `SolverSpec.variants`."""

    @property
    def name(self) -> str:
        """What tells it from the other claims."""
        split = [f"{self.split} split"] if self.by_split else []
        chosen = [f"{name} {value}" for name, value in self.options]
        return ", ".join([f"{self.task} {self.solver}", *split, *chosen])

    def build(self, height: int, width: int) -> Computed:
        """Build the solver; ValueError for a canvas that has no weights."""
        setting = Setting(
            tasks.load(self.task), self.split, height, width, options=dict(self.options)
        )
        # Only such solvers have claims.
        return cast(Computed, solvers_of(self.task)[self.solver].build(setting, None))


def claims(task: str) -> list[Claim]:
    """Return a task's claims: every architecture, as each preset has it, once."""
    splits, found = tasks.load(task).splits, dict[Claim, None]()
    for solver, spec in solvers_of(task).items():
        for variant in spec.variants.values():
            options = tuple(variant.items())
            each = [Claim(task, solver, split, True, options) for split in splits]
            if len({claim.build(64, 64).architecture for claim in each}) == 1:
                each = [replace(each[0], by_split=False)]
            found.update(dict.fromkeys(each))
    return list(found)


def expected_seconds(claim: Claim, size: int) -> float:
    """Estimate how long `prove` takes on the canvas of size x size, from the time of one batch."""
    try:
        solver = claim.build(size, size)
        cases = CASES[claim.task][0](size, size)
    except ValueError:
        return 0.0
    model = solver.model()
    inputs = CASES[claim.task][1](cases[: _batch(size, size)], size, size)
    started = time.perf_counter()
    model.predict(inputs)
    return (time.perf_counter() - started) * len(cases) / len(inputs)


def prove(claim: Claim, height: int, width: int) -> Proved | Skipped:
    """Check a claim in every case of a canvas; `ProofError` names the first that is wrong."""
    try:
        solver = claim.build(height, width)
        cases = CASES[claim.task][0](height, width)
    except ValueError as error:
        return Skipped(claim.name, "enumeration", str(error), gap=False)
    started = time.perf_counter()
    model = solver.model()
    what, check = _checked(claim.task, solver)
    wrong = _wrong(model, check, claim.task, cases, height, width)
    unsolved = solver.weights.unsolved(height, width, **solver.options)
    if wrong != unsolved:
        where = f"{claim.name} on {height}x{width}"
        raise ProofError(f"{where} is wrong at {wrong[:3]}, and should be at {unsolved}")
    but = f" but {', '.join(map(str, unsolved))}" if unsolved else ""
    numbers = f"{model.cost.constants:,} of {solver.architecture.count():,} numbers"
    return Proved(
        claim.name,
        f"{numbers}: {what} in every case{but} of the canvas of {height}x{width}",
        "enumeration in float32",
        len(cases),
        time.perf_counter() - started,
    )


Check = Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], NDArray[np.bool_]]
"""(outputs, answers, targets) to whether each sample is right, (n,)."""


def _checked(task: str, solver: Computed) -> tuple[str, Check]:
    """Return what is claimed of each case, and how that is looked at.

    Where a side is no power of two, a position divided by it is no float32 number; then no network
    that puts such numbers out can give every position by a product with the side.
    """
    sides = np.array(solver.size[::-1])

    def exact(outputs: NDArray[Any], answers: NDArray[Any], targets: NDArray[Any]) -> Any:
        return (answers == targets).reshape(len(targets), -1).all(axis=1)

    def divided(outputs: NDArray[Any], answers: NDArray[Any], targets: NDArray[Any]) -> Any:
        return (outputs == (targets / sides).astype(np.float32)).all(axis=1)

    def rounded(outputs: NDArray[Any], answers: NDArray[Any], targets: NDArray[Any]) -> Any:
        return (np.rint(answers) == targets).all(axis=1)

    limit = solver.weights.correctly_rounded
    if limit is None or not np.any(sides & (sides - 1)):
        return "exact", exact
    if max(sides) <= limit:
        return "x / W and y / H, rounded to float32 once,", divided
    return "right after rounding to whole pixels", rounded


def _wrong(
    model: Model, check: Check, task: str, cases: NDArray[Any], height: int, width: int
) -> list[tuple[int, int]]:
    """Return the positions where the check fails, (x, y)."""
    _, draw_inputs, draw_targets = CASES[task]
    found, step = [], _batch(height, width)
    for start in range(0, len(cases), step):
        part = cases[start : start + step]
        outputs = model.outputs(draw_inputs(part, height, width))
        right = check(outputs, model.decode(outputs), draw_targets(part, height, width))
        found += [(int(x), int(y)) for x, y in part[~right]]
    return found


def _batch(height: int, width: int) -> int:
    """Return how many cases are tried at a time on a canvas."""
    return max(1, min(_BATCH, _PIXELS // (height * width)))


def prove_all(found: Sequence[Claim], size: int, dtype: str) -> Iterator[Proved | Skipped]:
    """Prove claims on the canvas of size x size; they are about float32 alone."""
    for claim in found:
        if dtype == "float32":
            yield prove(claim, size, size)
        else:
            yield Skipped(claim.name, "enumeration", "computed weights are float32", gap=False)
