"""Print the published distribution of scenes of two objects in numbers, as Markdown.

    python benchmarks/two_objects.py

Everything is enumerated, nothing sampled; docs/two_objects.md has the output.
"""

from __future__ import annotations

import numpy as np

from compare.datasets.two_objects import (
    Distribution,
    expected_coverage,
    expected_distance,
    expected_entropy,
)
from handcrafted.scene_generator import distance_from_published
from handcrafted.weights import coordconv_generator as computed

COUNTS = (1_000, 2_000, 10_000, 50_000)


def row(*cells: object) -> None:
    """Print a row of a table."""
    print(f"| {' | '.join(str(cell) for cell in cells)} |")


def main() -> None:
    """Print the tables."""
    true = Distribution(64, 64)
    entropies = true.entropies()
    row("", "64x64")
    row("---", "---:")
    row("places of a centre", f"{true.free.size:,}")
    row("ordered pairs of centres", f"{true.pairs:,}")
    row("places that a blue object leaves free", f"{true.free.min():,} to {true.free.max():,}")
    chance = true.pair[true.pair > 0]
    row("the likeliest pair beside the least likely", f"{chance.max() / chance.min():.3f}")
    row(
        "the likeliest red centre beside the least likely", f"{true.red.max() / true.red.min():.3f}"
    )
    for name in ("blue_x", "red_x", "offset_x", "blue", "red", "offset", "centres", "scene"):
        row(f"entropy of {name}, bits", f"{entropies[name]:.4f}")
    row("were all pairs equally likely, bits", f"{np.log2(true.pairs):.4f}")
    distances = {
        "the generator": distance_from_published(64, 64),
        "the published generator with computed weights": computed.distance_from_published(64, 64),
    }
    for name, distance in distances.items():
        row(f"distance from it, {name}", f"{float(distance):.4e}")
    print()
    row("expected of as many scenes", *(f"{count:,}" for count in COUNTS))
    row("---", *("---:" for _ in COUNTS))
    for name, chances in (("blue", true.blue), ("red", true.red)):
        row(
            f"places with a {name} centre",
            *(f"{100 * expected_coverage(chances, count):.2f} %" for count in COUNTS),
        )
    row("different pairs of centres", *(f"{true.expected_pairs(n):,.1f}" for n in COUNTS))
    row("different scenes", *(f"{true.expected_scenes(n):,.1f}" for n in COUNTS))
    for name in ("blue_x", "red_x", "offset_x"):
        chances = true.coordinates[name]
        row(
            f"entropy of {name}'s histogram",
            *(f"{expected_entropy(chances, count):.4f}" for count in COUNTS),
        )
    row(
        "distance of the joint histogram",
        *(f"{expected_distance(true.blocks.ravel(), count):.4f}" for count in COUNTS),
    )


if __name__ == "__main__":
    main()
