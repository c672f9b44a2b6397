"""Names and numbers as users give them; `UsageError` says what is wrong with one.

The command line gives texts, a sweep's file and Python numbers too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeVar

from compare.errors import UsageError, choice
from compare.learned.recipe import LARGEST, Option, whole_number

__all__ = [
    "MOST_RUNS",
    "MOST_SEEDS",
    "MOST_WORKERS",
    "T",
    "count",
    "duration",
    "flag_of",
    "items_of",
    "name_of",
    "names",
    "option",
    "option_of",
    "path_of",
    "pixels",
    "read",
    "seed_of",
    "seeds_of",
    "text_of",
    "whole_of",
]

T = TypeVar("T")

MOST_SEEDS = 100_000
"""At a time: all runs are planned and checked before the first."""

MOST_RUNS = 100_000
"""Of one solver on one split in a sweep, likewise."""

MOST_WORKERS = 1_000
"""Processes of one machine."""


def read(what: str, text: str, reader: Callable[[str], T]) -> T:
    """Read a value; `UsageError` names `what` and quotes the text where the reader refuses it."""
    try:
        return reader(text)
    except ValueError as error:
        raise UsageError(f"{what} is '{text:.40}'; {error}") from error


def count(what: str, text: str, most: int = LARGEST) -> int:
    """Read a whole number from 1 to `most`; `UsageError` names `what` otherwise."""
    return read(what, text, lambda digits: whole_number(digits, most))


def option(what: str, text: str, option: Option, choices: tuple[str, ...]) -> object:
    """Read the value of a training option, one of the `choices` where there are any."""
    if choices:
        choice(what, text, choices)
    return read(what, text, option.read)


def pixels(what: str, text: str, *, with_samples: bool = True) -> tuple[int, int]:
    """Read a canvas's (height, width), "64" or "48x64"; one whose samples fit in memory."""
    from compare.experiments import memory  # brings NumPy, which `--help` does without

    parts = text.strip().lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise UsageError(f"{what} is '{text:.40}'; give pixels as N or as HEIGHTxWIDTH, such as 64")
    height, width = (_whole(part) for part in (parts[0], parts[-1]))
    if with_samples:
        memory.require(what, text, memory.A_PIXEL * height * width)
    return height, width


def _whole(digits: str) -> int:
    """Read digits; very many, which Python may refuse to read, as more than `LARGEST`."""
    return int(digits) if len(digits) < 100 else LARGEST + 1


def names(what: str, text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """Read comma-separated names, each once; None stands for all that are known."""
    if text is None:
        return known
    given = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in given:
        choice(what, name, known)
    return given


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it."""
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def text_of(what: str, value: Any) -> str:
    """Return a number or a text as the command line would have it."""
    if isinstance(value, bool) or not isinstance(value, str | Real):
        raise UsageError(f"{what} is {_shown(value)}; give a number or a text, or a list of them")
    try:
        return str(value)  # of NumPy's numbers too
    except ValueError:
        raise UsageError(f"{what} is {_shown(value)}; give a smaller one") from None


def name_of(what: str, value: Any) -> str:
    """Return a name or another text of one line that is given from Python."""
    if not isinstance(value, str) or not value.isprintable():
        raise UsageError(f"{what} is {_shown(value)}; give a name")
    return str(value)


def items_of(what: str, value: Any, item: str) -> list[Any]:
    """Return the items of a list, a tuple or an array that is not empty."""
    items = _listed(value)
    if not items:
        raise UsageError(f"{what} is {_shown(value)}; give {item}, or a list of them")
    return items


def path_of(what: str, value: Any) -> str:
    """Return a path, a text or a `Path`; `UsageError` where it is none."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise UsageError(f"{what} is {_shown(value)}; give a directory")
    return text


def flag_of(what: str, value: Any) -> bool:
    """Return True or False, NumPy's too."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise UsageError(f"{what} is {_shown(value)}; give True or False")
    return bool(value)


def whole_of(what: str, value: Any, instead: str, whole: Any) -> str:
    """Return a whole number that is 1 or more as a text; `whole` is what it is a part of."""
    if not _is_whole(value) or not value > 0:
        raise UsageError(f"{what} is {_shown(whole)}; give {instead}")
    return text_of(what, value)


def option_of(option: Option, value: Any) -> str:
    """Return a training option's value as the command line would have it."""
    kind = str if option.is_text else Real | str
    if isinstance(value, bool) or not isinstance(value, kind):
        instead = "a name" if option.is_text else "a number"
        raise UsageError(f"{option.name} is {_shown(value)}; give {instead}")
    return name_of(option.name, value) if isinstance(value, str) else text_of(option.name, value)


def seed_of(what: str, value: Any) -> int:
    """Return one seed."""
    if not _is_seed(value):
        raise UsageError(f"{what} is {_shown(value)}; give a whole number, 0 to {LARGEST}")
    return int(value)


def seeds_of(what: str, value: Any) -> tuple[int, ...]:
    """Read how many seeds, which then are 0, 1, ..., or a list of seeds."""
    if _is_whole(value) and 0 < value <= MOST_SEEDS:
        return tuple(range(value))
    seeds = _listed(value)
    if not seeds or not all(map(_is_seed, seeds)):
        raise UsageError(
            f"{what} is {_shown(value)}; give how many, 1 to {MOST_SEEDS}, "
            "or a list of whole numbers"
        )
    return tuple(dict.fromkeys(map(int, seeds)))


def _listed(value: Any) -> list[Any]:
    """Return the items of a list, a tuple, a range or an array; of anything else, none."""
    several = isinstance(value, list | tuple | range) or getattr(value, "ndim", 0) == 1
    return list(value) if several else []


def _is_seed(value: Any) -> bool:
    return _is_whole(value) and 0 <= value <= LARGEST


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """Quote the beginning of a value, on one line."""
    try:
        return f"{' '.join(repr(value).split()):.40}"
    except ValueError:  # Python refuses to write very many digits
        return "a number of thousands of digits"
