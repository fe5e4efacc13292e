"""From landed files to published marts, with the real job: the same twice, and in any order."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import duckdb
import pytest

from tests.conftest import DAYS_LOADED
from tests.tenant import FIRST_DAY, PERSONAL, RECEIPTS_A_DAY, Tenant

LAST = FIRST_DAY + timedelta(days=DAYS_LOADED - 1)
NEXT = LAST + timedelta(days=1)


def test_the_marts_hold_what_landed(loaded: Tenant) -> None:
    """Counts and money can be checked by hand from the tenant's making."""
    receipts = RECEIPTS_A_DAY * DAYS_LOADED
    paid = receipts * (2.5 + 5.0 + 7.5)
    assert loaded.ask("select count(*), sum(net_amount) from marts.purchases") == [(receipts, paid)]
    assert loaded.ask("select count(*) from marts.purchases where customer_id is null") == [
        (receipts // 6,)
    ]
    assert loaded.ask("select count(*) from marts.customers") == [(12,)]
    assert loaded.ask("select distinct as_of from marts.mart_trust") == [(LAST,)]
    ((has_passed, warned, missing),) = loaded.ask(
        "select min(checks_passed) > 0, max(checks_warned), max(missing_feeds) "
        "from marts.mart_trust where mart = 'customers'"
    )
    assert (has_passed, warned) == (True, 0)
    assert {"crm.contacts", "consent.events", "offers.assignments"} <= set(missing.split(", "))
    assert not {"pos.receipts", "loyalty.members"} & set(missing.split(", "))
    assert loaded.ask("select count(*) from marts.mart_trust where checks_passed = 0") == [(0,)]


def test_the_same_day_twice_gives_the_same_marts(loaded: Tenant) -> None:
    before = loaded.marts()
    generation = loaded.database.resolve()
    assert loaded.run(LAST, LAST).code == 0
    assert loaded.database.resolve() != generation
    assert loaded.marts() == before


def test_a_restated_figure_stands_beside_the_one_that_was_known(loaded: Tenant) -> None:
    """As known and as restated: both can be read, the later one is what the marts say."""
    old = FIRST_DAY + timedelta(days=4)
    net = "kpi = 'net_revenue' and segment = 'all' and period_start = '2024-03-01'"
    ((known,),) = loaded.ask(f"select value from marts.kpi_values where {net}")
    loaded.land_day(old, amount=3.5)
    outcome = loaded.run()
    assert outcome.code == 0, outcome.text
    ((restated,),) = loaded.ask(f"select value from marts.kpi_values where {net}")
    # each receipt of the day has pieces at one, two and three times the price
    assert restated == known + RECEIPTS_A_DAY * 6 * 1.0
    history = loaded.home / "published" / "kpi_history" / "*" / "*.parquet"
    with duckdb.connect() as reader:
        assert reader.execute(
            f"select as_of, value from read_parquet(?) where {net} order by as_of, filename",
            [str(history)],
        ).fetchall() == [(LAST, known), (LAST, restated)]


def test_only_what_has_new_content_is_built_again(loaded: Tenant) -> None:
    """And what is not is told again as it was, so that the marts count the same checks."""
    loaded.land_day(NEXT)
    outcome = loaded.run()
    assert outcome.code == 0, outcome.text
    built, unchanged, told, asked = staging_line(outcome.text)
    # receipts, their lines and, for the new day, the one table of theirs that asks for it
    assert 2 <= built <= 4
    assert unchanged > 25
    outcome = loaded.run(NEXT, NEXT)
    assert staging_line(outcome.text) == (0, built + unchanged, told, asked)
    full = loaded.call("run", "--from", str(NEXT), "--to", str(NEXT), "--full-refresh")
    assert full.code == 0, full.text
    assert f"{built + unchanged} tables, {told} of {asked} checks held" in full.text


def test_a_table_that_was_lost_is_built_again(loaded: Tenant) -> None:
    before = loaded.marts()
    with duckdb.connect(str(loaded.home / "warehouse.duckdb")) as warehouse:
        warehouse.execute("drop table staging.stg_pos__receipts")
    outcome = loaded.run(LAST, LAST)
    assert outcome.code == 0, outcome.text
    assert staging_line(outcome.text)[0] == 1
    assert loaded.marts() == before


def staging_line(text: str) -> tuple[int, ...]:
    """Of a run's line about staging: tables built and unchanged, checks held and asked."""
    found = re.search(
        r"staging .* (\d+) tables? built, (\d+) unchanged, (\d+) of (\d+) checks", text
    )
    assert found, text
    return tuple(map(int, found.groups()))


@pytest.mark.slow  # whole runs of a second home
def test_days_one_by_one_and_all_at_once_give_the_same_marts(
    loaded: Tenant, new_tenant: Callable[[str], Tenant]
) -> None:
    """With a correction that arrives late and a day that is sent again."""

    def land_more(tenant: Tenant) -> None:
        tenant.land_day(NEXT)
        # a receipt of an earlier day, corrected: the newer one wins, the older day loses it
        late = NEXT + timedelta(days=1)
        tenant.land_day(late)
        header = "receipt_id,member_id,store_id,sold_at\n"
        text = f"{header}{FIRST_DAY:%Y%m%d}-3,m5,s9,{FIRST_DAY} 20:00:00\n"
        tenant.land("pos.receipts", late, "corrections.csv", text)

    land_more(loaded)
    one_by_one = loaded
    assert one_by_one.run(NEXT, NEXT).code == 0
    outcome = one_by_one.run()
    assert outcome.code == 0, outcome.text
    assert "Loading 2024-03-13 to 2024-03-13" in outcome.text

    at_once = new_tenant("at_once")
    at_once.land_world(DAYS_LOADED)
    land_more(at_once)
    assert at_once.run().code == 0
    assert one_by_one.present() == at_once.present()
    assert at_once.ask(
        "select store_id, count(*) over () from marts.purchases "
        f"where source_record_id = '{FIRST_DAY:%Y%m%d}-3'"
    ) == [("s9", 1)]


@pytest.mark.slow  # whole runs of a second home
def test_a_day_sent_again_replaces_that_day_and_nothing_else(
    loaded: Tenant, new_tenant: Callable[[str], Tenant]
) -> None:
    """The old day is restated; the clock is not turned back."""
    old = FIRST_DAY + timedelta(days=4)
    loaded.land_day(old, amount=3.5)
    outcome = loaded.run()
    assert f"Loading {old} to {old}" in outcome.text
    assert outcome.code == 0, outcome.text

    fresh = new_tenant("fresh")
    fresh.land_world(DAYS_LOADED)
    fresh.land_day(old, amount=3.5)
    assert fresh.run().code == 0
    assert loaded.marts() == fresh.marts()
    assert loaded.ask("select max(as_of) from marts.mart_trust") == [(LAST,)]


def test_feeds_a_tenant_lacks_are_named_and_no_error(tenant: Tenant) -> None:
    for number in range(3):
        tenant.land_day(FIRST_DAY + timedelta(days=number))
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    assert tenant.ask("select count(*) > 0 from marts.purchases") == [(True,)]
    missing = tenant.ask("select missing_feeds from marts.mart_trust where mart = 'customers'")
    assert "loyalty.members" in missing[0][0]


def test_nothing_landed_is_a_clear_answer(tenant: Tenant) -> None:
    outcome = tenant.run()
    assert outcome.code == 2
    assert "No files have landed" in outcome.text
    assert "insights demo" in outcome.text


def test_no_personal_value_leaves_raw(loaded: Tenant) -> None:
    """Names, e-mails and phones are in no mart, no log and no check result."""
    published = repr(loaded.marts())
    events = b"".join(
        path.read_bytes() for path in (loaded.home / "dagster").rglob("*") if path.is_file()
    )
    for value in PERSONAL:
        assert value not in published
        assert value.encode() not in events


def test_descriptions_reach_the_reader(loaded: Tenant) -> None:
    missing = loaded.ask(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'marts' and coalesce(comment, '') = ''"
    )
    assert missing == []


def test_parquet_and_database_hold_the_same(loaded: Tenant) -> None:
    folder = loaded.database.resolve().parent / "parquet"
    with duckdb.connect() as connection:
        for name, rows in loaded.marts().items():
            assert (
                connection.execute(
                    f"select * from read_parquet('{folder / name}.parquet') order by all"
                ).fetchall()
                == rows
            )


def test_rollback_goes_back_and_the_next_run_forward(loaded: Tenant) -> None:
    first = loaded.database.resolve()
    loaded.land_day(NEXT)
    assert loaded.run().code == 0
    second = loaded.database.resolve()
    assert second != first
    answer = loaded.call("rollback")
    assert answer.code == 0
    assert loaded.database.resolve() == first
    assert "There is no older generation" in loaded.call("rollback").text
    assert loaded.database.resolve() == first
    assert loaded.call("rollback", second.parent.name).code == 0
    assert loaded.database.resolve() == second


def test_status_tells_what_is_published_and_pending(loaded: Tenant) -> None:
    loaded.land_day(NEXT)
    answer = loaded.call("status").text
    assert f"as of {LAST}" in answer
    assert f"pending    1 day, {NEXT} to {NEXT}" in answer
    assert loaded.call("status", "--path").text.strip() == str(loaded.database.resolve().parent)


def test_a_second_run_is_turned_away_while_one_works(loaded: Tenant) -> None:
    from orchestration import runs, settings

    with loaded.environment(), runs.lock(settings.load()):
        outcome = loaded.run(LAST, LAST)
    assert outcome.code == 1
    assert "Another run" in outcome.text
    assert "nothing was started" in outcome.text


@pytest.mark.parametrize("flags", [("--from", "2024-13-01"), ("--to", "yesterday")])
def test_a_day_that_is_none_is_refused(tenant: Tenant, flags: tuple[str, str]) -> None:
    outcome = tenant.call("run", *flags)
    assert outcome.code == 2
    assert "is not a day" in outcome.text
