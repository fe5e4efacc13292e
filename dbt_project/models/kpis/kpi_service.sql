with recursive tickets as (

    select
        ticket_id,
        ticket_channel as own_channel,
        topic,
        priority,
        has_messages,
        is_agent_opened,
        is_one_touch,
        created_date,
        first_response_at,
        first_solved_at,
        resolved_at,
        {{ reporting_date('resolved_at') }} as resolved_date,
        response_seconds,
        business_response_seconds,
        resolution_seconds,
        handling_seconds,
        reopen_count,
        handoff_count,
        -- who was written to waits for nothing, unless the tenant counts that otherwise
        has_messages
        and (not is_agent_opened or {{ var('service_counts_agent_opened') }}) as is_awaiting
    from {{ ref('int_kpis__tickets') }}

),

levels as (

    select
        priority,
        first_response_minutes,
        resolution_hours
    from {{ ref('service_levels') }}

),

promised as (

    -- by the priority at the time, in hours of business for the answer; late already counts
    select
        tickets.*,
        levels.priority is not null as has_level,
        coalesce(
            tickets.is_awaiting
            and coalesce(tickets.business_response_seconds, tickets.response_seconds)
            > 60 * levels.first_response_minutes,
            false
        ) as is_answered_late,
        coalesce(tickets.resolution_seconds > 3600 * levels.resolution_hours, false)
            as is_resolved_late,
        tickets.is_awaiting
        and (
            tickets.first_response_at is not null
            or coalesce(tickets.business_response_seconds, tickets.response_seconds)
            > 60 * levels.first_response_minutes
        ) as is_answer_due
    from tickets
    left join levels on tickets.priority = levels.priority

),

cuts as (

    {{ cuts_by('promised', ['topic', 'priority']) }}

),

channels as (

    select distinct
        own_channel,
        own_channel as ticket_channel
    from tickets
    union all
    select distinct
        own_channel,
        'all' as ticket_channel
    from tickets

),

cells as (

    select
        cuts.*,
        channels.ticket_channel
    from cuts
    inner join channels on cuts.own_channel = channels.own_channel

),

grains as (

    {{ period_grains(['day', 'week', 'month', 'quarter']) }}

),

opened as (

    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'cells.created_date') }} as period_start,
        cells.*
    from cells
    cross join grains

),

counted as (

    select
        period_grain,
        period_start,
        segment_type,
        segment,
        ticket_channel,
        count(*) as ticket_count,
        count_if(is_agent_opened) as agent_opened_count,
        count_if(is_awaiting and first_response_at is null) as unanswered_count,
        count_if(resolved_at is not null) as resolved_count,
        count_if(first_solved_at is not null) as solved_count,
        count_if(reopen_count > 0) as reopened_count,
        count_if(is_one_touch) as one_touch_count,
        count(case when resolved_at is not null then handling_seconds end) as handled_count,
        sum(case when resolved_at is not null then handling_seconds end) as handling_seconds,
        count_if(is_awaiting and first_response_at is not null) as answered_count,
        sum(case when is_awaiting and first_response_at is not null then response_seconds end)
            as response_seconds,
        sum(handoff_count) as handoff_count,
        count_if(is_answer_due and has_level) as due_count,
        count_if(is_answered_late and has_level) as late_count,
        count_if((resolved_at is not null or is_resolved_late) and has_level)
            as resolution_due_count,
        count_if(is_resolved_late and has_level) as resolved_late_count
    from opened
    group by period_grain, period_start, segment_type, segment, ticket_channel

),

durations as (

    -- who waits still has waited so long at least
    select
        'response' as measure,
        period_grain,
        period_start,
        segment_type,
        segment,
        ticket_channel,
        response_seconds as seconds,
        first_response_at is not null as is_ended
    from opened
    where is_awaiting
    union all
    select
        'business_response' as measure,
        period_grain,
        period_start,
        segment_type,
        segment,
        ticket_channel,
        business_response_seconds as seconds,
        first_response_at is not null as is_ended
    from opened
    where is_awaiting and business_response_seconds is not null
    union all
    select
        'resolution' as measure,
        period_grain,
        period_start,
        segment_type,
        segment,
        ticket_channel,
        resolution_seconds as seconds,
        resolved_at is not null as is_ended
    from opened

),

