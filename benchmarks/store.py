"""A store of 10,000 runs: how long it takes to list, to filter and to summarise.

    python benchmarks/store.py [RUNS]

The records are those of one real run of each kind, with other seeds and scores. Times are those of
whole commands, from start to exit, the best and the worst of three; the limit is 3 s for each.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compare.experiments.plan import Request, make_plans
from compare.experiments.run import load_or_run
from compare.files import write_sealed_json
from compare.results.runs import directory_name

LIMIT = 3.0
"""Seconds."""

QUESTIONS = {
    "list": (),
    "filter": ("--where", "solver=coordconv", "--where", "test_mean_error<0.5"),
    "summarise": ("--by", "task,split,solver,learning_rate"),
}


def fill(out: Path, runs: int) -> None:
    """Write `runs` records below `out`."""
    with tempfile.TemporaryDirectory() as scratch:
        plans = make_plans(Request("onehot2coord", seeds=(0,), size="16", recipe={"epochs": "1"}))
        templates = [load_or_run(plan, Path(scratch)) for plan in plans]
    draw = random.Random(0)
    for index in range(runs):
        template = templates[index % len(templates)]
        assert template is not None
        arguments = {**template["arguments"], "seed": index}
        if arguments["recipe"]:
            rate = draw.choice([0.001, 0.002, 0.005, 0.01])
            arguments["recipe"] = {**arguments["recipe"], "learning_rate": rate}
        scores = {
            part: {name: draw.random() for name in known}
            for part, known in template["scores"].items()
        }
        record = {**template, "arguments": arguments, "scores": scores}
        version = record["environment"]["handcrafted"]
        directory = out / directory_name(arguments, version)
        directory.mkdir()
        write_sealed_json(directory / "run.json", record)


def main() -> int:
    """Print a line for each question; returns 1 if one takes longer than the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="?", type=int, default=10_000, help="(default: 10,000)")
    runs = parser.parse_args().runs
    slow = False
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name), runs)
        for question, options in QUESTIONS.items():
            times = []
            for _ in range(3):
                started = time.perf_counter()
                command = [sys.executable, "-m", "compare", "results", name, *options]
                answer = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
                times.append(time.perf_counter() - started)
            lines = answer.stdout.count("\n")
            print(
                f"{question:<10} {runs:,} runs  {min(times):.2f}..{max(times):.2f} s, {lines} lines"
            )
            slow |= min(times) > LIMIT
    return int(slow)


if __name__ == "__main__":
    raise SystemExit(main())
