"""Weights for the published architectures, computed instead of learned.

`WEIGHTS` has them all. Each is a function from a canvas and options to arrays in the layout of the
published architecture, with its derivation in the docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from handcrafted.weights import conv_regressor_quadrant as quadrant
from handcrafted.weights import conv_regressor_uniform as uniform
from handcrafted.weights import coordconv_classifier as classifier
from handcrafted.weights import coordconv_generator as generator
from handcrafted.weights import coordconv_regressor as regressor
from handcrafted.weights import coordconv_renderer as renderer
from handcrafted.weights import deconv
from handcrafted.weights.coordinate_inputs import balance
from handcrafted.weights.regression import CORRECTLY_ROUNDED, LONGEST_SIDE, RADIUS, Weights

__all__ = ["WEIGHTS", "ComputedWeights", "Positions", "Weights"]

Positions = list[tuple[int, int]]
"""(x, y) in pixels."""


def _none(height: int, width: int, **options: Any) -> Positions:
    return []


@dataclass(frozen=True)
class ComputedWeights:
    """How an architecture's weights are computed for a task, and for what they are known."""

    compute: Callable[..., Weights]
    """(height, width, **options) to float32 arrays by name, "3.weight" for layer 3's weight."""
    sides: tuple[int, int]
    """The shortest and the longest side of a canvas, in pixels."""
    options: tuple[str, ...] = ()
    """What can be chosen beside the canvas: keywords of `compute`."""
    smallest_kernel: int = 1
    """Kernels that are smaller have no weights."""
    possible: Callable[..., Any] | None = None
    """(height, width, **options), raises ValueError where more than sides and kernel decide."""
    unsolved: Callable[..., Positions] = _none
    """(height, width, **options) to the positions where the answer is wrong."""
    correctly_rounded: int | None = None
    """Of weights that put out x / side: the longest side up to which that is rounded once."""
    compute_balanced: Callable[..., Weights] | None = None
    """As `compute`, for `balanced`; None where balancing what `compute` returns will do."""

    def __call__(self, height: int, width: int, **options: Any) -> Weights:
        """Compute the weights; ValueError, or TypeError, for what they are not known for."""
        self.require(height, width, **options)
        return self.compute(height, width, **options)

    def balanced(self, height: int, width: int, **options: Any) -> Weights:
        """Compute weights of the same function whose layers have nearly equal norms.

        Raises ValueError, or TypeError, for what they are not known for.
        """
        self.require(height, width, **options)
        if self.compute_balanced is not None:
            return self.compute_balanced(height, width, **options)
        return balance(self.compute(height, width, **options))

    def require(self, height: int, width: int, **options: Any) -> None:
        """Raise ValueError, which says what there are weights for, if they are not known."""
        shortest, longest = self.sides
        if min(height, width) < shortest or max(height, width) > longest:
            raise ValueError(
                f"no weights are known for a canvas of {height}x{width}; "
                f"give sides of {shortest} to {longest} pixels"
            )
        smallest = self.smallest_kernel
        if (kernel := options.get("kernel", smallest)) < smallest:
            raise ValueError(
                f"no weights are known for a kernel of {kernel}; give {smallest} or more"
            )
        if self.possible is not None:
            self.possible(height, width, **options)


_SQUARE = 2 * RADIUS + 1

WEIGHTS: dict[tuple[str, str], ComputedWeights] = {
    ("onehot2coord", "coordconv_regressor"): ComputedWeights(
        regressor.coordconv_onehot2coord,
        (1, LONGEST_SIDE),
        correctly_rounded=CORRECTLY_ROUNDED,
        compute_balanced=partial(regressor.coordconv_onehot2coord, balanced=True),
    ),
    ("image2coord", "coordconv_regressor"): ComputedWeights(
        regressor.coordconv_image2coord,
        (_SQUARE, LONGEST_SIDE),
        correctly_rounded=CORRECTLY_ROUNDED,
        compute_balanced=partial(regressor.coordconv_image2coord, balanced=True),
    ),
    ("onehot2coord", "conv_regressor_uniform"): ComputedWeights(
        uniform.conv_uniform_onehot2coord,
        (uniform.CELL, LONGEST_SIDE),
        ("multiplier",),
        correctly_rounded=CORRECTLY_ROUNDED,
    ),
    ("image2coord", "conv_regressor_uniform"): ComputedWeights(
        uniform.conv_uniform_image2coord,
        (_SQUARE, LONGEST_SIDE),
        ("multiplier",),
        correctly_rounded=CORRECTLY_ROUNDED,
    ),
    ("onehot2coord", "conv_regressor_quadrant"): ComputedWeights(
        quadrant.conv_quadrant_onehot2coord,
        (1, quadrant.LARGEST_SIDE),
        ("multiplier",),
        correctly_rounded=2 * quadrant.CELL,
    ),
    ("image2coord", "conv_regressor_quadrant"): ComputedWeights(
        quadrant.conv_quadrant_image2coord,
        (_SQUARE, quadrant.LARGEST_SIDE),
        ("multiplier",),
        correctly_rounded=2 * quadrant.CELL,
    ),
    ("coord2onehot", "coordconv_classifier"): ComputedWeights(
        classifier.coordconv_classifier,
        (1, classifier.LONGEST_SIDE),
        ("multiplier", "coordinates"),
    ),
    ("coord2image", "coordconv_renderer"): ComputedWeights(
        renderer.coordconv_renderer,
        (1, classifier.LONGEST_SIDE),
        ("multiplier", "kernel", "coordinates", "loss"),
        compute_balanced=renderer.balanced_coordconv_renderer,
    ),
    ("coord2onehot", "deconv"): ComputedWeights(
        deconv.deconv_coord2onehot,
        (1, deconv.SIDE),
        ("multiplier", "kernel", "coordinates"),
        smallest_kernel=2,
        unsolved=deconv.unsolved_pixels,
    ),
    ("coord2image", "deconv"): ComputedWeights(
        deconv.deconv_coord2image,
        (1, deconv.SIDE),
        ("multiplier", "kernel", "coordinates", "loss"),
        smallest_kernel=2,
        unsolved=deconv.unsolved_squares,
    ),
    ("two-objects", "coordconv_g"): ComputedWeights(
        generator.coordconv_generator,
        (generator.SHORTEST_SIDE, LONGEST_SIDE),
        ("channels",),
        possible=generator.proposals,
    ),
}
"""By task and published architecture; the plain regressors have one architecture for each split."""
