"""Comparisons and models from Python: `compare.run` and `compare.fit`.

Both take what the command `compare run` takes, by the same names with `_` for `-`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compare import tasks
from compare.errors import UsageError, unknown
from compare.experiments import comparison
from compare.experiments.events import event_directory
from compare.experiments.plan import Plan, Request, load_backend, make_plans
from compare.experiments.values import (
    flag_of,
    items_of,
    name_of,
    option_of,
    path_of,
    seed_of,
    seeds_of,
    whole_of,
)
from compare.files import Record
from compare.learned.recipe import OPTIONS
from compare.results.statistics import compare_all, summarise
from compare.results.table import tidy
from compare.solvers.base import Model
from compare.tasks.base import Task

if TYPE_CHECKING:
    import pandas
    import polars
    from tqdm import tqdm

    from compare.learned.training import Progress

__all__ = ["Comparison", "fit", "load_task", "run"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What some solvers came to on a task: it prints as the table, and shows as one in a notebook.

    `compare.run` returns it.
    """

    header: Mapping[str, Any]
    """Task, size of the canvas, preset, seeds, backend, device and precision."""
    records: Mapping[str, Record]
    """What is known of each run, by the name of its directory in `out`: its `run.json`."""
    out: Path
    """The directory of the runs."""

    @cached_property
    def table(self) -> np.recarray[Any, Any]:
        """A row for each run; see `compare.results.table.tidy` for the columns."""
        return tidy(self.records)

    @cached_property
    def summaries(self) -> list[dict[str, Any]]:
        """What each solver came to over its seeds, on each split."""
        return summarise(list(self.records.values()))

    @cached_property
    def pairs(self) -> dict[str, list[dict[str, Any]]]:
        """How every two solvers differ, by split."""
        return compare_all(list(self.records.values()), self._task.verdict)

    @property
    def _task(self) -> Task:
        return tasks.load(self.header["task"], self.header.get("data", ""))

    def __str__(self) -> str:
        """Return the table that `compare run` prints."""
        from compare.report.text import comparison as printed

        return printed(self._task, self.header, self.summaries, self.pairs)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        from compare.report.fragment import fragment

        return fragment(self._task, self.header, self.summaries, self.pairs)

    def to_pandas(self) -> pandas.DataFrame:
        """Return `table` as a pandas data frame; `UsageError` if pandas is not installed."""
        frame: pandas.DataFrame = _library("pandas").DataFrame(self.table)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """Return `table` as a Polars data frame; `UsageError` if Polars is not installed."""
        columns = {name: self.table[name] for name in self.table.dtype.names or ()}
        frame: polars.DataFrame = _library("polars").DataFrame(columns)
        return frame


def run(
    task: str,
    *,
    solver: str | Sequence[str] | None = None,
    split: str | Sequence[str] | None = None,
    seeds: int | Sequence[int] = 3,
    preset: str | None = None,
    data: str | Path | None = None,
    backend: str | None = None,
    device: str = "auto",
    precision: str | None = None,
    size: int | str | tuple[int, int] | None = None,
    eval_size: int | str | Sequence[int | str | tuple[int, int]] | None = None,
    out: str | Path = "runs",
    force: bool = False,
    tensorboard: str | Path | None = None,
    progress: bool | None = None,
    **recipe: Any,
) -> Comparison:
    """Run solvers on a task and return what they came to, as the command `compare run` does.

    Finished runs in `out` are not repeated, and an interrupted one is resumed by the same call.

        >>> import compare
        >>> result = compare.run(
        ...     "onehot2coord", solver="handcrafted", split="quadrant", size=20, out=out
        ... )
        >>> print(result)
        onehot2coord on a 20x20 canvas; numpy on cpu, float32.
        No solver is trained by a recipe.
        ...
        >>> result.to_pandas()[["solver", "test_exact"]]
                solver  test_exact
        0  handcrafted         1.0

    solver, split: names, comma-separated or in a list; all of the task's by default.
    seeds: how many, which are 0, 1, ..., or a list of them.
    preset: "quick", a first look, or "paper", the published recipe in full.
    data: a folder of pictures, train/CLASS/* and val/CLASS/*, for the task "classification".
    backend: "numpy", "torch" or "jax"; by default NumPy, and PyTorch with `data`.
    size: of the canvas, one number of pixels or (height, width); by default as the preset has it.
    eval_size: other canvases to score on.
    tensorboard: a directory for live training curves, which TensorBoard shows.
    progress: whether to show a bar; by default in a notebook only. Nothing else is printed.
    recipe: fields of `compare.learned.recipe.Recipe`, such as `epochs=15`, instead of the preset's.

    Raises `UsageError`, before any work, for what is not there or not a value; `RunError` for a run
    that fails.
    """
    chosen = seeds_of("seeds", seeds)
    place, force = Path(path_of("out", out)), flag_of("force", force)
    progress = None if progress is None else flag_of("progress", progress)
    plans = _plans(
        run,
        task=name_of("task", task),
        seeds=chosen,
        solver=_names("solver", solver),
        split=_names("split", split),
        preset=preset,
        data=None if data is None else path_of("data", data),
        backend=backend,
        device=device,
        precision=precision,
        size=size,
        eval_size=None if eval_size is None else _canvases("eval_size", eval_size),
        recipe=recipe,
    )
    events = None
    if tensorboard is not None and _first(plans):
        events = event_directory("tensorboard", path_of("tensorboard", tensorboard))
    missing = comparison.waiting(plans, place, force)

    def watched(start: comparison.Start) -> Iterator[tuple[Plan, Any]]:
        with _bar(comparison.steps_of(missing), progress, plans[0]) as bar:
            yield from comparison.watch(place, start, bar, _warn)

    records = comparison.carry_out(
        plans, missing, place, force, watched, _warn, solver is None, events
    )
    return Comparison(comparison.header(plans, preset, len(chosen)), records, place)


