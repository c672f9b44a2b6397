"""Many runs from one small file: in this process, on several, or on a Dask cluster.

Wherever they are carried out, runs go through `compare.experiments.run.settle`: whoever holds a
run's directory does it, a finished one is not repeated, and a failed one says why.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from compare import backends
from compare.backends import Backend
from compare.errors import UsageError
from compare.experiments.plan import Plan, Request, make_plans
from compare.experiments.values import LARGEST, MOST_SEEDS
from compare.solvers.catalogue import offered

_JOINED = ("solver", "split", "eval_size")
"""Keys whose lists belong to each point of the grid, as those of the options do."""

_SPANNING = tuple(field.name for field in fields(Request) if field.name not in ("seeds", *_JOINED))
"""Keys whose lists span the grid."""


def read(file: Path) -> list[Request]:
    """Read a sweep's file: every point of every grid in it, unchecked but for the keys and types.

    A key is an option of `compare run` with `_` for `-`; its value is one value or a list. Keys
    before the first `[[grid]]` hold for every grid; without any, they are the only one. `seeds` is
    a number of seeds, as of the option, or a list of seeds. Raises `UsageError`.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read '{file}': {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file} is not TOML: {error}") from error
    grids = content.pop("grid", [{}])
    if (
        not isinstance(grids, list)
        or not grids
        or not all(isinstance(grid, dict) for grid in grids)
    ):
        raise UsageError(f"{file}: 'grid' is not a table; write [[grid]] above each grid")
    requests: list[Request] = []
    for index, grid in enumerate(grids, start=1):
        where = f"{file}, grid {index}" if len(grids) > 1 else str(file)
        requests += _points({**content, **grid}, where)
    return requests


def _points(grid: dict[str, Any], where: str) -> Iterator[Request]:
    known = [field.name for field in fields(Request)]
    for key in grid:
        if key not in known:
            raise UsageError(f"{where}: unknown key '{key}'; choose from: {', '.join(known)}")
    if "task" not in grid:
        raise UsageError(f"{where}: no 'task'; 'compare list' names them")
    seeds = _seeds(grid.get("seeds", 3), where)
    texts = {}
    for key in grid.keys() - {"seeds"}:
        values = grid[key] if isinstance(grid[key], list) else [grid[key]]
        if not values:
            raise UsageError(f"{where}: {key} is an empty list; give one value or more")
        texts[key] = [_text(value, f"{where}: {key}") for value in values]
    joined = {key: ",".join(texts[key]) for key in _JOINED if key in texts}
    spanning = [key for key in _SPANNING if key in texts]
    for point in product(*(texts[key] for key in spanning)):
        yield Request(**dict(zip(spanning, point, strict=True)), **joined, seeds=seeds)


def _text(value: Any, what: str) -> str:
    """Return a value as the command line would have it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{what} is {value!r}; give a number or a text, or a list of them")
    return value if isinstance(value, str) else repr(value)


def _seeds(value: Any, where: str) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_SEEDS:
        return tuple(range(value))
    seeds = value if isinstance(value, list) else []
    if not seeds or any(type(seed) is not int or not 0 <= seed <= LARGEST for seed in seeds):
        raise UsageError(
            f"{where}: seeds is {value!r:.40}; give how many, 1 to {MOST_SEEDS}, "
            "or a list of whole numbers"
        )
    return tuple(dict.fromkeys(seeds))


def read_plans(file: Path, load: Callable[[str, str, str], Backend] = backends.load) -> list[Plan]:
    """Lay out every run of a sweep's file, each once; `UsageError` names the file and the fault."""
    laid: dict[str, Plan] = {}
    requests = read(file)
    # What is installed is looked up once: it takes longer than all else here.
    load, offer = cache(load), cache(offered)
    for request in requests:
        try:
            points = make_plans(request, str, load, offer)
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from error
        for plan in points:
            laid.setdefault(plan.name(), plan)
    return list(laid.values())
