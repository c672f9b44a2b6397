"""Training on pictures that are read as they are needed: batches, schedule, checkpoints."""

import os
import pickle
import signal
import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from compare import backends  # noqa: E402
from compare.datasets.folder import open_folder  # noqa: E402
from compare.errors import RunError  # noqa: E402
from compare.files import read_sealed_arrays, write_sealed_arrays  # noqa: E402
from compare.learned import streaming  # noqa: E402
from compare.learned.recipe import Recipe  # noqa: E402
from compare.learned.streaming import Batches, Job, loader, rate, train  # noqa: E402

RECIPE = Recipe(0.1, epochs=3, l2=5e-5, batch=8, loss="softmax", lr_schedule="warm-up")


READS_IN_PROCESSES = pytest.mark.filterwarnings(
    # which have nothing to do with JAX, that another test may have started in this process
    "ignore:os.fork\\(\\) was called:RuntimeWarning"
)


def network(seed=0, classes=3):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, bias=False), torch.nn.BatchNorm2d(6), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(6 * 14 * 14, classes),
    )  # fmt: skip


def job_of(folder, **changes):
    pictures = open_folder(folder).train
    return Job(pictures, np.arange(len(pictures)), (16, 16), replace(RECIPE, **changes), 0)


@pytest.fixture
def job(digit_folder):
    return job_of(digit_folder)


@pytest.fixture
def backend():
    return backends.load("torch", "cpu")


# --- Batches --------------------------------------------------------------------------------


def read(job, first=0, rank=0, world=1, workers=0):
    return [
        tuple(map(np.asarray, batch)) for batch in loader(job, first, rank, world, workers, False)
    ]


def test_what_a_loader_reads_can_be_sent_to_a_process_that_is_started_afresh(job):
    """As on macOS and Windows, where none is forked."""
    there = pickle.loads(pickle.dumps(Batches(job, 1, 0, 1)))
    for found, expected in zip(there, read(job, 1), strict=True):
        for array, other in zip(found, expected, strict=True):
            assert np.array_equal(array, other)


def same(batches, others):
    assert len(batches) == len(others)
    for batch, other in zip(batches, others, strict=True):
        for array, expected in zip(batch, other, strict=True):
            np.testing.assert_array_equal(array, expected)


