"""Whether training returns to computed weights from their neighbourhood.

A published network is started from weights that were computed (`handcrafted.weights`) with noise
on top, or with some signs flipped, and trained by its recipe. Springer & Kenyon 2020,
arXiv:2009.01398, did so for networks that compute Conway's Game of Life. One start with one seed
is a point of the study; it has a directory of its own, like a run.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from compare import tasks
from compare.backends import Backend, load
from compare.datasets import Dataset
from compare.datasets.streams import random_stream
from compare.errors import UsageError, choice, unknown
from compare.experiments.environment import environment
from compare.experiments.executors import PAUSE
from compare.experiments.plan import Plan, Request, make_plans
from compare.experiments.run import warnings_to
from compare.files import (
    Record,
    make_directory,
    read_arrays,
    read_sealed_json,
    remove,
    write_sealed_json,
)
from compare.learned import training
from compare.learned.architecture import Architecture, initial_deviation
from compare.learned.layers import BatchNorm
from compare.learned.losses import LOSSES
from compare.learned.model import Model
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import from_chunks, microbatch, to_arrays
from compare.learned.training import Progress
from compare.results.runs import (
    digests,
    directory_name,
    locked,
    require_intact,
    write_results,
)
from compare.results.schema import FORMAT
from compare.results.statistics import describe, wilson
from compare.solvers.catalogue import added_by, solvers_of
from compare.solvers.computed import Computed
from compare.solvers.learned import Learned
from compare.tasks.base import Evaluation, Samples, samples_by_part
from handcrafted.weights import Weights

__all__ = [
    "DECONV_EPOCHS",
    "SCALINGS",
    "SHARES",
    "USUAL",
    "Point",
    "Row",
    "carry_out",
    "computed_weights",
    "disturbed",
    "gradients_at",
    "identity_norms",
    "load_or_train",
    "make_points",
    "mean_losses",
    "noise_units",
    "penalty",
    "read_point",
    "read_samples",
    "summarise",
    "unfinished",
]

SCALINGS = ("plain", "balanced")
"""plain: weights as they are easiest to read; balanced: the same function by layers of nearly equal
norm, as far as factors of two allow."""

USUAL = "usual"
"""Instead of a scaling: the first weights that the seed draws, to compare with."""

DECONV_EPOCHS = 10
"""Instead of the 1000 that transposed convolutions are published with."""

SHARES = np.linspace(0, 1, 21)
"""Where on the line from the computed to the trained weights the loss is taken."""

_SAMPLES = 256
"""Whose losses are computed at a time."""

_NUMBERS = 2**22
"""Of a layer's outputs, whose moments are computed at a time."""


# --- Computed weights -----------------------------------------------------------------------

_COMPUTED = "handcrafted-"
"""What the name of a solver begins with whose architecture has computed weights."""


def _solvers_with(task: str) -> tuple[str, ...]:
    """Return the solvers of a task that learn from examples and have computed weights here."""
    specs = solvers_of(task) if tasks.load(task).supervision else {}
    return tuple(
        name
        for name in specs
        if (computed := f"{_COMPUTED}{name}") in specs and not added_by(task, computed)
    )


def computed_weights(plan: Plan, scaling: str) -> Weights:
    """Compute the weights of a plan's network; `UsageError` where there are none.

    Batch norms change nothing in them, in prediction; see `identity_norms` for training.
    """
    name = f"{_COMPUTED}{plan.solver}"
    variant = solvers_of(plan.task)[name].variants["paper"]
    options = {option: getattr(_recipe(plan), option) for option in variant}
    try:
        # Those solvers are built in.
        computed = cast(Computed, replace(plan, solver=name, recipe=None, options=options).build())
        return computed.compute(balanced=scaling == "balanced")
    except ValueError as error:
        height, width = plan.size
        raise UsageError(
            f"solver '{plan.solver}' has no computed weights for {plan.task} on {height}x{width}: "
            f"{error}"
        ) from error


