"""From what was asked for to runs that can be carried out; everything is checked on the way.

`compare run`, `compare sweep` and `compare rerun` all make their plans here. A plan is pure data:
names and numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from compare import backends, tasks
from compare.datasets import Dataset
from compare.datasets.folder import open_folder
from compare.errors import UsageError, choice
from compare.experiments import memory
from compare.experiments.values import names, option, pixels
from compare.learned.recipe import OPTIONS, Recipe, changed
from compare.plugins import PluginError, guarded
from compare.results.runs import directory_name
from compare.solvers.base import Setting, Solver, SolverSpec
from compare.solvers.catalogue import PRESETS, added_by, solvers_of
from compare.tasks.base import Task

__all__ = [
    "MOST_SIZES",
    "PUBLISHED_SIDE",
    "TIMED_SAMPLES",
    "Place",
    "Plan",
    "Request",
    "flag",
    "here",
    "load_backend",
    "make_plans",
    "plan_of",
]

MOST_SIZES = 100
"""Other canvases that a solver is scored on: it is built for each before any work starts."""

PUBLISHED_SIDE = 64
"""Of the canvas of all published experiments, in pixels."""

_LONGEST_NAME = 255
"""Bytes of a file's or a directory's name."""

TIMED_SAMPLES = 256
"""Held-out samples that predictions are timed on."""

Place: TypeAlias = tuple[str, str, str]
"""Where networks are computed: the names of a backend, its device and its precision."""


@dataclass(frozen=True)
class Plan:
    """One solver, one task, one split, one seed, one backend: all that determines a run."""

    task: str
    split: str
    size: tuple[int, int]
    """The canvas's (height, width), in pixels."""
    solver: str
    seed: int
    recipe: Recipe | None
    """None for a solver that learns nothing."""
    eval_sizes: tuple[tuple[int, int], ...]
    """Other canvases, (height, width), to score the solver on."""
    backend: str
    device: str
    precision: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Of a solver that learns nothing, the variant of its architecture; see `SolverSpec`."""
    folder: str = ""
    """Where the task's pictures are, for a task on those in a folder; absolute."""
    digest: str = ""
    """SHA-256 of the names in the folder."""

    def arguments(self) -> dict[str, Any]:
        """Return the plan as JSON has it."""
        arguments = asdict(self)
        arguments["size"] = list(self.size)
        arguments["eval_sizes"] = [list(size) for size in self.eval_sizes]
        for name in ("options", "folder", "digest"):
            if not arguments[name]:
                del arguments[name]  # which most solvers and tasks have no use for
        if self.recipe:
            recipe = arguments["recipe"].items()
            arguments["recipe"] = {name: value for name, value in recipe if value is not None}
        return arguments

    def load_task(self) -> Task:
        """Import the task; `UsageError` if it is not there."""
        return tasks.load(self.task, self.folder)

    @property
    def epochs(self) -> int:
        """How many epochs it trains; 0 for a solver that learns nothing."""
        return self.recipe.epochs if self.recipe else 0

    def evaluated_on(self, data: Dataset) -> Dataset:
        """Return a task's samples with targets as bright as the network is trained to draw them."""
        if self.recipe is None or self.recipe.brightness == 1:
            return data
        return data.with_targets_times(self.recipe.brightness)

    def name(self) -> str:
        """Return the name of the run's own directory; it holds a digest of the arguments."""
        return directory_name(self.arguments(), _version())

    def directory(self, out: Path) -> Path:
        """Return the run's own directory."""
        return out / self.name()

    def build(self, size: tuple[int, int] | None = None, *, compute: bool = True) -> Solver:
        """Build the solver, for another canvas if one is given; to `compute`, on its backend.

        Raises `UsageError` for something that is not there, and ValueError for a canvas that the
        solver cannot do.
        """
        task = self.load_task()
        backend = load_backend(self.backend, self.device, self.precision) if compute else None
        height, width = size or self.size
        setting = Setting(task, self.split, height, width, backend, self.options, self.folder)
        return _spec(task, self.solver, self.folder).build(setting, self.recipe)


_LOADED: dict[Place, backends.Backend] = {}
"""One for each place, so that what was compiled for a run serves the next. Processes that compute
together have a device, such as "2 x cpu", that only the one that was loaded for it knows."""


def load_backend(name: str, device: str, precision: str) -> backends.Backend:
    """Load a backend, or return the one that this process has loaded already."""
    place = name, device, precision
    if place not in _LOADED:
        _LOADED[place] = backends.load(*place)
    return _LOADED[place]


@cache
def _version() -> str:
    return version("handcrafted")


@cache
def _specs(task: str, asked: str | None, of_folder: bool) -> dict[str, SolverSpec]:
    # What is installed is looked up once: it takes longer than all else here.
    return solvers_of(task, asked, of_folder=of_folder)


def _spec(task: Task, solver: str, folder: str) -> SolverSpec:
    specs = _specs(task.name, solver, bool(folder))
    choice("solver", solver, tuple(specs))
    return specs[solver]


