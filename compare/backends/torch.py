"""PyTorch on the CPU, on CUDA and on MPS; under `torchrun`, on one device a process.

On a CUDA device what `jit` returns is replayed as a CUDA graph; all else runs eagerly. What that
costs against `torch.compile` is measured in docs/backends.md.
"""

from __future__ import annotations

import atexit
import copy
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import distributed

from compare.backends.base import (
    Padding,
    SingleDevice,
    host_memory,
    lost_worker,
    unknown_device,
    unknown_precision,
)
from compare.backends.cuda_graph import Recorded
from compare.errors import RunError, UsageError

__all__ = ["HALVES", "PATIENCE", "WORK_ALONE", "Tensor", "TorchBackend", "memory_errors"]

Tensor = torch.Tensor
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""The precisions of 16 bits, as PyTorch's types."""

PATIENCE = timedelta(seconds=40)
"""How long a process waits for the others before it takes one of them for lost."""

WORK_ALONE = timedelta(hours=1)
"""The same after work that each process does for itself, and one perhaps much slower."""


class TorchBackend(SingleDevice):
    """Tensors of PyTorch; see `compare.backends.base.Backend`.

    Started by `torchrun`, each process computes its part of every batch on a device of its own
    and DistributedDataParallel averages the gradients.
    """

    name: ClassVar[str] = "torch"
    precisions: ClassVar[tuple[str, ...]] = ("float32", "tf32", "bf16", "fp16")

    def __init__(self, device: str = "auto", precision: str = "float32") -> None:
        """Take a device, or this process's own one under `torchrun`."""
        self.processes = int(os.environ["WORLD_SIZE"]) if _launched() else 1
        self.rank = 0
        if _launched():
            self._device = self._own_device(device)
            self.device = f"{self.processes} x {self._device.type}"
        else:
            self._device = torch.device(self._single_device(device))
            self.device = str(self._device)
        self.precision = precision
        if precision == "tf32" and self._device.type != "cuda":
            raise UsageError(unknown_precision(self.device, precision, ("float32", "bf16", "fp16")))
        self.xp: Any = _NumpyNames(self._device, self._product)
        self._constants: dict[Any, Tensor] | None = None
        if _launched():
            self.rank = _joined(self._device)
            self.first = self.rank == 0
            self._sharded = copy.copy(self)
            self._sharded.shards = self.processes

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """CUDA devices, Apple's GPU and the CPU."""
        cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        mps = ["mps"] if torch.backends.mps.is_available() else []
        return (*cuda, *mps, "cpu")

    @property
    def torch_device(self) -> torch.device:
        """This process's own device, as PyTorch has it."""
        return self._device

    def _single_device(self, device: str) -> str:
        present = self.devices()
        if device == "all":
            raise UsageError(
                "PyTorch computes on one device a process; for all of them start "
                "torchrun --nproc-per-node=DEVICES -m compare with these arguments, "
                "without --device"
            )
        if device == "auto":
            return present[0]
        if device == "cuda" and "cuda:0" in present:
            return "cuda:0"
        if device not in present:
            raise UsageError(unknown_device(self.name, device, present))
        return device

    def _own_device(self, device: str) -> torch.device:
        cards = torch.cuda.device_count()
        if device in ("auto", "all"):
            device = "cuda" if cards else "cpu"
        if device not in ("cuda", "cpu"):
            raise UsageError(
                f"torchrun gives each process a device of its own, so '{device}' cannot be "
                "chosen; give --device auto, cuda or cpu"
            )
        if device == "cpu":
            return torch.device("cpu")
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= cards:
            raise UsageError(
                f"process {local} of this machine has no CUDA device; present: "
                f"{', '.join(self.devices())}; start as many processes as there are devices"
            )
        return torch.device("cuda", local)

    def asarray(self, array: NDArray[Any], like: Tensor | None = None) -> Tensor:
        """Copy; to a GPU from pinned memory, so that nobody waits."""
        if self._constants is not None:  # in a function that may be recorded
            key = (array.tobytes(), array.shape, array.dtype, like is not None and like.dtype)
            if key not in self._constants:
                self._constants[key] = self._copied(array, like)
            return self._constants[key]
        return self._copied(array, like)

    def _copied(self, array: NDArray[Any], like: Tensor | None) -> Tensor:
        host = torch.from_numpy(np.array(array))  # a copy: PyTorch would share the array's memory
        if like is not None:
            host = host.to(like.dtype)
        if self._device.type == "mps" and host.dtype == torch.float64:
            host = host.float()  # Apple's GPUs have no float64
        with memory_errors():
            if self._device.type == "cuda":
                return host.pin_memory().to(self._device, non_blocking=True)
            return host.to(self._device)

    def to_numpy(self, array: Tensor) -> NDArray[Any]:
        """Copy to the host."""
        with memory_errors():
            copied: NDArray[Any] = array.detach().cpu().numpy()
        return copied

    def relu(self, x: Tensor) -> Tensor:
        """See `compare.backends.base.Backend.relu`."""
        return torch.relu(x)

    def _product(self, function: Callable[..., Tensor], a: Tensor, b: Tensor) -> Tensor:
        """Apply a function that is linear in each of two arrays, in this precision."""
        if self.precision in HALVES:
            half = HALVES[self.precision]
            return function(a.to(half), b.to(half)).to(a.dtype)
        return function(a, b)

    def conv(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: Padding
    ) -> Tensor:
        """See `compare.backends.base.Backend.conv`."""
        (above, below), (before, after) = padding
        if (above, before) == (below, after):
            pad = (above, before)
        else:
            x, pad = F.pad(x, (before, after, above, below)), (0, 0)
        y = self._product(lambda x, w: F.conv2d(x, w, None, stride, pad), x, weight)
        return y if bias is None else y + bias[:, None, None]

    def conv_transpose(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        shape: tuple[int, int],
        stride: int,
        padding: Padding,
    ) -> Tensor:
        """See `compare.backends.base.Backend.conv_transpose`."""
        y = self._product(lambda x, w: F.conv_transpose2d(x, w, None, stride), x, weight)
        (above, _), (before, _) = padding
        below, after = shape[0] - y.shape[2] + above, shape[1] - y.shape[3] + before
        y = F.pad(y, (-before, after, -above, below))  # negative padding cuts
        return y if bias is None else y + bias[:, None, None]

    def max_pool(self, x: Tensor, kernel: int) -> Tensor:
        """See `compare.backends.base.Backend.max_pool`."""
        n, channels, height, width = x.shape
        rows, columns = height // kernel, width // kernel
        filled = x[:, :, : rows * kernel, : columns * kernel]
        blocks = filled.reshape(n, channels, rows, kernel, columns, kernel)
        return blocks.amax(dim=(3, 5))  # which shares the gradient among ties; max_pool2d doesn't

    def value_and_grad(
        self, function: Callable[..., tuple[Any, Any]]
    ) -> Callable[..., tuple[Any, Any, dict[str, Any]]]:
        """See `compare.backends.base.Backend.value_and_grad`."""

        parallel: _Parallel | None = None

        def differentiated(
            parameters: dict[str, Tensor], *args: Any
        ) -> tuple[Tensor, Any, dict[str, Tensor]]:
            nonlocal parallel
            if self.processes > 1:
                parallel = parallel or _Parallel(function, parameters)
                value, extra, gradients = parallel(parameters, *args)
            else:
                leaves = {key: p.detach().requires_grad_() for key, p in parameters.items()}
                value, extra = function(leaves, *args)
                pulled = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
                gradients = dict(zip(leaves, pulled, strict=True))
            return (
                value.detach(), {key: item.detach() for key, item in extra.items()}, gradients
            )  # fmt: skip

        return differentiated

    def jit(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, with TF32 switched as the precision asks and errors named.

        One process on a CUDA device replays it as a CUDA graph. Arrays of the host that it uses
        are copied to the device once: a graph would copy them from where they were.
        """
        run: Callable[..., Any] = function
        constants: dict[Any, Tensor] | None = None
        if self._device.type == "cuda" and self.processes == 1:
            run, constants = Recorded(function), {}

        def compiled(*args: Any) -> Any:
            # The switches belong to the process, and another backend in it may want them otherwise.
            torch.backends.cuda.matmul.allow_tf32 = self.precision == "tf32"
            torch.backends.cudnn.allow_tf32 = self.precision == "tf32"
            # Otherwise cuDNN may add a gradient's terms in an order that differs from run to run.
            torch.backends.cudnn.deterministic = True
            self._constants = constants
            try:
                with memory_errors():
                    return run(*args)
            finally:
                self._constants = None

        return compiled

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """One after the other: PyTorch takes all cores by itself."""
        return [function(item) for item in items]

    def microbatch(self) -> int:
        """A batch whole on a GPU; what stays in a CPU's caches."""
        return 1 << 20 if self._device.type == "cpu" else 1 << 40

    def memory_limit(self) -> int:
        """Bytes free on the device."""
        if self._device.type == "cuda":
            return int(torch.cuda.mem_get_info(self._device)[0])
        if self._device.type == "mps":
            return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        return host_memory()

    def about(self) -> dict[str, str]:
        """PyTorch's version, and CUDA's and the card's."""
        versions = {"torch": str(torch.__version__)}
        if self._device.type == "cuda":
            versions["cuda"] = str(torch.version.cuda)
            versions["device"] = torch.cuda.get_device_name(self._device)
        return versions

    def shard(self, rows: Tensor) -> tuple[TorchBackend, Tensor]:
        """See `compare.backends.base.Backend.shard`."""
        size, left_over = divmod(len(rows), self.processes)
        if self.processes == 1 or left_over:
            return self, rows
        return self._sharded, rows[self.rank * size : (self.rank + 1) * size]

    def average(self, array: Tensor) -> Tensor:
        """See `compare.backends.base.Backend.average`."""
        if self.shards == 1:
            return array
        averaged: Tensor = _Average.apply(array)  # type: ignore[no-untyped-call]
        return averaged

    def broadcast(self, content: bytes) -> bytes:
        """See `compare.backends.base.Backend.broadcast`."""
        if self.processes == 1:
            return content
        with _lost_workers():
            size = torch.tensor([len(content)])
            distributed.broadcast(size, src=0)
            if not int(size):
                return b""
            own = torch.zeros(int(size), dtype=torch.uint8)
            if self.first:
                own[:] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            distributed.broadcast(own, src=0)
        return own.numpy().tobytes()

    def gather(self, content: bytes) -> list[bytes]:
        """See `compare.backends.base.Backend.gather`."""
        if self.processes == 1:
            return [content]
        found: list[bytes] = [b""] * self.processes
        with _lost_workers():
            distributed.all_gather_object(found, content, group=_groups["patient"])
        return found


class _NumpyNames:
    """Functions of PyTorch under NumPy's names and with NumPy's meanings, on one device."""

    inf = math.inf

    def __init__(self, device: torch.device, product: Callable[..., Tensor]) -> None:
        self._device = device
        self._product = product

    def __getattr__(self, name: str) -> Any:
        """Return what PyTorch calls the same: exp, where, concatenate and so on."""
        return getattr(torch, name)

    def arange(self, *limits: int) -> Tensor:
        return torch.arange(*limits, device=self._device)

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        return self._product(torch.matmul, a, b)

    def max(self, x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
        # Not torch.max, which gives the whole gradient to one of equal values.
        return torch.amax(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)

    def argsort(self, x: Tensor, axis: int = -1) -> Tensor:
        return torch.argsort(x, dim=axis, stable=True)


def _launched() -> bool:
    """Whether `torchrun`, or whoever sets its variables, started this process."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()


_groups: dict[str, Any] = {}
"""Of all processes, beside PyTorch's own."""


def _joined(device: torch.device) -> int:
    """Join the other processes; returns the rank of this one."""
    if not distributed.is_initialized():
        backend = "cpu:gloo"
        if device.type == "cuda":
            torch.cuda.set_device(device)
            backend += ",cuda:nccl"
        with _lost_workers():
            distributed.init_process_group(backend, timeout=PATIENCE)
            _groups["patient"] = distributed.new_group(backend="gloo", timeout=WORK_ALONE)
        atexit.register(distributed.destroy_process_group)
    return distributed.get_rank()


def _averaged(x: Tensor) -> Tensor:
    """Average an array over the processes."""
    total = x.clone()
    with _lost_workers():
        distributed.all_reduce(total)
    return total / distributed.get_world_size()


class _Function(torch.nn.Module):
    """A function of named arrays as a module that owns them."""

    def __init__(self, function: Callable[..., Any], parameters: dict[str, Tensor]) -> None:
        super().__init__()
        self.function = function
        self.names = tuple(parameters)
        self.leaves = torch.nn.ParameterList(p.detach().clone() for p in parameters.values())

    def forward(self, *args: Any) -> Any:
        return self.function(dict(zip(self.names, self.leaves, strict=True)), *args)


class _Parallel:
    """Values and gradients, averaged over the processes by DistributedDataParallel.

    It sends gradients that are ready while others are still being computed.
    """

    def __init__(self, function: Callable[..., Any], parameters: dict[str, Tensor]) -> None:
        self.module = _Function(function, parameters)
        with _lost_workers():
            self.parallel = torch.nn.parallel.DistributedDataParallel(self.module)

    def __call__(
        self, parameters: dict[str, Tensor], *args: Any
    ) -> tuple[Tensor, Any, dict[str, Tensor]]:
        leaves = dict(zip(self.module.names, self.module.leaves, strict=True))
        with torch.no_grad():
            for name, leaf in leaves.items():
                leaf.copy_(parameters[name])
                leaf.grad = None
        with _lost_workers():
            value, extra = self.parallel(*args)
            value.backward()
        return _averaged(value.detach()), extra, {k: leaf.grad for k, leaf in leaves.items()}


class _Average(torch.autograd.Function):
    """The mean over the processes, which is its own adjoint."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return _averaged(x)

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return _averaged(gradients[0])


@contextmanager
def _lost_workers() -> Iterator[None]:
    """Say in one line that another process is gone."""
    try:
        yield
    except RuntimeError as error:
        raise RunError(lost_worker(error)) from error


_NO_MEMORY = (
    *("can't allocate memory", "out of memory", "nvalid buffer size"),
    "could not create a primitive",  # what oneDNN says of memory for its code
)
"""What errors say that are about memory."""


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise MemoryError for what PyTorch raises when memory runs out."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError) or any(sign in text for sign in _NO_MEMORY):
            raise MemoryError(text.splitlines()[0]) from error
        raise
