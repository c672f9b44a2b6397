"""Training of a PyTorch network on pictures in files, read as they are needed.

It runs on one device, or under `torchrun` on one a process, with DistributedDataParallel. Each
process normalises its batches by its own part's statistics, as is usual on ImageNet.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from compare.backends.base import lost_worker
from compare.backends.torch import HALVES, TorchBackend, memory_errors
from compare.datasets.folder import Pictures, UnreadableError, augmented_sample, quietly
from compare.datasets.streams import random_stream
from compare.errors import RunError, StorageError
from compare.files import arrays_of, npz, read_sealed_arrays, write_sealed_arrays
from compare.learned.optimizer import decay
from compare.learned.recipe import Recipe
from compare.learned.state import marks
from compare.learned.training import Progress, losses_by_step

__all__ = [
    "CHECKPOINT_SECONDS",
    "DEVIATION",
    "MEAN",
    "Batch",
    "Batches",
    "FolderTraining",
    "Job",
    "Trained",
    "autocast",
    "loader",
    "normalised",
    "on_device",
    "rate",
    "train",
    "workers_of",
]

CHECKPOINT_SECONDS = 10.0
"""A checkpoint is written when this much training has passed since the last, or 50 times what
writing one takes, if that is more."""

_SUMMED = 50
"""Steps between two looks at how long a GPU had nothing to do."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue, from 0 to 1, by which pictures are normalised."""


@dataclass(frozen=True)
class Trained:
    """What a training came to; the network that was given has its last weights."""

    losses: tuple[float, ...]
    """The mean of each epoch."""
    seconds: float
    samples: int
    """Pictures trained on, counted again in each epoch."""
    waiting: float
    """Of the seconds, those in which the device had no batch to compute on."""
    by_step: Mapping[int, float]
    """Of a training of one epoch, by step, the mean since the step before."""


@dataclass(frozen=True)
class Job:
    """Everything that a training is determined by but the network and its first weights."""

    pictures: Pictures
    numbers: NDArray[np.int64]
    """Which of the pictures to train on."""
    size: tuple[int, int]
    recipe: Recipe
    seed: int

    @property
    def steps_an_epoch(self) -> int:
        """Whole batches; what is left over in an epoch's order is not used in it."""
        return len(self.numbers) // self.recipe.batch

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.recipe.epochs * self.steps_an_epoch


def normalised(pixels: Tensor) -> Tensor:
    """Bring (n, 3, height, width) uint8 pictures to float32, of mean 0 and deviation 1."""
    mean, deviation = _statistics(pixels.device)
    return (pixels.float() - mean) / deviation


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Copy the mean and the deviation to a device, once: the host waits for it to do so."""
    with torch.inference_mode(False):  # a training uses them too
        mean, deviation = (torch.tensor(each) for each in (MEAN, DEVIATION))
        return (mean[:, None, None] * 255).to(device), (deviation[:, None, None] * 255).to(device)


def rate(job: Job, step: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    epoch, index = divmod(step, job.steps_an_epoch)
    share = (index + 1) / job.steps_an_epoch
    return job.recipe.learning_rate * decay(job.recipe, epoch, share)


# --- Batches --------------------------------------------------------------------------------


Batch: TypeAlias = "tuple[Tensor, Tensor] | str"


class Batches(torch.utils.data.IterableDataset[Any]):
    """One process's part of every batch from a step on, through all epochs that are left.

    Yields pixels, (n, height, width, 3) uint8, and labels, (n,) int64; or what is wrong, in words.
    Workers of PyTorch's loader read a batch each, by turns.
    """

    def __init__(self, job: Job, first: int, rank: int, world: int) -> None:
        """Begin at step `first`."""
        super().__init__()
        self.job, self.first, self.rank, self.world = job, first, rank, world

    def __iter__(self) -> Iterator[Batch]:
        """Read batch by batch."""
        worker = torch.utils.data.get_worker_info()
        mine, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        order = -1, np.empty(0, np.int64)
        for step in range(self.first + mine, self.job.steps, workers):
            epoch, index = divmod(step, self.job.steps_an_epoch)
            if order[0] != epoch:
                order = epoch, self._order(epoch)
            batch = self.job.recipe.batch
            part = batch // self.world
            start = index * batch + self.rank * part
            with quietly():
                read = self._read(order[1][start : start + part], epoch)
            yield read

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return random_stream(self.job.seed, "order", epoch).permutation(self.job.numbers)

    def _read(self, numbers: NDArray[np.int64], epoch: int) -> Batch:
        job = self.job
        pixels = np.empty((len(numbers), *job.size, 3), np.uint8)
        for row, number in zip(pixels, numbers.tolist(), strict=True):
            try:
                row[:] = augmented_sample(job.pictures, number, epoch, job.size, job.seed)
            except UnreadableError as error:
                return (
                    f"{job.pictures.path(number)} could be read when the run began, and cannot "
                    f"any more ({error}); put it back, and the same command resumes"
                )
        return torch.from_numpy(pixels), torch.from_numpy(job.pictures.labels[numbers])


def loader(
    job: Job, first: int, rank: int, world: int, workers: int, pinned: bool
) -> Iterator[Batch]:
    """Return an iterator over `Batches`, read ahead by so many processes; by none, in this one."""
    found = torch.utils.data.DataLoader(
        Batches(job, first, rank, world),
        batch_size=None,
        num_workers=min(workers, job.steps - first),
        pin_memory=pinned,
        prefetch_factor=2 if workers and job.steps > first else None,
        worker_init_fn=_begin_worker,
    )
    return iter(found)


def _begin_worker(_: int) -> None:
    """Leave interruptions to the process that this one reads for, and the cores to the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)


