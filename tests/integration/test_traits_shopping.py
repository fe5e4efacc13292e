"""What customers prefer, how they react to offers and when they buy, against the demo's truth.

Each bar is asked of what the feeds can show: somebody of whom two purchases are known prefers
nothing that anybody could see. Where the bar is not asked of everybody, the test says of whom.
"""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial import distance

from tests.integration.test_customers import Repository
from tests.rebuilt import rebuilt
from tests.tenant import Tenant

pytestmark = pytest.mark.slow

LAST_DAY = date(2017, 12, 31)
"""Of the demo, and so of what is asked of it."""


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
        where found.stock_up_confirmed_on <= (select max(purchase_date) from customers.purchases)
    """)[0]
    assert right >= 0.65 * called
    # of those that can be seen: on a card or an account, and a customer is known
    planted = shop.number(f"""
        select count(*) from traits.int_traits__baskets
        inner join customers.purchases as purchases using (purchase_id)
        inner join {shop.told("purchases")} as told on purchases.source_record_id = told.purchase_id
        where told.kind = 'stock_up'
    """)
    assert right >= 0.4 * planted


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
    planted, told_of, noticed = shop.ask(f"""
        select count(*), count_if(is_in_records),
            count(*) filter (exists (select 1 from events as found where {happened}))
        from {shop.told("life_events")} as told where kind = 'moved_home'
    """)[0]
    # who moves and tells nobody leaves no trace
    assert noticed >= 0.6 * planted
    assert noticed >= 0.7 * told_of


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


TEXTS = {
    "vault.stg_reviews__product_reviews": "text",
    "vault.stg_social__interactions": "interaction_text",
}


@pytest.mark.parametrize("whole", [True, False], ids=["texts", "words"])
@pytest.mark.parametrize("seed", range(3))
def test_dealt_out_anew_text_has_no_key_terms(
    shop: Repository, tmp_path: Path, whole: bool, seed: int
) -> None:
    """The same texts under other products, or the same words in other texts, say nothing."""
    dice = random.Random(seed)

    def deal(warehouse: duckdb.DuckDBPyConnection) -> None:
        keys, texts = [], []
        for table, column in TEXTS.items():
            rows = warehouse.execute(
                f"select rowid, {column} from {table} where {column} is not null order by rowid"
            ).fetchall()
            keys += [(table, column, key) for key, _ in rows]
            texts += [text for _, text in rows]
        if whole:
            dice.shuffle(texts)
        else:
            words = [word for text in texts for word in text.split()]
            dice.shuffle(words)
            left = iter(words)
            texts = [" ".join(next(left) for _ in text.split()) for text in texts]
        for table, column in TEXTS.items():
            dealt = [
                (key[2], text) for key, text in zip(keys, texts, strict=True) if key[0] == table
            ]
            warehouse.execute("create temp table dealt (key bigint, text varchar)")
            warehouse.executemany("insert into dealt values (?, ?)", dealt)
            warehouse.execute(
                f"update {table} as old set {column} = dealt.text from dealt "
                "where old.rowid = dealt.key"
            )
            warehouse.execute("drop table dealt")

    inputs = ["staging.stg_catalogue__products", "identity.customer_records", *TEXTS]
    with rebuilt(
        shop.warehouse, LAST_DAY, tmp_path, "product_key_terms", inputs, deal
    ) as warehouse:
        found = warehouse.execute(
            "select product_id, category, term, z, author_count from traits.product_key_terms"
        ).fetchall()
    assert found == []


MIX_INPUTS = (
    "customers.customers",
    "staging.stg_catalogue__product_versions",
    "traits.int_traits__product_interactions",
)
RECENT = f"acted_on > date '{LAST_DAY}' - 90"


def test_category_distance_is_scipys(shop: Repository) -> None:
    """Of decisions: days on which something of a category was bought."""
    rows = shop.ask(f"""
        select customer_id, any_value(found.category_distance),
            list(recent order by category), list(prior order by category)
        from (
            select customer_id, category,
                count(distinct acted_on) filter ({RECENT}) as recent,
                count(distinct acted_on) filter (not {RECENT}) as prior
            from traits.int_traits__product_interactions as bought
            inner join staging.stg_catalogue__product_versions as versions
                on bought.product_id = versions.product_id
                and bought.product_valid_from = versions.valid_from
            where kind = 'purchase' and is_choice and category is not null
            group by all
        )
        inner join traits.trait_category_shift as found using (customer_id)
        where found.is_judged
        group by customer_id
    """)
    assert len(rows) > 1000
    for _, found, recent, prior in rows:
        assert found == pytest.approx(distance.jensenshannon(recent, prior, base=2), abs=1e-5)


def test_who_buys_as_ever_has_not_shifted(shop: Repository) -> None:
    """Nobody's taste changes in the demo; what real households buy, nobody told us."""
    judged, shifted = shop.ask("""
        select count(*), count_if(has_shifted)
        from traits.trait_category_shift inner join mine using (customer_id) where is_judged
    """)[0]
    assert judged > 300
    assert shifted <= 0.01 * judged


