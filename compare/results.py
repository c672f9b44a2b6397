"""Runs on disk: every file appears whole or not at all, and says what it is the result of.

A run's directory is named after its arguments. Its `run.json` ends with a digest of itself and of
that name, and holds digests of the files beside it; so what was cut off, changed or put there from
elsewhere is told from what was written here. Only the process that holds the directory's lock
writes to it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file beside `path`, flush it to the disk and rename it into place.

    Raises `StorageError`, naming the file, where the system refuses; nothing has changed then.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _flush_directory(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise refused(path, error) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


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
    """Read an `npz` file; ValueError names one that is damaged or is none. No pickle is read."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
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


def write_sealed_json(path: Path, record: Record) -> None:
    """Write a record as JSON, indented for the eye, its digest last; for this directory only."""
    head = json.dumps(record, indent=2, allow_nan=True).encode()[:-2]
    seal = _digest_of(path.absolute().parent.name, head)
    write_whole(path, lambda file: file.write(head + _SEAL + seal + b'"\n}\n'))


def read_sealed_json(path: str | Path) -> Record:
    """Read what `write_sealed_json` wrote.

    Raises ValueError, naming the file, for one that is anything else; FileNotFoundError for none.
    """
    name = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return _unsealed(os.fspath(path), name)


def _unsealed(path: str, name: str) -> Record:
    # Ten thousand of these are read at once, so this takes the short way to the bytes.
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            text = os.read(file, os.fstat(file).st_size)
        finally:
            os.close(file)
        head, _, seal = text.rpartition(_SEAL)
        if seal == _digest_of(name, head) + b'"\n}\n':
            record: Record = json.loads(head + b"}")
            return record
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError):
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


def write_record(directory: Path, record: Record, files: Sequence[str]) -> Record:
    """Write `run.json`, and return it, with digests of the `files` that already lie beside it."""
    record = {**record, "files": {name: _file_digest(directory / name) for name in files}}
    write_sealed_json(directory / "run.json", record)
    return record


def _file_digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_record(directory: Path, *, check_files: bool = False) -> Record | None:
    """Return the record of a finished run, None if there is none.

    Raises ValueError, naming the file, for one that is damaged, of another format, or another
    run's; with `check_files`, for each other file of the run too.
    """
    try:
        record = _own(read_sealed_json(directory / "run.json"), directory / "run.json")
    except FileNotFoundError:
        return None
    for name, digest in record["files"].items() if check_files else ():
        try:
            intact = _file_digest(directory / name) == digest
        except OSError:
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


def remove_leftovers(directory: Path) -> None:
    """Remove what processes that died left half written; for the holder of the directory."""
    for path in directory.glob(".*.*"):
        if path.suffix[1:].isdecimal():
            remove(path)


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
                found[name] = _own(_unsealed(path, name), path)
                break
            except FileNotFoundError:
                continue
            except ValueError as error:
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
