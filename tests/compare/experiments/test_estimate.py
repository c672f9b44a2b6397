"""How long runs will take: which share a measurement, and what is added up."""

from pathlib import Path

import pytest

from compare.experiments.estimate import (
    _OVERHEAD_SECONDS,
    Estimate,
    estimate,
    measure_here,
    measure_on_processes,
    seconds_a_step,
)
from compare.experiments.executors import map_on_processes
from compare.experiments.grid import read_plans
from compare.experiments.plan import Request, make_plans

QUICK = Path("sweeps/quick.toml").absolute()


def write(directory, text):
    file = directory / "sweep.toml"
    file.write_text(text)
    return file


SMALL = """
size = 16
epochs = 1
split = "uniform"
[[grid]]
task = "onehot2coord"
solver = ["argmax", "coordconv"]
seeds = [0, 7]
learning_rate = [0.01, 0.001]
[[grid]]
task = "coord2onehot"
solver = "handcrafted"
"""


def test_an_estimate_counts_the_steps(tmp_path):
    plans = read_plans(write(tmp_path, SMALL.replace("epochs = 1", "epochs = 40")))
    # 55 positions to train on and 9 held out, in one batch of 256 an epoch.
    known = estimate(plans, lambda sample: [2.0] * len(sample))
    predicting = 2.0 * (1 + 9 / 256) / 3
    overhead = 4 * _OVERHEAD_SECONDS + 2 * 2 * _OVERHEAD_SECONDS
    assert known.seconds == pytest.approx(4 * (40 * 2.0 + predicting) + overhead)
    assert known.unknown == 0
    assert estimate(plans, lambda sample: [None] * len(sample)).unknown == 4


def test_a_measured_step_is_a_time():
    (plan,) = (p for p in read_plans(QUICK) if p.solver == "conv" and p.seed == 1
               and p.recipe.learning_rate == 0.01 and p.split == "uniform"
               and p.task == "onehot2coord")  # fmt: skip
    assert 1e-4 < seconds_a_step(plan.arguments()) < 10


def plans_of(solver="conv", seeds=(0,), **changes):
    asked = {"split": "uniform", "size": "16", "recipe": {"epochs": "2"}, **changes}
    return make_plans(Request("onehot2coord", seeds, solver, **asked))


def measured(*groups):
    """Return how many measurements an estimate of all these plans asks for."""
    asked = []
    estimate(
        [plan for group in groups for plan in group],
        lambda sample: asked.extend(sample) or [1.0] * len(sample),
    )
    return len(asked)


def test_runs_whose_steps_are_the_same_share_a_measurement():
    base = plans_of(seeds=(0, 1, 2))
    assert measured(base) == 1
    alike = [{"learning_rate": "0.3"}, {"l2": "0.3"}, {"epochs": "9"}, {"lr_schedule": "step"}]
    others = [plans_of(recipe={"epochs": "2", **change}) for change in alike]
    assert measured(base, *others, plans_of(eval_size="20")) == 1


def test_runs_whose_steps_differ_are_measured_each():
    differing = [{"batch": "8"}, {"width": "2"}]
    others = [plans_of(recipe={"epochs": "2", **change}) for change in differing]
    others += [plans_of(size="20"), plans_of(split="quadrant"), plans_of("coordconv")]
    assert measured(plans_of(), *others) == 1 + len(others)


def test_what_learns_nothing_is_not_measured():
    plans = plans_of("argmax")
    assert measured(plans) == 0
    assert estimate(plans, lambda sample: []) == Estimate(2 * _OVERHEAD_SECONDS, 0)


def test_a_batch_that_does_not_fill_up_is_a_step():
    """55 positions in batches of 50 are two steps, those held out 9 / 50 of a prediction's."""
    (plan,) = plans_of(recipe={"epochs": "3", "batch": "50"})
    expected = (3 * 2 + (2 + 9 / 50) / 3) * 6.0 + _OVERHEAD_SECONDS
    assert estimate([plan], lambda sample: [6.0]).seconds == pytest.approx(expected)


def test_runs_that_cannot_be_measured_are_counted_and_the_others_added():
    plans = [*plans_of(seeds=(0, 1)), *plans_of("coordconv")]
    known = estimate(plans, lambda sample: [None, 3.0])
    assert known.unknown == 2
    assert known.seconds == estimate(plans[2:], lambda sample: [3.0]).seconds > 0


def test_the_shortest_of_the_steps_is_taken_without_the_first(monkeypatch):
    """The clock is read after each of three steps: 7 and 2 seconds pass between them."""
    ticks = iter([50.0, 57.0, 59.0])

    class Slow:
        def fit(self, batch, on_progress):
            for _ in range(3):
                on_progress(None)

    monkeypatch.setattr("compare.experiments.plan.Plan.build", lambda *_, **__: Slow())
    plans = plans_of()
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    assert measure_here(plans) == [2.0]


def test_the_measured_step_is_of_one_batch_for_three_epochs(monkeypatch):
    fitted = []

    class Recorder:
        def fit(self, batch, on_progress):
            fitted.append(len(batch))

    (plan,) = plans_of(recipe={"epochs": "9", "batch": "8"})
    built = []

    def build(self, *_, compute=True):
        built.append((self.epochs, compute))
        return Recorder()

    monkeypatch.setattr("compare.experiments.plan.Plan.build", build)
    # No step was reported, so there is no time.
    assert seconds_a_step(plan.arguments()) is None
    assert fitted == [8]
    assert built[-1] == (3, True)


def test_a_run_that_cannot_do_a_step_has_no_time():
    (plan,) = plans_of()
    assert seconds_a_step({**plan.arguments(), "device": "cpu:7"}) is None
    assert seconds_a_step({}) is None


def test_processes_measure_as_this_one_does():
    (plan,) = plans_of()
    broken = plans_of()[0].arguments() | {"device": "cpu:7"}
    found = map_on_processes(seconds_a_step, [plan.arguments(), broken], 2)
    assert 1e-5 < found[0] < 10
    assert found[1] is None
    assert measure_on_processes(1, []) == []
