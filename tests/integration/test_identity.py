"""Which records are one person: on records made by hand, and on many made to collide.

The models are the real ones; only what they read, the identifiers, is written here. What becomes
of ids is `test_identity_ledger`, and how many people of the demo are found is `test_customers`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from orchestration import identity_review, settings
from tests.tenant import Tenant

FIELDS = (
    "source",
    "source_record_id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "birth_date",
    "street",
    "house_number",
    "postcode",
)
Row = Mapping[str, str | None]
Partition = set[frozenset[str]]


def record(key: str, **said: str) -> Row:
    """A contact, or a record of the source that stands before the colon."""
    source, _, name = key.rpartition(":")
    return {"source": source or "crm.contacts", "source_record_id": name, **said}


class Identity:
    """A home whose warehouse holds identifiers, and identity as it was built on them last."""

    def __init__(self, folder: Path) -> None:
        self.tenant = Tenant(folder)
        self.tenant.home.mkdir(parents=True, exist_ok=True)
        with self.tenant.environment():
            from orchestration import transform

            self.where = settings.load()
            models, seeds = identity_review.parts(transform.load_manifest())
            self.models = [*models, "int_identity__built"]
            self._invoke("seed", [f"fqn:{each.partition('.')[2]}" for each in seeds if "." in each])

    def _invoke(self, command: str, selected: Sequence[str], *more: str) -> bool:
        from orchestration import transform

        with self.tenant.environment():
            arguments = [command, "--select", *selected, *more]
            return transform.invoke(self.where, date(2024, 3, 1), arguments).success

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query over the warehouse."""
        with duckdb.connect(str(self.where.warehouse)) as warehouse:
            return warehouse.execute(query).fetchall()

    def write(self, records: Iterable[Row]) -> None:
        """Let these be the records there are."""
        rows = [[each.get(field) for field in FIELDS] for each in records]
        with duckdb.connect(str(self.where.warehouse)) as warehouse:
            warehouse.execute("create schema if not exists vault")
            is_first = not warehouse.execute(
                "select 1 from duckdb_tables() where table_name = 'int_identity__identifiers'"
            ).fetchall()
            if not is_first:
                warehouse.execute(
                    "create or replace table before as from vault.int_identity__identifiers"
                )
            warehouse.execute("drop table if exists vault.int_identity__identifiers")
            unnested = ", ".join(
                f"unnest(${n + 1}::varchar[]) as {f}" for n, f in enumerate(FIELDS)
            )
            warehouse.execute(
                f"""
                create table vault.int_identity__identifiers as
                select
                    source || ':' || source_record_id as record_key, source, source_record_id,
                    case when source = 'loyalty.members' then source_record_id end as loyalty_id,
                    first_name, last_name, email, phone, birth_date::date as birth_date,
                    street, house_number, null::varchar as unit, postcode, null::varchar as city,
                    'US' as country, null::timestamp as entered_at,
                    null::timestamp as changed_at, null::date as _load_date,
                    null::varchar as _raw_version
                from (select {unnested})
                """,
                [list(column) for column in zip(*rows, strict=True)],
            )
            if is_first:
                warehouse.execute(
                    "create table before as from vault.int_identity__identifiers where false"
                )
            # what staging's load dates tell in a run
            warehouse.execute(
                """
                create or replace table vault.int_identity__touched_records as
                select *, true as is_listed, true as may_say_else
                from (from vault.int_identity__identifiers except from before)
                union all by name
                select
                    record_key, source, source_record_id, false as is_listed, true as may_say_else
                from before
                where record_key not in (select record_key from vault.int_identity__identifiers)
                """
            )

    def build(self, *more: str) -> Partition:
        """Build identity to its end, and return who is one person."""
        assert self._invoke("run", self.models, *more)
        return self.partition()

    def begin(self) -> None:
        """Build identity as far as a process came that was killed before the clusters."""
        begun = [name for name in self.models if not name.endswith(("clusters", "built"))]
        assert self._invoke("run", begun)

    def holds(self, test: str) -> bool:
        """Whether a test of dbt's finds nothing."""
        return self._invoke("test", [test])

    def partition(self) -> Partition:
        """The ids of the records of each person."""
        people: dict[str, set[str]] = {}
        for cluster, name in self.ask(
            "select cluster_key, split_part(record_key, ':', 2) "
            "from identity.int_identity__clusters"
        ):
            people.setdefault(cluster, set()).add(name)
        return {frozenset(names) for names in people.values()}

    def state(self) -> list[tuple[Any, ...]]:
        """All that is kept from build to build, but for the island's arbitrary number."""
        return self.ask(
            """
            select 'cluster', record_key, cluster_key, link_rule, round(link_weight, 6)::varchar
            from identity.int_identity__clusters
            union all
            select 'score', a::varchar, b::varchar, rule, round(match_weight, 6)::varchar
            from identity.int_identity__scores
            union all
            select 'profile', record_key, to_json(profiles)::varchar, null, null
            from vault.int_identity__profiles as profiles
            order by all
            """
        )

    def decide(self, *decisions: tuple[str, str, str]) -> None:
        """Let these be the overrides: kind, and the ids of two contacts."""
        with duckdb.connect(str(self.where.warehouse)) as warehouse:
            warehouse.execute("delete from seeds.identity_overrides")
            for kind, one, other in decisions:
                warehouse.execute(
                    "insert into seeds.identity_overrides values "
                    "(?, 'crm.contacts', ?, 'crm.contacts', ?, 'ann', 'asked them', '2024-03-01')",
                    [kind, one, other],
                )


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """One home for all: every test writes the records it needs."""
    return Identity(tmp_path_factory.mktemp("identity"))


