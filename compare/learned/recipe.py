"""How a network is built and trained: what the options of `compare run` change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Coordinates: TypeAlias = Literal["scaled", "pixels"]
"""How a network that is given coordinates sees them: in [-1, 1], or in pixels as published."""


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained: Adam with an L2 penalty on the convolution kernels.

    Kingma & Ba 2015, arXiv:1412.6980; betas, batch and penalty as in the authors' CoordConv code.
    """

    learning_rate: float
    l2: float = 1e-5
    batch: int = 256
    loss: str = "mse"
    schedule: Literal["constant", "step"] = "constant"
    """step: a tenth of the rate after each fifth of the epochs, as in the published grids."""
    width: int = 1
    """Multiplies the channels."""
    kernel: int = 3
    """Side of the kernels, where the architecture leaves it open."""
    coordinates: Coordinates = "scaled"
    """How a network that is given coordinates sees them."""
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8
