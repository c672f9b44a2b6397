"""Runs that are killed, that find the disk full, and that meet others on the same directory."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from compare.files import read_arrays
from compare.results.runs import read_record
from compare.results.table import load

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--split", "uniform", "--seeds", "1"]

# A checkpoint after every step, so that many kills fall into the writing of one; `limit` is in
# bytes a file, and every run that is carried out leaves a line in `log`.
PROGRAM = """
import resource, sys
log, limit, *arguments = sys.argv[1:]
if limit != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
from compare import cli
from compare.experiments import run
from compare.learned import training
training.CHECKPOINT_SECONDS = 0.0
execute = run._run
def logged(plan, directory, on_progress):
    with open(log, "a") as file:
        file.write(directory.name + "\\n")
    return execute(plan, directory, on_progress)
if log != "-":
    run._run = logged
raise SystemExit(cli.main(arguments))
"""


def start(arguments, out, log="-", limit=0):
    command = [sys.executable, "-c", PROGRAM, str(log), str(limit), *arguments, "--out", str(out)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(out).parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(process, timeout=120):
    out, err = process.communicate(timeout=timeout)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def weights(out):
    (path,) = Path(out).glob("*coordconv*/weights.npz")
    return read_arrays(path)


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(tmp_path, kills):
    """`pytest -n 0 -m slow tests/compare/test_survival.py -s -k random` prints the log."""
    command = [*RUN, "--solver", "coordconv", "--epochs", "25", "--batch", "16"]
    began = time.perf_counter()
    assert finish(start(command, tmp_path / "whole"))[0] == 0
    whole = time.perf_counter() - began
    expected = weights(tmp_path / "whole")

    moments = random.Random(7)
    done = cycle = 0
    while done < kills:
        out = tmp_path / f"killed{cycle}"
        while done < kills:
            process = start(command, out)
            moment = moments.uniform(0, whole)
            try:
                process.communicate(timeout=moment)
                break  # it came to its end: begin another
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
            done += 1
            files = sorted(path.name for path in out.glob("*/*") if path.name != ".lock")
            print(f"kill {done:2} of {kills}, after {moment:.2f} s: it left {files}")
            # Whole or not there; where it is, the next kill is for another run.
            if any([read_record(path, check_files=True) for path in out.glob("*")]):
                break
        code, _, err = finish(start(command, out))
        assert (code, err) == (0, "")
        found = weights(out)
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            assert np.array_equal(found[name], array), name
        (directory,) = out.iterdir()
        assert {path.name for path in directory.iterdir()} == {
            ".lock", "run.json", "history.csv", "predictions.npz", "weights.npz",
        }  # fmt: skip
        print(f"run {cycle}: the weights equal the uninterrupted run's to the last bit")
        cycle += 1


def test_a_killed_run_does_not_begin_again(tmp_path):
    """Whoever starts from the checkpoint reports its epochs at once."""
    command = [*RUN, "--solver", "coordconv", "--epochs", "100000", "--batch", "16"]
    process = start(command, tmp_path / "runs")
    while not (found := list(tmp_path.glob("runs/*/checkpoint.npz"))):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)
    process.kill()
    process.communicate()
    steps = int(read_arrays(found[0])["steps"])
    assert steps > 1
    process = start(command, tmp_path / "runs")
    before = found[0].stat().st_mtime_ns
    while found[0].stat().st_mtime_ns == before:
        assert process.poll() is None
        time.sleep(0.02)
    assert int(read_arrays(found[0])["steps"]) > steps
    process.kill()
    process.communicate()


def test_two_processes_share_the_work_and_do_nothing_twice(tmp_path):
    command = [*RUN[:-1], "3", "--solver", "handcrafted,coordconv,argmax", "--epochs", "2"]
    log = tmp_path / "log"
    processes = [start(command, tmp_path / "runs", log) for _ in range(2)]
    for process in processes:
        code, out, _ = finish(process)
        assert code == 0
        assert "coordconv" in out
    done = log.read_text().split()
    assert len(done) == len(set(done)) == 5
    table = load(tmp_path / "runs")
    assert sorted(table.run) == sorted(done)
    assert set(table.status) == {"finished"}


def _intact(out):
    """Nothing is left half written, and whatever there is a record of is whole."""
    for path in Path(out).glob("*"):
        read_record(path, check_files=True)
    assert not [path for path in Path(out).glob("*/.*") if path.name != ".lock"]


@pytest.mark.parametrize(
    ("solver", "limit", "stopped"),
    [("coordconv", 3_000, "checkpoint.npz"), ("argmax", 1_000, "predictions.npz")],
)
def test_a_file_that_may_not_grow_is_a_clear_error_and_an_intact_store(
    tmp_path, solver, limit, stopped
):
    """RLIMIT_FSIZE, a quota's stand-in."""
    command = [*RUN, "--solver", solver, "--epochs", "1"]
    code, out, err = finish(start(command, tmp_path / "runs", limit=limit))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert f"{stopped}: File too large; what was there before is intact" in err
    _intact(tmp_path / "runs")
    assert finish(start(command, tmp_path / "runs"))[0] == 0
    _intact(tmp_path / "runs")


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 128 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not made or made.returncode:
        pytest.skip(f"no tmpfs may be mounted here: {made.stderr.strip() if made else 'no mount'}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_a_clear_error_and_an_intact_store(small_disk):
    out = small_disk / "runs"
    command = [*RUN[:-1], "6", "--solver", "coordconv", "--epochs", "1"]
    code, _, err = finish(start(command, out))
    assert code == 1
    assert err.count("\n") == 1
    assert err.startswith(f"compare: cannot write {out}/")
    assert "No space left on device; what was there before is intact" in err
    _intact(out)
    finished = len(load(out))
    assert 0 < finished < 6
    written = {path: path.stat().st_mtime_ns for path in out.glob("*/run.json")}

    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert finish(start(command, out))[0] == 0
    assert len(load(out)) == 6
    assert all(path.stat().st_mtime_ns == when for path, when in written.items())
    _intact(out)


def test_a_failure_that_cannot_be_written_down_is_said_in_one_line(tmp_path):
    from compare.errors import StorageError
    from compare.experiments.executors import Outcome, write_down
    from compare.experiments.plan import Request, make_plans

    (plan,) = make_plans(Request("onehot2coord", (0,), "argmax", "uniform", size="16"))
    outcome = Outcome("", "failed", "its process died")
    with pytest.raises(StorageError, match=r"cannot write .*absent.*: No such file or directory"):
        write_down(outcome, plan, tmp_path / "absent")
    assert write_down(outcome, plan, tmp_path).run == plan.name()


def test_the_directory_of_a_dead_process_is_free(tmp_path):
    program = """
import sys, time
from pathlib import Path
from compare.results.runs import locked
with locked(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "True\n"
    from compare.results.runs import locked

    with locked(tmp_path) as mine:
        assert not mine
    holder.kill()
    holder.communicate()
    with locked(tmp_path) as mine:
        assert mine


# In every process: a first checkpoint soon, and no other until the process ends.
ONE_CHECKPOINT = """
from compare.learned import state, training
training.CHECKPOINT_SECONDS = 0.3
save = state.State.save
def saved(self, *rest):
    training.CHECKPOINT_SECONDS = float("inf")
    save(self, *rest)
state.State.save = saved
"""


def begun(command, tmp_path):
    """Start a training that would take hours; return it, its checkpoint and the steps in that."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(ONE_CHECKPOINT)
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", "compare", *command, "--out", str(tmp_path / "runs")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
    )  # fmt: skip
    while not (found := list(tmp_path.glob("runs/*/checkpoint.npz"))):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    time.sleep(0.2)
    return process, found[0], int(read_arrays(found[0])["steps"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.timeout(120)
def test_a_run_that_is_asked_to_end_saves_how_far_it_has_come(tmp_path, number):
    command = [*RUN, "--solver", "coordconv", "--epochs", "1000000"]
    process, checkpoint, before = begun(command, tmp_path)
    process.send_signal(number)
    code, out, err = finish(process)
    assert (code, out) == (128 + number, "")
    line = f"compare: ended by {number.name}; the same command resumes what was begun\n"
    assert err == line
    assert int(read_arrays(checkpoint)["steps"]) > before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.timeout(120)
def test_the_processes_of_a_sweep_save_how_far_they_have_come(tmp_path, number):
    sweep = tmp_path / "sweep.toml"
    sweep.write_text("""
task = "onehot2coord"
solver = "coordconv"
split = "uniform"
size = 16
seeds = 1
epochs = 1000000
""")
    process, checkpoint, before = begun(["sweep", str(sweep), "--workers", "1"], tmp_path)
    process.send_signal(number)
    code, _, err = finish(process)
    assert code == 128 + number
    assert len([line for line in err.splitlines() if line]) == 1
    assert int(read_arrays(checkpoint)["steps"]) > before


@pytest.mark.parametrize("what", ["results", "progress"])
def test_a_run_that_fails_while_writing_keeps_how_far_it_has_come(tmp_path, monkeypatch, what):
    """Its training is not done again once there is room."""
    from compare import cli
    from compare.experiments import run
    from compare.learned import training

    trained = []
    progress = training.Progress

    def counted(*arguments):
        trained.append(arguments)
        if what == "progress" and arguments[0] == 4:
            raise OSError(28, "No space left on device")
        return progress(*arguments)

    def full(*_):
        raise OSError(28, "No space left on device")

    command = [*RUN, "-q", "--solver", "coordconv", "--epochs", "5", "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(training, "Progress", counted)
        patch.setattr(training, "WORTH_SAVING", 0.0)
        if what == "results":
            patch.setattr(run, "write_run", full)
        assert cli.main(command) == 1
    (checkpoint,) = tmp_path.glob("*/checkpoint.npz")
    assert len(read_arrays(checkpoint)["losses"]) == len(trained) == (5 if what == "results" else 4)
    with monkeypatch.context() as patch:
        trained.clear()
        what = ""
        patch.setattr(training, "Progress", counted)
        assert cli.main(command) == 0
    assert [arguments[0] for arguments in trained] in ([], [5])
    (history,) = tmp_path.glob("*/history.csv")
    assert len(history.read_text().splitlines()) == 6
