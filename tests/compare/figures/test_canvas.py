import numpy as np

from compare.figures.canvas import Answers, error_map, error_maps, pictures, predictions

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


def answers(solver, errors, positions=POSITIONS):
    predictions = {part: places.astype(float) for part, places in positions.items()}
    return Answers(solver, positions, predictions, errors)


EXACT = {"train": np.zeros(2), "test": np.zeros(1)}
WRONG = {"train": np.array([0.0, 2.0]), "test": np.array([8.0])}


def test_all_solvers_share_one_scale_that_ends_at_the_diagonal():
    far = {"train": np.array([0.0, 2.0]), "test": np.array([1e9])}
    figure = error_maps([answers("conv", WRONG), answers("coordconv", far)], (12, 16), "title")
    scales = {image.get_clim() for ax in figure.axes for image in ax.images}
    assert scales == {(0, 20)}  # the diagonal of 12 x 16


def test_more_than_five_panels_stand_in_several_rows():
    names = [f"solver {n}" for n in range(7)]
    figure = error_maps([answers(name, WRONG) for name in names], (12, 16), "title")
    shown = [ax for ax in figure.axes if ax.get_visible() and ax.images]
    assert len(shown) == 14
    for ax in shown:
        (title,) = ax.get_title().splitlines()[-1:]
        assert title == ("mean 1, worst 2" if "solver" in ax.get_title() else "mean 8, worst 8")
    assert len({round(ax.get_position().y0, 2) for ax in shown}) == 4
    figure = predictions([answers(name, WRONG) for name in names], (12, 16), "title")
    shown = [ax.get_title().strip() for ax in figure.axes if ax.get_visible()]
    assert shown == ["targets", *names]
    figure.draw_without_rendering()
    boxes = [ax.title.get_window_extent() for ax in figure.axes if ax.get_visible()]
    assert not any(box.count_overlaps(boxes[:n]) for n, box in enumerate(boxes))


def test_predictions_far_out_are_counted():
    far = answers("conv", WRONG)
    far.predictions["test"][:] = [[100.0, 3.0]]
    figure = predictions([far], (12, 16), "title")
    assert figure.axes[1].get_title() == "conv\n1 lie further out"


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
