"""Records as one table: its columns, their types and what stands where nothing applies."""

import warnings

import numpy as np
import pytest

from compare.results.runs import write_record
from compare.results.schema import FILES, FORMAT
from compare.results.table import load, tidy

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
