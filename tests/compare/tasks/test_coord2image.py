"""Coordinates to pictures of a square: data, decoding, success and scores, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit

from compare.datasets import Dataset
from compare.errors import UsageError
from compare.tasks import load, summary

TASK = load("coord2image")


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


def decode(outputs, loss):
    return TASK.supervision.decode(outputs, *outputs.shape[2:], loss)


def samples(answers, targets):
    return evaluate(answers, targets).samples


def scores(answers, targets):
    return evaluate(answers, targets).scores


def succeeded(answers, targets):
    return evaluate(answers, targets).success


def pictures(*samples, height=1):
    """Make one-channel pictures of the brightnesses of their pixels, row by row."""
    return np.array(samples, dtype=np.float32).reshape(len(samples), 1, height, -1)


def squares(positions, height, width):
    """Draw 9x9 squares by slicing."""
    drawn = np.zeros((len(positions), 1, height, width), dtype=np.float32)
    for sample, (x, y) in enumerate(positions):
        drawn[sample, 0, y - 4 : y + 5, x - 4 : x + 5] = 1
    return drawn


def lit(pixels, of):
    """Light the first few pixels of a picture of so many."""
    return pictures(np.arange(of) < pixels)


def test_what_it_is_called_and_maps_to_what():
    assert TASK.name == "coord2image"
    assert TASK.summary == summary("coord2image")
    assert TASK.summary == "(x, y) to the picture of a 9x9 square centred there"


def test_its_losses_are_sigmoid_by_default_and_mse():
    assert TASK.supervision.losses == ("sigmoid", "mse")


def test_it_has_the_two_published_splits():
    assert TASK.splits == ("uniform", "quadrant")


def test_the_quadrant_of_a_rectangular_canvas():
    data = TASK.split("quadrant", 12, 20)
    expected = [[x, 7] for x in range(11, 16)]
    assert data.test.inputs().tolist() == expected
    assert (data.test.targets() == squares(expected, 12, 20)).all()
    assert len(data.train) == 12 * 4 - 5


def test_every_sample_of_a_rectangular_canvas():
    data = TASK.all_samples(11, 10)
    expected = [[4, 4], [4, 5], [4, 6], [5, 4], [5, 5], [5, 6]]
    assert data.inputs().tolist() == expected
    assert (data.targets() == squares(expected, 11, 10)).all()


def test_a_canvas_that_is_too_small_is_refused():
    with pytest.raises(UsageError, match="8x30 is too small"):
        TASK.all_samples(8, 30)
    with pytest.raises(UsageError, match="30x8 is too small"):
        TASK.split("uniform", 30, 8)


def test_networks_are_trained_on_the_pictures_themselves():
    positions = [(4, 4), (5, 7), (9, 6)]
    encoded = encode(positions, height=12, width=14)
    assert encoded.dtype == np.float32
    assert (encoded == squares(positions, 12, 14)).all()


def test_logits_are_decoded_by_the_sigmoid():
    # 1 / (1 + exp(-x)) of 0, log 3, -log 3, log 9 and -log 9.
    logits = np.log([[1, 3, 1 / 3, 9, 1 / 9]]).reshape(1, 1, 1, 5)
    decoded = decode(logits, "sigmoid")
    assert decoded.shape == (1, 1, 1, 5)
    np.testing.assert_allclose(decoded.ravel(), [0.5, 0.75, 0.25, 0.9, 0.1], rtol=1e-14)


def test_the_sigmoid_agrees_with_torch_and_scipy():
    # Numbers near 1 are rounded once in each of the two ways.
    torch = pytest.importorskip("torch")
    logits = np.linspace(-30, 30, 601).reshape(1, 1, 1, 601)
    decoded = decode(logits, "sigmoid")
    np.testing.assert_allclose(decoded, expit(logits), rtol=0, atol=2 * np.finfo(float).eps)
    narrow = logits.astype(np.float32)
    decoded = decode(narrow, "sigmoid")
    assert decoded.dtype == np.float32
    expected = torch.sigmoid(torch.tensor(narrow)).numpy()
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=2 * np.finfo(np.float32).eps)


def test_extreme_logits_are_decoded_without_overflow():
    logits = pictures([1e4, -1e4, 3e38, -3e38, np.inf, -np.inf])
    assert decode(logits, "sigmoid").ravel().tolist() == [1, 0, 1, 0, 1, 0]
    assert np.isnan(decode(pictures([np.nan, 0]), "sigmoid")).ravel().tolist() == [True, False]


def test_under_the_mean_squared_error_outputs_are_the_pixels():
    outputs = pictures([-0.25, 0, 0.5, 1, 1.75, 1e30, -np.inf, np.nan], height=2)
    assert np.array_equal(decode(outputs, "mse"), outputs, equal_nan=True)
    assert decode(outputs, "mse").dtype == np.float32


def test_a_logit_above_0_is_a_lit_pixel():
    logits = pictures([1e-3, 0, -1e-3])
    assert scores(decode(logits, "sigmoid"), pictures([1, 0, 0]))["rounded"] == 1


def test_score_names_and_values():
    targets = pictures([1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], height=2)
    answers = pictures(
        [1, 1, 0, 0],  # the target itself
        [0.75, 1, 0.25, 0],  # only after rounding
        [1, 0, 1, 0],  # 1 pixel of the 3 lit in either
        [1, 1, 1, 1],  # 2 of 4
        height=2,
    )
    measured = samples(answers, targets)
    assert measured["exact"].tolist() == [True, False, False, False]
    assert measured["correct"].tolist() == [True, True, False, False]
    np.testing.assert_allclose(measured["error"], [0, 0, 2 / 3, 1 / 2], rtol=1e-15)
    result = scores(answers, targets)
    assert result.keys() == {"exact", "rounded", "mean_iou", "worst_iou", "authors_iou"}
    np.testing.assert_allclose(result["authors_iou"], result["mean_iou"], rtol=1e-15)  # in white
    assert (result["exact"], result["rounded"]) == (0.25, 0.5)
    np.testing.assert_allclose(result["mean_iou"], (1 + 1 + 1 / 3 + 1 / 2) / 4, rtol=1e-15)
    np.testing.assert_allclose(result["worst_iou"], 1 / 3, rtol=1e-15)


def test_intersection_over_union_as_python_sets_have_it():
    random = np.random.default_rng(0)
    answers = random.random((50, 1, 3, 4)).astype(np.float32)
    targets = (random.random((50, 1, 3, 4)) < 0.3).astype(np.float32)
    expected = []
    for answer, target in zip(answers, targets, strict=True):
        painted = {i for i, value in enumerate(answer.ravel()) if value > 0.5}
        wanted = {i for i, value in enumerate(target.ravel()) if value == 1}
        either = painted | wanted
        expected.append(len(painted & wanted) / len(either) if either else 1)
    np.testing.assert_allclose(1 - samples(answers, targets)["error"], expected, rtol=0, atol=1e-15)


def test_a_pixel_of_one_half_is_dark():
    targets = pictures([1, 0])
    above = np.nextafter(np.float32(0.5), np.float32(1))
    assert samples(pictures([0.5, 0.5]), targets)["error"].tolist() == [1]
    assert samples(pictures([above, 0.5]), targets)["error"].tolist() == [0]
    assert samples(pictures([above, above]), targets)["error"].tolist() == [0.5]
    assert samples(pictures([0.5, above]), pictures([0, 1]))["prediction"].tolist() == [
        [0b01000000]
    ]


def test_a_grey_square_is_rounded_to_grey_and_the_authors_iou_takes_the_grey_for_a_share():
    grey = 128 / 255
    targets = pictures([grey, grey, 0, 0], [grey, grey, 0, 0], [grey, grey, 0, 0])
    answers = pictures(
        [grey, grey, 0, 0],  # the target itself: grey rounds to 1
        [0.4, 0.3, 0.2, 0],  # nearer to grey than to black, but nothing rounds to 1
        [0.4, 0.6, 0.6, 0],  # two of three right; one of three by rounding to 1
    )
    measured = samples(answers, targets)
    assert measured["exact"].tolist() == [True, False, False]
    assert measured["correct"].tolist() == [True, True, False]
    np.testing.assert_allclose(1 - measured["error"], [1, 1, 2 / 3], rtol=1e-7)
    np.testing.assert_allclose(measured["authors_iou"], [grey, 0, grey / 3], rtol=1e-7)


def test_two_empty_pictures_are_the_same():
    measured = samples(pictures([0, 0]), pictures([0, 0]))
    assert measured["exact"].tolist() == measured["correct"].tolist() == [True]
    assert measured["error"].tolist() == [0]
    assert samples(pictures([1, 0]), pictures([0, 0]))["error"].tolist() == [1]


@pytest.mark.parametrize("of", [100, 10_000])
def test_success_is_a_mean_iou_of_99_percent_or_more(of):
    assert TASK.criterion == "mean IoU of 0.99 or more"
    limit = of * 99 // 100
    targets = lit(of, of)
    assert scores(lit(limit, of), targets)["mean_iou"] == 0.99
    assert succeeded(targets, targets)
    assert succeeded(lit(limit + 1, of), targets)
    assert succeeded(lit(limit, of), targets)
    assert not succeeded(lit(limit - 1, of), targets)
    assert not succeeded(lit(0, of), targets)


def test_success_is_decided_by_the_mean_and_not_by_the_worst():
    targets = np.concatenate([lit(100, 100)] * 4)
    answers = targets.copy()
    answers[0] = lit(97, 100)[0]
    assert succeeded(answers, targets)
    answers[1] = answers[2] = lit(99, 100)[0]
    assert not succeeded(answers, targets)


def test_pictures_are_kept_as_bits_row_by_row():
    answers = pictures([0.9, 0, 1, 0.1, 0.2, 0, 0, 0, 1, 0.6], [0] * 10, [1] * 10, height=2)
    kept = samples(answers, answers)["prediction"]
    assert kept.dtype == np.uint8
    assert kept.tolist() == [[0b10100000, 0b11000000], [0, 0], [255, 0b11000000]]


def test_columns():
    assert [(c.score, c.title, c.share, c.digits) for c in TASK.columns] == [
        ("exact", "exact", True, None),
        ("rounded", "rounded", True, None),
        ("mean_iou", "mean IoU", False, 4),
        ("worst_iou", "worst IoU", False, 4),
        ("authors_iou", "authors' IoU", False, 4),
    ]
    assert {c.score for c in TASK.columns} == scores(pictures([1]), pictures([1])).keys()
    assert TASK.error == "1 - IoU"
