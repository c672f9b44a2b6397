"""Runs on disk: every file appears whole or not at all, and says what it is the result of.

A run's directory is named after its arguments. Its `run.json` ends with a digest of itself and of
that name, and holds digests of the files beside it; so what was cut off, changed or copied from
another run is recognised. Only the process that has locked the directory writes to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from compare.errors import StorageError, UsageError
from compare.files import (
    _TEMPORARY,
    Record,
    _file_digest,
    _flush_directory,
    read_sealed_json,
    refused,
    remove,
    write_arrays,
    write_csv,
    write_sealed_json,
)

FORMAT = 4
"""Rises when the meaning of a file changes, so that an old one is not taken for a new one."""


def directory_name(arguments: Mapping[str, Any], version: str) -> str:
    """Return the name of the directory of a run with these arguments, done by this version."""
    a = arguments
    text = json.dumps([FORMAT, version, arguments], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    height, width = a["size"]
    name = f"{a['task']}-{height}x{width}-{a['split']}-{a['solver']}-seed{a['seed']}"
    return f"{name}-{a['backend']}-{digest}"


@contextmanager
def new_files(directory: Path) -> Iterator[Path]:
    """Yield an empty folder for the files of a run, which replace those in `directory` at the end.

    They do so all or none: where anything goes wrong before the last of them is written, the old
    ones stay; where the process dies after that, `complete_new_files` finishes the work. For
    whoever holds the directory. Raises `StorageError`.
    """
    folder = directory / _NEW
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    except OSError as error:
        raise refused(folder, error) from error
    try:
        yield folder
        if not (folder / "run.json").exists():
            raise ValueError(f"{folder} has no record of the run")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    complete_new_files(directory)


def complete_new_files(directory: Path) -> None:
    """Move the new files of a run into place if they are whole; remove them if they are not.

    Also removes other files that a process left half written. Raises `StorageError`.
    """
    folder = directory / _NEW
    try:
        for path in directory.glob(f"{_TEMPORARY}*"):
            path.unlink()
        if not folder.is_dir():
            return
        try:
            read_sealed_json(folder / "run.json", directory.name)
        except (FileNotFoundError, ValueError):
            shutil.rmtree(folder)
            return
        # The record is moved last: as long as it is here, the rest can be moved once more.
        names = sorted(path.name for path in folder.iterdir() if path.name != "run.json")
        for name in (*names, "run.json"):
            try:
                os.replace(folder / name, directory / name)
            except OSError as error:
                raise refused(directory / name, error) from error
        folder.rmdir()
        _flush_directory(directory)
    except StorageError:
        raise
    except OSError as error:
        raise refused(directory, error) from error


_NEW = ".new"
"""The folder of `new_files` in a run's directory."""


FILES = ("history.csv", "predictions.npz", "weights.npz")
"""What a finished run has beside its record."""


def write_run(
    directory: Path,
    record: Record,
    losses: Sequence[float],
    samples: Mapping[str, NDArray[Any]],
    weights: Mapping[str, NDArray[Any]],
) -> Record:
    """Write the files of a finished run, for whoever has locked its directory; returns its record.

    losses: the mean of each epoch; samples: what is known of each sample, by name, such as
    "test_prediction". They replace those of an earlier run all or none. Raises `StorageError`.
    """
    with new_files(directory) as folder:
        write_csv(folder / "history.csv", ("epoch", "loss"), list(enumerate(losses, start=1)))
        write_arrays(folder / "predictions.npz", samples)
        write_arrays(folder / "weights.npz", weights)
        record = write_record(folder, record, FILES, directory.name)
    for name in ("checkpoint.npz", "failure.json"):
        remove(directory / name)
    return record


def write_record(folder: Path, record: Record, files: Sequence[str], owner: str) -> Record:
    """Write `run.json` for the directory named `owner`, and return it.

    It holds digests of the `files` that already are beside it, in `folder`.
    """
    record = {**record, "files": {name: _file_digest(folder / name) for name in files}}
    write_sealed_json(folder / "run.json", record, owner)
    return record


def read_record(directory: Path, *, check_files: bool = False) -> Record | None:
    """Return the record of a finished run, None if there is none.

    Raises ValueError, naming the file, for one that is damaged, of another format, or another
    run's; with `check_files`, for each other file of the run too. `StorageError` for one that
    cannot be read, which says nothing about what is in it.
    """
    try:
        record = _own(read_sealed_json(directory / "run.json"), directory / "run.json")
    except FileNotFoundError:
        return None
    for name, digest in record["files"].items() if check_files else ():
        try:
            intact = _file_digest(directory / name) == digest
        except (FileNotFoundError, ValueError):
            intact = False
        if not intact:
            raise ValueError(f"{directory / name} is missing, damaged or was changed")
    return record


def write_failure(directory: Path, record: Record) -> None:
    """Write down that a run failed; `record` holds its arguments, error and environment."""
    write_sealed_json(directory / "failure.json", record)


def _own(record: Record, path: str | Path) -> Record:
    """Return a record if it is of this format; ValueError names the file otherwise."""
    if record.get("format") != FORMAT or "arguments" not in record:
        raise ValueError(
            f"{path} is of format {record.get('format')}; this version reads format {FORMAT}"
        )
    return record


@contextmanager
def locked(directory: Path) -> Iterator[bool]:
    """Lock a run's directory, which must exist; yields whether no other process has locked it.

    The operating system releases the lock of a process that dies, however it dies.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(directory / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        raise refused(directory / ".lock", error) from error
    try:
        yield True
    finally:
        lock.release()


def records(out: str | Path) -> tuple[dict[str, Record], list[str]]:
    """Read every run below `out`: the records by directory name, and what is wrong with others.

    Finished and failed runs; those that are under way have no record yet. Raises `UsageError` for
    a directory that cannot be read.
    """
    out = os.path.abspath(out)
    found: dict[str, Record] = {}
    complaints: list[str] = []
    try:
        with os.scandir(out) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        raise UsageError(f"cannot read runs from '{out}': {error.strerror}") from error
    for name in names:
        for file in ("run.json", "failure.json"):
            path = f"{out}/{name}/{file}"
            try:
                found[name] = _own(read_sealed_json(path, name), path)
                break
            except FileNotFoundError:
                continue
            except (ValueError, StorageError) as error:
                complaints.append(str(error))
    return found, complaints
