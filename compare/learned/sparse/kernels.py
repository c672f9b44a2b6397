"""The operations on windows, written once over the backend contract, and faster ones by backend.

A window is (height, width) pixels of an (H, W) canvas from the corner (top, left) on, which may
extend beyond the edge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from compare.backends import Array, Backend

__all__ = ["KERNELS", "Kernels", "batch_norm", "crop", "inside", "kernels", "relu", "window"]


def inside(
    backend: Backend,
    top: Array,
    left: Array,
    window: tuple[int, int],
    canvas: tuple[int, int],
) -> Array:
    """Return whether each pixel of each window is on the canvas, (n, 1, height, width) bools."""
    rows, columns = _pixels(backend, top, window[0]), _pixels(backend, left, window[1])
    rows_in = (rows >= 0) & (rows < canvas[0])
    columns_in = (columns >= 0) & (columns < canvas[1])
    return rows_in[:, None, :, None] & columns_in[:, None, None, :]


def _pixels(backend: Backend, start: Array, size: int) -> Array:
    """Return the rows, or columns, of each window, (n, size)."""
    return start[:, None] + backend.xp.arange(size)


def window(backend: Backend, x: Array, top: Array, left: Array, height: int, width: int) -> Array:
    """Read a window of each picture, zeros where it extends beyond the edge.

    `x` is (n, c, H, W), or (1, c, H, W) to read every window from one picture; `top` and `left`
    are (n,) int64 and may be negative. Returns (n, c, height, width). Differentiable in `x`.
    """
    xp, (count, _, x_height, x_width) = backend.xp, x.shape
    rows, columns = _pixels(backend, top, height), _pixels(backend, left, width)
    rows = xp.where((rows >= 0) & (rows < x_height), rows, 0)
    columns = xp.where((columns >= 0) & (columns < x_width), columns, 0)
    # The slice between indices puts the channels last.
    values = x[xp.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    on_canvas = inside(backend, top, left, (height, width), (x_height, x_width))
    return xp.where(on_canvas, xp.moveaxis(values, 3, 1), 0)


def crop(backend: Backend, delta: Array, top: Array, left: Array, canvas: tuple[int, int]) -> Array:
    """Put zeros wherever a window, (n, c, height, width), lies beyond the canvas."""
    on_canvas = inside(backend, top, left, delta.shape[2:], canvas)
    return backend.xp.where(on_canvas, delta, 0)


def relu(backend: Backend, background: Array, delta: Array, top: Array, left: Array) -> Array:
    """Return how the ReLU of a picture changes where windows of the picture change.

    `background` is (1, c, H, W). `delta` is (n, c, h, w), differences from its windows at each (n,)
    `top` and `left`, zero beyond the canvas. Returns differences from the same windows of the
    background's ReLU. Differentiable in the first two.
    """
    under = window(backend, background, top, left, *delta.shape[2:])
    return backend.relu(under + delta) - backend.relu(under)


def batch_norm(
    backend: Backend,
    background: Array,
    delta: Array,
    under: Array,
    scale: Array,
    shift: Array,
    epsilon: float,
) -> tuple[Array, Array, Array, Array]:
    """Do what `Backend.batch_norm` does to pictures that are given as differences.

    `background` is (1, c, H, W). `delta` is (n, c, h, w), differences from windows of it that hold
    `under`, likewise; both are zero beyond the canvas. `scale` and `shift` are (c,). Returns the
    new background and differences and, for the running statistics, the mean and the (biased)
    variance over the batch, all its shards, and the pixels, (c,) each. Differentiable in the first
    three, the scale and the shift through the first two results.
    """
    xp, axes = backend.xp, (0, 2, 3)
    count = delta.shape[0] * background.shape[2] * background.shape[3]
    mean = xp.mean(background, axis=axes) + xp.sum(delta, axis=axes) / count
    mean = backend.average(mean)
    centre = xp.reshape(mean, (1, -1, 1, 1))
    # (b + d - m)^2 - (b - m)^2 = d (2 (b - m) + d), and d is 0 beyond the canvas.
    change = delta * (2 * (under - centre) + delta)
    variance = xp.mean((background - centre) ** 2, axis=axes) + xp.sum(change, axis=axes) / count
    variance = backend.average(variance)
    factor = scale / xp.sqrt(variance + epsilon)
    added = xp.reshape(shift - mean * factor, (1, -1, 1, 1))
    factor = xp.reshape(factor, (1, -1, 1, 1))
    return background * factor + added, delta * factor, mean, variance


@dataclass(frozen=True)
class Kernels:
    """The operations as one backend computes them; by default those above."""

    window: Callable[[Backend, Array, Array, Array, int, int], Array] = window
    crop: Callable[[Backend, Array, Array, Array, tuple[int, int]], Array] = crop
    relu: Callable[[Backend, Array, Array, Array, Array], Array] = relu
    batch_norm: Callable[..., tuple[Array, Array, Array, Array]] = batch_norm


KERNELS = {"compare.backends.numpy:NumpyBackend": "compare.learned.sparse.numpy_kernels"}
"""Classes of backends with kernels of their own, and the modules that have them as `KERNELS`.

Names, because neither may be imported before it is asked for.
"""


def kernels(backend: Backend) -> Kernels:
    """Return the kernels registered for the backend's class, or for the nearest of its bases."""
    return _registered(type(backend))


@cache
def _registered(kind: type) -> Kernels:
    for base in kind.__mro__:
        module = KERNELS.get(f"{base.__module__}:{base.__qualname__}")
        if module is not None:
            found: Kernels = import_module(module).KERNELS
            return found
    return Kernels()