def test_an_epoch_shows_pictures_once_in_whole_batches(job):
    assert (job.steps_an_epoch, job.steps) == (4, 12)  # of 36 pictures, 4 are left over
    batches = read(job)
    assert len(batches) == 12
    for pixels, labels in batches:
        assert (pixels.shape, pixels.dtype) == ((8, 16, 16, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((8,), np.int64)
    counts = np.bincount(np.concatenate([labels for _, labels in batches[:4]]), minlength=3)
    assert counts.sum() == 32
    assert counts.max() <= 12
    assert not np.array_equal(batches[0][1], batches[4][1])


@READS_IN_PROCESSES
def test_processes_that_read_change_nothing(job):
    """Nor does where a training was interrupted."""
    whole = read(job)
    same(read(job, workers=2), whole)
    same(read(job, first=5, workers=1), whole[5:])


def test_the_parts_of_several_processes_are_the_batch(job):
    whole, parts = read(job), [read(job, rank=rank, world=2) for rank in (0, 1)]
    joined = [
        tuple(np.concatenate(arrays) for arrays in zip(*both, strict=True))
        for both in zip(*parts, strict=True)
    ]
    same(joined, whole)


@READS_IN_PROCESSES
def test_a_file_that_goes_missing_is_named(tmp_path, digit_folder, backend):
    import shutil

    shutil.copytree(digit_folder, tmp_path / "copy")
    job = job_of(tmp_path / "copy")
    gone = job.pictures.path(7)
    gone.unlink()
    for workers in (0, 1):
        with pytest.raises(RunError, match=r"07\.jpg could be read when the run began") as caught:
            train(network(), job, backend, workers=workers)
        assert "\n" not in str(caught.value)


# --- The rate -------------------------------------------------------------------------------


def test_the_rate_rises_and_falls_as_published(digit_folder):
    job = job_of(digit_folder, epochs=90)
    rates = np.array([rate(job, step) for step in range(job.steps)]).reshape(90, 4)
    np.testing.assert_allclose(rates[:5].ravel(), 0.1 * np.arange(1, 21) / 20)
    for first, last, expected in ((5, 30, 0.1), (30, 60, 0.01), (60, 80, 0.001), (80, 90, 0.0001)):
        np.testing.assert_allclose(rates[first:last], expected)


def test_a_step_is_one_of_momentum_with_weight_decay_on_kernels(job, backend):
    """Beside the formula, for one step of a network that is written out."""
    job = replace(job, recipe=replace(job.recipe, epochs=1, batch=32, lr_schedule="constant"))
    net, twin = network(), network()
    train(net, job, backend, workers=0)
    ((pixels, labels),) = loader(job, 0, 0, 1, 0, False)
    logits = twin(streaming.normalised(pixels.permute(0, 3, 1, 2)))
    torch.nn.functional.cross_entropy(logits, labels).backward()
    for parameter, trained in zip(twin.parameters(), net.parameters(), strict=True):
        decay = 2 * 5e-5 * parameter.detach() if parameter.ndim > 1 else 0
        expected = parameter.detach() - 0.1 * (parameter.grad + decay)
        torch.testing.assert_close(trained.detach(), expected)


# --- Checkpoints ----------------------------------------------------------------------------


def trained(job, backend, **options):
    net = network()
    result = train(net, job, backend, workers=0, **options)
    return {name: array.numpy() for name, array in net.state_dict().items()}, result.losses


def interrupted_at(job, backend, checkpoint, epoch):
    def stop(progress):
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network(), job, backend, workers=0, checkpoint=checkpoint, on_progress=stop)


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_a_resumed_training_is_the_same_to_the_bit(job, tmp_path, precision):
    backend = backends.load("torch", "cpu", precision)
    checkpoint = tmp_path / "checkpoint.npz"
    whole, losses = trained(job, backend)
    interrupted_at(job, backend, checkpoint, 1)
    arrays = read_sealed_arrays(checkpoint)
    assert int(arrays["steps"]) == 4
    assert (float(arrays["loss_scale"]) > 1) == (precision == "fp16")
    again, more = trained(job, backend, checkpoint=checkpoint)
    assert more == losses
    for name, array in whole.items():
        np.testing.assert_array_equal(again[name], array, err_msg=name)


def test_the_losses_of_one_epoch_are_known_by_step(digit_folder, backend, monkeypatch, tmp_path):
    """Of all four steps; resumed after any, they are the same to the bit."""
    job = job_of(digit_folder, epochs=1)
    whole = train(network(), job, backend, workers=0)
    assert list(whole.by_step) == [1, 2, 3, 4]
    assert sum(whole.by_step.values()) / 4 == whole.losses[0]
    assert len(set(whole.by_step.values())) == 4
    step = streaming.FolderTraining.step
    for steps in (1, 3):
        checkpoint = tmp_path / f"{steps}.npz"

        def step_and_stop(self, *batch, steps=steps):
            step(self, *batch)
            if self.counts.steps == steps:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(streaming.FolderTraining, "step", step_and_stop)
            with pytest.raises(KeyboardInterrupt):
                train(network(), job, backend, workers=0, checkpoint=checkpoint)
        arrays = read_sealed_arrays(checkpoint)
        assert len(arrays["sums"]) == steps
        again = train(network(), job, backend, workers=0, checkpoint=checkpoint)
        assert again.by_step == whole.by_step
        # An earlier version wrote none; those are resumed, and the steps are not known.
        write_sealed_arrays(checkpoint, {k: v for k, v in arrays.items() if k != "sums"})
        assert train(network(), job, backend, workers=0, checkpoint=checkpoint).by_step == {}
        write_sealed_arrays(checkpoint, {**arrays, "sums": np.zeros(steps + 1)})
        with pytest.warns(UserWarning, match=f"is of no training: {steps + 1} sums of losses"):
            train(network(), job, backend, workers=0, checkpoint=checkpoint)
    assert train(network(), job_of(digit_folder), backend, workers=0).by_step == {}


def test_a_changed_loss_scale_is_resumed(job, tmp_path):
    """The checkpoint's own is used, not the one that a training begins with."""
    backend = backends.load("torch", "cpu", "fp16")
    checkpoint = tmp_path / "checkpoint.npz"
    interrupted_at(job, backend, checkpoint, 1)
    arrays = read_sealed_arrays(checkpoint)
    changed = {"loss_scale": np.asarray(128.0), "loss_scale_steps": np.asarray(7)}
    write_sealed_arrays(checkpoint, {**arrays, **changed})
    interrupted_at(job, backend, checkpoint, 2)
    arrays = read_sealed_arrays(checkpoint)
    assert float(arrays["loss_scale"]) == 128
    assert int(arrays["loss_scale_steps"]) == 11  # four steps later


def test_a_finished_training_is_not_begun_again(job, backend, tmp_path):
    checkpoint = tmp_path / "checkpoint.npz"
    whole, losses = trained(job, backend, checkpoint=checkpoint)

    def forbidden(progress):
        raise AssertionError

    again, more = trained(job, backend, checkpoint=checkpoint, on_progress=forbidden)
    assert more == losses
    np.testing.assert_array_equal(again["0.weight"], whole["0.weight"])


def test_other_pictures_are_not_trained_on_from_a_checkpoint(job, backend, tmp_path):
    checkpoint = tmp_path / "checkpoint.npz"
    interrupted_at(job, backend, checkpoint, 1)
    fewer = replace(job, numbers=job.numbers[:-1])
    with pytest.raises(RunError, match=r"holds other readable files .* remove .*checkpoint"):
        train(network(), fewer, backend, workers=0, checkpoint=checkpoint)


@pytest.mark.parametrize("damage", ["bytes", "network", "steps"])
def test_a_checkpoint_that_does_not_fit_is_named_and_not_used(job, backend, tmp_path, damage):
    checkpoint = tmp_path / "checkpoint.npz"
    interrupted_at(job, backend, checkpoint, 1)
    if damage == "bytes":
        checkpoint.write_bytes(checkpoint.read_bytes()[:-50])
    elif damage == "steps":
        write_sealed_arrays(checkpoint, {**read_sealed_arrays(checkpoint), "steps": np.asarray(99)})
    net = network(classes=4) if damage == "network" else network()
    with pytest.warns(UserWarning, match="checkpoint.npz .*; training begins again"):
        result = train(net, job, backend, workers=0, checkpoint=checkpoint)
    assert len(result.losses) == 3


def test_a_signal_waits_for_the_end_of_its_step(job, backend, tmp_path, monkeypatch):
    """Else what is saved would be half of a step; see the test of a resumed training."""
    checkpoint = tmp_path / "checkpoint.npz"
    step, counted = streaming.FolderTraining.step, []

    def interrupted(training, *arguments):
        counted.append(training.counts.steps)
        if len(counted) == 6:
            os.kill(os.getpid(), signal.SIGINT)
        step(training, *arguments)

    monkeypatch.setattr(streaming.FolderTraining, "step", interrupted)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(network(), job, backend, workers=0, checkpoint=checkpoint)
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.undo()
    assert int(read_sealed_arrays(checkpoint)["steps"]) == 6
    whole, losses = trained(job, backend)
    again, more = trained(job, backend, checkpoint=checkpoint)
    assert more == losses
    np.testing.assert_array_equal(again["4.weight"], whole["4.weight"])


def test_a_loss_that_is_not_finite_ends_the_training(job, backend):
    job = replace(job, recipe=replace(job.recipe, learning_rate=1e30, lr_schedule="constant"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, losses = trained(job, backend)
    assert len(losses) < 3
    assert not np.isfinite(losses[-1])


def test_memory_that_runs_out_names_the_batch(job, backend, monkeypatch):
    def exhausted(*_):
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"
        )

    monkeypatch.setattr(streaming.FolderTraining, "step", exhausted)
    with pytest.raises(
        RunError, match="out of memory on cpu in step 1, with a batch of 8 pictures"
    ):
        train(network(), job, backend, workers=0)


def test_seconds_without_a_batch_are_counted(job, backend, monkeypatch):
    import time

    own = Batches._read

    def slow(batches, numbers, epoch):
        time.sleep(0.05)
        return own(batches, numbers, epoch)

    monkeypatch.setattr(Batches, "_read", slow)
    result = train(network(), job, backend, workers=0)
    assert 12 * 0.05 <= result.waiting <= result.seconds
    assert result.samples == 96


def test_other_threads_can_train_too(job, backend):
    """Only the main one may say what a signal does."""
    results = []
    thread = threading.Thread(target=lambda: results.append(trained(job, backend)))
    thread.start()
    thread.join()
    assert len(results[0][1]) == 3


def test_signals_wait_between_steps_where_there_is_no_sighup(monkeypatch):
    """As on Windows."""
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    before = signal.getsignal(signal.SIGINT)
    with streaming._signals_between_steps() as handle:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            handle()
    assert signal.getsignal(signal.SIGINT) is before
