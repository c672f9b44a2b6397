"""The command `compare`. Everything is checked before any work starts; heavy imports wait."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from compare import UsageError, progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from compare.learned.training import Progress, Recipe
    from compare.report import Plot
    from compare.run import Plan
    from compare.solvers import Entry
    from compare.tasks import Task

PRESETS = ("quick", "paper")


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
    except UsageError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
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
    run.add_argument("--device", default="auto", help="of the backend; auto takes the best")
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

    listing = commands.add_parser("list", help="show tasks, solvers, backends and devices")
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
    for names, level, what in (
        (("-q", "--quiet"), progress.QUIET, "say nothing but what was asked for, and errors"),
        (("-v", "--verbose"), progress.VERBOSE, "say more on standard error"),
    ):
        either.add_argument(
            *names,
            action="store_const",
            const=level,
            dest="loudness",
            default=argparse.SUPPRESS,
            help=what,
        )


def _run(options: argparse.Namespace) -> int:
    seeds = _count("--seeds", options.seeds)
    plans = _plans(options, seeds)
    if options.dry_run:
        return _dry_run(options, plans)
    out = _writable(options.out)

    started = time.perf_counter()
    records = _execute(plans, out, options.force)
    seconds = time.perf_counter() - started

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
    print(f"{len(rows)} runs on {backend.name}, {backend.device}; none was started.\n")
    for row in rows:
        learned = f"{row['epochs']} epochs" if row["epochs"] else "nothing to learn"
        seed = f" seed {row['seed']}" if row["epochs"] else ""
        print(f"{row['state']:<8}  {row['split']} {row['solver']}{seed}: {learned}")
        print(f"          {row['directory']}")
    return 0


def _plans(options: argparse.Namespace, seeds: int) -> list[Plan]:
    """Check every name and number, and lay out the runs in the order of the table."""
    from compare import backends, tasks
    from compare.run import Plan
    from compare.solvers import Setting, offered

    task = tasks.load(options.task)
    if options.preset not in PRESETS:
        raise UsageError(f"unknown preset '{options.preset}'; choose from: {', '.join(PRESETS)}")
    epochs = _count("--epochs", options.epochs or str(task.epochs[options.preset]))
    solvers = offered(task.name)
    splits = _names("split", options.split, task.splits)
    chosen = {name: solvers[name] for name in _names("solver", options.solver, tuple(solvers))}
    recipes = _recipes(options, task, chosen)
    size = _size("--size", options.size)
    others = options.eval_size.split(",") if options.eval_size else ()
    elsewhere = tuple(dict.fromkeys(_size("--eval-size", text) for text in others))
    for other in elsewhere:
        task.everywhere(*other)
    backend = backends.load(options.backend, options.device)
    plans = []
    for split in splits:
        task.split(split, *size)
        setting = Setting(task, split, *size, backend)
        for name, entry in chosen.items():
            for height, width in (size, *elsewhere):
                try:
                    entry.build(Setting(task, split, height, width, backend), recipes[name], None)
                except ValueError as error:
                    raise UsageError(
                        f"solver '{name}' cannot do {height}x{width}: {error}"
                    ) from error
            recipe = recipes[name]
            own = (range(seeds), epochs) if recipe else ((0,), 0)
            plans += [
                Plan(setting, name, entry, recipe, seed, own[1], elsewhere) for seed in own[0]
            ]
    return plans


def _recipes(
    options: argparse.Namespace, task: Task, chosen: dict[str, Entry]
) -> dict[str, Recipe | None]:
    """Return each solver's recipe with what the options change in it."""
    from dataclasses import replace

    changes: dict[str, Any] = {
        "learning_rate": _number("--learning-rate", options.learning_rate, above=True),
        "l2": _number("--l2", options.l2, above=False),
        "batch": _count("--batch", options.batch) if options.batch else None,
        "loss": _choice("loss", options.loss, task.losses),
        "schedule": _choice("lr-schedule", options.lr_schedule, ("constant", "step")),
        "coordinates": _choice("coordinates", options.coordinates, ("scaled", "pixels")),
    }
    for name, numbers in (("width", ("1", "2", "3")), ("kernel", ("2", "3", "4"))):
        number = _choice(name, getattr(options, name), numbers)
        changes[name] = int(number) if number else None
    changes = {name: value for name, value in changes.items() if value is not None}
    for name in changes:
        if name in ("width", "kernel", "coordinates") and not any(
            name in entry.options for entry in chosen.values()
        ):
            raise UsageError(
                f"--{name} changes nothing here: none of the solvers {', '.join(chosen)} has it"
            )
    return {
        name: replace(
            entry.recipes[options.preset],
            **{
                key: value
                for key, value in changes.items()
                if key not in ("width", "kernel", "coordinates") or key in entry.options
            },
        )
        if entry.recipes
        else None
        for name, entry in chosen.items()
    }


