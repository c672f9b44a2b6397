"""`compare.run` and `compare.fit`: what they take, print, return, and leave behind."""

import math
import re
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

import compare
from compare import api, cli
from compare.learned.recipe import Recipe
from compare.results.runs import read_record

SMALL = {"solver": ["handcrafted", "conv"], "split": "uniform", "size": 16, "seeds": 2, "epochs": 2}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return compare.run("onehot2coord", **SMALL, out=tmp_path_factory.mktemp("api") / "runs")


def test_the_public_names_are_there():
    for name in compare.__all__:
        assert getattr(compare, name)
        assert name in dir(compare)
    with pytest.raises(AttributeError, match="has no attribute 'rum'"):
        compare.rum  # noqa: B018


def test_it_prints_the_table_of_the_command(result, capsys):
    assert cli.main(["-q", "run", "--task", "onehot2coord", "--solver", "handcrafted,conv",
                     "--split", "uniform", "--size", "16", "--seeds", "2", "--epochs", "2",
                     "--out", str(result.out)]) == 0  # fmt: skip
    assert f"{result}\n" == capsys.readouterr().out
    assert repr(result) == str(result)


def test_nothing_is_printed_unless_asked(tmp_path, capfd):
    compare.run("onehot2coord", **SMALL, out=tmp_path)
    compare.fit("onehot2coord", "conv", size=16, epochs=1)
    assert capfd.readouterr() == ("", "")
    compare.run("onehot2coord", **SMALL, out=tmp_path, force=True, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "uniform conv seed 1" in err


def test_a_notebook_shows_tables(result):
    html = result._repr_html_()
    assert html.count("<table>") == 4
    assert '<th scope="row" style="text-align: left">handcrafted</th>' in html
    assert "uniform split, 9 held-out positions" in html


def test_a_row_a_run_for_pandas_and_polars(result):
    for frame in (result.to_pandas(), result.to_polars()):
        assert list(frame["solver"]) == ["handcrafted", "conv", "conv"]
        assert next(iter(frame["test_exact"])) == 1
        assert list(frame["seed"]) == [0, 0, 1]
        assert list(frame["epochs"])[1:] == [2, 2]


def test_the_records_are_those_on_disk(result):
    for name, record in result.records.items():
        assert read_record(result.out / name) == record


def test_finished_runs_are_not_repeated(result):
    before = {path: path.stat().st_mtime_ns for path in result.out.glob("*/run.json")}
    again = compare.run("onehot2coord", **SMALL, out=result.out)
    assert again.records == result.records
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_interrupted_run_is_resumed_to_the_same_bits(tmp_path, monkeypatch):
    asked = {**SMALL, "solver": "conv", "seeds": [1], "epochs": 4}
    whole = compare.run("onehot2coord", **asked, out=tmp_path / "whole")
    bar, trained = api.comparison.title, []

    def interrupt(plan):
        trained.append(plan)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return bar(plan)

    monkeypatch.setattr(api.comparison, "title", interrupt)
    with pytest.raises(KeyboardInterrupt):
        compare.run("onehot2coord", **asked, out=tmp_path / "parts")
    assert len(list((tmp_path / "parts").glob("*/checkpoint.npz"))) == 1
    assert not list((tmp_path / "parts").glob("*/run.json"))
    resumed = compare.run("onehot2coord", **asked, out=tmp_path / "parts")
    assert len(trained) == 4  # two before and two after
    (one,), (other,) = whole.records.items(), resumed.records.items()
    assert one[1]["files"]["weights.npz"] == other[1]["files"]["weights.npz"]
    assert one[0] == other[0]


def test_every_field_of_a_recipe_is_taken(tmp_path):
    values = {"learning_rate": 0.25, "epochs": 1, "l2": 0.5, "batch": 9, "loss": "mse",
              "lr_schedule": "step", "width": 2, "kernel": 2, "coordinates": "pixels",
              "target": "grey", "beta1": 0.5, "beta2": 0.5, "epsilon": 0.1,
              "generator_rate": 0.5, "scenes": 99, "channels": 2}  # fmt: skip
    assert values.keys() == {field.name for field in fields(Recipe)}
    others = {
        **dict.fromkeys(("coordinates", "target"), ("coord2image", "coordconv", 16)),
        **dict.fromkeys(("generator_rate", "scenes", "channels"), ("two-objects", "gan", 50)),
    }
    for name, value in values.items():
        task, solver, size = others.get(name, ("coord2image", "deconv", 64))
        found = api._plans(
            api.run, recipe={name: value}, task=task, seeds=(0,), solver=solver, size=str(size)
        )
        assert {getattr(plan.recipe, name) for plan in found} == {value}


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("onehot2cord", {}, "unknown task 'onehot2cord'; did you mean 'onehot2coord'?"),
        ("onehot2coord", {"epoch": 3}, "unknown argument 'epoch'; did you mean 'epochs'?"),
        ("onehot2coord", {"solver": ["conf"]}, "unknown solver 'conf'; did you mean 'conv'?"),
        ("onehot2coord", {"epochs": 0}, "epochs is '0'; give a whole number, 1 or more"),
        ("onehot2coord", {"epochs": [1]}, "epochs is [1]; give a number"),
        ("onehot2coord", {"seeds": 0}, "seeds is 0; give how many, 1 to"),
        (
            "onehot2coord",
            {"size": (1, 2, 3)},
            "size is (1, 2, 3); give pixels as N or (height, width)",
        ),
        ("onehot2coord", {"size": 8}, "8x8 is too small for the 9x9 square"),
        ("onehot2coord", {"eval_size": [20, (8, 9)]}, "8x9 is too small"),
        ("onehot2coord", {"backend": "numpi"}, "unknown backend 'numpi'; did you mean 'numpy'?"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(task, arguments, message, tmp_path):
    with pytest.raises(compare.UsageError) as refused:
        compare.run(task, **arguments, out=tmp_path / "runs")
    assert message in str(refused.value)
    assert not (tmp_path / "runs").exists()


class Thing:
    """What no argument is."""

    def __repr__(self):
        return "a thing\nof two lines"


NOT = {
    "task": (None, 3, "", " ", ["onehot2coord"], b"onehot2coord", math.nan, "a\nb", "x" * 1000),
    "solver": (3, "", [], {}, [None], ["conv", "nope"], b"conv", {"conv": 1}, "conv,,", True),
    "split": (3, "", [], "half", ["uniform", 3], True, b"uniform", {"uniform"}),
    "seeds": (0, -1, True, 1.5, math.nan, "3", [], [-1], [1.0], None, 10**9, {1}, 10**5000, [2**63]),
    "preset": (3, "", "fast", True, [], b"paper"),
    "data": (3, "", "/nonexistent", True, ["a"], b"/tmp", "a\0b", "x" * 5000),
    "backend": (3, "", "nump", True, ["numpy"], b"numpy"),
    "device": (3, "", "gpu", True, None, ["cpu"]),
    "precision": (3, "", "float128", True, "fp16", ["float32"]),
    "size": (0, -5, True, 1.5, math.nan, "", "big", [], [64], (64,), (0, 64), 10**9, 10**5000,
             np.float32(64), "64x", (math.nan, 3), (20.0, 20), "6\n4", np.array([20, 20])),
    "eval_size": (0, -5, True, 1.5, "", [], [[64]], (1, 2, 3), 10**9, [20] * 200, [None], "20,"),
    "out": (3, True, "", None, "/dev/null", "a\0b", [], b"x", "x" * 5000),
    "force": ("yes", 2, None, [], math.nan),
    "progress": ("yes", 2, [], math.nan),
    "nonsense": (1, None),
}  # fmt: skip


@pytest.mark.parametrize("name", [*NOT, *(field.name for field in fields(Recipe))])
def test_whatever_is_no_value_is_refused_in_one_line(name, tmp_path, monkeypatch):
    """Those of a recipe's fields are no value of any."""
    monkeypatch.chdir(tmp_path)
    asked = {"solver": "conv", "split": "uniform", "size": 16, "seeds": 1, "epochs": 1, "out": "o"}
    never = (-1, 0.5j, "", "x", True, [1], b"1", 10**400, math.nan, np.array([1]), np.array(1.0))
    for value in (*NOT.get(name, never), Thing()):
        task = value if name == "task" else "onehot2coord"
        given = {**asked, **({} if name == "task" else {name: value})}
        if name == "data":
            task, given = "classification", {"data": value}
        with pytest.raises(compare.UsageError) as refused:
            compare.run(task, **given)
        message = str(refused.value)
        assert message.isprintable(), "on one line"
        assert len(message) < 500
        assert re.search(rf"\b{name}\b|folder|canvas|directory|network", message), message
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_and_names_in_arrays_are_taken(tmp_path):
    plain = {"solver": ["conv"], "seeds": [1, 2], "size": 16, "epochs": 1, "l2": 0.5, "force": True}
    numpy = {
        "solver": np.array(["conv"]),
        "seeds": np.arange(1, 3),
        "size": (np.int64(16), np.int32(16)),
        "epochs": np.uint8(1),
        "l2": np.float32(0.5),
        "force": np.True_,
    }
    one, other = (
        compare.run("onehot2coord", split="uniform", out=tmp_path, **form)
        for form in (plain, numpy)
    )
    assert one.records.keys() == other.records.keys()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_library_that_is_not_installed_is_named(result, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)  # as if it were not there
    with pytest.raises(compare.UsageError, match=f"{library} is not installed; run: pip install"):
        getattr(result, f"to_{library}")()


def test_a_run_that_fails_raises(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no luck")

    monkeypatch.setattr("compare.experiments.run._run", fail)
    with pytest.raises(compare.RunError, match=r"RuntimeError: no luck \(.*failure.json says more"):
        compare.run("onehot2coord", **SMALL, out=tmp_path)


def test_sizes_and_seeds_in_every_form(tmp_path):
    forms = [
        {"size": (9, 12), "seeds": [7], "eval_size": [10, (11, 12)]},
        {"size": "9x12", "seeds": (np.int64(7),), "eval_size": "10,11x12"},
    ]
    one, other = (
        compare.run(
            "onehot2coord", solver="conv", split=["uniform"], epochs=1, out=tmp_path, **form
        )
        for form in forms
    )
    assert one.records == other.records
    (record,) = one.records.values()
    assert record["arguments"]["eval_sizes"] == [[10, 10], [11, 12]]
    assert (record["arguments"]["seed"], record["arguments"]["size"]) == (7, [9, 12])


@pytest.mark.parametrize("solver", ["handcrafted", "handcrafted-conv", "coordconv", "argmax"])
def test_a_model_refuses_what_is_no_batch_of_its_task(solver):
    model = compare.fit("onehot2coord", solver, size=16, epochs=1)
    assert model.predict(np.zeros((0, 1, 16, 16), np.float32)).shape == (0, 2)
    for wrong in (np.eye(16), np.zeros((1, 16, 16)), np.zeros((2, 1, 17, 16))):
        with pytest.raises(ValueError, match=r"have shape .*; expected \(n, 1, 16, 16\)"):
            model.predict(wrong)
    for wrong in ([[1]], np.full((1, 1, 16, 16), "a"), None):
        with pytest.raises(TypeError, match="give a NumPy array of numbers"):
            model.predict(wrong)


def test_a_model_is_shown_on_one_line():
    model = compare.fit("onehot2coord", "coordconv", size=16, epochs=1)
    layers = "CoordConv, Conv, Conv, Conv, Conv, GlobalMaxPool, Flatten"
    assert repr(model) == f"<Model: 1x16x16 -> 2; {layers}; 906 numbers learned>"


def test_a_task_is_loaded_with_its_data_and_its_scores():
    task = compare.load_task("onehot2coord")
    data = task.split("quadrant", 16, 20).test
    model = compare.fit("onehot2coord", "handcrafted-conv", split="quadrant", size=(16, 20))
    assert task.evaluate(model, data).scores["exact"] == 1
    for wrong, message in (("onehot2cord", "did you mean"), (3, "task is 3; give a name")):
        with pytest.raises(compare.UsageError, match=message):
            compare.load_task(wrong)


def test_a_solver_is_fitted_by_the_preset_or_what_is_given():
    model = compare.fit("onehot2coord", "coordconv", size=16, epochs=2, seed=3)
    assert len(model.history.losses) == 2
    assert model.predict(np.zeros((5, 1, 16, 16), np.float32)).shape == (5, 2)
    assert compare.fit("onehot2coord", size=16).cost.parameters == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"solver": "conv,coordconv"}, "fit takes one solver and one split; 2 were given"),
        ({"solver": "conv", "seed": -1}, "seed is -1; give a whole number, 0 to"),
        ({"solver": "conv", "split": "half"}, "unknown split 'half'"),
        ({"solver": "conv", "epoch": 1}, "unknown argument 'epoch'"),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments, message):
    with pytest.raises(compare.UsageError, match=message):
        compare.fit("onehot2coord", size=16, **arguments)


def test_pandas_and_polars_are_imported_only_for_a_frame():
    code = (
        "import sys, tempfile, compare\n"
        "compare.run('onehot2coord', solver='handcrafted', size=16, out=tempfile.mkdtemp())\n"
        "sys.exit(str({'pandas', 'polars', 'matplotlib', 'torch'} & sys.modules.keys() or '') or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")
