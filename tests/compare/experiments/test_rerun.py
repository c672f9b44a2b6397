"""Runs once more, from their records alone, and whether the same comes out."""

import math
import shutil

import pytest

from compare import cli
from compare.errors import RunError, UsageError
from compare.experiments import rerun as rerun_module
from compare.experiments.rerun import Repetition, rerun
from compare.files import write_sealed_json
from compare.results.runs import read_record

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--split", "uniform"]


def compare(capsys, *arguments):
    code = cli.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two learned runs with different rates, one that diverged, and two that learn nothing."""
    out = tmp_path_factory.mktemp("runs")
    ready = ["--solver", "handcrafted,argmax", "--out", str(out)]
    assert cli.main([*RUN, *ready]) == 0
    for rate in ("0.01", "0.002", "1e18"):
        learned = ["--solver", "conv", "--seeds", "1", "--epochs", "4", "--learning-rate", rate]
        assert cli.main([*RUN, *learned, "--out", str(out)]) == 0
    return out


def test_a_run_repeated_from_its_record_scores_the_same(store, capsys):
    (path,) = (
        p.parent
        for p in store.glob("*-conv-*/run.json")
        if '"learning_rate": 0.01' in p.read_text()
    )
    for given in (path, path / "run.json"):
        code, out, err = compare(capsys, "rerun", str(given))
        assert (code, err) == (0, "")
        assert out.startswith(path.name)
        for what in ("scores", "predictions", "weights"):
            assert f"The {what} are the same, to the last bit." in out
        assert "has changed" not in out


def test_a_run_that_comes_out_otherwise_is_said_to(store, capsys, monkeypatch):
    from compare.learned.optimizer import adam_rate

    (path,) = (
        p.parent
        for p in store.glob("*-conv-*/run.json")
        if '"learning_rate": 0.01' in p.read_text()
    )
    rate = adam_rate
    monkeypatch.setattr("compare.learned.training.adam_rate", lambda *a: 1.001 * rate(*a))
    monkeypatch.setattr("compare.experiments.environment._processor", lambda: "an abacus")
    code, out, _ = compare(capsys, "rerun", str(path))
    assert code == 1
    assert "The scores are NOT the same." in out
    assert "processor: " in out
    assert "then, an abacus now" in out


def test_a_diverged_run_repeats_as_one(store, capsys):
    (path,) = (
        p.parent for p in store.glob("*/run.json") if '"status": "diverged"' in p.read_text()
    )
    code, out, _ = compare(capsys, "rerun", str(path))
    assert code == 0
    assert "diverged  diverged" in out


def test_what_cannot_be_repeated_is_refused(store, tmp_path, capsys):
    code, _, err = compare(capsys, "rerun", str(tmp_path))
    assert code == 2
    assert f"'{tmp_path}' is not a finished run" in err
    (tmp_path / "run.json").write_text("{}")
    code, _, err = compare(capsys, "rerun", str(tmp_path))
    assert code == 2
    assert f"{tmp_path}/run.json is damaged" in err


@pytest.fixture
def quick(store, tmp_path):
    """A copy of a finished run that learns nothing."""
    (path,) = store.glob("*-argmax-*")
    return shutil.copytree(path, tmp_path / path.name)


def rewritten(directory, change):
    """Change a run's record and seal it again."""
    record = read_record(directory)
    change(record)
    write_sealed_json(directory / "run.json", record)


def test_nothing_differs_where_nothing_was_changed(quick):
    before = read_record(quick)
    found = rerun(quick)
    assert found.run == quick.name
    assert found.same
    assert (found.weights, found.predictions, found.environment) == (True, True, [])
    assert found.scores[0] == ("status", "finished", "finished")
    expected = {
        f"{part}_{name}": value
        for part in ("train", "test")
        for name, value in before["scores"][part].items()
    }
    assert {name: then for name, then, _ in found.scores[1:]} == expected
    assert rerun(quick / "run.json") == found


def test_what_differs_is_named(quick):
    """A score, the files and the environment, each with what it was and what it is."""

    def change(record):
        record["scores"]["test"]["exact"] = 0.5
        record["files"]["weights.npz"] = 64 * "0"
        record["environment"]["blas"] = "an abacus"
        record["environment"]["lost"] = 3
        # Neither when it was nor how many cores there were is compared.
        record["environment"].update(started="long ago", cores=-1)

    now = read_record(quick)["environment"]["blas"]
    rewritten(quick, change)
    found = rerun(quick)
    assert not found.same
    assert ("test_exact", 0.5, 1.0) in found.scores
    assert (found.weights, found.predictions) == (False, True)
    assert found.environment == [("blas", "an abacus", now), ("lost", 3, None)]


def test_scores_of_canvases_that_do_not_fit_are_no_difference(quick):
    rewritten(quick, lambda record: record["scores"].update({"8x8": None}))
    assert rerun(quick).same


@pytest.mark.parametrize(
    ("then", "now", "same"),
    [
        (0.1, 0.1, True), (0.1, math.nextafter(0.1, 1), False), (math.nan, math.nan, True),
        (math.inf, math.inf, True), (1.0, None, False), ("finished", "diverged", False),
    ],
)  # fmt: skip
def test_scores_are_the_same_to_the_last_bit(then, now, same):
    assert Repetition("", [("a", 1, 1), ("score", then, now)], [], True, True).same == same


def test_it_is_repeated_with_as_many_threads_as_it_had(quick, monkeypatch):
    rewritten(quick, lambda record: record["environment"].update(threads=1))
    threads = []
    execute = rerun_module.in_this_process

    def watched(*arguments):
        from threadpoolctl import threadpool_info

        threads.extend(lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas")
        return execute(*arguments)

    monkeypatch.setattr(rerun_module, "in_this_process", watched)
    rerun(quick)
    assert set(threads) <= {1}


def test_a_run_that_fails_now_is_an_error(quick, monkeypatch):
    def fail(*_):
        raise MemoryError("none left")

    monkeypatch.setattr("compare.experiments.run._run", fail)
    with pytest.raises(RunError, match=r"out of memory \(none left\)"):
        rerun(quick)


def test_the_run_itself_is_left_as_it_was(quick):
    before = {path.name: path.read_bytes() for path in quick.iterdir()}
    rerun(quick)
    assert {path.name: path.read_bytes() for path in quick.iterdir()} == before


def test_a_run_of_something_that_is_no_more_is_refused(quick):
    rewritten(quick, lambda record: record["arguments"].update(solver="forgotten"))
    with pytest.raises(UsageError, match="unknown solver 'forgotten'"):
        rerun(quick)
