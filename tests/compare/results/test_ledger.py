"""What runs took and cost: what is not known stays so in every sum, and is never 0."""

import math

import numpy as np
import pytest

from compare.errors import UsageError
from compare.results.ledger import UNKNOWN, Ledger, as_columns, cost, of_record, read_prices, total

ON_GPU = Ledger(7200.0, 3600.0, 10, 3.6e6, 7.2e6)
ON_CORES = Ledger(7200.0, 0.0, 10, 3.6e6, 0.0)


def test_sums_keep_what_is_not_known():
    assert total([]) == Ledger()
    assert total([ON_GPU, ON_CORES]) == Ledger(14400.0, 3600.0, 20, 7.2e6, 7.2e6)
    assert total([ON_GPU, UNKNOWN, ON_CORES]) == UNKNOWN
    assert total([ON_GPU, Ledger(multiply_adds=None)]) == Ledger(7200.0, 3600.0, None, 3.6e6, 7.2e6)


def test_nothing_is_known_of_a_record_without_a_ledger():
    assert of_record({}) == UNKNOWN
    stored = {name: 1 for name in Ledger.__dataclass_fields__}
    assert of_record({"ledger": stored}) == Ledger(1, 1, 1, 1, 1)


def test_columns_do_not_take_the_name_of_those_of_one_sample():
    assert as_columns(ON_CORES) == {
        "processor_seconds": 7200.0, "gpu_seconds": 0.0, "total_multiply_adds": 10,
        "processor_joules": 3.6e6, "gpu_joules": 0.0,
    }  # fmt: skip


COSTS = [
    (ON_GPU, {"gpu": 2.5}, 2.5),
    (ON_GPU, {"gpu": 2.5, "core": 100.0}, 2.5),
    (ON_GPU, {"gpu": 2.5, "kwh": 0.3}, 2.5 + 3 * 0.3),
    (ON_GPU, {"kwh": 0.3}, 3 * 0.3),
    (ON_CORES, {"core": 0.05}, 0.1),
    (ON_CORES, {"core": 0.05, "gpu": 2.5}, 0.1),
    (ON_CORES, {"core": 0.0}, 0.0),
    # What was used has no price, or nobody knows how much it was.
    (ON_GPU, {"core": 0.05}, None),
    (ON_CORES, {"gpu": 2.5}, None),
    (ON_CORES, {}, None),
    (UNKNOWN, {"gpu": 2.5}, None),
    (UNKNOWN, {"kwh": 2.5}, None),
    (Ledger(None, 0.0, 1, 1.0, 0.0), {"core": 1.0}, None),
    (Ledger(1.0, 1.0, 1, None, 1.0), {"gpu": 1.0, "kwh": 1.0}, None),
    (Ledger(None, 3600.0, 1, None, None), {"gpu": 2.0}, 2.0),
]


@pytest.mark.parametrize(("ledger", "prices", "expected"), COSTS)
def test_what_it_costs(ledger, prices, expected):
    found = cost(ledger, prices)
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-12))


def test_prices_are_read():
    assert read_prices("--price", None) == {}
    assert read_prices("--price", "gpu=2.50, kwh = .3,core=0") == {
        "gpu": 2.5,
        "kwh": 0.3,
        "core": 0,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2.5", "--price is '2.5'; give NAME=NUMBER"),
        ("gpu", "give NAME=NUMBER"),
        ("tpu=3", "with a name of: gpu"),
        ("gpu=", "for gpu, give a number 0 or more"),
        ("gpu=free", "for gpu, give a number 0 or more"),
        ("gpu=-1", "for gpu, give a number 0 or more"),
        ("gpu=inf", "for gpu, give a number 0 or more"),
        ("gpu=nan", "for gpu, give a number 0 or more"),
        ("gpu=1,gpu=2", "two prices of gpu; give one"),
        ("gpu=1,", "give NAME=NUMBER"),
    ],
)
def test_what_is_no_price_is_refused(text, message):
    with pytest.raises(UsageError, match="--price is") as caught:
        read_prices("--price", text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_has_what_is_known_and_not_a_number_for_the_rest():
    from compare.results.table import group, tidy

    def record(seed, **ledger):
        return {"arguments": {"seed": seed, "solver": "conv"}, "status": "finished", **ledger}

    stored = {**ON_CORES.__dict__, "multiply_adds": None}
    found = {"one": record(0, ledger=stored), "two": record(1)}
    table = tidy(found, {"core": 0.05})
    assert table["processor_seconds"].tolist()[0] == 7200
    assert math.isnan(table["processor_seconds"][1])
    assert np.isnan(table["total_multiply_adds"]).all()
    assert table["cost"][0] == pytest.approx(0.1)
    assert math.isnan(table["cost"][1])
    assert "cost" not in tidy(found).dtype.names
    assert group(table, ["solver"])["cost"] == pytest.approx(0.1)
