"""The command as a user meets it: what it prints, what it leaves, what it refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest

from compare import cli
from compare.files import read_arrays

RUN = ["run", "--task", "onehot2coord", "--size", "16"]


def compare(capsys, *arguments):
    code = cli.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Every solver on both splits, two seeds, one epoch."""
    out = tmp_path_factory.mktemp("runs")
    assert cli.main([*RUN, "--seeds", "2", "--epochs", "1", "--out", str(out)]) == 0
    return out


def test_each_run_leaves_its_directory(finished):
    directories = sorted(path.name for path in finished.iterdir())
    # Two solvers learn from two seeds each, four have nothing to learn; on two splits.
    assert len(directories) == 2 * (2 * 2 + 4)
    for name in directories:
        files = {path.name for path in (finished / name).iterdir()} - {".lock"}
        assert files == {"run.json", "history.csv", "predictions.npz", "weights.npz"}


def test_a_record_says_what_determined_it(finished):
    (path,) = finished.glob("*-uniform-coordconv-seed1-*/run.json")
    record = json.loads(path.read_text())
    arguments = record["arguments"]
    assert arguments["task"] == "onehot2coord"
    assert arguments["size"] == [16, 16]
    assert (arguments["split"], arguments["solver"], arguments["seed"]) == (
        "uniform", "coordconv", 1
    )  # fmt: skip
    assert (arguments["recipe"]["learning_rate"], arguments["recipe"]["epochs"]) == (0.01, 1)
    assert record["published_epochs"] == 100
    assert not arguments.keys() & record.keys()  # everything is said once
    assert record["environment"]["numpy"] == np.__version__
    assert record["scores"]["test"]["exact"] <= record["scores"]["test"]["rounded"]
    weights = read_arrays(path.with_name("weights.npz"))
    assert sum(array.size for array in weights.values()) == record["cost"]["parameters"] == 906


def test_predictions_give_the_scores_again(finished):
    for path in finished.glob("*/run.json"):
        record = json.loads(path.read_text())
        arrays = read_arrays(path.with_name("predictions.npz"))
        right = (arrays["test_prediction"] == arrays["test_position"]).all(axis=1)
        assert (arrays["test_exact"] == right).all()
        assert record["scores"]["test"]["exact"] == right.mean()
        if record["arguments"]["solver"] not in ("coordconv", "conv"):
            assert right.all()


