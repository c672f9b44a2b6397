"""Adversarial training: a generator against a discriminator, beside the supervised training.

Goodfellow et al. 2014, arXiv:1406.2661, with the non-saturating loss, as the authors of CoordConv
train (github.com/uber-research/CoordConv, train_gan.py). On each batch of real pictures and of
noise the discriminator takes one step and the generator `GENERATOR_STEPS`, each by an Adam of its
own; real and generated pictures pass the discriminator in two calls, each normalised by its own
statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.datasets.streams import random_stream
from compare.errors import RunError
from compare.learned.architecture import Adversaries
from compare.learned.losses import sigmoid
from compare.learned.optimizer import adam, adam_rate, decay
from compare.learned.recipe import Recipe
from compare.learned.state import Arrays, State
from compare.learned.training import Progress, follow, initial_state, out_of_memory

__all__ = ["CURVES", "GENERATOR_STEPS", "Judge", "generator_weights", "steps_an_epoch", "train"]

GENERATOR_STEPS = 2
"""On each batch, after the discriminator's one."""

CURVES = ("discriminator_loss", "real_rate", "generated_rate")
"""What is known of each epoch beside the generator's loss: the discriminator's, and the shares of
the real and of the generated pictures that it takes for what they are; means over the batches, from
before the batch's steps."""

Judge: TypeAlias = Callable[[Mapping[str, NDArray[Any]]], Mapping[str, float]]
"""The generator's weights, by its own names, to scores by name."""


