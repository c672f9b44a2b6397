from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from handcrafted import two_objects
from handcrafted.proofs.cases import pairs, scenes


def random_objects(count, height, width, seed=0):
    """Draw as the published generator does: centres again and again until far enough apart."""
    rng = np.random.default_rng(seed)
    objects = []
    while len(objects) < count:
        x, y = rng.integers(10, width - 10, 2), rng.integers(10, height - 10, 2)
        if (x[0] - x[1]) ** 2 + (y[0] - y[1]) ** 2 >= 400:
            red_first = rng.integers(2)
            shapes = rng.integers(2, size=2)
            one, other = ((x[k], y[k], k ^ red_first, shapes[k]) for k in range(2))
            objects.append((*one, *other))
    return np.array(objects)


def blue_first(objects):
    swapped = np.concatenate([objects[:, 4:], objects[:, :4]], axis=1)
    return np.where(objects[:, 2:3] == 0, objects, swapped)


@pytest.mark.parametrize("size", [(64, 64), (50, 81), (21, 41)])
def test_scenes_and_back(size):
    objects = random_objects(300, *size)
    pictures = two_objects.network(*size)(objects.astype(np.float32))
    assert (pictures == scenes(objects, *size, np.float32)).all()
    assert (two_objects.inverse_network(*size)(pictures) == blue_first(objects)).all()


def test_there_and_back_is_the_identity():
    both = two_objects.network(64, 64) | two_objects.inverse_network(64, 64)
    objects = pairs(64, 64)[::50].astype(np.float32)
    assert (both(objects) == objects).all()


@pytest.mark.parametrize("shapes", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_scenes_are_what_opencv_draws(shapes):
    """The published generator's calls: blue first, then red, on white."""
    cv2 = pytest.importorskip("cv2")
    objects = blue_first(random_objects(100, 64, 64, seed=1))
    objects[:, 3], objects[:, 7] = shapes
    pictures = two_objects.network(64, 64)(objects)
    for pair, picture in zip(objects, pictures, strict=True):
        canvas = np.full((64, 64, 3), 255, np.uint8)
        for (x, y, _, square), colour in zip(
            pair.reshape(2, 4).tolist(), ((0, 0, 255), (255, 0, 0)), strict=True
        ):
            if square:
                cv2.rectangle(canvas, (x - 10, y - 10), (x + 10, y + 10), colour, -1)
            else:
                cv2.circle(canvas, (x, y), 10, colour, -1)
        assert (picture == np.where(canvas.transpose(2, 0, 1) > 127, 1, -1)).all()


GOOD = [20, 20, 0, 0, 50, 50, 1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({0: 9}, "item 1 of the batch has x = 9; expected a whole number from 10 to 53"),
        ({4: 54}, "x = 54; expected a whole number from 10 to 53"),
        ({1: 9}, "y = 9"),
        ({5: 20.5}, r"y = 20\.5"),
        ({2: 2}, "colour = 2; expected a whole number from 0 to 1"),
        ({3: -1}, "shape = -1"),
        ({2: 1}, "two objects of one colour; expected one blue"),
        ({4: 32, 5: 35}, r"centres 19\.2 pixels apart; expected 20 or more"),
        ({6: np.nan}, "colour = nan"),
    ],
)
def test_bad_objects_are_refused(changes, message):
    objects = np.array([GOOD] * 3, np.float32)
    for index, value in changes.items():
        objects[1, index] = value
    with pytest.raises(ValueError, match=message):
        two_objects.network(64, 64)(objects)


def test_exactly_20_pixels_apart_will_do():
    for dx in range(-20, 21):
        for dy in range(-20, 21):
            objects = np.array([[31, 31, 0, 0, 31 + dx, 31 + dy, 1, 0]], np.float16)
            if dx**2 + dy**2 >= 400:
                two_objects.network(64, 64)(objects)
            else:
                with pytest.raises(ValueError, match="pixels apart"):
                    two_objects.network(64, 64)(objects)


def damaged(pixel, colour):
    picture = two_objects.network(64, 64)(np.array([GOOD] * 3, np.float32))
    picture[(1, slice(None), *pixel)] = colour
    return picture


@pytest.mark.parametrize(
    "colour", [(-1, -1, -1), (1, 1, -1), (0, 0, 0), (np.nan, 1, 1), (1, -1, 1)]
)
@pytest.mark.parametrize("pixel", [(20, 20), (0, 0), (50, 40), (30, 20)])
def test_a_damaged_scene_is_refused(pixel, colour):
    pictures = damaged(pixel, colour)
    with pytest.raises(ValueError, match="scene 1 of the batch is not one blue and one red object"):
        two_objects.inverse_network(64, 64)(pictures)


def test_an_empty_scene_is_refused():
    with pytest.raises(ValueError, match="scene 0 of the batch"):
        two_objects.inverse_network(64, 64)(np.ones((1, 3, 64, 64), np.float32))


@pytest.mark.parametrize("size", [(20, 64), (64, 20), (21, 40), (34, 34)])
def test_a_canvas_without_room_is_refused(size):
    for build in (two_objects.network, two_objects.inverse_network):
        with pytest.raises(ValueError, match="has no room for two objects of radius 10 20 pixels"):
            build(*size)


def test_the_published_sizes():
    """The authors' generator: radius 10, and a squared distance of 400 at least."""
    assert two_objects.RADIUS == 10
    assert two_objects.DISTANCE == 20


