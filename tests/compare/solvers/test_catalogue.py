"""Who offers what, and the recipes."""

import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from compare import backends, tasks
from compare.datasets import not_so_clevr
from compare.learned.recipe import OPTIONS
from compare.solvers.base import Setting
from compare.solvers.catalogue import (
    PRESETS,
    preset_of,
    published_epochs,
    solvers_of,
    training_of,
)

TASK = tasks.load("onehot2coord")


SETTING = Setting(TASK, "uniform", 16, 20, backends.load("numpy"))


def built(name, epochs=2, task="onehot2coord", setting=SETTING):
    spec = solvers_of(task)[name]
    recipe = replace(spec.recipes["quick"], epochs=epochs) if spec.recipes else None
    return spec.build(setting, recipe)


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
        ("two-objects", "gan", 8, 50, "quick"),
        ("two-objects", "coordconv-g", 8, 50, "quick"),
        ("two-objects", "coordconv-gd", 8, 50, "quick"),
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


def test_every_preset_says_whose_it_is():
    for task in tasks.known():
        for solver, spec in solvers_of(task, of_folder=task == "classification").items():
            for name, recipe in spec.recipes.items():
                said = training_of(task, solver, recipe, of_folder=task == "classification")
                assert said["preset"] == {"name": name, "whose": spec.whose[name], "changed": []}
                assert said["published_epochs"] == spec.recipes["paper"].epochs
            assert spec.whose.keys() == spec.recipes.keys()
            assert all(
                text.startswith("ours") for key, text in spec.whose.items() if key == "quick"
            )


def test_a_task_of_ours_is_not_said_to_be_the_authors():
    for solver in ("coordconv", "conv"):
        whose = solvers_of("image2coord")[solver].whose
        assert whose["paper"] == "theirs for a hot pixel, the task ours"


def test_the_nearest_preset_is_named_and_what_differs():
    spec = solvers_of("onehot2coord")["conv"]
    paper, quick = spec.recipes["paper"], spec.recipes["quick"]
    assert preset_of(spec, asdict(quick)) == ("quick", [])
    # As far from both: the default one.
    assert preset_of(spec, asdict(replace(quick, epochs=3))) == ("paper", ["epochs"])
    assert preset_of(spec, asdict(replace(paper, l2=0.5))) == ("paper", ["l2"])
    assert preset_of(spec, asdict(replace(quick, l2=0.5))) == ("quick", ["l2"])
    computed = solvers_of("coord2onehot")["handcrafted-deconv"]
    assert preset_of(computed, computed.variants["paper"]) == ("paper", [])


def test_the_papers_recipes_are_the_authors_settings():
    classifier = solvers_of("coord2onehot")["coordconv"].recipes["paper"]
    assert (classifier.learning_rate, classifier.l2, classifier.batch) == (0.005, 0.001, 16)
    renderer = solvers_of("coord2image")["coordconv"].recipes["paper"]
    assert (renderer.kernel, renderer.batch, renderer.coordinates) == (1, 16, "pixels")
    assert renderer.target == "grey"
    deconv = solvers_of("coord2image")["deconv"].recipes["paper"]
    assert deconv.target == "grey"
    assert (deconv.lr_schedule, deconv.width, deconv.kernel) == ("step", 2, 3)
    assert (deconv.learning_rate, deconv.l2, deconv.batch) == (0.01, 0.001, 16)
    regressor = solvers_of("onehot2coord")["coordconv"].recipes["paper"]
    assert (regressor.learning_rate, regressor.l2, regressor.batch) == (0.01, 1e-5, 256)
    plain = solvers_of("onehot2coord")["conv"].recipes["paper"]
    assert (plain.learning_rate, plain.l2, plain.batch) == (0.001, 1e-5, 256)
    for version in _GANS:
        gan = solvers_of("two-objects")[version].recipes["paper"]
        assert (gan.learning_rate, gan.generator_rate, gan.beta1, gan.beta2) == (
            *(0.0001, 0.0005),
            *(0.9, 0.99),
        )
        assert (gan.scenes, gan.batch, gan.epochs, gan.l2, gan.channels) == (50_000, 16, 50, 0, 64)
        said = training_of("two-objects", version, gan)
        assert said["published_steps"] == gan.steps == 156_250


def test_the_versions_of_the_gan_train_alike():
    specs = [solvers_of("two-objects")[version] for version in _GANS]
    assert all(spec.recipes == specs[0].recipes for spec in specs)
    assert all(spec.sides == {"quick": 50} for spec in specs)
    recipe = solvers_of("onehot2coord")["conv"].recipes["quick"]
    assert "published_steps" not in training_of("onehot2coord", "conv", recipe)


_GANS = ("gan", "coordconv-g", "coordconv-gd")


