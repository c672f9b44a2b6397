"""Random streams by name: no two share bits."""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["random_stream"]


def random_stream(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the generator of a seed for a purpose, such as "weights" or "order".

    `index` counts what a purpose draws again and again, such as the epochs of a training. Each
    (seed, purpose, index) has a stream of its own, which depends on nothing else, so that an
    interrupted training needs no generator's state to be resumed. They are children of one
    `numpy.random.SeedSequence`, whose streams are independent of each other and of its own.

    >>> random_stream(0, "order", 3).permutation(4).tolist()
    [2, 1, 3, 0]
    """
    key = zlib.crc32(purpose.encode()), index
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
