"""Scenes of two objects, and the distribution that they are drawn from.

The data set of the CoordConv paper's GAN experiment (Liu et al. 2018, arXiv:1807.03247, section
5; the authors' data/sort_of_clevr_generator.py): a white canvas of 64x64, one blue and one red
object, each a disc or a square of radius 10 with equal chance. The blue centre is uniform over
the places where an object is whole on the canvas; the red one is drawn again until it is 20
pixels or more from it, so it is uniform over the places that the blue object leaves free. On a
small canvas a blue centre that leaves none is drawn again too.

Scenes are known by their number in an endless sequence, which a seed and a name determine: the
first 1,000 of it are the same whether 1,000 or 50,000 are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset
from compare.datasets.streams import random_stream
from compare.errors import UsageError
from handcrafted import two_objects
from handcrafted.operations import Convolution
from handcrafted.two_objects import DISTANCE, RADIUS, free_places, nearer_taps

__all__ = [
    "BLOCKS",
    "LATENTS",
    "SCENES",
    "Distribution",
    "entropy",
    "expected_coverage",
    "expected_distance",
    "expected_entropy",
    "latents",
    "objects",
    "pictures",
    "require_room",
    "samples",
    "scenes",
]

SCENES = 50_000
"""In the published training set."""

LATENTS = 256
"""Random numbers a scene is made from, uniform in [-1, 1), as published."""

_BLOCK = 1024
"""Scenes, or latents of scenes, that are drawn from one random stream."""


def scenes(count: int, height: int, width: int, seed: int = 0) -> Dataset:
    """Return the first scenes of the seed's training set.

    Inputs are objects, (n, 8) as `handcrafted.two_objects` has them, blue first; targets their
    pictures, (n, 3, height, width) with values -1 and 1. UsageError for a canvas without room.
    """
    require_room(height, width)

    def draw(numbers: NDArray[Any]) -> NDArray[np.float32]:
        return objects(numbers, height, width, seed).astype(np.float32)

    return Dataset(_numbers(count), draw, lambda n: pictures(draw(n), height, width))


def samples(count: int, height: int, width: int, seed: int = 0) -> Dataset:
    """Return what a generator is evaluated on.

    Inputs are latents, (n, 256); targets as many scenes of a sequence that shares none of its
    random numbers with the training set's, (n, 3, height, width). UsageError for a canvas without
    room.
    """
    require_room(height, width)

    def draw(numbers: NDArray[Any]) -> NDArray[np.float32]:
        others = objects(numbers, height, width, seed, "other scenes")
        return pictures(others.astype(np.float32), height, width)

    return Dataset(_numbers(count), lambda numbers: latents(numbers, seed), draw)


def _numbers(count: int) -> NDArray[np.int64]:
    return np.arange(count)[:, None]


def require_room(height: int, width: int) -> None:
    """Raise `UsageError` for a canvas without room for two objects."""
    try:
        free_places(height, width)
    except ValueError as error:
        raise UsageError(str(error)) from error


def pictures(objects: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Draw (n, 8) objects by the handcrafted network, (n, 3, height, width) in their dtype."""
    return np.asarray(two_objects.network(height, width)(objects))


def objects(
    numbers: NDArray[Any], height: int, width: int, seed: int = 0, name: str = "training scenes"
) -> NDArray[np.int64]:
    """Return the objects, (n, 8), of the scenes with these numbers in a sequence, blue first."""

    def draw(random: np.random.Generator) -> NDArray[np.int64]:
        return _draw(random, free_places(height, width))

    return _by_block(numbers, lambda block: draw(random_stream(seed, f"two-objects {name}", block)))


def latents(numbers: NDArray[Any], seed: int = 0) -> NDArray[np.float32]:
    """Return the latents with these numbers, (n, 256), uniform in [-1, 1).

    They are multiples of 1 / 2048, as the handcrafted generator wants them.
    """

    def draw(block: int) -> NDArray[np.float32]:
        random = random_stream(seed, "two-objects latents", block)
        digits = random.integers(0, 4096, (_BLOCK, LATENTS), dtype=np.int16)
        return np.asarray(digits / np.float32(2048) - 1, dtype=np.float32)

    return _by_block(numbers, draw)