HOME = {"street": "elm st", "house_number": "12", "postcode": "43201"}
OTHER_HOME = {"street": "oak ave", "house_number": "7", "postcode": "10023"}
HOTLINE = "+16145550137"
# as unlike as any two: who is called nearly the same is one person where there are so few people
SURNAMES = (
    "ingram", "dalby", "fuchs", "quist", "moreau", "vance", "tully", "becker", "orwell", "szabo",
)  # fmt: skip

CASES: Mapping[str, tuple[Sequence[Row], Sequence[set[str]]]] = {
    "a nickname at the same address and phone": (
        [
            record("a1", first_name="katherine", last_name="abbott", phone="+16140000001", **HOME),
            record("a2", first_name="kate", last_name="abbott", phone="+16140000001"),
        ],
        [{"a1", "a2"}],
    ),
    "a couple that shares home, phone and mailbox": (
        [
            record(
                f"b{n}",
                first_name=name,
                last_name="barlow",
                email="barlows@example.com",
                phone="+16140000002",
                **HOME,
            )
            for n, name in enumerate(["peter", "susan"])
        ],
        [{"b0"}, {"b1"}],
    ),
    "father and son of one name": (
        [
            record("c1", first_name="john", last_name="castle", birth_date="1950-03-02", **HOME),
            record("c2", first_name="john", last_name="castle", birth_date="1979-11-23", **HOME),
        ],
        [{"c1"}, {"c2"}],
    ),
    "twins": (
        [
            record("d1", first_name="mia", last_name="dunn", birth_date="1990-05-05", **HOME),
            record("d2", first_name="olivia", last_name="dunn", birth_date="1990-05-05", **HOME),
        ],
        [{"d1"}, {"d2"}],
    ),
    "somebody with two loyalty cards is two, whatever they share": (
        [
            record(
                f"loyalty.members:e{n}",
                first_name="cho",
                last_name="everett",
                email="cho@example.com",
                birth_date="1988-08-08",
            )
            for n in (1, 2)
        ],
        [{"e1"}, {"e2"}],
    ),
    "first and last name swapped": (
        [
            record("f1", first_name="wanda", last_name="farrow", phone="+16140000006", **HOME),
            record("f2", first_name="farrow", last_name="wanda", phone="+16140000006", **HOME),
        ],
        [{"f1", "f2"}],
    ),
    "married and moved, known by mailbox and first name": (
        [
            record("g1", first_name="ines", last_name="gale", email="ines.g@example.com", **HOME),
            record(
                "g2",
                first_name="ines",
                last_name="gruber",
                email="ines.g@example.com",
                **OTHER_HOME,
            ),
        ],
        [{"g1", "g2"}],
    ),
    "a mailbox without a name goes to who uses it more": (
        [
            record("h1", first_name="tom", last_name="hale", email="hale@example.com"),
            record("h2", first_name="tom", last_name="hale", email="hale@example.com"),
            record("h3", first_name="rita", last_name="hale", email="hale@example.com"),
            record("newsletter.subscribers:h4", email="hale@example.com"),
        ],
        [{"h1", "h2", "h4"}, {"h3"}],
    ),
    "a number that ten surnames gave links nobody": (
        [
            record(f"i{n}", first_name="ian", last_name=last_name, phone=HOTLINE)
            for n, last_name in enumerate(SURNAMES)
        ],
        [{f"i{n}"} for n in range(len(SURNAMES))],
    ),
    "a number that two surnames gave links them, when the first name agrees": (
        [
            record(f"l{n}", first_name="leo", last_name=last_name, phone="+16140000012")
            for n, last_name in enumerate(SURNAMES[:2])
        ],
        [{"l0", "l1"}],
    ),
    "two birth dates that nothing compares, by way of a record without one": (
        [
            record(
                "m1",
                first_name="nora",
                last_name="odell",
                email="nora@example.com",
                birth_date="1950-03-02",
            ),
            record(
                "m2",
                first_name="nora",
                last_name="odell",
                email="nora@example.com",
                phone="+16140000013",
            ),
            record(
                "m3",
                first_name="norah",
                last_name="odel",
                phone="+16140000013",
                birth_date="1985-11-23",
            ),
        ],
        # a phone tells two of a home apart better than a mailbox does
        [{"m1"}, {"m2", "m3"}],
    ),
    "a long way round: each record shares something with the next only": (
        [
            record(
                f"j{n}",
                first_name="jorge",
                last_name="jimenez",
                email=f"jorge{(n + 1) // 2}@example.com",
                phone=f"+1614000{n // 2:04}",
            )
            for n in range(1, 30)
        ],
        [{f"j{n}" for n in range(1, 30)}],
    ),
}


