"""A folder of pictures: what is wrong with it is said at once, and odd pictures are read."""

import io
import os

import numpy as np
import pytest

from compare.datasets.folder import (
    UnreadableError,
    augmented,
    augmented_sample,
    central,
    open_folder,
    quietly,
    read_picture,
    require_few,
    split_of,
    unreadable,
)
from compare.errors import UsageError

PIL = pytest.importorskip("PIL")
from PIL import Image  # noqa: E402


def picture(seed=0, size=(40, 30)):
    """A smooth picture, brighter to the right, in which JPEG changes little."""
    base = np.random.default_rng(seed).integers(0, 60, 3)
    ramp = np.linspace(0, 180, size[0])[None, :, None].repeat(size[1], axis=0)
    return Image.fromarray((ramp + base).astype(np.uint8))


def fill(root, counts, classes=("a", "b")):
    """Write `counts[part]` JPEG pictures a class."""
    for part, count in counts.items():
        for name in classes:
            (root / part / name).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                picture(index).save(root / part / name / f"{index:03d}.jpg")
    return root


@pytest.fixture
def whole(tmp_path):
    return fill(tmp_path / "pictures", {"train": 3, "val": 2})


def test_its_files_are_listed_by_class_and_name(whole):
    (whole / "train" / "a" / ".hidden").touch()
    (whole / "train" / ".hidden").mkdir()
    (whole / "train" / "a" / "deeper").mkdir()
    folder = open_folder(whole)
    assert folder.train.classes == folder.val.classes == ("a", "b")
    assert folder.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert folder.train.path(4) == whole / "train" / "b" / "001.jpg"
    assert open_folder(whole) is folder
    assert open_folder(str(whole)) is folder


def test_another_name_changes_the_digest(whole):
    before = open_folder(whole).digest
    (whole / "val" / "b" / "001.jpg").rename(whole / "val" / "b" / "new.jpg")
    os.utime(whole / "val" / "b", ns=(1, 1))  # a clock may not have gone on
    assert open_folder(whole).digest != before


def remove(path):
    for each in path.iterdir():
        each.unlink()


