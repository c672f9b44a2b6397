"""`compare export`: networks as files."""

from __future__ import annotations

import argparse
from pathlib import Path

from compare.cli import progress
from compare.errors import UsageError
from compare.experiments.values import names, pixels

DESCRIPTION = "Write a handcrafted network as an ONNX file with a dynamic batch."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, and whose network it is."""
    parser.add_argument("file", help="to write, ending in .onnx")
    parser.add_argument("--task", required=True, help="whose network")
    parser.add_argument("--size", metavar="N|HxW", default="64", help="canvas (default 64)")


def run(options: argparse.Namespace) -> int:
    """Write the network's file."""
    from compare.experiments import memory
    from handcrafted import NETWORKS
    from handcrafted.exactness import require_exact

    (task,) = names("task", options.task, tuple(NETWORKS))
    height, width = pixels("--size", options.size, memory.A_PIXEL_OF_ONNX)
    constants = 8 * height * width
    if constants > memory.LARGEST_ONNX:
        raise UsageError(
            f"--size is '{options.size}', whose coordinates take {constants / 1e9:.1f} GB, and an "
            f"ONNX file holds up to {memory.LARGEST_ONNX / 1e9:.1f} GB: give a smaller canvas"
        )
    file = Path(options.file)
    if file.suffix != ".onnx":
        raise UsageError(f"'{file}' does not end in .onnx")
    try:
        network = NETWORKS[task](height, width)
        require_exact("float32", max(height, width))
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
