"""Records as one table: its columns, their types and what stands where nothing applies."""

import csv
import io
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from compare import cli
from compare.errors import UsageError
from compare.experiments.plan import Request, make_plans
from compare.experiments.run import load_or_run
from compare.report.text import FORMATS, render
from compare.results.runs import write_record
from compare.results.schema import FILES, FORMAT
from compare.results.table import group, load, sort, tidy, where

LEARNED = {
    "arguments": {
        "task": "coord2image", "split": "uniform", "size": [48, 64], "solver": "conv", "seed": 3,
        "backend": "torch", "device": "cuda:0", "precision": "tf32",
        "recipe": {
            "learning_rate": 0.5, "epochs": 5, "l2": 0.25, "batch": 16, "loss": "mse",
            "lr_schedule": "step", "width": 2, "kernel": 4, "coordinates": "pixels",
            "generator_rate": 0.125, "scenes": 40, "channels": 6,
            "target": "grey", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8,
        },
        "eval_sizes": [[20, 30], [8, 8]],
    },
    "preset": {"name": "paper", "whose": "theirs", "changed": ["l2", "epochs"]},
    "published_epochs": 50, "samples": {"train": 8, "test": 8}, "correct": {},
    "status": "finished", "success": True,
    "scores": {
        "test": {"exact": 0.125}, "train": {"exact": 1.0}, "20x30": {"exact": 0.0625}, "8x8": None,
    },
    "cost": {"parameters": 11, "constants": 13, "multiply_adds": 17},
    "timing": {"train_seconds": 1.5, "predict_microseconds": 2.5, "samples_a_second": 3.5,
               "waiting_seconds": 0.5},
    "ledger": {"processor_seconds": 4.5, "gpu_seconds": 5.5, "multiply_adds": 2**70,
               "processor_joules": 6.5, "gpu_joules": 7.5},
    "environment": {
        "started": "2020-01-02", "handcrafted": "1.0", "python": "3.11", "numpy": "2.0",
        "blas": "openblas", "processor": "x86", "commit": None, "threads": 4, "gpus": ["A", "B"],
    },
}  # fmt: skip
FIXED = {
    "arguments": {
        "task": "coord2image", "split": "uniform", "size": [9, 9], "solver": "slicing", "seed": 0,
        "backend": "numpy", "device": "cpu", "precision": "float32", "recipe": None,
    },
    "status": "finished", "success": False, "scores": {"test": {"exact": 1.0}},
}  # fmt: skip
FAILED = {"arguments": {"solver": "deconv", "size": [1, 2]}, "status": "failed", "error": "no room"}


def test_a_row_says_what_a_record_says():
    table = tidy({"name": LEARNED})
    expected = {
        "run": "name", "task": "coord2image", "split": "uniform", "size": "48x64",
        "solver": "conv", "seed": 3, "backend": "torch", "device": "cuda:0", "precision": "tf32",
        "learning_rate": 0.5, "epochs": 5, "l2": 0.25, "batch": 16, "loss": "mse",
        "lr_schedule": "step", "width": 2, "kernel": 4, "coordinates": "pixels",
        "target": "grey", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8,
        "generator_rate": 0.125, "scenes": 40, "channels": 6,
        "preset": "paper but l2", "published_epochs": 50, "unfinished": True,
        "status": "finished", "error": "", "success": True, "test_exact": 0.125,
        "train_exact": 1.0, "20x30_exact": 0.0625, "parameters": 11, "multiply_adds": 17,
        "train_seconds": 1.5, "predict_microseconds": 2.5, "samples_a_second": 3.5,
        "waiting_seconds": 0.5, "processor_seconds": 4.5, "gpu_seconds": 5.5,
        "total_multiply_adds": 2.0**70, "processor_joules": 6.5, "gpu_joules": 7.5,
        "started": "2020-01-02", "handcrafted": "1.0", "python": "3.11", "numpy": "2.0", "blas": "openblas",
        "processor": "x86", "commit": "", "threads": 4, "gpus": "A, B",
    }  # fmt: skip
    assert list(table.dtype.names) == list(expected)
    assert table[0].item() == tuple(expected.values())


def test_where_nothing_applies_a_number_is_nan_and_a_text_empty():
    table = tidy({"a": LEARNED, "b": FIXED, "c": FAILED})
    assert table["run"].tolist() == ["a", "b", "c"]
    assert table["error"].tolist() == ["", "", "no room"]
    assert table["size"].tolist() == ["48x64", "9x9", "1x2"]
    assert table["success"].tolist() == [True, False, False]
    assert table["seed"].tolist() == [3, 0, 0]
    for name in ("loss", "lr_schedule", "coordinates", "gpus", "numpy", "commit"):
        assert table[name].tolist()[1:] == ["", ""]
    for name in ("learning_rate", "epochs", "l2", "batch", "width", "kernel", "parameters", "threads",
                 "multiply_adds", "train_seconds", "20x30_exact", "train_exact", "gpu_seconds",
                 "total_multiply_adds", "waiting_seconds"):  # fmt: skip
        assert table.dtype[name] == np.float64
        assert np.isnan(table[name]).tolist() == [False, True, True]
    assert np.isnan(table["test_exact"]).tolist() == [False, False, True]


