"""dbt inside the Dagster process: one step per station.

A subprocess per station would cost about twenty seconds each; here dbt is imported once, parses
once and its events become materialisations and asset checks through dagster-dbt's own classes.
What the models say is dbt's business; nothing is calculated here.
"""

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from orchestration import check_sentences, ledger, runs, settings
from orchestration.progress import counted
from orchestration.raw import DAILY, FEED_ARRIVALS
from orchestration.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from dagster_dbt import DagsterDbtTranslator
    from dbt.cli.main import dbtRunner, dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

STATIONS = ("staging", "identity", "customers", "traits", "kpis")
SEEDS = "seeds"
TARGET = PROJECT_ROOT / "target"

UNCHANGED = "unchanged"
"""Metadata of what a run tells again, because nothing that could change it has changed."""

_BUILDS = "raw.staging_builds"
_CREATE_BUILDS = (
    "create schema if not exists raw; "
    f"create table if not exists {_BUILDS} (node varchar primary key, state varchar, event varchar)"
)
_DONE = ("success", "pass", "warn")
_NO_OTHER_TESTS = ("--indirect-selection", "empty")
_DAY = re.compile(r"\bas_of(_end)?\(|\bvar\(.as_of")
_ONLY_LOAD_DATES = ("latest_by_key", "latest_in_affected_load_dates", "record_changes")
"""Macros that ask for the day only to pass over later load dates; arrivals up to it say as much."""

_PARSED_FILES = ("dbt_project.yml", "profiles.yml", "dbt_project/**/*")
_KEPT_BY_DBT = "partial_parse.msgpack"
_STAMP = "manifest.stamp"
_PARSE_LOCK = "parse.lock"
_SHOWN_KEYS = 5
_SHOWN_COLUMN = re.compile(r"\w+_id|_?line_number|kpi|_load_date|_source_file")
"""Columns of a failing row that say which row it is and nothing about a person."""
_VALUE = re.compile(r"""(?<!\w)(?:(['"]).*\1(?!\w)|['"].*|[-+]?\d[\d.e+-]{2,})""")
"""What may be data in an error: all between the outer quotes, which it may hold, and numbers."""


def load_manifest() -> dict[str, Any]:
    """dbt's manifest, parsed anew only when a file it was made from has changed.

    Each test in it says in words what it asks, where Dagster looks for the description of a check.
    """
    if not _is_parsed():
        _manifest_object()
    manifest: dict[str, Any] = json.loads((TARGET / "manifest.json").read_text(encoding="utf-8"))
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and (said := check_sentences.sentence(node)):
            node.setdefault("meta", {}).setdefault("description", said)
    return manifest


