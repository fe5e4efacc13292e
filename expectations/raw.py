"""What an arrival must be before it may be loaded: derived from a feed's contract.

Three suites per feed: its rows, its days, its freshness. What single feeds ask for beyond their
contract stands in `_beyond_contract`. The relations that these suites look at are laid out by
`orchestration.checks.check_arrivals`; reading files is no matter of this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from expectations import Suite
from expectations import vocabulary as gxe

DAY = "_load_date"

# With fewer load dates before it, the volume of one is not judged.
MIN_EARLIER_DAYS = 7

# One till line, below zero when it is brought back. More is a price in cents or a typing error.
MAX_LINE_AMOUNT = 100_000

# Files arrive for the day of sale in the stores' time zone; tills that were offline follow later.
SOLD_DAYS_BEFORE_LOAD = 3
SOLD_DAYS_AFTER_LOAD = 2
MIN_SHARE_SOLD_NEAR_LOAD = 0.9


def rows(
    feed: str,
    table: str,
    *,
    required: Sequence[str],
    allowed: Mapping[str, Sequence[str]],
    key: Sequence[str],
    shown: Sequence[str],
    duplicates_refused: bool,
) -> Suite:
    """What every row of an arrival must be, over all its load dates at once."""
    expectations: list[gxe.Expectation] = [
        gxe.ExpectColumnValuesToNotBeNull(column=column, description=f"{column} is never missing")
        for column in (DAY, *required)
    ]
    expectations += [
        gxe.ExpectColumnValuesToBeInSet(
            column=column,
            value_set=list(values),
            description=f"{column} is one of {', '.join(values)}",
        )
        for column, values in allowed.items()
    ]
    if duplicates_refused:
        columns = ", ".join(key)
        expectations.append(
            gxe.UnexpectedRowsExpectation(
                # a partition puts nulls together, where GX's compound uniqueness loses them
                unexpected_rows_query=f"""
                    select {", ".join((*shown, DAY))} from {{batch}}
                    qualify count(*) over (partition by {DAY}, {columns}) > 1
                """,
                description=f"no ({columns}) comes twice in one load date",
            )
        )
    return Suite(
        "raw",
        table,
        (*expectations, *_beyond_contract(feed)),
        shown=(*shown, DAY),
        subject=feed,
    )


def days(
    feed: str,
    table: str,
    *,
    max_reject_share: float,
    min_ratio: float,
    max_ratio: float,
    trailing_days: int,
) -> Suite:
    """How much of each load date may be refused, and how far its volume may lie from its past.

    A load date without enough of a past passes, as does a day on which nothing came.
    """
    return Suite(
        "raw",
        table,
        (
            gxe.UnexpectedRowsExpectation(
                unexpected_rows_query=f"""
                    select {DAY}, row_count, refused_count, reject_share as observed
                    from {{batch}}
                    where reject_share > {max_reject_share}
                """,
                description=f"at most {max_reject_share:.2%} of a load date's rows are refused",
            ),
            gxe.UnexpectedRowsExpectation(
                unexpected_rows_query=f"""
                    select
                        {DAY}, row_count, trailing_median_row_count, row_count_ratio as observed
                    from {{batch}}
                    where
                        earlier_day_count >= {MIN_EARLIER_DAYS}
                        and row_count_ratio not between {min_ratio} and {max_ratio}
                """,
                description=(
                    f"a load date has {min_ratio:g} to {max_ratio:g} times as many rows as the "
                    f"median of the {trailing_days} days before it"
                ),
            ),
        ),
        shown=(DAY, "row_count", "refused_count", "trailing_median_row_count"),
        subject=feed,
    )


def freshness(
    feed: str, table: str, *, warn_after_days: float | None, error_after_days: float | None
) -> Suite:
    """How long before the run's last day the newest arrival may lie; a side left out is open."""
    # an age beyond the second limit is an error, and not a warning as well
    limits = (
        (warn_after_days, error_after_days, gxe.FailureSeverity.WARNING),
        (error_after_days, None, gxe.FailureSeverity.CRITICAL),
    )
    return Suite(
        "raw",
        table,
        tuple(
            gxe.UnexpectedRowsExpectation(
                unexpected_rows_query=f"""
                    select newest_load_date, age_days as observed from {{batch}}
                    where age_days > {limit}{f" and age_days <= {upto}" if upto else ""}
                """,
                severity=severity,
                description=f"the newest arrival is at most {limit:g} days old",
            )
            for limit, upto, severity in limits
            if limit is not None
        ),
        shown=("newest_load_date",),
        subject=feed,
    )


def _beyond_contract(feed: str) -> tuple[gxe.Expectation, ...]:
    if feed == "pos.receipts":
        return (
            gxe.UnexpectedRowsExpectation(
                # per load date: one wrong clock must not hide among a year of right ones
                unexpected_rows_query=f"""
                    select
                        {DAY},
                        avg(cast(
                            date_diff('day', {DAY}, cast(sold_at as date))
                            between -{SOLD_DAYS_BEFORE_LOAD} and {SOLD_DAYS_AFTER_LOAD}
                            as integer
                        )) as observed
                    from {{batch}}
                    group by {DAY}
                    having observed < {MIN_SHARE_SOLD_NEAR_LOAD}
                """,
                description=(
                    f"at least {MIN_SHARE_SOLD_NEAR_LOAD:.0%} of a load date's receipts were sold "
                    f"from {SOLD_DAYS_BEFORE_LOAD} days before it to {SOLD_DAYS_AFTER_LOAD} after"
                ),
            ),
        )
    if feed == "pos.receipt_lines":
        return (
            gxe.ExpectColumnValuesToBeBetween(
                column="sales_amount",
                min_value=-MAX_LINE_AMOUNT,
                max_value=MAX_LINE_AMOUNT,
                severity=gxe.FailureSeverity.WARNING,
                description=f"sales_amount lies within {MAX_LINE_AMOUNT:,} of zero",
            ),
        )
    return ()
