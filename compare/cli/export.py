"""`compare export`: networks as files."""

from __future__ import annotations

import argparse
from pathlib import Path

from compare.cli import progress
from compare.errors import UsageError
from compare.experiments.values import names, pixels


def _export(options: argparse.Namespace) -> int:
    from handcrafted import NETWORKS

    (task,) = names("task", options.task, tuple(NETWORKS))
    height, width = pixels("--size", options.size)
    file = Path(options.file)
    if file.suffix != ".onnx":
        raise UsageError(f"'{file}' does not end in .onnx")
    try:
        network = NETWORKS[task](height, width)
    except ValueError as error:
        raise UsageError(str(error)) from error
    from importlib.util import find_spec

    if find_spec("onnx") is None:
        raise UsageError("export needs onnx; run: pip install onnx")
    from compare.files import writable_file, write_output
    from handcrafted.onnx_export import to_onnx

    writable_file(file)
    model = to_onnx(network)
    write_output(file, model)
    progress.note(f"{network} written to {file}, {len(model):,} bytes")
    return 0
