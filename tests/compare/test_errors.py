"""How a message names a command: as the user would type it again."""

import sys

import pytest

from compare.errors import command


@pytest.fixture
def called(monkeypatch, tmp_path):
    """Set how the program was called; what `compare` finds is in `tmp_path`."""
    (tmp_path / "compare").write_text("")
    (tmp_path / "compare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    def call(*words):
        monkeypatch.setattr(sys, "argv", [words[0]])
        monkeypatch.setattr(sys, "orig_argv", list(words[1:]) or list(words))

    return call


def test_what_the_shell_finds_has_its_short_name(called, tmp_path):
    called(str(tmp_path / "compare"))
    assert command("list") == "compare list"


def test_what_the_shell_does_not_find_is_named_by_its_path(called):
    called(".venv/bin/compare")
    assert command("list") == ".venv/bin/compare list"
    called("my envs/bin/compare")
    assert command() == "'my envs/bin/compare'"


def test_a_module_is_named_with_its_interpreter(called):
    called("/a/compare/__main__.py", "python3.11", "-m", "compare", "run")
    assert command("report", "my runs") == "python3.11 -m compare report 'my runs'"


def test_another_program_that_uses_the_library_is_not_named(called):
    called("/usr/bin/pytest")
    assert command("results") == "compare results"
