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
from autograd.tracer import getval, isbox, new_box, trace_stack
from numpy.typing import NDArray

from compare.backends import numpy_convolution, numpy_primitives
from compare.backends.base import Padding, SingleDevice, host_memory, unknown_device
from compare.errors import UsageError

__all__ = ["NumpyBackend"]


class NumpyBackend(SingleDevice):
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
        return numpy_primitives.relu(x)

    def conv(self, x: Any, weight: Any, bias: Any, stride: int, padding: Padding) -> Any:
        """See `compare.backends.base.Backend.conv`."""
        if stride == 1:
            return numpy_convolution.conv(x, weight, bias, padding)
        unfolded = numpy_primitives.unfold(getval(x), weight.shape[2], stride, padding)
        return numpy_convolution.strided_conv(x, weight, bias, stride, padding, unfolded)

    def conv_transpose(
        self, x: Any, weight: Any, bias: Any, shape: tuple[int, int], stride: int, padding: Padding
    ) -> Any:
        """See `compare.backends.base.Backend.conv_transpose`."""
        return numpy_convolution.conv_transpose(x, weight, bias, shape, stride, padding)

    def max_pool(self, x: Any, kernel: int) -> Any:
        """See `compare.backends.base.Backend.max_pool`."""
        return numpy_primitives.max_pool(x, kernel)

    def batch_norm(self, x: Any, scale: Any, shift: Any, epsilon: float) -> tuple[Any, Any, Any]:
        """See `compare.backends.base.Backend.batch_norm`."""
        rows = numpy_primitives.to_rows(getval(x))
        mean = numpy_primitives.row_sums(rows) / x.dtype.type(rows.shape[1])
        centred = rows - mean[:, None]
        variance = np.vecdot(centred, centred) / x.dtype.type(rows.shape[1])
        result = numpy_primitives.batch_norm(x, scale, shift, centred, variance, epsilon)
        return result, mean, variance

    def softmax_cross_entropy(self, outputs: Any, targets: Any) -> Any:
        """See `compare.backends.base.Backend.softmax_cross_entropy`."""
        logits = getval(outputs).reshape(len(outputs), -1)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return numpy_primitives.cross_entropy(outputs, targets, log_softmax)

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
                    name: new_box(value, trace, _leaf(gradients, name, value.dtype))
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
        """Work on as many items at a time as there are cores, with BLAS on one core each.

        BLAS on several cores only shares out the matrix products, and its threads wait for each
        other: on cores that are busy otherwise it takes many times as long as on one. And so what
        is computed does not depend on the number of cores.
        """
        pool, blas = _threads()
        with blas.limit(limits=1, user_api="blas"):
            if len(items) == 1:
                return [function(items[0])]
            return list(pool.map(function, items))

    def microbatch(self) -> int:
        """As many numbers as fit in a core's second-level cache a few times over."""
        return 1 << 19

    def memory_limit(self) -> int:
        """Main memory that is free, in bytes."""
        return host_memory()


_TRACING = Lock()


def _leaf(gradients: dict[str, Any], name: str, dtype: Any) -> Any:
    """Make a parameter's node in a trace, which keeps its gradient, in the parameter's dtype.

    autograd differentiates by a dict too, but then every use of one parameter makes zeros for all.
    """

    def keep(gradient: Any) -> tuple[()]:
        gradients[name] = np.asarray(gradient).astype(dtype, copy=False)
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
