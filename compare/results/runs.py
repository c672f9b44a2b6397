"""Runs on disk: every file appears whole or not at all, and says what it is the result of.

A run's directory is named after its arguments. Its `run.json` ends with a digest of itself and of
that name, and holds digests of the files beside it; so what was cut off, changed or copied from
another run is recognised. Only the process that has locked the directory writes to it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from compare import tasks
from compare.errors import StorageError, UsageError
from compare.files import (
    TEMPORARY,
    Record,
    file_digest,
    flush_directory,
    read_sealed_json,
    refused,
    remove,
    replace,
    unreadable,
    write_arrays,
    write_csv,
    write_sealed_json,
)
from compare.results import ledger
from compare.results.schema import FILES, FORMAT, checked

__all__ = [
    "MESSAGE",
    "TRACEBACK",
    "complete_new_files",
    "digests",
    "directory_name",
    "locked",
    "new_files",
    "read_record",
    "records",
    "require_intact",
    "run_directories",
    "write_failure",
    "write_record",
    "write_results",
    "write_run",
]


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
        for path in directory.glob(f"{TEMPORARY}*"):
            path.unlink()
        if folder.is_symlink():  # no process of this program made that
            folder.unlink()
        if not folder.is_dir():
            return
        try:
            read_sealed_json(folder / "run.json", directory.name)
        except (FileNotFoundError, ValueError):
            shutil.rmtree(folder)
            return
        # The record is moved last: as long as it is here, the rest can be moved once more.
        names = [name for name in FILES if (folder / name).exists()]
        for name in (*names, "run.json"):
            try:
                replace(folder / name, directory / name)
            except OSError as error:
                raise refused(directory / name, error) from error
        shutil.rmtree(folder)
        flush_directory(directory)
    except StorageError:
        raise
    except OSError as error:
        raise refused(directory, error) from error


_NEW = ".new"
"""The folder of `new_files` in a run's directory."""


def write_run(
    directory: Path,
    record: Record,
    history: Mapping[str, Sequence[float]],
    samples: Mapping[str, NDArray[Any]],
    weights: Mapping[str, NDArray[Any]],
) -> Record:
    """Write the files of a finished run, for whoever has locked its directory; returns its record.

    history: the columns of its table, by name: "epoch" or "step", "loss", and others; samples: what
    is known of each sample, such as "test_prediction". They replace those of an earlier run all or
    none. Raises `StorageError`.
    """
    with new_files(directory) as folder:
        write_results(folder, history, samples, weights)
        record = write_record(folder, record, FILES, directory.name)
    for name in ("checkpoint.npz", "failure.json", ledger.FILE):
        remove(directory / name)
    return record


def write_results(
    folder: Path,
    history: Mapping[str, Sequence[float]],
    samples: Mapping[str, NDArray[Any]],
    weights: Mapping[str, NDArray[Any]],
) -> None:
    """Write `FILES`: what a training leaves beside its record. See `write_run`."""
    rows = list(zip(*history.values(), strict=True))
    write_csv(folder / "history.csv", tuple(history), rows)
    write_arrays(folder / "predictions.npz", samples)
    write_arrays(folder / "weights.npz", weights)


def digests(folder: Path, files: Sequence[str] = FILES) -> dict[str, str]:
    """Return the digest of each of the `files` in a folder, as records have them."""
    return {name: file_digest(folder / name) for name in files}


def require_intact(directory: Path, files: Mapping[str, str]) -> None:
    """Raise ValueError, naming the file, for the first whose digest is not as in `files`."""
    for name, digest in files.items():
        try:
            intact = file_digest(directory / name) == digest
        except (FileNotFoundError, ValueError):
            intact = False
        if not intact:
            raise ValueError(f"{directory / name} is missing, damaged or was changed")


def write_record(folder: Path, record: Record, files: Sequence[str], owner: str) -> Record:
    """Write `run.json` for the directory named `owner`, and return it.

    It holds digests of the `files` that already are beside it, in `folder`. Raises ValueError for
    a record that would be refused when it is read.
    """
    record = {**record, "files": digests(folder, files)}
    path = folder / "run.json"
    _require_scores(checked(json.loads(json.dumps(record)), str(path), "run.json"), path)
    write_sealed_json(folder / "run.json", record, owner)
    return record


