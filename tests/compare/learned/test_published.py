"""The published networks on the published canvas, number by number and against PyTorch's modules.

The layer lists are those of the authors' code (github.com/uber-research/CoordConv,
model_builders.py); the counts are worked out here, from channels, kernels and pixels.
"""

from itertools import pairwise

import numpy as np
import pytest

from compare import backends
from compare.learned.architecture import Architecture
from compare.learned.layers import BatchNorm, Conv, Dense, Flatten, LeakyRelu, MaxPool, coordinates
from compare.learned.published import (
    conv_regressor_quadrant,
    conv_regressor_uniform,
    coordconv_classifier,
    coordconv_g,
    coordconv_gd,
    coordconv_regressor,
    coordconv_renderer,
    deconv,
    gan,
)

BACKEND = backends.load("numpy")
PIXELS = 64 * 64


def convolutions(*layers):
    """Return learned numbers and multiply-adds of (inputs, outputs, kernel, output pixels)."""
    weights = [(a * b * k * k, b, pixels) for a, b, k, pixels in layers]
    return sum(w + b for w, b, _ in weights), sum(w * pixels for w, _, pixels in weights)


def counts(architecture):
    return architecture.count(), architecture.multiply_adds()


def test_the_coordconv_regressor():
    expected = convolutions(
        (3, 8, 1, PIXELS), (8, 8, 1, PIXELS), (8, 8, 1, PIXELS), (8, 8, 3, PIXELS),
        (8, 2, 3, PIXELS),
    )  # fmt: skip
    assert expected == (906, 872 * PIXELS)
    assert counts(coordconv_regressor(64, 64)) == expected


@pytest.mark.parametrize("multiplier", [1, 2])
def test_the_plain_regressor_of_the_uniform_split(multiplier):
    width = 16 * multiplier
    numbers, sums = convolutions(
        (1, width, 3, 64 * 64), (width, width, 3, 32 * 32), (width, width, 3, 16 * 16),
        (width, width, 3, 8 * 8),
    )  # fmt: skip
    dense = width * 8 * 8 * 64 + 64 * 2
    expected = numbers + dense + 64 + 2, sums + dense
    assert counts(conv_regressor_uniform(64, 64, multiplier)) == expected


@pytest.mark.parametrize("multiplier", [1, 2])
def test_the_plain_regressor_of_the_quadrant_split(multiplier):
    width = 16 * multiplier
    numbers, sums = convolutions(
        (1, width, 5, 32 * 32), (width, width, 1, 32 * 32), (width, width, 3, 32 * 32),
        (width, width, 3, 16 * 16), (width, width, 3, 8 * 8), (width, width, 3, 4 * 4),
        (width, width, 1, 4 * 4), (width, width, 3, 2 * 2), (width, 2, 3, 2 * 2),
    )  # fmt: skip
    # A scale and a shift a channel for both batch norms, of 32 x 32 and 8 x 8 pixels; the mean
    # over the last two maps is 8 additions.
    norms = width * 32 * 32 + width * 8 * 8
    expected = numbers + 4 * width, sums + norms + 8
    assert counts(conv_regressor_quadrant(64, 64, multiplier)) == expected


