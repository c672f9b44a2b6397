"""The small residual networks: what they are made of, and what their variants share."""

import numpy as np
import pytest

from compare.learned.classifiers import VARIANTS, residual_network, shared_weights
from compare.learned.layers import Conv, CoordConv, Residual

PLAIN = residual_network(24, 20, "conv")


def test_there_are_three_blocks_and_two_halve_the_picture():
    shapes = dict(zip(map(str, PLAIN.layers), PLAIN.shapes()[1:], strict=True))
    blocks = [shape for layer, shape in shapes.items() if layer.startswith("Residual")]
    assert blocks == [(8, 12, 10), (16, 6, 5), (32, 3, 3)]
    assert PLAIN.shapes()[-1] == (10,)
    assert residual_network(9, 9, "conv", classes=3).shapes()[-1] == (3,)


def test_coordinates_stand_where_the_name_says():
    first = [residual_network(24, 20, variant).layers[0] for variant in VARIANTS]
    assert first == [Conv(8, 3, 2), CoordConv(8, 1, radius=True), CoordConv(8, 3, 2, radius=True)]
    assert residual_network(24, 20, "coordconv").layers[2:] == PLAIN.layers[1:]
    assert sum(isinstance(layer, Residual) for layer in PLAIN.layers) == 3


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_has_the_same_shape_begins_alike(variant):
    network, weights = residual_network(24, 20, variant), PLAIN.initial_weights(7)
    found = shared_weights(network, PLAIN, 7)
    assert {name: array.shape for name, array in found.items()} == {
        name: parameter.shape for name, parameter in network.parameters().items()
    }
    ahead = len(network.layers) - len(PLAIN.layers)
    other = set()
    for name, array in weights.items():
        index, _, rest = name.partition(".")
        moved = found[f"{int(index) + ahead}.{rest}"]
        if moved.shape == array.shape:
            assert np.array_equal(moved, array)
        else:
            other.add(name)
    assert other == (set() if variant == "conv" else {"0.weight"})
    if variant != "conv":
        drawn = network.initial_weights(7, "front weights")
        assert np.array_equal(found["0.weight"], drawn["0.weight"])
        assert not np.array_equal(found["0.weight"], shared_weights(network, PLAIN, 8)["0.weight"])
