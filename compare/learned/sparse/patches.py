"""A batch of pictures as one shared background and a small window of differences for each.

A one-hot picture differs from the empty one in a single pixel, so what a layer computes for it
differs from what it computes for the empty picture only near that pixel. The rules of
`compare.learned.sparse.rules` map one background and n small windows instead of n full maps. That
is no approximation: it is the same sum with the equal terms taken together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.learned.sparse.kernels import inside, kernels

__all__ = ["Patches", "ReceptiveFields", "gather", "localise", "receptive_fields"]


@dataclass(frozen=True)
class Patches:
    """Picture i is `background`, plus `delta[i]` in the window whose corner is (top, left)[i].

    background: (1, c, H, W). delta: (n, c, h, w), zero wherever the window lies beyond the edge of
    the canvas. top, left: (n,) int64, possibly negative.
    """

    background: Array
    delta: Array
    top: Array
    left: Array

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape that full maps of the batch would have, (n, c, H, W)."""
        _, channels, height, width = self.background.shape
        return (self.delta.shape[0], channels, height, width)

    @property
    def small(self) -> bool:
        """Whether the windows cover less than half of the canvas; full maps are less work else."""
        window: int = math.prod(self.delta.shape[2:])
        canvas: int = math.prod(self.background.shape[2:])
        return 2 * window < canvas

    def under(self, backend: Backend) -> Array:
        """Return the background inside each window, (n, c, h, w); zero beyond the canvas."""
        size = self.delta.shape[2:]
        return kernels(backend).window(backend, self.background, self.top, self.left, *size)

    def inside(self, backend: Backend) -> Array:
        """Return whether each pixel of each window is on the canvas, (n, 1, h, w) bools."""
        sizes = self.delta.shape[2:], self.background.shape[2:]
        return inside(backend, self.top, self.left, *sizes)

    def cropped(self, backend: Backend) -> Patches:
        """Return the same with zeros beyond the canvas, where the differences may not be."""
        canvas = self.background.shape[2:]
        delta = kernels(backend).crop(backend, self.delta, self.top, self.left, canvas)
        return replace(self, delta=delta)

    def dense(self, backend: Backend) -> Array:
        """Return the full maps, (n, c, H, W)."""
        canvas = self.background.shape[2:]
        delta = kernels(backend).window(backend, self.delta, -self.top, -self.left, *canvas)
        return self.background + delta


@dataclass(frozen=True)
class ReceptiveFields:
    """The inputs of every output of a kernel that depends on a window.

    delta: (n, c, h', w'), the windows' differences; the kernel, applied at every stride from their
    corner on, meets the pixels that it meets on the canvas. padding: zeros that delta still needs
    on every side. input_top, input_left: (n,), the corner of the inputs, with that padding. top,
    left: (n,), the corner of the outputs, in pixels of the output.
    """

    delta: Array
    padding: int
    input_top: Array
    input_left: Array
    top: Array
    left: Array

    def outputs(self, background: Array, delta: Array) -> Patches:
        """Return the patches of the outputs, whose differences may not be zero off the canvas."""
        return Patches(background, delta, self.top, self.left)


def receptive_fields(
    patches: Patches,
    backend: Backend,
    kernel: int,
    stride: int,
    padding: tuple[int, int] = (0, 0),
) -> ReceptiveFields:
    """Find the outputs of a kernel that depend on each window, and their inputs.

    `padding` holds the zeros before the first row and before the first column.
    """
    height, width = patches.delta.shape[2:]
    top, rows, input_top = _outputs(patches.top, height, kernel, stride, padding[0])
    left, columns, input_left = _outputs(patches.left, width, kernel, stride, padding[1])
    # A window never begins or ends nearer to the edge of the inputs than this.
    margin = max(kernel - stride, 0)
    delta = patches.delta
    if stride > 1:  # else every window is at the same offset in its inputs
        sizes = (count * stride - stride + kernel - 2 * margin for count in (rows, columns))
        first = input_top + margin - patches.top, input_left + margin - patches.left
        delta = kernels(backend).window(backend, delta, *first, *sizes)
    return ReceptiveFields(delta, margin, input_top, input_left, top, left)


def _outputs(
    start: Array, size: int, kernel: int, stride: int, padding: int
) -> tuple[Array, int, Array]:
    """Find the outputs along one axis that depend on windows of `size` pixels from `start` on.

    `padding` holds the zeros before the first pixel. Returns the first output, how many there are,
    and the first input of these, which may lie before the window.
    """
    # Output o depends on inputs o * stride - padding, ..., + kernel - 1.
    first = (start + padding - kernel + stride) // stride
    return first, (size + kernel - 2) // stride + 1, first * stride - padding


def localise(pictures: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Cut the smallest window that holds every nonzero pixel out of each picture.

    pictures: (n, c, h, w). Returns (delta, top, left) over an all-zero background; the windows
    are of one size, the largest that any picture needs. An empty picture has an empty window.
    """
    n, _, height, width = pictures.shape
    nonzero = np.any(pictures, axis=1)
    spans = []
    for axis, size in ((2, height), (1, width)):
        occupied = np.any(nonzero, axis=axis)
        first = occupied.argmax(axis=1)
        last = size - 1 - occupied[:, ::-1].argmax(axis=1)
        extent = int(np.where(np.any(occupied, axis=1), last - first + 1, 1).max(initial=1))
        spans.append((np.minimum(first, size - extent), extent))
    (top, rows), (left, columns) = spans
    item = np.arange(n)[:, None, None]
    delta = pictures[
        item,
        :,
        (top[:, None] + np.arange(rows))[:, :, None],
        (left[:, None] + np.arange(columns))[:, None, :],
    ]
    return np.ascontiguousarray(delta.transpose(0, 3, 1, 2)), top, left


def gather(chunks: Iterable[NDArray[Any]]) -> Patches:
    """Cut the windows out of pictures that come a chunk at a time, over an empty background."""
    backgrounds, cuts = [], []
    for pictures in chunks:
        backgrounds.append(np.zeros_like(pictures[:1]))
        cuts.append(localise(pictures))
    rows = max(delta.shape[2] for delta, _, _ in cuts)
    columns = max(delta.shape[3] for delta, _, _ in cuts)
    deltas = []
    for delta, _, _ in cuts:
        # A smaller window grows downwards and to the right, perhaps over the edge: it is all zeros.
        grown = np.zeros((*delta.shape[:2], rows, columns), dtype=delta.dtype)
        grown[:, :, : delta.shape[2], : delta.shape[3]] = delta
        deltas.append(grown)
    return Patches(
        backgrounds[0],
        np.concatenate(deltas),
        np.concatenate([top for _, top, _ in cuts]),
        np.concatenate([left for _, _, left in cuts]),
    )
