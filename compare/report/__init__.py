"""The report: runs on disk to tables, figures and one page."""

__all__ = [
    "answers",
    "commands",
    "fragment",
    "generated",
    "page",
    "plots",
    "sections",
    "tables",
    "text",
]
