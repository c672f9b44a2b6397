"""Solvers behind their one interface."""

import numpy as np
import pytest

from compare import backends, tasks
from compare.datasets import not_so_clevr
from compare.solvers.base import Setting
from compare.solvers.catalogue import PRESETS, published_epochs, solvers_of

TASK = tasks.load("onehot2coord")
SETTING = Setting(TASK, "uniform", 16, 20, backends.load("numpy"))
SPLIT = TASK.split("uniform", 16, 20)


def built(name, epochs=2, task="onehot2coord", setting=SETTING):
    from dataclasses import replace

    spec = solvers_of(task)[name]
    recipe = replace(spec.recipes["quick"], epochs=epochs) if spec.recipes else None
    return spec.build(setting, recipe)


@pytest.mark.parametrize("name", ["handcrafted", "argmax"])
def test_solvers_that_learn_nothing_are_exact(name):
    model = built(name).fit(SPLIT.train)
    assert (model.predict(SPLIT.test.inputs()) == SPLIT.test.targets()).all()
    assert model.cost.parameters == 0
    assert model.weights == {}
    assert (model.history.losses, model.history.seconds) == ((), 0)
    assert built(name).load({}).predict(SPLIT.test.inputs()).shape == (len(SPLIT.test), 2)


@pytest.mark.parametrize("name", ["coordconv", "conv"])
def test_learners_predict_pixels(name):
    progress = []
    solver = built(name)
    model = solver.fit(SPLIT.train, on_progress=progress.append)
    assert [each.epoch for each in progress] == [1, 2]
    assert [each.loss for each in progress] == list(model.history.losses)
    inputs = SPLIT.test.inputs()
    predictions = model.predict(inputs)
    assert predictions.shape == (len(SPLIT.test), 2)
    # Batches make no difference: each picture's answer is its own.
    np.testing.assert_allclose(model.predict(inputs[5:7]), predictions[5:7], rtol=1e-4, atol=1e-3)
    assert model.cost.parameters == solver.architecture.count() > 0
    again = solver.load(model.weights)
    assert (again.predict(inputs) == predictions).all()


def test_weights_of_another_canvas_are_refused_where_they_do_not_fit():
    other = Setting(TASK, "uniform", 32, 20, SETTING.backend)
    assert built("coordconv", setting=other).load(built("coordconv", 1).fit(SPLIT.train).weights)
    weights = built("conv", 1).fit(SPLIT.train).weights
    with pytest.raises(ValueError, match=r"weight 12\.weight has shape \(64, 64\)"):
        built("conv", setting=other).load(weights)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "bool", ">f4"])
def test_weights_of_another_dtype_are_refused(dtype):
    """The table would say float32 of what was computed in another."""
    weights = dict(built("coordconv", 1).fit(SPLIT.train).weights)
    name = next(iter(weights))
    weights[name] = weights[name].astype(dtype)
    with pytest.raises(ValueError, match=rf"weight {name} is in {dtype}; .*: give float32"):
        built("coordconv").load(weights)


def test_the_baseline_is_the_one_published_for_the_split():
    counts = {
        split: built("conv", setting=Setting(TASK, split, 64, 64)).architecture.count()
        for split in not_so_clevr.SPLITS
    }
    assert counts == {"uniform": 72850, "quadrant": 12914}


@pytest.mark.parametrize(
    ("task", "solver", "quick", "paper", "default"),
    [
        ("onehot2coord", "coordconv", 15, 100, "paper"),
        ("onehot2coord", "conv", 15, 100, "paper"),
        ("image2coord", "coordconv", 15, 100, "paper"),
        ("image2coord", "conv", 15, 100, "paper"),
        ("coord2onehot", "coordconv", 1, 50, "quick"),
        ("coord2onehot", "deconv", 1, 1000, "quick"),
        ("coord2image", "coordconv", 3, 50, "quick"),
        ("coord2image", "deconv", 3, 1000, "quick"),
    ],
)
def test_epochs_belong_to_a_solvers_recipe(task, solver, quick, paper, default):
    spec = solvers_of(task)[solver]
    assert tuple(spec.recipes) == PRESETS
    assert [spec.recipes[preset].epochs for preset in PRESETS] == [quick, paper]
    assert spec.preset == default
    assert published_epochs(task, solver) == paper


def test_what_learns_nothing_has_no_published_epochs():
    assert published_epochs("onehot2coord", "argmax") is None
    assert published_epochs("onehot2coord", "no such solver") is None


def test_the_papers_recipes_are_the_authors_settings():
    classifier = solvers_of("coord2onehot")["coordconv"].recipes["paper"]
    assert (classifier.learning_rate, classifier.l2, classifier.batch) == (0.005, 0.001, 16)
    renderer = solvers_of("coord2image")["coordconv"].recipes["paper"]
    assert (renderer.kernel, renderer.batch, renderer.coordinates) == (1, 16, "pixels")
    deconv = solvers_of("coord2image")["deconv"].recipes["paper"]
    assert (deconv.lr_schedule, deconv.width, deconv.kernel) == ("step", 2, 3)
    assert (deconv.learning_rate, deconv.l2, deconv.batch) == (0.01, 0.001, 16)
    regressor = solvers_of("onehot2coord")["coordconv"].recipes["paper"]
    assert (regressor.learning_rate, regressor.l2, regressor.batch) == (0.01, 1e-5, 256)
    plain = solvers_of("onehot2coord")["conv"].recipes["paper"]
    assert (plain.learning_rate, plain.l2, plain.batch) == (0.001, 1e-5, 256)
