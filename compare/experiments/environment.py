"""What a result also depends on: versions, machine, threads, commit."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from compare import backends

__all__ = ["cores", "environment"]


def environment(backend: str) -> dict[str, Any]:
    """Return what a result also depends on: versions, machine, threads, commit."""
    library = backends.available()[backend].requires.partition(".")[0]
    blas = _blas()
    return {
        "handcrafted": version("handcrafted"),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("numpy", "scipy", "autograd", library)},
        # Sorted, for which library was loaded first says nothing.
        "blas": ", ".join(
            sorted(f"{b['internal_api']} {b['version']} {b['architecture']}" for b in blas)
        ),
        "threads": max((b["num_threads"] for b in blas), default=1),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": cores(),
        "gpus": _gpus(),
        **_commit(),
    }


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _blas() -> list[dict[str, Any]]:
    """Describe the BLAS libraries in this process, and how many threads each may use now."""
    from threadpoolctl import threadpool_info

    return [
        {"version": None, "architecture": "", **library}
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]


@cache
def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return _named_by_macos() or platform.processor() or platform.machine()


def _named_by_macos() -> str:
    """Return "Apple M2" for one; nothing on other systems. Python's own says "arm" there."""
    if sys.platform != "darwin":
        return ""
    question = ["sysctl", "-n", "machdep.cpu.brand_string"]
    return subprocess.run(
        question, capture_output=True, encoding="utf-8", check=False
    ).stdout.strip()


@cache
def _gpus() -> list[str]:
    """Names of the machine's GPUs: what their driver says, or else what PyTorch does."""
    described = Path("/proc/driver/nvidia/gpus").glob("*/information")
    try:
        models = [
            re.search(r"Model:\s*(.+)", path.read_text(encoding="utf-8"))
            for path in sorted(described)
        ]
    except OSError:
        models = []
    if models:
        return [model[1].strip() for model in models if model]
    torch = sys.modules.get("torch")  # not imported for this: it takes seconds
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


@cache
def _commit() -> dict[str, Any]:
    """Return the commit that this code is of, and whether it was changed since."""
    none = {"commit": None, "modified": None}
    git = shutil.which("git")
    if git is None:
        return none
    root = Path(__file__).parents[1]

    def ask(*question: str) -> str:
        return subprocess.run(
            [git, "-C", str(root), *question], capture_output=True, encoding="utf-8", check=False
        ).stdout.strip()

    if not ask("ls-files", "__init__.py"):
        return none  # installed into an environment that lies in somebody else's repository
    changes = ask("status", "--porcelain", "--untracked-files=no", "--", "..")
    return {"commit": ask("rev-parse", "HEAD") or None, "modified": bool(changes)}
