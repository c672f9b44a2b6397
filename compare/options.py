"""Names and numbers as users give them, in text; `UsageError` says what is wrong with one."""

from __future__ import annotations

from compare import UsageError

LARGEST = 2**63 - 1
"""Of the whole numbers that a table of results can hold."""


def count(what: str, text: str) -> int:
    """Read a whole number from 1 to `LARGEST`; `UsageError` names `what` otherwise."""
    if not text.strip().isdecimal() or int(text) == 0:
        raise UsageError(f"{what} is '{text}'; give a whole number, 1 or more")
    if int(text) > LARGEST:
        raise UsageError(f"{what} is '{text}'; give a whole number up to {LARGEST}")
    return int(text)


def number(what: str, text: str | None, above: bool) -> float | None:
    """Read a finite number of 0 or more, `above` 0 if so asked; None stays None."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (0 < value < float("inf") or (value == 0 and not above)):
        raise UsageError(f"{what} is '{text}'; give a number {'above 0' if above else '0 or more'}")
    return value


def choice(what: str, text: str | None, known: tuple[str, ...]) -> str | None:
    """Make sure that a text, if there is one, is among those known."""
    if text is not None and text not in known:
        raise UsageError(f"unknown {what} '{text}'; choose from: {', '.join(known)}")
    return text


def pixels(what: str, text: str) -> tuple[int, int]:
    """Read a canvas's (height, width), "64" or "48x64"."""
    parts = text.strip().lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise UsageError(f"{what} is '{text}'; give pixels as N or as HEIGHTxWIDTH, such as 64")
    return int(parts[0]), int(parts[-1])


def names(what: str, text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """Read comma-separated names, each once; None stands for all that are known."""
    if text is None:
        return known
    given = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in given:
        choice(what, name, known)
    return given
