"""What a section comes to, in the order of the question."""

import pytest

from compare.report.answers import CLAIMS, answers, listed
from compare.report.sections import sections
from compare.solvers.catalogue import solvers_of


def test_answers_come_by_hand_computed_trained_and_repeated(section):
    found = answers(section, ["compare run"])
    assert [heading for heading, _ in found] == [
        "By hand", "The paper's own networks, by hand", "Trained", "Repeat it"
    ]  # fmt: skip
    lines = dict(found)
    assert lines["By hand"] == [
        "handcrafted, nothing learned: exact at all held-out positions, uniform and quadrant split."
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


def test_what_is_not_exact_is_not_said_to_be(made, scored):
    (found,) = sections([scored(made("handcrafted"), exact=0.5)])
    ((_, (line,)),) = answers(found)
    assert line == (
        "handcrafted, nothing learned: exact at 50 % (uniform split) of the held-out positions."
    )


PAPER = {"name": "paper", "whose": "the log's", "changed": []}


def verdict(run):
    (found,) = sections([run])
    return dict(answers(found))["Trained"][0].rpartition("most of all. ")[2]


def test_only_a_training_as_published_is_a_verdict(made, scored):
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


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed(names, text):
    assert listed(names) == text


def test_many_recipes_of_a_network_are_one_sentence(made, scored):
    rates = {0.1: 0.25, 0.2: 0.75, 0.3: 0.5, 0.4: 0.0}
    changed = {**PAPER, "changed": ["learning_rate"]}
    runs = [
        scored(made(recipe={"learning_rate": rate}), rounded=rounded, preset=changed)
        for rate, rounded in rates.items()
    ]
    (found,) = sections(runs)
    (trained, _) = dict(answers(found))["Trained"]
    assert trained == (
        "conv, 4 recipes: rounded 75 % (uniform split) at the median seed of the best; worst "
        "error under half a pixel in 0 of 4 runs (uniform split). The paper: plain convolutions "
        "fail, on the quadrant split most of all. None of the recipes is the published one in "
        "full, so this is no verdict on it."
    )
    (found,) = sections([*runs, scored(made(), success=True)])
    (trained, _) = dict(answers(found))["Trained"]
    assert "in 1 of 5 runs (uniform split)." in trained
    assert trained.endswith("By the published recipe: 0 of 1 run agree.")


def test_many_recipes_are_gone_through_once(made, scored, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "compare.report.answers._of_many", lambda *arguments: calls.append(arguments) or "text"
    )
    runs = [scored(made(seed=s, recipe={"l2": l2})) for s in range(5) for l2 in (0, 1, 2, 3)]
    (found,) = sections(runs)
    assert dict(answers(found))["Trained"][0] == "text"
    assert len(calls) == 1
