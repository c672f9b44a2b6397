"""Other packages' backends, tasks and solvers: built, installed apart, listed, run, checked."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
EXAMPLE = EXAMPLES / "float64_backend"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The example of a backend, installed; how to run Python with it."""
    return install(EXAMPLE, tmp_path_factory)


def install(example, tmp_path_factory):
    """Install an example by pip into a directory of its own; return how to run Python with it."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--root-user-action=ignore", "--target", str(target),
         str(copied(example, tmp_path_factory.mktemp("source")))],
        check=True, timeout=120,
    )  # fmt: skip
    path = os.pathsep.join([str(target), *filter(None, [os.environ.get("PYTHONPATH")])])

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], env={**os.environ, "PYTHONPATH": path}, cwd=target,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return python


def copied(example, directory):
    """The sources elsewhere, since building leaves files beside them."""
    return shutil.copytree(example, directory / example.name)


def test_a_task_and_a_solver_are_listed_and_run(tmp_path_factory, tmp_path):
    source = EXAMPLES / "mirrored" / "mirrored.py"
    assert len(source.read_text().splitlines()) <= 40
    installed = install(EXAMPLES / "mirrored", tmp_path_factory)
    listed = installed("-m", "compare", "list").stdout
    assert "  mirrored2coord: a bitmap with one hot pixel" in listed
    assert "    ramps " in listed
    answer = installed(
        "-m", "compare", "run", "--task", "mirrored2coord", "--size", "16", "--json",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    rows = json.loads(answer.stdout)["rows"]
    assert [(row["split"], row["solver"], row["scores"]["test"]["exact"]["median"]) for row in rows] == [
        ("uniform", "ramps", 1.0), ("quadrant", "ramps", 1.0),
    ]  # fmt: skip
    refused = installed("-m", "compare", "run", "--task", "mirrored2coord", "--solver", "argmax")
    assert refused.returncode == 2
    assert "unknown solver 'argmax'; choose from: ramps" in refused.stderr


def test_it_is_listed_and_runs(installed, tmp_path):
    assert "\n  float64 " in installed("-m", "compare", "list").stdout
    assert "float64  devices: cpu" in installed("-m", "compare", "list", "--devices").stdout
    run = ["-m", "compare", "run", "--task", "onehot2coord", "--size", "16", "--seeds", "1",
           "--epochs", "1", "--split", "uniform", "--backend", "float64", "--out",
           str(tmp_path)]  # fmt: skip
    answer = installed(*run)
    assert answer.returncode == 0, answer.stderr
    assert "float64 on cpu, float64" in answer.stdout
    refused = installed(*run, "--precision", "float32")
    assert refused.returncode == 2
    assert "'float64' has no precision 'float32'; choose from: float64" in refused.stderr


def test_it_passes_the_contract(installed):
    answer = installed("-m", "pytest", "-p", "no:cacheprovider", str(EXAMPLE / "tests"))
    assert answer.returncode == 0, answer.stdout
    assert " passed" in answer.stdout


def test_a_backend_that_breaks_the_contract_fails_it(installed, tmp_path):
    """A pool that gives the gradient to all values and a convolution without its bias."""
    (tmp_path / "test_broken.py").write_text("""
from compare import backends
from compare.testing.backends import BackendContract
from compare_float64 import Float64Backend

def conv(self, x, weight, bias, stride, padding):
    return super(Float64Backend, self).conv(x, weight, None, stride, padding)

Float64Backend.conv = conv
Float64Backend.max_pool = lambda self, x, kernel: x[:, :, ::kernel, ::kernel] + 0

class TestBroken(BackendContract):
    name = "float64"
""")
    answer = installed("-m", "pytest", "-p", "no:cacheprovider", str(tmp_path))
    assert answer.returncode == 1
    for test in ("derivatives[conv 3x3/1 on 5x4]", "derivatives[max_pool 2", "share_the_gradient",
                 "test_parity[conv_regressor_uniform]"):  # fmt: skip
        assert test in answer.stdout
