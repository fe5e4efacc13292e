"""Pictures of what the demo retailer sent, and of what was planted in it, for the docs.

Reads what a run loaded (`raw/`) and the truth beside the landing folder, never the marts: a picture
of the input must not hang on what the pipeline makes of it. Draws; decides nothing. The pictures
show counts of many people and hold no personal value.

    python -m orchestration.demo.pictures data docs/demo-retailer
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import altair as alt
import duckdb

Rows = list[dict[str, Any]]

WIDTH = 720
# Text is measured with the fonts of the machine that draws; a reader's may run wider.
PADDING = {"left": 24, "top": 5, "right": 40, "bottom": 5}
PLANTED, MEASURED, QUIET = "#d95f02", "#1b6ca8", "#9aa5b1"


def draw(home: Path, folder: Path) -> list[Path]:
    """Draw every picture of the demo that was loaded in `home` into `folder`, as SVG.

    Raises duckdb.Error when the demo was not written or not loaded there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")

        def rows(query: str) -> Rows:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        for name, picture in PICTURES.items():
            path = folder / f"{name}.svg"
            drawn = picture(home, rows).properties(padding=PADDING)
            drawn.configure_view(strokeOpacity=0).save(path)
            paths.append(path)
    return paths


def _raw(home: Path, feed: str) -> str:
    """SQL: the loaded rows of a feed."""
    path = home.joinpath("raw", *feed.split("."), "*.parquet")
    return f"read_parquet('{path}', hive_partitioning = false)"


def _truth(home: Path, name: str) -> str:
    """SQL: the rows of a truth."""
    return f"read_parquet('{home / 'truth' / name}.parquet')"


def _data(rows: Rows) -> alt.InlineData:
    return alt.InlineData(
        values=[
            {name: str(value) if name.endswith(_DAYS) else value for name, value in row.items()}
            for row in rows
        ]
    )


_DAYS = ("_on", "week", "day")


def _title(text: str, below: str) -> alt.TitleParams:
    return alt.TitleParams(
        text=text,
        subtitle=below,
        anchor="start",
        fontSize=14,
        subtitleFontSize=11,
        subtitleColor="#555555",
    )


def arrivals(home: Path, rows: Callable[[str], Rows]) -> Any:
    """Rows by feed and week of arrival."""
    feeds = sorted(
        f"{path.parent.name}.{path.name}" for path in (home / "raw").glob("*/*") if path.is_dir()
    )
    counted = " union all ".join(
        f"select '{feed}' as feed, _load_date from {_raw(home, feed)}" for feed in feeds
    )
    weeks = rows(
        f"""select
            feed, date_trunc('week', _load_date)::date as week, week + 7 as next_week,
            count(*)::int as row_count
        from ({counted}) group by all order by all"""
    )
    return (
        alt.Chart(
            _data(weeks),
            title=_title(
                "What arrives, and when",
                "Rows of each feed by week. The first delivery of a feed of records tells "
                "everything known before; some feeds come daily, some weekly, some once.",
            ),
        )
        .mark_rect()
        .encode(
            x=alt.X("week:T", title=None, axis=alt.Axis(format="%b")),
            x2="next_week:T",
            y=alt.Y("feed:N", title=None),
            color=alt.Color(
                "row_count:Q",
                title="rows a week",
                scale=alt.Scale(type="log", scheme="blues"),
            ),
        )
        .properties(width=WIDTH, height=18 * len(feeds))
    )


def funnel(home: Path, rows: Callable[[str], Rows]) -> Any:
    """Journeys with events of each stage, and how many of them ended in a purchase."""
    stages = rows(
        f"""select stage, 'bought' as ending, bought as journeys from {_truth(home, "funnel")}
        union all
        select stage, 'given up', journeys - bought from {_truth(home, "funnel")}
        order by all"""
    )
    return (
        alt.Chart(
            _data(stages),
            title=_title(
                "How far journeys get",
                "Planted: journeys of known people (one category, some weeks) with events of each "
                "stage, by how they ended. Some skip stages.",
            ),
        )
        .mark_bar()
        .encode(
            y=alt.Y("stage:N", title=None, sort=["explore", "inform", "intent", "purchase"]),
            x=alt.X("journeys:Q", title="journeys"),
            color=alt.Color(
                "ending:N",
                title=None,
                scale=alt.Scale(domain=["bought", "given up"], range=[MEASURED, QUIET]),
            ),
        )
        .properties(width=WIDTH, height=120)
    )


