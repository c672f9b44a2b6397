"""JAX on CPU, CUDA and TPU; on all devices of a machine, or of several, through sharding."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding
from numpy.typing import NDArray

from compare.backends.base import (
    Padding,
    SingleDevice,
    host_memory,
    lost_worker,
    unknown_device,
    unknown_precision,
)
from compare.errors import RunError, UsageError

__all__ = ["JaxBackend"]


class JaxBackend(SingleDevice):
    """Arrays of JAX, with each step compiled whole; see `compare.backends.base.Backend`.

    On several devices the data and the weights lie on all of them and each computes its share of
    the rows of a batch. A layer still gets the whole batch: XLA adds the sums over devices.
    """

    name: ClassVar[str] = "jax"
    precisions: ClassVar[tuple[str, ...]] = ("float32", "tf32", "bf16")

    def __init__(self, device: str = "auto", precision: str = "float32") -> None:
        """Take a device; "all" takes every one of the best kind."""
        _join()
        devices = self._chosen(device)
        kind = _kind(devices[0])
        if precision == "tf32" and kind != "cuda":
            raise UsageError(unknown_precision(kind, precision, ("float32", "bf16")))
        self.precision = precision
        self._device = devices[0]
        if len(devices) == 1:
            self.device = _named(self._device)
            self._everywhere = self._rows = cast(Any, SingleDeviceSharding(self._device))
        else:
            self.device = f"{len(devices)} x {kind}"
            mesh = Mesh(np.array(devices), ("batch",))
            spec: Any = PartitionSpec  # untyped in JAX
            self._everywhere = NamedSharding(mesh, spec())
            self._rows = NamedSharding(mesh, spec("batch"))
        self._count = len(devices)
        self.processes = jax.process_count()
        self.first = jax.process_index() == 0
        # Else TPUs and NVIDIA's GPUs round the factors of a product.
        self._products = lax.Precision.HIGH if precision == "tf32" else lax.Precision.HIGHEST
        self.xp: Any = jnp if precision != "bf16" else _RoundedProducts()

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Devices of the best kind, "all" if they are several, and the CPU."""
        best = jax.local_devices()
        names = [_named(device) for device in best]
        if len(jax.devices()) > 1:
            names.append("all")
        return tuple(
            dict.fromkeys((*names, *(_named(d) for d in jax.local_devices(backend="cpu"))))
        )

    def _chosen(self, device: str) -> list[Any]:
        if jax.process_count() > 1:
            if device not in ("auto", "all"):
                raise UsageError(
                    f"{jax.process_count()} processes of JAX compute together on all devices, so "
                    f"'{device}' cannot be chosen; give --device auto"
                )
            return list(jax.devices())
        if device == "all":
            return list(jax.devices())
        present = [*jax.devices(), *jax.devices("cpu")]
        if device == "auto":
            return present[:1]
        for each in present:
            if device in (_named(each), _kind(each)):
                return [each]
        raise UsageError(unknown_device(self.name, device, self.devices()))

    def asarray(self, array: NDArray[Any], like: Any = None) -> Any:
        """Copy; float64 and int64 become float32 and int32, as JAX has it by default."""
        dtype = None if like is None else like.dtype
        if isinstance(like, jax.core.Tracer):
            return jnp.asarray(array, dtype)  # a constant of what is being compiled
        with _plain_errors():
            # A copy of its own, for on a CPU JAX may go on using the memory of the one it is given.
            own = np.array(array, dtype)
            if jax.process_count() > 1 and self._count > 1:
                # `device_put` would have all processes compare what they put.
                own = own.astype(jax.dtypes.canonicalize_dtype(own.dtype), copy=False)
                return jax.make_array_from_callback(own.shape, self._everywhere, own.__getitem__)
            return jax.device_put(own, self._everywhere)

    def to_numpy(self, array: Any) -> NDArray[Any]:
        """Copy to the host."""
        with _plain_errors():
            return np.asarray(array)

    def relu(self, x: Any) -> Any:
        """See `compare.backends.base.Backend.relu`."""
        return jax.nn.relu(x)

    def conv(self, x: Any, weight: Any, bias: Any, stride: int, padding: Padding) -> Any:
        """See `compare.backends.base.Backend.conv`."""
        y = self._convolution(x, weight, ("NCHW", "OIHW", "NCHW"), (stride, stride), padding)
        return y if bias is None else y + bias[:, None, None]

    def conv_transpose(
        self, x: Any, weight: Any, bias: Any, shape: tuple[int, int], stride: int, padding: Padding
    ) -> Any:
        """See `compare.backends.base.Backend.conv_transpose`."""
        kernel = weight.shape[2]
        around = tuple(
            # Zeros with which the flipped kernel covers every pixel of the picture, and no other.
            (kernel - 1 - before, size - (small - 1) * stride - 1 + before)
            for size, small, (before, _) in zip(shape, x.shape[2:], padding, strict=True)
        )
        flipped = weight[:, :, ::-1, ::-1]
        numbers = ("NCHW", "IOHW", "NCHW")
        y = self._convolution(x, flipped, numbers, (1, 1), around, lhs_dilation=(stride, stride))
        return y if bias is None else y + bias[:, None, None]

    def _convolution(
        self, x: Any, weight: Any, numbers: Any, strides: Any, padding: Any, **more: Any
    ) -> Any:
        dtype = x.dtype
        if self.precision == "bf16":
            x, weight = x.astype(jnp.bfloat16), weight.astype(jnp.bfloat16)
        y = lax.conv_general_dilated(
            x, weight, strides, padding,
            dimension_numbers=numbers, precision=self._products, **more,
        )  # fmt: skip
        return y.astype(dtype)

    def max_pool(self, x: Any, kernel: int) -> Any:
        """See `compare.backends.base.Backend.max_pool`."""
        n, channels, height, width = x.shape
        rows, columns = height // kernel, width // kernel
        filled = x[:, :, : rows * kernel, : columns * kernel]
        blocks = filled.reshape(n, channels, rows, kernel, columns, kernel)
        return jnp.max(blocks, axis=(3, 5))  # which shares the gradient among ties

    def value_and_grad(
        self, function: Callable[..., tuple[Any, Any]]
    ) -> Callable[..., tuple[Any, Any, dict[str, Any]]]:
        """See `compare.backends.base.Backend.value_and_grad`."""
        both = jax.value_and_grad(function, has_aux=True)

        def differentiated(parameters: Any, *args: Any) -> tuple[Any, Any, dict[str, Any]]:
            with jax.default_matmul_precision(self._products.name.lower()):
                (value, extra), gradients = both(parameters, *args)
            return value, extra, gradients

        return differentiated

    def jit(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile by XLA, once for each set of shapes."""
        compiled = jax.jit(function, out_shardings=self._everywhere)

        def run(*args: Any) -> Any:
            with jax.default_matmul_precision(self._products.name.lower()), _plain_errors():
                return compiled(*args)

        return run

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """One after the other: XLA takes all cores by itself."""
        return [function(item) for item in items]

    def microbatch(self) -> int:
        """A batch whole: each microbatch would be compiled into the step once more."""
        return 1 << 40

    def memory_limit(self) -> int:
        """Bytes free on the (first) device."""
        stats = self._device.memory_stats()
        return int(stats["bytes_limit"] - stats["bytes_in_use"]) if stats else host_memory()

    def about(self) -> dict[str, str]:
        """JAX's version and the device's own name."""
        return {"jax": jax.__version__, "device": str(self._device.device_kind)}

    def shard(self, rows: Any) -> tuple[JaxBackend, Any]:
        """See `compare.backends.base.Backend.shard`."""
        if self._count == 1 or rows.shape[0] % self._count:
            return self, rows
        constrain: Any = lax.with_sharding_constraint  # untyped in JAX
        return self, constrain(rows, self._rows)

    def broadcast(self, content: bytes) -> bytes:
        """See `compare.backends.base.Backend.broadcast`."""
        if jax.process_count() == 1:
            return content
        size = int(multihost_utils.broadcast_one_to_all(np.asarray(len(content))))
        if not size:
            return b""
        own = np.zeros(size, np.uint8)
        if self.first:
            own[:] = np.frombuffer(content, np.uint8)
        return np.asarray(multihost_utils.broadcast_one_to_all(own)).tobytes()

    def gather(self, content: bytes) -> list[bytes]:
        """See `compare.backends.base.Backend.gather`."""
        if jax.process_count() == 1:
            return [content]
        sizes = np.asarray(multihost_utils.process_allgather(np.asarray(len(content)))).ravel()
        own = np.zeros(sizes.max(), np.uint8)
        own[: len(content)] = np.frombuffer(content, np.uint8)
        rows = np.asarray(multihost_utils.process_allgather(own))
        return [row[:size].tobytes() for row, size in zip(rows, sizes, strict=True)]


class _RoundedProducts:
    """`jax.numpy` with matrix products of bfloat16 factors."""

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    def matmul(self, a: Any, b: Any) -> Any:
        return jnp.matmul(a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)).astype(a.dtype)


def _kind(device: Any) -> str:
    """ "cpu", "cuda", "rocm" or "tpu"; JAX calls every GPU a gpu."""
    if device.platform == "gpu":
        return "rocm" if "rocm" in device.client.platform_version else "cuda"
    return str(device.platform)


def _named(device: Any) -> str:
    kind = _kind(device)
    if kind == "cpu" and len(jax.local_devices(backend="cpu")) == 1:
        return kind
    return f"{kind}:{device.id}"


def _join() -> None:
    """Join the other processes where the environment says that there are some."""
    if "JAX_COORDINATOR_ADDRESS" not in os.environ or jax.distributed.is_initialized():
        return
    number: dict[str, Any] = {
        argument: int(os.environ[variable])
        for argument, variable in (
            ("num_processes", "JAX_NUM_PROCESSES"),
            ("process_id", "JAX_PROCESS_ID"),
        )
        if variable in os.environ  # else JAX asks Slurm, Kubernetes or the cloud
    }
    jax.distributed.initialize(
        os.environ["JAX_COORDINATOR_ADDRESS"], heartbeat_timeout_seconds=40, **number
    )


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise MemoryError when memory runs out, and RunError when another process is gone."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            raise MemoryError(str(error).splitlines()[0]) from error
        if jax.process_count() > 1:
            atexit.register(_leave)
            raise RunError(lost_worker(error)) from error
        raise


def _leave() -> None:
    """End this process before JAX, at its own exit, waits for the lost one and then aborts."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
