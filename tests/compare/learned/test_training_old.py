"""The loop learns, repeats itself, and goes on from a checkpoint to the same bits."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from compare import backends
from compare.files import read_arrays, write_arrays
from compare.learned import losses, training
from compare.learned.architecture import Architecture
from compare.learned.layers import BatchNorm, Conv, CoordConv, Flatten, GlobalMeanPool, Relu, Tile
from compare.learned.optimizer import _adam_rate, _decay
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import to_arrays
from compare.learned.sparse.patches import gather
from compare.learned.state import State, read_checkpoint
from compare.learned.steps import _step
from compare.learned.training import begin, train
from compare.tasks import load

TASK = load("onehot2coord")
SIZE = (16, 20)
DATA = TASK.split("uniform", *SIZE).train
INPUTS = gather([DATA.inputs()])
TARGETS = TASK.encode(DATA.positions, *SIZE)
NETWORK = Architecture(
    (1, *SIZE),
    (CoordConv(4, kernel=1), Conv(4, kernel=3), BatchNorm(), Relu(), Conv(2, 3), GlobalMeanPool(),
     Flatten()),
)  # fmt: skip

# Without the batch norm, which takes a batch whole, a step may go by microbatches.
MICROBATCHED = replace(NETWORK, layers=tuple(x for x in NETWORK.layers if x != BatchNorm()))


def run(epochs=4, seed=0, batch=16, **arguments):
    return train(
        NETWORK, INPUTS, TARGETS,
        Recipe(0.01, batch=batch), epochs=epochs, seed=seed, backend=backends.load("numpy"),
        **arguments,
    )  # fmt: skip


def same(a: State, b: State) -> bool:
    return a.losses == b.losses and all(
        np.array_equal(getattr(a, group)[name], getattr(b, group)[name])
        for group in ("weights", "mean", "square")
        for name in getattr(a, group)
    )


def test_the_loss_falls():
    losses = run(epochs=20).losses
    assert len(losses) == 20
    assert losses[-1] < losses[0] / 4


def test_a_seed_decides_everything():
    assert same(run(seed=3), run(seed=3))
    assert not same(run(seed=3), run(seed=4))


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    """However early: Ctrl-C writes a checkpoint, and the next call ends with the same bits."""
    path = tmp_path / "checkpoint.npz"
    seen = []

    def interrupt(progress):
        seen.append(progress.epoch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, on_progress=interrupt)
    again = run(checkpoint=path, on_progress=lambda progress: seen.append(progress.epoch))
    assert seen == [1, 2, 3, 4]
    assert same(again, run())


def test_weights_and_statistics_stay_float32():
    assert {array.dtype for array in run().weights.values()} == {np.dtype(np.float32)}


def test_one_step_is_adam():
    """Against the algorithm of Kingma & Ba written out for one parameter array."""
    gradients = []
    recipe = Recipe(0.01, l2=0.0)
    backend = backends.load("numpy")
    step = _step(NETWORK, recipe, backend)
    inputs, targets = INPUTS, TARGETS
    state = begin(NETWORK, 0, backend)
    shared, samples = to_arrays(inputs)
    arrays = (state.weights, state.mean, state.square, np.zeros((), np.float32))
    m = v = 0.0
    for t in range(1, 4):
        before = arrays[0]["0.weight"].astype(float)
        old_mean = arrays[1]["0.weight"].astype(float)
        rate = _adam_rate(recipe, t)
        arrays = step(*arrays, rate, shared, targets, *samples)
        gradient = (arrays[1]["0.weight"] - 0.9 * old_mean) / 0.1
        gradients.append(gradient)
        m = 0.9 * m + 0.1 * gradient
        v = 0.99 * v + 0.01 * gradient**2
        update = 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
        np.testing.assert_allclose(arrays[0]["0.weight"], before - update, rtol=1e-4, atol=1e-6)
    assert np.abs(gradients).max() > 0


def test_the_penalty_pulls_kernels_and_leaves_biases():
    backend = backends.load("numpy")
    inputs, targets = INPUTS, TARGETS
    shared, samples = to_arrays(inputs)
    means = {}
    for l2 in (0.0, 1.0):
        state = begin(NETWORK, 0, backend)
        step = _step(NETWORK, Recipe(0.01, l2=l2), backend)
        _, means[l2], _, _ = step(
            state.weights, state.mean, state.square, np.float32(0), 0.01, shared, targets, *samples
        )
    kernels = NETWORK.initial_weights(0)["0.weight"]
    np.testing.assert_allclose(
        means[1.0]["0.weight"] - means[0.0]["0.weight"], 0.1 * 2 * kernels, rtol=1e-4, atol=1e-6
    )
    assert np.array_equal(means[1.0]["0.bias"], means[0.0]["0.bias"])


def test_microbatches_add_up_to_the_whole(monkeypatch):
    network = Architecture((2,), (Tile(5, 6), CoordConv(8, 1), Relu(), Conv(1, 3), Flatten()))
    inputs = np.random.default_rng(0).normal(size=(13, 2))
    targets = np.random.default_rng(1).integers(30, size=13)
    backend = backends.load("numpy")
    means = []
    for size in (1 << 30, 240, 480):
        monkeypatch.setattr(type(backend), "microbatch", lambda self, size=size: size)
        state = begin(network, 0, backend)
        weights = {name: array.astype(float) for name, array in state.weights.items()}
        step = _step(network, Recipe(0.01, loss="softmax"), backend)
        arguments = (weights, state.mean, state.square, 0.0, 0.01, (), targets, inputs)
        _, mean, _, loss = step(*arguments)
        means.append({**mean, "loss": loss})
    for mean in means[1:]:
        for name, expected in means[0].items():
            np.testing.assert_allclose(mean[name], expected, rtol=1e-10, atol=1e-12)


def test_threads_leave_the_bits_as_they_are(monkeypatch):
    from threadpoolctl import ThreadpoolController

    from compare.backends import numpy as numpy_backend

    monkeypatch.setattr(numpy_backend.NumpyBackend, "microbatch", lambda self: 1 << 12)
    states = []
    for threads in (1, 4, 4):
        with ThreadPoolExecutor(threads) as pool:
            monkeypatch.setattr(numpy_backend, "_threads", lambda: (pool, ThreadpoolController()))
            states.append(train(
                MICROBATCHED, INPUTS, TARGETS, Recipe(0.01, batch=64), epochs=2, seed=0,
                backend=backends.load("numpy"),
            ))  # fmt: skip
    assert same(states[0], states[1])
    assert same(states[0], states[2])


def test_the_step_schedule_takes_a_tenth_after_each_fifth():
    recipe = Recipe(0.01, schedule="step")
    rates = [_decay(recipe, epoch, 1000) for epoch in (0, 199, 200, 400, 600, 800, 999)]
    np.testing.assert_allclose(rates, [1, 1, 0.1, 0.01, 1e-3, 1e-4, 1e-4])
    assert _decay(Recipe(0.01), 900, 1000) == 1


class KilledError(Exception):
    pass


@pytest.mark.parametrize("steps", [1, 5, 8, 13])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path, monkeypatch, steps):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    checkpoint = tmp_path / "checkpoint.npz"
    save, count = State.save, 0

    def save_and_die(self, path, backend):
        nonlocal count
        save(self, path, backend)
        count += 1
        if count == steps:
            raise KilledError

    monkeypatch.setattr(State, "save", save_and_die)
    with pytest.raises(KilledError):
        run(checkpoint=checkpoint)
    monkeypatch.setattr(State, "save", save)
    backend = backends.load("numpy")
    begun = begin(NETWORK, 0, backend)
    assert State.of(read_checkpoint(checkpoint, like=begun), backend).steps == steps
    assert same(run(checkpoint=checkpoint), run())


def test_a_damaged_checkpoint_is_named_and_training_starts_anew(tmp_path):
    checkpoint = tmp_path / "checkpoint.npz"
    checkpoint.write_bytes(b"not an archive")
    with pytest.warns(UserWarning, match="checkpoint.npz is not a readable array file"):
        resumed = run(checkpoint=checkpoint)
    assert same(resumed, run())


def _checkpoint_of(path, network, monkeypatch):
    """Train a network, and leave the checkpoint of its last step at `path`."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    train(
        network, INPUTS, TARGETS, Recipe(0.01, batch=16), epochs=2, seed=0,
        backend=backends.load("numpy"), checkpoint=path,
    )  # fmt: skip


