"""Sweeps: what a file may say, and that every way to carry runs out survives what happens."""

from dataclasses import fields
from pathlib import Path

import pytest

from compare.cli import main
from compare.errors import UsageError
from compare.experiments.grid import read_plans
from compare.experiments.plan import Request
from compare.learned.recipe import OPTIONS

QUICK, PAPER = Path("sweeps/quick.toml").absolute(), Path("sweeps/paper.toml").absolute()


def write(directory, text):
    file = directory / "sweep.toml"
    file.write_text(text)
    return file


SMALL = """
size = 16
epochs = 1
split = "uniform"
[[grid]]
task = "onehot2coord"
solver = ["argmax", "coordconv"]
seeds = [0, 7]
learning_rate = [0.01, 0.001]
[[grid]]
task = "coord2onehot"
solver = "handcrafted"
"""


def compare(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_grid_is_every_combination_and_each_run_once(tmp_path):
    plans = read_plans(write(tmp_path, SMALL))
    assert [(p.solver, p.seed, p.recipe and p.recipe.learning_rate) for p in plans] == [
        ("argmax", 0, None),
        ("coordconv", 0, 0.01),
        ("coordconv", 7, 0.01),
        ("coordconv", 0, 0.001),
        ("coordconv", 7, 0.001),
        ("handcrafted", 0, None),
    ]


def test_a_file_without_grids_is_one(tmp_path):
    text = 'task = ["onehot2coord", "image2coord"]\nsolver = "handcrafted"\nsize = [16, "20x24"]'
    plans = read_plans(write(tmp_path, text))
    assert len(plans) == 2 * 2 * 2
    assert {p.size for p in plans} == {(16, 16), (20, 24)}


def test_every_option_of_a_run_is_a_key(tmp_path):
    """None is read and then forgotten: each changes the plans, if only to refuse the value."""
    base = 'task = "coord2image"\nsolver = "deconv"\nsize = 64\n'
    plain = [plan.arguments() for plan in read_plans(write(tmp_path, base))]
    values = {"task": '["coord2image", "coord2onehot"]', "seeds": "2", "split": '"uniform"',
              "solver": '"coordconv"', "preset": '"paper"', "epochs": "2", "learning_rate": "0.3",
              "l2": "0.3", "batch": "7", "loss": '"mse"', "lr_schedule": '"step"', "width": "2",
              "kernel": "2", "coordinates": '"pixels"', "target": '"grey"',
              "beta1": "0.5", "beta2": "0.5",
              "epsilon": "0.1", "generator_rate": "0.1", "scenes": "99", "channels": "8",
              "size": "32", "eval_size": '"32"',
              "data": '"none"', "backend": '"none"', "device": '"none"', "precision": '"none"'}  # fmt: skip
    options = {option.name for option in OPTIONS}
    assert values.keys() == {field.name for field in fields(Request)} - {"recipe"} | options
    for key, value in values.items():
        lines = [line for line in base.splitlines() if not line.startswith(key + " ")]
        file = write(tmp_path, "\n".join([*lines, f"{key} = {value}"]))
        try:
            assert [plan.arguments() for plan in read_plans(file)] != plain, key
        except UsageError as error:
            assert "none" in str(error), key  # noqa: PT017


def test_the_published_grid_is_whole():
    """Counted from experiment_logs.sh: what its loops go through, for both splits."""
    plans = read_plans(PAPER)
    counted: dict[tuple[str, str], int] = {}
    for plan in plans:
        key = plan.task, plan.solver
        counted[key] = counted.get(key, 0) + 1
    assert counted == {
        ("coord2onehot", "deconv"): 2 * 6 * 3 * 3 * 3 * 2,
        ("coord2onehot", "coordconv"): 2 * 3 * 2,
        ("onehot2coord", "conv"): 2 * 3 * 3,
        ("onehot2coord", "coordconv"): 2,
        ("coord2image", "deconv"): 2 * 6 * 3 * 3 * 3 * 2 * 2,
        ("coord2image", "coordconv"): 2 * 2 * 2 * 2,
        ("coord2onehot", "handcrafted"): 2,
        ("onehot2coord", "handcrafted"): 2,
        ("coord2image", "handcrafted"): 2,
    }
    deconv = [plan for plan in plans if plan.solver == "deconv"]
    assert {plan.epochs for plan in deconv} == {1000}
    assert {plan.recipe.lr_schedule for plan in deconv} == {"step"}
    assert {plan.recipe.l2 for plan in deconv} == {0.0, 0.001, 0.01}
    assert {plan.recipe.coordinates for plan in deconv} == {"pixels"}


def test_the_quick_sweep_covers_every_task():
    tasks = {plan.task for plan in read_plans(QUICK)}
    assert tasks == {"onehot2coord", "coord2onehot", "coord2image", "image2coord"}


BAD = [
    ("task = ", "is not TOML"),
    ("task = 1\ntask = 2", "is not TOML"),
    ("", "no 'task'; 'compare list' names them"),
    (
        'task = "onehot2cord"',
        "unknown task 'onehot2cord'; did you mean 'onehot2coord'? choose from: o",
    ),
    (
        'tasks = "onehot2coord"',
        "unknown key 'tasks'; did you mean 'task'? choose from: task, seeds, solver",
    ),
    ('task = "onehot2coord"\nseeds = 0', "seeds is 0; give how many, 1 to 100000, or a list"),
    ('task = "onehot2coord"\nseeds = 1000000', "seeds is 1000000; give how many, 1 to 100000"),
    ('task = "onehot2coord"\nseeds = [1, -1]', "seeds is [1, -1]; give how many"),
    (f'task = "onehot2coord"\nseeds = [{2**63}]', f"seeds is [{2**63}]; give how many"),
    (f'task = "onehot2coord"\nepochs = {2**63}', f"epochs is '{2**63}'; give a whole number up"),
    ('grid = []\ntask = "onehot2coord"', "'grid' is not a table; write [[grid]] above each grid"),
    ('task = "onehot2coord"\nseeds = true', "seeds is True; give how many"),
    ('task = "onehot2coord"\nsolver = []', "solver is an empty list; give one value or more"),
    ('task = "onehot2coord"\nsolver = ["conv", "magic"]', "unknown solver 'magic'"),
    (
        'task = "onehot2coord"\nlearning_rate = [0.1, 0]',
        "learning_rate is '0'; give a number above",
    ),
    ('task = "onehot2coord"\nlearning_rate = nan', "learning_rate is 'nan'; give a number above 0"),
    ('task = "onehot2coord"\nl2 = true', "l2 is True; give a number or a text"),
    ('task = "onehot2coord"\nbatch = 1.5', "batch is '1.5'; give a whole number, 1 or more"),
    ('task = "onehot2coord"\nepochs = [[1]]', "epochs is [1]; give a number or a text"),
    ('task = "onehot2coord"\nsize = 8', "8x8 is too small for the 9x9 square"),
    ('task = "onehot2coord"\nkernel = 3', "kernel changes nothing here"),
    ('task = "onehot2coord"\nbackend = "cuda"', "unknown backend 'cuda'"),
    ('grid = 3\ntask = "onehot2coord"', "'grid' is not a table; write [[grid]] above each grid"),
    ('[[grid]]\ntask = "onehot2coord"\n[[grid]]\nsplit = "uniform"', "grid 2: no 'task'"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[text[:60] for text, _ in BAD])
def test_a_bad_file_is_one_line_before_anything_starts(text, message, tmp_path, capsys):
    file = write(tmp_path, text)
    code, out, err = compare(capsys, "sweep", file, "--out", tmp_path / "runs")
    assert (code, out) == (2, "")
    assert err.startswith(f"compare: {file}")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.toml"], "cannot read 'absent.toml': No such file"),
        ([PAPER, "--workers", "0"], "--workers is '0'; give a whole number, 1 or more"),
        ([PAPER, "--workers", "2", "--scheduler", "tcp://x:1"], "give one"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, _, err = compare(capsys, "sweep", *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_counts_and_estimates_and_does_nothing(tmp_path, capsys):
    code, out, err = compare(
        capsys, "sweep", write(tmp_path, SMALL), "--out", tmp_path / "runs", "--dry-run"
    )
    assert (code, err) == (0, "")
    assert out.startswith("6 runs: about ")
    assert out.endswith(" s here, one after another.\n")
    assert not (tmp_path / "runs").exists()
