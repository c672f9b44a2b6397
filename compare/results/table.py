"""Questions about many runs: filter, group, sort and print what `load` returns."""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.errors import UsageError, choice
from compare.files import Record
from compare.learned.recipe import OPTIONS
from compare.results.ledger import as_columns, cost, of_record
from compare.results.runs import records
from compare.results.schema import LONGEST_NAME
from compare.results.statistics import unfinished

__all__ = [
    "COUNTED",
    "Table",
    "group",
    "hashable",
    "known_columns",
    "load",
    "plain",
    "preset_text",
    "score_columns",
    "sort",
    "tidy",
    "where",
]


def load(out: str | Path) -> np.recarray[Any, Any]:
    """Return every run below `out` as one row of a record array; see `tidy` for its columns.

    Files that are not to be trusted are named in warnings and skipped. Raises `UsageError` for a
    directory that cannot be read.
    """
    found, complaints = records(out)
    for complaint in complaints:
        warnings.warn(f"{complaint}; skipped", stacklevel=2)
    return tidy(found)


def tidy(
    found: Mapping[str, Record], prices: Mapping[str, float] | None = None
) -> np.recarray[Any, Any]:
    """Return records as a record array, a row for each run, that pandas and polars take as it is.

    Columns: `run`, the name of its directory; `status`, "finished", "diverged" or "failed";
    `error`, of a failed one; its arguments, the recipe's among them; `preset`, and what of it was
    changed besides the epochs; `published_epochs`, and whether it is `unfinished`, stopped before
    them; `success`; scores as
    "test_exact" and the like, on other canvases as "20x20_exact"; the cost; the timing in seconds
    and microseconds; what the run took, as `compare.results.ledger` has it, and with `prices` what
    that costs, `cost`; and what else the result depends on. Where something does not apply to a
    run, or is not known, a number is NaN and a text empty. Texts are cut after `LONGEST_NAME`
    characters, which only an error has; its record has all of it.
    """
    # The columns of no runs have the names and types of one of which nothing is known.
    rows = [_row(name, record, prices) for name, record in found.items()] or [_row("", {}, prices)]
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    dtype = np.dtype([(name, column.dtype) for name, column in columns.items()])
    table = np.empty(len(rows), dtype)
    for name, column in columns.items():
        table[name] = column
    return table[: len(found)].view(np.recarray)


_RECIPE = {option.name: "" if option.is_text else None for option in OPTIONS}
"""The columns of the recipe, and what stands there for a run without one; one with options has
those."""


def _row(name: str, record: Record, prices: Mapping[str, float] | None) -> Record:
    arguments = record.get("arguments", {})
    recipe = arguments.get("recipe") or arguments.get("options", {})
    environment = record.get("environment") or {}
    return {
        "run": name,
        "task": arguments.get("task", ""),
        "split": arguments.get("split", ""),
        "size": "x".join(map(str, arguments.get("size", ()))),
        "solver": arguments.get("solver", ""),
        "seed": arguments.get("seed", 0),
        "backend": arguments.get("backend", ""),
        "device": arguments.get("device", ""),
        "precision": arguments.get("precision", ""),
        **{name: recipe.get(name, missing) for name, missing in _RECIPE.items()},
        "preset": preset_text(record.get("preset")),
        "published_epochs": record.get("published_epochs"),
        "unfinished": unfinished(record) if "published_epochs" in record else False,
        "status": record.get("status", ""),
        "error": record.get("error", ""),
        "success": record.get("success", False),
        **{
            f"{part}_{score}": value
            for part, scores in record.get("scores", {}).items()
            for score, value in (scores or {}).items()
        },
        **{key: record.get("cost", {}).get(key) for key in ("parameters", "multiply_adds")},
        **{
            key: record.get("timing", {}).get(key)
            for key in (
                *("train_seconds", "predict_microseconds"),
                *("samples_a_second", "waiting_seconds"),
            )
        },
        **as_columns(of_record(record)),
        **({"cost": cost(of_record(record), prices)} if prices else {}),
        **{
            key: environment.get(key) or ""
            for key in ("started", "handcrafted", "python", "numpy", "blas", "processor", "commit")
        },
        "threads": environment.get("threads"),
        "gpus": ", ".join(environment.get("gpus", ())),
    }


def preset_text(preset: Mapping[str, Any] | None) -> str:
    """Name a preset and what was changed of it, such as "paper but l2"; empty for None."""
    if not preset:
        return ""
    changed = ", ".join(name for name in preset["changed"] if name != "epochs")
    return f"{preset['name']} but {changed}" if changed else str(preset["name"])


def _column(values: list[Any]) -> NDArray[Any]:
    kinds = {type(value) for value in values}
    if kinds <= {bool} or kinds <= {int}:
        return np.asarray(values, dtype=bool if kinds <= {bool} else np.int64)
    if str in kinds:
        texts = ["" if value is None else str(value) for value in values]
        # Every row takes as much room as the longest.
        width = min(max(map(len, texts)), LONGEST_NAME)
        return np.asarray(texts, dtype=f"U{max(width, 1)}")
    return np.asarray([np.nan if value is None else value for value in values], dtype=np.float64)


