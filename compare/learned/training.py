"""The training loop, Adam and the checkpoint, written once over the backend contract."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.datasets.streams import random_stream
from compare.errors import RunError, StorageError
from compare.files import arrays_of, npz
from compare.learned.architecture import Adversaries, Architecture
from compare.learned.optimizer import adam_rate, decay
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import apply, from_arrays, to_arrays
from compare.learned.sparse.patches import Patches
from compare.learned.state import Arrays, State, marks, read_checkpoint
from compare.learned.steps import indexed_step

__all__ = [
    "CHECKPOINT_SECONDS",
    "WORTH_SAVING",
    "Progress",
    "follow",
    "forward",
    "initial_state",
    "losses_by_step",
    "out_of_memory",
    "prepared",
    "state_from_weights",
    "states",
    "train",
]

CHECKPOINT_SECONDS = 10.0
"""A checkpoint is written when this much training has passed since the last."""

WORTH_SAVING = 1.0
"""Seconds of training at its end that are saved too: less is sooner done again than written."""


@dataclass(frozen=True)
class Progress:
    """What the loop reports after each epoch."""

    epoch: int
    epochs: int
    loss: float
    curves: Mapping[str, float] = field(default_factory=dict)
    """What else is known of the epoch, by name."""


def train(
    architecture: Architecture,
    inputs: Patches | NDArray[Any],
    targets: NDArray[Any],
    recipe: Recipe,
    *,
    seed: int,
    backend: Backend,
    initial: State | None = None,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> State:
    """Train by the recipe and return the last state.

    The seed decides the first weights and the order of the samples in every epoch, alike on every
    backend; of a training from an `initial` state, the order. With a `checkpoint` the state is
    written there now and then, and training resumes from what is there: on the NumPy backend to
    the same bits as without the interruption. A loss that is no longer finite ends training at the
    end of its epoch.
    """
    new = initial_state(architecture, seed, backend) if initial is None else initial
    if recipe.epochs == 1:
        new = replace(new, sums=())

    def following(state: State) -> Iterator[State]:
        return states(
            architecture, inputs, targets, recipe, seed=seed, backend=backend, state=state
        )

    steps_an_epoch = -(-len(targets) // recipe.batch)
    return follow(
        following,
        new,
        recipe.epochs,
        steps_an_epoch,
        backend=backend,
        checkpoint=checkpoint,
        on_progress=on_progress,
    )


def follow(
    following: Callable[[State], Iterator[State]],
    new: State,
    epochs: int,
    steps_an_epoch: int,
    *,
    backend: Backend,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> State:
    """Go through a training's states and return the last, writing a `checkpoint` now and then.

    following: a state to those that come after it. The training begins with the state of the
    checkpoint, if there is one, or with a `new` one; seconds are counted here.
    """
    state = _resumed(new, epochs, steps_an_epoch, backend, checkpoint)
    after_it = following(state)
    started = saved = time.perf_counter()
    earlier = state.seconds
    try:
        for after in after_it:
            now = time.perf_counter()
            ended = len(after.losses) > len(state.losses)
            state = replace(after, seconds=earlier + now - started)
            if checkpoint is not None and backend.first and now - saved > CHECKPOINT_SECONDS:
                state.save(checkpoint, backend)
                saved = now
            if ended:
                curves = {name: curve[-1] for name, curve in state.curves.items()}
                on_progress(Progress(len(state.losses), epochs, state.losses[-1], curves))
    except StorageError:
        raise  # the checkpoint that is there stays
    except (RunError, OSError, KeyboardInterrupt) as error:
        # Every process has the same state; the one that writes keeps the last whole one. Where
        # memory ran out it may not be whole: a device says so only when it is asked for results.
        out_of_memory = isinstance(error.__cause__, MemoryError)
        if checkpoint is not None and backend.first and not out_of_memory:
            state.save(checkpoint, backend)
        raise
    # What comes now, predicting and writing, may fail.
    if checkpoint is not None and backend.first and time.perf_counter() - saved > WORTH_SAVING:
        state.save(checkpoint, backend)
    return state


def states(
    architecture: Architecture,
    inputs: Patches | NDArray[Any],
    targets: NDArray[Any],
    recipe: Recipe,
    *,
    seed: int,
    backend: Backend,
    state: State,
) -> Iterator[State]:
    """Prepare to train; return an iterator over the states after each step that follows `state`.

    It raises `RunError` where a step runs out of memory or loses a worker, and ends with
    the recipe's epochs, or with an epoch whose loss is not finite. The seconds are for the caller
    to count.
    """
    # The rates come to the step as numbers, so that one that is compiled serves all of them.
    at_any_rate = replace(recipe, learning_rate=1.0, lr_schedule="constant", epochs=0)
    step, shared, samples = prepared(architecture, inputs, at_any_rate, backend)
    samples = (backend.asarray(targets), *samples)
    count = len(targets)
    steps_an_epoch = -(-count // recipe.batch)
    marked = frozenset(marks(steps_an_epoch))

    def following(state: State) -> Iterator[State]:
        for epoch in range(state.steps // steps_an_epoch, recipe.epochs):
            if state.losses and not np.isfinite(state.losses[-1]):
                return
            for queue, index, batch in _batches(
                backend, recipe, count, seed=seed, epoch=epoch, done=state.steps
            ):
                try:
                    weights, mean, square, running_loss, queue.index = step(
                        state.weights,
                        state.mean,
                        state.square,
                        state.running_loss,
                        queue.index,
                        queue.rates,
                        queue.batches,
                        shared,
                        samples,
                    )
                    sums, mean_loss = state.sums, None
                    # The only times that the host waits for the device, but for checkpoints.
                    if sums is not None and state.steps + 1 in marked:
                        sums = (*sums, float(backend.to_numpy(running_loss)))
                        running_loss = backend.asarray(np.zeros((), np.float32))
                    if index == steps_an_epoch - 1:
                        rest = float(backend.to_numpy(running_loss))
                        mean_loss = (sum(sums or ()) + rest) / count
                except MemoryError as error:
                    raise RunError(out_of_memory(backend, epoch, index, batch, error)) from error
                state = replace(
                    state,
                    weights=weights,
                    mean=mean,
                    square=square,
                    running_loss=running_loss,
                    steps=state.steps + 1,
                    sums=sums,
                )
                if mean_loss is not None:
                    zero = backend.asarray(np.zeros((), np.float32))
                    state = replace(state, losses=(*state.losses, mean_loss), running_loss=zero)
                yield state

    return following(state)


def losses_by_step(sums: Sequence[float] | None, count: int, batch: int) -> dict[int, float]:
    """Return the losses of a training of one epoch, on `count` samples, by step; else none.

    sums: of the samples' losses up to each of `marks`, as `State` has them. A loss is the mean over
    the samples since the step before it.
    """
    if not sums:
        return {}
    steps = marks(-(-count // batch))
    samples = np.diff([0, *(min(count, batch * step) for step in steps)])
    means = np.asarray(sums) / samples
    return dict(zip(steps, means.tolist(), strict=True))


# Kept for the next seed, which else would wait for the compiler again.
@lru_cache(maxsize=16)
def forward(architecture: Architecture, backend: Backend) -> Callable[..., Array]:
    """Build the compiled function from (weights, shared, samples) to a batch's outputs."""

    def outputs(weights: Arrays, shared: tuple[Array, ...], samples: tuple[Array, ...]) -> Array:
        return apply(architecture, backend, weights, from_arrays(shared, samples))[0]

    return backend.jit(outputs)


