"""Why a customer is one, and what identity would be by other rules: on a handful of records.

The records are made to meet every guard once; the models that resolve them are the real ones.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration import explanation, identity_review, runs, settings
from orchestration.settings import PROJECT_ROOT
from tests.tenant import Tenant

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"
HOTLINE = "+12025550199"

# source, id, first name, last name, email, phone, birth date, street, number, postcode
PEOPLE = [
    ("crm.contacts", "C1", "katherine", "keller", "kk@a.org", HOTLINE, "1986-07-14", *["elm", "1"]),
    ("shop.accounts", "A1", "kate", "keller", "kk@a.org", None, None, "elm", "1"),
    ("loyalty.members", "L1", "katherine", "keller", None, None, "1986-07-14", None, None),
    ("newsletter.subscribers", "N1", None, None, "kk@a.org", None, None, None, None),
    # father and son
    ("crm.contacts", "C2", "ben", "ortiz", None, None, "1950-02-03", "oak", "2"),
    ("crm.contacts", "C3", "ben", "ortiz", None, None, "1981-11-30", "oak", "2"),
    # somebody with two cards
    ("loyalty.members", "L4", "cho", "park", "cho@a.org", None, "1992-11-30", None, None),
    ("loyalty.members", "L5", "cho", "park", "cho@a.org", None, "1992-11-30", None, None),
    # two whom somebody keeps apart
    ("crm.contacts", "C6", "dee", "moss", "dee@a.org", None, None, None, None),
    ("shop.accounts", "A6", "dee", "moss", "dee@a.org", None, None, None, None),
    # everybody who gave the shop's own number
    *(
        ("shop.accounts", f"X{n}", f"{name}x", name, None, HOTLINE, None, None, None)
        for n, name in enumerate(
            [
                "adams",
                "baker",
                "clark",
                "davis",
                "evans",
                "frank",
                "grant",
                "hayes",
                "ives",
                "jones",
            ]
        )
    ),
]
NEVER = (
    "never_link",
    "crm.contacts",
    "C6",
    "shop.accounts",
    "A6",
    "ann",
    "two desks",
    "2024-03-01",
)
ALWAYS = ("always_link", "crm.contacts", "C2", "crm.contacts", "C3", "ann", "he said", "2024-03-02")
VALUES = ("katherine", "keller", "kk@a.org", HOTLINE, "1986", "elm")


@pytest.fixture(scope="module")
def _resolved(tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """A home whose warehouse holds the people, resolved, as customers with a past."""
    from orchestration import transform

    tenant = Tenant(tmp_path_factory.mktemp("resolved"))
    tenant.home.mkdir()
    warehouse = tenant.home / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        _write_people(connection)
    with tenant.environment():
        where = settings.load()
        models, seeds = identity_review.parts(transform.load_manifest())
        names = [f"fqn:{seed.partition('.')[2]}" for seed in seeds if seed.startswith("seeds.")]
        for command in (["seed", "--select", *names], ["run", "--full-refresh"]):
            if command[0] == "run":
                with duckdb.connect(str(warehouse)) as connection:
                    _decide(connection, [NEVER])
                command += ["--select", *models]
            assert transform.invoke(where, date(2024, 3, 1), command).success
    with duckdb.connect(str(warehouse)) as connection:
        _write_ledger(connection)
    return tenant


@pytest.fixture
def resolved(_resolved: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A copy of its own, whose scratch folders would be found if they stayed."""
    shutil.copytree(_resolved.home, tmp_path / "home")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    return Tenant(tmp_path)


def _write_people(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """
        create schema vault;
        create table vault.int_identity__identifiers (
            record_key varchar, source varchar, source_record_id varchar, loyalty_id varchar,
            first_name varchar, last_name varchar, email varchar, phone varchar, birth_date date,
            street varchar, house_number varchar, unit varchar, postcode varchar, city varchar,
            country varchar
        );
        -- none, as when all is built anew
        create table vault.int_identity__touched_records as
        from vault.int_identity__identifiers where false;
        create table vault.stg_crm__contacts as
        from (
            values ('C1', 'KK@a.org', 'kk@a.org'), ('C2', 'unknown', null), ('C3', null, null)
        ) as contacts (contact_id, email, email_match);
        """
    )
    for source, key, first, last, email, phone, born, street, number in PEOPLE:
        card = key if source == "loyalty.members" else None
        postcode = "20001" if street else None
        connection.execute(
            "insert into vault.int_identity__identifiers "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, ?, null, 'US')",
            [
                *(f"{source}:{key}", source, key, card, first, last, email, phone, born),
                *(street, number, postcode),
            ],
        )