def train(
    adversaries: Adversaries,
    pictures: NDArray[np.int8],
    recipe: Recipe,
    *,
    seed: int,
    backend: Backend,
    judge: Judge = lambda _: {},
    judged: Sequence[str] = (),
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> State:
    """Train by the recipe and return the last state.

    pictures: (n, 3, height, width), each number -1 or 1. The recipe's learning rate is that of the
    discriminator, its penalty counts the generator's kernels, and a last batch that is not whole is
    left out of an epoch. Weights are named as `adversaries.parameters()` has them; `losses` are the
    generator's, `curves` those of `CURVES` and, of the generator at the end of each epoch, what
    `judge` returns under the names `judged`. As `compare.learned.training.train` has it, the seed
    decides the rest, and a training is resumed from its checkpoint and ends with an epoch whose
    loss is not finite. A checkpoint is of whole batches, so that what was done of the next, if only
    the discriminator's step, is done again.
    """
    new = replace(
        initial_state(adversaries, seed, backend),
        running_loss=backend.asarray(np.zeros(1 + len(CURVES), np.float32)),
        curves={name: () for name in (*CURVES, *judged)},
    )

    def following(state: State) -> Iterator[State]:
        return _states(
            adversaries, pictures, recipe, seed=seed, backend=backend, judge=judge, state=state
        )

    return follow(
        following,
        new,
        recipe.epochs,
        steps_an_epoch(recipe, len(pictures)),
        backend=backend,
        checkpoint=checkpoint,
        on_progress=on_progress,
    )


def steps_an_epoch(recipe: Recipe, pictures: int) -> int:
    """Return how many whole batches there are; ValueError if there is none."""
    if pictures < recipe.batch:
        raise ValueError(
            f"a batch of {recipe.batch:,} is more than the {pictures:,} scenes to train on; "
            "give a smaller batch or more scenes"
        )
    return pictures // recipe.batch


def generator_weights(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the generator's arrays by its own names."""
    return _part(weights, "generator.")


def _part(weights: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return one network's arrays by its own names."""
    return {
        name.removeprefix(prefix): array
        for name, array in weights.items()
        if name.startswith(prefix)
    }


def _states(
    adversaries: Adversaries,
    pictures: NDArray[np.int8],
    recipe: Recipe,
    *,
    seed: int,
    backend: Backend,
    judge: Judge,
    state: State,
) -> Iterator[State]:
    """Return the states after each batch that follows `state`."""
    at_any_rate = replace(
        recipe, learning_rate=1.0, generator_rate=1.0, lr_schedule="constant", epochs=0, scenes=None
    )
    step = _compiled(adversaries, at_any_rate, backend)
    there = backend.asarray(pictures)
    steps = steps_an_epoch(recipe, len(pictures))

    def following(state: State) -> Iterator[State]:
        for epoch in range(state.steps // steps, recipe.epochs):
            if state.losses and not np.isfinite(state.losses[-1]):
                return
            # All an epoch needs is there before it starts, so that no step waits for the host.
            order = random_stream(seed, "order", epoch).permutation(len(pictures))
            noise = random_stream(seed, "noise", epoch).random(
                (steps * recipe.batch, *adversaries.generator.inputs), np.float32
            )
            rows, rates, noise_there = (
                backend.asarray(order[: steps * recipe.batch].reshape(steps, -1)),
                backend.asarray(_rates(recipe, epoch, steps)),
                backend.asarray(2 * noise - 1),
            )
            index = backend.asarray(np.asarray([state.steps % steps]))
            for number in range(state.steps % steps, steps):
                try:
                    weights, mean, square, sums, index = step(
                        state.weights,
                        state.mean,
                        state.square,
                        state.running_loss,
                        index,
                        rates,
                        rows,
                        noise_there,
                        there,
                    )
                    last = number == steps - 1
                    means = backend.to_numpy(sums) / steps if last else None
                except MemoryError as error:
                    message = out_of_memory(backend, epoch, number, recipe.batch, error)
                    raise RunError(message) from error
                state = replace(
                    state,
                    weights=weights,
                    mean=mean,
                    square=square,
                    running_loss=sums,
                    steps=state.steps + 1,
                )
                if means is not None:
                    state = _at_the_end_of_an_epoch(state, means, backend, judge)
                yield state

    return following(state)


def _rates(recipe: Recipe, epoch: int, steps: int) -> NDArray[np.float32]:
    """Return the rates of each batch's steps, (steps, 1 + GENERATOR_STEPS), discriminator first."""
    generator = replace(recipe, learning_rate=recipe.generator_rate or recipe.learning_rate)
    rates = [
        (
            adam_rate(recipe, batch + 1),
            *(
                adam_rate(generator, GENERATOR_STEPS * batch + each + 1)
                for each in range(GENERATOR_STEPS)
            ),
        )
        for batch in range(epoch * steps, (epoch + 1) * steps)
    ]
    return np.asarray(np.asarray(rates) * decay(recipe, epoch), np.float32)


def _at_the_end_of_an_epoch(
    state: State, means: NDArray[Any], backend: Backend, judge: Judge
) -> State:
    loss, *others = means.tolist()
    host = {
        name: backend.to_numpy(array) for name, array in generator_weights(state.weights).items()
    }
    known = {**dict(zip(CURVES, others, strict=True)), **judge(host)}
    # A discriminator that is lost is the end of the generator too.
    return replace(
        state,
        losses=(*state.losses, loss if np.isfinite(others[0]) else np.nan),
        curves={name: (*curve, float(known[name])) for name, curve in state.curves.items()},
        running_loss=backend.asarray(np.zeros(1 + len(CURVES), np.float32)),
    )


# --- A batch ----------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _compiled(
    adversaries: Adversaries, recipe: Recipe, backend: Backend
) -> Callable[..., tuple[Arrays, Arrays, Arrays, Array, Array]]:
    """Build the compiled function that finds a batch's pictures, noise and rates by its number."""
    steps: dict[Backend, Callable[..., tuple[Arrays, Arrays, Arrays, Array]]] = {}
    xp, size = backend.xp, recipe.batch

    def batch(
        weights: Arrays,
        mean: Arrays,
        square: Arrays,
        sums: Array,
        index: Array,
        rates: Array,
        rows: Array,
        noise: Array,
        pictures: Array,
    ) -> tuple[Arrays, Arrays, Arrays, Array, Array]:
        sharded, chosen = backend.shard(xp.reshape(rows[index], (-1,)))
        _, drawn = backend.shard(index * size + xp.arange(size))
        if sharded not in steps:
            steps[sharded] = _step(adversaries, recipe, sharded)
        latents = noise[drawn]
        real = pictures[chosen] + xp.zeros_like(sums[0])  # from int8 to the sums' dtype
        after = steps[sharded](
            weights, mean, square, sums, xp.reshape(rates[index], (-1,)), latents, real
        )
        return *after, index + 1

    return backend.jit(batch)


def _step(
    adversaries: Adversaries, recipe: Recipe, backend: Backend
) -> Callable[..., tuple[Arrays, Arrays, Arrays, Array]]:
    """Build the function that takes a batch's steps; it is pure, so a backend may compile it."""
    xp = backend.xp
    generator, discriminator = adversaries.generator, adversaries.discriminator
    decayed = [name for name, p in generator.parameters().items() if p.decayed]

    def rate(taken: Array, like: Array) -> Array:
        zero = xp.zeros_like(like)
        return backend.average(xp.sum(xp.where(taken, zero + 1, zero)) / like.shape[0])

    def of_discriminator(
        trained: Arrays, running: Arrays, real: Array, generated: Array
    ) -> tuple[Array, Arrays]:
        weights = {**running, **trained}
        on_real, after_real = discriminator.apply(backend, weights, real, training=True)
        on_generated, after = discriminator.apply(
            backend, {**weights, **after_real}, generated, training=True
        )
        known = {
            "loss": backend.average(sigmoid(backend, on_generated, 1)),
            "real_rate": rate(on_real > 0, on_real),
            "generated_rate": rate(on_generated < 0, on_generated),
        }
        loss = sigmoid(backend, on_real, 1) + sigmoid(backend, on_generated, 0)
        return loss, {**after, **known}

    def of_generator(
        trained: Arrays, running: Arrays, against: Arrays, latents: Array
    ) -> tuple[Array, Arrays]:
        generated, _ = generator.apply(backend, {**running, **trained}, latents, training=True)
        logits, _ = discriminator.apply(backend, against, generated, training=True)
        penalty = recipe.l2 * sum(xp.sum(trained[name] ** 2) for name in decayed)
        return sigmoid(backend, logits, 1) + penalty, {}

    to_discriminator = backend.value_and_grad(of_discriminator)
    to_generator = backend.value_and_grad(of_generator)

    def step(
        weights: Arrays,
        mean: Arrays,
        square: Arrays,
        sums: Array,
        rates: Array,
        latents: Array,
        real: Array,
    ) -> tuple[Arrays, Arrays, Arrays, Array]:
        g, d = (
            _Network(*(_part(arrays, prefix) for arrays in (weights, mean, square)))
            for prefix in _PREFIXES
        )
        generated, statistics = generator.apply(backend, g.weights, latents, training=True)
        d_loss, extra, gradients = to_discriminator(d.trained, d.running, real, generated)
        known = [extra.pop(name) for name in ("loss", "real_rate", "generated_rate")]
        d = d.after(recipe, xp, rates[0], gradients, extra)
        for each in range(GENERATOR_STEPS):
            _, _, gradients = to_generator(g.trained, g.running, d.weights, latents)
            # The running statistics are of the pictures that the discriminator learned from: the
            # published code, too, brings them up to date once a batch, before the steps.
            g = g.after(recipe, xp, rates[1 + each], gradients, {} if each else statistics)
        known.insert(1, d_loss)
        new = xp.concatenate([xp.reshape(number, (1,)) for number in known], axis=0)
        return *(_joined(g, d, name) for name in ("weights", "mean", "square")), sums + new

    return step


_PREFIXES = ("generator.", "discriminator.")


@dataclass(frozen=True)
class _Network:
    """One of the two in a step: its weights, and Adam's moving means, by its own names."""

    weights: Arrays
    mean: Arrays
    square: Arrays

    @property
    def trained(self) -> Arrays:
        return {name: self.weights[name] for name in self.mean}

    @property
    def running(self) -> Arrays:
        return {name: self.weights[name] for name in self.weights if name not in self.mean}

    def after(
        self, recipe: Recipe, xp: Any, rate: Array, gradients: Arrays, statistics: Arrays
    ) -> _Network:
        """Return what it is after a step of Adam."""
        in_order = {name: gradients[name] for name in self.mean}
        trained, mean, square = adam(
            recipe, xp, rate, self.weights, self.mean, self.square, in_order
        )
        return _Network({**self.weights, **trained, **statistics}, mean, square)


def _joined(g: _Network, d: _Network, group: str) -> Arrays:
    return {
        prefix + name: array
        for prefix, network in zip(_PREFIXES, (g, d), strict=True)
        for name, array in getattr(network, group).items()
    }
