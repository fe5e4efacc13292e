"""One customer repository through whole runs: a month followed, and a wrong merge undone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import settings
from orchestration.demo import FIRST_DAY as DEMO_FIRST_DAY
from orchestration.demo import invented
from tests.tenant import FIRST_DAY, Tenant

pytestmark = pytest.mark.slow

PEOPLE, DAYS, FOLLOWED = 400, 60, 30


def _kept(tenant: Tenant) -> dict[str, list[tuple[Any, ...]]]:
    """What identity keeps from run to run, without arbitrary numbers and the run's own."""
    queries = {
        "clusters": "select record_key, cluster_key, link_rule, round(link_weight, 6) "
        "from identity.int_identity__clusters",
        "scores": "select a, b, rule, round(match_weight, 6) from identity.int_identity__scores",
        "profiles": "select columns(*)::varchar from vault.int_identity__profiles",
        "records": "select columns(*)::varchar from identity.int_identity__records",
        "shared values": "select * from vault.int_identity__shared_values where is_shared",
        "golden values": "select columns(*)::varchar from vault.int_customers__golden_values",
    }
    with duckdb.connect(str(tenant.home / "warehouse.duckdb"), read_only=True) as warehouse:
        return {
            name: sorted(warehouse.execute(query).fetchall(), key=str)
            for name, query in queries.items()
        }


def _partition(tenant: Tenant) -> set[frozenset[tuple[str, str]]]:
    people: dict[str, set[tuple[str, str]]] = {}
    for customer, source, record in tenant.ask(
        "select customer_id, source, source_record_id from marts.customer_records "
        "where valid_to is null"
    ):
        people.setdefault(customer, set()).add((source, record))
    return {frozenset(records) for records in people.values()}


def test_a_month_followed_day_by_day_is_what_one_build_gives(tmp_path: Path) -> None:
    followed = Tenant(tmp_path / "followed")
    invented.write(followed.landing, people=PEOPLE, days=DAYS)
    for source in ("web", "messaging", "social", "helpdesk", "survey", "reviews"):
        shutil.rmtree(followed.landing / source)  # who is who does not hang on them
    at_once = Tenant(tmp_path / "at_once")
    shutil.copytree(followed.landing, at_once.landing)

    day = DEMO_FIRST_DAY + timedelta(days=DAYS - FOLLOWED - 1)
    outcome = followed.run(DEMO_FIRST_DAY, day)
    assert outcome.code == 0, outcome.text
    before = _partition(followed)
    for _ in range(FOLLOWED):
        day += timedelta(days=1)
        outcome = followed.run(day, day)
        assert outcome.code == 0, outcome.text
    assert before - _partition(followed), "in a month somebody's records change"

    # the same home from its raw files: every row, every id, the whole history
    kept, marts = _kept(followed), followed.marts()
    assert followed.call("run", "--from", str(day), "--full-refresh").code == 0
    assert _kept(followed) == kept
    assert followed.marts() == marts

    # a home that knew no day before the last: other ids may have survived, the same people
    outcome = at_once.run()
    assert outcome.code == 0, outcome.text
    assert _partition(at_once) == _partition(followed)
    assert _kept(at_once)["clusters"] == kept["clusters"]


def _contacts(tenant: Tenant, number: int, **people: str) -> None:
    """One day's delivery: first name, mailbox and day of entry of each contact, last name Novak."""
    day = FIRST_DAY + timedelta(days=number)
    rows = []
    for contact, said in people.items():
        first_name, mailbox, entered = said.split()
        rows.append(
            f"{contact},{first_name},Novak,{mailbox}@example.org,"
            f"{FIRST_DAY + timedelta(days=int(entered))}T15:00:00Z,{day}T15:00:00Z\n"
        )
    tenant.land(
        "crm.contacts",
        day,
        "contacts.csv",
        "contact_id,first_name,last_name,email,created_at,updated_at\n" + "".join(rows),
    )


def test_a_past_that_changes_is_followed(tmp_path: Path) -> None:
    """Deliveries come again with other rows, without some, and entered by a clock that is ahead."""
    tenant = Tenant(tmp_path)
    tenant.land_world(4)
    last = FIRST_DAY + timedelta(days=3)
    # a mailbox of more than identity_records_per_customer links nobody; of forty it does
    crowd = {f"c{n}": f"Person{n} desk 0" for n in range(70)}
    # so many of whom nothing changes that no gate asks whether the others are meant
    quiet = {f"q{n}": f"Quiet{n} quiet{n} 0" for n in range(3000)}
    few = {"k1": "Ann ann 0", "k2": "Ann ann 0", "k3": "Bob bob 0", "k4": "Eve eve 3"}
    _contacts(tenant, 0, **few, **crowd, **quiet)
    _contacts(tenant, 1, k1="Ann ann2 0", k5="Bob bob 1")
    outcome = tenant.run(FIRST_DAY, FIRST_DAY + timedelta(days=1))
    assert outcome.code == 0, outcome.text
    _contacts(tenant, 2, k2="Ann ann2 0", k6="Eve eve 2")
    outcome = tenant.run(FIRST_DAY, FIRST_DAY + timedelta(days=2))
    assert outcome.code == 0, outcome.text

    # k1 never changed, k5 is another, k3 and half of the crowd were a mistake
    fewer = {name: said for name, said in crowd.items() if int(name[1:]) < 40}
    del few["k3"]
    _contacts(tenant, 0, **few, **fewer, **quiet)
    _contacts(tenant, 1, k5="Bill bill 1")
    outcome = tenant.run(FIRST_DAY, last)
    assert outcome.code == 0, outcome.text
    with duckdb.connect(str(tenant.home / "warehouse.duckdb"), read_only=True) as warehouse:
        assert warehouse.execute(
            "select is_of_changes from identity.int_identity__build"
        ).fetchall() == [(True,)]
        assert warehouse.execute(
            "select count(*) from vault.int_identity__shared_values where is_shared"
        ).fetchall() == [(0,)]
    kept, marts = _kept(tenant), tenant.marts()
    assert tenant.call("run", "--from", str(last), "--full-refresh").code == 0
    assert _kept(tenant) == kept
    assert tenant.marts() == marts


