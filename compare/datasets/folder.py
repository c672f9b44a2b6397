"""Pictures in folders, `train/CLASS/*` and `val/CLASS/*`, read one by one as they are needed."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.datasets import Dataset, Split
from compare.datasets.streams import random_stream
from compare.errors import UsageError

if TYPE_CHECKING:  # an extra, imported when a picture is read
    from PIL import Image

__all__ = [
    "MOST_UNREADABLE",
    "PARTS",
    "Crop",
    "Folder",
    "Pictures",
    "UnreadableError",
    "augmented",
    "augmented_sample",
    "central",
    "open_folder",
    "quietly",
    "read_picture",
    "require_few",
    "split_of",
    "unreadable",
]

PARTS = ("train", "val")
"""The two folders: what is trained on, and what is held out."""

MOST_UNREADABLE = 100
"""Files of a part that may be left out, and no more than a tenth of it."""

_ORIENTATION = 0x0112
"""EXIF's tag for how a camera was held."""

_BLOCK = 1024
"""Files that are decoded before the bad ones are counted."""

_NAMED = 3
"""Names that a message gives before it says how many more there are."""

Crop: TypeAlias = tuple[float, float, float, float]
"""Left, upper, right and lower edge, in pixels of the whole picture."""


class UnreadableError(ValueError):
    """A file is no picture that can be used; the message says why."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """One part of a folder. It holds names, never pixels; pictures are known by their numbers."""

    directory: Path
    classes: tuple[str, ...]
    names: NDArray[np.bytes_]
    """(n,), each file's own name as the system has it, sorted within its class."""
    labels: NDArray[np.int64]
    """(n,), each file's index in `classes`."""

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.names)

    def path(self, number: int) -> Path:
        """Return where a picture is."""
        name: str = os.fsdecode(bytes(self.names[number]))
        return self.directory / self.classes[int(self.labels[number])] / name

    def without(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """Return the numbers of all others; `UsageError` for a class that has none left."""
        left = np.delete(np.arange(len(self)), list(numbers))
        counts = np.bincount(self.labels[left], minlength=len(self.classes))
        if empty := [self.classes[index] for index in np.flatnonzero(counts == 0)]:
            raise UsageError(
                f"'{self.directory}' has no readable picture of class {_named(empty)}; "
                "add one, or remove the class"
            )
        return left


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder of pictures with labels."""

    train: Pictures
    val: Pictures
    digest: str
    """SHA-256 of the names of all classes and files."""


# --- Names ----------------------------------------------------------------------------------


def open_folder(directory: str | Path) -> Folder:
    """List a folder's files; `UsageError` says what is wrong with one that cannot be used.

    Hidden files and folders, whose names begin with a dot, are passed over, and so are folders
    within a class. No file is opened.
    """
    root = Path(directory).absolute()
    found = {part: _classes(root, part) for part in PARTS}
    train, val = (set(found[part]) for part in PARTS)
    if train != val:
        raise UsageError(
            f"the classes of '{root}' differ: "
            + " and ".join(
                f"only '{part}' has {_named(sorted(only))}"
                for part, only in zip(PARTS, (train - val, val - train), strict=True)
                if only
            )
            + "; give both the same folders"
        )
    if len(train) < 2:
        raise UsageError(f"'{root}' has one class, {_named(sorted(train))}; give two or more")
    stamps = tuple((part, name, found[part][name]) for part in PARTS for name in sorted(train))
    return _listed(root, stamps)


def _classes(root: Path, part: str) -> dict[str, int]:
    """Return the names of a part's classes, each with the time that its folder last changed."""
    classes = f"must hold {' and '.join(f'{each}/CLASS/*' for each in PARTS)}"
    shape = f"'{root}' {classes}"
    if not os.path.isdir(root):  # Path.is_dir raises for a name that is too long
        raise UsageError(f"there is no folder '{root!s:.200}'; give one of pictures: it {classes}")
    if not (root / part).is_dir():
        raise UsageError(f"'{root}' has no folder '{part}'; {shape}")
    try:
        with os.scandir(root / part) as entries:
            found = {
                entry.name: entry.stat().st_mtime_ns
                for entry in entries
                if entry.is_dir() and not entry.name.startswith(".")
            }
    except OSError as error:
        raise UsageError(f"cannot read '{root / part}': {error.strerror}") from error
    if not found:
        raise UsageError(f"'{root / part}' has no folders, one for each class; {shape}")
    return found


@lru_cache(maxsize=4)  # a folder of a million files, once for all runs of a command
def _listed(root: Path, stamps: tuple[tuple[str, str, int], ...]) -> Folder:
    parts, digest = {}, hashlib.sha256()
    for part in PARTS:
        classes = tuple(name for of, name, _ in stamps if of == part)
        files = [_files(root / part / name) for name in classes]
        if empty := [name for name, found in zip(classes, files, strict=True) if not found]:
            raise UsageError(
                f"'{root / part}' has no pictures of class {_named(empty)}; "
                "add some, or remove the class from both parts"
            )
        for name, found in zip(classes, files, strict=True):
            digest.update(b"\n".join([part.encode(), os.fsencode(name), *found, b""]))
        parts[part] = Pictures(
            root / part,
            classes,
            np.array([each for found in files for each in found]),
            np.repeat(np.arange(len(classes)), [len(found) for found in files]),
        )
    return Folder(**parts, digest=digest.hexdigest())


def _files(directory: Path) -> list[bytes]:
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries if entry.is_file()]
    except OSError as error:
        raise UsageError(f"cannot read '{directory}': {error.strerror}") from error
    return sorted(os.fsencode(name) for name in names if not name.startswith("."))


