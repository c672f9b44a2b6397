"""Proofs that the networks are exact: by enumeration, by lemmas for every size, by mutation.

Enumeration runs a network on every input there is for a canvas and compares with `==`.

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
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handcrafted import coord2image, coord2onehot, image2coord, onehot2coord, two_objects
from handcrafted.exactness import largest_exact_size
from handcrafted.memory import keep_freed_memory
from handcrafted.network import Network
from handcrafted.operations import (
    Convolution,
    Coordinates,
    Linear,
    Operation,
    Relu,
    Subtraction,
    Sum,
    Tap,
    Tile,
)

Formula = Any
"""A z3 expression; z3 is imported when a lemma is proved."""

SQUARE = 9
"""Side of the square that pictures are enumerated with, the published one."""

_ELEMENTS = 1 << 18
"""Of the inputs generated at a time, so that they and a network's maps stay in the cache."""


class ProofError(AssertionError):
    """A claim does not hold; the message has the first counterexample."""


@dataclass(frozen=True)
class Proved:
    """A claim that holds, by which means, over how many cases."""

    network: str
    claim: str
    means: str
    cases: int
    seconds: float


@dataclass(frozen=True)
class Skipped:
    """A claim that was not looked at, and why."""

    network: str
    claim: str
    reason: str
    gap: bool
    """Whether the proof lacks it; False if there is no case to try on a canvas so small."""


# --- Enumeration ----------------------------------------------------------------------------


def positions(height: int, width: int) -> NDArray[np.int64]:
    """Return every (x, y) of a canvas, (height * width, 2), row after row."""
    y, x = np.divmod(np.arange(height * width), width)
    return np.stack([x, y], axis=1)


