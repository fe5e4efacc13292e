"""Customer ids last: through rebuilds, failures, crashes, merges, splits, and people who return.

Two ways to ask. Real runs of a small tenant, for what happens to the ledger. And steps: identity's
own models and the real ledger on clusters made by hand, for what merges and splits do to ids.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import checks, generations, ledger, settings
from orchestration.ledger import LedgerError
from tests.conftest import DAYS_LOADED
from tests.tenant import FIRST_DAY, MEMBERS, Tenant, json_lines

LAST = FIRST_DAY + timedelta(days=DAYS_LOADED - 1)
NEXT = LAST + timedelta(days=1)

Cluster = Collection[str]


# --- steps ----------------------------------------------------------------------------------------


class Identity:
    """A home in which identity is built day by day on clusters made by hand, and published."""

    MODELS = (
        "int_identity__contended_records",
        "int_identity__assignments",
        "int_identity__assignment_history",
        "int_identity__customers",
        "int_identity__health",
        "customer_records",
        "identity_changes",
        "customer_redirects",
    )

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.day = FIRST_DAY
        with tenant.environment():
            self.where = settings.load()

    def build(self, *clusters: Cluster, day: date | None = None, rules: str = "") -> None:
        """Build identity over these records, all of one source."""
        self.day = day or self.day + timedelta(days=1)
        self.where.home.mkdir(parents=True, exist_ok=True)
        rows = [
            (name, f"k{number}", len(cluster) > 1)
            for number, cluster in enumerate(clusters)
            for name in cluster
        ]
        random.Random(len(rows)).shuffle(rows)
        with duckdb.connect(str(self.where.warehouse)) as warehouse:
            warehouse.execute("create schema if not exists identity")
            warehouse.execute(
                "create or replace table identity.int_identity__records as select 's' as source, "
                "unnest($1::varchar[]) as source_record_id, true as is_listed, "
                "timestamp '2024-01-01' as first_seen_at",
                [[name for name, _, _ in rows]],
            )
            # what a build of changes has looked at: here, whoever was or is there
            warehouse.execute(
                "create or replace table identity.int_identity__build as "
                "select true as is_of_changes"
            )
            warehouse.execute(
                "create or replace table identity.int_identity__affected_records as "
                "select 0 as record_no where false"
            )
            warehouse.execute("create schema if not exists vault")
            warehouse.execute(
                "create table if not exists vault.int_identity__touched_records "
                "(record_key varchar)"
            )
            warehouse.execute(
                "insert into vault.int_identity__touched_records "
                "select 's:' || unnest($1::varchar[]) "
                "except from vault.int_identity__touched_records",
                [[name for name, _, _ in rows]],
            )
            warehouse.execute(
                "create or replace table identity.int_identity__clusters as select "
                "0 as record_no, 's:' || unnest($1::varchar[]) as record_key, "
                "unnest($2::varchar[]) as cluster_key, "
                "if(unnest($3::boolean[]), 'email', 'own_key') as link_rule, "
                "null::double as link_weight",
                [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], []],
            )
        run_id = f"run-{self.day}-{random.randint(0, 9**9)}"
        ledger.attach(self.where, run_id=run_id, as_of=self.day, rules=rules)
        self._run()

    def _run(self, *more: str) -> None:
        from orchestration import transform

        with self.tenant.environment():
            arguments = ["run", "--select", *self.MODELS, *more]
            outcome = transform.invoke(self.where, self.day, arguments)
        assert outcome.success, outcome

    def followed_is_rebuilt(self) -> bool:
        """Whether following the changes has given what deciding on all records gives."""
        tables = self.MODELS[1:]
        followed = [self.ask(f"select * from identity.{table} order by all") for table in tables]
        self._run("--full-refresh")
        return followed == [
            self.ask(f"select * from identity.{table} order by all") for table in tables
        ]

    def publish(self) -> None:
        """Commit the ledger and switch, as `publish` does, the marts left out."""
        number = len(generations.generations(self.where.published))
        name = f"{number:04}_x"
        ledger.commit(self.where, run_id="r", as_of=self.day, generation=name)
        folder = self.where.published / "generations" / name
        (folder / "parquet").mkdir(parents=True)
        with duckdb.connect(str(self.where.warehouse), read_only=True) as warehouse:
            for mart in ("customer_records", "identity_changes", "customer_redirects"):
                file = folder / "parquet" / f"{mart}.parquet"
                warehouse.execute(f"copy identity.{mart} to '{file}'")
        note = {"name": name, "run_id": "r", "as_of": str(self.day), "published_at": "x"}
        (folder / "generation.json").write_text(json.dumps({**note, "row_counts": {}}))
        generations.make_current(self.where.published, name)

    def step(self, *clusters: Cluster, day: date | None = None, rules: str = "") -> dict[str, str]:
        """Build, publish and say which customer each record has."""
        self.build(*clusters, day=day, rules=rules)
        self.publish()
        return self.customers()

    def customers(self) -> dict[str, str]:
        return dict(
            self.ask(
                "select source_record_id, customer_id from identity.customer_records "
                "where valid_to is null"
            )
        )

    def redirects(self) -> dict[str, str]:
        return dict(
            self.ask("select old_customer_id, customer_id from identity.customer_redirects")
        )

    def changes(self, kinds: Iterable[str] = ("merged", "split", "moved", "retired")) -> Any:
        """The changes of the latest day other than creations: kind, customer, other customer."""
        return self.ask(
            "select kind, customer_id, other_customer_id from identity.identity_changes "
            f"where kind in {tuple(kinds)} and ledger_version = "
            "(select version from ledger.state) order by all"
        )

    def ask(self, query: str) -> list[Any]:
        with duckdb.connect(str(self.where.warehouse), read_only=True) as warehouse:
            return warehouse.execute(query).fetchall()

    def gate(self) -> list[str]:
        """What the gate behind identity says."""
        import expectations

        suites = expectations.suites("identity", self.day)
        outcomes = checks.run_suites(self.where.warehouse, suites)
        return [failure.sentence for outcome in outcomes for failure in outcome.failures]


@pytest.fixture
def identity(tenant: Tenant) -> Identity:
    return Identity(tenant)


def test_a_chain_of_merges_redirects_in_one_hop_and_is_undone_without_loss(
    identity: Identity,
) -> None:
    first = identity.step("a", "b")
    second = identity.step("a", "b", "c")
    assert {name: second[name] for name in first} == first
    a, b, c = second["a"], second["b"], second["c"]
    old, young = sorted((a, b))
    assert identity.step("ab", "c") == {"a": old, "b": old, "c": c}
    assert identity.changes() == [("merged", old, young)]
    assert identity.redirects() == {young: old}
    assert identity.step("abc") == dict.fromkeys("abc", old)
    assert identity.redirects() == {young: old, c: old}
    # undone all at once: everybody gets back what they had
    assert identity.step("a", "b", "c") == second
    assert identity.redirects() == {}
    assert identity.changes() == sorted([("split", young, old), ("split", c, old)])
    history = identity.ask(
        "select customer_id, valid_from, valid_to from identity.customer_records "
        "where source_record_id = 'c' order by valid_from"
    )
    # days end in New York
    ended = datetime.fromisoformat("2024-03-06T05:00")
    assert [row[0] for row in history] == [c, old, c]
    assert history[0][1:] == (datetime.fromisoformat("2024-01-01"), ended)
    assert history[1][2] == history[2][1]
    assert history[2][2] is None


def test_a_split_off_part_is_new_and_the_rest_moves_on(identity: Identity) -> None:
    before = identity.step("abc", "xy")
    after = identity.step("ab", "cxy")
    assert after["a"] == before["a"]
    assert after["c"] == before["x"]
    assert identity.changes() == [("moved", before["x"], before["a"])]
    apart = identity.step("a", "b", "cxy")
    assert apart["a"] == before["a"]
    assert apart["b"] not in before.values()
    assert identity.changes() == [("split", apart["b"], before["a"])]


def test_who_goes_away_retires_and_gets_the_old_id_back(identity: Identity) -> None:
    before = identity.step("ab", "c")
    assert identity.step("c") == {"c": before["c"]}
    assert identity.changes() == [("retired", before["a"], None)]
    assert identity.redirects() == {}
    assert identity.step("ab", "c") == before
    assert identity.ask(
        "select count(*), count(distinct valid_from) from identity.customer_records "
        "where source_record_id = 'a'"
    ) == [(2, 2)]
    assert ("created", before["a"], None) in identity.changes(("created", "x"))


def test_the_same_day_again_adds_nothing(identity: Identity) -> None:
    identity.step("ab", "cd")
    identity.step("abc", "d")
    marts = ("customer_records", "identity_changes", "customer_redirects")
    before = [identity.ask(f"select * from identity.{mart} order by all") for mart in marts]
    for _ in range(2):
        identity.step("d", "cba", day=identity.day)
        assert [
            identity.ask(f"select * from identity.{mart} order by all") for mart in marts
        ] == before


def test_a_day_corrected_and_corrected_back_leaves_no_empty_times(identity: Identity) -> None:
    first = identity.step("ab", "c")
    day = identity.day + timedelta(days=1)
    identity.step("abc", day=day)
    assert identity.step("ab", "c", day=day) == first
    assert identity.ask(
        "select count(*) from identity.customer_records where valid_to <= valid_from"
    ) == [(0,)]
    # and a run for an older day does not turn the ledger's clock back
    identity.step("abc", day=FIRST_DAY)
    assert identity.ask(
        "select max(changed_at), count(*) filter (where valid_to < valid_from) "
        "from identity.identity_changes, identity.customer_records"
    ) == [(datetime.combine(day, datetime.min.time()) + timedelta(days=1, hours=5), 0)]


def test_a_change_of_rules_is_named_as_the_cause(identity: Identity) -> None:
    identity.step("a", "b", rules="r1")
    identity.step("ab", rules="r2")
    assert identity.ask(
        "select kind, rule, evidence, cause from identity.identity_changes where kind = 'merged'"
    ) == [("merged", "email", "records: 1 of 1", "rules")]


def test_tables_built_by_other_sql_are_not_followed(identity: Identity) -> None:
    for models, is_followed in (("", True), ("changed", False)):
        identity.step("ab", "c")
        ledger.attach(identity.where, run_id="next", as_of=identity.day, rules="", models=models)
        assert identity.ask("select holds_version_before from ledger.state") == [(is_followed,)]


def test_an_override_is_named_as_the_cause(
    identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = tmp_path / "overrides.csv"
    monkeypatch.setattr(ledger, "_OVERRIDES", overrides)
    identity.step("ab", "x", "y")
    overrides.write_text(
        "kind,source_a,source_record_id_a,source_b,source_record_id_b,author\nnever_link,s,a,s,b,me\n"
    )
    identity.step("a", "b", "xy")
    assert identity.ask(
        "select kind, cause from identity.identity_changes where kind <> 'created' order by all"
    ) == [("merged", "new_data"), ("split", "override")]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_any_history_keeps_its_promises(identity: Identity, seed: int) -> None:
    """Random partitions of records that come and go, checked against rules stated in Python."""
    chance = random.Random(seed)
    names = [f"{number:02}" for number in range(30)]
    group = {name: chance.randrange(15) for name in names}
    ever: dict[str, set[str]] = defaultdict(set)
    before: dict[str, str] = {}
    for _ in range(7):
        for name in chance.sample(names, 6):
            group[name] = chance.randrange(15)
        away = set(chance.sample(names, 4))
        clusters: dict[int, list[str]] = defaultdict(list)
        for name in names:
            if name not in away:
                clusters[group[name]].append(name)
        shuffled = list(clusters.values())
        chance.shuffle(shuffled)
        identity.build(*shuffled)
        assert identity.followed_is_rebuilt()
        identity.publish()
        after = identity.customers()
        # one customer per cluster, one cluster per customer, every record once
        assert sorted(after) == sorted(set(names) - away)
        by_cluster = [{after[name] for name in cluster} for cluster in shuffled]
        assert all(len(ids) == 1 for ids in by_cluster)
        assert len(set(after.values())) == len(shuffled)
        # who neither came nor went nor changed company keeps the id
        for cluster in shuffled:
            held = {before.get(name) for name in cluster}
            (same,) = held if len(held) == 1 else (None,)
            if same and {name for name in before if before[name] == same} == set(cluster):
                assert after[cluster[0]] == same
        # an id is only ever given to those it stood for, or to who joins them
        for customer in set(after.values()) & set(ever):
            assert ever[customer] & {name for name in after if after[name] == customer}
        for name, customer in after.items():
            ever[customer].add(name)
        redirects = identity.redirects()
        assert not set(redirects) & set(after.values())
        assert set(redirects.values()) <= set(after.values())
        # an id resolves as long as anybody is here who belonged to it when it ended
        assert set(redirects) | set(after.values()) <= set(ever)
        assert identity.ask(
            "select count(*) from (select source_record_id, valid_from, lag(valid_to) over ("
            "partition by source_record_id order by valid_from) as earlier "
            "from identity.customer_records) where earlier > valid_from"
        ) == [(0,)]
        before = after


# --- the gate -------------------------------------------------------------------------------------


def test_too_much_change_is_stopped_until_somebody_accepts_it(identity: Identity) -> None:
    names = [f"{number:03}" for number in range(150)]
    alone = [[name] for name in names]
    identity.step(*alone)
    assert identity.gate() == []  # the first publication has no limit
    pairs = [names[at : at + 2] for at in range(0, 60, 2)] + alone[60:]
    identity.build(*pairs)
    churn, shift = identity.gate()
    assert "found 0.2" in churn
    assert "found 0.2" in shift
    assert 'insights accept identity --reason "..."' in churn
    said = identity.tenant.call("accept", "identity", "--reason", "pairs were told apart")
    assert said.code == 0, said.text
    assert "churn_share 0.2" in said.text
    # what was accepted is this much, not anything
    more = [names[at : at + 2] for at in range(0, 120, 2)] + alone[120:]
    identity.build(*more, day=identity.day)
    assert len(identity.gate()) == 2
    identity.step(*pairs, day=identity.day)
    assert identity.gate() == []
    (*_, newest) = _version(identity.where.ledger)["history"]
    assert newest["accepted"][0]["reason"] == "pairs were told apart"
    assert newest["accepted"][0]["observed"]["churn_share"] == 0.2
    # taken up: it counts once
    identity.build(*more)
    assert len(identity.gate()) == 2


def test_an_acceptance_needs_something_to_accept(tenant: Tenant, identity: Identity) -> None:
    answer = tenant.call("accept", "identity", "--reason", "why not")
    assert answer.code == 1
    assert "nothing to accept" in answer.text
    identity.step("a")
    assert "needs a reason" in tenant.call("accept", "identity", "--reason", " ").text
    assert tenant.call("accept", "identity").code == 2


# --- the ledger's files ---------------------------------------------------------------------------


def test_a_damaged_ledger_stops_the_run_and_says_what_to_do(identity: Identity) -> None:
    identity.step("a")
    file = identity.where.ledger / "00000001" / "assignments.parquet"
    whole = file.read_bytes()
    for content in (whole[:-9], whole.replace(b"s:a", b"s:b"), b""):
        file.write_bytes(content)
        with pytest.raises(LedgerError, match=r"assignments.parquet is damaged.*from a backup"):
            identity.build("a")
    file.unlink()
    with pytest.raises(LedgerError, match="damaged or missing"):
        identity.build("a")


def test_a_lost_ledger_never_numbers_anew_and_starts_from_what_is_published(
    identity: Identity,
) -> None:
    identity.step("a", "b", "cd")
    identity.step("ab", "c", "d")
    before = identity.step("ab", "c")
    history = [
        identity.ask(f"select * exclude (ledger_version) from identity.{mart} order by all")
        if mart == "identity_changes"
        else identity.ask(f"select * from identity.{mart} order by all")
        for mart in ("customer_records", "identity_changes", "customer_redirects")
    ]
    older = identity.where.ledger.with_name("older")
    shutil.move(identity.where.ledger, older)
    with pytest.raises(LedgerError, match=r"number every customer anew.*insights accept ledger"):
        identity.build("ab", "c")
    said = identity.tenant.call("accept", "ledger", "--reason", "the disk was lost")
    assert said.code == 0, said.text
    assert identity.step("c", "ab", day=identity.day) == before
    assert [
        identity.ask(f"select * exclude (ledger_version) from identity.{mart} order by all")
        if mart == "identity_changes"
        else identity.ask(f"select * from identity.{mart} order by all")
        for mart in ("customer_records", "identity_changes", "customer_redirects")
    ] == history
    # apart again: everybody has the id of the first day
    apart = identity.step("a", "b", "c")
    assert len(set(apart.values())) == 3
    assert set(apart.values()) <= set(identity.redirects()) | set(apart.values())
    assert "move it away first" in identity.tenant.call("accept", "ledger", "--reason", "x").text


def test_a_ledger_older_than_what_is_published_is_not_built_on(identity: Identity) -> None:
    identity.step("a")
    shutil.copytree(identity.where.ledger, identity.where.home / "backup")
    identity.step("a", "b")
    shutil.rmtree(identity.where.ledger)
    shutil.move(identity.where.home / "backup", identity.where.ledger)
    with pytest.raises(LedgerError, match="does not know 0001_x"):
        identity.build("a", "b")


def test_what_was_built_on_an_older_version_is_not_committed(identity: Identity) -> None:
    identity.build("a")
    shutil.copy(identity.where.warehouse, identity.where.home / "kept.duckdb")
    identity.publish()
    identity.step("a", "b")
    shutil.copy(identity.where.home / "kept.duckdb", identity.where.warehouse)
    with pytest.raises(LedgerError, match="not the newest"):
        ledger.commit(identity.where, run_id="r", as_of=identity.day, generation="x")


def test_a_ledger_ahead_of_what_is_published_is_where_the_next_run_goes_on(
    identity: Identity,
) -> None:
    """Killed after the ledger's rename and before the switch."""
    identity.step("a", "b")
    identity.build("ab", "c")
    built = identity.customers()
    identity.day -= timedelta(days=1)
    ledger.commit(identity.where, run_id="r", as_of=identity.day, generation="lost")
    changes = "select * from identity.identity_changes order by all"
    made = identity.ask(changes)
    assert identity.step("ab", "c") == built
    assert identity.ask(changes) == made


