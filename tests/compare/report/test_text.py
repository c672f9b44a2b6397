"""Plain-text tables: how numbers, shares and columns are written, at each edge."""

import math
from dataclasses import asdict

import pytest

from compare.report.text import (
    COST,
    columns,
    comparison,
    conclusions,
    cost_cells,
    counted,
    epochs_of,
    heading,
    ledger_cells,
    percent,
    score_cells,
    score_parts,
    training,
    trainings,
)
from compare.results.ledger import Ledger
from compare.tasks import known, load


def row(**changes):
    """Return the summary of a solver's runs."""
    scores = {"exact": one(0.5), "accuracy": one(0.75), "mean_error": one(2), "worst_error": one(3)}
    return {
        "split": "uniform", "solver": "conv", "samples": {"train": 2368, "test": 768},
        "seeds": [0, 1], "recipe": {"epochs": 15}, "published_epochs": 100,
        "scores": {"test": scores, "train": scores}, "correct": one(3000), "diverged": 0,
        "success": {"runs": 1, "of": 2, "wilson95": (0.0955, 0.9055)},
        "cost": {"parameters": 1_234_567, "constants": 0, "multiply_adds": 890_000},
        "train_seconds": one(4), "predict_microseconds": one(56),
        "ledger": asdict(Ledger(123.4, 0.0, 5.6e9, None, 0.0)), "samples_a_second": 789.0,
        "waiting_share": None, **changes,
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
        (9.99, "9.99"),
        (9.996, "10.0"),
        (99.5, "99.5"),
        (99.96, "100"),
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
    "task": "coord2onehot", "size": [48, 64], "preset": None, "seeds": 3, "backend": "torch",
    "device": "cuda:0", "precision": "tf32",
}  # fmt: skip


def difference(mean, low=None, high=None):
    return {"mean": mean, "low95": low, "high95": high}


def pair(first="handcrafted", second="conv", seeds=2, paired=False, **differences):
    """Return what comparing two solvers came to."""
    scores = ("exact", "accuracy", "mean_error", "worst_error")
    return {
        "solvers": [first, second], "seeds": seeds, "paired": paired,
        "differences": {**dict.fromkeys(scores, difference(0.0)), **differences},
    }  # fmt: skip


def test_the_heading_names_the_canvas_and_the_machine():
    assert heading(HEADER) == "coord2onehot on a 48x64 canvas; torch on cuda:0, tf32."


@pytest.mark.parametrize(
    ("epochs", "published", "text"),
    [
        (1, 100, "1 of 100 published epochs, unfinished"),
        (99, 100, "99 of 100 published epochs, unfinished"),
        (999, 1000, "999 of 1,000 published epochs, unfinished"),
        (100, 100, "100 of 100 published epochs"),
        (101, 100, "101 epochs, where 100 are published"),
        (1, None, "1 epoch"),
    ],
)
def test_an_unfinished_training_is_said_to_be_one(epochs, published, text):
    assert epochs_of(epochs, published) == text


def test_trainings_of_one_kind_are_named_together():
    rows = [
        row(), row(solver="deconv"), row(solver="coordconv", recipe={"epochs": 100}, seeds=[4]),
        row(solver="other", seeds=[1, 3]), row(solver="argmax", recipe=None, seeds=[]),
    ]  # fmt: skip
    assert trainings(rows) == [
        "conv, deconv: 15 of 100 published epochs, unfinished; seeds 0 to 1.",
        "coordconv: 100 of 100 published epochs; seed 4.",
        "other: 15 of 100 published epochs, unfinished; 2 seeds.",
    ]
    assert trainings(rows[-1:]) == ["No solver is trained by a recipe."]


