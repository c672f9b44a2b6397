import numpy as np
import pytest

from compare.experiments.run import microseconds_a_sample
from compare.results.statistics import outcome, paired, spread, summarise, wilson
from compare.tasks.coord2image import picture_measures, picture_scores, rounded_bits
from compare.tasks.coord2onehot import bitmap_measures, bitmap_scores, brightest
from compare.tasks.onehot2coord import coordinate_error, coordinate_measures, coordinate_scores

TARGETS = np.array([[0, 0], [3, 4], [10, 20], [63, 63]], dtype=np.float32)


def scores_of(answers, targets):
    return coordinate_scores(coordinate_measures(answers, targets))


def test_the_targets_themselves_are_exact():
    assert scores_of(TARGETS.copy(), TARGETS) == {
        "exact": 1.0, "rounded": 1.0, "mean_error": 0.0, "worst_error": 0.0,
    }  # fmt: skip


def test_one_unit_in_the_last_place_is_not_exact_but_rounds_right():
    predictions = TARGETS.copy()
    predictions[1, 0] = np.nextafter(predictions[1, 0], np.float32(np.inf))
    scores = scores_of(predictions, TARGETS)
    assert scores["exact"] == 0.75
    assert scores["rounded"] == 1.0
    assert scores["worst_error"] > 0


def test_one_wrong_coordinate_of_two_is_wrong():
    scores = scores_of(TARGETS + np.array([0, 1], np.float32), TARGETS)
    assert scores["exact"] == scores["rounded"] == 0


def test_error_is_euclidean():
    assert coordinate_error(TARGETS + np.array([3, 4], np.float32), TARGETS).tolist() == [5] * 4


def test_not_a_number_counts_as_infinitely_wrong():
    scores = scores_of(np.full_like(TARGETS, np.nan), TARGETS)
    assert scores == {"exact": 0, "rounded": 0, "mean_error": np.inf, "worst_error": np.inf}


def test_time_is_for_one_sample():
    seen = []
    microseconds = microseconds_a_sample(seen.append, np.zeros((4, 1)))
    assert len(seen) == 5
    assert 0 < microseconds < 1e5


BITMAPS = np.eye(12, dtype=np.float32).reshape(12, 1, 3, 4)


def test_bitmaps_are_scored_by_their_brightest_pixel():
    answers = BITMAPS * 0.5 + 0.1
    answers[3] = BITMAPS[5]  # (1, 1) for (3, 0)
    measures = bitmap_measures(answers, BITMAPS)
    scores = bitmap_scores(measures)
    assert scores["exact"] == 0
    assert scores["accuracy"] == 11 / 12
    assert measures.error[3] == scores["worst_error"] == np.hypot(2, 1)
    assert bitmap_scores(bitmap_measures(BITMAPS, BITMAPS))["exact"] == 1
    assert brightest(BITMAPS)[7].tolist() == [3, 1]


def test_a_bitmap_with_a_nan_is_infinitely_wrong():
    answers = BITMAPS.copy()
    answers[2, 0, 0, 0] = np.nan
    measures = bitmap_measures(answers, BITMAPS)
    assert measures.error[2] == np.inf
    assert not measures.right[2]


def test_pictures_are_scored_by_intersection_over_union():
    targets = np.zeros((3, 1, 4, 4), np.float32)
    targets[:, 0, :2, :2] = 1
    answers = targets.copy()
    answers[1] = 0.9 * targets[1]
    answers[2, 0, :2, 2] = 1  # 4 of 6 pixels
    measures = picture_measures(answers, targets)
    assert measures.exact.tolist() == [True, False, False]
    assert measures.right.tolist() == [True, True, False]
    scores = picture_scores(measures)
    assert scores["worst_iou"] == pytest.approx(4 / 6)
    assert scores["mean_iou"] == pytest.approx((2 + 4 / 6) / 3)
    empty = picture_measures(np.zeros_like(targets), targets)
    assert empty.error.tolist() == [1, 1, 1]


def test_kept_pictures_are_their_rounded_bits():
    kept = rounded_bits(BITMAPS)
    assert kept.dtype == np.uint8
    assert (np.unpackbits(kept, axis=1)[:, :12].reshape(BITMAPS.shape) == BITMAPS).all()


