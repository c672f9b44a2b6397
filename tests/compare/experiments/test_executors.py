"""Plans carried out in this process and on several: every outcome, and what survives."""

import json
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest

import compare as compare_package
from compare.cli import main
from compare.errors import RunError, StorageError, UsageError
from compare.experiments import executors
from compare.experiments.executors import (
    Outcome,
    _answers,
    attempt,
    attempt_from_arguments,
    finished,
    in_this_process,
    map_on_processes,
    on_processes,
    write_down,
)
from compare.experiments.grid import read_plans
from compare.experiments.plan import Request, make_plans
from compare.files import read_arrays, read_sealed_json
from compare.results.runs import locked
from compare.results.table import load


def write(directory, text):
    file = directory / "sweep.toml"
    file.write_text(text)
    return file


SMALL = """
size = 16
epochs = 1
split = "uniform"
[[grid]]
task = "onehot2coord"
solver = ["argmax", "coordconv"]
seeds = [0, 7]
learning_rate = [0.01, 0.001]
[[grid]]
task = "coord2onehot"
solver = "handcrafted"
"""


def compare(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_sweep_does_what_is_to_do_and_sums_it_up(tmp_path, capsys):
    out = tmp_path / "runs"
    file = write(tmp_path, SMALL)
    code, printed, err = compare(capsys, "sweep", file, "--out", out)
    assert (code, err) == (0, "")
    assert "6 finished, 0 diverged, 0 failed, in " in printed
    assert len(load(out)) == 6
    written = {path: path.stat().st_mtime_ns for path in out.glob("*/run.json")}
    code, printed, _ = compare(capsys, "sweep", file, "--out", out, "--json")
    answer = json.loads(printed)
    assert (answer["runs"], answer["finished"]) == (6, 6)
    # A rate that is not the preset's is another training.
    assert [group["runs"] for group in answer["groups"]] == [1, 1, 2, 2]
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_a_run_that_fails_is_recorded_and_the_sweep_goes_on(tmp_path, capsys, monkeypatch):
    from compare.experiments import run

    execute = run._run

    def fail_with_seed_7(plan, directory, on_progress):
        if plan.seed == 7:
            raise MemoryError("7 is too much")
        return execute(plan, directory, on_progress)

    out, file = tmp_path / "runs", write(tmp_path, SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(run, "_run", fail_with_seed_7)
        code, printed, err = compare(capsys, "sweep", file, "--out", out)
    assert code == 1
    assert (
        err.count("failed: out of memory (7 is too much); try a smaller canvas or another devi")
        == 2
    )
    assert "4 finished, 0 diverged, 2 failed" in printed
    table = load(out)
    assert set(table.error[table.status == "failed"]) == {"MemoryError: 7 is too much"}
    # Once more: only those that failed are tried.
    code, printed, err = compare(capsys, "sweep", file, "--out", out)
    assert (code, err) == (0, "")
    assert printed.startswith("6 runs, 4 of them finished: about ")
    assert "6 finished, 0 diverged, 0 failed" in printed


def test_a_full_disk_stops_the_sweep(tmp_path, capsys, monkeypatch):
    from compare.errors import StorageError

    def full(path, *_):
        raise StorageError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr("compare.results.runs.write_csv", full)
    code, _, err = compare(capsys, "sweep", write(tmp_path, SMALL), "--out", tmp_path / "runs")
    assert code == 1
    assert err.count("\n") == 1
    assert "No space left on device" in err
    assert len(list((tmp_path / "runs").iterdir())) == 1


def weights(out):
    return {path.parent.name: read_arrays(path) for path in Path(out).glob("*/weights.npz")}


def same(a, b):
    return a.keys() == b.keys() and all(
        np.array_equal(array, b[run][name]) for run in a for name, array in a[run].items()
    )


# Long enough to be met in the middle, with a checkpoint after every epoch or so.
LONG = """
size = 16
split = "uniform"
task = "onehot2coord"
solver = "coordconv"
seeds = 3
epochs = 150
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    assert main(["sweep", str(write(directory, LONG)), "--out", str(directory / "runs")]) == 0
    return weights(directory / "runs")


@pytest.fixture
def often(tmp_path, monkeypatch):
    """Make every Python that starts write checkpoints often; returns its environment."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import sys, importlib.abc, importlib.machinery\n"
        "class Often(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name != 'compare.learned.training':\n"
        "            return None\n"
        "        spec = importlib.machinery.PathFinder.find_spec(name, path)\n"
        "        execute = spec.loader.exec_module\n"
        "        def changed(module):\n"
        "            execute(module)\n"
        "            module.CHECKPOINT_SECONDS = 0.05\n"
        "        spec.loader.exec_module = changed\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Often())\n"
    )
    paths = [str(tmp_path / "site"), str(Path(compare_package.__file__).parent.parent)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def until(condition, process=None, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def started(arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "compare", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def at_work(pid):
    """Processes that hold a run's directory."""
    holders = []
    for child in children(pid):
        links = Path(f"/proc/{child}/fd").glob("*")
        try:
            if any(os.readlink(link).endswith("/.lock") for link in links):
                holders.append(child)
        except OSError:
            continue
    return holders


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_that_die_are_replaced_and_nothing_is_lost(tmp_path, often, uninterrupted):
    out = tmp_path / "runs"
    process = started(["sweep", write(tmp_path, LONG), "--out", out, "--workers", "2"])
    until(lambda: list(out.glob("*/checkpoint.npz")) and at_work(process.pid), process)
    os.kill(at_work(process.pid)[0], signal.SIGKILL)
    printed, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "3 finished, 0 diverged, 0 failed" in printed
    assert same(weights(out), uninterrupted)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_sweep_leaves_no_process_and_goes_on(tmp_path, often, uninterrupted):
    out = tmp_path / "runs"
    command = ["sweep", write(tmp_path, LONG), "--out", out, "--workers", "2"]
    process = started(command)
    until(lambda: list(out.glob("*/checkpoint.npz")) and at_work(process.pid), process)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    until(lambda: not any(_runs(worker) for worker in workers))
    process = started(command)
    printed, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "3 finished" in printed
    assert same(weights(out), uninterrupted)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_an_interrupted_sweep_says_that_it_goes_on(tmp_path, often):
    out = tmp_path / "runs"
    process = started(["sweep", write(tmp_path, LONG), "--out", out, "--workers", "2"])
    until(lambda: list(out.glob("*/checkpoint.npz")), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("compare: interrupted; the same command resumes what was begun\n")


def test_a_run_whose_processes_always_die_has_failed(tmp_path, monkeypatch):
    (plan,) = read_plans(write(tmp_path, 'task = "onehot2coord"\nsolver = "argmax"\n'
                                          'size = 16\nsplit = "uniform"'))  # fmt: skip
    out = tmp_path / "runs"
    out.mkdir()
    monkeypatch.setattr("compare.experiments.executors._attempt_item", os._exit)
    ((_, outcome),) = on_processes([plan], out, False, 1)
    assert (outcome.run, outcome.status) == (plan.name(), "failed")
    assert load(out).error[0] == "its process died 3 times"


def plans_of(solver="argmax", **changes):
    asked = {"split": "uniform", "size": "16", "recipe": {"epochs": "1"}, **changes}
    return make_plans(Request("onehot2coord", (0,), solver, **asked))


@pytest.mark.parametrize(
    ("error", "message", "stored"),
    [
        (StorageError("cannot write x: full"), "cannot write x: full", False),
        (RunError("a worker was lost"), "a worker was lost", True),
        (UsageError("no such device"), "no such device", True),
        (ValueError("odd"), "ValueError: odd", True),
        (
            MemoryError("9" * 200),
            f"out of memory ({'9' * 120}); try a smaller canvas or another device",
            True,
        ),
    ],
)
def test_what_went_wrong_is_said_in_a_line(error, message, stored, monkeypatch, tmp_path):
    (plan,) = plans_of()

    def fail(plan, out, on_progress, *, force, events, warn):
        warn("a file is damaged")
        raise error

    monkeypatch.setattr(executors, "load_or_run", fail)
    expected = Outcome(plan.name(), "failed", message, ("a file is damaged",), stored)
    assert attempt(plan, tmp_path, False) == expected


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_no_outcome(error, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(executors, "load_or_run", fail)
    with pytest.raises(error):
        attempt(plans_of()[0], tmp_path, False)


@pytest.mark.parametrize("status", ["finished", "diverged"])
def test_the_status_is_the_records(status, monkeypatch, tmp_path):
    forced = []

    def load_or_run(plan, out, on_progress, *, force, events, warn):
        forced.append(force)
        return {"status": status}

    monkeypatch.setattr(executors, "load_or_run", load_or_run)
    (plan,) = plans_of()
    for force in (False, True):
        outcome = attempt(plan, tmp_path, force)
        assert outcome == Outcome(plan.name(), status, "", (), True)
    assert forced == [False, True]


def test_a_run_is_finished_if_every_file_is_whole(tmp_path):
    (plan,) = plans_of()
    assert not finished(plan, tmp_path)
    attempt(plan, tmp_path, False)
    assert finished(plan, tmp_path)
    (plan.directory(tmp_path) / "weights.npz").unlink()
    assert not finished(plan, tmp_path)


def test_a_run_that_another_process_has_locked_comes_last(tmp_path, monkeypatch):
    """It is said to be busy each time round, and waited for once nothing else is left."""
    first, second = plans_of(), plans_of("handcrafted")
    directory = first[0].directory(tmp_path)
    directory.mkdir()
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with locked(directory):
        found = in_this_process([*first, *second], tmp_path, False, lambda *_: None)
        outcomes = [next(found) for _ in range(3)]
        assert pauses == []
        # Nothing else is left: after each look it waits before the next.
        outcomes.append(next(found))
        assert pauses == [executors.PAUSE]
    outcomes += found
    assert [(plan.solver, outcome.status) for plan, outcome in outcomes] == [
        ("argmax", "busy"), ("handcrafted", "finished"), ("argmax", "busy"), ("argmax", "busy"),
        ("argmax", "finished"),
    ]  # fmt: skip


def test_the_only_run_is_waited_for_from_the_first_look_on(tmp_path, monkeypatch):
    (plan,) = plans_of()
    plan.directory(tmp_path).mkdir()
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with locked(plan.directory(tmp_path)):
        found = in_this_process([plan], tmp_path, False, lambda *_: None)
        looks = [next(found)[1].status for _ in range(2)]
        assert (looks, len(pauses)) == (["busy", "busy"], 1)
    assert [outcome.status for _, outcome in found] == ["finished"]


def test_progress_comes_with_its_plan(tmp_path):
    (plan,) = plans_of("conv")
    reports = []
    list(in_this_process([plan], tmp_path, False, lambda *report: reports.append(report)))
    assert [(whose, progress.epoch) for whose, progress in reports] == [(plan, 1)]


def test_arguments_that_make_no_plan_are_a_failure_without_a_name(tmp_path):
    (plan,) = plans_of()
    for changes, message in (
        ({"task": "x"}, "unknown task 'x'"),
        ({"device": "cpu:7"}, "backend 'numpy' has no device 'cpu:7' here"),
    ):
        outcome = attempt_from_arguments({**plan.arguments(), **changes}, str(tmp_path), False)
        assert (outcome.run, outcome.status) == ("", "failed")
        assert outcome.error.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_refused_with_the_machines_name(tmp_path):
    with pytest.raises(UsageError) as refused:
        attempt_from_arguments(plans_of()[0].arguments(), str(tmp_path / "absent"), False)
    assert str(refused.value) == (
        f"'{tmp_path}/absent' is not there on {platform.node()}; "
        "--out must be on a disk that all share"
    )


def test_a_failure_without_a_record_is_written_down(tmp_path):
    (plan,) = plans_of()
    done = Outcome(plan.name(), "finished")
    assert write_down(done, plan, tmp_path) is done
    assert list(tmp_path.iterdir()) == []
    outcome = write_down(Outcome("", "failed", "no such device"), plan, tmp_path)
    assert outcome == Outcome(plan.name(), "failed", "no such device")
    record = read_sealed_json(plan.directory(tmp_path) / "failure.json")
    assert (record["status"], record["error"]) == ("failed", "no such device")
    assert record["arguments"] == plan.arguments()


def test_a_failure_is_not_written_into_what_another_process_has_locked(tmp_path):
    (plan,) = plans_of()
    directory = plan.directory(tmp_path)
    directory.mkdir()
    with locked(directory):
        assert write_down(Outcome("", "failed", "x"), plan, tmp_path).run == plan.name()
    assert not (directory / "failure.json").exists()


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """A module that started processes can import."""
    (tmp_path / "jobs_of_a_test.py").write_text(
        "import os, signal, time\n"
        "def job(item):\n"
        "    time.sleep(item.get('sleep', 0))\n"
        "    with open(item['log'], 'a') as log:\n"
        "        log.write('x')\n"
        "    if os.path.getsize(item['log']) <= item.get('deaths', 0):\n"
        "        os._exit(1)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return {'name': item['name'], 'threads': os.environ['OMP_NUM_THREADS'],\n"
        "            'process': os.getpid()}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import jobs_of_a_test

    yield jobs_of_a_test.job
    del sys.modules["jobs_of_a_test"]


def item(tmp_path, name, **more):
    return {"name": name, "log": str(tmp_path / f"{name}.log"), **more}


def interruptions():
    """What this process does with Ctrl-C."""
    return signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_results_come_in_the_order_of_the_items_and_none_for_a_process_that_died(
    jobs, tmp_path, monkeypatch
):
    monkeypatch.setattr(executors, "cores", lambda: 7)
    items = [
        item(tmp_path, "slow", sleep=0.5), item(tmp_path, "dies", deaths=1),
        item(tmp_path, "quick"), item(tmp_path, "last"),
    ]  # fmt: skip
    before = interruptions()
    slow, dead, *others = map_on_processes(jobs, items, 2)
    assert dead is None
    assert [result["name"] for result in (slow, *others)] == ["slow", "quick", "last"]
    assert {result["threads"] for result in (slow, *others)} == {"3"}  # 7 cores, 2 processes
    # Ctrl-C, which each of them sent itself, is only for whoever started them.
    assert interruptions() == before
    # No process is left.
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("deaths", "tries", "runs"), [(1, 2, 2), (2, 2, 2)])
def test_an_item_is_tried_again_until_its_processes_died_too_often(
    jobs, tmp_path, deaths, tries, runs
):
    it = item(tmp_path, "it", deaths=deaths)
    ((index, result),) = _answers(jobs, deque([(7, it)]), 1, tries)
    assert index == 7
    assert (result is None) == (deaths >= tries)
    assert len(Path(it["log"]).read_text()) == runs


def test_a_process_serves_one_item_after_the_other(jobs, tmp_path):
    results = map_on_processes(jobs, [item(tmp_path, name) for name in "ab"], 1)
    assert results[0]["process"] == results[1]["process"] != os.getpid()


def test_no_items_start_no_process():
    assert map_on_processes(len, [], 2) == []
    assert list(on_processes([], Path("anywhere"), False, 2)) == []


def test_processes_can_be_started_by_a_thread():
    results = []
    thread = threading.Thread(target=lambda: results.extend(map_on_processes(len, [{}], 1)))
    thread.start()
    thread.join()
    assert results == [0]


def test_on_processes_a_locked_run_is_busy_until_it_is_free(tmp_path, monkeypatch):
    first, second = plans_of(), plans_of("handcrafted")
    directory = first[0].directory(tmp_path)
    directory.mkdir()
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with locked(directory):
        found = on_processes([*first, *second], tmp_path, False, 1)
        outcomes = [next(found), next(found)]
    outcomes += found
    assert [(plan.solver, outcome.status) for plan, outcome in outcomes[:2]] == [
        ("argmax", "busy"), ("handcrafted", "finished"),
    ]  # fmt: skip
    plan, last = outcomes[-1]
    assert (plan, last) == (first[0], Outcome(plan.name(), "finished"))
    assert type(last.warnings) is tuple


def test_a_failure_that_cannot_be_written_down_is_said_in_one_line(tmp_path):
    (plan,) = make_plans(Request("onehot2coord", (0,), "argmax", "uniform", size="16"))
    outcome = Outcome("", "failed", "its process died")
    with pytest.raises(StorageError, match=r"cannot write .*absent.*: No such file or directory"):
        write_down(outcome, plan, tmp_path / "absent")
    assert write_down(outcome, plan, tmp_path).run == plan.name()
