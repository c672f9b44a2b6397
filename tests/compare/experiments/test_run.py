"""Runs that are killed, that find the disk full, and that meet others on the same directory."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from compare import backends
from compare.errors import StorageError, UsageError
from compare.experiments import plan as plan_module
from compare.experiments import run
from compare.experiments.plan import Request, make_plans
from compare.experiments.run import (
    TIMED_SAMPLES,
    _diverged,
    failure,
    load_or_run,
    microseconds_a_sample,
)
from compare.files import read_arrays, read_sealed_json
from compare.learned.architecture import Architecture
from compare.learned.layers import BatchNorm, Conv, Flatten
from compare.learned.model import History, Model
from compare.learned.recipe import Recipe
from compare.learned.training import train
from compare.results.runs import locked, read_record
from compare.results.table import load
from compare.tasks import load as load_task

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
    """`pytest -n 0 -m slow tests/compare/experiments/test_run.py -s -k random` prints the log."""
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


def test_the_time_is_the_median_of_five_predictions_shared_by_the_samples(monkeypatch):
    now = 100.0
    durations = iter([0.5, 8.0, 0.25, 2.0, 1.0])

    def predict(inputs):
        nonlocal now
        now += next(durations)

    monkeypatch.setattr("time.perf_counter", lambda: now)
    # The median of the five is 1 s, for 4 samples.
    assert microseconds_a_sample(predict, np.zeros((4, 1))) == 250_000
    with pytest.raises(StopIteration):
        next(durations)


def plan(**changes):
    request = {"task": "onehot2coord", "seeds": (0,), "size": "16", "solver": "argmax",
               "split": "uniform", "recipe": {"epochs": "1"}, **changes}  # fmt: skip
    (only,) = make_plans(Request(**request))
    return only


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A learned run and one of a closed form."""
    out = tmp_path_factory.mktemp("runs")
    load_or_run(plan(), out)
    load_or_run(plan(solver="coordconv", seeds=(3,)), out)
    return out


@pytest.fixture
def copy(store, tmp_path):
    """The same store, to be spoilt."""
    return shutil.copytree(store, tmp_path / "runs")


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("weights.npz", lambda path: path.unlink()),
        ("predictions.npz", lambda path: path.write_bytes(path.read_bytes()[:100])),
        ("history.csv", lambda path: path.write_bytes(path.read_bytes() + b"9,0.0\n")),
    ],
)
def test_a_finished_run_with_a_spoilt_file_is_done_again(copy, name, spoil):
    chosen = plan(solver="coordconv", seeds=(3,))
    path = chosen.directory(copy) / name
    good = path.read_bytes()
    spoil(path)
    said = []
    load_or_run(chosen, copy, warn=said.append)
    assert said == [f"{path} is missing, damaged or was changed; running it again"]
    assert path.read_bytes() == good
    load_or_run(chosen, copy, warn=said.append)
    assert len(said) == 1


def test_a_directory_where_the_record_should_be_is_one_line(copy):
    chosen = plan(solver="coordconv", seeds=(3,))
    path = chosen.directory(copy) / "run.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match=r"cannot write .*run\.json: .*; what was there"):
        load_or_run(chosen, copy, warn=lambda message: None)


def test_a_run_that_another_holds_is_left_alone(tmp_path):
    chosen = plan()
    chosen.directory(tmp_path).mkdir()
    with locked(chosen.directory(tmp_path)):
        assert load_or_run(chosen, tmp_path) is None
    assert load_or_run(chosen, tmp_path)["status"] == "finished"


def test_a_failed_run_says_why_and_is_tried_again(tmp_path, monkeypatch):
    def broken(*_):
        raise MemoryError("too big")

    chosen = plan()
    with monkeypatch.context() as patch:
        patch.setattr("compare.experiments.run._run", broken)
        with pytest.raises(MemoryError):
            load_or_run(chosen, tmp_path)
    (row,) = load(tmp_path)
    assert (row.status, row.error, row.success) == ("failed", "MemoryError: too big", False)
    assert np.isnan(row.train_seconds)
    load_or_run(chosen, tmp_path)
    (row,) = load(tmp_path)
    assert (row.status, row.error) == ("finished", "")


def test_a_run_that_cannot_ask_what_it_is_computed_on_says_so(tmp_path, monkeypatch):
    def silent(backend):
        raise OSError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr("compare.experiments.run.environment", silent)
        with pytest.raises(OSError, match="no answer"):
            load_or_run(plan(), tmp_path)
    (row,) = load(tmp_path)
    assert (row.status, row.error) == ("failed", "OSError: no answer")
    assert load_or_run(plan(), tmp_path)["status"] == "finished"


