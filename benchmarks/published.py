"""The published experiments, trained as published, over seeds.

    python benchmarks/published.py [--hours 1] [--workers 2] [--out runs/published]

Trains what is missing of `EXPERIMENTS`, longest last, until the hours are over, and writes
docs/results/published.md and published.json. A training that was stopped goes on from its
checkpoint the next time; its row says how far it has come.

Each training is one process with one BLAS thread, and has a file of its own in --out. So commands
with other --rows may run beside each other into one --out, and files of several machines may be
copied together; `--hours 0` then writes both pages from what is there. On 16 cores with a GPU, for
eight minutes, with the longest on the GPU:

    python=python3; out=runs/published; gpu="--backend torch --device cuda:0"
    all="benchmarks/published.py --hours 0.13 --out $out --results $out"
    $python $all --rows coordconv-regressor,conv-regressor --workers 10 &
    $python $all --rows coordconv-classifier $gpu --workers 2 &
    $python $all --rows coordconv-renderer,coordconv-renderer-white $gpu --workers 2 &
    $python $all --rows deconv-classifier,deconv-renderer $gpu --workers 4 &
    wait
    $python benchmarks/published.py --hours 0 --out $out
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from compare import tasks
from compare.errors import UsageError
from compare.experiments.environment import environment
from compare.experiments.executors import map_on_processes
from compare.experiments.plan import Plan, Request, load_backend, make_plans, plan_of
from compare.files import write_whole
from compare.learned import training
from compare.learned.sparse.batches import from_chunks
from compare.learned.state import State, read_checkpoint
from compare.results.statistics import describe, wilson
from compare.solvers.catalogue import published_epochs, solvers_of

RESULTS = Path(__file__).parent.parent / "docs" / "results"

SAVED_SECONDS = 60.0
"""A training is written down when so much time has passed since the last."""

GRACE = 10.0
"""Seconds that a training may take beyond the hours to end its epoch."""


@dataclass(frozen=True)
class Experiment:
    """Trainings of one network by one recipe, or by a grid of them, on both splits."""

    title: str
    task: str
    solver: str
    seeds: int
    whose: str
    """Where the recipe is from."""
    claim: str
    """What the paper says of it."""
    curve: tuple[str, ...]
    """The scores on held-out positions that are kept of every epoch; the first says which is the
    best."""
    less_is_better: bool = False
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Options of the recipe, and their values."""
    every: int = 1
    """Epochs from one evaluation to the next."""

    def plans(self, backend: str, device: str) -> list[Plan]:
        """Return every training."""
        plans: list[Plan] = []
        for values in product(*self.grid.values()):
            recipe = dict(zip(self.grid, map(str, values), strict=True))
            request = Request(
                self.task,
                tuple(range(self.seeds)),
                solver=self.solver,
                preset="paper",
                backend=backend,
                device=device,
                recipe=recipe,
            )
            plans += make_plans(request)
        return plans


