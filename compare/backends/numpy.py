"""The default backend: NumPy on the CPU, differentiated by HIPS autograd."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any, ClassVar, TypeVar, cast

import autograd.numpy
import numpy as np
from autograd.core import VJPNode, backward_pass
from autograd.extend import defvjp as autograd_defvjp
from autograd.extend import defvjp_argnums, primitive
from autograd.tracer import getval, isbox, new_box, trace_stack
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from compare import UsageError
from compare.backends.base import (
    NEGLIGIBLE_LOGIT,
    Alone,
    Padding,
    host_memory,
    unknown_device,
)

_F = TypeVar("_F", bound=Callable[..., Any])


class NumpyBackend(Alone):
    """NumPy arrays, nothing compiled; see `compare.backends.base.Backend`."""

    name: ClassVar[str] = "numpy"
    precisions: ClassVar[tuple[str, ...]] = ("float32",)

    def __init__(self, device: str = "auto", precision: str = "float32") -> None:
        """Take the CPU, the only device NumPy knows."""
        if device not in ("auto", "cpu"):
            raise UsageError(unknown_device(self.name, device, self.devices()))
        self.device = "cpu"
        self.precision = precision
        self.xp: Any = autograd.numpy
        # Imported here because the package it is in takes longer than all of `compare list`.
        from handcrafted.memory import keep_freed_memory

        keep_freed_memory()

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """The CPU."""
        return ("cpu",)

    def asarray(self, array: NDArray[Any], like: Any = None) -> NDArray[Any]:
        """Return the array itself if it has the dtype: nothing here writes into its arguments."""
        return array if like is None else array.astype(like.dtype, copy=False)

    def to_numpy(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the array itself."""
        return array

    def relu(self, x: Any) -> Any:
        """See `compare.backends.base.Backend.relu`."""
        return _relu(x)

    def conv(self, x: Any, weight: Any, bias: Any, stride: int, padding: Padding) -> Any:
        """See `compare.backends.base.Backend.conv`."""
        if stride == 1:
            return _conv(x, weight, bias, padding)
        return _strided_conv(
            x, weight, bias, stride, padding, _unfold(getval(x), weight.shape[2], stride, padding)
        )

    def conv_transpose(
        self, x: Any, weight: Any, bias: Any, shape: tuple[int, int], stride: int, padding: Padding
    ) -> Any:
        """See `compare.backends.base.Backend.conv_transpose`."""
        return _conv_transpose(x, weight, bias, shape, stride, padding)

    def max_pool(self, x: Any, kernel: int) -> Any:
        """See `compare.backends.base.Backend.max_pool`."""
        return _max_pool(x, kernel)

    def batch_norm(self, x: Any, scale: Any, shift: Any, epsilon: float) -> tuple[Any, Any, Any]:
        """See `compare.backends.base.Backend.batch_norm`."""
        rows = _rows(getval(x))
        mean = _row_sums(rows) / x.dtype.type(rows.shape[1])
        centred = rows - mean[:, None]
        variance = np.vecdot(centred, centred) / x.dtype.type(rows.shape[1])
        return _batch_norm(x, scale, shift, centred, variance, epsilon), mean, variance

    def patched_relu(self, background: Any, delta: Any, top: Any, left: Any) -> Any:
        """See `compare.backends.base.Backend.patched_relu`."""
        windows = _Windows(background.shape, top, left, *delta.shape[2:])
        under = windows.read(getval(background))
        values = windows.crop(under + _rows(getval(delta)))
        return _patched_relu(background, delta, windows, under, values)

    def patched_batch_norm(
        self,
        background: Any,
        delta: Any,
        under: Any,
        extent: Any,
        share: Any,
        scale: Any,
        shift: Any,
        epsilon: float,
    ) -> tuple[Any, Any, Any, Any]:
        """See `compare.backends.base.Backend.patched_batch_norm`."""
        mean, variance = _moments(getval(background), getval(delta), getval(under), extent, share)
        factors = _patched_batch_norm(
            background, delta, under, extent, share, scale, shift, mean, variance, epsilon
        )
        return _scaled(background, factors, True), _scaled(delta, factors, False), mean, variance

    def window(self, x: Any, top: Any, left: Any, height: int, width: int) -> Any:
        """See `compare.backends.base.Backend.window`."""
        return _window(x, _Windows(x.shape, top, left, height, width))

    def take(self, x: Any, which: Any, axis: int) -> Any:
        """See `compare.backends.base.Backend.take`."""
        return _take(x, which, axis)

    def softmax_cross_entropy(self, outputs: Any, targets: Any) -> Any:
        """See `compare.backends.base.Backend.softmax_cross_entropy`."""
        logits = getval(outputs).reshape(len(outputs), -1)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return _cross_entropy(outputs, targets, log_softmax)

    def value_and_grad(
        self, function: Callable[..., tuple[Any, Any]]
    ) -> Callable[..., tuple[Any, Any, dict[str, Any]]]:
        """See `compare.backends.base.Backend.value_and_grad`."""

        def differentiated(parameters: Any, *args: Any) -> tuple[Any, Any, dict[str, Any]]:
            gradients: dict[str, Any] = {}
            # autograd numbers its traces by a counter that threads must not change at once. Others
            # may while this one is computing.
            with _TRACING, trace_stack.new_trace() as trace:
                boxes = {
                    name: new_box(value, trace, _leaf(gradients, name))
                    for name, value in parameters.items()
                }
                _TRACING.release()
                try:
                    value, extra = function(boxes, *args)
                finally:
                    _TRACING.acquire()
            if isbox(value):
                backward_pass(np.ones_like(value._value), value._node)
                value = value._value
            for name in parameters.keys() - gradients.keys():
                gradients[name] = np.zeros_like(parameters[name])
            return value, {key: getval(item) for key, item in extra.items()}, gradients

        return differentiated

    def jit(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: NumPy compiles nothing."""
        return function

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Work on as many items at a time as there are cores.

        That is faster than one after the other with BLAS on all cores, which only shares out the
        matrix products.
        """
        if len(items) == 1:
            return [function(items[0])]
        pool, blas = _threads()
        with blas.limit(limits=1, user_api="blas"):
            return list(pool.map(function, items))

    def piece(self) -> int:
        """As many numbers as fit in a core's second-level cache a few times over."""
        return 1 << 19

    def memory_limit(self) -> int:
        """Main memory that is free, in bytes."""
        return host_memory()


_TRACING = Lock()


def _leaf(gradients: dict[str, Any], name: str) -> Any:
    """A parameter's place in a trace: it keeps what flows back to it.

    autograd differentiates by a dict too, but then every use of one parameter makes zeros for all.
    """

    def keep(gradient: Any) -> tuple[()]:
        gradients[name] = gradient
        return ()

    leaf = VJPNode.new_root()
    leaf.vjp = keep
    return leaf


@cache
def _threads() -> tuple[ThreadPoolExecutor, Any]:
    """As many threads as BLAS may use, and the switch that keeps BLAS to one core in each."""
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()
    allowed = (
        library["num_threads"] for library in controller.info() if library["user_api"] == "blas"
    )
    return ThreadPoolExecutor(max(allowed, default=os.cpu_count() or 1)), controller


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
def _conv(
    x: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any] | None, padding: Padding
) -> NDArray[Any]:
    """A convolution of stride 1."""
    return _with_bias(_convolve(x, weight, padding), bias)


