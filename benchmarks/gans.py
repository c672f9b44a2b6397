"""The three published GANs of two objects, over seeds, judged alike.

    python benchmarks/gans.py [--preset quick] [--seeds 3] [--workers 2] [--out runs/gans]

Carries out what is missing of `compare run --task two-objects`, a process with one BLAS thread for
each of the workers, and writes docs/results/two_objects.json and two_objects.md. Rows that are in
two_objects.json already are kept and not made again. The nine runs of the quick preset take about
half an hour on two free cores. By the published recipe in full, one seed of each on a GPU:

    python benchmarks/gans.py --preset paper --seeds 1 --workers 1 --backend torch --device cuda:0

What was stopped goes on from its checkpoint the next time. `--workers 0` runs nothing: it writes
the page from the rows and from what is finished in --out, and the figures in docs/figures/.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from compare.experiments.executors import on_processes, unfinished
from compare.experiments.plan import Plan, Request, make_plans
from compare.figures.style import save
from compare.files import make_directory, write_whole
from compare.report.plots import plots
from compare.report.sections import read_runs, sections
from compare.results.runs import read_record
from compare.solvers.catalogue import PRESETS
from compare.tasks import load

DOCS = Path(__file__).parent.parent / "docs"
TASK = load("two-objects")
VERSIONS = ("gan", "coordconv-g", "coordconv-gd")
DRAWN = ("samples", "positions", "training")

Row = dict[str, Any]


def plans(preset: str, seeds: int, backend: str, device: str) -> list[Plan]:
    """Return every run, the versions with coordinates first: they take longest."""
    request = Request(
        TASK.name,
        tuple(range(seeds)),
        solver=",".join(reversed(VERSIONS)),
        preset=preset,
        backend=backend,
        device=device,
    )
    return make_plans(request)


def row_of(preset: str, plan: Plan, record: dict[str, Any]) -> Row:
    """Return what is kept of a finished run."""
    assert plan.recipe is not None
    environment = record["environment"]
    return {
        "preset": preset,
        "solver": plan.solver,
        "seed": plan.seed,
        "size": list(plan.size),
        "recipe": plan.arguments()["recipe"],
        "steps": plan.recipe.steps,
        "published_steps": record["published_steps"],
        "status": record["status"],
        "scores": {
            name: None if value != value else value  # JSON has no NaN
            for name, value in record["scores"]["test"].items()
        },
        "success": record["success"],
        "samples": record["samples"]["test"],
        "parameters": record["cost"]["parameters"],
        "train_seconds": record["timing"]["train_seconds"],
        "backend": plan.backend,
        "device": environment.get("device", plan.device),
        "processor": environment["processor"],
        "threads": environment["threads"],
    }


def main() -> None:
    """Carry out what is missing and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", choices=PRESETS, default="quick")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", default="runs/gans")
    options = parser.parse_args()
    out, path = Path(options.out), DOCS / "results" / "two_objects.json"
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    known = {(row["preset"], row["solver"], row["seed"]) for row in rows}
    wanted = plans(options.preset, options.seeds, options.backend, options.device)
    missing = [p for p in wanted if (options.preset, p.solver, p.seed) not in known]
    if options.workers and missing:
        make_directory(out)
        for plan, outcome in on_processes(unfinished(missing, out), out, False, options.workers):
            print(plan.solver, plan.seed, outcome.status, outcome.error, flush=True)
    for plan in missing:
        record = read_record(plan.directory(out)) if out.is_dir() else None
        if record is not None:
            rows.append(row_of(options.preset, plan, record))
    rows.sort(key=lambda row: (PRESETS.index(row["preset"]), *_order(row)))
    if not rows:
        sys.exit("there are no rows yet")
    text = json.dumps(rows, indent=1) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))
    drawn = draw(out) if out.is_dir() else []
    page = "\n".join(pages(rows)) + "\n"
    write_whole(path.with_suffix(".md"), lambda file: file.write(page.encode()))
    print(f"{len(rows)} rows, {len(drawn)} figures")


def _order(row: Row) -> tuple[int, int]:
    return VERSIONS.index(row["solver"]), row["seed"]


def draw(out: Path) -> list[str]:
    """Draw the runs in --out by the figures of the report; returns their names."""
    names = []
    found, _ = read_runs(out)
    for section in sections(found):
        for plot in plots(section):
            part = plot.name.rpartition("-")[2]
            if part in DRAWN:
                height, width = section.size
                name = f"two-objects-{height}x{width}-{part}.png"
                save(plot.draw(), DOCS / "figures" / name)
                names.append(name)
    return names


# --- The page ---------------------------------------------------------------------------------

COLUMNS = {
    "valid_0": "valid",
    "valid_10": "10 px",
    "valid_40": "40 px",
    "blue_coverage": "blue",
    "red_coverage": "red",
    "pairs": "pairs",
    "distance": "distance",
    "entropy_offset_x": "offset, bits",
    "blue_squares": "blue squares",
    "memorised": "in training set",
}
"""The scores in the table, with their titles. Shares but for distance and bits."""

NUMBERS = ("distance", "entropy_offset_x")


def pages(rows: list[Row]) -> list[str]:
    """Return the lines of the page."""
    lines = [
        "# The GANs of two objects",
        "",
        "Made by `python benchmarks/gans.py`; the numbers of every run are in "
        "[two_objects.json](two_objects.json), what they mean in "
        "[Two objects](../two_objects.md). Each run is judged on the same "
        f"{rows[0]['samples']:,} latents.",
    ]
    for preset in PRESETS:
        chosen = [row for row in rows if row["preset"] == preset]
        if chosen:
            lines += ["", *_preset(preset, chosen)]
    return lines


