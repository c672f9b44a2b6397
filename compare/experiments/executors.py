"""Carries plans out: in this process or on several."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from compare.errors import StorageError, UsageError
from compare.experiments.environment import cores
from compare.experiments.plan import Plan, restored
from compare.experiments.run import settle
from compare.learned.training import Progress
from compare.results.runs import held, read_record, write_failure

TRIES = 3
"""How many processes may die of a run before it counts as failed."""

_PAUSE = 0.2
"""Seconds between looks at a run that another process holds."""


def finished(plan: Plan, out: Path) -> bool:
    """Whether a run lies in `out` whole; `settle` names what is not."""
    try:
        return read_record(plan.directory(out), check_files=True) is not None
    except ValueError:
        return False


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its record is on disk, or why there is none."""

    run: str
    """The name of its directory; empty if it could not even be laid out."""
    status: str
    """"finished", "diverged", "failed", or "busy" while another process does it."""
    error: str = ""
    said: tuple[str, ...] = ()
    """Files that were not trusted."""
    stored: bool = True
    """Whether the disk took what was written; if not, no other run need be tried."""


def attempt(
    plan: Plan, out: Path, force: bool, on_progress: Callable[[Progress], None] = lambda _: None
) -> Outcome:
    """Settle a run; only an interruption is raised."""
    said: list[str] = []
    name = plan.name()
    try:
        record = settle(plan, out, on_progress, force=force, say=said.append)
    except StorageError as error:
        return Outcome(name, "failed", str(error), tuple(said), stored=False)
    except Exception as error:
        return Outcome(name, "failed", f"{type(error).__name__}: {error}", tuple(said))
    return Outcome(name, record["status"] if record else "busy", said=tuple(said))


def carry_out(arguments: dict[str, Any], out: str, force: bool) -> Outcome:
    """Settle a run in another process, perhaps on another machine, from its arguments alone."""
    if not Path(out).is_dir():
        raise UsageError(
            f"'{out}' is not there on {platform.node()}; --out must be on a disk that all share"
        )
    try:
        plan = restored(arguments)
    except UsageError as error:
        return Outcome("", "failed", str(error))
    return attempt(plan, Path(out), force)


def in_this_process(
    todo: Sequence[Plan], out: Path, force: bool, on_progress: Callable[[Plan, Progress], None]
) -> Generator[Outcome, None, None]:
    """Carry runs out one after another; those that others are at come last."""
    waiting = deque(todo)
    passed = 0
    while waiting:
        plan = waiting.popleft()
        outcome = attempt(plan, out, force, partial(on_progress, plan))
        if outcome.status != "busy":
            passed = 0
            yield outcome
            continue
        waiting.append(plan)
        passed += 1
        if passed >= len(waiting):
            time.sleep(_PAUSE)


def _begin_worker(threads: int) -> None:
    """Set a process up to share the machine with others, and to end when its parent does."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for libraries that are not loaded yet
    threadpool_limits(threads)
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _worker(threads: int) -> ProcessPoolExecutor:
    """Start one process; started afresh, since a fork would copy the threads' locks."""
    return ProcessPoolExecutor(1, get_context("spawn"), _begin_worker, (threads,))


def on_processes(
    todo: Sequence[Plan], out: Path, force: bool, workers: int
) -> Generator[Outcome, None, None]:
    """Carry runs out on processes of this machine, which share its cores.

    A process that dies is replaced and its run taken up again, from its checkpoint; a run that
    this happens to `TRIES` times has failed.
    """
    threads = max(1, cores() // workers)
    waiting = deque((plan, 1) for plan in todo)
    idle = [_worker(threads) for _ in range(min(workers, len(todo)))]
    busy: dict[Future[Outcome], tuple[ProcessPoolExecutor, Plan, int]] = {}
    try:
        while waiting or busy:
            while waiting and idle:
                worker, (plan, tries) = idle.pop(), waiting.popleft()
                try:
                    future = worker.submit(carry_out, plan.arguments(), str(out), force)
                except BrokenProcessPool:  # it died with nothing to do
                    idle.append(_worker(threads))
                    waiting.appendleft((plan, tries))
                else:
                    busy[future] = worker, plan, tries
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                worker, plan, tries = busy.pop(future)
                try:
                    outcome = future.result()
                    idle.append(worker)
                except BrokenProcessPool:
                    worker.shutdown(wait=False)
                    idle.append(_worker(threads))
                    if tries < TRIES:
                        waiting.append((plan, tries + 1))
                        continue
                    outcome = Outcome("", "failed", f"its process died {TRIES} times")
                if outcome.status == "busy":
                    waiting.append((plan, tries))
                    time.sleep(_PAUSE)
                else:
                    yield _written_down(outcome, plan, out)
    finally:
        for worker in (*idle, *(worker for worker, _, _ in busy.values())):
            _end(worker)


def _end(worker: ProcessPoolExecutor) -> None:
    """End a process now: what it has done is on disk, and the rest is taken up another time."""
    processes = list((worker._processes or {}).values())
    worker.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()


def _written_down(outcome: Outcome, plan: Plan, out: Path) -> Outcome:
    """Record the failure of a run whose process could not do so itself."""
    if outcome.run:
        return outcome
    from compare.experiments.run import failure

    directory = plan.directory(out)
    directory.mkdir(exist_ok=True)
    with held(directory) as mine:
        if mine:
            write_failure(directory, failure(plan, outcome.error))
    return replace(outcome, run=plan.name())