steps as (

    select
        measure,
        period_grain,
        period_start,
        segment_type,
        segment,
        ticket_channel,
        seconds,
        count_if(is_ended) as ended_count,
        count(*) as leaving_count
    from durations
    group by measure, period_grain, period_start, segment_type, segment, ticket_channel, seconds

),

at_risk as (

    select
        *,
        sum(leaving_count) over (
            partition by measure, period_grain, period_start, segment_type, segment, ticket_channel
            order by seconds desc
            rows between unbounded preceding and current row
        ) as risk_count
    from steps

),

curves as (

    select
        *,
        sum({{ survival_log_step('ended_count', 'risk_count') }}) over (
            partition by measure, period_grain, period_start, segment_type, segment, ticket_channel
            order by seconds
            rows between unbounded preceding and current row
        ) as log_survival
    from at_risk

),

quantiles as (

    select
        period_grain,
        period_start,
        segment_type,
        segment,
        ticket_channel,
        {{ survival_quantile(
            "case when measure = 'response' then seconds end", 'log_survival', 0.5
        ) }} as response_p50,
        {{ survival_quantile(
            "case when measure = 'response' then seconds end", 'log_survival', 0.9
        ) }} as response_p90,
        {{ survival_quantile(
            "case when measure = 'business_response' then seconds end", 'log_survival', 0.5
        ) }} as business_response_p50,
        {{ survival_quantile(
            "case when measure = 'business_response' then seconds end", 'log_survival', 0.9
        ) }} as business_response_p90,
        {{ survival_quantile(
            "case when measure = 'resolution' then seconds end", 'log_survival', 0.5
        ) }} as resolution_p50,
        {{ survival_quantile(
            "case when measure = 'resolution' then seconds end", 'log_survival', 0.9
        ) }} as resolution_p90
    from curves
    group by period_grain, period_start, segment_type, segment, ticket_channel

),

-- what was open at the end of each period: whatever was opened until then and not over
first_day as (

    select min(created_date) as first_date
    from tickets

),

balances as (

    select
        segment_type,
        segment,
        ticket_channel,
        change_date,
        sum(change) as change
    from (
        select
            segment_type,
            segment,
            ticket_channel,
            created_date as change_date,
            1 as change
        from cells
        union all
        select
            segment_type,
            segment,
            ticket_channel,
            resolved_date as change_date,
            -1 as change
        from cells
        where resolved_date is not null
    ) as changes
    group by segment_type, segment, ticket_channel, change_date

),

days as (

    select first_date as day_date
    from first_day
    where first_date is not null
    union all
    select cast(day_date + interval '1' day as date) as day_date
    from days
    where day_date < {{ as_of() }}

),

rows_of_cells as (

    select distinct
        segment_type,
        segment,
        ticket_channel
    from cells

),

daily as (

    select
        rows_of_cells.segment_type,
        rows_of_cells.segment,
        rows_of_cells.ticket_channel,
        days.day_date,
        sum(coalesce(balances.change, 0)) over (
            partition by
                rows_of_cells.segment_type, rows_of_cells.segment, rows_of_cells.ticket_channel
            order by days.day_date
            rows between unbounded preceding and current row
        ) as backlog_count
    from rows_of_cells
    cross join days
    left join balances
        on
            rows_of_cells.segment_type = balances.segment_type
            and rows_of_cells.segment = balances.segment
            and rows_of_cells.ticket_channel = balances.ticket_channel
            and days.day_date = balances.change_date

),

backlogs as (

    select
        grains.period_grain,
        {{ period_start('grains.period_grain', 'daily.day_date') }} as period_start,
        daily.segment_type,
        daily.segment,
        daily.ticket_channel,
        max_by(daily.backlog_count, daily.day_date) as backlog_count
    from daily
    cross join grains
    group by
        grains.period_grain,
        {{ period_start('grains.period_grain', 'daily.day_date') }},
        daily.segment_type,
        daily.segment,
        daily.ticket_channel

)

