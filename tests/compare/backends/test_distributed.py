"""One run on several devices: two gloo processes of PyTorch, four simulated devices of JAX."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from compare import cli
from compare.files import read_arrays

# With 55 samples the batches of 16 come out even and the last, of 7, does not. The quadrant
# split's baseline has batch norms, whose statistics must be those of the whole batch.
RUN = ["run", "--task", "onehot2coord", "--size", "16", "--seeds", "1", "--epochs", "3",
       "--batch", "16"]  # fmt: skip
QUADRANT = [*RUN, "--split", "quadrant", "--solver", "coordconv,conv"]


def environment(**more):
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


def torchrun(*arguments, **keywords):
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         "-m", "compare", *arguments],
        env=environment(), capture_output=True, text=True, timeout=170, **keywords,
    )  # fmt: skip


def runs(out):
    found = {}
    for path in out.glob("*/run.json"):
        record = json.loads(path.read_text())
        found[record["arguments"]["solver"]] = (
            record,
            read_arrays(path.with_name("weights.npz")),
            path.parent,
        )
    return found


def check_same(one, several, device):
    assert one.keys() == several.keys() == {"coordconv", "conv"}
    for solver, (record, weights, directory) in several.items():
        assert record["arguments"]["device"] == device
        _, expected, other = one[solver]
        for name, array in expected.items():
            # A bias just before a batch norm has no effect and no gradient but rounding, which Adam
            # blows up; the batch norm's running mean follows it.
            bound = 1e-3 if name in ("9.bias", "10.mean") and solver == "conv" else 1e-5
            np.testing.assert_allclose(
                weights[name], array, rtol=0, atol=bound * max(1, np.abs(array).max()), err_msg=name
            )
        curves = [
            np.loadtxt(each / "history.csv", delimiter=",", skiprows=1)[:, 1]
            for each in (directory, other)
        ]
        np.testing.assert_allclose(*curves, rtol=1e-4)


def test_two_processes_of_pytorch_are_as_good_as_one(tmp_path, capsys):
    pytest.importorskip("torch")
    assert cli.main([*QUADRANT, "--backend", "torch", "--out", str(tmp_path / "1")]) == 0
    table = capsys.readouterr().out
    answer = torchrun(*QUADRANT, "--backend", "torch", "--out", str(tmp_path / "2"))
    assert answer.returncode == 0, answer.stderr
    # One process reports, and what it reports is the same but for the times.
    assert answer.stdout.count("torch on 2 x cpu, float32") == 1
    assert answer.stdout.split("cost, and success")[0] == table.split("cost, and success")[
        0
    ].replace("torch on cpu", "torch on 2 x cpu")
    check_same(runs(tmp_path / "1"), runs(tmp_path / "2"), "2 x cpu")


def test_four_devices_of_jax_are_as_good_as_one(tmp_path, capsys):
    pytest.importorskip("jax")
    assert cli.main([*QUADRANT, "--backend", "jax", "--out", str(tmp_path / "1")]) == 0
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    answer = subprocess.run(
        [sys.executable, "-m", "compare", *QUADRANT, "--backend", "jax", "--device", "all",
         "--out", str(tmp_path / "4")],
        env=environment(XLA_FLAGS=flags), capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert "jax on 4 x cpu, float32" in answer.stdout
    check_same(runs(tmp_path / "1"), runs(tmp_path / "4"), "4 x cpu")


def test_each_device_of_jax_computes_its_share():
    """The samples of a step lie on four devices, and what comes of them on all."""
    pytest.importorskip("jax")
    program = """
import jax, numpy as np
from compare import backends
backend = backends.load("jax", "all")
one = backends.load("jax", "cpu:2")
assert (backend.device, one.device) == ("4 x cpu", "cpu:2")
assert backends.load("jax").device == "cpu:0"
shards = []
def function(data, order):
    _, chosen = backend.shard(order)
    jax.debug.inspect_array_sharding(data[chosen], callback=shards.append)
    return data[chosen].sum(axis=0)
data, order = (backend.asarray(a) for a in (np.eye(8, dtype=np.float32), np.arange(8)))
total = backend.jit(function)(data, order)
assert total.sharding.is_fully_replicated, total.sharding
assert shards[0].shard_shape((8, 8)) == (2, 8), shards
assert backend.to_numpy(total).tolist() == [1] * 8
assert backend.shard(np.arange(7))[1].tolist() == list(range(7))
"""
    subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=100,
        env=environment(XLA_FLAGS="--xla_force_host_platform_device_count=4"),
    )  # fmt: skip


BYTES = """
import sys
from compare import backends
backend = backends.load(sys.argv[1])
for content in (b"", b"\\x00", bytes(range(256)) * 300):
    assert backend.broadcast(content if backend.first else b"not this") == content
"""


@pytest.mark.parametrize("backend", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_the_bytes_of_the_first_process_come_to_all(backend):
    pytest.importorskip(backend)
    port = free_port()
    processes = [
        subprocess.Popen([sys.executable, "-c", BYTES, backend], env=joined(backend, rank, port))
        for rank in (0, 1)
    ]
    assert [process.wait(timeout=100) for process in processes] == [0, 0]


# The command, but for the ten seconds that it waits before it writes a first checkpoint.
IMPATIENT = """
from compare.learned import training
training.CHECKPOINT_SECONDS = 0.5
from compare.cli import main
raise SystemExit(main())
"""


def joined(backend, rank, port):
    """The environment of one of two processes, as their launchers make it."""
    variables = {
        "torch": {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                  "MASTER_PORT": str(port), "LOCAL_RANK": str(rank)},
        "jax": {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "JAX_NUM_PROCESSES": "2",
                "JAX_PROCESS_ID": str(rank)},
    }[backend]  # fmt: skip
    return environment(**variables)


def start(backend, rank, port, out):
    """One of two processes, as their launchers start them, to go on for longer than the test."""
    arguments = [*RUN, "--split", "uniform", "--solver", "coordconv", "--backend", backend]
    arguments[arguments.index("--epochs") + 1] = "100000"
    return subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *arguments, "--out", str(out)],
        env=joined(backend, rank, port), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("backend", "fault"),
    [
        ("torch", signal.SIGKILL),
        pytest.param("torch", signal.SIGSTOP, marks=pytest.mark.slow),
        pytest.param("jax", signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_a_lost_worker_stops_all_and_the_run_goes_on_from_there(tmp_path, backend, fault):
    pytest.importorskip(backend)
    port = free_port()
    first, second = (start(backend, rank, port, tmp_path) for rank in (0, 1))
    try:
        wait_for(lambda: list(tmp_path.glob("*/checkpoint.npz")), first)
        second.send_signal(fault)
        lost = time.perf_counter()
        _, err = first.communicate(timeout=60)
        assert time.perf_counter() - lost < 60
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
    assert first.returncode == 1
    lines = [line for line in err.splitlines() if line.startswith("compare: ")]
    assert len(lines) == 1, err
    assert "a worker of the distributed run was lost, so all of them stop" in lines[0]
    assert "Traceback" not in err
    (checkpoint,) = tmp_path.glob("*/checkpoint.npz")
    steps = int(read_arrays(checkpoint)["steps"])
    assert steps > 0
    # The same command, cut short, starts where the lost one ended.
    port = free_port()
    again = [start(backend, rank, port, tmp_path) for rank in (0, 1)]
    try:
        wait_for(lambda: int(read_arrays(checkpoint)["steps"]) > steps, again[0])
    finally:
        for process in again:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


def wait_for(condition, process):
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)
