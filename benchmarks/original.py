"""The authors' own graph beside ours: outputs, gradients and losses from equal weights and batches.

    git clone https://github.com/uber-research/CoordConv
    pip install -e '.[bench]'
    python benchmarks/original.py --repo CoordConv [--steps 20]

Imports the authors' `model_builders.py` unmodified from --repo, builds each of their seven networks
under TensorFlow's compatibility mode with the optimiser as their `train.py` builds it, sets our
first weights, and takes the same steps on the same batches with both. A third training, ours in
float64, tells rounding from a difference. Writes docs/fidelity.md. None of their code is here.
"""

# ruff: noqa: E501 (the rows of the page's tables)
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from compare.backends import Backend
from compare.backends import load as load_backend
from compare.backends.numpy import NumpyBackend
from compare.datasets.streams import random_stream
from compare.files import write_whole
from compare.learned.architecture import Architecture, initial_deviation
from compare.learned.layers import BatchNorm, Dense
from compare.learned.optimizer import adam_rate
from compare.learned.recipe import Recipe
from compare.learned.sparse.batches import from_chunks
from compare.learned.training import forward, initial_state, prepared
from compare.solvers.base import Setting
from compare.solvers.catalogue import solvers_of
from compare.tasks import load as load_task

COMMIT = "27fab8b86efac87c262c7c596a0c384b83c9d806"
"""Of the authors' repository, which this was written for."""

SIDE = 64

PAGE = Path(__file__).parent.parent / "docs" / "fidelity.md"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Network:
    """One of the authors' networks, and ours that is to be the same."""

    title: str
    task: str
    solver: str
    split: str
    build: Callable[[Any, Recipe], Any]
    """(their model_builders, recipe) to their model."""
    inputs: int = 2
    """How many placeholders their model is called on."""
    batch: int | None = None
    """None for that of the recipe."""

    def recipe(self) -> Recipe:
        """Return how it is trained."""
        recipe = solvers_of(self.task)[self.solver].recipes["paper"]
        return recipe if self.batch is None else replace(recipe, batch=self.batch)


def _regressor(kind: str) -> Callable[[Any, Recipe], Any]:
    return lambda theirs, recipe: theirs.ConvRegressor(l2=recipe.l2, mul=recipe.width, _type=kind)


def _deconv(theirs: Any, recipe: Recipe) -> Any:
    return theirs.DeconvPainter(
        l2=recipe.l2,
        fs=recipe.kernel,
        mul=recipe.width,
        onthefly=False,
        use_sigm_loss=recipe.loss == "sigmoid",
    )


NETWORKS = (
    Network("CoordConv regressor", "onehot2coord", "coordconv", "uniform", _regressor("coordconv")),
    Network(
        "plain regressor, uniform split",
        "onehot2coord",
        "conv",
        "uniform",
        _regressor("conv_uniform"),
    ),
    Network(
        "plain regressor, quadrant split",
        "onehot2coord",
        "conv",
        "quadrant",
        _regressor("conv_quarant"),
    ),
    # Where their sums have few terms, float32 rounds them less.
    Network(
        "the same, batches of 64",
        "onehot2coord",
        "conv",
        "quadrant",
        _regressor("conv_quarant"),
        batch=64,
    ),
    Network(
        "CoordConv classifier",
        "coord2onehot",
        "coordconv",
        "uniform",
        lambda theirs, recipe: theirs.CoordConvPainter(l2=recipe.l2, mul=recipe.width),
    ),
    Network(
        "CoordConv renderer",
        "coord2image",
        "coordconv",
        "uniform",
        lambda theirs, recipe: theirs.CoordConvImagePainter(
            l2=recipe.l2, fs=recipe.kernel, mul=recipe.width, use_sigm_loss=True
        ),
        3,
    ),
    Network("transposed convolutions, one-hot", "coord2onehot", "deconv", "uniform", _deconv),
    Network("transposed convolutions, squares", "coord2image", "deconv", "uniform", _deconv),
)


