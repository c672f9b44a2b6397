"""Pictures that the first layers of a network compute alike, computed once for all of them.

A convolution treats all places of the canvas alike, so pictures that differ in where their window
lies keep the same differences: until a stride tells odd places from even ones, or a nonlinearity
those near the edge from the rest. A few layers later there are still few kinds of pictures, and one
example of each is computed. As with windows, that is no approximation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Array, Backend
from compare.learned.patched import Patched, Sliding, seen, small

if TYPE_CHECKING:
    from compare.learned.architecture import Architecture


@dataclass(frozen=True)
class Grouped:
    """A batch of m pictures of few kinds, as far as the first `depth` layers go.

    examples: one picture of each kind, and the `kind` of every picture. top, left: (m,) int64, the
    corners of the pictures' own windows after those layers.
    """

    examples: Patched
    top: Array
    left: Array
    depth: int

    def apart(self, examples: Patched, backend: Backend) -> Patched:
        """Give every picture what the layers made of its example."""
        delta = backend.take(examples.delta, examples.kind)
        return Patched(examples.background, delta, self.top, self.left)


def group(architecture: Architecture, inputs: Patched, most: int) -> Patched | Grouped:
    """Group NumPy's `inputs` for as many layers as leave at most so many kinds.

    Returns the inputs themselves if that is no layer.
    """
    if inputs.background.any():
        return inputs
    content: NDArray[Any] | None = None  # equal where differences are; slow to find for large ones
    rows = _Axis.of(inputs.top, inputs.delta.shape[2], inputs.background.shape[2])
    columns = _Axis.of(inputs.left, inputs.delta.shape[3], inputs.background.shape[3])
    found: Patched | Grouped = inputs
    layers, shapes = architecture.layers, architecture.shapes()
    # Behind the last layer every picture is written out.
    for depth, (layer, shape, after) in enumerate(
        zip(layers[:-1], shapes, shapes[1:], strict=False), start=1
    ):
        sliding = layer.sliding(shape)
        if sliding is None or not small((rows.size, columns.size), shape[1:]):
            break
        if content is None:
            flat = inputs.delta.reshape(len(inputs.delta), -1)
            content = np.unique(flat, axis=0, return_inverse=True)[1].reshape(-1)
        rows = rows.past(sliding, sliding.padding[0], after[1])
        columns = columns.past(sliding, sliding.padding[1], after[2])
        kinds = content * len(rows.at) + rows.kind[rows.place]
        kinds = kinds * len(columns.at) + columns.kind[columns.place]
        _, examples, kind = np.unique(kinds, return_index=True, return_inverse=True)
        if len(examples) > most:
            break
        chosen = replace(
            inputs,
            delta=inputs.delta[examples],
            top=inputs.top[examples],
            left=inputs.left[examples],
            kind=kind.reshape(-1),
        )
        found = Grouped(chosen, rows.at[rows.place], columns.at[columns.place], depth)
    return found


@dataclass(frozen=True)
class _Axis:
    """Rows, or columns: all places where a window begins, of p different ones.

    at: (p,) where they are now. place: (n,) which of them each picture has. kind: (p,) those of one
    kind have been alike so far. size: pixels of a window. labels: equal where the background is
    sure to be equal, -1 if it is that of an empty canvas, zero like what is beyond.
    """

    at: NDArray[Any]
    place: NDArray[Any]
    kind: NDArray[Any]
    size: int
    labels: NDArray[Any]

    @classmethod
    def of(cls, at: NDArray[Any], size: int, canvas: int) -> _Axis:
        places, place = np.unique(at, return_inverse=True)
        return cls(places, place.reshape(-1), np.zeros_like(places), size, np.full(canvas, -1))

    def past(self, sliding: Sliding, padding: int, canvas: int) -> _Axis:
        """Follow the windows through a layer whose outputs have `canvas` pixels."""
        kernel, stride = sliding.kernel, sliding.stride
        at, size, read = seen(self.at, self.size, kernel, stride, padding)
        outputs = at[:, None] + np.arange(size)
        told = [self.kind[:, None], (self.at - read)[:, None], (outputs >= 0) & (outputs < canvas)]
        if not sliding.linear:
            told.append(self._under(read, size * stride - stride + kernel))
        _, labels = np.unique(
            self._under(np.arange(canvas) * stride - padding, kernel), axis=0, return_inverse=True
        )
        _, kind = np.unique(np.concatenate(told, axis=1), axis=0, return_inverse=True)
        return _Axis(at, self.place, kind.reshape(-1), size, labels.reshape(-1))

    def _under(self, first: NDArray[Any], size: int) -> NDArray[Any]:
        """The labels of `size` pixels from each `first` one on, -1 beyond the canvas."""
        pixels = first[:, None] + np.arange(size)
        inside = (pixels >= 0) & (pixels < len(self.labels))
        return np.where(inside, self.labels[np.clip(pixels, 0, len(self.labels) - 1)], -1)
