"""Training from computed weights: how they are disturbed, what is recorded, what survives a kill."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from compare import cli, tasks
from compare.backends import load
from compare.errors import UsageError
from compare.experiments import basin
from compare.experiments.basin import (
    Point,
    computed_weights,
    disturbed,
    gradients_at,
    identity_norms,
    make_points,
    mean_losses,
    noise_units,
    read_point,
    read_samples,
)
from compare.experiments.plan import Request
from compare.files import read_arrays
from compare.results.schema import FILES

NUMPY = load("numpy")


def points(task="onehot2coord", solver="coordconv", noises=(0.0,), flips=(0,), **changes):
    scalings = changes.pop("scalings", ("plain",))
    of = changes.pop("architecture_of", None)
    request = {"seeds": (0,), "size": "16", "split": "uniform", **changes}
    return make_points(Request(task=task, solver=solver, **request), scalings, noises, flips, of)


def plan_of(task, solver, split="uniform", size="16", **recipe):
    return points(task, solver, split=split, size=size, recipe=recipe)[0].plan


def network(task, solver, split="uniform", size="16", scaling="balanced", **recipe):
    """Return the solver, its computed weights and the training samples."""
    plan = plan_of(task, solver, split, size, **recipe)
    data = tasks.load(task).split(split, *plan.size).train
    return plan.build(), computed_weights(plan, scaling), data


# --- The disturbance ------------------------------------------------------------------------


def test_noise_1_is_the_spread_of_each_arrays_first_weights():
    """Worked out by hand: He-normal sqrt(2 / fan-in), Glorot-uniform sqrt(2 / (inputs + outputs)).

    A layer's biases have the unit of its weights.
    """
    solver, _, _ = network("onehot2coord", "conv", size="64")
    units = noise_units(solver.architecture)
    expected = {0: 2 / 9, 3: 2 / 144, 6: 2 / 144, 9: 2 / 144, 12: 2 / (1024 + 64), 14: 2 / 66}
    assert units == pytest.approx(
        {f"{n}.{name}": v**0.5 for n, v in expected.items() for name in ("weight", "bias")}
    )


@pytest.mark.parametrize("noise", [0.01, 1.0])
def test_the_noise_has_that_many_units(noise):
    solver, weights, _ = network("onehot2coord", "conv", size="64")
    units = noise_units(solver.architecture)
    noisy = disturbed(solver.architecture, weights, 3, noise, 0)
    z = np.concatenate(
        [((noisy[k].astype(float) - weights[k]) / (noise * units[k])).ravel() for k in units]
    )
    # Of 72,850 numbers: the mean is within 0.02 of 0, and the standard deviation of 1.
    assert (abs(z.mean()), abs(z.std() - 1)) < (0.02, 0.02)
    assert abs((abs(z) < 1).mean() - 0.6827) < 0.01


def test_batch_norms_get_no_noise():
    solver, weights, _ = network("onehot2coord", "conv", "quadrant")
    noisy = disturbed(solver.architecture, weights, 0, 1.0, 0)
    same = {name for name in weights if np.array_equal(noisy[name], weights[name])}
    assert same == {
        f"{n}.{name}" for n in (4, 10) for name in ("scale", "shift", "mean", "variance")
    }


def test_noise_of_one_seed_has_one_direction_of_its_own():
    solver, weights, _ = network("onehot2coord", "coordconv")
    small, large, other = (
        disturbed(solver.architecture, weights, seed, noise, 0)
        for seed, noise in ((0, 1), (0, 2), (1, 1))
    )
    name = "3.weight"
    first = small[name] - weights[name]
    assert large[name] - weights[name] == pytest.approx(2 * first, rel=1e-3, abs=1e-6)
    for unlike in (other[name] - weights[name], solver.architecture.initial_weights(0)[name]):
        assert abs(np.corrcoef(first.ravel(), unlike.ravel())[0, 1]) < 0.2


@pytest.mark.parametrize("flips", [1, 2, 8, 17])
def test_so_many_signs_are_flipped_and_nothing_else(flips):
    solver, weights, _ = network("onehot2coord", "coordconv")
    changed = {
        name: np.flatnonzero((array != weights[name]).ravel())
        for name, array in disturbed(solver.architecture, weights, 0, 0.0, flips).items()
    }
    assert sum(map(len, changed.values())) == flips
    after = disturbed(solver.architecture, weights, 0, 0.0, flips)
    for name, where in changed.items():
        assert np.array_equal(after[name].flat[where], -weights[name].flat[where])
    # Those of more flips are among them.
    more = disturbed(solver.architecture, weights, 0, 0.0, 17)
    assert all((more[k].flat[where] == after[k].flat[where]).all() for k, where in changed.items())


# --- The computed weights as a start --------------------------------------------------------


@pytest.mark.parametrize("scaling", basin.SCALINGS)
@pytest.mark.parametrize(
    ("task", "solver", "split"),
    [
        ("onehot2coord", "coordconv", "uniform"),
        ("onehot2coord", "conv", "uniform"),
        ("onehot2coord", "conv", "quadrant"),
        ("image2coord", "coordconv", "quadrant"),
        ("image2coord", "conv", "uniform"),
        ("coord2onehot", "coordconv", "uniform"),
        ("coord2onehot", "deconv", "uniform"),
        ("coord2image", "coordconv", "uniform"),
        ("coord2image", "deconv", "uniform"),
    ],
)
def test_without_a_disturbance_nothing_is_wrong(task, solver, split, scaling):
    recipe = {"width": "1"} if solver == "deconv" else {}
    learned, weights, data = network(task, solver, split, scaling=scaling, **recipe)
    weights = identity_norms(learned, weights, data)
    samples = tasks.load(task).evaluate(learned.load(weights), data).samples
    assert samples["exact"].all()
    (loss,) = mean_losses(learned, [weights], data)
    # Of a picture's sigmoid, log(1 + exp(-128)) is left.
    assert loss < 1e-50


def test_a_renderer_is_balanced_before_its_softmax_and_after():
    norms = {}
    for scaling in basin.SCALINGS:
        _, weights, _ = network("coord2image", "coordconv", scaling=scaling)
        norms[scaling] = [np.linalg.norm(w) for name, w in weights.items() if "weight" in name]
    for part in (slice(5), slice(5, None)):
        ratios = {k: max(own[part]) / min(own[part]) for k, own in norms.items()}
        assert ratios["balanced"] <= 4 < ratios["plain"]


@pytest.mark.parametrize(
    ("task", "solver", "split"),
    [("onehot2coord", "conv", "quadrant"), ("coord2onehot", "deconv", "uniform")],
)
def test_batch_norms_change_nothing_in_training_over_all_samples(task, solver, split):
    recipe = {"width": "1"} if solver == "deconv" else {}
    learned, weights, data = network(task, solver, split, "20", **recipe)
    chosen = identity_norms(learned, weights, data)
    apply, inputs = learned.architecture.apply, data.inputs()
    predicted, _ = apply(NUMPY, weights, inputs)
    assert np.array_equal(apply(NUMPY, chosen, inputs)[0], predicted)
    # In float64, for what float32 rounds in training is enlarged by the layers that follow.
    exact = {name: array.astype(float) for name, array in chosen.items()}
    trained, _ = apply(NUMPY, exact, inputs.astype(float), training=True)
    largest = float(np.abs(predicted).max())
    assert trained == pytest.approx(predicted, abs=1e-4 * largest)
    # With the weights as they are, training computes something else.
    as_they_are, _ = apply(NUMPY, weights, inputs, training=True)
    assert np.abs(as_they_are - predicted).max() > 0.1 * largest


def test_batches_have_other_moments():
    """The loss at the computed weights is 0 with all samples in one batch, and not in small ones."""
    losses = {}
    for batch in ("1000", "8"):
        learned, weights, data = network("onehot2coord", "conv", "quadrant", "20", batch=batch)
        losses[batch], _ = gradients_at(learned, identity_norms(learned, weights, data), data, 0)
    assert losses["1000"] < 1e-10
    assert losses["8"] > 1e-3


# --- The gradient ---------------------------------------------------------------------------


def test_the_gradient_is_pytorchs():
    """In float64, of a network of torch.nn's modules, at weights with noise."""
    torch = pytest.importorskip("torch")
    learned, weights, data = network("onehot2coord", "conv", batch="7")
    weights = disturbed(learned.architecture, weights, 0, 0.3, 0)
    loss, gradients = gradients_at(learned, weights, data, 0)

    nn = torch.nn
    layers = {n: nn.Conv2d(1 if n == 0 else 16, 16, 3, padding=1) for n in (0, 3, 6, 9)}
    layers |= {12: nn.Linear(64, 64), 14: nn.Linear(64, 2)}
    others = {n: nn.ReLU() for n in (1, 4, 7, 10, 13)}
    others |= {**{n: nn.MaxPool2d(2) for n in (2, 5, 8)}, 11: nn.Flatten()}
    twin = nn.Sequential(*(module for _, module in sorted((layers | others).items()))).double()

    def turned(n, name, array):
        return array.T if n > 10 and name == "weight" else array

    for n, module in layers.items():
        for name in ("weight", "bias"):
            array = turned(n, name, weights[f"{n}.{name}"])
            getattr(module, name).data = torch.tensor(np.array(array, float))
    targets = data.positions / 16
    outputs = twin(torch.tensor(data.inputs().astype(float)))
    expected = ((outputs - torch.tensor(targets)) ** 2).mean()
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for n, module in layers.items():
        for name in ("weight", "bias"):
            wanted = getattr(module, name).grad.numpy()
            found = turned(n, name, gradients[f"{n}.{name}"])
            assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4 * abs(wanted).max()), (n, name)


