"""The training loop, Adam and the checkpoint, written once over the backend contract."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare import RunError
from compare.backends import Array, Backend
from compare.learned.architecture import Architecture
from compare.learned.grouped import Grouped, group
from compare.learned.layers import Maps
from compare.learned.losses import LOSSES
from compare.learned.patched import Patched
from compare.learned.recipe import Recipe
from compare.results import read_sealed_arrays, write_sealed_arrays

Arrays: TypeAlias = dict[str, Array]
HostArrays: TypeAlias = dict[str, NDArray[Any]]
CHECKPOINT_SECONDS = 10.0
"""A checkpoint is written when this much training has passed since the last."""


@dataclass(frozen=True)
class Progress:
    """What the loop reports after each epoch."""

    epoch: int
    epochs: int
    loss: float


@dataclass(frozen=True)
class State:
    """Everything a training run needs to go on: on disk it is the checkpoint.

    weights, and Adam's moving means of gradients and of their squares, by parameter name; the
    sum of losses in this epoch; the number of steps done; each finished epoch's mean loss; and
    the seconds spent.
    """

    weights: Arrays
    mean: Arrays
    square: Arrays
    running_loss: Array
    steps: int = 0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0

    def arrays(self, backend: Backend) -> HostArrays:
        """Return what is written to a checkpoint."""
        arrays = {
            f"{group}/{name}": backend.to_numpy(array)
            for group in ("weights", "mean", "square")
            for name, array in getattr(self, group).items()
        }
        arrays["steps"] = np.asarray(self.steps)
        arrays["losses"] = np.asarray(self.losses, dtype=np.float64)
        arrays["running_loss"] = backend.to_numpy(self.running_loss)
        arrays["seconds"] = np.asarray(self.seconds)
        return arrays

    def save(self, path: Path, backend: Backend) -> None:
        """Write the checkpoint, whole or not at all."""
        write_sealed_arrays(path, self.arrays(backend))

    @classmethod
    def of(cls, arrays: HostArrays, backend: Backend) -> State:
        """Undo `arrays`."""
        groups: dict[str, Arrays] = {"weights": {}, "mean": {}, "square": {}}
        for key, array in arrays.items():
            group, _, name = key.partition("/")
            if name:
                groups[group][name] = backend.asarray(array)
        return cls(
            **groups,
            steps=int(arrays["steps"]),
            losses=tuple(arrays["losses"].tolist()),
            running_loss=backend.asarray(arrays["running_loss"]),
            seconds=float(arrays["seconds"]),
        )


def train(
    architecture: Architecture,
    inputs: Patched | NDArray[Any],
    targets: NDArray[Any],
    recipe: Recipe,
    *,
    epochs: int,
    seed: int,
    backend: Backend,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> State:
    """Train for `epochs` passes over the samples and return the last state.

    The seed decides the first weights and the order of the samples in every epoch, alike on every
    backend. With a `checkpoint` the state is written there now and then, and training goes on
    from what lies there: on the NumPy backend to the same bits as without the interruption.
    A loss that is no longer finite ends training at the end of its epoch.
    """
    state = _resumed(architecture, seed, backend, checkpoint)
    following = states(
        architecture,
        inputs,
        targets,
        recipe,
        epochs=epochs,
        seed=seed,
        backend=backend,
        state=state,
    )
    started = saved = time.perf_counter()
    earlier = state.seconds
    try:
        for after in following:
            now = time.perf_counter()
            ended = len(after.losses) > len(state.losses)
            state = replace(after, seconds=earlier + now - started)
            if checkpoint is not None and backend.first and now - saved > CHECKPOINT_SECONDS:
                state.save(checkpoint, backend)
                saved = now
            if ended:
                on_progress(Progress(len(state.losses), epochs, state.losses[-1]))
    except (RunError, KeyboardInterrupt) as error:
        # Every process holds the same state; the one that writes keeps the last whole one. Where
        # memory ran out it may not be whole: a device says so only when it is asked for results.
        out_of_memory = isinstance(error.__cause__, MemoryError)
        if checkpoint is not None and backend.first and not out_of_memory:
            state.save(checkpoint, backend)
        raise
    return state


def states(
    architecture: Architecture,
    inputs: Patched | NDArray[Any],
    targets: NDArray[Any],
    recipe: Recipe,
    *,
    epochs: int,
    seed: int,
    backend: Backend,
    state: State,
) -> Iterator[State]:
    """Prepare to train; return an iterator over the states after each step that follows `state`.

    It raises `RunError` where a step runs out of memory or loses a worker, and ends with `epochs`,
    or with an epoch whose loss is not finite. The seconds are for the caller to count.
    """
    # The rates come to the step as numbers, so that one that is compiled serves all of them.
    at_any_rate = replace(recipe, learning_rate=1.0, schedule="constant")
    step, shared, samples = prepared(architecture, inputs, at_any_rate, backend)
    samples = (backend.asarray(targets), *samples)
    count = len(targets)
    steps_an_epoch = -(-count // recipe.batch)

    def following(state: State) -> Iterator[State]:
        for epoch in range(state.steps // steps_an_epoch, epochs):
            if state.losses and not np.isfinite(state.losses[-1]):
                return
            for place, index, batch in _batches(
                backend, recipe, count, seed=seed, epoch=epoch, epochs=epochs, done=state.steps
            ):
                try:
                    weights, mean, square, running_loss, place.index = step(
                        state.weights,
                        state.mean,
                        state.square,
                        state.running_loss,
                        place.index,
                        place.rates,
                        place.batches,
                        shared,
                        samples,
                    )
                    last = index == steps_an_epoch - 1
                    # The only time that the host waits for the device, but for checkpoints.
                    mean_loss = float(backend.to_numpy(running_loss)) / count if last else None
                except MemoryError as error:
                    raise RunError(_out_of_memory(backend, epoch, index, batch, error)) from error
                state = replace(
                    state,
                    weights=weights,
                    mean=mean,
                    square=square,
                    running_loss=running_loss,
                    steps=state.steps + 1,
                )
                if mean_loss is not None:
                    zero = backend.asarray(np.zeros((), np.float32))
                    state = replace(state, losses=(*state.losses, mean_loss), running_loss=zero)
                yield state

    return following(state)


# Kept for the next seed, which else would wait for the compiler again.
@lru_cache(maxsize=16)
def forward(architecture: Architecture, backend: Backend) -> Callable[..., Array]:
    """Build the compiled function from (weights, shared, samples) to a batch's outputs."""

    def outputs(weights: Arrays, shared: tuple[Array, ...], samples: tuple[Array, ...]) -> Array:
        return architecture.apply(backend, weights, join_maps(shared, samples))[0]

    return backend.jit(outputs)