def test_purchase_days_dealt_out_anew_show_no_shift(shop: Repository, tmp_path: Path) -> None:
    """Also those of real households: each customer's days of buying, put in another order."""
    dice = random.Random(1)

    def deal(warehouse: duckdb.DuckDBPyConnection) -> None:
        days = warehouse.execute(f"""
            select customer_id, list(distinct acted_on order by acted_on)
            from traits.int_traits__product_interactions
            where kind = 'purchase' and acted_on > date '{LAST_DAY}' - 455
            group by customer_id order by customer_id
        """).fetchall()
        dealt = [
            (customer, old, new)
            for customer, own in days
            for old, new in zip(own, dice.sample(own, len(own)), strict=True)
        ]
        warehouse.register(
            "dealt",
            pa.table(
                {
                    name: [row[place] for row in dealt]
                    for place, name in enumerate(("customer_id", "old", "new"))
                }
            ),
        )
        warehouse.execute("""
            update traits.int_traits__product_interactions as bought set acted_on = dealt.new
            from dealt
            where bought.kind = 'purchase' and bought.customer_id = dealt.customer_id
                and bought.acted_on = dealt.old
        """)

    with rebuilt(
        shop.warehouse, LAST_DAY, tmp_path, "trait_category_shift", MIX_INPUTS, deal
    ) as warehouse:
        judged, shifted, found, expected = warehouse.execute("""
            select count(*), count_if(has_shifted), sum(category_distance) / count(*),
                sum(expected_category_distance) / count(*)
            from traits.trait_category_shift where is_judged
        """).fetchall()[0]
    assert judged > 2000
    assert shifted <= 0.01 * judged
    # two samples of one mix lie apart by about what the trait says
    assert found == pytest.approx(expected, rel=0.15)


def test_a_card_in_other_hands_is_a_shift(shop: Repository, tmp_path: Path) -> None:
    """Two people of different favourite categories exchange their cards for the last 90 days."""
    pairs = shop.ask(f"""
        with numbered as (
            select customer_id, told.value as favourite,
                row_number() over (partition by told.value order by customer_id) as number
            from traits.trait_category_shift as found
            inner join mine using (customer_id)
            inner join {shop.told("product_preferences")} as told using (person_id)
            where found.is_judged and told.dimension = 'category'
        ),
        drawn as (
            select *, row_number() over (order by number, favourite) as place from numbered
        )
        select one.customer_id, other.customer_id
        from drawn as one inner join drawn as other on other.place = one.place + 1
        where one.place % 2 = 1 and one.favourite <> other.favourite
    """)
    hands = dict(pairs) | {other: one for one, other in pairs}

    def exchange(warehouse: duckdb.DuckDBPyConnection) -> None:
        warehouse.register("hands", pa.table({"own": list(hands), "other": list(hands.values())}))
        warehouse.execute(f"""
            update traits.int_traits__product_interactions as bought
            set customer_id = hands.other from hands
            where bought.customer_id = hands.own and {RECENT}
        """)

    with rebuilt(
        shop.warehouse, LAST_DAY, tmp_path, "trait_category_shift", MIX_INPUTS, exchange
    ) as warehouse:
        shifted = dict(
            warehouse.execute(
                "select customer_id, has_shifted from traits.trait_category_shift where is_judged"
            ).fetchall()
        )
    found = [shifted[customer] for customer in hands if customer in shifted]
    assert len(found) > 100
    assert sum(found) >= 0.7 * len(found)


