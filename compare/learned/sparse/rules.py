"""What each layer makes of patches: one rule for each type of layer, in a table.

A rule maps the background by the layer itself, as a batch of one, and says what becomes of the
differences and of the corners of their windows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from compare.backends import Array, Backend
from compare.learned.architecture import Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
    CoordConv,
    GlobalMaxPool,
    GlobalMeanPool,
    Layer,
    LeakyRelu,
    MaxPool,
    MeanPool,
    Relu,
    Sigmoid,
    Tanh,
)
from compare.learned.sparse.kernels import kernels
from compare.learned.sparse.patches import Patches, receptive_fields

__all__ = [
    "RULES",
    "Rule",
    "apply",
    "batch_norm",
    "conv",
    "coord_conv",
    "global_max_pool",
    "global_mean_pool",
    "in_full",
    "max_pool",
    "mean_pool",
    "pointwise",
    "relu",
]

Rule: TypeAlias = Callable[
    [Any, Backend, dict[str, Array], Patches, dict[str, Array] | None], Patches | Array
]
"""(layer, backend, own, patches, updates) to patches, or to the maps in full; see `Layer`."""


def apply(
    architecture: Architecture,
    backend: Backend,
    weights: dict[str, Array],
    patches: Patches,
    training: bool = False,
) -> tuple[Array, dict[str, Array]]:
    """Map a batch of patches to what `Architecture.apply` makes of the pictures in full.

    A layer without a rule gets the maps in full, and so does one whose windows cover half of the
    canvas; from there on everything is dense. Returns the outputs and (when training) the new
    running statistics by name.
    """
    x: Patches | Array = patches
    statistics: dict[str, Array] = {}
    for prefix, layer, own in architecture.bound(weights):
        updates: dict[str, Array] | None = {} if training else None
        if isinstance(x, Patches):
            rule = RULES.get(type(layer), in_full) if x.small else in_full
            x = rule(layer, backend, own, x, updates)
        else:
            x = layer(backend, own, x, updates)
        statistics.update({prefix + name: new for name, new in (updates or {}).items()})
    return (x.dense(backend) if isinstance(x, Patches) else x), statistics


def in_full(
    layer: Layer,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Array:
    """Map the pictures in full."""
    return layer(backend, own, patches.dense(backend), updates)


def conv(
    layer: Conv,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Patches:
    """Convolve; the difference of two pictures convolves like a picture, without the bias."""
    background = layer(backend, own, patches.background, updates)
    (above, _), (before, _) = layer.padding(patches.shape[1:])
    fields = receptive_fields(patches, backend, layer.kernel, layer.stride, (above, before))
    around = (fields.padding, fields.padding)
    delta = backend.conv(fields.delta, own["weight"], None, layer.stride, (around, around))
    return fields.outputs(background, delta).cropped(backend)


def coord_conv(
    layer: CoordConv,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Patches:
    """Convolve; the coordinates are the same in every picture, so their differences are 0."""
    zeros = backend.xp.zeros_like(patches.delta[:, :1])
    delta = backend.xp.concatenate([patches.delta] + [zeros] * (2 + layer.radius), axis=1)
    return conv(layer, backend, own, replace(patches, delta=delta), updates)


def pointwise(
    layer: Layer,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Patches:
    """Map the windows with the differences and without; equal zeros off the canvas stay equal."""
    under = patches.under(backend)
    background, changed, unchanged = (
        layer(backend, own, x, updates) for x in (patches.background, under + patches.delta, under)
    )
    return replace(patches, background=background, delta=changed - unchanged)


def relu(
    layer: Relu,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Patches:
    """Rectify as `pointwise` does, by the backend's kernel."""
    background, delta = patches.background, patches.delta
    delta = kernels(backend).relu(backend, background, delta, patches.top, patches.left)
    return replace(patches, background=layer(backend, own, background, updates), delta=delta)


