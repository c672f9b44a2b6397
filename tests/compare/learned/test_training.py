"""What `train` does with an epoch: its order, its batches, its mean loss, its end, its clock.

A loss of the test's own records the targets, the numbers of the samples, of every batch.
"""

import inspect
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from compare import backends
from compare.errors import RunError
from compare.files import read_arrays, write_arrays
from compare.learned import losses, training
from compare.learned.architecture import Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
    CoordConv,
    Dense,
    Flatten,
    GlobalMeanPool,
    Relu,
)
from compare.learned.losses import LOSSES
from compare.learned.recipe import Recipe
from compare.learned.sparse.patches import gather
from compare.learned.state import State, marks, read_checkpoint
from compare.learned.training import (
    CHECKPOINT_SECONDS,
    Progress,
    initial_state,
    losses_by_step,
    state_from_weights,
)
from compare.tasks import load


def train(architecture, inputs, targets, recipe, *, epochs, **arguments):
    """Train for so many epochs by a recipe."""
    recipe = replace(recipe, epochs=epochs)
    return training.train(architecture, inputs, targets, recipe, **arguments)


BACKEND = backends.load("numpy")
LINE = Architecture((1,), (Dense(1),))


@pytest.fixture
def batches(monkeypatch, request):
    """Return (count, batch, epochs, seed) to the samples of each step, in order."""

    def drawn(count, batch, epochs, seed=0):
        steps = []

        def loss(backend, outputs, targets):
            steps.append(targets.ravel().astype(int).tolist())
            return backend.xp.mean(outputs)

        # A name of its own for each training, since a compiled step is kept for its recipe.
        name = f"recorded by {request.node.name} for {count}, {batch}, {epochs}, {seed}"
        monkeypatch.setitem(LOSSES, name, loss)
        numbers = np.arange(count, dtype=np.float32)[:, None]
        recipe = Recipe(0.01, batch=batch, loss=name)
        state = train(LINE, numbers, numbers, recipe, epochs=epochs, seed=seed, backend=BACKEND)
        assert state.steps == len(steps)
        return steps

    return drawn


@pytest.mark.parametrize(
    ("count", "batch", "sizes"),
    [
        (10, 4, [4, 4, 2]),
        (8, 4, [4, 4]),
        (9, 4, [4, 4, 1]),
        (4, 4, [4]),
        (3, 4, [3]),
        (5, 1, [1] * 5),
        (1, 4, [1]),
    ],
)
def test_an_epoch_is_whole_batches_and_the_rest(batches, count, batch, sizes):
    steps = batches(count, batch, epochs=3)
    assert [len(step) for step in steps] == sizes * 3
    for epoch in range(3):
        samples = chain(*steps[epoch * len(sizes) : (epoch + 1) * len(sizes)])
        assert sorted(samples) == list(range(count))


def test_no_two_epochs_and_no_two_seeds_have_the_same_order(batches):
    """Among them seed 1's first epoch and seed 0's second, whose numbers add up to the same."""
    orders = []
    for seed in range(3):
        steps = batches(50, 50, epochs=3, seed=seed)
        orders += [tuple(step) for step in steps]
    assert len(set(orders)) == 9
    assert tuple(range(50)) not in orders


def test_the_order_is_the_seeds_and_not_the_batchs_or_the_number_of_epochs(batches):
    long, short = batches(12, 4, epochs=4), batches(12, 6, epochs=2)
    assert list(chain(*long[:6])) == list(chain(*short))


def test_every_place_of_the_order_is_as_likely(batches):
    """A chi-square of sample against place, over 200 epochs: 64 counts that should be 25."""
    steps = batches(8, 8, epochs=200)
    counts = np.zeros((8, 8))
    for step in steps:
        counts[step, range(8)] += 1
    # Of 49 degrees of freedom: the mean is 49, and 1 in 10,000 is above 91.
    assert ((counts - 25) ** 2 / 25).sum() < 91


