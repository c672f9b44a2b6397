"""Names and numbers as users give them, in text; `UsageError` says what is wrong with one."""

from __future__ import annotations

from compare.errors import UsageError

LARGEST = 2**63 - 1
"""Of the whole numbers that a table of results can hold."""

MOST_SEEDS = 100_000
"""At a time: all runs are laid out and checked before the first."""


def count(what: str, text: str, most: int = LARGEST) -> int:
    """Read a whole number from 1 to `most`; `UsageError` names `what` otherwise."""
    digits = text.strip()
    value = _whole(digits) if digits.isdecimal() else 0
    if value == 0:
        raise UsageError(f"{what} is '{text}'; give a whole number, 1 or more")
    if value > most:
        raise UsageError(f"{what} is '{text:.40}'; give a whole number up to {most}")
    return value


def _whole(digits: str) -> int:
    """Read digits; very many, which Python may refuse to read, as more than `LARGEST`."""
    return int(digits) if len(digits) < 100 else LARGEST + 1


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
    """Read a canvas's (height, width), "64" or "48x64", that fits in memory."""
    from compare.backends.base import host_memory  # brings NumPy, which `--help` does without

    parts = text.strip().lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise UsageError(f"{what} is '{text}'; give pixels as N or as HEIGHTxWIDTH, such as 64")
    height, width = _whole(parts[0]), _whole(parts[-1])
    needed, free = 16 * height * width, host_memory()  # x and y of every pixel, eight bytes each
    if needed > free:
        raise UsageError(
            f"{what} is '{text:.40}'; the places of so many pixels alone take {needed / 1e9:,.0f} "
            f"GB, and {free / 1e9:,.0f} GB of memory are free: give a smaller canvas"
        )
    return height, width


def names(what: str, text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """Read comma-separated names, each once; None stands for all that are known."""
    if text is None:
        return known
    given = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in given:
        choice(what, name, known)
    return given