def max_pool(
    layer: MaxPool,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Patches:
    """Pool the values of every block that a window touches; keep their differences."""
    fields = receptive_fields(patches, backend, layer.kernel, layer.kernel)
    size = fields.delta.shape[2:]
    under = kernels(backend).window(
        backend, patches.background, fields.input_top, fields.input_left, *size
    )
    background = layer(backend, own, patches.background, updates)
    pooled = fields.outputs(background, layer(backend, own, under + fields.delta, updates))
    return replace(pooled, delta=pooled.delta - pooled.under(backend)).cropped(backend)


def mean_pool(
    layer: MeanPool,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Patches:
    """Average; the mean is linear, so it maps differences like pictures."""
    fields = receptive_fields(patches, backend, layer.kernel, layer.kernel)
    background, delta = (
        layer(backend, own, x, updates) for x in (patches.background, fields.delta)
    )
    return fields.outputs(background, delta).cropped(backend)


def global_mean_pool(
    layer: GlobalMeanPool,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Array:
    """Average; the mean is linear, so the differences just add."""
    _, _, height, width = patches.shape
    shift = backend.xp.sum(patches.delta, axis=(2, 3), keepdims=True) / (height * width)
    return layer(backend, own, patches.background, updates) + shift


def global_max_pool(
    layer: GlobalMaxPool,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Array:
    """Take the larger of the window's maximum and that of the background around it."""
    xp = backend.xp
    n, channels, height, width = patches.shape
    rows, columns = patches.delta.shape[2:]
    item, channel = xp.arange(n)[:, None], xp.arange(channels)[None, :]

    # A window hides at most rows * columns pixels, so among that many and one of the
    # brightest of the background the brightest that is not hidden is found.
    background = xp.reshape(patches.background, (channels, height * width))
    brightest = xp.argsort(-background, axis=1)[:, : rows * columns + 1]
    y, x = brightest // width, brightest % width
    top, left = patches.top[:, None, None], patches.left[:, None, None]
    hidden = (y >= top) & (y < top + rows) & (x >= left) & (x < left + columns)
    around = background[channel, brightest[channel, xp.argmin(1 * hidden, axis=2)]]

    values = xp.reshape(patches.under(backend) + patches.delta, (n, channels, rows * columns))
    on_canvas = xp.reshape(patches.inside(backend), (n, 1, rows * columns))
    # A window may lie off the canvas entirely, in what a pool has dropped.
    values = xp.where(on_canvas, values, -xp.inf)
    largest = values[item, channel, xp.argmax(values, axis=2)]
    return xp.reshape(xp.maximum(largest, around), (n, channels, 1, 1))


def batch_norm(
    layer: BatchNorm,
    backend: Backend,
    own: dict[str, Array],
    patches: Patches,
    updates: dict[str, Array] | None,
) -> Patches:
    """Normalise by the moments of the pictures; the differences are only scaled."""
    if updates is None:
        scale, _ = layer.affine(backend, own)
        background = layer(backend, own, patches.background, updates)
        return replace(patches, background=background, delta=patches.delta * scale)
    background, delta, mean, variance = kernels(backend).batch_norm(
        backend, patches.background, patches.delta, patches.under(backend),
        own["scale"], own["shift"], layer.epsilon,
    )  # fmt: skip
    n, _, height, width = patches.shape
    updates.update(layer.running(own, mean, variance, n * backend.shards * height * width))
    return replace(patches, background=background, delta=delta)


RULES: dict[type, Rule] = {
    Conv: conv,
    CoordConv: coord_conv,
    Relu: relu,
    LeakyRelu: pointwise,
    Tanh: pointwise,
    Sigmoid: pointwise,
    MaxPool: max_pool,
    MeanPool: mean_pool,
    GlobalMaxPool: global_max_pool,
    GlobalMeanPool: global_mean_pool,
    BatchNorm: batch_norm,
}
"""The rule of each type of layer that has one."""