def _resumed(
    new: State, epochs: int, steps_an_epoch: int, backend: Backend, checkpoint: Path | None
) -> State:
    """Return the state to go on from: the checkpoint's, or the new one, alike in every process."""
    content = b""
    if checkpoint is not None and backend.first and checkpoint.exists():
        try:
            # Not yet to the device, which processes that compute together do all at once.
            expected = new.arrays(backend)
            arrays = read_checkpoint(checkpoint, expected, epochs, steps_an_epoch)
            content = npz(arrays)
        except ValueError as error:
            warnings.warn(f"{error}; training begins again", stacklevel=4)
    content = backend.broadcast(content)
    return State.of(arrays_of(content), backend) if content else new


@dataclass
class _Queue:
    """Batches of one size on the device, and the next of them.

    rates: (steps,) learning rates; batches: (steps, size) numbers of samples; index: (1,), the
    next step's. All an epoch needs is there before it starts, so that no step waits for the host.
    """

    rates: Array
    batches: Array
    index: Array


def _batches(
    backend: Backend, recipe: Recipe, count: int, *, seed: int, epoch: int, done: int
) -> Iterator[tuple[_Queue, int, int]]:
    """Yield (queue, step of the epoch, samples) for each step of an epoch that is not yet done.

    `done` counts the steps since the first epoch; an epoch has `count` samples.
    """
    order = random_stream(seed, "order", epoch).permutation(count)
    steps = -(-count // recipe.batch)
    rates = [
        adam_rate(recipe, epoch * steps + index + 1) * decay(recipe, epoch, (index + 1) / steps)
        for index in range(steps)
    ]
    whole = count // recipe.batch
    first = done % steps
    like = backend.asarray(np.zeros((), np.float32))

    def queue(rows: NDArray[Any], rates: list[float], index: int) -> _Queue:
        return _Queue(
            backend.asarray(np.asarray(rates), like=like),
            backend.asarray(rows),
            backend.asarray(np.asarray([index])),
        )

    if first < whole:
        full = queue(order[: whole * recipe.batch].reshape(whole, -1), rates[:whole], first)
        for index in range(first, whole):
            yield full, index, recipe.batch
    left = order[whole * recipe.batch :]
    if len(left):
        yield queue(left[None], rates[whole:], 0), whole, len(left)


def out_of_memory(backend: Backend, epoch: int, index: int, batch: int, error: MemoryError) -> str:
    """Say in which step memory ran out, and what to do."""
    return (
        f"out of memory on {backend.device} in epoch {epoch + 1}, step {index + 1}, with a batch "
        f"of {batch} samples ({str(error)[:120]}); try a batch of {max(1, batch // 2)}. "
        "Runs that were finished before are kept"
    )


def initial_state(architecture: Architecture | Adversaries, seed: int, backend: Backend) -> State:
    """Return the state before the first step, with the first weights of the seed."""
    return state_from_weights(architecture, architecture.initial_weights(seed), backend)


def state_from_weights(
    architecture: Architecture | Adversaries,
    weights: Mapping[str, NDArray[Any]],
    backend: Backend,
) -> State:
    """Return the state before the first step of a training that starts from these weights."""
    zeros = {
        name: np.zeros_like(weights[name])
        for name, parameter in architecture.parameters().items()
        if parameter.trained
    }
    mean, square = ({k: backend.asarray(v) for k, v in zeros.items()} for _ in range(2))
    weights_there = {k: backend.asarray(v) for k, v in weights.items()}
    return State(weights_there, mean, square, backend.asarray(np.zeros((), np.float32)))


def prepared(
    architecture: Architecture, inputs: Patches | NDArray[Any], recipe: Recipe, backend: Backend
) -> tuple[Callable[..., Any], tuple[Array, ...], tuple[Array, ...]]:
    """Return the step, and the inputs on the device as it takes them: `shared`, and `samples`."""
    shared, samples = (
        tuple(backend.asarray(array) for array in arrays) for arrays in to_arrays(inputs)
    )
    return indexed_step(architecture, recipe, backend), shared, samples
