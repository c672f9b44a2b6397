"""`compare list`: tasks, solvers, backends."""

from __future__ import annotations

import argparse


def _list(options: argparse.Namespace) -> int:
    from textwrap import fill

    from compare import backends, tasks
    from compare.solvers.catalogue import offered

    def show(line: str, indent: int) -> None:
        print(fill(line, 80, subsequent_indent=indent * " ", break_on_hyphens=False))

    print("tasks and their solvers")
    for name in tasks.known():
        show(f"  {name}: {tasks.summary(name)}", 4)
        for solver, entry in offered(name).items():
            show(f"    {solver:<15} {entry.summary}", 20)
    print("\nbackends")
    for backend in backends.available().values():
        # Importing PyTorch or JAX takes seconds, so the quick answer leaves all of them alone.
        if not backend.installed:
            state = f"not installed; {backend.install}"
        elif options.devices:
            state = f"devices: {', '.join(backend.backend_class().devices())}"
        else:
            state = "installed; compare list --devices asks it for its devices"
        show(f"  {backend.name:<8} {state}", 11)
    return 0