def _conv_vjp(argnums: Any, _: Any, arguments: Any, __: Any) -> Callable[[Any], Any]:
    x, weight, _, padding = arguments

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        g = g.astype(x.dtype, copy=False)
        of_x, of_weight = _convolve_back(x, weight, padding, g, 0 in argnums)
        gradients = {0: of_x, 1: of_weight, 2: _row_sums(_rows(g)) if 2 in argnums else None}
        return tuple(gradients[argnum] for argnum in argnums)

    return pull_back


defvjp_argnums(_conv, _conv_vjp)


@_primitive
def _strided_conv(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None,
    stride: int,
    padding: Padding,
    unfolded: tuple[NDArray[Any], tuple[int, int, int]],
) -> NDArray[Any]:
    """Multiply the pictures, as `_unfold` returns them, by the weight."""
    return _with_bias(_weighted(*unfolded, weight), bias)


def _strided_conv_vjp(argnums: Any, _: Any, arguments: Any, __: Any) -> Callable[[Any], Any]:
    x, weight, _, stride, padding, (columns, _) = arguments
    # Kept while few; of many, to unfold again costs less than to keep nine times the picture.
    kept = columns if columns.size <= 1 << 20 else None

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        g = g.astype(x.dtype, copy=False)
        back: dict[int, Callable[[], NDArray[Any]]] = {
            0: lambda: _transposed(g, weight, x.shape[2:], stride, padding),
            1: lambda: _weight_gradient(again(), g, weight.shape),
            2: lambda: _row_sums(_rows(g)),
        }
        return tuple(back[argnum]() for argnum in argnums)

    def again() -> NDArray[Any]:
        return _unfold(x, weight.shape[2], stride, padding)[0] if kept is None else kept

    return pull_back


