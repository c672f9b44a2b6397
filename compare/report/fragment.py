"""A comparison as HTML, for a notebook's output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compare.report.text import Cells, blocks
from compare.tasks.base import Task

__all__ = ["fragment"]


def fragment(
    task: Task,
    header: Mapping[str, Any],
    summaries: Sequence[Mapping[str, Any]],
    pairs: Mapping[str, Sequence[Mapping[str, Any]]],
) -> str:
    """Return what `compare.report.text.comparison` prints as HTML without colours of its own."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("compare.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = [
        {"title": title, "rows": content.rows, "lines": []}
        if isinstance(content, Cells)
        else {"title": title, "rows": [], "lines": [line for line in content if line]}
        for title, content in blocks(task, header, summaries, pairs)
    ]
    return environment.get_template("fragment.html").render(parts=parts)
