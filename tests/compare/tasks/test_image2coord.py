"""Pictures of a square to its centre: data, encoding, success and scores, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from compare.datasets import Dataset
from compare.errors import UsageError
from compare.tasks import load, summary

TASK = load("image2coord")


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


def decode(outputs, height, width):
    return TASK.supervision.decode(np.array(outputs, dtype=np.float32), height, width, "mse")


def scores(answers, targets):
    return evaluate(answers, targets).scores


def succeeded(answers, targets):
    return evaluate(answers, targets).success


def test_what_it_is_called_and_maps_to_what():
    assert TASK.name == "image2coord"
    assert TASK.summary == summary("image2coord")
    assert TASK.summary == "the picture of a 9x9 square to its centre's (x, y)"


def test_splits_and_loss():
    assert TASK.splits == ("uniform", "quadrant")
    assert TASK.supervision.losses == ("mse",)


def test_the_quadrant_of_a_rectangular_canvas():
    data = TASK.split("quadrant", 12, 20)
    expected = [[x, 7] for x in range(11, 16)]
    assert data.test.targets().tolist() == expected
    assert len(data.train) == 12 * 4 - 5
    pictures = np.zeros((5, 1, 12, 20))
    for sample, (x, y) in enumerate(expected):
        pictures[sample, 0, y - 4 : y + 5, x - 4 : x + 5] = 1
    assert (data.test.inputs() == pictures).all()


def test_every_sample_is_the_centre_of_mass_of_its_picture():
    data = TASK.all_samples(11, 13)
    assert len(data) == 3 * 5
    for picture, (x, y) in zip(data.inputs()[:, 0], data.targets(), strict=True):
        assert picture.shape == (11, 13)
        assert picture.sum() == 81
        assert center_of_mass(picture) == (y, x)


def test_a_canvas_that_is_too_small_is_refused():
    with pytest.raises(UsageError, match="8x30 is too small"):
        TASK.all_samples(8, 30)
    with pytest.raises(UsageError, match="30x8 is too small"):
        TASK.split("quadrant", 30, 8)


def test_encoding_divides_and_decoding_multiplies_x_by_width_and_y_by_height():
    encoded = encode([[3, 5], [9, 6]], height=7, width=10)
    assert (encoded == np.array([[0.3, 5 / 7], [0.9, 6 / 7]], dtype=np.float32)).all()
    decoded = decode([[0.5, 0.25], [-1, np.inf]], height=8, width=20)
    assert decoded.dtype == np.float32
    assert decoded.tolist() == [[10, 2], [-20, np.inf]]


def test_score_names_and_values():
    assert scores([[0, 0], [3.25, 4], [13, 24]], [[0, 0], [3, 4], [10, 20]]) == {
        "exact": 1 / 3, "rounded": 2 / 3, "mean_error": 1.75, "worst_error": 5.0,
    }  # fmt: skip


def test_success_is_a_worst_error_under_half_a_pixel():
    assert TASK.criterion == "worst error under half a pixel"
    assert succeeded([[0, np.nextafter(0.5, 0)]], [[0, 0]])
    assert not succeeded([[0, 0.5]], [[0, 0]])
    assert not succeeded([[0, np.nextafter(0.5, 1)]], [[0, 0]])
    assert not succeeded([[7, 7], [7, np.nan]], [[7, 7], [7, 7]])


def test_what_is_kept_and_shown():
    answers = np.array([[1.25, 2], [3, 4]], dtype=np.float32)
    assert (evaluate(answers, answers).samples["prediction"] == answers).all()
    assert [(c.score, c.title, c.share, c.digits) for c in TASK.columns] == [
        ("exact", "exact", True, None),
        ("rounded", "rounded", True, None),
        ("mean_error", "mean error px", False, None),
        ("worst_error", "worst error px", False, None),
    ]
    assert TASK.error == "error (pixels)"
