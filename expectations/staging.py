"""Whether the cleaned feeds are fit to build on. What one row must be is asked in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from expectations import Suite
from expectations import vocabulary as gxe

# A till that has lost its clock prints 1970 or 1980.
EARLIEST_SALE = "2000-01-01"
# Below this number of receipts a share says nothing.
MIN_RECEIPTS = 100
# A programme that nobody shows is a reader or a column that broke.
MAX_SHARE_WITHOUT_CARD = 0.98
# Far more lines than a trolley holds means that receipt numbers are used again.
MAX_MEAN_LINES = 100
# Header and lines of a receipt come in two feeds, and one of them may stay away for a day.
TOGETHER_DAYS = 7
MIN_SHARE_TOGETHER = 0.9


def suites(as_of: date, published: Mapping[str, int]) -> tuple[Suite, ...]:
    """The suites of the station."""
    return (
        Suite(
            "staging",
            "stg_pos__receipts",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select receipt_id from {{batch}} where sold_at < timestamp '{EARLIEST_SALE}'
                    """,
                    description=f"no receipt was sold before {EARLIEST_SALE}",
                ),
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select avg(cast(member_id is null as integer)) as observed
                        from {{batch}}
                        having count(*) >= {MIN_RECEIPTS} and observed > {MAX_SHARE_WITHOUT_CARD}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=(
                        f"at most {MAX_SHARE_WITHOUT_CARD:.0%} of receipts show no loyalty card"
                    ),
                ),
                _together(as_of, "receipts", "lines", "staging.stg_pos__receipt_lines"),
            ),
            shown=("receipt_id", "_load_date"),
        ),
        Suite(
            "staging",
            "stg_pos__receipt_lines",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select count(*) / nullif(count(distinct receipt_id), 0) as observed
                        from {{batch}}
                        having observed > {MAX_MEAN_LINES}
                    """,
                    description=f"receipts have at most {MAX_MEAN_LINES} lines on average",
                ),
                _together(as_of, "lines", "receipt", "staging.stg_pos__receipts"),
            ),
            shown=("_load_date",),
        ),
    )


def _together(as_of: date, here: str, there: str, other: str) -> gxe.Expectation:
    """One half of the tills' data without the other is a feed that did not come.

    A tenant that never had the other half is not judged.
    """
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=f"""
            select
                here._load_date,
                count(distinct case when there.receipt_id is not null then here.receipt_id end)
                / count(distinct here.receipt_id) as observed
            from {{batch}} as here
            left join {other} as there on here.receipt_id = there.receipt_id
            where
                here._load_date > date '{as_of - timedelta(days=TOGETHER_DAYS)}'
                and exists (select 1 from {other})
            group by here._load_date
            having observed < {MIN_SHARE_TOGETHER}
        """,
        description=(
            f"of each of the last {TOGETHER_DAYS} load dates at least {MIN_SHARE_TOGETHER:.0%} of "
            f"the {here} have their {there}"
        ),
    )
