"""Plain-text tables: how numbers, shares and columns are written, at each edge."""

import math

import pytest

from compare.report.text import (
    COST,
    columns,
    comparison,
    conclusions,
    cost_cells,
    counted,
    heading,
    percent,
    score_cells,
)
from compare.tasks import load


def row(**changes):
    """Return the summary of a solver's runs."""
    scores = {"exact": one(0.5), "accuracy": one(0.75), "mean_error": one(2), "worst_error": one(3)}
    return {
        "split": "uniform", "solver": "conv", "held_out": 768, "trained_on": 2368, "seeds": [0, 1],
        "test": scores, "train": scores, "elsewhere": {}, "diverged": 0,
        "success": {"runs": 1, "of": 2, "wilson95": (0.0955, 0.9055)},
        "cost": {"parameters": 1_234_567, "constants": 0, "multiply_adds": 89},
        "train_seconds": one(4), "predict_microseconds": one(56), **changes,
    }  # fmt: skip


def one(value):
    """Return the spread of a single value."""
    return {"median": value, "min": value, "max": value}


def number(value):
    """Write a number as a table has it."""
    return cost_cells(row(train_seconds={"median": value}))[3]


def spread(median, low, high, score="mean_error"):
    """Write a spread as a table of scores has it."""
    task = load("coord2image" if score == "mean_iou" else "coord2onehot")
    scores = {column.score: one(0) for column in task.columns}
    scores[score] = {"median": median, "min": low, "max": high}
    _, cells = score_cells(task, [("conv", scores)])
    return cells[1 + [column.score for column in task.columns].index(score)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (5e-324, "5e-324"),
        (1e-30, "1e-30"),
        (math.nextafter(0.01, 0), "1e-02"),
        (0.01, "0.01"),
        (0.012, "0.01"),
        (1, "1.00"),
        (9.5, "9.50"),
        (10, "10.0"),
        (10.04, "10.0"),
        (99.5, "99.5"),
        (100, "100"),
        (100.4, "100"),
        (999.6, "1,000"),
        (1234567, "1,234,567"),
        (math.inf, "inf"),
    ],
)
def test_numbers_at_each_change_of_form(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (math.nextafter(0, 1), "<0.1 %"),
        (math.nextafter(0.001, 0), "<0.1 %"),
        (0.001, "0.1 %"),
        (math.nextafter(0.001, 1), "0.1 %"),
        (0.01234, "1.23 %"),
        (1 / 3, "33.3 %"),
        (math.nextafter(0.999, 0), "99.9 %"),
        (0.999, "99.9 %"),
        (math.nextafter(0.999, 1), ">99.9 %"),
        (math.nextafter(1, 0), ">99.9 %"),
    ],
)
def test_percentages_at_each_change_of_form(share, text):
    assert percent(share) == text


def test_columns_are_aligned_left_and_right_as_asked():
    rows = [("a", "b", "c"), ("dddd", "ee", "f"), ("g", "hhhh", "iii")]
    assert columns(rows) == (
        "a        b    c\n"
        "----  ----  ---\n"
        "dddd    ee    f\n"
        "g     hhhh  iii"
    )  # fmt: skip
    assert columns(rows, left=2) == (
        "a     b       c\n"
        "----  ----  ---\n"
        "dddd  ee      f\n"
        "g     hhhh  iii"
    )  # fmt: skip
    assert columns(rows, left=0).splitlines()[0] == "   a     b    c"


def test_no_line_of_a_table_ends_in_blanks():
    assert columns([("a", "bbb"), ("cc", "")]) == "a   bbb\n--  ---\ncc"


def test_a_table_may_have_a_header_alone():
    assert columns([("a", "bb")]) == "a  bb\n-  --"


def test_rows_of_different_lengths_are_no_table():
    with pytest.raises(ValueError, match="shorter"):
        columns([("a", "b"), ("c", "d", "e")])


def test_one_and_many():
    assert [counted(n, "seed") for n in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]


HEADER = {
    "task": "coord2onehot", "size": [48, 64], "epochs": 2, "seeds": 3, "backend": "torch",
    "device": "cuda:0", "precision": "tf32",
}  # fmt: skip
PAIR = {
    "solvers": ["handcrafted", "conv"], "positions": 768, "only_first_right": 0,
    "only_second_right": 0, "mcnemar_p": 1.0, "right_difference": 0.0, "first_closer": 0.0,
    "second_closer": 0.0, "wilcoxon_p": 1.0, "rank_biserial": 0.0,
}  # fmt: skip


