"""Sweeps on real Dask clusters: in processes of this one, and by the commands of the shell."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compare as compare_package
from compare.cli import main
from compare.errors import UsageError
from compare.experiments.cluster import connect, lacks_gpu, on_cluster, on_gpu, on_workers
from compare.experiments.estimate import estimate
from compare.experiments.grid import read_plans
from compare.files import read_arrays
from compare.results.table import load

distributed = pytest.importorskip("distributed")
# Dask's own sockets and event loops, closed when it likes.
# With a cluster slow, and one after the other: beside all other tests one has lost its workers at
# the start.
#     pytest -n 0 -m slow tests/compare/experiments/test_cluster.py
pytestmark = pytest.mark.filterwarnings("ignore")

SWEEP = """
size = 16
split = "uniform"
task = "onehot2coord"
solver = ["argmax", "coordconv"]
seeds = 3
epochs = {epochs}
"""


def write(directory, epochs):
    file = directory / "sweep.toml"
    file.write_text(SWEEP.format(epochs=epochs))
    return file


def compare(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def weights(out):
    return {path.parent.name: read_arrays(path) for path in Path(out).glob("*/weights.npz")}


def same(a, b):
    return a.keys() == b.keys() and all(
        np.array_equal(array, b[run][name]) for run in a for name, array in a[run].items()
    )


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; what they import comes from where this process has it from."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.mark.slow
def test_a_sweep_on_a_local_cluster(cluster, tmp_path, capsys):
    file, out = write(tmp_path, 2), tmp_path / "runs"
    command = ["sweep", file, "--out", out, "--scheduler", cluster.scheduler_address]
    code, printed, err = compare(capsys, *command)
    assert (code, err) == (0, "")
    assert re.match(r"4 runs: about \d+ s on 2 threads of 2 workers\.\n", printed)
    assert "4 finished, 0 diverged, 0 failed" in printed
    assert main(["sweep", str(file), "--out", str(tmp_path / "here")]) == 0
    assert same(weights(out), weights(tmp_path / "here"))
    capsys.readouterr()
    code, printed, _ = compare(capsys, *command)
    assert code == 0
    assert printed.startswith("4 runs, 4 of them finished")


@pytest.mark.slow
def test_a_run_that_fails_on_a_worker_is_recorded(cluster, tmp_path):
    """Its backend is known here, and the device is none that a worker has."""
    plans = read_plans(write(tmp_path, 1))
    learned = plans[-1]
    said = []
    out = tmp_path / "runs"
    out.mkdir()
    with connect(cluster.scheduler_address) as client:
        todo = [replace(learned, device="cpu:7"), plans[0]]
        outcomes = {o.run: o for _, o in on_cluster(todo, out, False, client, said.append)}
    assert sorted(o.status for o in outcomes.values()) == ["failed", "finished"]
    assert said == []
    (error,) = load(out).error[load(out).status == "failed"]
    assert error == "backend 'numpy' has no device 'cpu:7' here; present: cpu (or 'auto')"


@pytest.mark.slow
def test_a_run_on_a_gpu_waits_for_a_worker_that_offers_one(tmp_path):
    """What the scheduler is asked for, seen from the scheduler."""
    (plan, *_) = read_plans(write(tmp_path, 1))
    said = []
    gpu = replace(plan, device="gpu:0")
    out = tmp_path / "runs"
    out.mkdir()
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(n_workers=1, **options) as cluster,
        connect(cluster.scheduler_address) as client,
    ):
        assert lacks_gpu([plan, gpu], client)
        assert not lacks_gpu([plan], client)
        outcomes = on_cluster([plan, gpu], out, False, client, said.append)
        assert next(outcomes)[0] == plan
        (task,) = (t for t in cluster.scheduler.tasks.values() if t.state != "memory")
        assert task.state == "no-worker"
        assert dict(task.resource_restrictions) == {"GPU": 1}
        outcomes.close()
    with (
        distributed.LocalCluster(n_workers=1, resources={"GPU": 1}, **options) as cluster,
        connect(cluster.scheduler_address) as client,
    ):
        assert not lacks_gpu([plan, gpu], client)
        ((_, outcome),) = on_cluster([gpu], out, False, client, said.append)
    assert outcome.status == "failed"  # NumPy has no such device, which only a worker can tell
    assert "has no device 'gpu:0'" in outcome.error


@pytest.mark.slow
def test_workers_that_do_not_share_the_disk_are_found_out(cluster, tmp_path, capsys):
    plans = read_plans(write(tmp_path, 1))
    with (
        connect(cluster.scheduler_address) as client,
        pytest.raises(UsageError, match=r"absent' is not there on .*; --out must be on a disk"),
    ):
        list(on_cluster(plans, tmp_path / "absent", False, client, print))


@pytest.mark.slow
def test_no_scheduler_is_one_line(tmp_path, capsys):
    code, _, err = compare(
        capsys, "sweep", write(tmp_path, 1), "--out", tmp_path / "runs",
        "--scheduler", "nonsense://nowhere",
    )  # fmt: skip
    assert code == 2
    assert "compare: no Dask scheduler answers at 'nonsense://nowhere'; start one with" in err


@pytest.mark.slow
def test_without_dask_the_command_to_install_it_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, _, err = compare(
        capsys, "sweep", write(tmp_path, 1), "--out", tmp_path / "runs", "--scheduler", "tcp://x:1"
    )
    assert code == 2
    assert (
        "--scheduler needs Dask, which is not installed; run: pip install 'handcrafted[clu" in err
    )


@pytest.fixture
def dask(tmp_path, monkeypatch):
    """Start `dask scheduler` and `dask worker` as a user does; returns what starts one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    here = str(Path(compare_package.__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))
    processes = []

    def start(*arguments):
        with open(tmp_path / f"dask{len(processes)}.log", "w") as log:
            command = [sys.executable, "-m", "dask", *arguments]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))
        return processes[-1]

    start.processes = processes
    yield start
    for process in processes:
        process.kill()
        process.wait()


