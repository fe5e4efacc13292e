"""Publishing: copy gated marts out, say how far each can be trusted, and switch readers over.

Calculates nothing about customers. A reader never waits, never blocks a run and never sees half of
one: a generation is complete and flushed before the link `current` moves to it (`generations`).
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from orchestration import generations, ledger, runs, settings, transform
from orchestration.generations import Generation, PublishError
from orchestration.ledger import LedgerError
from orchestration.raw import DAILY

SCHEMA = "marts"
DATABASE = "customer_insights.duckdb"
TRUST = "mart_trust"
FIGURES = "kpi_values"
HISTORY = "kpi_history"
ASSET_KEY = dg.AssetKey(["published", "current"])

_TRUST_COLUMNS = {
    "mart": ("varchar", "The mart this row speaks of."),
    "as_of": ("date", "The day the mart stands for: everything known by its end."),
    "built_at": (
        "timestamp",
        "The instant the contents stand for: the end of the as_of day, UTC. Not the wall clock, so "
        "that the same input gives the same bytes; when a generation was written stands in its "
        "generation.json.",
    ),
    "row_count": ("bigint", "Rows of the mart."),
    "newest_event_at": (
        "timestamp",
        "The newest event in the mart, UTC; null where it holds no events or is empty.",
    ),
    "checks_passed": (
        "bigint",
        "Checks that held in this run, of the mart and of all models it is built from.",
    ),
    "checks_warned": (
        "bigint",
        "Checks that failed with severity warn in this run, of the mart and of all models it is "
        "built from.",
    ),
    "missing_feeds": ("varchar", "Feeds the mart could use that never arrived, comma separated."),
    "note": ("varchar", "What to bear in mind in a sentence; null when there is nothing."),
}


@dataclass(frozen=True)
class Mart:
    """One mart to publish, with what its yml says of it."""

    name: str
    station: str
    description: str
    columns: Mapping[str, str]
    event_time: str | None
    feeds: tuple[str, ...]
    built_from: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checks:
    """How many of a mart's checks held and how many warned."""

    passed: int = 0
    warned: int = 0


def published_row_counts() -> Mapping[str, int]:
    """The rows of each mart in the publication readers see now; empty before the first.

    Where somebody has accepted fewer, those.
    """
    where = settings.load()
    now = generations.current(where.published)
    if now is None:
        return {}
    accepted = ledger.accepted_row_counts(where)
    return {mart: min(rows, accepted.get(mart, rows)) for mart, rows in now.row_counts.items()}


def marts_of(manifest: Mapping[str, Any]) -> list[Mart]:
    """The marts of the dbt project, with the feeds each is built from."""
    by_name = {node["name"]: node for node in manifest["nodes"].values()}
    return [
        Mart(
            name=name,
            station=station,
            description=by_name[name]["description"],
            columns={
                column: entry["description"] for column, entry in by_name[name]["columns"].items()
            },
            event_time=by_name[name]["config"].get("event_time"),
            feeds=tuple(
                f"{source['source_name']}.{source['name']}"
                for source in _upstream(manifest, by_name[name]["unique_id"], "sources")
                if source["source_name"] not in ("raw", ledger.SCHEMA)
            ),
            built_from=tuple(
                node["name"]
                for node in _upstream(manifest, by_name[name]["unique_id"], "nodes")
                if node["resource_type"] in ("model", "seed")
            ),
        )
        for name, station in transform.mart_names(manifest).items()
    ]


