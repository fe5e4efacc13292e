"""The gates as values: every expectation lets sound tables pass and stops what it is there for."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

import expectations
from orchestration import checks, feeds
from orchestration.checks import StagedDay

AS_OF = date(2017, 3, 6)
PUBLISHED = {"customers": 1_000, "customer_records": 1_500, "purchases": 2_000}


class Bad(NamedTuple):
    """A change that spoils a table, who must notice, and what must be said."""

    statement: str
    expected: str
    found: str


TABLES = {
    "staging.stg_pos__receipts": """
        select 'r' || i as receipt_id, case when i % 2 = 0 then 'm' || i end as member_id,
            timestamp '2017-03-01 10:00:00' as sold_at, date '2017-03-06' as _load_date
        from range(200) as numbers (i)
    """,
    "staging.stg_pos__receipt_lines": """
        select 'r' || i // 3 as receipt_id, i % 3 as line_number, date '2017-03-06' as _load_date
        from range(600) as numbers (i)
    """,
    "identity.customer_records": """
        select 'c' || i % 1000 as customer_id, 'k' || i as source_record_id,
            cast(null as timestamp) as valid_to
        from range(1500) as numbers (i)
    """,
    "customers.customers": """
        select 'c' || i as customer_id, timestamp '2016-01-01' as first_seen_at,
            timestamp '2017-03-07 04:00:00' as last_seen_at, 'US' as country,
            cast(null as varchar) as region, '12' as postcode_area
        from range(1000) as numbers (i)
    """,
    "customers.purchases": """
        select 'p' || i as purchase_id, 'c' || i % 1000 as customer_id,
            date '2017-03-06' - cast(i % 10 as integer) as purchase_date,
            cast(20 as decimal(18, 2)) as gross_amount,
            cast(2 as decimal(18, 2)) as discount_amount,
            cast(18 as decimal(18, 2)) as net_amount
        from range(2000) as numbers (i)
    """,
    "traits.customer_segments": """
        select 'c' || i as customer_id, 's' || i % 10 as rfm_segment
        from range(1000) as numbers (i)
    """,
    "kpis.kpi_values": """
        select * from (values
            ('nps', 'month', date '2017-02-01', 'all', 'all', -20.0, -30.0, -10.0, 50, 'points'),
            ('nps', 'day', date '2017-02-01', 'all', 'all', 100.0, 20.0, 98.5, 1, 'points'),
            ('acquired_to_lost_pct', 'month', date '2017-02-01', 'all', 'all',
                250.0, null, null, 9, 'pct'),
            ('termination_rate_pct', 'month', date '2017-02-01', 'all', 'all',
                null, null, null, 0, 'pct'),
            ('satisfied_pct', 'month', date '2017-02-01', 'all', 'all',
                100.0, 80.0, 100.0, 20, 'pct')
        ) as cells (kpi, period_grain, period_start, segment_type, segment,
            value, low, high, n, unit)
    """,
    "kpis.kpi_retention": """
        select * from (values
            (date '2016-12-01', 0, 100.0, 90), (date '2016-12-01', 1, 40.0, 60),
            (date '2016-12-01', 2, 45.0, 60), (date '2017-01-01', 0, 100.0, 95),
            (date '2017-01-01', 1, null, null)
        ) as cells (cohort_month, months_since, retention_pct, returned_or_later_count)
    """,
}

BAD = {
    "staging.stg_pos__receipts": [
        Bad(
            "update {t} set sold_at = '1980-01-01' where receipt_id = 'r7'",
            "error: no receipt was sold before 2000-01-01",
            "broken by 1 of 200 rows, for example receipt_id r7.",
        ),
        Bad(
            "update {t} set member_id = null",
            "warn: at most 98% of receipts show no loyalty card",
            "found 1.",
        ),
        Bad(
            "update {t} set receipt_id = 'x' || receipt_id where receipt_id < 'r3'",
            "error: of each of the last 7 load dates at least 90% of the receipts have their lines",
            "found 0.",
        ),
    ],
    "staging.stg_pos__receipt_lines": [
        Bad(
            "update {t} set receipt_id = 'x' || receipt_id",
            "error: of each of the last 7 load dates at least 90% of the lines have their receipt",
            "found 0 (_load_date 2017-03-06).",
        ),
        Bad(
            "update {t} set receipt_id = 'r1'",
            "error: receipts have at most 100 lines on average",
            "found 600.",
        ),
    ],
    "identity.customer_records": [
        Bad(
            "update {t} set customer_id = 'c7' where source_record_id < 'k15'",
            "error: no customer holds more than 50 records",
            "found 558 (customer_id c7).",
        ),
        Bad(
            "insert into {t} select 'c' || i % 30, 'x' || i, null from range(300) as numbers (i)",
            "warn: at most 2% of customers hold 10 records or more",
            "found 0.03.",
        ),
        Bad(
            "update {t} set customer_id = 'c' || cast(substr(source_record_id, 2) as integer) % 50",
            "error: at most 90% of records merge into another's customer",
            "found 0.9667.",
        ),
        Bad(
            "update {t} set customer_id = source_record_id",
            "error: the share of records that merge into another's customer lies within 0.1 of "
            "the 0.333 published last",
            "found 0.",
        ),
    ],
    "customers.customers": [
        Bad(
            "update {t} set first_seen_at = '2018-01-01' where customer_id = 'c7'",
            "error: nobody is last seen before being first seen",
            "broken by 1 of 1,000 rows, for example customer_id c7.",
        ),
        Bad(
            "update {t} set last_seen_at = '2017-03-08' where customer_id = 'c7'",
            "error: nobody is seen after 2017-03-06",
            "broken by 1 of 1,000 rows, for example customer_id c7.",
        ),
        Bad(
            "update {t} set country = null where customer_id <> 'c7'",
            "warn: at most 50% of customers lack country, if any have it",
            "found 0.999.",
        ),
        Bad(
            "update {t} set region = 'NY' where customer_id = 'c7'",
            "warn: at most 80% of customers lack region, if any have it",
            "found 0.999.",
        ),
        Bad(
            "update {t} set postcode_area = null where customer_id <> 'c7'",
            "warn: at most 80% of customers lack postcode_area, if any have it",
            "found 0.999.",
        ),
        Bad(
            "delete from {t} where customer_id >= 'c7'",
            "error: there are at least 800 rows, 80% of the 1,000 published last",
            "found 667.",
        ),
    ],
    "customers.purchases": [
        Bad(
            "update {t} set purchase_date = '2017-03-07' where purchase_id = 'p7'",
            "error: no purchase lies after 2017-03-06",
            "broken by 1 of 2,000 rows, for example purchase_id p7, purchase_date 2017-03-07.",
        ),
        Bad(
            "update {t} set net_amount = 200000 where purchase_id = 'p7'",
            "warn: net_amount lies between -10,000 and 100,000",
            "broken by 1 of 2,000 rows, for example purchase_id p7, purchase_date 2017-02-27.",
        ),
        Bad(
            "update {t} set net_amount = 9000",
            "error: the mean net_amount lies between 0 and 5,000",
            "found 9,000.",
        ),
        Bad(
            "update {t} set net_amount = 100 * net_amount where purchase_date = '2017-03-06'",
            "error: the mean net_amount of each of the last 7 days is 0.1 to 10 times the median "
            "of the 28 days before it",
            "found 100 (purchase_date 2017-03-06).",
        ),
        Bad(
            "update {t} set discount_amount = -1",
            "error: discounts take 0 to 90% of gross_amount",
            "found -0.05.",
        ),
        Bad(
            "update {t} set customer_id = null where purchase_id <> 'p7'",
            "warn: at most 90% of purchases have no customer",
            "broken by 1,999 of 2,000 rows, for example purchase_id p0, purchase_date 2017-03-06; ",
        ),
        Bad(
            "delete from {t} where purchase_id >= 'p8'",
            "error: there are at least 1,900 rows, 95% of the 2,000 published last",
            "found 1,778.",
        ),
    ],
    "traits.customer_segments": [
        Bad(
            "update {t} set rfm_segment = 's1'",
            "warn: no rfm_segment holds more than 80% of customers",
            "found 1.",
        ),
        Bad(
            "update {t} set rfm_segment = 'champions' where rfm_segment < 's4'",
            "warn: at most 30% of customers are champions",
            "found 0.4.",
        ),
    ],
    "kpis.kpi_values": [
        Bad(
            "update {t} set n = -1 where kpi = 'satisfied_pct'",
            "error: n is zero or more",
            "broken by 1 of 5 rows, for example kpi satisfied_pct, period_grain month, "
            "period_start 2017-02-01, segment_type all, segment all.",
        ),
        Bad(
            "update {t} set low = 0 where n = 50",
            "error: value lies between low and high",
            "broken by 1 of 5 rows, for example kpi nps, period_grain month, ",
        ),
        Bad(
            "update {t} set value = 101, high = 102 where kpi = 'satisfied_pct'",
            "error: a value whose unit is pct lies between 0 and 100",
            "broken by 1 of 5 rows, for example kpi satisfied_pct, ",
        ),
    ],
    "kpis.kpi_retention": [
        Bad(
            "update {t} set retention_pct = 120 where months_since = 1",
            "error: retention_pct lies between 0 and 100",
            "broken by 2 of 5 rows, for example cohort_month 2016-12-01, months_since 1; ",
        ),
        Bad(
            "update {t} set returned_or_later_count = 61 where months_since = 2",
            "error: returned_or_later_count never grows with months_since",
            "broken by 1 of 5 rows, for example cohort_month 2016-12-01, months_since 2.",
        ),
    ],
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which every gated table is as it should be."""
    database = tmp_path_factory.mktemp("sound") / "warehouse.duckdb"
    with duckdb.connect(str(database)) as connection:
        for relation, query in TABLES.items():
            connection.execute(f"create schema if not exists {relation.split('.')[0]}")
            connection.execute(f"create table {relation} as {query}")
    return database


