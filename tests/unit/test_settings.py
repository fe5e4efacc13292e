"""Where a setting comes from, who wins, and what is said of a value that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from orchestration import settings
from orchestration.settings import SettingsError


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    """An environment that says where the home is and nothing else; put back afterwards."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("INSIGHTS_") or name in settings.SWITCHES:
            del os.environ[name]
    os.environ["INSIGHTS_HOME"] = str(tmp_path)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def tenant_file(home: Path, text: str) -> Path:
    path = home / "landing" / "tenant.env"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal() -> str:
    """What is said of settings that cannot be used: one sentence, on one line."""
    with pytest.raises(SettingsError) as caught:
        settings.load()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


# defaults, and who wins


def test_defaults_are_those_of_the_demo(home: Path) -> None:
    where = settings.load()
    assert (where.home, where.landing) == (home, home / "landing")
    assert (where.target, where.keep_generations) == ("duckdb", 5)
    assert (where.timezone, where.currency, where.country) == ("UTC", "EUR", "US")


def test_without_a_home_it_is_data_in_the_project() -> None:
    del os.environ["INSIGHTS_HOME"]
    where = settings.load()
    assert where.home == settings.PROJECT_ROOT / "data"
    assert where.landing == settings.PROJECT_ROOT / "data" / "landing"


def test_everything_the_pipeline_writes_lies_below_the_home(home: Path) -> None:
    os.environ["INSIGHTS_LANDING"] = "/somewhere/else"
    where = settings.load()
    written = [
        where.raw,
        where.quarantine,
        where.ledger,
        where.warehouse,
        where.published,
        where.staging_area,
        where.dagster_home,
        where.run_lock,
    ]
    assert where.landing == Path("/somewhere/else")
    assert len(set(written)) == len(written)
    assert all(home in path.parents for path in written)


def test_relative_paths_and_the_users_home_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.environ.update(HOME="/users/ann", INSIGHTS_HOME="mine", INSIGHTS_LANDING="~/arrivals")
    where = settings.load()
    assert (where.home, where.landing) == (tmp_path / "mine", Path("/users/ann/arrivals"))


def test_tenant_file_wins_over_the_default(home: Path) -> None:
    tenant_file(home, "INSIGHTS_TIMEZONE=Europe/Paris\nINSIGHTS_COUNTRY=FR\n")
    where = settings.load()
    assert (where.timezone, where.currency, where.country) == ("Europe/Paris", "EUR", "FR")


def test_environment_wins_over_the_tenant_file(home: Path) -> None:
    tenant_file(home, "INSIGHTS_TIMEZONE=Europe/Paris\nINSIGHTS_CURRENCY=CHF\n")
    os.environ["INSIGHTS_TIMEZONE"] = "Asia/Tokyo"
    where = settings.load()
    assert (where.timezone, where.currency) == ("Asia/Tokyo", "CHF")


def test_an_empty_variable_is_as_good_as_none(home: Path) -> None:
    tenant_file(home, "INSIGHTS_CURRENCY=\nINSIGHTS_COUNTRY=FR\n")
    os.environ.update(
        dict.fromkeys(("INSIGHTS_COUNTRY", "INSIGHTS_TARGET", "INSIGHTS_LANDING"), ""),
        INSIGHTS_KEEP_GENERATIONS="",
    )
    where = settings.load()
    assert (where.country, where.currency, where.target) == ("FR", "EUR", "duckdb")
    assert (where.landing, where.keep_generations) == (home / "landing", 5)


def test_the_tenant_file_is_that_of_the_landing_folder_in_use(home: Path, tmp_path: Path) -> None:
    tenant_file(home, "INSIGHTS_COUNTRY=FR\n")
    os.environ["INSIGHTS_LANDING"] = str(tmp_path / "other")
    assert settings.load().country == "US"


def test_comments_blank_lines_and_blanks_are_passed_over(home: Path) -> None:
    tenant_file(home, "# ours\n\n  INSIGHTS_COUNTRY = FR  \n\n   # INSIGHTS_COUNTRY=DE\n")
    assert settings.load().country == "FR"


def test_a_tenant_file_written_on_windows_is_read(home: Path) -> None:
    path = tenant_file(home, "")
    path.write_bytes(b"\xef\xbb\xbfINSIGHTS_COUNTRY=FR\r\nINSIGHTS_CURRENCY=CHF\r\n")
    assert (settings.load().country, settings.load().currency) == ("FR", "CHF")


# the process's environment


def test_switches_are_put_into_the_environment() -> None:
    settings.load()
    assert {name: os.environ[name] for name in settings.SWITCHES} == settings.SWITCHES