def workers_of(backend: TorchBackend) -> int:
    """Return how many processes read for this one: its share of the cores; none on a CPU.

    There the network keeps the cores busy itself.
    """
    if backend.torch_device.type == "cpu":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (cores or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


# --- Training -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Counts:
    """What a checkpoint holds beside the arrays of the network, the optimizer and the scaler."""

    steps: int = 0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    waiting: float = 0.0
    sums: tuple[float, ...] | None = None
    """Of losses, up to each of `marks` in a training of one epoch; None in others."""


class FolderTraining:
    """The network, its optimizer and how far they have come."""

    def __init__(self, network: nn.Module, job: Job, backend: TorchBackend) -> None:
        """Put the network on the device, with a fresh optimizer."""
        self.job, self.backend = job, backend
        self.device = backend.torch_device
        self.network = on_device(network, backend)
        recipe = job.recipe
        kernels = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": kernels, "weight_decay": 2 * recipe.l2},
            {"params": others},
        ]
        # An L2 penalty of l2 sum(w^2) has the gradient 2 l2 w, which is a weight decay of 2 l2.
        self.optimizer = torch.optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=recipe.beta1,
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=backend.precision == "fp16")
        self.running_loss = torch.zeros((), device=self.device)
        self.counts = _Counts(sums=() if recipe.epochs == 1 else None)
        self.marks = frozenset(marks(job.steps_an_epoch))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is written to a checkpoint."""
        arrays = {
            f"weights/{name}": array.detach().cpu().numpy()
            for name, array in self.network.state_dict().items()
        }
        for name, parameter in self.network.named_parameters():
            momentum = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
            arrays[f"momentum/{name}"] = (
                (torch.zeros_like(parameter) if momentum is None else momentum)
                .detach()
                .cpu()
                .numpy()
            )
        scaler = self.scaler.state_dict()
        counts = self.counts
        if counts.sums is not None:
            arrays["sums"] = np.asarray(counts.sums, np.float64)
        return arrays | {
            "loss_scale": np.asarray(scaler.get("scale", 1.0)),
            "loss_scale_steps": np.asarray(scaler.get("_growth_tracker", 0)),
            "running_loss": self.running_loss.cpu().numpy(),
            "steps": np.asarray(counts.steps),
            "losses": np.asarray(counts.losses, np.float64),
            "seconds": np.asarray(counts.seconds),
            "waiting": np.asarray(counts.waiting),
            "numbers": self.job.numbers,
        }

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Undo `arrays`."""

        def tensors(group: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(group): torch.from_numpy(array)
                for name, array in arrays.items()
                if name.startswith(group)
            }

        self.network.load_state_dict(tensors("weights/"))
        momentum = tensors("momentum/")
        steps = int(arrays["steps"])
        for name, parameter in self.network.named_parameters():
            if steps:  # before the first, momentum is nothing, and not 0
                buffer = torch.empty_like(parameter).copy_(momentum[name])
                self.optimizer.state[parameter]["momentum_buffer"] = buffer
        if self.scaler.is_enabled():
            state = self.scaler.state_dict()
            state["scale"] = float(arrays["loss_scale"])
            state["_growth_tracker"] = int(arrays["loss_scale_steps"])
            self.scaler.load_state_dict(state)
        self.running_loss.copy_(torch.from_numpy(arrays["running_loss"]))
        self.counts = _Counts(
            steps,
            tuple(arrays["losses"].tolist()),
            float(arrays["seconds"]),
            float(arrays["waiting"]),
            tuple(arrays["sums"].tolist()) if "sums" in arrays else None,
        )

    def step(self, parallel: nn.Module, pixels: Tensor, labels: Tensor) -> None:
        """Train on one process's part of a batch."""
        job, counts = self.job, self.counts
        for group in self.optimizer.param_groups:
            group["lr"] = rate(job, counts.steps)
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.backend):
            logits = parallel(normalised(pixels.permute(0, 3, 1, 2)))
            loss = functional.cross_entropy(logits.float(), labels)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        loss = loss.detach()
        if parallel is not self.network:
            distributed.all_reduce(loss)
            loss /= distributed.get_world_size()
        self.running_loss += loss
        steps, sums = counts.steps + 1, counts.sums
        if sums is not None and steps in self.marks:
            sums = (*sums, float(self.running_loss))
            self.running_loss.zero_()
        self.counts = counts = replace(counts, steps=steps, sums=sums)
        if steps % job.steps_an_epoch == 0:
            mean = (sum(sums or ()) + float(self.running_loss)) / job.steps_an_epoch
            self.running_loss.zero_()
            self.counts = replace(counts, losses=(*counts.losses, mean))


