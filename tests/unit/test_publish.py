"""Publishing: whole copies of the marts, what is said of their trust, and readers all the while."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration import generations, ledger, publish
from orchestration.generations import PublishError
from orchestration.publish import Checks, Mart

AS_OF = date(2024, 3, 11)
ROWS = 3_000
"""Enough that a reader has to come back to the file for more."""

MARTS = (
    Mart(
        name="customers",
        station="customers",
        description="A customer's record, one row per customer.",
        columns={"customer_id": "Our key.", "country": "Where; it's null when unknown."},
        event_time=None,
        feeds=("loyalty.members",),
    ),
    Mart(
        name="purchases",
        station="customers",
        description="A purchase, one row per purchase.",
        columns={"purchase_id": "Our key.", "purchased_at": "When, UTC."},
        event_time="purchased_at",
        feeds=("loyalty.members", "pos.receipts"),
    ),
    Mart(
        name="customer_segments",
        station="traits",
        description="A customer's segment, one row per customer.",
        columns={},
        event_time=None,
        feeds=(),
    ),
)
PUBLISHED = {"customers", "purchases", "customer_segments", "mart_trust"}


@dataclass
class House:
    """A warehouse, the folder it is published to, and short ways to use them."""

    root: Path
    checks: dict[str, Checks] = field(default_factory=dict)

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def current(self) -> Path:
        return self.published / "current" / "customer_insights.duckdb"

    def change(self, *statements: str) -> None:
        with duckdb.connect(str(self.warehouse)) as warehouse:
            for statement in statements:
                warehouse.execute(statement)

    def publish(self, **changed: Any) -> Path:
        values: dict[str, Any] = {
            "run_id": "0a1b2c3d-run",
            "as_of": AS_OF,
            "timezone": "UTC",
            "marts": MARTS,
            "checks": self.checks,
            "keep": 5,
        }
        return publish.publish(self.warehouse, self.published, **(values | changed))

    def generations(self) -> list[str]:
        """Everything that lies in the folder, finished or not."""
        return sorted(path.name for path in (self.published / "generations").iterdir())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with three marts over two stations, fed by two feeds."""
    house = House(tmp_path_factory.mktemp("built"))
    house.change(
        "create schema raw",
        "create schema customers",
        "create schema traits",
        f"""
        create table raw.feed_arrivals as
        select unnest(['loyalty.members', 'pos.receipts', 'pos.receipts']) as feed,
            unnest([date '2024-03-01', date '2024-03-10', date '{AS_OF}']) as load_date
        """,
        """
        create table customers.customers as
        select 'c' || i as customer_id, case when i % 3 > 0 then 'FR' end as country,
            1 as state
        from range(100) as numbers (i)
        """,
        f"""
        create table customers.purchases as
        select 'p' || hash(i) as purchase_id,
            timestamp '2024-03-11 20:15:00' - to_minutes(i) as purchased_at,
            cast(i as decimal(18, 2)) as net_amount, 1 as state
        from range({ROWS}) as numbers (i)
        """,
        """
        create view traits.customer_segments as
        select customer_id, 'regular' as segment, 1 as state from customers.customers
        """,
    )
    return house.warehouse


@pytest.fixture
def house(built: Path, tmp_path: Path) -> House:
    """A house of which nothing is published yet."""
    shutil.copy(built, tmp_path)
    return House(tmp_path)


