"""Whether training returns to the computed weights of the published regressors, over seeds.

    python benchmarks/basin.py [--out runs/basin]

Runs the `compare basin` commands of `STUDIES`. Writes docs/results/basin.json and basin.md, and the
figures in docs/figures/. Studies that are in basin.json already are kept; without that file it
takes about half an hour on two free cores. Finished trainings in --out are not repeated.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from importlib.metadata import version
from pathlib import Path
from textwrap import fill
from typing import Any

from compare.cli import main as compare
from compare.cli.basin import rest_point
from compare.files import write_whole
from compare.report.text import median_and_range, number

DOCS = Path(__file__).parent.parent / "docs"

COORDCONV = ("--task", "onehot2coord", "--solver", "coordconv", "--scaling", "plain,balanced")
CONV = ("--task", "onehot2coord", "--solver", "conv", "--scaling", "plain,balanced")
LINEAR = "The CoordConv regressor"
WITHOUT_L2 = "The CoordConv regressor without the L2 penalty"
PLAIN = "The plain-convolution regressor of the uniform split"
CORNER = "The plain-convolution regressor of the uniform split, on the quadrant split"
NORMS = "The plain-convolution regressor of the quadrant split, with batch norms"

FIFTEEN = ("--seeds", "3", "--epochs", "15")
STUDIES: dict[str, tuple[str, ...]] = {
    LINEAR: (*COORDCONV, "--noise", "0,0.01,0.1,0.3,1", "--flips", "0,1,2,4,8", "--seeds", "5"),
    WITHOUT_L2: (*COORDCONV, "--noise", "0", "--seeds", "2", "--l2", "0"),
    PLAIN: (*CONV, "--split", "uniform", "--noise", "0,0.01,0.1,1", *FIFTEEN),
    CORNER: (
        *CONV,
        *("--split", "quadrant", "--architecture-of", "uniform", "--noise", "0,0.01,0.1,1"),
        *FIFTEEN,
    ),
    NORMS: (*CONV, "--split", "quadrant", "--noise", "0,0.01", *FIFTEEN),
}

DRAWN = {LINEAR, PLAIN}
"""Studies that have figures."""

FIGURES = {
    "success": "Share of seeds that return, and worst error of each, against noise and flips",
    "errors-balanced": "Held-out errors over the canvas from three noises and the usual start",
    "line": "The loss on the straight line from the computed to the trained weights",
}
"""What they show, by name."""

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
    (CORNER, "quadrant", "noise 0.01", 0.07, 0.23),
    (CORNER, "quadrant", "usual start", 17, 20),
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
                median_and_range(row["mean_error"]),
                median_and_range(row["worst_error"]),
                f"{row['success']['runs']}/{row['success']['of']}",
                median_and_range(row["travelled"]),
                median_and_range(row["from_computed"]) if row["from_computed"] else "",
            )
            for row in own
        ]
        parts += [f"**{split} split, {scaling} weights.** {rest_point(own[0])}", ""]
        parts += [table(head, cells), ""]
    height, width = study["size"]
    stem = f"basin-{study['task']}-{height}x{width}-{study['solver']}"
    for name, alt in FIGURES.items() if title in DRAWN else ():
        parts += [f"![{alt}](../figures/{stem}-{name}.png)", ""]
    return "\n".join(parts)


def before_and_now(studies: dict[str, Any]) -> str:
    """Set what one or two seeds showed beside what came of more."""
    cells = []
    for study, split, start, mean, worst in CLAIMS:
        row = _row(studies, study, split, "usual" if "usual" in start else "balanced", start)
        cells.append((
            f"{row['solver']}{', uniform network' if study == CORNER else ''}, {split}, {start}",
            f"{mean:g} / {worst:g}" if worst else f"{mean:g}",
            median_and_range(row["mean_error"]),
            median_and_range(row["worst_error"]),
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


def findings(studies: dict[str, Any]) -> str:
    """Say in a few sentences what came of it; every number is read from the rows."""

    def row(study: str, split: str, scaling: str, start: str) -> Any:
        return _row(studies, study, split, scaling, start)

    def means(study: str, splits: tuple[str, ...], scaling: str, *starts: str) -> str:
        found = [
            error
            for split in splits
            for start in starts
            for error in row(study, split, scaling, start)["mean_error"]["by_seed"]
        ]
        return f"{number(min(found))} to {number(max(found))} pixels"

    def returned(study: str, splits: tuple[str, ...], scaling: str, *starts: str) -> str:
        found = [
            row(study, split, scaling, start)["success"] for split in splits for start in starts
        ]
        return f"{sum(each['runs'] for each in found)} of {sum(each['of'] for each in found)}"

    def objective(split: str, end: int) -> str:
        line = row(LINEAR, split, "balanced", "computed")["line"]
        return f"{line['train'][end] + line['penalty'][end]:.2g}"

    both = "uniform", "quadrant"
    small = "noise 0.01", "noise 0.1", "noise 0.3"
    flips = "1 flip", "2 flips", "4 flips", "8 flips"
    rest = row(LINEAR, "uniform", "balanced", "computed")["at_start"]
    still = max(
        row(WITHOUT_L2, split, scaling, "computed")["travelled"]["max"]
        for split in both
        for scaling in ("plain", "balanced")
    )
    norms = row(NORMS, "quadrant", "balanced", "computed")["at_start"]
    paragraphs = (
        f"""**The recipe does not keep the exact solution of the CoordConv regressor: confirmed.**
        Trainings that begin at the balanced weights end
        {means(LINEAR, both, "balanced", "computed")} off, and
        {returned(LINEAR, both, "balanced", "computed")} end with a worst error under half a pixel.
        At the start the loss is {number(rest["loss"]["max"])} and its gradient
        {number(rest["data_gradient"]["max"])}; only the L2 penalty has a gradient, of the norm
        {rest["gradient"]["median"]:.1g}. Adam divides a gradient by its own size, so the first step
        is as long as the learning rate, 0.01 in every weight of a kernel that is not 0, however
        small the gradient. Loss and penalty together are no lower at the end than at the start:
        {objective("uniform", 0)} and then {objective("uniform", -1)} on the uniform split,
        {objective("quadrant", 0)} and then {objective("quadrant", -1)} on the quadrant split.
        Without the penalty the computed weights are a rest point: those trainings travel
        {number(still)}.""",
        f"""**Scaling decides.** From the plain weights, the same function with larger numbers, the
        same recipe ends {means(LINEAR, both, "plain", "computed")} off, and
        {returned(LINEAR, both, "plain", "computed")} return; with noise 0.01 to 0.3,
        {returned(LINEAR, both, "plain", *small)}.""",
        f"""**Noise from 0.01 to 0.3, on the balanced weights.** With noise 0.01
        {returned(LINEAR, both, "balanced", "noise 0.01")} return, no fewer than without; with 0.1
        {returned(LINEAR, both, "balanced", "noise 0.1")}, and with 0.3
        {returned(LINEAR, both, "balanced", "noise 0.3")}. For noise 0.1, what one or two seeds had
        given is near the smallest error of these seeds (quadrant) or below it (uniform).""",
        f"""**Noise 1: refuted for these weights.** It ends
        {means(LINEAR, both, "balanced", "noise 1")} off, no better than the usual start. Here
        biases get noise too; how they were treated before is not known.""",
        f"""**The usual start has no typical error.** It ends
        {means(LINEAR, both, "usual", "usual start")} off, depending on the seed, and
        {returned(LINEAR, both, "usual", "usual start")} are under half a pixel everywhere. Where
        the mean is near 14 on the uniform split, one coordinate is right and the other is not.""",
        f"""**Flipped signs.** Of the trainings from balanced weights with 1 to 8 signs flipped,
        {returned(LINEAR, both, "balanced", *flips)} return, and from plain weights
        {returned(LINEAR, both, "plain", *flips)}. The errors do
        not grow with their number: more flips of a seed include those of fewer, and some end
        nearer.""",
        f"""**The plain-convolution regressor of the uniform split: confirmed for noise 0.01.** It
        ends {means(PLAIN, ("uniform",), "balanced", "noise 0.01")} off, where the usual start ends
        {means(PLAIN, ("uniform",), "usual", "usual start")} off after as many epochs. With noise 1
        it ends {means(PLAIN, ("uniform",), "balanced", "noise 1")} off, worse than the usual start
        and, in the mean, than before.""",
        f"""**The same network on the quadrant split: confirmed for noise 0.01 on the plain weights,
        not on the balanced ones.** In the held-out corner the former end
        {means(CORNER, ("quadrant",), "plain", "noise 0.01")} off, the latter
        {means(CORNER, ("quadrant",), "balanced", "noise 0.01")}, and the usual start
        {means(CORNER, ("quadrant",), "usual", "usual start")}. With noise 0.1 and 1 none of either
        returns.""",
        f"""**Batch norms.** The 33 pixels of before are those of batch norms that are no identity
        in training. With scales and shifts by which training over all samples changes nothing, the
        quadrant split's network ends {means(NORMS, ("quadrant",), "balanced", "computed")} off, and
        its usual start {means(NORMS, ("quadrant",), "usual", "usual start")} off. A batch has
        moments of its own, so it is not quite exact in training: by batches the loss at the
        computed weights is {norms["loss"]["median"]:.1g}, and its gradient has the norm
        {norms["data_gradient"]["median"]:.1g}.""",
        """The loss on the straight line from the computed to the trained weights is in the JSON
        and in the figures below. From noise 1, from flipped signs and from the plain weights of the
        CoordConv regressor it rises above both ends; from the balanced ones without noise it does
        not.""",
    )
    bullets = (
        fill(" ".join(text.split()), 100, initial_indent="- ", subsequent_indent="  ")
        for text in paragraphs
    )
    return "\n".join((BEFORE, "", "## What came of it", "", *bullets))


BEFORE = """\
"Before" are one or two seeds of other exact weights, scaled like the balanced ones (K = 2); the
rows beside them are the balanced weights here (K = 1)."""


def measured() -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the studies that this version has measured already, by their arguments."""
    path = DOCS / "results" / "basin.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if before.get("version") != version("handcrafted"):
        return {}
    return {tuple(study["arguments"]): study for study in before["studies"].values()}