defvjp_argnums(_strided_conv, _strided_conv_vjp)


@_primitive
def _conv_transpose(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None,
    shape: tuple[int, int],
    stride: int,
    padding: Padding,
) -> NDArray[Any]:
    return _with_bias(_transposed(x, weight, shape, stride, padding), bias)


def _conv_transpose_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    x, weight, _, _, stride, padding = arguments

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        g = g.astype(answer.dtype, copy=False)
        columns, shape = _unfold(g, weight.shape[2], stride, padding)  # once, for both of its uses
        back: dict[int, Callable[[], NDArray[Any]]] = {
            0: lambda: _weighted(columns, shape, weight),
            1: lambda: _weight_gradient(columns, x, weight.shape),
            2: lambda: _row_sums(_rows(g)),
        }
        return tuple(back[argnum]() for argnum in argnums)

    return pull_back


defvjp_argnums(_conv_transpose, _conv_transpose_vjp)


def _with_bias(maps: NDArray[Any], bias: NDArray[Any] | None) -> NDArray[Any]:
    """Add it in place."""
    if bias is not None:
        maps += bias[:, None, None]
    return maps


def _weighted(
    columns: NDArray[Any], shape: tuple[int, int, int], weight: NDArray[Any]
) -> NDArray[Any]:
    """One matrix product of an (o, ...) weight with what `_unfold` returned."""
    product = _product(weight.reshape(len(weight), -1), columns)
    return _batch_first(product.reshape(len(weight), *shape))


def _product(matrix: NDArray[Any], columns: NDArray[Any]) -> NDArray[Any]:
    """By BLAS, but for the product over a single channel, a multiplication that it is slow at."""
    return np.asarray(matrix * columns if len(columns) == 1 else matrix @ columns)