def test_a_checkpoint_of_another_network_is_not_taken(tmp_path, monkeypatch):
    wider = Architecture((1, *SIZE), (CoordConv(5, 1), Conv(2, 3), GlobalMeanPool(), Flatten()))
    _checkpoint_of(tmp_path / "checkpoint.npz", wider, monkeypatch)
    with pytest.warns(UserWarning, match="checkpoint.npz is the checkpoint of another network"):
        resumed = run(checkpoint=tmp_path / "checkpoint.npz")
    assert same(resumed, run())


@pytest.mark.parametrize("name", ["weights/0.weight", "steps", "losses"])
def test_a_checkpoint_that_was_changed_is_not_taken(tmp_path, monkeypatch, name):
    checkpoint = tmp_path / "checkpoint.npz"
    _checkpoint_of(checkpoint, NETWORK, monkeypatch)
    arrays = read_arrays(checkpoint)
    arrays[name] = arrays[name] + arrays[name].dtype.type(1)
    write_arrays(checkpoint, arrays)
    with pytest.warns(UserWarning, match="checkpoint.npz was changed after it was written"):
        resumed = run(checkpoint=checkpoint)
    assert same(resumed, run())


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path, monkeypatch):
    """Of the same network, but from another directory, so of another seed or recipe."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    _checkpoint_of(tmp_path / "one" / "checkpoint.npz", NETWORK, monkeypatch)
    checkpoint = tmp_path / "other" / "checkpoint.npz"
    checkpoint.write_bytes((tmp_path / "one" / "checkpoint.npz").read_bytes())
    with pytest.warns(UserWarning, match="or belongs to another run; training starts anew"):
        resumed = run(checkpoint=checkpoint)
    assert same(resumed, run())


def test_a_loss_that_is_not_finite_ends_the_run(monkeypatch, tmp_path):
    def broken(backend, outputs, targets):
        return losses.mse(backend, outputs, targets) * np.float32(np.inf)

    monkeypatch.setitem(losses.LOSSES, "mse", broken)

    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    for _ in range(2):  # the second time from the checkpoint of the end
        with np.errstate(all="ignore"):
            state = train(
                NETWORK, INPUTS, TARGETS, Recipe(0.01), epochs=50, seed=0,
                backend=backends.load("numpy"), checkpoint=tmp_path / "checkpoint.npz",
            )  # fmt: skip
        assert len(state.losses) == 1
        assert not np.isfinite(state.losses[0])


def test_progress_is_reported_after_each_epoch():
    seen = []
    state = run(epochs=3, on_progress=seen.append)
    assert [(p.epoch, p.epochs) for p in seen] == [(1, 3), (2, 3), (3, 3)]
    assert tuple(p.loss for p in seen) == state.losses
