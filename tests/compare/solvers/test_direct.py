"""What a programmer would write in place of a network, against other libraries."""

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from compare.solvers.direct import (
    argmax,
    centroid,
    expectation,
    indexing,
    slicing,
    verified_argmax,
)

SIZES = [(1, 1), (1, 6), (6, 1), (5, 8), (12, 7)]


def positions(height, width):
    return np.array([(x, y) for y in range(height) for x in range(width)], dtype=np.float32)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_argmax_finds_every_hot_pixel(height, width):
    bitmaps = np.eye(height * width, dtype=np.float32).reshape(-1, 1, height, width)
    answers = argmax(bitmaps, height, width)
    assert answers.dtype == np.float32
    assert (answers == positions(height, width)).all()


def test_argmax_agrees_with_torch():
    torch = pytest.importorskip("torch")
    bitmaps = np.random.default_rng(0).normal(size=(50, 1, 5, 8)).astype(np.float32)
    flat = torch.tensor(bitmaps).flatten(1).argmax(dim=1)
    y, x = torch.unravel_index(flat, (5, 8))
    assert argmax(bitmaps, 5, 8).tolist() == torch.stack([x, y], dim=1).tolist()


def test_argmax_takes_the_first_of_several_row_by_row():
    bitmaps = np.zeros((2, 1, 3, 4), dtype=np.float32)
    bitmaps[0, 0, 1, 3] = bitmaps[0, 0, 2, 0] = 1
    assert argmax(bitmaps, 3, 4).tolist() == [[3, 1], [0, 0]]


@pytest.mark.parametrize("solver", [expectation, verified_argmax])
@pytest.mark.parametrize(("height", "width"), [*SIZES, (64, 64)])
def test_expectation_and_the_search_are_exact_on_every_bitmap(solver, height, width):
    bitmaps = np.eye(height * width, dtype=np.float32).reshape(-1, 1, height, width)
    answers = solver(bitmaps, height, width)
    assert answers.dtype == np.float32
    assert (answers == positions(height, width)).all()


def test_expectation_is_the_mean_position_under_the_map():
    """Against PyTorch's sums, as DSNT writes them: inner products of the normalised map."""
    torch = pytest.importorskip("torch")
    maps = np.random.default_rng(0).random((50, 1, 5, 8)).astype(np.float32)
    normalised = torch.tensor(maps[:, 0]) / torch.tensor(maps[:, 0]).sum(dim=(1, 2), keepdim=True)
    x = (normalised * torch.arange(8)).sum(dim=(1, 2))
    y = (normalised * torch.arange(5)[:, None]).sum(dim=(1, 2))
    answers = expectation(maps, 5, 8)
    np.testing.assert_allclose(answers, torch.stack([x, y], dim=1), rtol=1e-5)
    half = np.array([[0.25, 0, 0], [0, 0, 0.75]], np.float32)[None, None]
    assert expectation(half, 2, 3).tolist() == [[1.5, 0.75]]


def test_the_search_refuses_what_is_not_one_hot():
    with pytest.raises(ValueError, match="bitmap 1 of the batch has 2 pixels that are not 0"):
        verified_argmax(np.float32([[[[0, 1]]], [[[1, 1]]]]), 1, 2)


def test_centroid_agrees_with_scipy():
    pictures = (np.random.default_rng(0).random((50, 1, 5, 8)) < 0.3).astype(np.float32)
    expected = [center_of_mass(picture)[::-1] for picture in pictures[:, 0]]
    answers = centroid(pictures, 5, 8)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected, rtol=1e-6)


def test_centroid_by_hand():
    pictures = np.zeros((2, 1, 3, 5), dtype=np.float32)
    pictures[0, 0, 2, 4] = 1
    pictures[1, 0, 0, :3] = pictures[1, 0, 2, 2] = 1  # x: 0, 1, 2 and 2; y: 0, 0, 0 and 2
    assert centroid(pictures, 3, 5).tolist() == [[4, 2], [1.25, 0.5]]


def test_centroid_is_exact_for_every_square_of_a_rectangular_canvas():
    centres = [(x, y) for x in range(4, 16) for y in range(4, 8)]
    pictures = np.zeros((len(centres), 1, 12, 20), dtype=np.float32)
    for picture, (x, y) in zip(pictures[:, 0], centres, strict=True):
        picture[y - 4 : y + 5, x - 4 : x + 5] = 1
    assert (centroid(pictures, 12, 20) == centres).all()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_indexing_sets_the_one_pixel(height, width):
    answers = indexing(positions(height, width), height, width)
    assert answers.dtype == np.float32
    assert answers.shape == (height * width, 1, height, width)
    assert (answers.reshape(height * width, -1) == np.eye(height * width)).all()


@pytest.mark.parametrize(("height", "width"), [(9, 9), (12, 20), (20, 12), (3, 11)])
def test_slicing_draws_the_part_of_a_9x9_square_that_is_on_the_canvas(height, width):
    centres = positions(height, width)
    answers = slicing(centres, height, width)
    assert answers.dtype == np.float32
    rows, columns = np.arange(height), np.arange(width)
    for picture, (x, y) in zip(answers[:, 0], centres, strict=True):
        expected = [[abs(r - y) <= 4 and abs(c - x) <= 4 for c in columns] for r in rows]
        assert (picture == expected).all()
    assert answers.shape == (height * width, 1, height, width)


def test_slicing_at_the_corner_and_in_the_middle():
    corner, middle = slicing(np.float32([[0, 0], [5, 4]]), 9, 11)[:, 0]
    assert (corner[:5, :5] == 1).all()
    assert corner.sum() == 5 * 5
    assert (middle[:, 1:10] == 1).all()
    assert middle.sum() == 9 * 9