def _resumed(
    architecture: Architecture, seed: int, backend: Backend, checkpoint: Path | None
) -> State:
    """Return the state to go on from: the checkpoint's, or a new one, alike in every process."""
    new = begin(architecture, seed, backend)
    arrays: HostArrays | None = None
    if checkpoint is not None and backend.first:
        try:
            # Not yet to the device, which processes that compute together do all at once.
            arrays = read_checkpoint(checkpoint, like=new)
        except FileNotFoundError:
            pass
        except ValueError as error:
            warnings.warn(f"{error}; training starts anew", stacklevel=3)
    arrays = backend.agreed(arrays)
    return new if arrays is None else State.of(arrays, backend)


def read_checkpoint(path: Path, like: State) -> HostArrays:
    """Read what `State.of` takes; ValueError if it is not a whole one, or not of a state `like`."""
    arrays = read_sealed_arrays(path)
    wanted = {
        f"{group}/{name}": array.shape
        for group in ("weights", "mean", "square")
        for name, array in getattr(like, group).items()
    }
    scalars = {"steps", "losses", "running_loss", "seconds"}
    found = {name: array.shape for name, array in arrays.items() if name not in scalars}
    if found != wanted or not scalars <= arrays.keys():
        raise ValueError(f"{path} is the checkpoint of another network")
    return arrays


@dataclass
class _Place:
    """Batches of one size on the device, and how far the steps have come in them.

    rates: (steps,) learning rates; batches: (steps, size) numbers of samples; index: (1,), the
    next step's. All an epoch needs is there before it starts, so that no step waits for the host.
    """

    rates: Array
    batches: Array
    index: Array


