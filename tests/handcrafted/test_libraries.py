"""Every network on every array library: the same answers, and they live where the input lives."""

import numpy as np
import pytest

from handcrafted.proofs.claims import CLAIMS

LIBRARIES = ["array_api_strict", "torch", "jax.numpy"]
# Not every dtype holds the generator's numbers; test_scene_generator.py has it.
EVERY = {
    claim.name: claim
    for task, claims in CLAIMS.items()
    for claim in claims
    if task != "two-objects"
}


def cases(claim, dtype):
    """Return a network with every case of a small canvas, or some of those with two objects."""
    size = (11, 12)
    some = claim.cases(*size)
    if "objects" in claim.name:
        size = (41, 50)
        every = claim.cases(*size)
        some = every[:: len(every) // 9]
    draw = (claim.inputs, claim.outputs)
    return claim.build(*size), *(function(some, *size, dtype) for function in draw)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "int64"])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_numpy(claim, dtype):
    network, inputs, outputs = cases(claim, dtype)
    answers = network(inputs)
    assert (answers == outputs).all()
    assert answers.dtype == (dtype if dtype.startswith("float") else "int64")


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_other_libraries(claim, library, dtype):
    xp = pytest.importorskip(library)
    network, inputs, outputs = cases(claim, dtype)
    x = xp.asarray(inputs)
    answers = network(x)
    assert type(answers) is type(x)
    assert answers.device == x.device
    assert (np.asarray(answers) == outputs).all()
    for name, array in network.trace(x).items():
        assert type(array) is type(x), name


@pytest.mark.parametrize("library", LIBRARIES[1:])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_bfloat16(claim, library):
    xp = pytest.importorskip(library)
    network, inputs, outputs = cases(claim, np.float32)
    x = xp.asarray(inputs)
    x = x.to(xp.bfloat16) if library == "torch" else x.astype(xp.bfloat16)
    answers = network(x)
    assert answers.dtype == xp.bfloat16
    answers = answers.float().numpy() if library == "torch" else np.asarray(answers, np.float32)
    assert (answers == outputs).all()


@pytest.mark.parametrize("library", ["numpy", *LIBRARIES])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_an_empty_batch_gives_an_empty_one(claim, library):
    xp = pytest.importorskip(library)
    network, inputs, outputs = cases(claim, np.float32)
    answers = network(xp.asarray(inputs[:0]))
    assert tuple(answers.shape) == (0, *outputs.shape[1:])


@pytest.mark.parametrize("library", ["numpy", *LIBRARIES])
@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_bad_values_are_refused_everywhere(claim, library):
    xp = pytest.importorskip(library)
    network, inputs, _ = cases(claim, np.float32)
    bad = inputs.copy()
    bad[3].reshape(-1)[-1] = np.nan
    with pytest.raises(ValueError, match=r"\w+ 3 of the batch"):
        network(xp.asarray(bad))


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_a_bad_item_late_in_a_large_batch_is_named(claim):
    network, inputs, _ = cases(claim, np.float32)
    many = np.concatenate([inputs] * (3000 // len(inputs) + 1))[:3000].copy()
    many[2345].reshape(-1)[0] = 0.25
    with pytest.raises(ValueError, match=r"\w+ 2345 of the batch"):
        network(many)
