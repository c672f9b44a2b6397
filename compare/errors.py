"""The exceptions that are said in one line, signals that become one, and commands in messages."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

__all__ = [
    "RunError",
    "StorageError",
    "TerminatedError",
    "UsageError",
    "choice",
    "command",
    "nearest",
    "terminations_raised",
    "unknown",
]


class UsageError(ValueError):
    """What was asked for cannot be done; the message names it and says what can.

    The command line prints the message on one line and exits with code 2.
    """


class StorageError(OSError):
    """A file could not be written; the message names it and says why.

    What was on disk before is as it was. The command line prints the message on one line and
    exits with code 1.
    """


class RunError(RuntimeError):
    """A run that was under way cannot go on; the message says why and what to do.

    The command line prints the message on one line and exits with code 1. Runs that were finished
    before are kept.
    """


def choice(what: str, text: str, known: Iterable[str]) -> str:
    """Return a text that is among those known; `UsageError` lists them and suggests the nearest.

    >>> choice("split", "quadrants", ("uniform", "quadrant"))
    Traceback (most recent call last):
    compare.errors.UsageError: unknown split 'quadrants'; did you mean 'quadrant'? choose from: \
uniform, quadrant
    """
    names = tuple(known)
    if text not in names:
        raise unknown(what, text, names)
    return text


def unknown(what: str, text: str, known: Iterable[str]) -> UsageError:
    """Return the error of a text that is not among those known."""
    names = tuple(known)
    near = nearest(text, names)
    tip = f"did you mean '{near}'? " if near else ""
    return UsageError(f"unknown {what} '{text:.40}'; {tip}choose from: {', '.join(names)}")


def nearest(text: str, known: Iterable[str]) -> str:
    """Return the name that a text was probably meant to be; an empty text if none is near.

    >>> nearest("unifrom", ("uniform", "quadrant"))
    'uniform'
    """
    from difflib import get_close_matches

    return next(iter(get_close_matches(text[:80], list(known), 1)), "")


def command(*words: str) -> str:
    """Return a command of this program, quoted for a shell, as the user would type it again.

    The program is named as it was called: `.venv/bin/compare` where that is not what `compare`
    finds, `python -m compare` where it was started so, and `compare` from a library or a test.
    """
    import shutil  # takes as long as all else that is imported before a command is known

    called = Path(sys.argv[0])
    program = ["compare"]
    if called.name == "__main__.py" and called.parent.name == "compare":
        program = [sys.orig_argv[0], "-m", "compare"]
    elif called.stem == "compare":
        found = shutil.which("compare")
        if found is None or Path(found).absolute() != called.absolute():
            program = [sys.argv[0]]
    return shlex.join([*program, *words])


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end by a signal, and does as it does at Ctrl-C."""

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        super().__init__(number)
        self.number = number


@contextmanager
def terminations_raised() -> Iterator[None]:
    """Raise `TerminatedError` in the main thread at SIGTERM and SIGHUP, so that state is saved.

    A signal that is ignored, such as SIGHUP under nohup, or handled by somebody else is left alone;
    after the first, others are ignored until everything is saved.
    """
    chosen = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]
    main = threading.current_thread() is threading.main_thread()
    ours = [n for n in chosen if main and signal.getsignal(n) == signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)
        raise TerminatedError(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