def test_a_training_starts_from_given_weights():
    """With those of a seed it is that seed's; of others, no epoch changes anything."""
    inputs = np.linspace(-1, 1, 24, dtype=np.float32)[:, None]
    arguments = {"seed": 3, "backend": BACKEND}
    data, recipe = (LINE, inputs, 3 * inputs + 1), Recipe(0.05, batch=5)
    usual = state_from_weights(LINE, LINE.initial_weights(3), BACKEND)
    first, again = (
        train(*data, recipe, epochs=3, initial=initial, **arguments) for initial in (None, usual)
    )
    assert first.losses == again.losses
    line = {"0.weight": np.float32([[3]]), "0.bias": np.float32([1])}
    state = train(
        *data, recipe, epochs=0, initial=state_from_weights(LINE, line, BACKEND), **arguments
    )
    assert state.weights == line
    kept = train(
        *data, recipe, epochs=1, initial=state_from_weights(LINE, line, BACKEND), **arguments
    )
    assert kept.losses[0] < 1e-12 < first.losses[0]


def test_inputs_and_targets_stay_together():
    """With the targets 3 x + 1 in any order but that of the inputs, no line would have loss 0."""
    inputs = np.linspace(-1, 1, 24, dtype=np.float32)[:, None]
    state = train(
        LINE, inputs, 3 * inputs + 1, Recipe(0.05, l2=0.0, batch=5), epochs=80, seed=0,
        backend=BACKEND,
    )  # fmt: skip
    assert state.losses[-1] < 1e-6
    assert state.weights["0.weight"].item() == pytest.approx(3, abs=1e-3)
    assert state.weights["0.bias"].item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("batch", [1, 3, 4, 7, 10, 16])
