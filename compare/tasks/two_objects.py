"""Random numbers to scenes of two objects: the CoordConv paper's GAN experiment, judged.

Liu et al. 2018, arXiv:1807.03247, section 5. Nothing here knows what made a picture. Each is
compared with the nearest admissible scene (`compare.tasks.nearest_scene`): it is valid at a
tolerance of t if at most t pixels differ from that scene after rounding to the three colours. At
t = 0 that is what the handcrafted network reads: a picture that is a scene after rounding has no
nearer one, since each pixel alone is nearest to its own colour.

What else is measured is measured on the pictures that are valid at 40, of which there are v, and
stands beside what v scenes of the published distribution come to on average, as "NAME_true":

- `blue_coverage`, `red_coverage`: the share of all places that are some scene's centre;
- `pairs`: the share of the v pairs of centres that are different ones;
- `entropy_blue_x`, ...: of the histogram of a coordinate, or of red's less blue's, in bits;
- `distance`: the total-variation distance between the joint histogram of both centres, each in
  one of 4x4 blocks, and its true distribution. By McDiarmid's inequality (1989) it is within
  sqrt(ln 40 / 2v) of its own mean with a probability of 95 %: `distance_low95`,
  `distance_high95`;
- `blue_squares`, `red_squares`: the share of that colour's objects that are squares;
- `repeats`: the share of the scenes that an earlier one is equal to;
- `memorised`: the share that is among the published number of training scenes, 50,000;
- `nearest`: pixels from the four coordinates to those of the nearest training scene with the same
  shapes, on average; the true one is measured on v other scenes.

`blue_objects` is the share of blue ones among the objects of all pictures, valid or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split
from compare.datasets.two_objects import (
    SCENES,
    Distribution,
    entropy,
    expected_coverage,
    expected_distance,
    expected_entropy,
    objects,
    pictures,
    samples,
)
from compare.errors import choice
from compare.tasks import BUILT_IN
from compare.tasks.base import Column, Evaluation, Predictor, Scores, Task
from compare.tasks.nearest_scene import Decoder
from handcrafted.two_objects import DISTANCE, RADIUS

__all__ = [
    "EVALUATED",
    "PROBLEMS",
    "TASK",
    "TOLERANCES",
    "Judge",
    "distribution_scores",
    "evaluate",
    "rounded",
    "score",
    "succeeded",
    "validity_curve",
]

TOLERANCES = (0, 10, 40)
"""Pixels that may be wrong in a valid picture."""

EVALUATED = 2000
"""Pictures that a generator is evaluated on."""

PROBLEMS = (
    "none",
    "not_finite",
    "wrong_colour",
    "blurred",
    "no_object",
    "one_object",
    "more_objects",
    "one_colour",
    "too_near",
    "wrong_size",
)
"""What is wrong with a picture that is not valid at 40, the first of these that applies.

not_finite: it has a pixel that is no number. wrong_colour, blurred: 40 pixels or more are more
than 0.5 away from each of the three colours, the most of them in even areas, or not. no_object,
one_object, more_objects: how many connected areas of blue or red, of 40 pixels or more, there are,
two being right; one_colour: both are of the same. too_near: it is valid at 40 but for the distance
of the centres. wrong_size: none of these, so a size or shape that is neither a disc's nor a
square's.
"""

_PART = 40
"""Pixels that count as an object, or as a fault."""


@dataclass(frozen=True)
class Judge:
    """Says of pictures on a canvas what they show and what is wrong with them."""

    height: int
    width: int

    @cached_property
    def decoder(self) -> Decoder:
        """What finds the nearest scenes."""
        return Decoder(self.height, self.width)

    def judge(self, batch: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Judge pictures, (n, 3, height, width) of any floating dtype, from -1 to 1.

        Returns `objects`, (n, 8), and `squared_error` of the nearest scene; `exact`, whether it is
        the picture with nothing rounded; `wrong_pixels` after rounding; `problem`, an index of
        `PROBLEMS`; and the `parts` of it that are blue and red objects, (n, 2). A picture that is
        not finite has no scene: its pixels all are wrong. ValueError for another shape, dtype or
        range.
        """
        self._require(batch)
        finite = np.isfinite(batch).all(axis=(1, 2, 3))
        clean = np.where(finite[:, None, None, None], batch, batch.dtype.type(1))
        found, squared = self.decoder.nearest(clean)
        scenes = pictures(found.astype(np.float32), self.height, self.width)
        colours, wanted = rounded(clean), rounded(scenes)
        wrong = (colours != wanted).sum(axis=(1, 2))
        wrong[~finite] = self.height * self.width
        problem = np.zeros(len(batch), dtype=np.int64)
        parts = np.ones((len(batch), 2), dtype=np.int64)
        for item in np.flatnonzero(wrong > max(TOLERANCES)):
            if finite[item]:
                parts[item] = _count(colours[item])
                name = self._problem(clean[item], colours[item], parts[item])
            else:
                parts[item], name = 0, "not_finite"
            problem[item] = PROBLEMS.index(name)
        return {
            "objects": found,
            "squared_error": np.where(finite, squared, np.inf),
            "exact": finite & (clean == scenes).all(axis=(1, 2, 3)),
            "wrong_pixels": wrong,
            "problem": problem,
            "parts": parts,
        }

    def _require(self, batch: NDArray[Any]) -> None:
        expected = (3, self.height, self.width)
        if batch.shape[1:] != expected:
            raise ValueError(
                f"pictures have shape {batch.shape}; expected (n, 3, {self.height}, {self.width})"
            )
        if batch.dtype.kind != "f":
            raise ValueError(f"pictures have dtype {batch.dtype}; expected a floating one")
        beyond = np.isfinite(batch) & (abs(batch) > 1)
        if beyond.any():
            item = int(np.argmax(beyond.any(axis=(1, 2, 3))))
            value = float(batch[item][beyond[item]][0])
            raise ValueError(f"picture {item} has a pixel of {value:g}; expected -1 to 1")

    def _problem(
        self, picture: NDArray[Any], colours: NDArray[np.int64], parts: NDArray[np.int64]
    ) -> str:
        """Name what is wrong with a finite picture; see `PROBLEMS`."""
        distance = abs(picture[None] - _COLOURS[:, :, None, None]).max(axis=1).min(axis=0)
        off = distance > 0.5
        if off.sum() >= _PART:
            return "wrong_colour" if 2 * (off & _even(picture)).sum() > off.sum() else "blurred"
        if parts.sum() != 2:
            return ("no_object", "one_object")[parts.sum()] if parts.sum() < 2 else "more_objects"
        if parts.max() == 2:
            return "one_colour"
        return "too_near" if self._too_near(picture, colours) else "wrong_size"

    def _too_near(self, picture: NDArray[Any], colours: NDArray[np.int64]) -> bool:
        """Say whether a picture is a scene but for the distance; red is whole, so it is first."""
        rows, columns = np.nonzero(colours == 2)
        x = int(columns.min() + columns.max()) // 2
        y = int(rows.min() + rows.max()) // 2
        down, across = (n - 2 * RADIUS for n in (self.height, self.width))
        if not (0 <= x - RADIUS < across and 0 <= y - RADIUS < down):
            return False
        canvas_y, canvas_x = np.indices(colours.shape)
        red_masks = _masks(canvas_x - x, canvas_y - y)
        for red in red_masks:
            # What blue would cost at each place, were the red object there and nothing beside it.
            cost = np.where(red, 0.0, picture[0] + picture[1]).astype(np.float64)
            sums = self.decoder.sums(np.pad(cost.cumsum(axis=1), ((0, 0), (1, 0))))
            shape, place = np.unravel_index(sums.argmin(), sums.shape)
            by, bx = np.divmod(int(place), across)
            blue = _masks(canvas_x - bx - RADIUS, canvas_y - by - RADIUS)[shape]
            drawn = np.where(red, 2, np.where(blue, 1, 0))
            if (drawn != colours).sum() <= max(TOLERANCES):
                return bool((bx + RADIUS - x) ** 2 + (by + RADIUS - y) ** 2 < DISTANCE**2)
        return False


_COLOURS = np.array([[1, 1, 1], [-1, -1, 1], [1, -1, -1]])
"""White, blue, red."""


