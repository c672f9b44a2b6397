"""The computed weights of the CoordConv renderer: the decoded answer is the picture."""

from itertools import product

import numpy as np
import pytest

from compare import backends
from compare.datasets.not_so_clevr import centres, squares
from compare.learned.published import coordconv_renderer as architecture
from compare.tasks.coord2image import TASK
from handcrafted.weights.coordconv_renderer import (
    balanced_coordconv_renderer,
    coordconv_renderer,
)

COORDINATES = ("pixels", "scaled")
KERNELS = (1, 2, 3, 4)
RECTANGLES = [(9, 10), (10, 9), (9, 33), (12, 20), (17, 40), (33, 64), (47, 53), (63, 12), (64, 32)]


def predict(size, kernel, coordinates, loss, weights, positions, backend=None, multiplier=1):
    backend = backend or backends.load("numpy")
    network = architecture(*size, multiplier, kernel, coordinates)
    weights = {name: backend.asarray(array) for name, array in weights.items()}
    inputs = backend.asarray(np.asarray(positions, np.float32))
    outputs = [
        backend.to_numpy(network.apply(backend, weights, inputs[start : start + 16])[0])
        for start in range(0, len(positions), 16)
    ]
    return TASK.supervision.decode(np.concatenate(outputs), *size, loss)


def reference(weights, positions, size, coordinates, dtype, bound=None):
    """Compute the outputs, with a softmax that bounds its logits, or with none that does."""
    height, width = size
    x, y = np.asarray(positions, dtype).T[:, :, None, None]
    columns = np.linspace(-1, 1, width).astype(dtype)[None, None]
    rows = np.linspace(-1, 1, height).astype(dtype)[None, :, None]
    if coordinates == "scaled":
        x = x * dtype(2 / (width - 1)) - dtype(1)
        y = y * dtype(2 / (height - 1)) - dtype(1)
    maps = np.stack(np.broadcast_arrays(x, y, columns, rows), axis=1)
    names = sorted({int(name.split(".")[0]) for name in weights})
    for count, name in enumerate(names):
        weight, bias = (
            weights[f"{name}.weight"].astype(dtype),
            weights[f"{name}.bias"].astype(dtype),
        )
        maps = convolve(maps, weight) + bias[:, None, None]
        kept = np.flatnonzero(np.any(weight != 0, axis=(1, 2, 3)) | (bias != 0))
        kept = kept if len(kept) else np.array([0])
        following = names[count + 1 : count + 2]
        if following:  # channels without a number are 0 after the relu
            maps = maps[:, kept]
            other = weights[f"{following[0]}.weight"]
            weights = weights | {f"{following[0]}.weight": other[:, kept]}
        if count == 4:
            shifted = maps - maps.max(axis=(1, 2, 3), keepdims=True)
            maps = np.exp(shifted if bound is None else np.maximum(shifted, dtype(bound)))
            maps = maps / maps.sum(axis=(1, 2, 3), keepdims=True)
        elif following:
            maps = np.maximum(maps, 0)
    return maps


def convolve(maps, weight):
    """Cross-correlate, (kernel - 1) // 2 zeros before and the rest behind."""
    _, _, height, width = maps.shape
    kernel = weight.shape[2]
    before = (kernel - 1) // 2
    around = (before, kernel - 1 - before)
    padded = np.pad(maps, ((0, 0), (0, 0), around, around))
    total = np.zeros((len(maps), len(weight), height, width), maps.dtype)
    for row, column in product(range(kernel), range(kernel)):
        if np.any(weight[:, :, row, column]):
            part = padded[:, :, row : row + height, column : column + width]
            total += np.einsum("nihw,oi->nohw", part, weight[:, :, row, column])
    return total


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_names_and_shapes_are_the_architecture_s(multiplier, kernel, coordinates):
    for size in ((64, 64), (9, 11)):
        parameters = architecture(*size, multiplier, kernel, coordinates).parameters()
        weights = coordconv_renderer(*size, multiplier, kernel, coordinates)
        shapes = {name: array.shape for name, array in weights.items()}
        assert shapes == {name: parameter.shape for name, parameter in parameters.items()}
        assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("loss", TASK.supervision.losses)
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_centre(kernel, coordinates, loss):
    for size in [(9, 9), (10, 10), (11, 11), (12, 12), (9, 14)]:
        positions, weights = centres(*size), coordconv_renderer(*size, 1, kernel, coordinates, loss)
        answers = predict(size, kernel, coordinates, loss, weights, positions)
        assert np.array_equal(answers, squares(positions, *size))


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_both_parts_are_balanced_and_what_is_between_them_is_as_it_was(coordinates):
    size = (12, 16)
    weights = balanced_coordconv_renderer(*size, coordinates=coordinates)
    answers = predict(size, 3, coordinates, "sigmoid", weights, centres(*size))
    assert np.array_equal(answers, squares(centres(*size), *size))
    plain = coordconv_renderer(*size, coordinates=coordinates)
    kernels = sorted(
        (name for name in weights if name.endswith("weight")), key=lambda n: int(n.split(".")[0])
    )
    for part in (kernels[:5], kernels[5:]):
        norms = [np.linalg.norm(weights[name]) for name in part]
        before = [np.linalg.norm(plain[name]) for name in part]
        assert np.prod(norms) == pytest.approx(np.prod(before))
        assert max(norms) <= 4 * min(norms)
        assert max(norms) / min(norms) < max(before) / min(before)


