"""The table of all tasks, solvers and splits over ten seeds, as JSON and as Markdown.

    python benchmarks/all_tasks.py [--seeds 10] [--out runs/all_tasks]

Runs `compare run --task TASK --seeds 10` for every task, with the default preset; then the
CoordConv classifier with its coordinates in pixels, as published, with five seeds. Writes
docs/results/all_tasks.json and all_tasks.md. Takes about half an hour on two cores; finished runs
in --out are not repeated, and the page counts them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from compare import tasks
from compare.cli import main as compare
from compare.files import write_whole
from compare.report.text import (
    COST,
    conclusions,
    cost_cells,
    heading,
    score_cells,
    score_parts,
    trainings,
)

RESULTS = Path(__file__).parent.parent / "docs" / "results"


def answers(arguments: list[str]) -> dict[str, Any]:
    """Return what `compare run ARGUMENTS --json` prints."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        code = compare(["run", *arguments, "--json"])
    if code:
        raise SystemExit(code)
    answer: dict[str, Any] = json.loads(stream.getvalue())
    return answer


def markdown(cells: list[tuple[str, ...]]) -> str:
    """Return a table of rows of cells, the header first; numbers to the right."""
    head, *rows = ("| " + " | ".join(row) + " |" for row in cells)
    return "\n".join([head, "| --- |" + " ---: |" * (len(cells[0]) - 1), *rows])


def section(answer: dict[str, Any]) -> str:
    """Return one task's tables: scores held out and trained on, costs, comparisons."""
    task = tasks.load(answer["task"])
    parts = [f"## {task.name}", "", f"{task.summary[0].upper()}{task.summary[1:]}.", ""]
    parts += [f"`compare run {' '.join(answer['arguments'])}`: {heading(answer)}", ""]
    parts += [f"- {line}" for line in trainings(answer["rows"])] + [""]
    for split in dict.fromkeys(row["split"] for row in answer["rows"]):
        rows = [row for row in answer["rows"] if row["split"] == split]
        for part, title in score_parts(rows[0]).items():
            cells = score_cells(task, [(row["solver"], row["scores"][part]) for row in rows])
            parts += [f"**{split}, {title}**", "", markdown(cells), ""]
        parts += [f"**{split}: cost, and success over seeds**", ""]
        parts += [markdown([COST, *map(cost_cells, rows)]), ""]
        parts += [f"- {line}" for line in conclusions(task, rows, answer["pairs"][split])] + [""]
    return "\n".join([*parts, "> " + task.legend.replace("\n", "\n> "), ""])


def main() -> None:
    """Run, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="10", help="of every learned solver")
    parser.add_argument("--out", default="runs/all_tasks", help="for the runs themselves")
    options = parser.parse_args()
    before = len(list(Path(options.out).glob("*/run.json")))
    started = time.perf_counter()
    asked = [["--task", name, "--seeds", options.seeds] for name in tasks.known()]
    # The published convention of coordinates, with fewer seeds.
    pixels = ["--solver", "coordconv", "--coordinates", "pixels", "--seeds", "5"]
    asked.append(["--task", "coord2onehot", *pixels])
    sections = []
    for arguments in asked:
        answer = answers([*arguments, "--out", options.out])
        sections.append({"arguments": arguments, **answer})
    minutes = (time.perf_counter() - started) / 60
    trained = sum(
        json.loads(path.read_text(encoding="utf-8"))["timing"]["train_seconds"]
        for path in Path(options.out).glob("*/run.json")
    )
    record = {
        "command": "python benchmarks/all_tasks.py --seeds " + options.seeds,
        "date": date.today().isoformat(),
        "minutes": round(minutes, 1),
        "runs_already_there": before,
        "minutes_of_training": round(trained / 60, 1),
        "versions": {
            "handcrafted": version("handcrafted"), "python": platform.python_version(),
            "numpy": np.__version__, "scipy": version("scipy"), "autograd": version("autograd"),
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "tasks": sections,
    }  # fmt: skip
    text = json.dumps(record, indent=1) + "\n"
    write_whole(RESULTS / "all_tasks.json", lambda file: file.write(text.encode()))
    page = [
        "# All tasks, all solvers, both splits, ten seeds\n",
        f"Written by `{record['command']}` on {record['date']} in {record['minutes']} minutes"
        + (f", with {before} runs there before" if before else "")
        + f" (training alone, all runs: {record['minutes_of_training']} minutes)"
        + f", on {record['machine']}, "
        + ", ".join(f"{name} {number}" for name, number in record["versions"].items())
        + ". The same as JSON, with every interval: [all_tasks.json](all_tasks.json). A score is "
        "the median over seeds, with the smallest and the largest.\n",
    ]
    page += map(section, sections)
    write_whole(RESULTS / "all_tasks.md", lambda file: file.write("\n".join(page).encode()))


if __name__ == "__main__":
    main()
