"""Scenes of two objects: the published rule, enumerated, and samples that follow it."""

from itertools import product
from math import log2

import numpy as np
import pytest
from scipy.stats import chisquare

from compare.datasets.two_objects import (
    Distribution,
    entropy,
    expected_coverage,
    expected_distance,
    expected_entropy,
    latents,
    objects,
    samples,
    scenes,
)
from compare.errors import UsageError
from handcrafted import two_objects
from handcrafted.proofs import cases

SMALL = [(21, 41), (26, 42), (36, 36), (40, 33)]


def brute_force(height, width):
    """Return the probability of each pair of centres by the published rule, as a dictionary."""
    places = list(product(range(10, width - 10), range(10, height - 10)))
    free = {
        p: [q for q in places if (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 >= 400] for p in places
    }
    possible = [p for p in places if free[p]]
    return {(p, q): 1 / len(possible) / len(free[p]) for p in possible for q in free[p]}


def numbered(*numbers):
    return np.array(numbers)[:, None]


# --- The distribution ---


@pytest.mark.parametrize("size", SMALL, ids=str)
def test_the_distribution_is_that_of_brute_force(size):
    pairs = brute_force(*size)
    true = Distribution(*size)
    rows, columns = size[0] - 20, size[1] - 20
    blue, red = np.zeros((2, rows, columns))
    offset = np.zeros((2 * rows - 1, 2 * columns - 1))
    blocks = np.zeros((16, 16))

    def block(x, y):
        return (y - 10) * 4 // rows * 4 + (x - 10) * 4 // columns

    for ((x, y), (x2, y2)), chance in pairs.items():
        assert true.pair[y - 10, x - 10] == pytest.approx(chance, rel=1e-12)
        blue[y - 10, x - 10] += chance
        red[y2 - 10, x2 - 10] += chance
        offset[y2 - y + rows - 1, x2 - x + columns - 1] += chance
        blocks[block(x, y), block(x2, y2)] += chance
    assert true.pairs == len(pairs)
    for mine, theirs in (
        (true.blue, blue), (true.red, red), (true.offset, offset), (true.blocks, blocks)
    ):  # fmt: skip
        assert mine == pytest.approx(theirs, abs=1e-14)
        assert ((mine > 0) == (theirs > 0)).all()
    entropies = true.entropies()
    assert entropies["centres"] == pytest.approx(-sum(p * log2(p) for p in pairs.values()))
    assert entropies["scene"] == entropies["centres"] + 2
    expected = -sum(p * log2(p) for p in offset.sum(axis=0) if p)
    assert entropies["offset_x"] == pytest.approx(expected)
    some = 1 - (1 - np.array(list(pairs.values()))) ** 50
    assert true.expected_pairs(50) == pytest.approx(some.sum())
    some = 4 * (1 - (1 - np.array(list(pairs.values())) / 4) ** 50)
    assert true.expected_scenes(50) == pytest.approx(some.sum())


def test_the_published_canvas_in_numbers():
    true = Distribution(64, 64)
    assert (true.pairs, true.free.min(), true.free.max()) == (2_185_268, 691, 1605)
    for chances in (true.blue, true.red, true.offset, true.blocks, *true.coordinates.values()):
        assert chances.sum() == pytest.approx(1, abs=1e-12)
    entropies = true.entropies()
    assert entropies["blue"] == pytest.approx(2 * log2(44))
    assert entropies["centres"] == pytest.approx(
        log2(1936) + sum(log2(n) for n in true.free.ravel()) / 1936
    )
    assert entropies["centres"] < log2(2_185_268)  # not equally likely
    assert true.red.max() / true.red.min() > 1.5  # the red centre is not uniform


@pytest.mark.parametrize("size", [(20, 64), (34, 35), (21, 40)], ids=str)
def test_a_canvas_without_room_is_refused_in_one_line(size):
    for make in (Distribution, lambda *size: scenes(3, *size), lambda *size: samples(3, *size)):
        with pytest.raises(UsageError, match=f"a canvas of {size[0]}x{size[1]} has no room for"):
            make(*size)


# --- Expectations ---


def test_the_expected_coverage_entropy_and_distance_are_those_of_all_samples():
    """Every sequence of four draws from three outcomes, one of them impossible in the second."""
    for chances in (np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.4, 0.0])):
        coverage = entropies = distance = 0.0
        for draws in product(range(3), repeat=4):
            chance = np.prod(chances[list(draws)])
            counts = np.bincount(draws, minlength=3)
            coverage += chance * (counts > 0).sum() / (chances > 0).sum()
            entropies += chance * entropy(counts)
            distance += chance * abs(counts / 4 - chances).sum() / 2
        assert expected_coverage(chances, 4) == pytest.approx(coverage)
        assert expected_entropy(chances, 4) == pytest.approx(entropies)
        assert expected_distance(chances, 4) == pytest.approx(distance)


def test_expectations_of_many_draws_are_those_of_samples():
    true = Distribution(64, 64)
    random = np.random.default_rng(0)
    for chances in (true.coordinates["offset_x"], true.blocks.ravel()):
        counts = random.multinomial(2000, chances / chances.sum(), size=400)
        found = np.array([entropy(each) for each in counts])
        error = found.std() / 20
        assert abs(found.mean() - expected_entropy(chances, 2000)) < 4 * error
        found = abs(counts / 2000 - chances).sum(axis=1) / 2
        assert abs(found.mean() - expected_distance(chances, 2000)) < 4 * found.std() / 20


