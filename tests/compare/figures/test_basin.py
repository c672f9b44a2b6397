"""The figures about the neighbourhood of computed weights show what they are given."""

import numpy as np
import pytest
from matplotlib.text import Text

from compare.figures.basin import Map, error_maps, loss_along_line, success


def row(scaling="plain", noise=0.0, flips=0, returned=1, worst=(0.2, 2.0), split="uniform"):
    line = {"share": [0.0, 0.5, 1.0], "train": [0.0, 0.1, 0.2], "penalty": [0.03, 0.02, 0.01]}
    return {
        "split": split, "scaling": scaling, "noise": noise, "flips": flips,
        "success": {"runs": returned, "of": 2},
        "worst_error": {"median": float(np.median(worst)), "by_seed": list(worst)},
        "line": None if scaling == "usual" else line,
    }  # fmt: skip


ROWS = [
    *(row(s, noise, 0, returned) for s in ("plain", "balanced")
      for noise, returned in ((0, 2), (0.1, 1), (1, 0))),
    *(row(s, 0, 3, 0, (7.0, 9.0)) for s in ("plain", "balanced")),
    row("usual", returned=0, worst=(20.0, 30.0)),
]  # fmt: skip


def test_the_share_that_returns_stands_at_its_noise_or_its_flips():
    figure = success(ROWS, "title", "criterion", "error")
    noise, flips = figure.axes[:2]
    for ax, expected in ((noise, [1, 0.5, 0]), (flips, [1, 0])):
        plain, balanced, usual = ax.lines
        assert list(plain.get_ydata()) == list(balanced.get_ydata()) == expected
        assert list(plain.get_xdata()) == [x - 0.1 for x in range(len(expected))]
        assert list(usual.get_ydata()) == [0]
    labels = [[tick.get_text() for tick in ax.get_xticklabels()] for ax in figure.axes[2:4]]
    assert labels == [["0", "0.1", "1", "usual"], ["0", "3", "usual"]]


def test_every_seed_is_a_dot():
    below = success(ROWS, "title", "criterion", "error").axes[3]
    heights = sorted(y for dots in below.collections for y in dots.get_offsets()[:, 1])
    assert heights == [0.2, 0.2, 2, 2, 7, 7, 9, 9, 20, 30]
    assert below.get_yscale() == "log"


def test_only_what_was_held_out_is_shown_on_one_scale():
    positions = np.array([[5, 7], [6, 7], [6, 9]])
    maps = {
        "quadrant": [
            Map("computed", positions, np.array([0.0, 0.5, 1.0])),
            Map("noise 1", positions, np.array([2.0, 4.0, 20.0])),
        ]
    }
    figure = error_maps(maps, (12, 10), "title", "error (pixels)")
    first, second = figure.axes[:2]
    assert (first.get_xlim(), first.get_ylim()) == ((4.5, 6.5), (9.5, 6.5))
    assert second.images[0].get_array()[9, 6] == 20
    assert first.images[0].get_array().count() == 3
    assert first.images[0].norm is second.images[0].norm
    assert first.images[0].get_array()[7, 5] == first.images[0].norm.vmin == 0.5


def test_the_line_has_the_loss_and_the_loss_with_its_penalty():
    figure = loss_along_line(ROWS, [0, 1], "title")
    assert [ax.get_title() for ax in figure.axes] == [
        "uniform split,\nplain weights", "uniform split,\nbalanced weights",
    ]  # fmt: skip
    loss, whole, *_ = figure.axes[0].lines
    # A loss of 0 is not on a logarithmic axis.
    assert list(loss.get_xdata()) == [0.5, 1]
    assert list(loss.get_ydata()) == [0.1, 0.2]
    assert list(whole.get_ydata()) == pytest.approx([0.03, 0.12, 0.21])
    assert len(figure.axes[0].lines) == 4


def test_type_is_large_enough_for_print():
    for figure in (
        success(ROWS, "title", "criterion", "error"), loss_along_line(ROWS, [0, 1], "title"),
    ):  # fmt: skip
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
        assert min(sizes) >= 7
