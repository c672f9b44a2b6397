"""The four steps, and the figure that makes the argument."""

import numpy as np
import pytest
from matplotlib.text import Text

from compare.figures.argument import four_steps, point
from compare.figures.canvas import Answers

POSITIONS = {"train": np.array([[4, 4], [5, 9]]), "test": np.array([[11, 6]])}


def answers(solver, errors, positions=POSITIONS):
    predictions = {part: places.astype(float) for part, places in positions.items()}
    return Answers(solver, positions, predictions, errors)


EXACT = {"train": np.zeros(2), "test": np.zeros(1)}


WRONG = {"train": np.array([0.0, 2.0]), "test": np.array([8.0])}


def test_the_four_steps_are_the_networks():
    figure = four_steps(5, 3, (12, 16))
    written = {text.get_text() for text in figure.findobj(Text)}
    assert {"3. sum = 11", "4. subtraction: 16 - 11 = 5", "the answer: x = 5"} <= written
    maps = [ax.images[0].get_array() for ax in figure.axes[:3]]
    assert [float(drawn[3, 5]) for drawn in maps] == [1, 11, 11]
    assert [float(drawn.sum()) for drawn in (maps[0], maps[2])] == [1, 11]


@pytest.mark.parametrize("place", [(0, 0), (15, 11), (9, 2)])
def test_the_answer_is_the_hot_pixel(place):
    x, y = place
    figure = four_steps(x, y, (12, 16))
    written = {text.get_text() for text in figure.findobj(Text)}
    assert f"the answer: x = {x}" in written
    bitmap, _, _, bars = figure.axes
    assert np.argwhere(bitmap.images[0].get_array()).tolist() == [[y, x]]
    # The sum, the width, and the width less the sum.
    assert [bar.get_width() for bar in bars.patches] == [16 - x, 16, x]
    for ax in figure.axes[:3]:
        assert ax.lines[0].get_xydata().tolist() == [[x, y]]


def below(figure):
    """Return the panels with a solver's error each."""
    return [ax for ax in figure.axes if "learned" in ax.get_title()]


def test_the_point_says_what_each_solver_learned_and_how_wrong_it_is():
    runs = [answers("handcrafted", EXACT), answers("coordconv", WRONG)]
    figure = point(runs, {"handcrafted": 0, "coordconv": 1906}, {}, (12, 16), "uniform")
    exact, wrong = below(figure)
    assert exact.get_title() == "handcrafted: nothing learned\n0 at all 3 positions"
    assert wrong.get_title() == ("coordconv: 1,906 numbers learned\nmean error held out: 8 pixels")
    image = wrong.images[0].get_array()
    assert (image[4, 4], image[9, 5], image[6, 11], image.count()) == (0, 2, 8, 3)
    assert exact.images[0].get_clim() == wrong.images[0].get_clim() == (0, 8)
    assert [len(ax.lines) for ax in (exact, wrong)] == [0, 0]
    assert any("(uniform split)" in text.get_text() for text in figure.findobj(Text))


def test_the_scale_of_the_point_ends_at_the_diagonal():
    far = {"train": np.array([0.0, 2.0]), "test": np.array([1e9])}
    (ax,) = below(point([answers("conv", far)], {"conv": 1}, {}, (12, 16), "uniform"))
    assert ax.images[0].get_clim() == (0, 20)


def test_held_out_positions_are_framed_on_the_quadrant_split():
    positions = {"train": np.array([[4, 4]]), "test": np.array([[9, 7], [11, 6]])}
    errors = {"train": np.zeros(1), "test": np.zeros(2)}
    figure = point([answers("conv", errors, positions)], {"conv": 1}, {}, (12, 16), "quadrant")
    (ax,) = below(figure)
    (frame,) = ax.lines
    assert frame.get_xydata().tolist() == [
        [8.5, 5.5], [11.5, 5.5], [11.5, 7.5], [8.5, 7.5], [8.5, 5.5],
    ]  # fmt: skip
    written = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "(quadrant split: framed positions held out)" in written


@pytest.mark.parametrize(
    ("error", "written"), [(0.0, "0 everywhere"), (0.000012, "at most 1.2e-05 pixels")]
)
def test_the_same_network_computed_has_a_line(error, written):
    figure = point([answers("conv", WRONG)], {"conv": 1}, {"conv": error}, (12, 16), "uniform")
    (ax,) = below(figure)
    assert ax.get_title().splitlines()[2] == f"computed weights: {written}"
