"""The exceptions that are said in one line, and how a message names a command to type."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


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
