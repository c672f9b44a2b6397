"""Every notebook runs from top to bottom, and was committed with outputs."""

import ast
import asyncio
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_uses_what_users_are_told_to_use(path):
    """From `compare` itself: `run`, `fit` and `load_task`; figures and results have modules."""
    cells = nbformat.read(path, as_version=4).cells
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    source = "\n".join(line for line in source.splitlines() if not line.startswith("%"))
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    inner = {name for name in found if name.startswith("compare.")}
    assert all(name.startswith(("compare.figures.", "compare.results")) for name in inner), inner


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_picture_says_what_it_shows(path):
    """In the rendered pages, to whom cannot see it."""
    for cell in nbformat.read(path, as_version=4).cells:
        if any("image/png" in output.get("data", ()) for output in cell.get("outputs", ())):
            assert cell.metadata["mystnb"]["image"]["alt"]


def test_a_run_in_a_notebook_shows_a_bar_and_a_table_and_can_be_interrupted(tmp_path):
    asked = (
        "compare.run('onehot2coord', solver='conv', split='uniform', size=16, seeds=1, epochs={})"
    )
    sources = ["import compare", asked.format(2), asked.format(10**6)]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        timeout=100,
        resources={"metadata": {"path": tmp_path}},
    )

    async def run():
        async with client.async_setup_kernel():
            for number, cell in enumerate(cells[:2]):
                await client.async_execute_cell(cell, number)
            endless = asyncio.create_task(client.async_execute_cell(cells[2], 2))
            while "epoch/s" not in str(cells[2].outputs):
                await asyncio.sleep(0.1)
            await client.km.interrupt_kernel()
            with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
                await endless

    asyncio.run(run())
    *bar, table = cells[1].outputs
    assert {output.name for output in bar} == {"stderr"}
    assert "uniform conv seed 0" in str(bar)
    assert "<table>" in table.data["text/html"]
    assert table.data["text/plain"].startswith("onehot2coord on a 16x16 canvas")
    assert len(list(tmp_path.glob("runs/*/run.json"))) == 1
    assert len(list(tmp_path.glob("runs/*/checkpoint.npz"))) == 1, "to resume from"
