"""Power: against simulation and tables; the verdict's three sentences."""

import numpy as np
import pytest
from scipy import stats

from compare.results import power as module
from compare.results.power import (
    LEAST_SEEDS,
    item_deviation,
    power,
    runs_needed,
    smallest_difference,
    verdict,
)


@pytest.mark.parametrize(("runs", "shift"), [(2, 3.0), (5, 1.0), (5, 2.0), (12, 0.5), (60, 0.3)])
def test_power_is_the_share_of_simulated_experiments(runs, shift):
    random, experiments = np.random.default_rng(runs), 20_000
    differences = random.normal(0.02 * shift, 0.02, (experiments, runs))
    found = (stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05).mean()
    expected = power(0.02 * shift, 0.02, runs)
    # Four standard errors of a share.
    assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / experiments)


def test_power_is_that_of_cohens_table():
    """Cohen 1988, table 2.3.5: one sample, d = 0.5, n = 34, two-sided 5 %: 0.807 (G*Power)."""
    assert power(0.5, 1.0, 34) == pytest.approx(0.8078, abs=5e-4)
    assert power(0.5, 1.0, 33) < 0.8 < power(0.5, 1.0, 34)
    assert runs_needed(0.5, 1.0) == 34


def test_without_a_difference_it_is_the_level():
    for runs in (2, 5, 100, 100_000):
        assert power(0.0, 0.3, runs) == pytest.approx(0.05)
        assert power(1e3, 0.3, runs) == pytest.approx(1, abs=0.01)
        assert power(-0.2, 0.3, runs) == power(0.2, 0.3, runs)


@pytest.mark.parametrize("runs", [2, 3, 5, 20, 1000])
def test_the_smallest_difference_has_the_power_it_is_said_to_have(runs):
    found = smallest_difference(0.013, runs)
    assert power(found, 0.013, runs) == pytest.approx(0.8, abs=1e-6)
    assert runs_needed(found * 1.0001, 0.013) == runs


def test_runs_needed_is_the_first_number_that_will_do():
    for difference in (0.0001, 0.003, 0.02, 5.0):
        runs = runs_needed(difference, 0.0027)
        assert power(difference, 0.0027, runs) >= 0.8
        assert runs == 2 or power(difference, 0.0027, runs - 1) < 0.8


def test_the_deviation_of_items_is_that_of_simulated_ones():
    random, items = np.random.default_rng(0), 400
    a, b = (
        (random.random((5000, items)) < 0.9).mean(1),
        (random.random((5000, items)) < 0.9).mean(1),
    )
    assert np.std(a - b) == pytest.approx(item_deviation(0.9, items), rel=0.05)
    # Two networks that differ on 4 % of the items only.
    odd = random.choice([-1, 0, 1], p=[0.02, 0.96, 0.02], size=(5000, items)).mean(1)
    assert np.std(odd) == pytest.approx(item_deviation(0.9, items, 0.04), rel=0.05)


def pair(mean, low, high, seeds=5, paired=True):
    ends = {"mean": mean, "low95": low, "high95": high}
    return {"seeds": seeds, "paired": paired, "differences": {"accuracy": ends}}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (pair(0.01, 0.002, 0.018), "an effect of +1.00 points (+0.20..+1.80; n = 5 seeds in pairs, 95 % interval by t)"),
        (pair(-0.01, -0.018, -0.002), "an effect of -1.00 points (-1.80..-0.20; n = 5 seeds"),
        (pair(0.001, -0.003, 0.005), "no effect larger than 0.50 points shown (n = 5 seeds"),
        (pair(-0.001, -0.006, 0.004, seeds=9), "no effect larger than 0.60 points shown (n = 9 seeds"),
        (pair(0.0, 0.0, 0.0), "no effect larger than 0.00 points shown"),
        (pair(0.01, 0.002, 0.018, seeds=4), "not enough runs to say; it takes 5 pairs"),
        (pair(0.01, 0.002, 0.018, paired=False), "not enough runs to say"),
        (pair(0.01, None, None), "not enough runs to say"),
        (pair(None, None, None), "not enough runs to say"),
        ({"seeds": 5, "paired": True, "differences": {}}, "not enough runs to say"),
    ],
)  # fmt: skip
def test_a_verdict_is_one_of_three_sentences(given, sentence):
    assert verdict(given, "accuracy").startswith(sentence)
    assert LEAST_SEEDS == module.LEAST_SEEDS == 5
