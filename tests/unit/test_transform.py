"""dbt inside the process: parsed when files changed, and failures told without anyone's data."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import settings, transform

PROJECT = """
name: customer_insights
config-version: 2
profile: customer_insights
model-paths: [dbt_project/models]
test-paths: [dbt_project/tests]
seed-paths: []
flags: {send_anonymous_usage_stats: false}
models:
  customer_insights: {+materialized: table}
"""
PROFILE = """
customer_insights:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{{ env_var('INSIGHTS_HOME') }}/warehouse.duckdb"
"""
AS_OF = date(2024, 3, 11)
SECRET_SQL = "zuza o''malley"
PERSONAL = ("zuza", "malley", "12125", "21255")


class Project:
    """A dbt project of one model, and short ways to change and parse it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models = root / "dbt_project" / "models" / "customers"
        self.tests = root / "dbt_project" / "tests"

    def begin(self) -> None:
        """Make the files as they are at the beginning of every test."""
        shutil.rmtree(self.root / "dbt_project", ignore_errors=True)
        for folder in (self.models, self.tests, self.root / "home"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.root / "dbt_project.yml").write_text(PROJECT)
        (self.root / "profiles.yml").write_text(PROFILE)
        self.write("customers", "select 'c1' as customer_id")

    def write(self, model: str, sql: str) -> Path:
        path = self.models / f"{model}.sql"
        path.write_text(sql)
        return path

    def parse(self) -> str:
        """Load the manifest as a process does that has just begun; which parse it is of."""
        transform._parsed.cache_clear()
        return str(transform.load_manifest()["metadata"]["invocation_id"])

    def build(self) -> str:
        """Build every model and run every test; what is said of a failure."""
        where = settings.load()
        transform._parsed.cache_clear()
        outcome = transform.invoke(where, AS_OF, ["build"])
        return "" if outcome.success else transform._explain(where, outcome)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests: what dbt has parsed there saves seconds to the next."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def project(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project that the module takes for ours, as it is at the beginning."""
    monkeypatch.setattr(transform, "PROJECT_ROOT", root)
    monkeypatch.setattr(transform, "TARGET", root / "target")
    monkeypatch.setenv("INSIGHTS_HOME", str(root / "home"))
    monkeypatch.delenv("INSIGHTS_TARGET", raising=False)
    project = Project(root)
    project.begin()
    yield project
    transform._parsed.cache_clear()


# parsing


def test_the_project_is_parsed_once_while_no_file_changes(project: Project) -> None:
    first = project.parse()
    assert project.parse() == first
    assert list(transform.load_manifest()["nodes"]) == ["model.customer_insights.customers"]
    # the object that dbt is given is the one it kept, not one it parsed again
    kept = transform._manifest_object()
    assert list(kept.nodes) == ["model.customer_insights.customers"]
    assert transform._manifest_object() is kept


def _changed(project: Project) -> None:
    project.write("customers", "select 'c2' as customer_id")


def _touched(project: Project) -> None:
    path = project.models / "customers.sql"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def _added(project: Project) -> None:
    project.write("purchases", "select 'p1' as purchase_id")


def _renamed(project: Project) -> None:
    path = project.models / "customers.sql"
    path.rename(path.with_name("persons.sql"))


def _described(project: Project) -> None:
    (project.models / "customers.yml").write_text("models: [{name: customers}]")


def _configured(project: Project) -> None:
    (project.root / "dbt_project.yml").write_text(PROJECT + "  # by hand\n")


def _profiled(project: Project) -> None:
    (project.root / "profiles.yml").write_text(PROFILE + "      threads: 2\n")


def _manifest_lost(project: Project) -> None:
    (transform.TARGET / "manifest.json").unlink()


def _kept_parse_lost(project: Project) -> None:
    (transform.TARGET / "partial_parse.msgpack").unlink()


def _stamp_lost(project: Project) -> None:
    (transform.TARGET / "manifest.stamp").unlink()


def _target_lost(project: Project) -> None:
    shutil.rmtree(transform.TARGET)


