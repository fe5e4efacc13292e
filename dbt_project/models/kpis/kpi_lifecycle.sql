with purchase_days as (

    select
        customer_id,
        purchase_date
    from {{ ref('int_traits__purchase_days') }}
    where purchase_count > 0

),

first_purchases as (

    select
        customer_id,
        channel
    from {{ ref('purchases') }}
    where is_first

),

grains as (

    {{ period_grains(['month', 'quarter']) }}

),

periods as (

    {{ periods_of(ref('int_kpis__months'), ['month', 'quarter']) }}

),

active as (

    select distinct
        grains.period_grain,
        purchase_days.customer_id,
        {{ period_start('grains.period_grain', 'purchase_days.purchase_date') }} as period_start
    from purchase_days
    cross join grains

),

followed as (

    select
        period_grain,
        customer_id,
        period_start,
        {{ period_end('period_grain', 'period_start') }} as next_start,
        {{ period_end(
            'period_grain',
            'lag(period_start) over (partition by period_grain, customer_id order by period_start)'
        ) }} as last_active_end,
        lead(period_start) over (partition by period_grain, customer_id order by period_start)
            as next_active_start
    from active

),

changes as (

    -- in their own period those who bought; in the next one those who did not buy again
    select
        period_grain,
        customer_id,
        period_start,
        case
            when last_active_end is null then 'new'
            when last_active_end = period_start then 'returning'
            else 'resurrected'
        end as state
    from followed
    union all
    select
        period_grain,
        customer_id,
        next_start as period_start,
        'newly dormant' as state
    from followed
    where coalesce(next_active_start <> next_start, true)

),

changes_of_people as (

    select
        changes.period_grain,
        changes.period_start,
        changes.state,
        coalesce(first_purchases.channel, 'unknown') as channel,
        coalesce(people.country, 'unknown') as country,
        coalesce(people.region, 'unknown') as region
    from changes
    left join first_purchases on changes.customer_id = first_purchases.customer_id
    left join {{ ref('int_kpis__people') }} as people on changes.customer_id = people.customer_id

),

alike as (

    -- few rows, whatever the number of customers
    select
        period_grain,
        period_start,
        channel,
        country,
        region,
        count_if(state = 'new') as new_count,
        count_if(state = 'returning') as returning_count,
        count_if(state = 'resurrected') as resurrected_count,
        count_if(state = 'newly dormant') as newly_dormant_count
    from changes_of_people
    group by period_grain, period_start, channel, country, region

),

alike_cuts as (

    {{ cuts_by('alike', ['channel', 'country', 'region']) }}

),

segments as (

    select distinct
        segment_type,
        segment
    from alike_cuts

),

counted as (

    select
        periods.period_grain,
        periods.period_start,
        segments.segment_type,
        segments.segment,
        coalesce(sum(alike_cuts.new_count), 0) as new_count,
        coalesce(sum(alike_cuts.returning_count), 0) as returning_count,
        coalesce(sum(alike_cuts.resurrected_count), 0) as resurrected_count,
        coalesce(sum(alike_cuts.newly_dormant_count), 0) as newly_dormant_count
    from periods
    cross join segments
    left join alike_cuts
        on
            periods.period_grain = alike_cuts.period_grain
            and periods.period_start = alike_cuts.period_start
            and segments.segment_type = alike_cuts.segment_type
            and segments.segment = alike_cuts.segment
    group by
        periods.period_grain, periods.period_start, segments.segment_type, segments.segment

),

followed_cells as (

    select
        *,
        new_count + returning_count + resurrected_count as active_count,
        sum(new_count) over (
            partition by period_grain, segment_type, segment order by period_start
            rows between unbounded preceding and current row
        ) as customer_count
    from counted

),

cells as (

    select
        *,
        lag(active_count, 1, 0) over (
            partition by period_grain, segment_type, segment order by period_start
        ) as active_before_count,
        customer_count - active_count as dormant_count
    from followed_cells

),

named as (

    -- before its first customer a segment is not there
    select
        *,
        {{ segment_without_small_cells(
            'customer_count', 'period_grain, period_start', ['country', 'region']
        ) }} as published_segment
    from cells
    where customer_count > 0

),

totals as (

    select
        period_grain,
        period_start,
        segment_type,
        published_segment as segment,
        {% for measure in [
            'customer_count', 'new_count', 'returning_count', 'resurrected_count', 'active_count',
            'dormant_count', 'newly_dormant_count',
        ] -%}
            cast(sum({{ measure }}) as bigint) as {{ measure }},
        {% endfor -%}
        cast(sum(active_before_count) as bigint) as active_before_count
    from named
    group by period_grain, period_start, segment_type, published_segment

),

measured as (

    select
        *,
        customer_count - new_count - active_before_count as dormant_before_count
    from totals

)

select
    -- period and segment
    period_grain,
    period_start,
    segment_type,
    segment,

    -- the base
    customer_count,
    new_count,
    returning_count,
    resurrected_count,
    active_count,
    dormant_count,

    -- from the period before
    active_before_count,
    dormant_before_count,
    newly_dormant_count,

    -- rates
    100 * returning_count / cast(nullif(active_before_count, 0) as double) as returning_pct,
    {{ wilson_bound_pct('returning_count', 'active_before_count', 'low') }} as returning_low,
    {{ wilson_bound_pct('returning_count', 'active_before_count', 'high') }} as returning_high,
    100 * resurrected_count / cast(nullif(dormant_before_count, 0) as double) as resurrected_pct,
    {{ wilson_bound_pct('resurrected_count', 'dormant_before_count', 'low') }} as resurrected_low,
    {{ wilson_bound_pct('resurrected_count', 'dormant_before_count', 'high') }}
        as resurrected_high,

    -- properties
    {{ period_end('period_grain', 'period_start') }}
    > cast({{ as_of() }} + interval '1' day as date) as is_provisional
from measured
