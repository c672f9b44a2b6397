"""The command `compare`. Everything is checked before any work starts; heavy imports wait.

Each command is a module here with a `DESCRIPTION`, `add_arguments(parser)` and `run(options)`,
which returns the exit code. Only the module of the command that was given is imported.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Container
from importlib import import_module
from typing import Any, NoReturn

from compare.cli import progress
from compare.errors import (
    RunError,
    StorageError,
    TerminatedError,
    UsageError,
    terminations_raised,
)

COMMANDS = {
    "run": "run solvers on a task and print how exact each is, and at what cost",
    "prove": "prove that the handcrafted networks are exact",
    "export": "write a network and its weights as a file for other libraries",
    "sweep": "carry out every run of a grid in a TOML file",
    "results": "list, filter, group and sort the runs in a directory",
    "rerun": "repeat a finished run and say whether its scores are the same",
    "report": "write a page about the runs, and figures for a paper",
    "basin": "see whether training returns to computed weights from their neighbourhood",
    "bench": "time each solver's prediction against the size of canvas and batch",
    "list": "show tasks, solvers, backends and devices",
    "completion": "print a script that completes commands, options and names in a shell",
}
"""What each command does."""


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument like every other error: on one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see '{self.prog} --help'")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    with warnings.catch_warnings(), terminations_raised():
        warnings.showwarning = lambda message, *_, **__: _show(message)
        return _main(given)


def _show(message: Warning | str) -> None:
    """Print a warning as every other message: on one line."""
    print("compare:", " ".join(str(message).split()), file=sys.stderr)


def _main(given: list[str]) -> int:
    try:
        options = make_parser([word for word in given if word in COMMANDS][:1]).parse_args(given)
        progress.level.set(getattr(options, "loudness", progress.NORMAL))
        code: int = options.command(options)
        return code
    except (UsageError, RunError, StorageError) as error:
        # One line, whatever was in the name of a file or of a solver.
        print("compare:", " ".join(str(error).split()), file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except MemoryError as error:
        print(
            f"compare: out of memory ({' '.join(str(error).split())[:120]}); try a smaller --size "
            "or another --device; runs that were finished before are kept",
            file=sys.stderr,
        )
        return 1
    except BrokenPipeError:  # whoever read, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except TerminatedError as error:
        name = signal.Signals(error.number).name
        print(f"compare: ended by {name}; the same command resumes what was begun", file=sys.stderr)
        return 128 + error.number
    except KeyboardInterrupt:
        print("\ncompare: interrupted; the same command resumes what was begun", file=sys.stderr)
        return 130


def make_parser(chosen: Container[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands; only those chosen know their arguments."""
    parser = _Parser(
        prog="compare",
        description="Weight-free networks beside learned ones, on the same data, scored.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    _add_loudness(parser)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        module: Any = import_module(f"compare.cli.{name}") if name in chosen else None
        command = commands.add_parser(
            name,
            help=summary,
            description=module.DESCRIPTION if module else None,
            allow_abbrev=False,
        )
        _add_loudness(command)
        if module:
            module.add_arguments(command)
            command.set_defaults(command=module.run)
    return parser


class _Version(argparse.Action):
    """Prints the version; looks it up no earlier than that."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"compare {version('handcrafted')}")
        parser.exit()


def _add_loudness(parser: argparse.ArgumentParser) -> None:
    """Let -q and -v stand before the command or after it."""
    either = parser.add_mutually_exclusive_group()
    for spellings, level, what in (
        (("-q", "--quiet"), progress.QUIET, "print nothing but what was asked for, and errors"),
        (("-v", "--verbose"), progress.VERBOSE, "print more on standard error"),
    ):
        either.add_argument(
            *spellings,
            action="store_const",
            const=level,
            dest="loudness",
            default=argparse.SUPPRESS,
            help=what,
        )
