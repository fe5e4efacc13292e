"""Feeds to raw: daily partitioned assets that stage a day, gate it and rename it into place.

One Parquet file per feed and load date is the record of truth: it is written whole or not at all,
and re-materialising a day replaces that day and nothing else. What a file means is in `reading`,
what is fit to build on in `checks`. Nothing here knows a feed by name.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from orchestration import checks, landed, reading, settings
from orchestration.checks import ArrivalReport, StagedDay
from orchestration.feeds import Feed
from orchestration.landed import LandedFile
from orchestration.reading import DayReading
from orchestration.settings import Settings

STATION = "raw"
FEED_ARRIVALS = dg.AssetKey([STATION, "feed_arrivals"])
ARRIVAL_CHECK = "arrival"
DAILY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))
"""What the daily run owes every asset: to have looked at it, whether or not anything arrived."""

_NOT_LOADED = "Nothing was loaded for such a day; deliver it again, or change what is expected."
_STALE = "What did come was loaded; deliver the missing days and run again."

Footer = Mapping[str, Any]
"""What `reading` says of a loaded day: version, files, counts, notes."""


def asset_key(feed: Feed) -> dg.AssetKey:
    """The asset that holds a feed's arrivals."""
    return dg.AssetKey([STATION, feed.source, feed.table])


def landed_days(landing: Path, feed: Feed) -> dict[date, list[LandedFile]]:
    """The files that lie in a feed's landing folder, by the day their folder names.

    Folders whose name is not a day, hidden files and empty folders are passed over.
    """
    root = landing / feed.source / feed.table
    found: dict[date, list[LandedFile]] = {}
    if not root.is_dir():
        return found
    with os.scandir(root) as folders:
        for folder in folders:
            day = settings.parse_day(folder.name)
            if day is None or not folder.is_dir():
                continue
            files = [
                LandedFile(Path(entry.path), entry.stat().st_size, entry.stat().st_mtime_ns)
                for entry in os.scandir(folder)
                if entry.is_file() and not entry.name.startswith((".", "_"))
            ]
            if files:
                found[day] = sorted(files, key=lambda file: file.path.name)
    return dict(sorted(found.items()))


def loaded_footers(raw: Path, feeds: Iterable[Feed]) -> dict[str, dict[date, Footer]]:
    """What was loaded, by feed and day: the note the reader left in each raw file's footer."""
    places = {
        path: (feed.name, day)
        for feed in feeds
        for path in (raw / feed.source / feed.table).glob("*.parquet")
        if (day := settings.parse_day(path.stem)) is not None
    }
    loaded: dict[str, dict[date, Footer]] = {feed.name: {} for feed in feeds}
    for path, footer in reading.footers(places).items():
        name, day = places[path]
        loaded[name][day] = footer
    return loaded


def pending_days(where: Settings, feeds: Sequence[Feed]) -> list[date]:
    """The days on which some feed has landed files that are not what was loaded, in order.

    A day that was refused is pending until it loads: nothing is given up silently.
    """
    loaded = loaded_footers(where.raw, feeds)
    return sorted(
        {
            day
            for feed in feeds
            for day, files in landed_days(where.landing, feed).items()
            if _fingerprint(files) != _loaded_files(loaded[feed.name].get(day))
        }
    )


def landing_state(where: Settings, feeds: Iterable[Feed], days: Iterable[date]) -> str:
    """A digest of the files that lie landed for some days: another one when any file changes."""
    digest = hashlib.sha256()
    wanted = set(days)
    for feed in feeds:
        for day, files in landed_days(where.landing, feed).items():
            if day in wanted:
                digest.update(f"{feed.name} {day} {sorted(_fingerprint(files))}".encode())
    return digest.hexdigest()


def newest_loaded_day(raw: Path) -> date | None:
    """The latest load date of any feed, or None while nothing is loaded."""
    days = (settings.parse_day(path.stem) for path in raw.glob("*/*/*.parquet"))
    return max((day for day in days if day is not None), default=None)


