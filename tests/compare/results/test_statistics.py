"""Runs over their seeds: medians, ranges and intervals, against formulas written out here."""

from itertools import product
from math import inf

import numpy as np
import pytest
from scipy.stats import binom, norm, ttest_1samp, ttest_ind, ttest_rel

from compare.results.statistics import (
    compare,
    compare_all,
    describe,
    spread,
    summarise,
    wilson,
)


def run(seed, *, solver="deconv", split="quadrant", learns=True, other=None, **changes):
    """Return what a run's record says, as far as a summary needs it."""
    return {
        "arguments": {
            "task": "coord2image", "split": split, "solver": solver, "seed": seed,
            "recipe": {"l2": 0.5, "epochs": 7} if learns else None,
        },
        "status": "finished", "success": False, "published_epochs": 1000 if learns else None,
        "samples": {"train": 2407, "test": 729}, "correct": {"train": 100 + seed, "test": seed},
        "scores": {
            "test": {"worst_iou": 0.25 * seed}, "train": {"worst_iou": 1 + seed}, **(other or {}),
        },
        "cost": {"parameters": 11, "constants": 13, "multiply_adds": 17},
        "timing": {"train_seconds": 2.0 + seed, "predict_microseconds": 30.0 - seed},
        **changes,
    }  # fmt: skip


def scored(solver, seeds, values, learns=True):
    """Return runs of a solver with these held-out scores."""
    return [
        {
            **run(seed, solver=solver, learns=learns),
            "scores": {"test": {"error": value}, "train": {}},
        }
        for seed, value in zip(seeds, values, strict=True)
    ]


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
    result = describe(numbers)
    assert result["median"] == median
    assert (result["min"], result["max"]) == (min(numbers), max(numbers))


def test_infinite_numbers_have_a_median():
    inf = np.inf
    assert describe([inf, inf])["median"] == inf
    assert describe([1.0, inf])["median"] == inf
    assert describe([inf, 1.0, 3.0, inf, 2.0])["median"] == 3
    assert describe([-inf, -inf, 1.0, 2.0, inf])["min"] == -inf
    # Nor is twice the largest float a number.
    assert describe([1.7e308, 1.7e308])["median"] == 1.7e308


def test_two_numbers_have_no_interval_and_three_have():
    assert describe([1.0, 2.0]).keys() == {"median", "min", "max"}
    assert describe([1.0, 2.0, 3.0]).keys() == {"median", "min", "max", "low95", "high95"}


