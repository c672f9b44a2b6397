"""`compare rerun`: a finished run once more."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def _rerun(options: argparse.Namespace) -> int:
    from compare.experiments.rerun import rerun
    from compare.report.text import columns

    repetition = rerun(Path(options.run))
    print(f"{repetition.run}\n")
    print(columns([("score", "then", "now"), *_texts(repetition.scores)]))
    if repetition.environment:
        print("\nWhat the result also depends on has changed:")
        for name, then, now in _texts(repetition.environment):
            print(f"  {name}: {then} then, {now} now")
    verdicts = {
        "scores": repetition.same,
        "predictions": repetition.predictions,
        "weights": repetition.weights,
    }
    print()
    for what, same in verdicts.items():
        print(f"The {what} are {'the same, to the last bit' if same else 'NOT the same'}.")
    return 0 if repetition.same else 1


def _texts(rows: list[tuple[str, Any, Any]]) -> list[tuple[str, str, str]]:
    return [(name, str(then), str(now)) for name, then, now in rows]
