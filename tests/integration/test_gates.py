"""A bad day at every gate stops what depends on it, and readers keep the last good publication."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import pytest

from tests.conftest import DAYS_LOADED
from tests.tenant import FIRST_DAY, Tenant, comma_separated, json_lines, receipts_of

NEXT = FIRST_DAY + timedelta(days=DAYS_LOADED)


@dataclass(frozen=True)
class BadDay:
    """What goes wrong on a day, and what the answer must say."""

    spoil: Callable[[Tenant, date], None]
    said: tuple[str, ...]
    not_built: str


def corrupt_file(tenant: Tenant, day: date) -> None:
    path = tenant.file("pos.receipt_lines", day, "lines.csv.gz")
    path.write_bytes(path.read_bytes()[:200])


def a_fifth_of_the_rows_bad(tenant: Tenant, day: date) -> None:
    receipts, _ = receipts_of(day, 2.5)
    for receipt in receipts[::5]:
        receipt["sold_at"] = "half past nine"
    tenant.land("pos.receipts", day, "receipts.csv", comma_separated(receipts))


def a_key_twice(tenant: Tenant, day: date) -> None:
    receipts, _ = receipts_of(day, 2.5)
    tenant.land("pos.receipts", day, "receipts.csv", comma_separated([*receipts, receipts[7]]))


def a_column_missing(tenant: Tenant, day: date) -> None:
    receipts, _ = receipts_of(day, 2.5)
    rows = [{k: v for k, v in receipt.items() if k != "sold_at"} for receipt in receipts]
    tenant.land("pos.receipts", day, "receipts.csv", comma_separated(rows))


def a_feed_missing_for_days(tenant: Tenant, day: date) -> None:
    """The tills fall silent for five days while another feed goes on."""
    for name in ("pos.receipts", "pos.receipt_lines"):
        for file in tenant.file(name, day, "x").parent.iterdir():
            file.unlink()
    last = day + timedelta(days=4)
    product = {"product_id": "p99", "department": "GROCERY", "category": "c", "brand": "b"}
    tenant.land("catalogue.products", last, "products.jsonl", json_lines([product]))


def receipts_missing_today(tenant: Tenant, day: date) -> None:
    """Only the lines came."""
    for file in tenant.file("pos.receipts", day, "x").parent.iterdir():
        file.unlink()


def few_rows(tenant: Tenant, day: date) -> None:
    receipts, lines = receipts_of(day, 2.5)
    tenant.land("pos.receipts", day, "receipts.csv", comma_separated(receipts[:2]))
    tenant.land("pos.receipt_lines", day, "lines.csv.gz", comma_separated(lines[:6]))


def prices_in_cents(tenant: Tenant, day: date) -> None:
    """Every row is fine by itself; the mart they make is not."""
    tenant.land_day(day, amount=250)


def a_campaign_that_ends_before_it_starts(tenant: Tenant, day: date) -> None:
    text = "campaign_id,name,kind,starts_on,ends_on\nc2,Odd,coupon,2024-03-09,2024-03-01\n"
    tenant.land("offers.campaigns", day, "campaigns.csv", text)


BAD_DAYS = {
    "a broken file": BadDay(
        corrupt_file, ("pos.receipt_lines", "lines.csv.gz", "Nothing was loaded"), "staging"
    ),
    "a fifth of the rows bad": BadDay(
        a_fifth_of_the_rows_bad,
        ("pos.receipts", "6 of 30 rows refused", "type:sold_at", "Nothing was loaded"),
        "staging",
    ),
    "a duplicate key": BadDay(a_key_twice, ("pos.receipts", "receipt_id", "twice"), "staging"),
    "a missing column": BadDay(a_column_missing, ("receipts.csv", "sold_at"), "staging"),
    "a missing feed": BadDay(a_feed_missing_for_days, ("pos.receipts", "days old"), "staging"),
    "a feed missing today": BadDay(
        receipts_missing_today,
        ("stg_pos__receipt_lines", "have their receipt", str(NEXT)),
        "identity",
    ),
    "too few rows": BadDay(few_rows, ("pos.receipts", "median"), "staging"),
    "a mart that breaks its suite": BadDay(
        prices_in_cents, ("customers.purchases", "mean net_amount", str(NEXT)), "traits"
    ),
    "a failing dbt test": BadDay(
        a_campaign_that_ends_before_it_starts,
        ("stg_offers__campaigns", "Nothing was published"),
        "identity",
    ),
}


@pytest.mark.parametrize("name", BAD_DAYS)
def test_a_bad_day_stops_at_its_gate(loaded: Tenant, name: str) -> None:
    bad = BAD_DAYS[name]
    loaded.land_day(NEXT)
    bad.spoil(loaded, NEXT)
    good = loaded.marts()
    generation = loaded.database.resolve()
    # a BI tool that has the file open all the time
    with duckdb.connect(str(loaded.database), read_only=True) as reader:
        count = reader.execute("select count(*) from marts.purchases").fetchall()
        outcome = loaded.run()
        assert reader.execute("select count(*) from marts.purchases").fetchall() == count
    assert outcome.code == 1, outcome.text
    errors = [line for line in outcome.text.splitlines() if line.strip().startswith("error:")]
    for words in bad.said:
        assert any(words in line for line in errors), outcome.text
    assert "Traceback" not in outcome.text
    assert "The last good publication stays current" in outcome.text
    (not_built,) = (line for line in outcome.text.splitlines() if line.startswith("  not built"))
    assert bad.not_built in not_built
    assert "published current" in not_built
    assert loaded.database.resolve() == generation
    assert loaded.marts() == good


@pytest.mark.slow  # whole runs of a second home
def test_after_the_fix_the_day_is_as_if_nothing_had_happened(
    loaded: Tenant, new_tenant: Callable[[str], Tenant]
) -> None:
    loaded.land_day(NEXT)
    a_fifth_of_the_rows_bad(loaded, NEXT)
    assert loaded.run().code == 1
    kept = loaded.home / "quarantine" / "pos" / "receipts" / f"{NEXT}.parquet"
    assert duckdb.execute(f"select distinct reason from '{kept}'").fetchall() == [("type:sold_at",)]
    loaded.land_day(NEXT)
    outcome = loaded.run()
    assert outcome.code == 0, outcome.text
    assert not kept.exists()

    undisturbed = new_tenant("undisturbed")
    undisturbed.land_world(DAYS_LOADED + 1)
    assert undisturbed.run().code == 0
    assert loaded.present() == undisturbed.present()


def test_one_bad_day_in_a_backfill_leaves_the_good_days_loaded(tenant: Tenant) -> None:
    tenant.land_world(4)
    bad = FIRST_DAY + timedelta(days=2)
    path = tenant.file("pos.receipts", bad, "receipts.csv")
    path.write_bytes(gzip.compress(b"not what the name says"))
    assert tenant.run().code == 1
    raw = tenant.home / "raw" / "pos" / "receipts"
    assert sorted(file.stem for file in raw.iterdir()) == [
        "2024-03-01",
        "2024-03-02",
        "2024-03-04",
    ]
    assert not (tenant.home / "published" / "current").exists()