@dataclass(frozen=True)
class Request:
    """What is asked for, in text as the options of `compare run` take it; None: not asked for."""

    task: str
    seeds: tuple[int, ...]
    solver: str | None = None
    split: str | None = None
    preset: str | None = None
    backend: str | None = None
    device: str = "auto"
    precision: str | None = None
    size: str | None = None
    """None: the smallest of the solvers' presets, 64 but for a few."""
    eval_size: str | None = None
    data: str | None = None
    recipe: Mapping[str, str] = field(default_factory=dict)
    """Options of the recipe by name."""


def here(name: str, device: str, precision: str | None) -> Place:
    """Find a backend on this machine; `UsageError` where it, its device or precision is not."""
    backend = backends.load(name, device, precision)
    place = backend.name, backend.device, backend.precision
    _LOADED.setdefault(place, backend)
    return place


def flag(name: str) -> str:
    """Spell a field of a request as an option of the command line."""
    return "--" + name.replace("_", "-")


def make_plans(
    request: Request,
    spell: Callable[[str], str] = flag,
    find_backend: Callable[[str, str, str | None], Place] = here,
    warn: Callable[[str], None] = lambda _: None,
    *,
    with_samples: bool = True,
) -> list[Plan]:
    """Check every name and number, and return the runs in the order of the table.

    `spell` names a field of the request in messages; `find_backend` finds the backend, its device
    and its precision. Where no solver is named, those whose weights are not known for the canvas or
    the options are left out, and `warn` is called with a line for each. Without samples, a canvas
    need not have any: computed weights are of the canvas alone. Raises `UsageError` for anything
    else that cannot be done.
    """
    if request.data == "":
        raise UsageError(f"{spell('data')} is ''; give a folder of pictures")
    folder = os.path.abspath(request.data) if request.data else ""
    task = tasks.load(request.task, folder)
    if request.preset is not None:
        choice("preset", request.preset, PRESETS)
    specs = _specs(task.name, request.solver, bool(folder))
    splits = names("split", request.split, task.splits)
    chosen = {name: specs[name] for name in names("solver", request.solver, tuple(specs))}
    changes = _changes(request, task, chosen, spell)
    digest = open_folder(folder).digest if folder else ""
    size_text = str(_side(request, chosen)) if request.size is None else request.size
    size = pixels(spell("size"), size_text, with_samples=with_samples)
    place = _place(request, spell, find_backend)
    if with_samples:
        needed = memory.of_samples(task, *size, drawn=TIMED_SAMPLES)
        memory.require(spell("size"), size_text, needed)
    eval_sizes = _eval_sizes(request, task, spell("eval_size"))
    plans = []
    for split in splits:
        if with_samples:
            task.split(split, *size)
        for name, spec in chosen.items():
            preset = request.preset or spec.preset
            if spec.recipes and preset not in spec.recipes:
                raise UsageError(
                    f"solver '{name}' of {task.name} has no preset '{preset}': its recipe is ours; "
                    f"leave {spell('preset')} out"
                )
            recipe = changed(spec.recipes[preset], changes, spec.options) if spec.recipes else None
            variant = spec.variants.get(preset, {})
            options = {key: changes.get(key, value) for key, value in variant.items()}
            first = Plan(
                task.name, split, size, name, 0, recipe, eval_sizes, *place, options, folder, digest
            )
            if folder:
                _require_equal_parts(first, spell)
            try:
                _require_possible(first)
            except PluginError as error:
                if request.solver is not None:
                    raise
                warn(f"{error}; left out")
                continue
            except UsageError as error:
                if request.solver is None and spec.variants:
                    warn(f"{error}; left out")
                    continue
                raise
            plans += [replace(first, seed=seed) for seed in (request.seeds if recipe else (0,))]
    if not plans:
        raise UsageError(f"no solver of task '{task.name}' can be used")
    return plans


def _side(request: Request, chosen: Mapping[str, SolverSpec]) -> int:
    """Return the side of the canvas where none is asked for: all solvers stand in one table."""
    presets = ((spec, request.preset or spec.preset) for spec in chosen.values())
    sides = (spec.sides.get(preset, PUBLISHED_SIDE) for spec, preset in presets if spec.recipes)
    return min(sides, default=PUBLISHED_SIDE)


def _place(
    request: Request,
    spell: Callable[[str], str],
    find_backend: Callable[[str, str, str | None], Place],
) -> Place:
    """Find what networks are computed on: by default NumPy, and PyTorch for a folder."""
    default = "torch" if request.data else "numpy"
    name = default if request.backend is None else request.backend
    if request.data and name != "torch":
        raise UsageError(
            f"{spell('data')} is trained on by PyTorch, not by '{name:.40}'; "
            f"leave {spell('backend')} out"
        )
    if request.precision == "fp16" and not request.data:
        raise UsageError(
            f"{spell('precision')} is 'fp16', in which gradients need a scaled loss, and only "
            f"training on a folder of pictures ({spell('data')}) has one; give bf16"
        )
    return find_backend(name, request.device, request.precision)


