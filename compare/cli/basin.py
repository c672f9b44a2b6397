"""`compare basin`: training from computed weights with noise on top, and what becomes of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from compare.cli import output, progress
from compare.cli.options import (
    add_place,
    add_recipe,
    add_size,
    add_splits,
    add_task,
    recipe_of,
    strict_json,
)
from compare.experiments.values import MOST_SEEDS, count, names, read
from compare.learned.recipe import not_negative

if TYPE_CHECKING:
    from compare.experiments.basin import Point, Row
    from compare.files import Record
    from compare.learned.training import Progress
    from compare.tasks.base import Task

__all__ = ["DESCRIPTION", "T", "add_arguments", "rest_point", "run", "text"]

T = TypeVar("T")

DESCRIPTION = (
    "Start a published network from weights that were computed, with noise on top or with signs "
    "flipped, train it by its published recipe (transposed convolutions for 10 epochs instead of "
    "1000), and see whether it returns. Finished trainings in --out are not repeated; an "
    "interrupted one is resumed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whose weights, how they are disturbed, and the options of a recipe."""
    parser.usage = "%(prog)s --task TASK --solver NAME [options]"
    what = parser.add_argument_group("what is trained")
    add_task(what)
    what.add_argument(
        "--solver", required=True, metavar="NAME", help="a published network: coordconv, conv, ..."
    )
    add_splits(what)
    what.add_argument(
        "--architecture-of",
        metavar="SPLIT",
        help="train the network that is published for this split (default: each split's own)",
    )
    what.add_argument("--seeds", metavar="N", default="5", help="seeds 0 to N-1 (default: 5)")
    add_size(what)
    start = parser.add_argument_group("where it starts")
    start.add_argument(
        "--scaling",
        metavar="NAMES",
        default="plain",
        help="plain: weights as they are easiest to read; balanced: the same function by layers "
        "of nearly equal norm; or both, comma-separated (default: plain)",
    )
    start.add_argument(
        "--noise",
        metavar="NUMBERS",
        default="0,0.01,0.1,1",
        help="Gaussian, comma-separated; 1 is the standard deviation that an array is first drawn "
        "with, for biases that of their layer's weights (default: 0,0.01,0.1,1)",
    )
    start.add_argument(
        "--flips", metavar="COUNTS", default="0", help="signs to flip, comma-separated (default: 0)"
    )
    add_place(parser.add_argument_group("where it is computed"))
    results = parser.add_argument_group("results")
    results.add_argument(
        "--out", metavar="DIR", default="basin", help="of all trainings (default: basin)"
    )
    results.add_argument("--figures", metavar="DIR", help="draw them too, as SVG and PNG, in DIR")
    results.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be trained, and about how long it takes; train nothing",
    )
    results.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_recipe(parser, "instead of the published recipe's")


def run(options: argparse.Namespace) -> int:
    """Train from every start, and print what it came to."""
    from compare import tasks
    from compare.experiments.basin import (
        SCALINGS,
        carry_out,
        make_points,
        summarise,
        unfinished,
    )
    from compare.experiments.plan import Request
    from compare.files import writable_directory

    noises = _numbers("--noise", options.noise, not_negative)
    flips = _numbers("--flips", options.flips, _whole_or_0)
    request = Request(
        task=options.task,
        seeds=tuple(range(count("--seeds", options.seeds, MOST_SEEDS))),
        solver=options.solver,
        split=options.split,
        backend=options.backend,
        device=options.device,
        precision=options.precision,
        size=options.size,
        recipe=recipe_of(options),
    )
    points = make_points(
        request,
        names("scaling", options.scaling, SCALINGS),
        noises,
        flips,
        options.architecture_of,
    )
    if options.dry_run:
        return _dry_run(options, points)
    out = writable_directory(Path(options.out))
    figures = writable_directory(Path(options.figures)) if options.figures is not None else None

    if progress.level.get() > progress.QUIET:
        missing = [point.plan for point in unfinished(points, out)]
        progress.announce(*progress.to_carry_out("training", missing))
    results: dict[Point, Record] = {}
    ended = 0
    with progress.bar(sum(point.plan.epochs + 1 for point in points), "epoch") as bar:

        def advance(point: Point, done: Progress) -> None:
            bar.set_description(f"{point.plan.split} {point.scaling} {point.start}")
            bar.update(ended + done.epoch - bar.n)

        for point, record in carry_out(points, out, advance, progress.warn):
            progress.detail(f"{record['status']}: {point.directory(out)}")
            results[point] = record
            ended += point.plan.epochs + 1
            bar.update(ended - bar.n)
    ordered = [(point, results[point]) for point in points]
    rows = summarise(ordered)
    task = tasks.load(points[0].plan.task)
    if figures:
        _draw(figures, out, task, ordered, rows)
    plan = points[0].plan
    header = {
        "task": task.name,
        "solver": plan.solver,
        "size": list(plan.size),
        "backend": plan.backend,
        "device": plan.device,
        "precision": plan.precision,
    }
    if options.json:
        output.show(json.dumps(strict_json({**header, "rows": rows}), indent=1))
        return 0
    output.show(text(task, header, rows, output.width()))
    progress.note(f"\nEvery training's files: {out}/")
    if figures:
        progress.note(f"Figures, each as SVG and PNG: {figures}/")
    return 0


