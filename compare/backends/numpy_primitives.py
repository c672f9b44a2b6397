"""NumPy operations and their derivatives for autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from autograd.extend import defvjp as autograd_defvjp
from autograd.extend import defvjp_argnums, primitive
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from compare.backends.base import NEGLIGIBLE_LOGIT, Padding

_F = TypeVar("_F", bound=Callable[..., Any])


# Pictures are (n, c, h, w) in shape but (c, h, w, n) in memory, as a matrix product leaves them
# and as the next unfolding wants them: no transposition is ever carried out, and loops over small
# windows run along the batch.


def _batch_last(x: NDArray[Any]) -> NDArray[Any]:
    return x.transpose(1, 2, 3, 0)


def _batch_first(x: NDArray[Any]) -> NDArray[Any]:
    return x.transpose(3, 0, 1, 2)


def _rows(x: NDArray[Any]) -> NDArray[Any]:
    """One row for each channel, (c, h * w * n)."""
    return _batch_last(x).reshape(x.shape[1], -1)


def _like(rows: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Undo `_rows`, for maps of the shape of `x`."""
    n, channels, height, width = x.shape
    return _batch_first(rows.reshape(channels, height, width, n))


def _row_sums(rows: NDArray[Any]) -> NDArray[Any]:
    """Sum each row by BLAS, which is faster at it than a sum."""
    sums: NDArray[Any] = rows @ np.ones(rows.shape[1], rows.dtype)
    return sums


def _primitive(function: _F) -> _F:
    """Mark a function whose derivative is given below it; autograd's, with the type kept."""
    return cast(_F, primitive(function))


