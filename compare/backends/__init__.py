"""Which backends exist, and how to load one.

Nothing is imported before it is asked for: the table below holds names only, and other
packages add theirs under the entry-point group `compare.backends`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec

from compare import UsageError
from compare.backends.base import Array, Backend, Padding, same_padding

__all__ = ["Array", "Backend", "BackendEntry", "Padding", "available", "load", "same_padding"]


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
        return find_spec(self.requires) is not None

    def backend_class(self) -> type[Backend]:
        """Import the backend."""
        module, _, name = self.target.partition(":")
        backend: type[Backend] = getattr(import_module(module), name)
        return backend


_BUILT_IN = (BackendEntry("numpy", "compare.backends.numpy:NumpyBackend"),)


def available() -> dict[str, BackendEntry]:
    """Return every known backend by name, the built-in ones first, installed or not."""
    entries = {entry.name: entry for entry in _BUILT_IN}
    for point in entry_points(group="compare.backends"):
        entries.setdefault(
            point.name, BackendEntry(point.name, point.value, point.value.split(".")[0])
        )
    return entries


def load(name: str, device: str = "auto") -> Backend:
    """Return the backend `name` on `device`.

    Raises `UsageError` for a name that is not known (listing those that are), a library that
    is not installed (with the command that installs it) or a device that is not there.
    """
    entries = available()
    if name not in entries:
        raise UsageError(f"unknown backend '{name}'; choose from: {', '.join(entries)}")
    entry = entries[name]
    if not entry.installed:
        raise UsageError(
            f"backend '{name}' needs {entry.requires}, which is not installed; run: {entry.install}"
        )
    return entry.backend_class()(device)