def test_old_versions_go_and_none_is_left_half_done(identity: Identity) -> None:
    half = identity.where.ledger / ".00000002"
    half.mkdir(parents=True)
    for _ in range(4):
        identity.step("a")
    kept = sorted(path.name for path in identity.where.ledger.iterdir())
    assert kept == ["00000002", "00000003", "00000004"]


# --- real runs ------------------------------------------------------------------------------------


def _version(folder: Path) -> dict[str, Any]:
    newest = max(path for path in folder.iterdir() if path.name.isdecimal())
    found: dict[str, Any] = json.loads((newest / "version.json").read_text(encoding="utf-8"))
    return found


def _ids(tenant: Tenant) -> set[Any]:
    return set(
        tenant.ask(
            "select source, source_record_id, customer_id from marts.customer_records "
            "where valid_to is null"
        )
    )


def _ledger_files(tenant: Tenant) -> dict[str, bytes]:
    return {
        str(path.relative_to(tenant.home)): path.read_bytes()
        for path in (tenant.home / "ledger").rglob("*")
        if path.is_file()
    }


def test_ids_survive_the_warehouse_and_raw_and_the_order_of_loading(loaded: Tenant) -> None:
    before = _ids(loaded)
    marts = loaded.marts()
    (loaded.home / "warehouse.duckdb").unlink()
    outcome = loaded.run()
    assert outcome.code == 0, outcome.text
    assert loaded.marts() == marts
    (loaded.home / "warehouse.duckdb").unlink()
    shutil.rmtree(loaded.home / "raw")
    assert loaded.run(LAST, LAST).code in (0, 1)  # one day alone may well be too little to publish
    outcome = loaded.run(FIRST_DAY, LAST)
    assert outcome.code == 0, outcome.text
    assert _ids(loaded) == before


