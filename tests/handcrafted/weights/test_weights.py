"""The table of all computed weights: what it says is what its functions do."""

import inspect

import numpy as np
import pytest

from compare import tasks
from compare.learned import published
from compare.learned.model import Model
from handcrafted.weights import WEIGHTS

GENERATOR = "two-objects", "coordconv_g"
EVERY = [
    pytest.param(*key, entry, id=" ".join(key))
    for key, entry in WEIGHTS.items()
    if key != GENERATOR
]
VALUES = {
    "multiplier": (1, 3),
    "kernel": (1, 2, 3, 4),
    "coordinates": ("scaled", "pixels"),
    "loss": ("sigmoid", "mse"),
}


def test_every_published_architecture_of_every_task_has_weights():
    regressors = ("coordconv_regressor", "conv_regressor_uniform", "conv_regressor_quadrant")
    assert set(WEIGHTS) == {
        *((task, name) for task in ("onehot2coord", "image2coord") for name in regressors),
        ("coord2onehot", "coordconv_classifier"),
        ("coord2onehot", "deconv"),
        ("coord2image", "coordconv_renderer"),
        ("coord2image", "deconv"),
        GENERATOR,
    }


@pytest.mark.parametrize(("task", "architecture", "entry"), EVERY)
def test_options_are_those_of_the_function_and_of_the_architecture(task, architecture, entry):
    own = set(inspect.signature(entry.compute).parameters) - {"height", "width", "balanced"}
    assert own == set(entry.options)
    shape = set(inspect.signature(getattr(published, architecture)).parameters)
    assert shape - {"height", "width"} == own - {"loss"}


@pytest.mark.parametrize(("task", "architecture", "entry"), EVERY)
def test_names_and_shapes_are_the_architectures_for_every_option(task, architecture, entry):
    for option in (None, *entry.options):
        for value in VALUES[option] if option else (None,):
            chosen = {option: value} if option else {}
            if chosen.get("kernel", 9) < entry.smallest_kernel:
                continue
            weights = entry(16, 20, **chosen)
            shape = {name: value for name, value in chosen.items() if name != "loss"}
            expected = getattr(published, architecture)(16, 20, **shape).parameters()
            assert {n: a.shape for n, a in weights.items()} == {
                n: p.shape for n, p in expected.items()
            }
            assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("task", "architecture", "entry"), EVERY)
def test_balanced_weights_compute_the_same_by_layers_of_nearly_equal_norm(
    task, architecture, entry
):
    plain, even = entry(16, 20), entry.balanced(16, 20)
    network = getattr(published, architecture)(16, 20)
    inputs = tasks.load(task).split("uniform", 16, 20).train.inputs(slice(0, 50))
    outputs = [Model(network, weights, dense=True).outputs(inputs) for weights in (plain, even)]
    assert np.array_equal(*outputs)
    norms = [
        [np.linalg.norm(array) for name, array in weights.items() if name.endswith("weight")]
        for weights in (plain, even)
    ]
    # Each norm is within a factor of 2 of the mean.
    assert max(norms[1]) <= 4 * min(norms[1])
    assert max(norms[1]) / min(norms[1]) <= max(norms[0]) / min(norms[0])


@pytest.mark.parametrize(("task", "architecture", "entry"), EVERY)
def test_sides_beyond_the_limits_are_refused_by_the_table_and_by_the_function(
    task, architecture, entry
):
    shortest, longest = entry.sides
    entry(shortest, shortest)
    entry.require(longest, longest)
    for height, width in ((shortest - 1, 16), (16, shortest - 1), (longest + 1, 16)):
        message = f"canvas of {height}x{width}; give sides of {shortest} to {longest} pixels"
        with pytest.raises(ValueError, match=message):
            entry(height, width)
        with pytest.raises(ValueError, match=r"canvas|height is 0|width is 0"):
            entry.compute(height, width)


@pytest.mark.parametrize("task", ["coord2onehot", "coord2image"])
def test_a_kernel_that_reaches_nothing_is_refused_by_both(task):
    entry = WEIGHTS[task, "deconv"]
    with pytest.raises(ValueError, match="no weights are known for a kernel of 1; give 2 or more"):
        entry.require(64, 64, kernel=1)
    with pytest.raises(ValueError, match="kernel of 1"):
        entry.compute(64, 64, kernel=1)


def test_the_positions_that_are_lost_are_few_and_named():
    pixels, squares = WEIGHTS["coord2onehot", "deconv"], WEIGHTS["coord2image", "deconv"]
    assert pixels.unsolved(64, 64, kernel=2, coordinates="pixels") == [(0, 0)]
    assert pixels.unsolved(32, 32, kernel=2, coordinates="pixels") == []
    assert pixels.unsolved(64, 64) == squares.unsolved(64, 64) == []
    assert squares.unsolved(57, 9) == [(4, 28)]
    assert squares.unsolved(57, 9, coordinates="pixels") == squares.unsolved(55, 55) == []
    assert squares.unsolved(57, 57, kernel=4) == []
    for key, entry in WEIGHTS.items():
        if key[1] != "deconv":
            assert entry.unsolved(64, 64) == []


def test_the_generator_of_scenes_has_weights_where_it_has_proposals():
    entry = WEIGHTS[GENERATOR]
    for chosen in ({}, {"channels": 70}):
        expected = published.coordconv_g(50, 61, **chosen).generator.parameters()
        weights = entry(50, 61, **chosen)
        assert {n: a.shape for n, a in weights.items()} == {n: p.shape for n, p in expected.items()}
    entry.require(21, 61)
    with pytest.raises(ValueError, match="canvas of 20x61; give sides of 21 to"):
        entry.require(20, 61)
    with pytest.raises(ValueError, match="canvas of 49x49; there must be a place 20 pixels"):
        entry.require(49, 49)
    with pytest.raises(ValueError, match="for 8 channels; give 64 or more"):
        entry(64, 64, channels=8)


def test_the_generator_draws_valid_scenes_with_balanced_weights_too():
    latents = tasks.load("two-objects").split("all", 50, 50).test.inputs(slice(0, 2))
    network = published.coordconv_g(50, 50).generator
    pictures = [
        np.tanh(Model(network, weights, dense=True).outputs(latents))
        for weights in (WEIGHTS[GENERATOR](50, 50), WEIGHTS[GENERATOR].balanced(50, 50))
    ]
    assert np.array_equal(*pictures)
