"""A batch of pictures as one shared background and a small patch for each.

A one-hot picture differs from the empty one in a single pixel, so what a layer computes for it
differs from what it computes for the empty picture only near that pixel. Each layer here maps
one background and n small differences instead of n full maps. That is no approximation: it is
the same sum with the equal terms taken together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend


@dataclass(frozen=True)
class Patched:
    """Picture i is `background`, plus `delta[i]` in the window whose corner is (top, left)[i].

    background: (1, c, H, W). delta: (n, c, h, w), zero wherever the window reaches over the edge
    of the canvas, unless `loose`: then whatever is there. top, left: (n,) int64, possibly negative.

    With a `kind`, (m,) int64, these are examples that stand for a batch of m pictures, of which
    picture j is computed like example `kind[j]`. With a `canvas`, (rows, columns), int64, the
    pictures have as many rows and columns as these have numbers, and pixel (y, x) of a picture
    without differences equals pixel (rows[y], columns[x]) of the background. See
    `compare.learned.grouped`.
    """

    background: Array
    delta: Array
    top: Array
    left: Array
    kind: Array | None = None
    canvas: tuple[Array, Array] | None = None
    loose: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape that full maps of the batch would have, (n or m, c, H, W)."""
        _, channels, height, width = self.background.shape
        if self.canvas is not None:
            height, width = (pixels.shape[0] for pixels in self.canvas)
        pictures = self.delta if self.kind is None else self.kind
        return (pictures.shape[0], channels, height, width)

    def under(self, backend: Backend) -> Array:
        """The background inside each window, (n, c, h, w); zero beyond the canvas."""
        return backend.window(self.background, self.top, self.left, *self.delta.shape[2:])

    def share(self, backend: Backend) -> Array:
        """The part of the batch's pixels that each pixel of a difference stands for, (n,)."""
        _, _, height, width = self.shape
        return self._parts(backend, self.delta.shape[0], self.kind) / (height * width)

    def extent(self, backend: Backend) -> Array:
        """The part of the batch's pixels that each one of the background stands for, (H, W)."""
        _, _, height, width = self.background.shape
        rows, columns = (None, None) if self.canvas is None else self.canvas
        down = self._parts(backend, height, rows)
        return down[:, None] * self._parts(backend, width, columns)

    def _parts(self, backend: Backend, count: int, which: Array | None) -> Array:
        """How large a part of `which` each of `count` numbers is, (count,); alike if it is None."""
        xp = backend.xp
        # Constants of the background's type; a part of it itself would be followed to its gradient.
        one = xp.broadcast_to(xp.zeros_like(self.background)[0, 0, 0, :1] + 1, (count,))
        if which is None:
            return one / count
        return xp.sum(one * (which[:, None] == xp.arange(count)), axis=0) / which.shape[0]

    def on_canvas(self, backend: Backend) -> Array:
        """1 where a pixel of a window lies on the canvas and 0 elsewhere, (n, 1, h, w)."""
        one = backend.xp.zeros_like(self.background)[:, :1] + 1
        return backend.window(one, self.top, self.left, *self.delta.shape[2:])

    def moved(self, to: Reach, background: Array, delta: Array) -> Patched:
        """What a kernel makes of it, `delta` in the windows of outputs that see its own."""
        return replace(
            self, background=background, delta=delta, top=to.top, left=to.left, loose=True
        )

    def cropped(self, backend: Backend) -> Patched:
        """The same with nothing beyond the canvas."""
        if not self.loose:
            return self
        return replace(self, delta=self.delta * self.on_canvas(backend), loose=False)

    def dense(self, backend: Backend) -> Array:
        """The full maps, (n, c, H, W)."""
        height, width = self.background.shape[2:]
        return self.background + backend.window(self.delta, -self.top, -self.left, height, width)

    def settled(self, backend: Backend) -> Patched | Array:
        """Itself, or the full maps once the windows cover half of them: these are less work."""
        if small(self.delta.shape[2:], self.background.shape[2:]):
            return self
        return self.dense(backend)


