"""Solvers behind their one interface."""

import numpy as np
import pytest

from compare import backends, tasks
from compare.datasets import not_so_clevr
from compare.solvers.base import Budget, Setting
from compare.solvers.catalogue import offered
from compare.solvers.learned import Learned

TASK = tasks.load("onehot2coord")
SETTING = Setting(TASK, "uniform", 16, 20, backends.load("numpy"))
SPLIT = TASK.split("uniform", 16, 20)


@pytest.mark.parametrize("name", ["handcrafted", "argmax"])
def test_solvers_that_learn_nothing_are_exact(name):
    solver = offered("onehot2coord")[name].build(SETTING, None, None)
    solver.fit(SPLIT.train, seed=0, budget=Budget(1), on_progress=lambda _: None)
    predictions = solver.predict(SPLIT.test.inputs())
    assert (predictions == SPLIT.test.targets()).all()
    assert solver.describe().parameters == 0


@pytest.mark.parametrize("name", ["coordconv", "conv"])
def test_learners_predict_pixels(name):
    solver = offered("onehot2coord")[name].build(SETTING, None, None)
    seen = []
    solver.fit(SPLIT.train, seed=0, budget=Budget(2), on_progress=seen.append)
    assert [progress.epoch for progress in seen] == [1, 2]
    inputs = SPLIT.test.inputs()
    predictions = solver.predict(inputs)
    assert predictions.shape == (len(SPLIT.test), 2)
    # Batches make no difference: each picture's answer is its own.
    np.testing.assert_allclose(solver.predict(inputs[5:7]), predictions[5:7], rtol=1e-4, atol=1e-3)
    assert solver.describe().parameters == solver.architecture.count() > 0


def test_the_baseline_is_the_one_published_for_the_split():
    entry = offered("onehot2coord")["conv"]
    counts = {
        split: entry.build(Setting(TASK, split, 64, 64, SETTING.backend), None, None)
        .describe()
        .parameters
        for split in not_so_clevr.SPLITS
    }
    assert counts == {"uniform": 72850, "quadrant": 12914}


def test_an_untrained_network_does_not_predict():
    solver = offered("onehot2coord")["coordconv"].build(SETTING, None, None)
    assert isinstance(solver, Learned)
    with pytest.raises(ValueError, match="has not been trained; call fit first"):
        solver.predict(SPLIT.test.inputs())