@pytest.mark.parametrize(
    "change",
    [
        _changed,
        _touched,
        _added,
        _renamed,
        _described,
        _configured,
        _profiled,
        _manifest_lost,
        _kept_parse_lost,
        _stamp_lost,
        _target_lost,
    ],
)
def test_every_change_of_what_dbt_reads_means_parsing_again(
    project: Project,
    change: Callable[[Project], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # what lies there after a parse, without the seconds that it takes
    target = tmp_path / "target"
    target.mkdir()
    monkeypatch.setattr(transform, "TARGET", target)
    for name in ("manifest.json", "partial_parse.msgpack"):
        (target / name).touch()
    (target / "manifest.stamp").write_text(transform._project_digest())
    assert transform._is_parsed()
    change(project)
    assert not transform._is_parsed()


def test_what_dbt_does_not_read_means_no_parsing(project: Project) -> None:
    first = project.parse()
    (project.root / "README.md").write_text("About us.")
    (project.root / "home" / "published").mkdir(exist_ok=True)
    (project.root / "logs").mkdir()
    assert project.parse() == first


def test_after_a_change_the_manifest_is_of_the_files_as_they_are(project: Project) -> None:
    first = project.parse()
    project.write("customers", "select 'c2' as customer_id")
    project.write("purchases", "select 'p1' as purchase_id")
    second = project.parse()
    assert second != first
    nodes = transform.load_manifest()["nodes"]
    assert sorted(node["name"] for node in nodes.values()) == ["customers", "purchases"]
    assert "c2" in nodes["model.customer_insights.customers"]["raw_code"]
    assert project.parse() == second


def test_a_project_that_cannot_be_parsed_is_tried_again(project: Project) -> None:
    project.write("customers", "select * from {{ ref('nobody') }}")
    with pytest.raises(Exception, match="nobody"):
        project.parse()
    with pytest.raises(Exception, match="nobody"):
        project.parse()
    project.write("customers", "select 1 as customer_id")
    assert project.parse()


# failures


def test_what_cannot_be_built_is_told_without_values(project: Project) -> None:
    project.write(
        "customers",
        "select cast(name as integer) as age from (values ('zuza o''malley')) as people (name)",
    )
    sentence = project.build()
    assert sentence.startswith(
        "customers could not be built: Conversion Error: Could not convert string <value> to INT32"
    )
    assert "see dbt_project/models/customers/customers.sql" in sentence
    assert "the last good version stays current" in sentence
    assert "zuza" not in sentence
    assert "malley" not in sentence


def test_rows_that_break_a_test_are_told_by_key_only(project: Project) -> None:
    project.write("customers", "select unnest(['c1', 'c1', 'c2']) as customer_id")
    (project.tests / "customers_are_unique.sql").write_text(
        "select customer_id, 7 as line_number, 'zuza@example.org' as email, "
        "'+12125550147' as phone_number, count(*) as records "
        "from {{ ref('customers') }} group by all having count(*) > 1"
    )
    (project.models / "customers.yml").write_text(
        "models: [{name: customers, columns: [{name: customer_id, data_tests: [unique]}]}]"
    )
    sentence = project.build()
    told = "customers_are_unique (customer_id c1, line_number 7); see dbt_project/tests/"
    generic = "unique_customers_customer_id; see dbt_project/models/customers/customers.yml."
    assert sentence.startswith("customers: 1 row against ")
    assert told in sentence or generic in sentence
    assert "Also: customers." in sentence
    assert not any(value in sentence for value in PERSONAL)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (f"select cast('{SECRET_SQL}' as integer)", "Could not convert string <value> to INT32"),
        (f"select cast('{SECRET_SQL}' as date)", "expected format is (YYYY-MM-DD)"),
        (f"select cast('{SECRET_SQL}' as timestamp)", "invalid timestamp field format: <value>"),
        (f"select cast('{SECRET_SQL}' as decimal(18,2))", "to DECIMAL(18,2)"),
        (f"select cast('{SECRET_SQL}' as boolean)", "Could not convert string <value> to BOOL"),
        (f"select cast('zuza' || chr(10) || '{SECRET_SQL}' as integer)", "Could not convert"),
        (f"select cast('{{{SECRET_SQL}' as json)", "Malformed JSON"),
        (f"select strptime('{SECRET_SQL}', '%Y-%m-%d')", "Could not parse string <value>"),
        ("select cast(12125550147 as integer)", "Type INT64 with value <value> can't be cast"),
        ("select cast(12125550147.25 as decimal(4,2))", "Casting value <value>"),
        ("select 2125550147::integer * 12125::integer", "Overflow in multiplication of INT32"),
        (
            f"create table t (a varchar primary key); insert into t values ('{SECRET_SQL}'), "
            f"('{SECRET_SQL}')",
            "duplicate key <value>",
        ),
    ],
)
def test_an_error_about_data_is_told_without_it(query: str, kept: str) -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute(query).fetchall()
    raw = f"Runtime Error in model customers (models/customers.sql)\n  {caught.value}"
    assert any(value in raw for value in PERSONAL)
    told = transform._first_line(raw)
    assert kept in told
    assert "\n" not in told
    assert not any(value in told for value in PERSONAL)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "Runtime Error in model customers (dbt_project/models/customers/customers.sql)\n"
            '  Binder Error: Referenced column "sold_at" not found in FROM clause!\n'
            "  LINE 3: select sold_at",
            'Binder Error: Referenced column "sold_at" not found in FROM clause!',
        ),
        (
            "Runtime Error in model customers (dbt_project/models/customers/customers.sql)\n"
            "  Catalog Error: Table with name pos__receipts does not exist!",
            "Catalog Error: Table with name pos__receipts does not exist!",
        ),
        (
            "Compilation Error in model customers (dbt_project/models/customers/customers.sql)\n"
            "  This model has an enforced contract that failed.\n"
            "  | column_name | definition_type |",
            "This model has an enforced contract that failed",
        ),
        ("Database Error in model customers", "Database Error in model customers"),
        ("One sentence.", "One sentence"),
        ("", "no message"),
        (" \n\n", "no message"),
    ],
)
def test_an_error_about_names_is_told_with_them(message: str, told: str) -> None:
    assert transform._first_line(message) == told


