"""Sweeps: what a file may say, and that every way to carry runs out survives what happens."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import compare as compare_package
from compare.cli import main
from compare.errors import UsageError
from compare.experiments.cluster import on_gpu, on_workers
from compare.experiments.estimate import _OVERHEAD_SECONDS, estimate, seconds_a_step
from compare.experiments.executors import on_processes
from compare.experiments.grid import read_plans
from compare.experiments.plan import Request
from compare.files import read_arrays
from compare.learned.recipe import OPTIONS
from compare.results.table import load

QUICK, PAPER = Path("sweeps/quick.toml").absolute(), Path("sweeps/paper.toml").absolute()


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


def test_a_grid_is_every_combination_and_each_run_once(tmp_path):
    plans = read_plans(write(tmp_path, SMALL))
    assert [(p.solver, p.seed, p.recipe and p.recipe.learning_rate) for p in plans] == [
        ("argmax", 0, None),
        ("coordconv", 0, 0.01),
        ("coordconv", 7, 0.01),
        ("coordconv", 0, 0.001),
        ("coordconv", 7, 0.001),
        ("handcrafted", 0, None),
    ]


def test_a_file_without_grids_is_one(tmp_path):
    text = 'task = ["onehot2coord", "image2coord"]\nsolver = "handcrafted"\nsize = [16, "20x24"]'
    plans = read_plans(write(tmp_path, text))
    assert len(plans) == 2 * 2 * 2
    assert {p.size for p in plans} == {(16, 16), (20, 24)}


def test_every_option_of_a_run_is_a_key(tmp_path):
    """None is read and then forgotten: each changes the plans, if only to refuse the value."""
    base = 'task = "coord2image"\nsolver = "deconv"\nsize = 64\n'
    plain = [plan.arguments() for plan in read_plans(write(tmp_path, base))]
    values = {"task": '["coord2image", "coord2onehot"]', "seeds": "2", "split": '"uniform"',
              "solver": '"coordconv"', "preset": '"paper"', "epochs": "2", "learning_rate": "0.3",
              "l2": "0.3", "batch": "7", "loss": '"mse"', "lr_schedule": '"step"', "width": "2",
              "kernel": "2", "coordinates": '"pixels"', "size": "32", "eval_size": '"32"',
              "backend": '"none"', "device": '"none"', "precision": '"none"'}  # fmt: skip
    options = {option.name for option in OPTIONS}
    assert values.keys() == {field.name for field in fields(Request)} - {"recipe"} | options
    for key, value in values.items():
        lines = [line for line in base.splitlines() if not line.startswith(key + " ")]
        file = write(tmp_path, "\n".join([*lines, f"{key} = {value}"]))
        try:
            assert [plan.arguments() for plan in read_plans(file)] != plain, key
        except UsageError as error:
            assert "none" in str(error), key  # noqa: PT017


def test_the_published_grid_is_whole():
    """Counted from experiment_logs.sh: what its loops go through, for both splits."""
    plans = read_plans(PAPER)
    counted: dict[tuple[str, str], int] = {}
    for plan in plans:
        key = plan.task, plan.solver
        counted[key] = counted.get(key, 0) + 1
    assert counted == {
        ("coord2onehot", "deconv"): 2 * 6 * 3 * 3 * 3 * 2,
        ("coord2onehot", "coordconv"): 2 * 3 * 2,
        ("onehot2coord", "conv"): 2 * 3 * 3,
        ("onehot2coord", "coordconv"): 2,
        ("coord2image", "deconv"): 2 * 6 * 3 * 3 * 3 * 2 * 2,
        ("coord2image", "coordconv"): 2 * 2 * 2 * 2,
        ("coord2onehot", "handcrafted"): 2,
        ("onehot2coord", "handcrafted"): 2,
        ("coord2image", "handcrafted"): 2,
    }
    deconv = [plan for plan in plans if plan.solver == "deconv"]
    assert {plan.epochs for plan in deconv} == {1000}
    assert {plan.recipe.lr_schedule for plan in deconv} == {"step"}
    assert {plan.recipe.l2 for plan in deconv} == {0.0, 0.001, 0.01}
    assert {plan.recipe.coordinates for plan in deconv} == {"pixels"}


def test_the_quick_sweep_covers_every_task():
    tasks = {plan.task for plan in read_plans(QUICK)}
    assert tasks == {"onehot2coord", "coord2onehot", "coord2image", "image2coord"}


BAD = [
    ("task = ", "is not TOML"),
    ("task = 1\ntask = 2", "is not TOML"),
    ("", "no 'task'; 'compare list' names them"),
    ('task = "onehot2cord"', "unknown task 'onehot2cord'; choose from: onehot2coord"),
    ('tasks = "onehot2coord"', "unknown key 'tasks'; choose from: task, seeds, solver"),
    ('task = "onehot2coord"\nseeds = 0', "seeds is 0; give how many, 1 to 100000, or a list"),
    ('task = "onehot2coord"\nseeds = 1000000', "seeds is 1000000; give how many, 1 to 100000"),
    ('task = "onehot2coord"\nseeds = [1, -1]', "seeds is [1, -1]; give how many"),
    (f'task = "onehot2coord"\nseeds = [{2**63}]', f"seeds is [{2**63}]; give how many"),
    (f'task = "onehot2coord"\nepochs = {2**63}', f"epochs is '{2**63}'; give a whole number up"),
    ('grid = []\ntask = "onehot2coord"', "'grid' is not a table; write [[grid]] above each grid"),
    ('task = "onehot2coord"\nseeds = true', "seeds is True; give how many"),
    ('task = "onehot2coord"\nsolver = []', "solver is an empty list; give one value or more"),
    ('task = "onehot2coord"\nsolver = ["conv", "magic"]', "unknown solver 'magic'"),
    (
        'task = "onehot2coord"\nlearning_rate = [0.1, 0]',
        "learning_rate is '0'; give a number above",
    ),
    ('task = "onehot2coord"\nlearning_rate = nan', "learning_rate is 'nan'; give a number above 0"),
    ('task = "onehot2coord"\nl2 = true', "l2 is True; give a number or a text"),
    ('task = "onehot2coord"\nbatch = 1.5', "batch is '1.5'; give a whole number, 1 or more"),
    ('task = "onehot2coord"\nepochs = [[1]]', "epochs is [1]; give a number or a text"),
    ('task = "onehot2coord"\nsize = 8', "8x8 is too small for the 9x9 square"),
    ('task = "onehot2coord"\nkernel = 3', "kernel changes nothing here"),
    ('task = "onehot2coord"\nbackend = "cuda"', "unknown backend 'cuda'"),
    ('grid = 3\ntask = "onehot2coord"', "'grid' is not a table; write [[grid]] above each grid"),
    ('[[grid]]\ntask = "onehot2coord"\n[[grid]]\nsplit = "uniform"', "grid 2: no 'task'"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[text[:60] for text, _ in BAD])
def test_a_bad_file_is_one_line_before_anything_starts(text, message, tmp_path, capsys):
    file = write(tmp_path, text)
    code, out, err = compare(capsys, "sweep", file, "--out", tmp_path / "runs")
    assert (code, out) == (2, "")
    assert err.startswith(f"compare: {file}")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.toml"], "cannot read 'absent.toml': No such file"),
        ([PAPER, "--workers", "0"], "--workers is '0'; give a whole number, 1 or more"),
        ([PAPER, "--workers", "2", "--scheduler", "tcp://x:1"], "give one"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, _, err = compare(capsys, "sweep", *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_counts_and_estimates_and_does_nothing(tmp_path, capsys):
    code, out, err = compare(
        capsys, "sweep", write(tmp_path, SMALL), "--out", tmp_path / "runs", "--dry-run"
    )
    assert (code, err) == (0, "")
    assert out.startswith("6 runs: about ")
    assert out.endswith(" s here, one after another.\n")
    assert not (tmp_path / "runs").exists()


def test_an_estimate_counts_the_steps(tmp_path):
    plans = read_plans(write(tmp_path, SMALL.replace("epochs = 1", "epochs = 40")))
    # 55 positions to train on and 9 held out, in one batch of 256 an epoch.
    known = estimate(plans, lambda sample: [2.0] * len(sample))
    predicting = 2.0 * (1 + 9 / 256) / 3
    overhead = 4 * _OVERHEAD_SECONDS + 2 * 2 * _OVERHEAD_SECONDS
    assert known.seconds == pytest.approx(4 * (40 * 2.0 + predicting) + overhead)
    assert known.unknown == 0
    assert estimate(plans, lambda sample: [None] * len(sample)).unknown == 4


def test_a_measured_step_is_a_time():
    (plan,) = (p for p in read_plans(QUICK) if p.solver == "conv" and p.seed == 1
               and p.recipe.learning_rate == 0.01 and p.split == "uniform"
               and p.task == "onehot2coord")  # fmt: skip
    assert 1e-4 < seconds_a_step(plan.arguments()) < 10


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
    assert [group["runs"] for group in answer["groups"]] == [1, 1, 4]
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


def test_only_devices_that_are_no_processor_need_a_gpu(tmp_path):
    (plan,) = read_plans(write(tmp_path, 'task = "onehot2coord"\nsolver = "argmax"\n'
                                          'size = 16\nsplit = "uniform"'))  # fmt: skip
    for device, needed in (("cpu", False), ("cuda:0", True), ("gpu:1", True), ("mps", True)):
        assert on_gpu(replace(plan, backend="torch", device=device)) == needed


def test_a_sweep_for_gpus_is_planned_where_there_is_none(tmp_path):
    text = 'task = ["onehot2coord", "coord2image"]\nsize = 16\nseeds = 1\nbackend = "torch"\n'
    file = write(tmp_path, text + 'device = "cuda:0"')
    plans = read_plans(file, on_workers)
    assert {plan.device for plan in plans} == {"cuda:0"}
    assert all(on_gpu(plan) for plan in plans)
    assert estimate(plans, lambda sample: [None] * len(sample)).unknown == 8
    with pytest.raises(UsageError, match="device 'auto' of backend 'torch' may be another on each"):
        read_plans(write(tmp_path, text), on_workers)


def test_the_device_of_a_remote_backend_is_named():
    with pytest.raises(UsageError, match="unknown backend 'x'"):
        on_workers("x", "cpu", "float32")
    assert on_workers("numpy", "auto", None) == ("numpy", "cpu", "float32")
