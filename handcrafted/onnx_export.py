"""The networks as ONNX models, of standard operators only, with any batch size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handcrafted.exactness import require_exact
from handcrafted.network import Network
from handcrafted.operations import (
    Convolution,
    Coordinates,
    Linear,
    Operation,
    Relu,
    Shape,
    Subtraction,
    Sum,
    Tap,
    Tile,
)

OPSET = 17
"""Version of the operators; any runtime since 2022 has it."""


def to_onnx(network: Network) -> bytes:
    """Return a checked float32 model from "input", (n, ...), to "output"; needs `onnx`.

    Every number in it is an integer that float32 holds, so every runtime gives the same answers
    whatever order it adds in. Raises ValueError for a canvas beyond what float32 is exact on.
    """
    import onnx
    from onnx import TensorProto, helper

    require_exact("float32", max(side for shape in network.shapes() for side in shape))
    graph = _Graph()
    name = "input"
    for label, operation, shape in zip(
        network.labels(), network.operations, network.shapes(), strict=False
    ):
        name = graph.add(operation, name, shape, label.replace(" ", "_"))
    graph.node("Identity", [name], "output")

    shapes = network.shapes()
    ends = [
        helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", *shape])
        for end, shape in (("input", shapes[0]), ("output", shapes[-1]))
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, network.name, ends[:1], ends[1:], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="handcrafted",
        doc_string=network.describe(),
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


@dataclass
class _Graph:
    """Nodes and constants as they come."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def add(self, operation: Operation, x: str, shape: Shape, label: str) -> str:
        """Append an operation's nodes; returns the name of its output."""
        match operation:
            case Convolution():
                kernel, pads = _dense_kernel(operation, shape[0])
                weight = self.constant(f"{label}_weight", kernel)
                bias = self.constant(f"{label}_bias", operation.bias)
                return self.node("Conv", [x, weight, bias], label, pads=pads)
            case Relu():
                return self.node("Relu", [x], label)
            case Coordinates(first_column, column_step, first_row, row_step):
                _, height, width = shape
                rows, columns = np.indices((height, width))
                maps = [first_column + column_step * columns, first_row + row_step * rows]
                channels = self.constant(f"{label}_channels", np.stack(maps)[None])
                batch = self.node("Shape", [x], f"{label}_batch", start=0, end=1)
                rest = self.constant(f"{label}_rest", [2, height, width], np.int64)
                whole = self.node("Concat", [batch, rest], f"{label}_shape", axis=0)
                tiled = self.node("Expand", [channels, whole], f"{label}_tiled")
                return self.node("Concat", [x, tiled], label, axis=1)
            case Tile(height, width):
                axes = self.constant(f"{label}_axes", [2, 3], np.int64)
                pixels = self.node("Unsqueeze", [x, axes], f"{label}_pixel")
                canvas = self.constant(f"{label}_shape", [1, 1, height, width], np.int64)
                return self.node("Expand", [pixels, canvas], label)
            case Sum():
                axes = self.constant(f"{label}_axes", [2, 3], np.int64)
                return self.node("ReduceSum", [x, axes], label, keepdims=0)
            case Linear(weights, bias):
                matrix = self.constant(f"{label}_weight", np.transpose(weights))
                product = self.node("MatMul", [x, matrix], f"{label}_product")
                return self.node("Add", [product, self.constant(f"{label}_bias", bias)], label)
            case Subtraction(minuends):
                column = np.reshape(minuends, (1, -1) + (1,) * (len(shape) - 1))
                return self.node("Sub", [self.constant(f"{label}_from", column), x], label)
        raise TypeError(f"no ONNX operators for {type(operation).__name__}")


def _dense_kernel(operation: Convolution, inputs: int) -> tuple[NDArray[np.float32], list[int]]:
    """Write the rectangles out; returns (outputs, inputs, rows, columns) and ONNX's padding."""
    taps = operation.taps
    top, left = min(0, *(t.top for t in taps)), min(0, *(t.left for t in taps))
    bottom = max(0, *(t.top + t.rows - 1 for t in taps))
    right = max(0, *(t.left + t.columns - 1 for t in taps))
    shape = (len(operation.bias), inputs, bottom - top + 1, right - left + 1)
    kernel = np.zeros(shape, dtype=np.float32)
    for tap in taps:
        kernel[(tap.output, tap.input, *_cells(tap, top, left))] += tap.value
    return kernel, [-top, -left, bottom, right]


def _cells(tap: Tap, top: int, left: int) -> tuple[slice, slice]:
    row, column = tap.top - top, tap.left - left
    return slice(row, row + tap.rows), slice(column, column + tap.columns)
