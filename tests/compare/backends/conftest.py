"""One run on several devices, as PyTorch and JAX have it, beside the same run on one."""

import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from compare import backends, cli
from compare.files import read_arrays

# With 55 samples the batches of 16 come out even and the last, of 7, does not. The quadrant
# split's baseline has batch norms, whose statistics must be those of the whole batch.
RUN = ["run", "--task", "onehot2coord", "--size", "16", "--seeds", "1", "--epochs", "3",
       "--batch", "16"]  # fmt: skip


QUADRANT = [*RUN, "--split", "quadrant", "--solver", "coordconv,conv"]


def environment(**more):
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


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


# The command, but for the ten seconds that it waits before it writes a first checkpoint.
IMPATIENT = """
from compare.learned import training
training.CHECKPOINT_SECONDS = 0.5
from compare.cli import main
raise SystemExit(main())
"""


def start(backend, variables, out):
    """One of two processes, as their launchers start them, to go on for longer than the test."""
    arguments = [*RUN, "--split", "uniform", "--solver", "coordconv", "--backend", backend]
    arguments[arguments.index("--epochs") + 1] = "100000"
    return subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *arguments, "--out", str(out)],
        env=environment(**variables), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, process):
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def same_on_several(tmp_path, capsys):
    """Return what carries a run out on one device and by `command` on several, and compares.

    (backend, devices, command) to the table of the one and the finished process of the others;
    `command` takes the arguments of `compare`.
    """

    def compared(backend, devices, command):
        arguments = [*QUADRANT, "--backend", backend]
        assert cli.main([*arguments, "--out", str(tmp_path / "1")]) == 0
        table = capsys.readouterr().out
        answer = command([*arguments, "--out", str(tmp_path / "2")])
        assert answer.returncode == 0, answer.stderr
        check_same(runs(tmp_path / "1"), runs(tmp_path / "2"), devices)
        return table, answer

    return compared


@pytest.fixture
def goes_on_after_a_loss(tmp_path):
    """Return what stops one of two processes by a signal, and checks that the run goes on.

    (backend, variables, fault): `variables` are those of the environment by which the backend's
    processes find each other, from rank and port.
    """

    def checked(backend, variables, fault):
        port = free_port()
        first, second = (start(backend, variables(rank, port), tmp_path) for rank in (0, 1))
        try:
            wait_for(lambda: list(tmp_path.glob("*/checkpoint.npz")), first)
            second.send_signal(fault)
            lost = time.perf_counter()
            _, err = first.communicate(timeout=60)
            assert time.perf_counter() - lost < 60
        finally:
            stop(first, second)
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
        again = [start(backend, variables(rank, port), tmp_path) for rank in (0, 1)]
        try:
            wait_for(lambda: int(read_arrays(checkpoint)["steps"]) > steps, again[0])
        finally:
            stop(*again)

    return checked


def stop(*processes):
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def check_gradient():
    """The NumPy backend's derivatives of a function of arrays, beside differences."""
    backend, rng = backends.load("numpy"), np.random.default_rng(0)

    def check(function, *arrays):
        """Compare each derivative of sum(weights * function) with central differences in float64."""
        weights = rng.normal(size=function(*arrays).shape)

        def scalar(parameters):
            value = function(*(parameters[name] for name in sorted(parameters)))
            return backend.xp.sum(weights * value), {}

        parameters = {str(index): array for index, array in enumerate(arrays)}
        value, _, gradients = backend.value_and_grad(scalar)(parameters)
        assert value == scalar(parameters)[0]
        for name, array in parameters.items():
            assert gradients[name].shape == array.shape
            numerical = np.zeros_like(array)
            for index in np.ndindex(array.shape):
                step = 1e-6
                ends = []
                for sign in (1, -1):
                    changed = array.copy()
                    changed[index] += sign * step
                    ends.append(scalar({**parameters, name: changed})[0])
                numerical[index] = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(gradients[name], numerical, rtol=1e-6, atol=1e-7)

    return check
