"""`compare export`: trained and computed weights as files, and what is refused."""

import json

import numpy as np
import pytest

from compare import cli
from compare.files import read_arrays

SIZE = ["--size", "16"]


def compare(capsys, *arguments):
    code = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One trained run, and two of solvers that learn nothing."""
    out = tmp_path_factory.mktemp("runs")
    command = ["run", "--task", "onehot2coord", *SIZE, "--split", "quadrant", "--seeds", "1",
               "--epochs", "1", "--solver", "conv,argmax,handcrafted-conv", "--out", str(out)]  # fmt: skip
    assert cli.main(command) == 0
    return out


def run_of(runs, solver):
    (path,) = runs.glob(f"*-quadrant-{solver}-seed0-*")
    return path


def test_a_finished_run_is_written_in_each_format(runs, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    onnxruntime = pytest.importorskip("onnxruntime")
    safetensors = pytest.importorskip("safetensors.numpy")
    run = run_of(runs, "conv")
    for ending in ("onnx", "safetensors", "pt"):
        # An option may stand between the two.
        code, out, err = compare(capsys, "export", run, "--force", tmp_path / f"a.{ending}")
        assert (code, err) == (0, "")
        assert f"{run.name} written to {tmp_path / 'a'}.{ending}" in out
    weights = read_arrays(run / "weights.npz")
    state = torch.load(tmp_path / "a.pt", weights_only=True)
    arrays = safetensors.load_file(tmp_path / "a.safetensors")
    assert (state["0.weight"].numpy() == weights["0.weight"]).all()
    assert (arrays["4.running_var"] == weights["4.variance"]).all()
    stored = read_arrays(run / "predictions.npz")
    from compare.datasets.not_so_clevr import one_hot

    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    inputs = one_hot(stored["test_position"], 16, 16)
    (outputs,) = session.run(None, {"input": inputs})
    np.testing.assert_allclose(outputs * 16, stored["test_prediction"], rtol=1e-3, atol=1e-3)


def test_computed_weights_are_written_with_their_options(tmp_path, capsys):
    safetensors = pytest.importorskip("safetensors")
    file = tmp_path / "a.safetensors"
    code, _, _ = compare(
        capsys, "export", "--task", "coord2image", "--solver", "handcrafted-deconv",
        "--kernel", "2", "--coordinates", "pixels", "--size", "20x24", file,
    )  # fmt: skip
    assert code == 0
    with safetensors.safe_open(file, "numpy") as opened:
        description = opened.metadata()["description"]
        assert opened.get_tensor("0.bias" if "0.bias" in opened.keys() else "1.bias").shape  # noqa: SIM118
        assert opened.get_tensor("1.weight").shape == (2, 64, 2, 2)
    assert description.startswith(
        "coord2image handcrafted-deconv, uniform split, 20x24, width 1, kernel 2, "
        "coordinates pixels, loss sigmoid, computed weights\n"
    )
    assert "ConvTranspose(channels=64, kernel=2, stride=2)" in description


def test_the_split_decides_the_architecture(tmp_path, capsys):
    safetensors = pytest.importorskip("safetensors.numpy")
    first = {}
    for split in ("uniform", "quadrant"):
        file = tmp_path / f"{split}.safetensors"
        arguments = ["--task", "onehot2coord", "--solver", "handcrafted-conv", *SIZE]
        assert compare(capsys, "export", *arguments, "--split", split, file)[0] == 0
        first[split] = safetensors.load_file(file)["0.weight"].shape
    assert first == {"uniform": (16, 1, 3, 3), "quadrant": (16, 1, 5, 5)}


def test_without_a_split_the_first_ones_network_is_written_on_any_canvas_of_its_own(
    tmp_path, capsys
):
    """The quadrant split's has no weights on this one."""
    pytest.importorskip("safetensors")
    arguments = ["--task", "onehot2coord", "--solver", "handcrafted-conv", "--size", "104"]
    code, out, err = compare(capsys, "export", *arguments, tmp_path / "a.safetensors")
    assert (code, err) == (0, "")
    assert "uniform split, 104x104" in out
    code, _, err = compare(
        capsys, "export", *arguments, "--split", "quadrant", tmp_path / "b.safetensors"
    )
    assert code == 2
    assert "104x104 on the quadrant split: no weights are known" in err


@pytest.mark.parametrize(
    ("task", "solver", "size"),
    [
        ("onehot2coord", "coordconv", "1x3"),  # smaller than any that the data set has
        ("image2coord", "coordconv", "4096"),  # the largest that there are weights for
        ("onehot2coord", "conv", "1500x1600"),
        ("coord2onehot", "coordconv", "65536"),
        ("coord2image", "coordconv", "65536"),
    ],
)
def test_computed_weights_need_no_data_set(task, solver, size, tmp_path, capsys):
    """Their samples would be up to 4 billion, and not be evaluated in any memory."""
    pytest.importorskip("safetensors")
    selection = ["--task", task, "--solver", f"handcrafted-{solver}", "--size", size]
    code, _, err = compare(capsys, "export", *selection, tmp_path / "a.safetensors")
    assert (code, err) == (0, "")