def test_a_training_names_its_preset_whose_it_is_and_what_was_changed():
    preset = {"name": "paper", "whose": "the log's", "changed": []}
    assert training(row(preset=preset)) == (
        "preset paper (the log's), 15 of 100 published epochs, unfinished"
    )
    changed = {"name": "quick", "whose": "", "changed": ["epochs", "learning_rate"]}
    recipe = {"epochs": 100, "learning_rate": 0.5}
    assert training(row(preset=changed, recipe=recipe)) == (
        "preset quick but learning rate 0.5, 100 of 100 published epochs"
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


def test_a_share_that_is_none_is_not_a_percentage():
    assert percent(float("nan")) == "nan"


def test_a_score_with_digits_of_its_own():
    assert spread(0.98765, 0.98765, 0.98765, "mean_iou") == "0.9877"
    assert spread(0.5, 0.25, 0.99996, "mean_iou") == "0.5000 (0.2500..1.0000)"


def test_the_cost_of_a_learner():
    assert dict(zip(COST, cost_cells(row()), strict=True)) == {
        "solver": "conv", "learned": "1,234,567", "M MACs": "0.89", "train s": "4.00",
        "us": "56.0", "success": "1/2", "95 %": "10..91 %",
    }  # fmt: skip


@pytest.mark.parametrize(("successes", "word"), [(0, "no"), (1, "yes")])
def test_the_cost_of_a_solver_without_seeds(successes, word):
    success = {"runs": successes, "of": 1, "wilson95": (0.2, 0.8)}
    assert cost_cells(row(seeds=[], success=success))[-2:] == (word, "")


def test_a_table_of_two_splits_and_another_canvas():
    scores = row()["scores"]["test"]
    rows = [
        row(
            scores={
                "test": scores,
                "train": {**scores, "mean_error": one(5)},
                "9x9": {**scores, "mean_error": one(6)},
            },
            diverged=3,
        ),
        row(split="quadrant", samples={"train": 2407, "test": 729}, diverged=1),
    ]
    task = load("coord2onehot")
    text = comparison(task, HEADER, rows, {"uniform": [], "quadrant": []})
    parts = [part.splitlines() for part in text.split("\n\n")]
    assert parts[0][0] == heading(HEADER)
    assert " ".join(parts[0][1:]) == trainings(rows)[0]
    assert [part[0] for part in parts[1:4]] == [
        "uniform split, 768 held-out positions",
        "uniform split, 2,368 positions trained on",
        "uniform split, every position of a 9x9 canvas",
    ]
    for part, error in zip(parts[1:4], ("2.00", "5.00", "6.00"), strict=True):
        assert part[-1].split() == ["conv", "50", "%", "75", "%", error, "3.00"]
    assert parts[4][0] == "uniform split: cost, and success over seeds"
    assert " ".join(parts[4][1].split()) == " ".join(COST)
    assert " ".join(parts[4][-1].split()) == " ".join(cost_cells(rows[0]))
    assert parts[5][0] == "uniform split: what the runs took in all"
    assert [line.split() for line in parts[5][1:]] == [
        ["solver", "CPU", "s", "GPU", "s", "G", "MACs", "CPU", "kJ", "GPU", "kJ", "samples/s"],
        parts[5][2].split(),
        ["conv", "123", "0", "5.60", "?", "0", "789"],
    ]
    assert parts[6][0] == "uniform split: how the solvers compare"
    assert [part[0] for part in parts[7:9]] == [
        "quadrant split, 729 held-out positions",
        "quadrant split, 2,407 positions trained on",
    ]
    assert parts[9][0].startswith("quadrant split: cost")
    assert parts[12] == ["4 runs diverged: the loss was no longer finite."]
    assert "\n".join(parts[13]).startswith(task.legend)
    assert "success: seeds with every held-out pixel right" in " ".join(parts[13])
    assert len(parts) == 14
    assert max(map(len, text.splitlines())) <= 80


def test_nothing_is_said_of_divergence_where_there_was_none():
    text = comparison(load("coord2onehot"), HEADER, [row()], {"uniform": []})
    assert "diverged" not in text
    one_of_them = comparison(load("coord2onehot"), HEADER, [row(diverged=1)], {"uniform": []})
    assert "1 run diverged" in one_of_them


def test_conclusions_are_wrapped_and_indented_below_their_dash():
    longest = set()
    for letters in range(1, 40):
        name = "c" * letters
        rows = [row(solver="handcrafted"), row(solver=name)]
        text = comparison(load("coord2onehot"), HEADER, rows, {"uniform": [pair(second=name)]})
        lines = text.split("how the solvers compare\n")[1].split("\n\n")[0].splitlines()
        assert all(line.startswith(("- ", "  ")) for line in lines)
        longest.add(max(map(len, lines)))
    assert max(longest) <= 80
    assert max(longest) > 75


def test_what_all_runs_took_has_a_sum_in_which_nothing_unknown_is_0():
    rows = [
        row(solver="slicing", seeds=[], ledger=asdict(Ledger(1.0, 0.0, None, 2000.0, 0.0))),
        row(ledger=asdict(Ledger(7199.0, 3600.0, 4e9, 5000.0, None)), waiting_share=0.25),
    ]
    assert ledger_cells(rows, {"gpu": 2.5, "core": 0.5}) == [
        (
            "solver",
            "CPU s",
            "GPU s",
            "G MACs",
            "CPU kJ",
            "GPU kJ",
            "cost",
            "samples/s",
            "wait %",
        ),
        ("slicing", "1.00", "0", "?", "2.00", "0", "1e-04", "", ""),
        ("conv", "7,199", "3,600", "4.00", "5.00", "?", "2.50", "789", "25.0"),
        ("all", "7,200", "3,600", "?", "7.00", "?", "2.50", "", ""),
    ]
    assert ledger_cells(rows, {"kwh": 0.3})[2][6] == "?"
    (header, _) = ledger_cells([row(samples_a_second=None)], {})
    assert header[-1] == "GPU kJ"


def test_operations_that_nobody_counts_are_not_said_to_be_0():
    cost = {"parameters": 0, "constants": 0, "multiply_adds": 0}
    assert cost_cells(row(cost=cost))[2] == "?"


def concluded(rows, pairs):
    return conclusions(load("coord2onehot"), rows, pairs)


def test_at_how_many_of_all_positions_each_is_correct():
    rows = [row(correct={"median": 2900, "min": 12, "max": 3136}), row(solver="b", correct=None)]
    assert concluded(rows, [])[0] == ("Correct, of all 3,136 positions: conv 2,900 (12..3,136).")
    assert not any("Correct," in line for line in concluded([row(correct=None)], []))


def test_samples_are_called_what_they_are():
    for name, noun in (("classification", "pictures"), ("two-objects", "samples")):
        titles = score_parts(load(name), row())
        assert titles == {
            "test": f"768 held-out {noun}", "train": f"2,368 {noun} trained on",
        }  # fmt: skip
    rows = [row(correct={"median": 1, "min": 1, "max": 1})]
    line = conclusions(load("classification"), rows, [])[0]
    assert line == "Correct, of all 3,136 pictures: conv 1."


def test_a_difference_has_its_interval_over_seeds():
    rows = [row(solver="coordconv"), row()]
    given = pair(
        "coordconv", "conv", 10, True,
        exact=difference(0.0, 0.0, 0.0), accuracy=difference(-0.125, -0.25, 0.001),
        mean_error=difference(1.5, 0.25, 2.75), worst_error=difference(None),
    )  # fmt: skip
    assert concluded(rows, [given])[1] == (
        "coordconv minus conv, over 10 seeds in pairs: exact +0.0 points, "
        "accuracy -12.5 (-25.0..+0.1) points, mean error px +1.5 (+0.25..+2.75), "
        "worst error px not finite."
    )


def test_a_difference_without_seeds_is_a_number():
    rows = [row(solver="a", seeds=[], recipe=None), row(solver="b", seeds=[], correct=None)]
    rows[1]["scores"] = {"test": {"exact": one(0)}}
    given = pair("a", "b", 0, exact=difference(1.0))
    assert concluded(rows, [given])[1].startswith("a minus b: exact +100.0 points, ")


def test_solvers_that_learn_nothing_and_score_alike_are_compared_once():
    rows = [row(solver="a", seeds=[]), row(solver="b", seeds=[]), row(), row(solver="d", seeds=[])]
    pairs = [pair(first, second) for first, second in (("a", "b"), ("a", "conv"), ("b", "conv"))]
    lines = [line for line in concluded(rows, pairs) if "minus" in line]
    assert [line.partition(",")[0] for line in lines] == ["a (and b"]
    assert lines[0].startswith("a (and b, d) minus conv, over 2 seeds: ")


def test_how_far_the_intervals_reach():
    about = (
        "The intervals, 95 %, are about other seeds, trained by the same recipe on the same data. "
        "They say nothing about another recipe or a longer training."
    )
    assert concluded([row()], [])[-1] == about
    assert about not in concluded([row(seeds=[])], [])


@pytest.mark.parametrize("name", known())
def test_the_widest_rows_fit_80_columns(name):
    task = load(name)
    wide = {"median": 45.612, "min": 31.411, "max": 71.999}
    share = {"median": 0.99999, "min": 0.1, "max": 1.0}
    scores = {
        column.score: share if column.share or "IoU" in column.title else wide
        for column in task.columns
    }

    def widest(solver, seeds):
        return row(
            split="quadrant", solver=solver, seeds=list(seeds), diverged=2,
                recipe={"epochs": 15} if seeds else None,
            scores={"test": scores, "train": scores, "128x1024": scores, "9x9": None},
            success={"runs": 37, "of": 100, "wilson95": (0.282, 0.468)},
            cost={"parameters": 10_072_850, "constants": 0, "multiply_adds": 3_837_064_000},
            train_seconds=wide, predict_microseconds={"median": 123456.7},
            ledger=asdict(Ledger(9.9e6, 9.9e6, 9.9e18, 9.9e9, 9.9e9)), samples_a_second=123456.7,
            waiting_share=0.123,
        )  # fmt: skip

    rows = [widest("handcrafted-coordconv", ()), widest("coordconv", range(100))]
    header = {**HEADER, "task": name, "price": {"gpu": 2.5}}
    text = comparison(task, header, rows, {"quadrant": []})
    assert max(map(len, text.splitlines())) <= 80
    for expected in ("37/100", "28..47 %", "4 runs diverged", "of a 128x1024 canvas", "cannot"):
        assert expected in text


def test_rows_are_numbered_where_the_first_columns_leave_no_room():
    from compare.report.text import folded

    rows = [["solver", "preset", "error"], ["a" * 12, "b" * 12, "1"], ["c" * 12, "d" * 12, "2"]]
    assert folded(rows, 2, 40) == [rows]
    assert folded(rows, 2, 30) == [
        [["row", "solver"], ["1", "a" * 12], ["2", "c" * 12]],
        [["row", "preset", "error"], ["1", "b" * 12, "1"], ["2", "d" * 12, "2"]],
    ]
