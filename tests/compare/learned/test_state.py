"""A checkpoint holds everything that training needs, under fixed names, and nothing else."""

import re
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from compare import backends
from compare.files import read_arrays, write_sealed_arrays
from compare.learned import training
from compare.learned.architecture import Architecture
from compare.learned.layers import BatchNorm, Conv, Flatten
from compare.learned.recipe import Recipe
from compare.learned.state import MARKS, State, marks, read_checkpoint
from compare.learned.training import initial_state


def train(architecture, inputs, targets, recipe, *, epochs, **arguments):
    """Train for so many epochs by a recipe."""
    recipe = replace(recipe, epochs=epochs)
    return training.train(architecture, inputs, targets, recipe, **arguments)


BACKEND = backends.load("numpy")
NETWORK = Architecture((1, 2, 3), (Conv(2, kernel=1), BatchNorm(), Flatten()))
LIKE = initial_state(NETWORK, 0, BACKEND).arrays(BACKEND)
SHAPES = {
    "weights/0.weight": (2, 1, 1, 1),
    "weights/0.bias": (2,),
    "weights/1.scale": (2,),
    "weights/1.shift": (2,),
    "weights/1.mean": (2,),
    "weights/1.variance": (2,),
    # The running statistics are not trained, so Adam keeps nothing for them.
    "mean/0.weight": (2, 1, 1, 1),
    "mean/0.bias": (2,),
    "mean/1.scale": (2,),
    "mean/1.shift": (2,),
    "square/0.weight": (2, 1, 1, 1),
    "square/0.bias": (2,),
    "square/1.scale": (2,),
    "square/1.shift": (2,),
    "steps": (),
    "losses": (3,),
    "running_loss": (),
    "seconds": (),
}


@pytest.fixture
def state():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(4, 1, 2, 3)).astype(np.float32)
    targets = rng.normal(size=(4, 12)).astype(np.float32)
    state = train(NETWORK, inputs, targets, Recipe(0.1), epochs=3, seed=0, backend=BACKEND)
    return replace(state, running_loss=np.float32(1.5), seconds=2.25)


def test_a_run_begins_with_the_seeds_weights_and_no_means():
    state = initial_state(NETWORK, 5, BACKEND)
    weights = NETWORK.initial_weights(5)
    assert state.weights.keys() == weights.keys()
    assert all(np.array_equal(state.weights[name], weights[name]) for name in weights)
    trained = {"0.weight", "0.bias", "1.scale", "1.shift"}
    for means in (state.mean, state.square):
        assert means.keys() == trained
        for name, array in means.items():
            assert array.shape == weights[name].shape
            assert array.dtype == np.float32
            assert not array.any()
    assert (state.steps, state.losses, state.seconds, float(state.running_loss)) == (0, (), 0, 0)


def test_a_state_does_not_change():
    with pytest.raises(FrozenInstanceError):
        initial_state(NETWORK, 5, BACKEND).steps = 1


def test_the_names_and_shapes_of_a_checkpoint(state, tmp_path):
    state.save(tmp_path / "checkpoint.npz", BACKEND)
    arrays = read_arrays(tmp_path / "checkpoint.npz")
    assert arrays.pop("sha256").shape == ()
    assert {name: array.shape for name, array in arrays.items()} == SHAPES
    assert {arrays[name].dtype for name in SHAPES if "/" in name} == {np.dtype(np.float32)}
    assert (arrays["steps"], arrays["running_loss"], arrays["seconds"]) == (3, 1.5, 2.25)
    assert arrays["losses"].dtype == np.float64
    assert tuple(arrays["losses"]) == state.losses


def test_a_checkpoint_comes_back_to_the_same_bits(state, tmp_path):
    path = tmp_path / "checkpoint.npz"
    state.save(path, BACKEND)
    back = State.of(read_checkpoint(path, LIKE, epochs=3, steps_an_epoch=1), BACKEND)
    for group in ("weights", "mean", "square"):
        before, after = getattr(state, group), getattr(back, group)
        assert before.keys() == after.keys()
        for name in before:
            assert np.array_equal(before[name], after[name])
            assert before[name].dtype == after[name].dtype
    assert back.losses == state.losses
    assert (back.steps, back.seconds, back.running_loss) == (3, 2.25, np.float32(1.5))
    assert not np.array_equal(back.weights["1.mean"], NETWORK.initial_weights(0)["1.mean"])


def _changed(arrays, change):
    kind, name = change
    if kind == "without":
        return {key: array for key, array in arrays.items() if key != name}
    if kind == "with":
        return {**arrays, name: np.zeros(2, np.float32)}
    return {**arrays, name: np.zeros((*arrays[name].shape, 1), np.float32)}


@pytest.mark.parametrize(
    "change",
    [
        *(("without", name) for name in SHAPES),
        ("with", "weights/2.weight"),
        ("with", "mean/1.mean"),
        ("with", "unknown"),
        *(("reshaped", f"{group}/0.bias") for group in ("weights", "mean", "square")),
    ],
    ids=" ".join,
)
def test_a_checkpoint_with_other_arrays_is_refused(state, tmp_path, change):
    path = tmp_path / "checkpoint.npz"
    write_sealed_arrays(path, _changed(state.arrays(BACKEND), change))
    with pytest.raises(ValueError, match=re.escape(f"{path} is the checkpoint of another network")):
        read_checkpoint(path, LIKE, epochs=3, steps_an_epoch=1)


def _with_nan(array):
    return np.where(np.arange(array.size).reshape(array.shape) == 0, np.nan, array)


