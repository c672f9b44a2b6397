"""What a section comes to, in the order of the question."""

from dataclasses import replace

import pytest

from compare import tasks
from compare.report.answers import CLAIMS, answers, lead, listed, summary
from compare.report.sections import sections
from compare.solvers.catalogue import solvers_of

PAPER = {"name": "paper", "whose": "the log's", "changed": []}


def scored(run, exact=0.0, rounded=0.5, mean=2.0, success=False, preset=PAPER):
    scores = {"exact": exact, "rounded": rounded, "mean_error": mean, "worst_error": 3.0}
    record = {**run.record, "scores": {"test": scores, "train": scores}, "success": success}
    return replace(run, record={**record, "preset": preset})


@pytest.fixture
def section(made):
    """A section of one task: by hand, computed and trained, two seeds and one."""
    (found,) = sections([
        *(
            scored(made(name, split=split), exact=1.0, rounded=1.0, mean=0.0, success=True)
            for name in ("handcrafted", "handcrafted-conv", "argmax")
            for split in ("uniform", "quadrant")
        ),
        scored(made("conv"), rounded=0.25),
        scored(made("conv", seed=1), rounded=0.75, success=True),
        scored(made("conv", split="quadrant")),
    ])  # fmt: skip
    return found


def test_the_lead_score_is_one_that_can_be_won():
    titles = {name: lead(tasks.load(name)).title for name in ("onehot2coord", "coord2onehot")}
    assert titles == {"onehot2coord": "rounded", "coord2onehot": "accuracy"}
    assert lead(tasks.load("coord2image")).title == "rounded"


def test_answers_come_by_hand_computed_trained_and_repeated(section):
    found = answers(section, ["compare run"])
    assert [heading for heading, _ in found] == [
        "By hand", "The paper's own networks, by hand", "Trained", "Repeat it"
    ]  # fmt: skip
    lines = dict(found)
    assert lines["By hand"] == [
        "handcrafted, nothing learned: exact at every held-out position, uniform and quadrant split."
    ]
    assert lines["The paper's own networks, by hand"][0].startswith("handcrafted-conv, nothing")
    trained, later = lines["Trained"]
    assert trained == (
        "conv, preset paper (the log's), 100 of 100 published epochs: rounded 50 % (uniform split), "
        "50 % (quadrant split) at the median seed; worst error under half a pixel in 1 of 2 seeds "
        "(9 to 91 %) and 0 of 1 seed (0 to 79 %). The paper: plain convolutions fail, on the "
        "quadrant split most of all. 2 of 3 runs agree."
    )
    assert "more finicky" in later
    assert "Repeat it" not in dict(answers(section))


def test_what_is_not_exact_is_not_said_to_be(made):
    (found,) = sections([scored(made("handcrafted"), exact=0.5)])
    ((_, (line,)),) = answers(found)
    assert line == (
        "handcrafted, nothing learned: exact at 50 % (uniform split) of the held-out positions."
    )


def verdict(run):
    (found,) = sections([run])
    return dict(answers(found))["Trained"][0].rpartition("most of all. ")[2]


def test_only_a_training_as_published_is_a_verdict(made):
    assert verdict(scored(made())) == "All 1 run agree."
    assert verdict(scored(made(), success=True)) == "0 of 1 run agree."
    unfinished = made(recipe={"epochs": 3})
    assert verdict(scored(unfinished)) == "Unfinished, so this is no verdict on it."
    for preset in (None, {**PAPER, "name": "quick"}, {**PAPER, "changed": ["l2"]}):
        assert verdict(scored(made(), preset=preset)) == (
            "Another recipe, so this is no verdict on it."
        )


def test_every_claim_is_about_a_solver_that_there_is():
    for task, solver in CLAIMS:
        assert "paper" in solvers_of(task)[solver].recipes


def test_the_summary_has_a_row_a_solver_and_both_splits(section):
    titles, rows = summary(section)
    assert titles == ["rounded", "mean error px", "success"]
    by_solver = {row["solver"]: row for row in rows}
    assert len(rows) == len(by_solver) == 4
    assert by_solver["conv"]["cells"] == [
        ("50 %", "25 %..75 %)"), ("2.00", ""), ("1 of 2", ""),
        ("50 %", ""), ("2.00", ""), ("0 of 1", ""),
    ]  # fmt: skip
    assert by_solver["conv"]["training"].startswith("preset paper (the log's), 100 of 100")
    assert [cell for cell, _ in by_solver["handcrafted"]["cells"]] == ["100 %", "0", "yes"] * 2
    assert by_solver["argmax"]["training"] == ""


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed(names, text):
    assert listed(names) == text


def test_what_was_not_run_is_a_dash(made):
    (found,) = sections([scored(made()), scored(made("argmax", split="quadrant"))])
    _, rows = summary(found)
    assert [cell for cell, _ in rows[0]["cells"]][3:] == ["-", "-", "-"]
