import pytest

from compare.tables import _number, _percent, _spread, columns, comparison


def test_columns_align():
    table = columns([("name", "n"), ("a", "1"), ("bbbbbb", "22")])
    assert table == "name     n\n------  --\na        1\nbbbbbb  22"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"), (1, "100 %"), (0.5, "50 %"), (1 / 768, "0.13 %"), (767 / 768, "99.9 %"),
        (0.9999, "99.990 %"), (0.0001, "0.010 %"), (1 - 1e-9, "99.999 %"), (1e-9, "0.001 %"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_to_all_or_nothing(share, text):
    assert _percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1e-7, "1e-07"), (0.004, "4e-03"), (0.5, "0.50"), (9.994, "9.99"), (27.04, "27.0"),
     (123.4, "123"), (12345, "12,345"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers_keep_three_figures_and_their_sign_of_life(value, text):
    assert _number(value) == text


def test_a_spread_of_one_value_is_that_value():
    assert _spread({"median": 2.0, "min": 2.0, "max": 2.0}) == "2.00"
    assert _spread({"median": 2.0, "min": 1.0, "max": 3.5}) == "2.00 (1.00..3.50)"


def test_the_widest_rows_fit_80_columns():
    spread = {"median": 45.612, "min": 31.411, "max": 71.999}
    share = {"median": 0.99999, "min": 0.1, "max": 1.0}
    row = {
        "split": "quadrant", "solver": "handcrafted", "held_out": 729, "seeds": list(range(100)),
        "test": {"exact": share, "rounded": share, "mean_error": spread, "worst_error": spread},
        "within_half_pixel": 0.37, "diverged": 2,
        "cost": {"parameters": 10_072_850, "multiply_adds": 3_837_064_000},
        "train_seconds": spread, "predict_microseconds": {"median": 123456.7},
    }  # fmt: skip
    text = comparison([row], "heading")
    assert max(map(len, text.splitlines())) <= 80
    assert "37/100" in text
    assert "2 runs diverged" in text
