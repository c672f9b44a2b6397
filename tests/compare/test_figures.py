import numpy as np
import pytest

from compare.figures import error_map, save

POSITIONS = {"train": np.array([[4, 4], [5, 9]]), "test": np.array([[11, 6]])}


def test_each_error_stands_at_its_pixel_on_one_scale():
    errors = {"train": np.array([0.0, 2.0]), "test": np.array([8.0])}
    figure = error_map(POSITIONS, errors, (12, 16), "title")
    train, test = (ax.images[0] for ax in figure.axes[:2])
    assert train.get_array().shape == (12, 16)
    assert (train.get_array()[4, 4], train.get_array()[9, 5]) == (0, 2)
    assert test.get_array()[6, 11] == 8
    assert train.get_array().count() == 2  # every other pixel is left empty
    assert train.get_clim() == test.get_clim() == (0, 8)
    assert [ax.get_xlabel() for ax in figure.axes[:2]] == ["x (pixels)"] * 2


def test_exactness_is_said_in_words():
    errors = {"train": np.zeros(2), "test": np.zeros(1)}
    figure = error_map(POSITIONS, errors, (12, 16), "title")
    assert all("no error anywhere" in ax.get_title() for ax in figure.axes[:2])


def test_an_infinite_error_takes_the_last_colour():
    errors = {"train": np.array([0.0, np.inf]), "test": np.array([8.0])}
    figure = error_map(POSITIONS, errors, (12, 16), "title")
    assert figure.axes[0].images[0].get_array()[9, 5] == 8


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_the_ending_names_the_format(tmp_path, ending, start):
    errors = {"train": np.zeros(2), "test": np.zeros(1)}
    save(error_map(POSITIONS, errors, (12, 16), "title"), tmp_path / f"error.{ending}")
    assert (tmp_path / f"error.{ending}").read_bytes().startswith(start)