def read_record(directory: Path, *, check_files: bool = False) -> Record | None:
    """Return the record of a finished run, None if there is none.

    Raises ValueError, naming the file, for one that is damaged, another run's, not what
    `compare.results.schema` asks for, or without a score that its task's table shows; with
    `check_files`, for each other file of the run too.
    `StorageError` for one that cannot be read, which says nothing about what is in it.
    """
    path = directory / "run.json"
    try:
        record = checked(read_sealed_json(path), str(path), "run.json")
    except FileNotFoundError:
        return None
    _require_scores(record, path)
    if check_files:
        require_intact(directory, record["files"])
    return record


def _require_scores(record: Record, path: Path) -> None:
    """Raise ValueError, naming the file, if a record lacks a score that its task's table shows."""
    try:
        arguments = record["arguments"]
        columns = tasks.load(arguments["task"], arguments.get("folder", "")).columns
    except UsageError:  # of a package that is not here; whoever needs the task will say so
        return
    for part, scores in record["scores"].items():
        for column in columns:
            if scores is not None and column.score not in scores:
                raise ValueError(
                    f"{path} is no record of a run: no score '{column.score}' of '{part}'"
                )


def write_failure(directory: Path, record: Record) -> None:
    """Write down that a run failed; `record` holds its arguments, error and environment."""
    cut = {
        name: _bounded(record[name], most)
        for name, most in (("error", MESSAGE), ("traceback", TRACEBACK))
        if name in record
    }
    write_sealed_json(directory / "failure.json", {**record, **cut})


MESSAGE, TRACEBACK = 2_000, 20_000
"""Characters that are stored of why a run failed."""


def _bounded(text: str, most: int) -> str:
    """Cut the middle out of a text that is longer than `most`."""
    if len(text) <= most:
        return text
    left = f" ... {len(text) - most:,} characters left out ... "
    half = (most - len(left)) // 2
    return text[:half] + left + text[-half:]


@contextmanager
def locked(directory: Path) -> Iterator[bool]:
    """Lock a run's directory, which must exist; yields whether no other process has locked it.

    The operating system releases the lock of a process that dies, however it dies.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(directory / ".lock", timeout=0)
    try:
        if (directory / ".lock").is_symlink():  # which would be emptied
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
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


def run_directories(out: str | Path) -> tuple[list[str], list[str]]:
    """Return the names of the directories below `out`, sorted, and a line for each unreadable one.

    Raises `UsageError` for an `out` that cannot be read.
    """
    names, complaints = [], []
    try:
        with os.scandir(out) as entries:
            for entry in entries:
                try:
                    # Not `is_dir`, which takes what may not be looked at for no directory.
                    if stat.S_ISDIR(entry.stat().st_mode):
                        names.append(entry.name)
                except FileNotFoundError:  # a link to nothing, or removed in this moment
                    continue
                except OSError as error:
                    complaints.append(str(unreadable(entry.path, error)))
    except OSError as error:
        raise UsageError(f"cannot read runs from '{out}': {error.strerror}") from error
    return sorted(names), sorted(complaints)


def records(out: str | Path) -> tuple[dict[str, Record], list[str]]:
    """Read every run below `out`: the records by directory name, and what is wrong with others.

    Finished and failed runs; those that are under way have no record yet. Raises `UsageError` for
    a directory that cannot be read.
    """
    out = os.path.abspath(out)
    found: dict[str, Record] = {}
    names, complaints = run_directories(out)
    for name in names:
        for file in ("run.json", "failure.json"):
            path = f"{out}/{name}/{file}"
            try:
                found[name] = checked(read_sealed_json(path, name), path, file)
                break
            except FileNotFoundError:
                continue
            except ValueError as error:
                complaints.append(str(error))
            except StorageError as error:  # what the other file says may be out of date
                complaints.append(str(error))
                break
    return found, complaints