def test_preferred_values_are_nearly_as_many_as_an_oracle_finds(shop: Repository) -> None:
    """The bar, 0.7 of all that is planted at a precision of 0.8, is as far as the data go.

    An oracle is told how many prefer what, how often they then choose it and how often everybody
    else does, and sees the choices that the trait sees. It finds hardly more than the bar, and
    less by the rule that nothing chosen fewer than three times, or on one day, is a preference.
    """
    told = shop.told("product_preferences")
    shop.warehouse.execute(f"""
        create or replace temp table planted as
        select customer_id, dimension, value
        from mine inner join {told} using (person_id) where dimension is not null
    """)
    # the demo's own products: nobody's taste in groceries is planted
    shop.warehouse.execute("""
        create or replace temp table chosen as
        with borders as (
            select category, quantile_cont(list_price_amount, [1 / 3, 2 / 3]) as border
            from staging.stg_catalogue__products
            where product_id like 'R%' group by category
        ),
        choices as (
            select customer_id, kind, acted_on, category, brand, color, designer, case
                when list_price_amount < border[1] then 'low'
                when list_price_amount < border[2] then 'middle' else 'high'
            end as price_band
            from traits.int_traits__product_interactions as acts
            inner join mine using (customer_id)
            inner join staging.stg_catalogue__product_versions as versions
                on acts.product_id = versions.product_id
                and acts.product_valid_from = versions.valid_from
            inner join borders using (category)
            where is_choice
        )
        select customer_id, kind, acted_on, category as place, dimension, value
        from choices unpivot (value for dimension in (brand, color, designer, price_band))
        union all
        select distinct customer_id, kind, acted_on, 'anywhere', 'category', category from choices
        -- what has no designer was a chance to choose one
        union all
        select customer_id, kind, acted_on, category, 'designer', '' from choices
        where designer is null
    """)
    rows = shop.ask("""
        with chances as (
            select dimension, place, kind, customer_id, count(*) as n from chosen group by all
        ),
        hits as (
            select dimension, place, kind, customer_id, value, count(*) as k
            from chosen where value <> '' group by all
        ),
        others as (
            select dimension, place, value, count(*) as k, sum(k) over part as n
            from chosen anti join planted using (customer_id, dimension)
            group by dimension, place, value
            window part as (partition by dimension, place)
        ),
        usual as (select * replace (k / n as k) from others where value <> ''),
        seen as (
            select customer_id, dimension, place, kind, value, usual.k as usual_share,
                chances.n, coalesce(hits.k, 0) as k
            from chances
            inner join usual using (dimension, place)
            left join hits using (customer_id, dimension, place, kind, value)
        ),
        strengths as (
            select dimension, kind, sum(k) / sum(n) as share
            from seen semi join planted using (customer_id, dimension, value) group by all
        ),
        priors as (
            select dimension, planted.n / (select count(*) from mine) / vals.n as prior
            from (select dimension, count(*) as n from planted group by all) as planted
            inner join (
                select dimension, count(distinct value) as n from usual group by all
            ) as vals using (dimension)
        ),
        odds as (
            select customer_id, dimension, value, sum(k) as k,
                any_value(prior) * exp(sum(
                    k * ln(greatest(share, usual_share) / usual_share)
                    + (n - k) * ln((1 - greatest(share, usual_share)) / (1 - usual_share))
                )) as odds
            from seen inner join strengths using (dimension, kind)
            inner join priors using (dimension)
            group by all
        ),
        -- a person prefers one thing of a kind, or none: a category, and one of all the others
        nothing as (
            select dimension = 'category' as is_category,
                1 - sum(n) / (select count(*) from mine) as prior
            from (select dimension, count(*) as n from planted group by all) group by all
        ),
        days as (
            select customer_id, dimension, value, count(*) >= 3 and count(distinct acted_on) >= 2
                as is_evident
            from chosen group by all
        )
        select planted.customer_id is not null, coalesce(is_evident, false)
        from odds
        inner join nothing on is_category = (dimension = 'category')
        left join days using (customer_id, dimension, value)
        left join planted using (customer_id, dimension, value)
        order by
            odds / (prior + sum(odds) over (partition by customer_id, is_category)) desc,
            customer_id, dimension, value
    """)
    is_right, is_evident = (np.array(column) for column in zip(*rows, strict=True))
    planted = shop.number("select count(*) from planted")

    def recall(right: np.ndarray, precision: float) -> float:
        """What share is found by calling the likeliest, as many as keep that precision."""
        found = right.cumsum()
        enough = np.flatnonzero(found >= precision * np.arange(1, len(right) + 1))
        return float(found[enough[-1]] / planted)

    right, called = shop.ask("""
        select count(planted.value), count(*)
        from traits.trait_product_preference as found
        inner join mine using (customer_id)
        left join planted using (customer_id, dimension, value)
        where found.is_preferred
    """)[0]
    # as far as it goes
    assert recall(is_right, 0.8) < 0.73
    assert right / planted > recall(is_right, right / called) - 0.1
    assert right / planted > recall(is_right[is_evident], right / called) - 0.05


