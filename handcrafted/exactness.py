"""Where floating point stays exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from handcrafted.domains import require_canvas

__all__ = ["dtype_name", "largest_exact_size", "noise_limit", "require_exact"]

_SIGNIFICAND_BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Bits of the significand, the hidden one included (IEEE 754-2019, table 3.5; bfloat16: 8)."""


def largest_exact_size(dtype: Any) -> int:
    """Return the largest canvas side on which every network is exact in `dtype`.

    Every number that decides an output is an integer no larger in magnitude than the canvas is
    long (each network's docstring has the argument). A significand of p bits holds every integer
    up to 2**p, and not 2**p + 1. Integer dtypes are exact up to their maximum.

    dtype: of NumPy, PyTorch or JAX, or its name. Raises TypeError for any other kind.
    """
    name = dtype_name(dtype)
    if name in _SIGNIFICAND_BITS:
        return int(2 ** _SIGNIFICAND_BITS[name])
    try:
        return int(np.iinfo(name).max)
    except (TypeError, ValueError):
        raise TypeError(
            f"dtype {name} is none that networks compute in; "
            f"use one of {', '.join(_SIGNIFICAND_BITS)} or an integer dtype"
        ) from None


def dtype_name(dtype: Any) -> str:
    """Return "float32" for a dtype of that name, of whatever library, or for the name itself."""
    if isinstance(dtype, np.dtype):
        dtype = dtype.newbyteorder("=")
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", None) or str(dtype)
    return name.rpartition(".")[2]


def require_exact(dtype: Any, side: int) -> None:
    """Raise ValueError, naming the limit and a dtype that will do, if `side` is beyond it."""
    limit = largest_exact_size(dtype)
    if side > limit:
        wider = next(
            (name for name in ("float32", "float64") if side <= largest_exact_size(name)), "int64"
        )
        raise ValueError(
            f"a side of {side} pixels is beyond {limit}, the largest on which {dtype_name(dtype)} "
            f"is exact; use {wider}"
        )


def noise_limit(height: int, width: int, coordinates: bool = True) -> float:
    """Return the noise on every pixel below which the rounded coordinates are still right.

    For `onehot2coord` on bitmaps to each of whose pixels anything in [-e, e] has been added, with
    e strictly below the limit. With coordinate channels the map is relu(W (A + n) - X):

    - at the hot pixel it is off by at most W e;
    - at a pixel of column 0, where X is 0, relu lets up to W e through; and column 0 has H such
      pixels beside the hot one, unless that is in it itself;
    - at every other pixel it stays 0, since W e < 1 <= X.

    So the sum is off by at most W e (H + 1), upwards, if the canvas is wider than a pixel, and the
    rounded x is right while that is under one half: e < 1 / (2 W (H + 1)). The same for y, with
    H and W exchanged. Noise of +e everywhere with the hot pixel at the right or the bottom edge
    attains it, so the limit cannot be raised.

    Without coordinate channels pixel j of a row gathers the noise of the j + 1 pixels up to it and
    the sum that of all rows: e H W (W + 1) / 2. That gives e < 1 / (H W (W + 1)), and for y the
    same with H + 1, attained by +e everywhere likewise.

    Raises TypeError or ValueError for a canvas that is not at least one pixel each way.
    """
    require_canvas(height, width)
    if not coordinates:
        return 1 / (height * width * (max(height, width) + 1))
    x = width * (height + (width > 1))
    y = height * (width + (height > 1))
    return 1 / (2 * max(x, y))
