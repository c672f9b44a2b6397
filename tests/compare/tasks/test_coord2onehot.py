"""Coordinates to one-hot bitmaps: data, encoding, success and scores, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from compare.datasets import Dataset
from compare.errors import UsageError
from compare.tasks import load, summary

TASK = load("coord2onehot")


def evaluate(answers, targets):
    """Evaluate a model that gives these answers where these are the targets."""
    answers, targets = np.asarray(answers), np.asarray(targets, dtype=np.float32)
    numbers = np.stack([np.arange(len(answers))] * 2, axis=1)
    data = Dataset(
        numbers, lambda chosen: answers[chosen[:, 0]], lambda chosen: targets[chosen[:, 0]]
    )
    return TASK.evaluate(SimpleNamespace(predict=lambda inputs: inputs), data)


def encode(positions, height, width):
    return TASK.supervision.encode(np.array(positions), height, width)


def decode(logits, height, width):
    logits = np.asarray(logits)
    return TASK.supervision.decode(logits.reshape(-1, 1, height, width), height, width, "softmax")


def samples(answers, targets):
    return evaluate(answers, targets).samples


def scores(answers, targets):
    return evaluate(answers, targets).scores


def succeeded(answers, targets):
    return evaluate(answers, targets).success


def bitmaps(positions, height, width):
    """Draw one-hot bitmaps pixel by pixel."""
    drawn = np.zeros((len(positions), 1, height, width), dtype=np.float32)
    for sample, (x, y) in enumerate(positions):
        drawn[sample, 0, y, x] = 1
    return drawn


def test_what_it_is_called_and_maps_to_what():
    assert TASK.name == "coord2onehot"
    assert TASK.summary == summary("coord2onehot")
    assert TASK.summary == "(x, y) to the bitmap with that one pixel hot"


def test_it_has_the_two_published_splits_and_the_published_loss():
    assert TASK.splits == ("uniform", "quadrant")
    assert TASK.supervision.losses == ("softmax",)


def test_the_quadrant_of_a_rectangular_canvas():
    data = TASK.split("quadrant", 12, 20)
    expected = [[x, 7] for x in range(11, 16)]
    assert data.test.inputs().tolist() == expected
    assert (data.test.targets() == bitmaps(expected, 12, 20)).all()
    assert len(data.train) == 12 * 4 - 5


def test_every_sample_of_a_rectangular_canvas():
    data = TASK.all_samples(11, 10)
    expected = [[4, 4], [4, 5], [4, 6], [5, 4], [5, 5], [5, 6]]
    assert data.inputs().tolist() == expected
    assert (data.targets() == bitmaps(expected, 11, 10)).all()


def test_a_canvas_that_is_too_small_is_refused():
    with pytest.raises(UsageError, match="8x30 is too small"):
        TASK.all_samples(8, 30)
    with pytest.raises(UsageError, match="30x8 is too small"):
        TASK.split("uniform", 30, 8)


def test_the_class_of_a_position_is_its_pixel_row_by_row():
    assert encode([[0, 0], [4, 0], [0, 1], [2, 1], [4, 2]], height=3, width=5).tolist() == [
        0, 4, 5, 7, 14,
    ]  # fmt: skip


def test_every_class_is_the_place_of_the_one_in_the_flat_bitmap():
    positions = [(x, y) for y in range(4) for x in range(7)]
    expected = [bitmap.ravel().tolist().index(1) for bitmap in bitmaps(positions, 4, 7)]
    encoded = encode(positions, 4, 7)
    assert encoded.dtype == np.int64
    assert encoded.tolist() == expected


def test_decoding_is_the_softmax_over_all_pixels():
    # Exponentials 1, 2, 3, 4, 6 and 4, which add up to 20.
    logits = np.log([1, 2, 3, 4, 6, 4])
    decoded = decode(logits, height=2, width=3)
    assert decoded.shape == (1, 1, 2, 3)
    expected = [0.05, 0.1, 0.15, 0.2, 0.3, 0.2]
    np.testing.assert_allclose(decoded.ravel(), expected, rtol=1e-14)


def test_decoding_agrees_with_torch_and_scipy():
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(0, 5, size=(4, 1, 3, 5)).astype(np.float32)
    decoded = decode(logits, 3, 5)
    assert decoded.dtype == np.float32
    flat = torch.softmax(torch.tensor(logits).flatten(1), dim=1).numpy()
    np.testing.assert_allclose(decoded.reshape(4, 15), flat, rtol=1e-5)
    wide = logits.astype(np.float64)
    np.testing.assert_allclose(decode(wide, 3, 5), softmax(wide, axis=(1, 2, 3)), rtol=1e-12)
    logarithms = log_softmax(wide.reshape(4, 15), axis=1)
    np.testing.assert_allclose(decode(wide, 3, 5).reshape(4, 15), np.exp(logarithms), rtol=1e-12)


def test_extreme_logits_are_decoded_without_overflow():
    assert decode(np.float32([1e30, 0, -1e30, 0]), 2, 2).ravel().tolist() == [1, 0, 0, 0]
    assert decode(np.float32([3e38, 3e38, 0, 0]), 2, 2).ravel().tolist() == [0.5, 0.5, 0, 0]
    assert decode(np.float32([-1e4, -1e4, -1e4, -1e4]), 2, 2).ravel().tolist() == [0.25] * 4
    assert decode(np.float32([-np.inf, 7, -np.inf, 7]), 2, 2).ravel().tolist() == [0, 0.5, 0, 0.5]


def test_a_logit_that_is_no_number_makes_its_own_bitmap_none():
    logits = np.float32([[np.nan, 0, 0, 0], [0, 0, 0, 0]])
    decoded = decode(logits, 2, 2)
    assert np.isnan(decoded[0]).all()
    assert (decoded[1] == 0.25).all()


def test_score_names_and_values():
    targets = bitmaps([(0, 0), (1, 0), (0, 0), (4, 2)], 3, 5)
    answers = targets.copy()
    answers[1] *= 0.5  # the brightest pixel is right, the pixel is not
    answers[2] = bitmaps([(3, 0)], 3, 5)[0]  # three pixels off
    answers[3] = bitmaps([(1, 1)], 3, 5)[0]  # three across and one up
    assert scores(answers, targets) == {
        "exact": 0.25,
        "accuracy": 0.5,
        "mean_error": (3 + np.hypot(3, 1)) / 4,
        "worst_error": np.hypot(3, 1),
    }


def test_every_pair_of_pixels_is_as_far_apart_as_it_is():
    positions = np.array([(x, y) for y in range(3) for x in range(4)])
    for x, y in positions:
        measured = samples(bitmaps([(x, y)] * 12, 3, 4), bitmaps(positions, 3, 4))
        expected = [((x - u) ** 2 + (y - v) ** 2) ** 0.5 for u, v in positions]
        np.testing.assert_allclose(measured["error"], expected, rtol=1e-15)
        assert (
            measured["correct"].tolist() == measured["exact"].tolist() == [e == 0 for e in expected]
        )


def test_one_pixel_beside_the_hot_one_is_not_exact():
    targets = bitmaps([(1, 1)], 3, 4)
    answers = targets.copy()
    answers[0, 0, 2, 3] = np.nextafter(np.float32(0), np.float32(1))
    assert scores(answers, targets) == {
        "exact": 0, "accuracy": 1, "mean_error": 0, "worst_error": 0,
    }  # fmt: skip


def test_only_the_bitmap_with_a_nan_is_infinitely_wrong():
    targets = bitmaps([(0, 0), (1, 1)], 2, 2)
    answers = targets.copy()
    answers[0, 0, 1, 1] = np.nan
    assert scores(answers, targets) == {
        "exact": 0.5, "accuracy": 0.5, "mean_error": np.inf, "worst_error": np.inf,
    }  # fmt: skip


def test_success_is_every_sample_right():
    assert TASK.criterion == "every held-out pixel right"
    targets = bitmaps([(x, y) for y in range(20) for x in range(50)], 20, 50)
    assert succeeded(targets, targets)
    assert succeeded(0.25 * targets, targets)
    one_wrong = targets.copy()
    one_wrong[999] = targets[998]
    assert scores(one_wrong, targets)["accuracy"] == 0.999
    assert not succeeded(one_wrong, targets)
    assert not succeeded(np.full_like(targets, np.nan), targets)


def test_the_brightest_pixel_is_kept():
    answers = np.zeros((3, 1, 2, 3), dtype=np.float32)
    answers[0, 0, 1, 2] = 0.3
    answers[1, 0, 0, 1] = 1
    answers[2, 0] = [[-5, -1, -1], [-1, -2, -3]]  # the first of several, row by row
    assert samples(answers, answers)["prediction"].tolist() == [[2, 1], [1, 0], [1, 0]]


def test_columns():
    assert [(c.score, c.title, c.share, c.digits) for c in TASK.columns] == [
        ("exact", "exact", True, None),
        ("accuracy", "accuracy", True, None),
        ("mean_error", "mean error px", False, None),
        ("worst_error", "worst error px", False, None),
    ]
    targets = bitmaps([(0, 0)], 2, 2)
    assert {c.score for c in TASK.columns} == scores(targets, targets).keys()
    assert TASK.error == "distance (pixels)"
