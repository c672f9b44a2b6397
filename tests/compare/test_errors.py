"""Signals that become an exception where nobody handles them; commands and names in messages."""

import os
import signal
import sys
import threading

import pytest

from compare.errors import TerminatedError, UsageError, choice, command, terminations_raised

SIGNALS = [signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def as_before():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_raised_once_and_then_as_before(number):
    def end():
        try:
            os.kill(os.getpid(), number)
        finally:
            for each in SIGNALS:
                os.kill(os.getpid(), each)  # while everything is saved

    with pytest.raises(KeyboardInterrupt) as raised, terminations_raised():
        end()
    assert isinstance(raised.value, TerminatedError)
    assert raised.value.number == number
    assert [signal.getsignal(each) for each in SIGNALS] == [signal.SIG_DFL] * 2


def test_what_is_ignored_or_handled_already_is_left_alone():
    seen = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    with terminations_raised():
        for number in SIGNALS:
            os.kill(os.getpid(), number)
    assert seen == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_in_another_thread_nothing_is_changed():
    def work():
        with terminations_raised():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
            done.append(True)

    done = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


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


KNOWN = ("uniform", "quadrant", "all")


def test_choices():
    for name in KNOWN:
        assert choice("split", name, KNOWN) == name


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        *((text, "") for text in ("half", "", "u", "x" * 40)),
        *(
            (text, "did you mean 'uniform'? ")
            for text in ("Uniform", "uniform ", "unifrom", "unif")
        ),
        ("quadrnat", "did you mean 'quadrant'? "),
    ],
)
def test_what_is_no_choice(text, suggestion):
    with pytest.raises(UsageError) as refused:
        choice("split", text, KNOWN)
    assert str(refused.value) == (
        f"unknown split '{text}'; {suggestion}choose from: uniform, quadrant, all"
    )


def test_a_name_of_megabytes_is_refused_at_once_and_cut():
    with pytest.raises(UsageError) as refused:
        choice("split", "uniform" * 1_000_000, KNOWN)
    assert len(str(refused.value)) < 120
