"""One-hot bitmaps to coordinates: data, encoding, success and scores, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from compare.datasets import Dataset
from compare.errors import UsageError
from compare.tasks import load, summary

TASK = load("onehot2coord")


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
    return TASK.supervision.decode(outputs, height, width, "mse")


def samples(answers, targets):
    return evaluate(answers, targets).samples


def scores(answers, targets):
    return evaluate(answers, targets).scores


def succeeded(answers, targets):
    return evaluate(answers, targets).success


def test_what_it_is_called_and_maps_to_what():
    assert TASK.name == "onehot2coord"
    assert TASK.summary == summary("onehot2coord")
    assert TASK.summary == "a bitmap with one hot pixel to that pixel's (x, y)"


def test_it_has_the_two_published_splits_and_the_published_loss():
    assert TASK.splits == ("uniform", "quadrant")
    assert TASK.supervision.losses == ("mse",)


def test_the_quadrant_of_a_rectangular_canvas():
    data = TASK.split("quadrant", 12, 20)
    # x / 20 > 0.5 from 11 on and y / 12 > 0.5 from 7 on; the last centres are (15, 7).
    expected = [[x, 7] for x in range(11, 16)]
    assert data.test.positions.tolist() == expected
    assert data.test.targets().tolist() == expected
    assert len(data.train) == 12 * 4 - 5
    bitmaps = np.zeros((5, 1, 12, 20))
    for sample, (x, y) in enumerate(expected):
        bitmaps[sample, 0, y, x] = 1
    assert (data.test.inputs() == bitmaps).all()
    assert data.test.inputs().dtype == data.test.targets().dtype == np.float32


def test_every_sample_of_a_rectangular_canvas():
    data = TASK.all_samples(11, 10)
    expected = [[4, 4], [4, 5], [4, 6], [5, 4], [5, 5], [5, 6]]
    assert data.targets().tolist() == expected
    bitmaps = data.inputs()
    assert bitmaps.shape == (6, 1, 11, 10)
    assert [np.argwhere(bitmap)[0, ::-1].tolist() for bitmap in bitmaps[:, 0]] == expected


def test_a_canvas_that_is_too_small_is_refused():
    with pytest.raises(UsageError, match="8x30 is too small"):
        TASK.all_samples(8, 30)
    with pytest.raises(UsageError, match="30x8 is too small"):
        TASK.split("uniform", 30, 8)


def test_networks_are_trained_on_x_by_width_and_y_by_height():
    encoded = encode([[3, 5], [0, 0], [9, 6]], height=7, width=10)
    expected = np.array([[3 / 10, 5 / 7], [0, 0], [9 / 10, 6 / 7]], dtype=np.float32)
    assert encoded.dtype == np.float32
    assert (encoded == expected).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outputs_are_decoded_to_pixels(dtype):
    outputs = np.array([[0.5, 0.25], [1, 1], [-0.5, 2], [0, 0]], dtype=dtype)
    decoded = decode(outputs, height=8, width=20)
    assert decoded.dtype == dtype
    assert decoded.tolist() == [[10, 2], [20, 8], [-10, 16], [0, 0]]


def test_extreme_outputs_stay_extreme():
    outputs = np.array([[2.0**99, -(2.0**99)], [np.inf, -np.inf], [2.0**-99, 0]], dtype=np.float32)
    decoded = decode(outputs, height=2, width=4)
    assert decoded.tolist() == [[2.0**101, -(2.0**100)], [np.inf, -np.inf], [2.0**-97, 0]]
    assert np.isnan(decode(np.array([[np.nan, 0]], np.float32), 2, 4)).tolist() == [[True, False]]


def test_every_position_comes_back_where_division_is_exact():
    positions = np.stack(np.meshgrid(np.arange(64), np.arange(32)), -1).reshape(-1, 2)
    assert (decode(TASK.supervision.encode(positions, 32, 64), 32, 64) == positions).all()


def test_score_names_and_values():
    assert scores([[0, 0], [3.25, 4], [13, 24]], [[0, 0], [3, 4], [10, 20]]) == {
        "exact": 1 / 3, "rounded": 2 / 3, "mean_error": 1.75, "worst_error": 5.0,
    }  # fmt: skip


def test_both_coordinates_have_to_be_right():
    measured = samples([[1, 2], [1, 3], [2, 2], [2, 3]], [[1, 2]] * 4)
    assert measured["exact"].tolist() == measured["correct"].tolist() == [True, False, False, False]
    assert measured["error"].tolist() == [0, 1, 1, np.sqrt(2)]


def test_halves_round_to_even_as_in_torch():
    torch = pytest.importorskip("torch")
    answers = np.array([[0.5, 1.5], [2.5, 3.5], [2.4999, 3.4999]])
    targets = np.array([[0, 2], [2, 4], [2, 3]], dtype=np.float32)
    assert (torch.round(torch.tensor(answers)).numpy() == targets).all()
    assert samples(answers, targets)["correct"].all()
    assert not samples(answers, targets)["exact"].any()
    assert not samples([[0.5, 2.5], [1.5, 3.5]], [[1, 3], [1, 3]])["correct"].any()


def test_errors_are_those_of_torch():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    answers = random.normal(30, 20, size=(100, 2)).astype(np.float32)
    targets = random.integers(0, 64, size=(100, 2)).astype(np.float32)
    pair = torch.tensor(answers).double(), torch.tensor(targets).double()
    expected = torch.nn.functional.pairwise_distance(*pair, eps=0).numpy()
    measured = samples(answers, targets)
    np.testing.assert_allclose(measured["error"], expected, rtol=1e-12)
    result = scores(answers, targets)
    np.testing.assert_allclose(result["mean_error"], expected.mean(), rtol=1e-12)
    np.testing.assert_allclose(result["worst_error"], expected.max(), rtol=1e-12)


def test_success_is_a_worst_error_under_half_a_pixel():
    assert TASK.criterion == "worst error under half a pixel"
    targets = [[5, 5]] * 3
    just_under = np.nextafter(0.5, 0)
    just_over = np.nextafter(0.5, 1)
    assert succeeded([[5, 5]] * 3, targets)
    # At the origin, where a step below one half is not rounded away.
    assert succeeded([[just_under, 0]], [[0, 0]])
    assert not succeeded([[0.5, 0]], [[0, 0]])
    assert not succeeded([[just_over, 0]], [[0, 0]])
    # One sample of three is enough to fail, however small the mean.
    assert not succeeded([[5, 5], [5, 5], [5, 5.5]], targets)
    assert not succeeded([[5, 5], [5, 5], [np.nan, 5]], targets)


def test_answers_are_kept_as_they_are():
    answers = np.array([[1.25, 2], [3, 4]], dtype=np.float32)
    assert samples(answers, answers)["prediction"].dtype == np.float32
    assert (samples(answers, answers)["prediction"] == answers).all()


def test_columns():
    assert [(c.score, c.title, c.share, c.digits) for c in TASK.columns] == [
        ("exact", "exact", True, None),
        ("rounded", "rounded", True, None),
        ("mean_error", "mean error px", False, None),
        ("worst_error", "worst error px", False, None),
    ]
    assert {c.score for c in TASK.columns} == scores([[0, 0]], [[0, 0]]).keys()
    assert TASK.error == "error (pixels)"
