"""The gates as Python values: what must hold before the next station builds on a table.

One module per station holds its suites, with every threshold in a constant at its top. This
module holds their shape and the list of gated tables, and stays light: Great Expectations is
imported by the station modules alone. Keys, references, accepted values and sums are dbt tests
and do not belong here; how suites are run is `orchestration.checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

GATES: Mapping[str, Mapping[str, str]] = {
    "staging": {
        "stg_pos__receipts": (
            "Receipts are dated in this century, some show a loyalty card, and their lines came."
        ),
        "stg_pos__receipt_lines": (
            "Receipts have a believable number of lines, and the lines' receipts came."
        ),
    },
    "identity": {
        "customer_records": (
            "No customer holds more records than a person can have, and few hold many."
        ),
        "int_identity__health": (
            "Against the last publication few records changed their customer, and records do not "
            "merge far more or less, unless somebody has accepted it."
        ),
    },
    "customers": {
        "customers": (
            "Customers are seen in a believable order and not after the run's day, their country "
            "and area are mostly known, and they do not vanish against the last publication."
        ),
        "golden_conflicts": ("The records of one customer mostly agree with each other."),
        "purchases": (
            "Amounts and discounts are believable, no purchase lies after the run's day, enough "
            "purchases have a customer, and none vanish against the last publication."
        ),
    },
    "traits": {
        "customer_segments": "No segment swallows the base, and champions stay a minority.",
        "trait_path_to_purchase": "Of those who look, most have not got as far as a cart.",
        "path_funnel": "Who has filled a cart buys more often than who looks around.",
        "trait_channel_preference": "No channel is the favourite of nearly everybody.",
        "trait_product_preference": "Preferring a value is the exception.",
        "trait_category_shift": "Buying other categories than before is the exception.",
        "trait_seasonality": "No rhythm is that of nearly everybody.",
    },
    "kpis": {
        "kpi_values": "Counts, intervals and percentages are possible.",
        "kpi_retention": "Percentages are possible and cohorts only shrink.",
    },
}
"""The gated tables of each station, and in a sentence what is asked of each."""


@dataclass(frozen=True)
class Suite:
    """What is expected of one table.

    Each expectation's `description` finishes the sentence "expected that ..". An expectation
    that asks with SQL of its own selects the columns of `shown` of every row that breaks it, or
    a column `observed` with a number calculated over many rows; nothing else is ever shown.
    """

    station: str
    table: str
    expectations: tuple[Expectation, ...]
    shown: tuple[str, ...] = ()
    """Columns of a failing row that may be shown: keys, and none that says who someone is."""
    subject: str = ""
    """What people call the table, where that is not `station.table`."""

    @property
    def name(self) -> str:
        """`<station>_<table>`."""
        return f"{self.station}_{self.table}"

    @property
    def relation(self) -> str:
        """The table as SQL names it."""
        return f"{self.station}.{self.table}"

    @property
    def query(self) -> str:
        """All of the table."""
        return f"select * from {self.relation}"


def suites(
    station: str, as_of: date, published: Mapping[str, int] | None = None
) -> tuple[Suite, ...]:
    """The suites of one station for a run's day.

    `published` holds the row count of each mart in the last publication; the comparisons with it
    are left out for a mart it does not name.
    """
    made: tuple[Suite, ...] = import_module(f"expectations.{station}").suites(
        as_of, published or {}
    )
    return made