def test_returns_are_those_of_the_purchases_that_offers_caused(shop: Repository) -> None:
    """The truth knows which purchases an offer caused, so nothing need be compared with a control.

    Campaigns that moved nobody lose what they cost: their true return is -1. Left out is the one
    that kept people away, since what they did not buy has no lines.
    """
    rows = shop.ask(f"""
        with lines as (
            select receipt_id as purchase, product_id, quantity, sales_amount, coupon_code,
                store_coupon_discount_amount as discount
            from staging.stg_pos__receipt_lines where receipt_id like 'X%'
            union all
            select order_id, product_id, quantity, sales_amount, coupon_code, discount_amount
            from staging.stg_shop__order_lines
        ),
        bought as (
            select told.campaign_id, told.is_caused_by_offer, purchases.net_amount,
                sum(lines.sales_amount) as sales, sum(lines.quantity * unit_cost_amount) as cost,
                sum(lines.discount) filter (coupon_code is not null) as discount
            from {shop.told("purchases")} as told
            inner join customers.purchases as purchases
                on told.purchase_id = purchases.source_record_id
            inner join lines on told.purchase_id = lines.purchase
            inner join staging.stg_catalogue__products using (product_id)
            where told.campaign_id is not null
            group by all
        ),
        true_money as (
            select campaign_id,
                -- what came back is worth its cost again
                coalesce(sum(net_amount - cost * net_amount / sales)
                    filter (is_caused_by_offer), 0) as margin,
                coalesce(sum(discount) filter (not is_caused_by_offer), 0) as subsidy
            from bought where sales > 0 group by campaign_id
        )
        select campaign_id, roi_withheld_reason, margin_roi_low, margin_roi_high,
            (margin - subsidy - contact_cost_amount) / (subsidy + contact_cost_amount)
        from traits.offer_effects inner join true_money using (campaign_id)
        where metric = 'revenue' and segment = 'all' and campaign_id <> 'X09'
        order by campaign_id
    """)
    told = {row[0]: row for row in rows if row[1] is None}
    assert set(told) >= {"X01", "X02", "X04", "X12"}
    inside = [low <= true <= high for _, _, low, high, true in told.values()]
    assert sum(inside) >= len(inside) - 1
