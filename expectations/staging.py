"""Whether the cleaned feeds are fit to build on. What one row must be is asked in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

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
            ),
            shown=("receipt_id",),
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
            ),
        ),
    )
