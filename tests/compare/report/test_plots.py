"""The figures of a report: which are offered, and of what."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from compare import cli
from compare.figures.style import svg
from compare.report.plots import all_plots, data_plots, on_canvas, plots, point, points, shown
from compare.report.sections import read_runs, sections


def endings(section):
    return [plot.name.removeprefix(f"{section.name}-") for plot in plots(section)]


def test_every_figure_is_offered_where_position_and_error_are_known(made):
    (section,) = sections([made(), made("argmax"), made(split="quadrant", error=2.0)])
    assert endings(section) == [
        "uniform-predictions", "uniform-errors", "quadrant-predictions", "quadrant-errors",
        "learning", "cost",
    ]  # fmt: skip
    for plot in plots(section):
        assert svg(plot.draw()).startswith("<?xml")


@pytest.mark.parametrize("missing", ["error", "position", "prediction"])
def test_no_picture_is_offered_of_what_is_not_known(made, missing):
    samples = {f"test_{missing}": None}
    (section,) = sections([made(samples=samples)])
    # Without errors there is nothing to draw the cost against.
    assert endings(section) == ["learning", *(["cost"] if missing != "error" else [])]
    for plot in plots(section):
        plot.draw()
    # Another solver's are drawn all the same.
    (section,) = sections([made(samples=samples), made("argmax")])
    assert endings(section)[:2] == ["uniform-predictions", "uniform-errors"]


def test_no_learning_curves_where_nothing_was_learned(made):
    (section,) = sections([made("argmax")])
    assert endings(section) == ["uniform-predictions", "uniform-errors"]


def learning(section):
    (plot,) = (plot for plot in plots(section) if plot.name.endswith("learning"))
    return plot


def test_learning_curves_are_by_step_where_there_is_one_epoch(made):
    one = replace(made(recipe={"epochs": 1}), steps=np.array([5.0, 10]))
    (section,) = sections([one])
    plot = learning(section)
    (ax,) = plot.draw().axes
    assert (ax.get_xlabel(), ax.lines[0].get_xdata().tolist()) == ("step", [5, 10])
    assert plot.caption.startswith("The training loss after steps:")
    # Beside a training of more epochs they are parts of one.
    (section,) = sections([one, made("coordconv")])
    (ax,) = learning(section).draw().axes
    assert ax.get_xlabel() == "epoch"
    assert sorted(line.get_xdata().tolist() for line in ax.lines) == [[0.5, 1]] * 2 + [[1, 2]] * 2


def test_no_learning_curves_of_a_single_point(made):
    (section,) = sections([replace(made(), losses=np.ones(1))])
    assert "learning" not in endings(section)


def test_predictions_of_another_shape_are_not_drawn(made):
    """Neither coordinates nor the bits of pictures: 12 x 16 pixels are 24 bytes."""
    for shape, drawn in (((3,), False), ((23,), False), ((25,), False)):
        bits = {f"{part}_prediction": np.zeros((n, *shape), np.uint8) for part, n in PARTS}
        (section,) = sections([made("argmax", samples=bits)])
        assert ("uniform-predictions" in endings(section)) == drawn


PARTS = (("train", 2), ("test", 1))


def test_predicted_pictures_stand_below_their_targets(made):
    """The held-out picture, at (11, 6) of 12 x 16, and one that is white everywhere."""
    bits = {f"{part}_prediction": np.full((n, 24), 255, np.uint8) for part, n in PARTS}
    (section,) = sections([made("slicing", task="coord2image", samples=bits)])
    first = next(iter(plots(section)))
    assert first.name == "coord2image-12x16-uniform-predictions"
    figure = first.draw()
    target, white = (ax.images[0].get_array() for ax in figure.axes)
    expected = np.zeros((12, 16))
    expected[2:11, 7:16] = 1
    assert np.array_equal(target, expected)
    assert white.min() == 1
    assert figure.axes[0].get_title() == "(11, 6)"
    # Targets that are no pictures of the canvas have none.
    (section,) = sections([made("argmax", samples=bits)])
    assert endings(section) == ["uniform-errors"]


def test_captions_say_what_is_unfinished(made):
    (section,) = sections([made(recipe={"epochs": 15}), made("argmax")])
    for plot in (*plots(section), point(section)):
        assert plot.caption.endswith(" conv: 15 of 100 published epochs, unfinished.")
    (section,) = sections([made()])
    for plot in plots(section):
        assert plot.caption.endswith(" conv: 100 of 100 published epochs.")


@pytest.mark.parametrize(
    ("positions", "on"),
    [
        ([[0, 0], [15, 11]], True),
        ([[16, 0], [0, 0]], False),
        ([[0, 12], [0, 0]], False),
        ([[0, 0], [-1, 0]], False),
        ([[0.0, 0.0]], False),
        ([[0, 0, 0]], False),
        ([0, 1], False),
    ],
)
def test_positions_are_whole_pixels_of_the_canvas(made, positions, on):
    for part in ("train", "test"):
        run = made(samples={f"{part}_position": np.array(positions)})
        assert on_canvas(run, (12, 16)) == on
    assert not on_canvas(made(samples={"train_position": None}), (12, 16))


def test_the_point_is_of_the_largest_canvas_and_of_the_quadrant_split(made):
    runs = [made(split=split, size=size) for split in ("uniform", "quadrant")
            for size in ([12, 16], [20, 20])]  # fmt: skip
    found = sections(runs)
    ((plot, section),) = points(found)
    assert (plot.name, section.size) == ("point", (20, 20))
    written = " ".join(text.get_text() for text in plot.draw().findobj(Text))
    assert "framed positions held out" in written
    (uniform,) = sections([made()])
    assert point(uniform) is not None
    (other,) = sections([made("centroid", task="image2coord")])
    assert point(other) is None
    assert points([other]) == points([]) == []


def test_the_splits_are_drawn_once_for_each_canvas_the_largest_first(made):
    found = sections(
        [made(), made(split="quadrant"), made("centroid", task="image2coord"), made(size=[20, 20])]
    )
    pairs = data_plots(found)
    assert [plot.name for plot, _ in pairs] == ["data-20x20", "data-12x16"]
    assert [section.task.name for _, section in pairs] == ["onehot2coord"] * 2
    titles = [ax.get_title() for ax in pairs[1][0].draw().axes]
    assert titles == [
        "uniform split\n2 trained on, 1 held out", "quadrant split\n2 trained on, 1 held out",
    ]  # fmt: skip
    assert data_plots(sections([made(samples={"test_position": None})])) == []


def test_all_figures_begin_with_the_point_and_the_data(made):
    names = [plot.name for plot in all_plots(sections([made("argmax"), made()]))]
    assert names[:3] == ["point", "data-12x16", "onehot2coord-12x16-uniform-predictions"]
    assert len(names) == len(set(names)) == 6


def test_a_page_shows_all_figures_or_of_each_section_some(made, monkeypatch):
    found = sections([made(size=size) for size in ([12, 16], [20, 20])] + [made("argmax")])
    every = [plot.name for plot in all_plots(found)]
    assert shown(found) == set(every)
    monkeypatch.setattr("compare.report.plots.MOST_SHOWN", 6)
    assert shown(found) == {
        "point", "data-20x20", "onehot2coord-20x20-cost", "onehot2coord-12x16-cost",
        "onehot2coord-20x20-learning", "onehot2coord-12x16-learning",
    }  # fmt: skip
    monkeypatch.setattr("compare.report.plots.MOST_SHOWN", len(every) - 1)
    assert set(every) - shown(found) == {"data-12x16"}


def captioned(out, solvers, *options):
    command = ["run", "--quiet", "--task", "onehot2coord", "--size", "16", "--split", "quadrant"]
    assert (
        cli.main(
            [
                *command,
                "--solver",
                solvers,
                "--epochs",
                "1",
                "--seeds",
                "1",
                "--out",
                str(out),
                *options,
            ]
        )
        == 0
    )
    (section,) = sections(read_runs(out)[0])
    return point(section)


def panels(plot):
    """Return the lines of the title of each panel below, by its solver."""
    titles = [ax.get_title() for sub in plot.draw().subfigs for ax in sub.axes]
    return {
        title.replace(",", ":").partition(":")[0]: title.splitlines()
        for title in titles
        if "learned" in title
    }


def test_the_same_network_computed_is_said_and_not_drawn(tmp_path):
    assert captioned(tmp_path, "handcrafted-conv") is None
    plot = captioned(tmp_path, "handcrafted,handcrafted-coordconv,conv")
    assert "with weights that were computed instead of learned" in plot.caption
    found = panels(plot)
    assert list(found) == ["handcrafted", "conv"]
    assert len(found["handcrafted"]) == 2
    assert found["conv"][2:] == ["computed weights: 0 everywhere"]


def test_a_network_of_another_width_is_not_the_same(tmp_path):
    captioned(tmp_path, "conv", "--width", "2")
    found = panels(captioned(tmp_path, "handcrafted,handcrafted-conv", "--width", "1"))
    assert len(found["conv"]) == 2
