"""What is carried out of a comparison, what becomes of failures, and how a bar moves."""

from functools import partial

import pytest

from compare.errors import RunError, StorageError
from compare.experiments import comparison
from compare.experiments.comparison import carry_out, header, steps_of, title, waiting, watch
from compare.experiments.executors import Outcome
from compare.experiments.plan import Request, make_plans
from compare.learned.training import Progress


@pytest.fixture
def plans():
    return make_plans(
        Request("onehot2coord", (0, 1), "handcrafted,conv", "uniform", size="16",
                recipe={"epochs": "2"})
    )  # fmt: skip


class Bar:
    """Counts as tqdm does."""

    def __init__(self):
        self.n, self.names = 0, []

    def update(self, steps):
        self.n += steps

    def set_description(self, name):
        self.names.append(name)


def test_a_bar_ends_at_its_total(plans, tmp_path):
    bar = Bar()
    found = carry_out(plans, plans, tmp_path, False, partial(watch, tmp_path, bar=bar, warn=print),
                      print, lenient=True)  # fmt: skip
    assert bar.n == steps_of(plans) == 1 + 3 + 3
    assert bar.names == [title(plan) for plan in plans if plan.recipe]
    assert list(found) == [plan.name() for plan in plans]
    assert waiting(plans, tmp_path, force=False) == []
    assert waiting(plans, tmp_path, force=True) == plans


def test_a_busy_run_is_named_once(plans, tmp_path):
    lines = []

    def start(advance):
        advance(plans[1], Progress(1, 2, 0.5))
        yield plans[1], Outcome("", "busy")
        yield plans[1], Outcome("", "busy")
        yield plans[1], Outcome("x", "finished", warnings=("a warning",))

    ended = list(watch(tmp_path, start, Bar(), lines.append))
    assert [outcome.status for _, outcome in ended] == ["finished"]
    assert len(lines) == 2
    assert "another process carries out" in lines[0]
    assert lines[1] == "a warning"


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Outcome("x", "failed", "no memory"), RunError),
        (Outcome("x", "failed", "no room", stored=False), StorageError),
    ],
)
def test_a_failure_is_raised(plans, tmp_path, outcome, error):
    with pytest.raises(error, match=outcome.error):
        carry_out(plans, plans, tmp_path, False, lambda _: iter([(plans[0], outcome)]), print, True)


def test_a_solver_of_a_package_that_fails_is_left_out_unless_asked_for(
    plans, tmp_path, monkeypatch
):
    monkeypatch.setattr(comparison, "added_by", lambda task, solver: "other" * (solver == "conv"))
    failed = Outcome("x", "failed", "it broke")
    lines = []

    def watched(start):
        for plan, outcome in start(lambda *_: None):
            yield plan, failed if plan.solver == "conv" else outcome

    found = carry_out(plans, plans, tmp_path, False, watched, lines.append, lenient=True)
    assert list(found) == [plans[0].name()]
    assert lines == ["solver 'conv' of other failed (it broke); left out"] * 2
    with pytest.raises(RunError, match="it broke"):
        carry_out(plans, plans, tmp_path, False, watched, print, lenient=False)
    with pytest.raises(RunError, match="no solver of task 'onehot2coord' works"):
        carry_out(plans[1:], [], tmp_path / "empty", False, lambda _: iter(()), print, True)


def test_the_header(plans):
    assert header(plans, "quick", 2) == {
        "task": "onehot2coord", "size": [16, 16], "preset": "quick", "seeds": 2,
        "backend": "numpy", "device": "cpu", "precision": "float32",
    }  # fmt: skip
