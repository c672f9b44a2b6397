"""Plain-text tables, as wide as the terminal, that read well without colour."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.learned.recipe import OPTIONS, Recipe
from compare.results.ledger import TAKEN, Ledger, cost, total
from compare.results.table import COUNTED, Table, hashable, known_columns, plain, score_columns
from compare.tasks.base import Column, Task

__all__ = [
    "COST",
    "FORMATS",
    "LEDGER_TITLE",
    "Cells",
    "blocks",
    "columns",
    "comparison",
    "conclusions",
    "cost_cells",
    "counted",
    "epochs_of",
    "folded",
    "heading",
    "known",
    "ledger_cells",
    "legend",
    "length_of",
    "median_and_range",
    "number",
    "percent",
    "render",
    "score_cells",
    "score_parts",
    "seeds_of",
    "training",
    "trainings",
]

FORMATS = ("table", "csv", "json", "markdown")


_SAMPLED = ("task", "split", "solver", "seed")
_TRAINING = ("preset", "epochs", "published_epochs", "unfinished")
"""These are shown where rows differ, even if they follow from task and solver."""

_DETERMINED = (
    *("task", "split", "size", "solver", "backend", "device", "precision"),
    *(option.name for option in OPTIONS if option.name != "epochs"),
    "seed",
    *_TRAINING,
)
"""What tells one run from another, in the order of a listing."""


def render(table: Table, style: str, chosen: Sequence[str] | None = None, width: int = 80) -> str:
    """Print a table in one of `FORMATS`, all columns or those chosen.

    JSON and CSV hold every column in full, null or nothing where there is no finite number. The
    others round to four figures; unless columns are chosen they say once, above the table, what
    is the same in every row, and leave out what can be known from the rest. "table" has a table for
    each task, of `width` characters where that can be: what is wider goes on below, under the same
    names.
    """
    names = known_columns(table, chosen) if chosen else list(table.dtype.names or ())
    if style == "table" and not chosen and "task" in names:
        present = _in_order(table["task"])
        if len(present) > 1:
            return "\n\n".join(
                render(table[table["task"] == task], style, width=width) for task in present
            )
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
        names, same = _informative(table, names)
        above = "".join(f"{name} {_plain_cell(table[name][0])}, " for name in same)[:-2]
    cells = {
        name: [_plain_cell(value) or _missing(name) for value in table[name].tolist()]
        for name in names
    }
    for name in [name for name in names if f"{name}_min" in cells and f"{name}_max" in cells]:
        low, high = cells.pop(f"{name}_min"), cells.pop(f"{name}_max")
        cells[name] = [
            middle if a == b else f"{middle} ({a}..{b})"
            for middle, a, b in zip(cells[name], low, high, strict=True)
        ]
    if not chosen:
        cells = {name: column for name, column in cells.items() if any(column) or not column}
    rows = [list(cells), *(list(row) for row in zip(*cells.values(), strict=True))]
    if style == "markdown":
        rule = ["---" if table.dtype[name].kind == "U" else "---:" for name in cells]
        lines = [rows[0], rule, *rows[1:]]
        body = "\n".join(
            f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |" for r in lines
        )
    else:
        left = max(1, _leading_texts(table, cells))
        texts = {"row", *rows[0][:left]}
        results = "runs" if "runs" in cells else "success"
        keys = list(cells).index(results) if results in cells and not chosen else left
        body = "\n\n".join(
            columns(part, left=sum(name in texts for name in part[0]))
            for part in folded(rows, keys, width)
        )
        above = fill(above, width)
    return f"{above}\n\n{body}" if above else body


def _in_order(texts: NDArray[Any]) -> list[str]:
    return list(dict.fromkeys(texts.tolist()))


def folded(rows: Sequence[Sequence[str]], keys: int, width: int) -> list[list[list[str]]]:
    """Cut a table between columns so that each part fits; its first columns stand in each.

    Where these leave no room for another column, its rows are numbered, and the number stands in
    each part instead.
    """
    lengths = [2 + max(map(len, column)) for column in zip(*rows, strict=True)]
    if len(lengths) > keys > 0 and sum(lengths[:keys]) + max(lengths[keys:]) - 2 > width:
        numbers = ["row", *(f"{row:,}" for row in range(1, len(rows)))]
        rows = [[number, *row] for number, row in zip(numbers, rows, strict=True)]
        keys = 1
    wide = [2 + max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    parts: list[list[int]] = [[]]
    for index in range(keys, len(wide)):
        if parts[-1] and sum(wide[:keys]) + sum(wide[i] for i in (*parts[-1], index)) - 2 > width:
            parts.append([])
        parts[-1].append(index)
    return [[[*row[:keys], *(row[index] for index in part)] for row in rows] for part in parts]


def _leading_texts(table: Table, names: Iterable[str]) -> int:
    """Return how many columns of text come before the first of another kind."""
    kinds = [table.dtype[name].kind for name in names]
    return next((place for place, kind in enumerate(kinds) if kind != "U"), len(kinds))


def _informative(table: Table, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the columns that tell rows apart or are results, and those alike in every row."""
    if "runs" in names or len(table) == 0:  # groups, or nothing
        same = ["task"] if "task" in names and len(_in_order(table["task"])) == 1 else []
        return [
            name
            for name in names
            if name not in same and (name not in COUNTED or table[name].any())
        ], same
    same = [
        name
        for name in _DETERMINED
        if len(set(hashable(table[name]))) == 1 and _plain_cell(table[name].tolist()[0])
    ]
    differing = [
        name
        for name in _DETERMINED
        if len(set(hashable(table[name]))) > 1
        and (name in (*_SAMPLED, *_TRAINING) or not _implied(table, name))
    ]
    training = [name for name in differing if name in _TRAINING]
    differing = [name for name in differing if name not in training]
    texts = [name for name in differing if table.dtype[name].kind == "U"]
    if len(set(table["status"])) > 1:
        texts.append("status")
    if table["error"].any():
        texts.append("error")
    numbers = [name for name in differing if name not in texts]
    known = [
        name for name in score_columns(table) if name in TAKEN or not np.isnan(table[name]).all()
    ]
    return [*texts, *numbers, "success", *training, *known], same


