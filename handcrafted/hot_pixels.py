"""`onehot2coord` in about one reading of memory: what runs on NumPy arrays.

On a bitmap with one pixel 1 and every other 0 the four steps of `handcrafted.onehot2coord` come to
the column and the row of that pixel (the theorem of `handcrafted.proofs`), so finding the pixel is
as good as computing them. What has to be read is every pixel, once, to see that the bitmap is one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handcrafted.exactness import largest_exact_size

_PIECE_BYTES = 1 << 18
"""Looked at twice in a row, the second time from the second-level cache."""

_DTYPES = {
    np.dtype(name): (
        np.dtype(f"u{np.dtype(name).itemsize}"),
        np.dtype(name) if name.startswith("float") else np.asarray([0]).dtype,
        largest_exact_size(name if name != "bool" else "int64"),
    )
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64"),
    )
}
"""Of bitmaps in each dtype: the dtype of their bits, that of their answers, the longest side."""

# The function itself: `numpy.count_nonzero` asks about its arguments for longer than it counts.
_count_nonzero = np._core.multiarray.count_nonzero  # type: ignore[attr-defined]


def hot_pixels(bitmaps: NDArray[np.generic], height: int, width: int) -> NDArray[np.generic] | None:
    """Return the (x, y) of the hot pixel of each bitmap, (n, 2), or None if in doubt.

    bitmaps: (n, 1, height, width) in one of NumPy's boolean, integer or floating dtypes. It is in
    doubt about whatever is not a C-contiguous NumPy array of that shape whose every bitmap has one
    pixel 1 and no bit set in any other: None means to run the operations, or the checks, that know.

    Why the answer is right: if n pixels of n bitmaps have a bit set, and the largest of each bitmap
    is 1, then each bitmap has one such pixel, none has two, and the 1 is where it is.
    """
    if type(bitmaps) is not np.ndarray or bitmaps.shape[1:] != (1, height, width):
        return None
    bits, answer, longest = _DTYPES.get(bitmaps.dtype, (None, None, 0))
    if bits is None or max(height, width) > longest or not bitmaps.flags.c_contiguous:
        return None
    count = len(bitmaps)
    flat = bitmaps.reshape(-1)
    flat_bits = flat.view(bits)
    if count == 1:  # the same with Python's numbers, which are faster than arrays of one
        place = flat.argmax().item()
        if flat.item(place) != 1 or _count_nonzero(flat_bits) != 1:
            return None
        coordinates = np.empty((1, 2), dtype=answer)
        coordinates[0, 0] = place % width
        coordinates[0, 1] = place // width
        return coordinates

    size = height * width
    pixels = bitmaps.reshape(count, size)
    places = np.empty(count, dtype=np.intp)
    step = max(1, _PIECE_BYTES // (size * bits.itemsize))
    for start in range(0, count, step):
        end = min(start + step, count)
        if _count_nonzero(flat_bits[start * size : end * size]) != end - start:
            return None
        pixels[start:end].argmax(axis=1, out=places[start:end])
    largest = flat[places + np.arange(0, count * size, size)]
    if _count_nonzero(largest == 1) != count:
        return None
    coordinates = np.empty((count, 2), dtype=answer)
    rows = places // width
    coordinates[:, 0] = places - rows * width
    coordinates[:, 1] = rows
    return coordinates
