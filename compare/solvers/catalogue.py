"""Who offers what: the solvers of every task, and the recipes by which the learned are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache, partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.learned.recipe import OPTIONS, Recipe, Target
from compare.plugins import distribution, load, load_working, plugins
from compare.solvers.base import Setting, Solver, SolverSpec
from compare.solvers.fixed import closed_form, handcrafted, scene_generator

if TYPE_CHECKING:  # `compare list` does without NumPy
    from numpy.typing import NDArray

__all__ = [
    "PRESETS",
    "added_by",
    "preset_of",
    "preset_times",
    "published_epochs",
    "solvers_of",
    "training_of",
]

PRESETS = ("quick", "paper")
"""quick: a first look, stopped long before the published number of epochs; paper: in full."""


def solvers_of(
    task: str, asked: str | None = None, *, of_folder: bool = False
) -> dict[str, SolverSpec]:
    """Return the solvers of a task by name, the built-in ones first; or those `of_folder`s.

    Other packages add theirs under the entry-point group `compare.solvers`: the entry's name is
    "TASK.SOLVER", its value "module:SPEC". What is broken is left out with a warning; `UsageError`
    if it is among the comma-separated names that are `asked` for.
    """
    if of_folder:
        return dict(_FOLDER_SOLVERS.get(task, {}))
    solvers = dict(_SOLVERS.get(task, {}))
    wanted = [name.strip() for name in asked.split(",")] if asked else []
    for name, point in _added(task).items():
        spec = load(point, _fault) if name in wanted else load_working(point, _fault)
        if spec is not None:
            solvers.setdefault(name, spec)
    return solvers


def _added(task: str) -> dict[str, EntryPoint]:
    """Return the entry points of the solvers that other packages add to a task."""
    points: dict[str, EntryPoint] = {}
    for point in plugins("compare.solvers"):
        owner, _, name = point.name.rpartition(".")
        if owner == task and name not in _SOLVERS.get(task, {}):
            points.setdefault(name, point)
    return points


def added_by(task: str, solver: str) -> str:
    """Return the distribution that adds a solver; empty for one of this package."""
    point = _added(task).get(solver)
    return distribution(point) if point else ""


def _fault(name: str, spec: Any) -> str:
    """Say what is wrong with the solver of another package; nothing if it can be used."""
    if not isinstance(spec, SolverSpec):
        return f"it is of type {type(spec).__name__}, not a compare.solvers.base.SolverSpec"
    if not isinstance(spec.summary, str) or not callable(spec.build):
        return "its summary is no text or its build no function"
    if not all(isinstance(recipe, Recipe) for recipe in spec.recipes.values()):
        return "its recipes are not of compare.learned.recipe.Recipe"
    if spec.recipes and (spec.preset not in spec.recipes or not spec.recipes.keys() <= {*PRESETS}):
        return f"its recipes are not for {', '.join(PRESETS)}, or none is for its own preset"
    return ""


def published_epochs(task: str, solver: str, *, of_folder: bool = False) -> int | None:
    """Return how many epochs the `paper` preset trains; None for what learns nothing."""
    spec = solvers_of(task, of_folder=of_folder).get(solver)
    recipe = spec.recipes.get("paper") if spec else None
    return recipe.epochs if recipe else None


def preset_of(spec: SolverSpec, recipe: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the preset that most of a recipe or a variant is from, and the fields that differ.

    Of several presets with as few differences, the solver's own.
    """
    presets = {name: asdict(preset) for name, preset in spec.recipes.items()} or spec.variants
    differing = {
        name: [
            option.name
            for option in OPTIONS
            if option.name in recipe and recipe[option.name] != preset[option.name]
        ]
        for name, preset in presets.items()
    }
    order = [spec.preset, *(name for name in presets if name != spec.preset)]
    nearest = min(order, key=lambda name: len(differing[name]))
    return nearest, differing[nearest]


