"""How a network is built and trained. Every training option is a field here, and only here.

The command line, the keys of sweeps, completion, the columns of results and the commands that a
report prints are derived from the fields' names, helps, readers and choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias

__all__ = [
    "BRIGHTNESS",
    "LARGEST",
    "OPTIONS",
    "Coordinates",
    "Option",
    "Recipe",
    "Target",
    "below_1",
    "changed",
    "not_negative",
    "positive",
    "whole_number",
]

Coordinates: TypeAlias = Literal["scaled", "pixels"]
"""How a network that is given coordinates gets them: in [-1, 1], or in pixels as published."""

Target: TypeAlias = Literal["white", "grey"]
"""What a picture that a network is trained to draw has where it is lit: see `BRIGHTNESS`."""

BRIGHTNESS: dict[Target, float] = {"white": 1.0, "grey": 128 / 255}
"""Of the lit pixels. The authors' generator draws its squares in 128 of 255."""

LARGEST = 2**63 - 1
"""Of the whole numbers that a table of results can hold."""


@dataclass(frozen=True)
class Option:
    """What the command line and sweep files need to know of a field."""

    name: str
    help: str
    read: Callable[[str], Any]
    """Text to value; ValueError says what to give instead."""
    metavar: str
    choices: tuple[str, ...] = ()
    architectural: bool = False
    """Whether only some solvers have it, which name it; most are about the architecture."""
    adversarial: bool = False
    """Whether only adversarial training has it, likewise; None in the recipes of others."""
    from_task: bool = False
    """Whether the choices are the task's."""

    @property
    def selective(self) -> bool:
        """Whether only the solvers that name it have it."""
        return self.architectural or self.adversarial

    @property
    def is_text(self) -> bool:
        """Whether its values are texts, not numbers."""
        return self.read is str


def whole_number(text: str, most: int = LARGEST) -> int:
    """Read a whole number from 1 to `most`; ValueError says what to give instead."""
    digits = text.strip()
    # Python may refuse to read very many digits.
    value = (int(digits) if len(digits) < 100 else LARGEST + 1) if digits.isdecimal() else 0
    if value == 0:
        raise ValueError("give a whole number, 1 or more")
    if value > most:
        raise ValueError(f"give a whole number up to {most}")
    return value


def positive(text: str) -> float:
    """Read a finite number above 0; ValueError says what to give instead."""
    return _finite(text, lambda value: value > 0, "give a number above 0")


def not_negative(text: str) -> float:
    """Read a finite number of 0 or more; ValueError says what to give instead."""
    return _finite(text, lambda value: value >= 0, "give a number 0 or more")


def below_1(text: str) -> float:
    """Read a number from 0 to below 1; ValueError says what to give instead."""
    return _finite(text, lambda value: 0 <= value < 1, "give a number from 0 to below 1")


def _finite(text: str, holds: Callable[[float], bool], otherwise: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and holds(value)):
        raise ValueError(otherwise)
    return value


def _option(
    default: Any,
    help_: str,
    read: Callable[[str], Any] = str,
    metavar: str = "NAME",
    choices: Iterable[Any] = (),
    architectural: bool = False,
    from_task: bool = False,
    adversarial: bool = False,
) -> Any:
    """Declare a field that is an option; its own name is filled in by `options`."""
    texts = tuple(str(choice) for choice in choices)
    option = Option("", help_, read, metavar, texts, architectural, adversarial, from_task)
    return field(
        metadata={"option": option}, **({} if default is _REQUIRED else {"default": default})
    )


_REQUIRED = object()


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training but the data and the seed.

    A folder of pictures is trained on by gradient descent with a momentum of `beta1`, all else by
    Adam (Kingma & Ba 2015, arXiv:1412.6980) with an L2 penalty on the convolution kernels; betas,
    batch and penalty as in the authors' CoordConv code.
    """

    learning_rate: float = _option(_REQUIRED, "of Adam; of momentum, on a folder", positive, "X")
    epochs: int = _option(100, "passes over the training samples", whole_number, "N")
    l2: float = _option(1e-5, "penalty on convolution kernels", not_negative, "X")
    batch: int = _option(256, "samples a step", whole_number, "N")
    loss: str = _option("mse", "one of the task's", from_task=True)
    lr_schedule: Literal["constant", "step", "warm-up"] = _option(
        "constant",
        "the rate as it is; a tenth of it after each fifth of the epochs, as published; or rising "
        "over the first 18th of them, and a tenth after a third, two thirds and eight ninths",
        choices=("constant", "step", "warm-up"),
    )
    width: int = _option(1, "multiplies the channels", int, "N", (1, 2, 3), architectural=True)
    # A kernel of 1 is what the published grid trains the CoordConv renderer with.
    kernel: int = _option(
        3, "side of the kernels, in pixels", int, "N", (1, 2, 3, 4), architectural=True
    )
    coordinates: Coordinates = _option(
        "scaled",
        "as networks get them: in [-1, 1], or in pixels, as published",
        choices=("scaled", "pixels"),
        architectural=True,
    )
    target: Target = _option(
        "white",
        "what is lit in the pictures to draw: 1, or 128/255, as published",
        choices=("white", "grey"),
        architectural=True,
    )
    beta1: float = _option(0.9, "of Adam: what it keeps of the mean gradient", below_1, "X")
    beta2: float = _option(0.99, "of Adam: what it keeps of the mean square", below_1, "X")
    epsilon: float = _option(1e-8, "of Adam: added to the root of the mean square", positive, "X")
    generator_rate: float | None = _option(
        None,
        "of Adam for a GAN's generator; the learning rate is its discriminator's",
        positive,
        "X",
        adversarial=True,
    )
    scenes: int | None = _option(
        None, "that a GAN is trained on", whole_number, "N", adversarial=True
    )
    channels: int | None = _option(
        None,
        "of a GAN's narrowest layers, 64 as published; the others grow with them",
        whole_number,
        "N",
        architectural=True,
    )

    @property
    def steps(self) -> int | None:
        """How many batches it trains on; None where that is for the data to say."""
        return None if self.scenes is None else self.epochs * (self.scenes // self.batch)

    @property
    def brightness(self) -> float:
        """What is lit in the pictures that the network is trained to draw."""
        return BRIGHTNESS[self.target]


OPTIONS: tuple[Option, ...] = tuple(
    replace(each.metadata["option"], name=each.name)
    for each in fields(Recipe)
    if "option" in each.metadata
)
"""The fields that are options, in order."""


def changed(recipe: Recipe, values: Mapping[str, Any], selected: Iterable[str]) -> Recipe:
    """Return the recipe with other values, but for what its solver does not have."""
    own = tuple(selected)
    other = {option.name for option in OPTIONS if option.selective and option.name not in own}
    return replace(recipe, **{name: value for name, value in values.items() if name not in other})
