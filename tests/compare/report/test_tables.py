import pytest

from compare import tasks
from compare.report.text import _number, _spread, columns, comparison, conclusions, percent


def test_columns_align():
    table = columns([("name", "n"), ("a", "1"), ("bbbbbb", "22")])
    assert table == "name     n\n------  --\na        1\nbbbbbb  22"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"), (1, "100 %"), (0.5, "50 %"), (1 / 768, "0.13 %"), (767 / 768, "99.9 %"),
        (0.9999, ">99.9 %"), (0.0001, "<0.1 %"), (1 - 1e-9, ">99.9 %"), (1e-9, "<0.1 %"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_to_all_or_nothing(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1e-7, "1e-07"), (0.004, "4e-03"), (0.5, "0.50"), (9.994, "9.99"), (27.04, "27.0"),
     (123.4, "123"), (12345, "12,345"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers_keep_three_figures_and_their_sign_of_life(value, text):
    assert _number(value) == text


def test_a_spread_of_one_value_is_that_value():
    assert _spread({"median": 2.0, "min": 2.0, "max": 2.0}) == "2.00"
    assert _spread({"median": 2.0, "min": 1.0, "max": 3.5}) == "2.00 (1.00..3.50)"


def widest(task, solver, seeds=range(100)):
    spread = {"median": 45.612, "min": 31.411, "max": 71.999}
    share = {"median": 0.99999, "min": 0.1, "max": 1.0}
    scores = {
        column.score: share if column.share or "IoU" in column.title else spread
        for column in task.columns
    }
    return {
        "split": "quadrant", "solver": solver, "held_out": 729, "trained_on": 2407,
        "seeds": list(seeds), "test": scores, "train": scores,
        "elsewhere": {"128x1024": scores, "9x9": None},
        "success": {"runs": 37, "of": 100, "wilson95": (0.282, 0.468)}, "diverged": 2,
        "cost": {"parameters": 10_072_850, "multiply_adds": 3_837_064_000},
        "train_seconds": spread, "predict_microseconds": {"median": 123456.7},
    }  # fmt: skip


PAIR = {
    "solvers": ["handcrafted", "coordconv"], "positions": 729, "only_first_right": 728,
    "only_second_right": 0, "mcnemar_p": 1e-200, "right_difference": 0.998, "first_closer": 1.0,
    "second_closer": 0.0, "wilcoxon_p": 0.0312, "rank_biserial": -1.0,
}  # fmt: skip
HEADER = {
    "task": "", "size": [64, 64], "epochs": 1, "seeds": 100, "backend": "numpy", "device": "cpu",
    "precision": "float32",
}  # fmt: skip


@pytest.mark.parametrize("name", tasks.known())
def test_the_widest_rows_fit_80_columns(name):
    task = tasks.load(name)
    rows = [widest(task, "handcrafted", ()), widest(task, "coordconv")]
    text = comparison(task, {**HEADER, "task": name}, rows, {"quadrant": [PAIR]})
    assert max(map(len, text.splitlines())) <= 80
    assert "37/100" in text
    assert "28..47 %" in text
    assert "4 runs diverged" in text
    assert "every position of a 128x1024 canvas" in text
    assert "cannot" in text
    assert "Every learned solver: 1 epoch," in text


def test_conclusions_are_sentences_with_their_limits():
    task = tasks.load("onehot2coord")
    rows = [widest(task, "handcrafted", ()), widest(task, "coordconv"), widest(task, "argmax", ())]
    same = {
        **PAIR,
        "solvers": ["handcrafted", "argmax"],
        "only_first_right": 0,
        "first_closer": 0.0,
    }
    skipped = {**PAIR, "solvers": ["coordconv", "argmax"]}
    lines = conclusions(rows, [PAIR, same, skipped])
    assert lines[0] == (
        "- handcrafted against coordconv, on the same 729 positions: right where the other is wrong "
        "at 728 and 0 (McNemar p < 1e-4, difference of shares +99.8 %); closer at 100 % and 0 % "
        "(Wilcoxon p = 0.031, rank-biserial r = -1.00)."
    )
    assert lines[1] == "- handcrafted and argmax: the same at every one of 729 positions."
    assert "the range over 100 seeds tells" in lines[2]
    assert len(lines) == 3
    one = conclusions([widest(task, "coordconv", (0,))], [])
    assert "one seed cannot tell" in one[0]