def test_an_existing_file_is_replaced_only_when_forced(tmp_path, capsys):
    pytest.importorskip("onnx")
    file = tmp_path / "a.onnx"
    file.write_text("mine")
    arguments = ["export", "--task", "onehot2coord", *SIZE, file]
    code, _, err = compare(capsys, *arguments)
    assert code == 2
    assert "exists; give another name, or --force to replace it" in err
    assert file.read_text() == "mine"
    assert compare(capsys, *arguments, "--force")[0] == 0
    assert file.read_bytes() != b"mine"


COMPUTED = ["--task", "coord2onehot", "--solver", "handcrafted-deconv"]
BAD = [
    (["a.onnx"], "give the directory of a finished run, or --task"),
    ([*COMPUTED, "a.h5"], "'a.h5' does not end in .onnx, .safetensors, .pt"),
    ([*COMPUTED, "--size", "128", "a.pt"], "canvas of 128x128; give sides of 1 to 64 pixels"),
    (
        ["--task", "onehot2coord", "--solver", "handcrafted-conv", "--size", "4096", "a.pt"],
        "its weights would be 268,442,770 numbers, and up to 40,000,000 are computed; give a sm",
    ),
    (
        ["--task", "onehot2coord", "--size", "16777217", "a.onnx"],
        "--size is '16777217', and float32 is exact on sides up to 16,777,216 pixels: give a",
    ),
    ([*COMPUTED, "--kernel", "1", "a.pt"], "no weights are known for a kernel of 1; give 2 or"),
    ([*COMPUTED, "--kernel", "7", "a.pt"], "unknown kernel '7'; choose from: 1, 2, 3, 4"),
    ([*COMPUTED, "--split", "all", "a.pt"], "unknown split 'all'; choose from: uniform, quadrant"),
    (
        ["--task", "coord2onehot", "--solver", "deconv", "a.pt"],
        "no computed weights for solver 'deconv' of task 'coord2onehot'; give a RUN of it, or "
        "choose from: handcrafted, handcrafted-coordconv, handcrafted-deconv",
    ),
    (
        ["--task", "classification", "--solver", "conv", "a.pt"],
        "no computed weights for solver 'conv' of task 'classification'; give a RUN of it\n",
    ),
    (["--task", "classification", "a.onnx"], "unknown task with a network by hand 'classific"),
    (["--task", "nothing", "--solver", "handcrafted-conv", "a.pt"], "unknown task 'nothing'"),
    (["--task", "coord2onehot", "a.pt"], "the handcrafted network has no weights to write"),
    (["--task", "coord2onehot", "--kernel", "2", "a.onnx"], "--kernel changes nothing here"),
    (["nowhere", "a.pt"], "'nowhere' is not a finished run"),
    (["nowhere", "a.pt", "--task", "coord2onehot"], "a run says itself what it is of"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda a: " ".join(a)[:60])
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)  # whatever is installed
    code, out, err = compare(capsys, "export", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ending", "library"), [("onnx", "onnx"), ("safetensors", "safetensors"), ("pt", "torch")]
)
def test_a_missing_library_is_named_with_its_command(
    ending, library, capsys, tmp_path, monkeypatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, _, err = compare(capsys, "export", *COMPUTED, tmp_path / f"a.{ending}")
    assert code == 2
    assert f"export needs {library}; run: pip install {library}" in err


def test_a_run_that_learned_nothing_is_refused(runs, tmp_path, capsys):
    pytest.importorskip("torch")
    tip = "; give --task onehot2coord --solver handcrafted-conv in its place"
    for solver, then in (("argmax", ""), ("handcrafted-conv", tip)):
        code, _, err = compare(capsys, "export", run_of(runs, solver), tmp_path / "a.pt")
        assert code == 2
        assert err.endswith(f"trained no network{then}\n")


def test_a_damaged_or_diverged_run_is_refused(runs, tmp_path, capsys, monkeypatch):
    pytest.importorskip("torch")
    import shutil

    run = tmp_path / run_of(runs, "conv").name
    shutil.copytree(run_of(runs, "conv"), run)
    weights = run / "weights.npz"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-9])
    code, _, err = compare(capsys, "export", run, tmp_path / "a.pt")
    assert code == 2
    assert "weights.npz is missing, damaged or was changed; it cannot be exported" in err
    weights.write_bytes(whole)
    record = json.loads((run / "run.json").read_text())
    monkeypatch.setattr(
        "compare.results.runs.read_record", lambda *_, **__: {**record, "status": "diverged"}
    )
    code, _, err = compare(capsys, "export", run, tmp_path / "a.pt")
    assert code == 2
    assert "diverged; its weights are of no use" in err


@pytest.mark.parametrize("task", ["onehot2coord", "coord2image", "objects2image", "image2objects"])
def test_export_writes_a_model_that_runs(task, capsys, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from handcrafted.proofs.claims import CLAIMS

    file = tmp_path / "new" / "out.onnx"
    code, out, _ = compare(capsys, "export", "--task", task, "--size", "41x50", str(file))
    assert code == 0
    assert f"written to {file}" in out
    claim = CLAIMS[task][0]
    cases = claim.cases(41, 50)[:7]
    session = onnxruntime.InferenceSession(str(file))
    (answers,) = session.run(None, {"input": claim.inputs(cases, 41, 50, np.float32)})
    assert (answers == claim.outputs(cases, 41, 50, np.float32)).all()