def test_the_environment_is_given_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INSIGHTS_HOME", str(tmp_path))
    monkeypatch.setenv("INSIGHTS_COUNTRY", "FR")
    monkeypatch.delenv("INSIGHTS_CURRENCY", raising=False)
    where = settings.load()
    monkeypatch.setenv("INSIGHTS_COUNTRY", "DE")
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), transform.environment(where):
        assert (os.environ["INSIGHTS_COUNTRY"], os.environ["INSIGHTS_CURRENCY"]) == ("FR", "EUR")
        _ = 1 / 0
    assert dict(os.environ) == before


# the manifest


def node(name: str, path: str, *, enforced: bool = True, kind: str = "model") -> dict[str, Any]:
    return {
        "name": name,
        "resource_type": kind,
        "original_file_path": path,
        "config": {"contract": {"enforced": enforced}} if kind == "model" else {},
    }


@pytest.mark.parametrize(
    ("path", "station"),
    [
        ("dbt_project/models/staging/pos/stg_pos__receipts.sql", "staging"),
        ("dbt_project/models/customers/customers.sql", "customers"),
        ("models/kpis/deep/down/kpi_sales.yml", "kpis"),
        ("dbt_project/models/columns.md", None),
        ("dbt_project/models/elsewhere/x.sql", None),
        ("dbt_project/seeds/customers/kpi_catalogue.csv", None),
        ("dbt_project/tests/staging/x.sql", None),
    ],
)
def test_a_nodes_station_is_the_folder_below_models(path: str, station: str | None) -> None:
    assert transform.station_of({"original_file_path": path}) == station


def test_marts_are_the_models_with_a_contract_in_flow_order() -> None:
    nodes = [
        node("kpi_sales", "dbt_project/models/kpis/kpi_sales.sql"),
        node("kpi_retention", "dbt_project/models/kpis/kpi_retention.sql"),
        node("purchases", "dbt_project/models/customers/purchases.sql"),
        node("customer_segments", "dbt_project/models/traits/customer_segments.sql"),
        node("customers", "dbt_project/models/customers/customers.sql"),
        # none of these is one
        node("int_traits__measures", "dbt_project/models/traits/int_traits__measures.sql"),
        node("draft", "dbt_project/models/traits/draft.sql", enforced=False),
        node("stray", "dbt_project/models/stray.sql"),
        node("kpi_catalogue", "dbt_project/seeds/kpi_catalogue.csv", kind="seed"),
        node("are_unique", "dbt_project/models/customers/customers.yml", kind="test"),
    ]
    marts = transform.mart_names({"nodes": {entry["name"]: entry for entry in nodes}})
    assert list(marts.items()) == [
        ("customers", "customers"),
        ("purchases", "customers"),
        ("customer_segments", "traits"),
        ("kpi_retention", "kpis"),
        ("kpi_sales", "kpis"),
    ]


# what need not be built again


SOURCES = """
sources:
  - name: pos
    schema: raw
    tables: [{name: receipts, identifier: pos__receipts}, {name: lines, identifier: pos__lines}]
"""


