"""Many runs from one small file: in this process, on several, or on a Dask cluster.

Wherever they are carried out, runs go through `compare.run.settle`: whoever holds a run's
directory does it, a finished one is not repeated, and a failed one says why.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import signal
import threading
import time
import tomllib
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from itertools import count, pairwise, product
from multiprocessing import get_context, parent_process
from pathlib import Path
from queue import Empty, Queue
from typing import Any, TypeAlias
from uuid import uuid4

from compare import RunError, StorageError, UsageError, backends, results
from compare.backends import Backend
from compare.learned.solver import Learned
from compare.learned.training import Progress
from compare.options import LARGEST, MOST_SEEDS
from compare.plan import Plan, Request, lay_out, restored
from compare.run import cores, settle
from compare.solvers import Budget, offered

TRIES = 3
"""How many processes may die of a run before it counts as failed."""

_PAUSE = 0.2
"""Seconds between looks at a run that another process holds."""

_LOOK = 1.0
"""Seconds without the end of a run after which a cluster's workers are counted."""

_DRAWING_SECONDS = 0.5
"""What a run takes beside training and predicting, mostly for its picture."""

_JOINED = ("solver", "split", "eval_size")
"""Keys whose lists belong to each point of the grid, as those of the options do."""

_SPANNING = tuple(field.name for field in fields(Request) if field.name not in ("seeds", *_JOINED))
"""Keys whose lists span the grid."""


def read(file: Path) -> list[Request]:
    """Read a sweep's file: every point of every grid in it, unchecked but for the keys and types.

    A key is an option of `compare run` with `_` for `-`; its value is one value or a list. Keys
    before the first `[[grid]]` hold for every grid; without any, they are the only one. `seeds` is
    a number of seeds, as of the option, or a list of seeds. Raises `UsageError`.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read '{file}': {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file} is not TOML: {error}") from error
    grids = content.pop("grid", [{}])
    if (
        not isinstance(grids, list)
        or not grids
        or not all(isinstance(grid, dict) for grid in grids)
    ):
        raise UsageError(f"{file}: 'grid' is not a table; write [[grid]] above each grid")
    requests: list[Request] = []
    for index, grid in enumerate(grids, start=1):
        where = f"{file}, grid {index}" if len(grids) > 1 else str(file)
        requests += _points({**content, **grid}, where)
    return requests


def _points(grid: dict[str, Any], where: str) -> Iterator[Request]:
    known = [field.name for field in fields(Request)]
    for key in grid:
        if key not in known:
            raise UsageError(f"{where}: unknown key '{key}'; choose from: {', '.join(known)}")
    if "task" not in grid:
        raise UsageError(f"{where}: no 'task'; 'compare list' names them")
    seeds = _seeds(grid.get("seeds", 3), where)
    texts = {}
    for key in grid.keys() - {"seeds"}:
        values = grid[key] if isinstance(grid[key], list) else [grid[key]]
        if not values:
            raise UsageError(f"{where}: {key} is an empty list; give one value or more")
        texts[key] = [_text(value, f"{where}: {key}") for value in values]
    joined = {key: ",".join(texts[key]) for key in _JOINED if key in texts}
    spanning = [key for key in _SPANNING if key in texts]
    for point in product(*(texts[key] for key in spanning)):
        yield Request(**dict(zip(spanning, point, strict=True)), **joined, seeds=seeds)


def _text(value: Any, what: str) -> str:
    """Return a value as the command line would have it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{what} is {value!r}; give a number or a text, or a list of them")
    return value if isinstance(value, str) else repr(value)


def _seeds(value: Any, where: str) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_SEEDS:
        return tuple(range(value))
    seeds = value if isinstance(value, list) else []
    if not seeds or any(type(seed) is not int or not 0 <= seed <= LARGEST for seed in seeds):
        raise UsageError(
            f"{where}: seeds is {value!r:.40}; give how many, 1 to {MOST_SEEDS}, "
            "or a list of whole numbers"
        )
    return tuple(dict.fromkeys(seeds))


