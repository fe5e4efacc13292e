"""dbt inside the Dagster process: one step per station.

A subprocess per station would cost about twenty seconds each; here dbt is imported once, parses
once and its events become materialisations and asset checks through dagster-dbt's own classes.
What the models say is dbt's business; nothing is calculated here.
"""

import contextlib
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import yaml

from orchestration import runs, settings
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

_PARSED_FILES = ("dbt_project.yml", "profiles.yml", "dbt_project/**/*")
_KEPT_BY_DBT = "partial_parse.msgpack"
_STAMP = "manifest.stamp"
_SHOWN_KEYS = 5
_SHOWN_COLUMN = re.compile(r"\w+_id|_?line_number|kpi|_load_date|_source_file")
"""Columns of a failing row that say which row it is and nothing about a person."""
_VALUE = re.compile(r"""(?<!\w)(?:(['"]).*\1(?!\w)|['"].*|[-+]?\d[\d.e+-]{2,})""")
"""What may be data in an error: all between the outer quotes, which it may hold, and numbers."""


def load_manifest() -> dict[str, Any]:
    """dbt's manifest, parsed anew only when a file it was made from has changed."""
    if not _is_parsed():
        _manifest_object()
    manifest: dict[str, Any] = json.loads((TARGET / "manifest.json").read_text(encoding="utf-8"))
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
        yield from _build(context, select, manifest, translator)

    return models


def build_translator() -> "DagsterDbtTranslator":
    """How a dbt node looks in Dagster: station, then name; the yml's owner and event time."""
    from dagster_dbt import DagsterDbtTranslator as Translator

    class StationTranslator(Translator):
        def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
            props = dbt_resource_props
            if props["resource_type"] == "source":
                name = props["name"]
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

    return StationTranslator()


def project_variables() -> dict[str, Any]:
    """The variables of `dbt_project.yml`: the rules of the models, by name."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    variables: dict[str, Any] = project["vars"]
    return variables


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
    select: str,
    manifest: Mapping[str, Any],
    translator: "DagsterDbtTranslator",
) -> Iterator[Any]:
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
    from google.protobuf.json_format import MessageToDict

    where = settings.load()
    events: list[dict[str, Any]] = []

    def keep(event: Any) -> None:
        if event.info.name in ("LogModelResult", "LogSeedResult", "LogTestResult"):
            events.append(MessageToDict(event, preserving_proto_field_name=True))

    outcome = invoke(
        where,
        runs.as_of(context),
        [
            "build",
            *_selection(context, select, manifest, translator),
            "--exclude-resource-type",
            "unit_test",
            *(["--full-refresh"] if context.run.tags.get(runs.FULL_REFRESH_TAG) == "true" else []),
        ],
        keep,
    )
    for raw_event in events:
        message = DbtCoreCliEventMessage(raw_event=raw_event, event_history_metadata={})
        yield from message.to_default_asset_events(
            manifest=manifest, dagster_dbt_translator=translator, context=context
        )
    if not outcome.success:
        raise dg.Failure(_explain(where, outcome), allow_retries=False)


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
        f"fqn:{'.'.join(node['fqn'])}"
        for node in manifest["nodes"].values()
        if (
            node["name"] in tests
            if node["resource_type"] == "test"
            else node["resource_type"] in ("model", "seed")
            and translator.get_asset_key(node) in assets
        )
    ]
    return ["--select", *picked, "--indirect-selection", "empty"]


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


@functools.cache
def _manifest_object() -> "Manifest":
    """The parsed project as dbt's own object, once per process.

    Parsing costs two seconds even when nothing changed; the object that dbt itself keeps for its
    next parse is read instead while it is known to be that of these files.
    """
    from dbt.contracts.graph.manifest import Manifest as DbtManifest

    manifest: Manifest
    if _is_parsed():
        manifest = DbtManifest.from_msgpack((TARGET / _KEPT_BY_DBT).read_bytes())
        manifest.build_flat_graph()  # type: ignore[no-untyped-call]
        return manifest
    from dbt.cli.main import dbtRunner as Runner

    where = settings.load()
    digest = _project_digest()
    with environment(where):
        outcome = Runner().invoke(["parse", *_common_flags(where)])
    if not outcome.success:
        raise dg.DagsterInvalidDefinitionError(
            f"dbt could not parse the project: {outcome.exception}"
        )
    (TARGET / _STAMP).write_text(digest)
    manifest = outcome.result  # type: ignore[assignment]
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