# --- a wrong merge, undone ------------------------------------------------------------------------


class Checkout:
    """A project of its own, because what people decide about records is a file of the project."""

    def __init__(self, folder: Path, tenant: Tenant) -> None:
        self.folder, self.tenant = folder, tenant
        for name in ("orchestration", "expectations", "dbt_project"):
            shutil.copytree(
                settings.PROJECT_ROOT / name,
                folder / name,
                ignore=shutil.ignore_patterns("__pycache__", "target"),
            )
        for name in ("dbt_project.yml", "profiles.yml", "dagster.yaml", "workspace.yaml"):
            shutil.copy(settings.PROJECT_ROOT / name, folder / name)

    def insights(self, *arguments: str) -> str:
        """Run a command in a process of its own; it has to succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.tenant.variables(), "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def decide(self, kind: str, one: tuple[str, str], other: tuple[str, str], day: date) -> None:
        """Write one override, as a colleague would."""
        with (self.folder / "dbt_project/seeds/identity_overrides.csv").open("a") as file:
            file.write(",".join([kind, *one, *other, "ann", "two cousins", str(day)]) + "\n")


def test_a_wrong_merge_is_undone_by_one_override(tmp_path: Path) -> None:
    """Two cousins of one name in one house, each with a card account and purchases of their own."""
    tenant = Tenant(tmp_path)
    tenant.land_world(3)
    last = FIRST_DAY + timedelta(days=2)
    person = "Zuzanna,Nowak,zuzanna.n@example.org,Oak Avenue,7,43201"
    tenant.land(
        "shop.accounts",
        FIRST_DAY,
        "accounts.csv",
        "account_id,first_name,last_name,email,street,house_number,postcode,updated_at\n"
        + "".join(f"a{n},{person},{FIRST_DAY}T0{n}:00:00Z\n" for n in (1, 2, 3)),
    )
    tenant.land(
        "shop.orders",
        last,
        "orders.csv",
        "order_id,account_id,ordered_at,status,currency,updated_at\n"
        + "".join(f"o{n},a{n},{last}T15:0{n}:00Z,paid,USD,{last}T15:0{n}:00Z\n" for n in (1, 2, 3)),
    )
    tenant.land(
        "shop.order_lines",
        last,
        "lines.csv",
        "order_id,line_number,product_id,quantity,unit_price\n"
        + "".join(f"o{n},1,p{n},1,{n * 10}\n" for n in (1, 2, 3)),
    )
    checkout = Checkout(tmp_path / "project", tenant)
    checkout.insights("run")

    def owners() -> dict[str, str]:
        """Whose each order is."""
        return dict(
            tenant.ask(
                "select source_record_id, customer_id from marts.purchases "
                "where source = 'shop.orders'"
            )
        )

    merged = owners()["o1"]
    assert set(owners().values()) == {merged}, "three accounts that look like one person"

    checkout.decide("never_link", ("shop.accounts", "a1"), ("shop.accounts", "a2"), last)
    said = checkout.insights("what-if", "--overrides", "dbt_project/seeds/identity_overrides.csv")
    assert "split" in said
    assert set(owners().values()) == {merged}, "a rehearsal touches nothing"

    checkout.insights("run")
    split = owners()
    assert split["o1"] != split["o2"], "facts follow"
    assert merged in split.values(), "the larger part keeps the id"
    newcomer = (set(split.values()) - {merged}).pop()
    assert tenant.ask(
        "select kind, customer_id, other_customer_id, cause from marts.identity_changes "
        "where kind not in ('created', 'moved')"
    ) == [("split", newcomer, merged, "override")]
    assert set(tenant.ask("select customer_id from marts.customers")) >= {(merged,), (newcomer,)}
    spent = dict(
        tenant.ask(
            "select customer_id, sum(net_amount) from marts.purchases "
            "where source = 'shop.orders' group by customer_id"
        )
    )
    assert sum(spent.values()) == 60
    assert len(spent) == 2

    # joined again by taking the decision back: of ids of one day the smaller lives on, and the
    # other leads to it
    file = checkout.folder / "dbt_project/seeds/identity_overrides.csv"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    checkout.insights("run")
    survivor, given_up = sorted((merged, newcomer))
    assert set(owners().values()) == {survivor}
    assert tenant.ask(
        "select customer_id, kind from marts.customer_redirects "
        f"where old_customer_id = '{given_up}'"
    ) == [(survivor, "merged")]