def _preset(preset: str, rows: list[Row]) -> list[str]:
    first = rows[0]
    height, width = first["size"]
    recipe = first["recipe"]
    unfinished = first["steps"] < first["published_steps"]
    state = ", so **unfinished**" if unfinished else ", the published number"
    seconds = [row["train_seconds"] for row in rows]
    machines = sorted({f"{row['backend']} on {row['device']} ({row['processor']})" for row in rows})
    lines = [
        f"## {preset}",
        "",
        f"{height}x{width}, {recipe['scenes']:,} scenes, {recipe['channels']} channels (published: "
        f"64x64, 50,000 scenes, 64 channels). All versions train {first['steps']:,} of "
        f"{first['published_steps']:,} steps{state}; {min(seconds) / 60:.1f} to "
        f"{max(seconds) / 60:.1f} minutes a run with what is judged on the way. "
        f"{'; '.join(machines)}.",
        "",
        _line("", "seed", *COLUMNS.values()),
        _line("---", *["---:"] * (1 + len(COLUMNS))),
    ]
    for row in rows:
        cells = [_cell(name, row["scores"][name]) for name in COLUMNS]
        name = row["solver"] + (", diverged" if row["status"] == "diverged" else "")
        lines.append(_line(name, row["seed"], *cells))
    if clear := [row for row in rows if _clear(row)]:
        most = max(clear, key=lambda row: float(row["scores"]["valid_40"]))
        cells = [
            _cell(name, most["scores"].get(f"{name}_true", 1.0 if "valid" in name else None))
            for name in COLUMNS
        ]
        lines.append(_line(f"true, for as many as {most['solver']}", most["seed"], *cells))
    lines += [
        "",
        "valid: the picture is a scene after rounding to three colours; 10 and 40 px: but for so "
        "many pixels. The rest is of the pictures valid at 40 px: the places that are the centre "
        "of a blue or a red object, different pairs of centres, the total-variation distance of "
        "the joint histogram from the true one, the entropy of the horizontal offset, blue objects "
        "that are squares, scenes among the 50,000 of the training set.",
        "",
        "What is wrong with the other pictures, medians over seeds:",
        "",
    ]
    problems = [name for name in rows[0]["scores"] if name.startswith("problem_")]
    shown = [name for name in problems if max(row["scores"][name] for row in rows) >= 0.005]
    titles = [name.removeprefix("problem_").replace("_", " ") for name in shown]
    lines += [_line("", *titles), _line("---", *["---:"] * len(shown))]
    for version in VERSIONS:
        own = [row for row in rows if row["solver"] == version]
        if own:
            middle = [median(row["scores"][name] for row in own) for name in shown]
            lines.append(_line(version, *(f"{100 * share:.0f} %" for share in middle)))
    lines += ["", "### What may be concluded", "", *(f"- {line}" for line in _concluded(rows))]
    figures = [f"two-objects-{height}x{width}-{part}.png" for part in DRAWN]
    for name in figures:
        if (DOCS / "figures" / name).exists():
            lines += ["", f"![{name}](../figures/{name})"]
    return lines


def _concluded(rows: list[Row]) -> list[str]:
    """Say which versions may be compared, and how they differ where every seed agrees."""
    assert TASK.least is not None
    least = TASK.least[1]
    by_version = {
        version: own
        for version in VERSIONS
        if (own := [row for row in rows if row["solver"] == version])
    }
    lines = []
    unclear = [v for v, own in by_version.items() if not all(map(_clear, own))]
    for version in unclear:
        own = by_version[version]
        shares = ", ".join(f"{100 * row['scores']['valid_40']:.1f}" for row in own)
        lines.append(
            f"Nothing about {version}: of its pictures {shares} % are valid at 40 px, and below "
            f"{100 * least:.0f} % in any seed the rest is of too few scenes."
        )
    clear = [version for version in by_version if version not in unclear]
    for first, second in pairwise(clear):
        for name in ("valid_40", "distance", "blue_coverage"):
            a = [row["scores"][name] for row in by_version[first]]
            b = [row["scores"][name] for row in by_version[second]]
            if min(a) > max(b) or min(b) > max(a):
                more, less = (first, second) if min(a) > max(b) else (second, first)
                lines.append(
                    f"{more} has more {COLUMNS[name]} than {less} in every seed "
                    f"({_cell(name, median(a))} for {first}, {_cell(name, median(b))} for "
                    f"{second}, medians of {len(a)} and {len(b)})."
                )
            else:
                lines.append(
                    f"{first} and {second} do not differ in {COLUMNS[name]} by more than their "
                    "seeds do."
                )
    if rows[0]["steps"] < rows[0]["published_steps"]:
        lines.append(
            "Nothing here is about the published trainings, which are longer, wider and on a "
            "larger canvas."
        )
    solved = [f"{row['solver']}, seed {row['seed']}" for row in rows if row["success"]]
    solved_text = "; ".join(solved) if solved else "none"
    lines.append(f"Runs that count as solved ({TASK.criterion}): {solved_text}.")
    return lines


def _clear(row: Row) -> bool:
    assert TASK.least is not None
    score, least = TASK.least
    return bool(row["scores"][score] >= least)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if name in NUMBERS else f"{100 * value:.1f} %"


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
