"""The exceptions that are said in one line: what was asked for, the disk, a run under way."""

from __future__ import annotations


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
