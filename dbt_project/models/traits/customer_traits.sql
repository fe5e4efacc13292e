with customers as (

    select
        customer_id,
        can_personalise
    from {{ ref('customers') }}

),

-- the category whose path is nearest to a purchase; of several, the one entered last
paths as (

    select
        paths.customer_id,
        paths.category,
        paths.stage,
        paths.may_receive_price_offer,
        paths.blocked_by,
        row_number() over (
            partition by paths.customer_id
            order by
                stages.half_life_days is not null desc,
                stages.stage_rank desc,
                paths.entered_at desc,
                paths.category asc
        ) as path_rank
    from {{ ref('trait_path_to_purchase') }} as paths
    inner join {{ ref('path_stages') }} as stages on paths.stage = stages.stage

),

channels as (

    select
        customer_id,
        observed_channel,
        reachable_channel,
        recommended_channel,
        preferred_daypart
    from {{ ref('trait_channel_preference') }}

),

preferences as (

    select
        customer_id,
        max(case when dimension = 'category' then value end) as preferred_category,
        max(case when dimension = 'brand' then value end) as preferred_brand,
        max(case when dimension = 'price_band' then value end) as preferred_price_band
    from {{ ref('trait_product_preference') }}
    where is_preferred and rank = 1
    group by customer_id

),

offers as (

    select
        customer_id,
        redemption_rate,
        sensitivity_class,
        best_offer_kind
    from {{ ref('trait_offer_reactions') }}

),

rhythms as (

    select
        customer_id,
        rhythm,
        expected_next_date,
        overdue_ratio,
        last_basket_kind
    from {{ ref('trait_seasonality') }}

),

shifts as (

    select
        customer_id,
        gained_category
    from {{ ref('trait_category_shift') }}

),

seasons as (

    select
        customer_id,
        event_code,
        row_number() over (
            partition by customer_id
            order by is_recurring desc, index desc, event_code asc
        ) as season_rank
    from {{ ref('seasonal_affinity') }}
    where is_recurring or is_candidate

),

milestones as (

    select
        customer_id,
        kind,
        row_number() over (
            partition by customer_id
            order by last_evidence_at desc, confidence desc, kind asc
        ) as milestone_rank
    from {{ ref('life_events') }}
    where not is_expired

),

signals as (

    select
        customer_id,
        browsing_intensity,
        device_mix,
        area_median_income_band
    from {{ ref('trait_signals') }}

),

segments as (

    select
        customer_id,
        rfm_segment
    from {{ ref('customer_segments') }}

)

select
    -- ids
    customers.customer_id,

    -- path to purchase
    paths.category as path_category,
    paths.stage as path_stage,
    paths.may_receive_price_offer,
    paths.blocked_by,

    -- digital interaction
    channels.observed_channel,
    channels.reachable_channel,
    channels.recommended_channel,
    channels.preferred_daypart,

    -- products
    preferences.preferred_category,
    preferences.preferred_brand,
    preferences.preferred_price_band,

    -- offers
    offers.sensitivity_class,
    offers.best_offer_kind,
    offers.redemption_rate,

    -- seasons and live events
    rhythms.rhythm,
    rhythms.expected_next_date,
    rhythms.overdue_ratio,
    rhythms.last_basket_kind,
    shifts.gained_category,
    seasons.event_code as top_season,
    milestones.kind as latest_life_event,

    -- signals beyond demographics
    customers.can_personalise,
    signals.browsing_intensity,
    signals.device_mix,
    signals.area_median_income_band,

    -- segments
    segments.rfm_segment
from customers
left join paths
    on
        customers.customer_id = paths.customer_id
        and paths.path_rank = 1
left join channels on customers.customer_id = channels.customer_id
left join preferences on customers.customer_id = preferences.customer_id
left join offers on customers.customer_id = offers.customer_id
left join rhythms on customers.customer_id = rhythms.customer_id
left join shifts on customers.customer_id = shifts.customer_id
left join seasons
    on
        customers.customer_id = seasons.customer_id
        and seasons.season_rank = 1
left join milestones
    on
        customers.customer_id = milestones.customer_id
        and milestones.milestone_rank = 1
left join signals on customers.customer_id = signals.customer_id
left join segments on customers.customer_id = segments.customer_id
