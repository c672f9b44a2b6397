"""The judge of generators: what is wrong with a picture, and how the scenes of a set vary."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from compare import tasks
from compare.cli import main
from compare.datasets.two_objects import Distribution, objects, pictures, samples, scenes
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of
from compare.tasks import two_objects as task
from compare.tasks.two_objects import PROBLEMS, Judge, evaluate, rounded, validity_curve
from handcrafted.two_objects import inverse_network

SIZE = (50, 50)
COUNT = 300
DATA = samples(COUNT, *SIZE)


class Replay:
    """A generator that shows pictures in order, whatever it is given."""

    def __init__(self, pictures):
        self.pictures, self.shown = pictures, 0

    def predict(self, latents):
        assert latents.shape[1:] == (256,)
        part = self.pictures[self.shown : self.shown + len(latents)]
        self.shown += len(latents)
        return part


def evaluated(pictures, count=COUNT):
    return evaluate(Replay(pictures), samples(count, *SIZE))


def drawn(*numbers):
    """Draw training scenes by their numbers."""
    return pictures(objects(np.array(numbers)[:, None], *SIZE).astype(np.float32), *SIZE)


def problem(picture):
    judged = Judge(*SIZE).judge(picture[None])
    return PROBLEMS[judged["problem"][0]]


# --- Generators made on purpose ---


def test_real_scenes_score_100_percent():
    evaluation = evaluated(DATA.targets())
    scores = evaluation.scores
    assert [scores[name] for name in ("exact", "valid_0", "valid_10", "valid_40")] == [1] * 4
    assert all(scores[f"problem_{name}"] == 0 for name in PROBLEMS[1:])
    assert scores["blue_objects"] == 0.5
    assert scores["distance_low95"] < scores["distance_true"] < scores["distance_high95"]
    assert scores["nearest"] == scores["nearest_true"]
    for name in ("blue_coverage", "red_coverage", "pairs", "repeats", "memorised"):
        assert scores[name] == pytest.approx(scores[f"{name}_true"], abs=0.05)
    for name in Distribution(*SIZE).coordinates:
        assert scores[f"entropy_{name}"] == pytest.approx(scores[f"entropy_{name}_true"], abs=0.1)
    assert scores["blue_squares"] == pytest.approx(0.5, abs=0.12)
    assert evaluation.success
    assert (evaluation.samples["objects"] == inverse_network(*SIZE)(DATA.targets())).all()


def test_the_handcrafted_generator_scores_100_percent():
    spec = solvers_of("two-objects")["handcrafted"]
    model = spec.build(Setting(task.TASK, "all", *SIZE), None).fit(DATA)
    evaluation = evaluate(model, DATA)
    scores = evaluation.scores
    assert (scores["exact"], scores["valid_0"]) == (1, 1)
    assert scores["blue_coverage"] == pytest.approx(scores["blue_coverage_true"], abs=0.05)
    assert evaluation.success
    assert model.cost.parameters == 0


def test_a_generator_that_memorises_the_training_set_is_found():
    scores = evaluated(scenes(COUNT, *SIZE).targets()).scores
    assert (scores["valid_0"], scores["memorised"], scores["nearest"]) == (1, 1, 0)
    assert scores["memorised_true"] < 0.2 < scores["nearest_true"]


def test_a_generator_that_repeats_a_few_scenes_is_found():
    evaluation = evaluated(np.concatenate([drawn(3, 4, 5, 6, 7)] * (COUNT // 5)))
    scores = evaluation.scores
    assert scores["valid_0"] == 1
    assert scores["pairs"] == 5 / COUNT
    assert scores["repeats"] == 1 - 5 / COUNT
    assert scores["repeats_true"] < 0.01
    assert scores["distance_low95"] > scores["distance_true"]
    assert not evaluation.success


def test_a_generator_that_collapses_is_found():
    evaluation = evaluated(np.repeat(drawn(3), COUNT, axis=0))
    scores = evaluation.scores
    assert scores["valid_0"] == 1
    assert scores["blue_coverage"] == scores["red_coverage"] == 1 / 900
    assert all(scores[f"entropy_{name}"] == 0 for name in Distribution(*SIZE).coordinates)
    assert not evaluation.success


def test_each_coordinate_of_each_object_has_an_entropy_of_its_own():
    """Blue in one column and red in one row: two coordinates vary, each over 8 values alike."""
    varied = np.arange(COUNT) % 8
    still = np.zeros(COUNT, int)
    made = np.stack(
        [still + 10, 10 + varied, still, still, 31 + varied, still + 39, still + 1, still], axis=1
    )
    evaluation = evaluated(pictures(made.astype(np.float32), *SIZE))
    assert (evaluation.samples["objects"] == made).all()
    found = {name: evaluation.scores[f"entropy_{name}"] for name in ("blue_x", "red_y")}
    assert found == {"blue_x": 0, "red_y": 0}
    assert evaluation.scores["entropy_blue_y"] > 2.5
    assert evaluation.scores["entropy_red_x"] > 2.5


def test_masks_are_those_of_a_disc_and_a_square():
    y, x = np.mgrid[-20:21, -20:21]
    disc, square = task._masks(x, y)
    assert (disc == (np.hypot(x, y) <= 10)).all()
    assert (square == ((x >= -10) & (x <= 10) & (y >= -10) & (y <= 10))).all()


def test_a_generator_that_draws_discs_only_is_found():
    discs = objects(np.arange(COUNT)[:, None], *SIZE, name="discs")
    discs[:, [3, 7]] = 0
    scores = evaluated(pictures(discs.astype(np.float32), *SIZE)).scores
    assert (scores["valid_0"], scores["blue_squares"], scores["red_squares"]) == (1, 0, 0)
    assert scores["blue_squares_true"] == scores["red_squares_true"] == 0.5


def test_a_generator_that_blurs_is_found():
    evaluation = evaluated(gaussian_filter(DATA.targets(), (0, 0, 4, 4)))
    scores = evaluation.scores
    assert (scores["exact"], scores["valid_0"], scores["valid_10"]) == (0, 0, 0)
    assert scores["problem_blurred"] > 0.9
    assert not evaluation.success


def test_a_generator_without_a_valid_picture_has_no_distribution():
    evaluation = evaluated(np.ones((20, 3, *SIZE), np.float32), 20)
    scores = evaluation.scores
    assert (scores["valid_40"], scores["problem_no_object"]) == (0, 1)
    assert np.isnan([scores[name] for name in ("blue_coverage", "distance", "nearest_true")]).all()
    assert np.isnan(scores["blue_objects"])
    assert not evaluation.success


def test_a_generator_that_diverged_has_pictures_that_are_not_finite():
    broken = drawn(*range(10))
    broken[4, 1, 2, 3] = np.nan
    broken[7] = np.inf
    evaluation = evaluated(broken, 10)
    assert evaluation.scores["valid_40"] == 0.8
    assert evaluation.scores["problem_not_finite"] == 0.2
    assert evaluation.samples["wrong_pixels"].tolist() == [0] * 4 + [2500] + [0] * 2 + [2500, 0, 0]
    assert np.isinf(evaluation.samples["squared_error"][[4, 7]]).all()


# --- One picture ---


def blank():
    return np.ones((3, *SIZE), np.float32)


def paint(picture, colour, rows, columns):
    picture[:, rows, columns] = np.array(colour)[:, None, None]
    return picture


BLUE, RED, GREEN = (-1, -1, 1), (1, -1, -1), (-1, 1, -1)


def test_what_is_wrong_is_named():
    one = paint(blank(), BLUE, slice(0, 21), slice(0, 21))
    assert problem(blank()) == "no_object"
    assert problem(one) == "one_object"
    two = paint(one.copy(), RED, slice(25, 46), slice(25, 46))
    assert problem(two) == "none"
    assert problem(paint(two.copy(), RED, slice(0, 8), slice(30, 40))) == "more_objects"
    assert problem(paint(one.copy(), BLUE, slice(25, 46), slice(25, 46))) == "one_colour"
    assert problem(paint(one.copy(), RED, slice(25, 40), slice(25, 40))) == "wrong_size"
    assert problem(paint(one.copy(), RED, slice(25, 46), slice(25, 50))) == "wrong_size"
    assert problem(paint(two.copy(), GREEN, slice(0, 21), slice(0, 21))) == "wrong_colour"
    assert problem(gaussian_filter(two, (0, 4, 4))) == "blurred"
    assert problem(np.full_like(two, np.nan)) == "not_finite"


@pytest.mark.parametrize("red", [(12, 12), (5, 14), (0, 12)])
def test_objects_that_are_too_near_are_named(red):
    """The red square's top left corner; the blue one's is at (0, 0)."""
    picture = paint(blank(), BLUE, slice(0, 21), slice(0, 21))
    row, column = red
    assert problem(paint(picture, RED, slice(row, row + 21), slice(column, column + 21))) == (
        "too_near"
    )


@pytest.mark.parametrize("wrong", [0, 1, 10, 11, 40, 41])
def test_wrong_pixels_are_counted_after_rounding(wrong):
    """In the corner that neither object of the scene covers."""
    picture = drawn(3)[0]
    rows, columns = np.nonzero((picture == 1).all(axis=0))
    picture[1:, rows[:wrong], columns[:wrong]] = -0.01  # more red than white
    picture[:, rows[wrong:], columns[wrong:]] = 0.99  # still white
    judged = Judge(*SIZE).judge(picture[None])
    assert judged["wrong_pixels"] == wrong
    assert (judged["objects"] == objects(np.array([[3]]), *SIZE)).all()
    assert not judged["exact"]
    assert (PROBLEMS[judged["problem"][0]] == "none") == (wrong <= 40)


def test_the_handcrafted_reader_agrees_where_nothing_is_wrong():
    """It reads what is valid at 0, and refuses all else."""
    random = np.random.default_rng(0)
    noisy = DATA.targets(slice(80))
    noise = np.linspace(0, 1.0, 80)[:, None, None, None] * random.normal(0, 1, noisy.shape)
    noisy = np.clip(noisy + noise, -1, 1)
    judged = Judge(*SIZE).judge(noisy)
    colours = np.array([[1, 1, 1], [-1, -1, 1], [1, -1, -1]], np.float32)
    flat = colours[rounded(noisy)].transpose(0, 3, 1, 2)
    right = judged["wrong_pixels"] == 0
    assert 10 < right.sum() < 70
    for picture, read, valid in zip(flat, judged["objects"], right, strict=True):
        if valid:
            assert (inverse_network(*SIZE)(picture[None]) == read).all()
        else:
            with pytest.raises(ValueError, match="scene 0 of the batch is not one blue and one"):
                inverse_network(*SIZE)(picture[None])


def test_colours_are_rounded_to_the_nearest():
    random = np.random.default_rng(0)
    batch = random.uniform(-1, 1, (2, 3, 5, 6))
    colours = np.array([[1, 1, 1], [-1, -1, 1], [1, -1, -1]])
    distances = ((batch[:, None] - colours[:, :, None, None]) ** 2).sum(axis=2)
    assert (rounded(batch) == distances.argmin(axis=1)).all()
    assert rounded(np.zeros((1, 3, 1, 1))) == 0  # equally far from all: white


def test_the_validity_curve_counts_pictures_at_each_tolerance():
    assert validity_curve(np.array([0, 2, 2, 50]), 3).tolist() == [0.25, 0.25, 0.75, 0.75]


BAD = [
    (np.ones((2, 3, 50, 49), np.float32), r"shape \(2, 3, 50, 49\); expected \(n, 3, 50, 50\)"),
    (np.ones((2, 1, 50, 50), np.float32), r"shape \(2, 1, 50, 50\); expected"),
    (np.ones((2, 3, 50, 50), np.uint8), "dtype uint8; expected a floating one"),
    (np.full((2, 3, 50, 50), 255.0), "picture 0 has a pixel of 255; expected -1 to 1"),
]


@pytest.mark.parametrize(("batch", "message"), BAD, ids=lambda each: str(each)[:20])
def test_what_are_no_pictures_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        Judge(*SIZE).judge(batch)


# --- The task ---


def test_the_task_has_no_supervision_and_one_split():
    assert tasks.load("two-objects") is task.TASK
    assert task.TASK.supervision is None
    assert task.TASK.splits == ("all",)
    split = task.TASK.split("all", 64, 64)
    assert len(split.test) == task.EVALUATED
    assert split.train is split.test


def test_the_command_line_runs_the_task(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(task, "EVALUATED", 40)
    words = ["run", "--task", "two-objects", "--solver", "handcrafted", "--size", "50"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "all split, 40 samples" in out
    assert "held-out positions" not in out
    row = next(line for line in out.splitlines() if line.startswith("handcrafted"))
    assert row.split()[1:7] == ["100", "%", "100", "%", "100", "%"]
    table = out[: out.index("Done in")]
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize(
    ("size", "message"),
    [("30", "a canvas of 30x30 has no room for two objects"), ("40", "some first objects leave")],
)
def test_a_canvas_that_is_too_small_is_one_line(size, message, capsys, tmp_path):
    words = ["run", "--task", "two-objects", "--size", size, "--out", str(tmp_path)]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