def test_the_heading_names_the_canvas_the_training_and_the_machine():
    assert heading(HEADER) == (
        "coord2onehot on a 48x64 canvas. Every learned solver: 2 epochs,\n"
        "seeds 0 to 2, torch on cuda:0, tf32."
    )
    assert "1 epoch,\nseed 0, torch" in heading({**HEADER, "epochs": 1, "seeds": 1})
    assert "seeds 0 to 1, torch" in heading({**HEADER, "seeds": 2})


def test_the_heading_where_nothing_learns():
    assert heading({**HEADER, "epochs": 0}) == (
        "coord2onehot on a 48x64 canvas. No solver learns: torch on cuda:0, tf32."
    )


def test_scores_under_their_titles():
    task = load("coord2onehot")
    scores = {
        "exact": {"median": 0.5, "min": 0.1, "max": 0.9},
        "accuracy": one(1),
        "mean_error": {"median": 2.0, "min": 1.0, "max": 30.0},
        "worst_error": one(0),
    }
    assert score_cells(task, [("conv", scores), ("argmax", None)]) == [
        ("solver", "exact", "accuracy", "mean error px", "worst error px"),
        ("conv", "50 %", "100 %", "2.00 (1.00..30.0)", "0"),
        ("argmax", "cannot", "", "", ""),
    ]


def test_a_spread_is_one_number_only_where_all_are_the_same():
    assert spread(1.0, 1.0, 1.0) == "1.00"
    assert spread(1.0, 1.0, 2.0) == "1.00 (1.00..2.00)"
    assert spread(2.0, 1.0, 2.0) == "2.00 (1.00..2.00)"
    # What is printed decides, not what is meant.
    assert spread(1.0, 1.0, 1.001) == "1.00"


def test_a_score_with_digits_of_its_own():
    assert spread(0.98765, 0.98765, 0.98765, "mean_iou") == "0.9877"
    assert spread(0.5, 0.25, 0.99996, "mean_iou") == "0.5000 (0.2500..1.0000)"


def test_the_cost_of_a_learner():
    assert dict(zip(COST, cost_cells(row()), strict=True)) == {
        "solver": "conv", "learned": "1,234,567", "multiply-adds": "89", "train s": "4.00",
        "us/sample": "56.0", "success": "1/2", "95 %": "10..91 %",
    }  # fmt: skip


@pytest.mark.parametrize(("successes", "word"), [(0, "no"), (1, "yes")])
def test_the_cost_of_a_solver_without_seeds(successes, word):
    success = {"runs": successes, "of": 1, "wilson95": (0.2, 0.8)}
    assert cost_cells(row(seeds=[], success=success))[-2:] == (word, "")


def test_a_table_of_two_splits_and_another_canvas():
    scores = row()["test"]
    rows = [
        row(
            train={**scores, "mean_error": one(5)},
            elsewhere={"9x9": {**scores, "mean_error": one(6)}},
            diverged=3,
        ),
        row(split="quadrant", held_out=729, trained_on=2407, diverged=1),
    ]
    task = load("coord2onehot")
    text = comparison(task, HEADER, rows, {"uniform": [PAIR], "quadrant": []})
    parts = [part.splitlines() for part in text.split("\n\n")]
    assert "\n".join(parts[0]) == heading(HEADER)
    assert [part[0] for part in parts[1:4]] == [
        "uniform split, 768 held-out positions",
        "uniform split, 2,368 positions trained on",
        "uniform split, every position of a 9x9 canvas",
    ]
    for part, error in zip(parts[1:4], ("2.00", "5.00", "6.00"), strict=True):
        assert part[-1].split() == ["conv", "50", "%", "75", "%", error, "3.00"]
    assert parts[4][0].startswith("uniform split: cost")
    assert " ".join(parts[4][1].split()) == " ".join(COST)
    assert " ".join(parts[4][-1].split()) == " ".join(cost_cells(rows[0]))
    assert parts[5][1] == "- handcrafted and conv: the same at every one of 768 positions."
    assert [part[0] for part in parts[6:8]] == [
        "quadrant split, 729 held-out positions",
        "quadrant split, 2,407 positions trained on",
    ]
    assert parts[8][0].startswith("quadrant split: cost")
    assert "handcrafted" not in "".join(parts[9])
    assert parts[10] == ["4 runs diverged: their loss was no longer finite."]
    assert "\n".join(parts[11]).startswith(task.legend)
    assert "success: seeds with every held-out pixel right" in " ".join(parts[11])
    assert len(parts) == 12
    assert max(map(len, text.splitlines())) <= 80