Table: TypeAlias = NDArray[Any]
"""A structured array, a row for each run or group of runs."""


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def where(table: Table, conditions: Sequence[str]) -> Table:
    """Keep the rows for which every condition holds, such as "solver=conv" or "test_exact>=0.5".

    After = and != several values may stand, comma-separated: any, or none, of them. Raises
    `UsageError` for a condition that cannot be read or a column that is not there. As long as no
    run has finished, there may be a column of any name, and no row meets a condition on it.
    """
    none_finished = bool((table["status"] == "failed").all())
    for condition in conditions:
        parts = re.fullmatch(r"\s*([\w-]+)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*", condition)
        if not parts:
            raise UsageError(
                f"'{condition}' is not a condition; give COLUMN=VALUE, or with one of "
                f"{' '.join(_OPERATORS)}"
            )
        column, sign, text = parts.groups()
        if none_finished and column not in (table.dtype.names or ()):
            table = table[:0]
            continue
        values = table[known_columns(table, (column,))[0]]
        listed = text.split(",") if sign in ("=", "!=") else [text]
        wanted = [_value(values.dtype, each.strip(), condition) for each in listed]
        matches = [_OPERATORS[sign](values, value) for value in wanted]
        table = table[np.all(matches, axis=0) if sign == "!=" else np.any(matches, axis=0)]
    return table


def _value(dtype: np.dtype[Any], text: str, condition: str) -> Any:
    """Read a value as the column's dtype has it."""
    if dtype.kind == "U":
        return text
    if dtype.kind == "b" and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    try:
        if dtype.kind != "b":
            return float(text)
    except ValueError:
        pass
    kind = "yes or no" if dtype.kind == "b" else "a number"
    raise UsageError(f"'{text}' in '{condition}' is not {kind}")


def known_columns(table: Table, names: Sequence[str]) -> list[str]:
    """Make sure that there are such columns; `UsageError` lists those there are."""
    return [choice("column", name, table.dtype.names or ()) for name in names]


COUNTED = ("failed", "diverged", "unfinished")
"""States of which a group says how many of its runs are in each."""


def group(table: Table, by: Sequence[str]) -> Table:
    """Gather the rows that are equal in the columns `by`, a row for each group.

    Columns: those of `by`; `runs`, and how many of them are `COUNTED`; `success`, the share of
    the runs; and of
    each test score and of the seconds the median over the runs that have it, with "_min" and
    "_max". Groups come in the order of their first rows.
    """
    by = known_columns(table, by)
    keys = zip(*(hashable(table[name]) for name in by), strict=True)
    places: dict[Any, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    members = [np.asarray(each) for each in places.values()]
    status, success = table["status"], table["success"]
    result: dict[str, NDArray[Any]] = {
        name: table[name][[each[0] for each in members]] for name in by
    }
    result["runs"] = np.asarray([len(each) for each in members], dtype=np.int64)
    for state in (name for name in COUNTED if name not in by):
        being = table["unfinished"] if state == "unfinished" else status == state
        result[state] = np.asarray([np.sum(being[each]) for each in members], dtype=np.int64)
    result["success"] = np.asarray([success[each].mean() for each in members], dtype=float)
    for name in score_columns(table):
        ranges = np.asarray([_median_and_range(table[name][each]) for each in members]).reshape(
            -1, 3
        )
        for end, column in zip(("", "_min", "_max"), ranges.T, strict=True):
            result[name + end] = column
    return _joined(result)


def hashable(column: NDArray[Any]) -> list[Any]:
    """Return the values with None for NaN, which is not equal to itself."""
    return [None if value != value else value for value in column.tolist()]


def score_columns(table: Table) -> list[str]:
    """Return the names of the columns that are scores, times or costs."""
    names = table.dtype.names or ()
    others = ("train_seconds", "cost")
    return [name for name in names if name.startswith("test_") or name in others]


def _median_and_range(values: NDArray[Any]) -> tuple[float, float, float]:
    """Return the median, the smallest and the largest of those that are numbers."""
    known = np.sort(values[~np.isnan(values)])
    if len(known) == 0:
        return np.nan, np.nan, np.nan
    low, high = known[(len(known) - 1) // 2], known[len(known) // 2]
    return low if low == high else (low + high) / 2, known[0], known[-1]


def _joined(columns: dict[str, NDArray[Any]]) -> Table:
    length = len(next(iter(columns.values())))
    table = np.empty(length, [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return table


def sort(table: Table, by: Sequence[str], reverse: bool = False) -> Table:
    """Sort by the first column, rows equal in it by the second, and so on; NaN comes last."""
    order = np.arange(len(table))
    for name in reversed(known_columns(table, by)):
        column = table[name][order]
        if reverse:
            places = len(order) - 1 - np.argsort(column[::-1], kind="stable")[::-1]
        else:
            places = np.argsort(column, kind="stable")
        if column.dtype.kind == "f":
            missing = np.isnan(column[places])
            places = np.concatenate([places[~missing], places[missing]])
        order = order[places]
    return table[order]


def plain(table: Table, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows as JSON has them, None where there is no finite number."""
    names = list(names or table.dtype.names or ())
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)}
        for row in zip(*(table[name].tolist() for name in names), strict=True)
    ]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value - value != 0 else value
