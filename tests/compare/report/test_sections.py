"""The runs of a store, sorted into sections."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from compare import cli, tasks
from compare.errors import UsageError
from compare.files import read_arrays, write_arrays, write_sealed_json
from compare.report.sections import lead, read_runs, sections
from compare.results.runs import read_record, write_record
from compare.results.schema import FILES


def test_bad_runs_are_named_and_left_out(runs, tmp_path, capsys):
    bad = tmp_path / "runs"
    for place in sorted(runs.glob("onehot2coord-*")):
        shutil.copytree(place, bad / place.name)
    places = sorted(bad.iterdir())
    assert "handcrafted" in places[-1].name
    (places[0] / "run.json").write_text("{")
    (places[1] / "predictions.npz").write_bytes(b"no archive")
    (places[2] / "history.csv").write_text("epoch,loss\n1,many\n")
    record = read_record(places[3])
    arguments = {**record["arguments"], "task": "juggling"}
    write_sealed_json(places[3] / "run.json", {**record, "arguments": arguments})
    (places[4] / "history.csv").unlink()
    out = tmp_path / "report.html"
    assert cli.main(["report", str(bad), "-o", str(out)]) == 0
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 5
    for place, line in zip(places, errors, strict=False):
        assert line.startswith(f"compare: {place}")
        assert line.endswith("left out")
    assert "unknown task &#39;juggling&#39;" in out.read_text()


def _resealed(folder, name, write):
    """Replace a file of a run, and the record's digest of it."""
    record = read_record(folder)
    write(folder / name)
    write_record(folder, record, FILES, folder.name)


ODD_ARRAYS = {
    "too few": ("test_error", lambda a: a[:-1], "test_error is float64 of shape"),
    "a number": ("test_error", lambda a: a[0], "test_error is float64 of shape"),
    "a column more": ("test_error", lambda a: a[:, None], "test_error is float64 of shape"),
    "texts": ("test_error", lambda a: a.astype(str), "test_error is <U32 of shape"),
    "shares for yes and no": ("test_exact", lambda a: a * 0.5, "test_exact is float64 of shape"),
    "complex": ("test_prediction", lambda a: a * 1j, "_prediction is "),
    "moved": ("test_position", lambda a: a + 1, "test_position are not those of the split"),
    "far off": ("test_position", lambda a: a * 10**9, "test_position are not those of the split"),
    "of one part only": (
        "test_extra",
        lambda a: np.zeros(9),
        "test_extra is not in train and test alike",
    ),
    "of no part": ("error", lambda a: np.zeros(9), "error is not in train and test alike"),
}


@pytest.mark.parametrize("how", ODD_ARRAYS)
def test_arrays_that_do_not_fit_the_samples_are_named_and_left_out(runs, tmp_path, how):
    name, change, why = ODD_ARRAYS[how]
    for solver in ("handcrafted", "argmax"):
        (folder,) = runs.glob(f"onehot2coord-*-uniform-{solver}-*")
        shutil.copytree(folder, tmp_path / folder.name)
    arrays = read_arrays(tmp_path / folder.name / "predictions.npz")
    arrays[name] = change(arrays.get(name))
    _resealed(tmp_path / folder.name, "predictions.npz", lambda path: write_arrays(path, arrays))
    found, (complaint,) = read_runs(tmp_path)
    assert [run.solver for run in found] == ["handcrafted"]
    assert complaint.startswith(f"{tmp_path / folder.name / 'predictions.npz'} cannot be used (")
    assert why in complaint


@pytest.mark.parametrize("losses", [[], [0.5, 0.25], ["nan", "x"]])
def test_losses_that_do_not_fit_the_epochs_are_named_and_left_out(runs, tmp_path, losses):
    for solver in ("handcrafted", "coordconv-seed0"):
        (folder,) = runs.glob(f"onehot2coord-*-uniform-{solver}-*")
        shutil.copytree(folder, tmp_path / folder.name)
    text = "\n".join(["epoch,loss", *(f"{i},{loss}" for i, loss in enumerate(losses, 1))])
    _resealed(tmp_path / folder.name, "history.csv", lambda path: path.write_text(text))
    found, (complaint,) = read_runs(tmp_path)
    assert [run.solver for run in found] == ["handcrafted"]
    assert complaint.startswith(f"{tmp_path / folder.name / 'history.csv'} ")


