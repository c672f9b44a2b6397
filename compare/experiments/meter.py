"""Measures what a run takes: processors, GPUs, and energy where the machine tells it."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compare.backends import Backend
from compare.errors import StorageError
from compare.files import read_sealed_json, write_sealed_json
from compare.results.ledger import FILE, UNKNOWN, Ledger, total

__all__ = ["POWERCAP", "devices", "metered"]

POWERCAP = Path("/sys/class/powercap")
"""Where Linux has the counters of RAPL, one a processor and one a processor's memory."""

_LOOK_SECONDS = 30.0
"""Between two looks at counters that begin again at 0 after an hour or so."""


@contextmanager
def metered(directory: Path, backend: Backend) -> Iterator[Callable[[], Ledger]]:
    """Yield what returns how much was taken since then and by earlier attempts.

    It must be called in all of the processes that compute together; multiply-adds are for whoever
    knows the model. An attempt that an interruption or an error ends is written down for the next;
    of one that was killed nothing is known, and so nothing of the run either. Raises
    `StorageError`.
    """
    file = directory / FILE
    earlier = Ledger()
    if backend.first:
        earlier = _earlier(file)
        write_sealed_json(file, asdict(UNKNOWN))
    counters = _Counters(backend)

    def taken() -> Ledger:
        own = json.dumps(asdict(counters.read())).encode()
        together = total(Ledger(**json.loads(each)) for each in backend.gather(own))
        return earlier + together

    try:
        yield taken
    except BaseException:
        if backend.first:
            own = counters.read()
            if backend.processes > 1:  # the others may be gone
                own = Ledger(
                    None,
                    None if own.gpu_seconds is None else own.gpu_seconds * backend.processes,
                    0,
                    None,
                    None,
                )
            with suppress(StorageError):  # then it stays unknown
                write_sealed_json(file, asdict(earlier + own))
        raise
    finally:
        counters.end()


def _earlier(file: Path) -> Ledger:
    try:
        return Ledger(**read_sealed_json(file))
    except FileNotFoundError:
        return Ledger()
    except (ValueError, TypeError):
        return UNKNOWN


class _Counters:
    """What one process takes from now on."""

    def __init__(self, backend: Backend) -> None:
        self._devices = devices(backend)
        # On a machine with several processes of a run, one looks at what they share.
        shared = os.environ.get("LOCAL_RANK", "0") != "0"
        self._package = None if shared else _Packages()
        self._shared = shared
        self._gpu = _gpu_joules(backend) if self._devices else None
        self._backend = backend
        self._began, self._processors = time.perf_counter(), _processor_seconds()

    def read(self) -> Ledger:
        """Return what was taken."""
        seconds = time.perf_counter() - self._began
        gpu_seconds = None if self._devices is None else self._devices * seconds
        gpu_joules: float | None = 0.0
        if self._devices != 0:
            now = _gpu_joules(self._backend)
            gpu_joules = None if now is None or self._gpu is None else now - self._gpu
        return Ledger(
            _processor_seconds() - self._processors,
            gpu_seconds,
            0,
            0.0 if self._package is None else self._package.joules(),
            gpu_joules,
        )

    def end(self) -> None:
        """Look at no counters any more."""
        if self._package is not None:
            self._package.end()


def devices(backend: Backend) -> int | None:
    """Return how many GPUs or TPUs this process has, 0 on a CPU; None where that is not known."""
    several = re.fullmatch(r"(\d+) x (\w+)", backend.device)
    kind = several[2] if several else backend.device.partition(":")[0]
    if kind == "cpu":
        return 0
    if kind not in ("cuda", "rocm", "tpu", "mps"):
        return None
    return (int(several[1]) if several else 1) // backend.processes


def _processor_seconds() -> float:
    """Seconds of all threads of this process, and of its children that have ended."""
    ended = 0.0
    with suppress(ImportError):  # not on Windows
        import resource

        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = usage.ru_utime + usage.ru_stime
    return time.process_time() + ended


def _gpu_joules(backend: Backend) -> float | None:
    """Joules of this process's GPU since its driver was loaded; None where nothing tells them."""
    torch: Any = sys.modules.get("torch")
    device: Any = getattr(backend, "torch_device", None)
    if torch is None or device is None or device.type != "cuda":
        return None
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
    except (pynvml.NVMLError, AttributeError):
        return None


class _Packages:
    """Adds up what the machine's processors and their memory take, by RAPL."""

    def __init__(self) -> None:
        self._zones = [
            _Zone(path) for path in sorted(POWERCAP.glob("intel-rapl:*")) if _whole(path)
        ]
        self._ended = threading.Event()
        self._lock = threading.Lock()
        if self._zones and self.joules() is not None:
            threading.Thread(target=self._watch, daemon=True).start()

    def joules(self) -> float | None:
        """Return what was taken since the beginning; None where a counter cannot be read."""
        with self._lock:
            try:
                return sum(zone.joules() for zone in self._zones) if self._zones else None
            except (OSError, ValueError):  # only the administrator may read them, often
                return None

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.joules()

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()


def _whole(path: Path) -> bool:
    """Whether a zone is a processor or its memory, and not a part of one or all of them."""
    try:
        name = (path / "name").read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return name.startswith("package") or name == "dram"


class _Zone:
    """A counter in microjoules that begins again at 0 after its largest value."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: int | None = None
        self._sum = 0

    def joules(self) -> float:
        now = int((self._path / "energy_uj").read_text(encoding="utf-8"))
        if self._last is not None:
            step = now - self._last
            if step < 0:
                step += int((self._path / "max_energy_range_uj").read_text(encoding="utf-8"))
            self._sum += step
        self._last = now
        return self._sum / 1e6