@pytest.mark.parametrize("numbers", [(5.0, 1.0, 3.0), (8.0, 1.0, 5.0, 13.0, 2.0, 3.0)])
def test_the_interval_is_that_of_all_resamples(numbers):
    # Every resample there is, in place of the random ones; a half place is rounded outwards.
    places = np.arange(len(numbers))
    medians = np.median(list(product(places, repeat=len(numbers))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    ordered = sorted(numbers)
    result = describe(list(numbers))
    assert result["low95"] == ordered[int(np.floor(low))]
    assert result["high95"] == ordered[int(np.ceil(high))]


def test_the_interval_of_many_is_that_of_the_binomial_distribution():
    # The median of 21 resampled numbers is one of the k smallest if 11 or more of the 21 are.
    chances = binom.sf(10, 21, np.arange(1, 22) / 21)
    low = int(np.argmax(chances > 0.025))
    result = describe([float(k) for k in range(21)])
    assert (result["low95"], result["high95"]) == (low, 20 - low)


def test_the_interval_is_the_same_each_time_and_in_plain_numbers():
    numbers = [float(k * k % 31) for k in range(31)]
    assert describe(numbers) == describe(numbers)
    assert describe(numbers) == describe(numbers[::-1])
    assert {type(value) for value in describe(numbers).values()} == {float}


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


def test_newcombes_table():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_a_summary_says_what_was_run():
    (row,) = summarise([run(3), run(1), run(2)])
    assert {key: row[key] for key in ("task", "split", "solver", "recipe")} == {
        "task": "coord2image", "split": "quadrant", "solver": "deconv",
        "recipe": {"l2": 0.5, "epochs": 7},
    }  # fmt: skip
    assert row["seeds"] == [3, 1, 2]
    assert row["published_epochs"] == 1000
    assert row["samples"] == {"train": 2407, "test": 729}
    assert row["cost"] == {"parameters": 11, "constants": 13, "multiply_adds": 17}


def test_a_summary_keeps_test_and_training_scores_and_times_apart():
    (row,) = summarise([run(3), run(1), run(2)])
    assert row["scores"]["test"] == {"worst_iou": describe([0.25, 0.5, 0.75])}
    assert row["scores"]["train"] == {"worst_iou": describe([2.0, 3.0, 4.0])}
    assert row["train_seconds"] == describe([3.0, 4.0, 5.0])
    assert row["predict_microseconds"] == describe([27.0, 28.0, 29.0])


def test_a_summary_counts_successes_and_divergences_and_what_is_correct():
    runs = [run(0), run(1, success=True), run(2, status="diverged"), run(3, success=True)]
    (row,) = summarise(runs)
    assert row["success"] == {"runs": 2, "of": 4, "wilson95": wilson(2, 4)}
    assert row["diverged"] == 1
    assert row["correct"] == describe([100, 102, 104, 106])  # trained on and held out
    assert summarise([run(0), run(1, correct={})])[0]["correct"] is None


def test_what_learns_has_seeds_and_what_does_not_has_none():
    assert summarise([run(5)])[0]["seeds"] == [5]
    assert summarise([run(5, learns=False)])[0]["seeds"] == []


def test_a_canvas_that_some_seeds_cannot_do_is_summarised_over_the_others():
    scores = [{"worst_iou": 0.5}, None, {"worst_iou": 1.0}]
    (row,) = summarise([run(k, other={"9x9": each}) for k, each in enumerate(scores)])
    assert row["scores"]["9x9"] == {"worst_iou": describe([0.5, 1.0])}
    (row,) = summarise([run(k, other={"9x9": None}) for k in range(2)])
    assert row["scores"]["9x9"] is None


def test_runs_are_grouped_by_split_and_solver_wherever_they_stand():
    keys = [("uniform", "conv"), ("quadrant", "conv"), ("uniform", "deconv"), ("uniform", "conv")]
    rows = summarise([run(k, split=a, solver=b) for k, (a, b) in enumerate(keys)])
    assert [(row["split"], row["solver"], row["seeds"]) for row in rows] == [
        ("uniform", "conv", [0, 3]), ("quadrant", "conv", [1]), ("uniform", "deconv", [2]),
    ]  # fmt: skip
    assert summarise([]) == []


# --- Two solvers ----------------------------------------------------------------------------


def test_learners_are_paired_by_seed():
    # Differences 1, 2 and 6 of seeds 2, 5 and 7, whatever their order; seed 9 has no partner.
    first = scored("a", [5, 2, 7, 9], [12.0, 11.0, 16.0, 99.0])
    second = scored("b", [2, 7, 5], [10.0, 10.0, 10.0])
    result = compare(first, second)
    expected = ttest_rel([11, 12, 16], [10, 10, 10]).confidence_interval(0.95)
    assert (result["solvers"], result["seeds"], result["paired"]) == (["a", "b"], 3, True)
    difference = result["differences"]["error"]
    assert difference["mean"] == 3
    assert (difference["low95"], difference["high95"]) == pytest.approx(tuple(expected), rel=1e-12)


def test_a_verdict_is_given_on_the_score_that_is_named_if_both_learn():
    first, second = (scored(n, range(5), v) for n, v in (("a", [0.9] * 5), ("b", [0.7] * 5)))
    assert "verdict" not in compare(first, second)
    assert compare(first, second, "error")["verdict"].startswith("an effect of +20.00 points")
    fixed = scored("fixed", [0], [1.0], learns=False)
    assert "verdict" not in compare(fixed, second, "error")
    ((pair,),) = compare_all([*first, *second], "error").values()
    assert pair["verdict"] == compare(first, second, "error")["verdict"]


def test_a_solver_without_seeds_stands_beside_each_of_the_others():
    first = scored("fixed", [0], [1.0], learns=False)
    second = scored("b", [0, 1, 2, 3], [2.0, 4.0, 4.0, 6.0])
    result = compare(first, second)
    expected = ttest_1samp([-1.0, -3.0, -3.0, -5.0], 0).confidence_interval(0.95)
    assert (result["seeds"], result["paired"]) == (4, False)
    assert result["differences"]["error"]["mean"] == -3
    assert result["differences"]["error"]["low95"] == pytest.approx(expected.low, rel=1e-12)
    opposite = compare(second, first)["differences"]["error"]
    assert opposite["mean"] == 3
    assert opposite["high95"] == pytest.approx(-expected.low, rel=1e-12)


def test_learners_with_other_seeds_are_compared_by_welch():
    one, other = [1.0, 2.0, 4.0, 4.5], [3.0, 7.0, 8.0]
    result = compare(scored("a", [0, 1, 2, 3], one), scored("b", [3, 4, 5], other))
    expected = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert (result["seeds"], result["paired"]) == (3, False)
    difference = result["differences"]["error"]
    assert difference["mean"] == pytest.approx(np.mean(one) - np.mean(other), rel=1e-12)
    assert (difference["low95"], difference["high95"]) == pytest.approx(tuple(expected), rel=1e-9)


def test_solvers_without_seeds_have_a_difference_and_no_interval():
    first, second = (scored(n, [0], [v], learns=False) for n, v in (("a", 3.0), ("b", 1.0)))
    result = compare(first, second)
    assert (result["seeds"], result["paired"]) == (0, False)
    assert result["differences"] == {"error": {"mean": 2.0, "low95": None, "high95": None}}


def test_one_seed_has_no_interval():
    result = compare(scored("a", [0], [3.0]), scored("b", [0], [1.0]))
    assert (result["seeds"], result["paired"]) == (1, False)
    assert result["differences"] == {"error": {"mean": 2.0, "low95": None, "high95": None}}


def test_seeds_that_agree_have_an_interval_of_a_point():
    result = compare(scored("a", [0, 1], [3.0, 4.0]), scored("b", [0, 1], [1.0, 2.0]))
    assert result["differences"]["error"] == {"mean": 2.0, "low95": 2.0, "high95": 2.0}


def test_errors_that_are_not_finite_have_no_difference():
    nothing = {"mean": None, "low95": None, "high95": None}
    good, bad = scored("a", [0, 1], [1.0, 2.0]), scored("b", [0, 1], [np.inf, 2.0])
    assert compare(good, bad)["differences"] == {"error": nothing}
    assert compare(good, scored("b", [2, 3], [np.inf, 2.0]))["differences"] == {"error": nothing}


def test_every_two_solvers_of_a_split_are_compared():
    runs = [run(0, solver=name, split=split) for split in "xy" for name in "abc"]
    result = compare_all([*runs, run(1, solver="a", split="y")])
    assert list(result) == ["x", "y"]
    for pairs in result.values():
        assert [pair["solvers"] for pair in pairs] == [["a", "b"], ["a", "c"], ["b", "c"]]


def test_the_spread_is_the_median_and_the_range():
    assert spread([3.0]) == {"median": 3, "min": 3, "max": 3}
    assert spread([4.0, 1.0, inf, 2.0]) == {"median": 3, "min": 1, "max": inf}
    assert spread([inf, inf])["median"] == inf
