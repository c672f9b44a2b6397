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

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handcrafted import coord2image, coord2onehot, image2coord, onehot2coord
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

_ELEMENTS = 1 << 20
"""Of the inputs generated at a time."""


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


def _coordinates(places: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    return np.asarray(places, dtype=dtype)


Change = Callable[[tuple[Operation, ...]], tuple[Operation, ...]]


def _unchanged(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    return operations


Draw = Callable[[NDArray[Any], int, int, Any], NDArray[Any]]


@dataclass(frozen=True)
class Claim:
    """What a network is claimed to do: at every position, `draws` in and `answers` out."""

    name: str
    build: Callable[[int, int], Network]
    inputs: Draw
    outputs: Draw
    lemmas: Callable[[Change], int]
    """Proves the operations, changed or not, for every size; returns the number of lemmas."""
    every_size: bool = False
    """Whether all canvases are enumerated, or the square one of the largest size alone."""


def enumerate_canvas(claim: Claim, network: Network, height: int, width: int, dtype: Any) -> int:
    """Check a network at every position of one canvas; returns the number of positions.

    Raises `ProofError` with the first position that is wrong.
    """
    places = positions(height, width)
    step = max(1, _ELEMENTS // (height * width))
    for start in range(0, len(places), step):
        some = places[start : start + step]
        outputs = network.run(claim.inputs(some, height, width, dtype))
        expected = claim.outputs(some, height, width, dtype)
        wrong = np.flatnonzero((outputs != expected).reshape(len(some), -1).any(axis=1))
        if len(wrong):
            x, y = some[wrong[0]]
            raise ProofError(
                f"{network.name} on {height}x{width} in {np.dtype(dtype).name} is wrong "
                f"at (x, y) = ({x}, {y})"
            )
    return len(places)


def enumeration(claim: Claim, max_size: int, dtype: Any) -> Proved:
    """Check a claim at every position: of every canvas, or of the largest one."""
    started = time.perf_counter()
    if claim.every_size:
        sides = range(1, max_size + 1)
        sizes = [(height, width) for height in sides for width in sides]
        where = f"every position of every canvas to {max_size}x{max_size}"
    else:
        sizes = [(max_size, max_size)]
        where = f"every position at {max_size}x{max_size}"

    def check(size: tuple[int, int]) -> int:
        return enumerate_canvas(claim, claim.build(*size), *size, dtype)

    # NumPy lets go of the interpreter inside its loops, so threads use all cores.
    with ThreadPoolExecutor() as pool:
        cases = sum(pool.map(check, sizes))
    seconds = time.perf_counter() - started
    return Proved(claim.name, where, f"enumeration, {np.dtype(dtype).name}", cases, seconds)


# --- Lemmas ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Impulse:
    """A channel that is `value` at one pixel and 0 at every other."""

    row: Formula
    column: Formula
    value: Formula


@dataclass(frozen=True)
class Field:
    """A channel given by a formula for its value at pixel (i, j) of the canvas."""

    at: Callable[[Formula, Formula], Formula]


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
            why = self.solver.model() if answer == self.z3.sat else "the solver gave up"
            self.solver.pop()
            raise ProofError(f"'{lemma}' does not hold: {why}")
        self.solver.pop()

    def value(self, channel: Channel, row: Formula, column: Formula) -> Formula:
        """Return a channel's value at a pixel, which may lie beyond the canvas, where it is 0."""
        if isinstance(channel, Impulse):
            here = self.z3.And(row == channel.row, column == channel.column)
            return self.z3.If(here, channel.value, 0)
        return self.z3.If(self.on_canvas(row, column), channel.at(row, column), 0)

    def at_pixel(self, channel: Channel) -> Formula:
        """Return a channel's value at the pixel (i, j)."""
        return self.value(channel, self.i, self.j)

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
                    Field(lambda i, j: first_column + column_step * j),
                    Field(lambda i, j: first_row + row_step * i),
                ]
            case Tile():
                return [Field(partial(_constant, channel)) for channel in channels]
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
            return Field(lambda i, j: function(self.value(channel, i, j)))
        return function(channel)

    def _relu(self, value: Formula) -> Formula:
        return self.z3.If(value > 0, value, 0)

    def _total(self, channel: Channel) -> Formula:
        if isinstance(channel, Impulse):
            return channel.value
        raise TypeError("only an impulse's sum is its value; use sum_by_induction")

    def _convolve(self, taps: list[Tap], bias: Formula, channels: list[Any]) -> Any:
        def at(i: Formula, j: Formula) -> Formula:
            terms = (self._times(t.value, self._window(channels[t.input], t, i, j)) for t in taps)
            return sum(terms, start=bias)

        return Field(at)

    def _window(self, channel: Channel, tap: Tap, i: Formula, j: Formula) -> Formula:
        """Sum a channel over a tap's rectangle at pixel (i, j)."""
        top, left = i + tap.top, j + tap.left
        if isinstance(channel, Impulse):
            inside = self.z3.And(
                top <= channel.row,
                channel.row < top + tap.rows,
                left <= channel.column,
                channel.column < left + tap.columns,
            )
            return self.z3.If(inside, channel.value, 0)
        pixels = [(top + a, left + b) for a in range(tap.rows) for b in range(tap.columns)]
        return sum((self.value(channel, *pixel) for pixel in pixels), start=0)

    def _times(self, factor: Formula, value: Formula) -> Formula:
        """Multiply case by case, so that a symbol times 0 or 1 stays linear."""
        if self.z3.is_expr(value) and self.z3.is_app_of(value, self.z3.Z3_OP_ITE):
            condition, then, otherwise = value.children()
            return self.z3.If(condition, self._times(factor, then), self._times(factor, otherwise))
        return factor * value


def _minus(minuend: Formula, value: Formula) -> Formula:
    return minuend - value


def _constant(value: Formula, i: Formula, j: Formula) -> Formula:
    return value


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
    return c.count


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
    return c.count


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
    return c.count


def _coord2image_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    radius = c.z3.Int("r")
    c.assume(radius >= 0)
    *first, convolution = change(coord2image.steps(c.H, c.W, radius))
    (picture,) = c.apply(convolution, [_one_hot_lemmas(c, tuple(first))])
    inside = _in_square(c, radius, c.i, c.j)
    c.prove("1 within r of (x, y) and 0 elsewhere", c.at_pixel(picture) == c.z3.If(inside, 1, 0))
    return c.count


def _in_square(c: Canvas, radius: Formula, i: Formula, j: Formula) -> Formula:
    return c.z3.And(c.z3.Abs(c.x - j) <= radius, c.z3.Abs(c.y - i) <= radius)


def _image2coord_lemmas(change: Change = _unchanged) -> int:
    c = Canvas()
    radius = c.z3.Int("r")
    c.assume(radius >= 0, c.W >= 2 * radius + 1, c.H >= 2 * radius + 1)
    find, relu, coordinates, convolution, again, total, lack, clip, add, subtraction = change(
        image2coord.steps(c.H, c.W, radius)
    )
    picture = Field(lambda i, j: c.z3.If(_in_square(c, radius, i, j), 1, 0))
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
    return c.count


CLAIMS: dict[str, tuple[Claim, ...]] = {
    "onehot2coord": (
        Claim(
            "onehot2coord",
            onehot2coord.network,
            bitmaps,
            _coordinates,
            _onehot2coord_lemmas,
            every_size=True,
        ),
        Claim(
            "onehot2coord without coordinates",
            onehot2coord.network_without_coordinates,
            bitmaps,
            _coordinates,
            _without_coordinates_lemmas,
            every_size=True,
        ),
    ),
    "coord2onehot": (
        Claim("coord2onehot", coord2onehot.network, _coordinates, bitmaps, _coord2onehot_lemmas),
    ),
    "coord2image": (
        Claim("coord2image", coord2image.network, _coordinates, squares, _coord2image_lemmas),
    ),
    "image2coord": (
        Claim("image2coord", image2coord.network, squares, _coordinates, _image2coord_lemmas),
    ),
}
"""What is claimed for each task, one claim a network."""
