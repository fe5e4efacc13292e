"""The calendar of shopping events, written as a seed: `python -m orchestration.calendar_seed`.

What belongs here: when an event falls, for the countries and years below, as the `holidays` library
and a few rules of the trade say. What an event means for a customer does not: that is for traits.
The pipeline never runs this module; it reads the committed seed, and a test keeps the two alike.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from orchestration import settings

SEED = settings.PROJECT_ROOT / "dbt_project" / "seeds" / "calendar_events.csv"

YEARS = range(2016, 2027)

# Northern Ireland and Scotland, and the German states, have days of their own that are left out.
COUNTRIES: dict[str, str | None] = {"US": None, "GB": "ENG", "DE": None, "FR": None}

# How many days before an event people begin to buy for it. Our proposal, as definitions go; events
# that are not named are bought for on their own days.
LEAD_DAYS = {
    "valentines_day": 7,
    "lunar_new_year": 14,
    "easter": 14,
    "eid_al_fitr": 10,
    "eid_al_adha": 7,
    "mothers_day": 14,
    "fathers_day": 14,
    "halloween": 21,
    "diwali": 14,
    "hanukkah": 14,
    "thanksgiving_day": 7,
}


class Event(NamedTuple):
    """One row of the seed; the last day belongs to the event."""

    event_code: str
    name: str
    country: str
    start_date: date
    end_date: date
    kind: str
    shopping_start_date: date


def events() -> list[Event]:
    """All events of YEARS, ordered by start and code; no code starts twice on one day."""
    found = [*_worldwide(), *_by_country(), *_public_holidays()]
    return sorted(found, key=lambda event: (event.start_date, event.event_code))


def text() -> str:
    """The seed as it is committed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Event._fields)
    writer.writerows(events())
    return out.getvalue()


def _worldwide() -> Iterator[Event]:
    """What falls on the same days in all countries: no country, and a code without one."""
    feasts: tuple[tuple[str, str, dict[int, list[date]]], ...] = (
        # The library holds these feasts for countries where they are a holiday; of those, the ones
        # that keep the days most people in COUNTRIES keep, where sightings of the moon differ.
        ("lunar_new_year", "Lunar New Year", _blocks("SG", "Chinese New Year")),
        ("easter", "Easter Sunday", _blocks("US", "Easter Sunday", "unofficial")),
        ("eid_al_fitr", "Eid al-Fitr", _blocks("TR", "Eid al-Fitr")),
        ("eid_al_adha", "Eid al-Adha", _blocks("TR", "Eid al-Adha")),
        ("diwali", "Diwali", _blocks("IN", "Diwali")),
        ("hanukkah", "Hanukkah", _blocks("IL", "Hanukkah", "school")),
    )
    for code, name, blocks in feasts:
        for year in YEARS:
            days = blocks[year]
            # celebrated for as long as each country likes; common to all is the first day
            last = days[0] if code == "lunar_new_year" else days[-1]
            yield _event(code, name, "", days[0], last, "religious")
    fasts = _blocks("MV", "First Day of Ramadan")
    fast_ends = _blocks("TR", "Eid al-Fitr")
    thanksgivings = _blocks("US", "Thanksgiving Day")
    for year in YEARS:
        black_friday = thanksgivings[year][0] + timedelta(days=1)
        last = fast_ends[year][0] - timedelta(days=1)
        yield _event("ramadan", "Ramadan", "", fasts[year][0], last, "religious")
        christmas = date(year, 12, 25)
        yield _event(
            "christmas", "Christmas", "", christmas, christmas + timedelta(days=1), "religious"
        )
        # from 1 November, as the US trade counts its holiday season, to the last day before
        yield _event(
            "christmas_season",
            "Christmas shopping season",
            "",
            date(year, 11, 1),
            date(year, 12, 24),
            "retail",
        )
        for code, name, day in (
            ("valentines_day", "Valentine's Day", date(year, 2, 14)),
            ("halloween", "Halloween", date(year, 10, 31)),
            ("black_friday", "Black Friday", black_friday),
            ("cyber_monday", "Cyber Monday", black_friday + timedelta(days=3)),
        ):
            yield _event(code, name, "", day, day, "retail")