def training_of(
    task: str, solver: str, recipe: Recipe, *, of_folder: bool = False
) -> dict[str, Any]:
    """Return what a record says of a training: its preset, and how long the published one is.

    `preset` has its `name`, `whose` recipe it is and the fields that were `changed`;
    `published_steps` is there where recipes say them.
    """
    spec = solvers_of(task, of_folder=of_folder)[solver]
    name, changes = preset_of(spec, asdict(recipe))
    published = spec.recipes.get("paper")
    steps = published.steps if published else None
    return {
        "preset": {"name": name, "whose": spec.whose.get(name, ""), "changed": changes},
        "published_epochs": published.epochs if published else None,
        **({} if steps is None else {"published_steps": steps}),
    }


@cache
def preset_times() -> dict[str, Any]:
    """Return what presets take, as benchmarks/preset_times.py has estimated it.

    `seconds` is by task, solver and preset, of one seed, on NumPy with so many `cores` of a
    `processor`.
    """
    import json

    path = Path(__file__).parent / "preset_times.json"
    times: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return times


def _keywords(options: Mapping[str, Any]) -> dict[str, Any]:
    """Name the fields of a recipe that are about an architecture as its function does."""
    return {
        "multiplier" if name == "width" else name: value
        for name, value in options.items()
        if name != "target"
    }


def _both(architecture: str) -> dict[str, str]:
    """Use one architecture on both splits."""
    return {"uniform": architecture, "quadrant": architecture}


def _learned(
    summary: str,
    architectures: Mapping[str, str],
    recipes: Mapping[str, Recipe],
    options: tuple[str, ...] = (),
    preset: str = "quick",
    *,
    whose: str,
    quick: str = "ours",
) -> SolverSpec:
    """Offer an architecture of `compare.learned.published`, by split.

    whose: where the `paper` recipe is from; `quick`, likewise.
    """

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        # Imported here because `compare list` can do without.
        from compare.learned import published
        from compare.solvers.learned import Learned

        recipe = recipe or recipes[preset]
        chosen = _keywords({name: getattr(recipe, name) for name in options})
        size = (setting.height, setting.width)
        architecture = getattr(published, architectures[setting.split])(*size, **chosen)
        if setting.task.supervision is None:
            raise ValueError(f"task '{setting.task.name}' has nothing to train a network by")
        return Learned(architecture, setting.task.supervision, size, recipe, setting.backend)

    sources = {"quick": quick, "paper": whose}
    return SolverSpec(summary, build, recipes, preset, options, whose=sources)


def _computed(
    task: str, architectures: Mapping[str, str], learned: SolverSpec, options: tuple[str, ...]
) -> SolverSpec:
    """Offer a learned solver's architectures, by split, with weights of `handcrafted.weights`.

    `options` are those that its weights depend on; by default they are as the presets have them.
    Pictures are drawn in white.
    """
    options = tuple(name for name in options if name != "target")
    variants = {
        preset: {name: getattr(recipe, name) for name in options}
        for preset, recipe in learned.recipes.items()
    }

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        # Imported here because `compare list` can do without.
        from compare.learned import published
        from compare.solvers.computed import Computed
        from handcrafted.weights import WEIGHTS

        supervision = setting.task.supervision
        assert supervision is not None  # its networks are trained, too
        architecture, size = architectures[setting.split], (setting.height, setting.width)
        chosen = _keywords({**variants[learned.preset], **setting.options})
        shape = {name: value for name, value in chosen.items() if name != "loss"}
        loss = chosen.get("loss", supervision.losses[0])

        def decode(outputs: NDArray[Any]) -> NDArray[Any]:
            return supervision.decode(outputs, *size, loss)

        return Computed(
            getattr(published, architecture)(*size, **shape),
            WEIGHTS[task, architecture],
            decode,
            size,
            chosen,
            setting.backend,
        )

    summary = f"{learned.summary}; weights computed, none learned"
    own = tuple(name for name in learned.options if name != "target")
    return SolverSpec(summary, build, {}, learned.preset, own, variants)


def _presets(quick_epochs: int, paper: Recipe) -> dict[str, Recipe]:
    """Let both presets train alike, but for the epochs."""
    return {"quick": replace(paper, epochs=quick_epochs), "paper": paper}