@pytest.mark.slow
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(side, side) for side in range(9, 65)] + RECTANGLES)
def test_every_centre_of_every_canvas(size, kernel, coordinates):
    for loss in TASK.supervision.losses:
        weights = coordconv_renderer(*size, 1, kernel, coordinates, loss)
        for part in np.array_split(centres(*size), -(-len(centres(*size)) // 512)):
            answers = predict(size, kernel, coordinates, loss, weights, part)
            assert np.array_equal(answers, squares(part, *size))


@pytest.mark.parametrize("bound", [None, -55])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_every_centre_in_layers_written_anew_with_either_softmax(coordinates, dtype, bound):
    for size, loss in [((16, 16), "mse"), ((20, 24), "sigmoid"), ((24, 24), "mse")]:
        positions, weights = centres(*size), coordconv_renderer(*size, 1, 3, coordinates, loss)
        outputs = reference(weights, positions, size, coordinates, dtype, bound)
        answers = TASK.supervision.decode(outputs.astype(np.float32), *size, loss)
        assert np.array_equal(answers, squares(positions, *size))


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("size", [(32, 32), (33, 33), (48, 48), (63, 63), (64, 64), (33, 64)])
def test_every_column_and_every_row_of_large_canvases(size, coordinates):
    """A logit is a sum of one term of x and one of y, so one centre for each will do."""
    height, width = size
    longer = np.arange(max(size) - 8)
    positions = np.stack([longer % (width - 8), longer[::-1] % (height - 8)], axis=1) + 4
    weights = coordconv_renderer(*size, 1, 2, coordinates, "mse")
    outputs = reference(weights, positions, size, coordinates, np.float32, -55)
    assert np.array_equal(outputs, squares(positions, *size))


def test_squares_that_the_canvas_cuts():
    size, positions = (10, 13), np.array(list(product(range(13), range(10))))
    for loss in TASK.supervision.losses:
        weights = coordconv_renderer(*size, 1, 3, "scaled", loss)
        answers = predict(size, 3, "scaled", loss, weights, positions)
        assert np.array_equal(answers, squares(positions, *size))


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("size", [(64, 64), (33, 64), (9, 11)])
def test_every_library_gives_the_same(name, size):
    pytest.importorskip(name)
    positions = np.random.default_rng(0).permutation(centres(*size))[:8]
    positions = np.concatenate([positions, centres(*size)[[0, -1]]])
    for kernel, coordinates, loss in [(3, "pixels", "mse"), (2, "scaled", "sigmoid")]:
        weights = coordconv_renderer(*size, 1, kernel, coordinates, loss)
        backend = backends.load(name)
        answers = predict(size, kernel, coordinates, loss, weights, positions, backend)
        assert np.array_equal(answers, squares(positions, *size))


@pytest.mark.parametrize("multiplier", [2, 3])
def test_wider_networks(multiplier):
    positions = centres(12, 15)
    weights = coordconv_renderer(12, 15, multiplier, 3, "pixels", "mse")
    answers = predict((12, 15), 3, "pixels", "mse", weights, positions, multiplier=multiplier)
    assert np.array_equal(answers, squares(positions, 12, 15))


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_every_sigmoid_in_float32_gives_0_and_1(name):
    library = pytest.importorskip(name)
    positions = centres(11, 10)
    weights = coordconv_renderer(11, 10, loss="sigmoid")
    outputs = reference(weights, positions, (11, 10), "scaled", np.float32)
    assert set(np.unique(outputs)) == {-128, 128}
    sigmoid = library.nn.sigmoid if name == "jax" else lambda x: library.sigmoid(library.tensor(x))
    assert np.array_equal(np.asarray(sigmoid(outputs)), squares(positions, 11, 10))


@pytest.mark.parametrize("loss", TASK.supervision.losses)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_the_answers_notice_every_number_whose_sign_changes_or_that_is_0(coordinates, loss):
    size, positions = (33, 40), centres(33, 40)[::37]
    weights = coordconv_renderer(*size, 1, 3, coordinates, loss)
    used = sum(np.count_nonzero(array) for array in weights.values())
    # The classifier, then two biases and a weight a layer; with "mse" as with "sigmoid".
    assert used == 19 + 5 + 2 == 26
    missed = []
    for name, array in weights.items():
        for place in np.argwhere(array):
            for factor in (-1, 0):
                other = array.copy()
                other[tuple(place)] *= factor
                outputs = reference(
                    weights | {name: other}, positions, size, coordinates, np.float32, -55
                )
                if np.array_equal(
                    TASK.supervision.decode(outputs, *size, loss), squares(positions, *size)
                ):
                    missed.append((name, *map(int, place), factor))
    assert missed == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((64, 64, 1, 0), "kernel is 0; give 1 or more"),
        ((64, 64, 1, 3, "polar"), "coordinates 'polar' is not known; choose from: scaled, pixels"),
        ((64, 64, 1, 3, "pixels", "l1"), "loss 'l1' is not known; choose from: sigmoid, mse"),
        ((9, 65537), "canvas is 9x65537; there are weights for sides up to 65536"),
    ],
)
def test_what_there_is_not_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        coordconv_renderer(*options)
