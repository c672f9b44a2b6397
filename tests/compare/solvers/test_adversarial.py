"""The GANs as solvers: every command that other solvers have."""

import csv
import json

import numpy as np
import pytest

from compare.cli import main
from compare.files import read_arrays
from compare.learned.adversarial import CURVES
from compare.learned.recipe import Recipe
from compare.learned.training import Progress
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of
from compare.tasks import two_objects as task

VERSIONS = ("gan", "coordconv-g", "coordconv-gd")
SIZE = (50, 50)
RECIPE = Recipe(
    learning_rate=1e-4, generator_rate=5e-4, batch=4, epochs=2, l2=0.0, scenes=8, channels=2,
    loss="adversarial",
)  # fmt: skip
SMALL = ["--epochs", "2", "--scenes", "8", "--batch", "4", "--channels", "2"]


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr(task, "EVALUATED", 12)


def built(version, recipe=RECIPE):
    return solvers_of("two-objects")[version].build(Setting(task.TASK, "all", *SIZE), recipe)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_generator_is_trained_and_makes_pictures(version):
    solver, reports = built(version), []
    data = task.samples(12, *SIZE)
    model = solver.fit(data, seed=1, on_progress=reports.append)
    pictures = model.predict(data.inputs())
    assert pictures.shape == (12, 3, *SIZE)
    assert pictures.dtype == np.float32
    assert np.abs(pictures).max() <= 1
    assert [report.epoch for report in reports] == [1, 2]
    assert all(isinstance(report, Progress) for report in reports)
    assert model.history.losses == tuple(report.loss for report in reports)
    columns = [column.score for column in task.TASK.columns]
    assert list(model.history.curves) == [*CURVES, *columns]
    assert model.cost.parameters == solver.adversaries.generator.count()
    assert model.weights.keys() == solver.adversaries.generator.parameters().keys()


def test_it_is_not_trained_on_what_it_is_evaluated_on():
    first = built("gan").fit(task.samples(12, *SIZE), seed=1)
    other = built("gan").fit(task.samples(3, *SIZE, seed=9), seed=1)
    assert all(np.array_equal(first.weights[name], other.weights[name]) for name in first.weights)
    assert first.history.losses == other.history.losses


def test_the_last_epoch_is_judged_as_the_run_is():
    data = task.samples(12, *SIZE)
    model = built("coordconv-g").fit(data, seed=1)
    scores = task.evaluate(model, data).scores
    for column in task.TASK.columns:
        np.testing.assert_equal(model.history.curves[column.score][-1], scores[column.score])


def test_real_scenes_are_the_first_of_the_training_set():
    pictures = built("gan")._pictures()
    assert pictures.dtype == np.int8
    assert np.array_equal(
        pictures, task.pictures(task.objects(np.arange(8)[:, None], *SIZE), *SIZE)
    )


def test_weights_of_another_version_are_refused():
    weights = built("coordconv-g").fit(task.samples(12, *SIZE)).weights
    assert built("coordconv-gd").load(weights).weights is weights  # their generators are the same
    with pytest.raises(ValueError, match="this architecture has"):
        built("gan").load(weights)


def test_a_run_is_listed_repeated_and_exported(capsys, tmp_path):
    words = ["run", "--task", "two-objects", "--solver", "gan,coordconv-gd", "--seeds", "1"]
    assert main([*words, *SMALL, "--out", str(tmp_path / "runs")]) == 0
    out = capsys.readouterr().out
    assert "50x50 canvas" in out
    assert "4 of 156,250 published steps, unfinished" in " ".join(out.split())
    assert max(map(len, out[: out.index("Done in")].splitlines())) <= 80
    for run in (tmp_path / "runs").iterdir():
        with open(run / "history.csv") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == [
            *("epoch", "loss", "discriminator_loss", "real_rate", "generated_rate"),
            *("valid_0", "valid_10", "valid_40", "blue_coverage", "red_coverage", "distance"),
        ]
        assert len(rows) == 2
        record = json.loads((run / "run.json").read_text())
        assert record["published_steps"] == 156_250
        assert record["samples"] == {"test": 12}
        assert main(["rerun", str(run)]) == 0
        capsys.readouterr()
        file = tmp_path / f"{run.name}.onnx"
        pytest.importorskip("onnx")
        assert main(["export", str(run), str(file)]) == 0
        assert file.stat().st_size > 1000
    assert main(["results", str(tmp_path / "runs")]) == 0
    assert main(["run", *words[1:], *SMALL, "--out", str(tmp_path / "runs"), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.count("finished   all ") == 2


def test_one_that_diverges_is_a_finished_run(capsys, tmp_path):
    words = ["run", "--task", "two-objects", "--solver", "coordconv-g", "--seeds", "1", *SMALL]
    rates = ["--learning-rate", "1e30", "--generator-rate", "1e30", "--epochs", "9"]
    assert main([*words, *rates, "--out", str(tmp_path)]) == 0
    assert "1 run diverged" in capsys.readouterr().out
    (run,) = tmp_path.iterdir()
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "diverged"
    assert not all(np.isfinite(array).all() for array in read_arrays(run / "weights.npz").values())
    assert record["scores"]["test"]["problem_not_finite"] == 1


def test_a_sweep_of_the_versions_is_estimated(capsys, tmp_path):
    file = tmp_path / "gans.toml"
    file.write_text(
        'task = "two-objects"\nsolver = ["gan", "coordconv-g"]\nseeds = 1\n'
        "epochs = 1\nscenes = 8\nbatch = 4\nchannels = 2\ngenerator_rate = [1e-4, 5e-4]\n"
    )
    assert main(["sweep", str(file), "--out", str(tmp_path / "runs"), "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("4 runs: about ")