def _implied(table: Table, name: str) -> bool:
    """Whether a column's value follows from the task and the solver."""
    values_of: dict[Any, set[Any]] = {}
    for task, solver, value in zip(
        table["task"].tolist(), table["solver"].tolist(), hashable(table[name]), strict=True
    ):
        values_of.setdefault((task, solver), set()).add(value)
    return all(len(values) == 1 for values in values_of.values())


def _plain_cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value).replace("\n", " ")


def _missing(name: str) -> str:
    """Write what is not there: of what a run took it is not known, and else it does not apply."""
    return "?" if name.removesuffix("_min").removesuffix("_max") in TAKEN else ""


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Align rows of cells, a rule under the first; the first `left` columns to the left."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def comparison(
    task: Task,
    header: Mapping[str, Any],
    summaries: Sequence[Mapping[str, Any]],
    pairs: Mapping[str, Sequence[Mapping[str, Any]]],
    width: int = 80,
) -> str:
    """Print the summaries: how exact each solver is, at what cost, and how they compare."""
    parts = []
    for title, content in blocks(task, header, summaries, pairs):
        if title:
            parts += ["", title]
        if isinstance(content, Cells):
            parts += ["\n\n".join(columns(part) for part in folded(content.rows, 1, width))]
        elif title:
            parts += [fill(f"- {line}", width, subsequent_indent="  ") for line in content]
        else:
            parts += ["" if line == "" else fill(line, width) for line in content]
    return "\n".join(parts)


@dataclass(frozen=True)
class Cells:
    """A table: rows of cells, its header first."""

    rows: Sequence[Sequence[str]]


