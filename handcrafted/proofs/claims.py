"""Proofs that the networks are exact: by enumeration, by lemmas for every size, by mutation.

Enumeration runs a network on every input there is for a canvas and compares with `==`; of scenes of
two objects, on so many of them as the claim says.

The lemmas speak of a canvas of H x W pixels for any integers H and W at once. The network's own
operations, built with symbols for H and W, are evaluated at one symbolic pixel (i, j); after each
operation an SMT solver shows that what came out is what the lemma says, for all integers within
the assumptions. The operations' numbers are never written down again here, so a network that is
changed has other formulas, and its proof fails.

What the solver is not asked is the composition, which takes three plain facts: a map that is v at
one pixel and 0 at every other sums to v; a sum of one-hot pixels over a rectangle is 1 exactly if
the hot one lies in it; and a sum is what a running total with the right first value and the right
steps ends at (induction, both parts of which the solver is asked).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handcrafted import (
    coord2image,
    coord2onehot,
    image2coord,
    onehot2coord,
    scene_generator,
    two_objects,
)
from handcrafted.exactness import largest_exact_size, require_exact
from handcrafted.memory import keep_freed_memory
from handcrafted.network import Network
from handcrafted.proofs.cases import (
    Draw,
    bitmaps,
    choices,
    chosen_scenes,
    latent_count,
    pairs,
    positions,
    scene_count,
    scenes,
    squares,
    themselves,
)
from handcrafted.proofs.lemmas import (
    Change,
    coord2image_lemmas,
    coord2onehot_lemmas,
    image2coord_lemmas,
    onehot2coord_lemmas,
    unchanged,
    without_coordinates_lemmas,
)
from handcrafted.proofs.scene_generator_lemmas import scene_generator_lemmas
from handcrafted.proofs.symbolic import ProofError
from handcrafted.proofs.two_object_lemmas import image2objects_lemmas, objects2image_lemmas

__all__ = [
    "CLAIMS",
    "Claim",
    "Proved",
    "Skipped",
    "enumerate_canvas",
    "enumeration",
    "expected_seconds",
    "lemmas",
    "prove",
    "representable",
]

_ELEMENTS = 1 << 18
"""Of the inputs generated at a time, so that they and a network's maps stay in the cache."""


@dataclass(frozen=True)
class Proved:
    """A claim that holds, by which means, and over how many cases or by how many lemmas."""

    network: str
    claim: str
    means: str
    cases: int
    seconds: float
    unit: str = "cases"
    """What was counted: "cases" of a canvas that were tried, "lemmas", or "integers"."""


@dataclass(frozen=True)
class Skipped:
    """A claim that was not looked at, and why."""

    network: str
    claim: str
    reason: str
    gap: bool
    """Whether the proof lacks it; False if there is no case to try on a canvas so small."""


@dataclass(frozen=True)
class Claim:
    """What a network is claimed to do: `inputs` of each case in, `outputs` of it out."""

    name: str
    build: Callable[[int, int], Network]
    inputs: Draw
    outputs: Draw
    lemmas: Callable[[Change], int]
    """Proves the operations, changed or not, for every size; returns the number of lemmas."""
    cases: Callable[[int, int], NDArray[np.int64]] = positions
    """The cases to try on a canvas of (height, width), one a row: by default all there are."""
    of: Callable[[int, int], int] | None = None
    """How many cases there are, where only some are tried."""
    which: str = ""
    """Which ones those are."""
    every_size: bool = False
    """Whether all canvases are enumerated, or the square one of the largest size alone."""


def enumerate_canvas(claim: Claim, network: Network, height: int, width: int, dtype: Any) -> int:
    """Check a network on every case of one canvas; returns the number of cases.

    Raises `ProofError` with the first that is wrong.
    """
    cases = claim.cases(height, width)
    for part in _parts(len(cases), height, width):
        _check(claim, network, cases[part], height, width, dtype)
    return len(cases)