def record(seed, worst, epochs=10):
    scores = {"exact": 0.0, "rounded": 0.5, "mean_error": worst / 2, "worst_error": worst}
    return {
        "task": "onehot2coord", "split": "uniform", "solver": "conv", "seed": seed,
        "epochs": epochs, "status": "diverged" if worst == np.inf else "finished",
        "recipe": None, "success": worst < 0.5, "elsewhere": {},
        "samples": {"train": 3, "test": 2}, "scores": {"train": scores, "test": scores},
        "cost": {"parameters": 1, "constants": 0, "multiply_adds": 2},
        "timing": {"train_seconds": 1.0 + seed, "predict_microseconds": 2.0},
    }  # fmt: skip


def test_summary_over_seeds():
    (row,) = summarise([record(0, 0.25), record(1, 4.0), record(2, 1.0)])
    assert row["seeds"] == [0, 1, 2]
    worst = row["test"]["worst_error"]
    assert (worst["median"], worst["min"], worst["max"]) == (1.0, 0.25, 4.0)
    assert row["success"]["runs"] == 1
    assert row["success"]["of"] == 3
    assert row["train_seconds"]["median"] == 2.0


def test_other_canvases_are_gathered_where_a_solver_can_do_them():
    scores = record(0, 1.0)["scores"]["test"]
    records = [{**record(k, 1.0), "elsewhere": {"9x9": scores, "7x7": None}} for k in range(2)]
    (row,) = summarise(records)
    assert row["elsewhere"]["9x9"]["worst_error"]["median"] == 1.0
    assert row["elsewhere"]["7x7"] is None


def test_diverged_runs_are_counted_and_do_not_hide():
    (row,) = summarise([record(0, np.inf), record(1, np.inf), record(2, 1.0)])
    assert row["diverged"] == 2
    worst = row["test"]["worst_error"]
    assert (worst["median"], worst["low95"], worst["high95"]) == (np.inf, 1.0, np.inf)


def test_splits_and_solvers_stay_apart_in_order():
    other = {**record(0, 1.0), "solver": "argmax", "epochs": 0}
    rows = summarise([other, record(0, 1.0), record(1, 1.0)])
    assert [row["solver"] for row in rows] == ["argmax", "conv"]
    assert rows[0]["seeds"] == []


def test_the_interval_of_a_median_holds_it_and_needs_three_numbers():
    values = list(np.random.default_rng(0).normal(size=30))
    interval = spread(values)
    assert interval["min"] < interval["low95"] < interval["median"] < interval["high95"]
    assert "low95" not in spread([1.0, 2.0])
    assert spread([3.0, 3.0, 3.0])["low95"] == 3.0


def test_the_wilson_interval():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_seeds_are_taken_together_at_each_position():
    right = [np.array([True, True, False]), np.array([True, False, False])]
    error = [np.array([0.0, 1.0, 3.0]), np.array([0.0, 3.0, np.inf])]
    both = outcome("conv", right, error)
    assert both.right.tolist() == [True, False, False]
    assert both.error.tolist() == [0, 2, np.inf]


def test_paired_tests_against_hand_counts():
    n = 40
    good = outcome("good", [np.ones(n, bool)], [np.zeros(n)])
    bad = outcome(
        "bad", [np.arange(n) < 30], [np.where(np.arange(n) < 30, 0.0, 1.0 + np.arange(n))]
    )
    pair = paired(good, bad)
    assert (pair["only_first_right"], pair["only_second_right"]) == (10, 0)
    assert pair["mcnemar_p"] == pytest.approx(2 * 0.5**10)
    assert pair["right_difference"] == 0.25
    assert pair["rank_biserial"] == -1
    assert pair["first_closer"] == 0.25
    assert pair["wilcoxon_p"] == pytest.approx(2 * 0.5**10)
    same = paired(good, good)
    assert (same["mcnemar_p"], same["wilcoxon_p"], same["rank_biserial"]) == (1, 1, 0)


def test_infinite_errors_are_the_largest():
    n = 10
    diverged = outcome("diverged", [np.zeros(n, bool)], [np.full(n, np.inf)])
    bad = outcome("bad", [np.zeros(n, bool)], [np.arange(n) * 1.0])
    assert paired(diverged, bad)["rank_biserial"] == 1
    assert paired(diverged, diverged)["rank_biserial"] == 0
