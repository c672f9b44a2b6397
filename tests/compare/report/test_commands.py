"""The commands that make the runs of a report again."""

import json
import shlex

import pytest

from compare import cli, tasks
from compare.learned.recipe import OPTIONS
from compare.report.commands import commands
from compare.report.sections import read_runs, sections
from compare.solvers.catalogue import solvers_of


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


def command(*runs, out="runs"):
    (section,) = sections(runs)
    (line,) = commands(section, out)
    return line


def test_all_solvers_and_all_splits_are_not_named(made):
    every = [
        made(solver, split=split, size=[64, 64], seed=seed)
        for solver in solvers_of("onehot2coord")
        for split in ("uniform", "quadrant")
        for seed in range(2)
    ]
    assert command(*every) == "compare run --task onehot2coord --seeds 2"


def test_two_ways_of_training_are_two_commands(made):
    (section,) = sections([made(), made(recipe={"epochs": 1}), made("argmax")])
    start = "compare run --task onehot2coord --solver"
    assert commands(section, "runs") == [
        f"{start} conv,argmax --split uniform --size 12x16 --seeds 1 --epochs 1",
        f"{start} conv --split uniform --size 12x16 --seeds 1",
    ]


def test_the_default_training_needs_no_options(made):
    assert command(made(seed=2)) == (
        "compare run --task onehot2coord --solver conv --split uniform --size 12x16"
    )
    assert command(made(size=[16, 16])).endswith("--split uniform --size 16 --seeds 1")
    assert command(made(size=[64, 64])).endswith("--split uniform --seeds 1")
    assert command(made(seed=9)).endswith("--seeds 10")


def test_what_learns_nothing_has_no_seeds(made):
    assert command(made("argmax"), made("argmax", split="quadrant")) == (
        "compare run --task onehot2coord --solver argmax --size 12x16"
    )


def test_what_learns_nothing_goes_with_the_first_command(made):
    (section,) = sections([made("argmax"), made(), made("coordconv", recipe={"batch": 7})])
    assert [shlex.split(line)[5] for line in commands(section, "runs")] == [
        "coordconv,argmax", "conv",
    ]  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_of_the_recipe_is_named_where_it_differs(option, made):
    values = {"learning_rate": 0.25, "epochs": 7, "l2": 0.5, "batch": 3, "loss": "mse",
              "beta1": 0.5, "beta2": 0.5, "epsilon": 0.5,
              "generator_rate": 0.5, "scenes": 800, "channels": 4}  # fmt: skip
    value = values.get(option.name, option.choices[-1] if option.choices else None)
    value = option.read(str(value))
    if option.adversarial or option.name == "channels":
        run = made("gan", task="two-objects", split="all", recipe={option.name: value})
    else:
        run = made("deconv", task="coord2image", size=[64, 64], recipe={option.name: value})
    words = shlex.split(command(run))
    words = [word for word in words if word not in ("--size", "12x16")]
    words += [] if "--split" in words else ["--split", "all"]  # it has but the one
    spelling = "--" + option.name.replace("_", "-")
    assert option.read(words[words.index(spelling) + 1]) == value
    # And nothing else is.
    assert {word for word in words if word.startswith("--")} == {
        "--task", "--solver", "--split", "--seeds", spelling,
    }  # fmt: skip


def test_the_preset_that_most_of_it_is_from_is_named_but_for_the_default(made):
    paper = solvers_of("coord2image")["deconv"].recipes["paper"]
    changes = {option.name: getattr(paper, option.name) for option in OPTIONS}
    run = made("deconv", task="coord2image", recipe={**changes, "epochs": 20})
    assert command(run).endswith("--seeds 1 --preset paper --epochs 20")
    # Both presets of the regressor differ in the epochs alone: a third number is the default's.
    assert command(made(recipe={"epochs": 20})).endswith("--seeds 1 --epochs 20")
    assert command(made(recipe={"epochs": 15})).endswith("--seeds 1 --preset quick")


def test_backend_device_precision_and_other_canvases_are_named(made):
    run = made(backend="torch", device="cuda:0", precision="tf32", eval_sizes=[[32, 32], [16, 20]])
    assert command(run).endswith(
        "--seeds 1 --backend torch --device cuda:0 --precision tf32 --eval-size 32x32,16x20"
    )


def test_a_directory_is_quoted_as_a_shell_needs_it(made):
    assert command(made(), out="my runs").endswith("--seeds 1 --out 'my runs'")


def test_a_solver_that_is_not_installed_any_more_is_still_named(made):
    assert "--solver forgotten " in command(made("forgotten"))


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