def test_a_switch_someone_has_set_stays() -> None:
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = "0"
    settings.load()
    assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "0"


def test_a_tenants_variables_do_not_leak_into_the_environment(home: Path) -> None:
    tenant_file(home, "INSIGHTS_TIMEZONE=Europe/Paris\nINSIGHTS_COUNTRY=FR\n")
    before = dict(os.environ)
    where = settings.load()
    assert {k: v for k, v in os.environ.items() if k not in settings.SWITCHES} == before
    # so that the next tenant of the same process has its own
    tenant_file(home, "INSIGHTS_TIMEZONE=Asia/Tokyo\n")
    assert where.timezone == "Europe/Paris"
    assert (settings.load().timezone, settings.load().country) == ("Asia/Tokyo", "US")


def test_settings_given_on_are_read_back_the_same(home: Path) -> None:
    tenant_file(home, "INSIGHTS_TIMEZONE=Europe/Paris\nINSIGHTS_CURRENCY=CHF\n")
    where = settings.load()
    tenant_file(home, "")
    os.environ.update(where.environment())
    assert settings.load() == where


# values that cannot be used


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INSIGHTS_TARGET", "postgres"),
        ("INSIGHTS_TARGET", "DuckDB"),
        ("INSIGHTS_TIMEZONE", "Mars/Base"),
        ("INSIGHTS_TIMEZONE", "../../etc/passwd"),
        ("INSIGHTS_TIMEZONE", "/etc/localtime"),
        ("INSIGHTS_TIMEZONE", "Europe"),  # a folder of time zones
        ("INSIGHTS_TIMEZONE", "+02:00"),
        ("INSIGHTS_TIMEZONE", "'Europe/Paris'"),
        ("INSIGHTS_TIMEZONE", "x" * 300),
        ("INSIGHTS_CURRENCY", "euro"),
        ("INSIGHTS_CURRENCY", "eur"),
        ("INSIGHTS_CURRENCY", "EU"),
        ("INSIGHTS_CURRENCY", "€€€"),
        ("INSIGHTS_COUNTRY", "USA"),
        ("INSIGHTS_COUNTRY", "us"),
        ("INSIGHTS_COUNTRY", "US "),
        ("INSIGHTS_KEEP_GENERATIONS", "0"),
        ("INSIGHTS_KEEP_GENERATIONS", "-1"),
        ("INSIGHTS_KEEP_GENERATIONS", "1.5"),
        ("INSIGHTS_KEEP_GENERATIONS", "many"),
        ("INSIGHTS_KEEP_GENERATIONS", "²"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(name: str, value: str) -> None:
    os.environ[name] = value
    assert refusal().startswith(f"{name} is '{value}'")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INSIGHTS_TIMEZONE", "Mars/Base"),
        ("INSIGHTS_CURRENCY", "euro"),
        ("INSIGHTS_COUNTRY", '"FR"'),
    ],
)
def test_a_bad_value_of_the_tenant_file_is_named(home: Path, name: str, value: str) -> None:
    tenant_file(home, f"{name}={value}\n")
    assert refusal().startswith(f"{name} is '{value}'")


@pytest.mark.parametrize(
    "line",
    [
        "INSIGHTS_TIMEZONE",
        "Europe/Paris",
        "INSIGHTS_HOME=/elsewhere",
        "INSIGHTS_TARGET=spark",
        "PATH=/bin",
        "export INSIGHTS_COUNTRY=FR",
        "insights_country=FR",
        "=FR",
    ],
)
def test_a_bad_line_of_the_tenant_file_is_named_by_file_and_number(home: Path, line: str) -> None:
    path = tenant_file(home, f"# ours\n\nINSIGHTS_COUNTRY=FR\n{line}\n")
    sentence = refusal()
    assert sentence.startswith(f"{path}:4: '{line}' ")
    assert "INSIGHTS_COUNTRY, INSIGHTS_CURRENCY, INSIGHTS_TIMEZONE" in sentence


# days


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
    ],
)
def test_a_day_is_read(text: str, day: date) -> None:
    assert settings.parse_day(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "0000-01-01",
        "2024-1-1",
        "20240101",
        "2024-W01-1",
        "2024-01-01 ",
        "2024-01-01\n",
        "2024-01-01T00:00:00",
        "-2024-01-01",
        "२०२४-०९-०९",  # digits, but not ours
        "yesterday",
    ],
)
def test_what_is_no_day_is_none(text: str) -> None:
    assert settings.parse_day(text) is None