def identity_norms(solver: Learned, weights: Mapping[str, NDArray[Any]], data: Dataset) -> Weights:
    """Return weights whose batch norms change nothing in training either, over all of `data`.

    Batch norms of the given weights change nothing in prediction. In training each brings its
    input to mean 0 and variance 1; so the shift is the input's mean over the data, and the scale
    the root of its variance and of the epsilon. The running statistics are the same two moments,
    and prediction is as it was, to the bit. With a batch that is not the whole data, the moments
    are others: training then computes another function.
    """
    result = {name: np.asarray(array) for name, array in weights.items()}
    architecture = solver.architecture
    for index, layer in enumerate(architecture.layers):
        if not isinstance(layer, BatchNorm):
            continue
        before = Architecture(architecture.inputs, architecture.layers[:index])
        own = {name: weights[name] for name in before.parameters()}
        mean, variance = _moments(Model(before, own), data)
        result |= {
            f"{index}.mean": mean,
            f"{index}.variance": variance,
            f"{index}.shift": mean,
            # In float32, as prediction computes it: their quotient is 1.
            f"{index}.scale": np.sqrt(variance + np.float32(layer.epsilon)),
        }
    return result


def _moments(model: Model, data: Dataset) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each channel's mean and (biased) variance over the data, (c,)."""
    channels, *pixels = model.architecture.shapes()[-1]
    step = max(1, _NUMBERS // (channels * math.prod(pixels)))
    total, squares = np.zeros(channels), np.zeros(channels)
    for start in range(0, len(data), step):
        inputs = data.inputs(slice(start, start + step))
        maps = model.predict(inputs).astype(np.float64)
        total += maps.sum(axis=(0, 2, 3))
        squares += (maps**2).sum(axis=(0, 2, 3))
    count = len(data) * math.prod(pixels)
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0)
    return mean.astype(np.float32), variance.astype(np.float32)


# --- Points ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """Where a training starts, and the plan that it follows."""

    plan: Plan
    scaling: str
    """One of `SCALINGS`, or `USUAL` for the first weights that are published."""
    noise: float = 0.0
    """In units of `noise_units`."""
    flips: int = 0
    """Numbers whose sign is flipped."""
    architecture_of: str = ""
    """The split whose architecture is trained; by default the plan's own."""

    @property
    def network(self) -> Plan:
        """Return the plan of the network: on the split that the architecture is of."""
        return replace(self.plan, split=self.architecture_of or self.plan.split)

    @property
    def start(self) -> str:
        """Say where it starts, in a word or two."""
        if self.scaling == USUAL:
            return "usual start"
        if self.flips:
            return f"{self.flips} flip" + "s" * (self.flips > 1)
        return f"noise {self.noise:g}" if self.noise else "computed"

    def arguments(self) -> Record:
        """Return the point as JSON has it."""
        own = {
            "scaling": self.scaling,
            "noise": self.noise,
            "flips": self.flips,
            "architecture_of": self.network.split,
        }
        return {**self.plan.arguments(), **own}

    def directory(self, out: Path) -> Path:
        """Return its own directory, whose name holds a digest of the arguments."""
        name = directory_name(self.arguments(), version("handcrafted"))
        return out / f"{self.scaling}-noise{self.noise:g}-flips{self.flips}-{name}"


