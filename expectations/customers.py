"""Whether customers and their purchases are believable, and as many as were published last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from math import ceil

from expectations import Suite
from expectations import vocabulary as gxe

# A column that some customers fill and most do not is a source that stopped sending it. Only the
# CRM tells the region.
MAX_SHARE_MISSING = {"country": 0.5, "region": 0.9, "postcode_area": 0.8}

# Of customers with several records, percent of whom two differ on an attribute. More is a source
# that writes nonsense, or identity that puts different people together. Few say nothing.
MAX_CONFLICT_PCT = 60
MIN_COMPARED_COUNT = 1_000

# One purchase. More is cents for euros, or a wholesaler.
MIN_NET_AMOUNT, MAX_NET_AMOUNT = -10_000, 100_000
MIN_MEAN_NET_AMOUNT, MAX_MEAN_NET_AMOUNT = 0, 5_000
MAX_DISCOUNT_SHARE = 0.9
# A day's mean purchase against the days before it. A hundred times more is a day in cents.
LEVEL_DAYS, LEVEL_TRAILING_DAYS, LEVEL_MIN_EARLIER_DAYS = 7, 28, 7
MIN_LEVEL_RATIO, MAX_LEVEL_RATIO = 0.1, 10
# A purchase without a customer is worth nothing to a profile.
MAX_ANONYMOUS_SHARE = 0.9

# Against the last publication. Customers merge when identity learns; purchases do not go away.
MAX_SHRINKAGE = {"customers": 0.2, "purchases": 0.05}


def suites(as_of: date, published: Mapping[str, int]) -> tuple[Suite, ...]:
    """The suites of the station."""
    return (
        Suite(
            "customers",
            "customers",
            (
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="last_seen_at",
                    column_B="first_seen_at",
                    or_equal=True,
                    description="nobody is last seen before being first seen",
                ),
                gxe.UnexpectedRowsExpectation(
                    # a UTC moment of the reporting day can bear the date of the next one
                    unexpected_rows_query=f"""
                        select customer_id from {{batch}}
                        where last_seen_at >= timestamp '{as_of + timedelta(days=2)}'
                    """,
                    description=f"nobody is seen after {as_of}",
                ),
                *(_filled(column, share) for column, share in MAX_SHARE_MISSING.items()),
                *_not_shrunk("customers", published),
            ),
            shown=("customer_id",),
        ),
        Suite(
            "customers",
            "golden_conflicts",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select attribute from {{batch}}
                        where
                            compared_count >= {MIN_COMPARED_COUNT}
                            and conflict_pct > {MAX_CONFLICT_PCT}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=(
                        f"the records of at most {MAX_CONFLICT_PCT}% of customers disagree on an "
                        "attribute"
                    ),
                ),
            ),
            shown=("attribute",),
        ),
        Suite(
            "customers",
            "purchases",
            (
                gxe.ExpectColumnValuesToBeBetween(
                    column="purchase_date",
                    max_value=as_of,
                    description=f"no purchase lies after {as_of}",
                ),
                gxe.ExpectColumnValuesToBeBetween(
                    column="net_amount",
                    min_value=MIN_NET_AMOUNT,
                    max_value=MAX_NET_AMOUNT,
                    severity=gxe.FailureSeverity.WARNING,
                    description=(
                        f"net_amount lies between {MIN_NET_AMOUNT:,} and {MAX_NET_AMOUNT:,}"
                    ),
                ),
                gxe.ExpectColumnMeanToBeBetween(
                    column="net_amount",
                    min_value=MIN_MEAN_NET_AMOUNT,
                    max_value=MAX_MEAN_NET_AMOUNT,
                    description=(
                        f"the mean net_amount lies between {MIN_MEAN_NET_AMOUNT:,} and "
                        f"{MAX_MEAN_NET_AMOUNT:,}"
                    ),
                ),
                _level_holds(as_of),
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select sum(discount_amount) / nullif(sum(gross_amount), 0) as observed
                        from {{batch}}
                        having observed not between 0 and {MAX_DISCOUNT_SHARE}
                    """,
                    description=f"discounts take 0 to {MAX_DISCOUNT_SHARE:.0%} of gross_amount",
                ),
                gxe.ExpectColumnValuesToNotBeNull(
                    column="customer_id",
                    mostly=round(1 - MAX_ANONYMOUS_SHARE, 6),
                    severity=gxe.FailureSeverity.WARNING,
                    description=f"at most {MAX_ANONYMOUS_SHARE:.0%} of purchases have no customer",
                ),
                *_not_shrunk("purchases", published),
            ),
            shown=("purchase_id", "purchase_date"),
        ),
    )


def _level_holds(as_of: date) -> gxe.Expectation:
    """A wrong unit shows in a day's level long before it shows in the mean of all history."""
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=f"""
            select purchase_date, mean_amount / nullif(trailing_amount, 0) as observed
            from (
                select
                    *,
                    median(mean_amount) over recent as trailing_amount,
                    count(*) over recent as earlier_day_count
                from (
                    select purchase_date, sum(net_amount) / count(*) as mean_amount
                    from {{batch}}
                    group by purchase_date
                ) as days
                window recent as (
                    order by purchase_date
                    range between interval {LEVEL_TRAILING_DAYS} day preceding
                    and interval 1 day preceding
                )
            ) as levels
            where
                purchase_date > date '{as_of - timedelta(days=LEVEL_DAYS)}'
                and earlier_day_count >= {LEVEL_MIN_EARLIER_DAYS}
                and observed not between {MIN_LEVEL_RATIO} and {MAX_LEVEL_RATIO}
        """,
        description=(
            f"the mean net_amount of each of the last {LEVEL_DAYS} days is {MIN_LEVEL_RATIO:g} to "
            f"{MAX_LEVEL_RATIO:g} times the median of the {LEVEL_TRAILING_DAYS} days before it"
        ),
    )


def _filled(column: str, max_share_missing: float) -> gxe.Expectation:
    """A column may be missing throughout, when nothing a tenant has brings it, but not mostly."""
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=f"""
            select 1 - count({column}) / count(*) as observed
            from {{batch}}
            having count({column}) > 0 and observed > {max_share_missing}
        """,
        severity=gxe.FailureSeverity.WARNING,
        description=f"at most {max_share_missing:.0%} of customers lack {column}, if any have it",
    )


def _not_shrunk(table: str, published: Mapping[str, int]) -> tuple[gxe.Expectation, ...]:
    if table not in published:
        return ()
    least = ceil(round(published[table] * (1 - MAX_SHRINKAGE[table]), 6))
    return (
        gxe.ExpectTableRowCountToBeBetween(
            min_value=least,
            description=(
                f"there are at least {least:,} rows, {1 - MAX_SHRINKAGE[table]:.0%} of the "
                f"{published[table]:,} published last (if that is meant, accept it: insights "
                f'accept {table} --reason "...")'
            ),
        ),
    )
