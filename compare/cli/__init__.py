"""The command `compare`. Everything is checked before any work starts; heavy imports wait."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, NoReturn

from compare.cli import progress
from compare.cli.bench import _bench
from compare.cli.completion import _completion
from compare.cli.export import _export
from compare.cli.list import _list
from compare.cli.prove import _prove
from compare.cli.report import _report
from compare.cli.rerun import _rerun
from compare.cli.results import _results
from compare.cli.run import _run
from compare.cli.sweep import _sweep
from compare.errors import RunError, StorageError, UsageError


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument like every other error: on one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see '{self.prog} --help'")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        progress.level.set(getattr(options, "loudness", progress.NORMAL))
        code: int = options.command(options)
        return code
    except (UsageError, RunError, StorageError) as error:
        # One line, whatever was in the name of a file or of a solver.
        print("compare:", " ".join(str(error).split()), file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except MemoryError as error:
        # Outside of a training step, which names its batch: the data or the predictions.
        print(
            f"compare: out of memory ({' '.join(str(error).split())[:120]}); try a smaller --size "
            "or another --device; runs that were finished before are kept",
            file=sys.stderr,
        )
        return 1
    except BrokenPipeError:  # whoever read, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("\ncompare: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="compare",
        description="Weight-free networks beside learned ones, on the same data, scored.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser(
        "run",
        help="run solvers on a task and print how exact each is, and at what cost",
        description="Run solvers on a task and print how exact each is, and at what cost. "
        "Finished runs in --out are not repeated; one that was cut off goes on.",
    )
    run.set_defaults(command=_run)
    run.add_argument("--task", required=True, help="what to compute; 'compare list' names them")
    run.add_argument("--solver", metavar="NAMES", help="comma-separated; all of the task's")
    run.add_argument("--split", metavar="NAMES", help="comma-separated; all of the task's")
    run.add_argument("--seeds", metavar="N", default="3", help="run seeds 0 to N-1 (default 3)")
    run.add_argument(
        "--preset",
        default="quick",
        help="quick: a minute or a few (default); paper: the published recipe in full",
    )
    run.add_argument("--epochs", metavar="N", help="instead of the preset's; for every learner")
    run.add_argument("--learning-rate", metavar="X", help="of Adam, instead of the preset's")
    run.add_argument("--l2", metavar="X", help="penalty on convolution kernels")
    run.add_argument("--batch", metavar="N", help="samples a step")
    run.add_argument("--loss", metavar="NAME", help="one of the task's")
    run.add_argument("--lr-schedule", metavar="NAME", help="constant or step")
    run.add_argument("--width", metavar="N", help="channel multiplier: 1, 2 or 3")
    run.add_argument("--kernel", metavar="N", help="side of the kernels: 2, 3 or 4")
    run.add_argument(
        "--coordinates",
        metavar="NAME",
        help="given to networks in pixels, as published, or scaled to [-1, 1]",
    )
    run.add_argument("--backend", default="numpy", help="what learned networks run on (numpy)")
    run.add_argument(
        "--device",
        default="auto",
        help="cpu, cuda:N, mps, tpu:N; all of them with jax; auto, the best (default), is named "
        "above the table",
    )
    run.add_argument(
        "--precision",
        metavar="NAME",
        help="float32 (default), or, to be faster, tf32 or bf16 where the backend has them",
    )
    run.add_argument(
        "--size", metavar="N|HxW", default="64", help="canvas in pixels (default 64, as published)"
    )
    run.add_argument(
        "--eval-size", metavar="SIZES", help="score on these canvases too, comma-separated"
    )
    run.add_argument("--out", metavar="DIR", default="runs", help="for results (default runs)")
    run.add_argument("--force", action="store_true", help="repeat runs that are finished")
    run.add_argument(
        "--dry-run", action="store_true", help="print what would be run, and where; do nothing"
    )
    run.add_argument("--json", action="store_true", help="print the table as JSON, nothing else")

    prove = commands.add_parser(
        "prove",
        help="prove that the handcrafted networks are exact",
        description="Prove that the handcrafted networks are exact: on every canvas by lemmas that "
        "an SMT solver checks, and in every case of the canvases up to --max-size by trying it.",
    )
    prove.set_defaults(command=_prove)
    prove.add_argument("--task", metavar="NAMES", help="comma-separated; all of them")
    prove.add_argument("--max-size", metavar="N", default="64", help="pixels (default 64)")
    prove.add_argument("--dtype", default="float32", help="to enumerate in (default float32)")

    export = commands.add_parser(
        "export",
        help="write a handcrafted network as an ONNX file",
        description="Write a handcrafted network as an ONNX file with a dynamic batch.",
    )
    export.set_defaults(command=_export)
    export.add_argument("file", help="to write, ending in .onnx")
    export.add_argument("--task", required=True, help="whose network")
    export.add_argument("--size", metavar="N|HxW", default="64", help="canvas (default 64)")

    sweep = commands.add_parser(
        "sweep",
        help="carry out every run of a grid in a TOML file",
        description="Carry out every run of a grid in a TOML file, here or on a cluster. "
        "Finished runs in --out are not repeated; one that was cut off goes on.",
    )
    sweep.set_defaults(command=_sweep)
    sweep.add_argument("file", metavar="FILE", help="such as sweeps/quick.toml")
    sweep.add_argument("--workers", metavar="N", help="on N processes that share the cores")
    sweep.add_argument(
        "--scheduler", metavar="ADDRESS", help="on a Dask cluster, such as tcp://host:8786"
    )
    sweep.add_argument("--out", metavar="DIR", default="runs", help="for results (default runs)")
    sweep.add_argument("--force", action="store_true", help="repeat runs that are finished")
    sweep.add_argument(
        "--dry-run", action="store_true", help="check the file and estimate the time, no more"
    )
    sweep.add_argument("--json", action="store_true", help="print the summary as JSON")

    answers = commands.add_parser(
        "results",
        help="list, filter, group and sort the runs in a directory",
        description="List, filter, group and sort the runs in a directory. Files that are not to "
        "be trusted are named on standard error and left out.",
    )
    answers.set_defaults(command=_results)
    answers.add_argument("out", metavar="DIR", nargs="?", default="runs", help="(default runs)")
    answers.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="such as solver=conv,coordconv or 'test_exact>=0.5'; all that are given must hold",
    )
    answers.add_argument("--by", metavar="COLUMNS", help="one row for the runs equal in these")
    answers.add_argument("--sort", metavar="COLUMNS", help="the first column first")
    answers.add_argument("--reverse", action="store_true", help="sort downwards")
    answers.add_argument("--columns", metavar="NAMES", help="show these, comma-separated")
    answers.add_argument("--format", default="table", help="table, csv, json or markdown")
    answers.add_argument(
        "--check",
        action="store_true",
        help="read every file of every run, and name what is not as it was written",
    )

    again = commands.add_parser(
        "rerun",
        help="repeat a finished run and say whether its scores are the same",
        description="Repeat a finished run from its run.json, and say whether its scores are the "
        "same. The exit code is 0 if they are and 1 if not.",
    )
    again.set_defaults(command=_rerun)
    again.add_argument("run", metavar="RUN", help="the run's directory, or its run.json")
    report = commands.add_parser(
        "report",
        help="write a page about the runs, and figures for a paper",
        description="Write one self-contained page about the finished runs in a directory, with "
        "an interactive figure; and, with --figures, every figure as SVG and PNG.",
    )
    report.set_defaults(command=_report)
    report.add_argument("runs", nargs="?", default="runs", help="directory of runs (default runs)")
    report.add_argument(
        "-o", "--output", metavar="FILE", default="report.html", help="page (default report.html)"
    )
    report.add_argument("--figures", metavar="DIR", help="write every figure here too")

    bench = commands.add_parser(
        "bench",
        help="time each solver's prediction against the size of canvas and batch",
        description="Time each solver's prediction on larger and larger canvases and batches on "
        "this machine; learned networks with their first weights, which cost what trained ones do.",
    )
    bench.set_defaults(command=_bench)
    bench.add_argument("--task", default="onehot2coord", help="default onehot2coord")
    bench.add_argument("--solver", metavar="NAMES", help="comma-separated; all of the task's")
    bench.add_argument("--backend", default="numpy", help="what learned networks run on (numpy)")
    bench.add_argument("--device", default="auto", help="as for compare run")
    bench.add_argument("--figure", metavar="FILE", help="draw it too, as .svg, .png or .pdf")
    bench.add_argument("--json", action="store_true", help="print JSON, nothing else")

    listing = commands.add_parser("list", help="show tasks, solvers, backends and devices")
    listing.add_argument(
        "--devices", action="store_true", help="import every backend and ask it for its devices"
    )
    listing.set_defaults(command=_list)

    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands, options and names in a shell",
        description="Print a completion script. For bash, once and for all:  compare completion "
        "bash > ~/.local/share/bash-completion/completions/compare",
    )
    completion.set_defaults(command=_completion)
    completion.add_argument("shell", help="bash, zsh or another that shtab knows")

    for each in (parser, *commands.choices.values()):
        _add_loudness(each)
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
        (("-q", "--quiet"), progress.QUIET, "say nothing but what was asked for, and errors"),
        (("-v", "--verbose"), progress.VERBOSE, "say more on standard error"),
    ):
        either.add_argument(
            *spellings,
            action="store_const",
            const=level,
            dest="loudness",
            default=argparse.SUPPRESS,
            help=what,
        )