def test_nothing_is_said_of_divergence_where_there_was_none():
    rows = [row(seeds=[])]
    text = comparison(load("coord2onehot"), HEADER, rows, {"uniform": []})
    assert "diverged" not in text
    assert "concluded" not in text


def test_what_is_concluded_is_wrapped_and_indented_below_its_dash():
    text = comparison(load("coord2onehot"), HEADER, [row()], {"uniform": []})
    start = text.index("- What another seed")
    lines = text[start:].split("\n\n")[0].splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("  ")
    assert lines[1][2] != " "


def test_conclusions_are_filled_to_80_columns():
    longest = set()
    for letters in range(1, 40):
        pair = {**PAIR, "solvers": ["handcrafted", "c" * letters]}
        rows = [row(solver="c" * letters)]
        text = comparison(load("coord2onehot"), HEADER, rows, {"uniform": [pair]})
        concluded = text.split("what may be concluded\n")[1].split("\n\n")[0]
        longest.add(max(map(len, concluded.splitlines())))
    assert max(longest) == 80


def said(**changes):
    """Say what follows from a pair of solvers."""
    return conclusions([row(), row(solver="deconv")], [{**PAIR, **changes}])[:-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"only_first_right": 1},
        {"only_second_right": 1},
        {"only_first_right": 2, "only_second_right": 2},
        {"first_closer": 0.25},
        {"second_closer": 0.25},
    ],
)
def test_any_difference_makes_a_pair_different(changes):
    assert said() == ["- handcrafted and conv: the same at every one of 768 positions."]
    (line,) = said(**changes)
    assert line.startswith("- handcrafted against conv, on the same 768 positions: ")


@pytest.mark.parametrize(
    ("p", "text"),
    [(1e-4, "= 0.0001"), (math.nextafter(1e-4, 0), "< 1e-4"), (0.0456, "= 0.046"), (1.0, "= 1")],
)
def test_the_figures_of_a_pair(p, text):
    (line,) = said(
        only_first_right=3, only_second_right=5, mcnemar_p=p, right_difference=-0.125,
        first_closer=0.5051, second_closer=0.4861, wilcoxon_p=0.02, rank_biserial=0.375,
    )  # fmt: skip
    assert line == (
        "- handcrafted against conv, on the same 768 positions: right where the other is wrong at "
        f"3 and 5 (McNemar p {text}, difference of shares -12.5 %); closer at 51 % and 49 % "
        "(Wilcoxon p = 0.02, rank-biserial r = +0.38)."
    )


def test_only_learners_are_compared_with_one_another():
    rows = [row(), row(solver="deconv"), row(solver="indexing", seeds=[])]
    pairs = [{**PAIR, "solvers": list(names)} for names in (
        ("conv", "deconv"), ("conv", "indexing"), ("indexing", "conv"), ("indexing", "handcrafted"),
    )]  # fmt: skip
    assert conclusions(rows, pairs)[:-1] == [
        "- conv and deconv: the same at every one of 768 positions.",
        "- indexing and handcrafted: the same at every one of 768 positions.",
    ]


def test_what_seeds_can_tell():
    limit = "; another recipe or a longer training, nothing here tells."
    assert conclusions([row()], []) == [
        f"- What another seed would do, the range over 2 seeds tells{limit}"
    ]
    assert conclusions([row(seeds=[0])], []) == [
        f"- What another seed would do, the range over one seed cannot tell{limit}"
    ]
    assert conclusions([row(seeds=[])], []) == []
    assert conclusions([], []) == []
    assert conclusions([row(), row(seeds=[0, 1, 2])], [PAIR])[-1] == (
        "- These tests are about the positions of this split, each learner taken at its median "
        f"over seeds. What another seed would do, the range over 3 seeds tells{limit}"
    )