def test_a_new_source_leaves_the_others_their_ids(loaded: Tenant) -> None:
    before = _ids(loaded)
    text = "contact_id,first_name,last_name,email,updated_at\n" + "".join(
        f"k{n},Someone{n},Else{n},else{n}@example.net,{NEXT}T00:00:00Z\n" for n in range(5)
    )
    loaded.land_day(NEXT)
    loaded.land("crm.contacts", NEXT, "contacts.csv", text)
    outcome = loaded.run()
    assert outcome.code == 0, outcome.text
    assert before <= _ids(loaded)


def test_a_run_that_fails_at_a_gate_leaves_the_ledger_as_it_was(loaded: Tenant) -> None:
    before = _ledger_files(loaded)
    loaded.land_day(NEXT, amount=250)
    newcomer = {"member_id": "new", "updated_at": f"{NEXT}T00:00:00Z"}
    loaded.land("loyalty.members", NEXT, "members.jsonl.gz", json_lines([newcomer]))
    outcome = loaded.run()
    assert outcome.code == 1, outcome.text
    assert _ledger_files(loaded) == before
    loaded.land_day(NEXT)
    outcome = loaded.run()
    assert outcome.code == 0, outcome.text
    assert len(_ids(loaded)) == MEMBERS + 1
    assert loaded.ask("select kind, count(*) from marts.identity_changes group by all") == [
        ("created", MEMBERS + 1)
    ]


