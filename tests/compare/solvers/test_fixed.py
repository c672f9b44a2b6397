"""Solvers that learn nothing, behind the one interface."""

import numpy as np
import pytest

from compare import backends, tasks
from compare.learned.model import Cost, History
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of
from compare.solvers.fixed import Fixed, closed_form, handcrafted

TASK = tasks.load("onehot2coord")


SETTING = Setting(TASK, "uniform", 16, 20, backends.load("numpy"))


SPLIT = TASK.split("uniform", 16, 20)


def built(name, task="onehot2coord", setting=SETTING):
    return solvers_of(task)[name].build(setting, None)


@pytest.mark.parametrize("name", ["handcrafted", "argmax"])
def test_solvers_that_learn_nothing_are_exact(name):
    model = built(name).fit(SPLIT.train)
    assert (model.predict(SPLIT.test.inputs()) == SPLIT.test.targets()).all()
    assert model.cost.parameters == 0
    assert model.weights == {}
    assert (model.history.losses, model.history.seconds) == ((), 0)
    assert built(name).load({}).predict(SPLIT.test.inputs()).shape == (len(SPLIT.test), 2)


# What draws scenes from random numbers has no one right answer, and no digit is read by hand.
@pytest.mark.parametrize("task", [*tasks.BUILT_IN][:4])
def test_every_network_by_hand_and_every_closed_form_is_exact(task):
    setting = Setting(tasks.load(task), "uniform", 16, 20)
    data = setting.task.all_samples(16, 20)
    for name, spec in solvers_of(task).items():
        if spec.recipes:
            continue
        answers = built(name, task, setting).fit(data).predict(data.inputs())
        assert np.array_equal(answers, data.targets()), name


def test_fitting_and_loading_leave_it_as_it_is():
    fixed = Fixed(abs, Cost(1, 2, 3))
    assert fixed.fit(None, seed=3) is fixed.load({"a": np.ones(1)}) is fixed
    assert fixed.predict(-2) == 2
    assert (fixed.weights, fixed.history) == ({}, History())


def test_a_network_costs_what_it_counts_itself():
    """Of onehot2coord on 3 x 4: 4 weights at 12 pixels, 2 sums of 12 and 2 subtractions."""
    spec = handcrafted("onehot2coord")
    model = spec.build(Setting(TASK, "uniform", 3, 4), None)
    assert model.cost == Cost(parameters=0, constants=10, multiply_adds=48 + 24 + 2)
    assert (spec.recipes, spec.options) == ({}, ())


def test_the_operations_of_a_closed_form_are_not_counted():
    spec = closed_form("argmax", "what a programmer would write")
    assert spec.summary == "what a programmer would write"
    model = spec.build(Setting(TASK, "uniform", 3, 4), None)
    assert model.cost == Cost(0, 0, 0)
    bitmap = np.zeros((1, 1, 3, 4), np.float32)
    bitmap[0, 0, 2, 1] = 1
    assert model.predict(bitmap).tolist() == [[1, 2]]