EXPERIMENTS: dict[str, Experiment] = {
    "coordconv-regressor": Experiment(
        "CoordConv regressor, bitmap to coordinates",
        "onehot2coord",
        "coordconv",
        32,
        "the only point of the authors' log",
        "CoordConv solves this task with perfect generalization",
        ("mean_error", "worst_error"),
        less_is_better=True,
    ),
    "conv-regressor": Experiment(
        "Plain-convolution regressors, bitmap to coordinates",
        "onehot2coord",
        "conv",
        10,
        "the whole grid of the authors' log, each split with its own network",
        "plain convolutions fail, on the quadrant split most of all",
        ("mean_error", "worst_error"),
        less_is_better=True,
        grid={"learning_rate": (0.0005, 0.001, 0.01), "l2": (1e-5, 1e-4, 5e-4)},
    ),
    "coordconv-classifier": Experiment(
        "CoordConv classifier, coordinates to bitmap",
        "coord2onehot",
        "coordconv",
        5,
        "the README's point, which is in the grid of the log; 50 epochs as in the log",
        "CoordConv attains perfect accuracy on both splits, trained on and held out",
        ("accuracy",),
    ),
    "coordconv-renderer": Experiment(
        "CoordConv renderer, coordinates to grey picture",
        "coord2image",
        "coordconv",
        3,
        "the README's rate, which is in the log's grid, with the README's L2 and without; loss "
        "ours: the log names none, and the released code stops without",
        "CoordConv draws the squares better than transposed convolutions do",
        ("mean_iou", "authors_iou"),
        grid={"learning_rate": (0.005,), "l2": (0.001, 0.0)},
    ),
    "coordconv-renderer-white": Experiment(
        "CoordConv renderer, coordinates to white picture",
        "coord2image",
        "coordconv",
        3,
        "the same with squares of 1 in place of 128/255, so that the authors' IoU can reach 1",
        "CoordConv draws the squares better than transposed convolutions do",
        ("mean_iou", "authors_iou"),
        grid={"target": ("white",)},
    ),
    "deconv-classifier": Experiment(
        "Transposed convolutions, coordinates to bitmap",
        "coord2onehot",
        "deconv",
        1,
        "the README's point, which is in the grid of the log; 1000 epochs by steps as in the log",
        "transposed convolutions stay below about 86 % of the held-out positions of the uniform "
        "split, and fail on the quadrant split",
        ("accuracy",),
        every=10,
    ),
    "deconv-renderer": Experiment(
        "Transposed convolutions, coordinates to grey picture",
        "coord2image",
        "deconv",
        1,
        "the README's point, which is in the grid of the log; loss and 1000 epochs by steps as "
        "in the log",
        "transposed convolutions draw the squares worse than CoordConv does",
        ("mean_iou", "authors_iou"),
        every=10,
    ),
    "deconv-renderer-white": Experiment(
        "Transposed convolutions, coordinates to white picture",
        "coord2image",
        "deconv",
        1,
        "the same with squares of 1 in place of 128/255, so that the authors' IoU can reach 1",
        "transposed convolutions draw the squares worse than CoordConv does",
        ("mean_iou", "authors_iou"),
        grid={"target": ("white",)},
        every=10,
    ),
}
"""What is trained, shortest first."""


# --- Training -------------------------------------------------------------------------------


def row_name(experiment: str, plan: Plan) -> str:
    """Name a training; on which backend it is computed makes no difference."""
    point = [str(getattr(plan.recipe, name)) for name in EXPERIMENTS[experiment].grid]
    return "-".join([experiment, plan.split, *point, f"seed{plan.seed}"])


def read_row(path: Path, plan: Plan | None = None) -> dict[str, Any] | None:
    """Return what is known of a training; None if nothing is, or not of the plan's recipe."""
    if not path.exists():
        return None
    row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if plan and any(getattr(plan.recipe, key) != value for key, value in row["recipe"].items()):
        return None
    return row


def train(item: dict[str, Any]) -> str:
    """Train one row as far as the time goes, and write it down; returns what became of it."""
    from threadpoolctl import threadpool_limits

    if time.time() >= item["deadline"]:
        return "no time"
    with threadpool_limits(1):
        return _train(item)


