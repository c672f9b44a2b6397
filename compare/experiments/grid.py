"""Many runs from one small file: the points of grids."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from compare.errors import UsageError, choice, command
from compare.experiments.plan import Place, Plan, Request, here, make_plans
from compare.experiments.values import MOST_RUNS, seeds_of, text_of
from compare.files import read_input
from compare.learned.recipe import OPTIONS

__all__ = ["read", "read_plans"]

_JOINED = ("solver", "split", "eval_size")
"""Keys whose lists belong to each point of the grid, as those of the options do."""

_RECIPE = tuple(option.name for option in OPTIONS)

_KEYS = (*(field.name for field in fields(Request) if field.name != "recipe"), *_RECIPE)
"""All that a grid may have: the options of `compare run`."""


_LARGEST = 1 << 20
"""Bytes of a sweep's file."""


def read(file: Path) -> list[Request]:
    """Read a sweep's file: every point of every grid in it, unchecked but for the keys and types.

    A key is an option of `compare run` with `_` for `-`; its value is one value or a list. Keys
    before the first `[[grid]]` hold for every grid; without any, they are the only one. `seeds` is
    a number of seeds, as of the option, or a list of seeds. Raises `UsageError`, before any point
    is made if there are more than `MOST_RUNS`.
    """
    try:
        # Some editors begin a file with a byte-order mark.
        text = read_input(file, _LARGEST).decode("utf-8-sig")
        _require_short_keys(text, file)
        content = tomllib.loads(text)
    except UsageError:
        raise
    # A ValueError is also what is not UTF-8, and a number of more digits than Python reads.
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not TOML: {error}") from error
    grids = content.pop("grid", [{}])
    if (
        not isinstance(grids, list)
        or not grids
        or not all(isinstance(grid, dict) for grid in grids)
    ):
        raise UsageError(f"{file}: 'grid' is not a table; write [[grid]] above each grid")
    requests: list[Request] = []
    left = MOST_RUNS
    for index, grid in enumerate(grids, start=1):
        where = f"{file}, grid {index}" if len(grids) > 1 else str(file)
        points = list(_points({**content, **grid}, where, left))
        left -= sum(len(point.seeds) for point in points)
        requests += points
    return requests


_MOST_DOTS = 50
"""In a key. `tomllib` takes time quadratic in them, half a minute for 32,000."""

_NO_KEY = re.compile(
    r'"""[\s\S]*?"""|' r"'''[\s\S]*?'''|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'|" r"#[^\n]*"
)
"""Texts and comments, whose dots do not count."""


def _require_short_keys(text: str, file: Path) -> None:
    for part in re.split(r"[\n,=\[\]{}]", _NO_KEY.sub("", text)):
        if part.count(".") > _MOST_DOTS:
            raise UsageError(
                f"{file}: the key '{part.strip():.40}' has more than {_MOST_DOTS} dots; "
                "a key is the name of an option"
            )


def _points(grid: dict[str, Any], where: str, most: int) -> Iterator[Request]:
    """Yield the points of a grid; `UsageError` if they are more than `most` runs."""
    for key in grid:
        try:
            choice("key", key, _KEYS)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
    if "task" not in grid:
        raise UsageError(f"{where}: no 'task'; '{command('list')}' names them")
    seeds = seeds_of(f"{where}: seeds", grid.get("seeds", 3))
    texts = {}
    for key in grid.keys() - {"seeds"}:
        values = grid[key] if isinstance(grid[key], list) else [grid[key]]
        if not values:
            raise UsageError(f"{where}: {key} is an empty list; give one value or more")
        texts[key] = [text_of(f"{where}: {key}", value) for value in values]
    joined = {key: ",".join(texts[key]) for key in _JOINED if key in texts}
    # The lists of all other keys span the grid.
    spanning = [key for key in _KEYS if key in texts and key not in _JOINED]
    runs = len(seeds) * prod(len(texts[key]) for key in spanning)
    if runs > most:
        raise UsageError(
            f"{where}: the lists span {runs:,} runs of each solver; a file may have up to "
            f"{MOST_RUNS:,} in all: shorten the lists, or make several files"
        )
    for values in product(*(texts[key] for key in spanning)):
        point = dict(zip(spanning, values, strict=True))
        recipe = {key: point.pop(key) for key in _RECIPE if key in point}
        yield Request(**point, **joined, seeds=seeds, recipe=recipe)


def read_plans(
    file: Path,
    find_backend: Callable[[str, str, str | None], Place] = here,
    warn: Callable[[str], None] = lambda _: None,
) -> list[Plan]:
    """Plan every run of a sweep's file, each once; `UsageError` names the file and the fault.

    `find_backend` and `warn` are as for `make_plans`; each line is said once.
    """
    plans: dict[str, Plan] = {}
    lines: dict[str, None] = {}
    find_backend = cache(find_backend)
    for request in read(file):
        try:
            points = make_plans(request, str, find_backend, lines.setdefault)
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from error
        for plan in points:
            plans.setdefault(plan.name(), plan)
    for line in lines:
        warn(line)
    return list(plans.values())
