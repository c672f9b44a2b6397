"""`compare sweep`: what a file may ask for, and what is left when it is interrupted."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

POINT = 'task = "onehot2coord"\nsolver = "argmax"\nsize = 16\nsplit = "uniform"\n'
MANY = ", ".join(f"{i}e-9" for i in range(1, 101))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # 10^8 points, in one grid and in several.
        (
            f"learning_rate = [{MANY}]\nl2 = [{MANY}]\nbatch = [{MANY}]\nepochs = [{MANY}]\n",
            "the lists span 300,000,000 runs of each solver; a file may have up to 100,000 in all",
        ),
        (f"seeds = 100000\nl2 = [{MANY}]\n", "span 10,000,000 runs"),
        (f"[[grid]]\nseeds = 100000\n[[grid]]\nl2 = [{MANY}]\n", "grid 2: the lists span 300 runs"),
        # Keys and nests that `tomllib` takes minutes or its stack for.
        (
            "a" + ".a" * 50_000 + " = 1\n",
            "the key 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.' has mo",
        ),
        ('"a"' + '."a"' * 50_000 + " = 1\n", "has more than 50 dots"),
        ("[a" + ".a" * 50_000 + "]\n", "has more than 50 dots"),
        ("x = {a" + " . a" * 50_000 + " = 1}\n", "has more than 50 dots"),
        ("x = " + "[" * 50_000, "is not TOML"),
        # Numbers of ten thousand digits, which Python reads in no base, or cannot write.
        (f"epochs = {'9' * 10_000}\n", "is not TOML"),
        (
            f"epochs = 0x{'f' * 10_000}\n",
            "epochs is a number of thousands of digits; give a smaller",
        ),
        (f"seeds = 0x{'f' * 10_000}\n", "seeds is a number of thousands of digits; give how many"),
        (f"seeds = [0x{'f' * 10_000}]\n", "seeds is a number of thousands of digits; give how"),
        (f"epochs = [[0x{'f' * 10_000}]]\n", "epochs is a number of thousands of digits; give a"),
        (
            "epochs = 9223372036854775808\n",
            "epochs is '9223372036854775808'; give a whole number up",
        ),
        (f"learning_rate = 1e{'9' * 10_000}\n", "learning_rate is 'inf'; give a number above 0"),
        # Long lists, names and empty texts.
        (f"eval_size = [{'16, ' * 101}]\n", "eval_size has 101 canvases; give up to 100"),
        (f"{'k' * 50_000} = 1\n", f"unknown key '{'k' * 40}'; choose from"),
        ('preset = ""\n', "unknown preset ''"),
        ('device = "\\u001b[31m"\n', "no device '\\x1b[31m' here"),
        ("epochs = {a = 1}\n", "epochs is {'a': 1}; give a number or a text"),
    ],
)
def test_a_file_that_asks_for_too_much_is_refused_at_once(text, message, compare, tmp_path):
    file = tmp_path / "sweep.toml"
    file.write_text(POINT + text)
    started = time.process_time()
    code, out, err = compare("sweep", file, "--out", tmp_path / "runs")
    assert time.process_time() - started < 5
    assert message in err
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert list(tmp_path.iterdir()) == [file]


def test_dots_in_texts_comments_and_numbers_are_no_keys(compare, tmp_path):
    file = tmp_path / "sweep.toml"
    dots = "." * 100
    file.write_text(f"# it's \"more {dots}\n{POINT}l2 = [{MANY.replace('e', '.0e')}]  # {dots}\n")
    assert compare("sweep", file, "--dry-run", "--out", tmp_path / "runs")[0] == 0


def test_a_byte_order_mark_is_no_part_of_a_key(compare, tmp_path):
    file = tmp_path / "sweep.toml"
    file.write_text(POINT, encoding="utf-8-sig")
    code, out, err = compare("sweep", file, "--dry-run", "--out", tmp_path / "runs")
    assert (code, err) == (0, "")
    assert out.startswith("1 run: about ")


def test_what_is_finished_needs_no_place_to_write(compare, tmp_path, monkeypatch):
    file, out = tmp_path / "sweep.toml", tmp_path / "runs"
    file.write_text(POINT)
    assert compare("sweep", file, "--dry-run", "--out", out)[0] == 0
    assert not out.exists()
    assert compare("sweep", file, "--out", out)[0] == 0

    def refuse(path):
        pytest.fail(f"{path} was to be written")

    # Whoever is root may write everywhere, so modes would show nothing.
    monkeypatch.setattr("compare.files.writable_directory", refuse)
    monkeypatch.setattr("compare.experiments.run.locked", refuse)
    for arguments in (["--dry-run"], [], ["--workers", "2"]):
        code, printed, err = compare("sweep", file, "--out", out, *arguments)
        assert (code, err) == (0, "")
        assert printed.startswith("1 run, 1 of them finished")
    run = ["run", "--task", "onehot2coord", "--solver", "argmax", "--size", "16"]
    assert compare(*run, "--split", "uniform", "--out", out)[0] == 0


def test_the_printed_commands_are_quoted(compare, tmp_path):
    file, out = tmp_path / "sweep.toml", tmp_path / "my $runs"
    file.write_text(POINT)
    assert f"compare results '{out}'\n" in compare("sweep", file, "--out", out)[1]
    run = ["run", "--task", "onehot2coord", "--solver", "argmax", "--size", "16"]
    assert f"compare report '{out}'\n" in compare(*run, "--split", "uniform", "--out", out)[1]


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked for in /proc")
@pytest.mark.parametrize("moment", range(3))
def test_ctrl_c_prints_one_line_and_nothing_of_the_children(moment, tmp_path):
    file = tmp_path / "sweep.toml"
    file.write_text(
        'task = "onehot2coord"\nsolver = "coordconv"\nsplit = "uniform"\nseeds = 4\nepochs = 400\n'
    )
    arguments = ["-m", "compare", "sweep", str(file), "--workers", "2", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a group of its own, all of which a terminal would interrupt
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and not children.read_text():
        time.sleep(0.01)
    time.sleep(random.Random(moment).uniform(0, 0.5))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)  # 130 in a shell, both
    assert err == b"compare: interrupted; the same command resumes what was begun\n"
