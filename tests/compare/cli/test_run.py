"""`compare run`: what it prints, what it leaves, what it refuses."""

import json
import re

import numpy as np
import pytest

from compare import cli
from compare.experiments.estimate import Estimate
from compare.files import read_arrays

RUN = ["run", "--task", "onehot2coord", "--size", "16"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Every solver on both splits, two seeds, one epoch."""
    out = tmp_path_factory.mktemp("runs")
    assert cli.main([*RUN, "--seeds", "2", "--epochs", "1", "--out", str(out)]) == 0
    return out


def test_each_run_leaves_its_directory(finished):
    directories = sorted(path.name for path in finished.iterdir())
    # Two solvers learn from two seeds each, six have nothing to learn; on two splits.
    assert len(directories) == 2 * (2 * 2 + 6)
    for name in directories:
        files = {path.name for path in (finished / name).iterdir()} - {".lock"}
        assert files == {"run.json", "history.csv", "predictions.npz", "weights.npz"}


def test_a_record_says_what_determined_it(finished):
    (path,) = finished.glob("*-uniform-coordconv-seed1-*/run.json")
    record = json.loads(path.read_text())
    arguments = record["arguments"]
    assert arguments["task"] == "onehot2coord"
    assert arguments["size"] == [16, 16]
    assert (arguments["split"], arguments["solver"], arguments["seed"]) == (
        "uniform", "coordconv", 1
    )  # fmt: skip
    assert (arguments["recipe"]["learning_rate"], arguments["recipe"]["epochs"]) == (0.01, 1)
    assert record["published_epochs"] == 100
    assert record["preset"] == {
        "name": "paper", "whose": "the authors' log, its only point", "changed": ["epochs"]
    }  # fmt: skip
    assert not arguments.keys() & record.keys()  # everything is said once
    assert record["environment"]["numpy"] == np.__version__
    assert record["scores"]["test"]["exact"] <= record["scores"]["test"]["rounded"]
    weights = read_arrays(path.with_name("weights.npz"))
    assert sum(array.size for array in weights.values()) == record["cost"]["parameters"] == 906


def test_predictions_give_the_scores_again(finished):
    for path in finished.glob("*/run.json"):
        record = json.loads(path.read_text())
        arrays = read_arrays(path.with_name("predictions.npz"))
        right = (arrays["test_prediction"] == arrays["test_position"]).all(axis=1)
        assert (arrays["test_exact"] == right).all()
        assert record["scores"]["test"]["exact"] == right.mean()
        if record["arguments"]["solver"] not in ("coordconv", "conv"):
            assert right.all()


def test_json_is_all_there_is_on_standard_output(finished, compare):
    code, out, _ = compare(*RUN, "--seeds", "2", "--epochs", "1", "--out", str(finished), "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["preset"] is None
    assert len(answer["rows"]) == 16
    handcrafted = next(row for row in answer["rows"] if row["solver"] == "handcrafted")
    assert handcrafted["scores"]["test"]["exact"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    pairs = [pair["solvers"] for pair in answer["pairs"]["uniform"]]
    assert len(pairs) == 28
    assert ["handcrafted", "conv"] in pairs


def test_the_table_fits_80_columns_and_names_its_budget(finished, compare):
    code, out, err = compare(*RUN, "--seeds", "2", "--epochs", "1", "--out", str(finished))
    assert code == 0
    assert err == ""
    table = out.split("\n\nDone in")[0]
    assert max(map(len, table.splitlines())) <= 80
    words = " ".join(table.split())
    assert (
        "coordconv: preset paper (the authors' log, its only point), "
        "1 of 100 published epochs, unfinished; seeds 0 to 1."
    ) in words
    assert "conv: preset paper (our choice of a point in the authors' grid), 1 of 100" in words
    for name in ("handcrafted", "coordconv", "conv", "argmax", "uniform", "quadrant"):
        assert name in table


def test_finished_runs_are_not_repeated_unless_forced(finished, compare):
    chosen = [*RUN, "--seeds", "1", "--epochs", "1", "--out", str(finished),
              "--solver", "coordconv", "--split", "uniform"]  # fmt: skip
    (path,) = finished.glob("*-uniform-coordconv-seed0-*/run.json")
    written = path.stat().st_mtime_ns
    assert compare(*chosen)[0] == 0
    assert path.stat().st_mtime_ns == written
    before = read_arrays(path.with_name("weights.npz"))
    assert compare(*chosen, "--force")[0] == 0
    assert path.stat().st_mtime_ns > written
    after = read_arrays(path.with_name("weights.npz"))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_damaged_record_is_named_and_run_again(finished, compare):
    (path,) = finished.glob("*-quadrant-argmax-*/run.json")
    path.write_text(path.read_text()[:100])
    code, _, err = compare(
        *RUN, "--solver", "argmax", "--split", "quadrant", "--out", str(finished)
    )
    assert code == 0
    assert f"{path} is damaged" in err
    assert json.loads(path.read_text())["scores"]["test"]["exact"] == 1


def test_an_output_directory_that_is_a_file_is_refused(compare, tmp_path):
    (tmp_path / "runs").write_text("")
    code, _, err = compare(*RUN, "--out", str(tmp_path / "runs"))
    assert code == 2
    assert f"cannot write to the directory '{tmp_path / 'runs'}'" in err


def test_an_output_directory_on_a_read_only_system_is_refused(compare):
    code, _, err = compare(*RUN, "--out", "/proc/runs")
    assert code == 2
    assert "cannot write to the directory '/proc/runs'" in err


LEARNED = [*RUN, "--split", "uniform", "--solver", "coordconv", "--epochs", "2", "--seeds", "1"]


def test_a_dry_run_leaves_no_trace(compare, tmp_path):
    out = tmp_path / "runs"
    code, printed, errors = compare(*LEARNED, "--dry-run", "--out", str(out))
    assert (code, errors) == (0, "")
    assert not out.exists()
    (directory,) = re.findall(rf"{re.escape(str(out))}/\S+", printed)
    assert "1 run on numpy, cpu; none was started." in printed
    assert max(map(len, printed.replace(directory, "").splitlines())) <= 80
    assert (
        "to run uniform coordconv: seed 0, preset paper (the authors' log, its only point), "
        "2 of 100 published epochs, unfinished"
    ) in " ".join(printed.split())
    # So it is.
    compare(*LEARNED, "--out", str(out))
    assert [str(path) for path in out.iterdir()] == [directory]
    code, printed, _ = compare(*LEARNED, "--dry-run", "--json", "--out", str(out))
    (plan,) = json.loads(printed)
    assert (plan["state"], plan["directory"]) == ("finished", directory)
    assert (plan["backend"], plan["device"], plan["recipe"]["epochs"]) == ("numpy", "cpu", 2)
    _, printed, _ = compare(*LEARNED, "--dry-run", "--force", "--out", str(out))
    assert "to run     uniform coordconv" in printed


def test_a_dry_run_refuses_what_a_run_would(compare, tmp_path):
    code, out, errors = compare(*LEARNED, "--dry-run", "--solver", "guessing")
    assert (code, out) == (2, "")
    assert "unknown solver 'guessing'" in errors


@pytest.mark.parametrize(("seconds", "said"), [(59.0, ""), (61.0, "about 61 s"), (7200.0, "2 h")])
def test_what_takes_over_a_minute_says_so_first(seconds, said, compare, tmp_path, monkeypatch):
    asked = []

    def estimate(plans, measure):
        asked.append([plan.solver for plan in plans])
        return Estimate(seconds, 0)

    monkeypatch.setattr("compare.experiments.estimate.estimate", estimate)
    out = str(tmp_path / "runs")
    code, _, errors = compare(*LEARNED, "--out", out)
    assert code == 0
    assert (said in errors) == (errors != "" or not said)
    assert "on this machine; Ctrl-C keeps what is done" in errors or not said
    _, printed, _ = compare(*LEARNED, "--out", out, "--dry-run")
    assert "to carry out, about" not in printed  # all is finished
    _, printed, _ = compare(*LEARNED, "--out", out, "--dry-run", "--force")
    assert "to carry out, about" in printed
    assert compare("-q", *LEARNED, "--out", out, "--force")[2] == ""
    assert asked == [["coordconv"], ["coordconv"]]
