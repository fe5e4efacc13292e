"""Whether records were put together in a believable way: neither too eagerly nor all at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from expectations import Suite
from expectations import vocabulary as gxe

# More than this many records is a shared identifier that got past the guards, not a person.
MAX_RECORDS_PER_CUSTOMER = 50
# Many records are rare; when they are not, a rule links too eagerly.
MANY_RECORDS = 10
MAX_SHARE_WITH_MANY_RECORDS = 0.02
# Below this number of customers a share says nothing.
MIN_CUSTOMERS = 1_000
# Share of records that are one too many for their customer: 0 when no two records are one person.
MAX_CONSOLIDATION_RATE = 0.9
# Against the last publication, until somebody accepts more: what others keep by customer_id moves.
MAX_CHURN_SHARE = 0.05
MAX_CONSOLIDATION_SHIFT = 0.1
# Fewer records than these say nothing as a share.
MIN_CHANGED_RECORDS, MIN_RECORDS = 10, 100

_ACCEPT = 'if that is meant, accept it: insights accept identity --reason "..."'

_CURRENT = "(select customer_id from {batch} where valid_to is null)"
_CONSOLIDATION_RATE = "1 - count(distinct customer_id) / nullif(count(*), 0)"


def suites(as_of: date, published: Mapping[str, int]) -> tuple[Suite, ...]:
    """The suites of the station."""
    return (
        Suite(
            "identity",
            "customer_records",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select customer_id, count(*) as observed
                        from {_CURRENT} as records
                        group by customer_id
                        having count(*) > {MAX_RECORDS_PER_CUSTOMER}
                    """,
                    description=f"no customer holds more than {MAX_RECORDS_PER_CUSTOMER} records",
                ),
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select avg(cast(record_count >= {MANY_RECORDS} as integer)) as observed
                        from (
                            select count(*) as record_count
                            from {_CURRENT} as records
                            group by customer_id
                        ) as customers
                        having
                            count(*) >= {MIN_CUSTOMERS}
                            and observed > {MAX_SHARE_WITH_MANY_RECORDS}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=(
                        f"at most {MAX_SHARE_WITH_MANY_RECORDS:.0%} of customers hold "
                        f"{MANY_RECORDS} records or more"
                    ),
                ),
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select {_CONSOLIDATION_RATE} as observed
                        from {_CURRENT} as records
                        having count(*) >= {MIN_CUSTOMERS} and observed > {MAX_CONSOLIDATION_RATE}
                    """,
                    description=(
                        f"at most {MAX_CONSOLIDATION_RATE:.0%} of records merge into another's "
                        "customer"
                    ),
                ),
            ),
            shown=("customer_id",),
        ),
        Suite(
            "identity",
            "int_identity__health",
            (
                _limited(
                    "churn_share",
                    MAX_CHURN_SHARE,
                    f"changed_record_count >= {MIN_CHANGED_RECORDS}",
                    f"at most {MAX_CHURN_SHARE:.0%} of the records that were published last belong "
                    f"to another customer now ({_ACCEPT})",
                ),
                _limited(
                    "consolidation_shift",
                    MAX_CONSOLIDATION_SHIFT,
                    f"greatest(record_count, previous_record_count) >= {MIN_RECORDS}",
                    "the share of records that merge into another's customer lies within "
                    f"{MAX_CONSOLIDATION_SHIFT:g} of that published last ({_ACCEPT})",
                ),
            ),
        ),
    )


def _limited(measure: str, limit: float, matters: str, description: str) -> gxe.Expectation:
    """What was accepted is a limit too: the figure that was seen then, and not any figure."""
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=f"""
            select {measure} as observed
            from {{batch}}
            where
                {measure} > greatest({limit}, coalesce(accepted_{measure} + 1e-9, 0))
                and {matters}
        """,
        description=description,
    )
