"""What a run takes is measured, over its interruptions too; what was not seen is not known."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from compare import backends, cli
from compare.experiments import meter
from compare.experiments.meter import devices, metered
from compare.experiments.plan import Request, make_plans
from compare.experiments.run import load_or_run
from compare.files import read_sealed_json
from compare.results.ledger import FILE, UNKNOWN, Ledger


@pytest.fixture
def backend():
    return backends.load("numpy")


@pytest.fixture(autouse=True)
def no_counters(monkeypatch, tmp_path):
    """The machine may have some."""
    monkeypatch.setattr(meter, "POWERCAP", tmp_path / "none")


def busy(seconds):
    started = time.process_time()
    while time.process_time() - started < seconds:
        sum(range(1000))


def attempt_that_ends(directory, backend, error):
    with metered(directory, backend):
        busy(0.1)
        raise error


def test_seconds_of_the_processor_are_counted_and_waiting_is_not(tmp_path, backend):
    with metered(tmp_path, backend) as taken:
        busy(0.05)
        time.sleep(0.2)
        found = taken()
    assert 0.05 <= found.processor_seconds < 0.2
    assert found.gpu_seconds == found.gpu_joules == 0
    assert found.processor_joules is None  # which nothing tells here


def test_children_that_have_ended_are_counted(tmp_path, backend):
    program = "import time\nwhile time.process_time() < 0.2: pass"
    with metered(tmp_path, backend) as taken:
        subprocess.run([sys.executable, "-S", "-c", program], check=True)
        assert taken().processor_seconds >= 0.2


def test_an_interrupted_attempt_is_counted_too(tmp_path, backend):
    with pytest.raises(KeyboardInterrupt):
        attempt_that_ends(tmp_path, backend, KeyboardInterrupt())
    assert read_sealed_json(tmp_path / FILE)["processor_seconds"] >= 0.1
    with pytest.raises(ValueError, match="again"):
        attempt_that_ends(tmp_path, backend, ValueError("again"))
    with metered(tmp_path, backend) as taken:
        assert 0.2 <= taken().processor_seconds < 0.6


def test_nothing_is_known_of_an_attempt_that_was_killed(tmp_path, backend):
    attempt = metered(tmp_path, backend)
    attempt.__enter__()  # and nobody ends it
    with metered(tmp_path, backend) as taken:
        assert taken() == UNKNOWN
    (tmp_path / FILE).write_text("{}")  # nor of one whose file is damaged
    with metered(tmp_path, backend) as taken:
        assert taken() == UNKNOWN
    attempt.gen.close()


@pytest.mark.parametrize(
    ("name", "processes", "count"),
    [
        ("cpu", 1, 0),
        ("2 x cpu", 2, 0),
        ("cuda:3", 1, 1),
        ("mps", 1, 1),
        ("8 x cuda", 8, 1),
        ("8 x cuda", 1, 8),
        ("16 x tpu", 4, 4),
        ("something", 1, None),
    ],
)
def test_each_process_knows_its_devices(name, processes, count):
    assert devices(SimpleNamespace(device=name, processes=processes)) == count


def fake(device, processes=1, others=()):
    """A backend of another device and several processes, of which the others took something."""
    return SimpleNamespace(
        device=device, processes=processes, first=True,
        gather=lambda own: [own, *(json.dumps(asdict(each)).encode() for each in others)],
    )  # fmt: skip


def test_gpus_are_held_for_the_whole_time(tmp_path):
    with metered(tmp_path, fake("8 x cuda")) as taken:
        time.sleep(0.1)
        found = taken()
    assert 0.8 <= found.gpu_seconds < 8
    assert found.gpu_joules is None
    assert found.processor_seconds is not None


def test_processes_are_added_up(tmp_path):
    backend = fake("2 x cuda", 2, [Ledger(100.0, 10.0, 0, 1.0, 2.0)])
    with metered(tmp_path, backend) as taken:
        time.sleep(0.1)
        found = taken()
    assert found.processor_seconds > 100
    assert 10.1 <= found.gpu_seconds < 11
    assert found.gpu_joules is None  # of the first nothing tells it


def test_of_several_processes_that_were_interrupted_the_first_knows_the_gpus_alone(tmp_path):
    backend = fake("2 x cuda", 2, [Ledger()])
    with pytest.raises(KeyboardInterrupt):
        attempt_that_ends(tmp_path, backend, KeyboardInterrupt())
    with metered(tmp_path, backend) as taken:
        found = taken()
    assert found.processor_seconds is None
    assert 0.2 <= found.gpu_seconds < 2


def test_where_what_a_device_is_is_not_known_nor_are_its_seconds(tmp_path):
    with metered(tmp_path, fake("abacus")) as taken:
        assert taken().gpu_seconds is None


# --- RAPL -----------------------------------------------------------------------------------


def zone(root, path, name, value, largest=1_000_000_000):
    (root / path).mkdir(parents=True)
    for file, content in (
        ("name", name),
        ("energy_uj", value),
        ("max_energy_range_uj", largest),
    ):
        (root / path / file).write_text(f"{content}\n")
    return root / path / "energy_uj"


@pytest.fixture
def rapl(tmp_path, monkeypatch):
    root = tmp_path / "powercap"
    monkeypatch.setattr(meter, "POWERCAP", root)
    counters = {
        "package": zone(root, "intel-rapl:0", "package-0", 5_000_000),
        "second": zone(root, "intel-rapl:1", "package-1", 999_000_000),
        "dram": zone(root, "intel-rapl:0:1", "dram", 0),
    }
    for path, name in (("intel-rapl:0:0", "core"), ("intel-rapl:2", "psys")):
        zone(root, path, name, 123).write_text("nonsense")  # parts of the others, or all of them
    return counters


def test_energy_of_processors_and_memory_is_added_up(tmp_path, backend, rapl):
    with metered(tmp_path, backend) as taken:
        assert taken().processor_joules == 0
        rapl["package"].write_text("7000000\n")
        rapl["dram"].write_text("500000\n")
        assert taken().processor_joules == 2.5
        rapl["second"].write_text("1000000\n")  # it began again after its largest value
        assert taken().processor_joules == 4.5


def test_a_counter_that_begins_again_is_looked_at_in_time(tmp_path, backend, rapl, monkeypatch):
    monkeypatch.setattr(meter, "_LOOK_SECONDS", 0.01)
    with metered(tmp_path, backend) as taken:
        for value in (900, 100, 900, 100):  # megajoules of a counter up to 1000
            rapl["package"].write_text(f"{value}000000\n")
            time.sleep(0.2)
        assert taken().processor_joules == 895 + 200 + 800 + 200


def test_counters_that_may_not_be_read_are_not_known(tmp_path, backend, rapl):
    rapl["dram"].unlink()
    with metered(tmp_path, backend) as taken:
        assert taken().processor_joules is None


def test_of_the_processes_on_a_machine_one_looks(tmp_path, backend, rapl, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    with metered(tmp_path, backend) as taken:
        rapl["package"].write_text("7000000\n")
        assert taken().processor_joules == 0


# --- NVML -----------------------------------------------------------------------------------


class NVMLError(Exception):
    """As the library has it."""


@pytest.fixture
def nvml(monkeypatch):
    """A GPU that took 1000 J, and takes 5 J between two looks."""
    torch = pytest.importorskip("torch")
    joules = iter(range(1000, 2000, 5))
    asked = []

    def by_uuid(uuid):
        asked.append(uuid)
        return uuid

    library = SimpleNamespace(
        NVMLError=NVMLError, nvmlInit=lambda: None, nvmlDeviceGetHandleByUUID=by_uuid,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(joules) * 1000,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="abc")
    )
    backend = fake("cuda:0")
    backend.torch_device = torch.device("cuda", 0)
    return backend, library, asked


def test_energy_of_the_gpu_is_that_of_the_runs_own(tmp_path, nvml):
    backend, _, asked = nvml
    with metered(tmp_path, backend) as taken:
        assert taken().gpu_joules == 5
        assert taken().gpu_joules == 10
    assert set(asked) == {"GPU-abc"}


def test_a_gpu_that_does_not_tell_its_energy(tmp_path, nvml, monkeypatch):
    backend, library, _ = nvml

    def refused(handle):
        raise NVMLError

    library.nvmlDeviceGetTotalEnergyConsumption = refused
    with metered(tmp_path, backend) as taken:
        assert taken().gpu_joules is None
    monkeypatch.setitem(sys.modules, "pynvml", None)  # not installed
    with metered(tmp_path, backend) as taken:
        assert taken().gpu_joules is None


# --- The command ----------------------------------------------------------------------------

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--split", "uniform", "--seeds", "1"]


def records(out):
    return {
        record["arguments"]["solver"]: record
        for path in out.glob("*/run.json")
        for record in [json.loads(path.read_text())]
    }


def test_every_run_has_a_ledger_and_a_price_its_cost(tmp_path, capsys):
    out = tmp_path / "runs"
    solvers = ["--solver", "conv,argmax", "--epochs", "2", "--out", str(out)]
    assert cli.main([*RUN, *solvers, "--price", "core=3600"]) == 0
    text = capsys.readouterr().out
    found = records(out)
    learned = found["conv"]
    assert learned["ledger"]["processor_seconds"] > 0
    samples = 2 * 55 * 3 + 64  # two epochs, forward and twice that backward; then all are evaluated
    assert learned["ledger"]["multiply_adds"] == samples * learned["cost"]["multiply_adds"]
    assert found["argmax"]["ledger"]["multiply_adds"] is None
    assert learned["timing"]["samples_a_second"] == 110 / learned["timing"]["train_seconds"]
    assert "waiting_seconds" not in learned["timing"]
    assert not list(out.glob(f"*/{FILE}"))
    header, rule, *rows = text.split("what the runs took in all\n")[1].split("\n\n")[0].splitlines()
    assert header.split()[-2:] == ["cost", "samples/s"]
    assert [row.split()[0] for row in rows] == ["conv", "argmax", "all"]
    assert set(rule) == {"-", " "}
    page = tmp_path / "page.html"
    assert cli.main(["report", str(out), "-o", str(page), "--price", "gpu=1"]) == 0
    assert "what the runs took in all" in page.read_text()
    capsys.readouterr()
    for more in ([], ["--by", "solver"]):  # nobody said what an hour of a core costs
        assert cli.main(["results", str(out), "--price", "gpu=1", *more]) == 0
        table = [line.split() for line in capsys.readouterr().out.splitlines()]
        (above,) = (index for index, line in enumerate(table) if "cost" in line)
        assert [line[-1] for line in table[above + 2 : above + 4]] == ["?", "?"]
    assert cli.main(["results", str(out), "--columns", "solver,total_multiply_adds"]) == 0
    assert ["argmax", "?"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    given = ["results", str(out), "--price", "core=3600", "--format", "json"]
    assert cli.main(given) == 0
    for row in json.loads(capsys.readouterr().out):
        assert row["cost"] == pytest.approx(row["processor_seconds"])


@pytest.mark.parametrize("command", [[*RUN], ["results"], ["report"]])
def test_what_is_no_price_is_one_line_before_any_work(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert cli.main([*command, "--price", "2.50"]) == 2
    assert capsys.readouterr().err.startswith("compare: --price is '2.50'; give NAME=NUMBER")
    assert not (tmp_path / "runs").exists()


def test_a_run_that_was_interrupted_knows_what_both_attempts_took(tmp_path, monkeypatch):
    (plan,) = make_plans(Request("onehot2coord", (0,), "conv", "uniform", size="16",
                                 recipe={"epochs": "3"}))  # fmt: skip

    def stop(progress):
        busy(0.3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_or_run(plan, tmp_path, stop)
    record = load_or_run(plan, tmp_path)
    assert record["ledger"]["processor_seconds"] > 0.3
    assert not (plan.directory(tmp_path) / FILE).exists()
