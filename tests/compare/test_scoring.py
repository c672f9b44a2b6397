import numpy as np
import pytest

from compare.scoring import coordinate_error, coordinate_scores, microseconds_a_sample, summarise

TARGETS = np.array([[0, 0], [3, 4], [10, 20], [63, 63]], dtype=np.float32)


def test_the_targets_themselves_are_exact():
    assert coordinate_scores(TARGETS.copy(), TARGETS) == {
        "exact": 1.0, "rounded": 1.0, "mean_error": 0.0, "worst_error": 0.0,
    }  # fmt: skip


def test_one_unit_in_the_last_place_is_not_exact_but_rounds_right():
    predictions = TARGETS.copy()
    predictions[1, 0] = np.nextafter(predictions[1, 0], np.float32(np.inf))
    scores = coordinate_scores(predictions, TARGETS)
    assert scores["exact"] == 0.75
    assert scores["rounded"] == 1.0
    assert scores["worst_error"] > 0


def test_one_wrong_coordinate_of_two_is_wrong():
    scores = coordinate_scores(TARGETS + np.array([0, 1], np.float32), TARGETS)
    assert scores["exact"] == scores["rounded"] == 0


def test_error_is_euclidean():
    assert coordinate_error(TARGETS + np.array([3, 4], np.float32), TARGETS).tolist() == [5] * 4


def test_not_a_number_counts_as_infinitely_wrong():
    scores = coordinate_scores(np.full_like(TARGETS, np.nan), TARGETS)
    assert scores == {"exact": 0, "rounded": 0, "mean_error": np.inf, "worst_error": np.inf}


def test_time_is_for_one_sample():
    seen = []
    microseconds = microseconds_a_sample(seen.append, np.zeros((4, 1)))
    assert len(seen) == 5
    assert 0 < microseconds < 1e5


def record(seed, worst, epochs=10):
    scores = {"exact": 0.0, "rounded": 0.5, "mean_error": worst / 2, "worst_error": worst}
    return {
        "task": "onehot2coord", "split": "uniform", "solver": "conv", "seed": seed,
        "epochs": epochs, "status": "diverged" if worst == np.inf else "finished",
        "samples": {"train": 3, "test": 2}, "scores": {"train": scores, "test": scores},
        "cost": {"parameters": 1, "constants": 0, "multiply_adds": 2},
        "timing": {"train_seconds": 1.0 + seed, "predict_microseconds": 2.0},
    }  # fmt: skip


def test_summary_over_seeds():
    (row,) = summarise([record(0, 0.25), record(1, 4.0), record(2, 1.0)])
    assert row["seeds"] == [0, 1, 2]
    assert row["test"]["worst_error"] == {"median": 1.0, "min": 0.25, "max": 4.0}
    assert row["within_half_pixel"] == pytest.approx(1 / 3)
    assert row["train_seconds"] == {"median": 2.0, "min": 1.0, "max": 3.0}


def test_exactly_half_a_pixel_is_not_under_half_a_pixel():
    assert summarise([record(0, 0.5)])[0]["within_half_pixel"] == 0


def test_diverged_runs_are_counted_and_do_not_hide():
    (row,) = summarise([record(0, np.inf), record(1, np.inf), record(2, 1.0)])
    assert row["diverged"] == 2
    assert row["test"]["worst_error"]["median"] == np.inf


def test_splits_and_solvers_stay_apart_in_order():
    other = {**record(0, 1.0), "solver": "argmax", "epochs": 0}
    rows = summarise([other, record(0, 1.0), record(1, 1.0)])
    assert [row["solver"] for row in rows] == ["argmax", "conv"]
    assert rows[0]["seeds"] == []