def _dry_run(options: argparse.Namespace, points: Sequence[Point]) -> int:
    """Print what would be trained, and where, and leave no trace."""
    from compare.experiments.basin import USUAL, unfinished

    out = Path(options.out)
    missing = set(unfinished(points, out))
    states = {
        point: "finished"
        if point not in missing
        else "to resume"
        if (point.directory(out) / "checkpoint.npz").exists()
        else "to train"
        for point in points
    }
    if options.json:
        rows = [
            {"state": state, "directory": str(point.directory(out)), **point.arguments()}
            for point, state in states.items()
        ]
        output.show(json.dumps(strict_json(rows), indent=2))
        return 0
    plans = [point.plan for point in points]
    progress.none_started("training", plans, [point.plan for point in points if point in missing])
    for point, state in states.items():
        start = point.start if point.scaling == USUAL else f"{point.scaling} {point.start}"
        output.show(f"{state:<9}  {point.plan.split} {start}, seed {point.plan.seed}")
        output.show(f"           {point.directory(out)}")
    return 0


def _numbers(what: str, text: str, reader: Callable[[str], T]) -> tuple[T, ...]:
    """Read comma-separated numbers, each once; `UsageError` quotes the first that is none."""
    return tuple(dict.fromkeys(read(what, part, reader) for part in text.split(",")))


def _whole_or_0(text: str) -> int:
    digits = text.strip()
    if not digits.isdecimal() or len(digits) > 18:
        raise ValueError("give a whole number, 0 or more")
    return int(digits)


def text(task: Task, header: Mapping[str, Any], rows: Sequence[Row], width: int) -> str:
    """Print the summaries: a table for each split and scaling, the usual starts in each."""
    from textwrap import fill

    from compare.experiments.basin import USUAL
    from compare.learned.recipe import Recipe
    from compare.report.text import (
        columns,
        counted,
        folded,
        heading,
        median_and_range,
        number,
        training,
    )
    from compare.solvers.catalogue import training_of

    first = rows[0]
    published = training_of(task.name, first["solver"], Recipe(**first["recipe"]))
    parts = [
        heading(header),
        fill(
            f"{first['solver']} from its computed weights; {counted(len(first['seeds']), 'seed')}, "
            f"{training({**published, 'recipe': first['recipe']})}.",
            width,
        ),
    ]
    for split, scaling in dict.fromkeys(
        (row["split"], row["scaling"]) for row in rows if row["scaling"] != USUAL
    ):
        own = [row for row in rows if row["split"] == split and row["scaling"] in (scaling, USUAL)]
        network = own[0]["architecture_of"]
        of = "" if network == split else f" of the {network} split's network"
        parts += ["", f"{split} split, {scaling} weights{of}", ""]
        if (computed := own[0])["start"] == "computed":
            parts += [fill(rest_point(computed), width), ""]
        cells = [("start", "mean error", "worst error", "returned", "travelled", "distance")]
        for row in own:
            distance = row["from_computed"]
            cells.append(
                (
                    row["start"],
                    median_and_range(row["mean_error"]),
                    median_and_range(row["worst_error"]),
                    f"{row['success']['runs']}/{row['success']['of']}",
                    number(row["travelled"]["median"]),
                    number(distance["median"]) if distance else "",
                )
            )
        parts.append("\n\n".join(columns(part) for part in folded([*map(list, cells)], 1, width)))
    diverged = sum(row["diverged"] for row in rows)
    if diverged:
        parts += ["", f"{counted(diverged, 'training')} diverged: the loss was no longer finite."]
    legend = (
        f"Errors are those of held-out samples, {task.error}: over seeds, the median "
        f"(smallest..largest). returned: seeds with {task.criterion}. travelled: the Euclidean "
        "distance between the weights before and after training, the median. distance: between "
        "the computed and the trained weights. usual start: the first weights that are published."
    )
    return "\n".join([*parts, "", fill(legend, width)])


