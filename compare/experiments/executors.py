"""Carries plans out: in this process or on several. Every command's runs go through here.

Whoever locks a run's directory carries it out, a finished one is not repeated, and a failed one
says why.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from compare.errors import (
    RunError,
    StorageError,
    TerminatedError,
    UsageError,
    terminations_raised,
)
from compare.experiments.environment import cores
from compare.experiments.plan import Plan, load_backend, plan_of
from compare.experiments.run import failure, load_or_run
from compare.files import make_directory
from compare.learned.training import Progress
from compare.results.runs import locked, read_record, write_failure

__all__ = [
    "PAUSE",
    "TRIES",
    "Outcome",
    "attempt",
    "attempt_from_arguments",
    "finished",
    "in_this_process",
    "map_on_processes",
    "on_processes",
    "unfinished",
    "write_down",
]

TRIES = 3
"""How many processes may die of a run before it counts as failed."""

_MOMENT = 5.0
"""Seconds that a process is given to save how far it has come."""

PAUSE = 0.2
"""Seconds between attempts at a run whose directory another process has locked."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its record is on disk, or why there is none."""

    run: str
    """The name of its directory; empty if not even its plan could be made."""
    status: str
    """"finished", "diverged", "failed", or "busy" while another process carries it out."""
    error: str = ""
    warnings: tuple[str, ...] = ()
    stored: bool = True
    """Whether the disk took what was written; if not, no other run need be tried."""


def finished(plan: Plan, out: Path) -> bool:
    """Whether a run is whole in `out`; `load_or_run` names what is not."""
    try:
        return read_record(plan.directory(out), check_files=True) is not None
    except ValueError:
        return False


def unfinished(plans: Sequence[Plan], out: Path) -> list[Plan]:
    """Return the plans that are not finished in `out`, which need not be there."""
    if not os.path.isdir(out):
        return list(plans)
    return [plan for plan in plans if not finished(plan, out)]


def attempt(
    plan: Plan,
    out: Path,
    force: bool,
    on_progress: Callable[[Progress], None] = lambda _: None,
    events: Path | None = None,
) -> Outcome:
    """Load a run or carry it out; only an interruption is raised."""
    warnings: list[str] = []
    name = plan.name()
    try:
        record = load_or_run(
            plan, out, on_progress, force=force, events=events, warn=warnings.append
        )
    except StorageError as error:
        return Outcome(name, "failed", str(error), tuple(warnings), stored=False)
    except Exception as error:
        return Outcome(name, "failed", _in_words(error), tuple(warnings))
    return Outcome(name, record["status"] if record else "busy", warnings=tuple(warnings))


def _in_words(error: Exception) -> str:
    if isinstance(error, RunError | UsageError):
        return str(error)
    if isinstance(error, MemoryError):
        # Outside of a training step, which names its batch: the data or the predictions.
        return f"out of memory ({str(error)[:120]}); try a smaller canvas or another device"
    return f"{type(error).__name__}: {error}"


def attempt_from_arguments(
    arguments: Mapping[str, Any], out: str, force: bool, events: str | None = None
) -> Outcome:
    """Carry a run out in another process, perhaps on another machine, from its arguments alone."""
    if not Path(out).is_dir():
        raise UsageError(
            f"'{out}' is not there on {platform.node()}; --out must be on a disk that all share"
        )
    try:
        plan = plan_of(arguments)
        load_backend(plan.backend, plan.device, plan.precision)
    except UsageError as error:
        return Outcome("", "failed", str(error))
    return attempt(plan, Path(out), force, events=None if events is None else Path(events))


def in_this_process(
    plans: Sequence[Plan],
    out: Path,
    force: bool,
    on_progress: Callable[[Plan, Progress], None],
    events: Path | None = None,
) -> Generator[tuple[Plan, Outcome], None, None]:
    """Carry runs out one after another; those that others have locked come last.

    Yields each plan with its outcome; also each time that a run is found to be busy.
    """
    waiting, passed = deque(plans), 0
    while waiting:
        plan = waiting.popleft()
        outcome = attempt(plan, out, force, partial(on_progress, plan), events)
        yield plan, outcome
        if outcome.status != "busy":
            passed = 0
            continue
        waiting.append(plan)
        passed += 1
        if passed >= len(waiting):
            time.sleep(PAUSE)


# --- On several processes -------------------------------------------------------------------


