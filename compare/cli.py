"""The command `compare`. Everything is checked before any work starts; heavy imports wait."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from compare import RunError, StorageError, UsageError, progress
from compare.options import MOST_SEEDS, choice, count, names, pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from compare.learned.training import Progress
    from compare.plan import Plan, Request
    from compare.report import Plot
    from compare.sweep import Estimate


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


def _run(options: argparse.Namespace) -> int:
    from compare.plan import lay_out

    plans = lay_out(_request(options))
    if options.dry_run:
        return _dry_run(options, plans)
    first = plans[0].setting.backend.first
    out = _writable(options.out) if first else Path(options.out)

    started = time.perf_counter()
    records = _execute(plans, out, options.force)
    seconds = time.perf_counter() - started
    if not first:
        return 0  # of several processes that compute together, one reports

    from itertools import combinations, groupby

    from compare.run import outcomes
    from compare.scoring import paired, summarise

    task = plans[0].setting.task
    summaries = summarise(records)
    pairs = {
        split: [paired(*two) for two in combinations(outcomes(list(group), out), 2)]
        for split, group in groupby(plans, key=lambda plan: plan.setting.split)
    }
    header = _header(options, plans)
    if options.json:
        answer = {**header, "rows": summaries, "pairs": pairs}
        print(json.dumps(_strict_json(answer), indent=2))
        return 0
    from compare.tables import comparison

    print(comparison(task, header, summaries, pairs))
    progress.note(f"\nDone in {seconds:.1f} s. Every run's files and its error picture: {out}/")
    progress.note(f"A page about them, with pictures: compare report {out}")
    return 0


def _dry_run(options: argparse.Namespace, plans: list[Plan]) -> int:
    """Print what would be run, and where, and leave no trace."""
    from compare.results import read_record
    from compare.tables import counted

    rows = []
    for plan in plans:
        directory = plan.directory(Path(options.out))
        try:
            finished = read_record(directory) is not None and not options.force
        except ValueError:
            finished = False
        cut_off = (directory / "checkpoint.npz").exists()
        state = "finished" if finished else "goes on" if cut_off else "to run"
        rows.append({"state": state, "directory": str(directory), **plan.arguments()})
    if options.json:
        print(json.dumps(_strict_json(rows), indent=2))
        return 0
    backend = plans[0].setting.backend
    print(f"{counted(len(rows), 'run')} on {backend.name}, {backend.device}; none was started.\n")
    for row in rows:
        learned = counted(row["epochs"], "epoch") if row["epochs"] else "nothing to learn"
        seed = f" seed {row['seed']}" if row["epochs"] else ""
        print(f"{row['state']:<8}  {row['split']} {row['solver']}{seed}: {learned}")
        print(f"          {row['directory']}")
    return 0


def _request(options: argparse.Namespace) -> Request:
    """Read what `compare run` was asked for."""
    from dataclasses import fields

    from compare.plan import Request

    texts = {field.name: getattr(options, field.name) for field in fields(Request)}
    seeds = count("--seeds", options.seeds, MOST_SEEDS)
    return Request(**{**texts, "seeds": tuple(range(seeds))})


def _execute(plans: list[Plan], out: Path, force: bool) -> list[dict[str, Any]]:
    """Carry the plans out under one progress bar, skipping what is already on disk.

    A run that another process is at is left to it; its record is taken when it is there.
    """
    from collections import deque

    from compare.run import settle

    records: dict[str, dict[str, Any]] = {}
    # Scoring and drawing takes about as long as one epoch, and every run does it once.
    first = plans[0].setting.backend.first
    with progress.bar(sum(plan.epochs + 1 for plan in plans), "epoch", shown=first) as bar:
        waiting, busy = deque(plans), set[str]()
        while waiting:
            plan = waiting.popleft()
            bar.set_description(
                f"{plan.setting.split} {plan.solver}"
                + (f" seed {plan.seed}" if plan.epochs else "")
            )
            before = bar.n

            def advance(done: Progress, before: float = before) -> None:
                bar.update(before + done.epoch - bar.n)

            record = settle(plan, out, advance, force=force, say=lambda message: _say(message, bar))
            if record is None:
                if plan.name() not in busy:
                    _say(f"another process is at {plan.directory(out)}; it is left to that", bar)
                    busy.add(plan.name())
                waiting.append(plan)
                if len(busy.intersection(plan.name() for plan in waiting)) == len(waiting):
                    time.sleep(0.2)
                continue
            records[plan.name()] = record
            made = record["environment"]["started"]
            progress.detail(f"{record['status']}: {plan.directory(out)}, of {made}")
            bar.update(before + plan.epochs + 1 - bar.n)
    return [records[plan.name()] for plan in plans]


def _say(message: str, bar: Any) -> None:
    bar.write(f"compare: {message}", file=sys.stderr)


def _header(options: argparse.Namespace, plans: list[Plan]) -> dict[str, Any]:
    setting = plans[0].setting
    return {
        "task": setting.task.name,
        "size": [setting.height, setting.width],
        "preset": options.preset,
        "epochs": max(plan.epochs for plan in plans),
        "seeds": int(options.seeds),
        "backend": setting.backend.name,
        "device": setting.backend.device,
        "precision": setting.backend.precision,
    }


def _strict_json(value: Any) -> Any:
    """Replace what JSON has no number for, infinities and NaN, by null."""
    if isinstance(value, dict):
        return {key: _strict_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict_json(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value


def _writable(path: str) -> Path:
    from compare.results import writable_directory

    return writable_directory(Path(path))


def _sweep(options: argparse.Namespace) -> int:
    if options.workers and options.scheduler:
        raise UsageError("--workers is for this machine and --scheduler for a cluster; give one")
    workers = count("--workers", options.workers) if options.workers else 0
    from functools import partial

    from compare import backends, sweep

    load = sweep.remote if options.scheduler else backends.load
    plans = sweep.plans(Path(options.file), load)
    out = _writable(options.out)
    client = sweep.connect(options.scheduler) if options.scheduler else None
    try:
        measure: sweep.Measure = sweep.measure_here
        if workers:
            measure = partial(sweep.measure_on_processes, workers)
        if client is not None:
            measure = partial(sweep.measure_on_cluster, client)
        todo = plans if options.force else [plan for plan in plans if not sweep.finished(plan, out)]
        _announce(options, plans, todo, sweep.estimate(todo, measure), client)
        if client is not None and sweep.lacks_gpu(todo, client):
            print(
                "compare: no worker offers a GPU yet, which some runs wait for; "
                "start some with: dask worker ADDRESS --resources GPU=1",
                file=sys.stderr,
            )
        if options.dry_run:
            return 0
        started = time.perf_counter()
        stopped = _carry_out(options, todo, out, workers, client)
        seconds = time.perf_counter() - started
    finally:
        if client is not None:
            client.close()
    if stopped:
        raise StorageError(stopped)
    return _summary(options, plans, out, seconds)


def _announce(
    options: argparse.Namespace,
    plans: list[Plan],
    todo: list[Plan],
    estimate: Estimate,
    client: Any,
) -> None:
    """Say how many runs there are and about how long they take."""
    done = len(plans) - len(todo)
    counted = f"{len(plans):,} runs" + (f", {done:,} of them finished" if done else "")
    at_once, where = 1, "here, one after another"
    if options.workers:
        at_once, where = int(options.workers), f"on {options.workers} processes"
    if client is not None:
        at_once = sum(client.nthreads().values())
        where = f"on {at_once} threads of {len(client.nthreads())} workers"
        if not at_once:
            where = "on one thread"
    lines = [f"{counted}."]
    if estimate.unknown < len(todo):
        seconds = estimate.seconds / max(1, min(at_once, len(todo)))
        lines = [f"{counted}: about {_duration(seconds)} {where}."]
    if estimate.unknown:
        lines.append(f"{estimate.unknown:,} of them could not be measured, and are not in it.")
    print(*lines, sep="\n", file=sys.stderr if options.json else sys.stdout, flush=True)


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _carry_out(
    options: argparse.Namespace, todo: list[Plan], out: Path, workers: int, client: Any
) -> str:
    """Carry out what is to do, under a progress bar; returns why it stopped early, if it did."""
    from functools import partial

    from compare import sweep

    epochs = {plan.name(): plan.epochs + 1 for plan in todo}
    ended = 0
    with progress.bar(sum(epochs.values()), "epoch") as bar:

        def advance(plan: Plan, done: Progress) -> None:
            bar.set_description(plan.name().rsplit("-", 2)[0])
            bar.update(ended + done.epoch - bar.n)

        if client is not None:
            outcomes = sweep.on_cluster(todo, out, options.force, client, partial(_say, bar=bar))
        elif workers:
            outcomes = sweep.on_processes(todo, out, options.force, workers)
        else:
            outcomes = sweep.in_this_process(todo, out, options.force, advance)
        with closing(outcomes):
            for outcome in outcomes:
                for message in outcome.said:
                    _say(message, bar)
                if not outcome.stored:
                    return outcome.error
                if outcome.status == "failed":
                    _say(f"{outcome.run} failed: {outcome.error}", bar)
                ended += epochs[outcome.run]
                bar.update(ended - bar.n)
    return ""


def _summary(options: argparse.Namespace, plans: list[Plan], out: Path, seconds: float) -> int:
    """Print what the sweep's runs came to; returns the exit code."""
    from compare import query, results

    names = {plan.name() for plan in plans}
    found, _ = results.records(out)
    table = results.tidy({name: record for name, record in found.items() if name in names})
    states = {
        state: int((table["status"] == state).sum()) for state in ("finished", "diverged", "failed")
    }
    groups = query.group(table, ("task", "split", "solver"))
    if options.json:
        answer = {"runs": len(plans), **states, "groups": query.plain(groups)}
        print(json.dumps(answer, indent=2))
    else:
        print(f"\n{query.render(groups, 'table')}\n")
        counted = ", ".join(f"{number:,} {state}" for state, number in states.items())
        print(f"{counted}, in {_duration(seconds)}. To ask more: compare results {out}")
    return 1 if states["failed"] else 0


