"""Weight-free networks beside learned ones, on the same data, scored.

    >>> import compare
    >>> model = compare.fit("onehot2coord", "handcrafted-coordconv", size=16)
    >>> model.cost.parameters  # learned numbers
    0

`compare.run` runs a comparison and `compare.fit` fits one model; both take everything that the
command `compare run` takes, by the same names. `compare.load_task` has a task's data and scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare.api import Comparison, fit, load_task, run
    from compare.errors import RunError, UsageError

__all__ = ["Comparison", "RunError", "UsageError", "fit", "load_task", "run"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: the command line starts without them."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'compare' has no attribute '{name}'")
    home = "compare.errors" if name.endswith("Error") else "compare.api"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
