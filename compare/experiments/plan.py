"""From what was asked for to runs that can be carried out; everything is checked on the way.

`compare run`, `compare sweep` and `compare rerun` all lay their runs out here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compare import backends, tasks
from compare.backends import Backend
from compare.errors import UsageError
from compare.experiments.values import choice, count, names, number, pixels
from compare.learned.recipe import Recipe
from compare.results.runs import directory_name
from compare.solvers.base import Entry, Setting
from compare.solvers.catalogue import offered
from compare.tasks.base import Task

PRESETS = ("quick", "paper")


@dataclass(frozen=True)
class Plan:
    """One solver, one task, one split, one seed, one backend."""

    setting: Setting
    solver: str
    entry: Entry
    recipe: Recipe | None
    """None for a solver that learns nothing."""
    seed: int
    epochs: int
    """0 for a solver that learns nothing."""
    elsewhere: tuple[tuple[int, int], ...] = ()
    """Other canvases, (height, width), to score the solver on."""

    def arguments(self) -> dict[str, Any]:
        """Return everything that determines the result, but for the machine and the code."""
        setting = self.setting
        return {
            "task": setting.task.name,
            "split": setting.split,
            "size": [setting.height, setting.width],
            "solver": self.solver,
            "seed": self.seed,
            "epochs": self.epochs,
            "recipe": asdict(self.recipe) if self.recipe else None,
            "elsewhere": [list(size) for size in self.elsewhere],
            "backend": setting.backend.name,
            "device": setting.backend.device,
            "precision": setting.backend.precision,
        }

    def name(self) -> str:
        """Return the name of the run's own directory; it holds a digest of the arguments."""
        return directory_name(self.arguments(), _version())

    def directory(self, out: Path) -> Path:
        """Return the run's own directory."""
        return out / self.name()


@cache
def _version() -> str:
    return version("handcrafted")


@dataclass(frozen=True)
class Request:
    """What is asked for, in text as the options of `compare run` take it; None: not asked for."""

    task: str
    seeds: tuple[int, ...]
    solver: str | None = None
    split: str | None = None
    preset: str = "quick"
    epochs: str | None = None
    learning_rate: str | None = None
    l2: str | None = None
    batch: str | None = None
    loss: str | None = None
    lr_schedule: str | None = None
    width: str | None = None
    kernel: str | None = None
    coordinates: str | None = None
    backend: str = "numpy"
    device: str = "auto"
    precision: str = "float32"
    size: str = "64"
    eval_size: str | None = None


def option(name: str) -> str:
    """Spell a field of `Request` as an option of the command line."""
    return "--" + name.replace("_", "-")


def make_plans(
    request: Request,
    spell: Callable[[str], str] = option,
    load: Callable[[str, str, str], Backend] = backends.load,
    offer: Callable[[str], dict[str, Entry]] = offered,
) -> list[Plan]:
    """Check every name and number, and lay out the runs in the order of the table.

    `spell` names a field of the request in messages; `load` finds the backend, its device and its
    precision, `offer` a task's solvers.
    Raises `UsageError` for the first thing that cannot be done.
    """
    task = tasks.load(request.task)
    choice("preset", request.preset, PRESETS)
    epochs = count(spell("epochs"), request.epochs or str(task.epochs[request.preset]))
    solvers = offer(task.name)
    splits = names("split", request.split, task.splits)
    chosen = {name: solvers[name] for name in names("solver", request.solver, tuple(solvers))}
    recipes = _recipes(request, task, chosen, spell)
    size = pixels(spell("size"), request.size)
    others = request.eval_size.split(",") if request.eval_size else ()
    elsewhere = tuple(dict.fromkeys(pixels(spell("eval_size"), text) for text in others))
    for other in elsewhere:
        task.everywhere(*other)
    backend = load(request.backend, request.device, request.precision)
    plans = []
    for split in splits:
        task.split(split, *size)
        setting = Setting(task, split, *size, backend)
        for name, entry in chosen.items():
            recipe = recipes[name]
            seeds, own = (request.seeds, epochs) if recipe else ((0,), 0)
            laid = [Plan(setting, name, entry, recipe, seed, own, elsewhere) for seed in seeds]
            _require_possible(laid[0])
            plans += laid
    return plans


def restored(arguments: Mapping[str, Any]) -> Plan:
    """Undo `Plan.arguments`; `UsageError` if something it names is not there any more."""
    try:
        task = tasks.load(arguments["task"])
        solvers = offered(task.name)
        (solver,) = names("solver", arguments["solver"], tuple(solvers))
        (split,) = names("split", arguments["split"], task.splits)
        height, width = arguments["size"]
        backend = backends.load(arguments["backend"], arguments["device"], arguments["precision"])
        plan = Plan(
            Setting(task, split, height, width, backend),
            solver,
            solvers[solver],
            Recipe(**arguments["recipe"]) if arguments["recipe"] else None,
            arguments["seed"],
            arguments["epochs"],
            tuple((height, width) for height, width in arguments["elsewhere"]),
        )
        task.split(split, height, width)
    except (KeyError, TypeError) as error:
        raise UsageError(f"these are not the arguments of a run: {error!r}") from error
    _require_possible(plan)
    return plan


def _require_possible(plan: Plan) -> None:
    """Build the solver for each canvas, or raise `UsageError` for the first it cannot do."""
    setting = plan.setting
    for height, width in ((setting.height, setting.width), *plan.elsewhere):
        try:
            plan.entry.build(replace(setting, height=height, width=width), plan.recipe, None)
        except ValueError as error:
            raise UsageError(
                f"solver '{plan.solver}' cannot do {height}x{width}: {error}"
            ) from error


def _recipes(
    request: Request, task: Task, chosen: dict[str, Entry], spell: Callable[[str], str]
) -> dict[str, Recipe | None]:
    """Return each solver's recipe with what the request changes in it."""
    changes: dict[str, Any] = {
        "learning_rate": number(spell("learning_rate"), request.learning_rate, above=True),
        "l2": number(spell("l2"), request.l2, above=False),
        "batch": count(spell("batch"), request.batch) if request.batch is not None else None,
        "loss": choice("loss", request.loss, task.losses),
        "schedule": choice("lr-schedule", request.lr_schedule, ("constant", "step")),
        "coordinates": choice("coordinates", request.coordinates, ("scaled", "pixels")),
    }
    # A kernel of 1 is what the published grid trains the CoordConv renderer with.
    for name, numbers in (("width", ("1", "2", "3")), ("kernel", ("1", "2", "3", "4"))):
        text = choice(name, getattr(request, name), numbers)
        changes[name] = int(text) if text else None
    changes = {name: value for name, value in changes.items() if value is not None}
    for name in changes:
        if name in ("width", "kernel", "coordinates") and not any(
            name in entry.options for entry in chosen.values()
        ):
            raise UsageError(
                f"{spell(name)} changes nothing here: "
                f"none of the solvers {', '.join(chosen)} has it"
            )
    return {
        name: replace(
            entry.recipes[request.preset],
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