def build_asset(feed: Feed, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The daily partitioned asset of one feed, with its arrival gate inside."""

    @dg.asset(
        key=asset_key(feed),
        group_name=STATION,
        description=feed.description,
        owners=[f"team:{feed.owner}"],
        kinds={"parquet", "duckdb"},
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=_freshness_policy(feed),
        metadata={
            "dagster/column_schema": _column_schema(feed),
            "contract": dg.MetadataValue.path(
                str(feed.path.relative_to(settings.PROJECT_ROOT)) + f":{feed.line}"
            ),
        },
        check_specs=[
            dg.AssetCheckSpec(
                ARRIVAL_CHECK,
                asset=asset_key(feed),
                blocking=True,
                description="What arrived is what the contract promises: keys, nulls, allowed "
                "values, refused share, volume against the trailing days, freshness.",
            )
        ],
        required_resource_keys={"run_lock"},
        op_tags={"station": STATION},
    )
    def arrivals(context: dg.AssetExecutionContext) -> Iterator[Any]:
        days = [date.fromisoformat(key) for key in context.partition_keys]
        yield from _load(context, feed, days)

    return arrivals


def build_feed_arrivals(feeds: Sequence[Feed]) -> dg.AssetsDefinition:
    """The asset that shows dbt the raw files: one view per feed and the list of what is loaded."""

    @dg.asset(
        key=FEED_ARRIVALS,
        group_name=STATION,
        deps=[asset_key(feed) for feed in feeds],
        description="Which content of which feed is loaded for which day; one row per feed and "
        "load date. Written together with the views through which dbt reads the raw files.",
        owners=["team:data-platform"],
        kinds={"duckdb"},
        freshness_policy=DAILY,
        required_resource_keys={"run_lock"},
        op_tags={"station": STATION},
    )
    def feed_arrivals(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        where = settings.load()
        rows = attach(where, feeds)
        return dg.MaterializeResult(metadata={"dagster/row_count": rows})

    return feed_arrivals


def attach(where: Settings, feeds: Sequence[Feed]) -> int:
    """(Re)create schema `raw` of the warehouse over the raw files.

    A feed that never arrived is an empty view of its contract's shape, so that every model builds
    for every tenant. Returns the number of loaded (feed, load date) pairs.
    """
    loaded = loaded_footers(where.raw, feeds)
    arrivals = [
        (name, day, footer["version"], footer["accepted_count"])
        for name, days in loaded.items()
        for day, footer in days.items()
    ]
    where.home.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(where.warehouse)) as warehouse:
        warehouse.execute("begin")
        warehouse.execute("create schema if not exists raw")
        known = {feed.identifier for feed in feeds}
        existing = warehouse.execute(
            "select view_name from duckdb_views() where schema_name = 'raw'"
        ).fetchall()
        for (view,) in existing:
            if view not in known:
                warehouse.execute(f'drop view raw."{view}"')
        for feed in feeds:
            sql = _view_sql(where, feed, list(loaded[feed.name].values()))
            warehouse.execute(f"create or replace view raw.{feed.identifier} as {sql}")
        # one statement for all rows: a statement per row would cost a millisecond each
        warehouse.execute(
            "create or replace table raw.feed_arrivals as "
            "select unnest($1::varchar[]) as feed, unnest($2::date[]) as load_date, "
            "unnest($3::varchar[]) as raw_version, unnest($4::bigint[]) as row_count",
            [[arrival[place] for arrival in arrivals] for place in range(4)],
        )
        warehouse.execute("commit")
    return len(arrivals)


def _load(context: dg.AssetExecutionContext, feed: Feed, days: Sequence[date]) -> Iterator[Any]:
    """Stage, gate and put into place the days of one feed; yield what Dagster should know."""
    where = settings.load()
    files = landed_days(where.landing, feed)
    wanted = {day: files[day] for day in days if day in files}
    work = where.staging_area / STATION / feed.source / feed.table
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        readings = reading.read_days(feed, wanted, work) if wanted else []
        # what the marts will stand for: a run over an old day must not hide that a feed is stale
        as_of = max(*days, newest_loaded_day(where.raw) or days[0])
        report = _gate(where, feed, readings, as_of)
        problems = [reading_.error for reading_ in readings if reading_.error is not None]
        failures = [failure for outcome in report.outcomes for failure in outcome.failures]
        refusing = {said for sentences in report.failed_days.values() for said in sentences}
        problems += [
            f"{failure.sentence} {_NOT_LOADED if failure.sentence in refusing else _STALE}"
            for failure in failures
            if failure.severity == "error"
        ]
        warnings = _worth_a_look(feed, readings)
        warnings += [failure.sentence for failure in failures if failure.severity == "warn"]
        for reading_ in readings:
            refused = reading_.error is not None or reading_.day in report.failed_days
            _put_into_place(where, feed, reading_, refused=refused)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    metadata = {reading_.day: _metadata(where, feed, reading_) for reading_ in readings}
    refused_rows = sum(reading_.refused_count for reading_ in readings)
    check = _arrival_result(feed, report, problems, warnings, refused_rows)
    if not problems:
        for day, values in metadata.items():
            context.add_asset_metadata(values, partition_key=day.isoformat())
        yield dg.MaterializeResult(check_results=[check])
        return
    # the days that did load are told apart from those refused; an output would claim them all
    for reading_ in readings:
        if reading_.error is None and reading_.day not in report.failed_days:
            yield dg.AssetMaterialization(
                asset_key(feed), metadata=metadata[reading_.day], partition=reading_.day.isoformat()
            )
    yield check
    raise dg.Failure(description=_summary(problems), allow_retries=False)


def _worth_a_look(feed: Feed, readings: Sequence[DayReading]) -> list[str]:
    """What files did that refuses nothing, each thing once however many days it happened on."""
    days: dict[str, list[date]] = {}
    for reading_ in readings:
        for note in reading_.notes:
            days.setdefault(note, []).append(reading_.day)
    return [
        f"{feed.name} {when[0]}{f' and {len(when) - 1} more days' if when[1:] else ''}: {note}"
        for note, when in days.items()
    ]


def _arrival_result(
    feed: Feed,
    report: ArrivalReport,
    problems: Sequence[str],
    warnings: Sequence[str],
    refused_rows: int,
) -> dg.AssetCheckResult:
    findings = [f"- error: {sentence}" for sentence in problems]
    findings += [f"- warn: {sentence}" for sentence in warnings]
    return dg.AssetCheckResult(
        asset_key=asset_key(feed),
        check_name=ARRIVAL_CHECK,
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR if problems else dg.AssetCheckSeverity.WARN,
        metadata={
            "findings": dg.MetadataValue.md("\n".join(findings) or "none"),
            "refused_rows": refused_rows,
            "passed": sum(outcome.passed_count for outcome in report.outcomes),
            "failed": len(findings),
        },
    )


def _gate(
    where: Settings, feed: Feed, readings: Sequence[DayReading], as_of: date
) -> ArrivalReport:
    staged = {
        reading_.day: StagedDay(reading_.parquet, reading_.accepted_count, reading_.refused_count)
        for reading_ in readings
        if reading_.parquet is not None
    }
    loaded = loaded_footers(where.raw, [feed])[feed.name]
    history = {day: int(footer["accepted_count"]) for day, footer in loaded.items()}
    return checks.check_arrivals(feed, staged, history, as_of)


def _put_into_place(where: Settings, feed: Feed, reading_: DayReading, *, refused: bool) -> None:
    """Rename one day's files. The quarantine always tells of the latest attempt."""
    name = Path(feed.source) / feed.table / f"{reading_.day}.parquet"
    quarantine = where.quarantine / name
    if reading_.quarantine is not None:
        _replace(reading_.quarantine, quarantine)
    else:
        quarantine.unlink(missing_ok=True)
    if not refused and reading_.parquet is not None:
        _replace(reading_.parquet, where.raw / name)


def _replace(staged: Path, target: Path) -> None:
    """Move a finished file into place so that a crash leaves the old or the new one, whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with staged.open("rb") as file:
        os.fsync(file.fileno())
    staged.replace(target)


def _view_sql(where: Settings, feed: Feed, footers: Sequence[Footer]) -> str:
    types = reading.column_types(feed)
    columns = ", ".join(f'"{name}"' for name in types)
    nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in types.items())
    empty = f"select {nulls} where false"
    if not footers:
        return empty
    folder = where.raw / feed.source / feed.table
    files = "'" + f"{landed.literal_path(folder)}/*.parquet".replace("'", "''") + "'"
    # or a folder called `country=XX` would pass for a column
    files += ", hive_partitioning = false"
    if all(list(footer["columns"].items()) == list(types.items()) for footer in footers):
        # the plain form lets DuckDB pass over the files of other days, at a tenth of the cost
        return f"select {columns} from read_parquet({files})"
    # by name and cast, so that files written before the contract changed still fit; a value that
    # does not fit stops the run, for it must not be lost silently
    written = f"select * from read_parquet({files}, union_by_name = true)"
    casts = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in types.items())
    return f"select {casts} from ({written} union all by name {empty})"


def _fingerprint(files: Sequence[LandedFile]) -> set[tuple[str, int, int]]:
    return {(file.path.name, file.size, file.modified_ns) for file in files}


def _loaded_files(footer: Footer | None) -> set[tuple[str, int, int]] | None:
    if footer is None:
        return None
    return {(file["name"], file["size"], file["modified_ns"]) for file in footer["files"]}


def _metadata(where: Settings, feed: Feed, reading_: DayReading) -> dict[str, Any]:
    path = where.raw / feed.source / feed.table / f"{reading_.day}.parquet"
    return {
        "dagster/partition_row_count": reading_.accepted_count,
        "rows": reading_.accepted_count,
        "bytes": path.stat().st_size if path.exists() else 0,
        "refused_rows": reading_.refused_count,
        "refused_by_reason": dg.MetadataValue.json(dict(reading_.refused_by_reason)),
        "notes": dg.MetadataValue.json(list(reading_.notes)),
        "missing_columns": dg.MetadataValue.json(list(reading_.missing_columns)),
    }


def _summary(problems: Sequence[str]) -> str:
    """The first problem in full and how many more there are; the check result holds them all."""
    more = len(problems) - 1
    return problems[0] + (f" (and {more} more, see the asset's check)" if more else "")


def _column_schema(feed: Feed) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.data_type,
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=not column.is_required, unique=feed.key == (column.name,)
                ),
                tags={} if column.pii == "none" else {"pii": column.pii},
            )
            for column in feed.columns
        ]
    )


def _freshness_policy(feed: Feed) -> dg.FreshnessPolicy:
    limits = feed.freshness
    if limits.error_after is None:
        return DAILY
    return dg.FreshnessPolicy.time_window(
        fail_window=limits.error_after.as_timedelta,
        warn_window=limits.warn_after.as_timedelta if limits.warn_after else None,
    )
