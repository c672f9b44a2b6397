"""Runs on disk: every file appears whole or not at all, and says what it is the result of.

A run's directory is named after its arguments. Its `run.json` ends with a digest of itself and of
that name, and holds digests of the files beside it; so what was cut off, changed or put there from
elsewhere is told from what was written here. Only the process that holds the directory's lock
writes to it.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare import StorageError, UsageError

FORMAT = 3
"""Rises when the meaning of a file changes, so that an old one is not taken for a new one."""

Record: TypeAlias = dict[str, Any]
"""What a `run.json` holds."""

_SEAL = b',\n  "sha256": "'
"""Stands in a sealed JSON file between what is sealed and the seal."""


_TEMPORARY = ".tmp-"
"""How names of files begin that are being written."""


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file beside `path`, flush it to the disk and rename it into place.

    The file beside has a name that nobody can guess and is created for this alone, so no link that
    was put there is followed. Raises `StorageError`, naming the file, where the system refuses;
    nothing has changed then.
    """
    _write_whole(path, write, 0o666)


def _write_whole(path: Path, write: Callable[[IO[bytes]], Any], mode: int) -> None:
    beside = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with open(descriptor, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        _flush_directory(path.parent)
    except OSError as error:
        raise refused(path, error) from error


def writable_file(path: Path) -> Path:
    """Make sure, before any work, that a file that a user named can be written.

    Its directory is made if it is not there. "-" stands for standard output. Raises `UsageError`.
    """
    if str(path) == "-":
        return path
    if path.is_dir():
        raise UsageError(f"'{path}' is a directory; give a file to write")
    target = path.resolve()
    if not target.exists() or target.is_file():
        writable_directory(target.parent)
    if target.exists() and not os.access(target, os.W_OK):
        raise UsageError(f"'{path}' may not be written; give another file, or change its mode")
    return path


def write_output(path: Path, content: bytes) -> None:
    """Write a file that a user named.

    A regular file appears whole or not at all, keeps its mode, and is written where a link points;
    a device or a pipe is written to, and "-" is standard output. Raises `StorageError`.
    """
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    target = path.resolve()
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        write_whole(target, lambda file: file.write(content))
        return
    except OSError as error:
        raise refused(path, error) from error
    if stat.S_ISREG(mode):

        def write(file: IO[bytes]) -> None:
            os.chmod(file.fileno(), stat.S_IMODE(mode))
            file.write(content)

        _write_whole(target, write, 0o600)
        return
    try:
        with open(target, "wb", buffering=0) as stream:
            stream.write(content)
    except OSError as error:
        raise refused(path, error) from error


def read_file(path: str | Path) -> bytes:
    """Read a file of a run.

    Raises FileNotFoundError if there is none; ValueError, naming it, if it is a link, a directory,
    a device or a pipe, which no run has; `StorageError`, naming it, where the system refuses.
    """
    try:
        # Ten thousand of these are read at once, so this takes the short way to the bytes.
        file = os.open(path, os.O_RDONLY | _NOT_FOLLOWED)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{path} is damaged: it is not a regular file")
            content = os.read(file, status.st_size)
            while len(content) < status.st_size and (more := os.read(file, 1 << 24)):
                content += more
            return content
        finally:
            os.close(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(f"{path} is damaged: it is a link, not a regular file") from error
        raise unreadable(path, error) from error


_NOT_FOLLOWED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Neither a link is followed nor a pipe without a writer waited for."""


def unreadable(path: str | Path, error: OSError) -> StorageError:
    """Say that `path` could not be read, which says nothing about what is in it."""
    return StorageError(
        f"cannot read {path}: {error.strerror or error}; nothing was changed: "
        "when it can be read again, the same command continues"
    )


def remove(path: Path) -> None:
    """Remove a file if it is there; raises `StorageError`, naming it, where the system refuses."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise refused(path, error) from error


def refused(path: Path, error: OSError) -> StorageError:
    """Say that `path` could not be written, and what to do."""
    return StorageError(
        f"cannot write {path}: {error.strerror or error}; what was there before is intact: "
        "make room or mend it, and the same command goes on"
    )


def _flush_directory(path: Path) -> None:
    """Make a rename survive a loss of power."""
    if os.name == "posix":
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write an `npz` file."""
    buffer = io.BytesIO()  # a zip file that cannot be closed for want of room is a second error
    np.savez(buffer, allow_pickle=False, **arrays)
    write_whole(path, lambda file: file.write(buffer.getbuffer()))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read an `npz` file. No pickle is read.

    Raises ValueError, naming one that is damaged or is none; else as `read_file` does.
    """
    content = read_file(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    # What a damaged archive raises depends on which byte is wrong: zlib, struct, NotImplemented...
    except Exception as error:
        raise ValueError(f"{path} is not a readable array file ({error})") from error


def write_sealed_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write an `npz` file that `read_sealed_arrays` takes for whole, in this directory only."""
    write_arrays(path, {**arrays, "sha256": np.asarray(_seal_of(path, arrays))})


def read_sealed_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read what `write_sealed_arrays` wrote; ValueError names a file that is anything else."""
    arrays = read_arrays(path)
    seal = arrays.pop("sha256", None)
    if seal is None or str(seal) != _seal_of(path, arrays):
        raise ValueError(f"{path} was changed after it was written, or belongs to another run")
    return arrays


def _seal_of(path: Path, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(path.absolute().parent.name.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_sealed_json(path: Path, record: Record, owner: str = "") -> None:
    """Write a record as JSON, indented for the eye, its digest last.

    It is for the directory named `owner` only; for the one that `path` is in by default.
    """
    head = json.dumps(record, indent=2, allow_nan=True).encode()[:-2]
    seal = _digest_of(owner or path.absolute().parent.name, head)
    write_whole(path, lambda file: file.write(head + _SEAL + seal + b'"\n}\n'))


def read_sealed_json(path: str | Path, owner: str = "") -> Record:
    """Read what `write_sealed_json` wrote.

    Raises ValueError, naming the file, for one that is anything else; else as `read_file` does.
    """
    name = owner or os.path.basename(os.path.dirname(os.path.abspath(path)))
    text = read_file(path)
    try:
        head, _, seal = text.rpartition(_SEAL)
        if seal == _digest_of(name, head) + b'"\n}\n':
            record: Record = json.loads(head + b"}")
            return record
    except (ValueError, RecursionError):
        pass
    raise ValueError(
        f"{path} is damaged, was changed after it was written, or belongs to another run"
    )


def _digest_of(name: str, head: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + head).hexdigest().encode()


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    write_whole(path, lambda file: file.write(text.getvalue().encode()))


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


def write_record(folder: Path, record: Record, files: Sequence[str], owner: str) -> Record:
    """Write `run.json` for the directory named `owner`, and return it.

    It holds digests of the `files` that already lie beside it, in `folder`.
    """
    record = {**record, "files": {name: _file_digest(folder / name) for name in files}}
    write_sealed_json(folder / "run.json", record, owner)
    return record


def _file_digest(path: Path) -> str:
    return hashlib.sha256(read_file(path)).hexdigest()


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
def held(directory: Path) -> Iterator[bool]:
    """Hold a run's directory, which must exist; yields whether nobody else holds it.

    The operating system lets go of what a process held when it dies, however it dies.
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


def writable_directory(path: Path) -> Path:
    """Create a directory and make sure that files can be written there, or raise `UsageError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot write to the output directory '{path}': {error.strerror}; "
            "give another with --out"
        ) from error
    return path


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


def load(out: str | Path) -> np.recarray[Any, Any]:
    """Return every run below `out` as one row of a record array; see `tidy` for its columns.

    Files that are not to be trusted are named in warnings and skipped. Raises `UsageError` for a
    directory that cannot be read.
    """
    found, complaints = records(out)
    for complaint in complaints:
        warnings.warn(f"{complaint}; skipped", stacklevel=2)
    return tidy(found)


_RECIPE = ("learning_rate", "l2", "batch", "loss", "schedule", "width", "kernel", "coordinates")
_TEXTS = ("loss", "schedule", "coordinates")


def tidy(found: Mapping[str, Record]) -> np.recarray[Any, Any]:
    """Return records as a record array, a row for each run, that pandas and polars take as it is.

    Columns: `run`, the name of its directory; `status`, "finished", "diverged" or "failed";
    `error`, of a failed one; its arguments, the recipe's among them; `success`; scores as
    "test_exact" and the like, on other canvases as "20x20_exact"; the cost; the timing in seconds
    and microseconds; and what else the result depends on. Where something does not apply to a run,
    a number is NaN and a text empty.
    """
    rows = [_row(name, record) for name, record in found.items()]
    names = list(dict.fromkeys(key for row in rows for key in row)) or list(_row("", {}))
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    dtype = np.dtype([(name, column.dtype) for name, column in columns.items()])
    table = np.empty(len(rows), dtype)
    for name, column in columns.items():
        table[name] = column
    return table.view(np.recarray)


def _row(name: str, record: Record) -> Record:
    arguments = record.get("arguments", {})
    recipe = arguments.get("recipe") or {}
    environment = record.get("environment", {})
    where = {**record.get("scores", {}), **record.get("elsewhere", {})}
    return {
        "run": name,
        "task": arguments.get("task", ""),
        "split": arguments.get("split", ""),
        "size": "x".join(map(str, arguments.get("size", ()))),
        "solver": arguments.get("solver", ""),
        "seed": arguments.get("seed", 0),
        "backend": arguments.get("backend", ""),
        "device": arguments.get("device", ""),
        "precision": arguments.get("precision", ""),
        "epochs": arguments.get("epochs", 0),
        **{key: recipe.get(key, "" if key in _TEXTS else None) for key in _RECIPE},
        "status": record.get("status", ""),
        "error": record.get("error", ""),
        "success": record.get("success", False),
        **{
            f"{part}_{score}": value
            for part, scores in where.items()
            for score, value in (scores or {}).items()
        },
        **{key: record.get("cost", {}).get(key) for key in ("parameters", "multiply_adds")},
        **{
            key: record.get("timing", {}).get(key)
            for key in ("train_seconds", "predict_microseconds")
        },
        **{
            key: environment.get(key) or ""
            for key in ("started", "handcrafted", "python", "numpy", "blas", "processor", "commit")
        },
        "threads": environment.get("threads"),
        "gpus": ", ".join(environment.get("gpus", ())),
    }


def _column(values: list[Any]) -> NDArray[Any]:
    kinds = {type(value) for value in values}
    if kinds <= {bool} or kinds <= {int}:
        return np.asarray(values, dtype=bool if kinds <= {bool} else np.int64)
    if kinds <= {str}:
        return np.asarray(values, dtype=str)
    if str in kinds:
        return np.asarray(["" if value is None else str(value) for value in values])
    return np.asarray([np.nan if value is None else value for value in values], dtype=np.float64)