def mart_names(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Every mart and its station, in flow order: the models that have a contract to keep."""
    marts = {
        node["name"]: station
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and (node["config"].get("contract") or {}).get("enforced")
        and not node["name"].startswith("int_")
        and (station := station_of(node)) is not None
    }
    return dict(sorted(marts.items(), key=lambda item: (STATIONS.index(item[1]), item[0])))


def station_of(node: Mapping[str, Any]) -> str | None:
    """The station a dbt node belongs to: the folder of its file below `models/`."""
    parts = Path(node["original_file_path"]).parts
    below = parts[parts.index("models") + 1] if "models" in parts else None
    return below if below in STATIONS else None


def build_station(
    station: str, manifest: Mapping[str, Any], translator: "DagsterDbtTranslator"
) -> dg.AssetsDefinition:
    """The step that builds one station's models and runs their tests.

    The first station also loads the seeds.
    """
    from dagster_dbt import dbt_assets

    # by name, not by path, which dbt takes as relative to the folder a process happens to be in
    select = f"fqn:customer_insights.{station}"
    if station == STATIONS[0]:
        select += " resource_type:seed"

    @dbt_assets(
        manifest=manifest,
        select=select,
        name=station,
        dagster_dbt_translator=translator,
        required_resource_keys={"run_lock"},
        op_tags={"station": station},
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from _build(context, station, select, manifest, translator)

    return models


def build_translator() -> "DagsterDbtTranslator":
    """How a dbt node looks in Dagster: station, then name; the yml's owner and event time."""
    from dagster_dbt import DagsterDbtTranslator as Translator
    from dagster_dbt import DagsterDbtTranslatorSettings as TranslatorSettings

    class StationTranslator(Translator):
        def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
            props = dbt_resource_props
            if props["resource_type"] == "source":
                name = props["name"]
                if props["source_name"] == ledger.SCHEMA:
                    return ledger.ASSET_KEY
                source = () if props["source_name"] == "raw" else (props["source_name"],)
                return dg.AssetKey(["raw", *source, name])
            if props["resource_type"] == "seed":
                return dg.AssetKey([SEEDS, props["name"]])
            return dg.AssetKey([station_of(props) or "other", props["name"]])

        def get_asset_spec(
            self, manifest: Mapping[str, Any], unique_id: str, project: Any
        ) -> dg.AssetSpec:
            spec = super().get_asset_spec(manifest, unique_id, project)
            spec = spec.replace_attributes(freshness_policy=DAILY)
            if self.get_resource_props(manifest, unique_id)["resource_type"] != "model":
                return spec
            if spec.key.path[0] != STATIONS[0]:
                return spec
            # what dbt reads as a source is a view that this asset lays over the raw files
            known = {dep.asset_key for dep in spec.deps}
            more = [] if FEED_ARRIVALS in known else [dg.AssetDep(FEED_ARRIVALS)]
            return spec.replace_attributes(deps=[*spec.deps, *more])

        def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
            if dbt_resource_props["resource_type"] == "seed":
                return SEEDS
            return station_of(dbt_resource_props)

        def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
            return str(dbt_resource_props.get("description") or dbt_resource_props["name"])

        def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
            meta = dbt_resource_props.get("config", {}).get("meta") or {}
            return [f"team:{meta.get('owner', 'data-platform')}"]

    # the ledger's tables are one asset
    return StationTranslator(TranslatorSettings(enable_duplicate_source_asset_keys=True))


def invoke(
    where: Settings,
    as_of: date,
    arguments: Sequence[str],
    keep: Any = None,
    variables: Mapping[str, Any] | None = None,
) -> "dbtRunnerResult":
    """Run one dbt command in this process, with the settings and the run's day.

    `variables` stand in for those of the same name in `dbt_project.yml`. dbt's connections are
    closed afterwards, so that the next step finds the warehouse free.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner as Runner

    runner: dbtRunner = Runner(manifest=_manifest_object(), callbacks=[keep] if keep else [])
    command = [
        *arguments,
        *_common_flags(where),
        # dbt would write its whole manifest again for every station
        "--no-write-json",
        "--vars",
        json.dumps({**(variables or {}), "as_of": as_of.isoformat()}),
    ]
    try:
        with environment(where):
            return runner.invoke(command)
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        reset_adapters()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def environment(where: Settings) -> Iterator[None]:
    """The settings as environment variables, for as long as dbt runs."""
    before = {name: os.environ.get(name) for name in where.environment()}
    os.environ.update(where.environment())
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _build(
    context: dg.AssetExecutionContext,
    station: str,
    select: str,
    manifest: Mapping[str, Any],
    translator: "DagsterDbtTranslator",
) -> Iterator[Any]:
    where = settings.load()
    as_of = runs.as_of(context)
    is_full = context.run.tags.get(runs.FULL_REFRESH_TAG) == "true"
    selection = _selection(context, select, manifest, translator)
    states = node_states(where, as_of, manifest) if station == STATIONS[0] else {}
    told: dict[str, dict[str, Any]] = {}
    if states and not is_full and not context.is_subset:
        told = told_before(where, manifest, states)
        if told:
            selection = [*_by_name(manifest, states.keys() - told.keys()), *_NO_OTHER_TESTS]
    for event in told.values():
        yield from _as_unchanged(_dagster_events(event, context, manifest, translator))
    if len(told) == len(states) > 0:
        return
    if states:
        forget(where, told)
    events, outcome = _invoke_build(where, as_of, selection, is_full=is_full)
    if states:
        remember(where, states, events)
    for event in events:
        yield from _dagster_events(event, context, manifest, translator)
    if not outcome.success:
        raise dg.Failure(_explain(where, outcome), allow_retries=False)


def _invoke_build(
    where: Settings, as_of: date, selection: Sequence[str], *, is_full: bool
) -> tuple[list[dict[str, Any]], "dbtRunnerResult"]:
    """Build and test what is selected: dbt's event about each node that ended, and the outcome."""
    from google.protobuf.json_format import MessageToDict

    events: list[dict[str, Any]] = []

    def keep(event: Any) -> None:
        if event.info.name in ("LogModelResult", "LogSeedResult", "LogTestResult"):
            events.append(MessageToDict(event, preserving_proto_field_name=True))

    full = ["--full-refresh"] if is_full else []
    command = ["build", *selection, "--exclude-resource-type", "unit_test", *full]
    return events, invoke(where, as_of, command, keep)


def _dagster_events(
    event: dict[str, Any],
    context: dg.AssetExecutionContext,
    manifest: Mapping[str, Any],
    translator: "DagsterDbtTranslator",
) -> Iterator[Any]:
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

    message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
    yield from message.to_default_asset_events(
        manifest=manifest, dagster_dbt_translator=translator, context=context
    )


def _as_unchanged(events: Iterator[Any]) -> Iterator[Any]:
    """What was said of a node when it was last built or tested, marked as said before."""
    mark = {UNCHANGED: dg.MetadataValue.bool(True)}
    for event in events:
        if isinstance(event, dg.Output):
            yield event.with_metadata({**event.metadata, **mark})
        elif isinstance(event, dg.AssetCheckResult):
            yield event._replace(metadata={**event.metadata, **mark})
        else:
            yield event


def _selection(
    context: dg.AssetExecutionContext,
    select: str,
    manifest: Mapping[str, Any],
    translator: "DagsterDbtTranslator",
) -> list[str]:
    """The whole station or, when someone picks a part of it, just those models and tests."""
    if not context.is_subset:
        return ["--select", *select.split(), "--indirect-selection", "buildable"]
    tests = {key.name for key in context.selected_asset_check_keys}
    assets = context.selected_asset_keys
    picked = [
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if (
            node["name"] in tests
            if node["resource_type"] == "test"
            else node["resource_type"] in ("model", "seed")
            and translator.get_asset_key(node) in assets
        )
    ]
    return [*_by_name(manifest, picked), *_NO_OTHER_TESTS]


def _by_name(manifest: Mapping[str, Any], unique_ids: Iterable[str]) -> list[str]:
    """dbt's words for just these nodes."""
    names = (f"fqn:{'.'.join(manifest['nodes'][node]['fqn'])}" for node in sorted(unique_ids))
    return ["--select", *names]


# what need not be built again


def node_states(where: Settings, as_of: date, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Of each seed, model and test of the first station, a digest of all that decides its result.

    That is every file of the dbt project, the tenant's settings, the loaded content of each feed it
    is built from, near or far, and the run's day where it asks for it. Parents come first.
    """
    with duckdb.connect(str(where.warehouse)) as warehouse:
        arrivals = warehouse.execute(
            "select feed, load_date, raw_version, row_count from raw.feed_arrivals "
            "where load_date <= ? order by all",
            [as_of],
        ).fetchall()
    by_feed: dict[str, list[str]] = {}
    for feed, *content in arrivals:
        by_feed.setdefault(feed, []).append(str(content))
    tenant = {k: v for k, v in where.environment().items() if k != "INSIGHTS_HOME"}
    # of the files as this process parsed them, however they look by now
    common = [_parsed()[1], str(sorted(tenant.items()))]
    members = _first_station(manifest)
    states: dict[str, str] = {}

    def state(unique_id: str) -> str:
        if unique_id in manifest["sources"]:
            source = manifest["sources"][unique_id]
            if source["source_name"] == "raw":
                return str(arrivals)
            return str(by_feed.get(f"{source['source_name']}.{source['name']}", []))
        if unique_id not in states:
            node = manifest["nodes"][unique_id]
            parts = [
                unique_id,
                *common,
                *([as_of.isoformat()] if asks_for_the_day(manifest, node) else []),
            ]
            parts += [state(parent) for parent in sorted(_parents(node))]
            states[unique_id] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return states[unique_id]

    for unique_id in members:
        state(unique_id)
    return states


def asks_for_the_day(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    """Whether a node's result may change when nothing but the run's day does."""
    test = node.get("test_metadata") or {}
    # the model a test is of is named by a macro too, which never asks
    arguments = {k: v for k, v in test.get("kwargs", {}).items() if k != "model"}
    # what an argument calls is not listed among the macros
    if "{{" in json.dumps(arguments) or _DAY.search(node.get("raw_code") or ""):
        return True
    seen: set[str] = set()
    todo = list(node.get("depends_on", {}).get("macros", []))
    while todo:
        unique_id = todo.pop()
        macro = manifest["macros"].get(unique_id)
        if macro is None or unique_id in seen or macro["name"] in _ONLY_LOAD_DATES:
            continue
        seen.add(unique_id)
        # dbt's own macros know nothing of our day
        if macro["package_name"] != "customer_insights":
            continue
        if _DAY.search(macro["macro_sql"]):
            return True
        todo += macro["depends_on"]["macros"]
    return False


def told_before(
    where: Settings, manifest: Mapping[str, Any], states: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """dbt's last event about each node that is as it was when it was last built or tested."""
    with duckdb.connect(str(where.warehouse)) as warehouse:
        warehouse.execute(_CREATE_BUILDS)
        rows = warehouse.execute(f"select node, state, event from {_BUILDS}").fetchall()
        tables = set(
            warehouse.execute(
                "select table_schema, table_name from information_schema.tables"
            ).fetchall()
        )
    same = {node: event for node, state, event in rows if states.get(node) == state}

    def stands(unique_id: str) -> bool:
        node = manifest["nodes"][unique_id]
        return node["resource_type"] == "test" or (node["schema"], node["alias"]) in tables

    changed: set[str] = set()
    for unique_id in states:
        # what is built anew is tested anew, and what is built from it built anew
        parents = _parents(manifest["nodes"][unique_id])
        if unique_id not in same or not stands(unique_id) or parents & changed:
            changed.add(unique_id)
    return {node: json.loads(same[node]) for node in states if node not in changed}


def forget(where: Settings, kept: Container[str]) -> None:
    """Take back, before anything is built, what was said of all nodes but those kept.

    Killed half-way, a run leaves tables of which nothing is said, and the next builds them.
    """
    with duckdb.connect(str(where.warehouse)) as warehouse:
        warehouse.execute(_CREATE_BUILDS)
        nodes = warehouse.execute(f"select node from {_BUILDS}").fetchall()
        gone = [node for (node,) in nodes if node not in kept]
        warehouse.execute(
            f"delete from {_BUILDS} where node in (select unnest(?::varchar[]))", [gone]
        )


def remember(
    where: Settings, states: Mapping[str, str], events: Iterable[Mapping[str, Any]]
) -> None:
    """Write down, once dbt is done, what was said of each node that is built or has held."""
    rows = [
        (node, states[node], json.dumps(event))
        for event in events
        if (info := event["data"]["node_info"])["node_status"] in _DONE
        and (node := info["unique_id"]) in states
    ]
    with duckdb.connect(str(where.warehouse)) as warehouse:
        warehouse.execute(_CREATE_BUILDS)
        warehouse.execute(
            f"insert or replace into {_BUILDS} select unnest($1::varchar[]), "
            "unnest($2::varchar[]), unnest($3::varchar[])",
            [[row[place] for row in rows] for place in range(3)],
        )


def _first_station(manifest: Mapping[str, Any]) -> list[str]:
    """The seeds, the models of the first station, and the tests about nothing else."""
    nodes = manifest["nodes"]
    built = {
        unique_id
        for unique_id, node in nodes.items()
        if node["resource_type"] == "seed"
        or (node["resource_type"] == "model" and station_of(node) == STATIONS[0])
    }
    tests = [
        unique_id
        for unique_id, node in nodes.items()
        if node["resource_type"] == "test"
        and (parents := _parents(node) & nodes.keys())
        and parents <= built
    ]
    return [*sorted(built), *sorted(tests)]


def _parents(node: Mapping[str, Any]) -> set[str]:
    return set(node.get("depends_on", {}).get("nodes", []))


def _explain(where: Settings, outcome: "dbtRunnerResult") -> str:
    """One sentence per failed node, the failing rows by key and count only."""
    results = getattr(outcome.result, "results", None)
    if not results:
        return f"dbt could not run: {_first_line(str(outcome.exception))}"
    sentences = []
    for result in results:
        if result.status == "fail":
            keys = _failing_keys(where, result.node)
            sentences.append(
                f"{_tested(result.node)}: {counted(result.failures, 'row')} against "
                f"{result.node.name}{f' ({keys})' if keys else ''}; "
                f"see {result.node.original_file_path}."
            )
        elif result.status == "error":
            sentences.append(
                f"{result.node.name} could not be built: {_first_line(result.message)}; "
                f"see {result.node.original_file_path}."
            )
    if not sentences:
        return f"dbt did not finish: {_first_line(str(outcome.exception or 'no node failed'))}."
    others = [sentence.split(" ", 1)[0].rstrip(":") for sentence in sentences[1:]]
    more = f" Also: {', '.join(others)}." if others else ""
    return f"{sentences[0]}{more} Nothing was published; the last good version stays current."


def failure_reason(outcome: "dbtRunnerResult") -> str:
    """Why a dbt command failed: the first model that could not be built, no value of the data."""
    for result in getattr(outcome.result, "results", None) or []:
        if result.status == "error":
            return f"{result.node.name} could not be built: {_first_line(result.message)}"
    return f"dbt could not run: {_first_line(str(outcome.exception or 'no node failed'))}"


def _tested(node: Any) -> str:
    """The model a test is about."""
    # a test that is a query of its own is attached to no model
    attached = getattr(node, "attached_node", None) or next(
        iter(node.depends_on.nodes), node.unique_id
    )
    return str(attached).rsplit(".", 1)[-1]


def _failing_keys(where: Settings, node: Any) -> str:
    """The first failing rows of a test as `key value` pairs, of columns that hold keys only."""
    try:
        with duckdb.connect(str(where.warehouse)) as warehouse:
            rows = warehouse.execute(f"select * from ({node.compiled_code}) limit {_SHOWN_KEYS}")
            names = [column[0] for column in rows.description or []]
            shown = [i for i, name in enumerate(names) if _SHOWN_COLUMN.fullmatch(name)]
            return "; ".join(
                ", ".join(f"{names[i]} {row[i]}" for i in shown) for row in rows.fetchall() if shown
            )
    except duckdb.Error:
        # the rows only illustrate; the count above already says what is wrong
        return ""


def _first_line(text: str) -> str:
    """What a message says, without the place it repeats and without any value of the data."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    useful = [
        line for line in lines if not re.match(r"(Database|Runtime|Compilation) Error in", line)
    ]
    line = (useful or lines or ["no message"])[0].rstrip(".")
    if re.match(r"(Conversion|Invalid Input|Out of Range|Constraint) Error", line):
        line = _VALUE.sub("<value>", line)
    return line


def _manifest_object() -> "Manifest":
    """The parsed project as dbt's own object."""
    return _parsed()[0]


@functools.cache
def _parsed() -> tuple["Manifest", str]:
    """The parsed project and the digest of its files as they were then, once per process.

    Parsing costs two seconds even when nothing changed; the object that dbt itself keeps for its
    next parse is read instead while it is known to be that of these files.
    """
    from dbt.contracts.graph.manifest import Manifest as DbtManifest

    digest = _project_digest()
    TARGET.mkdir(exist_ok=True)
    with (TARGET / _PARSE_LOCK).open("a") as file:
        # processes that begin together, as those of the UI do, would read half of what one writes
        fcntl.flock(file, fcntl.LOCK_EX)
        if not _is_parsed():
            return _parse(digest), digest
    manifest: Manifest = DbtManifest.from_msgpack((TARGET / _KEPT_BY_DBT).read_bytes())
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest, digest


def _parse(digest: str) -> "Manifest":
    """Let dbt parse the project, and note that what it wrote is of these files."""
    from dbt.cli.main import dbtRunner as Runner

    where = settings.load()
    with environment(where):
        outcome = Runner().invoke(["parse", *_common_flags(where)])
    if not outcome.success:
        raise dg.DagsterInvalidDefinitionError(
            f"dbt could not parse the project: {outcome.exception}"
        )
    (TARGET / _STAMP).write_text(digest)
    manifest: Manifest = outcome.result  # type: ignore[assignment]
    return manifest


def _is_parsed() -> bool:
    """Whether what lies in `target` was made from the files as they are."""
    stamp = TARGET / _STAMP
    made = (TARGET / name for name in ("manifest.json", _KEPT_BY_DBT))
    return stamp.exists() and all(map(Path.exists, made)) and stamp.read_text() == _project_digest()


def _common_flags(where: Settings) -> list[str]:
    return [
        "--quiet",
        "--log-level=none",
        "--log-level-file=none",
        "--no-use-colors",
        "--no-version-check",
        "--project-dir",
        str(PROJECT_ROOT),
        "--profiles-dir",
        str(PROJECT_ROOT),
        "--target",
        where.target,
        "--target-path",
        str(TARGET),
        "--log-path",
        str(TARGET / "logs"),
    ]


def _project_digest() -> str:
    """A digest of what dbt would parse, by path, size and time."""
    digest = hashlib.sha256(f"{version('dbt-core')} {settings.load().target}".encode())
    for pattern in _PARSED_FILES:
        for path in sorted(PROJECT_ROOT.glob(pattern)):
            if path.is_file():
                state = path.stat()
                digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
