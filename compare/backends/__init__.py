"""Which backends exist, and how to load one.

Nothing is imported before it is asked for: the table below holds names only, and other
packages add theirs under the entry-point group `compare.backends`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from compare.backends.base import (
    Array,
    Backend,
    Padding,
    SingleDevice,
    same_padding,
    without_negligible,
)
from compare.errors import UsageError, choice
from compare.plugins import distribution, guarded, plugins

__all__ = [
    "Array",
    "Backend",
    "BackendEntry",
    "Padding",
    "SingleDevice",
    "available",
    "load",
    "same_padding",
    "without_negligible",
]


@dataclass(frozen=True)
class BackendEntry:
    """Where a backend comes from: `target` is "module:class"."""

    name: str
    target: str
    requires: str = "numpy"
    install: str = ""

    @property
    def installed(self) -> bool:
        """Whether the library it stands on can be imported; it is not imported to find out."""
        try:
            return find_spec(self.requires) is not None
        except (ImportError, ValueError):
            return False

    def backend_class(self) -> type[Backend]:
        """Import the backend; UsageError if it cannot be."""
        module, _, name = self.target.partition(":")
        what = f"backend '{self.name}' ({self.target}, installed by: {self.install})"

        def imported() -> Any:
            backend = getattr(import_module(module), name)
            if missing := [name for name in _CONTRACT if not hasattr(backend, name)]:
                raise TypeError(f"it has no {', '.join(missing)}")
            return backend

        backend: type[Backend] = guarded(what, imported)
        return backend

    def devices(self) -> tuple[str, ...]:
        """Import the backend and ask it for its devices; UsageError if that cannot be done."""
        return guarded(f"backend '{self.name}'", lambda: tuple(self.backend_class().devices()))


_CONTRACT = ("precisions", *(name for name in vars(Backend) if name[0] != "_"))
"""What a class has to have to be a backend."""


# Plain `pip install torch` would bring gigabytes of CUDA to a machine without a GPU.
_BUILT_IN = (
    BackendEntry("numpy", "compare.backends.numpy:NumpyBackend", "numpy", "pip install numpy"),
    BackendEntry(
        "torch",
        "compare.backends.torch:TorchBackend",
        "torch",
        "pip install torch==2.13.0 (for an NVIDIA GPU: pip install 'handcrafted[torch]')",
    ),
    BackendEntry(
        "jax",
        "compare.backends.jax:JaxBackend",
        "jax",
        "pip install 'handcrafted[jax]' (for an NVIDIA GPU: pip install 'jax[cuda12]')",
    ),
)


def available() -> dict[str, BackendEntry]:
    """Return every known backend by name, the built-in ones first, installed or not."""
    entries = {entry.name: entry for entry in _BUILT_IN}
    for point in plugins("compare.backends"):
        requires = point.value.partition(":")[0].partition(".")[0]
        entry = BackendEntry(
            point.name, point.value, requires, f"pip install {distribution(point)}"
        )
        entries.setdefault(point.name, entry)
    return entries


def load(name: str, device: str = "auto", precision: str | None = None) -> Backend:
    """Return the backend `name` on `device`, computing in `precision` (None: its own default).

    Raises `UsageError` for a name that is not known (listing those that are), a library that
    is not installed (with the command that installs it), a device that is not there or a
    precision that the backend or the device does not have.
    """
    entries = available()
    entry = entries[choice("backend", name, entries)]
    if not entry.installed:
        raise UsageError(
            f"backend '{name}' needs {entry.requires}, which is not installed; run: {entry.install}"
        )
    backend = entry.backend_class()
    if precision is None:
        precision = backend.precisions[0]
    if precision not in backend.precisions:
        raise UsageError(
            f"backend '{name}' has no precision '{precision:.40}'; "
            f"choose from: {', '.join(backend.precisions)}"
        )
    chosen = precision
    return guarded(f"backend '{name}'", lambda: backend(device, chosen))