def _decide(connection: duckdb.DuckDBPyConnection, rows: list[tuple[str, ...]]) -> None:
    columns = (SEEDS / "identity_overrides.csv").read_text(encoding="utf-8").splitlines()[0]
    kinds = ", ".join(f"{column} varchar" for column in columns.split(","))
    connection.execute(f"create or replace table seeds.identity_overrides ({kinds})")
    connection.executemany(
        "insert into seeds.identity_overrides values (?, ?, ?, ?, ?, ?, ?, ?)", rows
    )


def _write_ledger(connection: duckdb.DuckDBPyConnection) -> None:
    """A customer's id is `c-` and the key of its cluster; before, A1 was one of its own."""
    connection.execute(
        """
        create table identity.customer_records as
        select 'c-' || split_part(cluster_key, ':', 2) as customer_id,
            split_part(record_key, ':', 1) as source,
            split_part(record_key, ':', 2) as source_record_id, link_rule, link_weight,
            timestamp '2024-03-01' as valid_from,
            cast(null as timestamp) as valid_to
        from identity.int_identity__clusters
        union all
        select 'c-gone', 'crm.contacts', 'C9', 'own_key', null,
            timestamp '2024-01-01', timestamp '2024-02-01'
        union all
        select 'c-A1', 'shop.accounts', 'A1', 'own_key', null,
            timestamp '2024-01-01', timestamp '2024-03-01';

        create table identity.customer_redirects as
        select 'c-A1' as old_customer_id, 'c-C1' as customer_id, 'merged' as kind,
            timestamp '2024-03-01' as changed_at;

        create table identity.identity_changes (
            changed_at timestamp, ledger_version integer, kind varchar, customer_id varchar,
            other_customer_id varchar, rule varchar, evidence varchar, cause varchar
        );
        insert into identity.identity_changes values
            ('2024-01-01', 1, 'created', 'c-C1', null, null, 'records: 3', 'new_data'),
            ('2024-03-01', 2, 'merged', 'c-C1', 'c-A1', 'email', 'records: 1 of 1', 'new_data'),
            ('2024-02-01', 2, 'retired', 'c-gone', null, null, 'records: 0 of 1', 'new_data')
        """
    )


def explained(tenant: Tenant, who: str, *more: str) -> str:
    outcome = tenant.call("explain", who, *more)
    assert outcome.code == 0, outcome.text
    return outcome.text


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file below a folder but the lock, with what it holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".run.lock"
    }


# explain


def test_a_customer_is_explained_by_its_records_and_the_fields_that_link_them(
    resolved: Tenant,
) -> None:
    text = explained(resolved, "c-C1")
    assert text.startswith("Customer c-C1, 4 records\n")
    for record in ("crm.contacts:C1", "shop.accounts:A1", "loyalty.members:L1"):
        assert f"  {record}" in text
    # three links reach four records
    assert text.partition("What was close")[0].count("prior") == 3
    assert "email exact " in text
    assert "first_name nickname " in text
    assert "birth_date exact " in text
    assert "phone of 1 record: 11 records with 11 surnames have it" in text
    assert "2024-03-01 c-A1 was merged into it by email (records: 1 of 1" in text


def test_an_explanation_holds_no_values_unless_they_are_asked_for(resolved: Tenant) -> None:
    text = explained(resolved, "crm.contacts:C1")
    assert not [value for value in VALUES if value in text]
    text = explained(resolved, "crm.contacts:C1", "--values")
    assert "katherine | kate" in text or "kate | katherine" in text
    assert "kk@a.org = kk@a.org" in text
    assert "keller = keller" in text


def test_what_two_records_weigh_is_told_as_the_models_weigh_it(resolved: Tenant) -> None:
    """Of a pair alone, the formula for two groups must give what the table of scores says."""
    with duckdb.connect(str(resolved.home / "warehouse.duckdb"), read_only=True) as warehouse:
        reading = explanation._Explanation(warehouse, with_values=False)
        pairs = reading._pairs(reading._records(["c-C1", "c-C2", "c-L4", "c-C6"]).values())
    assert len(pairs) >= 5
    for pair in pairs:
        assert reading._rules.weight_of([pair]) == pytest.approx(pair.weight)


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("crm.contacts:C2", "apart: they have a different birth date"),
        ("loyalty.members:L4", "apart: they have different loyalty numbers"),
        ("crm.contacts:C6", "apart: never_link, decided by ann on 2024-03-01"),
    ],
)
def test_what_was_close_says_which_guard_kept_it_apart(
    resolved: Tenant, who: str, reason: str
) -> None:
    assert reason in explained(resolved, who)


