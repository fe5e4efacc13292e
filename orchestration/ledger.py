"""The identity ledger: every customer id that ever was and the records it stood for, as Parquet.

It outlives the warehouse. Each publication writes one version, `ledger/<number>/`, whole or not at
all; the newest is what the next run starts from. Here: reading it, laying it out for dbt, writing
the next version, and what somebody accepts with a reason. Which customer a record belongs to is
decided in dbt (`int_identity__assignments`), and what is too much change in `expectations`.
"""

import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb

from orchestration import generations, landed, runs, settings
from orchestration.raw import DAILY, FEED_ARRIVALS
from orchestration.settings import PROJECT_ROOT, Settings

SCHEMA = "ledger"
ASSET_KEY = dg.AssetKey(["identity", "ledger"])

TABLES: Mapping[str, Mapping[str, str]] = {
    "assignments": {
        "record_key": "varchar",
        "source": "varchar",
        "source_record_id": "varchar",
        "customer_id": "varchar",
        "link_rule": "varchar",
        "link_weight": "double",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
        "assigned_at": "timestamp",
        "assigned_in": "integer",
    },
    "customers": {
        "customer_id": "varchar",
        "state": "varchar",
        "created_at": "timestamp",
        "ended_at": "timestamp",
        "successor_customer_id": "varchar",
        "redirected_at": "timestamp",
    },
    "changes": {
        "changed_at": "timestamp",
        "ledger_version": "integer",
        "kind": "varchar",
        "customer_id": "varchar",
        "other_customer_id": "varchar",
        "rule": "varchar",
        "evidence": "varchar",
        "cause": "varchar",
    },
}
"""The tables of a version and their columns; described in `_ledger__sources.yml`."""

_BUILT = {
    "assignments": "identity.int_identity__assignment_history",
    "customers": "identity.int_identity__customers",
    "changes": "identity.identity_changes",
}
"""What a run has built that becomes the next version."""

_ORDER = {"assignments": "record_key, assigned_in", "customers": "customer_id", "changes": "all"}
"""By key, so that equal contents are equal bytes."""

_ASKED = re.compile(r"""\b(?:env_)?var\(\s*['"](\w+)""")
"""The variables and settings that SQL asks for."""

_KEPT_VERSIONS = 3
_OVERRIDES = PROJECT_ROOT / "dbt_project" / "seeds" / "identity_overrides.csv"
_NOTE = "version.json"
_ACCEPTED = "accepted"
_START_AGAIN = (
    "Put the folder back from a backup or, to start it from the ids that are published, move it "
    'away and call `insights accept ledger --reason "..."`.'
)


class LedgerError(Exception):
    """The ledger cannot be read or written as it is; nothing was changed."""


@dataclass(frozen=True)
class Version:
    """What `version.json` says of one version of the ledger.

    `rules` is a digest of what decides who is who, `overrides` what was decided by hand; `history`
    names every version up to this one, with the publication it was written for and what had been
    accepted for it. `digests` are those of the Parquet files.
    """

    number: int
    run_id: str
    as_of: str
    rules: str
    overrides: list[list[str]]
    history: list[dict[str, Any]]
    digests: Mapping[str, str] = field(default_factory=dict)


