import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from compare.figures.argument import four_steps, point
from compare.figures.canvas import Answers, data, error_map, error_maps, pictures, predictions
from compare.figures.curves import Price, cost_against_error, learning_curves
from compare.figures.style import colour, save, svg

POSITIONS = {"train": np.array([[4, 4], [5, 9]]), "test": np.array([[11, 6]])}


def test_each_error_stands_at_its_pixel_on_one_scale():
    errors = {"train": np.array([0.0, 2.0]), "test": np.array([8.0])}
    figure = error_map(POSITIONS, errors, (12, 16), "title")
    train, test = (ax.images[0] for ax in figure.axes[:2])
    assert train.get_array().shape == (12, 16)
    assert (train.get_array()[4, 4], train.get_array()[9, 5]) == (0, 2)
    assert test.get_array()[6, 11] == 8
    assert train.get_array().count() == 2  # every other pixel is left empty
    assert train.get_clim() == test.get_clim() == (0, 8)
    assert [ax.get_xlabel() for ax in figure.axes[:2]] == ["x (pixels)"] * 2


def test_exactness_is_said_in_words():
    errors = {"train": np.zeros(2), "test": np.zeros(1)}
    figure = error_map(POSITIONS, errors, (12, 16), "title")
    assert all("no error anywhere" in ax.get_title() for ax in figure.axes[:2])


def test_an_infinite_error_takes_the_last_colour():
    errors = {"train": np.array([0.0, np.inf]), "test": np.array([8.0])}
    figure = error_map(POSITIONS, errors, (12, 16), "title")
    assert figure.axes[0].images[0].get_array()[9, 5] == 8


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
    losses = [np.array([1.0, 0.1, 0.01]), np.array([2.0, 0.2])]
    yield error_map(POSITIONS, WRONG, (12, 16), "title")
    yield error_maps(runs, (12, 16), "title")
    yield data({"uniform": POSITIONS, "quadrant": POSITIONS}, (12, 16))
    yield predictions(runs, (12, 16), "title")
    yield pictures({"target": np.eye(9)[None], "conv": np.eye(9)[None]}, np.array([[4, 4]]), "t")
    yield learning_curves({"uniform": {"coordconv": losses}, "quadrant": {"conv": losses}})
    yield cost_against_error({"uniform": prices, "quadrant": prices})
    yield four_steps(5, 3, (12, 16))
    yield point(runs, {"handcrafted": 0, "coordconv": 906}, (12, 16), "quadrant")


@pytest.mark.parametrize("figure", list(every_figure()), ids=lambda figure: "")
def test_every_figure_fits_a_column_and_can_be_read_there(figure):
    assert figure.get_figwidth() <= 7.2
    drawn = svg(figure)
    assert drawn.startswith("<?xml")
    written = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert written
    assert min(text.get_fontsize() for text in written) >= 7


def test_the_same_figure_gives_the_same_file():
    first, second = (svg(error_maps([answers("conv", WRONG)], (12, 16), "t")) for _ in range(2))
    assert first == second


def test_all_solvers_share_one_scale_that_ends_at_the_diagonal():
    far = {"train": np.array([0.0, 2.0]), "test": np.array([1e9])}
    figure = error_maps([answers("conv", WRONG), answers("coordconv", far)], (12, 16), "title")
    scales = {image.get_clim() for ax in figure.axes for image in ax.images}
    assert scales == {(0, 20)}  # the diagonal of 12 x 16


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


def test_a_solver_keeps_its_colour_in_every_figure():
    curves = learning_curves({"uniform": {"conv, 9 epochs": [np.array([1.0, 0.5])]}})
    assert {line.get_color() for line in curves.axes[0].lines} == {colour("conv")}
    figure = predictions([answers("conv", WRONG)], (12, 16), "title")
    (held_out,) = figure.axes[1].collections[1].get_facecolors()
    assert to_hex(held_out) == colour("conv")


def test_predictions_far_out_are_counted():
    far = answers("conv", WRONG)
    far.predictions["test"][:] = [[100.0, 3.0]]
    figure = predictions([far], (12, 16), "title")
    assert figure.axes[1].get_title() == "conv\n1 lie further out"


def test_the_four_steps_are_the_networks():
    figure = four_steps(5, 3, (12, 16))
    written = {text.get_text() for text in figure.findobj(Text)}
    assert {"3. sum = 11", "4. subtraction: 16 - 11 = 5", "the answer: x = 5"} <= written
    maps = [ax.images[0].get_array() for ax in figure.axes[:3]]
    assert [float(drawn[3, 5]) for drawn in maps] == [1, 11, 11]
    assert [float(drawn.sum()) for drawn in (maps[0], maps[2])] == [1, 11]


def test_pictures_say_where_their_centre_is_and_show_the_target():
    target, drawn = np.zeros((2, 9, 9)), np.ones((2, 9, 9))
    target[:, 2:5, 3:6] = 1
    places = np.array([[4, 3], [5, 3]])
    figure = pictures({"target": target, "conv": drawn}, places, "title")
    upper, lower = figure.axes[:2], figure.axes[2:]
    assert [ax.get_title() for ax in upper] == ["(4, 3)", "(5, 3)"]
    assert lower[0].get_ylabel() == "conv"
    assert (lower[1].images[0].get_array() == drawn[1]).all()
    outline = lower[0].collections[0].get_paths()[0].get_extents()
    assert (outline.x0, outline.x1) == (2.5, 5.5)