KILLED = """
import os, signal
from orchestration import cli, generations
generations.finish = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
cli.main(["run"])
"""


# Slow, as those below: several whole runs each. The same is asked in steps above.
@pytest.mark.slow
def test_killed_between_ledger_and_switch_the_next_run_ends_the_same(
    loaded: Tenant, new_tenant: Callable[[str], Tenant]
) -> None:
    undisturbed = new_tenant("undisturbed")
    shutil.copytree(loaded.home, undisturbed.home, symlinks=True)
    newcomer = {"member_id": "new", "updated_at": f"{NEXT}T00:00:00Z"}
    for tenant in (loaded, undisturbed):
        tenant.land_day(NEXT)
        tenant.land("loyalty.members", NEXT, "members.jsonl.gz", json_lines([newcomer]))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        env={**os.environ, **loaded.variables()},
        cwd=settings.PROJECT_ROOT,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert _version(loaded.home / "ledger")["number"] == 2
    assert len(_ids(loaded)) == MEMBERS
    for tenant in (loaded, undisturbed):
        outcome = tenant.run(NEXT, NEXT)
        assert outcome.code == 0, outcome.text
    assert loaded.marts() == undisturbed.marts()
    assert len(_ids(loaded)) == MEMBERS + 1


@pytest.mark.slow
def test_rolling_back_forgets_no_id(loaded: Tenant) -> None:
    loaded.land_day(NEXT)
    newcomer = {"member_id": "new", "updated_at": f"{NEXT}T00:00:00Z"}
    loaded.land("loyalty.members", NEXT, "members.jsonl.gz", json_lines([newcomer]))
    assert loaded.run().code == 0
    with_newcomer = loaded.marts()
    assert loaded.call("rollback").code == 0
    assert len(_ids(loaded)) == MEMBERS
    outcome = loaded.run(NEXT, NEXT)
    assert outcome.code == 0, outcome.text
    assert loaded.marts() == with_newcomer