def fit(
    task: str,
    solver: str = "handcrafted",
    *,
    split: str | None = None,
    seed: int = 0,
    preset: str | None = None,
    data: str | Path | None = None,
    backend: str | None = None,
    device: str = "auto",
    precision: str | None = None,
    size: int | str | tuple[int, int] | None = None,
    progress: bool | None = None,
    **recipe: Any,
) -> Model:
    """Fit one solver to the training samples of a split, the task's first by default.

    Returns the model, which has `predict`, `cost`, `weights` and `history`. Nothing is stored.

        >>> import compare, numpy as np
        >>> model = compare.fit("onehot2coord")  # by hand: nothing to learn
        >>> bitmap = np.zeros((1, 1, 64, 64), np.float32)
        >>> bitmap[0, 0, 12, 41] = 1
        >>> model.predict(bitmap)
        array([[41., 12.]], dtype=float32)

    The other arguments and the errors are those of `run`.
    """
    progress = None if progress is None else flag_of("progress", progress)
    folder = None if data is None else path_of("data", data)
    task = name_of("task", task)
    plans = _plans(
        fit,
        task=task,
        seeds=(seed_of("seed", seed),),
        solver=name_of("solver", solver),
        split=tasks.load(task, folder or "").splits[0]
        if split is None
        else name_of("split", split),
        preset=preset,
        data=folder,
        backend=backend,
        device=device,
        precision=precision,
        size=size,
        recipe=recipe,
    )
    if len(plans) > 1:
        raise UsageError(f"fit takes one solver and one split; {len(plans)} were given")
    (plan,) = plans
    samples = plan.load_task().split(plan.split, *plan.size)
    with _bar(plan.epochs, progress, plan) as bar:
        bar.set_description(comparison.title(plan))

        def advance(done: Progress) -> None:
            bar.update(done.epoch - bar.n)

        return plan.build().fit(
            samples.train,
            seed=plan.seed,
            on_progress=advance,
        )


def load_task(name: str, *, data: str | Path | None = None) -> Task:
    """Load a task: its splits, their samples, and how a model is scored on them.

        >>> import compare
        >>> task = compare.load_task("onehot2coord")
        >>> task.splits
        ('uniform', 'quadrant')
        >>> samples = task.split("quadrant", 64, 64).test  # split, height, width
        >>> len(samples)
        729
        >>> task.evaluate(compare.fit("onehot2coord"), samples).scores["exact"]
        1.0

    data: a folder of pictures, train/CLASS/* and val/CLASS/*, for the task "classification". Raises
    `UsageError` for a task that is not there.
    """
    return tasks.load(name_of("task", name), "" if data is None else path_of("data", data))


def _plans(
    of: Callable[..., Any],
    *,
    recipe: Mapping[str, Any],
    preset: Any = None,
    backend: Any = None,
    device: Any = "auto",
    precision: Any = None,
    size: Any = None,
    **request: Any,
) -> list[Plan]:
    """Check everything and return the runs; `UsageError` names an argument that is none."""
    options = {option.name: option for option in OPTIONS}
    known = (*(name for name in signature(of).parameters if name != "recipe"), *options)
    texts = {}
    for name, value in recipe.items():
        if name not in options:
            raise unknown("argument", name, known)
        if value is not None:
            texts[name] = option_of(options[name], value)
    asked = Request(
        **request,
        preset=_name("preset", preset),
        backend=_name("backend", backend),
        device=name_of("device", device),
        precision=_name("precision", precision),
        size=None if size is None else _canvas("size", size),
        recipe=texts,
    )
    return make_plans(asked, str, warn=_warn)


def _name(what: str, value: Any) -> str | None:
    return None if value is None else name_of(what, value)


def _names(what: str, value: Any) -> str | None:
    """Return names, given in a text or one by one, as the command line has them."""
    if value is None or isinstance(value, str):
        return _name(what, value)
    return ",".join(name_of(what, name) for name in items_of(what, value, "a name"))


_CANVAS = "pixels as N or (height, width)"


def _canvas(what: str, size: Any) -> str:
    """Return a canvas as the command line has it."""
    if isinstance(size, str) and size.isprintable():
        return size
    sides = size if isinstance(size, tuple) and len(size) == 2 else (size,)
    return "x".join(whole_of(what, side, _CANVAS, size) for side in sides)


def _canvases(what: str, sizes: Any) -> str:
    if not isinstance(sizes, list):
        return _canvas(what, sizes)
    return ",".join(_canvas(what, size) for size in items_of(what, sizes, _CANVAS))


def _library(name: str) -> Any:
    """Import what only a data frame needs."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UsageError(f"{name} is not installed; run: pip install {name}") from None


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=2)


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


def _first(plans: Sequence[Plan]) -> bool:
    """Whether this process reports, of several that compute together."""
    return load_backend(plans[0].backend, plans[0].device, plans[0].precision).first


@contextmanager
def _bar(total: int, progress: bool | None, plan: Plan) -> Iterator[tqdm[Any]]:
    """Yield a bar: a widget in a notebook that has ipywidgets, else a line on standard error."""
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # that there are no widgets
        from tqdm.auto import tqdm

    shown = _in_notebook() if progress is None else progress
    hidden = not (shown and _first([plan]))
    with tqdm(total=total, unit="epoch", leave=False, disable=hidden) as bar:
        yield bar
