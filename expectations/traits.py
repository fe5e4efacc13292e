"""Whether traits, segments and scores are believable over the whole base."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from expectations import Suite
from expectations import vocabulary as gxe

# Below this number of customers a share says nothing.
MIN_CUSTOMERS = 1_000
# A segment that holds nearly everyone tells nobody apart.
MAX_SEGMENT_SHARE = 0.8
# The best customers are few; when they are many, the thresholds are wrong.
MAX_CHAMPION_SHARE = 0.3
# Preferring is the exception: most values are nobody's favourite.
MAX_PREFERRED_SHARE = 0.5
# A rhythm that everybody has is an artefact of how the tills deliver.
MAX_RHYTHM_SHARE = 0.95


def suites(as_of: date, published: Mapping[str, int]) -> tuple[Suite, ...]:
    """The suites of the station."""
    return (
        Suite(
            "traits",
            "customer_segments",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select count(*) / sum(count(*)) over () as observed
                        from {{batch}}
                        group by rfm_segment
                        qualify
                            sum(count(*)) over () >= {MIN_CUSTOMERS}
                            and observed > {MAX_SEGMENT_SHARE}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=(
                        f"no rfm_segment holds more than {MAX_SEGMENT_SHARE:.0%} of customers"
                    ),
                ),
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select avg(cast(rfm_segment = 'champions' as integer)) as observed
                        from {{batch}}
                        having count(*) >= {MIN_CUSTOMERS} and observed > {MAX_CHAMPION_SHARE}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=f"at most {MAX_CHAMPION_SHARE:.0%} of customers are champions",
                ),
            ),
        ),
        Suite(
            "traits",
            "trait_product_preference",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select avg(cast(is_preferred as integer)) as observed
                        from {{batch}}
                        having count(*) >= {MIN_CUSTOMERS} and observed > {MAX_PREFERRED_SHARE}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=f"at most {MAX_PREFERRED_SHARE:.0%} of values are preferred",
                ),
            ),
        ),
        Suite(
            "traits",
            "trait_seasonality",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select count(*) / sum(count(*)) over () as observed
                        from {{batch}}
                        where rhythm <> 'unknown'
                        group by rhythm
                        qualify
                            sum(count(*)) over () >= {MIN_CUSTOMERS}
                            and observed > {MAX_RHYTHM_SHARE}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=f"no rhythm is that of more than {MAX_RHYTHM_SHARE:.0%}",
                ),
            ),
        ),
    )