def rounded(batch: NDArray[Any]) -> NDArray[np.int64]:
    """Round (n, 3, height, width) pictures to 0 white, 1 blue, 2 red; (n, height, width).

    Each pixel to the colour that is nearest, the first of those that are equally near.
    """
    red, green, blue = (batch[:, k].astype(np.float64) for k in range(3))
    # Squared distances less white's, a fourth of them.
    costs = np.stack([np.zeros_like(red), red + green, green + blue], axis=1)
    return np.asarray(costs.argmin(axis=1))


def _masks(x: Any, y: Any) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a disc's and a square's mask, given how far each pixel is from the centre."""
    return x**2 + y**2 <= RADIUS**2, np.maximum(abs(x), abs(y)) <= RADIUS


def _count(colours: NDArray[np.int64]) -> tuple[int, int]:
    """Count the blue and the red objects: connected areas of 40 pixels or more."""
    from scipy.ndimage import label

    counts = []
    for colour in (1, 2):
        areas, _ = label(colours == colour)
        counts.append(int((np.bincount(areas.ravel())[1:] >= _PART).sum()))
    return counts[0], counts[1]


def _even(picture: NDArray[Any]) -> NDArray[np.bool_]:
    """Say which pixels differ by no more than 0.02 from those around them."""
    from scipy.ndimage import maximum_filter, minimum_filter

    size = (1, 3, 3)
    difference = maximum_filter(picture, size) - minimum_filter(picture, size)
    return np.asarray((difference <= 0.02).all(axis=0))


# --- Scores -----------------------------------------------------------------------------------


def evaluate(model: Predictor, data: Dataset) -> Evaluation:
    """Judge what a generator makes of latents, and how its scenes are distributed.

    model.predict: (n, 256) latents, uniform in [-1, 1), to (n, 3, height, width) pictures of -1
    to 1. ValueError for pictures that are none.
    """
    _, _, height, width = data.targets(slice(1)).shape
    judge = Judge(height, width)
    parts = [judge.judge(model.predict(data.inputs(part))) for part in data.chunks()]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    scores = score(found, height, width)
    return Evaluation(found, scores, succeeded(scores))


def score(found: Mapping[str, NDArray[Any]], height: int, width: int) -> Scores:
    """Score judged pictures; see the module. NaN where no picture is valid."""
    wrong, problem, parts = found["wrong_pixels"], found["problem"], found["parts"]
    valid = found["objects"][wrong <= max(TOLERANCES)]
    return {
        "exact": float(found["exact"].mean()),
        **{f"valid_{t}": float((wrong <= t).mean()) for t in TOLERANCES},
        **{
            f"problem_{name}": float((problem == number).mean())
            for number, name in enumerate(PROBLEMS)
            if number
        },
        "blue_objects": float(parts[:, 0].sum() / parts.sum()) if parts.any() else np.nan,
        **distribution_scores(valid, height, width),
    }


def validity_curve(wrong_pixels: NDArray[Any], most: int) -> NDArray[np.float64]:
    """Return the share of pictures that are valid at each tolerance from 0 to `most`."""
    return np.asarray((wrong_pixels[:, None] <= np.arange(most + 1)).mean(axis=0))


def distribution_scores(valid: NDArray[np.int64], height: int, width: int) -> Scores:
    """Score the distribution of (v, 8) objects, each figure beside the published one's."""
    true = Distribution(height, width)
    count = len(valid)
    known = valid if count else objects(np.zeros((1, 1), int), height, width)
    blue, red = known[:, :2], known[:, 4:6]
    offset = red - blue
    values = {"blue_x": blue[:, 0], "blue_y": blue[:, 1], "red_x": red[:, 0], "red_y": red[:, 1]}
    values.update(offset_x=offset[:, 0], offset_y=offset[:, 1])
    joint = np.zeros(true.blocks.shape)
    np.add.at(joint, (true.block_of(blue), true.block_of(red)), 1 / len(known))
    distance = float(abs(joint - true.blocks).sum() / 2)
    margin = float(np.sqrt(np.log(40) / (2 * len(known))))
    others = objects(np.arange(len(known))[:, None], height, width, name="other scenes")
    training = _training(height, width)
    scores = {
        "blue_coverage": _distinct(blue) / int((true.blue > 0).sum()),
        "blue_coverage_true": expected_coverage(true.blue, count),
        "red_coverage": _distinct(red) / int((true.red > 0).sum()),
        "red_coverage_true": expected_coverage(true.red, count),
        "pairs": _distinct(np.hstack([blue, red])) / len(known),
        "pairs_true": true.expected_pairs(count) / len(known),
        **{
            key: number
            for name, chances in true.coordinates.items()
            for key, number in (
                (f"entropy_{name}", entropy(np.unique(values[name], return_counts=True)[1])),
                (f"entropy_{name}_true", expected_entropy(chances, count)),
            )
        },
        "distance": distance,
        "distance_low95": max(0.0, distance - margin),
        "distance_high95": min(1.0, distance + margin),
        "distance_true": expected_distance(true.blocks.ravel(), count),
        "blue_squares": float(known[:, 3].mean()),
        "blue_squares_true": 0.5,
        "red_squares": float(known[:, 7].mean()),
        "red_squares_true": 0.5,
        "repeats": 1 - _distinct(known) / len(known),
        "repeats_true": 1 - true.expected_scenes(count) / len(known),
        "memorised": float((training.distances(known) == 0).mean()),
        "memorised_true": training.chance(true),
        "nearest": float(training.distances(known).mean()),
        "nearest_true": float(training.distances(others).mean()),
    }
    return scores if count else dict.fromkeys(scores, np.nan)


