"""What is printed, and on which stream; every command prints through here.

What cannot be shown as it is, such as an escape sequence in a stored text or a character that the
terminal's encoding lacks, is printed as Python writes it in a string. A standard output that takes
no more stops nothing: the work is done and saved, and the failure is said at the end.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

__all__ = ["complain", "discard", "finished", "plain", "prepare", "show", "show_bytes", "width"]

_LONGEST = 2000
"""Characters of a message; longer ones, which quote what was given, are cut."""

_NARROWEST = 40
"""Columns below which a table would be no table any more."""

_refusal: ContextVar[str] = ContextVar("refusal", default="")
"""Why standard output took no more; empty while it does."""


def prepare() -> None:
    """Make both standard streams ready for any text; for the beginning of a program."""
    _refusal.set("")
    # Python has None for a stream that was closed before it started.
    if sys.stdout is None:
        sys.stdout = _nowhere()
        _refusal.set(os.strerror(errno.EBADF))
    if sys.stderr is None:
        sys.stderr = _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> io.TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8")  # open as long as the program runs


def plain(text: str) -> str:
    """Return a text with everything but lines, tabs and printable characters written out.

    >>> plain("red: \\x1b[31m")
    'red: \\\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )


def width() -> int:
    """Return the terminal's columns, 80 where output goes elsewhere; COLUMNS overrides both."""
    return max(shutil.get_terminal_size((80, 24)).columns, _NARROWEST)


def show(text: str = "", *, now: bool = False) -> None:
    """Print on standard output what was asked for; `now`, though more is to come.

    Raises BrokenPipeError where nobody reads any more. Any other failure is kept for `finished`.
    """
    with _refusals_kept():
        print(plain(text), flush=now)


def show_bytes(content: bytes) -> None:
    """Print bytes as they are on standard output, otherwise as `show` does."""
    with _refusals_kept():
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


def complain(message: str) -> None:
    """Print a message on standard error, on one line whatever is in it."""
    line = plain(" ".join(message.split()))
    if len(line) > _LONGEST:
        line = f"{line[:_LONGEST]}..."
    with suppress(OSError):  # there is nowhere else to say it
        print(f"compare: {line}", file=sys.stderr, flush=True)


def finished(code: int) -> int:
    """Flush standard output; returns the exit code, 1 for 0 if not all of it arrived.

    Raises BrokenPipeError as `show` does.
    """
    with _refusals_kept():
        sys.stdout.flush()
    if _refusal.get():
        complain(f"cannot write to standard output: {_refusal.get()}")
        return code or 1
    return code


def discard() -> None:
    """Send what is still to be printed nowhere, so that Python does not fail on it at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _refusals_kept() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _refusal.set(error.strerror or str(error))
        discard()
