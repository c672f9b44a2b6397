"""Learning curves, and costs against errors and sizes."""

import numpy as np
import pytest

from compare.figures.curves import Price, cost_against_error, cost_against_size, learning_curves
from compare.figures.style import colour, marker


def test_an_error_of_zero_has_a_strip_of_its_own():
    """And is nowhere on the logarithmic axis."""
    prices = [Price("handcrafted", 24_578, (0.0,)), Price("conv", 3_000_000, (2.0, 0.5))]
    above, below = cost_against_error({"uniform": prices}).axes
    assert (above.get_xscale(), above.get_yscale()) == ("log", "log")
    placed = [tuple(map(float, at)) for group in below.collections for at in group.get_offsets()]
    assert set(placed) == {(24_578.0, 0.0)}
    placed = [tuple(map(float, at)) for group in above.collections for at in group.get_offsets()]
    assert set(placed) == {(3e6, 0.5), (3e6, 1.25), (3e6, 2.0)}
    assert below.get_yticklabels()[0].get_text() == "0"


def test_what_costs_nothing_that_is_counted_is_left_out():
    prices = [Price("argmax", 0, (0.0,)), Price("handcrafted", 24_578, (0.0,))]
    _, below = cost_against_error({"uniform": prices}).axes
    assert [text.get_text() for text in below.texts] == ["handcrafted"]


def lines(ax):
    return [(line.get_xdata().tolist(), np.asarray(line.get_ydata()).tolist()) for line in ax.lines]


def test_each_seed_has_a_line_and_their_median_goes_as_far_as_the_shortest():
    seeds = [np.array([8.0, 4, 1]), np.array([4.0, 2]), np.array([6.0, 3, 2])]
    (ax,) = learning_curves({"uniform": {"conv": seeds}}).axes
    assert lines(ax) == [
        ([1, 2, 3], [8, 4, 1]), ([1, 2], [4, 2]), ([1, 2, 3], [6, 3, 2]), ([1, 2], [6, 3]),
    ]  # fmt: skip
    assert ax.lines[-1].get_marker() == marker("conv")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["conv, median of 3 seeds"]
    assert (ax.get_yscale(), ax.get_xlabel(), ax.get_title()) == ("log", "epoch", "uniform split")


def test_one_seed_is_called_one():
    curves = {"uniform": {"conv": [np.ones(2)]}, "quadrant": {"conv": [np.ones(2)]}}
    left, right = learning_curves(curves, "training loss (mse)").axes
    for ax in (left, right):
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["conv, 1 seed"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("training loss (mse)", "")


def placed(ax):
    return sorted({tuple(map(float, at)) for each in ax.collections for at in each.get_offsets()})


def test_infinite_errors_are_left_out_of_the_median_and_the_scale():
    prices = [Price("conv", 1000, (np.inf, 2.0, 4.0)), Price("coordconv", 10, (np.inf,))]
    above, below = cost_against_error({"uniform": prices}).axes
    assert placed(above) == [(1000, 2), (1000, 3), (1000, 4)]
    assert placed(below) == []
    assert [text.get_text() for text in above.texts] == ["conv"]
    # Whole decades around 2 and 4.
    assert above.get_ylim() == (1, 10)


def test_a_solver_is_labelled_where_its_median_is():
    """Exact for most seeds: on the strip, though one seed is above."""
    prices = [Price("conv", 1000, (0.0, 0.0, 0.5))]
    above, below = cost_against_error({"uniform": prices}, "distance (pixels)").axes
    assert placed(above) == [(1000, 0.5)]
    assert placed(below) == [(1000, 0)]
    assert ([text.get_text() for text in below.texts], list(above.texts)) == (["conv"], [])
    assert above.get_ylabel() == "mean held-out\ndistance (pixels)"


def test_labels_of_the_dearer_half_stand_on_the_left():
    prices = [Price("a", 10, (1.0,)), Price("b", 100, (1.0,)), Price("c", 10_000, (1.0,))]
    above, _ = cost_against_error({"uniform": prices}).axes
    sides = {text.get_text(): text.get_horizontalalignment() for text in above.texts}
    assert sides == {"a": "left", "b": "left", "c": "right"}


@pytest.mark.parametrize("prices", [[], [Price("argmax", 0, (0.0,))]])
def test_no_prices_are_an_empty_figure(prices):
    above, below = cost_against_error({"uniform": prices}).axes
    assert placed(above) == placed(below) == []


def test_costs_stand_at_their_sizes():
    panels = {"pixels each way": {"conv": {16: 1.0, 32: 4.0}, "argmax": {16: 0.5}}, "samples": {}}
    left, right = cost_against_size(panels, "title").axes
    assert lines(left) == [([16, 32], [1, 4]), ([16], [0.5])]
    assert [line.get_color() for line in left.lines] == [colour("conv"), colour("argmax")]
    assert (left.get_xscale(), left.get_yscale()) == ("log", "log")
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["16", "32"]
    assert (left.get_xlabel(), right.get_xlabel()) == ("pixels each way", "samples")
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["conv", "argmax"]
