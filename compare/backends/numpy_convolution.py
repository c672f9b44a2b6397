"""NumPy convolutions and their derivatives for autograd."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from autograd.extend import defvjp_argnums
from numpy.typing import NDArray

from compare.backends.base import Padding
from compare.backends.numpy_primitives import (
    batch_first,
    batch_last,
    primitive,
    row_sums,
    to_rows,
    unfold,
)

__all__ = ["conv", "conv_transpose", "strided_conv"]


@primitive
def conv(
    x: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any] | None, padding: Padding
) -> NDArray[Any]:
    """A convolution of stride 1."""
    return _with_bias(_convolve(x, weight, padding), bias)


def _conv_vjp(argnums: Any, _: Any, arguments: Any, __: Any) -> Callable[[Any], Any]:
    x, weight, _, padding = arguments

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        g = g.astype(x.dtype, copy=False)
        of_x, of_weight = _convolve_back(x, weight, padding, g, 0 in argnums)
        gradients = {0: of_x, 1: of_weight, 2: row_sums(to_rows(g)) if 2 in argnums else None}
        return tuple(gradients[argnum] for argnum in argnums)

    return pull_back


defvjp_argnums(conv, _conv_vjp)


@primitive
def strided_conv(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None,
    stride: int,
    padding: Padding,
    unfolded: tuple[NDArray[Any], tuple[int, int, int]],
) -> NDArray[Any]:
    """Multiply the pictures, as `unfold` returns them, by the weight."""
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
            2: lambda: row_sums(to_rows(g)),
        }
        return tuple(back[argnum]() for argnum in argnums)

    def again() -> NDArray[Any]:
        return unfold(x, weight.shape[2], stride, padding)[0] if kept is None else kept

    return pull_back


defvjp_argnums(strided_conv, _strided_conv_vjp)


@primitive
def conv_transpose(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None,
    shape: tuple[int, int],
    stride: int,
    padding: Padding,
) -> NDArray[Any]:
    """See `compare.backends.base.Backend.conv_transpose`."""
    return _with_bias(_transposed(x, weight, shape, stride, padding), bias)


def _conv_transpose_vjp(argnums: Any, answer: Any, arguments: Any, _: Any) -> Callable[[Any], Any]:
    x, weight, _, _, stride, padding = arguments

    def pull_back(g: NDArray[Any]) -> tuple[Any, ...]:
        g = g.astype(answer.dtype, copy=False)
        columns, shape = unfold(g, weight.shape[2], stride, padding)  # once, for both of its uses
        back: dict[int, Callable[[], NDArray[Any]]] = {
            0: lambda: _weighted(columns, shape, weight),
            1: lambda: _weight_gradient(columns, x, weight.shape),
            2: lambda: row_sums(to_rows(g)),
        }
        return tuple(back[argnum]() for argnum in argnums)

    return pull_back


defvjp_argnums(conv_transpose, _conv_transpose_vjp)


def _with_bias(maps: NDArray[Any], bias: NDArray[Any] | None) -> NDArray[Any]:
    """Add it in place."""
    if bias is not None:
        maps += bias[:, None, None]
    return maps


def _weighted(
    columns: NDArray[Any], shape: tuple[int, int, int], weight: NDArray[Any]
) -> NDArray[Any]:
    """One matrix product of an (o, ...) weight with what `unfold` returned."""
    product = _product(weight.reshape(len(weight), -1), columns)
    return batch_first(product.reshape(len(weight), *shape))


def _product(matrix: NDArray[Any], columns: NDArray[Any]) -> NDArray[Any]:
    """By BLAS, but for the product over a single channel, a multiplication that it is slow at."""
    return np.asarray(matrix * columns if len(columns) == 1 else matrix @ columns)


def _weight_gradient(
    columns: NDArray[Any], maps: NDArray[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    """Correlate unfolded pictures with the maps that a convolution by a weight made of them."""
    gradient: NDArray[Any] = (columns @ to_rows(maps).T).T.reshape(shape)
    return gradient


def _convolve(x: NDArray[Any], weight: NDArray[Any], padding: Padding) -> NDArray[Any]:
    """Convolve with stride 1, in whichever way moves fewer numbers."""
    if _folding_moves_less(x.shape, weight.shape, padding):
        return _convolve_by_folding(x, weight, padding)
    return _weighted(*unfold(x, weight.shape[2], 1, padding), weight)


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
        columns, shape = unfold(g, kernel, 1, opposite)
        gradient = _turned(_weight_gradient(columns, x, turned.shape))
        return _weighted(columns, shape, turned), gradient
    back = _convolve_by_folding(g, turned, opposite) if to_x else None
    return back, _weight_gradient(unfold(x, kernel, 1, padding)[0], g, weight.shape)


def _turned(weight: NDArray[Any]) -> NDArray[Any]:
    """Swap inputs and outputs and turn each kernel by half, as the adjoint has them."""
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
    """Add each pixel's terms, found by one product, to the k x k outputs that depend on it."""
    outputs, inputs, kernel, _ = weight.shape
    n, _, height, width = x.shape
    matrix, flat = weight.transpose(0, 2, 3, 1).reshape(-1, inputs), to_rows(x)
    terms = _product(matrix, flat).reshape(outputs, kernel, kernel, height, width, n)
    rows, columns = _output_size(x.shape, kernel, padding)
    sums = np.zeros((outputs, rows, columns, n), terms.dtype)
    for i in range(kernel):
        for j in range(kernel):
            to_row, from_row = _overlap(i - padding[0][0], height, rows)
            to_column, from_column = _overlap(j - padding[1][0], width, columns)
            sums[:, to_row, to_column] += terms[:, i, j, from_row, from_column]
    return batch_first(sums)