def _results(options: argparse.Namespace) -> int:
    from compare import query, results

    choice("format", options.format, query.FORMATS)
    found, complaints = results.records(options.out)
    for name in list(found) if options.check else ():
        try:
            results.read_record(Path(options.out) / name, check_files=True)
        except ValueError as error:
            complaints.append(str(error))
            del found[name]
    for complaint in complaints:
        print(f"compare: {complaint}; skipped", file=sys.stderr)
    table = query.where(results.tidy(found), options.where)
    if len(table) == 0 and options.format in ("table", "markdown"):
        among = f" that match, of {len(found):,}" if options.where else ""
        print(f"compare: no runs in {Path(options.out)}/{among}", file=sys.stderr)
        return 0
    if options.by:
        table = query.group(table, _listed(options.by))
    if options.sort:
        table = query.sort(table, _listed(options.sort), options.reverse)
    chosen = _listed(options.columns) if options.columns else None
    print(query.render(table, options.format, chosen))
    return 0


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _rerun(options: argparse.Namespace) -> int:
    from compare.rerun import rerun
    from compare.tables import columns

    repetition = rerun(Path(options.run))
    print(f"{repetition.run}\n")
    print(columns([("score", "then", "now"), *_texts(repetition.scores)]))
    if repetition.environment:
        print("\nWhat the result also depends on has changed:")
        for name, then, now in _texts(repetition.environment):
            print(f"  {name}: {then} then, {now} now")
    verdicts = {
        "scores": repetition.same,
        "predictions": repetition.predictions,
        "weights": repetition.weights,
    }
    print()
    for what, same in verdicts.items():
        print(f"The {what} are {'the same, to the last bit' if same else 'NOT the same'}.")
    return 0 if repetition.same else 1