def history(tmp_path, runs, text, pattern="onehot2coord-*-uniform-coordconv-seed0-*"):
    """Return what is read of a run with another history."""
    (folder,) = runs.glob(pattern)
    shutil.copytree(folder, tmp_path / folder.name)
    _resealed(tmp_path / folder.name, "history.csv", lambda path: path.write_text(text))
    return read_runs(tmp_path)


def test_losses_of_one_epoch_are_read_by_step(runs, tmp_path):
    ((run,), complaints) = history(tmp_path, runs, "step,loss\n1,4\n3,2\n4,1\n")
    assert complaints == []
    steps, losses = run.curve(by_step=True)
    assert (steps.tolist(), losses.tolist()) == ([1, 3, 4], [4, 2, 1])
    assert run.curve(by_step=False)[0].tolist() == [0.25, 0.75, 1]


def test_losses_by_epoch_are_read_too(runs, tmp_path):
    """As earlier versions wrote them of one epoch as well."""
    ((run,), _) = history(tmp_path, runs, "epoch,loss\n1,4\n")
    for by_step in (False, True):
        epochs, losses = run.curve(by_step=by_step)
        assert (epochs.tolist(), losses.tolist()) == ([1], [4])


@pytest.mark.parametrize("steps", [(1, 1), (2, 1), (0, 1)])
def test_steps_that_do_not_rise_are_refused(runs, tmp_path, steps):
    rows = "".join(f"{step},1\n" for step in steps)
    fixed = "onehot2coord-*-uniform-handcrafted-*"
    (folder,) = runs.glob(fixed)
    shutil.copytree(folder, tmp_path / folder.name)
    found, (complaint,) = history(tmp_path, runs, f"step,loss\n{rows}")
    assert [run.solver for run in found] == ["handcrafted"]
    assert "history.csv cannot be used (2 losses of 1 epoch)" in complaint


def test_the_lead_score_is_one_that_can_be_won():
    titles = {name: lead(tasks.load(name)).title for name in ("onehot2coord", "coord2onehot")}
    assert titles == {"onehot2coord": "rounded", "coord2onehot": "accuracy"}
    assert lead(tasks.load("coord2image")).title == "rounded"
    task = tasks.load("onehot2coord")
    exact, *_ = (column for column in task.columns if column.score == "exact")
    assert lead(replace(task, columns=(exact,))) is exact


def test_unfinished_trainings_are_named_once_each(made):
    assert made(recipe={"epochs": 15}).unfinished() == "15 of 100 epochs"
    assert made(recipe={"epochs": 99}).unfinished() == "99 of 100 epochs"
    for whole in (made(recipe={"epochs": 100}), made(recipe={"epochs": 101}), made("argmax")):
        assert whole.unfinished() == ""
    unknown = made(recipe={"epochs": 1})
    assert replace(unknown, record={**unknown.record, "published_epochs": None}).unfinished() == ""

    short = [made(recipe={"epochs": 15}, seed=seed) for seed in range(3)]
    other = made("coordconv", recipe={"epochs": 1})
    (section,) = sections([*short, other, made("argmax")])
    assert section.trainings() == (
        " coordconv: 1 of 100 published epochs, unfinished."
        " conv: 15 of 100 published epochs, unfinished."
    )
    (whole,) = sections([made(), made("argmax")])
    assert whole.trainings() == " conv: 100 of 100 published epochs."
    assert sections([made("argmax")])[0].trainings() == ""
    assert short[0].answers().solver == "conv, 15 of 100 epochs"
    assert made().answers().solver == "conv"


def test_sections_come_by_task_and_canvas_and_runs_by_split_solver_and_seed(made):
    runs = [
        made(task="image2coord", solver="centroid"), made(size=[64, 64]), made(size=[9, 100]),
        made("argmax"), made(split="quadrant"), made("someone's"), made(seed=3), made(seed=1),
        made("coordconv", seed=1),
    ]  # fmt: skip
    found = sections(runs)
    assert [section.name for section in found] == [
        "onehot2coord-9x100", "onehot2coord-12x16", "onehot2coord-64x64", "image2coord-12x16",
    ]  # fmt: skip
    assert [
        (run.arguments["split"], run.solver, run.arguments["seed"]) for run in found[1].runs
    ] == [
        ("uniform", "coordconv", 1), ("uniform", "conv", 1), ("uniform", "conv", 3),
        ("uniform", "argmax", 0), ("uniform", "someone's", 0), ("quadrant", "conv", 0),
    ]  # fmt: skip
    assert found[1].splits() == ("uniform", "quadrant")
    assert found[3].splits() == ("uniform",)
    assert {solver: len(seeds) for solver, seeds in found[1].of("uniform").items()} == {
        "coordconv": 1, "conv": 2, "argmax": 1, "someone's": 1,
    }  # fmt: skip