def rest_point(row: Row) -> str:
    """Say whether training would stay at the computed weights, if it began there."""
    start = row["at_start"]
    loss, data, whole = (start[name]["median"] for name in ("loss", "data_gradient", "gradient"))
    verdict = "a rest point of training" if whole == 0 else "not a rest point of training"
    return (
        f"{row['not_zero']:,} of {row['numbers']:,} numbers are not 0; their norm is "
        f"{row['norm_of_computed']:.3g}. At the computed weights, in training, the loss is "
        f"{loss:.2g} and its gradient has the norm {data:.2g}; with the L2 penalty, {whole:.2g}: "
        f"{verdict}."
    )


def _draw(
    directory: Path,
    out: Path,
    task: Task,
    results: Sequence[tuple[Point, Record]],
    rows: Sequence[Row],
) -> None:
    """Draw the success, the errors of each scaling, and the loss along the line."""
    from compare.experiments.basin import USUAL
    from compare.figures import basin
    from compare.figures.style import save

    plan = results[0][0].plan
    height, width = plan.size
    stem = f"basin-{task.name}-{height}x{width}-{plan.solver}"
    title = f"{task.name}: {plan.solver}, trained from its computed weights and noise"
    if (network := rows[0]["architecture_of"]) != plan.split:
        stem += f"-of-{network}"
        title += f"; the {network} split's network"
    noises = sorted({row["noise"] for row in rows})
    three = sorted({noises[0], noises[len(noises) // 2], noises[-1]})
    drawn = {
        "success": basin.success(rows, title, task.criterion, task.error),
        "line": basin.loss_along_line(
            rows, three, f"{task.name}: {plan.solver}, from the computed to the trained weights"
        ),
    }
    for scaling in dict.fromkeys(row["scaling"] for row in rows if row["scaling"] != USUAL):
        maps = {
            split: [
                _map(row, results, out)
                for row in rows
                if row["split"] == split
                and (row["scaling"] == USUAL or (row["scaling"] == scaling and not row["flips"]))
                and row["noise"] in three
            ]
            for split in dict.fromkeys(row["split"] for row in rows)
        }
        drawn[f"errors-{scaling}"] = basin.error_maps(
            maps, plan.size, f"{title}; {scaling} weights, the median seed", task.error
        )
    for name, figure in drawn.items():
        for suffix in ("svg", "png"):
            save(figure, directory / f"{stem}-{name}.{suffix}")


def _map(row: Row, results: Sequence[tuple[Point, Record]], out: Path) -> Any:
    """Read the held-out errors of the seed whose mean error is the median, or next to it."""
    from compare.experiments.basin import read_samples
    from compare.figures.basin import Map

    wanted = tuple(row[name] for name in ("split", "scaling", "noise", "flips"))
    own = [
        (record["end"]["errors"]["test"]["mean"], index)
        for index, (point, record) in enumerate(results)
        if (point.plan.split, point.scaling, point.noise, point.flips) == wanted
    ]
    _, chosen = sorted(own)[(len(own) - 1) // 2]
    _, samples = read_samples(results[chosen][0].directory(out))
    return Map(row["start"], samples["position"], samples["error"])
