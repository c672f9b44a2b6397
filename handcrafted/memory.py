"""What the C library does with memory that arrays no longer need."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]


def keep_freed_memory() -> None:
    """Tell glibc to reuse what is freed instead of returning it to the kernel.

    Else every step of work on arrays of megabytes has them zeroed and mapped again, page by page:
    a third of the time of a training step, half of an enumeration's.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # another C library has none, and is left as it is
            trim_threshold, mmap_threshold = -1, -3  # the constants' values in malloc.h
            mallopt(trim_threshold, 256 << 20)
            mallopt(mmap_threshold, 32 << 20)  # the largest that glibc accepts