def test_who_is_one_person_and_who_is_not(identity: Identity) -> None:
    records = [each for given, _ in CASES.values() for each in given]
    identity.write(records)
    found = identity.build("--full-refresh")
    for case, (_, expected) in CASES.items():
        names = set().union(*expected)
        assert {part for part in found if part & names} == set(map(frozenset, expected)), case

    # the order of records is nobody's business
    state = identity.state()
    identity.write(random.Random(7).sample(records, len(records)))
    identity.build("--full-refresh")
    assert identity.state() == state


def test_weak_links_do_not_chain(identity: Identity) -> None:
    """Three of one name in one house, each with a mailbox of their own: not one person of three."""
    identity.write(
        record(f"n{n}", first_name="jo", last_name="nash", email=f"{name}@example.com", **HOME)
        for n, name in enumerate(["first", "second", "third"])
    )
    found = identity.build("--full-refresh")
    weights = [
        weight
        for (weight,) in identity.ask("select match_weight from identity.int_identity__scores")
    ]
    assert all(2 <= weight < 4 for weight in weights), weights
    assert max(map(len, found)) == 2


def test_a_disagreement_parts_people_only_where_homes_have_several(identity: Identity) -> None:
    """Twins there are one person whose name was typed badly, where nobody shares a home."""
    twins = CASES["twins"][0]
    identity.write(twins)
    assert identity.build("--full-refresh") == {frozenset({"d1"}), frozenset({"d2"})}
    prior = "update seeds.identity_priors set value = {} where prior = 'matches_per_household_pair'"
    ((shipped,),) = identity.ask(
        "select value from seeds.identity_priors where prior = 'matches_per_household_pair'"
    )
    identity.ask(prior.format(1000))
    assert identity.build() == {frozenset({"d1", "d2"})}
    identity.ask(prior.format(shipped))


