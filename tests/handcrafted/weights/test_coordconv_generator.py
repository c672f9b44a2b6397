"""The published CoordConv generator with computed weights: what each layer does, and what is drawn.

`drawn` says in whole numbers what the network is to draw. The network is compared with it at pixels
of many scenes and everywhere in a few, and its parts for every value that they can be given.
"""

from itertools import product

import numpy as np
import pytest

from compare.datasets import two_objects as data
from compare.learned import published
from handcrafted import two_objects
from handcrafted.weights import coordconv_generator as module
from handcrafted.weights.coordconv_generator import (
    LATENTS,
    PROPOSALS,
    VALUES,
    chances,
    coordconv_generator,
    distance_from_published,
    proposals,
)


def drawn(values, height, width):
    """Return the objects, (n, 8), that latents of whole numbers from 0 to 4095 stand for."""
    count = proposals(height, width)
    column = iter(range(LATENTS))

    def digit(parts):
        return values[:, next(column)].astype(np.int64) * parts // VALUES

    def centre():
        coordinates = []
        for side in (width, height):
            places = side - 20
            low = max(k for k in range(1, places + 1) if places % k == 0 and k * k <= places)
            coordinates.append(10 + digit(low) * (places // low) + digit(places // low))
        return np.stack(coordinates, axis=1)

    blue, red, spare = centre(), [centre() for _ in range(count)], centre()
    blue_shape, red_shape = digit(2), digit(2)
    spare = spare.copy()
    ends = np.where(
        blue - 10 < (np.array((width, height)) - 20) // 2, (width - 11, height - 11), 10
    )
    far = (0,) if width >= 60 else (1,) if height >= 60 else (0, 1)
    spare[:, far] = ends[:, far]
    chosen = spare
    for point in reversed(red):
        free = ((point - blue) ** 2).sum(axis=1) >= 400
        chosen = np.where(free[:, None], point, chosen)
    zero = np.zeros_like(blue_shape)
    return np.column_stack([blue, zero, blue_shape, chosen, zero + 1, red_shape])


def outputs(weights, values, pixels, height, width):
    """Run the network at one pixel of each sample, (n, 2), in float32; returns (n, 3) colours.

    The kernels of side 3 must read their own pixel alone, or this is another network.
    """
    x = np.linspace(-1, 1, width)[pixels[:, 0]]
    y = np.linspace(-1, 1, height)[pixels[:, 1]]
    units = np.column_stack([values / 2048 - 1, x, y]).astype(np.float32)
    for index in range(0, 15, 2):
        kernel = weights[f"{index}.weight"]
        middle = kernel.shape[2] // 2
        own = kernel[:, :, middle, middle]
        assert np.count_nonzero(kernel) == np.count_nonzero(own)
        units = units @ own.T + weights[f"{index}.bias"]
        units = np.maximum(units, 0) if index < 14 else np.tanh(units)
    return units


def random_values(count, seed=0):
    return np.random.default_rng(seed).integers(0, VALUES, (count, LATENTS))


def edges(objects, random, height, width):
    """Return a pixel near an object's edge, or anywhere, for each sample."""
    count = len(objects)
    centre = objects.reshape(count, 2, 4)[np.arange(count), random.integers(0, 2, count), :2]
    angle, reach = random.uniform(0, 2 * np.pi, count), random.choice([9, 10, 11, 14], count)
    near = centre + np.rint(np.stack([np.cos(angle), np.sin(angle)], 1) * reach[:, None])
    anywhere = random.integers(0, (width, height), (count, 2))
    chosen = np.where(random.random(count)[:, None] < 0.8, near, anywhere).astype(int)
    return chosen.clip(0, (width - 1, height - 1))


def expected(objects, pixels, height, width):
    pictures = data.pictures(objects.astype(np.float32), height, width)
    return pictures[np.arange(len(objects)), :, pixels[:, 1], pixels[:, 0]]


SIZES = [(64, 64), (50, 50), (52, 70), (61, 50), (36, 84), (21, 61)]


@pytest.mark.parametrize("size", SIZES)
def test_every_pixel_tried_is_that_of_a_valid_scene(size):
    random = np.random.default_rng(1)
    values = random_values(400)
    # Far beyond chance: the ends of the digits, and red on top of blue.
    bounds = [k * VALUES // 11 + d for k in range(12) for d in (-1, 0, 1)]
    values[:100] = random.choice(np.clip(bounds, 0, VALUES - 1), (100, LATENTS))
    values[100:200, 4:60] = np.tile(values[100:200, :4], 14)
    objects = drawn(values, *size)
    assert (((objects[:, :2] - objects[:, 4:6]) ** 2).sum(axis=1) >= 400).all()
    weights = coordconv_generator(*size)
    pixels = edges(objects, random, *size)
    found = outputs(weights, values, pixels, *size)
    assert np.array_equal(found, expected(objects, pixels, *size))


@pytest.mark.parametrize("seed", [0, 1])
def test_whole_pictures(seed):
    size = (64, 64)
    values = random_values(2, seed)
    objects, weights = drawn(values, *size), coordconv_generator(*size)
    pictures = data.pictures(objects.astype(np.float32), *size)
    everywhere = np.stack(np.meshgrid(np.arange(64), np.arange(64)), axis=-1).reshape(-1, 2)
    for value, picture in zip(values, pictures, strict=True):
        found = outputs(weights, np.tile(value, (4096, 1)), everywhere, *size)
        assert np.array_equal(found.T.reshape(3, 64, 64), picture)


# --- Each part, for all that it can be given ------------------------------------------------


def computed(layer, total, *inputs):
    """Return what a sum of a layer's units comes to, for its inputs, each (n,)."""
    inputs = np.stack(np.broadcast_arrays(*inputs)).astype(np.float32)

    def value(linear, arrays):
        parts = [np.float32(factor) * arrays[index] for index, factor in linear.terms.items()]
        return np.sum([*parts, np.zeros_like(inputs[0])], axis=0) + np.float32(linear.constant)

    return value(total, [np.maximum(value(unit, inputs), 0) for unit in layer.units])


def unit(index):
    return module._Sum({index: 1.0})


@pytest.mark.parametrize("parts", range(2, 45))
def test_a_digit_of_every_latent(parts):
    values, layer = np.arange(VALUES), module._Layer()
    total = module._total(layer.step(unit(0) + (1 - b), 16) for b in module._bounds(parts))
    assert np.array_equal(computed(layer, total, values), values * parts // VALUES)


def test_near_is_said_of_the_pairs_nearer_than_20():
    dx, dy = (axis.ravel() for axis in np.mgrid[-80:81, -80:81])
    layer = module._Layer()
    excess = module._excess(layer, (unit(0), unit(1)), (module._Sum(), module._Sum()))
    found = computed(layer, excess, dx, dy)
    assert np.array_equal(found >= 1, dx**2 + dy**2 < 400)
    assert np.array_equal(found, found.round())
    # One layer later, of the absolute values.
    layer = module._Layer()
    squares = [layer.squared(unit(k), 20, 0) for k in (0, 1)]
    assert np.array_equal(computed(layer, 400 - module._total(squares), abs(dx), abs(dy)), found)


@pytest.mark.parametrize("square", [0, 1])
def test_inside_is_said_of_the_object_s_pixels(square):
    dx, dy = (axis.ravel() for axis in np.mgrid[-80:81, -80:81])
    layer = module._Layer()
    outside = module._total(layer.of_difference(unit(k), 10, module._BEYOND) for k in (0, 1))
    found = computed(layer, outside, dx, dy)
    layer = module._Layer()
    inside = computed(layer, module._inside(layer, unit(0), unit(1)), found, square)
    shape = (abs(dx) <= 10) & (abs(dy) <= 10) if square else dx**2 + dy**2 <= 100
    assert np.array_equal(inside, shape)


def test_the_first_that_is_not_near_is_chosen_whichever_are():
    patterns = np.array(list(product((0, 1), repeat=PROPOSALS))).T
    layer = module._Layer()
    near = [unit(k) for k in range(PROPOSALS)]
    points = [[module._Sum({}, 10 + k), module._Sum({}, 53 - k)] for k in range(PROPOSALS)]
    spare = [module._Sum({}, 30), module._Sum({}, 31)]
    red = module._first(layer, near, points, spare, 64)
    first = np.where(patterns.all(axis=0), PROPOSALS, patterns.argmin(axis=0))
    for found, of_spare, of_points in zip(red, (30, 31), ((10, 1), (53, -1)), strict=True):
        wanted = np.where(first == PROPOSALS, of_spare, of_points[0] + of_points[1] * first)
        assert np.array_equal(computed(layer, found, *patterns), wanted)


def test_a_number_that_is_changed_is_noticed():
    size, random = (64, 64), np.random.default_rng(3)
    values = random_values(1500, 5)
    values[:700, 4:60] = np.tile(values[:700, :4], 14)
    objects = drawn(values, *size)
    pixels = edges(objects, random, *size)
    weights = coordconv_generator(*size)
    right = expected(objects, pixels, *size)
    assert np.array_equal(outputs(weights, values, pixels, *size), right)
    for name in ("0.weight", "2.bias", "4.weight", "6.bias", "8.weight", "10.weight", "14.bias"):
        array = weights[name]
        index = tuple(random.choice(np.argwhere(array)))
        # The largest of the row of a late layer: a colour's margin is wide.
        changed = array.copy()
        changed[index] = -changed[index]
        found = outputs(weights | {name: changed}, values, pixels, *size)
        assert not np.array_equal(found, right), (name, index)


# --- How far from the published distribution ------------------------------------------------


@pytest.mark.parametrize("size", [(50, 50), (36, 84)])
def test_the_chances_are_those_of_what_is_drawn(size):
    rows, columns = size[0] - 20, size[1] - 20
    expected = np.zeros((3, 3, 3, 3))
    third = np.arange(rows) * 3 // rows, np.arange(columns) * 3 // columns
    for place, (blue, red) in enumerate(chances(*size)):
        assert red.sum() == pytest.approx(1)
        own = third[0][place // columns], third[1][place % columns]
        np.add.at(expected[own], np.ix_(*third), blue * red)
    count = 100_000
    objects = drawn(random_values(count, 7), *size)
    x, y, _, _, red_x, red_y, _, _ = objects.T - 10
    found = np.zeros_like(expected)
    np.add.at(found, (third[0][y], third[1][x], third[0][red_y], third[1][red_x]), 1 / count)
    assert expected.sum() == pytest.approx(1)
    assert (abs(found - expected) <= 5 * np.sqrt(expected / count) + 1e-12).all()


def test_the_distance_counts_all_pairs():
    """On the smallest canvas, pair by pair."""
    size, total = (50, 50), 0.0
    for place, (blue, red) in enumerate(chances(*size)):
        i, j = np.divmod(np.arange(900), 30)
        free = (i - place // 30) ** 2 + (j - place % 30) ** 2 >= 400
        assert not red.ravel()[~free].any()
        total += sum(abs(blue * red.ravel() - free / (900 * free.sum())))
    assert distance_from_published(*size) == pytest.approx(total / 2, rel=1e-9)


def test_the_distance_on_the_published_canvas():
    assert proposals(64, 64) == 7
    assert distance_from_published(64, 64) == pytest.approx(0.0072941, abs=1e-7)


# --- Bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((20, 64), "a canvas of 20x64 has no room for an object; give 50x50 or more"),
        ((49, 49), "no weights are known for a canvas of 49x49; there must be a place 20 pixels"),
        ((127, 64), "the steps of its 107x44 places do not fit into 512 units"),
        ((64, 64, 8), "no weights are known for 8 channels; give 64 or more"),
    ],
)
def test_what_there_are_no_weights_for(arguments, message):
    with pytest.raises(ValueError, match=message):
        coordconv_generator(*arguments)


def test_channels_must_be_a_whole_number():
    with pytest.raises(TypeError, match=r"channels is 64\.0"):
        coordconv_generator(64, 64, 64.0)


@pytest.mark.parametrize("channels", [64, 66])
def test_names_and_shapes_are_the_architecture_s(channels):
    expected = published.coordconv_g(64, 64, channels).generator.parameters()
    weights = coordconv_generator(64, 64, channels)
    assert {n: a.shape for n, a in weights.items()} == {n: p.shape for n, p in expected.items()}


def test_more_channels_draw_the_same():
    values = random_values(50)
    objects = drawn(values, 64, 64)
    pixels = edges(objects, np.random.default_rng(2), 64, 64)
    found = outputs(coordconv_generator(64, 64, 70), values, pixels, 64, 64)
    assert np.array_equal(found, expected(objects, pixels, 64, 64))
    assert two_objects.RADIUS == 10
