{%- set window = "interval '" ~ var("path_timeout_days") ~ "' day" -%}

with spans as (

    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        kind,
        has_own_events,
        is_returned,
        started_at
    from {{ ref('int_traits__path_spans') }}
    where started_at < {{ as_of_end() }}

),

entered as (

    -- once per path: when it first entered each stage
    select
        customer_id,
        category,
        purchase_number,
        pause_number,
        min(started_at) as opened_at,
        min(case when kind = 'explore' then started_at end) as explore_at,
        min(case when kind = 'inform' then started_at end) as inform_at,
        min(case when kind = 'intent' then started_at end) as intent_at
    from spans
    -- who began on a product page has not explored
    where kind = 'open' or (kind in ('explore', 'inform', 'intent') and has_own_events)
    group by customer_id, category, purchase_number, pause_number

),

purchases as (

    -- the purchase that ended a path bears the next number
    select
        customer_id,
        category,
        purchase_number - 1 as purchase_number,
        pause_number,
        started_at as purchased_at,
        is_returned
    from spans
    where kind = 'purchase'

),

paths as (

    select
        coalesce(entered.category, purchases.category) as category,
        coalesce(entered.opened_at, purchases.purchased_at) as opened_at,
        entered.explore_at,
        entered.inform_at,
        entered.intent_at,
        case
            when entered.opened_at is null then purchases.purchased_at
            when purchases.purchased_at < entered.opened_at + {{ window }}
                then purchases.purchased_at
        end as purchased_at,
        coalesce(purchases.is_returned, false) as is_returned
    from entered
    full outer join purchases
        on
            entered.customer_id = purchases.customer_id
            and entered.category = purchases.category
            and entered.purchase_number = purchases.purchase_number
            and entered.pause_number = purchases.pause_number

),

told as (

    -- what was bought and wholly brought back is not converted; a path whose window is not over
    -- is not judged yet, even if it has ended in a purchase: else the quick ones stand for all
    select
        *,
        purchased_at is not null and not is_returned as is_bought,
        opened_at + {{ window }} <= {{ as_of_end() }} as is_over
    from paths

),

steps as (

    select
        category,
        'explore' as stage,
        explore_at as entered_at,
        true as is_in_order,
        case when inform_at >= explore_at then inform_at end as next_at,
        purchased_at,
        is_bought,
        is_returned,
        is_over
    from told
    where explore_at is not null
    union all
    select
        category,
        'inform' as stage,
        inform_at as entered_at,
        coalesce(explore_at < inform_at, false) as is_in_order,
        case when intent_at >= inform_at then intent_at end as next_at,
        purchased_at,
        is_bought,
        is_returned,
        is_over
    from told
    where inform_at is not null
    union all
    select
        category,
        'intent' as stage,
        intent_at as entered_at,
        coalesce(explore_at < inform_at and inform_at < intent_at, false) as is_in_order,
        purchased_at as next_at,
        purchased_at,
        is_bought,
        is_returned,
        is_over
    from told
    where intent_at is not null
    union all
    select
        category,
        'purchase' as stage,
        purchased_at as entered_at,
        coalesce(
            explore_at < inform_at and inform_at < intent_at and intent_at <= purchased_at, false
        ) as is_in_order,
        cast(null as timestamp) as next_at,
        purchased_at,
        is_bought,
        is_returned,
        is_over
    from told
    where purchased_at is not null

),

by_category as (

    select
        category,
        stage,
        is_in_order,
        is_bought,
        is_returned,
        is_over,
        next_at is not null as is_advanced,
        {{ seconds_between('entered_at', 'next_at') }} as dwell_seconds
    from steps
    union all
    select
        'all' as category,
        stage,
        is_in_order,
        is_bought,
        is_returned,
        is_over,
        next_at is not null as is_advanced,
        {{ seconds_between('entered_at', 'next_at') }} as dwell_seconds
    from steps
    -- pages of no category are a part of the whole already
    where category <> 'all'

),

counted as (

    select
        category,
        stage,
        count_if(is_over) as path_count,
        count_if(is_over and is_in_order) as in_order_count,
        count_if(is_over and is_advanced) as advanced_count,
        count_if(is_over and is_bought) as bought_count,
        count_if(is_over and is_returned) as returned_count,
        count_if(not is_over) as provisional_count,
        median(case when is_over then dwell_seconds end) as dwell_seconds
    from by_category
    group by category, stage

)

select
    category,
    stage,

    -- counts
    cast(path_count as bigint) as path_count,
    cast(in_order_count as bigint) as in_order_count,
    cast(case when stage <> 'purchase' then advanced_count end as bigint) as advanced_count,
    cast(case when stage <> 'purchase' then path_count - advanced_count end as bigint)
        as dropped_count,
    cast(bought_count as bigint) as bought_count,
    cast(returned_count as bigint) as returned_count,
    cast(provisional_count as bigint) as provisional_count,

    -- measures
    cast(dwell_seconds / 3600.0 as decimal(18, 2)) as median_dwell_hours,
    cast(
        case
            when stage <> 'purchase'
                then 100 * cast(advanced_count as double) / nullif(path_count, 0)
        end as decimal(9, 2)
    ) as advanced_pct,
    cast(100 * cast(bought_count as double) / nullif(path_count, 0) as decimal(9, 2))
        as bought_pct,
    cast({{ wilson_bound_pct('bought_count', 'path_count', 'low') }} as decimal(9, 2))
        as bought_low_pct,
    cast({{ wilson_bound_pct('bought_count', 'path_count', 'high') }} as decimal(9, 2))
        as bought_high_pct
from counted