def until(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def run_of(process):
    """The directory whose lock a process has open, None if it does no run now."""
    for link in Path(f"/proc/{process.pid}/fd").glob("*"):
        try:
            target = Path(os.readlink(link))
        except OSError:
            continue
        if target.name == ".lock":
            return target.parent
    return None


@pytest.fixture
def address(dask, tmp_path):
    """A real scheduler's, which has no worker yet."""
    file = tmp_path / "scheduler.json"
    dask("scheduler", "--port", "0", "--scheduler-file", str(file), "--no-dashboard")
    until(file.exists)
    until(file.read_text)
    return re.search(r'"address": "(tcp://[^"]+)"', file.read_text())[1]


class Sweep:
    """The command in a process of its own, and what it says on standard error as it says it."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "compare", "sweep", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = []
        self.reader = threading.Thread(target=self._listen)
        self.reader.start()

    def _listen(self):
        for line in self.process.stderr:
            self.said.append(line)

    def end(self):
        self.process.stdout.read()
        code = self.process.wait(120)
        self.reader.join()
        return code


def waiting(address):
    return f"compare: waiting for workers of {address}; start some with: dask worker {address}\n"


@pytest.mark.slow
def test_a_result_that_died_with_its_worker_is_waited_for(cluster, tmp_path, capsys, monkeypatch):
    """A worker may die between the end of a run and the fetching of what came of it."""
    fetch, died = distributed.Future.result, []

    def result(future, timeout=None):
        if timeout is not None and future.key not in died:
            died.append(future.key)
            raise TimeoutError
        return fetch(future, timeout)

    monkeypatch.setattr(distributed.Future, "result", result)
    command = ["sweep", write(tmp_path, 1), "--out", tmp_path / "runs"]
    code, printed, _ = compare(capsys, *command, "--scheduler", cluster.scheduler_address)
    assert code == 0
    assert "4 finished, 0 diverged, 0 failed" in printed
    assert len(died) == 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_sweep_without_workers_says_so_and_waits(dask, address, tmp_path):
    """Each time there is none: at the start, and when the only one is lost in the middle."""
    command = [write(tmp_path, 200), "--out", tmp_path / "runs", "--scheduler", address]
    running = Sweep(*command)
    try:
        until(lambda: running.said)
        assert running.said == [waiting(address)]
        worker = ("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        lost = dask(*worker)
        until(lambda: list(tmp_path.glob("runs/*/run.json")) and run_of(lost))
        lost.kill()
        until(lambda: len(running.said) > 1)
        assert running.said == [waiting(address)] * 2
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 130
        assert "".join(running.said[2:]).strip() == (
            "compare: interrupted; the same command resumes what was begun"
        )
    finally:
        running.process.kill()
    running = Sweep(*command)
    try:
        until(lambda: running.said)
        dask(*worker)
        assert running.end() == 0
        assert running.said == [waiting(address)]
    finally:
        running.process.kill()


@pytest.mark.slow
def test_a_lost_scheduler_is_one_line(dask, address, tmp_path):
    running = Sweep(write(tmp_path, 1), "--out", tmp_path / "runs", "--scheduler", address)
    try:
        until(lambda: running.said)
        dask.processes[0].kill()
        assert running.end() == 1
        assert running.said[1:] == [
            f"compare: the Dask scheduler at {address} is gone; what was finished is kept: "
            "start it again, and the same command resumes\n"
        ]
    finally:
        running.process.kill()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_run_of_a_worker_that_is_killed_is_taken_up_by_the_other(dask, address, tmp_path):
    """A real `dask scheduler`, two real `dask worker`, one of which dies in the middle of a run.

    `pytest -n 0 -m slow tests/compare/experiments/test_cluster.py -s` prints what happened.
    """
    file, whole = write(tmp_path, 4000), tmp_path / "whole"  # a run longer than a checkpoint's 10 s
    assert main(["sweep", str(file), "--out", str(whole)]) == 0

    worker = ("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    workers = [dask(*worker, "--name", name) for name in ("one", "two")]
    out = tmp_path / "runs"
    command = [sys.executable, "-m", "compare", "sweep", file, "--out", out, "--scheduler", address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def in_the_middle():
        assert process.poll() is None, process.communicate()
        run = run_of(workers[0])
        return run is not None and (run / "checkpoint.npz").exists()

    until(in_the_middle, 180)
    victim = run_of(workers[0])
    workers[0].send_signal(signal.SIGKILL)
    printed, err = process.communicate(timeout=300)
    print(f"killed worker one in the middle of {victim.name}\n{printed}{err}")
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "4 finished, 0 diverged, 0 failed" in printed
    assert workers[1].poll() is None
    log = (tmp_path / "dask0.log").read_text()
    assert "Remove worker" in log
    assert (victim / "run.json").exists()
    assert same(weights(out), weights(whole))


def written(directory, text):
    file = directory / "sweep.toml"
    file.write_text(text)
    return file


def test_only_devices_that_are_no_processor_need_a_gpu(tmp_path):
    (plan,) = read_plans(written(tmp_path, 'task = "onehot2coord"\nsolver = "argmax"\n'
                                          'size = 16\nsplit = "uniform"'))  # fmt: skip
    for device, needed in (("cpu", False), ("cuda:0", True), ("gpu:1", True), ("mps", True)):
        assert on_gpu(replace(plan, backend="torch", device=device)) == needed


def test_a_sweep_for_gpus_is_planned_where_there_is_none(tmp_path):
    text = 'task = ["onehot2coord", "coord2image"]\nsize = 16\nseeds = 1\nbackend = "torch"\n'
    file = written(tmp_path, text + 'device = "cuda:0"')
    plans = read_plans(file, on_workers)
    assert {plan.device for plan in plans} == {"cuda:0"}
    assert all(on_gpu(plan) for plan in plans)
    assert estimate(plans, lambda sample: [None] * len(sample)).unknown == 8
    with pytest.raises(UsageError, match="device 'auto' of backend 'torch' may be another on each"):
        read_plans(written(tmp_path, text), on_workers)


def test_the_device_of_a_remote_backend_is_named():
    with pytest.raises(UsageError, match="unknown backend 'x'"):
        on_workers("x", "cpu", "float32")
    assert on_workers("numpy", "auto", None) == ("numpy", "cpu", "float32")
