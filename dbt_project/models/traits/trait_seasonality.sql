with customers as (

    select customer_id
    from {{ ref('customers') }}

),

baskets as (

    select
        purchase_id,
        customer_id,
        purchased_at,
        purchase_date,
        basket_kind,
        stock_up_confirmed_on,
        is_gift,
        gap_before_days
    from {{ ref('int_traits__baskets') }}

),

last_baskets as (

    select
        customer_id,
        purchase_date,
        basket_kind,
        stock_up_confirmed_on
    from baskets
    qualify
        row_number() over (
            partition by customer_id order by purchased_at desc, purchase_id desc
        ) = 1

),

purchase_days as (

    select
        customer_id,
        count(distinct purchase_date) as purchase_days
    from baskets
    group by customer_id

),

days as (

    select
        customer_id,
        purchase_date,
        max(gap_before_days) as gap_days
    from baskets
    where not is_gift
    group by customer_id, purchase_date

),

gap_sums as (

    select
        customer_id,
        max(purchase_date) as last_purchase_date,
        count(gap_days) as gap_count,
        cast(median(gap_days) as double) as median_gap_days,
        cast(sum(gap_days) as double) / nullif(count(gap_days), 0) as mean_gap_days,
        {{ variance_of_sums('sum(gap_days)', 'sum(gap_days * gap_days)', 'count(gap_days)') }}
            as gap_variance,
        cast(count_if(gap_days <= {{ var('rhythm_burst_days') }}) as double)
        / nullif(count(gap_days), 0) as burst_share,
        cast(sum(case when gap_days > {{ var('rhythm_burst_days') }} then gap_days end) as double)
        / nullif(count_if(gap_days > {{ var('rhythm_burst_days') }}), 0) as mean_pause_days
    from days
    group by customer_id

),

deviations as (

    select
        days.customer_id,
        cast(median(abs(days.gap_days - gap_sums.median_gap_days)) as double) as deviation_days
    from days
    inner join gap_sums on days.customer_id = gap_sums.customer_id
    where days.gap_days is not null
    group by days.customer_id

),

classified as (

    select
        gap_sums.customer_id,
        gap_sums.last_purchase_date,
        gap_sums.gap_count,
        case
            when gap_sums.gap_count >= {{ var('rhythm_min_gaps') }}
                then sqrt(gap_sums.gap_variance) / gap_sums.mean_gap_days
        end as gap_cv,
        case
            when gap_sums.gap_count < {{ var('rhythm_min_gaps') }} then 'unknown'
            when
                gap_sums.burst_share >= {{ var('rhythm_bursty_share') }}
                and gap_sums.mean_pause_days
                >= {{ var('rhythm_bursty_pause') }} * {{ var('rhythm_burst_days') }}
                then 'bursty'
            when
                sqrt(gap_sums.gap_variance) / gap_sums.mean_gap_days
                <= {{ var('rhythm_regular_cv') }}
                then 'regular'
            -- one purchase for a feast or for the cupboard spoils a mean, not a median
            when
                gap_sums.gap_count >= {{ var('rhythm_robust_min_gaps') }}
                and sqrt(gap_sums.gap_variance) / gap_sums.mean_gap_days
                < {{ var('rhythm_robust_cv') }}
                and deviations.deviation_days
                <= {{ var('rhythm_robust_spread') }} * gap_sums.median_gap_days
                then 'regular'
            else 'random'
        end as rhythm
    from gap_sums
    left join deviations on gap_sums.customer_id = deviations.customer_id

),

kept_gaps as (

    -- the rhythm of who shops in bursts is that of the bursts
    select
        classified.customer_id,
        days.gap_days
    from days
    inner join classified on days.customer_id = classified.customer_id
    where
        days.gap_days is not null
        and (
            classified.rhythm <> 'bursty' or days.gap_days > {{ var('rhythm_burst_days') }}
        )

),