BROKEN = {
    "nothing there": (
        lambda root: root.rename(root.with_name("gone")),
        r"there is no folder '.*pictures'; .*must hold train/CLASS/\* and val/CLASS/\*",
    ),
    "no val": (lambda root: (root / "val").rename(root / "test"), "has no folder 'val'"),
    "no classes": (
        lambda root: [(root / "train" / name).rename(root / name) for name in "ab"],
        "'.*train' has no folders, one for each class",
    ),
    "a class without pictures": (
        lambda root: remove(root / "val" / "b"),
        "'.*val' has no pictures of class 'b'",
    ),
    "another class in val": (
        lambda root: (root / "val" / "b").rename(root / "val" / "c"),
        "differ: only 'train' has 'b' and only 'val' has 'c'",
    ),
    "one class": (
        lambda root: [(root / part / "b").rename(root / f"{part}-b") for part in ("train", "val")],
        "has one class, 'a'; give two or more",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_wrong_is_said_in_one_line(whole, fault):
    damage, message = BROKEN[fault]
    damage(whole)
    with pytest.raises(UsageError, match=message) as caught:
        open_folder(whole)
    assert "\n" not in str(caught.value)


def test_many_classes_are_not_all_named(tmp_path):
    fill(tmp_path, {"train": 1}, [f"c{index}" for index in range(9)])
    fill(tmp_path, {"val": 1}, ["c0"])
    with pytest.raises(UsageError, match="only 'train' has 'c1', 'c2', 'c3' and 5 more; give"):
        open_folder(tmp_path)


# --- Odd pictures ---------------------------------------------------------------------------


def saved(image, path, **options):
    image.save(path, **options)
    return path


def test_exif_rotation_is_followed(tmp_path):
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        path = saved(picture(), tmp_path / f"{orientation}.jpg", exif=exif, quality=95)
        pixels = np.asarray(read_picture(path), np.float64)[:, :, 0]
        # Of the eight ways to hold a camera, four turn the picture on its side.
        assert pixels.shape == ((30, 40) if orientation < 5 else (40, 30))
        across, down = (
            pixels[:, -1].mean() - pixels[:, 0].mean(),
            pixels[-1].mean() - pixels[0].mean(),
        )
        expected = {1: (1, 0), 2: (-1, 0), 3: (-1, 0), 4: (1, 0),
                    5: (0, 1), 6: (0, 1), 7: (0, -1), 8: (0, -1)}[orientation]  # fmt: skip
        assert (round(across / 180), round(down / 180)) == expected, orientation


def test_damaged_exif_is_no_reason_to_lose_a_picture(tmp_path):
    path = saved(picture(), tmp_path / "a.jpg", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    with quietly():
        assert read_picture(path).size == (40, 30)


@pytest.mark.parametrize("mode", ["CMYK", "P", "L", "1", "LA", "RGBA", "YCbCr"])
def test_other_colours_become_red_green_and_blue(tmp_path, mode):
    image = picture().convert(mode)
    ending = "jpg" if mode in ("CMYK", "YCbCr") else "png"
    read = read_picture(saved(image, tmp_path / f"a.{ending}"))
    assert (read.mode, read.size) == ("RGB", (40, 30))
    difference = np.asarray(read, int) - np.asarray(image.convert("RGB"), int)
    assert abs(difference).mean() < 3


def test_transparency_is_dropped_without_a_warning(tmp_path):
    image = picture().quantize(16)
    read = read_picture(saved(image, tmp_path / "a.png", transparency=bytes(range(16))))
    np.testing.assert_array_equal(np.asarray(read), np.asarray(image.convert("RGB")))


def test_greys_of_16_bits_are_scaled_and_not_cut_off(tmp_path):
    greys = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for name in ("a.png", "a.tiff"):
        read = np.asarray(read_picture(saved(Image.fromarray(greys), tmp_path / name)))
        np.testing.assert_array_equal(read[:, :, 1].ravel(), np.arange(256))


def test_a_picture_of_one_pixel_and_a_very_long_one_can_be_cut(tmp_path):
    for size in ((1, 1), (1, 5000), (5000, 1)):
        read = read_picture(saved(picture(size=size), tmp_path / "a.png"))
        random = np.random.default_rng(0)
        for pixels in (central(read, 32, 48), augmented(read, 32, 48, random)):
            assert (pixels.shape, pixels.dtype) == ((32, 48, 3), np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (3, 400), (400, 3), (9, 9)])
def test_a_jpeg_of_few_pixels_is_none_that_cannot_be_read(size, tmp_path):
    """Though an eighth of its sides is less than a pixel."""
    path = saved(picture(size=size), tmp_path / "a.jpg")
    assert read_picture(path).size == size
    assert min(read_picture(path, small=True).size) >= 1


def content(**options):
    file = io.BytesIO()
    picture(size=(200, 200)).save(file, "JPEG", **options)
    return file.getvalue()


UNREADABLE = {
    "truncated": (content()[:-200], "truncated"),
    "cut in the header": (content()[:100], ""),
    "empty": (b"", "no picture of a known format"),
    "text": (b"not a picture", "no picture of a known format"),
    "a header alone": (b"\x89PNG\r\n\x1a\n", ""),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_is_no_picture_says_why(tmp_path, fault):
    bytes_, why = UNREADABLE[fault]
    (tmp_path / "a.jpg").write_bytes(bytes_)
    for small in (False, True):
        with pytest.raises(UnreadableError) as caught:
            read_picture(tmp_path / "a.jpg", small=small)
        assert why in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_gone_or_of_unknown_range_is_unreadable(tmp_path):
    with pytest.raises(UnreadableError, match="No such file"):
        read_picture(tmp_path / "gone.jpg")
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(UnreadableError, match="floating-point"):
        read_picture(tmp_path / "a.tiff")


# --- Few and many bad files -----------------------------------------------------------------


def test_few_bad_files_are_named_and_left_out(tmp_path):
    root = fill(tmp_path, {"train": 2, "val": 10})
    (root / "val" / "a" / "003.jpg").write_bytes(b"bad")
    with pytest.warns(UserWarning, match=r"left out: .*val/a/003.jpg \(no picture"):
        split = split_of(open_folder(root), 16, 16)
    assert len(split.test) == 19
    assert 3 not in split.test.positions[:, 0]
    assert split.parts.keys() == {"test"}
    assert len(split.train) == 4


def test_many_bad_files_are_given_up_on(tmp_path):
    root = fill(tmp_path, {"train": 2, "val": 10})
    for index in range(0, 10, 2):
        (root / "val" / "a" / f"{index:03d}.jpg").write_bytes(b"bad")
    with pytest.raises(UsageError, match=r"5 or more of the 20 files .* and 2 may be left out: .*a/000.jpg \(no picture.*and 2 more; mend or remove them"):  # fmt: skip
        split_of(open_folder(root), 16, 16)


def test_looking_for_bad_files_ends_with_the_first_hundred(tmp_path, monkeypatch):
    root = fill(tmp_path, {"train": 300, "val": 1})
    train = open_folder(root).train
    looked = []

    def bad(path, small):
        looked.append(path)
        raise UnreadableError("bad")

    monkeypatch.setattr("compare.datasets.folder.read_picture", bad)
    monkeypatch.setattr("compare.datasets.folder._BLOCK", 50)
    found = unreadable(train, np.arange(len(train)))
    assert len(found) == len(looked) == 150
    with pytest.raises(UsageError, match="and 60 may be left out"):
        require_few(train, found)


def test_a_class_of_bad_files_alone_is_named(tmp_path):
    root = fill(tmp_path, {"train": 1, "val": 20}, ["a", "b"])
    for path in sorted((root / "val" / "b").iterdir())[1:]:
        path.unlink()
    (root / "val" / "b" / "000.jpg").write_bytes(b"bad")
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(UsageError, match="has no readable picture of class 'b'"),
    ):
        split_of(open_folder(root), 16, 16)


# --- Pixels ---------------------------------------------------------------------------------


def test_inputs_are_the_middles_and_targets_one_hot(whole):
    data = split_of(open_folder(whole), 16, 20).test
    inputs, targets = data.inputs(), data.targets()
    assert (inputs.shape, inputs.dtype) == ((4, 3, 16, 20), np.uint8)
    assert targets.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    one = central(read_picture(whole / "val" / "b" / "000.jpg"), 16, 20)
    np.testing.assert_array_equal(inputs[2], one.transpose(2, 0, 1))
    np.testing.assert_array_equal(data.inputs(slice(2, 3)), inputs[2:3])


def test_the_middle_is_seven_eighths_of_the_shorter_side():
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(256, axis=0).repeat(3, axis=2)
    row = central(Image.fromarray(ramp), 224, 224)[0, :, 0]
    np.testing.assert_array_equal(row, np.arange(16, 240))


def test_augmentation_is_of_the_seed_the_epoch_and_the_picture(whole):
    train = open_folder(whole).train
    sample = augmented_sample(train, 1, 0, (16, 16), 0)
    np.testing.assert_array_equal(sample, augmented_sample(train, 1, 0, (16, 16), 0))
    for other in ((1, 2, 0), (2, 0, 0), (1, 0, 1)):
        number, epoch, seed = other
        different = augmented_sample(train, number, epoch, (16, 16), seed)
        assert not np.array_equal(sample, different), other


def test_half_of_the_pictures_are_mirrored_and_parts_have_their_sizes():
    whole = picture(size=(256, 200))
    random = np.random.default_rng(0)
    rows = np.array([augmented(whole, 8, 8, random)[4, :, 0].astype(int) for _ in range(400)])
    rising = rows[:, -1] > rows[:, 0]
    assert 160 < rising.sum() < 240
    widths = abs(rows[:, -1] - rows[:, 0]) / 180
    assert widths.min() < 0.35
    assert widths.max() > 0.8
