"""`compare.run` and `compare.fit`: what they take, print, return, and leave behind."""

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
        found = api._plans({name: value}, task=task, seeds=(0,), solver=solver, size=str(size))
        assert {getattr(plan.recipe, name) for plan in found} == {value}


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("onehot2cord", {}, "unknown task 'onehot2cord'; did you mean 'onehot2coord'?"),
        ("onehot2coord", {"epoch": 3}, "unknown argument 'epoch'; did you mean 'epochs'?"),
        ("onehot2coord", {"solver": ["conf"]}, "unknown solver 'conf'; did you mean 'conv'?"),
        ("onehot2coord", {"epochs": 0}, "epochs is '0'; give a whole number, 1 or more"),
        ("onehot2coord", {"epochs": [1]}, "epochs is [1]; give a number or a text"),
        ("onehot2coord", {"seeds": 0}, "seeds is 0; give how many, 1 to"),
        ("onehot2coord", {"size": (1, 2, 3)}, "size is (1, 2, 3); give a number or a text"),
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


def test_a_solver_is_fitted_by_the_preset_or_what_is_given():
    model = compare.fit("onehot2coord", "coordconv", size=16, epochs=2, seed=3)
    assert len(model.history.losses) == 2
    assert model.predict(np.zeros((5, 1, 16, 16), np.float32)).shape == (5, 2)
    assert compare.fit("onehot2coord", size=16).cost.parameters == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"solver": "conv,coordconv"}, "fit takes one solver and one split; 2 were given"),
        ({"solver": "conv", "seed": -1}, r"seed is \[-1\]; give how many"),
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