def test_the_loss_of_an_epoch_is_the_mean_over_samples(batch):
    """At rate 0 it is that of all samples at once, however they go into batches.

    The mean over batches would count the samples of a last, smaller one more.
    """
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(10, 1)).astype(np.float32)
    targets = (10 * rng.normal(size=(10, 1))).astype(np.float32)
    recipe = Recipe(0.0, l2=0.0, batch=batch)
    state = train(LINE, inputs, targets, recipe, epochs=2, seed=0, backend=BACKEND)
    slope = LINE.initial_weights(0)["0.weight"].astype(float)
    expected = np.mean((inputs @ slope - targets) ** 2)
    np.testing.assert_allclose(state.losses, [expected] * 2, rtol=1e-6)


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_the_losses_of_one_epoch_are_known_by_step(batch, batches):
    """At rate 0 they are those of the samples of each step, by the first weights."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(10, 1)).astype(np.float32)
    targets = (10 * rng.normal(size=(10, 1))).astype(np.float32)
    state = train(
        LINE, inputs, targets, Recipe(0.0, l2=0.0, batch=batch), epochs=1, seed=0, backend=BACKEND
    )
    slope = LINE.initial_weights(0)["0.weight"].astype(float)
    squares = ((inputs @ slope - targets) ** 2)[:, 0]
    expected = [squares[step].mean() for step in batches(10, batch, epochs=1)]
    found = losses_by_step(state.sums, 10, batch)
    assert list(found) == list(range(1, len(expected) + 1))
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-4)


def test_the_losses_of_a_long_epoch_are_means_since_the_step_before():
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(2, 123, 1)).astype(np.float32)
    state = train(LINE, inputs, targets, Recipe(0.01), epochs=1, seed=0, backend=BACKEND)
    assert losses_by_step(state.sums, 123, 256) == {1: pytest.approx(state.losses[0])}
    state = train(LINE, inputs, targets, Recipe(0.01, batch=1), epochs=1, seed=0, backend=BACKEND)
    found = losses_by_step(state.sums, 123, 1)
    assert tuple(found) == marks(123)
    samples = np.diff([0, *found])
    assert np.average(list(found.values()), weights=samples) == pytest.approx(state.losses[0])
    two = train(LINE, inputs, targets, Recipe(0.01, batch=9), epochs=2, seed=0, backend=BACKEND)
    assert losses_by_step(two.sums, 123, 9) == {}


def test_the_penalty_counts_once_in_the_loss_of_an_epoch():
    network = Architecture((1, 2, 2), (Conv(1, kernel=1), Flatten()))
    zeros, targets = np.zeros((10, 1, 2, 2), np.float32), np.full((10, 4), 2, np.float32)
    recipe = Recipe(0.0, l2=0.5, batch=4)
    state = train(network, zeros, targets, recipe, epochs=1, seed=0, backend=BACKEND)
    kernel = network.initial_weights(0)["0.weight"].item()
    # Pictures of zeros give the bias, 0, everywhere, so the squared difference is 4.
    assert state.losses == pytest.approx([4 + 0.5 * kernel**2], rel=1e-6)


def test_microbatches_leave_losses_and_weights_as_they_are(monkeypatch):
    """7 samples, 3 and 2 at a time, so that the last microbatch is a partial one."""
    rng = np.random.default_rng(0)
    network = Architecture((1, 4, 4), (Conv(3, kernel=3), Flatten(), Dense(2)))
    inputs, targets = rng.normal(size=(7, 1, 4, 4)), rng.normal(size=(7, 2))
    states, sizes = [], []

    def loss(backend, outputs, targets):
        sizes.append(len(targets))
        return LOSSES["mse"](backend, outputs, targets)

    monkeypatch.setitem(LOSSES, "mse of microbatches", loss)
    recipe = Recipe(0.01, l2=0.1, batch=7, loss="mse of microbatches")
    for samples in (7, 3, 2):
        # The largest map of the network has 3 x 4 x 4 numbers a sample.
        monkeypatch.setattr(type(BACKEND), "microbatch", lambda _, samples=samples: 48 * samples)
        states.append(train(network, inputs, targets, recipe, epochs=1, seed=0, backend=BACKEND))
    # They may be computed at the same time, in any order.
    assert (sizes[0], sorted(sizes[1:4]), sorted(sizes[4:])) == (7, [1, 3, 3], [1, 2, 2, 2])
    for state in states[1:]:
        np.testing.assert_allclose(state.losses, states[0].losses, rtol=1e-6)
        for name, expected in states[0].weights.items():
            np.testing.assert_allclose(state.weights[name], expected, rtol=1e-4, atol=1e-6)


def test_a_sample_larger_than_a_microbatch_is_computed_alone(monkeypatch):
    monkeypatch.setattr(type(BACKEND), "microbatch", lambda _: 1)
    inputs = np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2)
    network = Architecture((2,), (Dense(2),))
    state = train(network, inputs, inputs, Recipe(0.0, batch=3), epochs=1, seed=0, backend=BACKEND)
    outputs, _ = network.apply(BACKEND, network.initial_weights(0), inputs)
    assert state.losses == pytest.approx([np.mean((outputs - inputs) ** 2)], rel=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_training_stops_after_an_epoch_whose_loss_is_not_finite(monkeypatch, value):
    """Of two steps an epoch the fifth, the first of epoch 3, goes wrong; epoch 3 is ended."""
    calls, reports = [], []

    def loss(backend, outputs, targets):
        calls.append(len(targets))
        return backend.xp.mean(outputs) + (value if len(calls) == 5 else 0)

    name = f"{value} in step 5"
    monkeypatch.setitem(LOSSES, name, loss)
    zeros = np.zeros((4, 1), np.float32)
    state = train(
        LINE, zeros, zeros, Recipe(1.0, batch=2, l2=0.0, loss=name), epochs=9, seed=0,
        backend=BACKEND, on_progress=reports.append,
    )  # fmt: skip
    # The bias falls by 1 a step: 0 and -1, then -2 and -3.
    assert state.losses[:2] == pytest.approx([-0.5, -2.5], rel=1e-5)
    assert len(state.losses) == 3
    np.testing.assert_equal(state.losses[2], value)
    assert state.steps == 6
    assert [(report.epoch, report.epochs) for report in reports] == [(1, 9), (2, 9), (3, 9)]


def test_no_epochs_are_the_first_weights():
    zeros, reports = np.zeros((2, 1), np.float32), []
    state = train(
        LINE, zeros, zeros, Recipe(0.1), epochs=0, seed=3, backend=BACKEND,
        on_progress=reports.append,
    )  # fmt: skip
    assert (state.steps, state.losses, reports) == (0, (), [])
    for name, array in LINE.initial_weights(3).items():
        assert np.array_equal(state.weights[name], array)


def test_progress_gives_the_epoch_their_number_and_the_loss():
    ones, reports = np.ones((4, 1), np.float32), []
    state = train(
        LINE, ones, ones, Recipe(0.1, batch=2), epochs=2, seed=0, backend=BACKEND,
        on_progress=reports.append,
    )  # fmt: skip
    assert reports == [Progress(1, 2, state.losses[0]), Progress(2, 2, state.losses[1])]


@pytest.fixture
def clock(monkeypatch):
    """Make every step take four seconds: each look at the clock is that much later."""
    ticks = iter(range(0, 100_000, 4))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))


def trained(path, epochs):
    zeros = np.zeros((4, 1), np.float32)
    return train(
        LINE, zeros, zeros, Recipe(0.1, batch=2), epochs=epochs, seed=0, backend=BACKEND,
        checkpoint=path,
    )  # fmt: skip


def test_a_checkpoint_is_written_every_ten_seconds(tmp_path, monkeypatch, clock):
    assert CHECKPOINT_SECONDS == 10
    saved = []
    monkeypatch.setattr(State, "save", lambda self, path, backend: saved.append(self.steps))
    trained(tmp_path / "checkpoint.npz", epochs=5)
    assert saved == [3, 6, 9, 10]  # the last before it is predicted and written


def test_the_end_of_a_short_training_is_not_written(tmp_path, monkeypatch):
    assert training.WORTH_SAVING == 1
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    trained(tmp_path / "checkpoint.npz", epochs=5)
    assert list(tmp_path.iterdir()) == []


def test_without_a_path_nothing_is_saved(tmp_path, monkeypatch, clock):
    def fail(self, path, backend):
        pytest.fail("saved")

    monkeypatch.setattr(State, "save", fail)
    trained(None, epochs=5)


def test_the_seconds_of_interrupted_runs_add_up(tmp_path, monkeypatch, clock):
    monkeypatch.setattr(training, "WORTH_SAVING", math.inf)
    path = tmp_path / "checkpoint.npz"
    state = trained(path, epochs=5)
    assert (state.steps, state.seconds) == (10, 40.0)
    # The last checkpoint is that of step 9; one step is left.
    again = trained(path, epochs=5)
    assert (again.steps, again.seconds) == (10, 40.0)
    assert np.array_equal(again.weights["0.bias"], state.weights["0.bias"])


def test_a_resumed_run_may_train_for_more_epochs(tmp_path, clock):
    path = tmp_path / "checkpoint.npz"
    trained(path, epochs=2)
    more, at_once = trained(path, epochs=6), trained(None, epochs=6)
    assert (more.steps, more.losses) == (at_once.steps, at_once.losses)
    assert np.array_equal(more.weights["0.weight"], at_once.weights["0.weight"])


def stopped_by(error, path):
    """Train for an epoch of two steps and raise `error`, which comes out of `train`."""

    def stop(progress):
        raise error

    zeros = np.zeros((4, 1), np.float32)
    with pytest.raises(type(error)):
        train(
            LINE, zeros, zeros, Recipe(0.1, batch=2), epochs=3, seed=0, backend=BACKEND,
            checkpoint=path, on_progress=stop,
        )  # fmt: skip


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), RunError("a worker was lost"), OSError(28, "No space left")]
)
def test_what_ends_a_run_leaves_a_checkpoint(tmp_path, error):
    path = tmp_path / "checkpoint.npz"
    stopped_by(error, path)
    like = initial_state(LINE, 0, BACKEND).arrays(BACKEND)
    assert read_checkpoint(path, like, epochs=3, steps_an_epoch=2)["steps"] == 2


def test_any_other_error_leaves_none(tmp_path):
    stopped_by(ZeroDivisionError(), tmp_path / "checkpoint.npz")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_without_a_path_saves_nothing(monkeypatch):
    def fail(self, path, backend):
        pytest.fail("saved")

    monkeypatch.setattr(State, "save", fail)
    stopped_by(KeyboardInterrupt(), None)


def test_after_running_out_of_memory_nothing_is_saved(tmp_path, monkeypatch):
    """A device may say so late, when the state is no longer whole."""
    calls = []

    def loss(backend, outputs, targets):
        calls.append(len(targets))
        if len(calls) == 6:
            raise MemoryError("all gone")
        return backend.xp.mean(outputs)

    monkeypatch.setitem(LOSSES, "out of memory in step 6", loss)
    zeros = np.zeros((7, 1), np.float32)
    # Steps of 3, 3 and 1 samples: the sixth is the third of epoch 2.
    message = (
        r"out of memory on cpu in epoch 2, step 3, with a batch of 1 samples \(all gone\); "
        r"try a batch of 1\."
    )
    with pytest.raises(RunError, match=message):
        train(
            LINE, zeros, zeros, Recipe(0.1, batch=3, loss="out of memory in step 6"), epochs=3,
            seed=0, backend=BACKEND, checkpoint=tmp_path / "checkpoint.npz",
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_the_warning_about_a_checkpoint_names_the_line_that_called(tmp_path):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(b"not an archive")
    with pytest.warns(UserWarning, match="training begins again") as warned:
        trained(path, epochs=1)
    lines, first = inspect.getsourcelines(train)
    assert [warning.filename for warning in warned] == [__file__]
    assert first <= warned[0].lineno < first + len(lines)


TASK = load("onehot2coord")
SIZE = (16, 20)
DATA = TASK.split("uniform", *SIZE).train
INPUTS = gather([DATA.inputs()])
TARGETS = TASK.supervision.encode(DATA.positions, *SIZE)
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
    # A dense layer's gradient comes straight from the loss, with no primitive of ours between.
    for loss, dense in (("mse", Dense(2)), ("sigmoid", Dense(2)), ("softmax", Dense(3))):
        targets = np.zeros(3, int) if loss == "softmax" else np.zeros((3, 2), np.float32)
        state = train(
            Architecture((2,), (dense,)), np.ones((3, 2), np.float32), targets,
            Recipe(0.1, loss=loss), epochs=2, seed=0, backend=backends.load("numpy"),
        )  # fmt: skip
        assert {array.dtype for array in state.weights.values()} == {np.dtype(np.float32)}, loss


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
    assert read_arrays(checkpoint)["steps"] == steps
    assert same(run(checkpoint=checkpoint), run())


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_a_killed_run_of_one_epoch_keeps_its_losses_by_step(tmp_path, monkeypatch, steps):
    """Here of 5 steps, of which only the second and the last are marked."""
    monkeypatch.setattr("compare.learned.state.MARKS", 2)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(2, 10, 1)).astype(np.float32)

    def run(**options):
        recipe = Recipe(0.1, batch=2)
        return train(LINE, *data, recipe, epochs=1, seed=0, backend=BACKEND, **options)

    save = State.save

    def save_and_die(self, path, backend):
        save(self, path, backend)
        if self.steps == steps:
            raise KilledError

    path = tmp_path / "checkpoint.npz"
    monkeypatch.setattr(State, "save", save_and_die)
    with pytest.raises(KilledError):
        run(checkpoint=path)
    monkeypatch.setattr(State, "save", save)
    whole, resumed = run(), run(checkpoint=path)
    assert losses_by_step(resumed.sums, 10, 2) == losses_by_step(whole.sums, 10, 2)
    assert list(losses_by_step(whole.sums, 10, 2)) == [2, 5]
    assert resumed.losses == whole.losses


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
    with pytest.warns(UserWarning, match="or belongs to another run; training begins again"):
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


def test_an_epoch_may_have_many_steps():
    zeros = np.zeros((300, 1), np.float32)
    state = train(LINE, zeros, zeros, Recipe(0.1, batch=1), epochs=2, seed=0, backend=BACKEND)
    assert (state.steps, len(state.losses)) == (600, 2)
