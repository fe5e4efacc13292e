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
# Few who look get as far as a cart; when most have, pages are taken for carts.
MIN_OPEN_PATHS = 1_000
MAX_INTENT_SHARE = 0.6
# Below this number of paths, which stage converts better is chance.
MIN_PATHS = 500
# One channel that nearly everybody favours is the way in which events arrive.
MIN_NAMED_CHANNELS = 500
MAX_CHANNEL_SHARE = 0.9
# Preferring is the exception: most values are nobody's favourite.
MAX_PREFERRED_SHARE = 0.5
# When so many buy other categories than before, it is the catalogue that changed.
MIN_JUDGED_MIXES = 500
MAX_SHIFTED_SHARE = 0.2
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
            "trait_path_to_purchase",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select avg(cast(stage = 'intent' as integer)) as observed
                        from {{batch}}
                        where stage in ('explore', 'inform', 'intent')
                        having count(*) >= {MIN_OPEN_PATHS} and observed > {MAX_INTENT_SHARE}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=f"at most {MAX_INTENT_SHARE:.0%} of open paths are at intent",
                ),
            ),
        ),
        Suite(
            "traits",
            "path_funnel",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select
                            max(bought_pct) filter (stage = 'explore')
                            - max(bought_pct) filter (stage = 'intent') as observed
                        from {{batch}}
                        where category = 'all' and path_count >= {MIN_PATHS}
                        having observed > 0
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description="who has filled a cart buys more often than who looks around",
                ),
            ),
        ),
        Suite(
            "traits",
            "trait_channel_preference",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select count(*) / sum(count(*)) over () as observed
                        from {{batch}}
                        where observed_channel not in ('multi', 'unknown')
                        group by observed_channel
                        qualify
                            sum(count(*)) over () >= {MIN_NAMED_CHANNELS}
                            and observed > {MAX_CHANNEL_SHARE}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=(
                        f"no channel is favoured by more than {MAX_CHANNEL_SHARE:.0%} of those "
                        "with a favourite"
                    ),
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
            "trait_category_shift",
            (
                gxe.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"""
                        select avg(cast(has_shifted as integer)) as observed
                        from {{batch}}
                        where is_judged
                        having count(*) >= {MIN_JUDGED_MIXES} and observed > {MAX_SHIFTED_SHARE}
                    """,
                    severity=gxe.FailureSeverity.WARNING,
                    description=f"at most {MAX_SHIFTED_SHARE:.0%} buy other categories than before",
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
