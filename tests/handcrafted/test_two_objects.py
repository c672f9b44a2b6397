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
