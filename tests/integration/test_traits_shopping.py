"""What customers prefer, how they react to offers and when they buy, against the demo's truth.

Each bar is asked of what the feeds can show: somebody of whom two purchases are known prefers
nothing that anybody could see. Where the bar is not asked of everybody, the test says of whom.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from tests.integration.test_customers import Repository
from tests.tenant import Tenant

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(loaded_demo: tuple[Tenant, Path]) -> Repository:
    return opened(*loaded_demo)


def opened(tenant: Tenant, truth: Path) -> Repository:
    """The warehouse with `mine`: of each invented person the customer who bought most."""
    shop = Repository(tenant, truth)
    shop.warehouse.execute(f"""
        create temp table mine as
        select people.person_id, whose.customer_id, coalesce(bought.purchase_count, 0) as seen
        from {shop.told("people")} as people
        inner join whose using (person_id)
        left join (
            select customer_id, count(*) as purchase_count
            from customers.purchases group by customer_id
        ) as bought using (customer_id)
        where not people.is_real
        qualify row_number() over (
            partition by people.person_id order by seen desc, whose.customer_id
        ) = 1
    """)
    return shop


def test_preferred_values_are_preferred(shop: Repository) -> None:
    """Recall is of those who made at least eight choices, whatever they chose."""
    right, called = shop.ask(f"""
        select count(told.value), count(*)
        from traits.trait_product_preference as found
        inner join mine using (customer_id)
        left join {shop.told("product_preferences")} as told using (person_id, dimension, value)
        where found.is_preferred
    """)[0]
    assert right >= 0.8 * called
    found, planted = shop.ask(f"""
        with choices as (
            select customer_id from traits.int_traits__product_interactions
            where is_choice group by customer_id having count(*) >= 8
        )
        select count(*) filter (found.is_preferred), count(*)
        from {shop.told("product_preferences")} as told
        inner join mine using (person_id)
        inner join choices using (customer_id)
        left join traits.trait_product_preference as found
            using (customer_id, dimension, value)
        where told.dimension is not null
    """)[0]
    assert planted > 200
    assert found >= 0.7 * planted


def test_who_only_looks_has_a_gap(shop: Repository) -> None:
    looks, others = (
        shop.number(f"""
            select coalesce(median(found.gap), 0)
            from traits.trait_product_preference as found
            inner join mine using (customer_id)
            {join} {shop.told("browse_gaps")} as told using (person_id, dimension, value)
            where found.dimension in ('brand', 'designer')
        """)
        for join in ("inner join", "anti join")
    )
    assert looks > others


def test_planted_lifts_lie_inside_their_intervals(shop: Repository) -> None:
    estimated, inside, null, called, real, recognised = shop.ask(f"""
        select
            count(*),
            count(*) filter (told.true_lift between found.lift_low and found.lift_high),
            count(*) filter (told.is_null),
            count(*) filter (told.is_null and found.is_effective),
            count(*) filter (not told.is_null and found.segment = 'all'),
            count(*) filter (
                not told.is_null and found.segment = 'all' and found.is_effective
            )
        from traits.offer_effects as found
        inner join {shop.told("offer_effects")} as told using (campaign_id, segment, metric)
        where found.withheld_reason is null
    """)[0]
    assert estimated >= 30
    assert inside >= 0.9 * estimated
    assert called <= 0.05 * null
    assert recognised >= 0.5 * real


def test_nothing_is_claimed_where_the_arms_were_not_drawn_by_lot(shop: Repository) -> None:
    reasons = shop.ask("""
        select campaign_id, withheld_reason, count(lift), min(observed_value) is not null
        from traits.offer_effects where campaign_id in ('X11', 'X13') group by all order by all
    """)
    assert reasons == [("X11", "sample_ratio", 0, True), ("X13", "not_random", 0, True)]


def test_effects_are_what_scipy_computes(shop: Repository) -> None:
    """Newcombe from the Wilson intervals of scipy, pooled z, chi-square; Welch of revenue."""
    rows = shop.ask("""
        select treated_count, control_count, treated_value, control_value, lift_low, lift_high,
            p_value, sample_ratio_p
        from traits.offer_effects where metric = 'conversion' and lift is not null order by all
    """)
    for n, m, p, q, low, high, p_value, ratio_p in rows:
        one, two = (stats.binomtest(round(s * k), k) for s, k in ((p, n), (q, m)))
        a, b = (test.proportion_ci(method="wilson") for test in (one, two))
        assert low == pytest.approx(p - q - ((p - a.low) ** 2 + (b.high - q) ** 2) ** 0.5, abs=1e-6)
        assert high == pytest.approx(
            p - q + ((a.high - p) ** 2 + (q - b.low) ** 2) ** 0.5, abs=1e-6
        )
        pooled = (p * n + q * m) / (n + m)
        z = (p - q) / (pooled * (1 - pooled) * (1 / n + 1 / m)) ** 0.5
        assert p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-5)
        assert ratio_p == pytest.approx(stats.chisquare([n, m]).pvalue, rel=1e-5)
    ((campaign, low, high, p_value),) = shop.ask("""
        select campaign_id, lift_low, lift_high, p_value from traits.offer_effects
        where metric = 'revenue' and segment = 'all' and lift is not null
        order by campaign_id limit 1
    """)
    treated, control = (
        [
            float(amount)
            for (amount,) in shop.ask(f"""
                select net_amount from traits.int_traits__offer_outcomes
                where campaign_id = '{campaign}' and arm = '{arm}'
            """)
        ]
        for arm in ("treatment", "control")
    )
    welch = stats.ttest_ind(treated, control, equal_var=False)
    interval = welch.confidence_interval()
    assert (low, high) == pytest.approx((interval.low, interval.high), rel=1e-4)
    assert p_value == pytest.approx(welch.pvalue, rel=1e-2)


def test_redemptions_are_their_customers(shop: Repository) -> None:
    """Also those of the real households, whose numbers are the source's own."""
    wrong = shop.ask("""
        with counted as (
            select records.customer_id, count(*) as redeemed
            from staging.stg_offers__redemptions as redemptions
            inner join identity.customer_records as records
                on records.valid_to is null
                and records.source_record_id = coalesce(redemptions.member_id, account_id)
                and records.source
                    = if(redemptions.member_id is null, 'shop.accounts', 'loyalty.members')
            group by records.customer_id
        )
        select * from traits.trait_offer_reactions as found
        left join counted using (customer_id)
        where found.redeemed_count <> coalesce(counted.redeemed, 0)
    """)
    assert wrong == []