@pytest.fixture(scope="module")
def published(built: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house that is published once, to look at and not to change."""
    house = House(tmp_path_factory.mktemp("published"))
    shutil.copy(built, house.root)
    house.checks |= {"customers": Checks(passed=7, warned=2), "purchases": Checks(passed=3)}
    house.publish()
    return house


def ask(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def trust(house: House, mart: str, *columns: str) -> tuple[Any, ...]:
    (row,) = ask(
        house.current, f"select {', '.join(columns)} from marts.mart_trust where mart = '{mart}'"
    )
    return row


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "parquet").iterdir()}


# what is published


def test_marts_are_copied_whole(published: House) -> None:
    target = published.current.resolve().parent
    assert published.current.resolve() == target / "customer_insights.duckdb"
    for mart in MARTS:
        copy = ask(published.current, f"select * from marts.{mart.name} order by all")
        original = ask(
            published.warehouse, f"select * from {mart.station}.{mart.name} order by all"
        )
        assert copy == original
        parquet = f"select * from read_parquet('{target}/parquet/{mart.name}.parquet')"
        assert duckdb.execute(f"{parquet} order by all").fetchall() == original


def test_nothing_but_the_marts_is_published(published: House) -> None:
    target = published.current.resolve().parent
    assert {path.stem for path in (target / "parquet").iterdir()} == PUBLISHED
    tables = ask(
        published.current, "select table_schema, table_name from information_schema.tables"
    )
    assert set(tables) == {("marts", name) for name in PUBLISHED}
    assert sorted(path.name for path in target.iterdir()) == [
        "customer_insights.duckdb",
        "generation.json",
        "parquet",
    ]


def test_the_copy_stands_without_the_warehouse(house: House) -> None:
    house.publish()
    house.warehouse.unlink()
    assert ask(house.current, "select count(*) from marts.customer_segments") == [(100,)]


def test_types_are_those_of_the_warehouse(published: House) -> None:
    target = published.current.resolve().parent
    wanted = ask(published.warehouse, "describe customers.purchases")
    assert ask(published.current, "describe marts.purchases") == wanted
    parquet = f"describe from read_parquet('{target}/parquet/purchases.parquet')"
    assert [row[:2] for row in duckdb.execute(parquet).fetchall()] == [row[:2] for row in wanted]


def test_descriptions_are_published_as_comments(published: House) -> None:
    tables = "select table_name, comment from duckdb_tables() where schema_name = 'marts'"
    comments = dict(ask(published.current, tables))
    assert {mart.name: mart.description for mart in MARTS}.items() <= comments.items()
    assert comments["mart_trust"].endswith("one row per mart.")
    columns = "select table_name, column_name, comment from duckdb_columns()"
    found = {(table, column): comment for table, column, comment in ask(published.current, columns)}
    assert found["customers", "country"] == "Where; it's null when unknown."
    assert found["purchases", "purchased_at"] == "When, UTC."
    assert all(comment for (table, _), comment in found.items() if table == "mart_trust")


def test_a_generation_tells_of_itself(published: House) -> None:
    target = published.current.resolve().parent
    now = generations.current(published.published)
    assert now
    assert (now.name, now.run_id, now.as_of) == (target.name, "0a1b2c3d-run", "2024-03-11")
    assert now.row_counts == {
        "customers": 100,
        "purchases": ROWS,
        "customer_segments": 100,
        "mart_trust": 3,
    }
    assert target.name.endswith("Z_0a1b2c3d")


def test_the_same_input_twice_is_the_same_to_the_byte(house: House) -> None:
    first = contents(house.publish())
    # a rebuilt warehouse may hold the same rows in another order
    house.change(
        "create or replace table customers.purchases as "
        "from customers.purchases order by hash(purchase_id)",
        "create or replace table customers.customers as "
        "from customers.customers order by customer_id desc",
    )
    second = contents(house.publish(run_id="another"))
    assert first == second


def test_an_empty_mart_is_published_empty(house: House) -> None:
    house.change("delete from customers.purchases")
    house.publish()
    assert ask(house.current, "select count(*) from marts.purchases") == [(0,)]
    assert trust(house, "purchases", "row_count", "newest_event_at") == (0, None)


def test_a_home_with_odd_characters_can_publish(tmp_path: Path) -> None:
    root = tmp_path / 'it\'s [my] "home", a=b'
    root.mkdir()
    odd = House(root)
    odd.change(
        "create schema raw",
        "create table raw.feed_arrivals (feed varchar, load_date date)",
        "create schema customers",
        "create table customers.customers as select 'c1' as customer_id, null as country",
    )
    target = odd.publish(marts=MARTS[:1])
    assert ask(odd.current, "select customer_id from marts.customers") == [("c1",)]
    assert (target / "parquet" / "customers.parquet").is_file()


# how far it can be trusted


def test_trust_has_one_row_per_mart(published: House) -> None:
    rows = ask(
        published.current, "select mart, as_of, row_count from marts.mart_trust order by mart"
    )
    assert rows == [
        ("customer_segments", AS_OF, 100),
        ("customers", AS_OF, 100),
        ("purchases", AS_OF, ROWS),
    ]


def test_trust_names_the_newest_event(published: House) -> None:
    newest = datetime.fromisoformat("2024-03-11 20:15:00")
    assert trust(published, "purchases", "newest_event_at") == (newest,)
    assert trust(published, "customers", "newest_event_at") == (None,)


@pytest.mark.parametrize(
    ("arrived", "missing", "note"),
    [
        ("true", "", None),
        ("feed <> 'pos.receipts'", "pos.receipts", "Built without the missing feeds"),
        ("false", "loyalty.members, pos.receipts", "None of the feeds this mart is built from"),
    ],
)
def test_trust_names_the_missing_feeds(
    house: House, arrived: str, missing: str, note: str | None
) -> None:
    house.change(f"delete from raw.feed_arrivals where not ({arrived})")
    house.checks["purchases"] = Checks(passed=1)
    house.publish()
    found, said = trust(house, "purchases", "missing_feeds", "note")
    assert found == missing
    assert said is None if note is None else said.startswith(note)


def test_a_feed_that_arrived_after_the_day_is_missing(house: House) -> None:
    house.publish(as_of=date(2024, 3, 9))
    assert trust(house, "purchases", "missing_feeds") == ("pos.receipts",)


def test_a_mart_of_no_feed_misses_none(house: House) -> None:
    house.change("delete from raw.feed_arrivals")
    house.checks["customer_segments"] = Checks(passed=1)
    house.publish()
    assert trust(house, "customer_segments", "missing_feeds", "note") == ("", None)


def test_trust_counts_the_checks(published: House) -> None:
    columns = ("checks_passed", "checks_warned", "note")
    assert trust(published, "purchases", *columns) == (3, 0, None)
    assert trust(published, "customers", *columns) == (
        7,
        2,
        "See the run's checks for the warnings.",
    )
    unchecked = (0, 0, "No check of this mart was run.")
    assert trust(published, "customer_segments", *columns) == unchecked


@pytest.mark.parametrize(
    ("timezone", "as_of", "end"),
    [
        ("UTC", "2024-03-11", "2024-03-12 00:00"),
        ("Asia/Kolkata", "2024-03-11", "2024-03-11 18:30"),
        ("America/New_York", "2024-03-09", "2024-03-10 05:00"),
        ("America/New_York", "2024-03-10", "2024-03-11 04:00"),  # a day of 23 hours
        ("America/New_York", "2024-11-03", "2024-11-04 05:00"),  # a day of 25 hours
        ("Asia/Beirut", "2024-03-30", "2024-03-30 22:00"),  # the next has no midnight
        ("America/Havana", "2024-11-02", "2024-11-03 04:00"),  # the next has two; the first counts
    ],
)
def test_the_contents_stand_for_the_end_of_the_day(
    house: House, timezone: str, as_of: str, end: str
) -> None:
    house.publish(timezone=timezone, as_of=date.fromisoformat(as_of), marts=MARTS[:1])
    found = ask(house.current, "select distinct as_of, built_at from marts.mart_trust")
    assert found == [(date.fromisoformat(as_of), datetime.fromisoformat(end))]


# what goes wrong changes nothing


def stopped(house: House, **changed: Any) -> str:
    """The sentence of a publication that stops, once it is sure that nothing else happened."""
    before = house.generations() if house.published.exists() else []
    current = house.current.resolve() if house.current.exists() else None
    with pytest.raises(PublishError) as caught:
        house.publish(**changed)
    assert house.generations() == before
    assert (house.current.resolve() if house.current.exists() else None) == current
    sentence = str(caught.value)
    assert sentence.startswith("Publishing stopped: ")
    assert "\n" not in sentence
    assert "The last good publication stays current" in sentence
    return sentence


def test_a_missing_mart_stops_the_publication(house: House) -> None:
    house.publish()
    house.change("drop table customers.purchases")
    assert "purchases" in stopped(house)
    assert ask(house.current, "select count(*) from marts.purchases") == [(ROWS,)]


def test_a_missing_mart_stops_the_first_publication(house: House) -> None:
    house.change("drop table customers.purchases")
    stopped(house)
    assert generations.current(house.published) is None


def test_a_mart_that_fails_half_way_stops_the_publication(house: House) -> None:
    house.publish()
    house.change(
        "create or replace view traits.customer_segments as "
        "select error('cannot be read') as segment from customers.customers"
    )
    assert "cannot be read" in stopped(house)


def test_a_copy_with_another_count_stops_the_publication(house: House) -> None:
    house.publish()
    house.change(
        "create or replace view traits.customer_segments as "
        "from range(cast(random() * 1000000 as integer)) as numbers (segment)"
    )
    assert "the copy of customer_segments holds" in stopped(house)


def test_a_warehouse_that_is_not_there_stops_the_publication(house: House) -> None:
    house.publish()
    house.warehouse.unlink()
    stopped(house)
    assert not house.warehouse.exists()


def test_a_warehouse_without_arrivals_stops_the_publication(house: House) -> None:
    house.change("drop table raw.feed_arrivals")
    assert "feed_arrivals" in stopped(house)


def test_after_a_stop_the_next_publication_is_as_ever(house: House) -> None:
    stopped(house, marts=(*MARTS, Mart("kpi_sales", "kpis", "", {}, None, ())))
    target = house.publish()
    assert house.generations() == [target.name]


def test_what_a_killed_run_left_is_removed_by_the_next(house: House) -> None:
    first = house.publish()
    leftover = house.published / "generations" / ".20240312T050000000000Z_dead"
    (leftover / "parquet").mkdir(parents=True)
    (leftover / "customer_insights.duckdb").write_bytes(b"half a database")
    second = house.publish()
    assert house.generations() == [first.name, second.name]


def test_only_the_newest_publications_are_kept(house: House) -> None:
    published = [house.publish(keep=2, marts=MARTS[:1]).name for _ in range(4)]
    assert house.generations() == published[2:]


# readers

READER = """
import sys, duckdb
reader = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
for query in sys.stdin:
    print(reader.execute(query).fetchall(), flush=True)
"""


class Reader:
    """A BI tool: another process that keeps the published file open."""

    def __init__(self, database: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, str(database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "open"

    def ask(self, query: str) -> str:
        assert self.process.stdin
        self.process.stdin.write(query.replace("\n", " ") + "\n")
        self.process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@contextmanager
def reading(database: Path) -> Iterator[Reader]:
    reader = Reader(database)
    with reader.process:
        yield reader
        assert reader.process.stdin
        reader.process.stdin.close()


STATES = """
select list(distinct state order by state) from (
    select state from marts.customers
    union all select state from marts.purchases
    union all select state from marts.customer_segments
)
"""


def advance(house: House, state: int) -> None:
    """Let every row of every mart say that it belongs to this state."""
    house.change(
        f"update customers.customers set state = {state}",
        f"update customers.purchases set state = {state}",
        f"""create or replace view traits.customer_segments as
        select customer_id, 'regular' as segment, {state} as state from customers.customers""",
    )


def test_an_open_reader_in_another_process_keeps_what_it_opened(house: House) -> None:
    house.publish()
    with reading(house.current) as early:
        assert early.ask("select distinct state from marts.customers") == "[(1,)]"
        for state in (2, 3):
            advance(house, state)
            # the generation that the reader has open is removed at the second switch
            house.publish(keep=1)
        # also of the table it has not looked at before
        assert early.ask(STATES) == "[([1],)]"
        assert early.ask("select count(*) from marts.purchases") == f"[({ROWS},)]"
        with reading(house.current) as late:
            assert late.ask(STATES) == "[([3],)]"
        assert early.ask(STATES) == "[([1],)]"


def test_an_open_reader_in_this_process_keeps_what_it_opened(house: House) -> None:
    house.publish()
    with duckdb.connect(str(house.current), read_only=True) as early:
        advance(house, 2)
        house.publish(keep=1)
        assert early.execute(STATES).fetchall() == [([1],)]
        with duckdb.connect(str(house.current), read_only=True) as late:
            assert late.execute(STATES).fetchall() == [([2],)]
        assert early.execute(STATES).fetchall() == [([1],)]


def test_going_back_is_seen_by_new_readers_only(house: House) -> None:
    house.publish()
    advance(house, 2)
    house.publish()
    with duckdb.connect(str(house.current), read_only=True) as early:
        generations.roll_back(house.published)
        assert early.execute(STATES).fetchall() == [([2],)]
        assert ask(house.current, STATES) == [([1],)]


def test_readers_never_wait_and_never_see_half_a_publication(house: House) -> None:
    house.change("delete from customers.purchases where net_amount >= 100")
    house.publish()
    publications, openings, readers = 10, 100, 2
    failures: list[Exception] = []
    seen: list[list[tuple[set[str], list[int]]]] = [[] for _ in range(readers)]

    def read(found: list[tuple[set[str], list[int]]]) -> None:
        for _ in range(openings):
            try:
                with duckdb.connect(str(house.current), read_only=True) as reader:
                    tables = reader.execute("select table_name from duckdb_tables()").fetchall()
                    ((states,),) = reader.execute(STATES).fetchall()
                    found.append(({name for (name,) in tables}, states))
            except duckdb.Error as error:
                failures.append(error)

    threads = [threading.Thread(target=read, args=(found,)) for found in seen]
    for thread in threads:
        thread.start()
    for state in range(2, publications + 2):
        advance(house, state)
        house.publish(keep=2)
    for thread in threads:
        thread.join()
    assert failures == []
    for found in seen:
        assert len(found) == openings
        assert all(names == PUBLISHED for names, _ in found)
        states = [states for _, states in found]
        assert all(len(state) == 1 for state in states), "rows of two publications in one"
        assert states == sorted(states), "a reader was led back"
    assert ask(house.current, STATES) == [([publications + 1],)]


# from dbt's manifest and Dagster's records


def node(name: str, station: str, *, is_mart: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "unique_id": f"model.house.{name}",
        "name": name,
        "resource_type": "model",
        "original_file_path": f"dbt_project/models/{station}/{name}.sql",
        "description": f"About {name}.",
        "columns": {"customer_id": {"description": "Our key."}},
        "config": {"contract": {"enforced": is_mart}, **more},
    }


NODES = (
    node("stg_pos__receipts", "staging", is_mart=False),
    node("int_identity__links", "identity", is_mart=False),
    node("customers", "customers"),
    node("purchases", "customers", event_time="purchased_at"),
    node("customer_segments", "traits"),
)
MANIFEST: dict[str, Any] = {
    "nodes": {entry["unique_id"]: entry for entry in NODES},
    "sources": {
        "source.house.pos.receipts": {"source_name": "pos", "name": "receipts"},
        "source.house.loyalty.members": {"source_name": "loyalty", "name": "members"},
        "source.house.raw.feed_arrivals": {"source_name": "raw", "name": "feed_arrivals"},
    },
    "parent_map": {
        "model.house.stg_pos__receipts": [
            "source.house.pos.receipts",
            "source.house.raw.feed_arrivals",
        ],
        "model.house.int_identity__links": ["source.house.loyalty.members"],
        "model.house.customers": ["model.house.int_identity__links"],
        "model.house.purchases": ["model.house.stg_pos__receipts", "model.house.customers"],
        "model.house.customer_segments": ["model.house.purchases", "seed.house.labels"],
    },
}


def test_marts_and_their_feeds_come_from_the_manifest() -> None:
    marts = publish.marts_of(MANIFEST)
    assert [(mart.station, mart.name) for mart in marts] == [
        ("customers", "customers"),
        ("customers", "purchases"),
        ("traits", "customer_segments"),
    ]
    assert [mart.feeds for mart in marts] == [
        ("loyalty.members",),
        ("loyalty.members", "pos.receipts"),
        ("loyalty.members", "pos.receipts"),
    ]
    assert [mart.built_from for mart in marts] == [
        ("int_identity__links",),
        ("customers", "int_identity__links", "stg_pos__receipts"),
        ("customers", "int_identity__links", "purchases", "stg_pos__receipts"),
    ]
    assert [mart.event_time for mart in marts] == [None, "purchased_at", None]
    assert marts[0].description == "About customers."
    assert marts[0].columns == {"customer_id": "Our key."}


def asset_with_checks(path: Sequence[str], passed: Sequence[bool]) -> dg.AssetsDefinition:
    """An asset whose checks, one per value, hold or warn."""
    key = dg.AssetKey(path)
    names = [f"check_{number}" for number in range(len(passed))]

    @dg.asset(key=key, check_specs=[dg.AssetCheckSpec(name, asset=key) for name in names])
    def asset() -> Iterator[Any]:
        yield dg.MaterializeResult(
            check_results=[
                dg.AssetCheckResult(
                    check_name=name, passed=held, severity=dg.AssetCheckSeverity.WARN
                )
                for name, held in zip(names, passed, strict=True)
            ]
        )

    return asset


def test_the_run_publishes_with_the_checks_it_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSIGHTS_HOME", str(house.root))
    monkeypatch.setattr(ledger, "commit", lambda *_, **__: 1)  # no identity is built here
    house.change(
        "alter table customers.customers drop country",
        "alter table customers.purchases add column customer_id varchar",
    )
    assets = [
        # a feed that is called as a mart is checked for itself
        asset_with_checks(["raw", "crm", "customers"], [True, False]),
        asset_with_checks(["customers", "customers"], [True, True, False]),
        asset_with_checks(["customers", "purchases"], [True]),
        asset_with_checks(["traits", "customer_segments"], []),
        publish.build_asset(MANIFEST),
    ]
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            assets,
            instance=instance,
            resources={"run_lock": dg.ResourceDefinition.none_resource()},
            tags={"dagster/partition": "2024-03-11"},
        )
    assert result.success
    (event,) = result.asset_materializations_for_node("published__current")
    assert event.metadata["generation"].value == house.current.resolve().parent.name
    assert publish.published_row_counts()["purchases"] == ROWS
    counts = ("checks_passed", "checks_warned")
    assert trust(house, "customers", *counts) == (2, 1)
    # a mart is as good as what it is built from
    assert trust(house, "purchases", *counts) == (3, 1)
    assert trust(house, "customer_segments", *counts) == (3, 1)


def test_a_publication_that_stops_fails_its_step_in_a_sentence(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSIGHTS_HOME", str(house.root))
    house.change("drop view traits.customer_segments")
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [publish.build_asset(MANIFEST)],
            instance=instance,
            resources={"run_lock": dg.ResourceDefinition.none_resource()},
            tags={"dagster/partition": "2024-03-11"},
            raise_on_error=False,
        )
    (failure,) = result.get_step_failure_events()
    data = failure.step_failure_data.user_failure_data
    assert data
    assert str(data.description).startswith("Publishing stopped: ")
    assert publish.published_row_counts() == {}


def test_nobody_can_write_into_a_publication(house: House) -> None:
    """A BI tool that opens the file for writing would lock out the others."""
    files = [path for path in house.publish().rglob("*") if path.is_file()]
    assert len(files) > len(PUBLISHED)
    assert [path for path in files if path.stat().st_mode & 0o222] == []


def test_a_published_figure_can_be_read_after_its_generation_is_gone(house: House) -> None:
    """Also one whose run was killed before its figures were put aside."""
    figures = Mart("kpi_values", "kpis", "Figures.", {}, None, ())
    house.change(
        "create schema kpis", "create table kpis.kpi_values as select 'nps' as kpi, 1 as value"
    )
    killed = house.publish(marts=[figures], as_of=date(2024, 3, 10))
    shutil.rmtree(house.published / "kpi_history")
    for value in (2, 3):
        house.change(f"update kpis.kpi_values set value = {value}")
        house.publish(marts=[figures], keep=2 if value == 2 else 1)
    assert not killed.exists()
    assert len(house.generations()) == 1
    with duckdb.connect() as reader:
        assert reader.execute(
            "select as_of, value from read_parquet(?) order by filename",
            [str(house.published / "kpi_history" / "*" / "*.parquet")],
        ).fetchall() == [(date(2024, 3, 10), 1), (AS_OF, 2), (AS_OF, 3)]
