"""One training step."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from compare.backends import Array, Backend
from compare.learned.architecture import Architecture
from compare.learned.losses import LOSSES
from compare.learned.optimizer import adam
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import Batch, apply, from_arrays, microbatch
from compare.learned.state import Arrays

__all__ = ["indexed_step"]


@lru_cache(maxsize=16)
def indexed_step(
    architecture: Architecture, recipe: Recipe, backend: Backend
) -> Callable[..., tuple[Arrays, Arrays, Arrays, Array, Array]]:
    """Build the compiled step that finds its samples and rate on the device by its own number."""
    step_on = cache(lambda sharded: _step(architecture, recipe, sharded))
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
        sharded, chosen = backend.shard(chosen)
        after = step_on(sharded)(
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
        trained: Arrays, running: Arrays, batch: Batch, targets: Array, share: float
    ) -> tuple[Array, Arrays]:
        weights = {**running, **trained}
        outputs, statistics = apply(architecture, backend, weights, batch, training=True)
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
            size = microbatch(architecture, backend, count, from_arrays(shared, samples))

        def differentiate(start: int) -> tuple[Array, Arrays, Arrays]:
            chosen = slice(start, start + size)
            batch = from_arrays(shared, tuple(array[chosen] for array in samples))
            share = min(size, count - start) / count
            result: tuple[Array, Arrays, Arrays] = differentiated(
                trained, running, batch, targets[chosen], share
            )
            return result

        statistics: Arrays = {}  # layers that have any take the batch whole
        for loss_, statistics, pulled in backend.map(differentiate, range(0, count, size)):  # noqa: B007
            value = value + loss_
            gradients = {name: gradients[name] + pulled[name] for name in gradients}
        trained, mean, square = adam(recipe, xp, rate, trained, mean, square, gradients)
        weights = {**weights, **trained, **statistics}
        return weights, mean, square, running_loss + value * (count * backend.shards)

    return step
