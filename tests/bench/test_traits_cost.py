"""What all traits cost after a day with one per cent of the rows, against building them anew.

The demo is loaded up to the customers station, and once more with two more days after 220. Both
states of the warehouse are kept in INSIGHTS_BENCH_TRAITS, if it names a folder, and used again:
loading is most of the time. Only processor seconds are compared, of the whole process, model by
model (dbt on one thread, so that nothing else is counted with a model), and what dbt itself costs.
Every table of the station is then compared with that of the full build, row by row.

INSIGHTS_BENCH_LARGE=1 takes 200,000 people, who leave ten million events.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration import settings
from orchestration.demo import FIRST_DAY as DEMO_FIRST_DAY
from orchestration.demo import invented
from tests.tenant import Tenant

PEOPLE, LARGE_PEOPLE = 20_000, 200_000
DAYS, NEW_DAYS = 220, 2
MOST = 0.20
STATIONS = ("staging", "identity", "customers")
TRAITS = "fqn:customer_insights.traits"
EVENTS = (
    "staging.stg_web__events",
    "vault.stg_messaging__events",
    "staging.stg_pos__receipt_lines",
    "staging.stg_shop__order_lines",
)


def test_traits_after_a_small_day(tmp_path: Path) -> None:
    """Prints both builds model by model; asserts equal rows, and the ratio at full size."""
    is_large = bool(os.environ.get("INSIGHTS_BENCH_LARGE"))
    people = int(os.environ.get("INSIGHTS_BENCH_PEOPLE") or (LARGE_PEOPLE if is_large else PEOPLE))
    kept = Path(os.environ.get("INSIGHTS_BENCH_TRAITS") or tmp_path / "kept")
    tenant = Tenant(tmp_path / "tenant")
    before, after = _loaded(kept, people)
    last = DEMO_FIRST_DAY + timedelta(days=DAYS - 1)

    # the tables as the last run left them, beside what has arrived since
    warehouse = _put(before, tenant)
    first_build = _build(tenant, last)
    held = tmp_path / "held.duckdb"
    shutil.move(warehouse, held)
    warehouse = _put(after, tenant)
    _copy_traits(held, warehouse)
    print("\n" + _sizes(before, after))

    last += timedelta(days=NEW_DAYS)
    follow_up = _build(tenant, last)
    shutil.copy(warehouse, held)
    full_build = _build(tenant, last, "--full-refresh")
    _print(first_build, follow_up, full_build)
    different = _different(held, warehouse)
    assert not different, different
    if is_large:
        assert sum(follow_up.values()) <= MOST * sum(full_build.values())


def _loaded(kept: Path, people: int) -> tuple[Path, Path]:
    """The warehouse with the demo's days up to the customers station, and with two days more."""
    before, after = kept / "before.duckdb", kept / "after.duckdb"
    if not after.exists():
        tenant = Tenant(kept)
        if not tenant.landing.exists():
            invented.write(tenant.landing, people=people, days=DAYS + NEW_DAYS)
        last = DEMO_FIRST_DAY + timedelta(days=DAYS - 1)
        if not before.exists():
            _load(tenant, DEMO_FIRST_DAY, last)
            shutil.copy(tenant.home / "warehouse.duckdb", kept / "copy")
            (kept / "copy").rename(before)
        _load(tenant, last + timedelta(days=1), last + timedelta(days=NEW_DAYS))
        shutil.copy(tenant.home / "warehouse.duckdb", kept / "copy")
        (kept / "copy").rename(after)
    return before, after


def _load(tenant: Tenant, first: date, last: date) -> None:
    """The days through raw and the stations before this one, without their checks."""
    import dagster as dg

    from orchestration import definitions, ledger, raw, schedules, transform

    with tenant.environment():
        built = definitions.build()
        keys = built.resolve_asset_graph().get_all_asset_keys()
        wanted = [key for key in keys if key.path[0] == raw.FEED_ARRIVALS.path[0]]
        with dg.DagsterInstance.ephemeral() as instance:
            result = built.resolve_job_def(schedules.JOB).execute_in_process(
                instance=instance,
                asset_selection=[*wanted, ledger.ASSET_KEY],
                tags=schedules.range_tags(first, last),
                run_config={"loggers": {"progress": {}}},
                raise_on_error=False,
            )
        assert result.success
        for command in (
            "seed",
            *(f"run --select fqn:customer_insights.{name}" for name in STATIONS),
        ):
            outcome = transform.invoke(settings.load(), last, [*command.split(), "--quiet"])
            assert outcome.success, outcome.exception