def _parts(count: int, height: int, width: int) -> list[slice]:
    """Cut the cases of a canvas so that no part's pictures take more than a megabyte or two."""
    step = max(1, _ELEMENTS // (height * width))
    return [slice(start, start + step) for start in range(0, count, step)]


def _check(
    claim: Claim, network: Network, cases: NDArray[Any], height: int, width: int, dtype: Any
) -> int:
    inputs = claim.inputs(cases, height, width, dtype)
    expected = claim.outputs(cases, height, width, dtype)
    outputs = network.run(inputs)
    wrong = np.flatnonzero((outputs != expected).reshape(len(cases), -1).any(axis=1))
    if len(wrong):
        case = ", ".join(map(str, cases[wrong[0]]))
        where = f"on {height}x{width} in {np.dtype(dtype).name}"
        raise ProofError(f"{network.name} {where} is wrong at ({case})")
    return len(cases)


def expected_seconds(claim: Claim, max_size: int, dtype: str) -> float:
    """Estimate how long the enumeration of a claim takes, from the time of one part of it.

    It is 0 for a canvas that the network cannot do.
    """
    try:
        network = claim.build(max_size, max_size)
        require_exact(dtype, network.domain.largest)
    except ValueError:
        return 0.0
    cases = claim.cases(max_size, max_size)
    part = cases[_parts(len(cases), max_size, max_size)[0]]
    started = time.perf_counter()
    # Whether it is right is for the proof to say.
    network.run(claim.inputs(part, max_size, max_size, np.dtype(dtype)))
    a_pixel = (time.perf_counter() - started) / (len(part) * max_size**2)
    sides = range(1, max_size + 1) if claim.every_size else (max_size,)
    pixels = sum(
        len(claim.cases(height, width)) * height * width for height in sides for width in sides
    )
    return a_pixel * pixels / (os.cpu_count() or 1)


def enumeration(claim: Claim, max_size: int, dtype: Any) -> Proved:
    """Check a claim in its cases: of every canvas, or of the largest one."""
    started = time.perf_counter()
    keep_freed_memory()
    sides = range(1, max_size + 1) if claim.every_size else (max_size,)
    where = (
        f"every canvas to {max_size}x{max_size}"
        if claim.every_size
        else (f"the canvas of {max_size}x{max_size}")
    )

    def check(size: tuple[int, int], part: slice) -> int:
        return _check(claim, claim.build(*size), claim.cases(*size)[part], *size, dtype)

    jobs = (
        (size, part)
        for size in ((height, width) for height in sides for width in sides)
        for part in _parts(len(claim.cases(*size)), *size)
    )
    # NumPy lets go of the interpreter inside its loops, so threads use all cores.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        cases = sum(pool.map(check, *zip(*jobs, strict=True)))
    seconds = time.perf_counter() - started
    means = f"enumeration in {np.dtype(dtype).name}"
    tried = "every case"
    if claim.of is not None:
        tried = f"{cases:,} of {claim.of(max_size, max_size):,} cases"
        where += f": {claim.which}"
    return Proved(claim.name, f"exact in {tried} of {where}", means, cases, seconds)


def lemmas(claim: Claim) -> Proved:
    """Prove a claim for canvases of every size; needs z3-solver."""
    started = time.perf_counter()
    count = claim.lemmas(unchanged)
    seconds = time.perf_counter() - started
    claimed = "exact on every canvas there is"
    return Proved(claim.name, claimed, "by an SMT solver", count, seconds, "lemmas")


_PAIRS = (
    "each object at each place with the other far off, and both close together in each way that "
    "they can be"
)

CLAIMS: dict[str, tuple[Claim, ...]] = {
    "onehot2coord": (
        Claim(
            "onehot2coord",
            onehot2coord.network,
            bitmaps,
            themselves,
            onehot2coord_lemmas,
            every_size=True,
        ),
        Claim(
            "onehot2coord without coordinates",
            onehot2coord.network_without_coordinates,
            bitmaps,
            themselves,
            without_coordinates_lemmas,
            every_size=True,
        ),
    ),
    "coord2onehot": (
        Claim("coord2onehot", coord2onehot.network, themselves, bitmaps, coord2onehot_lemmas),
    ),
    "coord2image": (
        Claim("coord2image", coord2image.network, themselves, squares, coord2image_lemmas),
    ),
    "image2coord": (
        Claim("image2coord", image2coord.network, squares, themselves, image2coord_lemmas),
    ),
    "objects2image": (
        Claim(
            "objects2image",
            two_objects.network,
            themselves,
            scenes,
            objects2image_lemmas,
            pairs,
            scene_count,
            _PAIRS,
        ),
    ),
    "image2objects": (
        Claim(
            "image2objects",
            two_objects.inverse_network,
            scenes,
            themselves,
            image2objects_lemmas,
            pairs,
            scene_count,
            _PAIRS,
        ),
    ),
    "two-objects": (
        Claim(
            "two-objects",
            scene_generator.network,
            themselves,
            chosen_scenes,
            scene_generator_lemmas,
            choices,
            latent_count,
            "some of each column and row",
        ),
    ),
}
"""What is claimed for each task, one claim a network."""


def prove(tasks: Iterable[str], max_size: int, dtype: str) -> Iterator[Proved | Skipped]:
    """Prove the tasks' claims one after the other, for the canvases and the dtype asked for.

    Raises `ProofError`, with a counterexample, as soon as a claim does not hold.
    """
    yield representable(dtype)
    for task in tasks:
        for claim in CLAIMS[task]:
            if find_spec("z3") is None:
                yield Skipped(claim.name, "every size", "needs z3: pip install z3-solver", True)
            else:
                yield lemmas(claim)
            try:
                network = claim.build(max_size, max_size)
                require_exact(dtype, network.domain.largest)
            except ValueError as error:
                yield Skipped(claim.name, "enumeration", str(error), False)
            else:
                yield enumeration(claim, max_size, np.dtype(dtype))


def representable(dtype: str) -> Proved:
    """Show that a dtype holds every integer up to `largest_exact_size`, and not the next one.

    float64 has too many to try: there the two ends are, and IEEE 754 has the rest.
    """
    started = time.perf_counter()
    limit = largest_exact_size(dtype)
    kind = np.dtype(dtype).type
    tried = np.arange(limit + 1) if limit <= 1 << 24 else np.array([0, 1, limit - 1, limit])
    if not np.array_equal(tried.astype(kind).astype(np.int64), tried):
        raise ProofError(f"{dtype} does not hold every integer to {limit}")
    if np.issubdtype(kind, np.floating) and int(kind(limit + 1)) == limit + 1:
        raise ProofError(f"{dtype} holds {limit + 1} too; {limit} is not its limit")
    seconds = time.perf_counter() - started
    claim = f"{dtype} holds every integer to {limit:,}"
    return Proved("every network", claim, "by conversion", len(tried), seconds, "integers")