def defvjp(function: Any, *vjpmakers: Callable[..., Any], argnums: Sequence[int] = (0,)) -> None:
    """Give a primitive its derivatives; what flows back has the dtype of what flowed forward.

    Some of autograd's own derivatives, that of the maximum for one, turn float32 into float64,
    which would make everything before them twice as slow.
    """

    def keeping_dtype(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(answer: Any, *args: Any) -> Callable[[Any], Any]:
            # Not the answer itself, which would be kept until then.
            vjp, dtype = make(answer, *args), answer.dtype
            return lambda g: vjp(g.astype(dtype, copy=False))

        return made

    autograd_defvjp(function, *map(keeping_dtype, vjpmakers), argnums=argnums)


@_primitive
def _relu(x: NDArray[Any]) -> NDArray[Any]:
    # NumPy compares two arrays with vector instructions, an array and a number without. The zeros
    # are those of one channel, which stay in a cache.
    return np.asarray(np.maximum(x, np.zeros_like(x[:, :1] if x.ndim > 1 else x)))


defvjp(_relu, lambda y, x: lambda g: g * (y > 0))


@_primitive
def _batch_norm(
    x: NDArray[Any],
    scale: NDArray[Any],
    shift: NDArray[Any],
    centred: NDArray[Any],
    variance: NDArray[Any],
    epsilon: float,
) -> NDArray[Any]:
    """Scale and shift the rows of `x` less their means, which are given as `centred`."""
    factor = scale / np.sqrt(variance + x.dtype.type(epsilon))
    rows = centred * factor[:, None]
    rows += shift[:, None]
    return _like(rows, x)


def _batch_norm_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    x, scale, _, centred, variance, epsilon = arguments
    deviation = np.sqrt(variance + x.dtype.type(epsilon))

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        # The mean and the variance depend on x too; their parts are those that take out of what
        # flows back its mean and its share of the result (Ioffe & Szegedy 2015, section 3).
        rows = _rows(g.astype(answer.dtype, copy=False))
        sums, products = _row_sums(rows), np.vecdot(rows, centred)
        count = x.dtype.type(rows.shape[1])
        back = centred * (-products / (count * deviation**2))[:, None]
        back += rows
        back -= (sums / count)[:, None]
        back *= (scale / deviation)[:, None]
        gradients = _like(back, x), products / deviation, sums
        return tuple(gradients[argnum] for argnum in argnums)

    return pull_back


defvjp_argnums(_batch_norm, _batch_norm_vjp)


@_primitive
def _cross_entropy(
    outputs: NDArray[Any], targets: NDArray[Any], log_softmax: NDArray[Any]
) -> NDArray[Any]:
    """Of outputs whose log softmax is given, (n, numbers of a sample)."""
    return np.asarray(-np.mean(log_softmax[np.arange(len(outputs)), targets]))


def _cross_entropy_vjp(
    _: Any, outputs: NDArray[Any], targets: NDArray[Any], log_softmax: NDArray[Any]
) -> Callable[[Any], Any]:
    def pull_back(g: NDArray[Any]) -> NDArray[Any]:
        back: NDArray[Any] = np.exp(log_softmax)
        back[log_softmax < NEGLIGIBLE_LOGIT] = 0
        back[np.arange(len(back)), targets] -= 1
        back *= g / back.dtype.type(len(back))
        return back.reshape(outputs.shape)

    return pull_back


defvjp(_cross_entropy, _cross_entropy_vjp)


def _neighbourhoods(padded: NDArray[Any], kernel: int, stride: int) -> NDArray[Any]:
    """View (c, H, W, n) as (c, kernel, kernel, h', w', n) without a copy."""
    channels, height, width, n = padded.shape
    c, row, column, item = padded.strides
    return as_strided(
        padded,
        (
            channels,
            kernel,
            kernel,
            (height - kernel) // stride + 1,
            (width - kernel) // stride + 1,
            n,
        ),
        (c, row, column, row * stride, column * stride, item),
    )


def _unfold(
    x: NDArray[Any], kernel: int, stride: int, padding: Padding
) -> tuple[NDArray[Any], tuple[int, int, int]]:
    """Lay every kernel-sized neighbourhood out as a column.

    (n, c, h, w) becomes (c * kernel * kernel, h' * w' * n), and (h', w', n) is returned beside it.
    """
    n, channels, height, width = x.shape
    if kernel == stride == 1 and padding == ((0, 0), (0, 0)):
        # Neighbourhoods of one pixel: the picture is its own unfolding.
        return _rows(x), (height, width, n)
    (above, below), (before, behind) = padding
    padded = np.zeros((channels, above + height + below, before + width + behind, n), x.dtype)
    padded[:, above : above + height, before : before + width] = _batch_last(x)
    view = _neighbourhoods(padded, kernel, stride)
    _, _, _, *shape = view.shape
    return view.reshape(channels * kernel * kernel, -1), (shape[0], shape[1], shape[2])


@_primitive
def _max_pool(x: NDArray[Any], kernel: int) -> NDArray[Any]:
    first, *others = _places(x, kernel)
    largest = first.copy()
    for place in others:
        np.maximum(largest, place, out=largest)
    return _batch_first(largest)


def _places(x: NDArray[Any], kernel: int) -> list[NDArray[Any]]:
    """View (n, c, h, w) as one (c, h // kernel, w // kernel, n) for each place of a block."""
    blocks = _neighbourhoods(_batch_last(x), kernel, kernel)
    return [blocks[:, i, j] for i in range(kernel) for j in range(kernel)]


def _max_pool_vjp(largest: NDArray[Any], x: Any, kernel: int) -> Callable[[Any], Any]:
    def share(g: NDArray[Any]) -> NDArray[Any]:
        # Equal largest values share what flows back, as `maximum` has it everywhere.
        winners = [place == _batch_last(largest) for place in _places(x, kernel)]
        shares = _batch_last(g) / np.sum(winners, axis=0, dtype=np.uint16).astype(g.dtype)
        back = np.zeros_like(x, dtype=g.dtype)
        for won, place in zip(winners, _places(back, kernel), strict=True):
            np.multiply(won, shares, out=place)
        return back

    return share


defvjp(_max_pool, _max_pool_vjp, argnums=(0,))


@_primitive
def _take(x: NDArray[Any], which: NDArray[Any], axis: int) -> NDArray[Any]:
    return _batch_first(np.take(_batch_last(x), which, axis=axis - 1))


def _take_vjp(_: Any, x: NDArray[Any], which: NDArray[Any], axis: int) -> Callable[[Any], Any]:
    def gather(g: NDArray[Any]) -> NDArray[Any]:
        # What flows back to one picture, row or column adds up; by a product, for there is BLAS.
        taken = np.equal(which[:, None], np.arange(x.shape[axis])).astype(g.dtype)
        taken_last = np.moveaxis(_batch_last(g), axis - 1, -1)
        sums = taken_last.reshape(-1, len(which)) @ taken
        sums = sums.reshape(*taken_last.shape[:-1], -1)
        return _batch_first(np.moveaxis(sums, -1, axis - 1))

    return gather


defvjp(_take, _take_vjp)


class _Windows:
    """Where the windows of a batch are, found once for reading them and for what flows back."""

    def __init__(
        self, shape: Any, top: NDArray[Any], left: NDArray[Any], height: int, width: int
    ) -> None:
        n, channels, x_height, x_width = shape
        self.top, self.left, self.shape = top, left, (channels, height, width, len(top))
        rows = top + np.arange(height)[:, None]
        columns = left + np.arange(width)[:, None]
        inside = ((rows >= 0) & (rows < x_height))[:, None] & (columns >= 0) & (columns < x_width)
        pixels = (rows * x_width)[:, None] + columns
        pixels = pixels if n == 1 else pixels * n + np.arange(n)
        # All that is beyond the canvas is one more pixel, behind the others.
        self.pixels = x_height * x_width * n
        self.index: NDArray[np.int64] = np.where(inside, pixels, self.pixels).reshape(-1)

    def crop(self, values: NDArray[Any]) -> NDArray[Any]:
        """Put 0 into (channels, pixels) wherever a pixel is beyond the canvas; returns them."""
        values[:, np.flatnonzero(self.index == self.pixels)] = 0
        return values

    def read(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return (channels, pixels) of the windows, 0 beyond the canvas."""
        one_more = np.empty((x.shape[1], self.pixels + 1), x.dtype)
        one_more[:, :-1] = _rows(x)
        one_more[:, -1] = 0
        return np.take(one_more, self.index, axis=1)

    def add_up(self, rows: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return what flows back to the one picture, of that shape, that all were read from."""
        sums = [np.bincount(self.index, row, minlength=self.pixels + 1)[:-1] for row in rows]
        added: NDArray[Any] = np.stack(sums).reshape(shape).astype(rows.dtype)
        return added


@_primitive
def _window(x: NDArray[Any], windows: _Windows) -> NDArray[Any]:
    return _batch_first(windows.read(x).reshape(windows.shape))


def _window_vjp(_: Any, x: Any, windows: _Windows) -> Callable[[Any], Any]:
    n, _, height, width = x.shape
    if n > 1:
        # Putting a window back into zeros is reading it from the other side.
        return lambda g: _window(g, _Windows(g.shape, -windows.top, -windows.left, height, width))
    return lambda g: windows.add_up(_rows(g), x.shape)


defvjp(_window, _window_vjp, argnums=(0,))
