"""Scores by seed and power: what the figures show."""

import numpy as np

from compare.figures.seeds import power_curves, scores_by_seed
from compare.results.power import power


def test_a_point_for_each_seed_and_an_interval_for_each_difference():
    scores = {
        "a": {"conv": {0: 0.9, 1: 0.8}, "coordconv": {0: 0.7, 2: 0.6}},
        "b": {"conv": {0: 1.0}},
    }
    figure = scores_by_seed(scores, {"a": [("conv", "coordconv", 0.1, -0.05, 0.25)]}, "accuracy")
    upper, other, lower, empty = figure.axes
    points = [sorted(np.asarray(c.get_offsets()).tolist()) for c in upper.collections]
    assert points == [[[0, 0.8], [0, 0.9]], [[1, 0.6], [1, 0.7]]]
    # Seed 0 is the only one that both have.
    lines = [line.get_ydata().tolist() for line in upper.lines]
    assert [0.9, 0.7] in lines
    assert upper.get_ylabel() == "accuracy"
    np.testing.assert_allclose(lower.lines[0].get_xdata(), [-5, 25])
    np.testing.assert_allclose(lower.lines[1].get_xdata(), [10])
    assert [text.get_text() for text in lower.get_yticklabels()] == ["conv minus coordconv"]
    assert (other.get_title(), len(empty.get_yticklabels())) == ("b", 0)


def test_what_is_compared_is_said_once():
    scores = {split: {"conv": {0: 0.9}} for split in "abc"}
    first, second = (("conv", name, 0.1, 0.0, 0.2) for name in ("coordconv", "deconv"))
    figure = scores_by_seed(scores, {"a": [first], "b": [first], "c": [second]}, "accuracy")
    labels = [[text.get_text() for text in ax.get_yticklabels()] for ax in figure.axes[3:]]
    assert labels == [["conv minus coordconv"], [""], ["conv minus deconv"]]


def test_power_is_drawn_against_the_difference_and_the_papers_is_marked():
    ax = power_curves(power, 0.0027, [5, 100], 0.0001, 0.8).axes[0]
    for line, runs in zip(ax.lines, (5, 100), strict=False):
        x, y = line.get_data()
        assert y[40] == power(x[40] / 100, 0.0027, runs)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["5", "100"]
    assert any(list(line.get_xdata()) == [0.01, 0.01] for line in ax.lines)
