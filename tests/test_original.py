"""What benchmarks/original.py refuses, and how it lays our arrays out for TensorFlow."""

import importlib.util
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compare.backends import load
from compare.learned.published import conv_regressor_uniform, deconv

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "original.py"


def refused(*arguments):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    *_, line = done.stderr.splitlines()
    assert line.startswith("original.py: ")
    assert "Traceback" not in done.stderr
    return line


def test_what_is_no_clone_is_refused(tmp_path):
    assert f"no model_builders.py in '{tmp_path}'" in refused("--repo", str(tmp_path))


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed"
)
def test_without_tensorflow_it_says_what_to_install(tmp_path):
    (tmp_path / "model_builders.py").write_text("")
    line = refused("--repo", str(tmp_path))
    assert line.endswith("pip install -e '.[bench]'")


@pytest.fixture(scope="module")
def original():
    return runpy.run_path(str(SCRIPT))


def test_arrays_are_laid_out_with_channels_last(original):
    """A dense layer behind flattened pictures gives the same sums."""
    architecture = conv_regressor_uniform(16, 24)
    weights = architecture.initial_weights(0)
    found = dict(original["laid_out"](architecture, weights))
    assert list(found) == list(weights)
    name = next(name for name in weights if weights[name].ndim == 2)
    pictures = np.random.default_rng(0).normal(size=(3, 16, 2, 3))
    ours = pictures.reshape(3, -1) @ weights[name]
    theirs = pictures.transpose(0, 2, 3, 1).reshape(3, -1) @ found[name]
    assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)  # sums in another order
    kernel = weights["0.weight"]
    assert (found["0.weight"][1, 2, 0, 5] == kernel[5, 0, 1, 2]).all()
    stack = deconv(64, 64, 2)
    shapes = [a.shape for _, a in original["laid_out"](stack, stack.initial_weights(0))]
    assert shapes[0] == (3, 3, 128, 2)  # (height, width, outputs, inputs), as TensorFlow has it


def test_the_float64_reference_computes_in_float64(original):
    backend = original["Float64Backend"](precision="float64")
    assert backend.asarray(np.ones(2, np.float32)).dtype == np.float64
    assert load("numpy").asarray(np.ones(2, np.float32)).dtype == np.float32


def test_the_page_lists_what_the_command_writes(original):
    page = Path("docs/fidelity.md").read_text()
    _, _, items = original["PAGE_TEXT"].partition("## Item by item")
    norms = sum(original["_norms"](each) for each in original["NETWORKS"] if each.batch is None)
    assert items.format(norms=norms) == page.partition("## Item by item")[2]
    assert all(f"| {network.title} | " in page for network in original["NETWORKS"])
    assert original["COMMIT"][:10] in page
