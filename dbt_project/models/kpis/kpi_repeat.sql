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

members as (

    select
        records.customer_id,
        min({{ reporting_date('coalesce(cards.joined_at, cards.updated_at)') }}) as joined_date
    from {{ ref('stg_loyalty__members') }} as cards
    inner join {{ ref('customer_records') }} as records
        on
            records.source = 'loyalty.members'
            and cards.member_id = records.source_record_id
            and records.valid_to is null
    group by records.customer_id

),

purchase_numbers as (

    {% for number in var('repeat_purchase_numbers') -%}
        select {{ number }} as purchase_number
        {%- if not loop.last %} union all {% endif -%}
    {% endfor %}

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
        -- by the day: who joined because they came back is no member at first
        case
            when members.joined_date <= firsts.first_date then 'member' else 'not a member'
        end as membership,
        {{ days_between('firsts.first_date', 'purchase_days.purchase_date') }} as days_since,
        purchase_days.purchase_count,
        purchase_days.net_amount
    from firsts
    inner join purchase_days
        on
            firsts.customer_id = purchase_days.customer_id
            and firsts.first_date <= purchase_days.purchase_date
    left join members on firsts.customer_id = members.customer_id

),

numbered as (

    -- a day is one purchase, and the first is that of the first day
    select
        *,
        case
            when purchase_count > 0
                then row_number() over (
                    partition by customer_id, purchase_count > 0 order by days_since
                )
        end as purchase_number
    from followed

),

customers as (

    -- who has not come back yet has stayed away until the as-of day, at least
    select
        numbered.customer_id,
        numbered.first_date,
        numbered.channel,
        numbered.first_price,
        numbered.membership,
        purchase_numbers.purchase_number,
        {{ days_between('numbered.first_date', as_of()) }} as seen_days,
        min(case
            when numbered.purchase_number = purchase_numbers.purchase_number
                then numbered.days_since
        end) as days_until
    from numbered
    cross join purchase_numbers
    where numbered.purchase_number <= {{ var('repeat_purchase_numbers') | max }}
    group by
        numbered.customer_id, numbered.first_date, numbered.channel, numbered.first_price,
        numbered.membership, purchase_numbers.purchase_number

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

alike as (

    -- few rows, whatever the number of customers; only those whose days are over: the others would
    -- have had less time to come back
    select
        cast(date_trunc('month', customers.first_date) as date) as first_month,
        customers.channel,
        customers.first_price,
        customers.membership,
        customers.purchase_number,
        values_within.within_days,
        count(*) as cohort_size,
        count_if(customers.seen_days >= values_within.within_days) as observed_count,
        count_if(coalesce(
            customers.seen_days >= values_within.within_days
            and customers.days_until <= values_within.within_days,
            false
        )) as repeated_count,
        sum(case
            when customers.seen_days >= values_within.within_days then values_within.purchase_count
        end) as purchase_count,
        sum(case
            when customers.seen_days >= values_within.within_days then values_within.net_amount
        end) as net_amount
    from customers
    inner join values_within on customers.customer_id = values_within.customer_id
    group by
        cast(date_trunc('month', customers.first_date) as date), customers.channel,
        customers.first_price, customers.membership, customers.purchase_number,
        values_within.within_days

),

alike_waits as (

    select
        cast(date_trunc('month', first_date) as date) as first_month,
        channel,
        first_price,
        membership,
        purchase_number,
        coalesce(days_until, seen_days) as days,
        count(days_until) as ended_count,
        count(*) as leaving_count
    from customers
    group by
        cast(date_trunc('month', first_date) as date), channel, first_price, membership,
        purchase_number, coalesce(days_until, seen_days)

),

cuts as (

    {{ cuts_by('alike', ['channel', 'first_price', 'membership']) }}

),

wait_cuts as (

    {{ cuts_by('alike_waits', ['channel', 'first_price', 'membership']) }}

),

grains as (

    {{ period_grains(['month', 'quarter']) }}

),

counted as (

    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'cuts.first_month') }} as period_start,
        cuts.segment_type,
        cuts.segment,
        cuts.purchase_number,
        cuts.within_days,
        sum(cuts.cohort_size) as cohort_size,
        sum(cuts.observed_count) as observed_count,
        sum(cuts.repeated_count) as repeated_count,
        sum(cuts.purchase_count) as purchase_count,
        sum(cuts.net_amount) as net_amount
    from cuts
    cross join grains
    group by
        grains.period_grain,
        {{ period_start('grains.period_grain', 'cuts.first_month') }},
        cuts.segment_type,
        cuts.segment,
        cuts.purchase_number,
        cuts.within_days

),

steps as (

    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'wait_cuts.first_month') }} as period_start,
        wait_cuts.segment_type,
        wait_cuts.segment,
        wait_cuts.purchase_number,
        wait_cuts.days,
        sum(wait_cuts.ended_count) as ended_count,
        sum(wait_cuts.leaving_count) as leaving_count
    from wait_cuts
    cross join grains
    group by
        grains.period_grain,
        {{ period_start('grains.period_grain', 'wait_cuts.first_month') }},
        wait_cuts.segment_type,
        wait_cuts.segment,
        wait_cuts.purchase_number,
        wait_cuts.days

),

at_risk as (

    select
        *,
        sum(leaving_count) over (
            partition by period_grain, period_start, segment_type, segment, purchase_number
            order by days desc
            rows between unbounded preceding and current row
        ) as risk_count
    from steps

),

curves as (

    select
        *,
        sum({{ survival_log_step('ended_count', 'risk_count') }}) over (
            partition by period_grain, period_start, segment_type, segment, purchase_number
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
        purchase_number,
        {{ survival_quantile('days', 'log_survival', 0.5) }} as purchase_days_p50
    from curves
    group by period_grain, period_start, segment_type, segment, purchase_number

)

select
    -- cohort, segment, purchase and window
    counted.period_grain,
    counted.period_start,
    counted.segment_type,
    counted.segment,
    cast(counted.purchase_number as bigint) as purchase_number,
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
    cast(medians.purchase_days_p50 as bigint) as purchase_days_p50,

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
        and counted.purchase_number = medians.purchase_number
