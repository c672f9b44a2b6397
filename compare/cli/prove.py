"""`compare prove`: the proofs of exactness."""

from __future__ import annotations

import argparse
import time
from itertools import chain

from compare.cli import output, progress
from compare.errors import UsageError, choice
from compare.experiments.values import count, names

__all__ = ["DESCRIPTION", "DTYPES", "add_arguments", "run"]

DESCRIPTION = (
    "Prove that the handcrafted networks are exact: on every canvas by lemmas that an SMT solver "
    "checks, and by trying the cases of the canvases up to --max-size: every one, or as many of "
    "how many as is said. Then that the "
    "published architectures are, with computed weights, in every case of the canvas of --max-size."
)

DTYPES = ("float16", "float32", "float64", "int64")
"""In which every case can be tried."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is proved, and how far."""
    parser.add_argument("--task", metavar="NAMES", help="comma-separated (default: all of them)")
    parser.add_argument(
        "--max-size",
        metavar="N",
        default="64",
        help="side of the largest canvas in pixels (default: 64, which takes minutes)",
    )
    parser.add_argument(
        "--dtype",
        metavar="NAME",
        default="float32",
        help=f"to try cases in: {', '.join(DTYPES)} (default: float32)",
    )


def run(options: argparse.Namespace) -> int:
    """Prove and print each claim; the exit code is 1 unless all is proved."""
    from compare.experiments import exactness
    from handcrafted.proofs.claims import CLAIMS, Proved, expected_seconds, prove
    from handcrafted.proofs.symbolic import ProofError

    tasks = names("task with proofs", options.task, tuple(CLAIMS))
    choice("dtype", options.dtype, DTYPES)
    max_size = count("--max-size", options.max_size)
    from compare.experiments import memory
    from handcrafted.exactness import require_exact

    try:
        require_exact(options.dtype, max_size)
    except ValueError as error:
        raise UsageError(f"--max-size: {error}") from error
    for claim in (claim for task in tasks for claim in CLAIMS[task]):
        memory.require_enumeration("--max-size", options.max_size, max_size, claim.every_size)

    from textwrap import fill, wrap

    counted = {"cases": 0, "lemmas": 0, "integers": 0}
    skipped, gaps, started = 0, 0, time.perf_counter()
    width = output.width()
    computed = [
        claim for task in tasks if task in exactness.CASES for claim in exactness.claims(task)
    ]
    if progress.level.get() > progress.QUIET:
        seconds = sum(
            expected_seconds(claim, max_size, options.dtype)
            for task in tasks
            for claim in CLAIMS[task]
        )
        if options.dtype == "float32":
            seconds += sum(exactness.expected_seconds(claim, max_size) for claim in computed)
        progress.announce(seconds, "proofs")
    # Each network by lemmas and by enumeration, computed weights by enumeration, and the dtype.
    proofs = 1 + 2 * sum(len(CLAIMS[task]) for task in tasks) + len(computed)
    results = chain(
        prove(tasks, max_size, options.dtype),
        exactness.prove_all(computed, max_size, options.dtype),
    )
    try:
        with progress.bar(proofs, "proof") as bar:
            for result in results:
                if isinstance(result, Proved):
                    counted[result.unit] += result.cases
                    lines = wrap(f"proved   {result.network}", width, subsequent_indent=" " * 9)
                    details = (
                        f"{result.means}, {result.cases:,} {result.unit}, {result.seconds:.1f} s"
                    )
                else:
                    skipped += 1
                    gaps += result.gap
                    lines = wrap(f"SKIPPED  {result.network}", width, subsequent_indent=" " * 9)
                    details = result.reason
                lines += [
                    f"         {line}"
                    for line in (*wrap(result.claim, width - 10), *wrap(details, width - 10))
                ]
                with bar.external_write_mode():
                    output.show("\n".join(lines), now=True)
                bar.update()
    except ProofError as error:
        output.complain(f"NOT PROVED: {error}")
        return 1
    verdict = "All proved"
    if skipped:
        verdict = f"Proved but for {skipped} skipped"
    if gaps:
        verdict = "Not everything was proved (see SKIPPED)"
    output.show(
        fill(
            f"{verdict}: {counted['lemmas']:,} lemmas, {counted['cases']:,} cases tried, "
            f"in {time.perf_counter() - started:.1f} s.",
            width,
        )
    )
    return 1 if gaps else 0