quantiles as (

    select
        customer_id,
        cast(median(gap_days) as double) as median_gap_days,
        percentile_cont(0.1) within group (order by gap_days) as short_gap_days,
        percentile_cont(0.9) within group (order by gap_days) as long_gap_days
    from kept_gaps
    group by customer_id

),

everybody as (

    select
        cast(median(median_gap_days) as double) as median_gap_days,
        cast(median(short_gap_days) as double) as short_gap_days,
        cast(median(long_gap_days) as double) as long_gap_days
    from quantiles

),

overdue_gaps as (

    -- of the own gaps that were longer than the present one has lasted
    select
        kept_gaps.customer_id,
        cast(median(kept_gaps.gap_days) as double) as gap_days
    from kept_gaps
    inner join classified on kept_gaps.customer_id = classified.customer_id
    where
        kept_gaps.gap_days
        > {{ days_between('classified.last_purchase_date', as_of()) }}
    group by kept_gaps.customer_id

),

expected as (

    select
        classified.customer_id,
        classified.rhythm,
        classified.gap_cv,
        classified.gap_count,
        classified.last_purchase_date,
        quantiles.median_gap_days,
        classified.gap_count < {{ var('rhythm_min_gaps') }} as is_borrowed,
        {{ days_between('classified.last_purchase_date', as_of()) }} as days_since,
        overdue_gaps.gap_days as overdue_gap_days,
        (
            classified.gap_count * coalesce(quantiles.median_gap_days, 0e0)
            + {{ var('rhythm_prior_gaps') }} * everybody.median_gap_days
        ) / (classified.gap_count + {{ var('rhythm_prior_gaps') }}) as expected_gap_days,
        case
            when classified.gap_count >= {{ var('rhythm_min_gaps') }}
                then quantiles.short_gap_days
            else everybody.short_gap_days
        end as short_gap_days,
        case
            when classified.gap_count >= {{ var('rhythm_min_gaps') }} then quantiles.long_gap_days
            else everybody.long_gap_days
        end as long_gap_days
    from classified
    cross join everybody
    left join quantiles on classified.customer_id = quantiles.customer_id
    left join overdue_gaps on classified.customer_id = overdue_gaps.customer_id

),

dated as (

    select
        *,
        {{ days_later('last_purchase_date', 'cast(round(expected_gap_days) as integer)') }}
            as expected_next_date,
        {{ days_later('last_purchase_date', 'cast(round(short_gap_days) as integer)') }}
            as expected_next_from,
        {{ days_later('last_purchase_date', 'cast(round(long_gap_days) as integer)') }}
            as expected_next_to
    from expected

)

select
    -- ids
    customers.customer_id,

    -- properties
    coalesce(dated.rhythm, 'unknown') as rhythm,
    coalesce(dated.is_borrowed, false) as is_rhythm_borrowed,
    last_baskets.basket_kind as last_basket_kind,
    coalesce(last_baskets.stock_up_confirmed_on <= {{ as_of() }}, false)
        as is_last_stock_up_confirmed,

    -- timestamps
    last_baskets.purchase_date as last_purchase_date,
    dated.expected_next_date,
    dated.expected_next_from,
    dated.expected_next_to,
    -- the same seen from today: who is overdue is expected after the gap such gaps end with
    case
        when dated.expected_next_date >= {{ as_of() }} then dated.expected_next_date
        else
            {{ days_later(
                'dated.last_purchase_date', 'cast(round(dated.overdue_gap_days) as integer)'
            ) }}
    end as rolling_next_date,

    -- measures
    cast(coalesce(purchase_days.purchase_days, 0) as bigint) as purchase_days,
    dated.median_gap_days,
    dated.gap_cv,
    case
        when not dated.is_borrowed then dated.days_since / nullif(dated.median_gap_days, 0)
    end as overdue_ratio
from customers
left join purchase_days on customers.customer_id = purchase_days.customer_id
left join last_baskets on customers.customer_id = last_baskets.customer_id
left join dated on customers.customer_id = dated.customer_id