def _execute(plans: list[Plan], out: Path, force: bool) -> list[dict[str, Any]]:
    """Carry the plans out under one progress bar, skipping what is already on disk."""
    from compare.results import read_record
    from compare.run import execute

    records: list[dict[str, Any]] = []
    # Scoring and drawing takes about as long as one epoch, and every run does it once.
    with progress.bar(sum(plan.epochs + 1 for plan in plans), "epoch") as bar:
        for plan in plans:
            bar.set_description(
                f"{plan.setting.split} {plan.solver}"
                + (f" seed {plan.seed}" if plan.epochs else "")
            )
            directory = plan.directory(out)
            before = bar.n
            try:
                record = None if force else read_record(directory)
            except ValueError as error:
                _say(f"{error}; running it again", bar)
                record = None

            def advance(done: Progress, before: float = before) -> None:
                bar.update(before + done.epoch - bar.n)

            progress.detail(f"{'already finished' if record else 'to run'}: {directory}")
            records.append(record or execute(plan, out, advance))
            bar.update(before + plan.epochs + 1 - bar.n)
    return records


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
    }


def _strict_json(value: Any) -> Any:
    """Replace what JSON has no number for, infinities and NaN, by null."""
    if isinstance(value, dict):
        return {key: _strict_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict_json(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value


def _count(option: str, text: str) -> int:
    if not text.strip().isdecimal() or int(text) == 0:
        raise UsageError(f"{option} is '{text}'; give a whole number, 1 or more")
    return int(text)


def _number(option: str, text: str | None, above: bool) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not (0 < number < float("inf") or (number == 0 and not above)):
        raise UsageError(
            f"{option} is '{text}'; give a number {'above 0' if above else '0 or more'}"
        )
    return number


def _choice(name: str, text: str | None, known: tuple[str, ...]) -> str | None:
    if text is not None and text not in known:
        raise UsageError(f"unknown {name} '{text}'; choose from: {', '.join(known)}")
    return text


def _size(option: str, text: str) -> tuple[int, int]:
    parts = text.strip().lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise UsageError(f"{option} is '{text}'; give pixels as N or as HEIGHTxWIDTH, such as 64")
    return int(parts[0]), int(parts[-1])


def _names(kind: str, text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if text is None:
        return known
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in known:
            raise UsageError(f"unknown {kind} '{name}'; choose from: {', '.join(known)}")
    return names


def _writable(path: str) -> Path:
    from compare.results import writable_directory

    return writable_directory(Path(path))


def _prove(options: argparse.Namespace) -> int:
    from handcrafted.proofs import CLAIMS, ProofError, Proved, prove

    tasks = _names("task", options.task, tuple(CLAIMS))
    dtypes = ("float16", "float32", "float64", "int64")
    if options.dtype not in dtypes:
        raise UsageError(f"unknown dtype '{options.dtype}'; choose from: {', '.join(dtypes)}")
    max_size = _count("--max-size", options.max_size)
    from handcrafted.exactness import require_exact

    try:
        require_exact(options.dtype, max_size)
    except ValueError as error:
        raise UsageError(f"--max-size: {error}") from error

    from textwrap import wrap

    complete, cases, started = True, 0, time.perf_counter()
    # Each claim by lemmas and by enumeration, and one about the dtype.
    count = 1 + 2 * sum(len(CLAIMS[task]) for task in tasks)
    try:
        with progress.bar(count, "proof") as bar:
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

    (task,) = _names("task", options.task, tuple(NETWORKS))
    height, width = _size("--size", options.size)
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
    _writable(str(file.parent))
    from compare.results import write_whole
    from handcrafted.onnx_export import to_onnx

    model = to_onnx(network)
    write_whole(file, lambda stream: stream.write(model))
    progress.note(f"{network} written to {file}, {len(model):,} bytes")
    return 0


def _report(options: argparse.Namespace) -> int:
    from compare import figures
    from compare.report import all_plots, page, read_runs, sections
    from compare.results import write_whole

    file = Path(options.output)
    if file.is_dir():
        raise UsageError(f"-o is '{file}', a directory; give a file, such as report.html")
    runs, complaints = read_runs(Path(options.runs))
    for complaint in complaints:
        print(f"compare: {complaint}", file=sys.stderr)
    directory = _writable(options.figures) if options.figures else None
    _writable(str(file.parent))
    found = sections(runs)
    count = len(all_plots(found))
    with progress.bar(count, "figure") as bar:

        def drawn(plot: Plot, figure: Figure, svg: str) -> None:
            progress.detail(f"drawn: {plot.name}")
            bar.set_description(plot.name)
            if directory:
                write_whole(directory / f"{plot.name}.svg", lambda file: file.write(svg.encode()))
                figures.save(figure, directory / f"{plot.name}.png")
            bar.update()

        text = page(found, complaints, options.runs, drawn)
    write_whole(file, lambda stream: stream.write(text.encode()))
    progress.note(f"{len(runs)} runs reported in {file}, {len(text.encode()) / 1e6:.1f} MB")
    if directory:
        progress.note(f"{count} figures, each as SVG and PNG, in {directory}/")
    return 0


def _list(options: argparse.Namespace) -> int:
    from compare import backends, tasks
    from compare.solvers import offered

    print("tasks and their solvers")
    for name in tasks.known():
        print(f"  {name}: {tasks.load(name).summary}")
        for solver, entry in offered(name).items():
            print(f"    {solver:<12} {entry.summary}")
    print("\nbackends")
    for backend in backends.available().values():
        state = (
            f"devices: {', '.join(backend.backend_class().devices())}"
            if backend.installed
            else f"not installed; {backend.install}"
        )
        print(f"  {backend.name:<8} {state}")
    return 0


def _completion(options: argparse.Namespace) -> int:
    from compare.completion import script

    print(script(_parser(), options.shell))
    return 0
