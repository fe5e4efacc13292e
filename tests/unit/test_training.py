"""Learning match weights: what is learned, what is left as it was, and that it repeats."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration import training
from tests.tenant import Tenant

DAY = date(2024, 3, 31)
# Two records of each of 300 people, pairs of whom share a home and a surname. Every seventh has
# another e-mail address in the second record, every fifth a first name cut to a letter.
RECORDS = """
create or replace table records as
with numbers as (select unnest(range(600)) as n),
people as (select n, n // 2 as person, n % 2 as copy, n // 4 as home from numbers),
named as (
    select
        *,
        'first'
        || chr((97 + person * 7 % 26)::integer) || chr((97 + person * 11 % 25)::integer) as first,
        'last' || chr((97 + home * 5 % 26)::integer) || chr((97 + home * 3 % 23)::integer) as last
    from people
)
select
    n::varchar as unique_id,
    case when copy = 1 and person % 5 = 0 then 'f' else first end as first_name,
    null::varchar as first_name_variants,
    last as last_name,
    'p' || person || '@' || case when copy = 1 and person % 7 = 0 then 'b' else 'a' end || '.org'
        as email,
    email.split('@')[2] as email_domain,
    'p' as mailbox_letters,
    person::varchar as mailbox_digits,
    '+1555' || lpad(person::varchar, 7, '0') as phone,
    {birth_date} as birth_date,
    'street ' || home as street,
    home::varchar as house_number,
    lpad((home % 40)::varchar, 5, '0') as postcode,
    'city ' || home % 9 as city
from named
"""
BIRTH_DATES = "date '1950-01-01' + (person * 37)::integer"


def learn(folder: Path, birth_date: str = BIRTH_DATES, records: str = RECORDS) -> training.Trained:
    """Learn from the made records into a seed and reports below the folder."""
    folder.mkdir(exist_ok=True)
    pytest.importorskip("splink", reason="Splink is not installed (extra train)")
    pytest.importorskip("vl_convert", reason="vl-convert is not installed (extra train)")
    with duckdb.connect() as connection:
        connection.execute(records.format(birth_date=birth_date))
        return training.learn(
            connection,
            training.load_plan(),
            DAY,
            "300 people",
            sampled_pairs=50_000,
            seed_file=folder / "weights.csv",
            reports=folder / "reports",
        )


def test_the_plan_names_its_levels_once_and_ends_with_all_others() -> None:
    plan = training.load_plan()
    assert [comparison.name for comparison in plan.comparisons][:2] == ["first_name", "last_name"]
    for comparison in plan.comparisons:
        assert comparison.levels[-1].when is None
        assert comparison.columns
    assert set(plan.strangers) | set(plan.home_shares) <= {each.name for each in plan.comparisons}


def test_a_level_after_all_others_is_refused(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project.yml"
    project.write_text(
        "vars: {identity_comparisons: [{name: x, known: a.x is not null, levels: "
        "[{level: else}, {level: exact, when: a.x = b.x}]}]}"
    )
    with pytest.raises(training.TrainingError, match="the levels of x"):
        training.load_plan(project)


def test_without_splink_one_sentence_names_the_extra(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = tenant.call("train-weights")
    assert outcome.code == 1
    assert "[train]" in outcome.text
    assert outcome.text.count("\n") == 1


def test_no_daily_run_learns_weights(tenant: Tenant) -> None:
    from orchestration import definitions, schedules

    with tenant.environment():
        built = definitions.build()
        daily = built.resolve_job_def(schedules.JOB)
        on_demand = built.resolve_job_def(schedules.TRAINING_JOB)
    name = training.ASSET_KEY.to_python_identifier()
    assert name not in {node.name for node in daily.nodes}
    assert {node.name for node in on_demand.nodes} == {name}


def test_what_agrees_more_often_in_one_person_weighs_more(tmp_path: Path) -> None:
    trained = learn(tmp_path)
    weight = {(each.comparison, each.level): each for each in trained.weights}
    for each in trained.weights:
        assert math.isfinite(each.match_weight)
        assert 0 < each.m_probability < 1
        assert 0 < each.u_probability < 1
    for name in ("first_name", "last_name", "email", "phone", "birth_date"):
        assert weight[name, "exact"].match_weight > 3, name
        assert weight[name, "else"].match_weight < 0, name
    assert weight["first_name", "initial"].m_probability == pytest.approx(0.2, abs=0.05)
    assert weight["email", "exact"].m_probability == pytest.approx(6 / 7, abs=0.05)
    assert weight["email", "exact"].u_probability < 0.001


def test_priors_are_those_of_the_people_and_their_homes(tmp_path: Path) -> None:
    """Two records a person, two people a home: of the six pairs of a home, two are one person."""
    trained = learn(tmp_path)
    assert trained.priors.matches_per_record == pytest.approx(1, abs=0.1)
    assert trained.priors.matches_per_household_pair == pytest.approx(2 / 4, rel=0.2)
    weight = {(each.comparison, each.level): each for each in trained.weights}
    assert weight["last_name", "exact"].home_probability is None
    # in how many of the four pairs of two people they are at no level of agreement: fewer than one
    # thinks, because names differ in two letters, and birth dates in 37 days
    for name, share in {"first_name": 440 / 600, "birth_date": 428 / 600, "email": 1}.items():
        assert weight[name, "else"].home_probability == pytest.approx(share, abs=0.06), name
    said = (tmp_path / "identity_priors.csv").read_text().splitlines()
    assert said[0] == "prior,value"
    assert said[1] == f"matches_per_record,{trained.priors.matches_per_record}"


def test_where_nobody_shares_a_home_two_records_are_one_person_or_strangers(
    tmp_path: Path,
) -> None:
    """Also where one person's records, typed badly, agree in the home and little else."""
    alone = RECORDS.replace("n // 4 as home", "n // 2 as home")
    mistyped = alone.replace("'p' || person || '@'", "'p' || n || '@'")
    for number, records in enumerate((alone, mistyped)):
        trained = learn(tmp_path / str(number), records=records)
        assert trained.priors.matches_per_household_pair > 50, records


def test_only_what_many_records_share_has_a_frequency(tmp_path: Path) -> None:
    learn(tmp_path)
    rows = (tmp_path / "identity_term_frequencies.csv").read_text().splitlines()[1:]
    shares = {tuple(row.split(",")[:2]): float(row.split(",")[2]) for row in rows}
    assert shares["postcode", "00000"] == pytest.approx(16 / 600, abs=0.001)
    assert min(shares.values()) >= 10 / 600 - 1e-6


@pytest.mark.slow
def test_the_same_records_give_the_same_files(tmp_path: Path) -> None:
    first, second = learn(tmp_path / "a"), learn(tmp_path / "b")
    assert (tmp_path / "a/weights.csv").read_bytes() == (tmp_path / "b/weights.csv").read_bytes()
    assert first.version == second.version
    again = learn(tmp_path / "a")
    assert again.version == first.version
    differences = [line.rsplit(",", 1)[1] for line in again.changes.splitlines()[1:]]
    assert set(differences) == {"0.000"}


@pytest.mark.slow
def test_what_was_never_seen_keeps_its_weight(tmp_path: Path) -> None:
    before = learn(tmp_path)
    after = learn(tmp_path, birth_date="cast(null as date)")
    kept = {(each.comparison, each.level): each for each in before.weights}
    for each in after.weights:
        if each.comparison == "birth_date":
            assert each == kept[each.comparison, each.level]
    assert any(sentence.startswith("birth_date.exact") for sentence in after.kept)
    assert "nan" not in (tmp_path / "weights.csv").read_text().lower()


def test_reports_stand_alone_and_name_nobody(tmp_path: Path) -> None:
    trained = learn(tmp_path)
    names = {path.name for path in trained.reports.iterdir()}
    assert names == {"match_weights.svg", "m_and_u.svg", "unlinkables.svg", "changes.csv"}
    for path in trained.reports.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "lasta" not in text
        assert ".org" not in text.replace("www.w3.org", "")
