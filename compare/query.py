"""Questions about many runs: filter, group, sort and print what `compare.results.load` returns."""

from __future__ import annotations

import csv
import io
import json
import operator
import re
from collections.abc import Callable, Sequence
from textwrap import fill
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare import UsageError
from compare.tables import columns as aligned

Table: TypeAlias = NDArray[Any]
"""A structured array, a row for each run or group of runs."""

FORMATS = ("table", "csv", "json", "markdown")

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}

_DETERMINED = (
    "task", "split", "size", "solver", "backend", "device", "precision", "epochs",
    "learning_rate", "l2", "batch", "loss", "schedule", "width", "kernel", "coordinates", "seed",
)  # fmt: skip
"""What tells one run from another, in the order of a listing."""


def where(table: Table, conditions: Sequence[str]) -> Table:
    """Keep the rows for which every condition holds, such as "solver=conv" or "test_exact>=0.5".

    After = and != several values may stand, comma-separated: any, or none, of them. Raises
    `UsageError` for a condition that cannot be read or a column that is not there.
    """
    for condition in conditions:
        parts = re.fullmatch(r"\s*([\w-]+)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*", condition)
        if not parts:
            raise UsageError(
                f"'{condition}' is not a condition; give COLUMN=VALUE, or with one of "
                f"{' '.join(_OPERATORS)}"
            )
        column, sign, text = parts.groups()
        values = table[_known(table, (column,))[0]]
        listed = text.split(",") if sign in ("=", "!=") else [text]
        wanted = [_value(values.dtype, each.strip(), condition) for each in listed]
        held = [_OPERATORS[sign](values, value) for value in wanted]
        table = table[np.all(held, axis=0) if sign == "!=" else np.any(held, axis=0)]
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


def _known(table: Table, names: Sequence[str]) -> list[str]:
    """Make sure that there are such columns; `UsageError` lists those there are."""
    known = table.dtype.names or ()
    for name in names:
        if name not in known:
            raise UsageError(f"unknown column '{name}'; choose from: {', '.join(known)}")
    return list(names)


