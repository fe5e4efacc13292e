"""Whether published figures are possible at all. Whether they are right is a dbt unit test's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from expectations import Suite
from expectations import vocabulary as gxe

# `acquired_to_lost_pct` is a replacement ratio, not a share of anything: it may pass 100.
UNBOUNDED_PERCENTAGE = "acquired_to_lost"
# The interval of NPS stands around an adjusted estimate: a single answer lies outside of it.
MIN_ANSWERS_FOR_INTERVAL = 2
ROUNDING = 1e-6


def suites(as_of: date, published: Mapping[str, int]) -> tuple[Suite, ...]:
    """The suites of the station."""
    cell = "kpi, period_grain, period_start, segment_type, segment"
    return (
        Suite(
            "kpis",
            "kpi_values",
            (
                gxe.ExpectColumnValuesToBeBetween(
                    column="n", min_value=0, description="n is zero or more"
                ),
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select {cell} from {{batch}}
                        where
                            n >= {MIN_ANSWERS_FOR_INTERVAL}
                            and (low > value + {ROUNDING} or value > high + {ROUNDING})
                    """,
                    description="value lies between low and high",
                ),
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select {cell} from {{batch}}
                        where
                            unit = 'pct'
                            and not contains(kpi, '{UNBOUNDED_PERCENTAGE}')
                            and value not between 0 and 100
                    """,
                    description="a value whose unit is pct lies between 0 and 100",
                ),
            ),
            shown=tuple(cell.split(", ")),
        ),
        Suite(
            "kpis",
            "kpi_retention",
            (
                gxe.ExpectColumnValuesToBeBetween(
                    column="retention_pct",
                    min_value=0,
                    max_value=100,
                    description="retention_pct lies between 0 and 100",
                ),
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query="""
                        select cohort_month, months_since from {batch}
                        qualify returned_or_later_count > lag(returned_or_later_count) over (
                            partition by cohort_month order by months_since
                        )
                    """,
                    description="returned_or_later_count never grows with months_since",
                ),
            ),
            shown=("cohort_month", "months_since"),
        ),
    )
