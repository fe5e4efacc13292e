"""Any landing folder is a tenant: all feeds, a few, or the wrong half of them.

The files are `tests/fixtures/<source>/<table>.good.*`, one small shop told by every feed, and
`.flawed.*`, a row for each way in which a feed's contract can be broken; what should come of them
stands beside them in `expected.yml`.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from orchestration import feeds, reading
from orchestration.feeds import Feed
from orchestration.landed import LandedFile
from tests.tenant import Tenant

FIXTURES = Path(__file__).parent.parent / "fixtures"
DAY = date(2024, 3, 2)
FEEDS = {feed.name: feed for feed in feeds.load()}


def expected(feed: Feed, kind: str) -> dict[str, Any]:
    """What should come of a feed's good or flawed file."""
    path = FIXTURES / feed.source / "expected.yml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))[feed.table][kind]
    return found


def fixture(feed: Feed, kind: str) -> Path:
    """A feed's good or flawed file."""
    (path,) = (FIXTURES / feed.source).glob(f"{feed.table}.{kind}.*")
    return path


def land(tenant: Tenant, *names: str) -> None:
    """Land the good files of some feeds."""
    for name in names:
        path = fixture(FEEDS[name], "good")
        shutil.copy(path, tenant.file(name, DAY, path.name))


def table_rows(tenant: Tenant, schema: str) -> dict[str, int]:
    """The rows of every table in a station of the warehouse."""
    with duckdb.connect(str(tenant.home / "warehouse.duckdb"), read_only=True) as warehouse:
        names = warehouse.execute(
            "select table_name from information_schema.tables where table_schema = ?", [schema]
        ).fetchall()
        return {
            name: int(count)
            for (name,) in names
            for (count,) in warehouse.execute(f"select count(*) from {schema}.{name}").fetchall()
        }


@pytest.mark.parametrize("name", sorted(FEEDS))
def test_each_way_to_break_a_contract_is_refused_and_named(name: str, tmp_path: Path) -> None:
    feed = FEEDS[name]
    path = fixture(feed, "flawed")
    (day,) = reading.read_days(feed, {DAY: [LandedFile.of(path)]}, tmp_path)
    assert day.accepted_count == expected(feed, "flawed")["accepted"]
    assert dict(day.refused_by_reason) == expected(feed, "flawed")["refused"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    tenant = Tenant(tmp_path_factory.mktemp("whole"))
    land(tenant, *FEEDS)
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    assert " 0 refused" in outcome.text, outcome.text
    return tenant


def test_a_tenant_with_every_feed_misses_none(whole: Tenant) -> None:
    """And leaves no mart empty, but those that a handful of rows cannot fill.

    No id has ended yet; a taste, a rhythm of seasons and a key term take more than one voice, and
    what follows a touch takes a week.
    """
    assert whole.ask("select distinct missing_feeds from marts.mart_trust") == [("",)]
    empty = whole.ask("select mart from marts.mart_trust where row_count = 0 order by mart")
    assert [mart for (mart,) in empty] == [
        "channel_advance",
        "customer_redirects",
        "product_key_terms",
        "seasonal_affinity",
        "trait_product_preference",
    ]


def test_every_row_of_every_feed_reaches_staging(whole: Tenant) -> None:
    staged = table_rows(whole, "staging") | table_rows(whole, "vault")
    found = {name: staged[f"stg_{feed.source}__{feed.table}"] for name, feed in FEEDS.items()}
    assert found == {name: expected(feed, "good")["staged"] for name, feed in FEEDS.items()}
    loaded = table_rows(whole, "raw")
    accepted = {name: loaded[feed.identifier] for name, feed in FEEDS.items()}
    assert accepted == {name: expected(feed, "good")["accepted"] for name, feed in FEEDS.items()}


def test_tills_and_members_are_enough(tenant: Tenant) -> None:
    land(tenant, "pos.receipts", "pos.receipt_lines", "loyalty.members")
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    rows, missing = trust(tenant)
    assert all(rows[mart] for mart in ("customers", "purchases", "customer_segments", "kpi_sales"))
    assert "catalogue.products" in missing["purchases"]
    assert "pos.receipts" not in missing["purchases"]
    assert "loyalty.members" not in missing["customers"]


def test_help_desk_and_surveys_are_a_tenant_without_purchases(tenant: Tenant) -> None:
    land(tenant, "helpdesk.tickets", "helpdesk.ticket_events", "survey.responses")
    land(tenant, "survey.invitations")
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    rows, missing = trust(tenant)
    assert not rows["purchases"]
    assert not rows["kpi_sales"]
    assert {"pos.receipts", "pos.receipt_lines"} <= missing["purchases"]
    assert missing["kpi_sales"] >= missing["purchases"]
    staged = table_rows(tenant, "vault") | table_rows(tenant, "staging")
    assert staged["stg_helpdesk__tickets"]
    assert staged["stg_survey__responses"]


def trust(tenant: Tenant) -> tuple[dict[str, int], dict[str, set[str]]]:
    """The rows of each mart, and the feeds each misses."""
    told = tenant.ask("select mart, row_count, coalesce(missing_feeds, '') from marts.mart_trust")
    rows = {mart: count for mart, count, _ in told}
    return rows, {mart: set(missing.split(", ")) for mart, _, missing in told}
