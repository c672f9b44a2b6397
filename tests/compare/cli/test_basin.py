"""compare basin: what it refuses."""

import json
from pathlib import Path

import pytest

from compare import cli
from compare.experiments import basin

BAD = [
    (["--solver", "argmax"], "solver 'argmax' of onehot2coord has no computed weights, or is not trained on examples; choose from:"
                             " coordconv, conv"),
    (["--task", "magic"], "unknown task 'magic'"),
    (["--task", "coord2image", "--solver", "conv"], "choose from: coordconv, deconv"),
    (["--split", "diagonal"], "unknown split 'diagonal'; choose from: uniform, quadrant"),
    (["--architecture-of", "centre"], "unknown split 'centre'; choose from: uniform, quadrant"),
    (["--scaling", "fair"], "unknown scaling 'fair'; choose from: plain, balanced"),
    (["--noise", "0,loud"], "--noise is 'loud'; give a number 0 or more"),
    (["--noise", "nan"], "--noise is 'nan'; give a number 0 or more"),
    (["--noise", "1,"], "--noise is ''; give a number 0 or more"),
    (["--noise=-1"], "--noise is '-1'; give a number 0 or more"),
    (["--flips", "-1"], "--flips is '-1'; give a whole number, 0 or more"),
    (["--flips", "1.5"], "--flips is '1.5'; give a whole number, 0 or more"),
    (["--flips", "0,18"], "--flips is 18; of the computed weights of coordconv on the uniform split"
                          " 17 are not 0: give 17 at most"),
    (["--seeds", "0"], "--seeds is '0'; give a whole number, 1 or more"),
    (["--epochs", "0"], "--epochs is '0'; give a whole number, 1 or more"),
    (["--kernel", "3"], "--kernel changes nothing here"),
    (["--solver", "conv", "--split", "quadrant", "--size", "97"],
     "solver 'conv' has no computed weights for onehot2coord on 97x97: no weights are known for a "
     "canvas of 97x97; give sides of 1 to 96 pixels"),
    (["--task", "coord2onehot", "--solver", "deconv", "--kernel", "1"],
     "no weights are known for a kernel of 1; give 2 or more"),
    (["--out", "/proc/x"], "cannot write to"),
    (["--figures", "/proc/x"], "cannot write to"),
]  # fmt: skip


def test_a_dry_run_says_what_would_be_trained_and_leaves_no_trace(tmp_path, monkeypatch, capsys):
    out = tmp_path / "basin"
    asked = ["basin", "--task", "onehot2coord", "--solver", "coordconv", "--size", "12", "--split",
             "uniform", "--noise", "0,0.5", "--seeds", "2", "--epochs", "1", "--out", str(out)]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(basin, "_train", lambda *_: pytest.fail("work was started"))
        assert cli.main([*asked, "--dry-run"]) == 0
        printed = capsys.readouterr().out
        assert printed.startswith("6 trainings on numpy, cpu; none was started.\n6 trainings to ")
        assert printed.count("\nto train") == 6
        assert "to train   uniform plain noise 0.5, seed 1\n" in printed
        assert not out.exists()
    assert cli.main([*asked, "-q"]) == 0
    capsys.readouterr()
    assert cli.main([*asked, "--dry-run", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["state"] for row in rows} == {"finished"}
    assert all(Path(row["directory"]).is_dir() for row in rows)


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_what_cannot_be_done_is_one_line_before_work(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(basin, "_train", lambda *_: pytest.fail("work was started"))
    usual = ["--task", "onehot2coord", "--solver", "coordconv", "--size", "16"]
    code = cli.main(["basin", *usual, "--out", str(tmp_path / "basin"), *arguments])
    error = capsys.readouterr().err
    assert code == 2
    assert error.count("\n") == 1
    assert message in error