def _put(warehouse: Path, tenant: Tenant) -> Path:
    """A copy of a warehouse as the tenant's."""
    tenant.home.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(warehouse, tenant.home / "warehouse.duckdb"))


def _build(tenant: Tenant, as_of: date, *options: str) -> dict[str, float]:
    """Processor seconds of each model of the station, and of dbt itself."""
    from orchestration import transform

    spent: dict[str, float] = {}
    last = 0.0

    def keep(event: Any) -> None:
        nonlocal last
        if event.info.name == "LogStartLine":
            last = _cpu()
        elif event.info.name == "LogModelResult":
            name = event.data.node_info.node_name
            spent[name] = _cpu() - last

    with tenant.environment():
        where = settings.load()
        transform.load_manifest()
        began = _cpu()
        command = ["run", "--quiet", "--threads", "1", "--select", TRAITS, *options]
        outcome = transform.invoke(where, as_of, command, keep)
        assert outcome.success, transform.failure_reason(outcome)
    spent["dbt"] = _cpu() - began - sum(spent.values())
    return spent


@contextmanager
def _both(one: Path, other: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(f"attach '{one}' as one (read_only)")
        con.execute(f"attach '{other}' as other")
        yield con


def _tables(con: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    """The station's tables; what holds addresses lies in the vault, for they hold addresses."""
    rows = con.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = ? and "
        "(schema_name = 'traits' or table_name like 'int_traits\\_\\_%' escape '\\') order by all",
        [database],
    ).fetchall()
    return [name for (name,) in rows]


def _copy_traits(one: Path, other: Path) -> None:
    with _both(one, other) as con:
        con.execute("create schema if not exists other.traits")
        for table in _tables(con, "one"):
            con.execute(f"create or replace table other.{table} as from one.{table}")


def _different(one: Path, other: Path) -> dict[str, tuple[int, int]]:
    """Tables with rows that only one side has, and how many each has."""
    with _both(one, other) as con:
        names = _tables(con, "one")
        assert names == _tables(con, "other")
        found = {}
        for table in names:
            one_only, other_only = (
                con.execute(
                    f"select count(*) from (from {a}.{table} except all from {b}.{table})"
                ).fetchall()[0][0]
                for a, b in (("one", "other"), ("other", "one"))
            )
            if one_only or other_only:
                found[table] = (one_only, other_only)
        return found


def _sizes(before: Path, after: Path) -> str:
    with _both(before, after) as con:
        (customers,) = con.execute("select count(*) from other.customers.customers").fetchall()[0]
        counts = [
            sum(
                con.execute(f"select count(*) from {side}.{table}").fetchall()[0][0]
                for table in EVENTS
            )
            for side in ("one", "other")
        ]
    new = counts[1] - counts[0]
    return (
        f"{customers:,} customers, {counts[0]:,} events, {new:,} new "
        f"({100 * new / counts[0]:.1f} %)"
    )


def _print(
    first_build: dict[str, float], follow_up: dict[str, float], full: dict[str, float]
) -> None:
    print(f"{'CPU s':40}{'first':>9}{'full':>9}{'day':>9}{'ratio':>9}")
    for name in sorted(full, key=lambda name: -full[name]):
        print(
            f"{name:40}{first_build[name]:9.2f}{full[name]:9.2f}{follow_up[name]:9.2f}"
            f"{follow_up[name] / max(full[name], 0.01):9.2f}"
        )
    sums = [sum(each.values()) for each in (first_build, full, follow_up)]
    print(f"{'in all':40}{sums[0]:9.2f}{sums[1]:9.2f}{sums[2]:9.2f}{sums[2] / sums[1]:9.3f}")


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime
