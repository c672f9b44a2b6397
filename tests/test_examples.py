"""The examples in docstrings, and those with a prompt in Markdown pages, do what they say."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import compare
import handcrafted

ROOT = Path(__file__).parent.parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
MODULES = [
    ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
    for package in (handcrafted, compare)
    for folder in [Path(package.__file__).parent]
    for path in sorted(folder.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
PAGES = [
    path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if ">>> " in path.read_text(encoding="utf-8")
]


def test_there_are_examples():
    assert {"compare", "compare.api", "handcrafted.onehot2coord"} <= {*MODULES}
    assert ROOT / "README.md" in PAGES


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(
        import_module(name), extraglobs={"out": "runs"}, optionflags=FLAGS
    )
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages(path, tmp_path, monkeypatch):
    """All blocks of a page in order, in one namespace, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    text = "\n".join(block for block in blocks if ">>> " in block)
    test = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
    failed, tried = doctest.DocTestRunner(optionflags=FLAGS).run(test)
    assert (failed, tried > 0) == (0, True)