def test_the_types_of_columns():
    table = tidy({"a": LEARNED, "b": LEARNED})
    assert table.dtype["success"] == np.bool_
    for name in ("seed", "epochs", "batch", "parameters", "threads"):
        assert table.dtype[name] == np.int64
    for name in ("learning_rate", "test_exact", "train_seconds"):
        assert table.dtype[name] == np.float64
    for name in ("run", "solver", "loss", "commit", "gpus"):
        assert table.dtype[name].kind == "U"
    assert isinstance(table, np.recarray)


def test_a_column_that_holds_a_text_is_all_texts():
    found = {str(device): {"arguments": {"device": device}} for device in ("cpu", None, 7)}
    assert tidy(found)["device"].tolist() == ["cpu", "", "7"]


def test_a_table_without_runs_has_its_columns():
    table = tidy({})
    assert len(table) == 0
    assert {"run", "solver", "learning_rate", "threads"} <= set(table.dtype.names)


def test_a_directory_of_runs_is_one_table_with_a_warning_for_each_that_is_damaged(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        for file in FILES:
            (tmp_path / name / file).write_bytes(b"")
        record = {"format": FORMAT, **LEARNED, "arguments": {**LEARNED["arguments"], "task": "x"}}
        write_record(tmp_path / name, record, FILES, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path)["run"].tolist() == ["a", "b"]
    (tmp_path / "b" / "run.json").write_text("")
    with pytest.warns(UserWarning, match=r"run\.json is damaged.*; skipped") as warned:
        assert load(tmp_path)["run"].tolist() == ["a"]
    assert [warning.filename for warning in warned] == [__file__]


def plan(**changes):
    request = {"task": "onehot2coord", "seeds": (0,), "size": "16", "solver": "argmax",
               "split": "uniform", "recipe": {"epochs": "1"}, **changes}  # fmt: skip
    (only,) = make_plans(Request(**request))
    return only


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A learned run and one of a closed form."""
    out = tmp_path_factory.mktemp("runs")
    load_or_run(plan(), out)
    load_or_run(plan(solver="coordconv", seeds=(3,)), out)
    return out


def test_the_record_array_is_tidy(two):
    table = load(str(two))
    assert isinstance(table, np.recarray)
    assert list(table.solver) == ["argmax", "coordconv"]
    assert list(table.seed) == [0, 3]
    assert list(table["size"]) == ["16x16", "16x16"]
    assert table.test_exact[0] == 1
    assert np.isnan(table.learning_rate[0])
    assert table.learning_rate[1] == 0.01
    assert table.success.dtype == bool
    assert not any(table.dtype[name].hasobject for name in table.dtype.names)


def test_pandas_and_polars_take_it_as_it_is(two):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    table = load(two)
    for frame in (pandas.DataFrame(table), polars.DataFrame(table)):
        assert list(frame.columns) == list(table.dtype.names)
        assert list(frame["solver"]) == ["argmax", "coordconv"]
        assert frame["test_exact"][0] == 1.0


def test_an_empty_store_is_an_empty_table_and_none_is_an_error(tmp_path):
    assert len(load(tmp_path)) == 0
    assert "solver" in load(tmp_path).dtype.names
    with pytest.raises(UsageError, match=r"cannot read runs from '.*absent': No such file"):
        load(tmp_path / "absent")


def test_records_of_a_diverged_run_are_read(tmp_path):
    load_or_run(plan(solver="conv", recipe={"learning_rate": "1e18", "epochs": "9"}), tmp_path)
    (row,) = load(tmp_path)
    assert row.status == "diverged"
    assert row.test_mean_error == np.inf
    (path,) = tmp_path.glob("*/history.csv")
    assert json.loads((path.parent / "run.json").read_text())["status"] == "diverged"


RUN = ["run", "--task", "onehot2coord", "--size", "16", "--split", "uniform"]


def compare(capsys, *arguments):
    code = cli.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two learned runs with different rates, one that diverged, and two that learn nothing."""
    out = tmp_path_factory.mktemp("runs")
    ready = ["--solver", "handcrafted,argmax", "--out", str(out)]
    assert cli.main([*RUN, *ready]) == 0
    for rate in ("0.01", "0.002", "1e18"):
        learned = ["--solver", "conv", "--seeds", "1", "--epochs", "4", "--learning-rate", rate]
        assert cli.main([*RUN, *learned, "--out", str(out)]) == 0
    return out


def rows(table, *names):
    return [tuple(row[name] for name in names) for row in table]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], {"handcrafted", "argmax", 0.01, 0.002, 1e18}),
        (["solver=conv"], {0.01, 0.002, 1e18}),
        (["solver!=conv"], {"handcrafted", "argmax"}),
        (["solver = argmax,handcrafted"], {"handcrafted", "argmax"}),
        (["solver!=argmax,handcrafted"], {0.01, 0.002, 1e18}),
        (["learning_rate>0.002"], {0.01, 1e18}),
        (["learning_rate<=0.01", "learning_rate!=0.01"], {0.002}),
        (["success=yes"], {"handcrafted", "argmax"}),
        (["success=TRUE"], {"handcrafted", "argmax"}),
        (["success!=false"], {"handcrafted", "argmax"}),
        (["success=false"], {0.01, 0.002, 1e18}),
        (["status=diverged"], {1e18}),
        (["test_mean_error=inf"], {1e18}),
        (["seed>7"], set()),
    ],
)
def test_filters(store, conditions, expected):
    table = where(load(store), conditions)
    found = {row.solver if row.solver != "conv" else float(row.learning_rate) for row in table}
    assert found == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("solver", "'solver' is not a condition; give COLUMN=VALUE, or with one of = !="),
        ("=conv", "'=conv' is not a condition"),
        (
            "solvr=conv",
            "unknown column 'solvr'; did you mean 'solver'? choose from: run, task, split",
        ),
        ("seed=one", "'one' in 'seed=one' is not a number"),
        ("success=maybe", "'maybe' in 'success=maybe' is not yes or no"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(store, condition, message, capsys):
    code, out, err = compare(capsys, "results", str(store), "--where", condition)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_sorting_puts_what_is_no_number_last(store):
    table = load(store)
    up = sort(table, ["learning_rate", "solver"])
    assert rows(up, "solver")[:3] == [("conv",)] * 3
    assert list(up["learning_rate"][:3]) == [0.002, 0.01, 1e18]
    assert list(up["solver"][3:]) == ["argmax", "handcrafted"]
    down = sort(table, ["learning_rate", "solver"], reverse=True)
    assert list(down["learning_rate"][:3]) == [1e18, 0.01, 0.002]
    assert list(down["solver"][3:]) == ["handcrafted", "argmax"]


def test_groups_give_medians_and_ranges(store):
    table = load(store)
    groups = group(table, ["solver"])
    assert rows(groups, "solver", "runs", "diverged", "success") == [
        ("argmax", 1, 0, 1.0), ("conv", 3, 1, 0.0), ("handcrafted", 1, 0, 1.0)
    ]  # fmt: skip
    conv = groups[1]
    errors = np.sort(table["test_mean_error"][table["solver"] == "conv"])
    assert conv["test_mean_error_min"] == errors[0]
    assert conv["test_mean_error"] == errors[1]
    assert conv["test_mean_error_max"] == errors[2] == np.inf
    # Two solvers have no rate, which is one group and not one for each NaN.
    assert sorted(group(table, ["learning_rate"])["runs"]) == [1, 1, 1, 2]


def test_csv_holds_every_column_in_full(store, capsys):
    code, out, _ = compare(capsys, "results", str(store), "--format", "csv")
    assert code == 0
    read = list(csv.DictReader(io.StringIO(out)))
    table = load(store)
    assert list(read[0]) == list(table.dtype.names)
    for row, record in zip(read, table, strict=True):
        assert row["run"] == record.run
        assert float(row["test_mean_error"]) == record.test_mean_error
        assert (row["learning_rate"] == "") == bool(np.isnan(record.learning_rate))


def test_json_is_strict(store, capsys):
    def refuse(name):
        raise AssertionError(name)

    code, out, _ = compare(capsys, "results", str(store), "--format", "json", "--sort", "solver")
    read = json.loads(out, parse_constant=refuse)
    assert code == 0
    assert [row["solver"] for row in read] == ["argmax", "conv", "conv", "conv", "handcrafted"]
    diverged = next(row for row in read if row["status"] == "diverged")
    assert diverged["test_mean_error"] is None


def test_the_table_says_once_what_is_always_the_same(store, capsys):
    code, out, err = compare(capsys, "results", str(store), "--sort", "test_mean_error")
    assert (code, err) == (0, "")
    first, *parts = out.rstrip().split("\n\n")
    assert first.startswith("task onehot2coord, split uniform, size 16x16, ")
    header, _, *body = parts[0].splitlines()
    assert header.split()[:4] == ["solver", "status", "learning_rate", "success"]
    assert len(body) == 5
    assert body[-1].split()[:2] == ["conv", "diverged"]


def test_chosen_columns_in_markdown(store, capsys):
    chosen = ["--columns", "solver,test_exact", "--where", "success=yes", "--format", "markdown"]
    _, out, _ = compare(capsys, "results", str(store), *chosen)
    assert out.splitlines() == [
        "| solver | test_exact |", "| --- | ---: |", "| argmax | 1 |", "| handcrafted | 1 |"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "xml"], "unknown format 'xml'; choose from: table, csv, json, markdown"),
        (["--by", "sover"], "unknown column 'sover'"),
        (["--sort", "sover"], "unknown column 'sover'"),
        (["--columns", "sover"], "unknown column 'sover'"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(store, arguments, message, capsys):
    code, out, err = compare(capsys, "results", str(store), *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_no_runs_and_no_directory(tmp_path, capsys):
    code, out, err = compare(capsys, "results", str(tmp_path))
    assert (code, out, err) == (0, "", f"compare: no runs in {tmp_path}/\n")
    assert compare(capsys, "results", str(tmp_path), "--format", "json")[1] == "[]\n"
    code, _, err = compare(capsys, "results", str(tmp_path / "absent"))
    assert code == 2
    assert "cannot read runs from" in err


def test_check_reads_every_file(store, capsys):
    (path,) = store.glob("*-argmax-*/predictions.npz")
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    try:
        _, out, err = compare(capsys, "results", str(store), "--format", "csv", "--check")
        assert err == f"compare: {path} is missing, damaged or was changed; skipped\n"
        assert "argmax" not in out
    finally:
        path.write_bytes(good)


@pytest.mark.parametrize("grouped", [False, True])
def test_tables_of_several_tasks_fit_80_columns_and_lose_nothing(store, grouped):
    table = load(store)
    other = table.copy()
    other["task"] = "image2coord"
    both = np.concatenate([table, other])
    if grouped:
        both = group(both, ("task", "split", "solver", "learning_rate"))
    text = render(both, "table")
    assert max(map(len, text.splitlines())) <= 80
    lines = text.splitlines()
    assert sum(line.startswith("task ") for line in lines) == 2
    for name in ("test_exact", "test_mean_error", "test_worst_error", "train_seconds"):
        headers = [line.split() for line in lines if name in line.split()]
        assert len(headers) == 2  # once for each task
        assert all({"solver", "learning_rate"} <= set(header) for header in headers)


@pytest.mark.parametrize("style", FORMATS)
def test_groups_by_any_column_in_every_format(store, style):
    """Of several tasks too, which are one group where the task is not asked for."""
    table = load(store)
    other = table.copy()
    other["task"] = "image2coord"
    both = np.concatenate([table, other])
    for name in both.dtype.names:
        assert render(group(both, (name,)), style)
    assert render(group(both, ("seed",)), "csv").splitlines()[1].startswith("0,10,")


def test_a_reader_that_stops_early_is_no_error(store):
    command = f"'{sys.executable}' -m compare results '{store}' --format csv | true"
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert answer.stderr == ""


@pytest.mark.parametrize("style", FORMATS)
def test_questions_to_an_empty_store_have_an_empty_answer(tmp_path, capsys, style):
    questions = ["--where", "test_exact>0.5", "--where", "solver=conv", "--by", "solver",
                 "--sort", "test_exact", "--columns", "solver,test_exact"]  # fmt: skip
    code, out, err = compare(capsys, "results", str(tmp_path), *questions, "--format", style)
    assert code == 0
    if style in ("table", "markdown"):
        assert (out, err) == ("", f"compare: no runs in {tmp_path}/ that match, of 0\n")
    else:
        assert err == ""
        assert out == "[]\n" if style == "json" else out.startswith("run,task,split,")
        assert out.count("\n") == 1
    code, _, err = compare(capsys, "results", str(tmp_path), "--where", "test_exact")
    assert code == 2
    assert "'test_exact' is not a condition" in err


def test_a_filter_on_scores_where_every_run_failed_finds_none(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise MemoryError("too big")

    with monkeypatch.context() as patch:
        patch.setattr("compare.experiments.run._run", broken)
        assert cli.main([*RUN, "--solver", "argmax", "--out", str(tmp_path)]) == 1
    capsys.readouterr()
    code, _, err = compare(capsys, "results", str(tmp_path), "--where", "test_exact>0.5")
    assert (code, err) == (0, f"compare: no runs in {tmp_path}/ that match, of 1\n")
