"""The whole contract between the learned path and an array library.

Layers, losses, Adam and the training loop call nothing but these methods and the
functions of `xp`; so whoever implements this class brings all of them to another device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

if TYPE_CHECKING:  # `compare list` does without NumPy
    from numpy.typing import NDArray

__all__ = [
    "NEGLIGIBLE_LOGIT",
    "Array",
    "Backend",
    "Padding",
    "SingleDevice",
    "host_memory",
    "lost_worker",
    "same_padding",
    "unknown_device",
    "unknown_precision",
    "without_negligible",
]

Array: TypeAlias = Any
"""An array of the backend's own library."""

Padding: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""Zeros before and after the rows, then before and after the columns; fewer than a kernel has."""


NEGLIGIBLE_LOGIT = -55.0
"""The exponential of a logit this far below the largest, 1.3e-24, is lost in any sum with that
one's, in float64 too, and what flows back to it likewise. So smaller ones are left out: they would
become subnormal numbers soon, which many processors compute with a hundred times as slowly."""


class Backend(Protocol):
    """An array library on one device, or on several that compute together.

    `__init__(device, precision)` takes one of `devices()` or `"auto"`, the best of them. It raises
    `compare.UsageError`, listing the devices present, for any other; it never falls back.
    """

    name: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]]
    """What it can compute in, the default first: float32 (or float64), and perhaps tf32, bf16 and
    fp16, in which convolutions and matrix products round their inputs and everything else does
    not. Gradients in fp16 need a scaled loss, which only some solvers have."""
    device: str
    precision: str

    xp: Any
    """NumPy's names and meanings for: arange, argmax, argmin, argsort, broadcast_to, concatenate,
    exp, inf, log, matmul, max, maximum, mean, moveaxis, reshape, sqrt, sum, tanh, where,
    zeros_like; broadcast_to only between shapes of the same length. Arrays take indices that are
    slices and integer arrays, arithmetic, comparisons and `@`. All are differentiable where
    mathematics says so: equal largest values share the gradient of max and maximum, and none goes
    into integers, such as those of argmax, argmin and argsort."""

    shards: int
    """Equal parts that a batch is divided into, of which this process computes one."""
    processes: int
    """How many processes compute together."""
    first: bool
    """Whether this is the process that writes results; all others only compute."""

    def __init__(self, device: str = "auto", precision: str = "float32") -> None:
        """Take `device`; `precision` is one of `precisions`."""
        ...

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Names of the devices present, the best one first."""
        ...

    def asarray(self, array: NDArray[Any], like: Array | None = None) -> Array:
        """Copy a NumPy array to the device, with its own dtype or that of `like`.

        It may be of any memory layout, and of any number of axes, 0 included. Where the library or
        the precision has no such dtype, with the nearest of its kind.
        """
        ...

    def to_numpy(self, array: Array) -> NDArray[Any]:
        """Copy an array back to the host, waiting for it if it is still being computed."""
        ...

    def relu(self, x: Array) -> Array:
        """Return max(x, 0), with derivative 0 at 0."""
        ...

    def conv(
        self, x: Array, weight: Array, bias: Array | None, stride: int, padding: Padding
    ) -> Array:
        """Cross-correlate (n, c, h, w) pictures with an (o, c, k, k) weight and add an (o,) bias.

        Returns (n, o, (h + padding - k) // stride + 1, likewise for w).
        """
        ...

    def conv_transpose(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        shape: tuple[int, int],
        stride: int,
        padding: Padding,
    ) -> Array:
        """Transpose `conv`: map (n, c, h, w) through a (c, o, k, k) weight and add an (o,) bias.

        But for the bias it is the adjoint of `conv`. Returns (n, o, *shape), pictures that `conv`
        with this stride and padding takes to (h, w).
        """
        ...

    def max_pool(self, x: Array, kernel: int) -> Array:
        """Take the largest value of each kernel x kernel block of (n, c, h, w) pictures.

        Rows and columns that do not fill a block are dropped; ties share the gradient.
        """
        ...

    def batch_norm(
        self, x: Array, scale: Array, shift: Array, epsilon: float
    ) -> tuple[Array, Array, Array]:
        """Bring each channel of (n, c, h, w) to mean 0 and variance 1, then scale and shift it.

        `scale` and `shift` are (c,). Returns the result and, for the running statistics, the mean
        and the (biased) variance over the batch, all its `shards`, and the pixels, (c,) each.
        Differentiable in the first three arguments through the result.
        """
        ...

    def softmax_cross_entropy(self, outputs: Array, targets: Array) -> Array:
        """Return minus the log of the softmax at each sample's target, the mean over the samples.

        `outputs` is (n, ...), logits over all numbers of a sample; `targets` is (n,) int64, indices
        into a sample that is flattened. Returns a scalar; differentiable in `outputs`, but the
        gradient of logits that are `NEGLIGIBLE_LOGIT` below a sample's largest is 0.
        """
        ...

    def value_and_grad(
        self, function: Callable[..., tuple[Array, Any]]
    ) -> Callable[..., tuple[Array, Any, dict[str, Array]]]:
        """Differentiate `function(parameters, ...) -> (scalar, extra)` by its first argument.

        `parameters` is a dict of arrays. The new function returns (scalar, extra, gradients).
        """
        ...

    def jit(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a pure function of arrays, or return it as it is.

        Arguments and results are arrays, and tuples and dicts of them. When the device is out of
        memory the call, or the `to_numpy` of its results, raises MemoryError.
        """
        ...

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Apply a function to each item; returns the results in order.

        On several cores at once where the library does not use them by itself.
        """
        ...

    def microbatch(self) -> int:
        """Return how many numbers of a layer's output to compute at a time.

        It counts only where samples do not mix. A processor with caches is faster on a few samples
        at a time; a GPU takes a batch whole.
        """
        ...

    def memory_limit(self) -> int:
        """Bytes that may still be allocated on the device."""
        ...

    def __hash__(self) -> int:
        """Tell backends apart, so that what was compiled for one is kept for it."""
        ...

    def about(self) -> dict[str, str]:
        """Versions of the library and the device's own name, for the record of a run."""
        ...

    def shard(self, rows: Array) -> tuple[Backend, Array]:
        """Divide the rows of a batch among the devices that compute together.

        Returns the backend to compute with, which knows how many `shards` the batch has, and the
        rows for this process. Rows that the devices do not divide evenly go whole to each of them.
        """
        ...

    def average(self, array: Array) -> Array:
        """Return the mean of an array over the `shards` of a batch; differentiable.

        `value_and_grad` has its value and its gradients averaged likewise.
        """
        ...

    def broadcast(self, content: bytes) -> bytes:
        """Return, in every process, the bytes that the first one gives."""
        ...

    def gather(self, content: bytes) -> list[bytes]:
        """Return, in every process, the bytes that each one gives, the first one's first.

        It may come after work that each does alone, and takes nobody for lost who is slow at that.
        """
        ...


class SingleDevice:
    """Defaults for a backend: methods by their definitions, and one device that shares nothing."""

    shards: int = 1
    processes: int = 1
    first: bool = True
    xp: Any

    def batch_norm(
        self, x: Array, scale: Array, shift: Array, epsilon: float
    ) -> tuple[Array, Array, Array]:
        """See `Backend.batch_norm`; by its definition."""
        xp, axes = self.xp, (0, 2, 3)
        mean = self.average(xp.mean(x, axis=axes, keepdims=True))
        centred = x - mean
        variance = self.average(xp.mean(centred**2, axis=axes, keepdims=True))
        factor = xp.reshape(scale, (1, -1, 1, 1)) / xp.sqrt(variance + epsilon)
        result = centred * factor + xp.reshape(shift, (1, -1, 1, 1))
        return result, xp.reshape(mean, (-1,)), xp.reshape(variance, (-1,))

    def softmax_cross_entropy(self, outputs: Array, targets: Array) -> Array:
        """See `Backend.softmax_cross_entropy`; by its definition."""
        xp = self.xp
        logits = xp.reshape(outputs, (outputs.shape[0], -1))
        shifted = logits - xp.max(logits, axis=1, keepdims=True)
        chosen = shifted[xp.arange(outputs.shape[0]), targets]
        sums = xp.sum(xp.exp(without_negligible(xp, shifted)), axis=1)
        return xp.mean(xp.log(sums) - chosen)

    def about(self) -> dict[str, str]:
        """Say nothing beyond what every record holds."""
        return {}

    def shard(self, rows: Array) -> tuple[Any, Array]:
        """Compute all rows here."""
        return self, rows

    def average(self, array: Array) -> Array:
        """Return the array: there is one shard."""
        return array

    def broadcast(self, content: bytes) -> bytes:
        """Return the bytes: there is one process."""
        return content

    def gather(self, content: bytes) -> list[bytes]:
        """Return the bytes: there is one process."""
        return [content]


def without_negligible(xp: Any, shifted: Array) -> Array:
    """Raise logits, shifted so that the largest is 0, to `NEGLIGIBLE_LOGIT`; NaN stays."""
    return xp.where(shifted < NEGLIGIBLE_LOGIT, NEGLIGIBLE_LOGIT, shifted)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis so that it shrinks by exactly `stride`, rounded up.

    TensorFlow's rule, which the published networks use: an odd zero goes to the end.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def host_memory() -> int:
    """Return the bytes of main memory that this process can still take.

    The least of what is free, of what the process's own limits leave (`ulimit -v`, `ulimit -d`)
    and of what its control groups' leave, as of a container or a batch job.
    """
    import psutil

    free = psutil.virtual_memory().available
    return max(0, min([free, *_left_by_limits(), *_left_by_groups()]))


def _fields(path: str) -> dict[str, int]:
    """Read a table of the kernel's, lines such as "MemFree:  2 kB", in bytes; empty without it."""
    fields = {}
    for line in _lines(path):
        name, _, value = line.replace(":", " ", 1).partition(" ")
        number, *unit = value.split() or ("",)
        if number.isdecimal():
            fields[name] = int(number) * (1024 if unit == ["kB"] else 1)
    return fields


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _left_by_limits() -> Iterator[int]:
    """Yield how many bytes each limit of this process leaves."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    import psutil

    taken = psutil.Process().memory_info()
    for kind, used in ((resource.RLIMIT_AS, "vms"), (resource.RLIMIT_DATA, "data")):
        limit, _ = resource.getrlimit(kind)
        if limit != resource.RLIM_INFINITY:
            yield limit - getattr(taken, used, 0)  # not every system counts the data alone


_GROUP_FILES = {
    2: ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    1: (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
}
"""Of each version of Linux's control groups: where they are, and what is in a group's folder.
https://docs.kernel.org/admin-guide/cgroup-v2.html and .../cgroup-v1/memory.html"""


def _left_by_groups() -> Iterator[int]:
    """Yield how many bytes the limits of this process's control groups leave, outer ones too."""
    for line in _lines("/proc/self/cgroup"):
        _, controllers, group = (*line.split(":", 2), "", "")[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        root, limit, usage, cache = _GROUP_FILES[1 if controllers else 2]
        folder = root + group.rstrip("/")
        while folder.startswith(root):
            most, used = ("".join(_lines(f"{folder}/{name}")) for name in (limit, usage))
            if most.isdecimal() and used.isdecimal():
                # The kernel drops what it only remembers of files before it refuses memory.
                dropped = _fields(f"{folder}/memory.stat").get(cache, 0)
                yield int(most) - int(used) + dropped
            folder = folder.rpartition("/")[0]


def unknown_device(backend: str, device: str, present: tuple[str, ...]) -> str:
    """The message for a device that is not there."""
    return (
        f"backend '{backend}' has no device '{device:.40}' here; "
        f"present: {', '.join(present)} (or 'auto')"
    )


def unknown_precision(device: str, precision: str, known: tuple[str, ...]) -> str:
    """The message for a precision that the device does not have."""
    return (
        f"device '{device}' has no precision '{precision:.40}', a mode of NVIDIA's GPUs; "
        f"choose from: {', '.join(known)}"
    )


def lost_worker(error: Exception) -> str:
    """The message for a process that no longer answers, however the transport put it."""
    return (
        "a worker of the distributed run was lost, so all of them stop "
        f"({' '.join(str(error).split())[:120]}); the same command resumes from the checkpoint"
    )
