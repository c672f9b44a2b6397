"""Pictures that the first layers of a network compute alike, computed once for all of them.

A convolution treats all places of the canvas alike, so pictures that differ in where their window
lies keep the same differences: until a stride tells odd places from even ones, or a nonlinearity
those near the edge from the rest. A few layers later there are still few kinds of pictures, and one
example of each is computed. For the same reason the middle of the background is the same all over:
the examples lie on a smaller canvas, whose background is written out in full behind those layers.
As with windows, none of that is an approximation.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.learned.sparse.patches import Patched, Sliding, seen, small

if TYPE_CHECKING:
    from compare.learned.architecture import Architecture


Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Grouped:
    """A batch of m pictures of few kinds, as far as the first few layers go.

    examples: one picture of each kind, on a canvas of their own, and the `kind` of every picture.
    top, left: (m,) int64, the corners of the pictures' own windows after those layers. canvases:
    before each of those layers and after the last, (rows, columns), (H,) and (W,) int64: which row
    of the examples' background each row of the pictures' equals, and which column.
    """

    examples: Patched
    top: Array
    left: Array
    canvases: tuple[tuple[Array, Array], ...]

    @property
    def depth(self) -> int:
        """How many layers compute the examples."""
        return len(self.canvases) - 1

    def before(self, layer: int, x: Patched, backend: Backend) -> Patched:
        """What that layer, counted from 0, is to map: `x` is what the layers before it made."""
        if layer > self.depth:
            return x
        if layer < self.depth:
            return replace(x, canvas=self.canvases[layer])
        rows, columns = self.canvases[layer]
        background = x.background
        if background.shape[2:] != (rows.shape[0], columns.shape[0]):
            background = backend.take(backend.take(background, rows, 2), columns, 3)
        delta = backend.take(x.delta, x.kind, 0)
        return Patched(background, delta, self.top, self.left, loose=x.loose)


def group(architecture: Architecture, inputs: Patched, most: int) -> Patched | Grouped:
    """Group NumPy's `inputs` for as many layers as leave at most so many kinds.

    Returns the inputs themselves if that is no layer.
    """
    if inputs.background.any():
        return inputs
    content: NDArray[Any] | None = None  # equal where differences are; slow to find for large ones
    rows = _Axis.of(inputs.top, inputs.delta.shape[2], inputs.background.shape[2])
    columns = _Axis.of(inputs.left, inputs.delta.shape[3], inputs.background.shape[3])
    found: tuple[_Axis, _Axis, Indices, Indices] | None = None
    layers, shapes = architecture.layers, architecture.shapes()
    # Behind the last layer every picture is written out.
    for layer, shape, after in zip(layers[:-1], shapes, shapes[1:], strict=False):
        sliding = layer.sliding(shape)
        if sliding is None or not small((rows.windows.size, columns.windows.size), shape[1:]):
            break
        if content is None:
            flat = inputs.delta.reshape(len(inputs.delta), -1)
            content = np.unique(flat, axis=0, return_inverse=True)[1].reshape(-1)
        rows = rows.past(sliding, sliding.padding[0], after[1])
        columns = columns.past(sliding, sliding.padding[1], after[2])
        kinds = content * len(rows.start) + rows.windows.kind[rows.place]
        kinds = kinds * len(columns.start) + columns.windows.kind[columns.place]
        _, examples, kind = np.unique(kinds, return_index=True, return_inverse=True)
        if len(examples) > most:
            break
        found = rows, columns, examples, kind.reshape(-1)
    if found is None:
        return inputs
    rows, columns, examples, kind = found
    (height, top, equal_rows), (width, left, equal_columns) = rows.shrunk(), columns.shrunk()
    chosen = Patched(
        inputs.background[:, :, :height, :width],
        inputs.delta[examples],
        top[rows.place[examples]],
        left[columns.place[examples]],
        kind,
    )
    canvases = tuple(zip(equal_rows, equal_columns, strict=True))
    return Grouped(chosen, rows.windows.at[rows.place], columns.windows.at[columns.place], canvases)


@dataclass(frozen=True)
class _Axis:
    """Rows, or columns: where the windows of all pictures are, layer after layer.

    start: (p,) the different places where they begin. place: (n,) which of them each picture has.
    size, canvas: pixels of a window, and of the canvas, before the first layer. steps: of each
    layer so far, how it slides, its zeros before the first pixel, and the pixels of its outputs.
    """

    start: Indices
    place: Indices
    size: int
    canvas: int
    windows: _Spans
    steps: tuple[tuple[Sliding, int, int], ...] = ()

    @classmethod
    def of(cls, at: Indices, size: int, canvas: int) -> _Axis:
        start, place = np.unique(at, return_inverse=True)
        windows = _Spans.begin((start,), size, (canvas,))
        return cls(start, place.reshape(-1), size, canvas, windows)

    def past(self, sliding: Sliding, padding: int, canvas: int) -> _Axis:
        """Follow the windows through a layer whose outputs have `canvas` pixels."""
        windows = self.windows.past(sliding, padding, (canvas,))
        return replace(self, windows=windows, steps=(*self.steps, (sliding, padding, canvas)))

    def shrunk(self) -> tuple[int, Indices, tuple[Indices, ...]]:
        """Leave out as much of the middle of the canvas as makes no difference.

        Returns the pixels that are left; where, on what is left, windows begin that are computed
        like those from `start`, (p,); and, before each layer and after the last, which pixel that
        is left each pixel of the canvas equals.
        """
        stride = math.prod(sliding.stride for sliding, _, _ in self.steps)
        # Strides fall on the pixels behind what is left out as they did, and paddings stay. All
        # that fit are exact; the smallest is found if all that are larger fit too.
        sizes = range((self.canvas - 1) % stride + 1, self.canvas + 1, stride)
        last = len(sizes) - 1  # the canvas itself
        fits = bisect_left(sizes, True, hi=last, key=lambda size: self._on(size) is not None)
        found = self._on(sizes[fits])
        assert found is not None
        return found

    def _on(self, size: int) -> tuple[int, Indices, tuple[Indices, ...]] | None:
        """Shrink to so many pixels; None if that makes a difference."""
        begin = self.start, np.arange(size)
        windows = _Spans.begin(begin, self.size, (self.canvas, size))
        levels, left_out = [windows], self.canvas - size
        for sliding, padding, canvas in self.steps:
            left_out //= sliding.stride
            if canvas <= left_out:
                return None
            windows = windows.past(sliding, padding, (canvas, canvas - left_out))
            levels.append(windows)
        start = _first(*np.split(windows.kind, [len(self.start)]))
        pixels = [_first(*level.labels) for level in levels]
        if start is None or any(pixel is None for pixel in pixels):
            return None
        return size, start, tuple(pixel for pixel in pixels if pixel is not None)


def _first(values: Indices, among: Indices) -> Indices | None:
    """Return where each value stands first in `among`; None if one does not."""
    known, first = np.unique(among, return_index=True)
    place = np.searchsorted(known, values).clip(max=len(known) - 1)
    return first[place] if np.array_equal(known[place], values) else None


@dataclass(frozen=True)
class _Spans:
    """Windows of some pixels along one axis, all there are on a canvas, or on several at once.

    at: (p,) where each begins. on: (p,) on which canvas. kind: (p,) those of one kind have been
    alike so far. labels: for each canvas, one for each pixel: equal where the background is sure to
    be equal, -1 if it is that of an empty canvas, zero like what is beyond.
    """

    at: Indices
    on: Indices
    kind: Indices
    size: int
    labels: tuple[Indices, ...]

    @classmethod
    def begin(cls, at: tuple[Indices, ...], size: int, canvases: tuple[int, ...]) -> _Spans:
        """Of windows with equal contents on empty canvases."""
        on = np.repeat(np.arange(len(at)), [len(places) for places in at])
        labels = tuple(np.full(pixels, -1) for pixels in canvases)
        return cls(np.concatenate(at), on, np.zeros_like(on), size, labels)

    def past(self, sliding: Sliding, padding: int, canvases: tuple[int, ...]) -> _Spans:
        """Follow them through a layer whose outputs have so many pixels on each canvas."""
        kernel, stride = sliding.kernel, sliding.stride
        at, size, read = seen(self.at, self.size, kernel, stride, padding)
        outputs = at[:, None] + np.arange(size)
        inside = (outputs >= 0) & (outputs < np.array(canvases)[self.on][:, None])
        told = [self.kind[:, None], (self.at - read)[:, None], inside]
        if not sliding.linear:
            told.append(self._under(read, size * stride - stride + kernel, self.on))
        _, kind = np.unique(np.concatenate(told, axis=1), axis=0, return_inverse=True)
        pixels = np.concatenate([np.arange(canvas) for canvas in canvases])
        on = np.repeat(np.arange(len(canvases)), canvases)
        under = self._under(pixels * stride - padding, kernel, on)
        _, labels = np.unique(under, axis=0, return_inverse=True)
        each = np.split(labels.reshape(-1), np.cumsum(canvases)[:-1])
        return _Spans(at, self.on, kind.reshape(-1), size, tuple(each))

    def _under(self, first: Indices, size: int, on: Indices) -> Indices:
        """The labels of `size` pixels from each `first` one of a canvas on, -1 beyond it."""
        pixels = first[:, None] + np.arange(size)
        sizes = np.array([len(labels) for labels in self.labels])
        begin, end = (np.cumsum(sizes) - sizes)[on][:, None], sizes[on][:, None]
        inside = (pixels >= 0) & (pixels < end)
        return np.where(inside, np.concatenate(self.labels)[begin + pixels.clip(0, end - 1)], -1)