def test_discounts_class_people_as_they_are(shop: Repository) -> None:
    right, known = shop.ask(f"""
        select count(*) filter (told.class = found.sensitivity_class), count(*)
        from {shop.told("sensitivities")} as told
        inner join mine using (person_id)
        inner join traits.trait_offer_reactions as found using (customer_id)
        where told.class is not null and found.sensitivity_class <> 'unknown'
    """)[0]
    assert right >= 0.8 * known


def test_rhythms_are_recognised(shop: Repository) -> None:
    """Of everybody with gaps enough to speak of; receipts without a card leave holes in many."""
    right, known = shop.ask(f"""
        select count(*) filter (told.rhythm = found.rhythm), count(*)
        from {shop.told("rhythms")} as told
        inner join mine using (person_id)
        inner join traits.trait_seasonality as found using (customer_id)
        where told.rhythm is not null and found.rhythm <> 'unknown'
    """)[0]
    assert known > 500
    assert right >= 0.8 * known


def test_confirmed_stock_ups_are_those_planted_more_often_than_not(shop: Repository) -> None:
    right, called = shop.ask(f"""
        select count(*) filter (told.kind = 'stock_up'), count(*)
        from traits.int_traits__baskets as found
        inner join customers.purchases as purchases using (purchase_id)
        inner join {shop.told("purchases")} as told
            on purchases.source_record_id = told.purchase_id
        where found.is_confirmed_stock_up
    """)[0]
    assert right >= 0.5 * called


def test_seasons_belong_to_those_who_love_them(shop: Repository) -> None:
    for event in ("black_friday", "christmas_season"):
        planted, none = (
            shop.number(f"""
                select sum(coalesce(found.index, 0)) / count(*)
                from {shop.told("seasonal")} as told
                inner join mine using (person_id)
                left join traits.seasonal_affinity as found using (customer_id, event_code)
                where told.event_code = '{event}' and {word} told.is_planted
            """)
            for word in ("", "not")
        )
        assert planted > 2 * none
    codes = shop.ask("select distinct event_code from traits.seasonal_affinity")
    assert {("thanksgiving_day_us",), ("christmas_season",)} <= set(codes)
    assert ("hanukkah",) not in codes


def test_house_moves_are_noticed_where_records_know_of_them(shop: Repository) -> None:
    """Of a household of several, a record of one may know what the other never told."""
    happened = (
        "found.kind = told.kind and found.person_id = told.person_id "
        "and found.detected_at between told.happened_on - 30 and told.happened_on + 250"
    )
    shop.warehouse.execute("""
        create or replace temp table events as
        select * from traits.life_events inner join whose using (customer_id)
    """)
    called, right = shop.ask(f"""
        select count(*), count(*) filter (
            exists (select 1 from {shop.told("life_events")} as told where {happened})
        )
        from events as found where found.kind = 'moved_home'
    """)[0]
    assert right >= 0.8 * called
    planted, noticed = shop.ask(f"""
        select count(*), count(*) filter (exists (select 1 from events as found where {happened}))
        from {shop.told("life_events")} as told where kind = 'moved_home' and is_in_records
    """)[0]
    assert noticed >= 0.7 * planted


def test_key_terms_are_those_planted_and_no_others(shop: Repository) -> None:
    """Products of which hardly anybody says the term are too few to tell."""
    planted, found, polar, missing = shop.ask(f"""
        select
            count(*),
            count(found.term),
            count(*) filter (found.polarity = if(told.polarity = '+', 'positive', 'negative')),
            count(*) filter (found.is_missing_from_catalogue = told.is_missing_from_catalogue)
        from {shop.told("review_terms")} as told
        left join traits.product_key_terms as found using (product_id, term)
        where told.term is not null and not told.is_single_author and told.term_author_count >= 10
    """)[0]
    assert planted > 0
    assert found >= 0.9 * planted
    assert (polar, missing) == (found, found)
    others = shop.ask(f"""
        select found.product_id, found.term
        from traits.product_key_terms as found
        inner join {shop.told("review_terms")} as told using (product_id)
        where told.term is null or told.is_single_author
    """)
    assert others == []
