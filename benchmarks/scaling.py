"""What a training step should cost on many GPUs, from counted operations and bytes.

    python benchmarks/scaling.py [--batch 256] [--size 64]

Counted: multiply-adds and learned parameters of each published architecture, and, if PyTorch is
installed, the operations that an eager step launches. Assumed: the hardware's figures, which are
arguments. Nothing here was measured on a GPU.
"""

from __future__ import annotations

import argparse
import math

from compare.testing.backends import published


def launches(name: str, size: int) -> int | None:
    """Count the operations of one eager training step, forward, backward and Adam."""
    try:
        from torch.utils._python_dispatch import TorchDispatchMode
    except ImportError:
        return None
    import numpy as np

    from compare import backends
    from compare.learned import training
    from compare.learned.recipe import Recipe
    from compare.testing.backends import example_inputs

    class Counter(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            # A view is bookkeeping on the host; everything else is a kernel.
            self.count += not function.is_view
            return function(*args, **(kwargs or {}))

    backend = backends.load("torch", "cpu")
    backend.microbatch = lambda: 1 << 40  # as on a GPU
    architecture, recipe = published()[name](size, size), Recipe(0.001)
    state = training.initial_state(architecture, 0, backend)
    inputs = example_inputs(architecture, count=recipe.batch)[-1]
    step, shared, samples = training.prepared(architecture, inputs, recipe, backend)
    targets = backend.asarray(np.zeros((2, *architecture.shapes()[-1]), np.float32))
    order = backend.asarray(np.arange(2)[None])
    rates = backend.asarray(np.ones(1, np.float32))
    first = backend.asarray(np.zeros(1, np.int64))
    with Counter() as counter:
        step(
            state.weights, state.mean, state.square, state.running_loss, first, rates, order,
            shared, (targets, *samples),
        )  # fmt: skip
    return counter.count


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=256, help="samples a step, over all GPUs")
    parser.add_argument("--size", type=int, default=64, help="canvas, pixels")
    parser.add_argument("--tflops", type=float, default=67, help="float32 peak a GPU (H100 SXM)")
    parser.add_argument("--efficiency", type=float, default=0.3, help="share of it that is reached")
    parser.add_argument("--launch", type=float, default=6, help="microseconds an eager launch")
    parser.add_argument(
        "--inside", type=float, default=450, help="GB/s a GPU in a machine (NVLink)"
    )
    parser.add_argument("--between", type=float, default=50, help="GB/s a GPU between machines")
    parser.add_argument("--hop", type=float, default=5, help="microseconds a hop of an all-reduce")
    options = parser.parse_args()
    gpus = (1, 8, 100)
    print("| architecture | multiply-adds | parameters | launches | " + " | ".join(
        f"{n} GPU{'s' * (n > 1)}: compute + launch + all-reduce (ms)" for n in gpus
    ) + " |")  # fmt: skip
    print("| --- |" + " ---: |" * (3 + len(gpus)))
    for name, build in published().items():
        architecture = build(options.size, options.size)
        count = launches(name, options.size)
        cells = []
        for n in gpus:
            # Two operations a multiply-add; forward once, backward twice.
            work = 6 * architecture.multiply_adds() * math.ceil(options.batch / n)
            compute = work / (options.tflops * 1e12 * options.efficiency)
            launch = (count or 0) * options.launch * 1e-6
            bandwidth = options.inside if n <= 8 else options.between
            sent = 2 * (n - 1) / n * 4 * architecture.count()
            reduce = sent / (bandwidth * 1e9) + 2 * math.ceil(math.log2(n)) * options.hop * 1e-6
            # The host launches while the GPU computes, so the slower of the two counts.
            total = max(compute, launch) + reduce
            cells.append(
                f"{1e3 * total:.2f} ({1e3 * compute:.2f}, {1e3 * launch:.2f}, {1e3 * reduce:.2f})"
            )
        print(
            f"| `{name}` | {architecture.multiply_adds():,} | {architecture.count():,} | "
            f"{count if count is not None else 'torch not installed'} | " + " | ".join(cells) + " |"
        )
    print(
        f"\nBatch {options.batch} over all GPUs, {options.size}x{options.size}; assumed "
        f"{options.tflops:g} TFLOP/s x {options.efficiency:g}, {options.launch:g} us a launch, "
        f"{options.inside:g} GB/s inside a machine of 8 and {options.between:g} GB/s between, "
        f"{options.hop:g} us a hop. The time is max(compute, launch) + all-reduce."
    )


if __name__ == "__main__":
    main()
