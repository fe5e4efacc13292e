"""Traits followed day by day are those of one build: who has no news keeps rows, and rightly so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from tests.tenant import FIRST_DAY, Tenant, comma_separated, json_lines

pytestmark = pytest.mark.slow

DAYS = 4
KEPT = (
    "int_traits__product_interactions",
    "int_traits__tastes",
    "int_traits__path_spans",
    "int_traits__path_changes",
    "int_traits__touches",
)


def _day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)


def _web(tenant: Tenant, number: int, rows: list[tuple[str, str | None, str, str | None]]) -> None:
    """One day's events: device, account, type and product, a minute apart."""
    tenant.land(
        "web.events",
        _day(number),
        "events.jsonl",
        json_lines(
            [
                {
                    "event_id": f"e{number}-{n}",
                    "device_id": device,
                    "account_id": account,
                    "event_type": kind,
                    "product_id": product,
                    "platform": "web",
                    "event_at": f"{_day(number)}T16:{n:02}:00Z",
                }
                for n, (device, account, kind, product) in enumerate(rows)
            ]
        ),
    )


def _order(tenant: Tenant, day: date, order: str, account: str, product: str, hour: str) -> None:
    tenant.land(
        "shop.orders",
        day,
        f"orders_{order}.csv",
        comma_separated(
            [
                {
                    "order_id": order,
                    "account_id": account,
                    "ordered_at": hour,
                    "status": "paid",
                    "currency": "USD",
                    "updated_at": hour,
                }
            ]
        ),
    )
    tenant.land(
        "shop.order_lines",
        day,
        f"lines_{order}.csv",
        comma_separated(
            [
                {
                    "order_id": order,
                    "line_number": 1,
                    "product_id": product,
                    "quantity": 1,
                    "unit_price": 10,
                }
            ]
        ),
    )


def _account(tenant: Tenant, day: date, account: str, email: str, first_name: str) -> None:
    tenant.land(
        "shop.accounts",
        day,
        f"account_{account}.csv",
        comma_separated(
            [
                {
                    "account_id": account,
                    "first_name": first_name,
                    "last_name": "Nowak",
                    "email": email,
                    "phone": "+1 212 555 0191",
                    "updated_at": f"{day}T01:00:00Z",
                }
            ]
        ),
    )


def _tables(tenant: Tenant) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(tenant.home / "warehouse.duckdb"), read_only=True) as warehouse:
        names = warehouse.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name = 'traits' or starts_with(table_name, 'int_traits__')"
        ).fetchall()
        return {
            name: warehouse.execute(f"from {name} order by all").fetchall() for (name,) in names
        }


def test_days_that_change_the_past_are_followed(tenant: Tenant) -> None:
    """A late and a corrected row, a return, a device's first login, and accounts that merge."""
    tenant.land_world(DAYS)
    browsing: list[tuple[str, str | None, str, str | None]] = [
        ("d1", None, "product_view", "p1"),
        ("d1", None, "product_view", "p2"),
        ("d1", None, "add_to_cart", "p2"),
        ("d2", "a2", "product_view", "p3"),
        ("d2", "a2", "search", None),
    ]
    for number in range(DAYS):
        _web(tenant, number, browsing)
    _account(tenant, _day(0), "a1", "one.nowak@example.org", "Anna")
    _account(tenant, _day(0), "a2", "two.nowak@example.org", "Berta")
    _account(tenant, _day(0), "a3", "three.nowak@example.org", "Berta")
    _order(tenant, _day(0), "o2", "a2", "p3", f"{_day(0)}T15:00:00Z")
    _order(tenant, _day(1), "o3", "a3", "p4", f"{_day(1)}T15:00:00Z")
    assert tenant.run().code == 0

    changes: dict[str, Callable[[int], object]] = {
        # the device shows whose it is, and so does what it did before
        "login": lambda day: _web(tenant, day, [("d1", "a1", "product_view", "p1")]),
        # an order of two days ago arrives, and a receipt of another day has other amounts
        "late": lambda day: _order(
            tenant, _day(day), "o9", "a1", "p2", f"{_day(day - 2)}T12:00:00Z"
        ),
        "corrected": lambda day: tenant.land_day(_day(day - 3), amount=9.5),
        "returned": lambda day: tenant.land(
            "shop.returns",
            _day(day),
            "returns.csv",
            comma_separated(
                [
                    {
                        "return_id": "r1",
                        "order_id": "o2",
                        "line_number": 1,
                        "quantity": 1,
                        "refunded_amount": 10,
                        "returned_at": f"{_day(day)}T10:00:00Z",
                    }
                ]
            ),
        ),
        # the third account turns out to be the second's
        "merged": lambda day: _account(tenant, _day(day), "a3", "two.nowak@example.org", "Berta"),
    }
    untouched = set()
    for number, (name, change) in enumerate(changes.items(), start=DAYS):
        tenant.land_day(_day(number))
        change(number)
        before = _tables(tenant)
        outcome = tenant.run()
        assert outcome.code == 0, (name, outcome.text)
        followed, marts = _tables(tenant), tenant.marts()
        full = tenant.call(
            "run", "--from", str(_day(number)), "--to", str(_day(number)), "--full-refresh"
        )
        assert full.code == 0, full.text
        anew = _tables(tenant)
        assert [table for table in anew if anew[table] != followed[table]] == [], name
        assert tenant.marts() == marts, name
        changed = {
            table for table in followed if followed[table] != before.get(table, followed[table])
        }
        assert any(table.endswith(KEPT) for table in changed), (name, "has no effect")
        untouched |= set(followed) - changed
    assert untouched
