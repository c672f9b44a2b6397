"""The search that checks: an argmax, and a proof for each batch that it is right."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handcrafted.domains import OneHot
from handcrafted.network import require_batch

__all__ = ["verified_argmax"]

_BYTES = 1 << 20
"""Of the pixels looked at twice in a row, so that they are in a cache the second time."""


def verified_argmax(bitmaps: NDArray[Any]) -> NDArray[Any]:
    """Return the (x, y) of the one hot pixel of each bitmap, (n, 2).

    bitmaps: (n, 1, height, width) of one pixel 1 and every other 0, in any boolean, integer or
    floating dtype. The answers have the network's values and dtype: the bitmaps' own if that is
    floating, and the default integer otherwise. Raises what the network's check raises.

    Why the answers are right: argmax gives a candidate for each bitmap. If every candidate is 1
    and no bit is set before, between and behind them, all other pixels are 0, however the
    candidates were chosen. If not, the network's check decides: it refuses what is not one-hot,
    and in what it accepts (a zero may be negative, two hot pixels may be neighbours in memory) the
    hot pixel is the largest value.
    """
    if type(bitmaps) not in (np.ndarray, np.memmap):
        raise TypeError(f"bitmaps are a {type(bitmaps).__name__}; give a plain NumPy array")
    domain = _domain(bitmaps.shape, bitmaps.dtype)
    flat = bitmaps.reshape(len(bitmaps), domain.height * domain.width)
    place = np.empty(len(flat), np.intp)
    step = max(1, _BYTES // flat[:1].nbytes) if len(flat) else 1
    if not all(_search(flat[k : k + step], place[k : k + step]) for k in range(0, len(flat), step)):
        domain.check(bitmaps, 0)
        place = flat.argmax(axis=1)
    y, x = np.divmod(place, domain.width)
    answers = np.stack([x, y], axis=1)
    return answers.astype(flat.dtype.newbyteorder("=")) if flat.dtype.kind == "f" else answers


@lru_cache(maxsize=16)
def _domain(shape: tuple[int, ...], dtype: np.dtype[Any]) -> OneHot:
    """Return the domain of bitmaps of a shape; raises what the network raises for it."""
    if len(shape) != 4:
        raise ValueError(f"bitmaps have shape {shape}; expected (n, 1, height, width)")
    domain = OneHot(*shape[2:])
    require_batch(np.broadcast_to(np.zeros((), dtype), shape), domain)
    return domain


def _search(flat: NDArray[Any], place: NDArray[np.intp]) -> bool:
    """Write a candidate for each row of pixels; say whether it is 1 and no other bit is set."""
    bits = flat if flat.dtype.kind == "b" else flat.view(f"u{flat.itemsize}")
    bits.argmax(axis=1, out=place)
    line, hot = bits.reshape(-1), place + np.arange(0, flat.size, flat.shape[1])
    if not (flat.reshape(-1)[hot] == 1).all():
        return False
    edges = hot.repeat(2)
    edges[1::2] += 1
    edges = edges[: -1 if edges[-1] == line.size else None]
    behind_each = np.maximum.reduceat(line, edges)[1::2]
    return np.count_nonzero(line[: hot[0]]) == 0 and not behind_each.any()
