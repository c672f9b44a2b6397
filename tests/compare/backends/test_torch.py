"""What is particular to PyTorch."""

import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from compare import backends, cli

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--seeds", "1", "--split", "uniform",
       "--solver", "coordconv", "--epochs", "2"]  # fmt: skip


def command(capsys, *arguments):
    code = cli.main([*RUN, *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_all_devices_of_pytorch_need_its_launcher(capsys):
    pytest.importorskip("torch")
    code, _, err = command(capsys, "--backend", "torch", "--device", "all")
    assert code == 2
    assert "torchrun --nproc-per-node=" in err


def test_out_of_memory_names_the_batch_and_keeps_what_is_finished(capsys, tmp_path):
    """A real one: the process may have little more memory than PyTorch itself takes."""
    pytest.importorskip("torch")
    program = """
import resource, sys, torch
from compare import backends, cli
from compare.learned import training
step = training.indexed_step
def limited(*arguments):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), used + (64 << 20)))
    return step(*arguments)
arguments = sys.argv[1:]
assert cli.main([*arguments, "--solver", "argmax"]) == 0
training.indexed_step = limited
sys.exit(cli.main([*arguments, "-q", "--solver", "conv", "--size", "64", "--batch", "2368"]))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program, *RUN, "--backend", "torch", "--device", "cpu",
         "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert answer.returncode == 1, answer.stderr
    lines = [line for line in answer.stderr.splitlines() if line.startswith("compare: ")]
    assert len(lines) == 1
    assert "out of memory on cpu in epoch 1, step 1, with a batch of 2368 samples" in lines[0]
    assert "try a batch of 1184" in lines[0]
    assert "Traceback" not in answer.stderr
    assert list(tmp_path.glob("*-argmax-*/run.json"))


def test_no_tf32_where_float32_was_asked_for():
    torch = pytest.importorskip("torch")
    backend = backends.load("torch", "cpu")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    seen = []

    def function(x):
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return x

    backend.jit(function)(backend.asarray(np.zeros(1, np.float32)))
    assert seen == [(False, False)]


def torchrun(arguments):
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         "-m", "compare", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=170,
        check=False,
    )  # fmt: skip


def test_two_processes_are_as_good_as_one(same_on_several):
    pytest.importorskip("torch")
    table, answer = same_on_several("torch", "2 x cpu", torchrun)
    # One process reports, and what it reports is the same but for the times.
    assert answer.stdout.count("torch on 2 x cpu, float32") == 1
    assert answer.stdout.split("cost, and success")[0] == table.split("cost, and success")[
        0
    ].replace("torch on cpu", "torch on 2 x cpu")


def joined(rank, port):
    """The variables that PyTorch's launcher gives one of two processes."""
    return {
        "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "LOCAL_RANK": str(rank),
    }  # fmt: skip


@pytest.mark.parametrize(
    "fault", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)]
)
def test_a_lost_worker_stops_all_and_the_run_goes_on_from_there(goes_on_after_a_loss, fault):
    pytest.importorskip("torch")
    goes_on_after_a_loss("torch", joined, fault)


BYTES = """
from compare import backends
backend = backends.load("torch")
for content in (b"", b"\\x00", bytes(range(256)) * 300):
    assert backend.broadcast(content if backend.first else b"not this") == content
    assert backend.gather(content + bytes([backend.rank])) == [content + b"\\x00", content + b"\\x01"]
"""


def test_the_bytes_of_the_first_process_come_to_all():
    pytest.importorskip("torch")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BYTES],
            env={**os.environ, "OMP_NUM_THREADS": "1", **joined(rank, port)},
        )
        for rank in (0, 1)
    ]
    assert [process.wait(timeout=100) for process in processes] == [0, 0]


def test_arrays_are_copies_of_the_same_type():
    """PyTorch would share the memory of an array that it is given."""
    pytest.importorskip("torch")
    backend = backends.load("torch", "cpu")
    given = np.array([1.5, -2.0])
    there = backend.asarray(given)
    given[:] = 0
    back = backend.to_numpy(there)
    assert (back.dtype, back.tolist()) == (np.float64, [1.5, -2.0])
    like = backend.asarray(np.zeros(1, np.float32))
    assert backend.to_numpy(backend.asarray(np.array([2.0]), like=like)).dtype == np.float32


def test_memory_that_runs_out_is_a_memory_error():
    """By PyTorch's own message for a size that no machine has."""
    torch = pytest.importorskip("torch")
    backend = backends.load("torch", "cpu")
    with pytest.raises(MemoryError):
        backend.jit(lambda: torch.empty(1 << 50))()
    with pytest.raises(RuntimeError, match="shape"):
        backend.jit(lambda: torch.zeros(2).reshape(3))()