@dataclass(frozen=True)
class Remote:
    """A backend on machines of a cluster; here only its name is known."""

    name: str
    device: str
    precision: str

    def jit(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Leave a function as it is: networks are laid out here, and computed elsewhere."""
        return function


def remote(name: str, device: str, precision: str) -> Backend:
    """Stand in for a backend that workers load; `UsageError` if it has no such name, or no device.

    "auto" would mean another device, and so another run, on every machine.
    """
    known = backends.available()
    if name not in known:
        raise UsageError(f"unknown backend '{name}'; choose from: {', '.join(known)}")
    if name == "numpy":
        return backends.load(name, device, precision)
    if device == "auto":
        raise UsageError(
            f"device 'auto' of backend '{name}' may be another on each worker; name the device"
        )
    stand_in: Any = Remote(name, device, precision)
    return stand_in  # type: ignore[no-any-return]


def plans(file: Path, load: Callable[[str, str, str], Backend] = backends.load) -> list[Plan]:
    """Lay out every run of a sweep's file, each once; `UsageError` names the file and the fault."""
    laid: dict[str, Plan] = {}
    requests = read(file)
    # What is installed is looked up once: it takes longer than all else here.
    load, offer = cache(load), cache(offered)
    for request in requests:
        try:
            points = lay_out(request, str, load, offer)
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from error
        for plan in points:
            laid.setdefault(plan.name(), plan)
    return list(laid.values())


def on_gpu(plan: Plan) -> bool:
    """Whether the run's device is none of the processor's."""
    return not plan.setting.backend.device.startswith("cpu")


def finished(plan: Plan, out: Path) -> bool:
    """Whether a run lies in `out` whole; `settle` names what is not."""
    try:
        return results.read_record(plan.directory(out), check_files=True) is not None
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


def on_cluster(
    todo: Sequence[Plan], out: Path, force: bool, client: Any, say: Callable[[str], None]
) -> Generator[Outcome, None, None]:
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
        arguments = (plan.arguments(), str(out.absolute()), force)
        future = client.submit(carry_out, *arguments, key=next(keys), resources=resources)
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
                time.sleep(_PAUSE)
                submit(plan)
                continue
            outcome = _written_down(outcome, plan, out)
            if outcome.run != plan.name():
                raise UsageError("a worker has another version of handcrafted; install the same")
            if outcome.stored and not _arrived(plan.directory(out)):
                raise UsageError(
                    f"a worker did {plan.name()}, but it is not in '{out}' here; "
                    "--out must be on a disk that all share"
                )
            yield outcome
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
        "start it again, and the same command goes on"
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
        time.sleep(_PAUSE)
    return False


def _written_down(outcome: Outcome, plan: Plan, out: Path) -> Outcome:
    """Record the failure of a run whose process could not do so itself."""
    if outcome.run:
        return outcome
    from compare.run import failure

    directory = plan.directory(out)
    directory.mkdir(exist_ok=True)
    with results.held(directory) as mine:
        if mine:
            results.write_failure(directory, failure(plan, outcome.error))
    return replace(outcome, run=plan.name())


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


Measure: TypeAlias = Callable[[Sequence[Plan]], list[float | None]]
"""Seconds that one training step of each run takes; None where that cannot be said."""


@dataclass(frozen=True)
class Estimate:
    """How long runs will take, one after another."""

    seconds: float
    unknown: int
    """Runs that are not in it."""


def estimate(todo: Sequence[Plan], measure: Measure) -> Estimate:
    """Estimate what runs take from the time of one training step of each network in them."""
    like: dict[Any, Plan] = {}
    for plan in todo:
        if plan.epochs:
            like.setdefault(_kind(plan), plan)
    steps = dict(zip(like, measure(list(like.values())), strict=True))
    total, unknown = 0.0, 0
    for plan in todo:
        if plan.recipe is None:
            total += 2 * _DRAWING_SECONDS
            continue
        step = steps[_kind(plan)]
        if step is None:
            unknown += 1
            continue
        setting, batch = plan.setting, plan.recipe.batch
        split = setting.task.split(setting.split, setting.height, setting.width)
        an_epoch = math.ceil(len(split.train) / batch)
        # Predicting takes the forward third of a step, for the samples held out as well.
        steps_done = plan.epochs * an_epoch + (an_epoch + len(split.test) / batch) / 3
        total += steps_done * step + _DRAWING_SECONDS
    return Estimate(total, unknown)


def _kind(plan: Plan) -> Any:
    """Tell runs apart whose steps take different times."""
    setting, recipe = plan.setting, plan.recipe
    solver = plan.entry.build(setting, recipe, None)
    network: Any = (setting.task.name, plan.solver, setting.height, setting.width)
    if isinstance(solver, Learned):
        network = solver.architecture
    return network, recipe and recipe.batch, setting.backend.name, setting.backend.device


def seconds_a_step(arguments: dict[str, Any]) -> float | None:
    """Train on one batch again and again, and return the shortest time that took.

    None for a run that cannot even do that; why, it will say itself when it is carried out.
    """
    moments: list[float] = []
    try:
        plan = restored(arguments)
        setting = plan.setting
        assert plan.recipe is not None
        train = setting.task.split(setting.split, setting.height, setting.width).train
        first = replace(train, positions=train.positions[: plan.recipe.batch])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan.entry.build(setting, plan.recipe, None).fit(
                first,
                seed=0,
                budget=Budget(3),
                on_progress=lambda _: moments.append(time.perf_counter()),
            )
    except Exception:
        return None
    # The first step compiles and warms up. One that diverges at once leaves a single moment.
    return min((b - a for a, b in pairwise(moments)), default=None)


def measure_here(sample: Sequence[Plan]) -> list[float | None]:
    """Measure steps in this process."""
    return [seconds_a_step(plan.arguments()) for plan in sample]


def measure_on_processes(workers: int, sample: Sequence[Plan]) -> list[float | None]:
    """Measure steps while as many processes are at work as in the sweep."""
    processes = min(workers, max(1, len(sample)))
    threads = max(1, cores() // workers)
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin_worker, (threads,)) as pool:
        try:
            return list(pool.map(seconds_a_step, [plan.arguments() for plan in sample]))
        except BrokenProcessPool:
            return [None] * len(sample)


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
