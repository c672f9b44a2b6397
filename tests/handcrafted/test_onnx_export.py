"""The exported models in another runtime: the same bits."""

import numpy as np
import pytest

from handcrafted import Network, coord2image, onehot2coord
from handcrafted.domains import OneHot
from handcrafted.operations import Convolution, Coordinates, Linear, Relu, Subtraction, Sum, Tap
from handcrafted.proofs.claims import CLAIMS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from handcrafted.onnx_export import to_onnx  # noqa: E402

EVERY = {claim.name: claim for claims in CLAIMS.values() for claim in claims}


@pytest.mark.parametrize("claim", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("size", [(64, 64), (51, 50)])
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
    model = onnx.load_from_string(to_onnx(claim.build(51, 50)))
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


def test_the_model_says_what_it_is():
    network = coord2image.network(12, 14, 3)
    model = onnx.load_from_string(to_onnx(network))
    assert model.graph.name == "coord2image with a 3x3 square"
    assert model.doc_string == network.describe()
    assert (model.producer_name, model.ir_version) == ("handcrafted", 8)
    sides = [
        (end.name, [side.dim_value or side.dim_param for side in end.type.tensor_type.shape.dim])
        for end in (*model.graph.input, *model.graph.output)
    ]
    assert sides == [("input", ["n", 2]), ("output", ["n", 1, 12, 14])]


def test_nodes_and_constants_are_named_after_the_operations():
    graph = onnx.load_from_string(to_onnx(onehot2coord.network(3, 4))).graph
    assert [(node.op_type, node.output[0]) for node in graph.node] == [
        ("Shape", "1_coordinates_batch"),
        ("Concat", "1_coordinates_shape"),
        ("Expand", "1_coordinates_columns_map"),
        ("Expand", "1_coordinates_rows_map"),
        ("Concat", "1_coordinates"),
        ("Conv", "2_convolution"),
        ("Relu", "3_relu"),
        ("ReduceSum", "4_sum"),
        ("Sub", "5_subtraction"),
        ("Identity", "output"),
    ]
    assert [node.name for node in graph.node] == [node.output[0] for node in graph.node]
    constants = {value.name: onnx.numpy_helper.to_array(value) for value in graph.initializer}
    assert constants["2_convolution_weight"].shape == (2, 3, 1, 1)
    assert constants["2_convolution_weight"][:, :, 0, 0].tolist() == [[4, -1, 0], [3, 0, -1]]
    assert constants["2_convolution_bias"].tolist() == [0, 0]
    assert constants["5_subtraction_from"].tolist() == [[4, 3]]
    assert constants["1_coordinates_rest"].tolist() == [1, 3, 4]
    assert constants["1_coordinates_columns"].tolist() == [[0, 1, 2, 3]]
    assert constants["1_coordinates_rows"].tolist() == [[0], [1], [2]]


@pytest.mark.parametrize(
    "operations",
    [
        (Coordinates(3, -2, 5, 4),),
        (Subtraction((7,)),),
        (Sum(), Subtraction((7,))),
        (Sum(), Linear(((2,), (-3,)), (4, 5))),
        (Convolution((Tap(0, 0, 2, rows=2, columns=3, top=1, left=-2), Tap(0, 0, 5)), (1,)),),
        (Convolution((Tap(0, 0, 1, top=-1), Tap(1, 0, 3, left=2), Tap(1, 0, 4, left=2)), (0, 6)),),
        (Convolution((Tap(0, 0, 1, rows=3, top=2, left=3),), (0,)),),
    ],
    ids=str,
)
def test_operations_with_all_kinds_of_numbers(operations):
    network = Network("all kinds", OneHot(5, 6), operations)
    session = onnxruntime.InferenceSession(to_onnx(network))
    x = np.random.default_rng(0).integers(-9, 10, (3, 1, 5, 6)).astype(np.float32)
    (outputs,) = session.run(["output"], {"input": x})
    assert (outputs == network.run(x)).all()


def test_an_operation_without_operators_is_named():
    class Square(Relu):
        pass

    class Cube:
        def shape(self, inputs):
            return inputs

        def numbers(self):
            return ()

        def multiply_adds(self, inputs):
            return 0

    domain = OneHot(5, 6)
    assert to_onnx(Network("as a relu", domain, (Square(),)))
    with pytest.raises(TypeError, match="no ONNX operators for Cube"):
        to_onnx(Network("unknown", domain, (Cube(),)))


def test_the_largest_side_that_float32_is_exact_on_is_taken():
    """The canvas need not be in memory: 2 ** 24 pixels one way, and one operation on their sum."""
    assert to_onnx(Network("sum", OneHot(1, 2**24), (Sum(),)))


def test_a_canvas_beyond_float32_is_refused():
    with pytest.raises(ValueError, match=r"beyond 16777216.*float32.*use float64"):
        to_onnx(onehot2coord.network(1, 2**24 + 1))