def _texts(rows: list[tuple[str, Any, Any]]) -> list[tuple[str, str, str]]:
    return [(name, str(then), str(now)) for name, then, now in rows]


def _prove(options: argparse.Namespace) -> int:
    from handcrafted.proofs import CLAIMS, ProofError, Proved, prove

    tasks = names("task", options.task, tuple(CLAIMS))
    dtypes = ("float16", "float32", "float64", "int64")
    choice("dtype", options.dtype, dtypes)
    max_size = count("--max-size", options.max_size)
    from handcrafted.exactness import require_exact

    try:
        require_exact(options.dtype, max_size)
    except ValueError as error:
        raise UsageError(f"--max-size: {error}") from error

    from textwrap import wrap

    complete, cases, started = True, 0, time.perf_counter()
    # Each claim by lemmas and by enumeration, and one about the dtype.
    proofs = 1 + 2 * sum(len(CLAIMS[task]) for task in tasks)
    try:
        with progress.bar(proofs, "proof") as bar:
            for result in prove(tasks, max_size, options.dtype):
                if isinstance(result, Proved):
                    cases += result.cases
                    lines = [f"proved   {result.network}"]
                    details = f"{result.means}, {result.cases:,} cases, {result.seconds:.1f} s"
                else:
                    complete &= not result.gap
                    lines = [f"SKIPPED  {result.network}"]
                    details = result.reason
                lines += [f"         {line}" for line in (result.claim, *wrap(details, 70))]
                with bar.external_write_mode():
                    print(*lines, sep="\n", flush=True)
                bar.update()
    except ProofError as error:
        print(f"compare: NOT PROVED: {error}", file=sys.stderr)
        return 1
    verdict = "All proved" if complete else "Not everything was proved (see SKIPPED)"
    print(f"{verdict}: {cases:,} cases in {time.perf_counter() - started:.1f} s.")
    return 0 if complete else 1


def _export(options: argparse.Namespace) -> int:
    from handcrafted import NETWORKS

    (task,) = names("task", options.task, tuple(NETWORKS))
    height, width = pixels("--size", options.size)
    file = Path(options.file)
    if file.suffix != ".onnx":
        raise UsageError(f"'{file}' does not end in .onnx")
    try:
        network = NETWORKS[task](height, width)
    except ValueError as error:
        raise UsageError(str(error)) from error
    from importlib.util import find_spec

    if find_spec("onnx") is None:
        raise UsageError("export needs onnx; run: pip install onnx")
    from compare.results import writable_file, write_output
    from handcrafted.onnx_export import to_onnx

    writable_file(file)
    model = to_onnx(network)
    write_output(file, model)
    progress.note(f"{network} written to {file}, {len(model):,} bytes")
    return 0


