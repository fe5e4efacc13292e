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
ACCEPT = 'if that is meant, accept it: insights accept identity --reason "..."'
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
    "identity.int_identity__health": """
        select 1500 as record_count, 1000 as previous_record_count, 60 as changed_record_count,
            cast(0.04 as double) as churn_share, cast(0.09 as double) as consolidation_shift,
            cast(null as double) as accepted_churn_share,
            cast(null as double) as accepted_consolidation_shift
    """,
    "customers.customers": """
        select 'c' || i as customer_id, timestamp '2016-01-01' as first_seen_at,
            timestamp '2017-03-07 04:00:00' as last_seen_at, 'US' as country,
            cast(null as varchar) as region, '12' as postcode_area
        from range(1000) as numbers (i)
    """,
    "customers.golden_conflicts": """
        select 'email' as attribute, 2000 as compared_count, 25.0 as conflict_pct
        union all select 'gender', 999, 80.0
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
    "traits.trait_path_to_purchase": """
        select
            'c' || i as customer_id,
            case when i % 5 = 0 then 'intent' else 'explore' end as stage
        from range(1000) as numbers (i)
    """,
    "traits.path_funnel": """
        select * from (values
            ('all', 'explore', 900, 20.0), ('all', 'intent', 600, 60.0),
            ('toys', 'explore', 900, 70.0)
        ) as cells (category, stage, path_count, bought_pct)
    """,
    "traits.trait_channel_preference": """
        select
            'c' || i as customer_id,
            case when i % 2 = 0 then 'multi' when i % 3 = 0 then 'app' else 'web' end
                as observed_channel
        from range(1000) as numbers (i)
    """,
    "traits.trait_product_preference": """
        select 'c' || i as customer_id, i % 10 = 0 as is_preferred
        from range(1000) as numbers (i)
    """,
    "traits.trait_category_shift": """
        select 'c' || i as customer_id, i % 2 = 0 as is_judged, i % 20 = 0 as has_shifted
        from range(2000) as numbers (i)
    """,
    "traits.trait_seasonality": """
        select
            'c' || i as customer_id,
            case when i % 3 = 0 then 'unknown' when i % 2 = 0 then 'regular' else 'random' end
                as rhythm
        from range(3000) as numbers (i)
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
    ],
    "identity.int_identity__health": [
        Bad(
            "update {t} set churn_share = 0.06",
            "error: at most 5% of the records that were published last belong to another customer "
            f"now ({ACCEPT})",
            "found 0.06.",
        ),
        Bad(
            "update {t} set churn_share = 0.08, accepted_churn_share = 0.06",
            "error: at most 5% of the records that were published last belong to another customer "
            f"now ({ACCEPT})",
            "found 0.08.",
        ),
        Bad(
            "update {t} set consolidation_shift = 0.2",
            "error: the share of records that merge into another's customer lies within 0.1 of "
            f"that published last ({ACCEPT})",
            "found 0.2.",
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
            "warn: at most 90% of customers lack region, if any have it",
            "found 0.999.",
        ),
        Bad(
            "update {t} set postcode_area = null where customer_id <> 'c7'",
            "warn: at most 80% of customers lack postcode_area, if any have it",
            "found 0.999.",
        ),
        Bad(
            "delete from {t} where customer_id >= 'c7'",
            "error: there are at least 800 rows, 80% of the 1,000 published last "
            f"({ACCEPT.replace('identity', 'customers')})",
            "found 667.",
        ),
    ],
    "customers.golden_conflicts": [
        Bad(
            "update {t} set conflict_pct = 61 where attribute = 'email'",
            "warn: the records of at most 60% of customers disagree on an attribute",
            "broken by 1 of 2 rows, for example attribute email.",
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
            "error: there are at least 1,900 rows, 95% of the 2,000 published last "
            f"({ACCEPT.replace('identity', 'purchases')})",
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
    "traits.trait_path_to_purchase": [
        Bad(
            "update {t} set stage = 'intent' where customer_id > 'c3'",
            "warn: at most 60% of open paths are at intent",
            "found 0.",
        ),
    ],
    "traits.path_funnel": [
        Bad(
            "update {t} set bought_pct = 65 where category = 'all' and stage = 'explore'",
            "warn: who has filled a cart buys more often than who looks around",
            "found 5.",
        ),
    ],
    "traits.trait_channel_preference": [
        Bad(
            "update {t} set observed_channel = 'web' where observed_channel = 'app'",
            "warn: no channel is favoured by more than 90% of those with a favourite",
            "found 1.",
        ),
    ],
    "traits.trait_product_preference": [
        Bad(
            "update {t} set is_preferred = true where customer_id < 'c7'",
            "warn: at most 50% of values are preferred",
            "found 0.",
        ),
    ],
    "traits.trait_category_shift": [
        Bad(
            "update {t} set has_shifted = is_judged",
            "warn: at most 20% buy other categories than before",
            "found 1.",
        ),
    ],
    "traits.trait_seasonality": [
        Bad(
            "update {t} set rhythm = 'regular' where rhythm = 'random'",
            "warn: no rhythm is that of more than 95%",
            "found 1.",
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
TICKET_EVENTS = "select '{day}-' || i, 't', timestamp '{day} 12:00:00' + to_days(" + (
    "case when i < {late} then 3 else 2 end), 'agent', 'note' from range(100) as numbers (i)"
)
SUBSCRIPTIONS = "select '{day}-' || i, 'payment', date '2017-01-02', date '2017-01-02' - " + (
    "case when i < {backwards} then 1 else 0 end from range(100) as numbers (i)"
)
ORDERS = "select '{day}-' || i, timestamp '{day} 12:00:00' + to_days(" + (
    "case when i < {late} then 3 else 2 end), 'paid' from range(100) as numbers (i)"
)


def order_lines(discount: str = "null", price: str = "5") -> str:
    """Two hundred lines, then one of them again and one more."""
    return (
        "select '{day}-' || i // 2, i % 2, 'p', 1, 5.00, 0.00, cast(null as varchar) "
        "from range(199) as numbers (i) "
        f"union all select '{{day}}-1', 1, 'p', 1, 5.00, {discount}, null "
        f"union all select '{{day}}-99', 1, 'p', 1, {price}, 0.00, null"
    )


def refunds(turned: int) -> str:
    """Returns, of which some are written with the other sign."""
    return (
        f"select '{{day}}-' || i, 'o', if(i < {turned}, -5, 5), timestamp '{{day}}' "
        "from range(100) as numbers (i)"
    )


def web_events(late: int, early: int) -> str:
    """Events at the edges of what is believed, some beyond them on either side."""
    return (
        f"select '{{day}}-' || i, timestamp '{{day}} 12:00:00' + to_days(case when i < {late} "
        f"then 3 when i < {late + early} then -31 when i < 50 then -30 else 2 end), 'd', 'home', "
        "'web' from range(100) as numbers (i)"
    )


def messages(lost: int) -> str:
    """Events of messages, half known by subscriber and half by e-mail, some by neither."""
    return (
        f"select '{{day}}-' || i, timestamp '{{day}}', if(i >= {lost} and i < 50, 'n', null), "
        "if(i >= 50, 'a', null), cast(null as varchar), 'email', 'sent' "
        "from range(100) as numbers (i)"
    )


def answers(off: int, count: int = 100, low: str = "null", high: str = "null") -> str:
    """Answers to a CSAT survey, of which some lie off the scale of 1 to 5."""
    return (
        f"select '{{day}}-' || i, 'csat', timestamp '{{day}}', if(i < {off}, 88, 5), "
        f"cast({low} as integer), cast({high} as integer) from range({count}) as numbers (i)"
    )


PEOPLE = {
    "crm.contacts": "contact_id",
    "shop.accounts": "account_id",
    "loyalty.members": "member_id",
    "newsletter.subscribers": "subscriber_id",
}
"""Feeds about people, and their keys."""


def people(off: int = 0, late: int = 0) -> str:
    """Rows about people, some with no address for an address or from days to come."""
    return (
        f"select '{{day}}-' || i, if(i < {off}, 'Ann', 'ann@here'), "
        f"timestamp '{{day}} 12:00:00' + to_days(if(i < {late}, 3, 2)) "
        "from range(100) as numbers (i)"
    )


def decisions(lost: int = 0, backwards: int = 0) -> str:
    """Decisions about consent, some of nobody, some over before they begin."""
    return (
        f"select '{{day}}-' || i, if(i >= {lost} and i < 50, 'm', null), "
        "if(i >= 50, 'ann@here', null), cast(null as varchar), cast(null as varchar), "
        "'marketing', 'email', 'granted', timestamp '{day}', "
        f"timestamp '{{day}}' + to_days(if(i < {backwards}, 0, 1)) from range(100) as numbers (i)"
    )


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
        (
            "helpdesk.ticket_events",
            TICKET_EVENTS.replace("{late}", "0"),
            TICKET_EVENTS.replace("{late}", "10"),
            None,
        ),
        (
            "helpdesk.ticket_events",
            TICKET_EVENTS.replace("{late}", "0"),
            TICKET_EVENTS.replace("{late}", "11"),
            "error: at most 10% of a load date's events happened more than 2 days after it; found "
            "0.11 (_load_date 2017-03-06).",
        ),
        (
            "survey.responses",
            answers(off=0, count=9),
            answers(off=9, count=9),
            None,
        ),
        (
            "survey.responses",
            answers(off=50),
            answers(off=100, low="0", high="100"),
            None,
        ),
        (
            "survey.responses",
            answers(off=50),
            answers(off=51),
            "error: at most 50% of a load date's answers lie off their scale, which without one is "
            "0 to 10 for nps and 1 to 5 for csat; found 0.51 (_load_date 2017-03-06).",
        ),
        (
            "contracts.subscriptions",
            SUBSCRIPTIONS.replace("{backwards}", "0"),
            SUBSCRIPTIONS.replace("{backwards}", "10"),
            None,
        ),
        (
            "contracts.subscriptions",
            SUBSCRIPTIONS.replace("{backwards}", "0"),
            SUBSCRIPTIONS.replace("{backwards}", "11"),
            "error: at most 10% of a load date's subscriptions end before they start; found 0.11 "
            "(_load_date 2017-03-06).",
        ),
        (
            "shop.orders",
            ORDERS.replace("{late}", "0"),
            ORDERS.replace("{late}", "10"),
            None,
        ),
        (
            "shop.orders",
            ORDERS.replace("{late}", "0"),
            ORDERS.replace("{late}", "11"),
            "error: at most 10% of a load date's orders were placed more than 2 days after it; "
            "found 0.11 (_load_date 2017-03-06).",
        ),
        (
            "shop.order_lines",
            order_lines(),
            order_lines(discount="0"),
            None,
        ),
        (
            "shop.order_lines",
            order_lines(),
            order_lines(discount="0.01"),
            "error: a line that comes twice in one load date says the same both times; broken by "
            "1 of 402 rows, for example order_id 2017-03-06-1, line_number 1, "
            "_load_date 2017-03-06.",
        ),
        (
            "shop.order_lines",
            order_lines(),
            order_lines(price="100001"),
            "warn: quantity times unit_price lies within 100,000 of zero; broken by 1 of 402 rows",
        ),
        ("shop.returns", refunds(turned=0), refunds(turned=100), None),
        (
            "shop.returns",
            refunds(turned=0),
            refunds(turned=1),
            "warn: refunds of a load date are all above or all below zero; found 1 "
            "(_load_date 2017-03-06).",
        ),
        *[
            case
            for feed in PEOPLE
            for case in (
                (feed, people(), people(off=10, late=10), None),
                (
                    feed,
                    people(),
                    people(off=11),
                    "error: at most 10% of a load date's rows have an e-mail address without an @; "
                    "found 0.11 (_load_date 2017-03-06).",
                ),
                (
                    feed,
                    people(),
                    people(late=11),
                    "error: at most 10% of a load date's rows changed more than 2 days after it; "
                    "found 0.11 (_load_date 2017-03-06).",
                ),
            )
        ],
        ("consent.events", decisions(), decisions(lost=10, backwards=10), None),
        (
            "consent.events",
            decisions(),
            decisions(lost=11),
            "error: at most 10% of a load date's decisions do not say whose they are; found 0.11 "
            "(_load_date 2017-03-06).",
        ),
        (
            "consent.events",
            decisions(),
            decisions(backwards=11),
            "error: at most 10% of a load date's decisions end before they begin; found 0.11 "
            "(_load_date 2017-03-06).",
        ),
        ("web.events", web_events(late=0, early=0), web_events(late=5, early=5), None),
        (
            "web.events",
            web_events(late=0, early=0),
            web_events(late=5, early=6),
            "warn: at most 10% of a load date's events happened more than 30 days before it or 2 "
            "after; found 0.11 (_load_date 2017-03-06).",
        ),
        ("messaging.events", messages(lost=0), messages(lost=10), None),
        (
            "messaging.events",
            messages(lost=0),
            messages(lost=11),
            "warn: at most 10% of a load date's events do not say whom the message went to; found "
            "0.11 (_load_date 2017-03-06).",
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
        "shop.orders": "order_id, ordered_at, status",
        "shop.order_lines": (
            "order_id, line_number, product_id, quantity, unit_price, discount_amount, coupon_code"
        ),
        "shop.returns": "return_id, order_id, refunded_amount, returned_at",
        "web.events": "event_id, event_at, device_id, event_type, platform",
        "messaging.events": (
            "event_id, event_at, subscriber_id, email, phone, channel, event_type"
        ),
        "helpdesk.ticket_events": "event_id, ticket_id, event_at, author_role, kind",
        "survey.responses": "response_id, survey, answered_at, score, scale_min, scale_max",
        "contracts.subscriptions": "subscription_id, end_reason, started_on, ended_on",
        "consent.events": (
            "consent_event_id, member_id, email, phone, account_id, purpose, medium, status, "
            "effective_at, expires_at"
        ),
        **{feed: f"{key}, email, updated_at" for feed, key in PEOPLE.items()},
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
