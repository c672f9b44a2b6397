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


def by_epoch(*losses):
    return np.arange(1, len(losses) + 1), np.array(losses)


def legend(figure):
    (found,) = figure.legends
    return [text.get_text().replace("\n", " ") for text in found.get_texts()]


def test_each_seed_has_a_line_and_their_median_goes_as_far_as_the_shortest():
    seeds = [by_epoch(8.0, 4, 1), by_epoch(4.0, 2), by_epoch(6.0, 3, 2)]
    figure = learning_curves({"uniform": {"conv": seeds}})
    (ax,) = figure.axes
    assert lines(ax) == [
        ([1, 2, 3], [8, 4, 1]), ([1, 2], [4, 2]), ([1, 2, 3], [6, 3, 2]), ([1, 2], [6, 3]),
    ]  # fmt: skip
    assert ax.lines[-1].get_marker() == marker("conv")
    assert legend(figure) == ["conv, median of 3 seeds"]
    assert (ax.get_yscale(), ax.get_xlabel(), ax.get_title()) == ("log", "epoch", "uniform split")


def test_one_seed_is_called_one():
    curves = {"uniform": {"conv": [by_epoch(1, 1)]}, "quadrant": {"conv": [by_epoch(1, 1)]}}
    figure = learning_curves(curves, "training loss (mse)")
    left, right = figure.axes
    assert legend(figure) == ["conv, 1 seed"]  # once, for both
    assert (left.get_ylabel(), right.get_ylabel()) == ("training loss (mse)", "")


def test_losses_stand_at_their_steps():
    figure = learning_curves({"uniform": {"conv": [([5, 10, 12], np.ones(3))]}}, after="step")
    (ax,) = figure.axes
    assert lines(ax)[0] == ([5, 10, 12], [1, 1, 1])
    assert ax.get_xlabel() == "step"


def recipes(count, epochs=2):
    return {f"conv, width {n}": [by_epoch(*[n] * epochs)] * 2 for n in range(1, count + 1)}


def test_recipes_of_a_solver_have_its_colour_and_a_line_style_each():
    curves = {**recipes(3), "coordconv": [by_epoch(1, 1)]}
    figure = learning_curves({"uniform": curves})
    medians = figure.axes[0].lines[2::3][:3]
    assert [line.get_linestyle() for line in medians] == ["-", "--", ":"]
    assert {line.get_color() for line in medians} == {colour("conv")}
    names = [f"conv, width {n}, median of 2 seeds" for n in (1, 2, 3)]
    assert sorted(legend(figure)) == [*names, "coordconv, 1 seed"]


def test_many_recipes_of_a_solver_are_drawn_alike_by_their_medians():
    figure = learning_curves({"uniform": {**recipes(9), "coordconv": [by_epoch(1, 1)]}})
    assert sorted(legend(figure)) == ["conv, medians of 9 recipes", "coordconv, 1 seed"]
    drawn = [line for line in figure.axes[0].lines if line.get_color() == colour("conv")]
    assert [line.get_ydata().tolist() for line in drawn] == [[n, n] for n in range(1, 10)]


def test_the_legend_hides_no_line():
    figure = learning_curves({"uniform": recipes(3), "quadrant": recipes(3)})
    figure.draw_without_rendering()
    below = figure.legends[0].get_window_extent()
    for ax in figure.axes:
        assert not below.overlaps(ax.get_tightbbox())
        assert ax.get_window_extent().height > 0.5 * figure.bbox.height


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


def test_many_recipes_of_a_solver_have_one_label_at_the_best():
    prices = [Price(f"conv, width {n}", 1000 * n, (float(n),)) for n in range(1, 6)]
    above, _ = cost_against_error({"uniform": [*prices, Price("coordconv", 10, (9.0,))]}).axes
    assert {text.get_text(): text.xy for text in above.texts} == {
        "conv, 5 recipes": (1000, 1), "coordconv": (10, 9),
    }  # fmt: skip


def test_labels_lie_on_no_other_label_and_on_no_marker():
    names = ("conv", "coordconv", "coordconv-first", "a longer name than these")
    prices = [Price(name, 100_000 + 9_000 * n, (1.0, 1.1)) for n, name in enumerate(names)]
    figure = cost_against_error({"uniform": prices, "quadrant": prices})
    figure.draw_without_rendering()
    for ax in (figure.axes[0], figure.axes[1]):
        boxes = [text.get_window_extent() for text in ax.texts]
        assert len(boxes) == 4
        for index, box in enumerate(boxes):
            assert not box.count_overlaps(boxes[:index])
            assert ax.bbox.x0 <= box.x0
            assert box.x1 <= ax.bbox.x1
            markers = ax.transData.transform([(p.multiply_adds, 1.05) for p in prices])
            assert not any(box.contains(*at) for at in markers)


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
