"""The nearest scene, beside brute force over every admissible one."""

from itertools import product

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from compare.datasets.two_objects import samples
from compare.errors import UsageError
from compare.tasks.nearest_scene import Decoder
from handcrafted import two_objects


def admissible(height, width):
    """Return every scene's objects, in the order that decides between equals, and pictures."""
    places = [(x, y) for y in range(10, height - 10) for x in range(10, width - 10)]
    objects = np.array(
        [
            (*p, 0, a, *q, 1, b)
            for p, q in product(places, places)
            if (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 >= 400
            for a, b in product((0, 1), (0, 1))
        ]
    )
    return objects, two_objects.network(height, width)(objects.astype(np.float32))


def pictures(kind, size):
    """Return pictures in eighths, so that sums of squares are exact and equals are equal."""
    random = np.random.default_rng(3)
    real = samples(12, *size).targets()
    made = {
        "real": real,
        "blurred": gaussian_filter(real, (0, 0, 2, 2)),
        "noisy": real + random.normal(0, 1, real.shape),
        "noise": random.uniform(-1, 1, real.shape),
        "smooth": 6 * gaussian_filter(random.normal(0, 1, real.shape), (0, 0, 3, 3)),
        "mixed": (real + real[::-1]) / 2,
        "white": np.ones_like(real[:1]),
        "blue": np.broadcast_to(np.array([-1, -1, 1])[:, None, None], real[:1].shape),
        "red": np.broadcast_to(np.array([1, -1, -1])[:, None, None], real[:1].shape),
        "green": np.broadcast_to(np.array([-1, 1, -1])[:, None, None], real[:1].shape),
    }[kind]
    return np.rint(8 * np.clip(made, -1, 1)) / 8


@pytest.mark.parametrize(("size", "limit"), [((24, 44), 1 << 17), ((36, 36), 0)])
def test_the_nearest_scene_is_that_of_brute_force(size, limit, monkeypatch):
    monkeypatch.setattr("compare.tasks.nearest_scene._PAIRS", limit)
    objects, scenes = admissible(*size)
    flat = scenes.reshape(len(scenes), -1).astype(np.float64)
    decoder = Decoder(*size)
    for kind in (
        "real", "blurred", "noisy", "noise", "smooth", "mixed", "white", "blue", "red", "green"
    ):  # fmt: skip
        given = pictures(kind, size)
        found, distances = decoder.nearest(given)
        for picture, mine, distance in zip(given, found, distances, strict=True):
            # |p - s|^2 = |p|^2 - 2 p s + |s|^2, all of them multiples of 1/64.
            every = (picture**2).sum() - 2 * flat @ picture.ravel() + flat.shape[1]
            assert distance == every.min(), kind
            equals = {tuple(each) for each in objects[every == every.min()].tolist()}
            assert tuple(mine.tolist()) == min(
                equals, key=lambda o: (o[1], o[0], o[5], o[4], o[3], o[7])
            ), kind


@pytest.mark.parametrize("limit", [0, 1 << 17])
def test_both_ways_to_look_through_pairs_agree(limit, monkeypatch):
    size = (50, 50)
    expected = Decoder(*size).nearest(pictures("noisy", size))
    monkeypatch.setattr("compare.tasks.nearest_scene._PAIRS", limit)
    found = Decoder(*size).nearest(pictures("noisy", size))
    assert (found[0] == expected[0]).all()
    assert (found[1] == expected[1]).all()


def test_real_scenes_are_their_own_nearest():
    real = samples(60, 64, 64).targets()
    objects, distances = Decoder(64, 64).nearest(real)
    assert (objects == two_objects.inverse_network(64, 64)(real)).all()
    assert (distances == 0).all()


def test_a_canvas_without_room_is_refused():
    with pytest.raises(UsageError, match="a canvas of 30x30 has no room for two objects"):
        Decoder(30, 30)
