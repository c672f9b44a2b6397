"""`compare export`: networks as files."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.cli import progress
from compare.cli.options import add_fields, recipe_of
from compare.errors import UsageError, command, unknown
from compare.experiments.values import names, pixels
from compare.learned.recipe import OPTIONS

if TYPE_CHECKING:
    from compare.learned.architecture import Architecture

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = (
    "Write a network as a file for other libraries: the trained weights of a finished RUN or, with "
    "--task, weights that were computed, or the network that has none. The file's ending decides "
    "the format: .onnx, .safetensors, or .pt for PyTorch."
)

_VARIANTS = tuple(
    option
    for option in OPTIONS
    if (option.architectural or option.from_task) and option.name != "target"
)
_SELECTION = ("task", "solver", "split", "size", *(option.name for option in _VARIANTS))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, and what is written."""
    parser.add_argument("run", metavar="RUN", nargs="?", help="a finished run's directory")
    parser.add_argument("file", help="to write, ending in .onnx, .safetensors or .pt")
    which = parser.add_argument_group("which network, without a RUN")
    which.add_argument("--task", metavar="NAME", help="'compare list' names them")
    which.add_argument(
        "--solver",
        metavar="NAME",
        help="handcrafted, as .onnx; or handcrafted-coordconv, handcrafted-conv or "
        "handcrafted-deconv (default: handcrafted)",
    )
    which.add_argument("--split", metavar="NAME", help="(default: the task's first)")
    which.add_argument("--size", metavar="N|HxW", help="canvas in pixels (default: 64)")
    add_fields(which.add_argument, _VARIANTS)
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def run(options: argparse.Namespace) -> int:
    """Write the file."""
    from importlib.util import find_spec

    from compare.files import writable_file, write_output
    from compare.learned.export import FORMATS

    given = [name for name in _SELECTION if getattr(options, name) is not None]
    if options.run is None and options.task is None:
        raise UsageError("give the directory of a finished run, or --task")
    if options.run is not None and given:
        raise UsageError(f"a run says itself what it is of; leave out --{given[0]}")
    file = Path(options.file)
    if file.suffix not in FORMATS:
        raise UsageError(f"'{file}' does not end in {', '.join(FORMATS)}")
    library, convert = FORMATS[file.suffix]
    if find_spec(library) is None:
        raise UsageError(f"export needs {library}; run: pip install {library}")
    if file.is_file() and not options.force:
        raise UsageError(f"'{file}' exists; give another name, or --force to replace it")
    if options.run is None and options.solver in (None, "handcrafted"):
        what, content = _weight_free(options, file, given)
    else:
        what, architecture, weights = _of_run(options) if options.run else _computed(options)
        writable_file(file)
        content = convert(architecture, weights, f"{what}\n{architecture}")
    write_output(file, content)
    progress.note(f"{what} written to {file}, {len(content):,} bytes")
    return 0


def _weight_free(options: argparse.Namespace, file: Path, given: list[str]) -> tuple[str, bytes]:
    """Return the name and the model of a network that has no weights."""
    from compare.files import writable_file
    from handcrafted import NETWORKS
    from handcrafted.exactness import largest_exact_size
    from handcrafted.onnx_export import to_onnx

    (task,) = names("task with a network by hand", options.task, tuple(NETWORKS))
    text, most = options.size or "64", largest_exact_size("float32")
    height, width = pixels("--size", text, with_samples=False)
    if max(height, width) > most:
        raise UsageError(
            f"--size is '{text:.40}', and float32 is exact on sides up to {most:,} pixels: give a "
            "smaller canvas"
        )
    if file.suffix != ".onnx":
        raise UsageError(
            f"the handcrafted network has no weights to write to '{file}'; give a file ending in "
            ".onnx, or a --solver with computed weights"
        )
    for name in given:
        if name not in ("task", "solver", "size"):
            raise UsageError(f"--{name} changes nothing here: the handcrafted network has no such")
    try:
        network = NETWORKS[task](height, width)
        writable_file(file)
        return str(network), to_onnx(network)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _computed(options: argparse.Namespace) -> tuple[str, Architecture, Any]:
    """Return what was asked for in words, the architecture and its computed weights."""
    from compare import tasks
    from compare.experiments.plan import Request, make_plans
    from compare.solvers.catalogue import solvers_of
    from handcrafted import NETWORKS

    task = tasks.load(options.task)
    offered = solvers_of(task.name, options.solver)
    computed = [name for name, spec in offered.items() if spec.variants]
    if options.solver not in computed:
        others = [*(["handcrafted"] if task.name in NETWORKS else []), *computed]
        if options.solver not in offered:
            raise unknown("solver", options.solver, others or offered)
        tips = ["give a RUN of it"] if offered[options.solver].recipes else []
        tips += [f"choose from: {', '.join(others)}"] if others else []
        raise UsageError(
            f"there are no computed weights for solver '{options.solver}' of task '{task.name}'"
            + (f"; {', or '.join(tips)}" if tips else ", and it learns nothing")
        )
    recipe = recipe_of(options, _VARIANTS)
    size = options.size or "64"
    # Another split may have another network, which need not be possible on this canvas.
    split = options.split or task.splits[0]
    request = Request(options.task, (0,), options.solver, split, size=size, recipe=recipe)
    plan, *_ = make_plans(request, with_samples=False)
    model: Any = plan.build(compute=False).load({})
    chosen = "".join(f", {name} {value}" for name, value in plan.options.items())
    canvas = "x".join(map(str, plan.size))
    what = f"{plan.task} {plan.solver}, {plan.split} split, {canvas}{chosen}, computed weights"
    return what, model.architecture, model.weights


def _of_run(options: argparse.Namespace) -> tuple[str, Architecture, Any]:
    """Return a finished run's name, the architecture and its trained weights."""
    from compare.experiments.plan import plan_of
    from compare.files import read_arrays
    from compare.results.runs import read_record

    run = Path(options.run)
    directory = run.parent if run.name == "run.json" else run
    try:
        record = read_record(directory, check_files=True) if os.path.isdir(directory) else None
    except ValueError as error:
        raise UsageError(f"{error}; it cannot be exported") from error
    if record is None:
        raise UsageError(f"'{directory}' is not a finished run; '{command('results')}' lists them")
    plan = plan_of(record["arguments"])
    if plan.recipe is None:
        by_hand = plan.solver == "handcrafted" or plan.options
        raise UsageError(
            f"run '{directory}' trained no network"
            + (f"; give --task {plan.task} --solver {plan.solver} in its place" if by_hand else "")
        )
    if plan.folder:
        raise UsageError(
            f"run '{directory}' is of torchvision's network, which cannot be exported; its "
            "weights.npz holds PyTorch's state_dict"
        )
    if record["status"] == "diverged":
        raise UsageError(f"run '{directory}' diverged; its weights are of no use")
    try:
        model: Any = plan.build(compute=False).load(read_arrays(directory / "weights.npz"))
    except ValueError as error:  # weights of another version
        raise UsageError(f"{directory / 'weights.npz'}: {error}") from error
    if not hasattr(model, "architecture"):
        raise UsageError(f"solver '{plan.solver}' is no sequence of layers; it cannot be exported")
    return directory.absolute().name, model.architecture, model.weights
