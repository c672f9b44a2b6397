"""The operations on windows for the NumPy backend, each one primitive of autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from autograd.extend import defvjp_argnums
from autograd.tracer import getval
from numpy.typing import NDArray

from compare.backends import Backend
from compare.backends.numpy_primitives import (
    batch_first,
    defvjp,
    from_rows,
    primitive,
    row_sums,
    to_rows,
)
from compare.learned.sparse.kernels import Kernels

__all__ = ["KERNELS", "batch_norm", "crop", "relu", "window"]


class _Windows:
    """The pixels of a batch's windows, found once for reading them and for the gradient.

    index: (height * width * n,) numbers of pixels of an array as `to_rows` has it. All that is
    beyond the canvas is one more pixel, number `pixels`, behind the others.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        top: NDArray[Any],
        left: NDArray[Any],
        height: int,
        width: int,
    ) -> None:
        n, channels, x_height, x_width = shape
        self.top, self.left, self.shape = top, left, (channels, height, width, len(top))
        rows = top + np.arange(height)[:, None]
        columns = left + np.arange(width)[:, None]
        inside = ((rows >= 0) & (rows < x_height))[:, None] & (columns >= 0) & (columns < x_width)
        pixels = (rows * x_width)[:, None] + columns
        pixels = pixels if n == 1 else pixels * n + np.arange(n)
        self.pixels = x_height * x_width * n
        self.index: NDArray[np.int64] = np.where(inside, pixels, self.pixels).reshape(-1)

    def read(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return (channels, height * width * n), 0 beyond the canvas."""
        one_more = np.empty((x.shape[1], self.pixels + 1), x.dtype)
        one_more[:, :-1] = to_rows(x)
        one_more[:, -1] = 0
        return np.take(one_more, self.index, axis=1)

    def add_up(self, rows: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the gradient of the one picture, of that shape, that all were read from."""
        sums = [np.bincount(self.index, row, minlength=self.pixels + 1)[:-1] for row in rows]
        added: NDArray[Any] = np.stack(sums).reshape(shape).astype(rows.dtype)
        return added


def window(_: Backend, x: Any, top: Any, left: Any, height: int, width: int) -> Any:
    """See `compare.learned.sparse.kernels.window`."""
    return _window(x, _Windows(x.shape, top, left, height, width))


@primitive
def _window(x: NDArray[Any], windows: _Windows) -> NDArray[Any]:
    return batch_first(windows.read(x).reshape(windows.shape))


def _window_vjp(_: Any, x: Any, windows: _Windows) -> Callable[[Any], Any]:
    n, _, height, width = x.shape
    if n > 1:
        # Putting a window back into zeros is reading it from the other side.
        return lambda g: _window(g, _Windows(g.shape, -windows.top, -windows.left, height, width))
    return lambda g: windows.add_up(to_rows(g), x.shape)


defvjp(_window, _window_vjp, argnums=(0,))


def crop(_: Backend, delta: Any, top: Any, left: Any, canvas: tuple[int, int]) -> Any:
    """See `compare.learned.sparse.kernels.crop`."""
    windows = _Windows((1, 1, *canvas), top, left, *delta.shape[2:])
    beyond = np.flatnonzero(windows.index == windows.pixels)
    return _crop(delta, beyond) if len(beyond) else delta


@primitive
def _crop(delta: NDArray[Any], beyond: NDArray[np.int64]) -> NDArray[Any]:
    rows = to_rows(delta).copy()
    rows[:, beyond] = 0
    return from_rows(rows, delta)


defvjp(_crop, lambda _, delta, beyond: lambda g: _crop(g, beyond), argnums=(0,))


def relu(_: Backend, background: Any, delta: Any, top: Any, left: Any) -> Any:
    """See `compare.learned.sparse.kernels.relu`."""
    windows = _Windows(background.shape, top, left, *delta.shape[2:])
    under = windows.read(getval(background))
    return _relu(background, delta, windows, under, under + to_rows(getval(delta)))


@primitive
def _relu(
    background: NDArray[Any],
    delta: NDArray[Any],
    windows: _Windows,
    under: NDArray[Any],
    values: NDArray[Any],
) -> NDArray[Any]:
    """Return relu(values) - relu(under), both as rows, in the shape of `delta`."""
    zeros = np.zeros_like(values[:1])
    change = np.maximum(values, zeros)
    change -= np.maximum(under, zeros)
    return from_rows(change, delta)


def _relu_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    background, delta, windows, under, values = arguments

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        rows = to_rows(g.astype(answer.dtype, copy=False))
        of_delta = rows * (values > 0)
        gradients: dict[int, Callable[[], NDArray[Any]]] = {
            0: lambda: windows.add_up(of_delta - rows * (under > 0), background.shape),
            1: lambda: from_rows(of_delta, delta),
        }
        return tuple(gradients[argnum]() for argnum in argnums)

    return pull_back


defvjp_argnums(_relu, _relu_vjp)


def batch_norm(
    _: Backend,
    background: Any,
    delta: Any,
    under: Any,
    scale: Any,
    shift: Any,
    epsilon: float,
) -> tuple[Any, Any, Any, Any]:
    """See `compare.learned.sparse.kernels.batch_norm`."""
    rows, differences, windows = (to_rows(getval(x)) for x in (background, delta, under))
    pixels = rows.shape[1]
    count = pixels * len(delta)
    mean = row_sums(rows) / pixels + row_sums(differences) / count
    centred = rows - mean[:, None]
    # (b + d - m)^2 - (b - m)^2 = d (2 (b - m) + d), and d is 0 beyond the canvas.
    change = windows - mean[:, None]
    change *= 2
    change += differences
    variance = np.vecdot(centred, centred) / pixels + np.vecdot(change, differences) / count
    factors = _factors(background, delta, under, scale, shift, mean, variance, epsilon)
    return _scaled(background, factors, True), _scaled(delta, factors, False), mean, variance


@primitive
def _factors(
    background: NDArray[Any],
    delta: NDArray[Any],
    under: NDArray[Any],
    scale: NDArray[Any],
    shift: NDArray[Any],
    mean: NDArray[Any],
    variance: NDArray[Any],
    epsilon: float,
) -> NDArray[Any]:
    """Return the factor of each channel and what is added after it, (2, c)."""
    factor = scale / np.sqrt(variance + variance.dtype.type(epsilon))
    return np.stack([factor, shift - mean * factor])


def _factors_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    background, delta, under, scale, _, mean, variance, epsilon = arguments
    deviation = np.sqrt(variance + variance.dtype.type(epsilon))

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        of_factor, of_shift = g.astype(answer.dtype, copy=False)
        of_factor = of_factor - mean * of_shift
        rows, differences = to_rows(background), to_rows(delta)
        pixels = rows.shape[1]
        count = pixels * len(delta)
        by_mean = (-of_shift * answer[0])[:, None]
        # Twice the gradient of the variance, which is a mean of squares; it does not depend on the
        # mean, because deviations from that sum to 0.
        by_square = (-of_factor * scale / deviation**3)[:, None]
        of_background = (rows - mean[:, None]) * (by_square / pixels)
        of_background += by_mean / pixels
        of_delta = to_rows(under) - mean[:, None]
        of_delta += differences
        of_delta *= by_square / count
        of_delta += by_mean / count
        gradients = {
            0: from_rows(of_background, background),
            1: from_rows(of_delta, delta),
            2: from_rows(differences * (by_square / count), delta),
            3: of_factor / deviation,
            4: of_shift,
        }
        return tuple(gradients[argnum] for argnum in argnums)

    return pull_back


defvjp_argnums(_factors, _factors_vjp)


@primitive
def _scaled(x: NDArray[Any], factors: NDArray[Any], shifted: bool) -> NDArray[Any]:
    """Multiply each channel by its factor, and add what is added after it if `shifted`."""
    rows = to_rows(x) * factors[0][:, None]
    if shifted:
        rows += factors[1][:, None]
    return from_rows(rows, x)


def _scaled_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    x, factors, shifted = arguments

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        rows = to_rows(g.astype(answer.dtype, copy=False))
        sums = row_sums(rows) if shifted else np.zeros_like(factors[1])
        gradients = (
            from_rows(rows * factors[0][:, None], x),
            np.stack([np.vecdot(rows, to_rows(x)), sums]),
        )
        return tuple(gradients[argnum] for argnum in argnums)

    return pull_back


defvjp_argnums(_scaled, _scaled_vjp)


KERNELS = Kernels(window, crop, relu, batch_norm)
