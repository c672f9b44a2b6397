"""What all figures share: sizes, colours, markers and files."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from compare import tasks
from compare.figures.argument import four_steps, point
from compare.figures.basin import loss_along_line, success
from compare.figures.canvas import Answers, data, error_map, error_maps, pictures, predictions
from compare.figures.curves import Price, cost_against_error, cost_against_size, learning_curves
from compare.figures.seeds import power_curves
from compare.figures.style import (
    EMPTY,
    ERROR_COLOURS,
    FAINT,
    HELD_OUT,
    INK,
    PAPER,
    TARGET,
    colour,
    marker,
    plain_text,
    save,
    svg,
)
from compare.report.plots import points
from compare.solvers.catalogue import solvers_of

POSITIONS = {"train": np.array([[4, 4], [5, 9]]), "test": np.array([[11, 6]])}


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_the_ending_names_the_format(tmp_path, ending, start):
    errors = {"train": np.zeros(2), "test": np.zeros(1)}
    save(error_map(POSITIONS, errors, (12, 16), "title"), tmp_path / f"error.{ending}")
    assert (tmp_path / f"error.{ending}").read_bytes().startswith(start)


def answers(solver, errors, positions=POSITIONS):
    predictions = {part: places.astype(float) for part, places in positions.items()}
    return Answers(solver, positions, predictions, errors)


EXACT = {"train": np.zeros(2), "test": np.zeros(1)}


WRONG = {"train": np.array([0.0, 2.0]), "test": np.array([8.0])}


def every_figure():
    runs = [answers("handcrafted", EXACT), answers("coordconv", WRONG)]
    prices = [Price("handcrafted", 24_578, (0.0,)), Price("conv", 3_000_000, (2.0, 0.0, 1.5))]
    losses = [(np.arange(3), np.array([1.0, 0.1, 0.01])), (np.arange(2), np.array([2.0, 0.2]))]
    yield error_map(POSITIONS, WRONG, (12, 16), "title")
    yield error_maps(runs, (12, 16), "title")
    yield data({"uniform": POSITIONS, "quadrant": POSITIONS}, (12, 16))
    yield predictions(runs, (12, 16), "title")
    yield pictures({"target": np.eye(9)[None], "conv": np.eye(9)[None]}, np.array([[4, 4]]), "t")
    yield learning_curves({"uniform": {"coordconv": losses}, "quadrant": {"conv": losses}})
    yield cost_against_error({"uniform": prices, "quadrant": prices})
    yield four_steps(5, 3, (12, 16))
    yield point(
        runs, {"handcrafted": 0, "coordconv": 906}, {"coordconv": 1.2e-5}, (12, 16), "quadrant"
    )


@pytest.mark.parametrize("figure", list(every_figure()), ids=lambda figure: "")
def test_every_figure_fits_a_column_and_can_be_read_there(figure):
    assert figure.get_figwidth() <= 7.2
    drawn = svg(figure)
    assert drawn.startswith("<?xml")
    written = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert written
    assert min(text.get_fontsize() for text in written) >= 7


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_the_same_figure_gives_the_same_file(ending, tmp_path):
    """Without the time, which a file would have in it."""
    files = []
    for number in range(2):
        file = tmp_path / f"{number}.{ending}"
        save(error_maps([answers("conv", WRONG)], (12, 16), "t"), file)
        files.append(file.read_bytes())
    assert files[0] == files[1]
    assert not re.search(b"CreationDate|<dc:date>", files[0])


def test_a_figure_is_saved_in_one_format_after_another(tmp_path):
    figure = error_maps([answers("conv", WRONG)], (12, 16), "t")
    first = svg(figure)
    save(figure, tmp_path / "figure.png")
    save(figure, tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text() == first


def test_an_unknown_solver_has_a_look_of_its_own_name():
    """The same in every process, whatever its seed of hashes; and not one of the built-in ones."""
    built_in = ("handcrafted", "coordconv", "conv", "deconv", "argmax")
    for name in ("ramps", "someone's own", "x"):
        assert (colour(name), marker(name)) == (colour(f"{name}, 9"), marker(f"{name}, 9 epochs"))
        assert colour(name) not in {colour(each) for each in built_in}
        assert marker(name) not in {marker(each) for each in built_in}
    # crc32("ramps") is 1620497879, which leaves 3 when divided by 4: the last of four looks.
    assert (colour("ramps"), marker("ramps")) == ("#999933", "h")


def test_a_solver_keeps_its_colour_in_every_figure():
    curves = learning_curves(
        {"uniform": {"conv, 9 epochs": [(np.arange(2), np.array([1.0, 0.5]))]}}
    )
    assert {line.get_color() for line in curves.axes[0].lines} == {colour("conv")}
    figure = predictions([answers("conv", WRONG)], (12, 16), "title")
    (held_out,) = figure.axes[1].collections[1].get_facecolors()
    assert to_hex(held_out) == colour("conv")


def test_solvers_are_told_apart_without_colour():
    named = {
        solver
        for task in ("onehot2coord", "coord2onehot", "coord2image", "image2coord")
        for solver in solvers_of(task)
    }
    closed_forms = {
        *("argmax", "verified-argmax", "expectation", "indexing", "slicing", "centroid"),
    }
    looks = {(colour(name), marker(name)) for name in named - closed_forms}
    assert len({look[0] for look in looks}) == len({look[1] for look in looks}) == 7
    assert {colour(name) for name in closed_forms} == {colour("argmax")}
    assert ERROR_COLOURS == "cividis"
    assert colour("someone's own") == colour("someone's own")
    assert points([]) == []


BASIN_ROW = {
    "split": "uniform", "scaling": "plain", "noise": 0.0, "flips": 0,
    "success": {"runs": 1, "of": 2}, "worst_error": {"median": 1.0, "by_seed": [0.5, 1.5]},
    "line": {"share": [0.0, 1.0], "train": [0.5, 0.1], "penalty": [0.0, 0.1]},
}  # fmt: skip

ERRORS = {"train": np.array([0.0, 2.0]), "test": np.array([8.0])}


def named_figures(*solvers):
    """Draw every figure that shows solvers' names."""
    runs = [
        Answers(name, POSITIONS, {part: p + 0.5 for part, p in POSITIONS.items()}, ERRORS)
        for name in solvers
    ]
    prices = [Price(name, 10**place, (2.0,)) for place, name in enumerate(solvers, start=3)]
    losses = [(np.arange(3), np.array([1.0, 0.1, 0.01]))]
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
        "point": point(runs, dict.fromkeys(solvers, 7), {}, (12, 16), "quadrant"),
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


