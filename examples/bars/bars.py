"""A task for `compare`, with one solver by hand and one that is trained: how long is the bar?"""

import numpy as np

from compare.datasets import Dataset, Split
from compare.errors import UsageError, choice
from compare.learned.architecture import Architecture
from compare.learned.layers import Conv, Dense, Flatten, GlobalMeanPool, Relu
from compare.learned.model import Cost
from compare.learned.recipe import Recipe
from compare.solvers.base import SolverSpec
from compare.solvers.fixed import Fixed
from compare.solvers.learned import Learned
from compare.tasks.base import Column, Supervision, Task, alike, by_sample

SPLITS = ("uniform", "long")


# The data. A sample is known by the pixel (x, y) at which its bar ends.
def draw(ends, height, width):
    """Return pictures of bars in row y from column 0 to x, (n, 1, height, width) float32."""
    x, y = ends[:, :1, None], ends[:, 1:, None]
    rows, columns = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    return ((rows == y) & (columns <= x))[:, None].astype(np.float32)


def lengths(ends):
    """Return each bar's length in pixels, (n, 1) float32."""
    return (ends[:, :1] + 1).astype(np.float32)


def dataset(ends, height, width):
    """Return samples, which are drawn when they are asked for."""
    return Dataset(ends, lambda ends: draw(ends, height, width), lengths)


def all_ends(height, width):
    """Return every (x, y) of the canvas, (n, 2) int64."""
    if min(height, width) < 4:
        raise UsageError(f"a canvas of {height}x{width} is too small; give at least 4x4")
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2)


def split(name, height, width):
    """Hold out a random quarter of the bars, or those longer than half of the canvas."""
    choice("split", name, SPLITS)
    ends = all_ends(height, width)
    if name == "uniform":
        test = np.random.default_rng(0).random(len(ends)) < 0.25
    else:
        test = ends[:, 0] >= width // 2
    return Split(dataset(ends[~test], height, width), dataset(ends[test], height, width))


# How an answer is evaluated.
def measure(answers, targets):
    """Return what is known of each sample, (n,) or (n, 1) each."""
    return {
        "prediction": answers,
        "exact": (answers == targets)[:, 0],
        "correct": (np.rint(answers) == targets)[:, 0],
        "error": np.abs(answers - targets)[:, 0],
    }


def score(samples):
    """Return the scores of all samples."""
    return {
        "exact": float(samples["exact"].mean()),
        "mean_error": float(samples["error"].mean()),
        "worst_error": float(samples["error"].max()),
    }


TASK = Task(
    name="bar2length",
    summary="a bar that begins at the left edge to its length",
    splits=SPLITS,
    split=split,
    all_samples=lambda height, width: dataset(all_ends(height, width), height, width),
    evaluate=by_sample(alike(measure), score, lambda scores: scores["worst_error"] < 0.5),
    columns=(
        Column("exact", "exact", share=True),
        Column("mean_error", "mean error px"),
        Column("worst_error", "worst error px"),
    ),
    legend="exact: equal to the length, nothing rounded. Errors are in pixels.",
    error="error (pixels)",
    criterion="worst error under half a pixel",
    # What training needs to know: losses that fit, the default first; from samples to what the
    # network is to put out; and from what it puts out to answers, here in pixels.
    supervision=Supervision(
        losses=("mse",),
        encode=lambda ends, height, width: lengths(ends) / np.float32(width),
        decode=lambda outputs, height, width, loss: outputs * np.float32(width),
    ),
)


# A solver by hand: the sum of the pixels.
def build_sum(setting, recipe):
    """Return a solver for the canvas of a setting."""
    additions = setting.height * setting.width
    cost = Cost(parameters=0, constants=0, multiply_adds=additions)
    return Fixed(lambda pictures: pictures.sum(axis=(1, 2, 3))[:, None], cost)


SUM = SolverSpec("the sum of the pixels", build_sum)


# A solver that is trained.
def build_pooled(setting, recipe):
    """Return an architecture for the canvas of a setting, to be trained by a recipe."""
    architecture = Architecture(
        (1, setting.height, setting.width),
        (Conv(4, kernel=3), Relu(), GlobalMeanPool(), Flatten(), Dense(1)),
    )
    size = (setting.height, setting.width)
    return Learned(architecture, setting.task.supervision, size, recipe, setting.backend)


POOLED = SolverSpec(
    "a convolution, a mean over the canvas and a dense layer",
    build_pooled,
    recipes={"quick": Recipe(learning_rate=0.02, batch=64, epochs=60)},
    whose={"quick": "ours"},
)
