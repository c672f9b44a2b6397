"""The commands of a report make runs of computed weights again, with their options."""

import pytest

from compare import cli, tasks
from compare.report.commands import commands
from compare.report.sections import read_runs, sections

BASE = ["run", "--task", "coord2image", "--size", "12", "--split", "uniform", "--seeds", "2"]


def made(out, *runs):
    for arguments in runs:
        assert cli.main([*BASE, "--quiet", "--out", str(out), *arguments]) == 0
    found, complaints = read_runs(out)
    assert complaints == []
    (section,) = sections(found)
    return section


def test_computed_weights_go_with_the_command_that_makes_the_same(tmp_path):
    section = made(
        tmp_path,
        ["--solver", "slicing,handcrafted-deconv,deconv", "--epochs", "1", "--kernel", "2"],
        ["--solver", "handcrafted-coordconv"],
    )
    assert [line.removeprefix("compare run --task coord2image ") for line in commands(section, "runs")] == [
        "--solver handcrafted-deconv,deconv,slicing --split uniform --size 12 --seeds 2 --epochs 1 "
        "--kernel 2",
        "--solver handcrafted-coordconv --split uniform --size 12",
    ]  # fmt: skip


def test_two_variants_of_computed_weights_are_two_solvers(tmp_path):
    section = made(
        tmp_path,
        ["--solver", "handcrafted-deconv"],
        ["--solver", "handcrafted-deconv", "--preset", "paper"],
    )
    assert set(section.of("uniform")) == {
        "handcrafted-deconv, width 1, coordinates scaled",
        "handcrafted-deconv, width 2, coordinates pixels",
    }
    assert commands(section, "runs") == [
        "compare run --task coord2image --solver handcrafted-deconv --split uniform --size 12 "
        "--preset paper",
        "compare run --task coord2image --solver handcrafted-deconv --split uniform --size 12",
    ]


@pytest.mark.parametrize("option", ["kernel", "coordinates", "loss", "width"])
def test_a_listing_shows_the_options_of_computed_weights(option, tmp_path):
    from compare.results.table import load

    made(tmp_path, ["--solver", "handcrafted-coordconv"])
    (row,) = load(tmp_path)
    expected = {"kernel": 3, "coordinates": "scaled", "loss": "mse", "width": 1}
    assert row[option] == expected[option]
    assert row["epochs"] != row["epochs"]
    assert tasks.load("coord2image").supervision.losses[0] == "sigmoid"  # not the namesake's