def suites(published: dict[str, int] | None = None) -> list[expectations.Suite]:
    """Every station's suites."""
    return [
        suite
        for station in expectations.GATES
        for suite in expectations.suites(station, AS_OF, published)
    ]


def test_every_gate_is_listed_and_every_expectation_has_a_bad_table() -> None:
    listed = [
        f"{station}.{table}" for station, gated in expectations.GATES.items() for table in gated
    ]
    assert [suite.relation for suite in suites()] == listed == list(TABLES)
    spoilt = {
        (relation, bad.expected.split(": ", 1)[1]) for relation, some in BAD.items() for bad in some
    }
    assert spoilt == {
        (suite.relation, expectation.description)
        for suite in suites(PUBLISHED)
        for expectation in suite.expectations
    }


def test_sound_tables_pass(sound: Path) -> None:
    outcomes = checks.run_suites(sound, suites(PUBLISHED))
    assert [failure.sentence for outcome in outcomes for failure in outcome.failures] == []


def test_empty_tables_of_a_tenant_without_the_feed_pass(sound: Path, tmp_path: Path) -> None:
    database = tmp_path / "empty.duckdb"
    shutil.copy(sound, database)
    with duckdb.connect(str(database)) as connection:
        for relation in TABLES:
            connection.execute(f"delete from {relation}")
    outcomes = checks.run_suites(database, suites())
    assert [failure.sentence for outcome in outcomes for failure in outcome.failures] == []


@pytest.mark.parametrize(
    ("relation", "bad"), [(relation, bad) for relation, changes in BAD.items() for bad in changes]
)
def test_each_expectation_finds_what_it_is_there_for(
    sound: Path, tmp_path: Path, relation: str, bad: Bad
) -> None:
    database = tmp_path / "bad.duckdb"
    shutil.copy(sound, database)
    with duckdb.connect(str(database)) as connection:
        connection.execute(bad.statement.format(t=relation))
    (suite,) = (suite for suite in suites(PUBLISHED) if suite.relation == relation)
    (outcome,) = checks.run_suites(database, [suite])
    severity, description = bad.expected.split(": ", 1)
    (failure,) = (
        failure
        for failure in outcome.failures
        if failure.sentence.startswith(f"{relation}: expected that {description}; {bad.found}")
    )
    assert failure.severity == severity


RECEIPTS = "select '{day}-' || i, null, 's', timestamp '{day}' - to_days(" + (
    "case when i < {early} then 4 else 3 end) from range(100) as numbers (i)"
)
LINES = "select '{day}-' || i, i, 'p', {quantity}, {amount} from range(100) as numbers (i)"


@pytest.mark.parametrize(
    ("feed", "good", "bad", "expected"),
    [
        ("pos.receipts", RECEIPTS.replace("{early}", "0"), RECEIPTS.replace("{early}", "10"), None),
        (
            "pos.receipts",
            RECEIPTS.replace("{early}", "0"),
            RECEIPTS.replace("{early}", "11"),
            "error: at least 90% of a load date's receipts were sold from 3 days before it to 2 "
            "after; found 0.89 (_load_date 2017-03-06).",
        ),
        (
            "pos.receipt_lines",
            LINES.replace("{quantity}", "1").replace("{amount}", "5"),
            LINES.replace("{quantity}", "-1").replace("{amount}", "-5"),
            None,
        ),
        (
            "pos.receipt_lines",
            LINES.replace("{quantity}", "1").replace("{amount}", "5"),
            LINES.replace("{quantity}", "1").replace("{amount}", "100001"),
            "warn: sales_amount lies within 100,000 of zero; broken by 100 of 200 rows, for ",
        ),
    ],
)
def test_feeds_ask_for_more_than_their_contract(
    tmp_path: Path, feed: str, good: str, bad: str, expected: str | None
) -> None:
    (contract,) = (known for known in feeds.load() if known.name == feed)
    columns = {
        "pos.receipts": "receipt_id, member_id, store_id, sold_at",
        "pos.receipt_lines": "receipt_id, line_number, product_id, quantity, sales_amount",
    }
    staged = {}
    for day, query in ((AS_OF - timedelta(days=1), good), (AS_OF, bad)):
        path = tmp_path / f"{day}.parquet"
        rows = query.replace("{day}", day.isoformat())
        duckdb.execute(
            f"copy (select *, date '{day}' as _load_date from ({rows}) as staged "
            f"({columns[feed]})) to '{path}' (format parquet)"
        )
        staged[day] = StagedDay(path, row_count=100, refused_count=0)
    report = checks.check_arrivals(contract, staged, {}, AS_OF)
    failures = [failure for outcome in report.outcomes for failure in outcome.failures]
    if expected is None:
        assert not failures
        return
    severity, told = expected.split(": ", 1)
    (failure,) = failures
    assert failure.severity == severity
    assert failure.sentence.startswith(f"{feed}: expected that {told}")
    assert set(report.failed_days) == ({AS_OF} if severity == "error" else set())