def _by_block(numbers: NDArray[Any], draw: Callable[[int], NDArray[Any]]) -> NDArray[Any]:
    """Gather the rows with these numbers, (n, 1), from blocks that are drawn whole."""
    blocks, rows = np.divmod(numbers[:, 0], _BLOCK)
    drawn = {block: draw(block) for block in dict.fromkeys(blocks.tolist())}
    if not drawn:
        return draw(0)[:0]
    return np.stack([drawn[block][row] for block, row in zip(blocks.tolist(), rows, strict=True)])


def _draw(random: np.random.Generator, free: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw a block of scenes by the published rule."""
    possible = np.argwhere(free > 0)
    first = possible[random.integers(len(possible), size=_BLOCK)]
    second = random.integers(free.shape, size=(_BLOCK, 2))
    while len(near := np.flatnonzero(((first - second) ** 2).sum(axis=1) < DISTANCE**2)):
        second[near] = random.integers(free.shape, size=(len(near), 2))
    shapes = random.integers(2, size=(_BLOCK, 2))
    colours = np.broadcast_to([0, 1], (_BLOCK, 2))
    centres = RADIUS + np.stack([first, second], axis=1)[:, :, ::-1]
    both = np.concatenate([centres, colours[:, :, None], shapes[:, :, None]], axis=2)
    return both.reshape(_BLOCK, 8)


# --- The distribution -------------------------------------------------------------------------

BLOCKS = 4
"""Blocks each way that a canvas's places are cut into for the joint histogram."""


@dataclass(frozen=True)
class Distribution:
    """The published distribution on a canvas, enumerated; UsageError for one without room.

    Maps of places are (rows, columns), for centres at (10 + column, 10 + row).
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse a canvas without room."""
        require_room(self.height, self.width)

    @cached_property
    def free(self) -> NDArray[np.int64]:
        """How many places a blue object leaves for the red one, (rows, columns)."""
        return free_places(self.height, self.width)

    @property
    def pairs(self) -> int:
        """How many ordered pairs of centres there are."""
        return int(self.free.sum())

    @cached_property
    def pair(self) -> NDArray[np.float64]:
        """The probability of each pair with this blue centre; 0 where there is none."""
        possible = self.free > 0
        return np.where(possible, 1 / (possible.sum() * np.maximum(self.free, 1)), 0.0)

    @cached_property
    def blue(self) -> NDArray[np.float64]:
        """The probability of each blue centre."""
        return np.asarray(self.pair * self.free)

    @cached_property
    def red(self) -> NDArray[np.float64]:
        """The probability of each red centre."""
        # Where no blue centre is far enough away the difference may be a rounding error.
        return np.where(self.free > 0, self.pair.sum() - _sum_nearer(self.pair), 0.0)

    @cached_property
    def offset(self) -> NDArray[np.float64]:
        """The probability of each way from blue to red, (2 rows - 1, 2 columns - 1).

        The first is (1 - columns, 1 - rows), the middle (0, 0).
        """
        rows, columns = self.pair.shape
        down, across = np.arange(1 - rows, rows), np.arange(1 - columns, columns)
        # Of the blue centres from which the red one is on the canvas, by a table of sums.
        table = np.pad(self.pair.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        top, bottom = np.maximum(0, -down), np.minimum(rows, rows - down)
        left, right = np.maximum(0, -across), np.minimum(columns, columns - across)
        total = (
            table[np.ix_(bottom, right)]
            - table[np.ix_(top, right)]
            - table[np.ix_(bottom, left)]
            + table[np.ix_(top, left)]
        )
        return np.where(down[:, None] ** 2 + across**2 >= DISTANCE**2, total, 0.0)

    @cached_property
    def blocks(self) -> NDArray[np.float64]:
        """The probability of each pair of blocks, (16, 16), blue first.

        The places are cut into 4x4 blocks, row after row; see `block_of`.
        """
        rows, columns = self.pair.shape
        places = np.stack(np.meshgrid(range(columns), range(rows)), axis=-1).reshape(-1, 2)
        block = self.block_of(RADIUS + places)
        joint = np.zeros((BLOCKS**2, BLOCKS**2))
        for second in range(BLOCKS**2):
            inside = (block == second).reshape(rows, columns).astype(float)
            chance = self.pair * (inside.sum() - _sum_nearer(inside))
            joint[:, second] = np.bincount(block, chance.ravel(), BLOCKS**2)
        return joint

    def block_of(self, centres: NDArray[Any]) -> NDArray[np.int64]:
        """Return the block, 0 to 15, of each of (n, 2) centres (x, y)."""
        rows, columns = self.free.shape
        x, y = (centres - RADIUS).T
        return np.asarray(y * BLOCKS // rows * BLOCKS + x * BLOCKS // columns)

    @property
    def coordinates(self) -> dict[str, NDArray[np.float64]]:
        """The probability of each value of each coordinate and of their differences, by name."""
        return {
            "blue_x": self.blue.sum(axis=0),
            "blue_y": self.blue.sum(axis=1),
            "red_x": self.red.sum(axis=0),
            "red_y": self.red.sum(axis=1),
            "offset_x": self.offset.sum(axis=0),
            "offset_y": self.offset.sum(axis=1),
        }

    def entropies(self) -> dict[str, float]:
        """Return the entropies, in bits, of coordinates, centres, offset, centres' pair, scene."""
        known = self.pair[self.free > 0]
        centres = -float((self.blue[self.free > 0] * np.log2(known)).sum())
        marginals = {**self.coordinates, "blue": self.blue, "red": self.red, "offset": self.offset}
        entropies = {name: entropy(chances) for name, chances in marginals.items()}
        return {**entropies, "centres": centres, "scene": centres + 2}

    def expected_pairs(self, count: int) -> float:
        """Return how many different pairs of centres so many scenes have, on average."""
        return float((self.free * _once(self.pair, count)).sum())

    def expected_scenes(self, count: int) -> float:
        """Return how many different scenes there are among so many, on average."""
        return float((4 * self.free * _once(self.pair / 4, count)).sum())


def _sum_nearer(values: NDArray[Any]) -> NDArray[Any]:
    """Sum a map of places over all those nearer than 20 pixels to each."""
    return np.asarray(Convolution(nearer_taps(0, 0, 1), (0,))(values[None, None])[0, 0])


# --- What a sample of a distribution is expected to come to ------------------------------------


def entropy(chances: NDArray[Any]) -> float:
    """Return the entropy, in bits, of probabilities or of counts."""
    known = chances[chances > 0]
    total = known.sum()
    return float(np.log2(total) - (known * np.log2(known)).sum() / total) if known.size else 0.0


def _once(chances: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Return the probability that each outcome occurs at least once in so many draws."""
    certain = chances >= 1
    once = -np.expm1(count * np.log1p(-np.where(certain, 0, chances)))
    return np.asarray(np.where(certain, 1.0, once))


def expected_coverage(chances: NDArray[Any], count: int) -> float:
    """Return how many outcomes occur in so many draws, on average, as a share of the possible."""
    return float(_once(chances, count).sum() / (chances > 0).sum())


def _expected(
    chances: NDArray[Any], count: int, value: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
) -> float:
    """Return the expectation of sum of value(k, p) over outcomes, k of p's binomial distribution.

    Counts beyond 12 standard deviations, together less likely than 1e-15, are left out.
    """
    from scipy.stats import binom

    total = 0.0
    known, times = np.unique(chances[chances > 0], return_counts=True)
    for chance, repeated in zip(known, times, strict=True):
        margin = 12 * np.sqrt(count * chance) + 40
        low = max(0, int(count * chance - margin))
        high = min(count, int(count * chance + margin))
        k = np.arange(low, high + 1)
        total += float(repeated * (binom.pmf(k, count, chance) * value(k, chance)).sum())
    return total


def expected_entropy(chances: NDArray[Any], count: int) -> float:
    """Return the entropy, in bits, that the histogram of so many draws has on average."""
    if count == 0:
        return 0.0
    from scipy.special import xlogy

    # Of counts k: log2(count) - sum of k log2(k) / count.
    inner = _expected(chances, count, lambda k, _: xlogy(k, k)) / np.log(2)
    return float(np.log2(count) - inner / count)


def expected_distance(chances: NDArray[Any], count: int) -> float:
    """Return the mean total-variation distance of a histogram of so many draws."""
    if count == 0:
        return 1.0
    return _expected(chances, count, lambda k, p: np.abs(k / count - p)) / 2
