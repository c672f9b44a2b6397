"""What runs took: seconds of processors and GPUs, multiply-adds, energy, and what that costs.

What is not known is None, in every sum too, and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

from compare.errors import UsageError
from compare.files import Record
from compare.learned.recipe import not_negative

__all__ = [
    "COLUMNS",
    "FILE",
    "TAKEN",
    "UNITS",
    "UNKNOWN",
    "Ledger",
    "Prices",
    "as_columns",
    "cost",
    "of_record",
    "read_prices",
    "total",
]

FILE = "ledger.json"
"""In a run's directory, as long as the run is not finished: what its attempts took so far."""


@dataclass(frozen=True)
class Ledger:
    """What a run took, training, evaluation and timing together, or several runs did."""

    processor_seconds: float | None = 0.0
    """Of all cores and processes, those that read pictures too."""
    gpu_seconds: float | None = 0.0
    """GPUs or TPUs, times the seconds for which the run had them."""
    multiply_adds: float | None = 0
    """Of training and evaluating, computed densely; a backward pass counts as two forward."""
    processor_joules: float | None = 0.0
    """Of the machines' processors and memory meanwhile, whatever else they did (RAPL)."""
    gpu_joules: float | None = 0.0
    """Of the run's GPUs meanwhile (NVML)."""

    def __add__(self, other: Ledger) -> Ledger:
        """Sum both; what is not known of one is not known of the sum."""
        pairs = {
            each.name: (getattr(self, each.name), getattr(other, each.name))
            for each in fields(Ledger)
        }
        return Ledger(**{k: None if None in (a, b) else a + b for k, (a, b) in pairs.items()})


UNKNOWN = Ledger(None, None, None, None, None)

COLUMNS = {"multiply_adds": "total_multiply_adds"}
"""Columns of tables that are not called as the field is."""


TAKEN = ("cost", *(COLUMNS.get(each.name, each.name) for each in fields(Ledger)))
"""The columns of tables that say what runs took; where they have nothing, it is not known."""


def of_record(record: Record) -> Ledger:
    """Return what a run took; nothing is known of one that was stored without."""
    stored = record.get("ledger")
    return UNKNOWN if stored is None else Ledger(**stored)


def total(ledgers: Iterable[Ledger]) -> Ledger:
    """Sum ledgers."""
    return sum(ledgers, Ledger())


def as_columns(ledger: Ledger) -> dict[str, float | None]:
    """Return a ledger under the names that tables have; NumPy has no whole numbers so large."""
    return {
        COLUMNS.get(name, name): None if value is None else float(value)
        for name, value in asdict(ledger).items()
    }


# --- Cost -----------------------------------------------------------------------------------

UNITS = {
    "gpu": "an hour of one GPU, with the machine around it",
    "core": "an hour of one processor core, of runs without a GPU",
    "kwh": "a kilowatt-hour",
}
"""What a price can be of."""

Prices = Mapping[str, float]
"""By the names of `UNITS`, those that are known, all in one currency."""


def read_prices(what: str, text: str | None) -> dict[str, float]:
    """Read prices such as "gpu=2.50,kwh=0.30"; `UsageError` names `what` otherwise."""
    prices: dict[str, float] = {}
    for pair in text.split(",") if text is not None else []:
        name, sign, number = (part.strip() for part in pair.partition("="))
        if name not in UNITS or not sign:
            raise UsageError(
                f"{what} is '{text:.40}'; give NAME=NUMBER, comma-separated, with a name of: "
                + ", ".join(f"{name} ({unit})" for name, unit in UNITS.items())
            )
        if name in prices:
            raise UsageError(f"{what} is '{text:.40}', which has two prices of {name}; give one")
        try:
            prices[name] = not_negative(number)
        except ValueError as error:
            raise UsageError(f"{what} is '{text:.40}'; for {name}, {error}") from error
    return prices


def cost(ledger: Ledger, prices: Prices) -> float | None:
    """Return what was spent, in the currency of the prices; None where that is not known.

    A run that had GPUs costs their hours, another one the hours of its cores; what is paid for
    energy comes on top. With a price of energy alone, only that is counted.
    """
    spent = 0.0
    if "gpu" in prices or "core" in prices:
        if ledger.gpu_seconds is None:
            return None
        name, seconds = (
            ("gpu", ledger.gpu_seconds)
            if ledger.gpu_seconds
            else ("core", ledger.processor_seconds)
        )
        if name not in prices or seconds is None:
            return None
        spent += prices[name] * seconds / 3600
    if "kwh" in prices:
        if ledger.processor_joules is None or ledger.gpu_joules is None:
            return None
        spent += prices["kwh"] * (ledger.processor_joules + ledger.gpu_joules) / 3.6e6
    return spent if prices else None