def _crowd(count: int, seed: int) -> list[Row]:
    """People with so few names and homes that they keep meeting."""
    draw = random.Random(seed)
    firsts = ["ann", "anna", "bob", "robert", "carl", "karl", "dora", "eve"]
    lasts = ["frost", "frast", "green", "hill", "hall", "ivory"]
    crowd = []
    for n in range(count):
        said: dict[str, str] = {}
        if draw.random() < 0.9:
            said |= {"first_name": draw.choice(firsts), "last_name": draw.choice(lasts)}
        if draw.random() < 0.6:
            said["email"] = f"{draw.choice(firsts)}{draw.randrange(count // 6)}@example.com"
        if draw.random() < 0.4:
            said["phone"] = f"+1614{draw.randrange(count // 5):07}"
        if draw.random() < 0.3:
            said["birth_date"] = f"19{draw.randrange(50, 99)}-0{draw.randrange(1, 9)}-11"
        if draw.random() < 0.5:
            said |= {**HOME, "house_number": str(draw.randrange(count // 8))}
        crowd.append(record(f"p{n:04}", **said))
    return crowd


def test_following_the_changes_gives_what_a_full_build_gives(identity: Identity) -> None:
    crowd, others = _crowd(600, 1), _crowd(600, 2)
    identity.write(crowd[:550])
    identity.build("--full-refresh")

    # new records, changed ones, some that are gone, and a block that grows past the cap
    growing = [record(f"q{n}", first_name="eve", last_name="frost") for n in range(70)]
    # a number that links nobody on one day only: who gave it before and after says nothing new
    hotline = [
        record(f"h{n}", first_name="ian", last_name=last_name, phone=HOTLINE)
        for n, last_name in enumerate(SURNAMES)
    ]
    days = (
        [*crowd[:500], *others[500:520], *crowd[520:580], *hotline[:5]],
        [*crowd[:480], *others[500:520], *crowd[520:600], *growing, *hotline],
        [*crowd[10:480], *others[480:500], *crowd[520:600], *growing[:20], *hotline[:5]],
    )
    for day in days:
        identity.write(day)
        identity.build()
        compared = identity.ask("select count(*) from identity.int_identity__dirty_records")[0][0]
        assert 0 < int(compared) < len(day), "only what changed is compared again"
    followed = identity.state()
    identity.build("--full-refresh")
    assert followed == identity.state()

    identity.build()
    assert identity.ask("select count(*) from identity.int_identity__dirty_records") == [(0,)]
    assert identity.state() == followed


def test_a_build_that_was_not_finished_is_done_again(identity: Identity) -> None:
    crowd = _crowd(200, 3)
    identity.write(crowd[:180])
    identity.build("--full-refresh")
    identity.write(crowd)
    identity.begin()
    identity.build()
    found = identity.state()
    identity.build("--full-refresh")
    assert found == identity.state()


def test_every_rule_is_in_the_fingerprint() -> None:
    """A rule that is not would change nothing until somebody rebuilds all."""
    project = yaml.safe_load((settings.PROJECT_ROOT / "dbt_project.yml").read_text("utf-8"))
    rules = {name for name in project["vars"] if name.startswith("identity_")}
    macros = settings.PROJECT_ROOT / "dbt_project" / "macros" / "identity_builds.sql"
    (digest,) = re.findall(
        r"macro identity_settings_digest.*?endmacro", macros.read_text("utf-8"), re.DOTALL
    )
    told = set(re.findall(r"'(identity_\w+)'", digest))
    # training makes weights, which are a seed
    assert told == rules - {"identity_training"}


def test_what_somebody_decided_wins(identity: Identity) -> None:
    people = [
        record("k1", first_name="lena", last_name="kraft", email="lena@example.com"),
        record("k2", first_name="lena", last_name="kraft", email="lena@example.com"),
        record("k3", first_name="lena", last_name="kraft", email="lena@example.com"),
        record("m1", first_name="max", last_name="moor", **HOME),
        record("m2", first_name="erika", last_name="muster", **OTHER_HOME),
    ]
    identity.write(people)
    assert frozenset({"k1", "k2", "k3"}) in identity.build("--full-refresh")

    identity.decide(("never_link", "k1", "k2"), ("always_link", "m1", "m2"))
    found = identity.build()
    assert not any({"k1", "k2"} <= part for part in found)
    assert frozenset({"m1", "m2"}) in found
    rules = identity.ask(
        "select distinct link_rule from identity.int_identity__clusters "
        "where split_part(record_key, ':', 2) in ('m1', 'm2')"
    )
    assert rules == [("override",)]
    assert identity.holds("overrides_do_not_contradict")

    # not one person, and one by way of a third
    identity.decide(
        ("never_link", "k1", "k2"), ("always_link", "k1", "k3"), ("always_link", "k3", "k2")
    )
    identity.build()
    assert not identity.holds("overrides_do_not_contradict")
    identity.decide()