select
    -- period, segment and channel
    backlogs.period_grain,
    backlogs.period_start,
    backlogs.segment_type,
    backlogs.segment,
    backlogs.ticket_channel,

    -- counts
    cast(coalesce(counted.ticket_count, 0) as bigint) as ticket_count,
    cast(coalesce(counted.agent_opened_count, 0) as bigint) as agent_opened_count,
    cast(coalesce(counted.answered_count, 0) as bigint) as answered_count,
    cast(coalesce(counted.unanswered_count, 0) as bigint) as unanswered_count,
    cast(coalesce(counted.resolved_count, 0) as bigint) as resolved_count,
    cast(coalesce(counted.solved_count, 0) as bigint) as solved_count,
    cast(backlogs.backlog_count as bigint) as backlog_count,
    cast(coalesce(counted.handoff_count, 0) as bigint) as handoff_count,

    -- first response
    quantiles.response_p50 / 60e0 as first_response_minutes_p50,
    quantiles.response_p90 / 60e0 as first_response_minutes_p90,
    counted.response_seconds / 60e0 / nullif(counted.answered_count, 0)
        as first_response_minutes_mean,
    quantiles.business_response_p50 / 60e0 as business_first_response_minutes_p50,
    quantiles.business_response_p90 / 60e0 as business_first_response_minutes_p90,

    -- resolution
    quantiles.resolution_p50 / 3600e0 as resolution_hours_p50,
    quantiles.resolution_p90 / 3600e0 as resolution_hours_p90,
    counted.handling_seconds / 3600e0 / nullif(counted.handled_count, 0) as handling_hours_mean,

    -- rates
    100e0 * counted.reopened_count / nullif(counted.solved_count, 0) as reopen_rate_pct,
    {{ wilson_bound_pct('counted.reopened_count', 'counted.solved_count', 'low') }}
        as reopen_rate_low,
    {{ wilson_bound_pct('counted.reopened_count', 'counted.solved_count', 'high') }}
        as reopen_rate_high,
    100e0 * counted.one_touch_count / nullif(counted.solved_count, 0) as one_touch_rate_pct,
    {{ wilson_bound_pct('counted.one_touch_count', 'counted.solved_count', 'low') }}
        as one_touch_rate_low,
    {{ wilson_bound_pct('counted.one_touch_count', 'counted.solved_count', 'high') }}
        as one_touch_rate_high,
    cast(coalesce(counted.due_count, 0) as bigint) as sla_due_count,
    100e0 * counted.late_count / nullif(counted.due_count, 0) as sla_breach_pct,
    {{ wilson_bound_pct('counted.late_count', 'counted.due_count', 'low') }} as sla_breach_low,
    {{ wilson_bound_pct('counted.late_count', 'counted.due_count', 'high') }} as sla_breach_high,
    100e0 * counted.resolved_late_count / nullif(counted.resolution_due_count, 0)
        as resolution_breach_pct,

    -- properties
    {{ period_end('backlogs.period_grain', 'backlogs.period_start') }}
    > cast({{ as_of() }} + interval '1' day as date) as is_provisional
from backlogs
left join counted
    on
        backlogs.period_grain = counted.period_grain
        and backlogs.period_start = counted.period_start
        and backlogs.segment_type = counted.segment_type
        and backlogs.segment = counted.segment
        and backlogs.ticket_channel = counted.ticket_channel
left join quantiles
    on
        backlogs.period_grain = quantiles.period_grain
        and backlogs.period_start = quantiles.period_start
        and backlogs.segment_type = quantiles.segment_type
        and backlogs.segment = quantiles.segment
        and backlogs.ticket_channel = quantiles.ticket_channel
where coalesce(counted.ticket_count, 0) > 0 or backlogs.backlog_count > 0
