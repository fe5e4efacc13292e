"""The demo as a whole: the same bytes each time, loadable, and refused exactly where planted."""

from __future__ import annotations

import hashlib
import importlib.util
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import feeds, raw
from orchestration.demo import DemoError, invented, vocabulary
from tests.demo import Demo
from tests.tenant import Tenant

PEOPLE, DAYS = 1_200, 42


def digests(landing: Path) -> dict[str, str]:
    """Every file of a demo and of its truth, by path."""
    folder = landing.parent
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    tenant = Tenant(tmp_path_factory.mktemp("demo_run"))
    outcome = tenant.call("demo", "--customers", str(PEOPLE), "--days", str(DAYS))
    assert outcome.code == 0, outcome.text
    outcome = tenant.run()
    assert outcome.code == 0, outcome.text
    return tenant


def test_every_feed_is_there(run: Tenant) -> None:
    loaded = raw.loaded_footers(run.home / "raw", feeds.load())
    rows = {
        name: sum(footer["accepted_count"] for footer in days.values())
        for name, days in loaded.items()
    }
    assert len(rows) == len(invented.DELIVERIES)
    assert all(rows.values()), rows
    assert run.ask("select distinct missing_feeds from marts.mart_trust") == [("",)]


def test_what_was_planted_to_be_refused_is_refused_and_nothing_else(run: Tenant) -> None:
    found = Counter[tuple[str, str, str]]()
    for name, days in raw.loaded_footers(run.home / "raw", feeds.load()).items():
        for day, footer in days.items():
            for reason, count in footer["refused_by_reason"].items():
                found[name, str(day), reason] += count
    planted = {
        (feed, str(day), reason): count
        for feed, day, reason, count in duckdb.execute(
            f"from '{run.home / 'truth' / 'refused_rows.parquet'}'"
        ).fetchall()
    }
    assert dict(found) == planted
    # scores off their scale come with the first wave of surveys, after these days
    kinds = {reason.split(":")[0] for _, _, reason in planted}
    assert kinds >= {"missing", "type", "allowed"}


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name / "landing" for name in ("first", "again", "other"))
    invented.write(first, people=300, days=35)
    invented.write(again, people=300, days=35)
    assert digests(first) == digests(again)
    times = {path.relative_to(first): path.stat().st_mtime for path in first.rglob("*/*/*/*")}
    assert times == {
        path.relative_to(again): path.stat().st_mtime for path in again.rglob("*/*/*/*")
    }
    invented.write(other, people=300, days=35, seed=1)
    assert set(digests(other).values()).isdisjoint(
        digest for path, digest in digests(first).items() if "crm" in path or "web" in path
    )


def test_people_stay_who_they_are_when_others_join(tmp_path: Path) -> None:
    few, many = tmp_path / "few" / "landing", tmp_path / "many" / "landing"
    invented.write(few, people=300, days=28)
    invented.write(many, people=600, days=28)
    names = "select first_name, last_name, birth_date from read_csv('{}', all_varchar = true)"
    # the last household of the small world gave way to its size
    lost = duckdb.execute(
        f"""select count(*) from (
            {names.format(few / "crm/contacts/2017-01-01/contacts.csv")}
            except all {names.format(many / "crm/contacts/2017-01-01/contacts.csv")}
        )"""
    ).fetchall()
    assert lost[0][0] <= 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"people": 99}, "100 to 2,400,000 people, not 99"),
        ({"people": 500, "days": 27}, "28 to 1,825 days, not 27"),
        ({"days": 366}, "add --customers"),
    ],
)
def test_an_impossible_demo_is_refused_before_anything_is_written(
    arguments: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(DemoError, match=says):
        invented.write(tmp_path / "landing", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_truth_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "diary.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DemoError, match=r"diary.txt"):
        invented.write(tmp_path / "landing", people=300, days=28)
    assert [path.name for path in tmp_path.iterdir()] == ["truth"]


@pytest.mark.parametrize(
    ("feed", "key", "what"),
    [
        ("consent.events", "consent_event_id", "told"),
        ("helpdesk.ticket_events", "event_id", "told"),
        # sent again on other days, and corrected; what they are about stays
        ("helpdesk.tickets", "ticket_id", "(created_at, requester_email, order_id)"),
        ("messaging.events", "event_id", "told"),
        ("offers.redemptions", "redemption_id", "told"),
        ("pos.receipt_lines", "receipt_id, line_number", "told"),
        ("pos.receipts", "receipt_id", "told"),
        ("reviews.product_reviews", "review_id", "(product_id, account_id)"),
        ("shop.accounts", "account_id", "created_at"),
        ("shop.order_lines", "order_id, line_number", "told"),
        ("shop.orders", "order_id", "(account_id, ordered_at, promised_date)"),
        ("shop.returns", "return_id", "told"),
        ("social.interactions", "interaction_id", "told"),
        ("survey.invitations", "invitation_id", "told"),
        ("survey.responses", "response_id", "told"),
        ("web.events", "event_id", "told"),
    ],
)
def test_an_id_never_stands_for_two_things(demo: Demo, feed: str, key: str, what: str) -> None:
    (delivery,) = (delivery for delivery in invented.DELIVERIES if delivery.feed == feed)
    # rows that were spoilt on purpose are copies of good ones
    good = " and ".join(
        f"cast({flaw.column} as varchar) is distinct from {flaw.value}" for flaw in delivery.flaws
    )
    told = f"(select * exclude (landed_on) from {demo.feed(feed)} where {good or 'true'})"
    contents = f"cast(to_json({what}) as varchar)"
    found = demo.ask(
        f"""select {key} from {told} as told
        group by all having min({contents}) <> max({contents})"""
    )
    assert found == []


@pytest.mark.parametrize("package", ["Faker", "nicknames"])
def test_words_that_are_not_installed_are_named_before_anything_is_written(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == package.lower() else find(name, *rest),
    )
    with pytest.raises(DemoError, match=rf"^{package} is not installed; run `.venv/bin/pip"):
        invented.write(tmp_path / "landing", people=300, days=28)
    assert list(tmp_path.iterdir()) == []


def test_local_times_become_utc_as_the_time_zone_data_have_it() -> None:
    draws = resources.files("orchestration.demo").joinpath("world/010_draws.sql")
    zones = sorted({zone for _, zone, _, _ in vocabulary.REGIONS})
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'UTC'; create macro seed() as 1;" + draws.read_text())
        found = connection.execute(
            """
            select time_zone, local_time
            from (select unnest(?::varchar[]) as time_zone)
            cross join range(timestamp '2011-01-01', timestamp '2023-01-01', interval 30 minute)
                as times (local_time)
            where to_utc(local_time, time_zone)
                is distinct from timezone('UTC', timezone(time_zone, local_time))
            """,
            [zones],
        ).fetchall()
    assert found == []
