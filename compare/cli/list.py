"""`compare list`: tasks, solvers, backends."""

from __future__ import annotations

import argparse

from compare.cli import output
from compare.errors import command

__all__ = ["DESCRIPTION", "add_arguments", "run"]

DESCRIPTION = "Show tasks and their solvers, and backends with their devices."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whether devices are asked for."""
    parser.add_argument(
        "--devices", action="store_true", help="import every backend and ask it for its devices"
    )


def run(options: argparse.Namespace) -> int:
    """Print what there is."""
    from textwrap import fill

    from compare import backends, tasks
    from compare.errors import UsageError
    from compare.experiments.values import duration
    from compare.solvers.catalogue import preset_times, solvers_of

    def show(line: str, indent: int) -> None:
        output.show(
            fill(line, output.width(), subsequent_indent=indent * " ", break_on_hyphens=False)
        )

    times = preset_times()
    output.show("tasks and their solvers")
    for name in tasks.known():
        show(f"  {name}: {tasks.summary(name)}", 4)
        for solver, spec in solvers_of(name).items():
            show(f"    {solver:<21} {spec.summary}", 26)
            for preset, recipe in spec.recipes.items():
                whose = f" ({spec.whose[preset]})" if spec.whose.get(preset) else ""
                marked = ", the default" if preset == spec.preset else ""
                length = f"{recipe.epochs:,} epoch{'s' if recipe.epochs > 1 else ''}"
                seconds = times["seconds"].get(name, {}).get(solver, {}).get(preset)
                if seconds is not None:
                    length += f", about {duration(max(1, seconds))} a seed"
                show(f"{26 * ' '}preset {preset}{whose}: {length}{marked}", 28)
    output.show()
    show(
        f"Times are estimates for NumPy on {times['cores']} cores ({times['processor']}); "
        "'--dry-run' of run and sweep measures here.",
        0,
    )
    output.show("\nbackends")
    for backend in backends.available().values():
        # Importing PyTorch or JAX takes seconds, so the quick answer leaves all of them alone.
        if not backend.installed:
            state = f"not installed; {backend.install}"
        elif options.devices:
            try:
                state = f"devices: {', '.join(backend.devices())}"
            except UsageError as error:
                state = f"broken: {error}"
        else:
            state = f"installed; {command('list', '--devices')} asks it for its devices"
        show(f"  {backend.name:<8} {state}", 11)
    return 0
