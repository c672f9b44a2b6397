"""Names and numbers as users give them: what is just allowed and what is just not."""

import numpy as np
import pytest

from compare.backends import base
from compare.errors import UsageError
from compare.experiments.values import (
    MOST_SEEDS,
    count,
    duration,
    names,
    pixels,
    read,
    seeds_of,
    text_of,
)
from compare.learned.recipe import LARGEST, not_negative, positive


def number(what, text, above):
    return read(what, text, positive if above else not_negative)


KNOWN = ("uniform", "quadrant", "all")


def refusal(read, *arguments):
    """Return the one line with which a value is refused."""
    with pytest.raises(UsageError) as refused:
        read(*arguments)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_the_limits_themselves():
    assert LARGEST == 9_223_372_036_854_775_807  # the largest int64
    assert MOST_SEEDS == 100_000


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("7", 7), (" 42\n", 42), ("007", 7), ("9223372036854775807", 2**63 - 1)],
)
def test_counts(text, value):
    assert count("--epochs", text) == value


@pytest.mark.parametrize(
    "text", ["0", "000", "", " ", "-1", "+1", "1.0", "1e3", "1_000", "1 000", "0x10", "²", "ten"]
)
def test_what_is_no_count(text):
    message = f"--epochs is '{text}'; give a whole number, 1 or more"
    assert refusal(count, "--epochs", text) == message


def test_a_count_up_to_a_limit():
    assert count("--seeds", "5", 5) == 5
    assert refusal(count, "--seeds", "6", 5) == "--seeds is '6'; give a whole number up to 5"
    assert count("--seeds", "1", 1) == 1


def test_a_count_beyond_what_a_table_holds():
    expected = "--batch is '9223372036854775808'; give a whole number up to 9223372036854775807"
    assert refusal(count, "--batch", "9223372036854775808") == expected


@pytest.mark.parametrize("digits", [99, 100, 101, 5000])
def test_a_count_of_very_many_digits_is_refused_and_shortened(digits):
    text = "9" * digits
    expected = f"--batch is '{'9' * 40}'; give a whole number up to {LARGEST}"
    assert refusal(count, "--batch", text) == expected


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("0.25", 0.25), (" 1e-3 ", 0.001), ("5e-324", 5e-324), ("1.7e308", 1.7e308)],
)
def test_numbers_above_0(text, value, above):
    assert number("--l2", text, above) == value


@pytest.mark.parametrize("text", ["0", "0.0", "-0", "1e-400"])
def test_0_is_a_number_unless_it_has_to_be_above(text):
    assert number("--l2", text, False) == 0
    message = f"--learning-rate is '{text}'; give a number above 0"
    assert refusal(number, "--learning-rate", text, True) == message


@pytest.mark.parametrize("text", ["-5e-324", "-1", "nan", "inf", "-inf", "1e400", "", "one", "1,5"])
def test_what_is_no_number(text):
    expected = f"--l2 is '{text}'; give a number"
    assert refusal(number, "--l2", text, False) == f"{expected} 0 or more"
    assert refusal(number, "--l2", text, True) == f"{expected} above 0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, KNOWN),
        ("quadrant", ("quadrant",)),
        ("all,uniform", ("all", "uniform")),
        (" all ,\tuniform", ("all", "uniform")),
        ("all,uniform,all,all", ("all", "uniform")),
    ],
)
def test_names_are_kept_in_order_and_once_each(text, expected):
    assert names("split", text, KNOWN) == expected


@pytest.mark.parametrize(
    ("text", "wrong"), [("half", "half"), ("all,half", "half"), ("all,,uniform", ""), ("", "")]
)
def test_a_name_that_is_not_known_is_refused(text, wrong):
    expected = f"unknown split '{wrong}'; choose from: uniform, quadrant, all"
    assert refusal(names, "split", text, KNOWN) == expected


@pytest.mark.parametrize(
    ("text", "size"),
    [("64", (64, 64)), ("48x64", (48, 64)), ("64X48", (64, 48)), (" 9 ", (9, 9)), ("0", (0, 0))],
)
def test_pixels_are_height_by_width(text, size):
    assert pixels("--size", text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "x64", "64x", "1x2x3", "64xx64", "-64", "6.4", "64 x 48", "64*48", "big"]
)
def test_what_is_no_size(text):
    expected = f"--size is '{text}'; give pixels as N or as HEIGHTxWIDTH, such as 64"
    assert refusal(pixels, "--size", text) == expected


def test_a_canvas_may_take_all_memory_but_no_more(monkeypatch):
    # What the positions of 3 x 5 pixels take, each 64 bytes.
    monkeypatch.setattr(base, "host_memory", lambda: 960)
    assert pixels("--size", "3x5") == (3, 5)
    monkeypatch.setattr(base, "host_memory", lambda: 959)
    refusal(pixels, "--size", "3x5")


def test_a_canvas_beyond_memory_is_refused_in_gigabytes(monkeypatch):
    monkeypatch.setattr(base, "host_memory", lambda: 4 * 10**21)
    # 64 bytes for each of 10^21 pixels.
    size = "100000000000x10000000000"
    assert refusal(pixels, "--size", size) == (
        f"--size is '{size}', which takes at least 64,000,000,000,000 GB of memory, and "
        "4,000,000,000,000 GB are free: give a smaller canvas"
    )
    assert refusal(pixels, "--size", "9" * 50).startswith(f"--size is '{'9' * 40}', which takes")


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (3, "3"), (0.1, "0.1"), (np.float64(0.1), "0.1"), (np.int64(3), "3")],
)
def test_numbers_and_texts_become_texts(value, text):
    assert text_of("l2", value) == text


@pytest.mark.parametrize("value", [None, True, np.bool_(True), [1], b"x", 1j])
def test_what_is_neither_a_number_nor_a_text(value):
    assert refusal(text_of, "l2", value).startswith(f"l2 is {value!r}; give a number or a text")


@pytest.mark.parametrize(
    ("value", "seeds"),
    [(1, (0,)), (3, (0, 1, 2)), ([5, 2, 5], (5, 2)), (range(2, 4), (2, 3)), ((np.int64(1),), (1,)),
     ([LARGEST], (LARGEST,))],
)  # fmt: skip
def test_seeds_are_how_many_or_which(value, seeds):
    found = seeds_of("seeds", value)
    assert found == seeds
    assert all(type(seed) is int for seed in found)


@pytest.mark.parametrize(
    "value", [0, -1, MOST_SEEDS + 1, True, 1.0, "3", None, [], [-1], [True], [1.5], [LARGEST + 1]]
)
def test_what_are_no_seeds(value):
    assert refusal(seeds_of, "seeds", value).startswith(f"seeds is {value!r}; give how many, 1 to")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"),
     (172_799, "48 h"), (172_800, "2 days")],
)  # fmt: skip
def test_durations_in_the_unit_that_suits(seconds, text):
    assert duration(seconds) == text
