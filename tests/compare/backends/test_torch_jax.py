"""What is particular to PyTorch and to JAX: devices, precisions, faults as the command shows them."""

import json

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
