"""Architectures with their weights as files that other libraries load.

Each format needs its library, which is imported when it is asked for. Inputs and outputs are those
of the architecture: what a task decodes them to is no part of the file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.backends import Padding, same_padding
from compare.learned import layers
from compare.learned.architecture import Architecture
from compare.learned.layers import Layer, Shape
from handcrafted.onnx_export import Graph

__all__ = ["FORMATS", "Weights", "state_dict", "to_onnx", "to_pt", "to_safetensors"]

Weights = Mapping[str, NDArray[Any]]

_BATCH_NORM = {
    "scale": "weight",
    "shift": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}
"""What PyTorch calls a batch norm's arrays."""


def state_dict(architecture: Architecture, weights: Weights) -> dict[str, NDArray[np.float32]]:
    """Return the weights as the `state_dict` of `compare.learned.torch_twin.twin` has them.

    "3.weight" is that of layer 3. PyTorch has other names for a batch norm's arrays, and keeps the
    weight of a dense layer as (outputs, inputs).
    """
    state = {}
    for prefix, _, own in architecture.bound(dict(weights)):
        for name, array in own.items():
            array = array.T if array.ndim == 2 else array
            *within, name = name.split(".")  # a block's layers have names of their own
            name = ".".join([*within, _BATCH_NORM.get(name, name)])
            state[prefix + name] = np.ascontiguousarray(array, np.float32)
    return state


def to_safetensors(architecture: Architecture, weights: Weights, description: str) -> bytes:
    """Return a safetensors file of `state_dict`, with the description as its metadata."""
    from safetensors.numpy import save

    return bytes(save(state_dict(architecture, weights), {"description": description}))


def to_pt(architecture: Architecture, weights: Weights, description: str) -> bytes:
    """Return what `torch.save` writes of the twin's `state_dict`: tensors by name, nothing else."""
    import torch

    from compare.learned.torch_twin import twin

    network = twin(architecture)
    arrays = state_dict(architecture, weights)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    file = io.BytesIO()
    torch.save(dict(network.state_dict()), file)
    return file.getvalue()


def to_onnx(architecture: Architecture, weights: Weights, description: str) -> bytes:
    """Return a checked float32 model from "input", (n, ...), to "output", of standard operators."""
    graph, x = Graph(), "input"
    shapes = architecture.shapes()
    named = architecture.bound(dict(weights))
    for shape, (prefix, layer, own) in zip(shapes, named, strict=False):
        label = f"{prefix[:-1]}_{type(layer).__name__.lower()}"
        x = _add(graph, layer, x, shape, label, own)
    return graph.model(x, "network", (shapes[0], shapes[-1]), description)


FORMATS: dict[str, tuple[str, Callable[[Architecture, Weights, str], bytes]]] = {
    ".onnx": ("onnx", to_onnx),
    ".safetensors": ("safetensors", to_safetensors),
    ".pt": ("torch", to_pt),
}
"""By the ending of a file's name: the library it needs, and what makes its content."""


_COMPOUND = (layers.Residual, layers.TiledCoordConv)
"""Layers that are added as several, each with its own arrays."""


