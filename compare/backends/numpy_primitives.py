"""NumPy operations and their derivatives for autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from autograd.extend import defvjp as autograd_defvjp
from autograd.extend import defvjp_argnums
from autograd.extend import primitive as autograd_primitive
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from compare.backends.base import NEGLIGIBLE_LOGIT, Padding

__all__ = [
    "batch_first",
    "batch_last",
    "batch_norm",
    "cross_entropy",
    "defvjp",
    "from_rows",
    "max_pool",
    "primitive",
    "relu",
    "row_sums",
    "to_rows",
    "unfold",
]

_F = TypeVar("_F", bound=Callable[..., Any])


# Pictures are (n, c, h, w) in shape but (c, h, w, n) in memory, as a matrix product leaves them
# and as the next unfolding wants them: no transposition is ever carried out, and loops over small
# windows run along the batch.


def batch_last(x: NDArray[Any]) -> NDArray[Any]:
    """View (n, c, h, w) as (c, h, w, n)."""
    return x.transpose(1, 2, 3, 0)


def batch_first(x: NDArray[Any]) -> NDArray[Any]:
    """View (c, h, w, n) as (n, c, h, w)."""
    return x.transpose(3, 0, 1, 2)


def to_rows(x: NDArray[Any]) -> NDArray[Any]:
    """Return one row for each channel of (n, c, h, w), (c, h * w * n)."""
    return batch_last(x).reshape(x.shape[1], -1)


def from_rows(rows: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Undo `to_rows`, for maps of the shape of `x`."""
    n, channels, height, width = x.shape
    return batch_first(rows.reshape(channels, height, width, n))


def row_sums(rows: NDArray[Any]) -> NDArray[Any]:
    """Sum each row by BLAS, which is faster at it than a sum."""
    sums: NDArray[Any] = rows @ np.ones(rows.shape[1], rows.dtype)
    return sums


def primitive(function: _F) -> _F:
    """Mark a function whose derivative is given below it; autograd's, with the type kept."""
    return cast(_F, autograd_primitive(function))


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


@primitive
def relu(x: NDArray[Any]) -> NDArray[Any]:
    """Return max(x, 0)."""
    # NumPy compares two arrays with vector instructions, an array and a number without. The zeros
    # are those of one channel, which stay in a cache.
    return np.asarray(np.maximum(x, np.zeros_like(x[:, :1] if x.ndim > 1 else x)))


defvjp(relu, lambda y, x: lambda g: g * (y > 0))


@primitive
def batch_norm(
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
    return from_rows(rows, x)


def _batch_norm_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    x, scale, _, centred, variance, epsilon = arguments
    deviation = np.sqrt(variance + x.dtype.type(epsilon))

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        # The mean and the variance depend on x too; their parts are those that take out of what
        # flows back its mean and its share of the result (Ioffe & Szegedy 2015, section 3).
        rows = to_rows(g.astype(answer.dtype, copy=False))
        sums, products = row_sums(rows), np.vecdot(rows, centred)
        count = x.dtype.type(rows.shape[1])
        back = centred * (-products / (count * deviation**2))[:, None]
        back += rows
        back -= (sums / count)[:, None]
        back *= (scale / deviation)[:, None]
        gradients = from_rows(back, x), products / deviation, sums
        return tuple(gradients[argnum] for argnum in argnums)

    return pull_back


defvjp_argnums(batch_norm, _batch_norm_vjp)


@primitive
def cross_entropy(
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


defvjp(cross_entropy, _cross_entropy_vjp)


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


def unfold(
    x: NDArray[Any], kernel: int, stride: int, padding: Padding
) -> tuple[NDArray[Any], tuple[int, int, int]]:
    """Lay every kernel-sized neighbourhood out as a column.

    (n, c, h, w) becomes (c * kernel * kernel, h' * w' * n), and (h', w', n) is returned beside it.
    """
    n, channels, height, width = x.shape
    if kernel == stride == 1 and padding == ((0, 0), (0, 0)):
        # Neighbourhoods of one pixel: the picture is its own unfolding.
        return to_rows(x), (height, width, n)
    (above, below), (before, behind) = padding
    padded = np.zeros((channels, above + height + below, before + width + behind, n), x.dtype)
    padded[:, above : above + height, before : before + width] = batch_last(x)
    view = _neighbourhoods(padded, kernel, stride)
    _, _, _, *shape = view.shape
    return view.reshape(channels * kernel * kernel, -1), (shape[0], shape[1], shape[2])


@primitive
def max_pool(x: NDArray[Any], kernel: int) -> NDArray[Any]:
    """Return the largest value of each kernel x kernel block of (n, c, h, w)."""
    first, *others = _by_offset(x, kernel)
    largest = first.copy()
    for other in others:
        np.maximum(largest, other, out=largest)
    return batch_first(largest)


def _by_offset(x: NDArray[Any], kernel: int) -> list[NDArray[Any]]:
    """View (n, c, h, w) as one (c, h // kernel, w // kernel, n) for each offset in a block."""
    blocks = _neighbourhoods(batch_last(x), kernel, kernel)
    return [blocks[:, i, j] for i in range(kernel) for j in range(kernel)]


def _max_pool_vjp(largest: NDArray[Any], x: Any, kernel: int) -> Callable[[Any], Any]:
    def share(g: NDArray[Any]) -> NDArray[Any]:
        # Equal largest values share what flows back, as `maximum` has it everywhere.
        winners = [values == batch_last(largest) for values in _by_offset(x, kernel)]
        shares = batch_last(g) / np.sum(winners, axis=0, dtype=np.uint16).astype(g.dtype)
        back = np.zeros_like(x, dtype=g.dtype)
        for won, values in zip(winners, _by_offset(back, kernel), strict=True):
            np.multiply(won, shares, out=values)
        return back

    return share


defvjp(max_pool, _max_pool_vjp, argnums=(0,))
