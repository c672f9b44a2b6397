"""Signals that ask a process to end become one exception, and only where nobody handles them."""

import os
import signal
import threading

import pytest

from compare.errors import TerminatedError, terminations_raised

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
