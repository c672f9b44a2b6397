"""`compare rerun`: a finished run once more."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from compare.cli import output

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = (
    "Repeat a finished run from its run.json, and say whether its scores are the same. The exit "
    "code is 0 if they are and 1 if not."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run."""
    parser.add_argument("run", metavar="RUN", help="the run's directory, or its run.json")


def run(options: argparse.Namespace) -> int:
    """Repeat the run and print what is the same."""
    from compare.experiments.rerun import rerun
    from compare.report.text import columns

    repetition = rerun(Path(options.run))
    output.show(f"{repetition.run}\n")
    output.show(columns([("score", "then", "now"), *_texts(repetition.scores)]))
    if repetition.environment:
        output.show("\nWhat the result also depends on has changed:")
        for name, then, now in _texts(repetition.environment):
            output.show(f"  {name}: {then} then, {now} now")
    verdicts = {
        "scores": repetition.same,
        "predictions": repetition.predictions,
        "weights": repetition.weights,
    }
    output.show()
    for what, same in verdicts.items():
        output.show(f"The {what} are {'the same, to the last bit' if same else 'NOT the same'}.")
    return 0 if repetition.same else 1


def _texts(rows: list[tuple[str, Any, Any]]) -> list[tuple[str, str, str]]:
    return [(name, str(then), str(now)) for name, then, now in rows]