# --- Their side -----------------------------------------------------------------------------


def import_theirs(repo: Path) -> tuple[Any, Any]:
    """Return TensorFlow 1's interface and the authors' `model_builders`.

    Their code was written for TensorFlow 1 and Python 2 and 3. What it imports and is gone since
    is put in place: `tf.layers`' base classes, which tf_keras still has, `time.clock`, and names
    that are imported and not used in building a graph.
    """
    os.environ.update(
        TF_USE_LEGACY_KERAS="1",
        TF_CPP_MIN_LOG_LEVEL="3",
        TF_ENABLE_ONEDNN_OPTS="0",
        CUDA_VISIBLE_DEVICES="",
    )
    try:
        import tensorflow
        from tf_keras.src.legacy_tf_layers import base, normalization
    except ImportError as error:
        raise SystemExit(
            fault(f"needs TensorFlow and tf_keras ({error}): pip install -e '.[bench]'")
        ) from error
    v1 = tensorflow.compat.v1
    v1.logging.set_verbosity(v1.logging.ERROR)
    v1.disable_v2_behavior()
    time.clock = time.perf_counter  # type: ignore[attr-defined]
    unused = {"IPython": "embed", "orderedset": "OrderedSet", "tensorflow.contrib": "rnn"}
    for name, attribute in unused.items():
        _module(name, **{attribute: types.SimpleNamespace()})
    _module("tensorflow.python.layers", base=base, normalization=normalization)
    sys.modules["tensorflow.python.layers.base"] = base
    sys.modules["tensorflow.python.layers.normalization"] = normalization
    sys.modules["tensorflow"] = v1
    sys.path.insert(0, str(repo))
    import model_builders

    return v1, model_builders


def _module(name: str, **attributes: Any) -> None:
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module


