"""Whether training returns to the computed weights of the published regressors, over seeds.

    python benchmarks/basin.py [--out runs/basin]

Runs the `compare basin` commands of `STUDIES`. Writes docs/results/basin.json and basin.md, and the
figures in docs/figures/. Takes about half an hour on two free cores; finished trainings in --out
are not repeated.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compare.cli import main as compare
from compare.cli.basin import rest_point
from compare.files import write_whole
from compare.report.text import _number, _spread

DOCS = Path(__file__).parent.parent / "docs"

COORDCONV = ("--task", "onehot2coord", "--solver", "coordconv", "--scaling", "plain,balanced")
CONV = ("--task", "onehot2coord", "--solver", "conv", "--scaling", "plain,balanced")
LINEAR = "The CoordConv regressor"
WITHOUT_L2 = "The CoordConv regressor without the L2 penalty"
PLAIN = "The plain-convolution regressor of the uniform split"
NORMS = "The plain-convolution regressor of the quadrant split, with batch norms"

FIFTEEN = ("--seeds", "3", "--epochs", "15")
STUDIES: dict[str, tuple[str, ...]] = {
    LINEAR: (*COORDCONV, "--noise", "0,0.01,0.1,0.3,1", "--flips", "0,1,2,4,8", "--seeds", "5"),
    WITHOUT_L2: (*COORDCONV, "--noise", "0", "--seeds", "2", "--l2", "0"),
    PLAIN: (*CONV, "--split", "uniform", "--noise", "0,0.01,0.1,1", *FIFTEEN),
    NORMS: (*CONV, "--split", "quadrant", "--noise", "0,0.01", *FIFTEEN),
}

DRAWN = {LINEAR, PLAIN}
"""Studies that have figures."""

CLAIMS = (
    # study, split, start, mean and worst error of one or two seeds.
    (LINEAR, "uniform", "computed", 0.14, 0.40),
    (LINEAR, "quadrant", "computed", 0.49, 0.53),
    (LINEAR, "uniform", "noise 0.1", 0.32, 0.50),
    (LINEAR, "quadrant", "noise 0.1", 0.20, 0.24),
    (LINEAR, "uniform", "noise 1", 0.69, 1.8),
    (LINEAR, "quadrant", "noise 1", 1.3, 1.5),
    (LINEAR, "uniform", "usual start", 14, None),
    (LINEAR, "quadrant", "usual start", 20, None),
    (PLAIN, "uniform", "noise 0.01", 0.06, 0.16),
    (PLAIN, "uniform", "noise 1", 6.5, 41),
    (NORMS, "quadrant", "computed", 33, 67),
)
"""What was found before with one or two seeds, of weights like the balanced ones."""


def answers(arguments: tuple[str, ...], out: str, figures: bool) -> dict[str, Any]:
    """Return what `compare basin ARGUMENTS --json` prints."""
    stream = io.StringIO()
    drawn = ["--figures", str(DOCS / "figures")] if figures else []
    with contextlib.redirect_stdout(stream):
        code = compare(["basin", *arguments, "--out", out, "--json", *drawn])
    if code:
        raise SystemExit(code)
    answer: dict[str, Any] = json.loads(stream.getvalue())
    return answer


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table; all but the first column to the right."""
    rule = ("---", *["---:"] * (len(head) - 1))
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def section(title: str, study: dict[str, Any]) -> str:
    """Write one study: its command, and a table for each split and scaling."""
    command = " ".join(study["arguments"])
    parts = [f"## {title}", "", f"`compare basin {command}`", ""]
    rows = study["rows"]
    head = ("start", "mean error", "worst error", "returned", "travelled", "distance")
    for split, scaling in dict.fromkeys((row["split"], row["scaling"]) for row in rows):
        if scaling == "usual":
            continue
        own = [r for r in rows if r["split"] == split and r["scaling"] in (scaling, "usual")]
        cells = [
            (
                row["start"],
                _spread(row["mean_error"]),
                _spread(row["worst_error"]),
                f"{row['success']['runs']}/{row['success']['of']}",
                _spread(row["travelled"]),
                _spread(row["from_computed"]) if row["from_computed"] else "",
            )
            for row in own
        ]
        parts += [f"**{split} split, {scaling} weights.** {rest_point(own[0])}", ""]
        parts += [table(head, cells), ""]
    return "\n".join(parts)


def before_and_now(studies: dict[str, Any]) -> str:
    """Set what one or two seeds showed beside what came of more."""
    cells = []
    for study, split, start, mean, worst in CLAIMS:
        row = _row(studies, study, split, "usual" if "usual" in start else "balanced", start)
        cells.append((
            f"{row['solver']}, {split}, {start}",
            f"{mean:g} / {worst:g}" if worst else f"{mean:g}",
            _spread(row["mean_error"]),
            _spread(row["worst_error"]),
            str(row["success"]["of"]),
        ))  # fmt: skip
    return table(("start", "before: mean / worst", "mean", "worst", "seeds"), cells)


def _row(studies: dict[str, Any], study: str, split: str, scaling: str, start: str) -> Any:
    (row,) = (
        row
        for row in studies[study]["rows"]
        if (row["split"], row["scaling"], row["start"]) == (split, scaling, start)
    )
    return row


def main() -> None:
    """Run, and write both files and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="runs/basin", help="for the trainings themselves")
    options = parser.parse_args()
    studies = {
        title: {"arguments": arguments, **answers(arguments, options.out, title in DRAWN)}
        for title, arguments in STUDIES.items()
    }
    record = {
        "command": "python benchmarks/basin.py",
        "version": version("handcrafted"),
        "studies": studies,
    }
    text = json.dumps(record, indent=1) + "\n"
    write_whole(DOCS / "results" / "basin.json", lambda file: file.write(text.encode()))
    seconds = sum(
        sum(row["train_seconds"]["by_seed"])
        for study in studies.values() for row in study["rows"]
    )  # fmt: skip
    page = [INTRODUCTION.format(minutes=_number(seconds / 60)), before_and_now(studies), FINDINGS]
    page += [section(title, study) for title, study in studies.items()]
    write_whole(DOCS / "results" / "basin.md", lambda file: file.write("\n\n".join(page).encode()))


INTRODUCTION = """\
# Does training return to the computed weights?

Written by `python benchmarks/basin.py`; training took {minutes} minutes, on a busy machine. The
same as JSON, with every seed and the loss along the line from the computed to the trained weights:
[basin.json](basin.json).

Each published network starts from weights that were computed and are exact, with Gaussian noise
added or with signs flipped, and is trained by its published recipe. Noise 1 is the standard
deviation that an array is first drawn with; for biases, that of their layer's weights. Batch norms
get none. Errors are those of held-out positions in pixels: over seeds, the median
(smallest..largest). "Returned": worst error under half a pixel. "Travelled": between the weights
before and after training; "distance": between the computed and the trained weights.

## What one or two seeds had shown"""

FINDINGS = ""

if __name__ == "__main__":
    main()