def _distinct(rows: NDArray[np.int64]) -> int:
    return len(np.unique(rows, axis=0))


@dataclass(frozen=True)
class _Training:
    """The published number of training scenes, to be compared with."""

    scenes: NDArray[np.int64]

    @cached_property
    def _trees(self) -> dict[tuple[int, int], Any]:
        from scipy.spatial import cKDTree

        shapes = ((a, b) for a in range(2) for b in range(2))
        return {pair: cKDTree(_centres(self.scenes[_of(self.scenes, pair)])) for pair in shapes}

    def distances(self, objects: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the pixels to the nearest of those with the same shapes, (n,)."""
        distances = np.zeros(len(objects))
        for pair, tree in self._trees.items():
            which = _of(objects, pair)
            distances[which] = tree.query(_centres(objects[which]))[0]
        return distances

    def chance(self, true: Distribution) -> float:
        """Return how likely a scene of the published distribution is one of these."""
        distinct = np.unique(self.scenes, axis=0)
        x, y = (distinct[:, :2] - RADIUS).T
        return float(true.pair[y, x].sum() / 4)


def _of(objects: NDArray[np.int64], shapes: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray((objects[:, 3] == shapes[0]) & (objects[:, 7] == shapes[1]))


def _centres(objects: NDArray[np.int64]) -> NDArray[np.int64]:
    return objects[:, [0, 1, 4, 5]]


@cache
def _training(height: int, width: int) -> _Training:
    return _Training(objects(np.arange(SCENES)[:, None], height, width))


def succeeded(scores: Scores) -> bool:
    """Say whether nearly all pictures are scenes, and those as varied as real ones."""
    return bool(scores["valid_10"] >= 0.95 and scores["distance_low95"] <= scores["distance_true"])


def _split(name: str, height: int, width: int) -> Split:
    choice("split", name, ("all",))
    data = samples(EVALUATED, height, width)
    return Split(data, data)


TASK = Task(
    name="two-objects",
    summary=BUILT_IN["two-objects"],
    splits=("all",),
    split=_split,
    all_samples=lambda height, width: samples(EVALUATED, height, width),
    evaluate=evaluate,
    columns=(
        Column("valid_0", "valid", share=True),
        Column("valid_10", "10 px", share=True),
        Column("valid_40", "40 px", share=True),
        Column("blue_coverage", "blue", share=True),
        Column("red_coverage", "red", share=True),
        Column("distance", "distance", digits=2),
    ),
    legend="""\
valid: after rounding to white, blue and red the picture is a scene; 10 px and
40 px: but for so many pixels. Of the valid ones at 40 px: blue and red, the
places where some object of the colour is; distance, between the joint histogram
of the centres, in 4x4 blocks each, and the true one; total variation, 0 to 1.""",
    error="wrong pixels",
    criterion=(
        "95 % of the pictures valid but for 10 px and a distance whose interval includes what as "
        "many real scenes have"
    ),
    least=("valid_40", 0.05),
)
