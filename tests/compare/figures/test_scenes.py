"""Figures of generated scenes."""

import numpy as np
import pytest

from compare.datasets.two_objects import Distribution, objects, pictures, samples
from compare.figures.scenes import generation_curves, position_maps, sample_grids
from compare.figures.style import svg

SIZE = (50, 52)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_samples_are_all_shown_in_grids(count):
    shown = samples(16, *SIZE).targets()
    figure = sample_grids({f"solver {k}": shown for k in range(count)}, "scenes")
    drawn = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == [f"solver {k}" for k in range(count)]
    canvas = drawn[0].images[0].get_array()
    assert canvas.shape == (4 * 52 - 2, 4 * 54 - 2, 3)
    for item in (0, 5, 15):
        top, left = 52 * (item // 4), 54 * (item % 4)
        part = canvas[top : top + 50, left : left + 52]
        assert np.array_equal(part, shown[item].transpose(1, 2, 0) / 2 + 0.5)


def test_a_picture_that_is_not_finite_is_black():
    broken = np.full((3, 3, 4, 5), np.nan, np.float32)
    canvas = sample_grids({"broken": broken}, "t", across=2).axes[0].images[0].get_array()
    assert canvas.shape == (2 * 6 - 2, 2 * 7 - 2, 3)
    assert not canvas[:4, :5].any()


def test_maps_stand_beside_the_truth_on_one_scale():
    true = Distribution(*SIZE)
    known = objects(np.arange(500)[:, None], *SIZE)
    centres = known[:, :2] - 10, known[:, 4:6] - 10
    none = np.zeros((0, 2), np.int64)
    figure = position_maps(
        {"gan": centres, "coordconv-g": (none, none)}, (true.blue, true.red), "positions"
    )
    maps = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in maps[:3]] == [
        "true", "gan\n500 scenes", "coordconv-g\n0 scenes",
    ]  # fmt: skip
    assert [ax.get_ylabel() for ax in (maps[0], maps[3])] == ["blue centres", "red centres"]
    assert {ax.images[0].get_clim() for ax in maps} == {(0, 3)}
    blue, red = (np.asarray(maps[k].images[0].get_array()) for k in (1, 4))
    # Away from the edges the mean of the means is that of all scenes.
    assert blue.mean() == pytest.approx(1, abs=0.1)
    assert red.mean() == pytest.approx(1, abs=0.1)
    assert np.ma.getmaskarray(maps[2].images[0].get_array()).all()


def test_curves_are_drawn_for_each_seed_and_their_median():
    steps = np.array([250, 500, 750])
    seeds = [(steps, np.array([0.0, k, 2 * k])) for k in (1.0, 2.0, 6.0)]
    shorter = [(steps[:2], np.array([np.nan, 3.0])), *seeds]
    figure = generation_curves({"valid (%)": {"gan": seeds, "coordconv-g": shorter}}, "training")
    (ax,) = figure.axes
    assert len(ax.lines) == 4 + 5
    assert ax.lines[3].get_ydata().tolist() == [0, 2, 4]
    assert ax.lines[-1].get_xdata().tolist() == [250, 500]
    assert [text.get_text() for text in ax.get_legend().texts] == ["gan", "coordconv-g"]
    assert svg(figure).startswith("<?xml")


def test_a_figure_is_the_same_every_time():
    shown = pictures(objects(np.arange(4)[:, None], *SIZE).astype(np.float32), *SIZE)
    first, second = (svg(sample_grids({"real": shown}, "t", 2)) for _ in range(2))
    assert first == second
