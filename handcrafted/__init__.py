"""Weight-free networks: exact answers from fixed operations, with nothing to train."""

from collections.abc import Callable

from handcrafted import (
    coord2image,
    coord2onehot,
    image2coord,
    onehot2coord,
    scene_generator,
    two_objects,
)
from handcrafted.network import Network

__all__ = ["NETWORKS", "Network"]
__version__ = "0.1.0"

NETWORKS: dict[str, Callable[..., Network]] = {
    "onehot2coord": onehot2coord.network,
    "coord2onehot": coord2onehot.network,
    "coord2image": coord2image.network,
    "image2coord": image2coord.network,
    "objects2image": two_objects.network,
    "two-objects": scene_generator.network,
    "image2objects": two_objects.inverse_network,
}
"""Each task's network, a function of the canvas's height and width."""