def test_at_the_computed_weights_only_the_penalty_has_a_gradient():
    learned, weights, data = network("onehot2coord", "coordconv", l2="0.5")
    start = basin._at_start(learned, weights, data, 0)
    squares = sum((w.astype(float) ** 2).sum() for name, w in weights.items() if "weight" in name)
    assert (start["loss"], start["data_gradient"]) == (0, 0)
    # The derivative of 0.5 w^2 is w.
    assert start["gradient"] == pytest.approx(squares**0.5)
    assert start["penalty"] == pytest.approx(0.5 * squares)


# --- A study --------------------------------------------------------------------------------

STUDY = [
    "basin", "--task", "onehot2coord", "--solver", "coordconv", "--size", "16", "--split",
    "uniform", "--epochs", "2", "--seeds", "2", "--noise", "0,0.1", "--flips", "0,2",
    "--scaling", "plain,balanced",
]  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished one: its directory, that of its figures, and what it prints."""
    folder = tmp_path_factory.mktemp("study")
    out, figures = folder / "basin", folder / "figures"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert cli.main([*STUDY, "--out", str(out), "--figures", str(figures), "-q"]) == 0
    return out, figures, printed.getvalue()


def the_point(out, pattern):
    (directory,) = out.glob(pattern)
    return directory, read_point(directory)


def test_each_point_has_a_directory(study):
    out, _, _ = study
    # Three starts by two scalings by two seeds, and the usual starts.
    assert len(list(out.iterdir())) == 3 * 2 * 2 + 2
    for directory in out.iterdir():
        files = {path.name for path in directory.iterdir()} - {".lock"}
        assert files == {"point.json", *FILES}


def test_what_is_recorded_is_what_the_weights_give(study):
    out, _, _ = study
    directory, record = the_point(out, "balanced-noise0.1-*-seed1-*")
    plan = plan_of("onehot2coord", "coordconv", epochs="2")
    learned, split = plan.build(), tasks.load(plan.task).split("uniform", 16, 16)
    computed = computed_weights(plan, "balanced")
    start = disturbed(learned.architecture, computed, 1, 0.1, 0)
    trained = read_arrays(directory / "weights.npz")
    assert all((trained[name] != start[name]).any() for name in start)

    def flat(weights):
        return np.concatenate([weights[name].ravel() for name in sorted(weights)]).astype(float)

    distances = {
        "computed": flat(computed), "start": flat(start) - flat(computed),
        "travelled": flat(trained) - flat(start), "end": flat(trained) - flat(computed),
    }  # fmt: skip
    expected = {name: np.linalg.norm(line) for name, line in distances.items()}
    assert record["distance"] == pytest.approx(expected)
    samples = tasks.load(plan.task).evaluate(learned.load(trained), split.test).samples
    errors = {"mean": samples["error"].mean(), "worst": samples["error"].max()}
    assert record["end"]["errors"]["test"] == errors
    assert np.array_equal(read_samples(directory)[1]["error"], samples["error"])
    # The line leads from the computed weights to the trained ones.
    outputs = learned.load(trained).predict(split.train.inputs()) / 16
    loss = ((outputs - split.train.positions / 16) ** 2).mean()
    line = record["line"]
    assert (line["share"][0], line["train"][0], line["share"][-1]) == (0, 0, 1)
    assert line["train"][-1] == pytest.approx(loss, rel=1e-4)
    assert line["penalty"][0] == pytest.approx(
        1e-5 * sum((w.astype(float) ** 2).sum() for k, w in computed.items() if "weight" in k)
    )


def test_the_usual_start_is_that_of_a_run(study, tmp_path):
    out, _, _ = study
    directory, record = the_point(out, "usual-*-seed1-*")
    run = ["run", *STUDY[1:11], "--seeds", "2", "--out", str(tmp_path)]
    assert cli.main(run) == 0
    (other,) = tmp_path.glob("*seed1*")
    expected = read_arrays(other / "weights.npz")
    found = read_arrays(directory / "weights.npz")
    assert all(np.array_equal(found[name], array) for name, array in expected.items())
    assert (record["line"], record["distance"]["end"]) == (None, None)


def test_the_table_fits_a_terminal(study):
    lines = study[2].splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("usual start ") for line in lines) == 2
    assert "the gradient has the norm 0; with the L2" in " ".join(lines).replace("its", "the")
    assert "not a rest point of training" in " ".join(lines)


def test_the_figures(study):
    names = ("success", "line", "errors-plain", "errors-balanced")
    assert {path.name for path in study[1].iterdir()} == {
        f"basin-onehot2coord-16x16-coordconv-{name}.{suffix}"
        for name in names for suffix in ("svg", "png")
    }  # fmt: skip


def test_what_is_finished_is_read_and_not_repeated(study, monkeypatch, capsys):
    monkeypatch.setattr(basin, "_train", lambda *_: pytest.fail("trained again"))
    assert cli.main([*STUDY, "--out", str(study[0]), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(row["scaling"], row["start"]) for row in answer["rows"]] == [
        *((scaling, start) for scaling in ("plain", "balanced")
          for start in ("computed", "noise 0.1", "2 flips")),
        ("usual", "usual start"),
    ]  # fmt: skip
    row = answer["rows"][1]
    errors = [
        the_point(study[0], f"plain-noise0.1-*-seed{seed}-*")[1]["end"]["errors"]["test"]["worst"]
        for seed in (0, 1)
    ]
    assert row["worst_error"]["by_seed"] == errors
    assert row["worst_error"]["median"] == pytest.approx(sum(errors) / 2)
    assert row["success"]["runs"] == sum(error < 0.5 for error in errors)


def test_a_damaged_file_is_named_and_trained_again(study, tmp_path, monkeypatch):
    (point,) = points(recipe={"epochs": "1"})[:1]
    first = basin.load_or_train(point, tmp_path)
    path = point.directory(tmp_path) / "weights.npz"
    path.write_bytes(path.read_bytes()[:-1])
    said = []
    again = basin.load_or_train(point, tmp_path, warn=said.append)
    assert said == [f"{path} is missing, damaged or was changed; training again"]
    assert again["end"] == first["end"]


def test_a_point_that_another_process_has_locked_comes_last(tmp_path, monkeypatch):
    from compare.results.runs import locked

    first, second = points(recipe={"epochs": "1"})
    first.directory(tmp_path).mkdir()
    said = []
    with contextlib.ExitStack() as other:
        other.enter_context(locked(first.directory(tmp_path)))
        results = basin.carry_out([first, second], tmp_path, warn=said.append)
        assert next(results)[0] == second
        monkeypatch.setattr(basin.time, "sleep", lambda _: other.close())
        assert [point for point, _ in results] == [first]
    assert said == [f"another process trains in {first.directory(tmp_path)}; waiting for it"]


# A checkpoint after every step.
PROGRAM = """
import sys
from compare import cli
from compare.learned import training
training.CHECKPOINT_SECONDS = 0.0
raise SystemExit(cli.main(sys.argv[1:]))
"""


def test_a_study_killed_in_a_training_ends_with_the_same_bits(tmp_path):
    command = [
        "basin", "--task", "onehot2coord", "--solver", "coordconv", "--size", "16", "--split",
        "uniform", "--epochs", "30", "--batch", "16", "--seeds", "1", "--noise", "0",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(out):
        arguments = [sys.executable, "-c", PROGRAM, *command, "--out", str(out)]
        return subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    out = tmp_path / "killed"
    process = start(out)
    while not (found := list(out.glob("plain-*/checkpoint.npz"))):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    steps = int(read_arrays(found[0])["steps"])
    assert 0 < steps < 30 * 3
    assert not list(out.glob("plain-*/point.json"))
    for where in (out, tmp_path / "whole"):
        process = start(where)
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    for one in out.iterdir():
        other = tmp_path / "whole" / one.name
        records = [read_point(one), read_point(other)]
        for record in records:
            del record["train_seconds"]
        assert records[0] == records[1]


def test_a_splits_network_is_trained_on_another_split(tmp_path):
    (computed, usual) = points(
        solver="conv", split="quadrant", architecture_of="uniform", recipe={"epochs": "1"}
    )
    assert {point.plan.split for point in (computed, usual)} == {"quadrant"}
    of_its_own, _ = points(solver="conv", split="quadrant", recipe={"epochs": "1"})
    assert computed.directory(tmp_path) != of_its_own.directory(tmp_path)
    results = dict(basin.carry_out([computed, usual], tmp_path))
    held_out = tasks.load("onehot2coord").split("quadrant", 16, 16).test
    for point, record in results.items():
        assert record["samples"]["test"] == len(held_out)
        # The uniform split's network on 16x16: four kernels, two dense layers.
        assert record["numbers"] == 160 + 3 * 2320 + (64 + 1) * 64 + 65 * 2
        _, samples = read_samples(point.directory(tmp_path))
        assert np.array_equal(samples["position"], held_out.positions)
    # In prediction the computed weights are right in the held-out corner too.
    assert results[computed]["start"]["errors"]["test"] == {"mean": 0.0, "worst": 0.0}
    (row, _) = basin.summarise([*results.items()])
    assert row["split"] == "quadrant"
    assert row["architecture_of"] == "uniform"


# --- Bad input ------------------------------------------------------------------------------


def test_a_task_without_computed_weights_names_those_with():
    with pytest.raises(UsageError, match="no computed weights"):
        points(solver=None)


def test_a_point_is_named_by_its_arguments(tmp_path):
    plan = plan_of("onehot2coord", "coordconv")
    several = [Point(plan, s, n, k) for s in basin.SCALINGS for n in (0.0, 0.5) for k in (0, 1)]
    assert len({point.directory(tmp_path) for point in several}) == 8


def test_computed_weights_draw_in_white_so_training_from_them_does_too():
    recipe = {"epochs": "1"}
    request = Request("coord2image", (0,), solver="coordconv", size="16", recipe=recipe)
    found = basin.make_points(request, ("plain",), (0.0,), ())
    assert {point.plan.recipe.target for point in found} == {"white"}
    with pytest.raises(UsageError, match="--target: computed weights draw white squares"):
        basin.make_points(replace(request, recipe={"target": "grey"}), ("plain",), (0.0,), ())