@pytest.mark.parametrize("multiplier", [1, 2])
def test_the_coordconv_classifier(multiplier):
    a, b = 32 * multiplier, 64 * multiplier
    # x, y and the two coordinate channels.
    expected = convolutions(
        (4, a, 1, PIXELS), (a, a, 1, PIXELS), (a, b, 1, PIXELS), (b, b, 1, PIXELS),
        (b, 1, 1, PIXELS),
    )  # fmt: skip
    for given in ("scaled", "pixels"):
        assert counts(coordconv_classifier(64, 64, multiplier, given)) == expected


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
def test_the_coordconv_renderer(multiplier, kernel):
    eight, sixteen = 8 * multiplier, 16 * multiplier
    # The classifier keeps its width.
    expected = convolutions(
        (4, 32, 1, PIXELS), (32, 32, 1, PIXELS), (32, 64, 1, PIXELS), (64, 64, 1, PIXELS),
        (64, 1, 1, PIXELS), (1, eight, kernel, PIXELS), (eight, eight, kernel, PIXELS),
        (eight, sixteen, kernel, PIXELS), (sixteen, sixteen, kernel, PIXELS),
        (sixteen, 1, kernel, PIXELS),
    )  # fmt: skip
    assert counts(coordconv_renderer(64, 64, multiplier, kernel)) == expected


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("kernel", [2, 3])
def test_the_transposed_convolutions(multiplier, kernel):
    channels = [2, *(width * multiplier for width in (64, 64, 64, 32, 32)), 1]
    # Layer k spreads 2^k x 2^k pixels, and its batch norm has four times as many.
    numbers, sums = convolutions(
        *((a, b, kernel, 4**k) for k, (a, b) in enumerate(pairwise(channels)))
    )
    numbers += 2 * sum(channels[1:-1])
    sums += sum(width * 4 ** (k + 1) for k, width in enumerate(channels[1:-1]))
    for given in ("scaled", "pixels"):
        assert counts(deconv(64, 64, multiplier, kernel, given)) == (numbers, sums)


@pytest.mark.parametrize(
    ("size", "first", "cut"),
    [
        ((64, 64), (1, 1), False),
        ((63, 64), (1, 1), True),
        ((65, 64), (2, 1), True),
        ((64, 65), (1, 2), True),
        ((128, 64), (2, 1), False),
        ((9, 130), (1, 3), True),
    ],
)
def test_transposed_convolutions_cover_the_canvas(size, first, cut):
    """They begin with a pixel for each 64 begun of the canvas, and only what is over is cut."""
    shapes = deconv(*size).shapes()
    # The input, the same scaled, tiled.
    assert shapes[2] == (2, *first)
    assert shapes[-1] == (1, *size)
    uncut = (1, 64 * first[0], 64 * first[1])
    assert (shapes[-2] == uncut) == cut


