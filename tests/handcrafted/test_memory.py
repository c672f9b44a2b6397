"""What is asked of the C library, with the numbers of glibc's malloc.h and its manual."""

import ctypes
import subprocess
import sys

import pytest

from handcrafted.memory import keep_freed_memory

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MEBIBYTE = 1_048_576


class Library:
    """A C library that writes down how it is called."""

    def __init__(self):
        self.calls = []

    def mallopt(self, parameter, value):
        self.calls.append((parameter, value))
        return 1


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32", "aix"])
def test_both_thresholds_are_set_on_linux_alone(monkeypatch, platform):
    library, opened = Library(), []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: opened.append(name) or library)
    monkeypatch.setattr(sys, "platform", platform)
    keep_freed_memory()
    if platform == "linux":
        assert opened == [None]  # the library that Python itself runs on
        assert library.calls == [
            (M_TRIM_THRESHOLD, 256 * MEBIBYTE),
            (M_MMAP_THRESHOLD, 32 * MEBIBYTE),
        ]
    else:
        assert opened == []


def test_a_c_library_without_mallopt_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(sys, "platform", "linux")
    keep_freed_memory()


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_glibc_takes_both_values():
    """`mallopt` returns 1 for what it accepts and 0 for what it does not."""
    code = (
        "import ctypes, sys; m = getattr(ctypes.CDLL(None), 'mallopt', None);"
        f"sys.exit(not (m is None or m(-1, {256 * MEBIBYTE}) == m(-3, {32 * MEBIBYTE}) == 1))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