def small(window: tuple[int, ...], canvas: tuple[int, ...]) -> bool:
    """Whether windows of (rows, columns) cover less than half of a canvas."""
    return 2 * math.prod(window) < math.prod(canvas)


@dataclass(frozen=True)
class Sliding:
    """A kernel that slides over the canvas and treats all places alike."""

    kernel: int
    stride: int
    padding: tuple[int, int]
    """Zeros before the first row and before the first column."""
    linear: bool
    """Whether it maps differences without a look at the background."""


def seen(at: Array, size: int, kernel: int, stride: int, padding: int) -> tuple[Array, int, Array]:
    """Find what sees windows of `size` pixels that begin `at` some row, or column.

    `padding` holds the zeros before the first. Returns the first output that sees a window, how
    many do, and the first pixel that these see, which may lie before the window.
    """
    # Output o sees inputs o * stride - padding, ..., + kernel - 1.
    first = (at + padding - kernel + stride) // stride
    return first, (size + kernel - 2) // stride + 1, first * stride - padding


@dataclass(frozen=True)
class Reach:
    """What a sliding kernel sees of each window, from `reach`."""

    delta: Array
    """The windows' differences, (n, c, h', w'), moved so that kernels laid from the corner at
    every stride fall as they do on the canvas."""
    margin: int
    """Zeros that are still to be put around `delta` on every side."""
    read_top: Array
    read_left: Array
    """Where on the canvas that corner lies, (n,)."""
    top: Array
    left: Array
    """The corner of the outputs that see the window, in the output's own pixels, (n,)."""


def reach(
    x: Patched, backend: Backend, kernel: int, stride: int, padding: tuple[int, int] = (0, 0)
) -> Reach:
    """Find what a kernel sliding over the canvas sees of each window.

    `padding` holds the zeros before the first row and before the first column.
    """
    height, width = x.delta.shape[2:]
    top, rows, read_top = seen(x.top, height, kernel, stride, padding[0])
    left, columns, read_left = seen(x.left, width, kernel, stride, padding[1])
    # A window never begins or ends nearer to the edge of what is read than this.
    margin = max(kernel - stride, 0)
    if stride == 1:
        # Every window lies at the same place in what is read: within the margin it is all of it.
        return Reach(x.delta, margin, read_top, read_left, top, left)
    read = (size * stride - stride + kernel - 2 * margin for size in (rows, columns))
    delta = backend.window(x.delta, read_top + margin - x.top, read_left + margin - x.left, *read)
    return Reach(delta, margin, read_top, read_left, top, left)


def localise(pictures: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Cut the smallest window that holds every nonzero pixel out of each picture.

    pictures: (n, c, h, w). Returns (delta, top, left) over an all-zero background; the windows
    are of one size, the largest that any picture needs. An empty picture has an empty window.
    """
    n, _, height, width = pictures.shape
    lit = np.any(pictures, axis=1)
    spans = []
    for axis, size in ((2, height), (1, width)):
        occupied = np.any(lit, axis=axis)
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


def gather(chunks: Iterable[NDArray[Any]]) -> Patched:
    """Cut the windows out of pictures that come a chunk at a time, over an empty background."""
    backgrounds, parts = [], []
    for pictures in chunks:
        backgrounds.append(np.zeros_like(pictures[:1]))
        parts.append(localise(pictures))
    rows = max(delta.shape[2] for delta, _, _ in parts)
    columns = max(delta.shape[3] for delta, _, _ in parts)
    deltas = []
    for delta, _, _ in parts:
        # A smaller window grows downwards and to the right, perhaps over the edge: it is all zeros.
        grown = np.zeros((*delta.shape[:2], rows, columns), dtype=delta.dtype)
        grown[:, :, : delta.shape[2], : delta.shape[3]] = delta
        deltas.append(grown)
    return Patched(
        backgrounds[0],
        np.concatenate(deltas),
        np.concatenate([top for _, top, _ in parts]),
        np.concatenate([left for _, _, left in parts]),
    )
