"""Runs on disk: every file appears whole or not at all, and says what it is the result of."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from compare import UsageError

FORMAT = 2
"""Rises when the meaning of a file changes, so that an old one is not taken for a new one."""


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file beside `path`, flush it to the disk and rename it into place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write an `npz` file."""
    write_whole(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read an `npz` file; ValueError names one that is damaged or is none. No pickle is read."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a readable array file ({error})") from error


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a record as JSON, indented for the eye."""
    text = json.dumps(record, indent=2, allow_nan=True) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    write_whole(path, lambda file: file.write(text.getvalue().encode()))


def read_record(directory: Path) -> dict[str, Any] | None:
    """Return the record of a finished run, None if there is none.

    Raises ValueError, naming the file, for one that is damaged or of another format.
    """
    path = directory / "run.json"
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] == FORMAT and isinstance(record["scores"], dict):
            return dict(record)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise ValueError(f"{path} is damaged or was written by another version")


def writable_directory(path: Path) -> Path:
    """Create a directory and make sure that files can be written there, or raise `UsageError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_whole(path / ".writable", lambda file: file.write(b""))
        (path / ".writable").unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to the output directory '{path}': {error.strerror}; "
            "give another with --out"
        ) from error
    return path
