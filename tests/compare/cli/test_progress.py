"""What the commands say on the way, and to whom: -q and -v, terminals, dry runs, completion."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from importlib.metadata import version

import pytest

from compare import cli

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--split", "uniform"]
FIXED = [*RUN, "--solver", "handcrafted,argmax"]
LEARNED = [*RUN, "--solver", "coordconv", "--epochs", "2", "--seeds", "1"]


def compare(capsys, *arguments):
    code = cli.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"compare {version('handcrafted')}\n"


@pytest.mark.parametrize("where", ["before", "after"])
def test_quiet_prints_the_table_alone(capsys, tmp_path, where):
    out = ["--out", str(tmp_path / "runs")]
    _, normal, _ = compare(capsys, *FIXED, *out)
    arguments = ["-q", *FIXED, *out] if where == "before" else [*FIXED, *out, "-q"]
    code, quiet, errors = compare(capsys, *arguments)
    assert (code, errors) == (0, "")
    assert "Done in" in normal
    assert "Done in" not in quiet
    assert quiet.rstrip() == normal[: normal.index("\n\nDone in")]


def test_verbose_says_where_on_standard_error(capsys, tmp_path):
    out = ["--out", str(tmp_path / "runs")]
    _, normal, errors = compare(capsys, *FIXED, *out)
    assert errors == ""
    _, verbose, errors = compare(capsys, *FIXED, *out, "-v")
    assert verbose.split("Done in")[0] == normal.split("Done in")[0]
    assert len(errors.splitlines()) == 2
    assert all(f"finished: {tmp_path / 'runs'}/" in line for line in errors.splitlines())


def test_quiet_and_verbose_exclude_each_other(capsys):
    code, out, errors = compare(capsys, *FIXED, "-q", "-v")
    assert (code, out) == (2, "")
    assert "not allowed with" in errors
    assert errors.count("\n") == 1


def test_a_dry_run_leaves_no_trace(capsys, tmp_path):
    out = tmp_path / "runs"
    code, printed, errors = compare(capsys, *LEARNED, "--dry-run", "--out", str(out))
    assert (code, errors) == (0, "")
    assert not out.exists()
    (place,) = re.findall(rf"{re.escape(str(out))}/\S+", printed)
    assert "1 run on numpy, cpu; none was started." in printed
    assert (
        "to run     uniform coordconv: seed 0, 2 of the full recipe's 100 epochs, so unf" in printed
    )
    # It told the truth.
    compare(capsys, *LEARNED, "--out", str(out))
    assert [str(path) for path in out.iterdir()] == [place]
    code, printed, _ = compare(capsys, *LEARNED, "--dry-run", "--json", "--out", str(out))
    (plan,) = json.loads(printed)
    assert (plan["state"], plan["directory"]) == ("finished", place)
    assert (plan["backend"], plan["device"], plan["recipe"]["epochs"]) == ("numpy", "cpu", 2)
    _, printed, _ = compare(capsys, *LEARNED, "--dry-run", "--force", "--out", str(out))
    assert "to run     uniform coordconv" in printed


def test_a_dry_run_refuses_what_a_run_would(capsys, tmp_path):
    code, out, errors = compare(capsys, *LEARNED, "--dry-run", "--solver", "guessing")
    assert (code, out) == (2, "")
    assert "unknown solver 'guessing'" in errors


def in_a_terminal(*arguments, **environment):
    """Run the command with standard error on a terminal; returns what appeared there."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = subprocess.Popen(
        [sys.executable, "-m", "compare", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert command.wait() == 0
    return shown.decode()


def test_a_terminal_sees_the_time_left_and_no_colour(tmp_path):
    shown = in_a_terminal(*LEARNED, "--out", str(tmp_path / "runs"), NO_COLOR="1")
    assert re.search(r"uniform coordconv seed 0: +\d+%", shown)
    assert re.search(r"3/3 \[\d\d:\d\d<\d\d:\d\d", shown)  # elapsed < left
    assert not re.search(r"\x1b\[[0-9;]*m", shown)


def test_a_quiet_terminal_sees_nothing(tmp_path):
    assert in_a_terminal("-q", *FIXED, "--out", str(tmp_path / "runs")) == ""


def test_what_is_no_terminal_sees_no_bar(capsys, tmp_path):
    _, out, errors = compare(capsys, *LEARNED, "--out", str(tmp_path / "runs"))
    assert errors == ""
    assert "\r" not in out


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["re"], {"report"}),
        (["run", "--dry"], {"--dry-run"}),
        (["run", "--task", "onehot"], {"onehot2coord"}),
        (["run", "--solver", ""], {"handcrafted", "coordconv", "conv", "deconv", "argmax"}),
        (["run", "--preset", "p"], {"paper"}),
        (["run", "--backend", "n"], {"numpy"}),
    ],
)
def test_bash_completes(capsys, tmp_path, typed, expected):
    _, script, _ = compare(capsys, "completion", "bash")
    file = tmp_path / "compare.bash"
    file.write_text(script)
    words = " ".join(f"'{word}'" for word in ["compare", *typed])
    asked = (
        f"source {file}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; "
        '_shtab_compare; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    answer = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert expected <= set(answer.stdout.split())


def test_an_unknown_shell_is_refused(capsys):
    code, out, errors = compare(capsys, "completion", "cmd")
    assert (code, out) == (2, "")
    assert "unknown shell 'cmd'; choose from: bash, zsh, tcsh" in errors