def make_points(
    request: Request,
    scalings: Sequence[str],
    noises: Sequence[float],
    flips: Sequence[int],
    architecture_of: str | None = None,
) -> list[Point]:
    """Check everything, and return the points of each split and scaling in the table's order.

    Noise and flips are not combined. Each split has its usual starts, too. Each has its own
    architecture, or all have that of one split, `architecture_of`. The recipe is the published
    one, but `DECONV_EPOCHS` for transposed convolutions, and with white squares to draw, as
    computed weights draw them. Raises `UsageError` for the first thing that cannot be done.
    """
    task = tasks.load(request.task)
    known = _solvers_with(task.name)
    if request.solver not in known:
        if known and request.solver and request.solver not in solvers_of(task.name):
            raise unknown("solver", request.solver, known)
        others = ", ".join(name for name in tasks.known() if _solvers_with(name))
        raise UsageError(
            f"solver '{request.solver}' of {task.name} has no computed weights, or is not trained "
            "on examples; "
            + (f"choose from: {', '.join(known)}" if known else f"tasks that have some: {others}")
        )
    recipe = dict(request.recipe)
    if request.solver == "deconv":
        recipe.setdefault("epochs", str(DECONV_EPOCHS))
    if task.name == "coord2image" and recipe.setdefault("target", "white") != "white":
        raise UsageError("--target: computed weights draw white squares; leave it out")
    plans = make_plans(replace(request, preset=request.preset or "paper", recipe=recipe))
    starts = dict.fromkeys([*((noise, 0) for noise in noises), *((0.0, k) for k in flips)])
    if architecture_of is not None:
        choice("split", architecture_of, task.splits)
    points = []
    for split in dict.fromkeys(plan.split for plan in plans):
        seeds = [plan for plan in plans if plan.split == split]
        network = architecture_of or split
        for scaling in scalings:
            choice("scaling", scaling, SCALINGS)
            starting = [Point(p, scaling, *start, network) for start in starts for p in seeds]
            _require_flips(starting[0], max(flips, default=0))
            points += starting
        points += [Point(plan, USUAL, architecture_of=network) for plan in seeds]
    return points


def _require_flips(point: Point, most: int) -> None:
    plan = point.network
    weights = computed_weights(plan, point.scaling)
    units = noise_units(_solver(plan).architecture)
    count = sum(int(np.count_nonzero(weights[name])) for name in units if units[name])
    if most > count:
        raise UsageError(
            f"--flips is {most}; of the computed weights of {plan.solver} on the {plan.split} "
            f"split {count} are not 0: give {count} at most"
        )


def _solver(plan: Plan) -> Learned:
    # Those with computed weights are built in, and learned.
    return cast(Learned, plan.build())


def _recipe(plan: Plan) -> Recipe:
    # Those plans learn, so they have one.
    return cast(Recipe, plan.recipe)


def noise_units(architecture: Architecture) -> dict[str, float]:
    """Return the standard deviation of noise 1 for each array that is trained.

    For weights it is that of their own first distribution, and for biases that of the weights of
    their layer. Batch norms get no noise: it is 0.
    """
    parameters = {k: p for k, p in architecture.parameters().items() if p.trained}
    units = {name: initial_deviation(parameter) for name, parameter in parameters.items()}
    for name in units:
        if name.endswith(".bias"):
            units[name] = units[name.removesuffix("bias") + "weight"]
    return units


def disturbed(
    architecture: Architecture,
    weights: Mapping[str, NDArray[Any]],
    seed: int,
    noise: float,
    flips: int,
) -> Weights:
    """Return weights with Gaussian noise added, in `noise_units`, and signs flipped.

    The signs are those of `flips` different numbers that are not 0. With one seed, the noise has
    one direction whatever its size, and more flips include those of fewer.
    """
    units = {name: unit for name, unit in noise_units(architecture).items() if unit}
    draw = random_stream(seed, "noise", 0)
    result = {name: np.array(array, np.float32) for name, array in weights.items()}
    for name, unit in units.items():
        added = noise * unit * draw.standard_normal(result[name].shape)
        result[name] = (result[name] + added).astype(np.float32)
    flat = np.concatenate([weights[name].ravel() for name in units])
    chosen = random_stream(seed, "noise", 1).permutation(np.flatnonzero(flat))[:flips]
    signs = np.ones(flat.size, np.float32)
    signs[chosen] = -1
    ends = np.cumsum([weights[name].size for name in units])[:-1]
    for name, own in zip(units, np.split(signs, ends), strict=True):
        result[name] *= own.reshape(result[name].shape)
    return result


# --- One training ---------------------------------------------------------------------------


def read_point(directory: Path) -> Record | None:
    """Return the record of a finished point, None if there is none.

    Raises ValueError, naming the file, for one that is damaged; `StorageError` for one that cannot
    be read.
    """
    try:
        record = read_sealed_json(directory / "point.json")
    except FileNotFoundError:
        return None
    require_intact(directory, record["files"])
    return record