def on_device(network: nn.Module, backend: TorchBackend) -> nn.Module:
    """Bring a network to the backend's device, with the channels of a pixel beside each other."""
    for array in (*network.parameters(), *network.buffers()):
        if array.ndim == 4:
            array.data = array.data.contiguous(memory_format=torch.channels_last)
    return network.to(backend.torch_device)


def autocast(backend: TorchBackend) -> Any:
    """Let convolutions and products be computed in the backend's precision."""
    half = HALVES.get(backend.precision)
    return torch.autocast(backend.torch_device.type, half) if half else nullcontext()


def train(
    network: nn.Module,
    job: Job,
    backend: TorchBackend,
    *,
    workers: int,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Train the network, in place, by stochastic gradient descent with momentum.

    The seed decides the order of the pictures and how each is cut out; nothing that is drawn
    depends on the number of processes. With a `checkpoint` the state is written there now and
    then, and at an interruption, and training resumes from what is there: on the CPU to the same
    bits. A loss that is no longer finite ends training at the end of its epoch.
    """
    training = FolderTraining(network, job, backend)
    _resume(training, checkpoint)
    world, rank = backend.processes, backend.rank
    if training.counts.steps >= job.steps or _diverged(training):
        return _result(training)
    torch.backends.cudnn.benchmark = True  # the shapes are always the same
    with _errors_in_words(training), _signals_between_steps() as interrupted:
        parallel = _parallel(training.network, backend)
        waits = _Waiting(training.device)
        batches = loader(job, training.counts.steps, rank, world, workers, waits.on_gpu)
        started, before = time.perf_counter(), training.counts
        saving = saved = 0.0
        try:
            while training.counts.steps < job.steps and not _diverged(training):
                waits.begin()
                batch = next(batches)
                waits.end()
                if isinstance(batch, str):
                    raise RunError(batch)
                pixels, labels = (each.to(training.device, non_blocking=True) for each in batch)
                epochs = len(training.counts.losses)
                training.step(parallel, pixels, labels)
                waits.computed()
                now = time.perf_counter() - started
                training.counts = replace(
                    training.counts,
                    seconds=before.seconds + now,
                    waiting=before.waiting + waits.seconds,
                )
                if len(training.counts.losses) > epochs:
                    losses = training.counts.losses
                    on_progress(Progress(len(losses), job.recipe.epochs, losses[-1]))
                due = now - saved > max(CHECKPOINT_SECONDS, 50 * saving)
                if checkpoint is not None and backend.first and due:
                    write_sealed_arrays(checkpoint, training.arrays())
                    saved = time.perf_counter() - started
                    saving = saved - now
                interrupted()
        except StorageError:
            raise  # the checkpoint that is there stays
        except (KeyboardInterrupt, OSError):  # raised between two steps
            if checkpoint is not None and backend.first:
                write_sealed_arrays(checkpoint, training.arrays())
            raise
        if parallel is not training.network:
            for buffer in training.network.buffers():
                distributed.broadcast(buffer, src=0)
    if checkpoint is not None and backend.first:
        write_sealed_arrays(checkpoint, training.arrays())  # evaluating and writing may fail
    return _result(training)


def _result(training: FolderTraining) -> Trained:
    counts, job = training.counts, training.job
    samples = counts.steps * job.recipe.batch
    # The sums are of whole batches' means.
    by_step = losses_by_step(counts.sums, job.steps_an_epoch, 1)
    return Trained(counts.losses, counts.seconds, samples, counts.waiting, by_step)


def _diverged(training: FolderTraining) -> bool:
    losses = training.counts.losses
    return bool(losses) and not np.isfinite(losses[-1])


def _resume(training: FolderTraining, checkpoint: Path | None) -> None:
    """Load what the first process finds in the checkpoint, alike in every process."""
    backend, content = training.backend, b""
    if checkpoint is not None and backend.first and checkpoint.exists():
        try:
            content = npz(_checked(read_sealed_arrays(checkpoint), training, checkpoint))
        except ValueError as error:
            warnings.warn(f"{error}; training begins again", stacklevel=3)
    content = backend.broadcast(content)
    if not content:
        return
    arrays = arrays_of(content)
    job = training.job
    if not np.array_equal(arrays["numbers"], job.numbers):
        raise RunError(
            f"'{job.pictures.directory.parent}' holds other readable files than when this training "
            f"began; put them back, or remove {checkpoint} to begin again"
        )
    training.load(arrays)


def _checked(
    arrays: dict[str, NDArray[Any]], training: FolderTraining, checkpoint: Path
) -> dict[str, NDArray[Any]]:
    """Return a checkpoint's arrays; ValueError, naming it, for those of another training."""
    expected = training.arrays()
    # An earlier version wrote no sums.
    for name in (expected.keys() | arrays.keys()) - ({"sums"} - arrays.keys()):
        own, found = expected.get(name), arrays.get(name)
        free = name in ("losses", "numbers", "sums")
        if (
            own is None
            or found is None
            or not (free or (found.shape, found.dtype) == (own.shape, own.dtype))
        ):
            raise ValueError(f"{checkpoint} is the checkpoint of another network")
    steps, job = int(arrays["steps"]), training.job
    if not 0 <= steps <= job.steps or len(arrays["losses"]) != steps // job.steps_an_epoch:
        raise ValueError(f"{checkpoint} is of no training: {steps} steps, of {job.steps}")
    if "sums" in arrays and len(arrays["sums"]) != bisect_right(marks(job.steps_an_epoch), steps):
        raise ValueError(f"{checkpoint} is of no training: {len(arrays['sums'])} sums of losses")
    return arrays


def _parallel(network: nn.Module, backend: TorchBackend) -> nn.Module:
    if backend.processes == 1:
        return network
    # 1x1 kernels have the same bytes in both layouts; PyTorch warns of them.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    own = [backend.torch_device] if backend.torch_device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=own)


@contextmanager
def _errors_in_words(training: FolderTraining) -> Iterator[None]:
    """Say in one line what PyTorch raises, and switch TF32 as the precision asks."""
    backend = training.backend
    torch.backends.cuda.matmul.allow_tf32 = backend.precision == "tf32"
    torch.backends.cudnn.allow_tf32 = backend.precision == "tf32"
    try:
        with memory_errors():
            yield
    except MemoryError as error:
        batch = training.job.recipe.batch
        raise RunError(
            f"out of memory on {backend.device} in step {training.counts.steps + 1}, with a batch "
            f"of {batch} pictures ({str(error)[:120]}); try a batch of {max(1, batch // 2)}"
        ) from error
    except RunError:
        raise
    except RuntimeError as error:
        if backend.processes > 1:
            raise RunError(lost_worker(error)) from error
        raise


@contextmanager
def _signals_between_steps() -> Iterator[Callable[[], None]]:
    """Yield what handles the signals that came since; until it is called they wait.

    A step changes the network in place, so that it cannot be saved in the middle of one.
    """
    kept: dict[int, Callable[[int, FrameType | None], Any]] = {}
    waiting: list[int] = []

    def handle() -> None:
        if waiting:
            kept[waiting[0]](waiting[0], None)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and callable(handler := signal.getsignal(number)):
                kept[number] = handler
        for number in kept:
            signal.signal(number, lambda number, frame: waiting.append(number))
    try:
        yield handle
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


class _Waiting:
    """Counts the seconds in which a device had no batch to compute on.

    On a GPU between the end of a step and when the next batch was there, by its own clock, since
    the host runs ahead of it.
    """

    def __init__(self, device: torch.device) -> None:
        self.on_gpu = device.type == "cuda"
        self.seconds = 0.0
        self._began = 0.0
        self._computed: Any = None
        self._pairs: list[tuple[Any, Any]] = []

    def begin(self) -> None:
        """Note that the next batch is asked for."""
        self._began = time.perf_counter()

    def end(self) -> None:
        """Note that it is there."""
        if not self.on_gpu or self._computed is None:
            self.seconds += time.perf_counter() - self._began
            return
        there = _event()
        self._pairs.append((self._computed, there))

    def computed(self) -> None:
        """Note that a step was given to the device."""
        if not self.on_gpu:
            return
        self._computed = _event()
        if len(self._pairs) >= _SUMMED:
            self._pairs[-1][1].synchronize()
            self.seconds += sum(done.elapsed_time(there) for done, there in self._pairs) / 1000
            self._pairs.clear()


def _event() -> Any:
    """Note a moment on the GPU's own clock."""
    event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event