def _overlap(shift: int, pixels: int, outputs: int) -> tuple[slice, slice]:
    """The outputs whose pixel at this shift exists, and those pixels."""
    first = max(0, -shift)
    end = max(first, min(outputs, pixels - shift))
    return slice(first, end), slice(first + shift, end + shift)


def _transposed(
    x: NDArray[Any], weight: NDArray[Any], shape: tuple[int, int], stride: int, padding: Padding
) -> NDArray[Any]:
    """Apply the adjoint of a convolution: one of stride 1 for each phase of the stride.

    Pixel i of a picture with p zeros before it, i + p = stride * q + phase, is the sum over m of
    x[q - m] * weight[phase + stride * m].
    """
    inputs, outputs, kernel, _ = weight.shape
    last = (kernel - 1) // stride  # m
    kernels = np.zeros((stride, stride, outputs, inputs, last + 1, last + 1), weight.dtype)
    for i in range(kernel):
        for j in range(kernel):
            tap = last - i // stride, last - j // stride
            kernels[(i % stride, j % stride, ..., *tap)] = weight[:, :, i, j].T
    around, phases = [], []
    for size, (zeros, _), pixels in zip(shape, padding, x.shape[2:], strict=True):
        first, end = zeros // stride, (size - 1 + zeros) // stride + 1  # of q
        around.append((last - first, end - pixels))
        pairs = []
        for phase in range(stride):
            start = (phase - zeros) % stride
            q, count = (start + zeros) // stride - first, -(-(size - start) // stride)
            pairs.append((slice(start, None, stride), slice(q, q + count)))
        phases.append(pairs)
    sums = _convolve(x, kernels.reshape(-1, *kernels.shape[3:]), (around[0], around[1]))
    apart = batch_last(sums).reshape(stride, stride, outputs, *sums.shape[2:], len(x))
    pictures = np.empty((outputs, *shape, len(x)), sums.dtype)
    for i, (rows, down) in enumerate(phases[0]):
        for j, (columns, right) in enumerate(phases[1]):
            pictures[:, rows, columns] = apart[i, j, :, down, right]
    return batch_first(pictures)
