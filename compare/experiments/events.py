"""Training curves of runs on their way: event files, which TensorBoard draws as they grow.

tensorboardX writes them (the extra `tensorboard`); nothing else here needs or reads them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from compare.errors import StorageError, UsageError
from compare.files import writable_directory
from compare.learned.training import Progress

__all__ = ["event_directory", "written"]


def event_directory(what: str, path: str | Path | None) -> Path | None:
    """Return the directory for the event files of several runs, made if it is not there.

    what: the option's or argument's name. Raises `UsageError` without tensorboardX, and where
    nothing can be written.
    """
    if path is None:
        return None
    if find_spec("tensorboardX") is None:
        raise UsageError(f"{what} needs tensorboardX; run: pip install tensorboardX")
    return writable_directory(Path(path))


@contextmanager
def written(directory: Path | None) -> Iterator[Callable[[Progress], None]]:
    """Yield what adds an epoch of a run to the event files in its directory; None: to none.

    The step is the epoch. What the files have of this epoch and later ones is hidden once a run
    goes on from an earlier checkpoint, or begins anew. Raises `StorageError` where the system
    refuses to write.
    """
    if directory is None:
        yield lambda _: None
        return
    from tensorboardX import SummaryWriter

    writer: SummaryWriter | None = None

    def write(done: Progress) -> None:
        nonlocal writer
        try:
            if writer is None:
                # Of two files begun in one second the names would be equal.
                own = f".{os.getpid()}"
                writer = SummaryWriter(str(directory), purge_step=done.epoch, filename_suffix=own)
            for name, value in {"loss": done.loss, **done.curves}.items():
                writer.add_scalar(name, value, done.epoch)
            writer.flush()
        except OSError as error:
            raise StorageError(f"cannot write event files in '{directory}': {error}") from error

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()
