"""The generator of scenes: every first centre, every second place, and how often each comes."""

from fractions import Fraction

import numpy as np
import pytest

from handcrafted import scene_generator, two_objects
from handcrafted.proofs.cases import scenes
from handcrafted.scene_generator import BASE, distance_from_published, shares

NUMBERS = BASE**2


def far_places(x, y, height, width):
    """List the places at least 20 pixels from (x, y), row after row, as (n, 2)."""
    places = [
        (column, row)
        for row in range(10, height - 10)
        for column in range(10, width - 10)
        if (column - x) ** 2 + (row - y) ** 2 >= 400
    ]
    return np.array(places, dtype=np.int64).reshape(-1, 2)


def chosen(latents, height, width):
    """Work out the objects of (n, 8) latents in Python's integers."""
    found = []
    for a, a_fine, b, b_fine, u, u_fine, blue, red in latents.astype(int).tolist():
        x = 10 + (width - 20) * (BASE * a + a_fine) // NUMBERS
        y = 10 + (height - 20) * (BASE * b + b_fine) // NUMBERS
        places = far_places(x, y, height, width)
        place = places[len(places) * (BASE * u + u_fine) // NUMBERS]
        found.append((x, y, 0, int(blue >= 2048), *place, 1, int(red >= 2048)))
    return np.array(found)


def digits(number):
    """Write numbers below 4096**2 as two latents, (n, 2)."""
    return np.stack(np.divmod(np.asarray(number), BASE), axis=-1)


def ends(parts):
    """Return the first and the last number of each of so many equal parts, (parts, 2)."""
    first = -(-np.arange(parts + 1) * NUMBERS // parts)
    return np.stack([first[:-1], first[1:] - 1], axis=1)


def marks(latents, height, width):
    """Run the network as far as the four maps of centres, a few latents at a time."""
    operations = (
        *scene_generator.blue_steps(height, width),
        *scene_generator.red_steps(height, width),
    )
    for start in range(0, len(latents), 8):
        maps = latents[start : start + 8].astype(np.float32)
        for operation in operations:
            maps = operation(maps)
        yield maps


def marked(objects, height, width):
    """Draw the four maps of centres of (n, 8) objects."""
    maps = np.zeros((len(objects), 4, height, width), np.float32)
    numbers = np.arange(len(objects))
    for colour in range(2):
        x, y, _, square = objects[:, 4 * colour : 4 * colour + 4].T
        maps[numbers, 2 * colour + square, y, x] = 1
    return maps


def assert_marked(latents, objects, height, width):
    start = 0
    for maps in marks(latents, height, width):
        part = objects[start : start + len(maps)]
        assert (maps == marked(part, height, width)).all(), latents[start : start + 8]
        start += len(maps)
    assert start == len(objects)


def every_second(x, y, height, width, ends_of_part=(0, 1)):
    """Return latents and objects for one first centre with every second one, shapes in turn."""
    places = far_places(x, y, height, width)
    n = len(places)
    if n == 0:
        return np.zeros((0, 8), int), np.zeros((0, 8), int)
    column, row = ends(width - 20)[x - 10], ends(height - 20)[y - 10]
    latents, objects = [], []
    for end in ends_of_part:
        shapes = np.stack([np.arange(n) // 2 % 2, np.arange(n) % 2], axis=1)
        first = np.concatenate([digits(column[end]), digits(row[end])])
        tone = shapes * 2048 + end * 2047
        latents.append(np.hstack([np.tile(first, (n, 1)), digits(ends(n)[:, end]), tone]))
        blue = np.tile([x, y, 0], (n, 1))
        objects.append(
            np.hstack([blue, shapes[:, :1], places, np.ones((n, 1), int), shapes[:, 1:]])
        )
    return np.concatenate(latents), np.concatenate(objects)


@pytest.mark.parametrize("size", [(64, 64), (50, 57), (21, 61)])
def test_random_latents_give_the_scenes_that_integers_say(size):
    latents = np.random.default_rng(0).integers(0, BASE, (60, 8))
    pictures = scene_generator.network(*size)(latents.astype(np.float32))
    objects = chosen(latents, *size)
    assert (pictures == scenes(objects, *size, np.float32)).all()
    assert (two_objects.inverse_network(*size)(pictures) == objects).all()


def test_every_pair_of_centres_of_a_narrow_canvas_at_both_ends_of_its_latents():
    height, width = size = 21, 61
    cases = [
        every_second(x, y, *size) for y in range(10, height - 10) for x in range(10, width - 10)
    ]
    latents, objects = (np.concatenate(each) for each in zip(*cases, strict=True))
    assert len(latents) == 2 * two_objects.free_places(*size).sum()
    assert (chosen(latents[::7], *size) == objects[::7]).all()
    assert_marked(latents, objects, *size)


def test_every_first_centre_of_the_published_canvas_leaves_the_places_it_should():
    """Each column and row at the first and the last of its latents."""
    y, x = np.divmod(np.arange(44**2), 44)
    operations = (*scene_generator.blue_steps(64, 64), *scene_generator.red_steps(64, 64)[:2])
    rows, columns = np.indices((64, 64))
    places = (abs(rows - 31.5) < 22) & (abs(columns - 31.5) < 22)
    for start in range(0, 44**2, 8):
        part = slice(start, start + 8)
        end = start // 8 % 2
        latents = np.zeros((8, 8), np.float32)
        latents[:, :2] = digits(ends(44)[x[part], end])
        latents[:, 2:4] = digits(ends(44)[y[part], end])
        latents[:, 4:] = (5, 7, 2047, 2048)
        maps = latents
        for operation in operations:
            maps = operation(maps)
        across = columns - 10 - x[part, None, None]
        down = rows - 10 - y[part, None, None]
        assert (maps[:, 0] == ((across == 0) & (down == 0))).all()
        assert (maps[:, 5] == (places & (across**2 + down**2 >= 400))).all()
        assert (maps[:, 1:5] == np.array([5, 7, 0, 1])[:, None, None]).all()


@pytest.mark.parametrize("first", [(10, 10), (53, 31), (31, 32)], ids=str)
def test_second_places_of_the_published_canvas(first):
    """Of a first centre in a corner, at a side and in the middle: every tenth, and the last."""
    latents, objects = every_second(*first, 64, 64)
    some = np.r_[0 : len(latents) : 10, len(latents) - 1]
    assert_marked(latents[some], objects[some], 64, 64)


def pairs_of_first_centre(number):
    """Check every second centre of one first centre of the published canvas; return how many.

    The maps of the first centre are made once and serve all latents that share it.
    """
    y, x = divmod(number, 44)
    latents, objects = every_second(10 + x, 10 + y, 64, 64, (number % 2,))
    choose = scene_generator.red_steps(64, 64)
    first = latents[:1].astype(np.float32)
    for operation in (*scene_generator.blue_steps(64, 64), *choose[:2]):
        first = operation(first)
    for start in range(0, len(latents), 8):
        part = latents[start : start + 8]
        maps = np.repeat(first, len(part), axis=0)
        maps[:, 1:3] = part[:, 4:6, None, None]
        maps[:, 3:5] = (part[:, 6:] >= 2048)[:, :, None, None]
        for operation in choose[2:]:
            maps = operation(maps)
        assert (maps == marked(objects[start : start + 8], 64, 64)).all(), (number, start)
    return len(latents)


@pytest.mark.slow
def test_every_pair_of_centres_of_the_published_canvas():
    """All 2,185,268, at the first or the last number that chooses them, in turn; half an hour."""
    assert sum(map(pairs_of_first_centre, range(44**2))) == 2_185_268


def test_places_left_free_are_counted_right():
    free = two_objects.free_places(64, 64)
    assert (free.shape, free.min(), free.max(), free.sum()) == ((44, 44), 691, 1605, 2_185_268)
    for size in ((21, 41), (40, 50), (36, 36)):
        free = two_objects.free_places(*size)
        for (row, column), count in np.ndenumerate(free):
            assert count == len(far_places(10 + column, 10 + row, *size))


@pytest.mark.parametrize("parts", [1, 44, 691, 1605])
def test_shares_are_those_of_all_numbers(parts):
    counts = np.zeros(parts, dtype=np.int64)
    for start in range(0, NUMBERS, 1 << 20):
        numbers = np.arange(start, start + (1 << 20))
        counts += np.bincount(parts * numbers // NUMBERS, minlength=parts)
    assert shares(parts) == [Fraction(count, NUMBERS) for count in counts.tolist()]


@pytest.mark.parametrize("size", [(64, 64), (21, 61)])
def test_the_distance_from_the_published_distribution_sums_over_all_pairs(size):
    free = two_objects.free_places(*size)
    down, across = ([float(share) for share in shares(side)] for side in free.shape)
    total = 0.0
    for (row, column), n in np.ndenumerate(free):
        second = np.diff(-(-np.arange(n + 1) * NUMBERS // n)) / NUMBERS
        total += abs(down[row] * across[column] * second - 1 / (free.size * n)).sum()
    assert float(distance_from_published(*size)) == pytest.approx(total / 2, rel=1e-9)


def test_real_latents_are_wrong_only_in_the_band_below_a_boundary():
    """Just below where the k-th place ends, the band is 1 / n of a unit of u' wide."""
    n = int(two_objects.free_places(64, 64)[0, 0])
    first = [*digits(ends(44)[0, 0]), *digits(ends(44)[0, 0])]
    end = Fraction(100 * NUMBERS, n)
    u, u_fine = divmod(end, BASE)
    places = far_places(10, 10, 64, 64)
    for units, place in ((-1.01, 99), (-0.99, None), (-0.01, None), (0.01, 100)):
        latents = np.array([[*first, u, float(u_fine) + units / n, 0, 0]], dtype=np.float64)
        maps = latents
        for operation in (*scene_generator.blue_steps(64, 64), *scene_generator.red_steps(64, 64)):
            maps = operation(maps)
        red = maps[0, 2]
        hot = [(int(x), int(y)) for y, x in np.argwhere(red)]
        if place is None:
            assert hot == [tuple(places[99]), tuple(places[100])]
            assert ((red[red > 0] > 0) & (red[red > 0] < 1)).all()
        else:
            assert hot == [tuple(places[place])]
            assert red.max() == 1


@pytest.mark.parametrize(
    ("library", "dtype"),
    [
        ("array_api_strict", "float32"),
        ("array_api_strict", "int32"),
        ("torch", "float32"),
        ("torch", "int32"),
        # JAX compiles each operation for each shape, which takes most of half a minute.
        pytest.param("jax.numpy", "float32", marks=pytest.mark.slow),
    ],
)
def test_other_libraries_give_the_same_scenes(library, dtype):
    xp = pytest.importorskip(library)
    latents = np.random.default_rng(1).integers(0, BASE, (5, 8)).astype(dtype)
    pictures = scene_generator.network(50, 50)(xp.asarray(latents))
    expected = scenes(chosen(latents, 50, 50), 50, 50, np.float32)
    assert (np.asarray(pictures) == expected).all()


def test_an_onnx_runtime_gives_the_same_scenes():
    onnxruntime = pytest.importorskip("onnxruntime")
    from handcrafted.onnx_export import to_onnx

    latents = np.random.default_rng(2).integers(0, BASE, (3, 8))
    session = onnxruntime.InferenceSession(to_onnx(scene_generator.network(21, 61)))
    (pictures,) = session.run(None, {"input": latents.astype(np.float32)})
    assert (pictures == scenes(chosen(latents, 21, 61), 21, 61, np.float32)).all()


@pytest.mark.parametrize("value", [-1, 4096, 0.5, np.nan, np.inf])
def test_other_latents_are_refused(value):
    latents = np.zeros((5, 8))
    latents[3, 6] = value
    with pytest.raises(
        ValueError, match=f"item 3 of the batch has a latent of {value:g}; expected"
    ):
        scene_generator.network(64, 64)(latents)


def test_canvases_where_a_first_object_leaves_no_place_are_refused():
    with pytest.raises(ValueError, match=r"49x49 some first objects leave no place .* 50x50"):
        scene_generator.network(49, 49)
    with pytest.raises(ValueError, match="has no room for two objects"):
        scene_generator.network(30, 30)


def test_dtypes_that_do_not_hold_the_numbers_are_refused():
    latents = np.zeros((1, 8))
    with pytest.raises(ValueError, match=r"beyond 2048.*float16.*use float32"):
        scene_generator.network(64, 64)(latents.astype(np.float16))
    with pytest.raises(ValueError, match=r"beyond 16777216.*float32.*use float64"):
        scene_generator.network(100, 100)(latents.astype(np.float32))
    assert scene_generator.network(100, 100)(latents).shape == (1, 3, 100, 100)
    jax = pytest.importorskip("jax.numpy")
    with pytest.raises(ValueError, match="int32, which does not hold 32480690176; give a floating"):
        scene_generator.network(64, 64)(jax.asarray(latents.astype(np.int32)))