def test_no_colour_means_two_things():
    """Each built-in solver has one of its own, but closed forms, which share theirs."""
    every = {solver for task in tasks.known() for solver in solvers_of(task)}
    closed_forms = {name for name in every if colour(name) == colour("argmax")}
    assert closed_forms == {
        "argmax", "verified-argmax", "expectation", "indexing", "slicing", "centroid",
    }  # fmt: skip
    colours = [colour(name) for name in sorted(every - closed_forms)]
    neutral = [PAPER, INK, EMPTY, FAINT, HELD_OUT, TARGET, colour("argmax")]
    assert len({*colours, *neutral}) == len(colours) + len(neutral)
    # What is not about a solver is in no solver's colour.
    drawn = svg(data({"uniform": POSITIONS}, (12, 16)))
    drawn += svg(power_curves(lambda *_: 0.5, 0.01, [2, 5], 0.004, 0.8))
    drawn += svg(loss_along_line([BASIN_ROW], [0.0, 1.0], "title"))
    drawn += svg(success([BASIN_ROW], "title", "criterion", "error"))
    assert not [tone for tone in colours if tone in drawn]


def test_a_users_settings_change_no_figure(tmp_path):
    def draw(directory):
        directory.mkdir()
        drawn = named_figures("handcrafted", "conv")
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
    for drawing, figure in named_figures(*NAMES).items():
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
    for name, figure in named_figures("a solver of a very long name " * 12, "y" * 300).items():
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        # Antialiased edges and the descent of a line may be beyond it by so many inches.
        beyond = max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)
        assert beyond < 0.1, name
