"""What the commands say on the way, and to whom: -q and -v, terminals, dry runs, completion."""

import os
import pty
import re
import subprocess
import sys
import termios

import pytest

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--split", "uniform"]
FIXED = [*RUN, "--solver", "handcrafted,argmax"]
LEARNED = [*RUN, "--solver", "coordconv", "--epochs", "2", "--seeds", "1"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_quiet_prints_the_table_alone(compare, tmp_path, where):
    out = ["--out", str(tmp_path / "runs")]
    _, normal, _ = compare(*FIXED, *out)
    arguments = ["-q", *FIXED, *out] if where == "before" else [*FIXED, *out, "-q"]
    code, quiet, errors = compare(*arguments)
    assert (code, errors) == (0, "")
    assert "Done in" in normal
    assert "Done in" not in quiet
    assert quiet.rstrip() == normal[: normal.index("\n\nDone in")]


def test_verbose_says_where_on_standard_error(compare, tmp_path):
    out = ["--out", str(tmp_path / "runs")]
    _, normal, errors = compare(*FIXED, *out)
    assert errors == ""
    _, verbose, errors = compare(*FIXED, *out, "-v")
    assert verbose.split("Done in")[0] == normal.split("Done in")[0]
    assert len(errors.splitlines()) == 2
    assert all(f"finished: {tmp_path / 'runs'}/" in line for line in errors.splitlines())


def test_quiet_and_verbose_exclude_each_other(compare):
    code, out, errors = compare(*FIXED, "-q", "-v")
    assert (code, out) == (2, "")
    assert "not allowed with" in errors
    assert errors.count("\n") == 1


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


def test_what_is_no_terminal_sees_no_bar(compare, tmp_path):
    _, out, errors = compare(*LEARNED, "--out", str(tmp_path / "runs"))
    assert errors == ""
    assert "\r" not in out
