"""Solvers behind their one interface."""

from dataclasses import replace

import numpy as np
import pytest

from compare import backends, tasks
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of

TASK = tasks.load("onehot2coord")
SETTING = Setting(TASK, "uniform", 16, 20, backends.load("numpy"))
SPLIT = TASK.split("uniform", 16, 20)


def built(name, epochs=2, task="onehot2coord", setting=SETTING):
    spec = solvers_of(task)[name]
    recipe = replace(spec.recipes["quick"], epochs=epochs) if spec.recipes else None
    return spec.build(setting, recipe)


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


def test_grey_targets_are_learned_as_such():
    """A bias alone comes as near to a grey picture as its share of grey."""
    task = tasks.load("coord2image")
    setting = Setting(task, "uniform", 12, 12, backends.load("numpy"))
    spec = solvers_of("coord2image")["coordconv"]
    losses = []
    for target in ("white", "grey"):
        recipe = replace(spec.recipes["quick"], epochs=1, learning_rate=1e-9, target=target)
        model = spec.build(setting, recipe).fit(task.split("uniform", 12, 12).train, seed=0)
        losses.append(model.history.losses[0])
    # The outputs at first are all but 0, so the loss is all but the mean square of the targets.
    assert losses[1] / losses[0] == pytest.approx((128 / 255) ** 2, rel=0.01)


def test_variants_begin_with_the_same_weights_where_shapes_agree():
    task = tasks.load("classification")
    specs = solvers_of("classification")
    setting = Setting(task, "irrelevant", 16, 16)
    built = {name: spec.build(setting, None) for name, spec in specs.items()}
    first = {name: solver.first_weights(3) for name, solver in built.items()}
    plain = built["conv"].architecture.initial_weights(3)
    assert all(np.array_equal(first["conv"][name], array) for name, array in plain.items())
    dense = {name: list(weights.values())[-2] for name, weights in first.items()}
    assert np.array_equal(dense["conv"], dense["coordconv"])
    assert np.array_equal(dense["conv"], dense["coordconv-first"])
    # Training begins there: at a rate next to 0 it also ends there.
    recipe = replace(specs["coordconv"].recipes["quick"], epochs=1, learning_rate=1e-12)
    data = task.split("irrelevant", 16, 16).train
    model = (
        specs["coordconv"]
        .build(setting, recipe)
        .fit(replace(data, positions=data.positions[:64]), seed=3)
    )
    np.testing.assert_allclose(model.weights["0.weight"], first["coordconv"]["0.weight"], atol=1e-9)
