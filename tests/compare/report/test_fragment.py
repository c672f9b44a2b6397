"""A comparison as HTML: what the text says, and nothing of it as markup."""

import re
from html import unescape

import pytest

from compare import tasks
from compare.report.fragment import fragment
from compare.report.text import comparison
from compare.results.runs import records
from compare.results.statistics import compare_all, summarise


@pytest.fixture
def found(runs):
    """The records of one task."""
    every, _ = records(runs)
    return [each for each in every.values() if each["arguments"]["task"] == "onehot2coord"]


def test_it_says_what_the_text_says(found):
    header = {"task": "onehot2coord", "size": [16, 16], "backend": "numpy", "device": "cpu",
              "precision": "float32"}  # fmt: skip
    asked = (tasks.load("onehot2coord"), header, summarise(found), compare_all(found))
    words = unescape(re.sub("<[^>]*>", " ", fragment(*asked))).split()
    text = re.sub(r"^- |^[- ]+$", "", comparison(*asked), flags=re.MULTILINE)
    assert words == text.split()


def test_names_are_no_markup(found):
    header = {"task": "<b>", "size": [16, 16], "backend": "numpy", "device": "cpu",
              "precision": "float32"}  # fmt: skip
    html = fragment(tasks.load("onehot2coord"), header, summarise(found), compare_all(found))
    assert "&lt;b&gt; on a 16x16 canvas" in html
    assert "<b>" not in html
