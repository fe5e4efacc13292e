with purchase_days as (

    select
        customer_id,
        purchase_date,
        purchase_count,
        net_amount
    from {{ ref('int_traits__purchase_days') }}

),

firsts as (

    select
        customer_id,
        purchase_date as first_date,
        channel,
        case when is_promoted then 'promoted' when not is_promoted then 'regular' end as first_price
    from {{ ref('purchases') }}
    where is_first

),

windows as (

    {% for days in var('repeat_within_days') -%}
        select {{ days }} as within_days
        {%- if not loop.last %} union all {% endif -%}
    {% endfor %}

),

followed as (

    select
        firsts.customer_id,
        firsts.first_date,
        firsts.channel,
        firsts.first_price,
        {{ days_between('firsts.first_date', 'purchase_days.purchase_date') }} as days_since,
        purchase_days.purchase_count,
        purchase_days.net_amount
    from firsts
    inner join purchase_days
        on
            firsts.customer_id = purchase_days.customer_id
            and firsts.first_date <= purchase_days.purchase_date

),

customers as (

    -- who has not come back yet has stayed away until the as-of day, at least
    select
        customer_id,
        first_date,
        channel,
        first_price,
        {{ days_between('first_date', as_of()) }} as seen_days,
        min(case when days_since > 0 and purchase_count > 0 then days_since end) as second_days
    from followed
    group by customer_id, first_date, channel, first_price

),

values_within as (

    select
        followed.customer_id,
        windows.within_days,
        sum(followed.purchase_count) as purchase_count,
        sum(followed.net_amount) as net_amount
    from followed
    inner join windows on followed.days_since <= windows.within_days
    group by followed.customer_id, windows.within_days

),

cuts as (

    {{ cuts_by('customers', ['channel', 'first_price']) }}

),

grains as (

    {{ period_grains(['month', 'quarter']) }}

),

cohorts as (

    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'cuts.first_date') }} as period_start,
        cuts.*
    from cuts
    cross join grains

),

counted as (

    -- only those whose days are over: the others would have had less time to come back
    select
        cohorts.period_grain,
        cohorts.period_start,
        cohorts.segment_type,
        cohorts.segment,
        values_within.within_days,
        count(*) as cohort_size,
        count_if(cohorts.seen_days >= values_within.within_days) as observed_count,
        count_if(
            cohorts.seen_days >= values_within.within_days
            and cohorts.second_days <= values_within.within_days
        ) as repeated_count,
        sum(case
            when cohorts.seen_days >= values_within.within_days then values_within.purchase_count
        end) as purchase_count,
        sum(case
            when cohorts.seen_days >= values_within.within_days then values_within.net_amount
        end) as net_amount
    from cohorts
    inner join values_within on cohorts.customer_id = values_within.customer_id
    group by
        cohorts.period_grain,
        cohorts.period_start,
        cohorts.segment_type,
        cohorts.segment,
        values_within.within_days

),

steps as (

    select
        period_grain,
        period_start,
        segment_type,
        segment,
        coalesce(second_days, seen_days) as days,
        count(second_days) as ended_count,
        count(*) as leaving_count
    from cohorts
    group by period_grain, period_start, segment_type, segment, coalesce(second_days, seen_days)

),

at_risk as (

    select
        *,
        sum(leaving_count) over (
            partition by period_grain, period_start, segment_type, segment
            order by days desc
            rows between unbounded preceding and current row
        ) as risk_count
    from steps

),

curves as (

    select
        *,
        sum({{ survival_log_step('ended_count', 'risk_count') }}) over (
            partition by period_grain, period_start, segment_type, segment
            order by days
            rows between unbounded preceding and current row
        ) as log_survival
    from at_risk

),

medians as (

    select
        period_grain,
        period_start,
        segment_type,
        segment,
        {{ survival_quantile('days', 'log_survival', 0.5) }} as second_purchase_days_p50
    from curves
    group by period_grain, period_start, segment_type, segment

)

select
    -- cohort, segment and window
    counted.period_grain,
    counted.period_start,
    counted.segment_type,
    counted.segment,
    cast(counted.within_days as bigint) as within_days,

    -- counts
    cast(counted.cohort_size as bigint) as cohort_size,
    cast(counted.observed_count as bigint) as observed_count,
    cast(counted.repeated_count as bigint) as repeated_count,

    -- rate
    100 * counted.repeated_count / cast(nullif(counted.observed_count, 0) as double) as repeat_pct,
    {{ wilson_bound_pct('counted.repeated_count', 'counted.observed_count', 'low') }}
        as repeat_low,
    {{ wilson_bound_pct('counted.repeated_count', 'counted.observed_count', 'high') }}
        as repeat_high,

    -- per original customer
    cast(counted.purchase_count as double) / nullif(counted.observed_count, 0)
        as purchases_per_customer,
    cast(counted.net_amount as double) / nullif(counted.observed_count, 0)
        as revenue_per_customer,

    -- time
    cast(medians.second_purchase_days_p50 as bigint) as second_purchase_days_p50,

    -- properties
    counted.observed_count < counted.cohort_size
    or {{ period_end('counted.period_grain', 'counted.period_start') }}
    > cast({{ as_of() }} + interval '1' day as date) as is_provisional
from counted
inner join medians
    on
        counted.period_grain = medians.period_grain
        and counted.period_start = medians.period_start
        and counted.segment_type = medians.segment_type
        and counted.segment = medians.segment