def unfinished(points: Sequence[Point], out: Path) -> list[Point]:
    """Return the points that have no record yet; those whose record is damaged have none."""

    def finished(point: Point) -> bool:
        try:
            return read_point(point.directory(out)) is not None
        except ValueError:
            return False

    return [point for point in points if not finished(point)]


def read_samples(directory: Path) -> tuple[Samples, Samples]:
    """Return what is known of each sample trained on, and of each held out, after training."""
    arrays = read_arrays(directory / "predictions.npz")
    train, test = (
        {k.removeprefix(part): array for k, array in arrays.items() if k.startswith(part)}
        for part in ("train_", "test_")
    )
    return train, test


def carry_out(
    points: Sequence[Point],
    out: Path,
    on_progress: Callable[[Point, Progress], None] = lambda *_: None,
    warn: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[Point, Record]]:
    """Yield each point with its record, from the disk or by training.

    Points that another process has locked come last.
    """
    waiting, passed, busy = deque(points), 0, set[Point]()
    while waiting:
        point = waiting.popleft()
        record = load_or_train(point, out, partial(on_progress, point), warn)
        if record is not None:
            passed = 0
            yield point, record
            continue
        if point not in busy:
            warn(f"another process trains in {point.directory(out)}; waiting for it")
            busy.add(point)
        waiting.append(point)
        passed += 1
        if passed >= len(waiting):
            time.sleep(PAUSE)


