{{ config(
    materialized=kept_by_content(),
    incremental_strategy='delete+insert',
    unique_key='_version',
    on_schema_change='fail',
    post_hook="delete from {{ this }} where purchase_id is null"
) }}

{#- What lasts this long was a stock-up. -#}
{%- set lasting = var('basket_stock_up_gap') ~ ' * median_gap_days' -%}

with customers as (

    select
        customer_id,
        country
    from {{ ref('customers') }}

),

retail_events as (

    select
        country,
        shopping_start_date,
        end_date
    from {{ ref('stg_calendar__events') }}
    where kind = 'retail'

),

facts as (

    {{ versions_of_customers(ref('int_traits__customer_contents'), ['purchases'], [
        var('rhythm_min_gaps'), var('basket_stock_up_z'), var('basket_stock_up_gap'),
        var('basket_steady_spread'), var('basket_on_rhythm_from'), var('basket_on_rhythm_to'),
    ]) }}

),

calendar as (

    select {{ version_of_rows([], ['country', 'shopping_start_date', 'end_date']) }} as content
    from retail_events

),

versions as (

    select
        facts.customer_id,
        {{ version_of_version(['facts._version', 'customers.country', 'calendar.content']) }}
            as _version
    from facts
    inner join customers on facts.customer_id = customers.customer_id
    cross join calendar

),

changed as (

    {{ changed_units('versions') }}

),

purchases as (

    select
        purchase_id,
        customer_id,
        purchased_at,
        purchase_date,
        item_count,
        net_amount,
        is_gift
    from {{ ref('purchases') }}
    where net_amount > 0 and customer_id in (select changed.customer_id from changed)

),

days as (

    -- several receipts on one day are one decision to shop, and a gift follows somebody else's need
    select
        customer_id,
        purchase_date
    from purchases
    where not is_gift
    group by customer_id, purchase_date

),

spaced as (

    select
        customer_id,
        purchase_date,
        {{ days_between(
            'lag(purchase_date) over (partition by customer_id order by purchase_date)',
            'purchase_date'
        ) }} as gap_before_days,
        {{ days_between(
            'purchase_date',
            'lead(purchase_date) over (partition by customer_id order by purchase_date)'
        ) }} as gap_after_days
    from days

),

rhythms as (

    select
        customer_id,
        count(gap_before_days) as gap_count,
        cast(median(gap_before_days) as double) as median_gap_days
    from spaced
    group by customer_id

),

gap_spreads as (

    -- where gaps vary much, a long one proves nothing
    select
        spaced.customer_id,
        cast(median(abs(spaced.gap_before_days - rhythms.median_gap_days)) as double)
        <= {{ var('basket_steady_spread') }} * max(rhythms.median_gap_days) as is_steady
    from spaced
    inner join rhythms on spaced.customer_id = rhythms.customer_id
    where spaced.gap_before_days is not null
    group by spaced.customer_id

),

usual as (

    select
        customer_id,
        cast(median(item_count) as double) as median_items
    from purchases
    where not is_gift
    group by customer_id

),

spreads as (

    select
        purchases.customer_id,
        cast(median(abs(purchases.item_count - usual.median_items)) as double) as deviation
    from purchases
    inner join usual on purchases.customer_id = usual.customer_id
    where not purchases.is_gift
    group by purchases.customer_id

),

dates as (

    select purchase_date
    from purchases
    group by purchase_date

),

feasts as (

    select
        events.country,
        dates.purchase_date
    from retail_events as events
    inner join dates
        on dates.purchase_date between events.shopping_start_date and events.end_date
    group by events.country, dates.purchase_date

),

compared as (

    select
        purchases.purchase_id,
        purchases.customer_id,
        purchases.purchased_at,
        purchases.purchase_date,
        purchases.is_gift,
        purchases.item_count,
        purchases.net_amount,
        spaced.gap_before_days,
        spaced.gap_after_days,
        rhythms.median_gap_days,
        rhythms.gap_count,
        coalesce(gap_spreads.is_steady, false) as is_steady,
        -- the usual factor makes it a standard deviation; who always buys alike is allowed one more
        (purchases.item_count - usual.median_items)
        / greatest(1.4826e0 * spreads.deviation, 1e0) as quantity_z,
        feasts.purchase_date is not null or feasts_of_all.purchase_date is not null as is_at_feast
    from purchases
    inner join customers on purchases.customer_id = customers.customer_id
    left join spaced
        on
            purchases.customer_id = spaced.customer_id
            and purchases.purchase_date = spaced.purchase_date
    left join rhythms on purchases.customer_id = rhythms.customer_id
    left join gap_spreads on purchases.customer_id = gap_spreads.customer_id
    left join usual on purchases.customer_id = usual.customer_id
    left join spreads on purchases.customer_id = spreads.customer_id
    left join feasts
        on
            purchases.purchase_date = feasts.purchase_date
            and customers.country = feasts.country
    left join feasts as feasts_of_all
        on
            purchases.purchase_date = feasts_of_all.purchase_date
            and feasts_of_all.country is null

),

judged as (

    select
        *,
        quantity_z >= {{ var('basket_stock_up_z') }} as is_large,
        -- a basket not yet followed by another has been enough so far
        coalesce(gap_after_days >= {{ lasting }}, true) as has_lasted,
        gap_before_days between {{ var('basket_on_rhythm_from') }} * median_gap_days
        and {{ var('basket_on_rhythm_to') }} * median_gap_days as is_on_rhythm
    from compared

),

told as (

    select
        purchase_id,
        customer_id,
        is_gift,
        case
            when is_gift then 'gift_or_event'
            when gap_count < {{ var('rhythm_min_gaps') }} or gap_count is null then null
            -- large, and either proven by the pause after it or too young to tell
            when is_large and is_steady and has_lasted then 'stock_up'
            when
                is_at_feast
                and gap_before_days < {{ var('basket_on_rhythm_from') }} * median_gap_days
                then 'gift_or_event'
            when not is_large and coalesce(is_on_rhythm, true) then 'routine'
            else 'irregular'
        end as basket_kind,
        purchased_at,
        purchase_date,
        case
            when is_large and is_steady and has_lasted
                then {{ days_later('purchase_date', 'cast(ceil(' ~ lasting ~ ') as integer)') }}
        end as stock_up_confirmed_on,
        item_count,
        net_amount,
        quantity_z,
        gap_before_days,
        gap_after_days
    from judged

)

select
    -- ids
    told.purchase_id,
    changed.customer_id,

    -- properties
    told.is_gift,
    told.basket_kind,

    -- timestamps
    told.purchased_at,
    told.purchase_date,
    told.stock_up_confirmed_on,

    -- measures
    cast(told.item_count as bigint) as item_count,
    told.net_amount,
    told.quantity_z,
    cast(told.gap_before_days as bigint) as gap_before_days,
    cast(told.gap_after_days as bigint) as gap_after_days,

    -- lineage
    changed._version
from changed
left join told on changed.customer_id = told.customer_id