@pytest.mark.slow
def test_customers_that_went_away_are_published_once_somebody_accepts_it(tenant: Tenant) -> None:
    tenant.land_world(2)
    extra = [{"member_id": f"x{n}", "updated_at": f"{FIRST_DAY}T00:00:00Z"} for n in range(6)]
    second = FIRST_DAY + timedelta(days=1)
    tenant.land("loyalty.members", second, "members.jsonl", json_lines(extra))
    assert tenant.run().code == 0
    before = _ids(tenant)
    tenant.land("loyalty.members", second, "members.jsonl", json_lines(extra[:2]))
    outcome = tenant.run()
    assert outcome.code == 1, outcome.text
    assert 'insights accept customers --reason "..."' in outcome.text
    assert "row_count 14" in tenant.call("accept", "customers", "--reason", "left").text
    outcome = tenant.run(second, second)
    assert outcome.code == 0, outcome.text
    assert _ids(tenant) < before
    assert len(tenant.ask("from marts.identity_changes where kind = 'retired'")) == 4
    # and they are themselves again when they come back
    tenant.land("loyalty.members", second, "members.jsonl", json_lines(extra))
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    assert _ids(tenant) == before


@pytest.mark.slow
def test_a_publication_without_its_ledger_stops_the_run(loaded: Tenant) -> None:
    before = _ids(loaded)
    shutil.rmtree(loaded.home / "ledger")
    outcome = loaded.run()
    assert outcome.code == 1
    assert "could number every customer anew" in outcome.text
    assert not (loaded.home / "ledger").exists()
    assert loaded.call("accept", "ledger", "--reason", "it was lost").code == 0
    outcome = loaded.run()
    assert outcome.code == 0, outcome.text
    assert _ids(loaded) == before
