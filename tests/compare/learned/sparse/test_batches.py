"""Batches as arrays and back, and what becomes of each kind."""

import numpy as np

from compare import backends
from compare.learned.architecture import Architecture
from compare.learned.layers import Conv, Dense, Flatten
from compare.learned.sparse import batches
from compare.learned.sparse.patches import Patches

BACKEND = backends.load("numpy")
NETWORK = Architecture((1, 8, 9), (Conv(2, 3), Flatten(), Dense(2)))


def hot_pixels(n):
    pictures = np.zeros((n, 1, 8, 9), np.float32)
    pictures.reshape(n, -1)[np.arange(n), np.arange(n) * 7] = 1
    return pictures


def test_pictures_become_patches_and_vectors_stay():
    full = hot_pixels(6)
    patches = batches.from_chunks([full[:4], full[4:]])
    assert isinstance(patches, Patches)
    assert np.array_equal(patches.dense(BACKEND), full)
    vectors = np.arange(10.0).reshape(5, 2)
    assert np.array_equal(batches.from_chunks([vectors[:2], vectors[2:]]), vectors)


def test_arrays_become_the_batch_again():
    patches = batches.from_chunks([hot_pixels(6)])
    shared, samples = batches.to_arrays(patches)
    assert [len(array) for array in shared] == [1]
    assert [len(array) for array in samples] == [6, 6, 6]
    some = batches.from_arrays(shared, tuple(array[2:5] for array in samples))
    assert np.array_equal(some.dense(BACKEND), hot_pixels(6)[2:5])
    vectors = np.ones((5, 2))
    assert batches.to_arrays(vectors) == ((), (vectors,))
    assert batches.from_arrays((), (vectors,)) is vectors


def test_patches_and_pictures_have_the_same_outputs():
    weights, full = NETWORK.initial_weights(0), hot_pixels(6)
    outputs, _ = batches.apply(NETWORK, BACKEND, weights, batches.from_chunks([full]))
    expected, _ = batches.apply(NETWORK, BACKEND, weights, full)
    assert np.array_equal(expected, NETWORK.apply(BACKEND, weights, full)[0])
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6)


def test_patches_are_computed_at_once_and_full_maps_by_microbatches(monkeypatch):
    full = hot_pixels(6)
    patches = batches.from_chunks([full])
    for numbers, expected in ((1, 1), (2 * 8 * 9 * 4, 4), (1 << 30, 6)):
        monkeypatch.setattr(type(BACKEND), "microbatch", lambda self, numbers=numbers: numbers)
        assert batches.microbatch(NETWORK, BACKEND, 6, full) == expected
        assert batches.microbatch(NETWORK, BACKEND, 6, patches) == 6
