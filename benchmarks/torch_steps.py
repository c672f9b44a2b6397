"""What a training step costs on PyTorch: eager, compiled, as a CUDA graph; and on JAX and NumPy.

    python benchmarks/torch_steps.py [--device cuda:0] [--size 64] [--steps 20]

Prints a Markdown table: milliseconds a step (median), and the seconds before the first.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np

from compare import backends
from compare.backends import cuda_graph
from compare.learned import training
from compare.learned.sparse.batches import from_chunks
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of
from compare.tasks import load

CASES = (
    ("onehot2coord", "coordconv"),
    ("onehot2coord", "conv"),
    ("coord2onehot", "coordconv"),
    ("coord2onehot", "deconv"),
)
WAYS = ("numpy", "torch, eager", "torch.compile", "CUDA graph", "jax.jit")


def prepared(task_name: str, solver: str, size: int, name: str, device: str):
    """Return the backend, its step and the arguments of a first one."""
    task, backend = load(task_name), backends.load(name, device)
    spec = solvers_of(task_name)[solver]
    recipe = spec.recipes["quick"]
    learned = spec.build(Setting(task, "uniform", size, size, backend), recipe)
    data = task.split("uniform", size, size).train
    inputs = from_chunks([data.inputs()])
    step, shared, samples = training.prepared(learned.architecture, inputs, recipe, backend)
    targets = backend.asarray(task.supervision.encode(data.positions, size, size))
    order = np.arange(len(data) // recipe.batch * recipe.batch).reshape(-1, recipe.batch)
    state = training.initial_state(learned.architecture, 0, backend)
    rates = backend.asarray(np.full(len(order), 1e-3), like=state.running_loss)
    arguments = [
        state.weights, state.mean, state.square, state.running_loss,
        backend.asarray(np.zeros(1, np.int64)), rates, backend.asarray(order),
        shared, (targets, *samples),
    ]  # fmt: skip
    return backend, step, arguments


def with_compilers() -> float:
    """Processor seconds of this process and of the compilers that it started and saw end."""
    return sum(os.times()[:4])


def timed(backend, step, arguments, steps: int, clock) -> tuple[float, float]:
    """Return milliseconds a step and the seconds that the first took longer than another."""

    def once(clock) -> float:
        began = clock()
        results = step(*arguments)
        backend.to_numpy(results[3])  # waits for the device
        return clock() - began

    first = once(time.perf_counter if clock is time.perf_counter else with_compilers)
    once(clock)
    usual = float(np.median([once(clock) for _ in range(steps)]))
    return 1e3 * usual, max(0.0, first - usual)


def compiled(step):
    """The step under `torch.compile`."""
    import torch

    return torch.compile(step)


def graphed(step, arguments):
    """The step after the calls that come before it is recorded."""
    for _ in range(cuda_graph.EAGER_CALLS):
        step(*arguments)
    return step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", type=int, help="measure one case, by its number")
    parser.add_argument("--ways", default=";".join(WAYS), help="separated by semicolons")
    parser.add_argument(
        "--clock", default="wall", choices=("wall", "cpu"),
        help="cpu: seconds of all cores together, on a machine that others use too",
    )  # fmt: skip
    options = parser.parse_args()
    clock = time.perf_counter if options.clock == "wall" else time.process_time
    ways = tuple(options.ways.split(";"))
    usual = cuda_graph.EAGER_CALLS
    print("| step of | " + " | ".join(ways) + " |")
    print("| --- |" + " ---: |" * len(ways))
    cases = CASES if options.only is None else CASES[options.only : options.only + 1]
    for task, solver in cases:
        cells = []
        for way in ways:
            name = way.split(",")[0].split(".")[0].replace("CUDA graph", "torch")
            device = "auto" if name == "numpy" else options.device
            # Never, but for the one way.
            cuda_graph.EAGER_CALLS = usual if way == "CUDA graph" else sys.maxsize
            backend, step, arguments = prepared(task, solver, options.size, name, device)
            try:
                if way == "torch.compile":
                    step = compiled(step)
                elif way == "CUDA graph":
                    if not backend.device.startswith("cuda"):
                        cells.append("no CUDA")
                        continue
                    step = graphed(step, arguments)
                milliseconds, before = timed(backend, step, arguments, options.steps, clock)
            except Exception as error:  # a way that does not work is a result too
                cells.append(f"fails: {type(error).__name__}")
                continue
            cells.append(f"{milliseconds:.3g} ms + {before:.2g} s")
        print(f"| {task} {solver} | " + " | ".join(cells) + " |", flush=True)
    print(
        f"\nMilliseconds a step ({options.clock} time, median of {options.steps}) + seconds "
        f"before the first; {options.size}x{options.size}, "
        + "".join(f"{name} {version(name)}, " for name in ("torch", "jax") if find_spec(name))
        + f"{platform.machine()}, device {options.device}."
    )


if __name__ == "__main__":
    main()