def bitmaps(places: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return the one-hot bitmaps of (n, 2) positions, (n, 1, height, width)."""
    pictures = np.zeros((len(places), 1, height, width), dtype=dtype)
    pictures[np.arange(len(places)), 0, places[:, 1], places[:, 0]] = 1
    return pictures


def squares(places: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return pictures of the square at (n, 2) positions, cut off at the border."""
    radius = SQUARE // 2
    columns = abs(np.arange(width) - places[:, :1]) <= radius
    rows = abs(np.arange(height) - places[:, 1:]) <= radius
    return np.asarray((rows[:, :, None] & columns[:, None, :])[:, None], dtype=dtype)


def themselves(cases: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return the cases as they are, as numbers of the dtype."""
    return np.asarray(cases, dtype=dtype)


def pairs(height: int, width: int) -> NDArray[np.int64]:
    """Return two objects wherever they can stand to each other, (n, 8), blue first.

    Each object at each of its places with the other as far off as can be; and, where they may
    touch, each way to stand to each other, at the top left and the bottom right of the canvas.
    All in every combination of shapes.
    """
    low = two_objects.RADIUS
    high = np.array([width, height]) - 1 - low
    places = low + positions(height - 2 * low, width - 2 * low)
    corners = np.where(places < (low + high) / 2, high, low)
    near = 2 * low + 1
    offsets = positions(2 * near + 1, 2 * near + 1) - near
    offsets = offsets[(offsets**2).sum(axis=1) >= two_objects.DISTANCE**2]
    first = np.where(offsets < 0, low - offsets, low)
    last = np.where(offsets < 0, high, high - offsets)
    centres = np.concatenate(
        [
            np.hstack([places, corners]),
            np.hstack([corners, places]),
            np.hstack([first, first + offsets]),
            np.hstack([last, last + offsets]),
        ]
    )
    # On a small canvas not every one of these places is on it, or far enough away.
    apart = ((centres[:, :2] - centres[:, 2:]) ** 2).sum(axis=1) >= two_objects.DISTANCE**2
    on_canvas = np.all((centres >= low) & (centres <= np.tile(high, 2)), axis=1)
    centres = centres[apart & on_canvas]
    shapes = positions(2, 2)
    n = len(centres)
    blue = [np.repeat(centres[:, :2], 4, axis=0), np.zeros((4 * n, 1), int)]
    red = [np.repeat(centres[:, 2:], 4, axis=0), np.ones((4 * n, 1), int)]
    shape = np.tile(shapes, (n, 1))
    return np.hstack([*blue, shape[:, :1], *red, shape[:, 1:]])


def scenes(objects: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """Return the pictures of (n, 8) objects, drawn from the definition of their shapes."""
    pictures = np.ones((len(objects), 3, height, width), dtype=dtype)
    y, x = np.indices((height, width))
    for colour, taken in ((0, (0, 1)), (1, (1, 2))):  # blue first, red over it
        for picture, pair in zip(pictures, objects.reshape(-1, 2, 4), strict=True):
            cx, cy, _, square = pair[pair[:, 2] == colour][0]
            across, down = abs(x - cx), abs(y - cy)
            disc = across**2 + down**2 <= two_objects.RADIUS**2
            drawn = np.maximum(across, down) <= two_objects.RADIUS if square else disc
            for channel in range(3):
                picture[channel][drawn] = -1 if channel in taken else 1
    return pictures


Change = Callable[[tuple[Operation, ...]], tuple[Operation, ...]]


def _unchanged(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    return operations


Draw = Callable[[NDArray[Any], int, int, Any], NDArray[Any]]


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
    """Every case there is on a canvas of (height, width), one a row."""
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
    ways: dict[str, Callable[[Any], Any]] = {"": network.run}
    if network.shortcut is not None:
        ways["the shortcut of "] = network.shortcut
    for way, run in ways.items():
        outputs = run(inputs)
        wrong = np.flatnonzero((outputs != expected).reshape(len(cases), -1).any(axis=1))
        if len(wrong):
            case = ", ".join(map(str, cases[wrong[0]]))
            where = f"on {height}x{width} in {np.dtype(dtype).name}"
            raise ProofError(f"{way}{network.name} {where} is wrong at ({case})")
    return len(cases)


def enumeration(claim: Claim, max_size: int, dtype: Any) -> Proved:
    """Check a claim on every case: of every canvas, or of the largest one."""
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
    return Proved(claim.name, f"exact in every case of {where}", means, cases, seconds)


def lemmas(claim: Claim) -> Proved:
    """Prove a claim for canvases of every size; needs z3-solver."""
    started = time.perf_counter()
    count = claim.lemmas(_unchanged)
    seconds = time.perf_counter() - started
    return Proved(claim.name, "exact on every canvas there is", "SMT lemmas", count, seconds)


# --- Lemmas ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Impulse:
    """A channel that is `value` at one pixel and 0 at every other."""

    row: Formula
    column: Formula
    value: Formula


@dataclass(frozen=True)
class Field:
    """A channel given by its value at the pixel (i, j), in the canvas's symbols i and j."""

    value: Formula


Channel = Impulse | Field


class Canvas:
    """Symbols for a canvas of any size and a pixel on it, and a solver that knows no more."""

    def __init__(self) -> None:
        """Begin with a pixel (x, y), which the network is asked about, and any other, (i, j)."""
        import z3

        self.z3 = z3
        self.H, self.W, self.x, self.y, self.i, self.j = z3.Ints("H W x y i j")
        self.solver = z3.Solver()
        self.solver.set("timeout", 60_000)
        self.assume(self.on_canvas(self.y, self.x), self.on_canvas(self.i, self.j))
        self.count = 0

    def assume(self, *facts: Formula) -> None:
        """Restrict what the lemmas are about."""
        self.solver.add(*facts)

    def on_canvas(self, row: Formula, column: Formula) -> Formula:
        """Say that a pixel exists."""
        return self.z3.And(0 <= row, row < self.H, 0 <= column, column < self.W)

    def prove(self, lemma: str, claim: Formula) -> None:
        """Show that no integers contradict the claim, or raise `ProofError` with some that do."""
        self.count += 1
        self.solver.push()
        self.solver.add(self.z3.Not(claim))
        answer = self.solver.check()
        if answer != self.z3.unsat:
            why = "the solver gave up"
            if answer == self.z3.sat:
                why = " ".join(str(self.solver.model()).split())
            self.solver.pop()
            raise ProofError(f"'{lemma}' does not hold: {why}")
        self.solver.pop()

    def proved(self) -> int:
        """Return the number of lemmas, unless the assumptions could be met by nothing."""
        if self.solver.check() != self.z3.sat:
            raise ProofError("the assumptions contradict each other, so they prove nothing")
        return self.count

    def value(self, channel: Channel, row: Formula, column: Formula) -> Formula:
        """Return a channel's value at a pixel, which may lie beyond the canvas, where it is 0."""
        return self.moved(self.at_pixel(channel), row, column)

    def at_pixel(self, channel: Channel) -> Formula:
        """Return a channel's value at the pixel (i, j)."""
        if isinstance(channel, Impulse):
            here = self.z3.And(self.i == channel.row, self.j == channel.column)
            return self.z3.If(here, channel.value, 0)
        return self.z3.If(self.on_canvas(self.i, self.j), channel.value, 0)

    def moved(self, formula: Formula, row: Formula, column: Formula) -> Formula:
        """Return what a formula says of another pixel than (i, j)."""
        return self.z3.substitute(formula, (self.i, row), (self.j, column))

    def is_impulse(self, lemma: str, channel: Channel, expected: Impulse) -> Impulse:
        """Show that a channel is this impulse; it may be taken for it from then on."""
        self.prove(lemma, self.at_pixel(channel) == self.at_pixel(expected))
        return expected

    def apply(self, operation: Operation, channels: list[Any]) -> list[Any]:
        """Evaluate an operation; channels of a map are `Channel`s, of a vector formulas."""
        match operation:
            case Convolution(taps, bias):
                return [
                    self._convolve([tap for tap in taps if tap.output == output], number, channels)
                    for output, number in enumerate(bias)
                ]
            case Linear(weights, bias):
                return [
                    sum((weight * v for weight, v in zip(row, channels, strict=True)), start=number)
                    for row, number in zip(weights, bias, strict=True)
                ]
            case Relu():
                return [self._map(self._relu, channel) for channel in channels]
            case Subtraction(minuends):
                return [
                    self._map(partial(_minus, minuend), channel)
                    for minuend, channel in zip(minuends, channels, strict=True)
                ]
            case Coordinates(first_column, column_step, first_row, row_step):
                return [
                    *channels,
                    Field(first_column + column_step * self.j),
                    Field(first_row + row_step * self.i),
                ]
            case Tile():
                return [Field(channel) for channel in channels]
            case Sum():
                return [self._total(channel) for channel in channels]
        raise TypeError(f"no rule for {type(operation).__name__}")

    def sum_by_induction(
        self, lemma: str, channel: Channel, row: Callable[..., Formula], all: Callable[..., Formula]
    ) -> Formula:
        """Show what a channel sums to by running totals and return it.

        row(i, k): the sum of row i's first k columns; all(k): that of the first k rows.
        """
        i, j = self.i, self.j
        value = self.at_pixel(channel)
        self.prove(f"{lemma}: a row's total begins at 0", row(i, 0) == 0)
        self.prove(f"{lemma}: a row's total steps", row(i, j + 1) == row(i, j) + value)
        self.prove(f"{lemma}: the total begins at 0", all(0) == 0)
        self.prove(f"{lemma}: the total steps", all(i + 1) == all(i) + row(i, self.W))
        return all(self.H)

    def _map(self, function: Callable[[Formula], Formula], channel: Any) -> Any:
        if isinstance(channel, Impulse | Field):
            return Field(function(self.at_pixel(channel)))
        return function(channel)

    def _relu(self, value: Formula) -> Formula:
        return self.z3.If(value > 0, value, 0)

    def _total(self, channel: Channel) -> Formula:
        if isinstance(channel, Impulse):
            return channel.value
        raise TypeError("only an impulse's sum is its value; use sum_by_induction")

    def _convolve(self, taps: list[Tap], bias: Formula, channels: list[Any]) -> Any:
        terms = (self._times(tap.value, self._window(channels[tap.input], tap)) for tap in taps)
        return Field(sum(terms, start=bias))

    def _window(self, channel: Channel, tap: Tap) -> Formula:
        """Sum a channel over a tap's rectangle at pixel (i, j)."""
        top, left = self.i + tap.top, self.j + tap.left
        if isinstance(channel, Impulse):
            inside = self.z3.And(
                top <= channel.row,
                channel.row < top + tap.rows,
                left <= channel.column,
                channel.column < left + tap.columns,
            )
            return self.z3.If(inside, channel.value, 0)
        value = self.at_pixel(channel)
        pixels = [(top + a, left + b) for a in range(tap.rows) for b in range(tap.columns)]
        return sum((self.moved(value, *pixel) for pixel in pixels), start=0)

    def _times(self, factor: Formula, value: Formula) -> Formula:
        """Multiply case by case, so that a symbol times 0 or 1 stays linear."""
        if self.z3.is_expr(value) and self.z3.is_app_of(value, self.z3.Z3_OP_ITE):
            condition, then, otherwise = value.children()
            return self.z3.If(condition, self._times(factor, then), self._times(factor, otherwise))
        return factor * value


def _minus(minuend: Formula, value: Formula) -> Formula:
    return minuend - value


def _onehot2coord_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    coordinates, convolution, relu, total, subtraction = change(onehot2coord.steps(c.H, c.W))

    hot = Impulse(c.y, c.x, 1)
    maps = c.apply(coordinates, [hot])
    c.prove("X is the pixel's column", c.at_pixel(maps[1]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[2]) == c.i)

    is_hot = c.z3.And(c.i == c.y, c.j == c.x)
    left = c.z3.If(is_hot, c.W - c.x, -c.j)
    above = c.z3.If(is_hot, c.H - c.y, -c.i)
    maps = c.apply(convolution, maps)
    c.prove("W A - X is W - x at the hot pixel and -X elsewhere", c.at_pixel(maps[0]) == left)
    c.prove("H A - Y is H - y at the hot pixel and -Y elsewhere", c.at_pixel(maps[1]) == above)
    c.prove("no number is larger than W", c.z3.And(-c.W < left, left <= c.W))
    c.prove("no number is larger than H", c.z3.And(-c.H < above, above <= c.H))

    maps = c.apply(relu, maps)
    maps = [
        c.is_impulse("relu leaves W - x at the hot pixel", maps[0], Impulse(c.y, c.x, c.W - c.x)),
        c.is_impulse("relu leaves H - y at the hot pixel", maps[1], Impulse(c.y, c.x, c.H - c.y)),
    ]
    x, y = c.apply(subtraction, c.apply(total, maps))
    c.prove("W minus the sum is x", x == c.x)
    c.prove("H minus the sum is y", y == c.y)
    return c.proved()


def _without_coordinates_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    convolution, relu, _, subtraction = change(onehot2coord.steps_without_coordinates(c.H, c.W))
    maps = c.apply(convolution, [Impulse(c.y, c.x, 1)])
    right = c.z3.If(c.z3.And(c.i == c.y, c.j >= c.x), 1, 0)
    below = c.z3.If(c.z3.And(c.j == c.x, c.i >= c.y), 1, 0)
    c.prove("1 from the hot pixel to the right edge, else 0", c.at_pixel(maps[0]) == right)
    c.prove("1 from the hot pixel to the bottom, else 0", c.at_pixel(maps[1]) == below)
    maps = c.apply(relu, maps)
    c.prove("relu changes nothing to the right", c.at_pixel(maps[0]) == right)
    c.prove("relu changes nothing below", c.at_pixel(maps[1]) == below)

    def if_(condition: Formula, value: Formula) -> Formula:
        return c.z3.If(condition, value, 0)

    sums = [
        c.sum_by_induction(
            "the pixels from x to the right edge",
            maps[0],
            row=lambda i, k: if_(c.z3.And(i == c.y, k > c.x), k - c.x),
            all=lambda k: if_(k > c.y, c.W - c.x),
        ),
        c.sum_by_induction(
            "the pixels from y to the bottom",
            maps[1],
            row=lambda i, k: if_(c.z3.And(i >= c.y, k > c.x), 1),
            all=lambda k: if_(k > c.y, k - c.y),
        ),
    ]
    c.prove("the row sums to W - x", sums[0] == c.W - c.x)
    c.prove("the column sums to H - y", sums[1] == c.H - c.y)
    x, y = c.apply(subtraction, sums)
    c.prove("W minus the sum is x", x == c.x)
    c.prove("H minus the sum is y", y == c.y)
    return c.proved()


def _one_hot_lemmas(c: Canvas, operations: tuple[Operation, ...]) -> Impulse:
    """Prove `coord2onehot` and return what it puts out."""
    tile, coordinates, difference, relu, total, subtraction, last = operations
    maps = c.apply(coordinates, c.apply(tile, [c.x, c.y]))
    c.prove("x is tiled", c.at_pixel(maps[0]) == c.x)
    c.prove("y is tiled", c.at_pixel(maps[1]) == c.y)
    c.prove("X is the pixel's column", c.at_pixel(maps[2]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[3]) == c.i)

    maps = c.apply(difference, maps)
    for channel, expected in enumerate((c.x - c.j, c.j - c.x, c.y - c.i, c.i - c.y)):
        c.prove(f"difference {channel}", c.at_pixel(maps[channel]) == expected)
    maps = c.apply(relu, maps)
    across, down = c.z3.Abs(c.x - c.j), c.z3.Abs(c.y - c.i)
    c.prove("|x - X|", c.at_pixel(maps[0]) + c.at_pixel(maps[1]) == across)
    c.prove("|y - Y|", c.at_pixel(maps[2]) + c.at_pixel(maps[3]) == down)
    maps = c.apply(total, maps)
    c.prove("|x - X| + |y - Y|", c.at_pixel(maps[0]) == across + down)
    maps = c.apply(subtraction, maps)
    c.prove("1 - |x - X| - |y - Y|", c.at_pixel(maps[0]) == 1 - across - down)
    (bitmap,) = c.apply(last, maps)
    return c.is_impulse("1 at (x, y) and 0 elsewhere", bitmap, Impulse(c.y, c.x, 1))


def _coord2onehot_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    _one_hot_lemmas(c, change(coord2onehot.steps(c.H, c.W)))
    return c.proved()


def _coord2image_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    radius = c.z3.Int("r")
    c.assume(radius >= 0)
    *first, convolution = change(coord2image.steps(c.H, c.W, radius))
    (picture,) = c.apply(convolution, [_one_hot_lemmas(c, tuple(first))])
    inside = _in_square(c, radius)
    c.prove("1 within r of (x, y) and 0 elsewhere", c.at_pixel(picture) == c.z3.If(inside, 1, 0))
    return c.proved()


def _in_square(c: Canvas, radius: Formula) -> Formula:
    return c.z3.And(c.z3.Abs(c.x - c.j) <= radius, c.z3.Abs(c.y - c.i) <= radius)


def _image2coord_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    radius = c.z3.Int("r")
    c.assume(radius >= 0, c.W >= 2 * radius + 1, c.H >= 2 * radius + 1)
    find, relu, coordinates, convolution, again, total, lack, clip, add, subtraction = change(
        image2coord.steps(c.H, c.W, radius)
    )
    picture = Field(c.z3.If(_in_square(c, radius), 1, 0))
    # The columns a to b and the rows p to q are what the canvas shows of the square.
    a = c.z3.If(c.x >= radius, c.x - radius, 0)
    p = c.z3.If(c.y >= radius, c.y - radius, 0)
    b = c.z3.If(c.x + radius < c.W, c.x + radius, c.W - 1)
    q = c.z3.If(c.y + radius < c.H, c.y + radius, c.H - 1)

    maps = c.apply(find, [picture])
    corners = [Impulse(p, a, 1), Impulse(q, b, 1)]
    rows, columns = c.z3.And(p <= c.i, c.i <= q), c.z3.And(a <= c.j, c.j <= b)
    # -1 inside the square, away from the corner's two sides, and just beyond the other two sides.
    dark = (
        c.z3.Or(
            c.z3.And(rows, columns, c.i > p, c.j > a),
            c.z3.And(rows, c.j == b + 1),
            c.z3.And(c.i == q + 1, columns),
        ),
        c.z3.Or(
            c.z3.And(rows, columns, c.i < q, c.j < b),
            c.z3.And(rows, c.j == a - 1),
            c.z3.And(c.i == p - 1, columns),
        ),
    )
    names = ("top left", "bottom right")
    for name, channel, corner, minus in zip(names, maps, corners, dark, strict=True):
        light = c.z3.And(c.i == corner.row, c.j == corner.column)
        expected = c.z3.If(light, 1, c.z3.If(minus, -1, 0))
        c.prove(f"1 at the {name} corner, else 0 or -1", c.at_pixel(channel) == expected)
    maps = [
        c.is_impulse(f"relu leaves the {name} corner", channel, corner)
        for name, channel, corner in zip(names, c.apply(relu, maps), corners, strict=True)
    ]
    maps = c.apply(coordinates, maps)
    c.prove("X is the pixel's column", c.at_pixel(maps[2]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[3]) == c.i)

    hot = [Impulse(p, a, c.W - a), Impulse(p, a, c.H - p)]
    hot += [Impulse(q, b, c.W - b), Impulse(q, b, c.H - q)]
    maps = c.apply(convolution, maps)
    for k, (channel, corner) in enumerate(zip(maps, hot, strict=True)):
        here = c.z3.And(c.i == corner.row, c.j == corner.column)
        expected = c.z3.If(here, corner.value, -c.i if k % 2 else -c.j)
        c.prove(f"corner coordinate {k}", c.at_pixel(channel) == expected)
    maps = [
        c.is_impulse(f"relu leaves corner coordinate {k}", channel, corner)
        for k, (channel, corner) in enumerate(zip(c.apply(again, maps), hot, strict=True))
    ]
    values = c.apply(lack, c.apply(total, maps))
    for k, expected in enumerate((a, p, 2 * radius - b, 2 * radius - q)):
        c.prove(f"corner and lack {k}", values[k] == expected)
    values = c.apply(clip, values)
    for k, (side, centre) in enumerate(((c.x - a, a), (c.y - p, p))):
        c.prove(f"the corner {k} is kept", values[k] == centre)
        c.prove(f"the lack is r minus what is seen {k}", values[k + 2] == radius - side)
    values = c.apply(add, values)
    c.prove("what is left to subtract for x", values[0] == radius - c.x)
    c.prove("what is left to subtract for y", values[1] == radius - c.y)
    x, y = c.apply(subtraction, values)
    c.prove("r minus that is x", x == c.x)
    c.prove("r minus that is y", y == c.y)
    return c.proved()


def _table(c: Canvas, distance: Formula, lengths: list[int]) -> Formula:
    """Return lengths[|distance|], and -1 beyond the table."""
    value: Formula = -1
    for index in reversed(range(len(lengths))):
        value = c.z3.If(c.z3.Abs(distance) == index, lengths[index], value)
    return value


def _in_shape(c: Canvas, x: Formula, y: Formula, square: Formula) -> Formula:
    """Say whether a disc or a square at (x, y) covers the pixel (i, j)."""
    r = two_objects.RADIUS
    reach = [max(d for d in range(r + 1) if d**2 + k**2 <= r**2) for k in range(r + 1)]
    disc = c.z3.Abs(c.j - x) <= _table(c, c.i - y, reach)
    within = c.z3.And(c.z3.Abs(c.j - x) <= r, c.z3.Abs(c.i - y) <= r)
    return c.z3.If(square == 1, within, disc)


def _room(c: Canvas, x: Formula, y: Formula, *flags: Formula) -> None:
    """Assume that an object at (x, y) is whole on the canvas, and that flags are 0 or 1."""
    r = two_objects.RADIUS
    c.assume(x >= r, x < c.W - r, y >= r, y < c.H - r)
    c.assume(*(c.z3.Or(flag == 0, flag == 1) for flag in flags))


def _two_objects_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    given = c.z3.Ints("x0 y0 c0 s0 x1 y1 c1 s1")
    for x, y, colour, shape in (given[:4], given[4:]):
        _room(c, x, y, colour, shape)
    c.assume(given[2] != given[6])
    (
        first,
        relu,
        pair,
        tile,
        coordinates,
        difference,
        relu2,
        mark,
        relu3,
        draw,
        cover,
        relu4,
        paint,
    ) = change(two_objects.steps(c.H, c.W))
    vector = c.apply(first, given)
    things = [
        (colour, given[4 * which + 2], given[4 * which + thing])
        for colour in (0, 1)
        for thing in (0, 1, 3)
        for which in (0, 1)
    ]
    for k, (value, (colour, its, thing)) in enumerate(zip(vector, things, strict=True)):
        kept = c.z3.If(its == colour, thing, thing - c.H - c.W)
        c.prove(f"0 or less if it is of the other colour {k}", value == kept)
    vector = c.apply(pair, c.apply(relu, vector))
    ordered = [
        c.z3.If(given[2] == colour, given[thing], given[4 + thing])
        for colour in (0, 1)
        for thing in (0, 1, 3)
    ]
    for k, (value, expected) in enumerate(zip(vector, ordered, strict=True)):
        c.prove(f"sorted by colour {k}", value == expected)
    bx, by, bs, rx, ry, rs = symbols = c.z3.Ints("bx by bs rx ry rs")
    for symbol, expected in zip(symbols, ordered, strict=True):
        c.assume(symbol == expected)

    maps = c.apply(coordinates, c.apply(tile, list(symbols)))
    c.prove("X is the pixel's column", c.at_pixel(maps[6]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[7]) == c.i)
    maps = c.apply(difference, maps)
    expected = [
        bx - c.j,
        c.j - bx,
        by - c.i,
        c.i - by,
        rx - c.j,
        c.j - rx,
        ry - c.i,
        c.i - ry,
        bs,
        rs,
    ]
    for k, value in enumerate(expected):
        c.prove(f"difference {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu2, maps)
    for k, value in enumerate(expected):
        c.prove(f"relu {k}", c.at_pixel(maps[k]) == c.z3.If(value > 0, value, 0))
    distances = [c.z3.Abs(x - c.j) + c.z3.Abs(y - c.i) for x, y in ((bx, by), (rx, ry))]
    maps = c.apply(mark, maps)
    marks = [1 - bs - distances[0], bs - distances[0], 1 - rs - distances[1], rs - distances[1]]
    for k, value in enumerate(marks):
        c.prove(f"mark {k}", c.at_pixel(maps[k]) == value)
    maps = c.apply(relu3, maps)
    centres = [Impulse(by, bx, 1 - bs), Impulse(by, bx, bs)]
    centres += [Impulse(ry, rx, 1 - rs), Impulse(ry, rx, rs)]
    maps = [
        c.is_impulse(f"centre {k}", channel, centre)
        for k, (channel, centre) in enumerate(zip(maps, centres, strict=True))
    ]
    maps = c.apply(draw, maps)
    blue, red = _in_shape(c, bx, by, bs), _in_shape(c, rx, ry, rs)
    c.prove("the blue object", c.at_pixel(maps[0]) == c.z3.If(blue, 1, 0))
    c.prove("the red object", c.at_pixel(maps[1]) == c.z3.If(red, 1, 0))
    b, r = c.z3.If(blue, 1, 0), c.z3.If(red, 1, 0)
    maps = c.apply(cover, [Field(b), Field(r)])
    c.prove("blue less red", c.at_pixel(maps[0]) == b - r)
    c.prove("red kept", c.at_pixel(maps[1]) == r)
    maps = c.apply(paint, c.apply(relu4, maps))
    colours = (
        c.z3.If(red, 1, c.z3.If(blue, -1, 1)),
        c.z3.If(c.z3.Or(red, blue), -1, 1),
        c.z3.If(red, -1, 1),
    )
    for name, channel, colour in zip(("red", "green", "blue"), maps, colours, strict=True):
        c.prove(f"the {name} channel", c.at_pixel(channel) == colour)
    return c.proved()


def _two_objects_back_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    bx, by, bs, rx, ry, rs = c.z3.Ints("bx by bs rx ry rs")
    _room(c, bx, by, bs)
    _room(c, rx, ry, rs)
    # The squared distance is 400 or more: for each way apart down, at least so far apart across.
    limit = two_objects.DISTANCE
    apart = [next(d for d in range(limit + 1) if d**2 + k**2 >= limit**2) for k in range(limit)]
    c.assume(c.z3.Abs(bx - rx) >= _table(c, by - ry, apart))
    is_blue, is_red = _in_shape(c, bx, by, bs), _in_shape(c, rx, ry, rs)
    If, And, Or, Not, Implies = c.z3.If, c.z3.And, c.z3.Or, c.z3.Not, c.z3.Implies

    split, relu, find, relu2, flip, relu3, coordinates, locate, relu4, total, read, clip, order = (
        change(two_objects.inverse_steps(c.H, c.W))
    )
    scene = [
        Field(If(is_red, 1, If(is_blue, -1, 1))),
        Field(If(Or(is_red, is_blue), -1, 1)),
        Field(If(is_red, -1, 1)),
    ]
    seen = [Field(If(And(is_blue, Not(is_red)), 1, 0)), Field(If(is_red, 1, 0))]
    maps = c.apply(split, scene)
    for name, channel, true in zip(("blue", "red"), maps, seen, strict=True):
        c.prove(f"1 where {name} is seen, else -1", c.at_pixel(channel) == 2 * c.at_pixel(true) - 1)
    maps = c.apply(relu, maps)
    for name, channel, true in zip(("blue", "red"), maps, seen, strict=True):
        c.prove(f"1 where {name} is seen, else 0", c.at_pixel(channel) == c.at_pixel(true))

    at_blue, at_red = And(c.i == by, c.j == bx), And(c.i == ry, c.j == rx)
    maps = c.apply(find, seen)

    def count(channel: Channel, across: int, down: int) -> Formula:
        """Count the pixels so far across and down, both ways, that a channel has."""
        steps = {(down, across), (down, -across), (-down, across), (-down, -across)}
        return sum(c.value(channel, c.i + a, c.j + b) for a, b in sorted(steps))

    def ends(channel: Channel, reach: int) -> Formula:
        return count(channel, reach, 0) + count(channel, 0, reach)

    r = two_objects.RADIUS
    score = 2 * ends(seen[0], r) + ends(seen[1], r) - 8 * ends(seen[0], r + 1) - 6
    c.prove("three ends blue, one blue or red, none beyond", c.at_pixel(maps[0]) == score)
    c.prove("four ends red", c.at_pixel(maps[1]) == ends(seen[1], r) - 3)
    c.prove("blue corners", c.at_pixel(maps[2]) == count(seen[0], r, r))
    c.prove("red corners", c.at_pixel(maps[3]) == count(seen[1], r, r))
    v = [c.at_pixel(channel) for channel in c.apply(relu2, maps)]
    c.prove("1 or 2 at the blue centre", Implies(at_blue, Or(v[0] == 1, v[0] == 2)))
    c.prove("0 but at the blue centre", Or(at_blue, v[0] == 0))
    c.prove("1 at the red centre and 0 elsewhere", v[1] == If(at_red, 1, 0))
    some = If(bs == 1, And(v[2] >= 2, v[2] <= 4), v[2] == 0)
    c.prove("2 to 4 corners at a blue square's centre, 0 at a disc's", Implies(at_blue, some))
    c.prove("4 corners at a red square's centre, 0 at a disc's", Implies(at_red, v[3] == 4 * rs))
    c.prove("never more than 4 corners", And(v[2] >= 0, v[2] <= 4, v[3] >= 0, v[3] <= 4))

    # From here on these facts are all that is used: symbols stand for what they leave open.
    peak, corners, blue_rest, red_rest = c.z3.Ints("peak corners blue_rest red_rest")
    c.assume(Or(peak == 1, peak == 2), If(bs == 1, And(corners >= 2, corners <= 4), corners == 0))
    c.assume(*(And(rest >= 0, rest <= 4) for rest in (blue_rest, red_rest)))
    found: list[Channel] = [
        Impulse(by, bx, peak),
        Impulse(ry, rx, 1),
        Field(If(at_blue, corners, blue_rest)),
        Field(If(at_red, 4 * rs, red_rest)),
    ]
    maps = c.apply(flip, found)
    c.prove("1 minus the peak", c.at_pixel(maps[0]) == If(at_blue, 1 - peak, 1))
    maps = c.apply(relu3, maps)
    c.prove("0 at the blue centre and 1 elsewhere", c.at_pixel(maps[0]) == If(at_blue, 0, 1))
    for k in (1, 2, 3):
        c.prove(f"kept {k}", c.at_pixel(maps[k]) == c.at_pixel(found[k]))
    flipped: list[Channel] = [Field(If(at_blue, 0, 1)), *found[1:]]
    maps = c.apply(coordinates, flipped)
    c.prove("X is the pixel's column", c.at_pixel(maps[4]) == c.j)
    c.prove("Y is the pixel's row", c.at_pixel(maps[5]) == c.i)
    maps = c.apply(locate, maps)
    for k, (here, value, elsewhere) in enumerate(
        (
            (at_blue, c.W - bx, -c.j),
            (at_blue, c.H - by, -c.i),
            (at_red, c.W - rx, -c.j),
            (at_red, c.H - ry, -c.i),
            (at_blue, corners, blue_rest - 4),
            (at_red, 4 * rs, red_rest - 4),
        )
    ):
        c.prove(f"located {k}", c.at_pixel(maps[k]) == If(here, value, elsewhere))
    blue = [Impulse(by, bx, value) for value in (c.W - bx, c.H - by, corners)]
    red = [Impulse(ry, rx, value) for value in (c.W - rx, c.H - ry, 4 * rs)]
    maps = [
        c.is_impulse(f"relu leaves {k}", channel, impulse)
        for k, (channel, impulse) in enumerate(
            zip(c.apply(relu4, maps), (*blue[:2], *red[:2], blue[2], red[2]), strict=True)
        )
    ]
    values = c.apply(read, c.apply(total, maps))
    for k, value in enumerate((bx, by, rx, ry, 1 - corners, 1 - 4 * rs)):
        c.prove(f"read {k}", values[k] == value)
    values = c.apply(clip, values)
    for k, value in enumerate((bx, by, rx, ry, 1 - bs, 1 - rs)):
        c.prove(f"clipped {k}", values[k] == value)
    values = c.apply(order, values)
    for k, value in enumerate((bx, by, 0, bs, rx, ry, 1, rs)):
        c.prove(f"answer {k}", values[k] == value)
    return c.proved()


CLAIMS: dict[str, tuple[Claim, ...]] = {
    "onehot2coord": (
        Claim(
            "onehot2coord",
            onehot2coord.network,
            bitmaps,
            themselves,
            _onehot2coord_lemmas,
            every_size=True,
        ),
        Claim(
            "onehot2coord without coordinates",
            onehot2coord.network_without_coordinates,
            bitmaps,
            themselves,
            _without_coordinates_lemmas,
            every_size=True,
        ),
    ),
    "coord2onehot": (
        Claim("coord2onehot", coord2onehot.network, themselves, bitmaps, _coord2onehot_lemmas),
    ),
    "coord2image": (
        Claim("coord2image", coord2image.network, themselves, squares, _coord2image_lemmas),
    ),
    "image2coord": (
        Claim("image2coord", image2coord.network, squares, themselves, _image2coord_lemmas),
    ),
    "two-objects": (
        Claim("two-objects", two_objects.network, themselves, scenes, _two_objects_lemmas, pairs),
        Claim(
            "two-objects back",
            two_objects.inverse_network,
            scenes,
            themselves,
            _two_objects_back_lemmas,
            pairs,
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
                claim.build(max_size, max_size)
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
    return Proved("every network", claim, "representable range", len(tried), seconds)
