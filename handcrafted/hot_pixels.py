"""`onehot2coord` in about one reading of memory: what runs on NumPy arrays.

On a bitmap with one pixel 1 and every other 0 the four steps of `handcrafted.onehot2coord` come to
the column and the row of that pixel (the theorem of `handcrafted.proofs`), so finding the pixel is
as good as computing them. What has to be read is every pixel, once, to see that the bitmap is one.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, lru_cache
from operator import index
from typing import Any, NamedTuple

import numpy as np
from numpy import empty, frombuffer, ndarray
from numpy.typing import NDArray

from handcrafted.exactness import largest_exact_size

_PIECE_BYTES = 1 << 20
"""Looked at twice in a row, the second time from a cache."""
_SHARE_BYTES = 1 << 22
"""The least that is worth starting a thread for."""
_MANY_PIXELS = 1 << 10
"""From here on the first byte that is set is found sooner, half-way on average, than the largest
pixel, whose bits are compared as a number: these need no look for NaN."""

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_DTYPES = {np.dtype(name) for name in ("bool", *_INTEGERS, "float16", "float32", "float64")}

# The function itself: `numpy.count_nonzero` asks about its arguments for longer than it counts.
_count_nonzero = np._core.multiarray.count_nonzero  # type: ignore[attr-defined]


class _Canvas(NamedTuple):
    """What is the same for all bitmaps of one size and dtype."""

    bits: np.dtype[Any]  # of a pixel's bits
    claim: np.dtype[Any]  # of what the search looks at: pixels' bits, or bytes
    size: int  # how many of these a bitmap has
    one: bytes  # the bits of a 1
    step: int  # how many bitmaps make a piece
    starts: NDArray[np.intp]  # (step,): the pixel that each of them starts with
    answer: np.dtype[Any]  # of the four steps' answers
    coordinates: NDArray[Any]  # (pixels, 2): (x, y) of each; empty if a piece is one bitmap


@lru_cache(maxsize=16)
def _canvas(
    height: int, width: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> _Canvas | None:
    """Return None for bitmaps of another shape, or in a dtype that may not hold the answers."""
    if shape != (1, height, width) or dtype not in _DTYPES:
        return None
    answer = dtype if dtype.kind == "f" else np.asarray([0]).dtype
    if max(height, width) > largest_exact_size(answer if dtype.kind == "b" else dtype):
        return None
    pixels = height * width
    bits = np.dtype({1: "?", 2: "u2", 4: "u4", 8: "u8"}[dtype.itemsize])
    claim = bits if pixels < _MANY_PIXELS else np.dtype("?")
    step = max(1, _PIECE_BYTES // (pixels * dtype.itemsize))
    starts = np.arange(0, step * pixels, pixels)
    rows, columns = np.indices((height, width) if step > 1 else (0, 0), answer)
    coordinates = np.stack([columns.ravel(), rows.ravel()], axis=1)
    size = pixels * dtype.itemsize // claim.itemsize
    one = np.ones(1, dtype).tobytes()
    return _Canvas(bits, claim, size, one, step, starts, answer, coordinates)


def hot_pixels(height: int, width: int, bitmaps: NDArray[Any]) -> NDArray[Any] | None:
    """Return the (x, y) of the hot pixel of each bitmap, (n, 2), or None if in doubt.

    bitmaps: (n, 1, height, width) in one of NumPy's boolean, integer or floating dtypes. It is in
    doubt about whatever is not a C-contiguous NumPy array of that shape whose every bitmap has one
    pixel 1 and no bit set in any other: None means to run the operations, or the checks, that know.

    Why the answer is right: a place is claimed for each bitmap, and the pixel there is seen to be
    1, so each has a pixel with a bit set; and n pixels of the n bitmaps have one, so none has two.
    It does not matter where a claim comes from: with a wrong one there is no 1, or one pixel more.
    """
    if (
        type(bitmaps) is not ndarray
        or not bitmaps.flags.c_contiguous
        or (canvas := _canvas(height, width, bitmaps.shape[1:], bitmaps.dtype)) is None
    ):
        return None
    bits, claim, size, one, step, starts, answer, coordinates = canvas
    count = len(bitmaps)
    pixels = frombuffer(bitmaps, bits)
    if count == 1:  # the same with Python's numbers, which are faster than arrays of one
        if _count_nonzero(pixels) != 1:
            return None
        place = index(pixels.argmax())
        if bitmaps.item(place) != 1:
            return None
        found = empty((1, 2), answer)
        found[0, 1], found[0, 0] = divmod(place, width)
        return found
    area = height * width
    searched = frombuffer(bitmaps, claim).reshape(count, size)
    if count > step:
        starts, places = np.arange(0, count * area, area), empty(count, np.intp)
        if not _search(pixels.reshape(count, area), searched, step, places):
            return None
    elif _count_nonzero(pixels) == count:
        places = searched.argmax(axis=1)
    else:
        return None
    if size != area:
        places //= len(one)
    if pixels[places + starts[:count]].tobytes() != one * count:
        return None
    if step == 1:
        return np.stack([places % width, places // width], axis=1).astype(answer)
    answers: NDArray[Any] = coordinates.take(places, 0)
    return answers


def _search(
    pixels: NDArray[Any], searched: NDArray[Any], step: int, places: NDArray[np.intp]
) -> bool:
    """Claim places, a piece at a time; return False soon after a piece has another count.

    pixels: (n, pixels), bits. searched: (n, ...), the same memory. The first piece is looked at
    before threads are woken, the others are dealt out to them in turn, so that an early one with
    another count is met early. All else is done for the whole batch at once: between calls as short
    as those two threads wait for each other.
    """
    wrong: list[int] = []

    def look(starts: range) -> None:
        for start in starts:
            piece = slice(start, start + step)
            if wrong or _count_nonzero(pixels[piece]) != len(pixels[piece]):
                return wrong.append(start)
            searched[piece].argmax(axis=1, out=places[piece])

    pieces = range(0, len(pixels), step)
    look(pieces[:1])
    cores = _cores()
    shares = 0 if wrong else min(len(cores), pixels.nbytes // _SHARE_BYTES)
    if shares < 2:
        look(pieces[1:])
    else:
        threads = _threads(cores)[:shares]
        dealt = [thread.submit(look, pieces[1 + i :: shares]) for i, thread in enumerate(threads)]
        for share in dealt:
            share.result()
    return not wrong


def _cores() -> tuple[int, ...]:
    """Return the numbers of the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return tuple(sorted(affinity(0)) if affinity else range(os.cpu_count() or 1))


@cache
def _threads(cores: tuple[int, ...]) -> list[ThreadPoolExecutor]:
    """Return a thread for each core, to keep: starting one takes as long as reading megabytes."""
    return [ThreadPoolExecutor(1, "hot_pixels", _stay, (core,)) for core in cores]


def _stay(core: int) -> None:
    """Keep the thread that calls this on one core, where the system lets it.

    Left to itself Linux wakes a thread on the core of the one that wakes it, and for some
    milliseconds, which is the whole of the work, the two take turns there.
    """
    if hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            os.sched_setaffinity(0, {core})  # 0 is this thread


if hasattr(os, "register_at_fork"):  # a forked process has none of its parent's threads
    os.register_at_fork(after_in_child=_threads.cache_clear)
