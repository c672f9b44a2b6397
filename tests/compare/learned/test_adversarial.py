"""Adversarial training: against PyTorch's own, and to the same bits after an interruption."""

import numpy as np
import pytest

from compare import backends
from compare.datasets.streams import random_stream
from compare.datasets.two_objects import scenes
from compare.errors import RunError
from compare.learned import adversarial, published
from compare.learned.adversarial import CURVES, generator_weights, steps_an_epoch, train
from compare.learned.recipe import Recipe
from compare.learned.training import Progress

BACKEND = backends.load("numpy")
SIZE = (36, 40)
RECIPE = Recipe(
    learning_rate=1e-4, generator_rate=2e-4, batch=4, epochs=2, l2=0.0, scenes=10, channels=2
)
VERSIONS = [published.gan, published.coordconv_g, published.coordconv_gd]


@pytest.fixture(scope="module")
def pictures():
    return scenes(10, *SIZE).targets().astype(np.int8)


def run(version, pictures, recipe=RECIPE, backend=BACKEND, **arguments):
    adversaries = version(*SIZE, channels=recipe.channels)
    return train(adversaries, pictures, recipe, seed=5, backend=backend, **arguments)


def same(a, b):
    return (a.losses, a.curves, a.steps) == (b.losses, b.curves, b.steps) and all(
        np.array_equal(getattr(a, group)[name], array)
        for group in ("weights", "mean", "square")
        for name, array in getattr(b, group).items()
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_the_steps_are_those_of_pytorch(version, l2, pictures):
    """One of the discriminator, two of the generator, on the same pictures and noise."""
    torch = pytest.importorskip("torch")
    from torch.nn.functional import softplus

    from compare.learned.export import state_dict
    from compare.learned.torch_twin import twin

    recipe = Recipe(**{**vars(RECIPE), "l2": l2})
    adversaries = version(*SIZE, channels=2)
    state = run(version, pictures, recipe)
    first = adversaries.initial_weights(5)
    networks = {}
    for part in ("generator", "discriminator"):
        architecture = getattr(adversaries, part)
        networks[part] = twin(architecture).train()
        weights = {k.removeprefix(f"{part}."): w for k, w in first.items() if k.startswith(part)}
        arrays = state_dict(architecture, weights)
        networks[part].load_state_dict(
            {k: torch.tensor(w) for k, w in arrays.items()}, strict=False
        )
    g, d = networks["generator"], networks["discriminator"]
    adam = {"betas": (0.9, 0.99), "eps": 1e-8}
    d_optimizer = torch.optim.Adam(d.parameters(), 1e-4, **adam)
    g_optimizer = torch.optim.Adam(g.parameters(), 2e-4, **adam)
    kernels = [p for p in g.parameters() if p.ndim == 4]
    losses = []
    for epoch in range(2):
        order = random_stream(5, "order", epoch).permutation(10)
        noise = 2 * random_stream(5, "noise", epoch).random((8, 256), np.float32) - 1
        for batch in (slice(0, 4), slice(4, 8)):
            real = torch.tensor(pictures[order[batch]], dtype=torch.float32)
            z = torch.tensor(noise[batch])
            before = {k: v.clone() for k, v in g.state_dict().items() if "running" in k}
            made = g(z).detach()
            after = {k: v.clone() for k, v in g.state_dict().items() if "running" in k}
            on_real, on_made = d(real), d(made)
            d_loss = softplus(-on_real).mean() + softplus(on_made).mean()
            losses.append(
                [
                    softplus(-on_made).mean().item(),
                    d_loss.item(),
                    (on_real > 0).float().mean().item(),
                    (on_made < 0).float().mean().item(),
                ]
            )
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()
            running = {k: v.clone() for k, v in d.state_dict().items() if "running" in k}
            for _ in range(2):
                g_optimizer.zero_grad()
                penalty = l2 * sum((w**2).sum() for w in kernels)
                (softplus(-d(g(z))).mean() + penalty).backward()
                g_optimizer.step()
            # Running statistics are of the discriminator's step alone.
            d.load_state_dict(running, strict=False)
            g.load_state_dict(after, strict=False)
            assert before.keys() == after.keys()
    expected = np.reshape(losses, (2, 2, 4)).mean(axis=1)
    np.testing.assert_allclose(state.losses, expected[:, 0], rtol=2e-4)
    for index, name in enumerate(CURVES, start=1):
        np.testing.assert_allclose(state.curves[name], expected[:, index], rtol=2e-4)
    for part, network in networks.items():
        architecture = getattr(adversaries, part)
        ours = {
            k.removeprefix(f"{part}."): w for k, w in state.weights.items() if k.startswith(part)
        }
        for name, array in state_dict(architecture, ours).items():
            # Adam takes steps of about its rate in whichever way a gradient points that is nothing
            # but rounding, as of a bias before a batch norm.
            if name.endswith("weight"):
                there = network.state_dict()[name].numpy()
                assert np.abs(array - there).mean() < 3e-4, name


def test_the_discriminator_sees_what_is_before_tanh():
    for version in VERSIONS:
        adversaries = version(*SIZE, channels=2)
        ends = repr(adversaries.generator.layers[-1])
        assert adversaries.bounded == ends.startswith("Tanh") == (version is published.gan)


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("version", VERSIONS)
def test_backends_agree(name, version, pictures):
    pytest.importorskip(name)
    ours = run(version, pictures)
    theirs = run(version, pictures, backend=backends.load(name, "cpu"))
    np.testing.assert_allclose(theirs.losses, ours.losses, rtol=1e-3)
    assert theirs.steps == ours.steps == 4
    for curve in CURVES:
        np.testing.assert_allclose(theirs.curves[curve], ours.curves[curve], rtol=1e-3)


def test_a_training_is_decided_by_its_seed(pictures):
    first, again = run(published.gan, pictures), run(published.gan, pictures)
    assert same(first, again)
    other = train(published.gan(*SIZE, channels=2), pictures, RECIPE, seed=6, backend=BACKEND)
    assert not same(first, other)


def test_a_judge_is_asked_after_each_epoch(pictures):
    seen, reports = [], []

    def judge(weights):
        seen.append(weights)
        return {"height": len(seen), "unwanted": 0}

    state = run(published.gan, pictures, judge=judge, judged=["height"], on_progress=reports.append)
    assert state.curves["height"] == (1, 2)
    assert state.curves.keys() == {*CURVES, "height"}
    assert reports == [
        Progress(
            epoch + 1,
            2,
            state.losses[epoch],
            {name: curve[epoch] for name, curve in state.curves.items()},
        )
        for epoch in (0, 1)
    ]
    last = generator_weights(state.weights)
    assert seen[-1].keys() == last.keys() == published.gan(*SIZE, 2).generator.parameters().keys()
    assert all(np.array_equal(seen[-1][name], last[name]) for name in last)


@pytest.fixture(scope="module")
def whole(pictures):
    return run(published.coordconv_gd, pictures)


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5, 9, 12])
def test_it_is_resumed_to_the_same_bits_wherever_it_is_killed(
    stop, pictures, whole, tmp_path, monkeypatch
):
    """Before one of the twelve steps of Adam; the second comes after a discriminator's."""
    steps = 0
    adam = adversarial.adam

    def killed(*arguments):
        nonlocal steps
        steps += 1
        if steps == stop:
            raise KeyboardInterrupt
        return adam(*arguments)

    path = tmp_path / "checkpoint.npz"
    with monkeypatch.context() as patch:
        patch.setattr(adversarial, "adam", killed)
        adversarial._compiled.cache_clear()
        with pytest.raises(KeyboardInterrupt):
            run(published.coordconv_gd, pictures, checkpoint=path)
    assert steps == stop
    adversarial._compiled.cache_clear()
    assert same(run(published.coordconv_gd, pictures, checkpoint=path), whole)


