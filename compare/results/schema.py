"""What a record holds, checked once, where it is read.

Everything that a record says is used later without another look: as a column, in a figure, as the
arguments of a run. So a record in which anything has another type or is out of range is refused
whole.
"""

from __future__ import annotations

import sys
from dataclasses import Field, fields
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

import msgspec
from msgspec import Meta, Struct

from compare.files import Record
from compare.learned.recipe import LARGEST, Recipe, below_1, not_negative, positive, whole_number

__all__ = [
    "FILES",
    "FORMAT",
    "LONGEST_NAME",
    "Amount",
    "Count",
    "Digest",
    "Name",
    "Part",
    "Score",
    "Several",
    "Size",
    "checked",
]

FORMAT = 5
"""Rises when the meaning of a file changes, so that an old one is not taken for a new one."""

FILES = ("history.csv", "predictions.npz", "weights.npz")
"""What a finished run has beside its record."""

LONGEST_NAME = 255
"""Characters of a text in a record but for its messages; names of files are no longer either."""

Name: TypeAlias = Annotated[str, Meta(max_length=LONGEST_NAME)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST)]
Several: TypeAlias = Annotated[int, Meta(ge=1, le=LARGEST)]
Amount: TypeAlias = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
Size: TypeAlias = tuple[Several, Several]
Part: TypeAlias = Annotated[str, Meta(pattern=r"^(train|test|[0-9]{1,9}x[0-9]{1,9})$")]
Score: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Digest: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

_READ_BY = {
    whole_number: Several,
    positive: Annotated[float, Meta(gt=0, le=sys.float_info.max)],
    not_negative: Amount,
    below_1: Annotated[float, Meta(ge=0, lt=1)],
}
"""The type of an option, by the function that reads its text."""


def _recipe_field(each: Field[Any], hint: Any) -> tuple[str, Any] | tuple[str, Any, Any]:
    option = each.metadata.get("option")
    if option is None:
        return each.name, hint
    if option.choices:
        return each.name, Literal[tuple(option.read(text) for text in option.choices)]
    read: Any = Name if option.is_text else _READ_BY.get(option.read, hint)
    # What only some trainings have is left out of the others' records.
    return (each.name, read) if each.default is not None else (each.name, read | None, None)


_HINTS = get_type_hints(Recipe)
_Recipe: Any = msgspec.defstruct(
    "_Recipe",
    [_recipe_field(each, _HINTS[each.name]) for each in fields(Recipe)],
    forbid_unknown_fields=True,
    kw_only=True,
)


class _Arguments(Struct):
    task: Name
    split: Name
    size: Size
    solver: Name
    seed: Count
    recipe: _Recipe | None
    eval_sizes: list[Size]
    backend: Name
    device: Name
    precision: Name
    options: dict[Name, Several | Name] = {}
    folder: Annotated[str, Meta(max_length=4096)] = ""
    digest: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""


class _Environment(Struct):
    handcrafted: Name
    python: Name
    numpy: Name
    blas: Name
    threads: Annotated[int, Meta(ge=1, le=1 << 16)]
    processor: Name | None
    gpus: list[Name]
    commit: Name | None


class _Started(_Environment):
    started: Name


class _Cost(Struct):
    parameters: Count
    constants: Count
    multiply_adds: Count


class _Timing(Struct):
    train_seconds: Amount
    predict_microseconds: Amount
    samples_a_second: Amount | None = None
    waiting_seconds: Amount | None = None


class _Ledger(Struct):
    processor_seconds: Amount | None
    gpu_seconds: Amount | None
    multiply_adds: Amount | None
    processor_joules: Amount | None
    gpu_joules: Amount | None


class _Preset(Struct):
    name: Name
    whose: Name
    changed: list[Name]


class _Failed(Struct):
    arguments: _Arguments
    status: Literal["failed"]
    error: str
    environment: _Environment | None


class _Finished(Struct):
    arguments: _Arguments
    status: Literal["finished", "diverged"]
    published_epochs: Several | None
    samples: dict[Literal["train", "test"], Several]
    correct: dict[Literal["train", "test"], Count]
    scores: dict[Part, dict[Score, float] | None]
    success: bool
    cost: _Cost
    timing: _Timing
    environment: _Started
    files: dict[Name, Digest]
    published_steps: Several | None = None
    preset: _Preset | None = None
    ledger: _Ledger | None = None

    def __post_init__(self) -> None:
        """Compare what has to agree."""
        if "test" not in self.samples or "train" in self.scores.keys() - self.samples:
            raise ValueError("'samples' are not those of the scores")
        for part, count in self.samples.items():
            if self.scores.get(part) is None:
                raise ValueError(f"no scores of '{part}'")
            if self.correct and self.correct.get(part, LARGEST) > count:
                raise ValueError(f"'correct' does not fit the samples of '{part}'")
        if self.files.keys() != set(FILES):
            raise ValueError(f"'files' are not {', '.join(FILES)}")


_SCHEMAS = {"run.json": _Finished, "failure.json": _Failed}
"""What the files of this name hold."""


def checked(record: Record, path: str, kind: str) -> Record:
    """Return a record of a `kind`, "run.json" or "failure.json", if it holds what one has to.

    Raises ValueError, naming the file, for one of another format, or in which anything is missing,
    has another type or is out of range.
    """
    if record.get("format") != FORMAT:
        raise ValueError(
            f"{path} is of format {record.get('format')!s:.40}; this version reads format {FORMAT}"
        )
    try:
        msgspec.convert(record, _SCHEMAS[kind])
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(f"{path} is no record of a run: {error}") from error
    return record
