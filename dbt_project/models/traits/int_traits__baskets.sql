with purchases as (

    select
        purchase_id,
        customer_id,
        purchased_at,
        purchase_date,
        item_count,
        net_amount,
        is_gift
    from {{ ref('purchases') }}
    where customer_id is not null and net_amount > 0

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
    from {{ ref('stg_calendar__events') }} as events
    inner join dates
        on dates.purchase_date between events.shopping_start_date and events.end_date
    where events.kind = 'retail'
    group by events.country, dates.purchase_date

),

customers as (

    select
        customer_id,
        country
    from {{ ref('customers') }}

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
        -- a basket not yet followed by another has been enough so far
        coalesce(
            spaced.gap_after_days, {{ days_between('purchases.purchase_date', as_of()) }}
        ) as lasted_days,
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
        lasted_days >= {{ var('basket_stock_up_gap') }} * median_gap_days as has_lasted,
        gap_before_days between {{ var('basket_on_rhythm_from') }} * median_gap_days
        and {{ var('basket_on_rhythm_to') }} * median_gap_days as is_on_rhythm
    from compared

)

select
    -- ids
    purchase_id,
    customer_id,

    -- properties
    is_gift,
    case
        when is_gift then 'gift_or_event'
        when gap_count < {{ var('rhythm_min_gaps') }} or gap_count is null then null
        -- large, and either proven by the pause after it or too young to tell
        when is_large and is_steady and (has_lasted or gap_after_days is null) then 'stock_up'
        when is_at_feast and gap_before_days < {{ var('basket_on_rhythm_from') }} * median_gap_days
            then 'gift_or_event'
        when not is_large and coalesce(is_on_rhythm, true) then 'routine'
        else 'irregular'
    end as basket_kind,
    coalesce(is_large and is_steady and has_lasted, false) as is_confirmed_stock_up,

    -- timestamps
    purchased_at,
    purchase_date,

    -- measures
    cast(item_count as bigint) as item_count,
    net_amount,
    quantity_z,
    cast(gap_before_days as bigint) as gap_before_days,
    cast(gap_after_days as bigint) as gap_after_days
from judged
