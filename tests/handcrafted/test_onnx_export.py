"""The exported models in another runtime: the same bits."""

import numpy as np
import pytest

from handcrafted import coord2image, onehot2coord
from handcrafted.proofs.claims import CLAIMS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from handcrafted.onnx_export import to_onnx  # noqa: E402

EVERY = {claim.name: claim for claims in CLAIMS.values() for claim in claims}


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("size", [(64, 64), (41, 50)])
def test_the_same_bits(claim, size):
    network = claim.build(*size)
    session = onnxruntime.InferenceSession(to_onnx(network))
    cases = claim.cases(*size)
    inputs = claim.inputs(cases[:: len(cases) // 400], *size, np.float32)
    for batch in (inputs, inputs[:1], inputs[:0]):
        (outputs,) = session.run(["output"], {"input": batch})
        expected = network(batch)
        assert outputs.dtype == expected.dtype
        assert outputs.tobytes() == np.ascontiguousarray(expected).tobytes()


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
def test_only_standard_operators_and_a_dynamic_batch(claim):
    model = onnx.load_from_string(to_onnx(claim.build(41, 50)))
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert {node.domain for node in model.graph.node} == {""}
    for end in (*model.graph.input, *model.graph.output):
        assert end.type.tensor_type.shape.dim[0].dim_param == "n"


def test_chained_networks_are_exported_too():
    both = coord2image.network(12, 12, 3) | coord2image_back()
    session = onnxruntime.InferenceSession(to_onnx(both))
    places = np.array([[0, 0], [11, 3]], np.float32)
    assert (session.run(None, {"input": places})[0] == places).all()


def coord2image_back():
    from handcrafted import image2coord

    return image2coord.network(12, 12, 3)


def test_a_canvas_beyond_float32_is_refused():
    with pytest.raises(ValueError, match=r"beyond 16777216.*float32.*use float64"):
        to_onnx(onehot2coord.network(1, 2**24 + 1))
