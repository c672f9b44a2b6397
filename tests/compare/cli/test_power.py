"""`compare power`: what it prints, and what it refuses."""

import json

import pytest

from compare.results.power import item_deviation, runs_needed, smallest_difference


def test_the_table_has_the_numbers(compare):
    code, out, err = compare("power", "--items", "597", "--accuracy", "0.9", "--seeds", "5,12")
    assert (code, err) == (0, "")
    deviation = item_deviation(0.9, 597)
    rows = [line.split() for line in out.splitlines() if line.strip().split(" ")[0] in ("5", "12")]
    for row, runs in zip(rows, (5, 12), strict=True):
        assert row[1] == f"{100 * smallest_difference(deviation, runs):.3g}"
    assert f"takes {runs_needed(0.0001, deviation):,}" in out.replace("\n", " ")
    assert max(map(len, out.splitlines())) <= 80


def test_a_deviation_that_was_measured_counts(compare):
    arguments = ("power", "--deviation", "0.01", "--difference", "0.02", "--seeds", "5", "--json")
    _, out, _ = compare(*arguments)
    answer = json.loads(out)
    assert answer["deviation"] == 0.01
    assert answer["runs_needed"] == runs_needed(0.02, 0.01) == 5
    assert answer["rows"][0]["power"] > 0.9


def test_the_table_is_as_wide_as_the_terminal(compare, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = compare("power")
    assert max(map(len, out.splitlines())) <= 60
    assert out.count("runs of each  ") == 2


def test_the_figure_is_drawn(compare, tmp_path):
    code, _, _ = compare("power", "--figure", tmp_path / "power.svg")
    assert code == 0
    assert (tmp_path / "power.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--items", "0"), "--items is '0'; give a whole number, 1 or more"),
        (("--seeds", "5,1"), "--seeds is '1'; give 2 or more"),
        (("--seeds", "5,"), "--seeds is ''; give a whole number"),
        (("--accuracy", "1"), "--accuracy is '1'; give a number"),
        (("--accuracy", "0"), "--accuracy is '0'; give a number above 0 and below 1"),
        (("--difference", "0"), "--difference is '0'; give a number above 0 and below 1"),
        (("--deviation", "nan"), "--deviation is 'nan'; give a number above 0"),
        (("--deviation", "1e-300"), "--difference is '0.0001' and the standard deviation 1e-300;"),
        (("--deviation", "1e308"), "neither is more than 1,000,000,000 times the other"),
        (("--difference", "1e-308"), "--difference is '1e-308' and the standard deviation 0.0027;"),
        (
            ("--accuracy", "1e-300"),
            "--difference is '0.0001' and the standard deviation 6.32e-153;",
        ),
        (("--figure", "x.gif"), "unknown --figure '.gif'"),
    ],
)
def test_what_makes_no_sense_is_refused(compare, arguments, message):
    code, _, err = compare("power", *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


@pytest.mark.parametrize("deviation", ["1e-13", "1e5"])
def test_the_widest_ratios_have_an_answer(compare, deviation):
    code, out, err = compare("power", "--deviation", deviation, "--difference", "1e-4", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    # A tiny deviation leaves two pairs; a huge one shows nothing but the test's own 5 %.
    if deviation == "1e-13":
        assert answer["runs_needed"] == 2
        assert {row["power"] for row in answer["rows"]} == {1.0}
    else:
        assert answer["runs_needed"] > 1e18
        assert {round(row["power"], 6) for row in answer["rows"]} == {0.05}
