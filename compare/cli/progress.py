"""What commands print on the way: a bar with the time left, notes, details.

`-q` and `-v` decide. What was asked for itself, such as a table, is printed by the command and is
none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.cli import output

if TYPE_CHECKING:
    from tqdm import tqdm

    from compare.experiments.comparison import Start
    from compare.experiments.executors import Outcome
    from compare.experiments.plan import Plan

__all__ = [
    "NORMAL",
    "QUIET",
    "VERBOSE",
    "announce",
    "bar",
    "detail",
    "level",
    "none_started",
    "note",
    "on_this_machine",
    "to_carry_out",
    "warn",
    "watch",
]

QUIET, NORMAL, VERBOSE = -1, 0, 1

level: ContextVar[int] = ContextVar("level", default=NORMAL)
"""Of this process's commands; the command line sets it."""


def bar(total: int, unit: str, shown: bool = True) -> tqdm[Any]:
    """Return a progress bar with the time left on standard error; none if that is no terminal.

    It is never shown in a process that leaves reporting to another, where `shown` is False.
    It is drawn without colour, so NO_COLOR (no-color.org) has nothing to take away.
    """
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, disable=None if shown and level.get() > QUIET else True)


def note(message: str) -> None:
    """Print what is good to know, such as where results are; nothing if quiet."""
    if level.get() > QUIET:
        output.show(message)


def detail(message: str) -> None:
    """Print on standard error, above a bar, what is of interest when asked for more."""
    if level.get() >= VERBOSE:
        warn(message)


def warn(message: str) -> None:
    """Print a line on standard error, above a bar if there is one."""
    from tqdm import tqdm

    with tqdm.external_write_mode():
        output.complain(message)


def announce(seconds: float | None, what: str) -> None:
    """Say about how long work takes, unless it is a minute or less, or not known."""
    if seconds is not None and seconds > 60 and level.get() > QUIET:
        warn(f"{on_this_machine(seconds, what)}; Ctrl-C keeps what is done")


def on_this_machine(seconds: float | None, what: str) -> str:
    """Write what is to be done with about how long it takes; None where that is not known."""
    from compare.experiments.values import duration

    time = "for a time not known" if seconds is None else f"about {duration(seconds)}"
    return f"{what}, {time} on this machine"


def to_carry_out(noun: str, plans: Sequence[Plan]) -> tuple[float | None, str]:
    """Return about how many seconds plans take, None if not known of all, and how many there are.

    noun: what one is called, such as "run".
    """
    from compare.experiments.estimate import estimate, measure_here
    from compare.experiments.plan import load_backend
    from compare.report.text import counted

    what = f"{counted(len(plans), noun)} to carry out"
    if (
        not plans
        or load_backend(plans[0].backend, plans[0].device, plans[0].precision).processes > 1
    ):
        return 0.0, what  # each of several processes would have to take part
    found = estimate(plans, measure_here)
    return None if found.unknown else found.seconds, what


def none_started(noun: str, plans: Sequence[Plan], missing: Sequence[Plan]) -> None:
    """Print the heading of a dry run: how many plans there are, and what the missing ones take."""
    from compare.report.text import counted

    first = plans[0]
    about = f"\n{on_this_machine(*to_carry_out(noun, missing))}." if missing else ""
    where = f"{first.backend}, {first.device}"
    output.show(f"{counted(len(plans), noun)} on {where}; none was started.{about}\n")


def watch(
    plans: Sequence[Plan], out: Path, start: Start, shown: bool = True
) -> Iterator[tuple[Plan, Outcome]]:
    """Yield the plans' last outcomes as they come, under one progress bar.

    `start` starts to carry them out. Warnings, and runs that another process has locked, are
    printed on the way.
    """
    from compare.experiments import comparison

    with bar(comparison.steps_of(plans), "epoch", shown) as shown_bar:
        yield from comparison.watch(out, start, shown_bar, warn, detail)