def test_json_is_all_there_is_on_standard_output(finished, capsys):
    code, out, _ = compare(
        capsys, *RUN, "--seeds", "2", "--epochs", "1", "--out", str(finished), "--json"
    )
    assert code == 0
    answer = json.loads(out)
    assert answer["preset"] is None
    assert len(answer["rows"]) == 12
    handcrafted = next(row for row in answer["rows"] if row["solver"] == "handcrafted")
    assert handcrafted["scores"]["test"]["exact"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    pairs = [pair["solvers"] for pair in answer["pairs"]["uniform"]]
    assert len(pairs) == 15
    assert ["handcrafted", "conv"] in pairs


def test_the_table_fits_80_columns_and_names_its_budget(finished, capsys):
    code, out, err = compare(capsys, *RUN, "--seeds", "2", "--epochs", "1", "--out", str(finished))
    assert code == 0
    assert err == ""
    table = out.split("\n\nDone in")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "1 of the full recipe's 100 epochs, so unfinished; seeds 0 to 1." in table
    for name in ("handcrafted", "coordconv", "conv", "argmax", "uniform", "quadrant"):
        assert name in table


def test_finished_runs_are_not_repeated_unless_forced(finished, capsys):
    chosen = [*RUN, "--seeds", "1", "--epochs", "1", "--out", str(finished),
              "--solver", "coordconv", "--split", "uniform"]  # fmt: skip
    (path,) = finished.glob("*-uniform-coordconv-seed0-*/run.json")
    written = path.stat().st_mtime_ns
    assert compare(capsys, *chosen)[0] == 0
    assert path.stat().st_mtime_ns == written
    before = read_arrays(path.with_name("weights.npz"))
    assert compare(capsys, *chosen, "--force")[0] == 0
    assert path.stat().st_mtime_ns > written
    after = read_arrays(path.with_name("weights.npz"))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_damaged_record_is_named_and_run_again(finished, capsys):
    (path,) = finished.glob("*-quadrant-argmax-*/run.json")
    path.write_text(path.read_text()[:100])
    code, _, err = compare(
        capsys, *RUN, "--solver", "argmax", "--split", "quadrant", "--out", str(finished)
    )
    assert code == 0
    assert f"{path} is damaged" in err
    assert json.loads(path.read_text())["scores"]["test"]["exact"] == 1


def test_list_shows_what_there_is(capsys):
    code, out, _ = compare(capsys, "list")
    assert code == 0
    for name in ("onehot2coord", "handcrafted", "coordconv", "conv", "argmax", "numpy"):
        assert name in out
    code, out, _ = compare(capsys, "list", "--devices")
    assert code == 0
    assert "numpy    devices: cpu" in out


BAD = [
    (["run", "--task", "onehot2cord"], "unknown task 'onehot2cord'; choose from: onehot2coord"),
    (
        [*RUN, "--solver", "magic"],
        "unknown solver 'magic'; choose from: handcrafted, handcrafted-c",
    ),
    ([*RUN, "--solver", "magic\ntrick"], "unknown solver 'magic trick'; choose from: handcrafted"),
    ([*RUN, "--split", "half"], "unknown split 'half'; choose from: uniform, quadrant"),
    ([*RUN, "--backend", "cuda"], "unknown backend 'cuda'; choose from: numpy"),
    ([*RUN, "--device", "gpu:7"], "no device 'gpu:7' here; present: cpu"),
    ([*RUN, "--preset", "fast"], "unknown preset 'fast'; choose from: quick, paper"),
    ([*RUN, "--size", "8"], "8x8 is too small for the 9x9 square"),
    ([*RUN, "--size", "0"], "0x0 is too small"),
    ([*RUN, "--size", "9"], "leaves the uniform split nothing to"),
    ([*RUN, "--size", "-64"], "--size is '-64'"),
    ([*RUN, "--size", "64x64x3"], "--size is '64x64x3'"),
    ([*RUN, "--size", "big"], "--size is 'big'"),
    ([*RUN, "--seeds", "0"], "--seeds is '0'; give a whole number, 1 or more"),
    ([*RUN, "--seeds", "-3"], "--seeds is '-3'"),
    ([*RUN, "--seeds", "100001"], "--seeds is '100001'; give a whole number up to 100000"),
    ([*RUN, "--epochs", "9" * 5000], "--epochs is '9999"),
    (
        [*RUN, "--size", "1000000"],
        "--size is '1000000'; the coordinates of so many pixels alone take",
    ),
    ([*RUN, "--size", "9" * 5000], "--size is '9999"),
    ([*RUN, "--seeds", "2.5"], "--seeds is '2.5'"),
    ([*RUN, "--epochs", "0"], "--epochs is '0'; give a whole number, 1 or more"),
    ([*RUN, "--epochs", "-1"], "--epochs is '-1'"),
    ([*RUN, "--epochs", "many"], "--epochs is 'many'"),
    ([*RUN, "--learning-rate", "0"], "--learning-rate is '0'; give a number above 0"),
    ([*RUN, "--learning-rate", "nan"], "--learning-rate is 'nan'; give a number above 0"),
    ([*RUN, "--l2", "-1"], "--l2 is '-1'; give a number 0 or more"),
    ([*RUN, "--batch", "0"], "--batch is '0'; give a whole number, 1 or more"),
    ([*RUN, "--loss", "sigmoid"], "unknown loss 'sigmoid'; choose from: mse"),
    ([*RUN, "--lr-schedule", "cosine"], "unknown lr-schedule 'cosine'; choose from: constant"),
    ([*RUN, "--width", "4"], "unknown width '4'; choose from: 1, 2, 3"),
    ([*RUN, "--kernel", "3"], "--kernel changes nothing here: none of the solvers handcrafted, "),
    ([*RUN, "--coordinates", "polar"], "unknown coordinates 'polar'; choose from: scaled, pixels"),
    ([*RUN, "--eval-size", "20,8"], "8x8 is too small for the 9x9 square"),
    ([*RUN, "--eval-size", "wide"], "--eval-size is 'wide'; give pixels as N or as HEIGHTxWIDTH"),
    ([*RUN, "--sizes", "3"], "unrecognized arguments: --sizes"),
    (["run"], "required: --task"),
    (["walk"], "invalid choice: 'walk'"),
    ([], "required: COMMAND"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD, ids=[" ".join(a[3:] or a)[:40] for a, _ in BAD]
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = compare(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.startswith("compare: ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []  # refused before any work


def test_an_output_directory_that_is_a_file_is_refused(capsys, tmp_path):
    (tmp_path / "runs").write_text("")
    code, _, err = compare(capsys, *RUN, "--out", str(tmp_path / "runs"))
    assert code == 2
    assert f"cannot write to the output directory '{tmp_path / 'runs'}'" in err


def test_an_output_directory_on_a_read_only_system_is_refused(capsys):
    code, _, err = compare(capsys, *RUN, "--out", "/proc/runs")
    assert code == 2
    assert "cannot write to the output directory '/proc/runs'" in err


def test_python_dash_m_is_the_same_command():
    answer = subprocess.run(
        [sys.executable, "-m", "compare", "list"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("tasks and their solvers")
    wrong = subprocess.run(
        [sys.executable, "-m", "compare", "run", "--task", "x"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def test_prove_says_what_by_which_means_and_how_many_cases(capsys):
    pytest.importorskip("z3")
    code, out, err = compare(capsys, "prove", "--task", "onehot2coord", "--max-size", "9")
    assert (code, err) == (0, "")
    for name in ("onehot2coord", "onehot2coord without coordinates"):
        assert f"proved   {name}\n         exact on every canvas there is\n         SMT lem" in out
    assert out.count("exact in every case of every canvas to 9x9") == 2
    assert out.count("enumeration in float32, 2,025 cases") == 2
    assert out.splitlines()[-1].startswith("All proved: ")
    assert max(map(len, out.splitlines())) <= 80


def test_prove_covers_every_task_in_every_dtype(capsys):
    pytest.importorskip("z3")
    for dtype in ("float16", "float64", "int64"):
        code, out, _ = compare(capsys, "prove", "--max-size", "12", "--dtype", dtype)
        assert code == 0
        assert f"{dtype} holds every integer to " in out
        for name in ("coord2onehot", "coord2image", "image2coord", "image2objects"):
            assert f"proved   {name}\n         exact on every canvas" in out
        # Two objects have no room on a canvas so small, which is said and is no gap.
        assert "SKIPPED  objects2image\n         enumeration" in out


def test_prove_fails_loudly(capsys, monkeypatch):
    from handcrafted import onehot2coord
    from handcrafted.operations import Subtraction

    right = onehot2coord.steps

    def wrong(height, width):
        return (*right(height, width)[:-1], Subtraction((width, height - 1)))

    monkeypatch.setattr(onehot2coord, "steps", wrong)
    code, out, err = compare(capsys, "prove", "--task", "onehot2coord", "--max-size", "9")
    assert code == 1
    assert err.startswith("compare: NOT PROVED: 'H minus the sum is y' does not hold")
    assert "All proved" not in out
    # Without an SMT solver the enumeration still finds it.
    monkeypatch.setattr("handcrafted.proofs.claims.find_spec", lambda name: None)
    code, out, err = compare(capsys, "prove", "--task", "onehot2coord", "--max-size", "9")
    assert code == 1
    assert "NOT PROVED: onehot2coord on 1x1 in float32 is wrong at (0, 0)" in err


def test_prove_without_the_solver_says_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr("handcrafted.proofs.claims.find_spec", lambda name: None)
    code, out, _ = compare(capsys, "prove", "--task", "coord2onehot", "--max-size", "9")
    assert code == 1
    assert (
        "SKIPPED  coord2onehot\n         every size\n         needs z3: pip install z3-solver"
        in out
    )
    assert "Not everything was proved (see SKIPPED)" in out


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


BAD_PROOFS_AND_EXPORTS = [
    (["prove", "--task", "magic"], "unknown task 'magic'; choose from: onehot2coord"),
    (["prove", "--dtype", "float8"], "unknown dtype 'float8'; choose from: float16, float32"),
    (["prove", "--max-size", "0"], "--max-size is '0'; give a whole number, 1 or more"),
    (["prove", "--max-size", "2049", "--dtype", "float16"], "2049 pixels is beyond 2048"),
    (["export", "--task", "onehot2coord"], "required: file"),
    (["export", "--task", "magic", "a.onnx"], "unknown task 'magic'"),
    (["export", "--task", "onehot2coord", "a.pb"], "'a.pb' does not end in .onnx"),
    (["export", "--task", "onehot2coord", "--size", "0", "a.onnx"], "the height is 0"),
    (["export", "--task", "image2coord", "--size", "8", "a.onnx"], "smaller than the 9x9 square"),
    (["export", "--task", "onehot2coord", "/proc/x/a.onnx"], "cannot write to"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD_PROOFS_AND_EXPORTS, ids=lambda a: " ".join(a)[:60]
)
def test_bad_input_to_prove_and_export(arguments, message, capsys, tmp_path, monkeypatch):
    test_bad_input_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch)


def test_export_without_onnx_names_the_command(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, _, err = compare(capsys, "export", "--task", "onehot2coord", str(tmp_path / "a.onnx"))
    assert code == 2
    assert "export needs onnx; run: pip install onnx" in err


@pytest.mark.parametrize("argument", ["--help", "--version", "list"])
def test_nothing_heavy_is_imported_to_say_what_there_is(argument):
    heavy = "numpy scipy matplotlib torch jax distributed dask onnx jinja2"
    code = (
        "import sys; from compare import cli\n"
        f"try: cli.main([{argument!r}])\n"
        "except SystemExit: pass\n"
        f"sys.exit(', '.join(set({heavy!r}.split()) & sys.modules.keys()) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")