def test_overrides_and_placeholders_are_told(resolved: Tenant) -> None:
    assert "email of 1 record: a placeholder" in explained(resolved, "crm.contacts:C2")
    assert "a placeholder" not in explained(resolved, "crm.contacts:C1")
    text = explained(resolved, "shop.accounts:A6")
    assert "never_link crm.contacts:C6 - shop.accounts:A6: ann on 2024-03-01, two desks" in text


def test_an_id_that_no_longer_lives_leads_to_the_one_that_does(resolved: Tenant) -> None:
    text = explained(resolved, "c-A1")
    assert text.startswith("c-A1 was merged into c-C1 (2024-03-01).\n\nCustomer c-C1, 4 records\n")
    text = explained(resolved, "crm.contacts:C9")
    assert text.startswith("crm.contacts:C9 is in no feed since 2024-02-01; it last belonged to")
    assert "c-gone is no customer any more: no record of it is left." in text
    assert "2024-02-01 retired (records: 0 of 1" in text


@pytest.mark.parametrize("who", ["c-nobody", "crm.contacts:C404"])
def test_who_is_not_known_is_said_in_a_sentence(resolved: Tenant, who: str) -> None:
    outcome = resolved.call("explain", who)
    assert outcome.code == 2
    assert who in outcome.text
    assert outcome.text.count("\n") == 1


def test_without_a_warehouse_there_is_one_sentence(tenant: Tenant) -> None:
    for command in (["explain", "c-C1"], ["what-if"]):
        outcome = tenant.call(*command)
        assert outcome.code == 2
        assert "run `insights run` first" in outcome.text
        assert outcome.text.count("\n") == 1


def test_nobody_reads_while_a_run_writes(resolved: Tenant) -> None:
    with resolved.environment(), runs.lock(settings.load()):
        for command in (["explain", "c-C1"], ["what-if"]):
            outcome = resolved.call(*command)
            assert outcome.code == 1
            assert "Another run (process" in outcome.text


# what-if


def test_the_same_rules_change_nobody_and_nothing_of_the_home(
    resolved: Tenant, tmp_path: Path
) -> None:
    before = fingerprint(resolved.home)
    outcome = resolved.call("what-if")
    assert outcome.code == 0, outcome.text
    assert "unchanged  20 records (100.0 %)" in outcome.text
    assert "merges     0\nsplits     0" in outcome.text
    assert fingerprint(resolved.home) == before
    assert not list((tmp_path / "scratch").iterdir())


def test_other_overrides_say_whom_they_would_merge(resolved: Tenant, tmp_path: Path) -> None:
    columns = (SEEDS / "identity_overrides.csv").read_text(encoding="utf-8").splitlines()[0]
    stray = ("never_link", "crm.contacts", "C404", *NEVER[3:])
    file = tmp_path / "overrides.csv"
    rows = [columns, ",".join(ALWAYS), ",".join(stray)]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    changes = tmp_path / "changes.csv"
    outcome = resolved.call("what-if", "--overrides", str(file), "--csv", str(changes))
    assert outcome.code == 0, outcome.text
    assert "1 override without effect" in outcome.text
    assert "merges     2\nsplits     0" in outcome.text
    assert "c-C2 (1) + c-C3 (1) to one of 2" in outcome.text
    with changes.open(encoding="utf-8") as lines:
        written = {row["record_key"]: row for row in csv.DictReader(lines)}
    assert set(written) == {"crm.contacts:C2", "crm.contacts:C3", "crm.contacts:C6"} | {
        "shop.accounts:A6"
    }
    assert written["crm.contacts:C3"] == {
        "record_key": "crm.contacts:C3",
        "customer_id": "c-C3",
        "cluster_key_now": "crm.contacts:C3",
        "cluster_key_then": "crm.contacts:C2",
    }