@pytest.mark.parametrize(
    ("task", "solvers"),
    [
        (
            "onehot2coord",
            [
                "handcrafted",
                "handcrafted-coordconv",
                "handcrafted-conv",
                "coordconv",
                "conv",
                "argmax",
                "verified-argmax",
                "expectation",
            ],
        ),
        (
            "coord2onehot",
            [
                "handcrafted",
                "handcrafted-coordconv",
                "handcrafted-deconv",
                "coordconv",
                "deconv",
                "indexing",
            ],
        ),
        (
            "coord2image",
            [
                "handcrafted",
                "handcrafted-coordconv",
                "handcrafted-deconv",
                "coordconv",
                "deconv",
                "slicing",
            ],
        ),
        (
            "image2coord",
            [
                "handcrafted",
                "handcrafted-coordconv",
                "handcrafted-conv",
                "coordconv",
                "conv",
                "centroid",
            ],
        ),
        (
            "two-objects",
            ["handcrafted", "handcrafted-coordconv-g", "gan", "coordconv-g", "coordconv-gd"],
        ),
        ("no such task", []),
    ],
)
def test_what_each_task_offers_in_order(task, solvers):
    assert list(solvers_of(task)) == solvers


def test_a_table_is_the_callers_own():
    solvers_of("onehot2coord").clear()
    assert "argmax" in solvers_of("onehot2coord")


@pytest.mark.parametrize("task", tasks.BUILT_IN)
def test_every_solver_names_presets_and_options_that_it_has(task):
    for name, spec in solvers_of(task).items():
        assert spec.summary
        learned = name in ("coordconv", "conv", "deconv", "coordconv-first", *_GANS)
        published = PRESETS if task != "classification" else ("quick",)
        assert tuple(spec.recipes) == (published if learned else ())
        assert set(spec.options) <= {option.name for option in OPTIONS if option.selective}
        assert ("target" in spec.options) == (task == "coord2image" and learned)
        for recipe in spec.recipes.values():
            supervision = tasks.load(task).supervision
            assert recipe.loss in (supervision.losses if supervision else ("adversarial",))
            # What only adversarial training has, it has whole.
            own = (recipe.scenes, recipe.generator_rate, recipe.channels)
            assert all(own) if name in _GANS else own == (None, None, None)


@pytest.mark.parametrize("option", ["width", "kernel", "coordinates"])
def test_an_option_changes_the_architecture_of_solvers_that_have_it_and_no_other(option):
    other = {"width": 2, "kernel": 1, "coordinates": "pixels"}[option]
    for task in tasks.BUILT_IN:
        for name, spec in solvers_of(task).items():
            if not spec.recipes:
                continue
            setting = Setting(tasks.load(task), "uniform", 64, 64)
            plain = replace(spec.recipes["quick"], width=1, kernel=3, coordinates="scaled")
            if name in _GANS:
                assert option not in spec.options
                continue
            before = spec.build(setting, plain).architecture
            after = spec.build(setting, replace(plain, **{option: other})).architecture
            assert (after != before) == (option in spec.options), (task, name)


def test_without_a_recipe_the_default_preset_is_taken():
    for name in ("coordconv", "conv"):
        spec = solvers_of("onehot2coord")[name]
        assert spec.build(SETTING, None).recipe == spec.recipes["paper"]
    setting = Setting(tasks.load("coord2image"), "uniform", 64, 64)
    spec = solvers_of("coord2image")["coordconv"]
    assert spec.build(setting, None).recipe == spec.recipes["quick"]


def test_a_task_that_nothing_can_be_trained_on_is_named():
    setting = Setting(replace(TASK, supervision=None), "uniform", 16, 20)
    spec = solvers_of("onehot2coord")["conv"]
    with pytest.raises(ValueError, match="task 'onehot2coord' has nothing to train a network by"):
        spec.build(setting, None)


def test_other_packages_solvers_come_after_the_built_in_ones(tmp_path):
    """And replace none of them. A package is what its metadata says it is."""
    information = tmp_path / "others-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[compare.solvers]\nonehot2coord.own = others:SPEC\nonehot2coord.argmax = others:SPEC\n"
        "others.task.own = others:SPEC\ncoord2image.far = others:SPEC\n"
    )
    (tmp_path / "others.py").write_text(
        "from compare.solvers.base import SolverSpec\nSPEC = SolverSpec('theirs', lambda *_: None)\n"
    )
    program = (
        "from compare.solvers.catalogue import solvers_of\n"
        "print([(name, spec.summary == 'theirs') for name, spec in "
        "solvers_of('onehot2coord').items()])\n"
        "print([spec.summary for spec in solvers_of('others.task').values()])\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    answer = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    assert answer.stdout.splitlines() == [first[:-1] + ", ('own', True)]", "['theirs']"]
