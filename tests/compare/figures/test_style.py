"""What figures share: a user's settings change nothing, and names are plain text that fits."""

import matplotlib as mpl
import numpy as np

from compare.figures.argument import point
from compare.figures.canvas import Answers, error_maps, pictures, predictions
from compare.figures.curves import Price, cost_against_error, cost_against_size, learning_curves
from compare.figures.style import plain_text, save

POSITIONS = {"train": np.array([[4, 4], [5, 9]]), "test": np.array([[11, 6]])}
ERRORS = {"train": np.array([0.0, 2.0]), "test": np.array([8.0])}


def figures(*solvers):
    """Draw every figure that shows solvers' names."""
    runs = [
        Answers(name, POSITIONS, {part: p + 0.5 for part, p in POSITIONS.items()}, ERRORS)
        for name in solvers
    ]
    prices = [Price(name, 10**place, (2.0,)) for place, name in enumerate(solvers, start=3)]
    losses = [np.array([1.0, 0.1, 0.01])]
    examples = dict.fromkeys(("target", *solvers), np.eye(9)[None])
    return {
        "error_maps": error_maps(runs, (12, 16), solvers[0]),
        "predictions": predictions(runs, (12, 16), solvers[0]),
        "pictures": pictures(examples, np.array([[4, 4]]), solvers[0]),
        "learning_curves": learning_curves({"uniform": dict.fromkeys(solvers, losses)}),
        "cost_against_error": cost_against_error({"uniform": prices}),
        "cost_against_size": cost_against_size(
            {"side": {name: {16: 1.0, 32: 2.0} for name in solvers}}, solvers[0]
        ),
        "point": point(runs, dict.fromkeys(solvers, 7), (12, 16), "quadrant"),
    }


USERS = {
    "text.usetex": True,
    "savefig.bbox": "tight",
    "savefig.transparent": True,
    "savefig.facecolor": "black",
    "image.cmap": "jet",
    "image.origin": "lower",
    "axes.grid": True,
    "axes.facecolor": "black",
    "axes.titlelocation": "left",
    "axes.formatter.use_mathtext": True,
    "axes.prop_cycle": mpl.cycler(color=["red"]),
    "lines.marker": "o",
    "lines.linestyle": "--",
    "font.family": "serif",
    "svg.fonttype": "none",
    "figure.autolayout": True,
    "xtick.direction": "in",
    "ytick.right": True,
    "path.sketch": (1, 100, 2),
    "legend.loc": "upper left",
    "hist.bins": 3,
}


def test_a_users_settings_change_no_figure(tmp_path):
    def draw(directory):
        directory.mkdir()
        drawn = figures("handcrafted", "conv")
        for name in ("error_maps", "cost_against_error"):
            save(drawn[name], directory / f"{name}.svg")
        save(drawn["pictures"], directory / "pictures.png")
        return {path.name: path.read_bytes() for path in directory.iterdir()}

    ours = draw(tmp_path / "ours")
    with mpl.rc_context(USERS):
        assert draw(tmp_path / "theirs") == ours
        assert mpl.rcParams["image.cmap"] == "jet"  # theirs are as they were
    assert len(ours) == 3


NAMES = ("a$b$c", "$x", r"a\$b", r"\frac{1}{2}$^$", "_mine", "100%_x^2")


def test_a_name_is_plain_text():
    for drawing, figure in figures(*NAMES).items():
        texts = figure.findobj(mpl.text.Text)
        shown = [text._preprocess_math(text.get_text()) for text in texts]
        for name in NAMES:
            assert any(name in text and not formula for text, formula in shown), (drawing, name)


def test_names_that_fit_stay_and_long_ones_take_three_lines():
    assert plain_text("coordconv, 15 of 100 epochs") == "coordconv, 15 of 100 epochs"
    lines = plain_text("x" * 500).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 30
    assert lines[-1].endswith("…")


def test_long_names_stay_on_the_page():
    for name, figure in figures("a solver of a very long name " * 12, "y" * 300).items():
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        # Antialiased edges and the descent of a line may be beyond it by so many inches.
        beyond = max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)
        assert beyond < 0.1, name
