"""Random streams: the same each time, and no two alike."""

import itertools

import numpy as np
import pytest

from compare.datasets.streams import random_stream


def bits(*arguments):
    return random_stream(*arguments).integers(2**63, size=4).tolist()


def test_a_stream_is_the_same_each_time_and_the_index_counts_from_0():
    assert bits(7, "order", 3) == bits(7, "order", 3)
    assert bits(7, "weights") == bits(7, "weights", 0)


def test_no_two_streams_share_bits():
    """Nor has one the bits of NumPy's own generators of the same seeds."""
    seeds, purposes, indices = (0, 1, 2, 2**40), ("weights", "order", "noise"), (0, 1, 2, 2**20)
    streams = [bits(*each) for each in itertools.product(seeds, purposes, indices)]
    numbers = list(itertools.chain.from_iterable(streams))
    assert len(set(numbers)) == len(numbers) == 4 * 4 * 3 * 4
    for seed, index in itertools.product(seeds, indices):
        for of_numpy in (np.random.default_rng(seed), np.random.default_rng([seed, index])):
            assert not set(numbers) & set(of_numpy.integers(2**63, size=4).tolist())


def test_it_is_a_child_of_the_seeds_sequence():
    # zlib's own check value: crc32(b"123456789") is 0xCBF43926.
    sequence = np.random.SeedSequence(5, spawn_key=(0xCBF43926, 2))
    assert (
        bits(5, "123456789", 2) == np.random.default_rng(sequence).integers(2**63, size=4).tolist()
    )


def test_a_seed_below_0_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        random_stream(-1, "order")