def _adversarial(summary: str, architecture: str, whose: str) -> SolverSpec:
    """Offer a generator of `compare.learned.published` that is trained against a discriminator."""

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        # Imported here because `compare list` can do without.
        from compare.learned import published
        from compare.solvers.adversarial import Adversarial

        recipe = recipe or _GAN["quick"]
        size = (setting.height, setting.width)
        adversaries = getattr(published, architecture)(*size, recipe.channels)
        return Adversarial(adversaries, setting.task, size, recipe, setting.backend)

    options = ("channels", "generator_rate", "scenes")
    sources = {"quick": f"{_STOPPED}, with fewer channels and scenes", "paper": whose}
    return SolverSpec(summary, build, _GAN, options=options, whose=sources, sides=_GAN_SIDES)


def _computed_generator() -> SolverSpec:
    """Offer the generator of `coordconv-g` with weights of `handcrafted.weights`.

    There are none for fewer channels than were published, so the quick preset has those too.
    """
    channels = {"channels": _PUBLISHED_GAN.channels}

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        # Imported here because `compare list` can do without.
        import numpy as np

        from compare.learned import published
        from compare.solvers.computed import Computed
        from handcrafted.weights import WEIGHTS

        size, chosen = (setting.height, setting.width), {**channels, **setting.options}
        weights = WEIGHTS["two-objects", "coordconv_g"]
        generator = published.coordconv_g(*size, **chosen).generator
        return Computed(generator, weights, np.tanh, size, chosen, setting.backend)

    summary = "the published generator with coordinates; weights computed, none learned"
    variants = dict.fromkeys(PRESETS, channels)
    return SolverSpec(summary, build, {}, "quick", ("channels",), variants)


_STOPPED = "ours: as paper, stopped early"

_PUBLISHED_GAN = Recipe(
    learning_rate=0.0001,
    generator_rate=0.0005,
    epochs=50,
    scenes=50_000,
    l2=0.0,
    batch=16,
    loss="adversarial",
    channels=64,
)
_GAN = {
    # The three versions train equally many steps, so many that NumPy takes a few minutes for the
    # slowest on one core.
    "quick": replace(_PUBLISHED_GAN, epochs=8, scenes=4_000, channels=8),
    "paper": _PUBLISHED_GAN,
}
_GAN_SIDES = {"quick": 50}

_REGRESSOR_ARCHITECTURES = {
    "coordconv": _both("coordconv_regressor"),
    "conv": {"uniform": "conv_regressor_uniform", "quadrant": "conv_regressor_quadrant"},
}
_REGRESSORS = {
    "coordconv": _learned(
        "the published CoordConv regressor",
        _REGRESSOR_ARCHITECTURES["coordconv"],
        _presets(15, Recipe(learning_rate=0.01, epochs=100)),
        preset="paper",
        whose="the authors' log, its only point",
        quick=_STOPPED,
    ),
    # The authors ran a grid. Of its rates this is the best in our first runs.
    "conv": _learned(
        "the published plain-convolution regressors, one for each split",
        _REGRESSOR_ARCHITECTURES["conv"],
        _presets(15, Recipe(learning_rate=0.001, epochs=100)),
        ("width",),
        preset="paper",
        whose="our choice of a point in the authors' grid",
        quick=_STOPPED,
    ),
}


def _regressors(task: str) -> dict[str, SolverSpec]:
    """Offer the regressors for a task, computed and trained.

    The authors train them on bitmaps alone, and for pictures we take the same recipes.
    """
    trained = _REGRESSORS
    if task != "onehot2coord":
        own = "theirs for a hot pixel, the task ours"
        trained = {
            name: replace(spec, whose={**spec.whose, "paper": own})
            for name, spec in trained.items()
        }
    return {
        **{
            f"handcrafted-{name}": _computed(
                task, _REGRESSOR_ARCHITECTURES[name], learned, learned.options
            )
            for name, learned in trained.items()
        },
        **trained,
    }


