"""The report from runs on disk: what a reader finds in it, and what is refused."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from compare import cli
from compare.figures.style import ERROR_COLOURS, colour, marker
from compare.files import read_arrays, write_arrays, write_sealed_json
from compare.report.commands import commands
from compare.report.page import page
from compare.report.plots import all_plots, plots, points
from compare.report.sections import read_runs, sections
from compare.results.runs import read_record, write_record
from compare.results.schema import FILES
from compare.solvers.catalogue import solvers_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Solvers of a task on both splits, two seeds; less of another; small and short."""
    out = tmp_path_factory.mktemp("runs")
    solvers = "handcrafted,coordconv,argmax"
    two_seeds = ["--task", "onehot2coord", "--seeds", "2", "--solver", solvers]
    one_split = ["--task", "coord2image", "--split", "quadrant", "--solver", "coordconv,slicing"]
    for arguments in (two_seeds, one_split):
        always = ["--size", "16", "--epochs", "1", "-q", "--out", str(out)]
        assert cli.main(["run", *arguments, *always]) == 0
    return out


@pytest.fixture(scope="module")
def report(runs, tmp_path_factory):
    """The page and the directory of figures, as the command writes them."""
    out = tmp_path_factory.mktemp("report")
    page_, figures = out / "report.html", out / "figures"
    assert cli.main(["report", str(runs), "-o", str(page_), "--figures", str(figures)]) == 0
    return page_.read_text(), figures


def test_the_page_refers_to_nothing_outside_itself(report):
    html, _ = report
    assert "default-src 'none'" in html
    loaded = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"', html)
    assert all(target.startswith(("#", "data:", "https://arxiv.org/abs/")) for target in loaded), (
        loaded
    )
    assert not re.search(r"<(link|script|iframe|img)[^>]+(http|//)", html)
    assert "@import" not in html
    assert "fetch(" not in html


def test_a_reader_finds_every_part(report):
    html, _ = report
    for part in (
        "Did that network have to be trained?",
        "The data",
        "onehot2coord: a bitmap with one hot pixel",
        "coord2image: (x, y) to the picture",
        "The table, quadrant split",
        "How the solvers compare",
        "Correct at, of all 64 positions: handcrafted 64;",
        "handcrafted (and argmax) minus coordconv, over 2 seeds: exact +100.0 points",
        "coordconv: 1 of the full recipe&#39;s 100 epochs, so unfinished; seeds 0 to 1.",
        "Unfinished: coordconv, 1 of 100 epochs.",
        "Try it: the four steps, live",
        "Do it again",
    ):
        assert part in html, part
    # Exact without a learned number, in the table and in words.
    assert re.search(r"handcrafted</td><td>100 %</td><td>100 %</td><td>0</td><td>0</td>", html)
    assert "handcrafted (nothing learned) at 100 %" in html


def test_every_figure_is_in_the_page_and_a_vector_and_pixels(report, runs):
    html, directory = report
    names = [plot.name for plot in all_plots(sections(read_runs(runs)[0]))]
    assert {"point", "data-16x16", "onehot2coord-16x16-quadrant-errors"} < set(names)
    assert "coord2image-16x16-quadrant-predictions" in names
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        f"{name}.{ending}" for name in names for ending in ("svg", "png")
    )
    for name in names:
        assert f'<figure id="{name}">' in html
        assert (directory / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (directory / f"{name}.svg").read_text()
    assert html.count("<svg") == len(names)


def test_figures_in_the_page_take_its_ink(report):
    html, directory = report
    assert "#1b1b1f" in (directory / "point.svg").read_text()
    drawings = "".join(re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL))
    assert "#1b1b1f" not in drawings
    assert "currentColor" in drawings


def test_the_same_runs_give_the_same_page(runs):
    found = sections(read_runs(runs)[0])
    assert found[0].task.name == "onehot2coord"
    found = found[1:]
    assert page(found, [], "runs") == page(found, [], "runs")


def test_the_learned_solvers_are_drawn_at_their_median_seed(runs):
    section = next(s for s in sections(read_runs(runs)[0]) if s.task.name == "onehot2coord")
    seeds = section.of("quadrant")["coordconv"]
    means = sorted(run.samples["test_error"].mean() for run in seeds)
    typical = {run.solver: run for run in section.typical("quadrant")}
    assert typical["coordconv"].samples["test_error"].mean() == means[0]  # the lower of two