def build_asset(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The step that lays the ledger out for dbt, before identity is built."""

    @dg.asset(
        key=ASSET_KEY,
        group_name="identity",
        deps=[FEED_ARRIVALS],
        description="Every customer id that ever was and its records, as of the last publication: "
        "the ledger's Parquet files as views of the warehouse.",
        owners=["team:crm"],
        kinds={"parquet", "duckdb"},
        freshness_policy=DAILY,
        required_resource_keys={"run_lock"},
        op_tags={"station": "identity"},
    )
    def ledger(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        try:
            version = attach(
                settings.load(),
                run_id=context.run.run_id,
                as_of=runs.as_of(context),
                rules=rules_digest(manifest),
                models=models_digest(manifest, settings.load()),
            )
        except LedgerError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        return dg.MaterializeResult(metadata={"version": version})

    return ledger


def attach(where: Settings, *, run_id: str, as_of: date, rules: str, models: str = "") -> int:
    """(Re)create schema `ledger` of the warehouse over the newest version.

    `rules` and `models` are digests of what decides who is who, and of all of identity's SQL.
    Before the first publication the tables are empty. Returns the version's number, 0 for none.
    Raises LedgerError when it is damaged, and when it does not know what is published, because
    building without it could number every customer anew.
    """
    newest = newest_version(where.ledger)
    _must_know_what_is_published(where, newest)
    where.home.mkdir(parents=True, exist_ok=True)
    overrides = _override_rows()
    before = newest.overrides if newest else []
    changed = {tuple(row) for row in overrides} ^ {tuple(row) for row in before}
    # an override names two records, each by source and key
    overridden = sorted({f"{row[at]}:{row[at + 1]}" for row in changed for at in (1, 3)})
    accepted = _pending(where, newest).get("identity", {}).get("observed", {})
    with duckdb.connect(str(where.warehouse)) as warehouse:
        held = _holds(warehouse, newest, models)
        warehouse.execute("begin")
        warehouse.execute(f"create schema if not exists {SCHEMA}")
        for table in TABLES:
            file = where.ledger / _name(newest.number) / f"{table}.parquet" if newest else None
            warehouse.execute(
                f"create or replace view {SCHEMA}.{table} as {_select(table, file, newest)}"
            )
        (newest_moment,) = warehouse.execute(
            f"select greatest((select max(changed_at) from {SCHEMA}.changes), "
            f"(select max(assigned_at) from {SCHEMA}.assignments))"
        ).fetchall()[0]
        end = datetime.combine(as_of + timedelta(days=1), time(), ZoneInfo(where.timezone))
        moment = end.astimezone(UTC).replace(tzinfo=None)
        warehouse.execute(
            f"create or replace table {SCHEMA}.state as select $1::integer as version, "
            "$2::varchar as run_id, $3::timestamp as changed_at, "
            "$4::boolean as are_rules_changed, $5::double as accepted_churn_share, "
            "$6::double as accepted_consolidation_shift, $7::varchar as rules, "
            "$8::varchar as overrides, $9::boolean as holds_version_before, "
            "$10::varchar as models",
            [
                newest.number + 1 if newest else 1,
                run_id,
                # a run for an older day does not turn the ledger's clock back
                max(moment, newest_moment or moment),
                newest is not None and newest.rules != rules,
                accepted.get("churn_share"),
                accepted.get("consolidation_shift"),
                rules,
                json.dumps(overrides),
                held,
                models,
            ],
        )
        warehouse.execute(
            f"create or replace table {SCHEMA}.overridden_records as "
            "select unnest($1::varchar[]) as record_key",
            [overridden],
        )
        warehouse.execute("commit")
    return newest.number if newest else 0


def commit(where: Settings, *, run_id: str, as_of: date, generation: str) -> int:
    """Write what identity has built as the ledger's next version, in one step at the end.

    To be called when everything else of a publication is ready. Returns the version's number.
    Raises LedgerError, leaving the ledger as it is, when identity was built on another version
    than the newest: whoever built it has not seen all ids.
    """
    newest = newest_version(where.ledger)
    with duckdb.connect(str(where.warehouse), read_only=True) as warehouse:
        ((built, built_by),) = warehouse.execute(
            "select ledger_version, run_id from identity.int_identity__health"
        ).fetchall()
        ((rules, overrides),) = warehouse.execute(
            f"select rules, overrides from {SCHEMA}.state"
        ).fetchall()
        number = int(built)
        if newest and newest.number == number and newest.run_id == built_by:
            return newest.number  # the publication is done over, its ids stand
        if number != (newest.number + 1 if newest else 1):
            raise LedgerError(
                f"Identity was built on version {number - 1} of the ledger, which is not the "
                "newest. Nothing was published; run `insights run` again."
            )
        pending = _pending(where, newest)
        step = {"version": number, "run_id": run_id, "as_of": as_of.isoformat()}
        step |= {"generation": generation, "accepted": list(pending.values())}
        version = Version(
            number=number,
            run_id=built_by,
            as_of=as_of.isoformat(),
            rules=rules,
            overrides=json.loads(overrides),
            history=[*(newest.history if newest else []), step],
        )
        _write(
            where.ledger,
            version,
            warehouse,
            {table: f"select * from {relation}" for table, relation in _BUILT.items()},
        )
    for what in pending:
        _acceptance(where, what).unlink(missing_ok=True)
    return number


def accept(where: Settings, what: str, reason: str) -> str:
    """Let the next run publish what a gate has stopped, and say what was accepted.

    `identity`: as many changed customers as the warehouse has now; `customers`, `purchases`: as few
    rows as it has now; `ledger`: start a lost ledger from the ids that are published. Raises
    LedgerError when there is nothing to accept.
    """
    if not reason.strip():
        raise LedgerError("An acceptance needs a reason; nothing was accepted.")
    if what == "ledger":
        return _start_from_published(where, reason)
    newest = newest_version(where.ledger)
    query = (
        "select churn_share, consolidation_shift from identity.int_identity__health"
        if what == "identity"
        else f"select count(*) as row_count from customers.{what}"
    )
    try:
        with duckdb.connect(str(where.warehouse), read_only=True) as warehouse:
            answer = warehouse.execute(query)
            names = [column[0] for column in answer.description or []]
            observed = dict(zip(names, answer.fetchall()[0], strict=True))
    except duckdb.Error as error:
        raise LedgerError(
            f"There is nothing to accept: {what} has not been built. Run `insights run` first."
        ) from error
    now = generations.current(where.published)
    note = {
        "what": what,
        "reason": reason.strip(),
        "accepted_at": datetime.now(UTC).isoformat(),
        "against": now.name if now else None,
        "after_version": newest.number if newest else 0,
        "observed": observed,
    }
    file = _acceptance(where, what)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}")
    fresh.write_text(json.dumps(note, indent=2), encoding="utf-8")
    _sync(fresh)
    fresh.replace(file)
    figures = ", ".join(f"{name} {_written(value)}" for name, value in observed.items())
    return f"Accepted for the next publication: {figures}. Now call `insights run`."


def accepted_row_counts(where: Settings) -> dict[str, int]:
    """The row counts that somebody has accepted for the next publication, by mart."""
    pending = _pending(where, newest_version(where.ledger, verify=False))
    return {
        what: int(note["observed"]["row_count"])
        for what, note in pending.items()
        if "row_count" in note["observed"]
    }


def newest_version(ledger: Path, *, verify: bool = True) -> Version | None:
    """The ledger as the last publication left it, or None before the first.

    Raises LedgerError when a file of it is missing or not what was written.
    """
    numbers = _numbers(ledger)
    if not numbers:
        return None
    folder = ledger / _name(numbers[-1])
    try:
        version = Version(**json.loads((folder / _NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(folder / _NOTE) from error
    for name, digest in version.digests.items() if verify else ():
        file = folder / f"{name}.parquet"
        if not file.is_file() or _digest(file) != digest:
            raise _damaged(file)
    return version


def rules_digest(manifest: Mapping[str, Any]) -> str:
    """A digest of what decides who is who: another one when rules, weights or their SQL change.

    Overrides are left out: they are told apart from rules.
    """
    (top,) = (name for name in manifest["nodes"] if name.endswith(".int_identity__clusters"))
    told = _told(manifest, [top])
    for name, value in settings.project_variables().items():
        if name.startswith("identity"):
            told[name] = json.dumps(value, sort_keys=True)
    return _digest_of(told)


def models_digest(manifest: Mapping[str, Any], where: Settings) -> str:
    """A digest of all that makes identity of what arrived: tables of another are not followed.

    The SQL of its models and of the staging they read, and the variables and settings in it.
    """
    nodes = manifest["nodes"]
    models = [
        name
        for name, node in nodes.items()
        if node["resource_type"] == "model" and _is_of_identity(node)
    ]
    told = _told(manifest, models, with_staging=True)
    sql = "".join(
        str(nodes[name]["raw_code"]) if name in nodes else text for name, text in told.items()
    )
    given = {**settings.project_variables(), **where.environment()}
    for name in _ASKED.findall(sql):
        # the day is no rule: what hangs on it is looked at every day
        if name != "as_of":
            told[name] = json.dumps(given.get(name), sort_keys=True)
    return _digest_of(told)


def _told(
    manifest: Mapping[str, Any], models: Iterable[str], *, with_staging: bool = False
) -> dict[str, str]:
    """What these models of identity, and those they are made of, are written in, by name."""
    told: dict[str, str] = {}
    todo = list(models)
    while todo:
        name = todo.pop()
        node = manifest["nodes"].get(name)
        if node is None or name in told or node["name"] == _OVERRIDES.stem:
            continue
        if not (with_staging or _is_of_identity(node) or node["resource_type"] == "seed"):
            continue
        told[name] = str(node["checksum"]["checksum"])
        depends = node.get("depends_on", {})
        todo += depends.get("nodes", [])
        macros = list(depends.get("macros", []))
        while macros:
            macro = macros.pop()
            if macro.startswith("macro.customer_insights.") and macro not in told:
                told[macro] = str(manifest["macros"][macro]["macro_sql"])
                # a node's list leaves out what its macros call
                macros += manifest["macros"][macro]["depends_on"]["macros"]
    return told


def _is_of_identity(node: Mapping[str, Any]) -> bool:
    return "identity" in Path(node["original_file_path"]).parts


def _digest_of(told: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _must_know_what_is_published(where: Settings, newest: Version | None) -> None:
    now = generations.current(where.published)
    if now is None:
        return
    if newest is None:
        raise LedgerError(
            f"{where.ledger} holds no customer ids although {now.name} is published: building "
            f"now could number every customer anew. Nothing was built. {_START_AGAIN}"
        )
    if all(step["generation"] != now.name for step in newest.history):
        raise LedgerError(
            f"{where.ledger} is older than what is published: it does not know {now.name}, so "
            f"building now could give other ids. Nothing was built. {_START_AGAIN}"
        )


def _holds(warehouse: duckdb.DuckDBPyConnection, newest: Version | None, models: str) -> bool:
    """Whether identity's tables in the warehouse are those that this version was written from.

    They are while the run that built them is also the last that began to, by the same SQL.
    """
    try:
        built = warehouse.execute(
            "select health.ledger_version, health.run_id, state.run_id, state.models "
            f"from identity.int_identity__health as health, {SCHEMA}.state as state"
        ).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return False  # never built, or by an older version of this program
    return newest is not None and built == [(newest.number, newest.run_id, newest.run_id, models)]


def _start_from_published(where: Settings, reason: str) -> str:
    """Make the ledger's first version from the current publication's marts."""
    now = generations.current(where.published)
    if now is None or _numbers(where.ledger):
        raise LedgerError(
            f"{where.ledger} holds customer ids; move it away first. Nothing was changed."
            if now
            else "Nothing is published, so there are no ids to start the ledger from."
        )
    marts = (where.published / "current").resolve() / "parquet"

    def mart(name: str) -> str:
        file = _text(landed.literal_path(marts / f"{name}.parquet"))
        return f"read_parquet('{file}')"

    has_history = (marts / "identity_changes.parquet").is_file()
    redirects = (
        mart("customer_redirects")
        if has_history
        else "(select null::varchar as old_customer_id, null::varchar as customer_id, "
        "null::varchar as kind, null::timestamp as changed_at where false)"
    )
    changes = mart("identity_changes") if has_history else f"({_select('changes', None, None)})"
    number = 1
    queries = {
        # of a record's assignments the last counts as made in this version
        "assignments": f"""
            select source || ':' || source_record_id as record_key, *,
                valid_from as assigned_at,
                {number} + row_number() over record - count(*) over (
                    partition by source, source_record_id
                ) as assigned_in
            from {mart("customer_records")}
            window record as (partition by source, source_record_id order by valid_from)
        """,
        "customers": f"""
            with ids as (
                select customer_id, min(valid_from) as first_at,
                    bool_or(valid_to is null) as is_live, max(valid_to) as last_at
                from {mart("customer_records")} group by all
                union all by name
                select customer_id, min(changed_at) as first_at, false as is_live
                from {changes} group by all
                union all by name
                select old_customer_id as customer_id, false as is_live from {redirects}
            ), known as (
                select customer_id, min(first_at) as created_at, bool_or(is_live) as is_live,
                    max(last_at) as last_at
                from ids group by all
            )
            select known.customer_id,
                case when is_live then 'live' else coalesce(kind, 'retired') end as state,
                coalesce(known.created_at, redirects.changed_at) as created_at,
                case when not is_live then coalesce(last_at, redirects.changed_at) end as ended_at,
                case when not is_live then redirects.customer_id end as successor_customer_id,
                case when not is_live then redirects.changed_at end as redirected_at
            from known left join {redirects} as redirects
                on known.customer_id = redirects.old_customer_id
        """,
        "changes": f"select * from {changes}",
    }
    note = {
        "what": "ledger",
        "reason": reason.strip(),
        "accepted_at": datetime.now(UTC).isoformat(),
        "against": now.name,
    }
    step = {"version": number, "run_id": now.run_id, "as_of": now.as_of}
    step |= {"generation": now.name, "accepted": [note]}
    with duckdb.connect() as connection:
        _write(
            where.ledger,
            Version(number, now.run_id, now.as_of, "", _override_rows(), [step]),
            connection,
            queries,
        )
        (count,) = connection.execute(
            f"select count(distinct customer_id) from {mart('customer_records')}"
        ).fetchall()[0]
    return f"The ledger starts from the {count:,} ids of {now.name}. Now call `insights run`."


def _write(
    ledger: Path,
    version: Version,
    connection: duckdb.DuckDBPyConnection,
    queries: Mapping[str, str],
) -> None:
    """Write one version whole, flush it and give it its name; let the oldest go."""
    ledger.mkdir(parents=True, exist_ok=True)
    for leftover in ledger.glob(".*/"):
        shutil.rmtree(leftover)
    work = ledger / f".{_name(version.number)}"
    work.mkdir()
    digests = {}
    for table, query in queries.items():
        file = work / f"{table}.parquet"
        columns = ", ".join(f"{name}::{kind} as {name}" for name, kind in TABLES[table].items())
        connection.execute(
            f"copy (select {columns} from ({query}) order by {_ORDER[table]}) to '{_text(file)}' "
            "(format parquet, compression zstd)"
        )
        digests[table] = _digest(file)
    note = asdict(version) | {"digests": digests}
    (work / _NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")
    for path in (*work.iterdir(), work):
        _sync(path)
    work.rename(ledger / _name(version.number))
    _sync(ledger)
    for number in _numbers(ledger)[:-_KEPT_VERSIONS]:
        # hidden first: killed half-way, it is no version
        shutil.rmtree((ledger / _name(number)).rename(ledger / f".{_name(number)}"))


def _pending(where: Settings, newest: Version | None) -> dict[str, dict[str, Any]]:
    """What was accepted and no publication has taken up yet.

    Killed between its two steps, a publication leaves an acceptance that it has taken up.
    """
    taken_up = {
        note["accepted_at"]
        for step in (newest.history if newest else [])
        for note in step["accepted"]
    }
    notes = {}
    for file in sorted((where.ledger / _ACCEPTED).glob("*.json")):
        note = json.loads(file.read_text(encoding="utf-8"))
        if note["accepted_at"] not in taken_up:
            notes[file.stem] = note
    return notes


def _acceptance(where: Settings, what: str) -> Path:
    return where.ledger / _ACCEPTED / f"{what}.json"


def _override_rows() -> list[list[str]]:
    """What was decided by hand, without who decided it and why."""
    if not _OVERRIDES.is_file():
        return []
    names = ("kind", "source_a", "source_record_id_a", "source_b", "source_record_id_b")
    with _OVERRIDES.open(encoding="utf-8", newline="") as file:
        return sorted([row.get(name) or "" for name in names] for row in csv.DictReader(file))


def _select(table: str, file: Path | None, version: Version | None) -> str:
    """A table of the ledger as SQL, of its own shape while there is none."""
    if file is None or version is None:
        columns = ", ".join(f"null::{kind} as {name}" for name, kind in TABLES[table].items())
        return f"select {columns} where false"
    columns = ", ".join(TABLES[table])
    path = _text(landed.literal_path(file))
    return f"select {columns} from read_parquet('{path}', hive_partitioning = false)"


def _numbers(ledger: Path) -> list[int]:
    if not ledger.is_dir():
        return []
    return sorted(int(path.name) for path in ledger.iterdir() if re.fullmatch(r"\d{8}", path.name))


def _name(number: int) -> str:
    return f"{number:08}"


def _damaged(file: Path) -> LedgerError:
    return LedgerError(
        f"{file} is damaged or missing: the customer ids in it cannot be trusted. Nothing was "
        f"built. {_START_AGAIN}"
    )


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(value: float | None) -> str:
    return "0" if value is None else f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"


def _text(value: object) -> str:
    return str(value).replace("'", "''")