def _deconv(
    loss: str, quick_epochs: int, target: Target, options: tuple[str, ...], whose: str
) -> SolverSpec:
    # The authors' log and README: a step schedule over 1000 epochs. The quick preset is narrower,
    # faster and without decay.
    return _learned(
        "the published stack of transposed convolutions",
        _both("deconv"),
        {
            "quick": Recipe(learning_rate=0.01, epochs=quick_epochs, l2=0.0, batch=16, loss=loss),
            "paper": Recipe(
                learning_rate=0.01,
                epochs=1000,
                l2=0.001,
                batch=16,
                loss=loss,
                lr_schedule="step",
                width=2,
                coordinates="pixels",
                target=target,
            ),
        },
        ("width", "kernel", "coordinates", *options),
        whose=whose,
    )


_CLASSIFIER = _learned(
    "the published CoordConv classifier",
    _both("coordconv_classifier"),
    {
        # Small batches and a high rate keep the network from being content with the
        # positions it is shown before it is right at the others; docs/recipes.md.
        "quick": Recipe(learning_rate=0.01, epochs=1, l2=0.0003, batch=4, loss="softmax"),
        # 50 epochs in the authors' log.
        "paper": Recipe(
            learning_rate=0.005,
            epochs=50,
            l2=0.001,
            batch=16,
            loss="softmax",
            coordinates="pixels",
        ),
    },
    ("width", "coordinates"),
    whose="the authors' README; epochs from their log",
)

_RENDERER = _learned(
    "the published CoordConv renderer",
    _both("coordconv_renderer"),
    {
        # Under the cross-entropy some seeds never begin to learn; docs/recipes.md.
        "quick": Recipe(learning_rate=0.002, epochs=3, l2=0.0, batch=4, loss="mse"),
        # The authors' log: kernel 1, 50 epochs; it names no loss, so that is our choice. Their
        # squares are grey.
        "paper": Recipe(
            learning_rate=0.005,
            epochs=50,
            l2=0.001,
            batch=16,
            loss="sigmoid",
            kernel=1,
            coordinates="pixels",
            target="grey",
        ),
    },
    ("width", "kernel", "coordinates", "target"),
    whose="the authors' log at their README's point, loss ours",
)

_PIXEL_DECONV = _deconv(
    "softmax", 1, "white", (), "the authors' README; epochs and schedule from their log"
)
_SQUARE_DECONV = _deconv(
    "sigmoid",
    3,
    "grey",
    ("target",),
    "the authors' README; epochs and schedule from their log, of whose two losses one",
)

_SOLVERS: dict[str, dict[str, SolverSpec]] = {
    "onehot2coord": {
        "handcrafted": handcrafted("onehot2coord"),
        **_regressors("onehot2coord"),
        "argmax": closed_form(
            "argmax", "numpy.argmax and unravel_index, what a programmer would write"
        ),
        "verified-argmax": closed_form(
            "verified_argmax", "argmax, and a check that nothing else is set"
        ),
        "expectation": closed_form("expectation", "sum(A X) / sum(A), as DSNT computes it"),
    },
    "coord2onehot": {
        "handcrafted": handcrafted("coord2onehot"),
        "handcrafted-coordconv": _computed(
            "coord2onehot", _both("coordconv_classifier"), _CLASSIFIER, _CLASSIFIER.options
        ),
        "handcrafted-deconv": _computed(
            "coord2onehot", _both("deconv"), _PIXEL_DECONV, _PIXEL_DECONV.options
        ),
        "coordconv": _CLASSIFIER,
        "deconv": _PIXEL_DECONV,
        "indexing": closed_form("indexing", "bitmaps[item, 0, y, x] = 1"),
    },
    "coord2image": {
        "handcrafted": handcrafted("coord2image"),
        "handcrafted-coordconv": _computed(
            "coord2image", _both("coordconv_renderer"), _RENDERER, (*_RENDERER.options, "loss")
        ),
        "handcrafted-deconv": _computed(
            "coord2image", _both("deconv"), _SQUARE_DECONV, (*_SQUARE_DECONV.options, "loss")
        ),
        "coordconv": _RENDERER,
        "deconv": _SQUARE_DECONV,
        "slicing": closed_form("slicing", "picture[y-4:y+5, x-4:x+5] = 1"),
    },
    "image2coord": {
        "handcrafted": handcrafted("image2coord"),
        **_regressors("image2coord"),
        "centroid": closed_form("centroid", "the mean position of the lit pixels"),
    },
    "two-objects": {
        "handcrafted": scene_generator(),
        "handcrafted-coordconv-g": _computed_generator(),
        "gan": _adversarial(
            "the published GAN without coordinates, a DCGAN", "gan", "the authors' README"
        ),
        "coordconv-g": _adversarial(
            "the published GAN with coordinates in the generator",
            "coordconv_g",
            "the authors' README, of the other two",
        ),
        "coordconv-gd": _adversarial(
            "the published GAN with coordinates in generator and discriminator",
            "coordconv_gd",
            "the authors' README",
        ),
    },
}


