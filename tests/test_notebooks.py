"""Every notebook runs from top to bottom, and was committed with outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_the_first_notebook_is_there():
    assert NOTEBOOKS[0].name == "01_fifty_lines.ipynb"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    committed = [cell.execution_count for cell in cells]
    assert committed == list(range(1, len(cells) + 1)), "run the whole notebook, then commit it"
    assert any(cell.outputs for cell in cells)
    # Where it may write, beside the stored results that it may read.
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    resources = {"metadata": {"path": tmp_path / "notebooks"}}
    # A cell that raises, an assertion included, makes this raise.
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