def test_a_checkpoint_of_another_version_is_named_and_left(pictures, whole, tmp_path):
    path = tmp_path / "checkpoint.npz"
    run(published.coordconv_g, pictures).save(path, BACKEND)
    with pytest.warns(UserWarning, match="is the checkpoint of another network; training begins"):
        state = run(published.coordconv_gd, pictures, checkpoint=path)
    assert same(state, whole)


def test_one_that_diverges_ends_with_its_epoch(pictures):
    recipe = Recipe(**{**vars(RECIPE), "learning_rate": 1e30, "epochs": 5})
    with np.errstate(all="ignore"):
        state = run(published.coordconv_g, pictures, recipe)
    assert len(state.losses) < 5
    assert not np.isfinite(state.losses[-1])
    assert all(len(curve) == len(state.losses) for curve in state.curves.values())


def test_the_last_batch_is_left_out_unless_it_is_whole(pictures):
    assert [steps_an_epoch(RECIPE, count) for count in (4, 7, 8, 10)] == [1, 1, 2, 2]
    assert run(published.gan, pictures).steps == 4
    with pytest.raises(ValueError, match="a batch of 4 is more than the 3 scenes to train on"):
        steps_an_epoch(RECIPE, 3)


def test_a_step_without_memory_names_its_batch(pictures, monkeypatch):
    def full(*_):
        raise MemoryError("none left")

    monkeypatch.setattr(adversarial, "_compiled", lambda *_: full)
    with pytest.raises(
        RunError, match="out of memory on cpu in epoch 1, step 1, with a batch of 4"
    ):
        run(published.gan, pictures)


def test_rates_are_adams_of_each_networks_own_steps(pictures):
    rates = adversarial._rates(RECIPE, epoch=1, steps=3)
    assert rates.shape == (3, 3)
    t = np.array([[4, 7, 8], [5, 9, 10], [6, 11, 12]])
    expected = np.array([1e-4, 2e-4, 2e-4]) * np.sqrt(1 - 0.99**t) / (1 - 0.9**t)
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