def group(table: Table, by: Sequence[str]) -> Table:
    """Gather the rows that are equal in the columns `by`, a row for each group.

    Columns: those of `by`; `runs`, `failed`, `diverged`; `success`, the share of the runs; and of
    each test score and of the seconds the median over the runs that have it, with "_min" and
    "_max". Groups come in the order of their first rows.
    """
    by = _known(table, by)
    keys = zip(*(_hashable(table[name]) for name in by), strict=True)
    places: dict[Any, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    members = [np.asarray(each) for each in places.values()]
    status, success = table["status"], table["success"]
    result: dict[str, NDArray[Any]] = {
        name: table[name][[each[0] for each in members]] for name in by
    }
    result["runs"] = np.asarray([len(each) for each in members], dtype=np.int64)
    for state in ("failed", "diverged"):
        counts = [np.sum(status[each] == state) for each in members]
        result[state] = np.asarray(counts, dtype=np.int64)
    result["success"] = np.asarray([success[each].mean() for each in members], dtype=float)
    for name in _scores(table):
        spreads = np.asarray([_spread(table[name][each]) for each in members]).reshape(-1, 3)
        for end, column in zip(("", "_min", "_max"), spreads.T, strict=True):
            result[name + end] = column
    return _joined(result)


def _hashable(column: NDArray[Any]) -> list[Any]:
    """Return the values with None for NaN, which is not equal to itself."""
    return [None if value != value else value for value in column.tolist()]


def _scores(table: Table) -> list[str]:
    names = table.dtype.names or ()
    return [name for name in names if name.startswith("test_")] + ["train_seconds"]


def _spread(values: NDArray[Any]) -> tuple[float, float, float]:
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
    for name in reversed(_known(table, by)):
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


def render(table: Table, style: str, chosen: Sequence[str] | None = None) -> str:
    """Print a table in one of `FORMATS`, all columns or those chosen.

    JSON and CSV hold every column in full, null or nothing where there is no finite number. The
    others round to four figures; unless columns are chosen they say once, above the table, what
    is the same in every row, and leave out what can be known from the rest. "table" has a table for
    each task, of 80 columns where that can be: what is wider goes on below, under the same names.
    """
    names = _known(table, chosen) if chosen else list(table.dtype.names or ())
    if style == "table" and not chosen and "task" in names:
        present = _in_order(table["task"])
        if len(present) > 1:
            return "\n\n".join(render(table[table["task"] == task], style) for task in present)
    if style == "json":
        return json.dumps(plain(table, names), indent=2)
    if style == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(
            ["" if value != value else value for value in row]
            for row in zip(*(table[name].tolist() for name in names), strict=True)
        )
        return text.getvalue().rstrip("\n")
    above = ""
    if not chosen:
        names, same = _telling(table, names)
        above = "".join(f"{name} {_cell(table[name][0])}, " for name in same)[:-2]
    cells = {name: [_cell(value) for value in table[name].tolist()] for name in names}
    for name in [name for name in names if f"{name}_min" in cells and f"{name}_max" in cells]:
        low, high = cells.pop(f"{name}_min"), cells.pop(f"{name}_max")
        cells[name] = [
            middle if a == b else f"{middle} ({a}..{b})"
            for middle, a, b in zip(cells[name], low, high, strict=True)
        ]
    if not chosen:
        cells = {name: column for name, column in cells.items() if any(column) or not column}
    rows = [list(cells), *(list(row) for row in zip(*cells.values(), strict=True))]
    left = sum(1 for name in cells if table.dtype[name].kind == "U")
    if style == "markdown":
        rule = ["---" if table.dtype[name].kind == "U" else "---:" for name in cells]
        lines = [rows[0], rule, *rows[1:]]
        body = "\n".join(
            f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |" for r in lines
        )
    else:
        left = left if _texts_first(table, cells) else 1
        results = "runs" if "runs" in cells else "success"
        keys = list(cells).index(results) if results in cells and not chosen else left
        body = "\n\n".join(aligned(part, left=left) for part in _folded(rows, keys))
        above = fill(above, 80)
    return f"{above}\n\n{body}" if above else body


def _in_order(texts: NDArray[Any]) -> list[str]:
    return list(dict.fromkeys(texts.tolist()))


def _folded(rows: list[list[str]], keys: int, width: int = 80) -> list[list[list[str]]]:
    """Cut a table between columns so that each part fits; its first columns stand in each."""
    wide = [2 + max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    parts: list[list[int]] = [[]]
    for index in range(keys, len(wide)):
        if parts[-1] and sum(wide[:keys]) + sum(wide[i] for i in (*parts[-1], index)) - 2 > width:
            parts.append([])
        parts[-1].append(index)
    return [[[*row[:keys], *(row[index] for index in part)] for row in rows] for part in parts]


def plain(table: Table, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows as JSON has them, None where there is no finite number."""
    names = list(names or table.dtype.names or ())
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)}
        for row in zip(*(table[name].tolist() for name in names), strict=True)
    ]


def _texts_first(table: Table, names: Sequence[str] | dict[str, Any]) -> bool:
    kinds = [table.dtype[name].kind == "U" for name in names]
    return kinds == sorted(kinds, reverse=True)


def _telling(table: Table, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the columns that tell rows apart or are results, and those alike in every row."""
    if "runs" in names or len(table) == 0:  # groups, or nothing
        same = ["task"] if "task" in names and len(_in_order(table["task"])) == 1 else []
        return [
            name
            for name in names
            if name not in same and (name not in ("failed", "diverged") or table[name].any())
        ], same
    same = [
        name
        for name in _DETERMINED
        if len(set(_hashable(table[name]))) == 1 and _cell(table[name].tolist()[0])
    ]
    differing = [
        name
        for name in _DETERMINED
        if len(set(_hashable(table[name]))) > 1
        and (name in ("task", "split", "solver", "seed") or not _follows(table, name))
    ]
    texts = [name for name in differing if table.dtype[name].kind == "U"]
    if len(set(table["status"])) > 1:
        texts.append("status")
    if table["error"].any():
        texts.append("error")
    numbers = [name for name in differing if name not in texts]
    known = [name for name in _scores(table) if not np.isnan(table[name]).all()]
    return [*texts, *numbers, "success", *known], same


def _follows(table: Table, name: str) -> bool:
    """Whether task and solver tell a column's value."""
    told: dict[Any, set[Any]] = {}
    for task, solver, value in zip(
        table["task"].tolist(), table["solver"].tolist(), _hashable(table[name]), strict=True
    ):
        told.setdefault((task, solver), set()).add(value)
    return all(len(values) == 1 for values in told.values())


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value - value != 0 else value


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value).replace("\n", " ")