def test_two_ways_of_training_are_two_solvers(runs):
    found, _ = read_runs(runs)
    longer = []
    for run in found:
        if run.solver == "coordconv" and run.arguments["task"] == "onehot2coord":
            recipe = {**run.arguments["recipe"], "epochs": 100}
            arguments = {**run.arguments, "recipe": recipe}
            longer.append(replace(run, record={**run.record, "arguments": arguments}))
    section = next(s for s in sections([*found, *longer]) if s.task.name == "onehot2coord")
    assert list(section.of("uniform")) == [
        "handcrafted",
        "coordconv, 1 epochs",
        "coordconv, 100 epochs",
        "argmax",
    ]
    assert colour("coordconv, 100 epochs") == colour("coordconv")
    first, second = commands(section, "runs")
    assert second == ("compare run --task onehot2coord --solver coordconv --size 16 --seeds 2")
    assert first == (
        "compare run --task onehot2coord --solver handcrafted,coordconv,argmax --size 16 --seeds 2 "
        "--epochs 1"
    )


def test_commands_name_no_more_than_they_must(runs):
    """All solvers, all splits, and whatever is the default are not named."""
    found = sections(read_runs(runs)[0])[0]
    (conv,) = [
        replace(run, record={**run.record, "arguments": {**run.arguments, "solver": "conv"}})
        for run in found.runs[:1]
    ]
    everything = replace(found, size=(64, 64), runs=(*found.runs, conv))
    (command,) = commands(everything, "runs")
    assert command == "compare run --task onehot2coord --seeds 2 --epochs 1"


def test_the_commands_make_the_runs_again(runs, tmp_path, capsys):
    """Carried out on the same directory, they find every run finished."""
    for section in sections(read_runs(runs)[0]):
        for command in commands(section, str(runs)):
            _, *arguments = command.split()
            capsys.readouterr()
            assert cli.main([*arguments, "--dry-run", "--json"]) == 0
            planned = json.loads(capsys.readouterr().out)
            assert {plan["state"] for plan in planned} == {"finished"}
            assert len(planned) == len(section.runs)


def test_what_has_no_picture_of_its_samples_gets_none(runs):
    section = sections(read_runs(runs)[0])[0]
    odd = [
        replace(run, samples={**run.samples, "test_position": np.zeros((9, 8), int)})
        for run in section.runs
    ]
    names = [plot.name for plot in plots(replace(section, runs=tuple(odd)))]
    assert [name.rpartition("-")[2] for name in names] == ["learning", "cost"]


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
    "of one part only": ("test_extra", lambda a: np.zeros(9), "test_extra is not in both parts"),
    "of no part": ("error", lambda a: np.zeros(9), "error is not in both parts"),
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


@pytest.mark.parametrize("make", [False, True])
def test_no_runs_is_refused_on_one_line(tmp_path, capsys, make):
    place = tmp_path / "nothing"
    if make:
        place.mkdir()
    out = tmp_path / "new" / "report.html"
    assert cli.main(["report", str(place), "-o", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(place) in captured.err
    assert captured.err.count("\n") == 1
    assert not out.parent.exists()


def test_a_directory_is_no_page(runs, tmp_path, capsys):
    assert cli.main(["report", str(runs), "-o", str(tmp_path)]) == 2
    assert "a directory" in capsys.readouterr().err


def test_solvers_are_told_apart_without_colour():
    named = {
        solver
        for task in ("onehot2coord", "coord2onehot", "coord2image", "image2coord")
        for solver in solvers_of(task)
    }
    closed_forms = {"argmax", "indexing", "slicing", "centroid"}
    looks = {(colour(name), marker(name)) for name in named - closed_forms}
    assert len({look[0] for look in looks}) == len({look[1] for look in looks}) == 4
    assert {colour(name) for name in closed_forms} == {colour("argmax")}
    assert ERROR_COLOURS == "cividis"
    assert colour("someone's own") == colour("someone's own")
    assert points([]) == []
