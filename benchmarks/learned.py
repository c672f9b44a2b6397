"""Training on the NumPy backend beside the same network written for PyTorch, in one process.

    python benchmarks/learned.py [--json FILE]     # or, with the rest, benchmarks/speed.py

For each published architecture: milliseconds a training step (forward, backward, Adam) of the
default recipe's batch, here and with `torch.nn` modules over full maps, and their ratio. Then the
seconds of the CoordConv regressor's full recipe (100 epochs of 2368 pictures), and those that the
CoordConv classifier trains until it is right everywhere. Needs PyTorch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from timing import medians, report
from torch import nn

from compare import backends
from compare.learned import training
from compare.learned.model import Model
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import from_chunks
from compare.learned.torch_twin import twin
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of
from compare.tasks import load

SIZE = 64
CASES = {
    # name: (task, solver, split, kernel, at most this many times PyTorch's)
    "CoordConv regressor": ("onehot2coord", "coordconv", "uniform", 3, 1 / 50),
    "conv regressor, uniform": ("onehot2coord", "conv", "uniform", 3, 1 / 10),
    "conv regressor, quadrant": ("onehot2coord", "conv", "quadrant", 3, 1 / 10),
    "CoordConv classifier": ("coord2onehot", "coordconv", "uniform", 3, 1.0),
    "transposed convolutions, 2x2": ("coord2onehot", "deconv", "uniform", 2, 1.5),
    "transposed convolutions, 3x3": ("coord2onehot", "deconv", "uniform", 3, 1.5),
    "transposed convolutions, 4x4": ("coord2onehot", "deconv", "uniform", 4, 1.5),
    "CoordConv renderer": ("coord2image", "coordconv", "uniform", 3, None),
}
SEEDS = (0, 1, 2)
"""Of the classifier that is trained until it is right everywhere."""
TURN = 0.25
"""Seconds of steps in a row that are timed together, as in an epoch."""


LOSSES = {
    "mse": nn.functional.mse_loss,
    "softmax": lambda outputs, targets: nn.functional.cross_entropy(outputs.flatten(1), targets),
    "sigmoid": nn.functional.binary_cross_entropy_with_logits,
}


def steps(name: str) -> tuple[Callable[[], object], Callable[[], object], Recipe]:
    """Return a step here and one in PyTorch on the same batch, and the recipe."""
    task_name, solver, split, kernel, _ = CASES[name]
    task, backend = load(task_name), backends.load("numpy")
    spec = solvers_of(task_name)[solver]
    recipe = replace(spec.recipes["quick"], kernel=kernel)
    learned = spec.build(Setting(task, split, SIZE, SIZE, backend), recipe)
    data = task.split(split, SIZE, SIZE).train
    targets = task.supervision.encode(data.positions, SIZE, SIZE)
    inputs = data.inputs()

    state = training.initial_state(learned.architecture, 0, backend)
    step, shared, samples = training.prepared(
        learned.architecture, from_chunks([inputs]), recipe, backend
    )
    order = np.random.default_rng(0).permutation(len(data))[: recipe.batch]
    rates = np.full(1, 1e-3, np.float32)

    def here() -> object:
        return step(
            state.weights, state.mean, state.square, state.running_loss,
            np.zeros(1, np.int64), rates, order[None], shared, (targets, *samples),
        )  # fmt: skip

    network = twin(learned.architecture)
    adam = torch.optim.Adam(network.parameters(), 1e-3, (recipe.beta1, recipe.beta2))
    batch_inputs = torch.tensor(inputs[order], dtype=torch.float32)
    batch_targets = torch.tensor(targets[order])

    def there() -> object:
        adam.zero_grad()
        loss = LOSSES[recipe.loss](network(batch_inputs), batch_targets)
        loss.backward()
        adam.step()
        return loss.item()

    return here, there, recipe


def full_recipe() -> float:
    """Return the seconds that the published CoordConv regressor takes to train."""
    task, backend = load("onehot2coord"), backends.load("numpy")
    spec = solvers_of("onehot2coord")["coordconv"]
    solver = spec.build(Setting(task, "uniform", SIZE, SIZE, backend), spec.recipes["paper"])
    return solver.fit(task.split("uniform", SIZE, SIZE).train).history.seconds


def until_right(split: str, seed: int) -> float:
    """Return the seconds that the CoordConv classifier trains until every position is right.

    Those trained on and those held out, by the default recipe. It looks every 25 steps, at a few
    positions first, for which the clock stops. Infinite where the recipe ends before.
    """
    task, backend = load("coord2onehot"), backends.load("numpy")
    spec = solvers_of("coord2onehot")["coordconv"]
    recipe, encode = spec.recipes["quick"], task.supervision.encode
    learned = spec.build(Setting(task, split, SIZE, SIZE, backend), recipe)
    data = task.split(split, SIZE, SIZE)
    inputs, targets = data.train.inputs(), encode(data.train.positions, SIZE, SIZE)
    all_inputs = np.concatenate([inputs, data.test.inputs()])
    hot = np.concatenate([targets, encode(data.test.positions, SIZE, SIZE)])

    def right(model: Model, part: slice) -> bool:
        bitmaps = model.predict(all_inputs[part])
        return bool((bitmaps.reshape(len(bitmaps), -1).argmax(axis=1) == hot[part]).all())

    states = training.states(
        learned.architecture, from_chunks([inputs]), targets, recipe, seed=seed,
        backend=backend, state=training.initial_state(learned.architecture, seed, backend),
    )  # fmt: skip
    took, before = 0.0, time.perf_counter()
    for state in states:
        took += time.perf_counter() - before
        if state.steps % 25 == 0:
            model = learned.load(state.weights)
            if right(model, slice(None, None, 30)) and right(model, slice(None)):
                return took
        before = time.perf_counter()
    return float("inf")


def measure() -> dict[str, object]:
    """Measure; print, and return, the seconds of a step by architecture, and of the recipe."""
    results: dict[str, object] = {}
    print("| training step of | batch | here ms | PyTorch ms | ratio | bar | holds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for name in CASES:
        here, there, recipe = steps(name)
        seconds = medians({"here": here, "PyTorch": there}, TURN)
        ratio, bar = seconds["here"] / seconds["PyTorch"], CASES[name][-1]
        verdict = ("", "") if bar is None else (f"{bar:.3g}", "yes" if ratio <= bar else "no")
        print(
            f"| {name} | {recipe.batch} | {1e3 * seconds['here']:.1f} |",
            f"{1e3 * seconds['PyTorch']:.1f} | {ratio:.3g} |", " | ".join(verdict), "|",
            flush=True,
        )  # fmt: skip
        results[name] = seconds
    results["full recipe"] = took = full_recipe()
    print(f"\nfull recipe of the CoordConv regressor, 100 epochs: at most 10 s, {took:.1f} s")
    for split in ("uniform", "quadrant"):
        seconds_by_seed = [until_right(split, seed) for seed in SEEDS]
        results[f"classifier until all is right, {split}"] = seconds_by_seed
        print(
            f"CoordConv classifier, {split} split, until every position is right: at most 10 s,",
            f"seeds {', '.join(map(str, SEEDS))}:",
            ", ".join(f"{seconds:.1f}" for seconds in seconds_by_seed),
            f"s, median {np.median(seconds_by_seed):.1f} s",
        )
    return results


if __name__ == "__main__":
    report(__doc__, measure)
