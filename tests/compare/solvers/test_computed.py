"""Computed weights behind the one interface of solvers."""

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
        trained = {name for name, spec in specs.items() if spec.recipes and task != "two-objects"}
        assert {f"handcrafted-{name}" for name in trained} == {
            t for t in specs if (task, t) in NAMED
        }


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
    built("onehot2coord", "handcrafted-conv", size=(longest, longest))  # nothing is computed yet
