with recursive people as (

    select
        customer_id,
        country,
        region,
        rfm_segment
    from {{ ref('int_kpis__people') }}

),

tickets as (

    select
        ticket_id,
        customer_id,
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
        coalesce(people.country, 'unknown') as country,
        coalesce(people.region, 'unknown') as region,
        coalesce(people.rfm_segment, 'unknown') as rfm_segment,
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
    left join people on tickets.customer_id = people.customer_id

),

cuts as (

    {{ cuts_by('promised', ['topic', 'priority', 'country', 'region', 'rfm_segment']) }}

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
    -- cut by what people are, days and single channels hold too few of them
    where
        channels.ticket_channel = 'all'
        or cuts.segment_type not in ('country', 'region', 'rfm_segment')

),

grains as (

    {{ period_grains(['day', 'week', 'month', 'quarter']) }}

),

cell_grains as (

    select
        segment_types.segment_type,
        grains.period_grain
    from (select distinct segment_type from cells) as segment_types
    cross join grains
    where
        grains.period_grain in ('month', 'quarter')
        or segment_types.segment_type not in ('country', 'region', 'rfm_segment')

),

opened_in as (

    select
        cell_grains.period_grain,
        {{ period_start('cell_grains.period_grain', 'cells.created_date') }} as period_start,
        cells.*
    from cells
    inner join cell_grains on cells.segment_type = cell_grains.segment_type

),

first_day as (

    select min(created_date) as first_date
    from tickets

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

personal_periods as (

    select distinct
        grains.period_grain,
        {{ period_start('grains.period_grain', 'days.day_date') }} as period_start,
        {{ period_end(
            'grains.period_grain', period_start('grains.period_grain', 'days.day_date')
        ) }} as period_end
    from days
    cross join grains
    where grains.period_grain in ('month', 'quarter')

),

people_of_cells as (

    -- whose ticket was opened in the period or open at its end
    select
        personal_periods.period_grain,
        personal_periods.period_start,
        cells.segment_type,
        cells.segment,
        count(distinct coalesce(cells.customer_id, cells.ticket_id)) as people_count
    from cells
    inner join personal_periods
        on
            cells.created_date < personal_periods.period_end
            and (
                cells.created_date >= personal_periods.period_start
                or coalesce(cells.resolved_date >= personal_periods.period_end, true)
            )
    where cells.segment_type in ('country', 'region', 'rfm_segment')
    group by
        personal_periods.period_grain, personal_periods.period_start, cells.segment_type,
        cells.segment

),

published_segments as (

    select
        *,
        {{ segment_without_small_cells(
            'people_count', 'period_grain, period_start', ['country', 'region', 'rfm_segment']
        ) }} as published_segment
    from people_of_cells

),

opened as (

    select
        opened_in.*,
        coalesce(published_segments.published_segment, opened_in.segment) as published_segment
    from opened_in
    left join published_segments
        on
            opened_in.period_grain = published_segments.period_grain
            and opened_in.period_start = published_segments.period_start
            and opened_in.segment_type = published_segments.segment_type
            and opened_in.segment = published_segments.segment

),

counted as (

    select
        period_grain,
        period_start,
        segment_type,
        published_segment as segment,
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
    group by period_grain, period_start, segment_type, published_segment, ticket_channel

),

durations as (

    -- who waits still has waited so long at least
    select
        'response' as measure,
        period_grain,
        period_start,
        segment_type,
        published_segment as segment,
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
        published_segment as segment,
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
        published_segment as segment,
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

backlogs_of_cells as (

    select
        cell_grains.period_grain,
        {{ period_start('cell_grains.period_grain', 'daily.day_date') }} as period_start,
        daily.segment_type,
        daily.segment,
        daily.ticket_channel,
        max_by(daily.backlog_count, daily.day_date) as backlog_count
    from daily
    inner join cell_grains on daily.segment_type = cell_grains.segment_type
    group by
        cell_grains.period_grain,
        {{ period_start('cell_grains.period_grain', 'daily.day_date') }},
        daily.segment_type,
        daily.segment,
        daily.ticket_channel

),

backlogs as (

    select
        backlogs_of_cells.period_grain,
        backlogs_of_cells.period_start,
        backlogs_of_cells.segment_type,
        coalesce(published_segments.published_segment, backlogs_of_cells.segment) as segment,
        backlogs_of_cells.ticket_channel,
        sum(backlogs_of_cells.backlog_count) as backlog_count
    from backlogs_of_cells
    left join published_segments
        on
            backlogs_of_cells.period_grain = published_segments.period_grain
            and backlogs_of_cells.period_start = published_segments.period_start
            and backlogs_of_cells.segment_type = published_segments.segment_type
            and backlogs_of_cells.segment = published_segments.segment
    group by
        backlogs_of_cells.period_grain,
        backlogs_of_cells.period_start,
        backlogs_of_cells.segment_type,
        coalesce(published_segments.published_segment, backlogs_of_cells.segment),
        backlogs_of_cells.ticket_channel

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
    cast(coalesce(counted.handled_count, 0) as bigint) as handled_count,
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
    cast(coalesce(counted.resolution_due_count, 0) as bigint) as resolution_due_count,
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