def load_or_train(
    point: Point,
    out: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> Record | None:
    """Return a point's record, from the disk or by training; what was interrupted is resumed.

    None while another process has locked its directory. `warn` is called with a line for each
    file that is damaged.
    """
    directory = point.directory(out)
    make_directory(directory)
    with locked(directory) as mine:
        if not mine:
            return None
        try:
            record = read_point(directory)
        except ValueError as error:
            warn(f"{error}; training again")
            record = None
        if record is None:
            with warnings_to(warn):
                record = _train(point, directory, on_progress)
        return record


def _train(point: Point, directory: Path, on_progress: Callable[[Progress], None]) -> Record:
    """Train from a point's start in a directory that no other process writes to."""
    plan, solver = point.plan, _solver(point.network)
    task = tasks.load(plan.task)
    split = task.split(plan.split, *plan.size)
    architecture = solver.architecture
    computed = None
    if point.scaling == USUAL:
        initial: Weights = architecture.initial_weights(plan.seed)
    else:
        computed = identity_norms(
            solver, computed_weights(point.network, point.scaling), split.train
        )
        initial = disturbed(architecture, computed, plan.seed, point.noise, point.flips)
    started = _at_start(solver, initial, split.train, plan.seed)
    before = {part: task.evaluate(solver.load(initial), d) for part, d in split.parts.items()}
    model = solver.fit(
        split.train,
        seed=plan.seed,
        checkpoint=directory / "checkpoint.npz",
        on_progress=on_progress,
        initial=initial,
    )
    after = {part: task.evaluate(model, data) for part, data in split.parts.items()}
    trained = model.weights
    line = None
    if computed is not None and not model.history.diverged:
        between = [_between(computed, trained, share) for share in SHARES]
        line = {
            "share": SHARES.tolist(),
            **{part: mean_losses(solver, between, data) for part, data in split.parts.items()},
            "penalty": [penalty(solver, weights) for weights in between],
        }
    names = list(noise_units(architecture))
    record = {
        "format": FORMAT,
        "arguments": point.arguments(),
        "status": "diverged" if model.history.diverged else "finished",
        "samples": {part: len(data) for part, data in split.parts.items()},
        "numbers": sum(initial[name].size for name in names),
        "not_zero": None
        if computed is None
        else sum(int(np.count_nonzero(computed[name])) for name in names),
        "start": {**started, "errors": {part: _errors(e) for part, e in before.items()}},
        "end": {
            "errors": {part: _errors(e) for part, e in after.items()},
            "scores": {part: e.scores for part, e in after.items()},
        },
        "success": after["test"].success,
        "distance": {
            "computed": computed and _distance(names, computed),
            "start": computed and _distance(names, initial, computed),
            "travelled": _distance(names, trained, initial),
            "end": computed and _distance(names, trained, computed),
        },
        "line": line,
        "train_seconds": model.history.seconds,
        "environment": environment(plan.backend),
    }
    return _write(directory, record, model, after)


def _errors(evaluation: Evaluation) -> dict[str, float]:
    errors = evaluation.samples["error"]
    return {"mean": float(errors.mean()), "worst": float(errors.max())}


def _write(
    directory: Path, record: Record, model: Model, evaluations: Mapping[str, Evaluation]
) -> Record:
    """Write a point's files, the record last; until it is there, the checkpoint is."""
    samples = samples_by_part(evaluations)
    losses = model.history.losses
    history = {"epoch": range(1, len(losses) + 1), "loss": losses}
    write_results(directory, history, samples, model.weights)
    record = {**record, "files": digests(directory)}
    write_sealed_json(directory / "point.json", record)
    remove(directory / "checkpoint.npz")
    return record


def _at_start(
    solver: Learned, weights: Weights, data: Dataset, seed: int
) -> dict[str, float | None]:
    """Return the loss and the norms of its gradient at some weights, as training computes them.

    loss: by the first epoch's batches, without the penalty; penalty; data_gradient and gradient:
    norms of the gradients without the penalty and with it.
    """
    loss, gradients = gradients_at(solver, weights, data, seed)
    with_penalty = [
        gradients[name]
        + (2 * solver.recipe.l2 * weights[name].astype(np.float64) if parameter.decayed else 0)
        for name, parameter in solver.architecture.parameters().items()
        if name in gradients
    ]
    return {
        "loss": loss,
        "penalty": penalty(solver, weights),
        "data_gradient": _norm(gradients.values()),
        "gradient": _norm(with_penalty),
    }


def gradients_at(
    solver: Learned, weights: Mapping[str, NDArray[Any]], data: Dataset, seed: int
) -> tuple[float, dict[str, NDArray[np.float64]]]:
    """Return the mean loss of the data and its gradient, without the penalty.

    Both are the means over the batches of a seed's first epoch, as training computes them. Without
    batch norms that is the loss of all samples; with them, each batch has moments of its own.
    """
    backend = _backend(solver)
    # At rate 0 nothing moves, and the mean of one gradient is that gradient.
    recipe = replace(solver.recipe, learning_rate=0.0, beta1=0.0, l2=0.0, epochs=1)
    state = training.state_from_weights(solver.architecture, weights, backend)
    following = training.states(
        solver.architecture,
        from_chunks(data.inputs(part) for part in data.chunks()),
        solver.supervision.encode(data.positions, *solver.size),
        recipe,
        seed=seed,
        backend=backend,
        state=state,
    )
    total = {name: np.zeros(array.shape) for name, array in state.mean.items()}
    for index, after in enumerate(following):
        share = min(recipe.batch, len(data) - index * recipe.batch) / len(data)
        for name, array in after.mean.items():
            total[name] += share * backend.to_numpy(array).astype(np.float64)
        state = after
    return state.losses[0], total


def _backend(solver: Learned) -> Backend:
    return solver.backend or load("numpy")


def mean_losses(
    solver: Learned, each: Iterable[Mapping[str, NDArray[Any]]], data: Dataset
) -> list[float]:
    """Return the mean loss of the data for each of some weights, in prediction, no penalty."""
    architecture, backend = solver.architecture, _backend(solver)
    batch = from_chunks(data.inputs(part) for part in data.chunks())
    shared, samples = (tuple(map(backend.asarray, arrays)) for arrays in to_arrays(batch))
    targets = backend.asarray(solver.supervision.encode(data.positions, *solver.size))
    size = microbatch(architecture, backend, min(_SAMPLES, len(data)), batch)
    compiled, loss = training.forward(architecture, backend), LOSSES[solver.recipe.loss]
    result = []
    for weights in each:
        there = {name: backend.asarray(array) for name, array in weights.items()}
        total = 0.0
        for start in range(0, len(data), size):
            part = slice(start, start + size)
            outputs = compiled(there, shared, tuple(array[part] for array in samples))
            value = float(backend.to_numpy(loss(backend, outputs, targets[part])))
            total += value * len(targets[part])
        result.append(total / len(data))
    return result


def penalty(solver: Learned, weights: Mapping[str, NDArray[Any]]) -> float:
    """Return the recipe's L2 penalty of some weights."""
    decayed = [name for name, p in solver.architecture.parameters().items() if p.decayed]
    return solver.recipe.l2 * _norm(weights[name] for name in decayed) ** 2


def _between(
    first: Mapping[str, NDArray[Any]], last: Mapping[str, NDArray[Any]], share: float
) -> Weights:
    """Return the weights at a share of the way from the first to the last."""
    return {
        name: ((1 - share) * array.astype(np.float64) + share * last[name]).astype(np.float32)
        for name, array in first.items()
    }


def _distance(
    names: Iterable[str],
    weights: Mapping[str, NDArray[Any]],
    other: Mapping[str, NDArray[Any]] | None = None,
) -> float:
    """Return the Euclidean distance of weights from others, or from 0."""
    return _norm(
        weights[name].astype(np.float64) - (0 if other is None else other[name]) for name in names
    )


def _norm(arrays: Iterable[NDArray[Any]]) -> float:
    return float(np.sqrt(sum(np.sum(array.astype(np.float64) ** 2) for array in arrays)))


# --- Over seeds -----------------------------------------------------------------------------

Row: TypeAlias = dict[str, Any]
"""A start's summary over its seeds."""


def summarise(results: Sequence[tuple[Point, Record]]) -> list[Row]:
    """Summarise every start over its seeds, in order of appearance.

    Errors are of held-out samples; `line` is the median over seeds.
    """
    groups: dict[tuple[str, str, float, int], list[tuple[Point, Record]]] = {}
    for point, record in results:
        key = point.plan.split, point.scaling, point.noise, point.flips
        groups.setdefault(key, []).append((point, record))
    return [_summary(group) for group in groups.values()]


def _summary(group: Sequence[tuple[Point, Record]]) -> Row:
    point, first = group[0]
    records = [record for _, record in group]
    usual = point.scaling == USUAL
    successes = sum(record["success"] for record in records)
    lines = [record["line"] for record in records if record["line"]]
    return {
        "task": point.plan.task,
        "split": point.plan.split,
        "solver": point.plan.solver,
        "architecture_of": point.network.split,
        "scaling": point.scaling,
        "start": point.start,
        "noise": point.noise,
        "flips": point.flips,
        "recipe": asdict(_recipe(point.plan)),
        "seeds": [each.plan.seed for each, _ in group],
        "samples": first["samples"],
        "numbers": first["numbers"],
        "not_zero": first["not_zero"],
        "success": {
            "runs": successes,
            "of": len(records),
            "wilson95": wilson(successes, len(records)),
        },
        "diverged": sum(record["status"] == "diverged" for record in records),
        "at_start": {
            **{f"{kind}_error": _over(records, "start", "errors", "test", kind) for kind in _KINDS},
            **{name: _over(records, "start", name) for name in _AT_START},
        },
        **{f"{kind}_error": _over(records, "end", "errors", "test", kind) for kind in _KINDS},
        "trained_mean_error": _over(records, "end", "errors", "train", "mean"),
        "travelled": _over(records, "distance", "travelled"),
        "from_computed": None if usual else _over(records, "distance", "end"),
        "start_from_computed": None if usual else _over(records, "distance", "start"),
        "norm_of_computed": first["distance"]["computed"],
        "line": {
            name: np.median([line[name] for line in lines], axis=0).tolist() for name in lines[0]
        }
        if lines
        else None,
        "train_seconds": _over(records, "train_seconds"),
    }


_KINDS = ("mean", "worst")
_AT_START = ("loss", "penalty", "data_gradient", "gradient")


def _over(records: Sequence[Record], *path: str) -> dict[str, Any]:
    """Return what each seed has at a path of keys, and its `describe`."""
    values = list[Any](records)
    for key in path:
        values = [value[key] for value in values]
    return {**describe(values), "by_seed": values}