@pytest.mark.parametrize("size", [(21, 41), (41, 21), (33, 37), (37, 33), (21, 63), (63, 21)])
def test_the_smallest_canvases_have_room(size):
    """Of (33, 37), 12 and 16 pixels are left for the centres: 12 ** 2 + 16 ** 2 == 20 ** 2."""
    height, width = size
    far = [10, 10, 0, 0, width - 11, height - 11, 1, 1]
    objects = np.array([far], np.float32)
    scene = two_objects.network(*size)(objects)
    assert (two_objects.inverse_network(*size)(scene) == objects).all()


@pytest.mark.parametrize("size", [(33, 36), (32, 37), (36, 33), (21, 40), (20, 200), (200, 20)])
def test_a_pixel_less_has_none(size):
    for domain in (two_objects.Objects, two_objects.Scenes):
        with pytest.raises(ValueError, match=f"^a canvas of {size[0]}x{size[1]} has no room"):
            domain(*size)


def test_what_objects_and_scenes_are():
    objects, scenes = two_objects.Objects(50, 60), two_objects.Scenes(50, 60)
    assert (objects.name, objects.shape, objects.largest) == ("objects", (8,), 110)
    assert (scenes.name, scenes.shape, scenes.largest) == ("scenes", (3, 50, 60), 110)
    for domain in (objects, scenes):
        assert domain == type(domain)(50, 60) != type(domain)(60, 50)
        with pytest.raises(FrozenInstanceError):
            domain.height = 64


@pytest.mark.parametrize(
    "wrong",
    [
        {0: 9}, {0: 50}, {1: 9}, {1: 40}, {4: 9}, {4: 50}, {5: 9}, {5: 40},
        {2: -1}, {2: 2}, {3: -1}, {3: 2}, {6: -1}, {6: 2}, {7: -1}, {7: 2},
        {0: 10.5}, {1: 10.5}, {3: 0.5}, {7: 0.5}, {2: 1}, {6: 0},
        {4: 12, 5: 12}, {4: 10, 5: 29}, {4: 29, 5: 10}, {4: 23, 5: 25},
    ],
)  # fmt: skip
def test_every_number_of_an_object_is_checked(wrong):
    """On 50 x 60 centres lie from 10 to 49 and from 10 to 39."""
    right = np.array([10, 10, 0, 0, 49, 39, 1, 1], np.float64)
    vectors = np.array([right] * 3)
    assert not two_objects.Objects(50, 60).wrong(vectors).any()
    for index, value in wrong.items():
        vectors[1, index] = value
    assert two_objects.Objects(50, 60).wrong(vectors).tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"^item 104 of the batch has .*expected"):
        two_objects.Objects(50, 60).check(vectors, 103)


def test_objects_at_the_least_distance_are_right():
    for x, y in ((30, 10), (10, 30), (22, 26), (26, 22)):
        vector = np.array([[10, 10, 0, 0, x, y, 1, 1]])
        assert not two_objects.Objects(50, 60).wrong(vector).any()


def test_a_bad_scene_counts_on_from_the_batch_before():
    scenes = damaged((20, 20), (1, 1, 1))
    with pytest.raises(ValueError, match=r"^scene 104 of the batch"):
        two_objects.Scenes(64, 64).check(scenes, 103)


def test_the_colours_of_a_scene_by_hand():
    """White is (1, 1, 1), blue (-1, -1, 1), red (1, -1, -1); red covers blue where they meet."""
    scene = two_objects.network(64, 64)(np.array([[20, 20, 0, 1, 36, 34, 1, 1]]))[0]
    for pixel, colour in (
        ((0, 0), (1, 1, 1)),
        ((20, 20), (-1, -1, 1)),
        ((10, 10), (-1, -1, 1)),
        ((9, 10), (1, 1, 1)),
        ((30, 20), (-1, -1, 1)),
        ((31, 20), (1, 1, 1)),
        ((34, 36), (1, -1, -1)),
        ((24, 26), (1, -1, -1)),  # of both squares
        ((44, 46), (1, -1, -1)),
        ((45, 46), (1, 1, 1)),
    ):
        assert tuple(scene[(slice(None), *pixel)]) == colour


def test_a_disc_is_every_pixel_within_10_of_its_centre():
    scene = two_objects.network(64, 64)(np.array([[20, 22, 0, 0, 50, 50, 1, 0]]))[0]
    y, x = np.indices((64, 64))
    assert ((scene[0] == -1) == ((x - 20) ** 2 + (y - 22) ** 2 <= 100)).all()
    assert ((scene[2] == -1) == ((x - 50) ** 2 + (y - 50) ** 2 <= 100)).all()


@pytest.mark.parametrize("shapes", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_objects_that_nearly_touch_in_every_direction(shapes):
    """Every pair of centres 20 to 22 pixels apart: the red one covers as much as it ever can."""
    steps = [(a, b) for a in range(-22, 23) for b in range(-22, 23)]
    near = [(a, b) for a, b in steps if 400 <= a * a + b * b <= 484]
    objects = np.array([[32, 32, 0, shapes[0], 32 + a, 32 + b, 1, shapes[1]] for a, b in near])
    pictures = two_objects.network(65, 65)(objects)
    assert (pictures == scenes(objects, 65, 65, np.int64)).all()
    assert (two_objects.inverse_network(65, 65)(pictures) == objects).all()