class Theirs:
    """Their network, its loss and their optimiser, in a session."""

    def __init__(self, v1: Any, builders: Any, network: Network, recipe: Recipe) -> None:
        """Build the graph as `train.py` does: placeholders, model, Adam on `model.loss`."""
        self.graph, self.picture = v1.Graph(), network.task != "onehot2coord"
        with self.graph.as_default():
            v1.set_random_seed(0)
            coordinates = v1.placeholder("float32", (None, 2))
            pictures = v1.placeholder("float32", (None, SIDE, SIDE, 1))
            given = [coordinates, pictures] if self.picture else [pictures, coordinates]
            if network.inputs == 3:
                given.insert(1, v1.placeholder("float32", (None, SIDE, SIDE, 1)))
            self.given, self.model = given, network.build(builders, recipe)
            self.model(given)
            # In the order of creation, which is that of the layers.
            self.variables = v1.global_variables()
            self.rate = v1.placeholder("float32", [])
            optimiser = v1.train.AdamOptimizer(self.rate, recipe.beta1, recipe.beta2)
            self.pulled = optimiser.compute_gradients(
                self.model.loss,
                self.model.trainable_weights,
                gate_gradients=v1.train.Optimizer.GATE_GRAPH,
            )
            import tf_plus  # theirs

            self.phase = tf_plus.learning_phase()
            self.updates = self.model.updates
            self.step = optimiser.apply_gradients(self.pulled)
            self.session = v1.Session(graph=self.graph)
            self.session.run(v1.global_variables_initializer())
            self.zeros = lambda n: np.zeros((n, SIDE, SIDE, 1), np.float32)

    def feed(self, inputs: NDArray[Any], targets: NDArray[Any], phase: bool) -> dict[Any, Any]:
        """Return what the placeholders are fed; channels come last there."""
        values = [_channels_last(inputs), _channels_last(targets)]
        if len(self.given) == 3:
            values.insert(1, self.zeros(len(inputs)))  # enters a loss that is not asked for
        return {**dict(zip(self.given, values, strict=True)), self.phase: phase}

    def outputs(self, inputs: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs of prediction, (n, numbers)."""
        found = self.session.run(self.model.logits, self.feed(inputs, targets, False))
        return found.reshape(len(inputs), -1)

    def take_step(self, inputs: NDArray[Any], targets: NDArray[Any], rate: float) -> Any:
        """Take a step; return the loss before it and the gradients, by the variables' names."""
        feed = {**self.feed(inputs, targets, True), self.rate: rate}
        wanted = [self.model.loss, [g for g, _ in self.pulled], self.step, self.updates]
        loss, gradients, *_ = self.session.run(wanted, feed)
        names = [variable.name for _, variable in self.pulled]
        return float(loss), dict(zip(names, gradients, strict=True))

    def read(self) -> list[NDArray[Any]]:
        """Return the variables, in order."""
        return self.session.run(self.variables)

    def write(self, arrays: list[NDArray[Any]]) -> None:
        """Set the variables."""
        with self.graph.as_default():
            for variable, array in zip(self.variables, arrays, strict=True):
                variable.load(array, self.session)


def _channels_last(array: NDArray[Any]) -> NDArray[Any]:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


# --- Ours -----------------------------------------------------------------------------------


class Float64Backend(NumpyBackend):
    """Everything as in the NumPy backend, but arrays of floats are float64 here."""

    name: ClassVar[str] = "float64"
    precisions: ClassVar[tuple[str, ...]] = ("float64",)

    def asarray(self, array: NDArray[Any], like: Any = None) -> NDArray[Any]:
        """Widen floats, and leave numbers of samples and pixels what they are."""
        if like is None and not np.issubdtype(array.dtype, np.floating):
            return array.copy()
        return np.array(array, dtype=np.float64 if like is None else like.dtype)


class Ours:
    """Our network and its training step, as `compare.learned.training` prepares it."""

    def __init__(
        self,
        architecture: Architecture,
        inputs: Any,
        targets: NDArray[Any],
        recipe: Recipe,
        backend: Backend,
    ) -> None:
        """Prepare the step on all samples; begin with the first weights of seed 0."""
        self.architecture, self.backend = architecture, backend
        at_any_rate = replace(recipe, learning_rate=1.0, lr_schedule="constant", epochs=0)
        self._step, self.shared, samples = prepared(architecture, inputs, at_any_rate, backend)
        self.inputs, self.targets = samples, backend.asarray(targets)
        state = initial_state(architecture, 0, backend)
        self.weights, self.mean, self.square = state.weights, state.mean, state.square
        self.beta1 = recipe.beta1

    def outputs(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs of prediction for some samples, (n, numbers), channels last."""
        chosen = tuple(array[rows] for array in self.inputs)
        found = forward(self.architecture, self.backend)(self.weights, self.shared, chosen)
        return _channels_last(np.asarray(found)).reshape(len(rows), -1)

    def take_step(self, rows: NDArray[Any], rate: float) -> tuple[float, Arrays]:
        """Take a step; return the loss before it and, after the first step, the gradients."""
        backend, zero = self.backend, self.backend.asarray(np.zeros((), np.float32))
        self.weights, self.mean, self.square, loss, _ = self._step(
            self.weights, self.mean, self.square, zero, np.asarray([0]),
            backend.asarray(np.asarray([rate]), like=zero), rows[None], self.shared,
            (self.targets, *self.inputs),
        )  # fmt: skip
        # The first moving mean is (1 - beta1) times the gradient.
        gradients = {name: array / (1 - self.beta1) for name, array in self.mean.items()}
        return float(loss) / len(rows), gradients


def laid_out(architecture: Architecture, weights: Arrays) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield our arrays with their names, in the order and the layout of TensorFlow's variables.

    Kernels have their channels last, and a dense layer's rows count channels last.
    """
    shapes = architecture.shapes()
    before = None
    for index, (layer, shape) in enumerate(zip(architecture.layers, shapes, strict=False)):
        names = list(layer.parameters(shape))
        if len(shape) == 3:
            before = shape
        for name in names:
            array = np.asarray(weights[f"{index}.{name}"])
            if array.ndim == 4:
                array = array.transpose(2, 3, 1, 0)
            if array.ndim == 2 and before is not None:  # a dense layer behind pictures
                array = array.reshape(*before, -1).transpose(1, 2, 0, 3)
                array = array.reshape(-1, array.shape[-1])
            yield f"{index}.{name}", array
        if isinstance(layer, Dense):
            before = None


# --- Comparison -----------------------------------------------------------------------------


@dataclass
class Difference:
    """How far two computations are apart, relative to the second; of the losses, step by step."""

    outputs: float
    gradients: float
    losses: float
    weights: float


@dataclass
class Result:
    """What running both came to."""

    network: Network
    steps: int
    first_loss: float
    last_loss: float
    ours_theirs: Difference
    ours_reference: Difference
    dense_reference: Difference
    """Of our layers without the shortcut for sparse pictures."""
    theirs_reference: Difference
    deviation: float
    """The standard deviation of all their first kernels, each divided by what ours has."""
    margin: float
    """One standard error of it, for so many numbers."""


def apart(first: list[NDArray[Any]], second: list[NDArray[Any]]) -> float:
    """Return the Euclidean norm of the differences between all arrays, over the second's norm."""
    pairs = zip(first, second, strict=True)
    differing = sum(float(((np.asarray(a, float) - b) ** 2).sum()) for a, b in pairs)
    return float(np.sqrt(differing / sum(float((np.asarray(b, float) ** 2).sum()) for b in second)))


def compare_networks(v1: Any, builders: Any, network: Network, steps: int) -> Result:
    """Train one network on both sides, and ours in float64 too."""
    task = load_task(network.task)
    recipe = network.recipe()
    data = task.split(network.split, SIDE, SIDE).train
    learned: Any = solvers_of(network.task)[network.solver].build(
        Setting(task, network.split, SIDE, SIDE), recipe
    )
    architecture = learned.architecture
    dense = data.inputs(slice(0, len(data)))
    inputs, targets = from_chunks([dense]), learned.targets(data)
    numpy = load_backend("numpy")
    sides = [
        Ours(architecture, inputs, targets, recipe, numpy),
        Ours(architecture, inputs, targets, recipe, Float64Backend(precision="float64")),
        Ours(architecture, dense, targets, recipe, numpy),
    ]
    theirs = Theirs(v1, builders, network, recipe)
    drawn = first_deviation(architecture, theirs.read())
    first = [array for _, array in laid_out(architecture, sides[0].weights)]
    theirs.write(first)
    wanted = as_pictures(targets, network.task)
    rows = np.arange(64)
    outputs = [side.outputs(rows) for side in sides]
    outputs.append(theirs.outputs(dense[rows], wanted[rows]))

    losses: list[list[float]] = [[], [], [], []]
    gradients: list[list[NDArray[Any]]] = []
    trained = [name for name, _ in laid_out(architecture, sides[0].weights)]
    for index, chosen in zip(range(steps), batches(len(targets), recipe.batch), strict=False):
        rate = adam_rate(recipe, index + 1)
        for place, side in enumerate(sides):
            loss, pulled = side.take_step(chosen, rate)
            losses[place].append(loss)
            if index == 0:
                own = {name: pulled.get(name, side.weights[name]) for name in trained}
                gradients.append([a for name, a in laid_out(architecture, own) if name in pulled])
        # Their optimiser corrects the rate itself.
        loss, by_name = theirs.take_step(dense[chosen], wanted[chosen], recipe.learning_rate)
        losses[3].append(loss)
        if index == 0:
            order = [v.name for v in theirs.variables if v.name in by_name]
            gradients.append([by_name[name] for name in order])
    weights = [[a for _, a in laid_out(architecture, side.weights)] for side in sides]
    weights.append(theirs.read())

    def difference(a: int, b: int) -> Difference:
        steps_apart = [abs(x - y) / abs(y) for x, y in zip(losses[a], losses[b], strict=True)]
        return Difference(
            apart([outputs[a]], [outputs[b]]),
            apart(gradients[a], gradients[b]),
            max(steps_apart),
            apart(weights[a], weights[b]),
        )

    return Result(
        network, steps, losses[0][0], losses[0][-1],
        difference(0, 3), difference(0, 1), difference(2, 1), difference(3, 1), *drawn,
    )  # fmt: skip


def batches(count: int, batch: int) -> Iterator[NDArray[Any]]:
    """Yield the rows of each batch as seed 0 orders them; an epoch's last one may be partial."""
    epoch = 0
    while True:
        order = random_stream(0, "order", epoch).permutation(count)
        # Sorted within the batch, as the authors do it; only sums are in another order then.
        yield from (np.sort(order[start : start + batch]) for start in range(0, count, batch))
        epoch += 1


def as_pictures(targets: NDArray[Any], task: str) -> NDArray[Any]:
    """Return targets as their placeholders take them: pixel numbers become bitmaps."""
    if task == "coord2onehot":
        bitmaps = np.zeros((len(targets), SIDE * SIDE), np.float32)
        bitmaps[np.arange(len(targets)), targets] = 1
        return bitmaps.reshape(-1, 1, SIDE, SIDE)
    return targets.reshape(-1, 1, SIDE, SIDE) if task == "coord2image" else targets


def first_deviation(architecture: Architecture, drawn: list[NDArray[Any]]) -> tuple[float, float]:
    """Return how widely they draw kernels, over how widely we do, and its standard error."""
    names = [name for name, _ in laid_out(architecture, architecture.initial_weights(0))]
    parameters = architecture.parameters()
    scaled = [
        (array / initial_deviation(parameters[name])).ravel()
        for name, array in zip(names, drawn, strict=True)
        if initial_deviation(parameters[name])
    ]
    numbers = np.concatenate(scaled)
    return float(numbers.std()), float(1 / np.sqrt(2 * len(numbers)))


# --- The page -------------------------------------------------------------------------------


def page(results: list[Result], commit: str, versions: str) -> str:
    """Write docs/fidelity.md."""
    head = (
        "| network | steps | batch | loss, first to last | outputs | gradients | losses | weights "
        "| first weights |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    first = [head]
    second = [
        "| network | gradients: ours | ours, dense | theirs | losses: ours | ours, dense | theirs "
        "| weights: ours | ours, dense | theirs |\n"
        "| --- |" + " ---: |" * 9
    ]
    for each in results:
        network, recipe = each.network, each.network.recipe()
        found = each.ours_theirs
        float32 = (each.ours_reference, each.dense_reference, each.theirs_reference)
        cells = [
            f"{getattr(side, name):.1e}"
            for name in ("gradients", "losses", "weights")
            for side in float32
        ]
        first.append(
            f"| {network.title} | {each.steps} | {recipe.batch} | {each.first_loss:.4g} to "
            f"{each.last_loss:.4g} | {found.outputs:.1e} | {found.gradients:.1e} | "
            f"{found.losses:.1e} | {found.weights:.1e} | {each.deviation:.3f} ± {each.margin:.3f} |"
        )
        second.append(f"| {network.title} | {' | '.join(cells)} |")
    return PAGE_TEXT.format(
        commit=commit,
        written_for=COMMIT[:10],
        versions=versions,
        table="\n".join(first),
        reference="\n".join(second),
        norms=sum(_norms(each.network) for each in results if each.network.batch is None),
    )


def _norms(network: Network) -> int:
    recipe = network.recipe()
    setting = Setting(load_task(network.task), network.split, SIDE, SIDE)
    learned: Any = solvers_of(network.task)[network.solver].build(setting, recipe)
    return sum(isinstance(layer, BatchNorm) for layer in learned.architecture.layers)


PAGE_TEXT = """\
# Is it the authors' network, trained as they trained it?

Written by

    git clone https://github.com/uber-research/CoordConv
    pip install -e '.[bench]'
    python benchmarks/original.py --repo CoordConv

which imports the authors' model code unmodified and runs it beside ours: equal first weights, equal
batches, each with its own gradients and its own Adam. Their commit: {commit}; the command was
written for {written_for}. {versions}.

Each network has the recipe of the preset `paper`; [recipes.md](recipes.md) says whose that is.
A difference is relative, as Euclidean norms: of the outputs of 64 samples before the first step; of
all first gradients, penalties included; of all weights after the last step, running statistics of
batch norms included. Of the losses it is the largest at any step. "First weights" is the standard
deviation of what their initialisers draw, over ours.

{table}

A difference may be a rounding error that steps enlarge. So ours was run in float64 too, from the
same weights, and in float32 without its shortcut for sparse pictures ("dense"), whose sums are more
like theirs. Where both float32 computations are about as far from float64 as from each other, the
difference is rounding. Adam enlarges it most where a true gradient is 0, such as that of a bias
before a batch norm or before the softmax: its step has the size of the rate, whatever the size of the
rounding. In the plain regressor of the quadrant split, batch norms sum over up to 262,144 pixels of a
batch, which our sums round less: with batches of 64 the first gradients are nearer to each other.

{reference}

## Item by item

| item | how it was found | result |
| --- | --- | --- |
| layers, their order, padding, coordinates in [-1, 1] | run | the same outputs, table above |
| first weights: He-normal, truncated and widened as Keras does it, Glorot-uniform in dense layers; for transposed convolutions with the layer's own channels as fan-in | run | the same deviation, last column above |
| losses: mean squared error; softmax over all pixels; sigmoid, mean over pixels | run | the same losses |
| L2: the sum of squares without a half, on the kernels of convolutions alone, neither biases nor dense layers | run | part of the losses and gradients above |
| Adam, betas 0.9 and 0.99, epsilon outside the bias correction | run | the same weights |
| batch norm ({norms} of them): momentum 0.9, epsilon 1e-5, running variance with Bessel's correction | run | part of the weights above |
| batches: a new order each epoch, the last one partial | the regressors' run passes ends of epochs, where it has 10 steps or more | the same losses |
| batches are sorted within | read, `train.py` | ours are not; only sums have another order |
| step schedule: a tenth after every 200 of 1000 epochs, four times | read, `general/lr_policy.py` | the same |
| pictures: row y, column x; a square of 9x9 pixels | read, `data/not_so_clevr_generator.py` | the same |
| uniform split: a draw below 0.25 for each centre, seed 20202; 2368 and 768 positions | read, the same file | the same; the tests count them |
| quadrant split: both coordinates above half; 2407 and 729 positions | read, the same file | the same; the tests count them |
| random numbers of weights and orders | read | ours are NumPy's, seeded; theirs are TensorFlow's |

## Where the authors' sources disagree, and what we chose

Paper: arXiv:1807.03247. README, log (`experiment_logs.sh`) and code are those of the repository.

| what | the sources | we |
| --- | --- | --- |
| ReLU in the CoordConv regressor | the code has none; the paper does not say so. The authors in 2019: "it's in the code, but not in the paper" | none |
| commands of the two regressors | the README has them swapped: `conv_regressor` under "coordconv version" | by their architectures, as in the log |
| plain regressors, rate and L2 | README: 0.01 and 1e-5; log: a grid of 9 points | 0.001 and 1e-5; the grid is in `sweeps/paper.toml` |
| which plain regressor | the code takes the first if "uniform" is in the data file's name, else the other | one for each split |
| name of the quadrant's file | the generator writes `rectangle_4_quadrant.h5`; parts of the log read `rectangle_4_quarant.h5`, which nothing writes | the quadrant split |
| epochs of the CoordConv classifier and renderer | log: 50; README: 100 | 50 |
| kernel of the CoordConv renderer | log: 1 (`-fs 1`); README: none, so the default of 3 | 1; `--kernel 3` is the other |
| loss of the CoordConv renderer | neither log nor README names one, and the code then raises "use either sigmoid or mse loss" | sigmoid; `--loss mse` is the other |
| training of both renderers | `train.py` feeds `batch_images` and `val_images`, which are defined nowhere | the squares |
| squares | the generator draws them in 128 of 255, divided by 255 | 128/255 in the preset; `--target white` is 1 |
| their IoU | counts a grey pixel as its brightness in the intersection and as 1 in the union, so it cannot exceed 0.502 | tables have it, and one with both counted as 1 |
| epochs and rate of the transposed convolutions | log: 1000, a tenth after every 200; README: 2000, constant | the log's |
| loss of the transposed convolutions that draw squares | log: both sigmoid and mean squared error; README: none, so the code's softmax | sigmoid; `--loss mse` is the other |
| loops of the log | `minibatch in{{16,32}}` and `mul in{{1,2}}` lack a blank, which bash refuses | the lists they were meant to go through |
| width | `-mul` is 2 by default, 1 or 3 where the log says so; of the renderer it widens the last five layers alone | as the log has it |
| betas | `train.py` has 0.9 and 0.99, where Adam's paper has 0.999 | 0.9 and 0.99 |
| what the GAN's discriminator sees | the code gives it the CoordConv generator's output before tanh, and shows pictures after it; the plain generator ends in tanh | the same |
| versions of the GAN | the README has commands for two (plain, and coordinates in both networks); the code has coordinates in the generator alone as well | all three, by the README's settings |
| noise of the GAN | the code does not seed it by default | seeded, a stream of its own |
"""


def fault(message: str) -> int:
    """Print one line and return the exit code for what cannot be done."""
    print(f"original.py: {message}", file=sys.stderr)
    return 2


def head_of(repo: Path) -> str:
    """Return the commit that is checked out, in ten digits; "not known" without git."""
    command = ["git", "-C", str(repo), "rev-parse", "--show-toplevel", "HEAD"]
    found = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    lines = found.stdout.split("\n")
    known = found.returncode == 0 and Path(lines[0]) == repo.resolve()
    return lines[1][:10] if known else "not known"


def main() -> int:
    """Run every network on both sides and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repo", type=Path, required=True, help="a clone of the authors' code")
    parser.add_argument("--steps", type=int, default=20, help="of each network (default 20)")
    parser.add_argument("--output", type=Path, default=PAGE, help=f"default: {PAGE.name}")
    options = parser.parse_args()
    if options.steps < 1:
        return fault(f"--steps is {options.steps}; give 1 or more")
    if not (options.repo / "model_builders.py").is_file():
        return fault(
            f"no model_builders.py in '{options.repo}'; give a clone of "
            "github.com/uber-research/CoordConv"
        )
    commit = head_of(options.repo)
    if commit != COMMIT[:10]:
        print(
            f"original.py: '{options.repo}' is at commit {commit}; this was written for "
            f"{COMMIT[:10]}",
            file=sys.stderr,
        )
    v1, builders = import_theirs(options.repo)
    results = []
    for network in NETWORKS:
        results.append(compare_networks(v1, builders, network, options.steps))
        print(network.title, results[-1].ours_theirs, flush=True)
    versions = ", ".join(
        f"{name} {version(package)}"
        for name, package in (
            ("TensorFlow", "tensorflow-cpu" if _has("tensorflow-cpu") else "tensorflow"),
            ("tf_keras", "tf_keras"),
            ("NumPy", "numpy"),
        )
    )
    content = page(results, commit, versions).encode()
    write_whole(options.output, lambda file: file.write(content))
    return 0


def _has(package: str) -> bool:
    from importlib.metadata import PackageNotFoundError

    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