def test_entropy_by_hand():
    assert entropy(np.array([0.25, 0.25, 0.5])) == 1.5
    assert entropy(np.array([3, 0, 3])) == 1
    assert entropy(np.array([7])) == 0
    assert entropy(np.array([0])) == 0


def test_of_no_draws_nothing_is_expected():
    chances = np.array([0.5, 0.5])
    assert expected_coverage(chances, 0) == 0
    assert (expected_entropy(chances, 0), expected_distance(chances, 0)) == (0, 1)


# --- Samples ---


def test_scenes_are_drawn_with_the_enumerated_chances():
    """Of a canvas with few pairs of scenes each one, of the published one what it is made of."""
    count = 40_000
    drawn = objects(np.arange(count)[:, None], 21, 42)
    pairs = brute_force(21, 42)
    keys = {
        (p, q, a, b): chance / 4
        for (p, q), chance in pairs.items()
        for a, b in product((0, 1), (0, 1))
    }
    found = dict.fromkeys(keys, 0)
    for x, y, _, a, x2, y2, _, b in drawn.tolist():
        found[(x, y), (x2, y2), a, b] += 1
    expected = count * np.array(list(keys.values()))
    assert chisquare(list(found.values()), expected).pvalue > 1e-3

    true = Distribution(64, 64)
    drawn = objects(np.arange(count)[:, None], 64, 64)
    for columns, chances in (((0, 1), true.blue), ((4, 5), true.red)):
        counts = np.zeros((44, 44))
        np.add.at(counts, (drawn[:, columns[1]] - 10, drawn[:, columns[0]] - 10), 1)
        assert chisquare(counts.ravel(), count * chances.ravel()).pvalue > 1e-3
    counts = np.zeros((16, 16))
    np.add.at(counts, (true.block_of(drawn[:, :2]), true.block_of(drawn[:, 4:6])), 1)
    likely = true.blocks * count >= 5
    assert counts[true.blocks == 0].sum() == 0
    rest = counts[~likely].sum(), count * true.blocks[~likely].sum()
    observed = np.append(counts[likely], rest[0])
    expected = np.append(count * true.blocks[likely], rest[1])
    assert chisquare(observed[expected > 0], expected[expected > 0]).pvalue > 1e-3
    shapes = np.bincount(2 * drawn[:, 3] + drawn[:, 7])
    assert chisquare(shapes).pvalue > 1e-3


def test_a_wrong_distribution_is_told_apart_by_as_many_scenes():
    """Were all pairs equally likely, the blue centres of as many scenes would show it."""
    true = Distribution(64, 64)
    uniform = true.free / true.free.sum()
    counts = np.random.default_rng(0).multinomial(40_000, uniform.ravel())
    assert chisquare(counts, 40_000 * true.blue.ravel()).pvalue < 1e-6


def test_scenes_are_known_by_their_number():
    every = objects(np.arange(2500)[:, None], 64, 64)
    some = numbered(2049, 3, 1024, 3)
    assert (objects(some, 64, 64) == every[some[:, 0]]).all()
    assert (objects(some, 64, 64, seed=1) != every[some[:, 0]]).any()
    assert (objects(some, 64, 64, name="other scenes") != every[some[:, 0]]).any()
    assert objects(numbered()[:0].astype(int), 64, 64).shape == (0, 8)
    assert len(scenes(10, 64, 64)) == 10
    assert (scenes(10, 64, 64).inputs() == every[:10]).all()
    assert (scenes(10, 64, 64).inputs(slice(7, 9)) == every[7:9]).all()


def test_pictures_are_the_objects_scenes_and_streamed():
    data = scenes(400, 64, 64)
    parts = list(data.chunks())
    assert len(parts) > 1
    pictures = data.targets(parts[1])
    assert pictures.nbytes <= 1 << 23
    assert pictures.dtype == np.float32
    known = data.inputs(parts[1])
    assert (pictures[:20] == cases.scenes(known[:20].astype(int), 64, 64, np.float32)).all()
    assert (two_objects.inverse_network(64, 64)(pictures[:20]) == known[:20]).all()


def test_latents_are_uniform_multiples_of_a_2048th():
    drawn = latents(np.arange(1500)[:, None])
    assert (drawn.shape, drawn.dtype) == ((1500, 256), np.float32)
    assert (np.floor(drawn * 2048) == drawn * 2048).all()
    assert (drawn.min(), drawn.max()) == (-1, 1 - 1 / 2048)
    counts = np.bincount(((drawn + 1) * 2048).astype(int).ravel(), minlength=4096)
    assert chisquare(counts).pvalue > 1e-3
    assert (latents(numbered(1400, 2)) == drawn[[1400, 2]]).all()
    assert (latents(numbered(2), seed=1) != drawn[2]).any()
    assert (samples(1500, 64, 64).inputs(slice(1400, 1401)) == drawn[1400:1401]).all()


def test_the_evaluations_scenes_are_not_the_training_sets():
    training = scenes(50, 64, 64).targets()
    assert (samples(50, 64, 64).targets() != training).any(axis=(1, 2, 3)).all()