@pytest.fixture
def staged(project: Project) -> Project:
    """A staging model of each of two feeds, one made of both, and one that asks for the day."""
    folder = project.root / "dbt_project" / "models" / "staging"
    folder.mkdir(parents=True)
    (folder / "sources.yml").write_text(SOURCES)
    for name, sql in {
        "receipts": "select * from {{ source('pos', 'receipts') }}",
        "lines": "select * from {{ source('pos', 'lines') }}",
        "both": "select * from {{ ref('receipts') }} union all select * from {{ ref('lines') }}",
        "daily": 'select cast(\'{{ var("as_of", "") }}\' as date) as today',
    }.items():
        (folder / f"{name}.sql").write_text(sql)
    transform._parsed.cache_clear()
    arrive(("pos.receipts", "v1"), ("pos.lines", "v1"))
    return project


def arrive(*loaded: tuple[str, str]) -> None:
    """What is loaded: a version of each feed, all of one day, and the tables built from them."""
    with duckdb.connect(str(settings.load().warehouse)) as warehouse:
        warehouse.execute("create schema if not exists raw")
        warehouse.execute(
            "create or replace table raw.feed_arrivals "
            "(feed varchar, load_date date, raw_version varchar, row_count bigint)"
        )
        for feed, version in loaded:
            warehouse.execute(
                "insert into raw.feed_arrivals values (?, '2024-03-01', ?, 1)", [feed, version]
            )
        for model in ("receipts", "lines", "both", "daily"):
            warehouse.execute(f"create table if not exists main.{model} as select 1 as one")


def states(as_of: date = AS_OF) -> dict[str, str]:
    """The states of the station's models by their short names, parents first."""
    found = transform.node_states(settings.load(), as_of, transform.load_manifest())
    return {name.rsplit(".", 1)[-1]: state for name, state in found.items()}


def unchanged(as_of: date = AS_OF) -> set[str]:
    """The models that would not be built again."""
    where, manifest = settings.load(), transform.load_manifest()
    told = transform.told_before(where, manifest, transform.node_states(where, as_of, manifest))
    return {name.rsplit(".", 1)[-1] for name in told}


def build_all(*but: str) -> None:
    """Write down that all models were built, as a run does."""
    where, manifest = settings.load(), transform.load_manifest()
    found = transform.node_states(where, AS_OF, manifest)
    events = [
        {"data": {"node_info": {"unique_id": node, "node_status": status}}}
        for node in found
        for status in ["error" if node.rsplit(".", 1)[-1] in but else "success"]
    ]
    transform.forget(where, ())
    transform.remember(where, found, events)


@pytest.mark.usefixtures("staged")
def test_a_state_changes_with_the_feeds_a_model_is_made_of_and_no_others() -> None:
    before = states()
    assert list(before).index("both") > max(map(list(before).index, ("receipts", "lines")))
    arrive(("pos.receipts", "v2"), ("pos.lines", "v1"))
    after = states()
    assert {name for name in after if after[name] != before[name]} == {"receipts", "both"}


@pytest.mark.usefixtures("staged")
def test_a_later_day_changes_only_what_asks_for_it() -> None:
    before, after = states(), states(date(2024, 3, 12))
    assert {name for name in after if after[name] != before[name]} == {"daily"}


def test_a_changed_file_changes_every_state(staged: Project) -> None:
    before = states()
    staged.write("customers", "select 'c2' as customer_id")
    assert states() == before, "this process still builds what it has parsed"
    transform._parsed.cache_clear()
    after = states()
    assert all(after[name] != before[name] for name in before)


@pytest.mark.usefixtures("staged")
def test_nothing_is_unchanged_until_a_run_has_said_so() -> None:
    assert unchanged() == set()
    build_all()
    assert unchanged() == {"receipts", "lines", "both", "daily"}
    transform.forget(settings.load(), {"model.customer_insights.lines"})
    assert unchanged() == {"lines"}, "a killed run must leave nothing said of what it was building"


@pytest.mark.usefixtures("staged")
def test_what_failed_or_is_gone_is_built_again_with_all_that_is_made_of_it() -> None:
    build_all("receipts")
    assert unchanged() == {"lines", "daily"}
    build_all()
    with duckdb.connect(str(settings.load().warehouse)) as warehouse:
        warehouse.execute("drop table main.lines")
    assert unchanged() == {"receipts", "daily"}
