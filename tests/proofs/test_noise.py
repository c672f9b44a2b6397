"""The noise limit from both sides.

The kernels' weights on the picture are positive and relu never falls, so each sum rises with the
noise of each pixel: of all noise within [-e, e] the two extremes are +e everywhere and -e
everywhere, and what is rounded right under both is rounded right under all.
"""

import numpy as np
import pytest

from handcrafted import onehot2coord
from handcrafted.exactness import noise_limit
from handcrafted.proofs.cases import bitmaps, positions

SIZES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 2), (3, 5), (5, 3), (8, 8), (13, 21), (32, 32)]
BUILDS = [(onehot2coord.network, True), (onehot2coord.network_without_coordinates, False)]


def right_everywhere(build, size, noise):
    places = positions(*size)
    noisy = bitmaps(places, *size, np.float64) + noise
    return (np.rint(build(*size).run(noisy)) == places).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("build", "coordinates"), BUILDS)
def test_below_the_limit_every_rounded_answer_is_right(build, coordinates, size):
    noise = noise_limit(*size, coordinates) * (1 - 1e-9)
    assert right_everywhere(build, size, noise)
    assert right_everywhere(build, size, -noise)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("build", "coordinates"), BUILDS)
def test_above_the_limit_some_rounded_answer_is_wrong(build, coordinates, size):
    noise = noise_limit(*size, coordinates) * (1 + 1e-9)
    assert not right_everywhere(build, size, noise)


@pytest.mark.parametrize(("build", "coordinates"), BUILDS)
def test_noise_within_the_extremes_does_no_more_harm(build, coordinates):
    size, rng = (13, 21), np.random.default_rng(0)
    limit = noise_limit(*size, coordinates) * (1 - 1e-9)
    for _ in range(20):
        noise = rng.uniform(-limit, limit, (len(positions(*size)), 1, *size))
        assert right_everywhere(build, size, noise)


@pytest.mark.parametrize(("build", "coordinates"), BUILDS)
def test_the_sums_rise_with_every_pixel(build, coordinates):
    """The step the argument stands on, at every pixel of a noisy picture."""
    size, rng = (4, 6), np.random.default_rng(1)
    network = build(*size)
    picture = bitmaps(np.array([[2, 1]]), *size, np.float64) + rng.uniform(-0.01, 0.01, size)
    before = network.run(picture)
    for row in range(size[0]):
        for column in range(size[1]):
            brighter = picture.copy()
            brighter[0, 0, row, column] += 0.005
            assert (network.run(brighter) <= before).all()  # a sum that rises is taken off
