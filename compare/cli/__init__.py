"""The command `compare`. Everything is checked before any work starts; heavy imports wait.

Each command is a module here with a `DESCRIPTION`, `add_arguments(parser)` and `run(options)`,
which returns the exit code. Only the module of the command that was given is imported.
"""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import warnings
from collections.abc import Container, Sequence
from importlib import import_module
from typing import Any, NoReturn

from compare.cli import output, progress
from compare.errors import (
    RunError,
    StorageError,
    TerminatedError,
    UsageError,
    choice,
    command,
    nearest,
    terminations_raised,
)

__all__ = ["COMMANDS", "main", "make_parser"]

COMMANDS = {
    "run": "run solvers on a task and print how exact each is, and at what cost",
    "prove": "prove that the handcrafted networks are exact",
    "export": "write a network and its weights as a file for other libraries",
    "sweep": "carry out every run of a grid in a TOML file",
    "results": "list, filter, group and sort the runs in a directory",
    "rerun": "repeat a finished run and say whether its scores are the same",
    "report": "write a page about the runs, and figures for a paper",
    "basin": "see whether training returns to computed weights from their neighbourhood",
    "power": "say what difference so many runs and test items could have shown",
    "bench": "time each solver's prediction against the size of canvas and batch",
    "list": "show tasks, solvers, backends and devices",
    "completion": "print a script that completes commands, options and names in a shell",
}
"""What each command does."""


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument like every other error: on one line, with exit code 2."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **{**keywords, "allow_abbrev": False})
        self.register("type", None, _not_empty)  # of every argument that names no other
        self._intermixed = False

    def error(self, message: str) -> NoReturn:
        raise UsageError(
            f"{message}{'' if message.endswith('?') else ';'} see '{self.prog} --help'"
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._require_known(sys.argv[1:] if args is None else args)
        if self._subparsers or self._intermixed:
            return super().parse_known_args(args, namespace)
        self._intermixed = True  # this method is called again, twice
        # Options may stand anywhere, between two files too.
        return self.parse_known_intermixed_args(args, namespace)

    def _require_known(self, words: Sequence[str]) -> None:
        """Refuse an option that is not known, before anything is said to be missing."""
        for word in words:
            if word == "--" or (self._subparsers and not word.startswith("-")):
                return  # what follows is no option, or a command's own
            name = word.partition("=")[0]
            if name.startswith("--"):
                known = " " in name or name in self._option_string_actions
            else:  # -1 is a number, and - a file
                known = not word[1:2].isalpha() or not word.startswith("-")
                known = known or word[:2] in self._option_string_actions
            if not known:
                # Without the dashes, which any two options have in common.
                options = {each.lstrip("-"): each for each in self._option_string_actions}
                near = nearest(name.lstrip("-"), options)
                tip = f"; did you mean '{options[near]}'?" if near else ""
                self.error(f"unknown option '{name:.40}'{tip}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None:
            choice("command" if action.dest == "chosen" else action.dest, value, action.choices)

    def _print_message(self, message: str, file: Any = None) -> None:
        # Python's own says nothing if this cannot be written.
        output.show(message.rstrip("\n"))


def _not_empty(text: str) -> str:
    """Refuse what a shell makes of a variable that is not set, which is not "not given"."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a value, not an empty text")
    return text


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    output.prepare()
    given = sys.argv[1:] if arguments is None else arguments
    with warnings.catch_warnings(), terminations_raised():
        warnings.showwarning = lambda message, *_, **__: output.complain(str(message))
        return _main(given)


def _main(given: list[str]) -> int:
    try:
        return output.finished(_run(given))
    except BrokenPipeError:  # whoever read, such as `head`, has had enough
        output.discard()
        return 141


def _run(given: list[str]) -> int:
    """Run the command line; returns the exit code. Every failure that users meet is one line."""
    options = argparse.Namespace()
    try:
        try:
            parser = make_parser([word for word in given if word in COMMANDS][:1], command())
            parser.parse_args(given, options)
        except SystemExit as ended:  # after --help or --version
            raise SystemExit(output.finished(0)) from ended
        progress.level.set(getattr(options, "loudness", progress.NORMAL))
        _require_address_space()
        code: int = options.command(options)
        return code
    except BrokenPipeError:
        raise
    except (UsageError, RunError, StorageError) as error:
        output.complain(str(error))
        return 2 if isinstance(error, UsageError) else 1
    except MemoryError as error:
        output.complain(f"out of memory ({str(error)[:120]}); {_smaller(options)}")
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        output.complain(f"the system refused: {where}{error.strerror or error}")
        return 2 if error.errno == errno.ENAMETOOLONG else 1
    except ImportError as error:
        output.complain(f"a library cannot be loaded: {_reason(error)}")
        return 1
    except TerminatedError as error:
        name = signal.Signals(error.number).name
        output.complain(f"ended by {name}; the same command resumes what was begun")
        return 128 + error.number
    except KeyboardInterrupt:
        output.complain("interrupted; the same command resumes what was begun")
        return 130


def _smaller(options: argparse.Namespace) -> str:
    """Name the options of the command that make it take less memory."""
    names = [name for name in ("size", "max_size", "batch", "workers") if name in options]
    if not names:
        return "end other programs, or raise the limit; what was finished before is kept"
    spelled = " or ".join("--" + name.replace("_", "-") for name in names)
    return f"try a smaller {spelled}; what was finished before is kept"


def _require_address_space() -> None:
    """Raise RunError where the libraries cannot even be loaded: OpenBLAS would wait for ever."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _ADDRESS_SPACE:
        raise RunError(
            f"this process may take {limit >> 20} MiB of memory ('ulimit -v'), and the libraries "
            f"alone take {_ADDRESS_SPACE >> 20} MiB; raise the limit"
        )


_ADDRESS_SPACE = 1 << 28
"""Bytes in which NumPy and SciPy can be loaded with one thread."""


def _reason(error: BaseException) -> str:
    """Return what was wrong first: NumPy wraps a page of advice around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def make_parser(chosen: Container[str], program: str = "compare") -> argparse.ArgumentParser:
    """Return the parser of all commands; only those chosen know their arguments."""
    parser = _Parser(
        prog=program,
        description="Weight-free networks beside learned ones, on the same data, scored.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    _add_loudness(parser)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="chosen", required=True
    )
    commands.type = str  # what stands after a command, empty or not, is its own parser's
    for name, summary in COMMANDS.items():
        module: Any = import_module(f"compare.cli.{name}") if name in chosen else None
        own = commands.add_parser(
            name, help=summary, description=module.DESCRIPTION if module else None
        )
        _add_loudness(own)
        if module:
            module.add_arguments(own)
            own.set_defaults(command=module.run)
    return parser


class _Version(argparse.Action):
    """Prints the version; looks it up no earlier than that."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version

        output.show(f"compare {version('handcrafted')}")
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