def _by_country() -> Iterator[Event]:
    """What each country keeps on days of its own."""
    easters = _blocks("US", "Easter Sunday", "unofficial")
    labor_days = _blocks("US", "Labor Day")
    for year in YEARS:
        easter = easters[year][0]
        second_of_may, third_of_june = _sunday(year, 5, 2), _sunday(year, 6, 3)
        last_of_may = date(year, 5, 31) - timedelta(days=(date(year, 5, 31).weekday() + 1) % 7)
        pentecost = easter + timedelta(days=49)
        mothers = {
            "US": second_of_may,
            "GB": easter - timedelta(days=21),
            "DE": second_of_may,
            "FR": last_of_may if last_of_may != pentecost else _sunday(year, 6, 1),
        }
        ascension = easter + timedelta(days=39)
        fathers = dict.fromkeys(COUNTRIES, third_of_june) | {"DE": ascension}
        # Schools begin in August in most of the US, in the first days of September in England and
        # France, and from August to mid-September in the German states. Our proposal.
        school = {
            "US": (date(year, 7, 15), labor_days[year][0]),
            "GB": (date(year, 8, 1), date(year, 9, 7)),
            "DE": (date(year, 7, 25), date(year, 9, 15)),
            "FR": (date(year, 8, 1), date(year, 9, 7)),
        }
        for country in COUNTRIES:
            for code, name, day in (
                ("mothers_day", "Mother's Day", mothers[country]),
                ("fathers_day", "Father's Day", fathers[country]),
            ):
                yield _event(code, name, country, day, day, "retail")
            yield _event("back_to_school", "Back to school", country, *school[country], "school")


def _public_holidays() -> Iterator[Event]:
    """Days off. A day in lieu of a holiday at the weekend is an event of its own."""
    for country, part in COUNTRIES.items():
        for day, name in _days_named(country, subdiv=part):
            if day.year in YEARS:
                yield _event(_code(name), name, country, day, day, "public_holiday")


def _event(code: str, name: str, country: str, start: date, end: date, kind: str) -> Event:
    lead = timedelta(days=LEAD_DAYS.get(code, 0))
    # the code alone must tell two countries' days apart: it is half of the key
    own = f"{code}_{country.lower()}" if country else code
    return Event(own, name, country, start, end, kind, start - lead)


def _blocks(country: str, name: str, category: str = "public") -> dict[int, list[date]]:
    """The days of a feast in each year it begins in, one after the other without a gap."""
    blocks: list[list[date]] = []
    for day, named in _days_named(country, category):
        if named != name:
            continue
        if blocks and day - blocks[-1][-1] == timedelta(days=1):
            blocks[-1].append(day)
        else:
            blocks.append([day])
    found: dict[int, list[date]] = {}
    for block in blocks:
        found.setdefault(block[0].year, block)
    return found


def _days_named(
    country: str, category: str = "public", subdiv: str | None = None
) -> list[tuple[date, str]]:
    """A country's holidays, one row per name of a day; a year more on either side, for overlaps."""
    import holidays

    calendar = holidays.country_holidays(
        country,
        subdiv=subdiv,
        years=range(YEARS[0] - 1, YEARS[-1] + 2),
        categories=(category,),
        language="en_US",
    )
    return [
        (day, name.removesuffix(" (estimated)"))
        for day in sorted(calendar)
        for name in calendar.get_list(day)
    ]


def _sunday(year: int, month: int, number: int) -> date:
    """The month's first, second, .. Sunday."""
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))


def _code(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower().replace("'", "")).strip("_")


def main() -> None:
    """Write the seed."""
    SEED.write_text(text(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