def build_asset(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The last step: it runs only when every gate before it has held."""
    marts = marts_of(manifest)

    @dg.asset(
        key=ASSET_KEY,
        group_name="published",
        deps=[dg.AssetKey([mart.station, mart.name]) for mart in marts],
        description="The gated copy that BI reads: one DuckDB file and one Parquet file per mart, "
        "switched to in one step; the last good one stays readable until then.",
        owners=["team:data-platform"],
        kinds={"duckdb", "parquet"},
        freshness_policy=DAILY,
        required_resource_keys={"run_lock"},
        op_tags={"station": "published"},
    )
    def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        where = settings.load()
        try:
            target = publish(
                where.warehouse,
                where.published,
                run_id=context.run.run_id,
                as_of=runs.as_of(context),
                timezone=where.timezone,
                marts=marts,
                checks=_checks_of_run(context),
                keep=where.keep_generations,
                before_switch=lambda name: ledger.commit(
                    where, run_id=context.run.run_id, as_of=runs.as_of(context), generation=name
                ),
            )
        except (PublishError, LedgerError) as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        now = generations.current(where.published)
        counts = dict(now.row_counts) if now else {}
        return dg.MaterializeResult(
            metadata={
                "generation": target.name,
                "database": dg.MetadataValue.path(str(target / DATABASE)),
                "rows": dg.MetadataValue.json(counts),
            }
        )

    return published


def publish(
    warehouse: Path,
    published: Path,
    *,
    run_id: str,
    as_of: date,
    timezone: str,
    marts: Sequence[Mart],
    checks: Mapping[str, Checks],
    keep: int,
    before_switch: Callable[[str], object] = lambda name: None,
) -> Path:
    """Write one generation and make it current.

    `before_switch` is called with the generation's name when everything is written and nothing
    switched; what it raises leaves `current` untouched.

    Returns the generation folder. Raises PublishError, leaving `current` untouched, when a mart is
    missing or a copy differs in row count.
    """
    folder = published / "generations"
    folder.mkdir(parents=True, exist_ok=True)
    generations.remove_unfinished(folder)
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S%f}Z_{run_id.split('-', maxsplit=1)[0]}"
    work = folder / f".{name}"
    (work / "parquet").mkdir(parents=True)
    try:
        counts = _copy_marts(warehouse, work, as_of, timezone, marts, checks)
    except duckdb.Error as error:
        shutil.rmtree(work)
        reason = str(error).splitlines()[0].rstrip(".")
        raise PublishError(
            f"Publishing stopped: {reason}. The last good publication stays current."
        ) from error
    except PublishError:
        shutil.rmtree(work)
        raise
    generation = Generation(name, run_id, as_of.isoformat(), now.isoformat(), counts)
    (work / "generation.json").write_text(
        json.dumps(asdict(generation), indent=2), encoding="utf-8"
    )
    try:
        before_switch(name)
    except Exception:
        shutil.rmtree(work)
        raise
    target = generations.finish(work, published, name, keep)
    _keep_figures(published)
    return target


def _keep_figures(published: Path) -> None:
    """Copy the figures of each kept generation to where no generation is ever removed.

    What was said on a day can so be read next to what is said of it today. Asks every kept
    generation, so that one whose run was killed here is caught up with by the next.
    """
    for generation in generations.generations(published):
        figures = published / "generations" / generation.name / "parquet" / f"{FIGURES}.parquet"
        kept = published / HISTORY / f"as_of={generation.as_of}" / f"{generation.name}.parquet"
        if figures.exists() and not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            fresh = kept.with_suffix(".unfinished")
            fresh.unlink(missing_ok=True)
            shutil.copy2(figures, fresh)
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            fresh.replace(kept)


def _copy_marts(
    warehouse: Path,
    work: Path,
    as_of: date,
    timezone: str,
    marts: Sequence[Mart],
    checks: Mapping[str, Checks],
) -> dict[str, int]:
    """Copy every mart into the generation, ordered so that equal contents are equal bytes."""
    counts = {}
    with duckdb.connect(str(work / DATABASE)) as target:
        target.execute(f"attach '{_quoted(warehouse)}' as source (read_only)")
        target.execute(f"create schema {SCHEMA}")
        arrived = {
            feed
            for (feed,) in target.execute(
                "select distinct feed from source.raw.feed_arrivals where load_date <= ?", [as_of]
            ).fetchall()
        }
        trust = []
        for mart in marts:
            relation = f"source.{mart.station}.{mart.name}"
            target.execute(
                f"create table {SCHEMA}.{mart.name} as select * from {relation} order by all"
            )
            rows = _count(target, f"{SCHEMA}.{mart.name}")
            if rows != _count(target, relation):
                raise PublishError(
                    f"Publishing stopped: the copy of {mart.name} holds {rows:,} rows, not those "
                    "of the warehouse. The last good publication stays current; run again."
                )
            counts[mart.name] = rows
            _describe(target, mart.name, mart.description, mart.columns)
            newest = _newest(target, mart)
            trust.append(_trust_row(mart, as_of, timezone, rows, newest, checks, arrived))
        counts[TRUST] = len(trust)
        _write_trust(target, trust)
        for name in counts:
            file = _quoted(work / "parquet" / f"{name}.parquet")
            target.execute(f"copy {SCHEMA}.{name} to '{file}' (format parquet)")
        target.execute("detach source")
        target.execute("checkpoint")
    return counts


def _trust_row(
    mart: Mart,
    as_of: date,
    timezone: str,
    rows: int,
    newest: datetime | None,
    checks: Mapping[str, Checks],
    arrived: set[str],
) -> tuple[Any, ...]:
    missing = [feed for feed in mart.feeds if feed not in arrived]
    end = datetime.combine(as_of + timedelta(days=1), time(), ZoneInfo(timezone))
    of_models = [checks.get(model, Checks()) for model in (mart.name, *mart.built_from)]
    held = Checks(sum(of.passed for of in of_models), sum(of.warned for of in of_models))
    notes = []
    if missing and len(missing) == len(mart.feeds):
        notes.append("None of the feeds this mart is built from ever arrived.")
    elif missing:
        notes.append("Built without the missing feeds; what depends on them is empty or null.")
    if not held.passed and not held.warned:
        notes.append("No check of this mart was run.")
    elif held.warned:
        notes.append("See the run's checks for the warnings.")
    return (
        mart.name,
        as_of,
        end.astimezone(UTC).replace(tzinfo=None),
        rows,
        newest,
        held.passed,
        held.warned,
        ", ".join(missing),
        " ".join(notes) or None,
    )


def _write_trust(target: duckdb.DuckDBPyConnection, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in _TRUST_COLUMNS.items())
    target.execute(f"create table {SCHEMA}.{TRUST} ({columns})")
    places = ", ".join("?" for _ in _TRUST_COLUMNS)
    target.executemany(f"insert into {SCHEMA}.{TRUST} values ({places})", sorted(rows))
    _describe(
        target,
        TRUST,
        "How far each mart can be trusted: how current, how checked, which feeds are missing; one "
        "row per mart.",
        {name: description for name, (_, description) in _TRUST_COLUMNS.items()},
    )


def _newest(target: duckdb.DuckDBPyConnection, mart: Mart) -> datetime | None:
    if mart.event_time is None:
        return None
    row = target.execute(
        f"select max(cast({mart.event_time} as timestamp)) from {SCHEMA}.{mart.name}"
    ).fetchone()
    newest: datetime | None = row[0] if row else None
    return newest


def _describe(
    target: duckdb.DuckDBPyConnection, name: str, description: str, columns: Mapping[str, str]
) -> None:
    """Put the descriptions into the catalogue, where BI tools show them."""
    target.execute(f"comment on table {SCHEMA}.{name} is '{_quoted(description)}'")
    for column, text in columns.items():
        target.execute(f"comment on column {SCHEMA}.{name}.{column} is '{_quoted(text)}'")


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0


def _quoted(text: object) -> str:
    return str(text).replace("'", "''")


def _upstream(manifest: Mapping[str, Any], node: str, kind: str) -> list[dict[str, Any]]:
    """The `sources` or `nodes` a model is built from, near and far."""
    found = {node}
    todo = [node]
    while todo:
        parents = set(manifest["parent_map"].get(todo.pop(), [])) - found
        found |= parents
        todo += parents
    return [manifest[kind][name] for name in sorted(found - {node}) if name in manifest[kind]]


def _checks_of_run(context: dg.AssetExecutionContext) -> dict[str, Checks]:
    """How the checks of this run went, by mart."""
    records = context.instance.get_records_for_run(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    counts: dict[str, Checks] = {}
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        evaluation = event.asset_check_evaluation_data
        if evaluation.asset_key.path[0] not in transform.STATIONS:
            continue  # a feed may bear the name of a mart
        name = evaluation.asset_key.path[-1]
        before = counts.get(name, Checks())
        counts[name] = (
            Checks(before.passed + 1, before.warned)
            if evaluation.passed
            else Checks(before.passed, before.warned + 1)
        )
    return counts
