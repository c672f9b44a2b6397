"""An architecture as `torch.nn` modules, with the arrays in the layout of PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from compare.backends import same_padding
from compare.learned import layers
from compare.learned.architecture import Architecture
from compare.learned.layers import Layer, Shape

__all__ = [
    "CoordConv2d",
    "Function",
    "Residual",
    "SameConv2d",
    "SameConvTranspose2d",
    "TiledCoordConv2d",
    "twin",
]


def twin(architecture: Architecture) -> nn.Sequential:
    """Return the same network in PyTorch, one module a layer, on full maps.

    The names of its `state_dict` begin with the layer's number, as those of the architecture's own
    parameters do; `compare.learned.export.state_dict` has the arrays for it.
    """
    pairs = zip(architecture.layers, architecture.shapes(), strict=False)
    return nn.Sequential(*(_module(layer, shape) for layer, shape in pairs))


class SameConv2d(nn.Conv2d):
    """A convolution padded by TensorFlow's rule, which may have more zeros behind than before."""

    def __init__(self, inputs: int, layer: layers.Conv, shape: Shape) -> None:
        """Convolve maps of `inputs` channels and the sides of `shape`."""
        super().__init__(inputs, layer.channels, layer.kernel, layer.stride)
        rows, columns = layer.padding(shape)
        self.zeros = (*columns, *rows)

    def forward(self, maps: Tensor) -> Tensor:
        """Pad and convolve."""
        return super().forward(functional.pad(maps, self.zeros))


class CoordConv2d(SameConv2d):
    """A convolution of the maps and the coordinate channels x and y, from -1 to 1."""

    def __init__(self, layer: layers.CoordConv, shape: Shape) -> None:
        """Convolve maps of `shape`."""
        channels, height, width = shape
        maps = layers.coordinate_maps(height, width, layer.radius)
        super().__init__(channels + len(maps), layer, shape)
        self.names, self.sides = tuple(maps), (height, width)
        for name, values in maps.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Append the coordinates and convolve."""
        places = (len(maps), 1, *self.sides)
        given = [self.get_buffer(name).expand(places) for name in self.names]
        return super().forward(torch.cat([maps, *given], dim=1))


class TiledCoordConv2d(CoordConv2d):
    """A 1x1 convolution of a vector at each pixel, and of the pixel's coordinates."""

    def __init__(self, layer: layers.TiledCoordConv, shape: Shape) -> None:
        """Convolve vectors of `shape`."""
        tile, convolution = layer.dense()
        super().__init__(convolution, tile.shape(shape))

    def forward(self, vectors: Tensor) -> Tensor:
        """Repeat the vectors and convolve."""
        return super().forward(vectors[:, :, None, None].expand(-1, -1, *self.sides))


class SameConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution, cut by TensorFlow's rule to `stride` times the sides."""

    def __init__(self, layer: layers.ConvTranspose, shape: Shape) -> None:
        """Spread maps of `shape`."""
        more = max(layer.stride - layer.kernel, 0)
        super().__init__(shape[0], layer.channels, layer.kernel, layer.stride, output_padding=more)
        _, self.height, self.width = layer.shape(shape)
        (self.top, _), (self.left, _) = (
            same_padding(side, layer.kernel, layer.stride) for side in (self.height, self.width)
        )

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Spread and cut."""
        whole = super().forward(maps, output_size)
        rows = slice(self.top, self.top + self.height)
        return whole[:, :, rows, self.left : self.left + self.width]


class Residual(nn.Module):
    """A block of layers whose input is added to what they put out."""

    def __init__(self, layer: layers.Residual, shape: Shape) -> None:
        """Take maps of `shape`; the modules have the names of the layers."""
        super().__init__()
        for name, inner, inputs in layer.parts(shape):
            self.add_module(name, _module(inner, inputs))

    def forward(self, maps: Tensor) -> Tensor:
        """Apply the layers one after the other, and add the input."""
        y, skipped = maps, maps
        for name, module in self.named_children():
            if name == "skip":
                skipped = module(maps)
            else:
                y = module(y)
        return y + skipped


class Function(nn.Module):
    """A function without parameters as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """Wrap the function."""
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return self.function(x)


def _module(layer: Layer, shape: Shape) -> nn.Module:
    """Return the module of a layer for inputs of `shape`; TypeError for a layer without one."""
    match layer:
        case layers.CoordConv():
            return CoordConv2d(layer, shape)
        case layers.TiledCoordConv():
            return TiledCoordConv2d(layer, shape)
        case layers.Conv():
            return SameConv2d(shape[0], layer, shape)
        case layers.ConvTranspose():
            return SameConvTranspose2d(layer, shape)
        case layers.Residual():
            return Residual(layer, shape)
        case layers.BatchNorm(momentum, epsilon):
            return nn.BatchNorm2d(shape[0], epsilon, 1 - momentum)
        case layers.Dense(features):
            return nn.Linear(shape[0], features)
        case layers.Relu():
            return nn.ReLU()
        case layers.LeakyRelu(slope):
            return nn.LeakyReLU(slope)
        case layers.Tanh():
            return nn.Tanh()
        case layers.Sigmoid():
            return nn.Sigmoid()
        case layers.MaxPool(kernel):
            return nn.MaxPool2d(kernel)
        case layers.MeanPool(kernel):
            return nn.AvgPool2d(kernel)
        case layers.GlobalMaxPool():
            return nn.AdaptiveMaxPool2d(1)
        case layers.GlobalMeanPool():
            return nn.AdaptiveAvgPool2d(1)
        case layers.Flatten():
            return nn.Flatten()
        case layers.Reshape(channels, height, width):
            return nn.Unflatten(1, (channels, height, width))
        case layers.Softmax():
            return Function(lambda x: torch.softmax(x.flatten(1), dim=1).reshape(x.shape))
        case layers.Tile(height, width):
            return Function(lambda x: x[:, :, None, None].expand(-1, -1, height, width))
        case layers.Crop(height, width):
            return Function(lambda x: x[:, :, :height, :width])
        case layers.Scale():
            factor = torch.tensor(layer.factor(), dtype=torch.float32)
            return Function(lambda x: x * factor - 1)
    raise TypeError(f"no module of PyTorch for {layer!r}")