def _train(item: dict[str, Any]) -> str:
    plan = plan_of(item["arguments"])
    experiment = EXPERIMENTS[item["experiment"]]
    path = Path(item["out"]) / f"{row_name(item['experiment'], plan)}.json"
    assert plan.recipe is not None
    backend = load_backend(plan.backend, plan.device, plan.precision)
    task = tasks.load(plan.task)
    parts = task.split(plan.split, *plan.size).parts
    learned: Any = plan.build()
    targets = learned.targets(parts["train"])
    inputs = from_chunks(parts["train"].inputs(part) for part in parts["train"].chunks())
    state = training.initial_state(learned.architecture, plan.seed, backend)
    checkpoint = path.with_suffix(".npz")
    row = read_row(path, plan)
    if row and checkpoint.exists():
        steps = -(-len(targets) // plan.recipe.batch)
        arrays = read_checkpoint(checkpoint, state.arrays(backend), plan.epochs, steps)
        state = State.of(arrays, backend)
    else:
        row = new_row(item["experiment"], plan)
    _cut(row, len(state.losses), experiment.every)
    about = f"{backend.name} on {backend.device}, {backend.precision}"
    machine = environment(plan.backend)
    where = {"backend": about, **{k: machine.get(k) for k in ("processor", "gpus", "commit")}}
    if where not in row["computed_on"]:
        row["computed_on"].append(where)

    def evaluated(part: str) -> dict[str, float]:
        weights = {name: backend.to_numpy(array) for name, array in state.weights.items()}
        return task.evaluate(learned.load(weights), plan.evaluated_on(parts[part])).scores

    def keep() -> None:
        row["seconds"] = state.seconds
        write_whole(path, lambda file: file.write(json.dumps(row).encode()))
        state.save(checkpoint, backend)

    def out_of_time(grace: float = 0.0) -> bool:
        return bool(time.time() >= item["deadline"] + grace)

    started, earlier, saved = time.perf_counter(), state.seconds, time.perf_counter()
    following = training.states(
        learned.architecture,
        inputs,
        targets,
        plan.recipe,
        seed=plan.seed,
        backend=backend,
        state=state,
    )
    for after in following:
        ended = len(after.losses) > len(state.losses)
        state = replace(after, seconds=earlier + time.perf_counter() - started)
        if ended:
            paused = time.perf_counter()
            _note(row, experiment, state.losses, plan.epochs, evaluated, last=out_of_time())
            started += time.perf_counter() - paused  # evaluating is not training
        if out_of_time(0.0 if ended else GRACE):
            break
        if time.perf_counter() - saved > SAVED_SECONDS:
            keep()
            saved = time.perf_counter()
    diverged = bool(state.losses) and not math.isfinite(state.losses[-1])
    row["finished"] = row["epochs"] == plan.epochs or diverged
    keep()
    if row["finished"]:
        checkpoint.unlink()
    return f"epoch {row['epochs']} of {plan.epochs}"


def new_row(experiment: str, plan: Plan) -> dict[str, Any]:
    """Return the row of a training that has not begun."""
    arguments = plan.arguments()
    return {
        "experiment": experiment,
        **{name: arguments[name] for name in ("task", "split", "solver", "seed", "recipe")},
        "preset": "paper",
        "published_epochs": published_epochs(plan.task, plan.solver),
        "epochs": 0,
        "finished": False,
        "seconds": 0.0,
        "computed_on": [],
        "curve": {"every": EXPERIMENTS[experiment].every, "loss": []},
        "best": None,
        "last": None,
    }


def _cut(row: dict[str, Any], epochs: int, every: int) -> None:
    """Forget what a row says of epochs that come after its checkpoint."""
    row["epochs"] = min(row["epochs"], epochs)
    for values in row["curve"].values():
        if isinstance(values, list):
            del values[epochs // every :]
    for name in ("best", "last"):
        if row[name] and row[name]["epoch"] > epochs:
            row[name] = None


def _note(
    row: dict[str, Any],
    experiment: Experiment,
    losses: Sequence[float],
    epochs: int,
    evaluated: Callable[[str], dict[str, float]],
    last: bool,
) -> None:
    """Add an epoch to a row's curves, and to its best and its last scores."""
    epoch = row["epochs"] = len(losses)
    last = last or epoch == epochs or not math.isfinite(losses[-1])
    regular = epoch % experiment.every == 0
    if not (regular or last):
        return
    test = evaluated("test")
    if regular:
        row["curve"]["loss"].append(_short(losses[-1]))
        for name in experiment.curve:
            row["curve"].setdefault(name, []).append(_short(test[name]))
    first, sign = experiment.curve[0], -1 if experiment.less_is_better else 1
    better = row["best"] is None or sign * test[first] > sign * row["best"]["test"][first]
    if not (better or last):
        return
    entry = {"epoch": epoch, "test": test, "train": evaluated("train")}
    if better:
        row["best"] = entry
    row["last"] = entry if last else row["last"]


def _short(value: float) -> float | None:
    """Round to four figures, as the curves have them; None for what is no finite number."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


# --- Pages ----------------------------------------------------------------------------------


def rows_of(out: Path) -> list[dict[str, Any]]:
    """Read every training that has come to an evaluation, in the order of `EXPERIMENTS`."""
    rows = [read_row(path) for path in sorted(out.glob("*.json"))]
    # --results may be the same folder: then published.json is among them, and is no row
    known = [row for row in rows if row and row.get("experiment") in EXPERIMENTS and row["best"]]
    order = {name: index for index, name in enumerate(EXPERIMENTS)}
    splits = ("uniform", "quadrant")
    return sorted(
        known,
        key=lambda row: (
            order[row["experiment"]],
            splits.index(row["split"]),
            [row["recipe"][name] for name in EXPERIMENTS[row["experiment"]].grid],
            row["seed"],
        ),
    )


def markdown(head: Sequence[str], cells: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table, the first columns to the left and the others to the right."""
    rule = [*["---"] * left, *["---:"] * (len(head) - left)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *cells))


def number(value: float) -> str:
    """Write an error in pixels or a share of the overlap."""
    if not math.isfinite(value):
        return "not finite"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def over_seeds(values: Sequence[float]) -> str:
    """Write the median, the smallest and the largest."""
    found = describe(values)
    middle, low, high = (number(found[key]) for key in ("median", "min", "max"))
    return middle if low == high else f"{middle} ({low}..{high})"


def share(successes: int, trials: int) -> str:
    """Write how many of how many, with the Wilson interval."""
    low, high = wilson(successes, trials)
    return f"{successes} of {trials} ({100 * low:.0f} to {100 * high:.0f} %)"


def percent(value: float) -> str:
    """Write a share; what is not all is never 100 %."""
    text = f"{100 * value:.1f} %"
    return ("> 99.9 %" if text == "100.0 %" and value < 1 else text).replace("100.0", "100")


def recipe_text(row: Mapping[str, Any]) -> str:
    """Say what a row is trained by."""
    recipe = row["recipe"]
    parts = [
        f"rate {recipe['learning_rate']:g}",
        f"L2 {recipe['l2']:g}",
        f"batch {recipe['batch']}",
    ]
    own = solvers_of(row["task"])[row["solver"]].options
    parts += [f"{name} {recipe[name]}" for name in own]
    parts += [f"{recipe['lr_schedule']} rate", f"loss {recipe['loss']}"]
    return ", ".join(parts)


def epochs_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how many epochs of how many published, and how many trainings are unfinished."""
    published = rows[0]["published_epochs"]
    unfinished = [row for row in rows if not row["finished"]]
    if not unfinished:
        return f"{published} of {published}"
    reached = sorted(row["epochs"] for row in unfinished)
    span = f"{reached[0]}" if reached[0] == reached[-1] else f"{reached[0]} to {reached[-1]}"
    return f"{len(unfinished)} unfinished, at epoch {span} of {published}"


def _last(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return each row's last evaluation."""
    return [row["last"] or row["best"] for row in rows]


def regression(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Write the section of a regressor."""
    grid = EXPERIMENTS[rows[0]["experiment"]].grid
    cells = []
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        point = tuple(row["recipe"][name] for name in grid)
        groups.setdefault((row["split"], *point), []).append(row)
    for (split, *point), members in groups.items():
        scores = [entry["test"] for entry in _last(members)]
        trained = [entry["train"]["mean_error"] for entry in _last(members)]
        means = [each["mean_error"] for each in scores]
        worst = [each["worst_error"] for each in scores]
        cells.append((
            split,
            *(f"{value:g}" for value in point),
            epochs_text(members),
            share(sum(value < 0.5 for value in worst), len(members)),
            share(sum(value < 0.5 for value in means), len(members)),
            share(sum(value < 2 for value in means), len(members)),
            over_seeds(means),
            over_seeds(worst),
            over_seeds(trained),
        ))  # fmt: skip
    head = (
        "split", *(name.replace("_", " ").replace("learning rate", "rate") for name in grid),
        "epochs", "worst < 0.5 px", "mean < 0.5 px", "mean < 2 px", "mean error px",
        "worst error px", "mean error px, trained on",
    )  # fmt: skip
    return [markdown(head, cells, 1 + len(grid))]


def by_seed(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Write the section of a network that draws: a line for each seed, at its last and best."""
    experiment = EXPERIMENTS[rows[0]["experiment"]]
    score = experiment.curve[0]
    write = percent if score == "accuracy" else number
    point = [name for name, values in experiment.grid.items() if len(values) > 1]
    cells = []
    for row in rows:
        last, best = row["last"] or row["best"], row["best"]
        reached = f"{row['epochs']} of {row['published_epochs']}"
        curve = [value for value in row["curve"].get(score, ()) if value is not None]
        cells.append((
            row["split"],
            *(f"{row['recipe'][name]:g}" for name in point),
            str(row["seed"]),
            reached + ("" if row["finished"] else ", unfinished"),
            write(last["test"][score]),
            write(last["train"][score]),
            str(best["epoch"]),
            write(best["test"][score]),
            write(best["train"][score]),
            f"{sum(solved(row['task'], value) for value in curve)} of {len(curve)}",
        ))  # fmt: skip
    title = "accuracy" if score == "accuracy" else "mean IoU"
    if score == "mean_iou":
        cells = [
            (*cell, number((row["last"] or row["best"])["test"]["authors_iou"]))
            for cell, row in zip(cells, rows, strict=True)
        ]
    head = (
        "split", *(name.replace("_", " ").replace("learning rate", "rate") for name in point),
        "seed", "epochs", f"last: {title} held out", "trained on", "best epoch",
        f"best: {title} held out", "trained on", "evaluations that succeed",
        *(["last: authors' IoU"] if score == "mean_iou" else []),
    )  # fmt: skip
    return [markdown(head, cells, 2 + len(point))]


def solved(task: str, score: float) -> bool:
    """Whether a score on held-out positions counts as a success by our bar."""
    return {"onehot2coord": score < 0.5, "coord2onehot": score == 1, "coord2image": score >= 0.99}[
        task
    ]


BARS = {
    "onehot2coord": "worst held-out error < 0.5 px",
    "coord2onehot": "every held-out position right",
    "coord2image": "mean held-out IoU >= 0.99",
}
"""When a training counts as a success, by task."""


def successes(rows: Sequence[dict[str, Any]], at: str) -> int:
    """Count the trainings that succeed by our bar, at their "last" epoch or at their "best"."""
    score = "worst_error" if rows[0]["task"] == "onehot2coord" else None
    count = 0
    for row in rows:
        entry = row[at] or row["best"]
        name = score or EXPERIMENTS[row["experiment"]].curve[0]
        count += solved(row["task"], entry["test"][name])
    return count


def summary(groups: Mapping[str, Sequence[dict[str, Any]]]) -> str:
    """Write the table of all experiments, one row a split."""
    cells = []
    for name, rows in groups.items():
        experiment = EXPERIMENTS[name]
        for split in dict.fromkeys(row["split"] for row in rows):
            own = [row for row in rows if row["split"] == split]
            grid = math.prod(map(len, experiment.grid.values()))
            last = successes(own, "last")
            cells.append((
                experiment.title,
                split,
                str(len({row["seed"] for row in own})) + (f" x {grid} points" if grid > 1 else ""),
                epochs_text(own),
                BARS[experiment.task],
                share(last, len(own)),
                str(successes(own, "best")),
            ))  # fmt: skip
    head = (
        "experiment", "split", "seeds", "epochs of published", "success", "at the last epoch",
        "at the best",
    )  # fmt: skip
    return markdown(head, cells, 2)


def verdict(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Set what the paper says beside how many trainings succeed; all numbers from the rows."""
    experiment = EXPERIMENTS[name]
    texts = []
    for split in dict.fromkeys(row["split"] for row in rows):
        own = [row for row in rows if row["split"] == split]
        text = f"{split} split, {share(successes(own, 'last'), len(own))} at the last epoch"
        if experiment.task != "onehot2coord":
            text += f", {successes(own, 'best')} at their best epoch"
        texts.append(text)
    return (
        f"The paper: {experiment.claim}. Here, with {BARS[experiment.task]} as success: "
        f"{'; '.join(texts)}."
    )


def _chips(where: Mapping[str, Any]) -> list[str]:
    """Return the names of what computed: a CPU beside GPUs may have been asked for."""
    return [where["processor"] or ""] if " on cpu" in where["backend"] else where["gpus"]


def page(rows: Sequence[dict[str, Any]]) -> str:
    """Write the Markdown page."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["experiment"], []).append(row)
    machines = dict.fromkeys(
        ", ".join([each["backend"], *_chips(each)]) for row in rows for each in row["computed_on"]
    )
    parts = [
        INTRODUCTION,
        f"Computed on: {'; '.join(machines)}. Training alone: "
        f"{sum(row['seconds'] for row in rows) / 3600:.1f} hours of processes.",
        "## Summary",
        summary(groups),
    ]
    for name, own in groups.items():
        experiment = EXPERIMENTS[name]
        recipes = list(dict.fromkeys(recipe_text(row) for row in own))
        parts += [
            f"## {experiment.title}",
            f"Preset `paper`: {experiment.whose}."
            + (f" {recipes[0][0].upper()}{recipes[0][1:]}." if len(recipes) == 1 else ""),
            verdict(name, own),
            *(regression(own) if experiment.task == "onehot2coord" else by_seed(own)),
        ]
    missing = [name for name in EXPERIMENTS if name not in groups]
    if missing:
        parts += [
            "## Not evaluated yet",
            "; ".join(EXPERIMENTS[name].title for name in missing) + ".",
        ]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """\
# The published experiments, trained as published

Written by `python benchmarks/published.py`, which trains what is missing. The same as JSON, with
every training's curve: [published.json](published.json). Each network is trained by the preset
`paper`; [recipes.md](../recipes.md) says where it is from. Errors are in pixels on a canvas of
64x64. Over seeds: the median (smallest..largest). Shares of seeds have 95 % Wilson intervals.

"Best" is the epoch with the best score on the held-out positions, chosen by looking at them; nobody
could choose it otherwise. The authors report the mean distance of the regressors ("eucl_dist"), so
their columns are the means under 0.5 and under 2 pixels; a mean may be small where one position is
far off, so our bar is the worst position."""


def main() -> None:
    """Train what is missing, and write both pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows",
        default=",".join(EXPERIMENTS),
        help=f"in this order: {', '.join(EXPERIMENTS)} (default all)",
    )
    parser.add_argument("--hours", type=float, default=1.0, help="to train for; 0: pages only")
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time")
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("runs/published"), help="for the rows")
    parser.add_argument("--results", type=Path, default=RESULTS, help="for both pages")
    options = parser.parse_args()
    deadline = time.time() + 3600 * options.hours
    for path in (options.out, options.results):
        path.mkdir(parents=True, exist_ok=True)
    items = []
    try:
        for name in options.rows.split(","):
            if name not in EXPERIMENTS:
                raise UsageError(f"unknown row '{name}'; choose from: {', '.join(EXPERIMENTS)}")
            if options.hours <= 0:
                continue
            plans = EXPERIMENTS[name].plans(options.backend, options.device)
            # All points and splits with the first seed come first.
            for plan in sorted(plans, key=lambda plan: plan.seed):
                row = read_row(options.out / f"{row_name(name, plan)}.json", plan)
                if not row or not row["finished"]:
                    items.append({
                        "experiment": name, "arguments": plan.arguments(),
                        "out": str(options.out), "deadline": deadline,
                    })  # fmt: skip
    except UsageError as error:
        raise SystemExit(f"published.py: {error}") from error
    print(f"{len(items)} trainings are missing or unfinished", file=sys.stderr)
    for item, became in zip(items, map_on_processes(train, items, options.workers), strict=True):
        name = row_name(item["experiment"], plan_of(item["arguments"]))
        if became != "no time":
            print(f"{name}: {became or 'its process died'}", file=sys.stderr)
    rows = rows_of(options.out)
    if not rows:
        raise SystemExit(f"published.py: no training in '{options.out}' has come to an evaluation")
    record = {"command": "python benchmarks/published.py", "rows": rows}
    text = json.dumps(record, separators=(",", ":")).replace('{"experiment"', '\n{"experiment"')
    write_whole(options.results / "published.json", lambda file: file.write(text.encode()))
    content = page(rows).encode()
    write_whole(options.results / "published.md", lambda file: file.write(content))


if __name__ == "__main__":
    main()
