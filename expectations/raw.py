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

# Of a feed that brings fewer rows a day, one row says nothing: a small shop has slow days.
MIN_USUAL_ROWS = 20

# One till line, below zero when it is brought back. More is a price in cents or a typing error.
MAX_LINE_AMOUNT = 100_000

# Phones and browsers have clocks of their own; more is a tracker that writes another zone or unit.
DEVICE_DAYS_BEFORE_LOAD = 30
MAX_SHARE_OFF_DEVICE_CLOCKS = 0.1

# Messages to nobody known: more says that the export has lost its addresses.
MAX_SHARE_WITHOUT_ADDRESSEE = 0.1

# What people type into a field for an address; more says that two columns have changed places.
MAX_SHARE_UNLIKE_ADDRESSES = 0.1

# Decisions of nobody cannot be obeyed; more says that the export has lost its subjects.
MAX_SHARE_WITHOUT_SUBJECT = 0.1

# Files arrive for the day of sale in the stores' time zone; tills that were offline follow later.
SOLD_DAYS_BEFORE_LOAD = 3
SOLD_DAYS_AFTER_LOAD = 2
MIN_SHARE_SOLD_NEAR_LOAD = 0.9

# Deliveries of fewer rows are not judged by shares: three odd rows of five are no pattern.
MIN_JUDGED_ROWS = 10

# An export may be cut at another hour than the load date; more is a date misread.
EVENT_DAYS_AFTER_LOAD = 2
MAX_SHARE_OF_EVENTS_TO_COME = 0.1

# A tool that changes its scale and delivers none would leave every answer invalid, and no figure.
MAX_SHARE_OFF_IMPLIED_SCALE = 0.5

# More says that two columns of dates have changed places.
MAX_SHARE_ENDED_BEFORE_STARTED = 0.1


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

    A load date without enough of a past passes, as do a day on which nothing came and a feed whose
    usual day is too small to tell a gap from a slow day.
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
                        and trailing_median_row_count >= {MIN_USUAL_ROWS}
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
    if feed == "helpdesk.ticket_events":
        return (
            _at_most(
                MAX_SHARE_OF_EVENTS_TO_COME,
                f"date_diff('day', {DAY}, cast(event_at as date)) > {EVENT_DAYS_AFTER_LOAD}",
                f"of a load date's events happened more than {EVENT_DAYS_AFTER_LOAD} days after it",
            ),
        )
    if feed == "survey.responses":
        return (
            _at_most(
                MAX_SHARE_OFF_IMPLIED_SCALE,
                """case survey
                    when 'nps' then score not between coalesce(scale_min, 0)
                        and coalesce(scale_max, 10)
                    else score not between coalesce(scale_min, 1) and coalesce(scale_max, 5)
                end""",
                "of a load date's answers lie off their scale, which without one is 0 to 10 for "
                "nps and 1 to 5 for csat",
            ),
        )
    if feed == "contracts.subscriptions":
        return (
            _at_most(
                MAX_SHARE_ENDED_BEFORE_STARTED,
                "coalesce(ended_on < started_on, false)",
                "of a load date's subscriptions end before they start",
            ),
        )
    if feed == "shop.orders":
        return (
            _at_most(
                MAX_SHARE_OF_EVENTS_TO_COME,
                f"date_diff('day', {DAY}, cast(ordered_at as date)) > {EVENT_DAYS_AFTER_LOAD}",
                f"of a load date's orders were placed more than {EVENT_DAYS_AFTER_LOAD} days after "
                "it",
            ),
        )
    if feed == "shop.order_lines":
        return (
            gxe.UnexpectedRowsExpectation(
                # without a time of its own nothing says which of two different lines is right
                unexpected_rows_query=f"""
                    select order_id, line_number, {DAY} from {{batch}}
                    group by order_id, line_number, {DAY}
                    having count(distinct row(
                        product_id, quantity, unit_price, coalesce(discount_amount, 0), coupon_code
                    )) > 1
                """,
                description="a line that comes twice in one load date says the same both times",
            ),
            gxe.UnexpectedRowsExpectation(
                unexpected_rows_query=f"""
                    select order_id, line_number, {DAY} from {{batch}}
                    where abs(cast(quantity as double) * unit_price) > {MAX_LINE_AMOUNT}
                """,
                severity=gxe.FailureSeverity.WARNING,
                description=f"quantity times unit_price lies within {MAX_LINE_AMOUNT:,} of zero",
            ),
        )
    if feed == "shop.returns":
        return (
            gxe.UnexpectedRowsExpectation(
                # staging takes the sign away, which is right only where it says nothing
                unexpected_rows_query=f"""
                    select {DAY}, count_if(refunded_amount < 0) as observed from {{batch}}
                    group by {DAY}
                    having observed > 0 and count_if(refunded_amount > 0) > 0
                """,
                severity=gxe.FailureSeverity.WARNING,
                description="refunds of a load date are all above or all below zero",
            ),
        )
    if feed in ("crm.contacts", "shop.accounts", "loyalty.members", "newsletter.subscribers"):
        return (
            _at_most(
                MAX_SHARE_UNLIKE_ADDRESSES,
                "coalesce(instr(email, '@') = 0, false)",
                "of a load date's rows have an e-mail address without an @",
            ),
            _at_most(
                # a change from the future would win over every later one
                MAX_SHARE_OF_EVENTS_TO_COME,
                f"date_diff('day', {DAY}, cast(updated_at as date)) > {EVENT_DAYS_AFTER_LOAD}",
                f"of a load date's rows changed more than {EVENT_DAYS_AFTER_LOAD} days after it",
            ),
        )
    if feed == "consent.events":
        return (
            _at_most(
                MAX_SHARE_WITHOUT_SUBJECT,
                "coalesce(email, phone, account_id, member_id) is null",
                "of a load date's decisions do not say whose they are",
            ),
            _at_most(
                MAX_SHARE_ENDED_BEFORE_STARTED,
                "coalesce(expires_at <= effective_at, false)",
                "of a load date's decisions end before they begin",
            ),
        )
    if feed == "web.events":
        return (
            _at_most(
                MAX_SHARE_OFF_DEVICE_CLOCKS,
                f"date_diff('day', {DAY}, cast(event_at as date)) "
                f"not between -{DEVICE_DAYS_BEFORE_LOAD} and {EVENT_DAYS_AFTER_LOAD}",
                f"of a load date's events happened more than {DEVICE_DAYS_BEFORE_LOAD} days before "
                f"it or {EVENT_DAYS_AFTER_LOAD} after",
                severity=gxe.FailureSeverity.WARNING,
            ),
        )
    if feed == "messaging.events":
        return (
            _at_most(
                MAX_SHARE_WITHOUT_ADDRESSEE,
                "coalesce(subscriber_id, email, phone) is null",
                "of a load date's events do not say whom the message went to",
                severity=gxe.FailureSeverity.WARNING,
            ),
        )
    return ()


def _at_most(
    share: float,
    condition: str,
    of_what: str,
    severity: gxe.FailureSeverity = gxe.FailureSeverity.CRITICAL,
) -> gxe.Expectation:
    """At most this share of the rows of any load date may meet a condition, null being neither."""
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=f"""
            select {DAY}, count_if({condition}) / count(*) as observed
            from {{batch}}
            group by {DAY}
            having count(*) >= {MIN_JUDGED_ROWS} and observed > {share}
        """,
        severity=severity,
        description=f"at most {share:.0%} {of_what}",
    )