def _weight_gradient(
    columns: NDArray[Any], maps: NDArray[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Correlate unfolded pictures with the maps that a convolution by a weight made of them."""
    gradient: NDArray[Any] = (columns @ _rows(maps).T).T.reshape(shape)
    return gradient


def _convolve(x: NDArray[Any], weight: NDArray[Any], padding: Padding) -> NDArray[Any]:
    """Convolve with stride 1, in whichever way moves fewer numbers."""
    if _folding_moves_less(x.shape, weight.shape, padding):
        return _convolve_by_folding(x, weight, padding)
    return _weighted(*_unfold(x, weight.shape[2], 1, padding), weight)


def _convolve_back(
    x: NDArray[Any], weight: NDArray[Any], padding: Padding, g: NDArray[Any], to_x: bool
) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    """Return what flows back to `x`, or None unless it is asked for, and to the weight.

    The former is a convolution too, by the turned weight; its unfolding serves the latter.
    """
    kernel, turned = weight.shape[2], _turned(weight)
    (above, below), (before, behind) = padding
    last = kernel - 1
    opposite = (last - above, last - below), (last - before, last - behind)
    if to_x and not _folding_moves_less(g.shape, turned.shape, opposite):
        columns, shape = _unfold(g, kernel, 1, opposite)
        gradient = _turned(_weight_gradient(columns, x, turned.shape))
        return _weighted(columns, shape, turned), gradient
    back = _convolve_by_folding(g, turned, opposite) if to_x else None
    return back, _weight_gradient(_unfold(x, kernel, 1, padding)[0], g, weight.shape)


def _turned(weight: NDArray[Any]) -> NDArray[Any]:
    """Swap inputs and outputs and turn each kernel by half: how a pixel is seen, not what sees."""
    return weight[:, :, ::-1, ::-1].swapaxes(0, 1)


def _output_size(x: tuple[int, ...], kernel: int, padding: Padding) -> tuple[int, int]:
    """(h', w') of a convolution of stride 1."""
    return x[2] + sum(padding[0]) - kernel + 1, x[3] + sum(padding[1]) - kernel + 1


def _folding_moves_less(x: tuple[int, ...], weight: tuple[int, ...], padding: Padding) -> bool:
    """Whether fewer numbers are moved by folding than by unfolding pictures of shape `x`.

    Unfolding copies k x k times the inputs, folding adds up k x k times the outputs. So it is for
    many inputs and few outputs, and for small pictures in much padding.
    """
    outputs, inputs, kernel, _ = weight
    unfolded = (inputs * kernel * kernel + outputs) * math.prod(_output_size(x, kernel, padding))
    # An addition reads what a copy does not.
    return kernel > 1 and unfolded > 2 * outputs * kernel * kernel * x[2] * x[3]


def _convolve_by_folding(x: NDArray[Any], weight: NDArray[Any], padding: Padding) -> NDArray[Any]:
    """Add what each pixel gives to each of the k x k outputs that see it, found by one product."""
    outputs, inputs, kernel, _ = weight.shape
    n, _, height, width = x.shape
    matrix, flat = weight.transpose(0, 2, 3, 1).reshape(-1, inputs), _rows(x)
    given = _product(matrix, flat).reshape(outputs, kernel, kernel, height, width, n)
    rows, columns = _output_size(x.shape, kernel, padding)
    sums = np.zeros((outputs, rows, columns, n), given.dtype)
    for i in range(kernel):
        for j in range(kernel):
            to_row, from_row = _seen_at(i - padding[0][0], height, rows)
            to_column, from_column = _seen_at(j - padding[1][0], width, columns)
            sums[:, to_row, to_column] += given[:, i, j, from_row, from_column]
    return _batch_first(sums)


def _seen_at(shift: int, pixels: int, outputs: int) -> tuple[slice, slice]:
    """The outputs that see a pixel at this shift from themselves, and those pixels."""
    first = max(0, -shift)
    end = max(first, min(outputs, pixels - shift))
    return slice(first, end), slice(first + shift, end + shift)


def _transposed(
    x: NDArray[Any], weight: NDArray[Any], shape: tuple[int, int], stride: int, padding: Padding
) -> NDArray[Any]:
    """Put through the adjoint of a convolution: one of stride 1 for each place within a stride.

    Pixel i of a picture with p zeros before it, i + p = stride * q + place, is the sum over m of
    x[q - m] * weight[place + stride * m].
    """
    inputs, outputs, kernel, _ = weight.shape
    last = (kernel - 1) // stride  # m
    kernels = np.zeros((stride, stride, outputs, inputs, last + 1, last + 1), weight.dtype)
    for i in range(kernel):
        for j in range(kernel):
            tap = last - i // stride, last - j // stride
            kernels[(i % stride, j % stride, ..., *tap)] = weight[:, :, i, j].T
    around, places = [], []
    for size, (zeros, _), pixels in zip(shape, padding, x.shape[2:], strict=True):
        first, end = zeros // stride, (size - 1 + zeros) // stride + 1  # of q
        around.append((last - first, end - pixels))
        pairs = []
        for place in range(stride):
            start = (place - zeros) % stride
            q, count = (start + zeros) // stride - first, -(-(size - start) // stride)
            pairs.append((slice(start, None, stride), slice(q, q + count)))
        places.append(pairs)
    sums = _convolve(x, kernels.reshape(-1, *kernels.shape[3:]), (around[0], around[1]))
    apart = _batch_last(sums).reshape(stride, stride, outputs, *sums.shape[2:], len(x))
    pictures = np.empty((outputs, *shape, len(x)), sums.dtype)
    for i, (rows, down) in enumerate(places[0]):
        for j, (columns, right) in enumerate(places[1]):
            pictures[:, rows, columns] = apart[i, j, :, down, right]
    return _batch_first(pictures)


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


def _moments(
    background: NDArray[Any],
    delta: NDArray[Any],
    under: NDArray[Any],
    extent: NDArray[Any],
    share: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the means and the variances, (c,) each; sums are left to BLAS."""
    rows, differences = _rows(background), _rows(delta)
    extents, shares = extent.reshape(-1), _shares(share, delta)
    mean = rows @ extents + differences @ shares
    squares = rows - mean[:, None]
    squares *= squares
    # (b + d - m)^2 - (b - m)^2 = d (2 (b - m) + d), and d is 0 beyond the canvas.
    change = _rows(under) - mean[:, None]
    change *= 2
    change += differences
    change *= differences
    return mean, squares @ extents + change @ shares


def _shares(share: NDArray[Any], delta: NDArray[Any]) -> NDArray[Any]:
    """One for each column of `_rows`."""
    return np.tile(share, delta.shape[2] * delta.shape[3])


@_primitive
def _patched_batch_norm(
    background: NDArray[Any],
    delta: NDArray[Any],
    under: NDArray[Any],
    extent: NDArray[Any],
    share: NDArray[Any],
    scale: NDArray[Any],
    shift: NDArray[Any],
    mean: NDArray[Any],
    variance: NDArray[Any],
    epsilon: float,
) -> NDArray[Any]:
    """Stack the factors and what is added then, (2, c)."""
    factor = scale / np.sqrt(variance + variance.dtype.type(epsilon))
    return np.stack([factor, shift - mean * factor])


def _patched_batch_norm_vjp(
    argnums: Any, answer: Any, arguments: Any, _: Any
) -> Callable[[Any], Any]:
    background, delta, under, extent, share, scale, _, mean, variance, epsilon = arguments
    deviation = np.sqrt(variance + variance.dtype.type(epsilon))

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        of_factor, of_shift = g.astype(answer.dtype, copy=False)
        of_factor = of_factor - mean * of_shift
        by_mean = (-of_shift * answer[0])[:, None]
        # Twice what flows back to the variance, since that is a mean of squares.
        by_square = (-of_factor * scale / deviation**3)[:, None]
        # The variance does not depend on the mean: deviations from it sum to 0.
        rows, differences, shares = _rows(background), _rows(delta), _shares(share, delta)
        of_background = (rows - mean[:, None]) * by_square
        of_background += by_mean
        of_background *= extent.reshape(-1)
        of_under = by_square * shares
        of_delta = _rows(under) - mean[:, None]
        of_delta += differences
        of_delta *= of_under
        of_delta += by_mean * shares
        of_under *= differences
        gradients = {
            0: _like(of_background, background),
            1: _like(of_delta, delta),
            2: _like(of_under, delta),
            5: of_factor / deviation,
            6: of_shift,
        }
        return tuple(gradients[argnum] for argnum in argnums)

    return pull_back


defvjp_argnums(_patched_batch_norm, _patched_batch_norm_vjp)


@_primitive
def _scaled(x: NDArray[Any], factors: NDArray[Any], shifted: bool) -> NDArray[Any]:
    """Multiply each channel by its factor, and add what is added then if it is to be shifted."""
    rows = _rows(x) * factors[0][:, None]
    if shifted:
        rows += factors[1][:, None]
    return _like(rows, x)


def _scaled_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    x, factors, shifted = arguments

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        rows = _rows(g.astype(answer.dtype, copy=False))
        sums = _row_sums(rows) if shifted else np.zeros_like(factors[1])
        gradients = (
            _like(rows * factors[0][:, None], x),
            np.stack([np.vecdot(rows, _rows(x)), sums]),
        )
        return tuple(gradients[argnum] for argnum in argnums)

    return pull_back


defvjp_argnums(_scaled, _scaled_vjp)


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


@_primitive
def _patched_relu(
    background: NDArray[Any],
    delta: NDArray[Any],
    windows: _Windows,
    under: NDArray[Any],
    values: NDArray[Any],
) -> NDArray[Any]:
    """Rectify the `values` in the windows, (channels, pixels), and what lies `under` them."""
    zeros = np.zeros_like(values[:1])
    change = np.maximum(values, zeros)
    change -= np.maximum(under, zeros)
    return _like(change, delta)


def _patched_relu_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    background, delta, windows, under, values = arguments

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        rows = _rows(g.astype(answer.dtype, copy=False))
        of_delta = rows * (values > 0)
        back: dict[int, Callable[[], NDArray[Any]]] = {
            0: lambda: windows.add_up(of_delta - rows * (under > 0), background.shape),
            1: lambda: _like(of_delta, delta),
        }
        return tuple(back[argnum]() for argnum in argnums)

    return pull_back


defvjp_argnums(_patched_relu, _patched_relu_vjp)
