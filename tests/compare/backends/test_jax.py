"""What is particular to JAX: several devices, here four simulated ones, and its own memory."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from compare import backends

jax = pytest.importorskip("jax")
FOUR = "--xla_force_host_platform_device_count=4"


def test_each_device_computes_its_share():
    """The samples of a step lie on four devices, and what comes of them on all."""
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
        env={**os.environ, "OMP_NUM_THREADS": "1", "XLA_FLAGS": FOUR},
    )  # fmt: skip


def test_four_devices_are_as_good_as_one(same_on_several):
    def on_four(arguments):
        flags = f"{os.environ.get('XLA_FLAGS', '')} {FOUR}"
        return subprocess.run(
            [sys.executable, "-m", "compare", *arguments, "--device", "all"],
            env={**os.environ, "OMP_NUM_THREADS": "1", "XLA_FLAGS": flags},
            capture_output=True, text=True, timeout=170, check=False,
        )  # fmt: skip

    _, answer = same_on_several("jax", "4 x cpu", on_four)
    assert "jax on 4 x cpu, float32" in answer.stdout


@pytest.mark.slow
def test_a_lost_worker_stops_all_and_the_run_goes_on_from_there(goes_on_after_a_loss):
    def variables(rank, port):
        return {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
            "JAX_NUM_PROCESSES": "2",
            "JAX_PROCESS_ID": str(rank),
        }

    goes_on_after_a_loss("jax", variables, signal.SIGKILL)


def test_arrays_are_copies_with_32_bits():
    """JAX may go on using the memory of an array that it is given."""
    backend = backends.load("jax", "cpu")
    given = np.array([1.5, -2.0])
    there = backend.asarray(given)
    given[:] = 0
    back = backend.to_numpy(there)
    assert (back.dtype, back.tolist()) == (np.float32, [1.5, -2.0])
    assert backend.to_numpy(backend.asarray(np.arange(3))).dtype == np.int32
    like = backend.asarray(np.zeros(1, np.int32))
    assert backend.to_numpy(backend.asarray(np.array([2.0]), like=like)).dtype == np.int32


def test_the_only_device_is_named_without_a_number():
    backend = backends.load("jax", "cpu")
    assert (backend.device, backend.precision, backend.first) == ("cpu", "float32", True)
    assert backend.about()["jax"] == jax.__version__
    assert "cpu" in type(backend).devices()