def in_pytorch(torch):
    """Return every published network for a canvas of 64x64, of PyTorch's modules, by name."""
    nn = torch.nn

    class Coordinates(nn.Module):
        """Append x and y, each from -1 to 1."""

        def forward(self, maps):
            line = torch.linspace(-1, 1, 64, dtype=torch.float64)
            y, x = torch.meshgrid(line, line, indexing="ij")
            channels = torch.stack([x, y]).expand(len(maps), -1, -1, -1)
            return torch.cat([maps, channels], dim=1)

    class Halve(nn.Conv2d):
        """A convolution of stride 2 on an even side with TensorFlow's zeros: fewer before."""

        def __init__(self, a, b, kernel):
            super().__init__(a, b, kernel, stride=2)
            before = (kernel - 2) // 2
            self.zeros = (before, kernel - 2 - before) * 2

        def forward(self, maps):
            return super().forward(nn.functional.pad(maps, self.zeros))

    class Double(nn.ConvTranspose2d):
        """A transposed convolution by 3x3 whose last row and column are cut: the adjoint."""

        def __init__(self, a, b):
            super().__init__(a, b, 3, stride=2)

        def forward(self, maps):
            return super().forward(maps)[:, :, :-1, :-1]

    class Tile(nn.Module):
        def __init__(self, side):
            super().__init__()
            self.side = side

        def forward(self, vectors):
            return vectors[:, :, None, None].expand(-1, -1, self.side, self.side)

    class Scale(nn.Module):
        """Pixel 0 to -1 and pixel 63 to 1."""

        def forward(self, vectors):
            return (vectors - 31.5) / 31.5

    def conv(a, b, kernel):
        return nn.Conv2d(a, b, kernel, padding="same")

    def relu_between(*modules):
        with_relu = [x for module in modules for x in (module, nn.ReLU())]
        return with_relu[:-1]

    def classifier():
        return relu_between(
            nn.Sequential(Coordinates(), conv(4, 32, 1)),
            *(conv(a, b, 1) for a, b in pairwise((32, 32, 64, 64, 1))),
        )

    doublings = []
    for a, b in pairwise((2, 64, 64, 64, 32, 32)):
        doublings += [Double(a, b), nn.BatchNorm2d(b), nn.ReLU()]
    networks = {
        coordconv_regressor: [
            Coordinates(), conv(3, 8, 1), conv(8, 8, 1), conv(8, 8, 1), conv(8, 8, 3),
            conv(8, 2, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(),
        ],
        conv_regressor_uniform: [
            *(x for a in (1, 16, 16) for x in (conv(a, 16, 3), nn.ReLU(), nn.MaxPool2d(2))),
            conv(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(),
            nn.Linear(64, 2),
        ],
        conv_regressor_quadrant: [
            Halve(1, 16, 5), nn.ReLU(), conv(16, 16, 1), nn.ReLU(), nn.BatchNorm2d(16),
            conv(16, 16, 3), nn.ReLU(), Halve(16, 16, 3), nn.ReLU(), Halve(16, 16, 3),
            nn.BatchNorm2d(16), nn.ReLU(), Halve(16, 16, 3), nn.ReLU(), conv(16, 16, 1),
            nn.ReLU(), Halve(16, 16, 3), nn.ReLU(), conv(16, 2, 3), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        ],
        coordconv_classifier: [Scale(), Tile(64), *classifier()],
        coordconv_renderer: [
            Scale(), Tile(64), *classifier(),
            nn.Flatten(), nn.Softmax(dim=1), nn.Unflatten(1, (1, 64, 64)),
            *relu_between(*(conv(a, b, 3) for a, b in pairwise((1, 8, 8, 16, 16, 1)))),
        ],
        deconv: [Scale(), Tile(1), *doublings, Double(32, 1)],
    }  # fmt: skip
    return {build: nn.Sequential(*modules).double().eval() for build, modules in networks.items()}


@pytest.mark.parametrize(
    "build",
    [
        coordconv_regressor,
        conv_regressor_uniform,
        conv_regressor_quadrant,
        coordconv_classifier,
        coordconv_renderer,
        deconv,
    ],
)
def test_outputs_are_those_of_pytorchs_modules(build):
    torch = pytest.importorskip("torch")
    network, architecture = in_pytorch(torch)[build], build(64, 64)
    rng = np.random.default_rng(0)
    weights = {
        # Every bias, scale and statistic of another value, so that none can be left out.
        name: array.astype(float) + (rng.uniform(0.1, 0.5, array.shape) if array.ndim == 1 else 0)
        for name, array in architecture.initial_weights(0).items()
    }
    # PyTorch keeps weight, bias, and mean and variance in the same order, and dense weights turned.
    ours = [array.T if array.ndim == 2 else array for array in weights.values()]
    theirs = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    tensors = (torch.tensor(array) for array in ours)
    names = dict(zip(theirs, tensors, strict=True))
    network.load_state_dict(names, strict=False)
    if architecture.inputs == (2,):
        inputs = np.array([[0, 0], [63, 5], [17.5, 40]])
    else:
        inputs = rng.normal(size=(3, 1, 64, 64))
    outputs, _ = architecture.apply(BACKEND, weights, inputs)
    with torch.no_grad():
        expected = network(torch.tensor(inputs)).numpy()
    assert expected.std() > 0
    np.testing.assert_allclose(outputs, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("build", [coordconv_classifier, coordconv_renderer, deconv])
def test_coordinates_in_pixels_are_those_that_scaling_takes_to_the_same(build):
    """Without the layer that scales, (-1, -1) and (1, 1) are what (0, 0) and (63, 31) were."""
    scaled, pixels = build(32, 64), build(32, 64, coordinates="pixels")
    assert len(scaled.layers) == len(pixels.layers) + 1
    weights = scaled.initial_weights(0)
    renamed = {
        f"{int(name.split('.')[0]) - 1}.{name.split('.')[1]}": array
        for name, array in weights.items()
    }
    corners = np.array([[0, 0], [63, 31]], np.float32)
    signs = np.array([[-1, -1], [1, 1]], np.float32)
    expected, _ = scaled.apply(BACKEND, weights, corners)
    outputs, _ = pixels.apply(BACKEND, renamed, signs)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def rows(architecture):
    return [line.split() for line in str(architecture).splitlines()]


def test_the_coordconv_regressor_layer_by_layer():
    architecture = coordconv_regressor(64, 64)
    assert architecture.count() == 906
    layers = [(row[-3], row[-2]) for row in rows(architecture)[2:-1]]
    assert layers == [
        ("8x64x64", "32"), ("8x64x64", "72"), ("8x64x64", "72"), ("8x64x64", "584"),
        ("2x64x64", "146"), ("2x1x1", "0"), ("2", "0"),
    ]  # fmt: skip


def test_the_plain_regressor_for_the_uniform_split():
    architecture = conv_regressor_uniform(64, 64)
    shapes = ["x".join(map(str, shape)) for shape in architecture.shapes()]
    assert shapes == [
        "1x64x64", "16x64x64", "16x64x64", "16x32x32", "16x32x32", "16x32x32", "16x16x16",
        "16x16x16", "16x16x16", "16x8x8", "16x8x8", "16x8x8", "1024", "64", "64", "2",
    ]  # fmt: skip
    # 9 + 1 weights a channel, three times 16 * 9 + 1, 1025 * 64, 65 * 2.
    assert architecture.count() == 160 + 3 * 2320 + 65600 + 130 == 72850


def test_the_plain_regressor_for_the_quadrant_split():
    architecture = conv_regressor_quadrant(64, 64)
    sides = [shape[1] for shape in architecture.shapes()[:-1]]
    assert [side for k, side in enumerate(sides) if k == 0 or side != sides[k - 1]] == [
        64, 32, 16, 8, 4, 2, 1,
    ]  # fmt: skip
    # 5x5, two 1x1, five 3x3 of 16, the last 3x3 of 2, two batch norms.
    assert architecture.count() == 416 + 2 * 272 + 5 * 2320 + 290 + 2 * 32 == 12914


def test_the_coordconv_classifier_layer_by_layer():
    architecture = coordconv_classifier(64, 64)
    assert architecture.count() == 7553
    layers = [(row[-3], row[-2]) for row in rows(architecture)[2:-1]]
    assert layers == [
        ("2", "0"), ("2x64x64", "0"), ("32x64x64", "160"), ("32x64x64", "0"),
        ("32x64x64", "1,056"), ("32x64x64", "0"), ("64x64x64", "2,112"), ("64x64x64", "0"),
        ("64x64x64", "4,160"), ("64x64x64", "0"), ("1x64x64", "65"),
    ]  # fmt: skip
    # As published there is no scaling, and the multiplier widens every layer but the last.
    published = coordconv_classifier(64, 64, 2, "pixels")
    assert len(published.layers) == len(architecture.layers) - 1
    assert published.count() == 64 * 5 + 64 * 65 + 128 * 65 + 128 * 129 + 129


@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_the_coordconv_renderer_layer_by_layer(multiplier, kernel):
    architecture = coordconv_renderer(64, 64, multiplier, kernel)
    layers = [(row[-3], row[-2].replace(",", "")) for row in rows(architecture)[13:-1]]
    area, channels = kernel**2, [1, *(n * multiplier for n in (8, 8, 16, 16)), 1]
    counts = [(a * area + 1) * b for a, b in pairwise(channels)]
    expected = [("1x64x64", "0")]
    for number, (width, count) in enumerate(zip(channels[1:], counts, strict=True)):
        expected += [(f"{width}x64x64", str(count))]
        expected += [(f"{width}x64x64", "0")] if number < 4 else []
    assert layers == expected
    assert architecture.count() == 7553 + sum(counts)


@pytest.mark.parametrize("multiplier", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_the_transposed_convolutions_layer_by_layer(multiplier, kernel):
    architecture = deconv(64, 64, multiplier, kernel)
    layers = [(row[-3], row[-2].replace(",", "")) for row in rows(architecture)[2:-1]]
    channels = [2, *(n * multiplier for n in (64, 64, 64, 32, 32)), 1]
    expected, total = [("2", "0"), ("2x1x1", "0")], 0
    for number, (a, b) in enumerate(pairwise(channels)):
        shape, count = f"{b}x{2 << number}x{2 << number}", (a * kernel**2) * b + b
        expected += [(shape, str(count))]
        if number < 5:
            expected += [(shape, str(2 * b)), (shape, "0")]
        total += count + (2 * b if number < 5 else 0)
    assert layers == expected
    assert architecture.count() == total
    if (multiplier, kernel) == (1, 3):
        assert total == 103_585


@pytest.mark.parametrize("size", [(9, 9), (16, 30), (65, 33)])
@pytest.mark.parametrize(
    "build",
    [
        coordconv_regressor,
        conv_regressor_uniform,
        conv_regressor_quadrant,
    ],
)
def test_every_canvas_gives_two_numbers(build, size):
    assert build(*size).shapes()[-1] == (2,)


def test_multiply_adds_are_counted_densely():
    architecture = Architecture((2, 6, 8), (Conv(3, kernel=3, stride=2), Flatten(), Dense(5)))
    assert architecture.multiply_adds() == 3 * 4 * (3 * 2 * 9) + 36 * 5


def test_a_seed_gives_the_same_weights_and_another_others():
    architecture = coordconv_regressor(64, 64)
    first, again, other = (architecture.initial_weights(seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["0.weight"], other["0.weight"])
    assert {array.dtype for array in first.values()} == {np.dtype(np.float32)}


def test_kernels_begin_he_normal_truncated_and_biases_zero():
    architecture = Architecture((16, 8, 8), (Conv(512, kernel=5),))
    weights = architecture.initial_weights(0)
    kernel = weights["0.weight"].astype(float)
    deviation = np.sqrt(2 / (16 * 25))
    assert abs(kernel.std() / deviation - 1) < 0.01
    assert abs(kernel.mean()) < 0.01 * deviation
    # Truncated at two of the untruncated deviations, which is 0.8796 of that before widening.
    assert np.abs(kernel).max() <= 2 * deviation / 0.8796
    assert np.abs(kernel).max() > 1.99 * deviation / 0.8796
    assert not weights["0.bias"].any()


def test_dense_weights_begin_glorot_uniform():
    weights = Architecture((600,), (Dense(200),)).initial_weights(0)
    limit = np.sqrt(6 / 800)
    assert 0.999 * limit < np.abs(weights["0.weight"]).max() <= limit


def test_coordinates_rise_from_minus_one_to_one():
    channels = coordinates(3, 5, radius=True)
    assert channels.shape == (1, 3, 3, 5)
    np.testing.assert_allclose(channels[0, 0], [[-1, -0.5, 0, 0.5, 1]] * 3)
    np.testing.assert_allclose(channels[0, 1].T, [[-1, 0, 1]] * 5)
    np.testing.assert_allclose(channels[0, 2, 0], np.hypot([-1, -0.5, 0, 0.5, 1], -1))


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2x2 map is smaller than the 3x3 max pool"):
        Architecture((1, 2, 2), (MaxPool(3),))
    with pytest.raises(ValueError, match=r"Dense takes vectors, got \(1, 2, 2\)"):
        Architecture((1, 2, 2), (Dense(3),))


@pytest.mark.parametrize("channels", [64, 8])
def test_the_plain_gans_generator(channels):
    """Dense to 4x4, then 5x5 transposed by 2; a scale and a shift a channel in each batch norm."""
    many = [8 * channels, 4 * channels, 2 * channels, channels, 3]
    numbers, sums = convolutions(
        *((a, b, 5, 4 ** (2 + k)) for k, (a, b) in enumerate(pairwise(many)))
    )
    dense = 256 * 16 * many[0]
    norms = sum(each * 4 ** (2 + k) for k, each in enumerate(many[:-1]))
    expected = numbers + dense + 16 * many[0] + 2 * sum(many[:-1]), sums + dense + norms
    assert counts(gan(64, 64, channels).generator) == expected


@pytest.mark.parametrize("channels", [64, 8])
@pytest.mark.parametrize("version", [coordconv_g, coordconv_gd])
def test_the_gans_generator_with_coordinates(version, channels):
    many = [258, *(channels * width for width in (8, 4, 4, 2, 1, 1, 1)), 3]
    kernels = (1, 1, 1, 1, 1, 3, 3, 1)
    pairs = zip(pairwise(many), kernels, strict=True)
    expected = convolutions(*((a, b, kernel, PIXELS) for (a, b), kernel in pairs))
    assert counts(version(64, 64, channels).generator) == expected


@pytest.mark.parametrize("channels", [64, 8])
@pytest.mark.parametrize(("version", "given"), [(gan, 3), (coordconv_g, 3), (coordconv_gd, 5)])
def test_the_gans_discriminator(version, given, channels):
    many = [given, *(channels * width for width in (1, 2, 4, 8))]
    numbers, sums = convolutions(
        *((a, b, 5, 4 ** (5 - k)) for k, (a, b) in enumerate(pairwise(many)))
    )
    norms = sum(each * 4 ** (4 - k) for k, each in enumerate(many[2:]))
    expected = numbers + 2 * sum(many[2:]) + 16 * many[-1] + 1, sums + norms + 16 * many[-1]
    assert counts(version(64, 64, channels).discriminator) == expected


def test_where_the_gans_arrays_begin():
    """He-normal in the generator with coordinates only, as published."""
    for version in (gan, coordconv_g, coordconv_gd):
        adversaries = version(64, 64)
        for part in ("generator", "discriminator"):
            he = part == "generator" and version is not gan
            for name, parameter in getattr(adversaries, part).parameters().items():
                if name.endswith("weight"):
                    assert parameter.initial == ("he_normal" if he else "glorot_uniform"), name
                else:
                    assert parameter.initial == (
                        "ones" if name[-5:] in ("scale", "iance") else "zeros"
                    )


def test_the_gans_batch_norms_and_slopes_are_the_published():
    for version in (gan, coordconv_g, coordconv_gd):
        adversaries = version(64, 64)
        layers = adversaries.generator.layers + adversaries.discriminator.layers
        assert {each for each in layers if isinstance(each, BatchNorm)} == {BatchNorm(0.9, 1e-5)}
        assert {each for each in layers if isinstance(each, LeakyRelu)} == {LeakyRelu(0.2)}


@pytest.mark.parametrize("size", [(64, 64), (50, 50), (36, 81)])
def test_a_gan_is_for_any_canvas(size):
    for version in (gan, coordconv_g, coordconv_gd):
        adversaries = version(*size, channels=2)
        assert adversaries.generator.shapes()[-1] == adversaries.discriminator.inputs == (3, *size)
        assert adversaries.discriminator.shapes()[-1] == (1,)


def test_a_generator_and_its_discriminator_begin_with_other_numbers():
    adversaries = coordconv_g(64, 64, channels=2)
    weights = adversaries.initial_weights(0)
    assert weights.keys() == adversaries.parameters().keys()
    assert {name.partition(".")[0] for name in weights} == {"generator", "discriminator"}
    for name, array in adversaries.generator.initial_weights(0).items():
        assert np.array_equal(weights[f"generator.{name}"], array)
    discriminator = adversaries.discriminator.initial_weights(0)
    assert not np.array_equal(weights["discriminator.0.weight"], discriminator["0.weight"])