def main() -> None:
    """Run, and write both files and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="runs/basin", help="for the trainings themselves")
    options = parser.parse_args()
    known = measured()
    studies = {
        title: known.get(arguments)
        or {"arguments": arguments, **answers(arguments, options.out, title in DRAWN)}
        for title, arguments in STUDIES.items()
    }
    record = {
        "command": "python benchmarks/basin.py",
        "version": version("handcrafted"),
        "studies": studies,
    }
    text = json.dumps(record, indent=1) + "\n"
    write_whole(DOCS / "results" / "basin.json", lambda file: file.write(text.encode()))
    page = [
        INTRODUCTION,
        before_and_now(studies),
        findings(studies),
    ]
    page += [section(title, study) for title, study in studies.items()]
    write_whole(DOCS / "results" / "basin.md", lambda file: file.write("\n\n".join(page).encode()))


INTRODUCTION = """\
# Does training return to the computed weights?

Written by `python benchmarks/basin.py`. The same as JSON, with every seed and the loss along the
line from the computed to the trained weights: [basin.json](basin.json).

Each published network starts from weights that were computed and are exact, with Gaussian noise
added or with signs flipped, and is trained by its published recipe. Noise 1 is the standard
deviation that an array is first drawn with; for biases, that of their layer's weights. Batch norms
get none. Errors are those of held-out positions in pixels: over seeds, the median
(smallest..largest). "Returned": worst error under half a pixel. "Travelled": between the weights
before and after training; "distance": between the computed and the trained weights.

## What one or two seeds had shown"""

if __name__ == "__main__":
    main()
