"""Exported networks in other libraries: the same answers, to the bit where weights are computed."""

import io

import numpy as np
import pytest

from compare.experiments.exactness import CASES, claims
from compare.learned import classifiers, layers, published
from compare.learned.architecture import Architecture
from compare.learned.export import state_dict, to_onnx, to_pt, to_safetensors

COMPUTED = [claim for task in CASES for claim in claims(task)]
TRAINED = {
    "coordconv_regressor": published.coordconv_regressor(13, 20),
    "conv_regressor_uniform": published.conv_regressor_uniform(13, 20),
    "conv_regressor_quadrant": published.conv_regressor_quadrant(13, 20),
    "coordconv_classifier": published.coordconv_classifier(13, 20),
    "coordconv_renderer, kernel 2": published.coordconv_renderer(13, 20, kernel=2),
    **{f"deconv, kernel {k}": published.deconv(13, 70, kernel=k) for k in (1, 2, 3, 4)},
    **{
        f"{version.__name__}'s {part}": getattr(version(16, 35, channels=2), part)
        for version in (published.gan, published.coordconv_g, published.coordconv_gd)
        for part in ("generator", "discriminator")
    },
    **{variant: classifiers.residual_network(17, 20, variant) for variant in classifiers.VARIANTS},
    "other layers": Architecture(
        (2, 9, 11),
        (
            layers.CoordConv(4, 3, radius=True),
            layers.LeakyRelu(0.2),
            layers.MeanPool(2),
            layers.Sigmoid(),
            layers.ConvTranspose(3, 5, 3),
            layers.Tanh(),
            layers.Conv(2, 4, 3),
        ),
    ),
}


def random_weights(architecture):
    """Weights as training may leave them: batch norms have moved, biases are not 0."""
    rng = np.random.default_rng(1)
    weights = architecture.initial_weights(0)
    return {
        name: array + rng.uniform(0.01, 0.2, array.shape).astype(np.float32)
        for name, array in weights.items()
    }


def inputs_of(architecture, count=3):
    rng = np.random.default_rng(2)
    return rng.uniform(0, 8, (count, *architecture.inputs)).astype(np.float32)


def expected(architecture, weights, inputs):
    from compare.backends import load

    return architecture.apply(load("numpy"), weights, inputs)[0]


def run_onnx(model, inputs):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["output"], {"input": inputs})[0]


def run_torch(architecture, file, inputs):
    torch = pytest.importorskip("torch")
    from compare.learned.torch_twin import twin

    network = twin(architecture)
    network.load_state_dict(torch.load(io.BytesIO(file), weights_only=True))
    with torch.no_grad():
        return network.eval()(torch.from_numpy(inputs)).numpy()


@pytest.mark.parametrize("claim", COMPUTED, ids=lambda claim: claim.name)
def test_computed_weights_give_the_target_in_onnx_and_pytorch(claim):
    pytest.importorskip("onnx")
    size = (16, 16)
    model = claim.build(*size).model()
    cases, draw_inputs, draw_targets = CASES[claim.task]
    positions = cases(*size)[::9]
    inputs, targets = draw_inputs(positions, *size), draw_targets(positions, *size)
    exported = to_onnx(model.architecture, model.weights, "")
    assert (model.decode(run_onnx(exported, inputs)) == targets).all()
    pytest.importorskip("torch")
    file = to_pt(model.architecture, model.weights, "")
    assert (model.decode(run_torch(model.architecture, file, inputs)) == targets).all()


@pytest.mark.parametrize("name", TRAINED)
def test_any_weights_give_the_same_outputs_in_onnx(name):
    pytest.importorskip("onnx")
    architecture = TRAINED[name]
    weights, inputs = random_weights(architecture), inputs_of(architecture)
    outputs = run_onnx(to_onnx(architecture, weights, ""), inputs)
    want = expected(architecture, weights, inputs)
    assert outputs.shape == want.shape
    np.testing.assert_allclose(outputs, want, rtol=2e-4, atol=2e-5 * abs(want).max())


@pytest.mark.parametrize("name", TRAINED)
def test_any_weights_give_the_same_outputs_in_pytorch(name):
    pytest.importorskip("torch")
    architecture = TRAINED[name]
    weights, inputs = random_weights(architecture), inputs_of(architecture)
    outputs = run_torch(architecture, to_pt(architecture, weights, ""), inputs)
    want = expected(architecture, weights, inputs)
    assert outputs.shape == want.shape
    np.testing.assert_allclose(outputs, want, rtol=2e-4, atol=2e-5 * abs(want).max())


@pytest.mark.parametrize("name", TRAINED)
def test_safetensors_hold_the_arrays_of_the_state_dict(name):
    safetensors = pytest.importorskip("safetensors.numpy")
    torch = pytest.importorskip("torch")
    architecture = TRAINED[name]
    weights = random_weights(architecture)
    arrays = safetensors.load(to_safetensors(architecture, weights, "what it is"))
    state = torch.load(io.BytesIO(to_pt(architecture, weights, "")), weights_only=True)
    counters = {key for key in state if key.endswith("num_batches_tracked")}
    assert arrays.keys() == state.keys() - counters
    for key, array in arrays.items():
        assert array.dtype == np.float32
        assert (array == state[key].numpy()).all()


def test_names_and_layout_are_those_of_pytorch():
    architecture = Architecture(
        (1, 2, 2), (layers.Conv(3, 1), layers.BatchNorm(), layers.Flatten(), layers.Dense(5))
    )
    weights = random_weights(architecture)
    state = state_dict(architecture, weights)
    assert list(state) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
        "3.weight", "3.bias",
    ]  # fmt: skip
    assert (state["1.weight"] == weights["1.scale"]).all()
    assert (state["1.running_var"] == weights["1.variance"]).all()
    assert (state["3.weight"] == weights["3.weight"].T).all()
    assert state["3.weight"].shape == (5, 12)


def test_a_model_says_what_it_is_and_takes_any_batch():
    onnx = pytest.importorskip("onnx")
    architecture = published.conv_regressor_quadrant(13, 20)
    weights = random_weights(architecture)
    model = onnx.load_from_string(to_onnx(architecture, weights, "what it is"))
    assert model.doc_string == "what it is"
    assert {node.domain for node in model.graph.node} == {""}
    for end in (*model.graph.input, *model.graph.output):
        assert end.type.tensor_type.shape.dim[0].dim_param == "n"
    inputs = inputs_of(architecture, 5)
    whole = run_onnx(model.SerializeToString(), inputs)
    assert run_onnx(model.SerializeToString(), inputs[:0]).shape == (0, 2)
    np.testing.assert_allclose(run_onnx(model.SerializeToString(), inputs[:1]), whole[:1], 1e-5)