def _add(
    graph: Graph, layer: Layer, x: str, shape: Shape, label: str, own: dict[str, NDArray[Any]]
) -> str:
    """Append a layer's nodes for inputs of `shape`; returns the name of its output."""
    constants = {
        name: graph.constant(f"{label}_{name}", array)
        for name, array in ({} if isinstance(layer, _COMPOUND) else own).items()
    }

    def conv(layer: layers.Conv, x: str) -> str:
        inputs = [x, constants["weight"], constants["bias"]]
        strides = [layer.stride, layer.stride]
        return graph.node("Conv", inputs, label, pads=_pads(layer.padding(shape)), strides=strides)

    match layer:
        case layers.Residual():
            y, skipped = x, x
            for name, inner, before in layer.parts(shape):
                arrays = {key: own[f"{name}.{key}"] for key in inner.parameters(before)}
                start = x if name == "skip" else y
                found = _add(graph, inner, start, before, f"{label}_{name}", arrays)
                if name == "skip":
                    skipped = found
                else:
                    y = found
            return graph.node("Add", [y, skipped], label)
        case layers.CoordConv(radius=radius):
            _, height, width = shape
            constant_maps = layers.coordinate_maps(height, width, radius)
            return conv(layer, graph.coordinates(x, f"{label}_coordinates", constant_maps))
        case layers.TiledCoordConv(_, height, width):
            tile, convolution = layer.dense()
            maps = graph.tile(x, f"{label}_tile", height, width)
            return _add(graph, convolution, maps, tile.shape(shape), label, own)
        case layers.Conv():
            return conv(layer, x)
        case layers.ConvTranspose(_, kernel, stride):
            _, *sides = layer.shape(shape)
            rows, columns = (same_padding(side, kernel, stride) for side in sides)
            more = [max(stride - kernel, 0)] * 2
            return graph.node(
                "ConvTranspose",
                [x, constants["weight"], constants["bias"]],
                label,
                pads=_pads((rows, columns)),
                strides=[stride, stride],
                output_padding=more,
            )
        case layers.BatchNorm(epsilon=epsilon):
            names = ("scale", "shift", "mean", "variance")
            inputs = [x, *(constants[name] for name in names)]
            return graph.node("BatchNormalization", inputs, label, epsilon=epsilon)
        case layers.Dense():
            product = graph.node("MatMul", [x, constants["weight"]], f"{label}_product")
            return graph.node("Add", [product, constants["bias"]], label)
        case layers.Relu() | layers.Tanh() | layers.Sigmoid():
            return graph.node(type(layer).__name__, [x], label)
        case layers.LeakyRelu(slope):
            return graph.node("LeakyRelu", [x], label, alpha=slope)
        case layers.MaxPool(kernel):
            sides = [kernel, kernel]
            return graph.node("MaxPool", [x], label, kernel_shape=sides, strides=sides)
        case layers.MeanPool(kernel):
            sides = [kernel, kernel]
            return graph.node("AveragePool", [x], label, kernel_shape=sides, strides=sides)
        case layers.GlobalMaxPool():
            return graph.node("GlobalMaxPool", [x], label)
        case layers.GlobalMeanPool():
            return graph.node("GlobalAveragePool", [x], label)
        case layers.Flatten():
            return graph.node("Flatten", [x], label)
        case layers.Reshape():
            maps_shape = graph.constant(f"{label}_shape", [-1, *layer.shape(shape)], np.int64)
            return graph.node("Reshape", [x, maps_shape], label)
        case layers.Softmax():
            vector = graph.node("Flatten", [x], f"{label}_vector")
            shares = graph.node("Softmax", [vector], f"{label}_shares", axis=1)
            whole = graph.constant(f"{label}_shape", [-1, *shape], np.int64)
            return graph.node("Reshape", [shares, whole], label)
        case layers.Tile(height, width):
            return graph.tile(x, label, height, width)
        case layers.Crop(height, width):
            bounds = {"starts": [0, 0], "ends": [height, width], "axes": [2, 3]}
            places = [graph.constant(f"{label}_{n}", v, np.int64) for n, v in bounds.items()]
            return graph.node("Slice", [x, *places], label)
        case layers.Scale():
            factor = graph.constant(f"{label}_factor", layer.factor())
            product = graph.node("Mul", [x, factor], f"{label}_product")
            return graph.node("Sub", [product, graph.constant(f"{label}_one", 1)], label)
    raise TypeError(f"no ONNX operators for {layer!r}")


def _pads(padding: Padding) -> list[int]:
    """Return padding in ONNX's order: before the rows and columns, then behind them."""
    (above, below), (before, after) = padding
    return [above, before, below, after]