def _on_digits(variant: str, summary: str) -> SolverSpec:
    """Offer a variant of `compare.learned.classifiers`."""

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        # Imported here because `compare list` can do without.
        from compare.learned import classifiers
        from compare.solvers.learned import Learned

        assert setting.task.supervision is not None
        size, chosen = (setting.height, setting.width), recipe or _DIGITS["quick"]
        network: Any = classifiers.residual_network
        architecture, plain = network(*size, variant), network(*size, "conv")
        first_weights = partial(classifiers.shared_weights, architecture, plain)
        return Learned(
            architecture, setting.task.supervision, size, chosen, setting.backend, first_weights
        )

    sides = dict.fromkeys(_DIGITS, 24)
    return SolverSpec(summary, build, _DIGITS, whose={"quick": "ours"}, sides=sides)


# Ours, and so not under "paper": 45 trainings, of three variants and splits over five seeds, take
# NumPy less than 20 minutes on two cores.
_DIGITS = {
    "quick": Recipe(
        learning_rate=0.016, epochs=12, l2=1e-4, batch=64, loss="softmax", lr_schedule="warm-up"
    )
}

_SOLVERS["classification"] = {
    "conv": _on_digits("conv", "a small residual network of ours"),
    "coordconv": _on_digits("coordconv", "the same behind one 1x1 CoordConv layer of 8 channels"),
    "coordconv-first": _on_digits(
        "coordconv-first", "the same with coordinates in its first convolution"
    ),
}


def _on_folder(variant: str, summary: str) -> SolverSpec:
    """Offer a variant of `compare.solvers.torchvision`."""

    def build(setting: Setting, recipe: Recipe | None) -> Solver:
        # Imported here because it takes PyTorch.
        from compare.solvers.torchvision import Torchvision

        size = (setting.height, setting.width)
        chosen = recipe or _IMAGENET["quick"]
        backend: Any = setting.backend  # PyTorch's: plans for a folder have no other
        return Torchvision(variant, setting.folder, size, chosen, backend)

    whose = {
        "quick": _STOPPED,
        "paper": "epochs the paper's; all else Goyal et al.'s for ResNet-50",
    }
    return SolverSpec(summary, build, _IMAGENET, whose=whose, sides=dict.fromkeys(_IMAGENET, 224))


# The 90 epochs are the authors'; they do not say how else they trained (Liu et al. 2018, section
# S4), so the rest is what ResNet-50 is trained by on ImageNet since Goyal et al. 2017,
# arXiv:1706.02677: their rate of 0.1 for 256 pictures, schedule, momentum and weight decay of 1e-4.
_IMAGENET = _presets(
    5,
    Recipe(learning_rate=0.1, epochs=90, l2=5e-5, batch=256, loss="softmax", lr_schedule="warm-up"),
)

_FOLDER_SOLVERS: dict[str, dict[str, SolverSpec]] = {
    "classification": {
        "conv": _on_folder("conv", "torchvision's ResNet-50"),
        "coordconv": _on_folder(
            "coordconv", "the same behind one 1x1 CoordConv layer of 8 channels"
        ),
        "coordconv-first": _on_folder(
            "coordconv-first", "the same with coordinates in its first convolution"
        ),
    },
}
"""Those that are trained on a folder of pictures."""
