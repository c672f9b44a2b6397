"""Documents say what there is: every command and option, and every module's tests."""

import argparse
import re
import runpy
from pathlib import Path

import pytest

import compare
from compare.cli import COMMANDS

SOURCES = Path(compare.__file__).parent.parent
"""Of the packages under test: the checkout's, or installed ones."""

DOCS = runpy.run_path("docs/command_line.py")
PARSERS = dict(DOCS["commands"]())


def test_the_reference_is_the_parsers_own(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    above, _, below = Path("docs/command-line.md").read_text().partition(DOCS["MARK"])
    assert below == DOCS["reference"](), "run: python docs/command_line.py"
    assert PARSERS.keys() == COMMANDS.keys()
    for name in COMMANDS:
        assert f"`compare {name}" in above, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_its_help(name):
    assert PARSERS[name].description
    for action in PARSERS[name]._actions:
        assert action.help, action.dest
        assert action.help != argparse.SUPPRESS


def test_every_module_has_a_test_file_of_its_name():
    missing = []
    for package in ("handcrafted", "compare"):
        for source in sorted((SOURCES / package).rglob("*.py")):
            path = source.relative_to(SOURCES)
            mirrored = Path("tests") / path.parent / f"test_{path.name}"
            if not (path.stem.startswith("__") or str(path) in ELSEWHERE or mirrored.exists()):
                missing.append(str(path))
    assert missing == []


def test_no_module_that_has_a_test_file_is_said_to_have_none():
    for path in map(Path, ELSEWHERE):
        assert (SOURCES / path).exists()
        assert not (Path("tests") / path.parent / f"test_{path.name}").exists()


ELSEWHERE = {
    "compare/solvers/base.py": "protocols and data, without code",
    **dict.fromkeys(
        (
            *("handcrafted/proofs/cases.py", "handcrafted/proofs/claims.py"),
            *("handcrafted/proofs/lemmas.py", "handcrafted/proofs/symbolic.py"),
            "handcrafted/proofs/two_object_lemmas.py",
            "handcrafted/proofs/scene_generator_lemmas.py",
        ),
        "tests/proofs",
    ),
}
"""Modules without a test file of their name, and where they are tested or why they are not."""


PAGES = sorted(Path("docs").rglob("*.md"))
WORDS_A_MINUTE = 220


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_picture_says_what_it_shows(page):
    text = page.read_text(encoding="utf-8")
    assert "![](" not in text
    pictures = re.findall(r"```\{(?:image|figure)\}.*?```", text, flags=re.DOTALL)
    assert all(re.search(r"^:alt: \S", picture, flags=re.MULTILINE) for picture in pictures)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_takes_more_than_ten_minutes_to_read(page):
    """Sentences alone: of tables, commands and what they print one looks up what one needs."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "    "))]
    assert len(" ".join(lines).split()) < 10 * WORDS_A_MINUTE