def backlog(home: Path, rows: Callable[[str], Rows]) -> Any:
    """Open tickets at the end of each day."""
    open_tickets = rows(
        f"""with latest as (
            select * from {_raw(home, "helpdesk.tickets")}
            qualify row_number() over (partition by ticket_id order by updated_at desc) = 1
        ),
        days as (
            select unnest(generate_series(min(created_at)::date, max(_load_date), interval 1 day))
                ::date as day
            from latest
        )
        select day, count(ticket_id)::int as open_count
        from days
        left join latest on
            created_at < day + 1 and (solved_at is null or solved_at >= day + 1)
            and status not in ('merged', 'spam', 'deleted')
        group by day order by day"""
    )
    slow = rows(f"select started_on, ended_on from {_truth(home, 'service_slow_period')}")
    area = (
        alt.Chart(_data(open_tickets))
        .mark_area(color=MEASURED, opacity=0.7)
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(format="%b")),
            y=alt.Y("open_count:Q", title="open tickets"),
        )
    )
    shade = (
        alt.Chart(_data(slow))
        .mark_rect(color=PLANTED, opacity=0.15)
        .encode(x="started_on:T", x2="ended_on:T")
    )
    return (shade + area).properties(
        width=WIDTH,
        height=160,
        title=_title(
            "The help desk's backlog",
            "Tickets open at the end of each day. Those never solved pile up; in the shaded weeks "
            "answers were made to take twice as long.",
        ),
    )


def topics(home: Path, rows: Callable[[str], Rows]) -> Any:
    """Tickets a week by topic, with the weeks of each planted issue."""
    weekly = rows(
        f"""select topic, date_trunc('week', created_at)::date as week, count(*)::int as tickets
        from (
            select * from {_raw(home, "helpdesk.tickets")}
            where topic in (select topic from {_truth(home, "recurring_issues")})
            qualify row_number() over (partition by ticket_id order by updated_at desc) = 1
        ) group by all order by all"""
    )
    issues = rows(
        f"""select topic, started_on, ended_on from {_truth(home, "recurring_issues")}
        where started_on is not null order by all"""
    )
    names = sorted({row["topic"] for row in weekly})
    planted = {row["topic"] for row in issues}
    charts = []
    for name in names:
        lines = (
            alt.Chart(_data([row for row in weekly if row["topic"] == name]))
            .mark_line(color=PLANTED if name in planted else MEASURED, interpolate="step-after")
            .encode(
                x=alt.X("week:T", title=None, axis=alt.Axis(format="%b")),
                y=alt.Y("tickets:Q", title=None),
            )
        )
        shade = (
            alt.Chart(_data([row for row in issues if row["topic"] == name] or [{"none": 0}]))
            .mark_rect(color=PLANTED, opacity=0.12)
            .encode(x="started_on:T", x2="ended_on:T")
        )
        layers = shade + lines if name in planted else lines
        charts.append(layers.properties(width=WIDTH // 2 - 60, height=70, title=name))
    return alt.concat(*charts, columns=2).properties(
        title=_title(
            "Tickets by topic",
            "A week. Shaded: when an issue was planted; topics without shade never change.",
        )
    )


def nps(home: Path, rows: Callable[[str], Rows]) -> Any:
    """NPS by month of the answer, with its interval, asked in waves and asked about an order."""
    months = rows(
        f"""with answers as (
            select
                date_trunc('month', answered_at)::date + 14 as month_day,
                if(wave is null, 'about an order', 'quarterly wave') as asked,
                score
            from {_raw(home, "survey.responses")}
            where survey = 'nps' and score = floor(score)
            qualify row_number() over (
                partition by coalesce(wave, order_id), coalesce(account_id, member_id, email)
                order by answered_at desc, response_id
            ) = 1
        ),
        counted as (
            select asked, month_day, count(*) + 3 as n,
                count_if(score >= 9) + 0.75 as promoters,
                count_if(score <= 6) + 0.75 as detractors,
                100.0 * (count_if(score >= 9) - count_if(score <= 6)) / count(*) as nps
            from answers group by all having count(*) >= 30
        )
        select asked, month_day, nps,
            -- adjusted Wald: three quarters of an answer more at each end
            100 * ((promoters - detractors) / n - 1.96 * sqrt(spread / n)) as low,
            100 * ((promoters - detractors) / n + 1.96 * sqrt(spread / n)) as high
        from (
            select *, (promoters + detractors) / n - ((promoters - detractors) / n) ** 2 as spread
            from counted
        )
        order by all"""
    )
    base = alt.Chart(
        _data(months),
        title=_title(
            "NPS by month",
            "One answer per person and wave or order, 95 % intervals (adjusted Wald), months with "
            "30 answers or more.",
        ),
    ).encode(
        x=alt.X("month_day:T", title=None, axis=alt.Axis(format="%b")),
        color=alt.Color("asked:N", title=None, scale=alt.Scale(range=[QUIET, MEASURED])),
    )
    interval = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="NPS"), y2="high:Q")
    points = base.mark_point(filled=True, size=60).encode(y="nps:Q")
    return (interval + points).properties(width=WIDTH, height=200)


PICTURES: Mapping[str, Callable[[Path, Callable[[str], Rows]], Any]] = {
    "arrivals": arrivals,
    "funnel": funnel,
    "backlog": backlog,
    "topics": topics,
    "nps": nps,
}


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
