"""The documentation site: `sphinx-build -W -b html docs build/docs`.

Sphinx with MyST: the pages are Markdown and notebooks, the API pages come from the docstrings, and
a wrong link or name is a warning, which -W makes an error. No page loads anything from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from pkgutil import iter_modules
from textwrap import indent
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from jinja2 import Environment, PackageLoader

import compare
import handcrafted

HERE = Path(__file__).parent

# Notebooks are pages too; links from their own folder are links from this one.
for notebook in (HERE.parent / "notebooks").glob("*.ipynb"):
    page = HERE / "notebooks" / notebook.name
    page.parent.mkdir(exist_ok=True)
    page.write_text(notebook.read_text("utf-8").replace("](../docs/", "](../"), "utf-8")

# The live figure is the report's, in the colours of these pages.
templates = Environment(loader=PackageLoader("compare.report"))
figure = [templates.get_template(name).render() for name in ("demo.css", "demo.html", "demo.js")]
own = (HERE / "four_steps.css").read_text("utf-8")
(HERE / "four_steps.html").write_text(
    "<style>{}{}</style>\n{}\n<script>{}</script>\n".format(figure[0], own, *figure[1:]), "utf-8"
)


def api_pages(package: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield a page for a package and each one below it: its own docstring, then its modules."""
    automodule = "```{{eval-rst}}\n.. automodule:: {}\n{}```\n"
    page = [f"# {package}\n", automodule.format(package, "   :ignore-module-all:\n")]
    below = []
    for module in iter_modules([str(folder)]):
        name = f"{package}.{module.name}"
        if module.ispkg:
            below.append(name)
            yield from api_pages(name, folder / module.name)
        elif not module.name.startswith("_"):
            page += [f"## {name}\n", automodule.format(name, "")]
    if below:
        page.append("\n".join(("```{toctree}", ":maxdepth: 1\n", *below, "```\n")))
    yield package, "\n".join(page)


for root in (compare, handcrafted):
    for name, text in api_pages(root.__name__, Path(root.__file__).parent):
        page = HERE / "api" / f"{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, "utf-8")

project = "Did that network have to be trained?"
author = "the authors of handcrafted"
release = metadata.version("handcrafted")

extensions = ["myst_nb", "sphinx.ext.autodoc"]
nb_execution_mode = "off"  # notebooks are shown with the outputs they were committed with
html_theme = "furo"
html_title = "handcrafted"
html_show_copyright = False
html_static_path = html_css_files = ["pages.css"]
html_use_index = html_domain_indices = False  # a search finds names sooner
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath", "colon_fence"]
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
highlight_language = "none"  # indented blocks are formulas and commands as often as Python
autodoc_typehints = "signature"
autodoc_preserve_defaults = True


def as_it_stands(
    app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Turn a docstring into reStructuredText that shows it as it stands.

    Docstrings here are plain text: `name` is code, an indented block is a formula or code, and
    *, | and _ are what they are, not markup.
    """
    blocks = []
    for block in re.split(r"\n(?:[ \t]*\n)+", "\n".join(lines).strip("\n")):
        if block.startswith((" " * 4, ">>> ")):
            blocks.append("::\n\n" + indent(block, " " * 4 * block.startswith(">")))
            continue
        pieces = re.split(r"`([^`]+)`", block)
        pieces[::2] = [re.sub(r"([\\*|_])", r"\\\1", text) for text in pieces[::2]]
        pieces[1::2] = [f"``{' '.join(code.split())}``" for code in pieces[1::2]]
        # A letter right after code would not end it.
        pieces[2::2] = [re.sub(r"^(?=\w)", r"\\ ", text) for text in pieces[2::2]]
        blocks.append("".join(pieces))
    lines[:] = [*"\n\n".join(blocks).split("\n"), ""]


def write_formula(translator: Any, node: Any) -> None:
    """Write a formula as MathML, which browsers draw by themselves."""
    block = isinstance(node, nodes.math_block)
    translator.body.append(tex2mathml(node.astext(), as_block=block))
    raise nodes.SkipNode


WHOLE = r"((?:(?=\S*\d)|(?=\S{1,12}(?!\S)))\S*\w-\w\S*|[\d.]+ %)"
"""A number or a short name with a hyphen, and a percentage."""


def keep_whole(app: Any, page: nodes.document) -> None:
    """Let no line in a table end within a number or a short name."""
    for cell in page.findall(nodes.entry):
        for text in list(cell.findall(nodes.Text)):
            if isinstance(text.parent, nodes.paragraph):
                parts: list[nodes.Node] = [nodes.Text(part) for part in re.split(WHOLE, text)]
                parts[1::2] = [
                    nodes.inline("", "", part, classes=["whole"]) for part in parts[1::2]
                ]
                text.parent.replace(text, parts)


def setup(app: Any) -> None:
    """Register the hooks."""
    app.connect("doctree-read", keep_whole)
    app.connect("autodoc-process-docstring", as_it_stands)
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
