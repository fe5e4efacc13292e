"""The calendar of events: the committed seed, and days that can be looked up."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from orchestration import calendar_seed


def test_the_committed_seed_is_what_the_script_writes() -> None:
    assert calendar_seed.SEED.read_text(encoding="utf-8") == calendar_seed.text()


def test_no_event_starts_twice_on_one_day_or_ends_before_it_starts() -> None:
    events = calendar_seed.events()
    keys = Counter((event.event_code, event.start_date) for event in events)
    assert max(keys.values()) == 1
    for event in events:
        assert event.shopping_start_date <= event.start_date <= event.end_date
        assert event.end_date - event.shopping_start_date < timedelta(days=60)


def test_a_code_belongs_to_one_country_or_to_all() -> None:
    for event in calendar_seed.events():
        ending = event.event_code.rsplit("_", 1)[-1].upper()
        assert event.country == (ending if ending in calendar_seed.COUNTRIES else "")
        assert event.kind in {"public_holiday", "retail", "school", "religious"}
        assert event.country or event.kind in {"retail", "religious"}


def test_every_event_that_is_no_holiday_comes_once_a_year() -> None:
    years: dict[str, list[int]] = {}
    for event in calendar_seed.events():
        if event.kind != "public_holiday":
            years.setdefault(event.event_code, []).append(event.start_date.year)
    assert {tuple(found) for found in years.values()} == {tuple(calendar_seed.YEARS)}
    assert len(years) == 13 + 3 * 4


@pytest.mark.parametrize(
    ("code", "start", "end"),
    [
        ("easter", "2019-04-21", "2019-04-21"),
        ("ramadan", "2024-03-11", "2024-04-09"),
        ("eid_al_fitr", "2024-04-10", "2024-04-12"),
        ("eid_al_adha", "2024-06-16", "2024-06-19"),
        ("lunar_new_year", "2017-01-28", "2017-01-28"),
        ("diwali", "2018-11-07", "2018-11-07"),
        ("hanukkah", "2016-12-25", "2017-01-01"),  # over the turn of the year
        ("black_friday", "2024-11-29", "2024-11-29"),
        ("cyber_monday", "2024-12-02", "2024-12-02"),
        ("christmas_season", "2024-11-01", "2024-12-24"),
        ("mothers_day_us", "2017-05-14", "2017-05-14"),
        ("mothers_day_gb", "2024-03-10", "2024-03-10"),
        ("mothers_day_fr", "2020-06-07", "2020-06-07"),  # 31 May was Pentecost
        ("fathers_day_de", "2024-05-09", "2024-05-09"),
        ("back_to_school_us", "2024-07-15", "2024-09-02"),
        ("thanksgiving_day_us", "2024-11-28", "2024-11-28"),
        ("new_years_day_observed_us", "2021-12-31", "2021-12-31"),
        ("new_years_day_observed_gb", "2022-01-03", "2022-01-03"),
    ],
)
def test_events_fall_where_the_almanac_says(code: str, start: str, end: str) -> None:
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    assert (code, first, last) in {
        (event.event_code, event.start_date, event.end_date) for event in calendar_seed.events()
    }
