"""Do coordinates help a classifier? The small experiment, over five seeds, with its verdicts.

    python benchmarks/digits.py [--seeds 5] [--out runs/digits]

Carries out what is missing of `compare run --task classification --seeds 5` and writes
docs/results/digits.md and digits.json, and the figures in docs/figures/. The 45 trainings take
15 minutes of processor time. On two processes they take half of that: write `task =
"classification"` and `seeds = 5` into a file, give it to `compare sweep` with `--workers 2` and the
same --out, then run this.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from compare import api
from compare.figures.style import save
from compare.report.plots import plots
from compare.report.sections import read_runs, sections
from compare.report.text import percent

DOCS = Path(__file__).parent.parent / "docs"

SPLITS = {
    "irrelevant": "(a) digits stand anywhere, and the label is the digit",
    "relevant": "(b) the label is the digit in the left half, that plus 5 in the right one",
    "disjoint": "(c) digits trained on stand in the left half, those held out in the right one",
}


def markdown(head: list[str], cells: list[list[str]]) -> str:
    """Return a table, the first column to the left and the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *cells))


def rows_of(result: api.Comparison) -> list[dict[str, Any]]:
    """Return what is kept of each run."""
    return [
        {
            **{name: record["arguments"][name] for name in ("split", "solver", "seed")},
            "epochs": record["arguments"]["recipe"]["epochs"],
            "accuracy": record["scores"]["test"]["accuracy"],
            "accuracy_trained_on": record["scores"]["train"]["accuracy"],
            "train_seconds": record["timing"]["train_seconds"],
            "processor_seconds": record["ledger"]["processor_seconds"],
        }
        for record in result.records.values()
    ]


def duration(rows: list[dict[str, Any]]) -> str:
    """Say how long all runs took, on the clock and on the processor if that is known of each."""
    spent = [row["processor_seconds"] for row in rows]
    minutes = sum(row["train_seconds"] for row in rows) / 60
    text = f"{minutes:.0f} minutes of training on the clock, added up"
    return text if None in spent else f"{text}; {sum(spent) / 60:.0f} minutes of processor time"


def page(rows: list[dict[str, Any]], pairs: dict[str, list[dict[str, Any]]], seeds: int) -> str:
    """Write the page."""
    parts = [
        "# Do coordinates help a classifier?",
        "Written by `python benchmarks/digits.py`. Handwritten digits on a canvas of 24x24, 1,200 "
        "of them trained on at 8 positions each and 597 held out; small residual networks of ours, "
        f"{rows[0]['epochs']} epochs, {seeds} seeds. [classification.md](../classification.md) has "
        "the networks and the splits. The figures as JSON: [digits.json](digits.json). "
        f"The {len(rows)} runs took {duration(rows)}.",
        "![Accuracy of each seed on each split, and the differences with their "
        "intervals.](../figures/digits-seeds.png)",
    ]
    for split, what in SPLITS.items():
        solvers = dict.fromkeys(row["solver"] for row in rows if row["split"] == split)
        cells = []
        for solver in solvers:
            own = [row for row in rows if (row["split"], row["solver"]) == (split, solver)]
            tested, trained = (
                sorted(row[name] for row in own) for name in ("accuracy", "accuracy_trained_on")
            )
            cells.append([
                solver,
                *(
                    f"{percent(median(each))} ({percent(each[0])}..{percent(each[-1])})"
                    for each in (tested, trained)
                ),
            ])  # fmt: skip
        head = ["solver", "accuracy held out, median (range)", "trained on"]
        verdicts = [
            f"- {pair['solvers'][0]} minus {pair['solvers'][1]}: {pair['verdict']}."
            for pair in pairs[split]
        ]
        parts += [f"## {split}", f"{what[0].upper()}{what[1:]}.", markdown(head, cells)]
        parts += ["\n".join(verdicts)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Train what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/digits"))
    options = parser.parse_args()
    result = api.run("classification", seeds=options.seeds, out=options.out)
    rows = rows_of(result)
    results = DOCS / "results"
    content = {"rows": rows, "pairs": result.pairs}
    (results / "digits.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    text = page(rows, result.pairs, options.seeds)
    (results / "digits.md").write_text(text, encoding="utf-8")
    (section,) = sections(read_runs(options.out)[0])
    for plot in plots(section):
        if plot.name.endswith("-seeds"):
            for ending in (".png", ".svg"):
                save(plot.draw(), DOCS / "figures" / f"digits-seeds{ending}")


if __name__ == "__main__":
    main()