WRONG = {
    "weights in float64": ("weights/0.bias", lambda a: a.astype(np.float64), "0.bias in float64"),
    "moments in float16": ("mean/0.bias", lambda a: a.astype(np.float16), "0.bias in float16"),
    "a loss in float64": ("running_loss", lambda a: a.astype(np.float64), "running_loss in float64"),
    "losses in float32": ("losses", lambda a: a.astype(np.float32), "losses in float32"),
    "steps in float64": ("steps", lambda a: a.astype(np.float64), "steps in float64"),
    "whole seconds": ("seconds", lambda a: a.astype(np.int64), "seconds in int64"),
    "weights of texts": ("weights/0.bias", lambda a: a.astype("U4"), "0.bias in <U4"),
    "other byte order": ("weights/0.bias", lambda a: a.astype(">f4"), "0.bias in >f4"),
    "a billion steps": ("steps", lambda a: a * 0 + 10**9, "1000000000 steps, of 3"),
    "steps before the first": ("steps", lambda a: a * 0 - 1, "-1 steps, of 3"),
    "no steps": ("steps", lambda a: a * 0, "3 losses after 0 steps, 1 an epoch"),
    "fifty losses": ("losses", lambda a: np.zeros(50), "50 losses after 3 steps"),
    "a loss that ended it": ("losses", _with_nan, "went on after a loss that is not finite"),
    "negative seconds": ("seconds", lambda a: a * 0 - 5.0, "-5.0 seconds"),
    "seconds that are none": ("seconds", lambda a: a * np.nan, "nan seconds"),
    "endless seconds": ("seconds", lambda a: a * 0 + np.inf, "inf seconds"),
    "a mean that is none": (
        "mean/0.weight", lambda a: _with_nan(a).astype(np.float32), "mean/0.weight has what is not a",
    ),
    "squares that are none": (
        "square/0.weight", lambda a: _with_nan(a).astype(np.float32), "square/0.weight has what is n",
    ),
    "negative squares": ("square/0.weight", lambda a: -1 - a, "square/0.weight has a negative mean"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_checkpoint_that_no_training_leaves_is_refused(state, tmp_path, what):
    name, change, why = WRONG[what]
    path = tmp_path / "checkpoint.npz"
    arrays = state.arrays(BACKEND)
    write_sealed_arrays(path, arrays)
    read_checkpoint(path, LIKE, epochs=3, steps_an_epoch=1)  # it is good as it is
    write_sealed_arrays(path, {**arrays, name: np.asarray(change(arrays[name]))})
    with pytest.raises(ValueError, match=re.escape(why)):
        read_checkpoint(path, LIKE, epochs=3, steps_an_epoch=1)


def test_a_training_that_diverges_can_be_resumed(state, tmp_path):
    """Where the gradient was no number, the moments and the weights are none either."""
    path = tmp_path / "checkpoint.npz"
    arrays = state.arrays(BACKEND)
    for group in ("weights", "mean", "square"):
        arrays[f"{group}/0.weight"] = arrays[f"{group}/0.weight"] * np.float32(np.nan)
    arrays["square/0.bias"] = arrays["square/0.bias"] + np.float32(np.inf)
    arrays["running_loss"] = arrays["running_loss"] * np.float32(np.nan)
    write_sealed_arrays(path, arrays)
    read_checkpoint(path, LIKE, epochs=4, steps_an_epoch=1)


def test_the_loss_of_one_epoch_is_kept_after_up_to_fifty_steps():
    assert marks(1) == (1,)
    assert marks(MARKS) == tuple(range(1, MARKS + 1))
    for steps in (MARKS + 1, 99, 149, 3125):
        found = marks(steps)
        assert len(found) == MARKS
        assert found[-1] == steps
        gaps = np.diff([0, *found])
        assert gaps.min() >= 1
        assert gaps.max() - gaps.min() <= 1


def of_one_epoch(steps, sums):
    """Return the arrays of a checkpoint of a training of one epoch of 4 steps."""
    state = initial_state(NETWORK, 0, BACKEND)
    state = replace(state, steps=steps, sums=sums, running_loss=np.float32(0.25))
    return state.arrays(BACKEND)


def test_sums_of_losses_come_back_from_a_checkpoint(tmp_path):
    path, like = tmp_path / "checkpoint.npz", of_one_epoch(0, ())
    write_sealed_arrays(path, of_one_epoch(2, (1.5, 2.5)))
    back = read_checkpoint(path, like, epochs=1, steps_an_epoch=4)
    assert State.of(back, BACKEND).sums == (1.5, 2.5)
    # A training that goes on for more epochs has one sum for each.
    back = State.of(read_checkpoint(path, LIKE, epochs=3, steps_an_epoch=4), BACKEND)
    assert (back.sums, back.running_loss) == (None, np.float32(4.25))
    assert back.running_loss.dtype == np.float32
    # A checkpoint without them is from an earlier version, and is resumed.
    write_sealed_arrays(path, of_one_epoch(2, None))
    back = read_checkpoint(path, like, epochs=1, steps_an_epoch=4)
    assert State.of(back, BACKEND).sums is None


def test_sums_of_losses_that_do_not_fit_the_steps_are_refused(tmp_path):
    path, like = tmp_path / "checkpoint.npz", of_one_epoch(0, ())
    write_sealed_arrays(path, of_one_epoch(3, (1.5, 2.5)))
    with pytest.raises(ValueError, match="2 sums of losses after 3 steps of 4"):
        read_checkpoint(path, like, epochs=1, steps_an_epoch=4)