def _require_equal_parts(plan: Plan, spell: Callable[[str], str]) -> None:
    """Raise `UsageError` where the processes that compute together cannot share a batch."""
    assert plan.recipe is not None  # nothing else is offered on a folder
    processes = load_backend(plan.backend, plan.device, plan.precision).processes
    if left := plan.recipe.batch % processes:
        raise UsageError(
            f"{spell('batch')} is {plan.recipe.batch}, which {processes} processes cannot share "
            f"equally; give {plan.recipe.batch - left or processes} or another multiple of "
            f"{processes}"
        )


def _eval_sizes(request: Request, task: Task, what: str) -> tuple[tuple[int, int], ...]:
    """Read the other canvases, each once."""
    texts = request.eval_size.split(",") if request.eval_size is not None else []
    if len(texts) > MOST_SIZES:
        raise UsageError(f"{what} has {len(texts):,} canvases; give up to {MOST_SIZES}")
    sizes: dict[tuple[int, int], None] = {}
    for text in texts:
        size = pixels(what, text)
        memory.require(what, text, memory.of_samples(task, *size))
        sizes[size] = None
    return tuple(sizes)


def plan_of(arguments: Mapping[str, Any]) -> Plan:
    """Undo `Plan.arguments`; `UsageError` if something it names is not there any more."""
    try:
        recipe = arguments["recipe"]
        plan = Plan(
            **{
                **arguments,
                "size": tuple(arguments["size"]),
                "recipe": Recipe(**recipe) if recipe else None,
                "eval_sizes": tuple(tuple(size) for size in arguments["eval_sizes"]),
            }
        )
        task = plan.load_task()
        choice("split", plan.split, task.splits)
        if plan.folder and open_folder(plan.folder).digest != plan.digest:
            raise UsageError(f"'{plan.folder}' holds other files than when this run was made")
        for height, width in (plan.size, *plan.eval_sizes):
            pixels("the canvas", f"{height}x{width}")
        task.split(plan.split, *plan.size)
    except UsageError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"these are not the arguments of a run: {error!r}") from error
    learns = bool(_spec(task, plan.solver, plan.folder).recipes)
    if learns != (plan.recipe is not None):
        raise UsageError(
            f"solver '{plan.solver}' {'needs a' if learns else 'learns nothing, so it has no'} "
            "recipe: these are not the arguments of a run"
        )
    if plan.recipe and task.supervision:
        choice("loss", plan.recipe.loss, task.supervision.losses)
    _require_possible(plan)
    return plan


def _require_possible(plan: Plan) -> None:
    """Build the solver for each canvas, or raise `UsageError` for the first it cannot do."""
    if (length := len(os.fsencode(plan.name()))) > _LONGEST_NAME:
        raise UsageError(
            f"the directory of a run of solver '{plan.solver:.40}' on task '{plan.task:.40}' would "
            f"have a name of {length} bytes, and file systems take {_LONGEST_NAME}: shorten them"
        )
    for height, width in (plan.size, *plan.eval_sizes):
        try:
            _built(plan, (height, width))
        except UsageError:
            raise
        except ValueError as error:
            raise UsageError(
                f"solver '{plan.solver}' cannot do {height}x{width} on the {plan.split} split: "
                f"{error}"
            ) from error


def _built(plan: Plan, size: tuple[int, int]) -> Solver:
    """Build a plan's solver without a backend; `PluginError` for a broken one of a package."""

    def build() -> Solver | ValueError:
        try:
            return plan.build(size, compute=False)
        except ValueError as error:  # a canvas that it cannot do
            return error

    package = added_by(plan.task, plan.solver)
    built = guarded(f"solver '{plan.solver}' of {package}", build) if package else build()
    if isinstance(built, ValueError):
        raise built
    return built


def _changes(
    request: Request, task: Task, chosen: Mapping[str, SolverSpec], spell: Callable[[str], str]
) -> dict[str, Any]:
    """Return the options that the request gives, read and checked."""
    losses = task.supervision.losses if task.supervision else ()
    changes = {}
    for each in OPTIONS:
        if (text := request.recipe.get(each.name)) is None:
            continue
        choices = losses if each.from_task else each.choices
        # A choice is named without dashes, as in "unknown loss 'x'".
        what = spell(each.name).removeprefix("--") if choices else spell(each.name)
        changes[each.name] = option(what, text, each, choices)
        if each.from_task and not losses:
            raise UsageError(
                f"{spell(each.name)} changes nothing here: task '{task.name}' has no choice of it"
            )
        if each.selective and not any(each.name in spec.options for spec in chosen.values()):
            raise UsageError(
                f"{spell(each.name)} changes nothing here: "
                f"none of the solvers {', '.join(chosen)} has it"
            )
    return changes
