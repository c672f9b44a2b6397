"""Runs over their seeds: medians, ranges and intervals, against formulas written out here."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, norm

from compare.results.statistics import spread, summarise, wilson


def run(seed, **changes):
    """Return what a run's record says, as far as a summary needs it."""
    return {
        "task": "coord2image", "split": "quadrant", "solver": "deconv", "seed": seed, "epochs": 7,
        "status": "finished", "recipe": {"l2": 0.5}, "success": False, "elsewhere": {},
        "samples": {"train": 2407, "test": 729},
        "scores": {"test": {"worst_iou": 0.25 * seed}, "train": {"worst_iou": 1 + seed}},
        "cost": {"parameters": 11, "constants": 13, "multiply_adds": 17},
        "timing": {"train_seconds": 2.0 + seed, "predict_microseconds": 30.0 - seed},
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "median"),
    [
        ([4.0], 4),
        ([4.0, 1.0], 2.5),
        ([9.0, 1.0, 4.0], 4),
        ([9.0, 1.0, 4.0, 5.0], 4.5),
        ([2.0, 8.0, 1.0, 16.0, 4.0], 4),
    ],
)
def test_the_median_and_the_range(numbers, median):
    result = spread(numbers)
    assert result["median"] == median
    assert (result["min"], result["max"]) == (min(numbers), max(numbers))


def test_infinite_numbers_have_a_median():
    inf = np.inf
    assert spread([inf, inf])["median"] == inf
    assert spread([1.0, inf])["median"] == inf
    assert spread([inf, 1.0, 3.0, inf, 2.0])["median"] == 3
    assert spread([-inf, -inf, 1.0, 2.0, inf])["min"] == -inf


def test_two_numbers_have_no_interval_and_three_have():
    assert spread([1.0, 2.0]).keys() == {"median", "min", "max"}
    assert spread([1.0, 2.0, 3.0]).keys() == {"median", "min", "max", "low95", "high95"}


@pytest.mark.parametrize("numbers", [(5.0, 1.0, 3.0), (8.0, 1.0, 5.0, 13.0, 2.0, 3.0)])
def test_the_interval_is_that_of_all_resamples(numbers):
    # Every resample there is, in place of the random ones; a half place is rounded outwards.
    places = np.arange(len(numbers))
    medians = np.median(list(product(places, repeat=len(numbers))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    ordered = sorted(numbers)
    result = spread(list(numbers))
    assert result["low95"] == ordered[int(np.floor(low))]
    assert result["high95"] == ordered[int(np.ceil(high))]


def test_the_interval_of_many_is_that_of_the_binomial_distribution():
    # The median of 21 resampled numbers is one of the k smallest if 11 or more of the 21 are.
    chances = binom.sf(10, 21, np.arange(1, 22) / 21)
    low = int(np.argmax(chances > 0.025))
    result = spread([float(k) for k in range(21)])
    assert (result["low95"], result["high95"]) == (low, 20 - low)


def test_the_interval_is_the_same_each_time_and_in_plain_numbers():
    numbers = [float(k * k % 31) for k in range(31)]
    assert spread(numbers) == spread(numbers)
    assert spread(numbers) == spread(numbers[::-1])
    assert {type(value) for value in spread(numbers).values()} == {float}


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 1), (1, 1), (1, 2), (0, 10), (3, 10), (10, 10), (37, 100)]
)
def test_the_wilson_interval_is_wilsons_formula(successes, trials):
    # Wilson 1927: the p whose distance from the rate is z standard errors under p.
    z = norm.ppf(0.975)
    rate = successes / trials
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2)
    low, high = wilson(successes, trials)
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert 0 <= low <= rate <= high <= 1
    assert type(low) is type(high) is float


def test_a_summary_says_what_was_run():
    (row,) = summarise([run(3), run(1), run(2)])
    assert {key: row[key] for key in ("task", "split", "solver", "epochs", "recipe")} == {
        "task": "coord2image", "split": "quadrant", "solver": "deconv", "epochs": 7,
        "recipe": {"l2": 0.5},
    }  # fmt: skip
    assert row["seeds"] == [3, 1, 2]
    assert (row["trained_on"], row["held_out"]) == (2407, 729)
    assert row["cost"] == {"parameters": 11, "constants": 13, "multiply_adds": 17}


def test_a_summary_keeps_test_and_training_scores_and_times_apart():
    (row,) = summarise([run(3), run(1), run(2)])
    assert row["test"] == {"worst_iou": spread([0.25, 0.5, 0.75])}
    assert row["train"] == {"worst_iou": spread([2.0, 3.0, 4.0])}
    assert row["train_seconds"] == spread([3.0, 4.0, 5.0])
    assert row["predict_microseconds"] == spread([27.0, 28.0, 29.0])


def test_a_summary_counts_successes_and_divergences():
    runs = [run(0), run(1, success=True), run(2, status="diverged"), run(3, success=True)]
    (row,) = summarise(runs)
    assert row["success"] == {"runs": 2, "of": 4, "wilson95": wilson(2, 4)}
    assert row["diverged"] == 1


def test_one_epoch_of_training_has_seeds_and_none_has_not():
    assert summarise([run(5, epochs=1)])[0]["seeds"] == [5]
    assert summarise([run(5, epochs=0)])[0]["seeds"] == []


def test_a_canvas_that_some_seeds_cannot_do_is_summarised_over_the_others():
    scores = [{"worst_iou": 0.5}, None, {"worst_iou": 1.0}]
    (row,) = summarise([run(k, elsewhere={"9x9": each}) for k, each in enumerate(scores)])
    assert row["elsewhere"] == {"9x9": {"worst_iou": spread([0.5, 1.0])}}


def test_runs_are_grouped_by_split_and_solver_wherever_they_stand():
    keys = [("uniform", "conv"), ("quadrant", "conv"), ("uniform", "deconv"), ("uniform", "conv")]
    rows = summarise([run(k, split=a, solver=b) for k, (a, b) in enumerate(keys)])
    assert [(row["split"], row["solver"], row["seeds"]) for row in rows] == [
        ("uniform", "conv", [0, 3]), ("quadrant", "conv", [1]), ("uniform", "deconv", [2]),
    ]  # fmt: skip
    assert summarise([]) == []