def _batches(
    backend: Backend, recipe: Recipe, count: int, *, seed: int, epoch: int, epochs: int, done: int
) -> Iterator[tuple[_Place, int, int]]:
    """Yield (place, step of the epoch, samples) for each step of an epoch that is not yet done.

    `done` counts the steps since the first epoch, of `epochs`; an epoch has `count` samples.
    """
    # Drawn from the seed and the epoch alone, so that a resumed run needs no generator's state.
    order = np.random.default_rng([seed, epoch]).permutation(count)
    steps = -(-count // recipe.batch)
    rates = [
        _adam_rate(recipe, epoch * steps + index + 1) * _decay(recipe, epoch, epochs)
        for index in range(steps)
    ]
    whole = count // recipe.batch
    first = done % steps
    like = backend.asarray(np.zeros((), np.float32))

    def place(rows: NDArray[Any], rates: list[float], index: int) -> _Place:
        return _Place(
            backend.asarray(np.asarray(rates), like=like),
            backend.asarray(rows),
            backend.asarray(np.asarray([index])),
        )

    if first < whole:
        here = place(order[: whole * recipe.batch].reshape(whole, -1), rates[:whole], first)
        for index in range(first, whole):
            yield here, index, recipe.batch
    left = order[whole * recipe.batch :]
    if len(left):
        yield place(left[None], rates[whole:], 0), whole, len(left)


def _out_of_memory(backend: Backend, epoch: int, index: int, batch: int, error: MemoryError) -> str:
    return (
        f"out of memory on {backend.device} in epoch {epoch + 1}, step {index + 1}, with a batch "
        f"of {batch} samples ({str(error)[:120]}); try --batch {max(1, batch // 2)}. "
        "Runs that were finished before are kept"
    )


def begin(architecture: Architecture, seed: int, backend: Backend) -> State:
    """Return the state before the first step."""
    weights = architecture.initial_weights(seed)
    zeros = {
        name: np.zeros_like(weights[name])
        for name, parameter in architecture.parameters().items()
        if parameter.trained
    }
    mean, square = ({k: backend.asarray(v) for k, v in zeros.items()} for _ in range(2))
    weights_there = {k: backend.asarray(v) for k, v in weights.items()}
    return State(weights_there, mean, square, backend.asarray(np.zeros((), np.float32)))


def prepared(
    architecture: Architecture, inputs: Patched | NDArray[Any], recipe: Recipe, backend: Backend
) -> tuple[Callable[..., Any], tuple[Array, ...], tuple[Array, ...]]:
    """Return the step, and the inputs on the device as it takes them: `shared`, and `samples`."""
    batch: Maps | Grouped = inputs
    if isinstance(inputs, Patched):
        # Grouped where that leaves the first layers a quarter of a batch to compute, or less: of
        # the whole batch, and on each device where several share it out.
        most = min(recipe.batch, len(inputs.delta)) // 4
        batch = group(architecture, inputs, most)
    shared, samples = (
        tuple(backend.asarray(array) for array in arrays) for arrays in split_maps(batch)
    )
    return _indexed_step(architecture, recipe, backend), shared, samples


@lru_cache(maxsize=16)
def _indexed_step(
    architecture: Architecture, recipe: Recipe, backend: Backend
) -> Callable[..., tuple[Arrays, Arrays, Arrays, Array, Array]]:
    """Build the compiled step that finds its samples and rate on the device by its own number."""
    step_on = cache(lambda together: _step(architecture, recipe, together))
    xp = backend.xp

    def step(
        weights: Arrays,
        mean: Arrays,
        square: Arrays,
        running_loss: Array,
        index: Array,
        rates: Array,
        batches: Array,
        shared: tuple[Array, ...],
        samples: tuple[Array, ...],
    ) -> tuple[Arrays, Arrays, Arrays, Array, Array]:
        # An index of one number and not of none, which PyTorch would fetch to the host.
        chosen, rate = xp.reshape(batches[index], (-1,)), xp.reshape(rates[index], ())
        together, chosen = backend.spread(chosen)
        after = step_on(together)(
            weights, mean, square, running_loss, rate, shared, *(a[chosen] for a in samples)
        )
        return *after, index + 1

    return backend.jit(step)


def _step(
    architecture: Architecture, recipe: Recipe, backend: Backend
) -> Callable[..., tuple[Arrays, Arrays, Arrays, Array]]:
    """Build the function that is one training step; it is pure, so a backend may compile it."""
    xp, loss = backend.xp, LOSSES[recipe.loss]
    decayed = [name for name, p in architecture.parameters().items() if p.decayed]

    def objective(
        trained: Arrays, running: Arrays, maps: Maps | Grouped, targets: Array, share: float
    ) -> tuple[Array, Arrays]:
        outputs, statistics = architecture.apply(
            backend, {**running, **trained}, maps, training=True
        )
        return share * loss(backend, outputs, targets), statistics

    differentiated = backend.value_and_grad(objective)

    def step(
        weights: Arrays,
        mean: Arrays,
        square: Arrays,
        running_loss: Array,
        rate: Array,
        shared: tuple[Array, ...],
        targets: Array,
        *samples: Array,
    ) -> tuple[Arrays, Arrays, Arrays, Array]:
        trained = {name: weights[name] for name in mean}
        running = {name: weights[name] for name in weights if name not in mean}
        value = recipe.l2 * sum(xp.sum(trained[name] ** 2) for name in decayed)
        gradients = {
            name: 2 * recipe.l2 * w if name in decayed else xp.zeros_like(w)
            for name, w in trained.items()
        }
        count = targets.shape[0]
        size = count
        if not architecture.mixes_samples():
            size = piece(architecture, backend, count, join_maps(shared, samples))

        def differentiate(start: int) -> tuple[Array, Arrays, Arrays]:
            part = slice(start, start + size)
            maps = join_maps(shared, tuple(array[part] for array in samples))
            share = min(size, count - start) / count
            result: tuple[Array, Arrays, Arrays] = differentiated(
                trained, running, maps, targets[part], share
            )
            return result

        statistics: Arrays = {}  # of the last part; layers that keep any take the batch whole
        for loss_, statistics, pulled in backend.map(differentiate, range(0, count, size)):  # noqa: B007
            value = value + loss_
            gradients = {name: gradients[name] + pulled[name] for name in gradients}
        # Adam with the bias corrections folded into the rate, as TensorFlow has it.
        mean = {k: recipe.beta1 * mean[k] + (1 - recipe.beta1) * g for k, g in gradients.items()}
        square = {
            k: recipe.beta2 * square[k] + (1 - recipe.beta2) * g * g for k, g in gradients.items()
        }
        trained = {
            k: w - rate * mean[k] / (xp.sqrt(square[k]) + recipe.epsilon)
            for k, w in trained.items()
        }
        weights = {**weights, **trained, **statistics}
        return weights, mean, square, running_loss + value * (count * backend.parts)

    return step


def piece(architecture: Architecture, backend: Backend, count: int, maps: Maps | Grouped) -> int:
    """Return how many of `count` samples to compute at a time; the sums are the same anyway."""
    if isinstance(maps, Patched | Grouped):
        return count
    return max(1, min(count, backend.piece() // max(map(math.prod, architecture.shapes()))))


def _adam_rate(recipe: Recipe, step: int) -> float:
    return recipe.learning_rate * math.sqrt(1 - recipe.beta2**step) / (1 - recipe.beta1**step)


def _decay(recipe: Recipe, epoch: int, epochs: int) -> float:
    return 0.1 ** (epoch * 5 // epochs) if recipe.schedule == "step" else 1.0


def split_maps(
    inputs: Patched | Grouped | NDArray[Any],
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Take a batch apart into the arrays all samples share and those with a row for each."""
    if isinstance(inputs, Grouped):
        of = inputs.examples
        shared = (of.background, of.delta, of.top, of.left, *chain.from_iterable(inputs.canvases))
        return shared, (of.kind, inputs.top, inputs.left)
    if isinstance(inputs, Patched):
        return (inputs.background,), (inputs.delta, inputs.top, inputs.left)
    return (), (inputs,)


def join_maps(shared: tuple[Array, ...], samples: tuple[Array, ...]) -> Maps | Grouped:
    """Undo `split_maps`."""
    if len(shared) > 1:
        (kind, top, left), canvases = samples, shared[4:]
        pairs = tuple(zip(canvases[::2], canvases[1::2], strict=True))
        background, delta, at_top, at_left = shared[:4]
        return Grouped(Patched(background, delta, at_top, at_left, kind), top, left, pairs)
    return Patched(*shared, *samples) if shared else samples[0]
