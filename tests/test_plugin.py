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


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    """The page's example of a task and two solvers, installed, with the page's third solver."""
    page = Path("docs/extending.md").read_text()
    (solver,) = (b for b in page.split("```python\n") if "class LeastSquares" in b)
    package = copied(EXAMPLES / "bars", tmp_path_factory.mktemp("bars"))
    (package / "bars.py").write_text(
        (package / "bars.py").read_text() + solver.partition("```")[0].replace("\n\n\n", "\n\n")
    )
    project = package / "pyproject.toml"
    entry = '"bar2length.sum" = "bars:SUM"\n'
    project.write_text(
        project.read_text().replace(
            entry, entry + '"bar2length.least-squares" = "bars:LEAST_SQUARES"\n'
        )
    )
    return install(package, tmp_path_factory)


def test_a_task_and_its_solvers_are_listed_run_and_repeated(bars, tmp_path):
    listed = bars("-m", "compare", "list").stdout
    assert "  bar2length: a bar that begins at the left edge to its length" in listed
    assert "    sum " in listed
    run = ["-m", "compare", "run", "--task", "bar2length", "--size", "12", "--seeds", "1",
           "--epochs", "20", "--out", str(tmp_path / "runs")]  # fmt: skip
    answer = bars(*run, "--json")
    assert answer.returncode == 0, answer.stderr
    scores = {
        (row["split"], row["solver"]): row["scores"]["test"]["exact"]["median"]
        for row in json.loads(answer.stdout)["rows"]
    }
    assert scores.keys() == {
        (split, solver)
        for split in ("uniform", "long")
        for solver in ("sum", "pooled", "least-squares")
    }
    assert scores["uniform", "sum"] == scores["long", "sum"] == 1
    assert scores["long", "least-squares"] < 1
    (pooled,) = (tmp_path / "runs").glob("*-long-pooled-*")
    again = bars("-m", "compare", "rerun", str(pooled))
    assert again.returncode == 0, again.stdout + again.stderr
    report = bars("-m", "compare", "report", str(tmp_path / "runs"), "-o", str(tmp_path / "r.html"))
    assert report.returncode == 0, report.stderr
    assert "bar2length" in (tmp_path / "r.html").read_text()
    refused = bars(*run, "--solver", "pool")
    assert refused.returncode == 2
    assert "unknown solver 'pool'; did you mean 'pooled'? choose from: " in refused.stderr


def test_the_page_proves_its_network_by_enumeration(bars):
    page = Path("docs/extending.md").read_text()
    (test,) = (b.partition("```")[0] for b in page.split("```python\n") if "every =" in b)
    assert bars("-c", test).returncode == 0
    assert bars("-c", test.replace('"sum"', '"least-squares"')).returncode == 1


def test_what_has_no_proof_or_network_is_refused_in_one_line(bars, tmp_path):
    export = ["-m", "compare", "export", "--task", "bar2length", str(tmp_path / "a.safetensors")]
    for arguments, message in (
        (["-m", "compare", "prove", "--task", "bar2length"], "unknown task with proofs 'bar2l"),
        ([*export, "--solver", "sum"], "solver 'sum' of task 'bar2length', and it learns nothing"),
        ([*export, "--solver", "pooled"], "of task 'bar2length'; give a RUN of it\n"),
    ):
        answer = bars(*arguments)
        assert answer.returncode == 2
        assert answer.stderr.count("\n") == 1
        assert message in answer.stderr


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
