"""Computed weights behind the one interface of solvers."""

from dataclasses import replace

import numpy as np
import pytest

from compare import backends, tasks
from compare.solvers.base import Setting
from compare.solvers.catalogue import PRESETS, published_epochs, solvers_of
from handcrafted.weights import WEIGHTS

NAMED = {
    (task, name): spec
    for task in ("onehot2coord", "coord2onehot", "coord2image", "image2coord")
    for name, spec in solvers_of(task).items()
    if spec.variants
}
EVERY = [pytest.param(*key, id=" ".join(key)) for key in NAMED]


def built(task, name, split="uniform", size=(16, 16), **options):
    backend = backends.load("numpy")
    setting = Setting(tasks.load(task), split, *size, backend, options)
    return NAMED[task, name].build(setting, None)


def test_every_trained_architecture_has_a_computed_namesake():
    for task in tasks.known():
        specs = solvers_of(task)
        trained = {name for name, spec in specs.items() if spec.recipes}
        # Of the GANs, the one generator that needs nothing but its weights; see docs/two_objects.md.
        trained -= {"gan", "coordconv-gd"}
        if task == "classification":  # whose networks only data can tell what a digit looks like
            trained = set()
        assert {f"handcrafted-{name}" for name in trained} == {
            name for name, spec in specs.items() if spec.variants
        }


def test_the_generator_of_scenes_is_that_of_its_namesake_and_draws_valid_ones():
    task, backend = tasks.load("two-objects"), backends.load("numpy")
    specs = solvers_of(task.name)
    spec, trained = specs["handcrafted-coordconv-g"], specs["coordconv-g"]
    assert spec.variants == {"quick": {"channels": 64}, "paper": {"channels": 64}}
    setting = Setting(task, "all", 50, 50, backend, spec.variants["quick"])
    solver = spec.build(setting, None)
    twin = trained.build(setting, trained.recipes["paper"])
    assert solver.architecture == twin.adversaries.generator
    data = task.split("all", 50, 50).test
    evaluation = task.evaluate(solver.fit(data), replace(data, positions=data.positions[:40]))
    assert evaluation.scores["valid_0"] == 1
    assert solver.model().cost.parameters == 0
    assert published_epochs(task.name, "handcrafted-coordconv-g") is None
    with pytest.raises(ValueError, match="give 64 or more"):
        spec.build(replace(setting, options={"channels": 8}), None)


@pytest.mark.parametrize(("task", "name"), EVERY)
def test_it_has_the_architecture_of_its_namesake_for_each_preset_and_split(task, name):
    trained = solvers_of(task)[name.removeprefix("handcrafted-")]
    # Computed weights draw in white.
    assert NAMED[task, name].options == tuple(o for o in trained.options if o != "target")
    assert NAMED[task, name].preset == trained.preset
    assert tuple(NAMED[task, name].variants) == PRESETS
    for split in ("uniform", "quadrant"):
        for preset, options in NAMED[task, name].variants.items():
            setting = Setting(tasks.load(task), split, 16, 20)
            twin = trained.build(setting, trained.recipes[preset])
            solver = built(task, name, split, (16, 20), **options)
            assert solver.architecture == twin.architecture
            assert set(solver.options) == set(solver.weights.options)


@pytest.mark.parametrize(("task", "name"), EVERY)
@pytest.mark.parametrize("split", ["uniform", "quadrant"])
def test_it_is_exact_whatever_it_is_fitted_to(task, name, split):
    solver, data = built(task, name, split), tasks.load(task).split(split, 16, 16)
    model = solver.fit(data.train, seed=3)
    evaluation = tasks.load(task).evaluate(model, data.test)
    assert evaluation.scores["exact"] == 1
    assert evaluation.success
    assert (model.history.losses, model.history.seconds) == ((), 0)
    cost = model.cost
    assert cost.parameters == 0
    assert 0 < cost.constants < solver.architecture.count()
    assert cost.multiply_adds == solver.architecture.multiply_adds()
    assert published_epochs(task, name) is None
    assert {key: a.shape for key, a in solver.load({}).weights.items()} == {
        key: a.shape for key, a in model.weights.items()
    }


def test_the_loss_decides_what_the_renderers_put_out():
    for name in ("handcrafted-coordconv", "handcrafted-deconv"):
        outputs = {
            loss: np.unique(
                built("coord2image", name, loss=loss)
                .model()
                .outputs(np.array([[5, 6]], np.float32))
            ).tolist()
            for loss in ("sigmoid", "mse")
        }
        assert outputs == {"sigmoid": [-128, 128], "mse": [0, 1]}


def test_a_canvas_or_an_option_without_weights_is_refused_before_any_work():
    with pytest.raises(ValueError, match="canvas of 128x64; give sides of 1 to 64 pixels"):
        built("coord2onehot", "handcrafted-deconv", size=(128, 64))
    with pytest.raises(ValueError, match="kernel of 1; give 2 or more"):
        built("coord2image", "handcrafted-deconv", kernel=1)
    with pytest.raises(ValueError, match="canvas of 97x16; give sides of 1 to 96 pixels"):
        built("onehot2coord", "handcrafted-conv", "quadrant", (97, 16))
    longest = WEIGHTS["onehot2coord", "conv_regressor_uniform"].sides[1]
    built("onehot2coord", "handcrafted-conv", size=(8, longest))
    with pytest.raises(ValueError, match="would be 268,442,770 numbers, and up to 40,000,000 are"):
        built("onehot2coord", "handcrafted-conv", size=(longest, longest))
