"""The networks as ONNX models, of standard operators only, with any batch size."""

from __future__ import annotations

from collections.abc import Mapping
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

__all__ = ["OPSET", "Graph", "to_onnx"]

OPSET = 17
"""Version of the operators; any runtime since 2022 has it."""


def to_onnx(network: Network) -> bytes:
    """Return a checked float32 model from "input", (n, ...), to "output"; needs `onnx`.

    Every number in it is an integer that float32 holds, so every runtime gives the same answers
    whatever order it adds in. Raises ValueError for a canvas beyond what float32 is exact on.
    """
    require_exact("float32", max(side for shape in network.shapes() for side in shape))
    graph, name = Graph(), "input"
    for label, operation, shape in zip(
        network.labels(), network.operations, network.shapes(), strict=False
    ):
        name = _add(graph, operation, name, shape, label.replace(" ", "_"))
    shapes = network.shapes()
    return graph.model(name, network.name, (shapes[0], shapes[-1]), network.describe())


@dataclass
class Graph:
    """Nodes and constants as they come, from "input" on."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Append a node; returns the name of its output."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """Append a constant; returns its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def coordinates(self, x: str, label: str, maps: Mapping[str, NDArray[Any]]) -> str:
        """Append constant channels to each sample's of x, (n, c, height, width).

        `maps` are by name and may be a row, (1, width), a column, (height, 1), or whole.
        """
        height, width = np.broadcast_shapes(*(values.shape for values in maps.values()))
        batch = self.node("Shape", [x], f"{label}_batch", start=0, end=1)
        rest = self.constant(f"{label}_rest", [1, height, width], np.int64)
        whole = self.node("Concat", [batch, rest], f"{label}_shape", axis=0)
        channels = []
        for name, values in maps.items():
            constant = self.constant(f"{label}_{name}", values)
            channels.append(self.node("Expand", [constant, whole], f"{label}_{name}_map"))
        return self.node("Concat", [x, *channels], label, axis=1)

    def tile(self, x: str, label: str, height: int, width: int) -> str:
        """Make a constant map of each number of a vector."""
        axes = self.constant(f"{label}_axes", [2, 3], np.int64)
        pixels = self.node("Unsqueeze", [x, axes], f"{label}_pixel")
        canvas = self.constant(f"{label}_shape", [1, 1, height, width], np.int64)
        return self.node("Expand", [pixels, canvas], label)

    def model(self, last: str, name: str, shapes: tuple[Shape, Shape], description: str) -> bytes:
        """Return a checked model from "input" to "output", the result named `last`.

        `shapes` are those of one input and one output; any number of samples may come at a time.
        """
        import onnx
        from onnx import TensorProto, helper

        self.node("Identity", [last], "output")
        ends = [
            helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", *shape])
            for end, shape in zip(("input", "output"), shapes, strict=True)
        ]
        model = helper.make_model(
            helper.make_graph(self.nodes, name, ends[:1], ends[1:], self.constants),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=8,
            producer_name="handcrafted",
            doc_string=description,
        )
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())


def _add(graph: Graph, operation: Operation, x: str, shape: Shape, label: str) -> str:
    """Append an operation's nodes; returns the name of its output."""
    match operation:
        case Convolution():
            kernel, pads = _dense_kernel(operation, shape[0])
            weight = graph.constant(f"{label}_weight", kernel)
            bias = graph.constant(f"{label}_bias", operation.bias)
            return graph.node("Conv", [x, weight, bias], label, pads=pads)
        case Relu():
            return graph.node("Relu", [x], label)
        case Coordinates(first_column, column_step, first_row, row_step):
            _, height, width = shape
            columns = first_column + column_step * np.arange(width)[None]
            rows = first_row + row_step * np.arange(height)[:, None]
            return graph.coordinates(x, label, {"columns": columns, "rows": rows})
        case Tile(height, width):
            return graph.tile(x, label, height, width)
        case Sum():
            axes = graph.constant(f"{label}_axes", [2, 3], np.int64)
            return graph.node("ReduceSum", [x, axes], label, keepdims=0)
        case Linear(weights, bias):
            matrix = graph.constant(f"{label}_weight", np.transpose(weights))
            product = graph.node("MatMul", [x, matrix], f"{label}_product")
            return graph.node("Add", [product, graph.constant(f"{label}_bias", bias)], label)
        case Subtraction(minuends):
            column = np.reshape(minuends, (1, -1) + (1,) * (len(shape) - 1))
            return graph.node("Sub", [graph.constant(f"{label}_from", column), x], label)
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