class _Worker:
    """A process of this machine that is sent the arguments of runs and sends outcomes back.

    What is sent is JSON. It is started afresh, since a fork would copy the threads' locks, and
    gets no interruption: whoever started it ends it.
    """

    def __init__(self, function: Callable[[dict[str, Any]], Any], threads: int) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, function, threads))
        with _interruptions_blocked():
            self.process.start()
        theirs.close()

    def send(self, arguments: Mapping[str, Any]) -> None:
        with suppress(OSError):  # it died; `receive` will say so
            self.connection.send_bytes(json.dumps(arguments).encode())

    def receive(self) -> Any:
        """Return what the function returned; EOFError if the process died."""
        try:
            return json.loads(self.connection.recv_bytes())
        except OSError as error:
            raise EOFError from error

    def ask_to_end(self) -> None:
        """Let the process save how far it has come, and end.

        On Windows it would end at once, unsaved; but there it gets Ctrl-C as well, and saves then.
        """
        if sys.platform == "win32":
            self.connection.close()
        else:
            self.process.terminate()

    def end(self) -> None:
        """Wait a moment for a process that was asked to end; then end it."""
        self.process.join(_MOMENT)
        self.process.kill()
        self.process.join()
        self.connection.close()


@contextmanager
def _interruptions_blocked() -> Iterator[None]:
    """Block Ctrl-C for a moment; processes that are started then never get it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which unblocks it, if this is the first process
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, function: Callable[[dict[str, Any]], Any], threads: int) -> None:
    """Answer until the other end is closed; end when the parent does."""
    from threadpoolctl import threadpool_limits

    os.environ["OMP_NUM_THREADS"] = str(threads)  # for libraries that are not loaded yet
    threadpool_limits(threads)
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    try:
        with terminations_raised():
            while True:
                arguments = json.loads(connection.recv_bytes())
                connection.send_bytes(json.dumps(function(arguments)).encode())
    except EOFError:
        return
    except TerminatedError as error:
        os._exit(128 + error.number)  # what it was at is saved
    except KeyboardInterrupt:  # on Windows, where Ctrl-C is for all processes of a window
        os._exit(130)


def map_on_processes(
    function: Callable[[dict[str, Any]], Any], items: Sequence[dict[str, Any]], workers: int
) -> list[Any]:
    """Apply a function of a module to JSON values, on as many processes as there are workers.

    Returns its results in order; None for an item whose process died.
    """
    results: list[Any] = [None] * len(items)
    for index, result in _answers(function, deque(enumerate(items)), workers, tries=1):
        results[index] = result
    return results


def _answers(
    function: Callable[[dict[str, Any]], Any],
    waiting: deque[tuple[int, dict[str, Any]]],
    workers: int,
    tries: int,
) -> Generator[tuple[int, Any], None, None]:
    """Yield (index, result) for every item of `waiting`, to which more may be added on the way.

    A process that dies is replaced and its item taken up again; None is the result of an item
    that this happens to so many `tries` times. The processes share the machine's cores.
    """
    threads = max(1, cores() // workers)
    idle: list[_Worker] = []
    busy: dict[_Worker, tuple[int, dict[str, Any]]] = {}
    died: dict[int, int] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(function, threads)
                busy[worker] = waiting.popleft()
                worker.send(busy[worker][1])
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                index, item = busy.pop(worker)
                try:
                    result = worker.receive()
                    idle.append(worker)
                except EOFError:
                    worker.end()
                    died[index] = died.get(index, 0) + 1
                    if died[index] < tries:
                        waiting.append((index, item))
                        continue
                    result = None
                yield index, result
    finally:
        for worker in (*idle, *busy):
            worker.ask_to_end()
        for worker in (*idle, *busy):
            worker.end()


def _attempt_item(item: dict[str, Any]) -> dict[str, Any]:
    return asdict(attempt_from_arguments(**item))


def on_processes(
    plans: Sequence[Plan], out: Path, force: bool, workers: int, events: Path | None = None
) -> Generator[tuple[Plan, Outcome], None, None]:
    """Carry runs out on processes of this machine, which share its cores.

    A process that dies is replaced and its run resumed from its checkpoint; a run that this
    happens to `TRIES` times has failed.
    """
    place = {
        "out": str(out), "force": force, "events": None if events is None else str(events)
    }  # fmt: skip
    items = [{"arguments": plan.arguments(), **place} for plan in plans]
    waiting = deque(enumerate(items))
    for index, result in _answers(_attempt_item, waiting, min(workers, len(plans) or 1), TRIES):
        plan = plans[index]
        if result is None:
            outcome = Outcome("", "failed", f"its process died {TRIES} times")
        else:
            outcome = Outcome(**{**result, "warnings": tuple(result["warnings"])})
        if outcome.status == "busy":
            time.sleep(PAUSE)
            waiting.append((index, items[index]))
        yield plan, write_down(outcome, plan, out)


def write_down(outcome: Outcome, plan: Plan, out: Path) -> Outcome:
    """Record the failure of a run whose process could not do so itself."""
    if outcome.run:
        return outcome
    directory = plan.directory(out)
    make_directory(directory)
    with locked(directory) as mine:
        if mine:
            write_failure(directory, failure(plan, outcome.error))
    return replace(outcome, run=plan.name())
