"""Small residual networks for pictures, with and without coordinates. They are ours, not published.

What stands in for the ResNet-50 of Liu et al. 2018, arXiv:1807.03247, section S4, where pictures
are small: convolutions with batch norm, three residual blocks (He et al. 2016, arXiv:1512.03385),
the mean over the picture and a dense layer.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.learned.architecture import Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
    CoordConv,
    Dense,
    Flatten,
    GlobalMeanPool,
    Layer,
    Relu,
    Residual,
)

__all__ = ["CHANNELS", "FRONT", "VARIANTS", "Variant", "residual_network", "shared_weights"]

Variant: TypeAlias = Literal["conv", "coordconv", "coordconv-first"]

VARIANTS: tuple[Variant, ...] = ("conv", "coordconv", "coordconv-first")
"""conv: no coordinates; coordconv: one 1x1 CoordConv layer of 8 channels in front, with the radius,
as the paper puts it before ResNet-50; coordconv-first: coordinates in the first convolution, with
the radius."""

FRONT = 8
"""Channels of the layer in front, as in the paper."""

CHANNELS = (8, 16, 32)
"""Of the first convolution and the first block, and of the two blocks that halve the picture."""


def residual_network(height: int, width: int, variant: Variant, classes: int = 10) -> Architecture:
    """Return a network from pictures, (1, height, width), to a logit for each class."""
    front: tuple[Layer, ...] = ()
    if variant == "coordconv":
        front = (CoordConv(FRONT, kernel=1, radius=True),)
    begin = Conv(CHANNELS[0], kernel=3, stride=2)
    if variant == "coordconv-first":
        begin = CoordConv(CHANNELS[0], kernel=3, stride=2, radius=True)
    blocks: list[Layer] = []
    for index, channels in enumerate(CHANNELS):
        stride = 1 if index == 0 else 2
        inner = (
            *(Conv(channels, kernel=3, stride=stride), BatchNorm(), Relu()),
            *(Conv(channels, kernel=3), BatchNorm()),
        )
        blocks += [Residual(inner), Relu()]
    return Architecture(
        (1, height, width),
        (
            *front,
            *(begin, BatchNorm(), Relu()),
            *blocks,
            *(GlobalMeanPool(), Flatten(), Dense(classes)),
        ),
    )


def shared_weights(
    architecture: Architecture, base: Architecture, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Draw first weights that are those of `base` wherever the shapes agree.

    Layers are counted from the last, so that one in front of the others moves none of them. What
    `base` has not is drawn from a stream of its own.
    """
    ahead = len(architecture.layers) - len(base.layers)
    weights = architecture.initial_weights(seed, "front weights")
    for name, array in base.initial_weights(seed).items():
        index, _, rest = name.partition(".")
        moved = f"{int(index) + ahead}.{rest}"
        if weights[moved].shape == array.shape:
            weights[moved] = array
    return weights