def _bench(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from compare import backends, tasks
    from compare.bench import BATCH, SIDE, exponent, measure
    from compare.solvers import offered
    from compare.tables import columns

    task = tasks.load(options.task)
    entries = offered(task.name)
    chosen = {name: entries[name] for name in names("solver", options.solver, tuple(entries))}
    figure = Path(options.figure) if options.figure else None
    if figure:
        from compare.results import writable_file

        choice("--figure", figure.suffix, (".svg", ".png", ".pdf"))
        writable_file(figure)
    backend = backends.load(options.backend, options.device)
    with progress.bar(len(chosen), "solver") as bar:
        started = iter(range(len(chosen)))

        def begin(solver: str) -> None:
            bar.update(next(started) - bar.n)
            bar.set_description(solver)

        costs = measure(task, chosen, backend, begin)
    sides = f"side of the canvas (pixels), {BATCH} samples"
    batches = f"samples, canvas of {SIDE}x{SIDE}"
    panels = {
        sides: {cost.solver: cost.by_side for cost in costs},
        batches: {cost.solver: cost.by_batch for cost in costs},
    }
    if figure:
        from compare.figures import cost_against_size, save

        save(cost_against_size(panels, f"{task.name} on {backend.name}, {backend.device}"), figure)
    if options.json:
        print(json.dumps([asdict(cost) for cost in costs], indent=2))
        return 0
    print(f"{task.name} on {backend.name}, {backend.device}: milliseconds of a prediction")
    for label, solvers in panels.items():
        sizes = sorted({size for points in solvers.values() for size in points})
        rows = [("solver", *map(str, sizes), "exponent")]
        for solver, points in solvers.items():
            slope = exponent(points)
            cells = (f"{points[size]:.3g}" if size in points else "" for size in sizes)
            rows.append((solver, *cells, "" if slope is None else f"{slope:.2f}"))
        print(f"\n{label}\n{columns(rows)}")
    print(
        "\nexponent: the slope of log(time) against log(size) between the last two sizes.\n"
        "A solver that took more than a second is not asked for the next size."
    )
    return 0


def _report(options: argparse.Namespace) -> int:
    from compare import figures
    from compare.report import all_plots, page, read_runs, sections
    from compare.results import writable_file, write_output

    runs, complaints = read_runs(Path(options.runs))
    file = writable_file(Path(options.output))
    for complaint in complaints:
        print(f"compare: {complaint}", file=sys.stderr)
    directory = _writable(options.figures) if options.figures else None
    found = sections(runs)
    count = len(all_plots(found))
    with progress.bar(count, "figure") as bar:

        def drawn(plot: Plot, figure: Figure, svg: str) -> None:
            progress.detail(f"drawn: {plot.name}")
            bar.set_description(plot.name)
            if directory:
                write_output(directory / f"{plot.name}.svg", svg.encode())
                figures.save(figure, directory / f"{plot.name}.png")
            bar.update()

        text = page(found, complaints, options.runs, drawn)
    write_output(file, text.encode())
    if str(file) == "-":
        return 0
    progress.note(f"{len(runs)} runs reported in {file}, {len(text.encode()) / 1e6:.1f} MB")
    if directory:
        progress.note(f"{count} figures, each as SVG and PNG, in {directory}/")
    return 0


def _list(options: argparse.Namespace) -> int:
    from textwrap import fill

    from compare import backends, tasks
    from compare.solvers import offered

    def show(line: str, indent: int) -> None:
        print(fill(line, 80, subsequent_indent=indent * " ", break_on_hyphens=False))

    print("tasks and their solvers")
    for name in tasks.known():
        show(f"  {name}: {tasks.summary(name)}", 4)
        for solver, entry in offered(name).items():
            show(f"    {solver:<12} {entry.summary}", 17)
    print("\nbackends")
    for backend in backends.available().values():
        # Importing PyTorch or JAX takes seconds, so the quick answer leaves all of them alone.
        if not backend.installed:
            state = f"not installed; {backend.install}"
        elif options.devices:
            state = f"devices: {', '.join(backend.backend_class().devices())}"
        else:
            state = "installed; compare list --devices asks it for its devices"
        show(f"  {backend.name:<8} {state}", 11)
    return 0


def _completion(options: argparse.Namespace) -> int:
    from compare.completion import script

    print(script(_parser(), options.shell))
    return 0
