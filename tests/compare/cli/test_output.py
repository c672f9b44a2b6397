"""What is printed, and what is not: escape sequences, what a stream does not take."""

import io
import os
import subprocess
import sys

import pytest

from compare.cli.output import complain, finished, plain, prepare, show

RUN = ["run", "--task", "onehot2coord", "--size", "16", "--solver", "argmax", "--split", "uniform"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand é 名", "two\nlines\tand é 名"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m\x7f\r\x00", r"\x9b31m\x7f\r\x00"),
        ("\u202eexe\u2066\u200b", r"\u202eexe\u2066\u200b"),
        ("caf\udce9", r"caf\udce9"),
        ("", ""),
    ],
)
def test_what_is_no_text_is_written_out(text, shown, capsys):
    assert plain(text) == shown
    show(text)
    assert capsys.readouterr().out == shown + "\n"


def test_a_message_is_one_line_of_bounded_length(capsys):
    complain("a\nb\x1b[m\r\n c")
    complain("x" * 10**6)
    first, second = capsys.readouterr().err.splitlines()
    assert first == r"compare: a b\x1b[m c"
    assert len(second) < 2100


def python(*arguments, redirect="", **environment):
    """Run the command in a shell that redirects its streams."""
    line = f'exec "$0" -m compare "$@" {redirect}'
    return subprocess.run(
        ["bash", "-c", line, sys.executable, *map(str, arguments)],
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


NO_SPACE = b"compare: cannot write to standard output: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_standard_output_is_said_after_the_work(tmp_path):
    out = tmp_path / "runs"
    commands = [
        [*RUN, "--out", out],
        ["report", out, "-o", "-"],
        ["--version"],
    ]
    for arguments in commands:
        ended = python(*arguments, redirect="> /dev/full")
        assert (ended.returncode, ended.stderr) == (1, NO_SPACE), arguments
    assert len(list(out.glob("*/run.json"))) == 1
    (tmp_path / "sweep.toml").write_text(
        'task = "coord2onehot"\nsolver = "indexing"\nsize = 16\nsplit = "uniform"'
    )
    # Its first lines come before the work, which is done nevertheless.
    ended = python("sweep", tmp_path / "sweep.toml", "--out", out, redirect="> /dev/full")
    assert (ended.returncode, ended.stderr) == (1, NO_SPACE)
    assert len(list(out.glob("*/run.json"))) == 2


def test_closed_streams(tmp_path):
    ended = python("list", redirect=">&-")
    assert ended.returncode == 1
    assert ended.stderr == b"compare: cannot write to standard output: Bad file descriptor\n"
    ended = python("results", tmp_path / "absent", redirect="2>&-")
    assert (ended.returncode, ended.stdout) == (2, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_what_a_stream_cannot_encode_is_written_out(encoding, monkeypatch):
    written, said = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(said, encoding=encoding))
    prepare()
    show("名\udce9")
    complain("名\udce9")
    assert finished(0) == 0
    assert written.getvalue() == b"\\u540d\\udce9\n"
    assert said.getvalue() == b"compare: \\u540d\\udce9\n"


def test_a_path_that_is_no_text_is_a_path(tmp_path):
    out = tmp_path / os.fsdecode("名".encode() + b"\xe9")
    ended = python(*RUN, "--out", out, PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\\u540d\\udce9/\n" in ended.stdout
    assert len(list(out.iterdir())) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_limits_of_the_system_are_one_line(tmp_path):
    arguments = [*RUN, "--out", str(tmp_path / "runs")]
    for limit, code, message in (
        ("ulimit -v 200000", 1, b"raise the limit"),
        ("ulimit -n 9", 1, b"Too many open files"),
    ):
        ended = subprocess.run(
            [*["bash", "-c", f'{limit}; exec "$0" -m compare "$@"', sys.executable], *arguments],
            capture_output=True,
            check=False,
        )
        assert ended.returncode == code
        assert message in ended.stderr
        assert ended.stderr.count(b"\n") == 1


def test_tables_are_as_wide_as_the_terminal(tmp_path):
    """COLUMNS stands for a terminal's width; where there is none and no terminal, 80."""
    out = tmp_path / "runs"
    assert python(*RUN, "--out", out, "--solver", "handcrafted,verified-argmax").returncode == 0
    widths = {}
    for columns in ("60", "", "200"):
        for ended in (python("results", out, COLUMNS=columns), python("list", COLUMNS=columns)):
            assert ended.returncode == 0
            longest = max(map(len, ended.stdout.decode().splitlines()))
            widths[columns] = max(longest, widths.get(columns, 0))
    assert widths["60"] <= 60 < widths[""] <= 80 < widths["200"] <= 200
