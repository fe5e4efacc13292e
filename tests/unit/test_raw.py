"""From landed files to raw: which days wait, what dbt sees, and that only whole days move."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration import raw, reading, settings
from orchestration.feeds import Column, Feed
from orchestration.settings import Settings

DAY = date(2024, 3, 1)
NEXT = DAY + timedelta(days=1)
HEADER = "receipt_id,sold_at,amount,country\n"
COLUMNS = (
    ("receipt_id", "varchar"),
    ("sold_at", "timestamp"),
    ("amount", "decimal(18,2)"),
    ("country", "varchar"),
)
LINEAGE = [
    ("_load_date", "DATE"),
    ("_source_file", "VARCHAR"),
    ("_line_number", "BIGINT"),
    ("_raw_version", "VARCHAR"),
]


def make_feed(
    table: str = "receipts", columns: Sequence[tuple[str, str]] = COLUMNS, **more: Any
) -> Feed:
    return Feed(
        source="pos",
        table=table,
        description="A feed.",
        owner="stores",
        columns=tuple(
            Column(name=name, data_type=kind, description="A column.") for name, kind in columns
        ),
        key=(columns[0][0],),
        path=settings.PROJECT_ROOT / "_pos__sources.yml",
        line=1,
        **more,
    )


FEED = make_feed()


def row(receipt: str, amount: str = "1.50") -> str:
    return f"{receipt},2024-03-01T10:00:00Z,{amount},FR\n"


@dataclass
class Home:
    """A home, and short ways to land files, load days and look at what dbt would see."""

    where: Settings

    @classmethod
    def at(cls, root: Path) -> Home:
        root.mkdir(parents=True, exist_ok=True)
        return cls(Settings(root, root / "landing", "duckdb", "UTC", "EUR", "US", 5))

    def land(
        self, text: str, day: date | str = DAY, name: str = "a.csv", feed: Feed = FEED
    ) -> Path:
        path = self.where.landing / feed.source / feed.table / str(day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, feed: Feed = FEED) -> None:
        """Put every landed day into raw, as the asset does once the gate has let it through."""
        work = self.where.staging_area
        for day in reading.read_days(feed, raw.landed_days(self.where.landing, feed), work):
            assert day.parquet is not None, day.error
            target = self.where.raw / feed.source / feed.table / day.parquet.name
            target.parent.mkdir(parents=True, exist_ok=True)
            day.parquet.replace(target)

    def pending(self, *feeds: Feed) -> list[date]:
        return raw.pending_days(self.where, feeds or (FEED,))

    def state(self, *days: date) -> str:
        return raw.landing_state(self.where, (FEED,), days or (DAY, NEXT))

    def attach(self, *feeds: Feed) -> int:
        return raw.attach(self.where, feeds or (FEED,))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.where.warehouse), read_only=True) as warehouse:
            return warehouse.execute(query).fetchall()

    def shape(self, feed: Feed = FEED) -> list[tuple[str, str]]:
        return [row[:2] for row in self.ask(f"describe raw.{feed.identifier}")]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


# what lies landed


def test_a_feed_without_a_folder_has_no_landed_days(home: Home) -> None:
    assert raw.landed_days(home.where.landing, FEED) == {}


def test_landed_files_are_listed_by_day_in_order(home: Home) -> None:
    later = home.land(HEADER, NEXT)
    second = home.land(HEADER, name="b.csv")
    first = home.land(HEADER + row("r1"), name="a.csv")
    found = raw.landed_days(home.where.landing, FEED)
    assert list(found) == [DAY, NEXT]
    assert [file.path for file in found[DAY]] == [first, second]
    assert [file.path for file in found[NEXT]] == [later]
    stat = first.stat()
    assert (found[DAY][0].size, found[DAY][0].modified_ns) == (stat.st_size, stat.st_mtime_ns)


@pytest.mark.parametrize(
    "folder",
    [
        ".2024-03-01",
        "_2024-03-01",
        "2024-03-01.tmp",
        "2024-02-30",
        "2024-3-1",
        "20240301",
        "latest",
        "archive/2024-03-01",
    ],
)
def test_a_folder_whose_name_is_no_day_is_passed_over(home: Home, folder: str) -> None:
    home.land(HEADER, folder)
    assert raw.landed_days(home.where.landing, FEED) == {}


@pytest.mark.parametrize("name", [".a.csv", "_SUCCESS", ".a.csv.swp", "part/a.csv"])
def test_hidden_files_and_folders_are_passed_over(home: Home, name: str) -> None:
    home.land(HEADER, name="a.csv")
    home.land(HEADER, NEXT, name="a.csv").rename(
        home.where.landing / "pos" / "receipts" / str(NEXT) / Path(name).name
    )
    path = home.where.landing / "pos" / "receipts" / str(NEXT) / name
    if "/" in name:
        path.parent.mkdir()
        (path.parent.parent / path.name).rename(path)
    assert list(raw.landed_days(home.where.landing, FEED)) == [DAY]


def test_an_empty_folder_and_a_file_named_as_a_day_are_passed_over(home: Home) -> None:
    folder = home.land(HEADER).parent
    (folder.parent / str(NEXT)).mkdir()
    (folder.parent / "2024-03-03").write_text("no folder")
    assert list(raw.landed_days(home.where.landing, FEED)) == [DAY]


def test_a_link_to_a_file_counts_and_a_broken_one_does_not(home: Home, tmp_path: Path) -> None:
    folder = home.land(HEADER).parent
    (tmp_path / "elsewhere.csv").write_text(HEADER)
    (folder / "b.csv").symlink_to(tmp_path / "elsewhere.csv")
    (folder / "c.csv").symlink_to(tmp_path / "gone.csv")
    names = [file.path.name for file in raw.landed_days(home.where.landing, FEED)[DAY]]
    assert names == ["a.csv", "b.csv"]


# which days wait


def test_a_new_day_is_pending_and_a_loaded_one_is_not(home: Home) -> None:
    assert home.pending() == []
    home.land(HEADER + row("r1"))
    assert home.pending() == [DAY]
    home.load()
    assert home.pending() == []
    home.land(HEADER + row("r2"), NEXT)
    assert home.pending() == [NEXT]


def test_a_day_that_was_sent_again_is_pending(home: Home) -> None:
    path = home.land(HEADER + row("r1"))
    home.load()
    stat = path.stat()
    # the same size, later
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert home.pending() == [DAY]
    home.load()
    assert home.pending() == []
    # another size, at the same time
    path.write_text(HEADER + row("r1") + row("r2"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert home.pending() == [DAY]
    home.load()
    assert home.pending() == []


def test_a_file_more_less_or_renamed_makes_its_day_pending(home: Home) -> None:
    home.land(HEADER + row("r1"))
    second = home.land(HEADER + row("r2"), name="b.csv")
    home.load()
    third = home.land(HEADER + row("r3"), name="c.csv")
    assert home.pending() == [DAY]
    third.unlink()
    assert home.pending() == []
    renamed = second.rename(second.with_name("d.csv"))
    assert home.pending() == [DAY]
    renamed.rename(second)
    assert home.pending() == []
    second.unlink()
    assert home.pending() == [DAY]


def test_a_loaded_day_whose_files_were_cleared_away_is_not_pending(home: Home) -> None:
    home.land(HEADER + row("r1"))
    home.load()
    shutil.rmtree(home.where.landing)
    assert home.pending() == []


def test_a_loaded_day_whose_raw_file_is_lost_or_broken_is_pending(home: Home) -> None:
    home.land(HEADER + row("r1"))
    home.load()
    loaded = home.where.raw / "pos" / "receipts" / f"{DAY}.parquet"
    loaded.write_bytes(b"not a Parquet file")
    assert home.pending() == [DAY]
    loaded.unlink()
    assert home.pending() == [DAY]


def test_pending_days_of_all_feeds_come_once_and_in_order(home: Home) -> None:
    lines = make_feed("lines")
    home.land(HEADER, NEXT)
    home.land(HEADER, DAY)
    home.land(HEADER, NEXT, feed=lines)
    home.land(HEADER, DAY - timedelta(days=1), feed=lines)
    assert home.pending(FEED, lines) == [DAY - timedelta(days=1), DAY, NEXT]
    home.load()
    assert home.pending(FEED, lines) == [DAY - timedelta(days=1), NEXT]


def test_the_newest_loaded_day_is_that_of_any_feed(home: Home) -> None:
    assert raw.newest_loaded_day(home.where.raw) is None
    lines = make_feed("lines")
    home.land(HEADER, DAY)
    home.land(HEADER, NEXT, feed=lines)
    home.load()
    home.load(lines)
    (home.where.raw / "pos" / "lines" / "draft.parquet").touch()
    assert raw.newest_loaded_day(home.where.raw) == NEXT


# the state of the landing folder


def test_the_landing_state_stays_while_no_file_changes(home: Home) -> None:
    home.land(HEADER, DAY)
    home.land(HEADER, NEXT)
    before = home.state()
    assert home.state() == before
    assert raw.landing_state(home.where, (FEED,), [NEXT, DAY]) == before
    # loading, looking, hidden files, other feeds and other days are no change
    home.load()
    home.land(HEADER, name=".a.csv.part")
    home.land(HEADER, feed=make_feed("lines"))
    home.land(HEADER, NEXT + timedelta(days=1))
    assert home.state() == before


def test_the_landing_state_changes_with_every_change_of_a_file(home: Home) -> None:
    path = home.land(HEADER, DAY)
    states = [home.state()]
    home.land(HEADER, NEXT)
    states.append(home.state())
    home.land(HEADER + row("r1"), DAY)
    states.append(home.state())
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    states.append(home.state())
    path = path.rename(path.with_name("b.csv"))
    states.append(home.state())
    path.unlink()
    states.append(home.state())
    assert len(set(states)) == len(states)


def test_the_landing_state_tells_days_and_feeds_apart(home: Home) -> None:
    stat = home.land(HEADER, DAY).stat()
    lines = make_feed("lines")
    os.utime(home.land(HEADER, NEXT), ns=(0, stat.st_mtime_ns))
    os.utime(home.land(HEADER, DAY, feed=lines), ns=(0, stat.st_mtime_ns))
    assert home.state(DAY) != home.state(NEXT)
    assert raw.landing_state(home.where, (lines,), [DAY]) != home.state(DAY)


# what dbt sees


def test_a_feed_that_never_arrived_is_an_empty_view_of_its_shape(home: Home) -> None:
    kinds = ("integer", "bigint", "double", "boolean", "date", "timestamp", "decimal(9,4)")
    feed = make_feed(columns=[("a", "varchar"), *((f"c{i}", kind) for i, kind in enumerate(kinds))])
    assert home.attach(feed) == 0
    assert home.ask("select count(*) from raw.pos__receipts") == [(0,)]
    wanted = [("a", "VARCHAR"), *((f"c{i}", kind.upper()) for i, kind in enumerate(kinds))]
    assert home.shape(feed) == wanted + LINEAGE
    assert home.ask("select count(*) from raw.feed_arrivals") == [(0,)]


def test_an_arrived_feed_has_the_same_shape_and_its_rows(home: Home) -> None:
    home.attach()
    before = home.shape()
    home.land(HEADER + row("r1") + row("r2"))
    home.land(HEADER + row("r3"), NEXT)
    home.load()
    assert home.attach() == 2
    assert home.shape() == before
    found = home.ask(
        "select receipt_id, _load_date, _source_file, _line_number "
        "from raw.pos__receipts order by 1"
    )
    assert found == [("r1", DAY, "a.csv", 2), ("r2", DAY, "a.csv", 3), ("r3", NEXT, "a.csv", 2)]


def test_arrivals_list_what_is_loaded(home: Home) -> None:
    home.land(HEADER + row("r1") + row("r2"))
    home.land(HEADER, NEXT)
    home.load()
    home.attach()
    arrivals = home.ask("select feed, load_date, row_count from raw.feed_arrivals order by all")
    assert arrivals == [("pos.receipts", DAY, 2), ("pos.receipts", NEXT, 0)]
    version = "select distinct _raw_version from raw.pos__receipts"
    assert home.ask(f"select raw_version from raw.feed_arrivals where load_date = '{DAY}'") == (
        home.ask(version)
    )


def test_the_version_of_a_day_changes_with_its_content_only(home: Home) -> None:
    query = "select load_date, raw_version from raw.feed_arrivals order by 1"
    path = home.land(HEADER + row("r1"))
    home.land(HEADER + row("r2"), NEXT)
    home.load()
    home.attach()
    before = home.ask(query)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    home.load()
    home.attach()
    assert home.ask(query) == before
    path.write_text(HEADER + row("r9"))
    home.load()
    home.attach()
    after = home.ask(query)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_column_the_contract_gained_is_null_in_older_files(home: Home) -> None:
    home.land(HEADER + row("r1", "1.50"))
    home.load()
    gained = make_feed(columns=[*COLUMNS[:2], ("store_id", "bigint"), *COLUMNS[2:]])
    home.attach(gained)
    kinds = dict(home.shape(gained))
    assert list(kinds)[:5] == ["receipt_id", "sold_at", "store_id", "amount", "country"]
    assert (kinds["store_id"], kinds["amount"]) == ("BIGINT", "DECIMAL(18,2)")
    query = (
        "select receipt_id, store_id, amount::varchar, country from raw.pos__receipts order by 1"
    )
    assert home.ask(query) == [("r1", None, "1.50", "FR")]
    # new files have it, old ones are as they were
    header = HEADER.replace("\n", ",store_id\n")
    home.land(header + row("r2").replace("\n", ",7\n"), NEXT)
    (home.where.landing / "pos" / "receipts" / str(DAY) / "a.csv").unlink()
    home.load(gained)
    home.attach(gained)
    assert home.ask(query) == [("r1", None, "1.50", "FR"), ("r2", 7, "1.50", "FR")]


def test_a_column_the_contract_lost_is_gone_from_the_view(home: Home) -> None:
    home.land(HEADER + row("r1"))
    home.load()
    lost = make_feed(columns=COLUMNS[:2])
    home.attach(lost)
    assert [name for name, _ in home.shape(lost)] == [
        "receipt_id",
        "sold_at",
        *(name for name, _ in LINEAGE),
    ]
    assert home.ask("select receipt_id from raw.pos__receipts") == [("r1",)]


def test_columns_the_contract_reordered_keep_their_values(home: Home) -> None:
    home.land(HEADER + row("r1", "1.50"))
    home.load()
    home.attach(make_feed(columns=[COLUMNS[0], *reversed(COLUMNS[1:])]))
    assert home.ask("select * exclude (sold_at) from raw.pos__receipts")[0][:3] == (
        "r1",
        "FR",
        pytest.approx(1.5),
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("decimal(18,2)", "double"),
        ("integer", "bigint"),
        ("integer", "varchar"),
        ("varchar", "decimal(18,2)"),
        ("decimal(18,2)", "decimal(9,4)"),
        ("bigint", "integer"),
    ],
)
def test_a_column_whose_type_the_contract_changed_has_the_new_one(
    home: Home, old: str, new: str
) -> None:
    home.land(HEADER + row("r1", "2"))
    home.load(make_feed(columns=[*COLUMNS[:2], ("amount", old), COLUMNS[3]]))
    changed = make_feed(columns=[*COLUMNS[:2], ("amount", new), COLUMNS[3]])
    home.attach(changed)
    assert dict(home.shape(changed))["amount"] == new.upper()
    assert home.ask("select amount = 2 from raw.pos__receipts") == [(True,)]


def test_a_value_that_does_not_fit_a_changed_type_stops_whoever_reads_it(home: Home) -> None:
    """It must not be lost silently."""
    columns = [*COLUMNS[:3], ("country", "integer")]
    home.land(HEADER + row("r1"))
    home.load()
    home.attach(make_feed(columns=columns))
    assert home.ask("select receipt_id from raw.pos__receipts") == [("r1",)]
    with pytest.raises(duckdb.ConversionException):
        home.ask("select country from raw.pos__receipts")


def test_a_feed_that_never_arrived_may_have_a_column_called_as_a_word_of_sql(home: Home) -> None:
    home.attach(make_feed(columns=[("order", "varchar"), ("group", "varchar")]))
    assert home.ask('select "order", "group" from raw.pos__receipts') == []


def test_a_column_may_be_called_as_a_word_of_sql(home: Home) -> None:
    feed = make_feed(columns=[("order", "varchar"), ("group", "varchar")])
    home.land("order,group\no1,g1\n")
    home.load(feed)
    home.attach(feed)
    assert home.ask('select "order", "group" from raw.pos__receipts') == [("o1", "g1")]


def test_the_view_of_a_contract_that_is_gone_is_dropped(home: Home) -> None:
    lines = make_feed("lines")
    home.land(HEADER + row("r1"))
    home.load()
    home.attach(FEED, lines)
    assert home.attach(FEED) == 1
    views = "select view_name from duckdb_views() where schema_name = 'raw'"
    assert home.ask(views) == [("pos__receipts",)]


def test_views_of_other_stations_are_left_alone(home: Home) -> None:
    with duckdb.connect(str(home.where.warehouse)) as warehouse:
        warehouse.execute("create schema staging")
        warehouse.execute("create view staging.stg_pos__receipts as select 1 as a")
    home.attach()
    assert home.ask("select a from staging.stg_pos__receipts") == [(1,)]


def test_attaching_again_follows_what_is_loaded(home: Home) -> None:
    home.land(HEADER + row("r1"))
    home.load()
    home.attach()
    (home.where.raw / "pos" / "receipts" / f"{DAY}.parquet").unlink()
    assert home.attach() == 0
    assert home.ask("select count(*) from raw.pos__receipts") == [(0,)]


@pytest.mark.parametrize(
    "name",
    [
        # blanks, quotes, brackets, what a pattern is made of, and letters beyond ASCII
        'it\'s [my] "home"; *{a,b} größer',
        # what DuckDB could take for columns of the files below
        "country=XX/amount=9",
    ],
)
def test_a_home_with_an_odd_name_holds_the_same(tmp_path: Path, name: str) -> None:
    home = Home.at(tmp_path / name)
    home.land(HEADER + row("r1"))
    assert home.pending() == [DAY]
    home.load()
    assert home.pending() == []
    assert home.attach() == 1
    query = "select receipt_id, amount::varchar, country from raw.pos__receipts"
    assert home.ask(query) == [("r1", "1.50", "FR")]
    # also through the slower view, once the contract has changed
    gained = make_feed(columns=[*COLUMNS, ("store_id", "bigint")])
    home.attach(gained)
    assert home.ask(query) == [("r1", "1.50", "FR")]


# the asset, gate and all


def materialize(home: Home, feed: Feed, first: date, last: date) -> dg.ExecuteInProcessResult:
    """One run over a range of days, as the daily job makes it."""
    partitions = dg.DailyPartitionsDefinition(start_date=str(DAY))
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [raw.build_asset(feed, partitions)],
            instance=instance,
            resources={"run_lock": dg.ResourceDefinition.none_resource()},
            tags={
                "dagster/asset_partition_range_start": str(first),
                "dagster/asset_partition_range_end": str(last),
            },
            raise_on_error=False,
        )


def materialized(result: dg.ExecuteInProcessResult) -> list[str | None]:
    return [
        event.step_materialization_data.materialization.partition
        for event in result.get_asset_materialization_events()
    ]


def test_good_days_load_and_a_bad_one_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.at(tmp_path / "it's [my] home")
    monkeypatch.setenv("INSIGHTS_HOME", str(home.where.home))
    monkeypatch.setenv("INSIGHTS_LANDING", str(home.where.landing))
    days = [DAY + timedelta(days=number) for number in range(4)]
    for day in days[:3]:
        home.land(HEADER + row("r1") + row("r2"), day)
    bad = home.land(HEADER + row("r1") + row("r2", "much"), days[1])

    result = materialize(home, FEED, days[0], days[3])
    assert not result.success
    folder = home.where.raw / "pos" / "receipts"
    assert sorted(path.stem for path in folder.iterdir()) == [str(days[0]), str(days[2])]
    refused = home.where.quarantine / "pos" / "receipts" / f"{days[1]}.parquet"
    assert duckdb.read_parquet(str(refused)).project("reason").fetchall() == [("type:amount",)]
    assert home.pending() == [days[1]], "a refused day waits until it loads"
    assert materialized(result) == [str(days[0]), str(days[2])]

    bad.write_text(HEADER + row("r1") + row("r2"))
    again = materialize(home, FEED, days[1], days[1])
    assert again.success
    assert home.pending() == []
    assert not refused.exists()
    assert not any(path.is_file() for path in home.where.staging_area.rglob("*"))


def test_a_refused_correction_leaves_the_day_as_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSIGHTS_HOME", str(home.where.home))
    monkeypatch.setenv("INSIGHTS_LANDING", str(home.where.landing))
    home.land(HEADER + row("r1"))
    home.load()
    loaded = home.where.raw / "pos" / "receipts" / f"{DAY}.parquet"
    before = loaded.read_bytes()
    home.land(HEADER + row("r1") + row("r1"))
    assert not materialize(home, FEED, DAY, DAY).success
    assert loaded.read_bytes() == before
    assert home.pending() == [DAY]
    # what refuses no more lets the same files through
    assert materialize(home, make_feed(duplicates="keep_latest"), DAY, DAY).success
    assert home.pending() == []
