"""Are all backends the same? The parity table and the plot of overlapping learning curves.

    python benchmarks/parity.py            # writes docs/parity.md and docs/figures/overlap.png

Takes about five minutes on two cores, most of it XLA's compiler. Backends that are not installed
are left out, and the table says so.
"""

from __future__ import annotations

import argparse
import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from compare import backends
from compare.figures.style import save
from compare.files import write_whole
from compare.learned.sparse.batches import from_chunks
from compare.learned.training import train
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of
from compare.tasks import load
from compare.testing.backends import GRADIENT_BOUND, OUTPUT_BOUND, parity, published

DOCS = Path(__file__).parent.parent / "docs"
OTHERS = ("torch", "jax")
SIZE = 32


def table(device: str) -> str:
    """Measure every architecture on every other backend, as a Markdown table."""
    lines = [
        "| architecture | " + " | ".join(f"{name} outputs | gradients" for name in OTHERS) + " |",
        "| --- |" + " ---: | ---: |" * len(OTHERS),
    ]
    installed = [name for name in OTHERS if backends.available()[name].installed]
    loaded = {name: backends.load(name, device) for name in installed}
    for architecture in published():
        cells = []
        for name in OTHERS:
            if name in loaded:
                found = parity(loaded[name], architecture)
                cells += [f"{found.outputs:.0e}", f"{found.gradients:.0e}"]
            else:
                cells += ["not installed", ""]
        lines.append(f"| `{architecture}` | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    versions = ", ".join(
        f"{name} {version(name)} on {backend.device}" for name, backend in loaded.items()
    )
    lines += [
        "",
        f"Bounds that the tests hold: {OUTPUT_BOUND:.0e} for outputs, {GRADIENT_BOUND:.0e} for "
        f"gradients. Measured with {versions}, against NumPy {np.__version__}, "
        f"{platform.machine()}, 16x20 canvas (24x28 for regressors), batch of 8, batch norms in "
        "training mode.",
    ]
    return "\n".join(lines)


def curves(epochs: int, device: str) -> dict[tuple[str, str], tuple[float, ...]]:
    """Train both regressors of the one-hot task with seed 0 on every installed backend."""
    task, found = load("onehot2coord"), {}
    data = task.split("quadrant", SIZE, SIZE).train
    inputs, targets = (
        from_chunks([data.inputs()]),
        task.supervision.encode(data.positions, SIZE, SIZE),
    )
    for name in ("numpy", *OTHERS):
        if not backends.available()[name].installed:
            continue
        backend = backends.load(name, device if name != "numpy" else "auto")
        for solver in ("coordconv", "conv"):
            spec = solvers_of("onehot2coord")[solver]
            recipe = replace(spec.recipes["paper"], epochs=epochs)
            learned = spec.build(Setting(task, "quadrant", SIZE, SIZE, backend), recipe)
            state = train(learned.architecture, inputs, targets, recipe, seed=0, backend=backend)
            found[solver, name] = state.losses
            print(solver, name, f"{state.losses[-1]:.9g}", f"{state.seconds:.1f} s", flush=True)
    return found


def plot(found: dict[tuple[str, str], tuple[float, ...]]):
    """Draw the curves above, and below how far each is from NumPy's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.4), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2, sharex=True, height_ratios=(2, 1))
    styles = {"numpy": ("0.75", "-", 5), "torch": ("#d55e00", "-", 1.6), "jax": ("#0072b2", ":", 2)}
    for column, solver in enumerate(("coordconv", "conv")):
        above, below = axes[:, column]
        reference = np.array(found[solver, "numpy"])
        epochs = np.arange(1, len(reference) + 1)
        for name, (colour, line, width) in styles.items():
            if (solver, name) not in found:
                continue
            losses = np.array(found[solver, name])
            above.semilogy(epochs, losses, line, color=colour, lw=width, label=name)
            if name != "numpy":
                below.semilogy(
                    epochs, np.abs(losses / reference - 1) + 1e-9, line, color=colour, lw=width
                )
        above.set_title(f"{solver}, seed 0, quadrant split, {SIZE}x{SIZE}", fontsize=10)
        above.legend(frameon=False)
        below.set_xlabel("epoch")
    axes[0, 0].set_ylabel("training loss")
    axes[1, 0].set_ylabel("relative difference\nfrom numpy")
    return figure


def main() -> None:
    """Write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="for torch and jax (default auto)")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    (options.out / "figures").mkdir(parents=True, exist_ok=True)
    found = curves(options.epochs, options.device)
    save(plot(found), options.out / "figures" / "overlap.png")
    apart = {
        (solver, name): max(
            abs(a / b - 1) for a, b in zip(losses, found[solver, "numpy"], strict=True)
        )
        for (solver, name), losses in found.items()
        if name != "numpy"
    }
    lines = [
        "# Parity of the backends",
        "",
        "Written by `python benchmarks/parity.py`. Largest difference from the NumPy backend on "
        "equal weights, both in float32, as a share of the largest number:",
        "",
        table(options.device),
        "",
        f"Learning curves of {options.epochs} epochs, same seed, {SIZE}x{SIZE} canvas, quadrant "
        "split; the largest relative difference of an epoch's loss from NumPy's:",
        "",
        "| solver | " + " | ".join(OTHERS) + " |",
        "| --- |" + " ---: |" * len(OTHERS),
        *(
            f"| {solver} | "
            + " | ".join(f"{apart[solver, n]:.0e}" if (solver, n) in apart else "" for n in OTHERS)
            + " |"
            for solver in ("coordconv", "conv")
        ),
        "",
        "![Learning curves on three backends](figures/overlap.png)",
        "",
    ]
    write_whole(options.out / "parity.md", lambda file: file.write("\n".join(lines).encode()))


if __name__ == "__main__":
    main()