def blocks(
    task: Task,
    header: Mapping[str, Any],
    summaries: Sequence[Mapping[str, Any]],
    pairs: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Iterator[tuple[str, Cells | list[str]]]:
    """Yield what a comparison says, part by part: a title and a table, or a title and a list.

    A part without a title is plain lines.
    """
    yield "", [heading(header), *trainings(summaries)]
    for split in dict.fromkeys(row["split"] for row in summaries):
        rows = [row for row in summaries if row["split"] == split]
        for part, title in score_parts(task, rows[0]).items():
            cells = score_cells(task, [(row["solver"], row["scores"].get(part)) for row in rows])
            yield f"{split} split, {title}", Cells(cells)
        yield f"{split} split: cost, and success over seeds", Cells([COST, *map(cost_cells, rows)])
        yield f"{split} split: {LEDGER_TITLE}", Cells(ledger_cells(rows, header.get("price", {})))
        if lines := conclusions(task, rows, pairs[split]):
            yield f"{split} split: how the solvers compare", lines
    diverged = sum(row["diverged"] for row in summaries)
    if diverged:
        yield "", ["", f"{counted(diverged, 'run')} diverged: the loss was no longer finite."]
    yield "", ["", " ".join(task.legend.split()), legend(task)]


def heading(header: Mapping[str, Any]) -> str:
    """Say what was run, and on what."""
    height, width = header["size"]
    data = f", pictures of {header['data']}" if "data" in header else ""
    return (
        f"{header['task']} on a {height}x{width} canvas{data}; "
        f"{header['backend']} on {header['device']}, {header['precision']}."
    )


def trainings(summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say by whose recipe each learned solver was trained, and for how many published epochs."""
    groups: dict[tuple[str, str], dict[str, None]] = {}
    for row in summaries:
        if row["recipe"]:
            key = training(row), seeds_of(row["seeds"])
            groups.setdefault(key, {})[row["solver"]] = None
    return [
        f"{', '.join(solvers)}: {how}; {seeds}." for (how, seeds), solvers in groups.items()
    ] or ["No solver is trained by a recipe."]


def training(row: Mapping[str, Any]) -> str:
    """Say by which preset, whose it is, and how long a summary's or a record's training was."""
    preset = row.get("preset")
    if not preset:
        return length_of(row)
    whose = f" ({preset['whose']})" if preset["whose"] else ""
    changed = [
        f"{name.replace('_', ' ')} {_plain_cell(row['recipe'][name])}"
        for name in preset["changed"]
        if name != "epochs"  # which follow
    ]
    but = f" but {', '.join(changed)}" if changed else ""
    return f"preset {preset['name']}{whose}{but}, {length_of(row)}"


def length_of(row: Mapping[str, Any]) -> str:
    """Say how long a summary's or a record's training was; in steps where its recipe says that."""
    recipe = row["recipe"]
    if (published := row.get("published_steps")) is not None:
        return epochs_of(Recipe(**recipe).steps or 0, published, "step")
    return epochs_of(recipe["epochs"], row["published_epochs"])


def epochs_of(epochs: int, published: int | None, noun: str = "epoch") -> str:
    """Say how many epochs of how many published, and whether a training stopped before them."""
    if published is None:
        return counted(epochs, noun)
    if epochs > published:
        return f"{counted(epochs, noun)}, where {published:,} are published"
    text = f"{epochs:,} of {published:,} published {noun}s"
    return f"{text}, unfinished" if epochs < published else text


def seeds_of(seeds: Sequence[int]) -> str:
    """Name the seeds of a training, in order."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"{len(seeds)} seeds"


def score_parts(task: Task, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the parts of the data that a summary has scores of, each with its title."""
    samples = row["samples"]
    if "train" in samples:
        titles = {
            "test": f"{samples['test']:,} held-out {task.noun}",
            "train": f"{samples['train']:,} {task.noun} trained on",
        }
    else:
        titles = {"test": f"{samples['test']:,} {task.noun}"}
    one = task.noun.removesuffix("s")
    others = {part: f"every {one} of a {part} canvas" for part in row["scores"]}
    return {**titles, **{part: title for part, title in others.items() if part not in titles}}


def counted(number: int, noun: str) -> str:
    """Write how many there are."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


COST = ("solver", "learned", "M MACs", "train s", "us", "success", "95 %")


def legend(task: Task) -> str:
    """Say what the columns of the costs mean."""
    return (
        f"Over seeds: the median (smallest..largest). success: seeds with {task.criterion}, and "
        "the Wilson interval of that share. learned: parameters that were trained; 0: none, its "
        "numbers were written down or computed, whatever the samples. M MACs: millions of "
        "multiply-adds for one sample, computed densely. us: median microseconds to predict one. "
        "In all, of the runs: CPU s, seconds of processor cores; GPU s, seconds that GPUs were "
        "used; G MACs, 10^9 multiply-adds of training and evaluating, a backward pass counted as "
        "two forward; kJ, what the machine's processors and the run's GPUs took meanwhile; "
        "samples/s, trained on; wait %, of training without a batch; ?, not known."
    )


LEDGER_TITLE = "what the runs took in all"


def ledger_cells(
    rows: Sequence[Mapping[str, Any]], prices: Mapping[str, float]
) -> list[tuple[str, ...]]:
    """Return a table of what all runs of each solver took, and of the sum over the solvers.

    Its header comes first. What none of them has, such as a price, has no column.
    """
    ledgers = {row["solver"]: Ledger(**row["ledger"]) for row in rows}
    if len(rows) > 1:
        ledgers["all"] = total(ledgers.values())
    cells: list[tuple[str, ...]] = [("solver", "CPU s", "GPU s", "G MACs", "CPU kJ", "GPU kJ")]
    for solver, ledger in ledgers.items():
        amounts = (
            (ledger.processor_seconds, 1), (ledger.gpu_seconds, 1), (ledger.multiply_adds, 1e9),
            (ledger.processor_joules, 1e3), (ledger.gpu_joules, 1e3),
        )  # fmt: skip
        cells.append((solver, *(known(amount, unit) for amount, unit in amounts)))
    if prices:
        spent = (known(cost(ledger, prices)) for ledger in ledgers.values())
        cells = _beside(cells, "cost", spent)
    speeds = (("samples/s", "samples_a_second", 1.0), ("wait %", "waiting_share", 0.01))
    for title, name, unit in speeds:
        if any(row.get(name) is not None for row in rows):
            # Of a solver that learns nothing there is nothing to know.
            found = [known(row.get(name), unit) if row["seeds"] else "" for row in rows]
            cells = _beside(cells, title, [*found, *[""] * (len(rows) > 1)])
    return cells


def _beside(
    cells: Sequence[tuple[str, ...]], title: str, column: Iterable[str]
) -> list[tuple[str, ...]]:
    return [(*row, cell) for row, cell in zip(cells, (title, *column), strict=True)]


def known(amount: float | None, unit: float = 1) -> str:
    """Write an amount in a unit, and "?" for one that is not known."""
    return "?" if amount is None else number(amount / unit)


def score_cells(
    task: Task, rows: Sequence[tuple[str, Mapping[str, Any] | None]]
) -> list[tuple[str, ...]]:
    """Return the cells of a table of scores, its header first; None: the solver cannot do it."""
    cells = [("solver", *(column.title for column in task.columns))]
    for solver, scores in rows:
        if scores is None:
            cells.append((solver, "cannot", *[""] * (len(task.columns) - 1)))
        else:
            cells.append(
                (solver, *(_cell(column, scores[column.score]) for column in task.columns))
            )
    return cells


def _cell(column: Column, numbers: Mapping[str, float]) -> str:
    if column.share:
        return percent(numbers["median"])
    return median_and_range(numbers, column.digits)


def cost_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a summary's cells under `COST`."""
    low, high = row["success"]["wilson95"]
    return (
        row["solver"],
        f"{row['cost']['parameters']:,}",
        known(row["cost"]["multiply_adds"] or None, 1e6),  # of closed forms nobody counts them
        number(row["train_seconds"]["median"]),
        number(row["predict_microseconds"]["median"]),
        f"{row['success']['runs']}/{row['success']['of']}"
        if row["seeds"]
        else ("yes" if row["success"]["runs"] else "no"),
        f"{100 * low:.0f}..{100 * high:.0f} %" if row["seeds"] else "",
    )


def conclusions(
    task: Task, rows: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Say in words how often each solver is correct, and how every two differ."""
    lines = []
    known = [row for row in rows if row["correct"]]
    if known:
        total = sum(known[0]["samples"].values())
        counts = "; ".join(
            f"{row['solver']} {median_and_range(row['correct'], 0)}" for row in known
        )
        lines.append(f"Correct, of all {total:,} {task.noun}: {counts}.")
    # Solvers that learn nothing and score alike are compared once.
    names: dict[str, list[str]] = {}
    for row in rows:
        twin = next((other for other in rows if _alike(row, other)), row)
        names.setdefault(twin["solver"], []).append(row["solver"])
    unclear = [row["solver"] for row in rows if not _conclusive(task, row)]
    if task.least and unclear:
        score, least = task.least
        title = next((c.title for c in task.columns if c.score == score), score)
        lines.append(
            f"Nothing is concluded about {', '.join(unclear)}: {title} is below {percent(least)}, "
            "so other scores are of too few samples."
        )
    for pair in pairs:
        if any(solver in unclear for solver in pair["solvers"]):
            continue
        if all(solver in names for solver in pair["solvers"]):
            first, second = (_and(names[solver]) for solver in pair["solvers"])
            line = f"{first} minus {second}{_over(pair)}: {_differences(task, pair)}."
            lines.append(f"{line} In short: {pair['verdict']}." if "verdict" in pair else line)
    if any(row["seeds"] for row in rows):
        lines.append(
            "The intervals, 95 %, are about other seeds, trained by the same recipe on the same "
            "data. They say nothing about another recipe or a longer training."
        )
    return lines


def _conclusive(task: Task, row: Mapping[str, Any]) -> bool:
    """Whether a solver's scores allow conclusions, at its median seed."""
    if task.least is None:
        return True
    score, least = task.least
    return bool(row["scores"]["test"][score]["median"] >= least)


def _and(names: Sequence[str]) -> str:
    first, *others = names
    return f"{first} (and {', '.join(others)})" if others else first


def _alike(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether neither learns and both have the same scores."""
    return not row["seeds"] and not other["seeds"] and row["scores"] == other["scores"]


def _over(pair: Mapping[str, Any]) -> str:
    if not pair["seeds"]:
        return ""
    return f", over {counted(pair['seeds'], 'seed')}{' in pairs' if pair['paired'] else ''}"


def _differences(task: Task, pair: Mapping[str, Any]) -> str:
    texts = []
    for column in task.columns:
        difference = pair["differences"][column.score]
        mean, low, high = (difference[key] for key in ("mean", "low95", "high95"))
        if mean is None:
            texts.append(f"{column.title} not finite")
            continue
        text = _signed(mean, column)
        if low is not None and high is not None and low != high:
            text += f" ({_signed(low, column)}..{_signed(high, column)})"
        texts.append(f"{column.title} {text}{' points' if column.share else ''}")
    return ", ".join(texts)


def _signed(value: float, column: Column) -> str:
    if column.share:
        return f"{100 * value:+.1f}"
    return f"{value:+.{column.digits}f}" if column.digits is not None else f"{value:+.3g}"


def percent(share: float) -> str:
    """Write a share of the samples."""
    if share != share:
        return "nan"
    # A share that is not 1 is never printed as 100 %, nor one that is not 0 as 0 %.
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.3g} %"


def median_and_range(numbers: Mapping[str, float], digits: int | None = None) -> str:
    """Write "median (smallest..largest)", or the number alone where they are equal."""
    median, low, high = (
        number(numbers[key]) if digits is None else f"{numbers[key]:,.{digits}f}"
        for key in ("median", "min", "max")
    )
    return median if low == high else f"{median} ({low}..{high})"


def number(value: float) -> str:
    """Write a number of 0 or more in three figures."""
    if value == 0 or value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    # What is not 0 is never printed as 0.
    return f"{value:.2f}" if value >= 0.01 else f"{value:.0e}"