def test_a_stricter_rule_says_whom_it_would_split(resolved: Tenant) -> None:
    outcome = resolved.call("what-if", "--set", "identity_tiers=[50]")
    assert outcome.code == 0, outcome.text
    assert "merges     0\nsplits     1" in outcome.text
    assert "c-C1 (4) to 1 with crm.contacts:C1 + 1 with" in outcome.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "junk_values=[]"], "one of the rules of identity"),
        (["--set", "identity_tiers"], "is not NAME=VALUE"),
        (["--set", "identity_tiers=[a]"], "for example 'identity_tiers=[8"),
        (["--set", "identity_tiers=[2, 8]"], "from the strongest to the weakest"),
        (["--set", "identity_block_cap=many"], "identity_block_cap cannot be 'many'"),
        (["--csv", "{tmp}/none/x.csv"], "there is no such folder"),
        (["--weights", "{tmp}/none.csv"], "cannot be read"),
        (["--weights", "{tmp}/short.csv"], "lacks: first_name exact."),
        (["--weights", "{tmp}/word.csv"], "word.csv:2: m_probability 'often' is not a double"),
        (["--weights", "{tmp}/zero.csv"], "must lie above 0"),
        (["--overrides", "{tmp}/short.csv"], "lacks the columns kind"),
        (["--overrides", "{tmp}/kind.csv"], "kind 'perhaps' is not one of"),
    ],
)
def test_rules_that_cannot_be_used_are_refused_in_a_sentence(
    resolved: Tenant, tmp_path: Path, arguments: list[str], words: str
) -> None:
    header, exact, *rest = (SEEDS / "identity_weights.csv").read_text("utf-8").splitlines()
    comparison, level, _, *more = exact.split(",")
    for name, first in {
        "short": [],
        "word": [",".join([comparison, level, "often", *more])],
        "zero": [",".join([comparison, level, "0", *more])],
    }.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *first, *rest]), "utf-8")
    columns = (SEEDS / "identity_overrides.csv").read_text("utf-8").splitlines()[0]
    perhaps = ",".join(["perhaps", *ALWAYS[1:]])
    (tmp_path / "kind.csv").write_text(f"{columns}\n{perhaps}\n", "utf-8")
    outcome = resolved.call("what-if", *(text.format(tmp=tmp_path) for text in arguments))
    assert outcome.code == 2, outcome.text
    assert words in outcome.text
    assert outcome.text.count("\n") == 1
    assert not list((tmp_path / "scratch").iterdir())


# the weekly review


def review(tenant: Tenant) -> tuple[bool, dict[str, Any], dg.AssetCheckEvaluation]:
    """Run the weekly job: whether it held, its figures and its check."""
    from orchestration import definitions, schedules

    with tenant.environment(), dg.DagsterInstance.ephemeral() as instance:
        job = definitions.build().resolve_job_def(schedules.REVIEW_JOB)
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    (check,) = result.get_asset_check_evaluations()
    (materialization,) = result.asset_materializations_for_node("identity__review")
    figures = {name: value.value for name, value in materialization.metadata.items()}
    return result.success, figures, check


def test_the_weekly_review_finds_what_daily_runs_carried_wrong(resolved: Tenant) -> None:
    held, figures, check = review(resolved)
    assert held
    assert check.passed
    assert figures["records"] == 20
    assert figures["clusters"] == 17
    assert figures["singletons"] == 16
    assert figures["largest_cluster"] == 4
    assert figures["blocked_values"] == 1
    assert sum(count for name, count in figures.items() if name.startswith("links_by_")) >= 3

    with duckdb.connect(str(resolved.home / "warehouse.duckdb")) as warehouse:
        warehouse.execute(
            "update identity.int_identity__clusters set cluster_key = record_key "
            "where split_part(record_key, ':', 2) = 'A1'"
        )
    held, figures, check = review(resolved)
    assert not held
    assert not check.passed
    # the figures are those of the rebuild
    assert figures["clusters"] == 17
    sentence = str(check.metadata["findings"].value)
    assert "1 merge and 0 splits, 4 of 20 records concerned" in sentence
    assert "insights run --full-refresh" in sentence


def test_the_review_is_no_part_of_the_daily_run(tenant: Tenant) -> None:
    from orchestration import definitions, schedules

    with tenant.environment():
        built = definitions.build()
        daily = built.resolve_job_def(schedules.JOB).asset_layer.selected_asset_keys
        weekly = built.resolve_job_def(schedules.REVIEW_JOB).asset_layer.selected_asset_keys
        schedule: Any = built.resolve_schedule_def("identity_review_schedule")
    assert identity_review.ASSET_KEY not in daily
    assert weekly == {identity_review.ASSET_KEY}
    assert schedule.cron_schedule == "0 23 * * 0"
    assert schedule.execution_timezone == "America/New_York"
