"""Write the reference in docs/command-line.md from the parser: `python docs/command_line.py`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from compare.cli import COMMANDS, make_parser

PAGE = Path(__file__).with_name("command-line.md")
MARK = "## Reference\n"


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command's name and parser."""
    parser = make_parser(COMMANDS)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def reference() -> str:
    """Return the help of every command, 80 columns wide."""
    os.environ["COLUMNS"] = "80"
    os.environ["NO_COLOR"] = "1"
    parts = [f"### compare {name}\n\n```\n{each.format_help()}```\n" for name, each in commands()]
    return "\n" + "\n".join(parts)


if __name__ == "__main__":
    above, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(above + mark + reference(), encoding="utf-8")