def test_of_equal_runs_the_latest_is_kept(made):
    new, old = made(started="2021-05"), made(started="2021-04")
    (section,) = sections([new, old])
    assert section.runs == (new,)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"recipe": {"learning_rate": 0.5}}, "conv, learning rate 0.5"),
        ({"recipe": {"epochs": 7, "width": 2}}, "conv, 7 epochs, width 2"),
        ({"backend": "torch"}, "conv, backend torch"),
        ({"precision": "bf16"}, "conv, precision bf16"),
    ],
)
def test_what_differs_between_trainings_is_in_the_name(made, changes, name):
    (section,) = sections([made(), made(**changes), made("argmax")])
    names = list(section.of("uniform"))
    assert name in names
    assert len(names) == 3
    assert "argmax" in names
    # A device is no way to train.
    (section,) = sections([made(), made(device="cuda:0", started="2021")])
    assert list(section.of("uniform")) == ["conv"]


def test_the_median_seed_is_the_lower_of_two_and_the_middle_of_three(made):
    for errors, middle in (([3.0], 3), ([5.0, 3.0], 3), ([5.0, 1.0, 4.0], 4), ([4.0, 1, 2, 3], 2)):
        runs = [made(seed=seed, error=error) for seed, error in enumerate(errors)]
        (section,) = sections(runs)
        (typical,) = section.typical("uniform")
        assert typical.samples["test_error"].mean() == middle


@pytest.mark.parametrize("missing", ["test_error", "train_position", "test_prediction"])
def test_solvers_without_an_error_or_a_position_have_no_median_seed(made, missing):
    (section,) = sections([made(), made("coordconv", samples={missing: None})])
    assert [run.solver for run in section.typical("uniform")] == ["conv"]


def test_a_run_knows_what_both_of_its_parts_have(made):
    run = made(samples={"train_error": None})
    assert run.knows("position", "prediction")
    assert not run.knows("error")
    assert not run.knows("position", "error")
    assert {part: len(array) for part, array in run.part("position").items()} == {
        "train": 2, "test": 1,
    }  # fmt: skip


def test_nothing_to_report_on_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"there is no directory '.*x'; give one that 'compare r"):
        read_runs(tmp_path / "x")
    with pytest.raises(UsageError, match=r"no finished run in '.*'; make some with 'compare run"):
        read_runs(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(
        UsageError, match=r"no finished run in '.*' \(.*run\.json is damaged.*left o"
    ):
        read_runs(tmp_path)


def recipes(made, scored, rates, **scores):
    return [
        scored(made(recipe={"learning_rate": rate}, error=error), **scores)
        for rate, error in rates.items()
    ]


def test_up_to_three_recipes_of_a_solver_are_shown(made, scored):
    (section,) = sections(recipes(made, scored, {0.1: 3.0, 0.2: 1.0, 0.3: 2.0}))
    assert list(section.few("uniform")) == [f"conv, learning rate 0.{n}" for n in (1, 2, 3)]
    assert section.of_many() == ""


def test_of_more_recipes_of_a_solver_the_best_is_shown_and_that_is_said(made, scored):
    runs = [
        *recipes(made, scored, {0.1: 3.0, 0.2: 1.0, 0.3: 2.0, 0.4: np.nan}),
        scored(made("coordconv")),
    ]
    (section,) = sections(runs)
    assert list(section.few("uniform")) == ["coordconv", "conv, learning rate 0.2"]
    assert [run.solver for run in section.typical("uniform")] == list(section.few("uniform"))
    assert section.of_many() == " Of conv: the best recipe, held out."
    assert section.trainings() == (
        " coordconv: preset paper (the log's), 100 of 100 published epochs."
        " conv: 4 recipes, all in the tables."
    )
    assert len(section.of("uniform")) == 5
    # The score that can be won comes before the error.
    (section,) = sections([*runs, *recipes(made, scored, {0.5: 9.0}, rounded=0.6)])
    assert "conv, learning rate 0.5" in section.few("uniform")
