"""What is particular to PyTorch and to JAX: devices, precisions, faults as the command shows them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from compare import backends, cli
from compare.testing.backends import parity

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--seeds", "1", "--split", "uniform",
       "--solver", "coordconv", "--epochs", "2"]  # fmt: skip


@pytest.fixture(params=["torch", "jax"])
def name(request):
    pytest.importorskip(request.param)
    return request.param


def command(capsys, *arguments):
    code = cli.main([*RUN, *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_auto_says_what_it_took_and_a_loss_that_is_not_a_number_is_recorded(name, capsys, tmp_path):
    code, table, err = command(
        capsys, "--backend", name, "--learning-rate", "1e30", "--out", str(tmp_path)
    )
    device = backends.available()[name].backend_class().devices()[0]
    assert (code, err) == (0, "")
    assert f"{name} on {device}, float32." in table
    assert "1 run diverged: the loss was no longer finite." in table
    (path,) = tmp_path.glob("*/run.json")
    record = json.loads(path.read_text())
    arguments = record["arguments"]
    assert (arguments["backend"], arguments["device"]) == (name, device)
    assert (arguments["precision"], record["status"]) == ("float32", "diverged")
    assert name in record["environment"]
    history = path.with_name("history.csv").read_text()
    assert "nan" in history or "inf" in history


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cuda:97"], "has no device 'cuda:97' here; present: "),
        (["--device", "gpu"], "has no device 'gpu' here; present: "),
        (["--device", "cpu", "--precision", "tf32"], "'cpu' has no precision 'tf32', a mode of"),
        (
            ["--precision", "float16"],
            "has no precision 'float16'; choose from: float32, tf32, bf16",
        ),
    ],
)
def test_what_is_not_there_is_refused(name, arguments, message, capsys, tmp_path):
    code, out, err = command(capsys, "--backend", name, *arguments, "--out", str(tmp_path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_numpy_refuses_other_precisions(capsys, tmp_path):
    code, _, err = command(capsys, "--precision", "bf16", "--out", str(tmp_path))
    assert code == 2
    assert "backend 'numpy' has no precision 'bf16'; choose from: float32" in err


def test_all_devices_of_pytorch_need_its_launcher(capsys):
    pytest.importorskip("torch")
    code, _, err = command(capsys, "--backend", "torch", "--device", "all")
    assert code == 2
    assert "torchrun --nproc-per-node=" in err


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_library_that_is_missing_is_named_with_the_command(name, capsys, monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda module: None)
    code, _, err = command(capsys, "--backend", name)
    assert code == 2
    assert f"needs {name}, which is not installed; run: pip install " in err
    assert cli.main(["list"]) == 0
    assert "not installed; pip install torch==2.13.0" in capsys.readouterr().out


def test_bfloat16_rounds_products_and_nothing_else(name):
    """Coarser than float32 by about its spacing, 2^-8, and no more."""
    backend = backends.load(name, "cpu", "bf16")
    found = parity(backend, "coordconv_classifier")
    assert 2**-12 < found.outputs < 2**-4
    assert 2**-12 < found.gradients < 2**-2
    # The dense layer's product is rounded too, the sum is not.
    one = backend.asarray(np.full((1, 1), 1 + 2**-10, np.float32))
    product = backend.to_numpy(backend.xp.matmul(one, one))
    assert (product.dtype, product.item()) == (np.float32, 1)
    assert backend.to_numpy(one + one).item() == 2 + 2**-9


def test_out_of_memory_names_the_batch_and_keeps_what_is_finished(capsys, tmp_path):
    """A real one: the process may have little more memory than PyTorch itself takes."""
    pytest.importorskip("torch")
    program = """
import resource, sys, torch
from compare import backends, cli
from compare.learned import training
step = training._indexed_step
def limited(*arguments):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), used + (64 << 20)))
    return step(*arguments)
arguments = sys.argv[1:]
assert cli.main([*arguments, "--solver", "argmax"]) == 0
training._indexed_step = limited
sys.exit(cli.main([*arguments, "--solver", "conv", "--size", "64", "--batch", "2368"]))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program, *RUN, "--backend", "torch", "--device", "cpu",
         "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert answer.returncode == 1, answer.stderr
    lines = [line for line in answer.stderr.splitlines() if line.startswith("compare: ")]
    assert len(lines) == 1
    assert "out of memory on cpu in epoch 1, step 1, with a batch of 2368 samples" in lines[0]
    assert "try a batch of 1184" in lines[0]
    assert "Traceback" not in answer.stderr
    assert list(tmp_path.glob("*-argmax-*/run.json"))


def test_no_tf32_where_float32_was_asked_for():
    torch = pytest.importorskip("torch")
    backend = backends.load("torch", "cpu")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    seen = []

    def function(x):
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return x

    backend.jit(function)(backend.asarray(np.zeros(1, np.float32)))
    assert seen == [(False, False)]
