"""The published architectures, for canvases of any size.

Layer for layer from the authors' code (github.com/uber-research/CoordConv, model_builders.py)
for Liu et al. 2018, arXiv:1807.03247.
"""

from __future__ import annotations

from compare.learned.architecture import Architecture
from compare.learned.layers import (
    BatchNorm,
    Conv,
    CoordConv,
    Dense,
    Flatten,
    GlobalMaxPool,
    GlobalMeanPool,
    MaxPool,
    Relu,
)


def coordconv_regressor(height: int, width: int) -> Architecture:
    """Bitmap to (x / width, y / height): five linear layers and one maximum over the canvas."""
    return Architecture(
        (1, height, width),
        (
            CoordConv(8, kernel=1),
            Conv(8, kernel=1),
            Conv(8, kernel=1),
            Conv(8, kernel=3),
            Conv(2, kernel=3),
            GlobalMaxPool(),
            Flatten(),
        ),
    )


def conv_regressor_uniform(height: int, width: int) -> Architecture:
    """The plain-convolution baseline published for the uniform split."""
    block = (Conv(16, kernel=3), Relu(), MaxPool(2))
    return Architecture(
        (1, height, width),
        (
            *block,
            *block,
            *block,
            Conv(16, kernel=3),
            Relu(),
            Flatten(),
            Dense(64),
            Relu(),
            Dense(2),
        ),
    )


def conv_regressor_quadrant(height: int, width: int) -> Architecture:
    """The plain-convolution baseline published for the quadrant split.

    The second batch norm stands before its nonlinearity, and a last ReLU before the mean.
    """
    return Architecture(
        (1, height, width),
        (
            Conv(16, kernel=5, stride=2),
            Relu(),
            Conv(16, kernel=1),
            Relu(),
            BatchNorm(),
            Conv(16, kernel=3),
            Relu(),
            Conv(16, kernel=3, stride=2),
            Relu(),
            Conv(16, kernel=3, stride=2),
            BatchNorm(),
            Relu(),
            Conv(16, kernel=3, stride=2),
            Relu(),
            Conv(16, kernel=1),
            Relu(),
            Conv(16, kernel=3, stride=2),
            Relu(),
            Conv(2, kernel=3),
            Relu(),
            GlobalMeanPool(),
            Flatten(),
        ),
    )
