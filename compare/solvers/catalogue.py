"""Solvers behind one interface: handcrafted, ready-made and learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from compare.learned.recipe import Recipe
from compare.plugins import plugins
from compare.solvers.base import Entry, Setting, Solver
from compare.solvers.fixed import _handcrafted, _ready_made

if TYPE_CHECKING:
    from compare.learned.architecture import Architecture


def offered(task: str) -> dict[str, Entry]:
    """Return the solvers of a task by name, the built-in ones first.

    Other packages add theirs under the entry-point group `compare.solvers`: the entry's name is
    "TASK.SOLVER", its value "module:ENTRY".
    """
    solvers = dict(_OFFERED.get(task, {}))
    for point in plugins("compare.solvers"):
        owner, _, name = point.name.rpartition(".")
        if owner == task:
            solvers.setdefault(name, point.load())
    return solvers


def _learned(
    summary: str,
    architecture: Callable[[Setting, Recipe], Architecture],
    recipes: dict[str, Recipe],
    options: tuple[str, ...] = (),
) -> Entry:
    def build(setting: Setting, recipe: Recipe | None, checkpoint: Path | None) -> Solver:
        # Imported here, as in the functions below, because `compare list` can do without.
        from compare.solvers.learned import Learned

        recipe = recipe or recipes["quick"]
        size = (setting.height, setting.width)
        built = architecture(setting, recipe)
        return Learned(setting.task, built, size, recipe, setting.backend, checkpoint)

    return Entry(summary, build, recipes, options)


def _coordconv_regressor(setting: Setting, recipe: Recipe) -> Architecture:
    from compare.learned.published import coordconv_regressor

    return coordconv_regressor(setting.height, setting.width)


def _conv_regressor(setting: Setting, recipe: Recipe) -> Architecture:
    from compare.learned.published import conv_regressor_quadrant, conv_regressor_uniform

    published = {"uniform": conv_regressor_uniform, "quadrant": conv_regressor_quadrant}
    return published[setting.split](setting.height, setting.width, recipe.width)


def _coordconv_classifier(setting: Setting, recipe: Recipe) -> Architecture:
    from compare.learned.published import coordconv_classifier

    return coordconv_classifier(setting.height, setting.width, recipe.width, recipe.coordinates)


def _coordconv_renderer(setting: Setting, recipe: Recipe) -> Architecture:
    from compare.learned.published import coordconv_renderer

    return coordconv_renderer(
        setting.height, setting.width, recipe.width, recipe.kernel, recipe.coordinates
    )


def _transposed_convolutions(setting: Setting, recipe: Recipe) -> Architecture:
    from compare.learned.published import deconv

    return deconv(setting.height, setting.width, recipe.width, recipe.kernel, recipe.coordinates)


def _alike(recipe: Recipe) -> dict[str, Recipe]:
    """Both presets train alike, but for the epochs."""
    return {"quick": recipe, "paper": recipe}


_REGRESSORS = {
    "coordconv": _learned(
        "the published CoordConv regressor",
        _coordconv_regressor,
        _alike(Recipe(learning_rate=0.01)),
    ),
    # The best of the published grid's three rates, in our runs.
    "conv": _learned(
        "the published plain-convolution regressors, one for each split",
        _conv_regressor,
        _alike(Recipe(learning_rate=0.001)),
        ("width",),
    ),
}


def _deconv(loss: str) -> Entry:
    # As the authors' README trains it; narrower, faster and without decay in the quick preset.
    return _learned(
        "the published stack of transposed convolutions",
        _transposed_convolutions,
        {
            "quick": Recipe(learning_rate=0.01, l2=0.0, batch=16, loss=loss),
            "paper": Recipe(
                learning_rate=0.01,
                l2=0.001,
                batch=16,
                loss=loss,
                schedule="step",
                width=2,
                coordinates="pixels",
            ),
        },
        ("width", "kernel", "coordinates"),
    )


_OFFERED: dict[str, dict[str, Entry]] = {
    "onehot2coord": {
        "handcrafted": _handcrafted("onehot2coord"),
        **_REGRESSORS,
        "argmax": _ready_made(
            "argmax", "numpy.argmax and unravel_index, what a programmer would write"
        ),
        "verified-argmax": _ready_made(
            "verified_argmax", "argmax, and a check that nothing else is set"
        ),
        "expectation": _ready_made("expectation", "sum(A X) / sum(A), as DSNT computes it"),
    },
    "coord2onehot": {
        "handcrafted": _handcrafted("coord2onehot"),
        "coordconv": _learned(
            "the published CoordConv classifier",
            _coordconv_classifier,
            {
                # Small batches and a high rate keep the network from being content with the
                # positions it is shown before it is right at the others; docs/recipes.md.
                "quick": Recipe(learning_rate=0.01, l2=0.0003, batch=4, loss="softmax"),
                "paper": Recipe(
                    learning_rate=0.005, l2=0.001, batch=16, loss="softmax", coordinates="pixels"
                ),
            },
            ("width", "coordinates"),
        ),
        "deconv": _deconv("softmax"),
        "indexing": _ready_made("indexing", "bitmaps[item, 0, y, x] = 1"),
    },
    "coord2image": {
        "handcrafted": _handcrafted("coord2image"),
        "coordconv": _learned(
            "the published CoordConv renderer",
            _coordconv_renderer,
            {
                # Under the cross-entropy some seeds never begin to learn; docs/recipes.md.
                "quick": Recipe(learning_rate=0.002, l2=0.0, batch=4, loss="mse"),
                "paper": Recipe(
                    learning_rate=0.005, l2=0.001, batch=16, loss="sigmoid", coordinates="pixels"
                ),
            },
            ("width", "kernel", "coordinates"),
        ),
        "deconv": _deconv("sigmoid"),
        "slicing": _ready_made("slicing", "picture[y-4:y+5, x-4:x+5] = 1"),
    },
    "image2coord": {
        "handcrafted": _handcrafted("image2coord"),
        **_REGRESSORS,
        "centroid": _ready_made("centroid", "the mean place of the lit pixels"),
    },
}