def test_a_record_says_what_was_asked_for_and_what_came_of_it(tmp_path):
    asked = plan(solver="coordconv", seeds=(3,), recipe={"epochs": "2"})
    reports = []
    record = load_or_run(asked, tmp_path, reports.append)
    assert record["arguments"] == asked.arguments()
    assert (record["status"], record["success"]) == ("finished", False)
    assert (record["samples"], record["published_epochs"]) == ({"train": 55, "test": 9}, 100)
    assert record["cost"]["parameters"] > 0 == record["cost"]["constants"]
    assert record["timing"]["train_seconds"] > 0
    assert record["timing"]["predict_microseconds"] > 0
    assert record["environment"]["started"].endswith("+00:00")
    assert [(each.epoch, each.epochs) for each in reports] == [(1, 2), (2, 2)]
    directory = asked.directory(tmp_path)
    header, *rows = (directory / "history.csv").read_text().split()
    assert header == "epoch,loss"
    assert [float(row.split(",")[1]) for row in rows] == [each.loss for each in reports]
    samples = read_arrays(directory / "predictions.npz")
    names = ("position", "prediction", "exact", "correct", "error")
    assert set(samples) == {f"{part}_{name}" for part in ("train", "test") for name in names}
    assert record["correct"] == {
        part: int(samples[f"{part}_correct"].sum()) for part in ("train", "test")
    }
    assert record["scores"]["test"]["mean_error"] == samples["test_error"].mean()
    assert record["scores"]["train"]["mean_error"] == samples["train_error"].mean()
    assert read_record(directory, check_files=True) == record


def test_the_history_of_one_epoch_is_by_step(tmp_path):
    asked = plan(solver="coordconv", recipe={"epochs": "1", "batch": "16"})
    reports = []
    load_or_run(asked, tmp_path, reports.append)
    header, *rows = (asked.directory(tmp_path) / "history.csv").read_text().split()
    assert header == "step,loss"
    steps, losses = zip(*(map(float, row.split(",")) for row in rows), strict=True)
    assert steps == (1, 2, 3, 4)  # 55 samples
    mean = np.average(losses, weights=[16, 16, 16, 7])
    assert mean == pytest.approx(reports[0].loss, rel=1e-12)


def test_what_learns_nothing_trains_for_no_time(store):
    record = load_or_run(plan(), store)
    assert record["timing"]["train_seconds"] == 0
    assert (record["published_epochs"], record["success"]) == (None, True)


def test_the_weights_are_those_of_the_seed(tmp_path):
    for seed in (1, 2):
        load_or_run(plan(solver="coordconv", seeds=(seed,)), tmp_path)
    one, other = (read_arrays(path) for path in tmp_path.glob("*/weights.npz"))
    assert not np.array_equal(one["0.weight"], other["0.weight"])


def test_a_loss_that_is_not_finite_is_a_run_that_diverged(tmp_path):
    """What its training computes warns of nothing."""
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = plan(solver="conv", recipe={"learning_rate": "1e18", "epochs": "9"})
        record = load_or_run(asked, tmp_path, warn=said.append)
    assert (record["status"], said) == ("diverged", [])


def test_other_canvases_are_scored_and_are_null_where_the_weights_do_not_fit(tmp_path):
    """The plain regressor ends with a dense layer, so its weights are of one canvas."""
    scores = {}
    for solver in ("coordconv", "conv", "argmax"):
        record = load_or_run(plan(solver=solver, eval_size="32,17x16"), tmp_path)
        assert list(record["scores"]) == ["train", "test", "32x32", "17x16"]
        scores[solver] = record["scores"]
    assert scores["conv"]["32x32"] is None
    assert scores["conv"]["17x16"] is not None  # which its pools round down to the same
    assert scores["argmax"]["32x32"]["exact"] == 1
    assert 0 < scores["coordconv"]["32x32"]["mean_error"] < np.inf
    assert scores["coordconv"]["32x32"] != scores["coordconv"]["17x16"]


def test_predictions_are_timed_on_at_most_256_samples_held_out(tmp_path, monkeypatch):
    timed = []
    monkeypatch.setattr(run, "microseconds_a_sample", lambda _, inputs: timed.append(inputs) or 1.5)
    record = load_or_run(plan(size="64"), tmp_path)
    assert record["timing"]["predict_microseconds"] == 1.5
    held_out = load_task("onehot2coord").split("uniform", 64, 64).test
    assert TIMED_SAMPLES == 256 < len(held_out)
    assert np.array_equal(timed[0], held_out.inputs(slice(256)))


def test_a_finished_run_is_loaded_unless_it_is_forced(store, monkeypatch):
    carried_out = []
    execute = run._run

    def counted(*arguments):
        carried_out.append(arguments)
        return execute(*arguments)

    monkeypatch.setattr(run, "_run", counted)
    before = load_or_run(plan(), store)
    assert carried_out == []
    after = load_or_run(plan(), store, force=True)
    assert len(carried_out) == 1
    assert after["scores"] == before["scores"]


def test_a_damaged_checkpoint_is_one_line(tmp_path):
    asked, said = plan(solver="coordconv"), []
    asked.directory(tmp_path).mkdir()
    (asked.directory(tmp_path) / "checkpoint.npz").write_bytes(b"no archive")
    record = load_or_run(asked, tmp_path, warn=said.append)
    assert record["status"] == "finished"
    (line,) = said
    assert "checkpoint.npz is not a readable array file" in line
    assert line.endswith("training begins again")
    assert not (asked.directory(tmp_path) / "checkpoint.npz").exists()


