"""What memory is foreseen, beside what is measured."""

import subprocess
import sys

import pytest

from compare import tasks
from compare.errors import UsageError
from compare.experiments import memory

MEASURE = """
import tempfile
from pathlib import Path
from compare import cli
import compare.experiments.run, compare.report.text, compare.experiments.executors
{setup}
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
before = peak()
with tempfile.TemporaryDirectory() as out:
    assert cli.main({arguments!r} + [out + {end!r}, "-q"]) == 0
print("PEAK", peak() - before)
"""


def measured(arguments, end, setup=""):
    code = MEASURE.format(arguments=arguments, end=end, setup=setup)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(ended.stdout.rpartition("PEAK ")[2])


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="measured in /proc")


@LINUX
@pytest.mark.parametrize(
    ("task", "solver", "side"), [("onehot2coord", "argmax", 160), ("coord2image", "slicing", 100)]
)
def test_a_run_takes_about_what_is_foreseen(task, solver, side):
    run = ["run", "--task", task, "--solver", solver, "--split", "uniform", "--size", str(side)]
    taken = measured([*run, "--out"], "")
    foreseen = memory.of_samples(tasks.load(task), side, side, drawn=256)
    assert 0.6 * foreseen < taken < 1.4 * foreseen


@LINUX
@pytest.mark.parametrize("solver", ["handcrafted", "handcrafted-coordconv"])
def test_an_export_takes_no_memory_for_each_pixel_or_sample(solver):
    """One byte for each of the 16 million pixels would be 16 MiB."""
    pytest.importorskip("onnx")
    setup = (
        "import onnx, compare.experiments.plan, compare.learned.export\n"
        "from handcrafted.onnx_export import to_onnx"
    )
    export = ["export", "--task", "onehot2coord", "--solver", solver, "--size", "4096"]
    assert measured(export, "/a.onnx", setup) < 15 * 2**20


@pytest.mark.parametrize(("side", "every_size"), [(20, True), (64, True), (64, False)])
def test_the_parts_of_an_enumeration_are_counted(side, every_size):
    from handcrafted.proofs.claims import _parts

    sides = range(1, side + 1) if every_size else (side,)
    sizes = [(height, width) for height in sides for width in sides]
    parts = sum(len(_parts(h * w, h, w)) for h, w in sizes)
    foreseen = memory.of_enumeration(side, every_size) / memory._A_JOB
    assert parts / 2 < foreseen <= parts


def test_enumerations_that_take_more_than_a_gigabyte_are_refused():
    memory.require_enumeration("--max-size", "100", 100, True)
    memory.require_enumeration("--max-size", "512", 512, False)
    for side, every_size in ((110, True), (1024, False)):
        with pytest.raises(UsageError, match=rf"'{side}', .* and up to 1 GB may: give a smaller"):
            memory.require_enumeration("--max-size", str(side), side, every_size)


def test_what_is_too_much_is_named(monkeypatch):
    monkeypatch.setattr("compare.backends.base.host_memory", lambda: 2 * 10**9)
    memory.require("--size", "7", 2 * 10**9)
    with pytest.raises(UsageError) as refused:
        memory.require("--size", "7", 2 * 10**9 + 1)
    assert str(refused.value) == (
        "--size is '7', which takes at least 2 GB of memory, and 2 GB are free: "
        "give a smaller canvas"
    )
