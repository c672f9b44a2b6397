"""Carries plans out on a Dask cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from uuid import uuid4

from compare import backends
from compare.errors import RunError, UsageError, choice
from compare.experiments.estimate import seconds_a_step
from compare.experiments.executors import (
    PAUSE,
    Outcome,
    attempt_from_arguments,
    write_down,
)
from compare.experiments.plan import Place, Plan, here

__all__ = ["connect", "lacks_gpu", "measure_on_cluster", "on_cluster", "on_gpu", "on_workers"]

_LOOK = 1.0
"""Seconds without the end of a run after which a cluster's workers are counted."""


def on_workers(name: str, device: str, precision: str | None) -> Place:
    """Find a backend that workers have; `UsageError` if it has no such name, or no device.

    "auto" would mean another device, and so another run, on every machine.
    """
    choice("backend", name, backends.available())
    if name == "numpy":
        return here(name, device, precision)
    if device == "auto":
        raise UsageError(
            f"device 'auto' of backend '{name}' may be another on each worker; name the device"
        )
    return name, device, precision or "float32"


def on_gpu(plan: Plan) -> bool:
    """Whether the run's device is none of the processor's."""
    return not plan.device.startswith("cpu")


def on_cluster(
    todo: Sequence[Plan],
    out: Path,
    force: bool,
    client: Any,
    say: Callable[[str], None],
    events: Path | None = None,
) -> Generator[tuple[Plan, Outcome], None, None]:
    """Carry runs out on the workers of a `distributed.Client`.

    Workers may come late and leave: while there is none, it waits, and says so each time that
    begins. A run whose device is a GPU asks for one unit of the resource "GPU". The scheduler gives
    the run of a worker that dies to another; one that takes down several workers has failed.
    Raises `RunError` if the scheduler itself is lost.
    """
    ended: Queue[Any] = Queue()
    planned: dict[str, tuple[Plan, Any]] = {}
    keys = (f"compare-{uuid4()}" for _ in count())

    def submit(plan: Plan) -> None:
        resources = {"GPU": 1} if on_gpu(plan) else None
        beside = None if events is None else str(events.absolute())
        arguments = (plan.arguments(), str(out.absolute()), force, beside)
        future = client.submit(
            attempt_from_arguments, *arguments, key=next(keys), resources=resources
        )
        planned[future.key] = plan, future
        future.add_done_callback(ended.put)

    for plan in todo:
        submit(plan)
    try:
        attended = _attended(client, True, say)
        while planned:
            try:
                future = ended.get(timeout=_LOOK)
            except Empty:
                attended = _attended(client, attended, say)
                continue
            attended = True
            if future.cancelled():
                raise _lost(client)
            try:
                error = future.exception(timeout=_LOOK)
                outcome: Any = None if error else future.result(timeout=_LOOK)
            except TimeoutError:
                # Its worker died before the result was fetched: it is to be computed once more,
                # by a worker that may have yet to come.
                future.add_done_callback(ended.put)
                attended = _attended(client, attended, say)
                continue
            plan, _ = planned.pop(future.key)
            if isinstance(error, UsageError):
                raise error
            if isinstance(error, ImportError):
                raise UsageError(f"the workers need handcrafted as it is here: {error}")
            if error is not None:  # the scheduler's own, such as KilledWorker
                outcome = Outcome("", "failed", f"{type(error).__name__}: {error}")
            if outcome.status == "busy":
                time.sleep(PAUSE)
                submit(plan)
                continue
            outcome = write_down(outcome, plan, out)
            if outcome.run != plan.name():
                raise UsageError("a worker has another version of handcrafted; install the same")
            if outcome.stored and not _arrived(plan.directory(out)):
                raise UsageError(
                    f"a worker did {plan.name()}, but it is not in '{out}' here; "
                    "--out must be on a disk that all share"
                )
            yield plan, outcome
    finally:
        client.cancel([future for _, future in planned.values()])


def _attended(client: Any, before: bool, say: Callable[[str], None]) -> bool:
    """Whether the scheduler has a worker; says so when it has none any more."""
    try:
        attended = bool(client.nthreads())
    except OSError as error:
        raise _lost(client) from error
    if before and not attended:
        address = client.scheduler.address
        say(f"waiting for workers of {address}; start some with: dask worker {address}")
    return attended


def _lost(client: Any) -> RunError:
    return RunError(
        f"the Dask scheduler at {client.scheduler.address} is gone; what was finished is kept: "
        "start it again, and the same command resumes"
    )


def lacks_gpu(todo: Sequence[Plan], client: Any) -> bool:
    """Whether a run needs a GPU and no worker there is now offers one."""
    if not any(on_gpu(plan) for plan in todo):
        return False
    workers = client.run_on_scheduler(_offers)
    return bool(workers) and not any(workers)


def _offers(dask_scheduler: Any) -> list[bool]:
    return [ws.resources.get("GPU", 0) >= 1 for ws in dask_scheduler.workers.values()]


def _arrived(directory: Path) -> bool:
    """Whether a run's record is here; a network's disk may take a moment."""
    for _ in range(50):
        if any((directory / name).exists() for name in ("run.json", "failure.json")):
            return True
        time.sleep(PAUSE)
    return False


def connect(address: str) -> Any:
    """Return a client of the Dask scheduler at `address`; `UsageError` if there is none."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "--scheduler needs Dask, which is not installed; "
            "run: pip install 'handcrafted[cluster]'"
        ) from error
    # What it would log, with tracebacks, comes here as an exception and is said in one line; what
    # its tasks leave behind at an interruption asyncio would log.
    for logger in ("distributed.client", "asyncio"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        return Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at '{address}'; start one with 'dask scheduler' and give "
            "its address, such as tcp://host:8786"
        ) from error


def measure_on_cluster(client: Any, sample: Sequence[Plan]) -> list[float | None]:
    """Measure steps on the workers, as far as there are any and they answer in a minute."""
    from distributed import wait

    if not client.nthreads():
        return [None] * len(sample)
    futures = [
        client.submit(
            seconds_a_step,
            plan.arguments(),
            key=f"compare-{uuid4()}",
            resources={"GPU": 1} if on_gpu(plan) else None,
        )
        for plan in sample
    ]
    with suppress(TimeoutError):
        wait(futures, timeout=60)  # type: ignore[no-untyped-call]
    steps = [future.result() if future.status == "finished" else None for future in futures]
    client.cancel(futures)
    return steps
