"""Cost against size: what is measured, what is left out, and the exponent."""

import json

import pytest

from compare import cli
from compare.experiments import bench
from compare.experiments.bench import _until_slow, exponent


def test_the_exponent_is_the_slope_between_the_last_two_sizes():
    assert exponent({16: 5.0, 32: 1.0, 64: 8.0}) == pytest.approx(3)
    assert exponent({16: 5.0}) is None


def test_a_solver_is_not_asked_for_more_once_it_was_slow():
    asked = []

    def timing(size):
        asked.append(size)
        return {1: 1.0, 2: None, 4: 1001.0, 8: 2000.0}[size]

    timings = {size: lambda size=size: timing(size) for size in (1, 2, 4, 8)}
    assert _until_slow(timings) == {1: 1.0, 4: 1001.0}
    assert asked == [1, 2, 4]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bench, "SIDES", (10, 12))
    monkeypatch.setattr(bench, "BATCHES", (1, 3))
    monkeypatch.setattr(bench, "SIDE", 12)
    monkeypatch.setattr(bench, "_SECONDS", 0.0)


@pytest.mark.parametrize("task", ["onehot2coord", "coord2onehot", "coord2image", "image2coord"])
def test_every_solver_is_measured(task, small, capsys, tmp_path):
    figure = tmp_path / "new" / "cost.svg"
    assert cli.main(["bench", "--task", task, "--json", "--figure", str(figure)]) == 0
    costs = json.loads(capsys.readouterr().out)
    assert "handcrafted" in {cost["solver"] for cost in costs}
    for cost in costs:
        assert list(cost["by_side"]) == ["10", "12"]
        assert list(cost["by_batch"]) == ["1", "3"]
        assert all(time > 0 for time in (*cost["by_side"].values(), *cost["by_batch"].values()))
    assert figure.read_text().count("<path") > 10
    assert cli.main(["bench", "--task", task, "--solver", "handcrafted"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("handcrafted")] == [
        "handcrafted", "handcrafted",
    ]  # fmt: skip
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "sorting"], "unknown task 'sorting'"),
        (["--solver", "magic"], "unknown solver 'magic'; choose from: handcrafted"),
        (["--figure", "cost.txt"], "unknown --figure '.txt'; choose from: .svg, .png, .pdf"),
        (["--backend", "abacus"], "abacus"),
    ],
)
def test_bad_input_is_refused_before_any_work(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(bench, "measure", lambda *_: pytest.fail("work was started"))
    assert cli.main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err
