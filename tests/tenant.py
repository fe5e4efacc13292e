"""A small tenant for tests: a grocery with two campaigns, landed day by day, and its runs.

Everything is made from the numbers of the day, so that any day can be written again with the same
bytes. The tests run the real commands on it; nothing is mocked.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration import cli

FIRST_DAY = date(2024, 3, 1)
MEMBERS, PRODUCTS, RECEIPTS_A_DAY, LINES = 12, 20, 30, 3

PERSONAL = ("Zuzanna", "Kowalczyk", "zuzanna@example.org", "+1 212 555 0147")
"""A member's first name, last name, e-mail and phone: none may leave raw and the vault."""


@dataclass(frozen=True)
class Outcome:
    """What a command answered."""

    code: int
    text: str


class Tenant:
    """A landing folder and the home beside it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.landing = self.home / "landing"

    def file(self, feed: str, day: date, name: str) -> Path:
        """Where a file of a feed lands; its folder is made."""
        path = self.landing.joinpath(*feed.split("."), day.isoformat(), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def land(self, feed: str, day: date, name: str, text: str) -> Path:
        """Write one file as an upstream system would; `.gz` is compressed."""
        path = self.file(feed, day, name)
        data = text.encode()
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path

    def land_world(self, days: int) -> None:
        """Land the first days of the tenant's history."""
        self.land_reference(FIRST_DAY)
        for number in range(days):
            self.land_day(FIRST_DAY + timedelta(days=number))

    def land_reference(self, day: date) -> None:
        """Land members, products and campaigns, which do not come every day."""
        products = [
            {
                "product_id": f"p{n}",
                "department": "FUEL" if n == 0 else "GROCERY",
                "category": f"category {n % 5}",
                "brand": f"brand {n % 3}",
            }
            for n in range(PRODUCTS)
        ]
        self.land("catalogue.products", day, "products.jsonl", json_lines(products))
        first, last, email, phone = PERSONAL
        members = [
            {
                "member_id": f"m{n}",
                "first_name": first if n == 0 else f"first{n}",
                "last_name": last,
                "email": email if n == 0 else f"person{n}@example.org",
                "phone": phone,
                "birth_date": f"19{50 + n}-02-03",
                "country": "US",
                "updated_at": f"{day}T00:00:00Z",
            }
            for n in range(MEMBERS)
        ]
        self.land("loyalty.members", day, "members.jsonl.gz", json_lines(members))
        self.land(
            "offers.campaigns",
            day,
            "campaigns.csv",
            "campaign_id,name,kind,starts_on,ends_on\n"
            f"c1,Spring,coupon,{day},{day + timedelta(days=20)}\n",
        )

    def land_day(self, day: date, amount: float = 2.5, suffix: str = "") -> None:
        """Land one day's receipts: `amount` is the price of a piece."""
        receipts, lines = receipts_of(day, amount)
        self.land("pos.receipts", day, f"receipts{suffix}.csv", comma_separated(receipts))
        self.land("pos.receipt_lines", day, f"lines{suffix}.csv.gz", comma_separated(lines))

    def call(self, *arguments: str) -> Outcome:
        """Run one `insights` command in this process, as a user would on a terminal."""
        said = io.StringIO()
        with self.environment(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                cli.main(arguments)
            except SystemExit as stop:
                return Outcome(int(stop.code or 0), said.getvalue())
        raise AssertionError("a command always exits")

    def run(self, first: date | None = None, last: date | None = None) -> Outcome:
        """`insights run`, over the pending days unless told which."""
        days = (("--from", first), ("--to", last))
        return self.call("run", *(text for flag, day in days if day for text in (flag, str(day))))

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """The process's environment with this tenant's home."""
        before = dict(os.environ)
        os.environ.update(self.variables())
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def variables(self) -> dict[str, str]:
        """What a shell would export for this tenant."""
        return {
            "INSIGHTS_HOME": str(self.home),
            "INSIGHTS_LANDING": str(self.landing),
            "INSIGHTS_TIMEZONE": "America/New_York",
            "INSIGHTS_CURRENCY": "USD",
            "INSIGHTS_COUNTRY": "US",
        }

    @property
    def database(self) -> Path:
        """The published DuckDB file, through the link as a reader opens it."""
        return self.home / "published" / "current" / "customer_insights.duckdb"

    def marts(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every published mart, in a fixed order."""
        with duckdb.connect(str(self.database.resolve()), read_only=True) as connection:
            names = connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'marts' order by all"
            ).fetchall()
            return {
                name: connection.execute(f"select * from marts.{name} order by all").fetchall()
                for (name,) in names
            }

    def present(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every mart but the history of identity, which tells of runs and not of what landed."""
        marts = self.marts()
        del marts["identity_changes"]
        told = [row for row in marts["mart_trust"] if row[0] != "identity_changes"]
        return marts | {"mart_trust": told}

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Query the published marts as a BI tool would."""
        with duckdb.connect(str(self.database.resolve()), read_only=True) as connection:
            return connection.execute(query).fetchall()


def receipts_of(day: date, amount: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One day's receipts and lines. Every sixth receipt is anonymous."""
    number = (day - FIRST_DAY).days
    receipts, lines = [], []
    for n in range(RECEIPTS_A_DAY):
        receipt_id = f"{day:%Y%m%d}-{n}"
        receipts.append(
            {
                "receipt_id": receipt_id,
                "member_id": "" if n % 6 == 5 else f"m{(n * 7 + number) % MEMBERS}",
                "store_id": f"s{n % 2}",
                "sold_at": f"{day} {15 + n % 5}:{n:02}:00",
            }
        )
        lines += [
            {
                "receipt_id": receipt_id,
                "line_number": line + 1,
                "product_id": f"p{(n + line * 3 + number) % PRODUCTS}",
                "quantity": 1 + line,
                "sales_amount": f"{amount * (1 + line):.2f}",
                "loyalty_discount": "0.25" if n % 4 == 0 else "0",
                "coupon_discount": "0",
            }
            for line in range(LINES)
        ]
    return receipts, lines


def comma_separated(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header. No value here needs quotes."""
    header = ",".join(rows[0])
    return "\n".join([header, *(",".join(str(v) for v in row.values()) for row in rows)]) + "\n"


def json_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)
