"""The three published GANs of two objects, over seeds, judged alike.

    python benchmarks/gans.py [--preset quick] [--seeds 3] [--workers 2] [--out runs/gans]
                              [--hours 2] [--epochs N] [--results docs/results]

Carries out what is missing of `compare run --task two-objects`, a process with one BLAS thread for
each of the workers, and writes docs/results/two_objects.json and two_objects.md. Rows that are in
two_objects.json already are kept and not made again, unless they are unfinished. The nine runs of
the quick preset take half an hour on two free cores. By the published recipe, one seed of each
on a GPU:

    python benchmarks/gans.py --preset paper --seeds 1 --workers 3 --hours 0.2 \\
        --backend torch --device cuda:0 --precision tf32

With --epochs, a training ends after so many of the preset's; the page says how few they are.
What was stopped, or is when the hours are over, goes on from its checkpoint the next time; its row
is of the checkpoint and says how far it has come. `--workers 0` runs nothing: it writes the page
from the rows and from what is in --out, and the figures in docs/figures/.
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from compare import backends
from compare.experiments.environment import environment as environment_of
from compare.experiments.executors import on_processes, unfinished
from compare.experiments.plan import Plan, Request, make_plans
from compare.figures.style import save
from compare.files import make_directory, read_sealed_arrays, write_whole
from compare.learned.adversarial import generator_weights
from compare.learned.state import State
from compare.report.plots import plots
from compare.report.sections import read_runs, sections
from compare.results.runs import read_record
from compare.solvers.adversarial import JUDGED
from compare.solvers.catalogue import PRESETS, training_of
from compare.tasks import load

DOCS = Path(__file__).parent.parent / "docs"
TASK = load("two-objects")
VERSIONS = ("gan", "coordconv-g", "coordconv-gd")
DRAWN = {
    "samples": "Real scenes beside what each version draws",
    "positions": "Where the centres of each object are, beside the truth",
    "training": "Shares of valid pictures and of places covered after each epoch",
}
"""The figures of the page, by their names in the report, with what they show."""

Row = dict[str, Any]


def plans(preset: str, seeds: int, place: dict[str, Any], recipe: dict[str, str]) -> list[Plan]:
    """Return every run, the versions with coordinates first: they take longest."""
    request = Request(
        TASK.name,
        tuple(range(seeds)),
        solver=",".join(reversed(VERSIONS)),
        preset=preset,
        recipe=recipe,
        **place,
    )
    return make_plans(request)


def row_of(preset: str, plan: Plan, out: Path) -> Row | None:
    """Return what is kept of a run, finished or on its way; None if it has not begun."""
    directory = plan.directory(out)
    record = read_record(directory) if directory.is_dir() else None
    assert plan.recipe is not None
    row: Row = {
        "preset": preset,
        "solver": plan.solver,
        "seed": plan.seed,
        "size": list(plan.size),
        "recipe": plan.arguments()["recipe"],
        "backend": plan.backend,
        "precision": plan.precision,
    }
    if record is not None:
        row |= {
            "steps": plan.recipe.steps,
            "status": record["status"],
            "scores": record["scores"]["test"],
            "success": record["success"],
            "samples": record["samples"]["test"],
            "parameters": record["cost"]["parameters"],
            "train_seconds": record["timing"]["train_seconds"],
        }
        environment = record["environment"]
        with (directory / "history.csv").open(encoding="utf-8") as file:
            curve = [float(line["valid_40"]) for line in csv.DictReader(file)]
    elif (directory / "checkpoint.npz").exists():
        state = State.of(read_sealed_arrays(directory / "checkpoint.npz"), backends.load("numpy"))
        generator: Any = plan.build()
        model = generator.load(generator_weights(state.weights))
        test = plan.evaluated_on(TASK.split(plan.split, *plan.size).test)
        evaluation = TASK.evaluate(model, test)
        row |= {
            "steps": state.steps,
            "status": "unfinished",
            "scores": evaluation.scores,
            "success": evaluation.success,
            "samples": len(test),
            "parameters": model.cost.parameters,
            "train_seconds": state.seconds,
        }
        environment = environment_of(plan.backend)
        curve = [*state.curves["valid_40"]]
    else:
        return None
    row["scores"] = {
        name: None if value != value else value  # JSON has no NaN
        for name, value in row["scores"].items()
    }
    return row | {
        "published_steps": training_of(TASK.name, plan.solver, plan.recipe)["published_steps"],
        "valid_40_after_epochs": [round(share, 4) for share in curve],
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
    parser.add_argument("--precision")
    parser.add_argument("--hours", type=float, help="default: until all is done")
    parser.add_argument("--epochs", help="in place of the preset's")
    parser.add_argument("--out", default="runs/gans")
    parser.add_argument("--results", default=str(DOCS / "results"), help="where the page goes")
    options = parser.parse_args()
    out, path = Path(options.out), Path(options.results) / "two_objects.json"
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    known = [(*_key(row), row["recipe"]) for row in rows if row["status"] != "unfinished"]
    place = {name: getattr(options, name) for name in ("backend", "device", "precision")}
    recipe = {"epochs": options.epochs} if options.epochs else {}
    wanted = plans(options.preset, options.seeds, place, recipe)
    missing = [
        plan
        for plan in wanted
        if (options.preset, plan.solver, plan.seed, plan.arguments()["recipe"]) not in known
    ]
    if options.workers and missing:
        make_directory(out)
        if options.hours is not None:
            # Workers keep what they have done when they are told to end.
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 3600 * options.hours)
        try:
            waiting = unfinished(missing, out)
            for plan, outcome in on_processes(waiting, out, False, options.workers):
                print(plan.solver, plan.seed, outcome.status, outcome.error, flush=True)
        except KeyboardInterrupt:
            print("stopped")
        signal.setitimer(signal.ITIMER_REAL, 0)
    for plan in missing:
        row = row_of(options.preset, plan, out)
        if row is not None:
            rows = [other for other in rows if _key(other) != _key(row)] + [row]
    rows.sort(key=lambda row: (PRESETS.index(row["preset"]), *_order(row)))
    if not rows:
        sys.exit("there are no rows yet")
    text = json.dumps(rows, indent=1) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))
    drawn = draw(out) if len(unfinished(wanted, out)) < len(wanted) else []
    page = "\n".join(pages(rows)) + "\n"
    write_whole(path.with_suffix(".md"), lambda file: file.write(page.encode()))
    print(f"{len(rows)} rows, {len(drawn)} figures")


def _key(row: Row) -> tuple[Any, ...]:
    return row["preset"], row["solver"], row["seed"]


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
    seconds = [row["train_seconds"] for row in rows]
    machines = sorted(
        {
            f"{row['backend']} on {row['device']}, {row['precision']} ({row['processor']})"
            for row in rows
        }
    )
    lines = [
        f"## {preset}",
        "",
        f"{height}x{width}, {recipe['scenes']:,} scenes, {recipe['channels']} channels (published: "
        f"64x64, 50,000 scenes, 64 channels). {_length(rows)} {min(seconds) / 60:.1f} to "
        f"{max(seconds) / 60:.1f} minutes a run with what is judged on the way. "
        f"{'; '.join(machines)}.",
        "",
        _line("", "seed", "steps", *COLUMNS.values()),
        _line("---", *["---:"] * (2 + len(COLUMNS))),
    ]
    for row in rows:
        cells = [_cell(name, row["scores"][name]) for name in COLUMNS]
        name = row["solver"] + (", diverged" if row["status"] == "diverged" else "")
        lines.append(_line(name, row["seed"], f"{row['steps']:,}", *cells))
    if clear := [row for row in rows if _clear(row)]:
        most = max(clear, key=lambda row: float(row["scores"]["valid_40"]))
        cells = [
            _cell(name, most["scores"].get(f"{name}_true", 1.0 if "valid" in name else None))
            for name in COLUMNS
        ]
        lines.append(_line(f"true, for as many as {most['solver']}", most["seed"], "", *cells))
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
    for part, shown_in_it in DRAWN.items():
        name = f"two-objects-{height}x{width}-{part}.png"
        if (DOCS / "figures" / name).exists():
            lines += ["", f"![{shown_in_it}](../figures/{name})"]
    return lines


def _length(rows: list[Row]) -> str:
    """Say how far the trainings came, of how many published steps."""
    published = rows[0]["published_steps"]
    steps = sorted({row["steps"] for row in rows})
    if steps == [published]:
        return f"All versions trained the published {published:,} steps."
    if len(steps) == 1:
        return f"All versions trained {steps[0]:,} of {published:,} steps, so **unfinished**."
    return (
        f"The versions trained {steps[0]:,} to {steps[-1]:,} of {published:,} steps; "
        "fewer are **unfinished**."
    )


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
    alike = len({row["steps"] for row in rows}) == 1
    clear = [version for version in by_version if version not in unclear]
    for first, second in pairwise(clear):
        if min(len(by_version[first]), len(by_version[second])) < 2:
            lines.append(f"{first} and {second} are not compared: one seed has no spread.")
            continue
        if not alike:
            lines.append(f"{first} and {second} are not compared: their steps are not as many.")
            continue
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
    common = min(len(row["valid_40_after_epochs"]) for row in rows)
    if not alike and common:
        shares = "; ".join(
            f"{version} {100 * median(row['valid_40_after_epochs'][common - 1] for row in own):.1f}"
            for version, own in by_version.items()
        )
        lines.append(
            f"After {common} epochs of {rows[0]['recipe']['epochs']}, by all versions, "
            f"of {JUDGED} pictures are valid at 40 px, in %: {shares}."
        )
    if rows[0]["recipe"]["channels"] < 64:
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
