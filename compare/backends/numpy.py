"""The default backend: NumPy on the CPU, differentiated by HIPS autograd."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any, ClassVar

import autograd.numpy
import numpy as np
from autograd.core import VJPNode, backward_pass
from autograd.extend import defvjp_argnums
from autograd.tracer import getval, isbox, new_box, trace_stack
from numpy.typing import NDArray

from compare.backends.base import Alone, Padding, host_memory, unknown_device
from compare.backends.numpy_convolution import _conv, _conv_transpose, _strided_conv
from compare.backends.numpy_primitives import (
    _batch_norm,
    _cross_entropy,
    _like,
    _max_pool,
    _primitive,
    _relu,
    _row_sums,
    _rows,
    _take,
    _unfold,
    _window,
    _Windows,
)
from compare.errors import UsageError


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