def _named(names: Sequence[str]) -> str:
    """Quote the first of some names, and count the others."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(f"'{name:.60}'" for name in names[:_NAMED]) + more


# --- Pixels ---------------------------------------------------------------------------------


@contextmanager
def quietly() -> Iterator[None]:
    """Let Pillow say nothing, such as of damaged EXIF; for one thread, around others it starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_picture(path: str | Path, *, small: bool = False) -> Image.Image:
    """Read a picture, upright and in RGB, whatever it is stored as.

    EXIF's orientation is followed; CMYK, palettes, greys of 1 to 16 bits and transparency, which
    is dropped, become 8 bits a colour. With `small`, a JPEG is decoded at an eighth of its sides,
    which reads all of it just as well. Raises `UnreadableError`.
    """
    from PIL import Image

    try:
        # Whole: Pillow would keep the file open until its pixels are asked for.
        with open(path, "rb") as file:
            content = io.BytesIO(file.read())
        with Image.open(content) as picture:
            if small:
                picture.draft(None, (max(1, picture.width // 8), max(1, picture.height // 8)))
            picture.load()
            return _upright(_in_rgb(picture), _orientation(picture))
    except MemoryError:
        raise
    except OSError as error:
        raise UnreadableError(_reason(error)) from error
    # A damaged file makes a decoder raise anything: struct.error, SyntaxError, EOFError...
    except Exception as error:
        raise UnreadableError(_reason(error)) from error


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    if "cannot identify image file" in text:
        return "no picture of a known format"
    return f"{text:.120}" or type(error).__name__


def _in_rgb(picture: Image.Image) -> Image.Image:
    from PIL import Image

    if picture.mode.startswith("I"):
        # Pillow would cut off what is above 255, and not scale it.
        levels = np.asarray(picture).astype(np.float64)
        if levels.min() < 0 or levels.max() > 65535:
            raise UnreadableError("its greys are not of 16 bits")
        return Image.fromarray((levels * (255 / 65535) + 0.5).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise UnreadableError("its pixels are floating-point numbers, of no known range")
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF is no reason to lose a picture
        return 1


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    turned = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return picture.transpose(turned[orientation]) if orientation in turned else picture


def central(picture: Image.Image, height: int, width: int) -> NDArray[np.uint8]:
    """Cut out the middle and bring it to (height, width); returns (height, width, 3).

    It is what is left of the largest middle of these proportions when an eighth of each side is
    cut off, 224 of 256 pixels, as is usual for ImageNet.
    """
    scale = min(picture.width / width, picture.height / height) * 224 / 256
    box_width, box_height = width * scale, height * scale
    left, upper = (picture.width - box_width) / 2, (picture.height - box_height) / 2
    return _resized(picture, (left, upper, left + box_width, upper + box_height), height, width)


def augmented(
    picture: Image.Image, height: int, width: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Cut out a random part, mirror half of them, bring it to (height, width); returns (..., 3).

    The part has 8 % to 100 % of the area and proportions of 3/4 to 4/3 (Szegedy et al. 2014,
    arXiv:1409.4842), as He et al. and Goyal et al. train their ResNets on ImageNet.
    """
    pixels = _resized(picture, _part(picture.width, picture.height, random), height, width)
    return pixels[:, ::-1] if random.random() < 0.5 else pixels


def _part(width: int, height: int, random: np.random.Generator) -> Crop:
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1)
        ratio = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
        w, h = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, upper = int(random.integers(width - w + 1)), int(random.integers(height - h + 1))
            return left, upper, left + w, upper + h
    # A picture so long that no part fits: the middle of the nearest proportions.
    across, down = min(width, height * 4 / 3), min(height, width * 4 / 3)
    x, y = (width - across) / 2, (height - down) / 2
    return x, y, x + across, y + down


def _resized(picture: Image.Image, box: Crop, height: int, width: int) -> NDArray[np.uint8]:
    from PIL.Image import Resampling

    # From the part alone: the whole of a picture of 1 x 10,000 pixels would not fit in memory.
    return np.asarray(picture.resize((width, height), Resampling.BILINEAR, box=box))


def augmented_sample(
    pictures: Pictures, number: int, epoch: int, size: tuple[int, int], seed: int
) -> NDArray[np.uint8]:
    """Read a picture as an epoch shows it, (height, width, 3).

    The random numbers are of the seed, the epoch and the picture alone, so that neither the
    processes that read nor an interruption change them.
    """
    random = random_stream(seed, "augmentation", epoch * len(pictures) + number)
    return augmented(read_picture(pictures.path(number)), *size, random)


# --- Checks and data sets -------------------------------------------------------------------


def unreadable(pictures: Pictures, numbers: Sequence[int] | NDArray[Any]) -> dict[int, str]:
    """Decode some pictures; return why each that cannot be read cannot, by its number.

    Stops early where there are more than may be left out.
    """
    found: dict[int, str] = {}

    def check(number: int) -> tuple[int, str]:
        try:
            read_picture(pictures.path(number), small=True)
        except UnreadableError as error:
            return number, str(error)
        return number, ""

    # Pillow decodes without Python's lock.
    with quietly(), ThreadPoolExecutor(_threads()) as pool:
        for start in range(0, len(numbers), _BLOCK):
            block = [int(number) for number in numbers[start : start + _BLOCK]]
            found.update((number, why) for number, why in pool.map(check, block) if why)
            if len(found) > MOST_UNREADABLE:
                break
    return found


def require_few(pictures: Pictures, found: dict[int, str]) -> list[str]:
    """Return a line for each unreadable file; `UsageError` where there are too many of them."""
    most = min(MOST_UNREADABLE, len(pictures) // 10)
    lines = [f"{pictures.path(number)} ({why})" for number, why in sorted(found.items())]
    if len(lines) > most:
        more = f", and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
        raise UsageError(
            f"{len(lines)} or more of the {len(pictures):,} files in '{pictures.directory}' cannot "
            f"be read, and {most} may be left out: {', '.join(lines[:_NAMED])}{more}; mend or "
            "remove them"
        )
    return lines


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (cores or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


@lru_cache(maxsize=4)
def _readable(pictures: Pictures) -> NDArray[np.int64]:
    found = unreadable(pictures, np.arange(len(pictures)))
    for line in require_few(pictures, found):
        if os.environ.get("RANK", "0") == "0":  # of several processes that compute together, one
            warnings.warn(f"left out: {line}", stacklevel=3)
    return pictures.without(list(found))


def split_of(folder: Folder, height: int, width: int) -> Split:
    """Return what a folder holds, its samples known by their numbers.

    inputs: (n, 3, height, width) uint8, the middle of each picture; targets: one-hot labels,
    (n, classes). Those of `train` are too many to be evaluated on.

    Files of `val` that cannot be read are left out, with a warning for each; `UsageError` where
    there are too many of them. Those of `train` are for whoever trains to look for, many processes
    together: it takes as long as an epoch's reading.
    """
    return Split(
        _dataset(folder.train, np.arange(len(folder.train)), height, width),
        _dataset(folder.val, _readable(folder.val), height, width),
        held_out_only=True,
    )


def _dataset(pictures: Pictures, numbers: NDArray[np.int64], height: int, width: int) -> Dataset:
    def draw(chosen: NDArray[Any]) -> NDArray[np.uint8]:
        def one(number: int) -> NDArray[np.uint8]:
            return central(read_picture(pictures.path(number)), height, width)

        with quietly(), ThreadPoolExecutor(_threads()) as pool:
            pixels = np.stack(list(pool.map(one, chosen[:, 0].tolist())))
        return pixels.transpose(0, 3, 1, 2)

    def one_hot(chosen: NDArray[Any]) -> NDArray[np.float32]:
        classes = np.arange(len(pictures.classes))
        return np.asarray(pictures.labels[chosen[:, 0]][:, None] == classes, np.float32)

    return Dataset(numbers[:, None], draw, one_hot)
