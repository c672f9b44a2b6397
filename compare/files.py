"""Files that appear whole or not at all, and sealed ones that say what they belong to."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import math
import os
import secrets
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compare.errors import StorageError, UsageError

__all__ = [
    "TEMPORARY",
    "Record",
    "arrays_of",
    "file_digest",
    "flush_directory",
    "make_directory",
    "npz",
    "read_arrays",
    "read_file",
    "read_input",
    "read_sealed_arrays",
    "read_sealed_json",
    "refused",
    "remove",
    "replace",
    "unreadable",
    "writable_directory",
    "writable_file",
    "write_arrays",
    "write_csv",
    "write_output",
    "write_sealed_arrays",
    "write_sealed_json",
    "write_whole",
]

Record: TypeAlias = dict[str, Any]
"""What a `run.json` holds."""

_SEAL = b',\n  "sha256": "'
"""Stands in a sealed JSON file between what is sealed and the seal."""


TEMPORARY = ".tmp-"
"""How names of files begin that are being written."""


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file beside `path`, flush it to the disk and rename it into place.

    The file beside has a name that nobody can guess and is created for this alone, so no link that
    was put there is followed. Raises `StorageError`, naming the file, where the system refuses;
    nothing has changed then.
    """
    _write_whole(path, write, 0o666)


def _write_whole(path: Path, write: Callable[[IO[bytes]], Any], mode: int) -> None:
    beside = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        try:
            with open(descriptor, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            replace(beside, path)
        except BaseException:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        flush_directory(path.parent)
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
            if os.chmod in os.supports_fd:  # Windows knows no more than read-only, which it is not
                os.chmod(file.fileno(), stat.S_IMODE(mode))
            file.write(content)

        _write_whole(target, write, 0o600)
        return
    try:
        with open(target, "wb", buffering=0) as stream:
            stream.write(content)
    except OSError as error:
        raise refused(path, error) from error


def read_file(path: str | Path, most: int = sys.maxsize) -> bytes:
    """Read a file of a run.

    Raises FileNotFoundError if there is none; ValueError, naming it, if it is a link, a directory,
    a device or a pipe, which no run has, or has more than `most` bytes; `StorageError`, naming it,
    where the system refuses.
    """
    try:
        # Ten thousand of these are read at once, so this takes the short way to the bytes.
        file = os.open(path, os.O_RDONLY | _NOT_FOLLOWED | _BINARY)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{path} is damaged: it is not a regular file")
            if status.st_size > most:
                raise ValueError(f"{path} is damaged: it has more than {most:,} bytes")
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
"""Neither a link is followed nor a pipe without a writer waited for; Windows has no such flags."""

_BINARY = getattr(os, "O_BINARY", 0)
"""Windows changes line ends on the way and stops at a byte 26 without it."""


def read_input(path: Path, most: int) -> bytes:
    """Read a file that a user named, of at most so many bytes; a link is followed.

    Raises `UsageError`, naming it, for what is not there, may not be read, is larger, or is a
    directory, a device or a pipe, which might never end.
    """
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
        with open(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise UsageError(f"'{path}' is not a regular file; give one")
            content = stream.read(most + 1)
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from error
    if len(content) > most:
        raise UsageError(f"'{path}' has more than {most:,} bytes, too many for what it is to be")
    return content


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
        "make room or mend it, and the same command resumes"
    )


def make_directory(path: Path) -> None:
    """Make a directory if it is not there; raises `StorageError` where the system refuses."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise refused(path, error) from error


def replace(source: Path, target: Path) -> None:
    """Rename a file over another, as `os.replace` does.

    Windows refuses while some process has the other open, as who reads a record or looks for
    viruses has for a moment; it is asked again for about a second.
    """
    for wait in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.3) if sys.platform == "win32" else ():
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(wait)
    os.replace(source, target)


def flush_directory(path: Path) -> None:
    """Make a rename survive a loss of power."""
    if os.name == "posix":
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as the bytes of an `npz` file. No pickle is written."""
    buffer = io.BytesIO()  # a zip file that cannot be closed for want of room is a second error
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an `npz` file."""
    content = npz(arrays)
    write_whole(path, lambda file: file.write(content))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read an `npz` file. No pickle is read.

    Raises ValueError, naming one that is damaged or is none; else as `read_file` does.
    """
    try:
        return arrays_of(read_file(path))
    except ValueError as error:
        raise ValueError(f"{path} is not a readable array file ({error})") from error


def arrays_of(content: bytes) -> dict[str, NDArray[Any]]:
    """Undo `npz`; ValueError for what it did not return. Takes no more memory than `content`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {
                entry.filename.removesuffix(".npy"): _array_of(archive, entry)
                for entry in archive.infolist()
            }
    except MemoryError:
        raise
    # What a damaged archive raises depends on which byte is wrong: zlib, struct, NotImplemented...
    except Exception as error:
        raise ValueError(str(error)) from error


def _array_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    """Read an array; one that is said to be larger than its bytes is refused unread."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{entry.filename} is compressed")
    stream = io.BytesIO(archive.read(entry))
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{entry.filename} is of another version of NumPy's format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    data = stream.read()
    if dtype.hasobject:
        raise ValueError(f"{entry.filename} holds objects")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{entry.filename} has {len(data)} bytes for {dtype} of shape {shape}")
    order: Literal["C", "F"] = "F" if by_columns else "C"
    array: NDArray[Any] = np.ndarray(shape, dtype, data, order=order)
    return array.copy(order)


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


_LARGEST_JSON = 1 << 20
"""Bytes; a record has a few thousand."""


def read_sealed_json(path: str | Path, owner: str = "") -> Record:
    """Read what `write_sealed_json` wrote.

    Raises ValueError, naming the file, for one that is anything else; else as `read_file` does.
    """
    name = owner or os.path.basename(os.path.dirname(os.path.abspath(path)))
    text = read_file(path, _LARGEST_JSON)
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


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(read_file(path)).hexdigest()


def writable_directory(path: Path) -> Path:
    """Create a directory and make sure that files can be written there, or raise `UsageError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot write to the directory '{path!s:.200}': {error.strerror}; give another"
        ) from error
    return path