def test_a_failure_is_written_with_its_traceback_and_goes_when_the_run_succeeds(
    tmp_path, monkeypatch
):
    asked = plan()

    def broken(*_):
        raise ZeroDivisionError("by nothing")

    with monkeypatch.context() as patch:
        patch.setattr(run, "_run", broken)
        with pytest.raises(ZeroDivisionError):
            load_or_run(asked, tmp_path)
    path = asked.directory(tmp_path) / "failure.json"
    record = read_sealed_json(path)
    assert (record["status"], record["error"]) == ("failed", "ZeroDivisionError: by nothing")
    assert record["arguments"] == asked.arguments()
    assert record["environment"]["numpy"] == np.__version__
    assert 'raise ZeroDivisionError("by nothing")' in record["traceback"]
    assert load_or_run(asked, tmp_path)["status"] == "finished"
    assert not path.exists()


def test_a_failure_of_a_disk_is_not_written_to_it(tmp_path, monkeypatch):
    def full(*_):
        raise StorageError("cannot write x: full")

    monkeypatch.setattr(run, "_run", full)
    with pytest.raises(StorageError, match="cannot write x: full"):
        load_or_run(plan(), tmp_path)
    assert not list(tmp_path.glob("*/failure.json"))


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot write .*absent"):
        load_or_run(plan(), tmp_path / "absent")


def test_a_device_that_is_not_there_is_refused_before_a_directory_is_made(tmp_path):
    from dataclasses import replace

    with pytest.raises(UsageError, match="has no device 'cpu:7'"):
        load_or_run(replace(plan(), device="cpu:7"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_record_of_a_failure_is_read_as_one():
    record = failure(plan(), "no reason")
    assert (record["status"], record["error"], "scores" in record) == ("failed", "no reason", False)


class Another:
    """A backend of the second of two processes; the first tells it what it found."""

    first = False

    def __init__(self, found):
        self.found = found

    def __getattr__(self, name):
        return getattr(backends.load("numpy"), name)

    def broadcast(self, value):
        return json.dumps(self.found).encode() if value == b"" else value


@pytest.mark.parametrize("found", [(True, {"status": "finished"}), (False, None)])
def test_another_process_takes_what_the_first_has_found(found, tmp_path, monkeypatch):
    asked = plan()
    place = asked.backend, asked.device, asked.precision
    monkeypatch.setitem(plan_module._LOADED, place, Another(found))
    assert load_or_run(asked, tmp_path) == found[1]
    assert list(tmp_path.iterdir()) == []


def test_another_process_computes_with_the_first_and_writes_nothing(tmp_path, monkeypatch):
    asked = plan()
    place = asked.backend, asked.device, asked.precision
    monkeypatch.setitem(plan_module._LOADED, place, Another((True, None)))
    record = load_or_run(asked, tmp_path)
    assert record["status"] == "finished"
    assert "files" not in record
    assert list(tmp_path.iterdir()) == []


NETWORK = Architecture((1, 2, 2), (Conv(1, kernel=1), BatchNorm(), Flatten()))


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_a_variance_that_overflowed_is_a_divergence_though_the_loss_is_finite():
    backend = backends.load("numpy")
    inputs = np.random.default_rng(0).normal(size=(8, 1, 2, 2)).astype(np.float32) * np.float32(
        1e30
    )
    state = train(
        NETWORK, inputs, np.zeros((8, 4), np.float32), Recipe(0.1, epochs=2), seed=0,
        backend=backend,
    )  # fmt: skip
    model = Model(NETWORK, state.weights, history=History(state.losses), trained=True)
    assert np.isfinite(state.losses).all()
    assert np.isinf(model.weights["1.variance"]).all()
    assert not model.history.diverged
    assert _diverged(model)


@pytest.mark.parametrize(
    ("losses", "weight", "diverged"),
    [
        ((), 1.0, False), ((0.5,), 1.0, False), ((0.5, np.nan), 1.0, True),
        ((0.5,), np.inf, True), ((0.5,), np.nan, True),
    ],
)  # fmt: skip
def test_a_run_diverged_where_a_loss_or_a_weight_is_not_finite(losses, weight, diverged):
    model = SimpleNamespace(history=History(losses), weights={"w": np.asarray([0.0, weight])})
    assert _diverged(model) is diverged


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
    assert err.endswith(line)
    assert err.count("\n") <= 2  # an estimate comes before it
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


def test_the_first_process_sends_the_others_what_it_has_found(tmp_path, monkeypatch):
    """Whether the directory is theirs, and the record of a run that is finished."""
    asked, sent = plan(), []

    class First(Another):
        first = True

        def broadcast(self, value):
            sent.append(value)
            return bytes(value)

    monkeypatch.setitem(
        plan_module._LOADED, (asked.backend, asked.device, asked.precision), First(None)
    )
    record = load_or_run(asked, tmp_path)
    assert load_or_run(asked, tmp_path) == record
    with locked(asked.directory(tmp_path)):
        assert load_or_run(asked, tmp_path) is None
    assert [tuple(json.loads(value)) for value in sent] == [
        (True, None), (True, record), (False, None),
    ]  # fmt: skip
