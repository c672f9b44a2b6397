"""Operations evaluated at one symbolic pixel of a canvas of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

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

__all__ = ["Canvas", "Channel", "Field", "Formula", "Impulse", "ProofError"]

Formula = Any
"""A z3 expression; z3 is imported when a lemma is proved."""


class ProofError(AssertionError):
    """A claim does not hold; the message has the first counterexample."""


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
