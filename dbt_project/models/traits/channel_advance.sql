with ranks as (

    select
        stage,
        stage_rank
    from {{ ref('path_stages') }}

),

spells as (

    -- how long a path stayed in a stage, and where it went
    select
        customer_id,
        category,
        to_stage as stage,
        changed_at as started_at,
        lead(changed_at) over way as ended_at,
        lead(to_stage) over way as next_stage
    from {{ ref('path_transitions') }}
    window way as (partition by customer_id, category order by changed_at)

),

touches as (

    -- what happened in the hour of the touch may be the touch itself, and is no consequence of it
    select
        customer_id,
        direction,
        channel,
        hour_at,
        cast({{ seconds_later('hour_at', 3600) }} as timestamp) as touched_until
    from {{ ref('int_traits__touches') }}
    where touch_count > 0

),

moments as (

    -- the last touch of a day, for each path that stands in a stage after it; judged when its
    -- days are over, whatever became of it
    select
        spells.customer_id,
        spells.stage,
        touches.direction,
        touches.channel,
        coalesce(
            to_ranks.stage_rank > from_ranks.stage_rank
            -- what follows a purchase is no step towards it
            and spells.next_stage <> 'after_purchase'
            and spells.ended_at <= {{ seconds_later(
                'touches.touched_until', 86400 * var('channel_advance_days')
            ) }},
            false
        ) as is_advanced
    from spells
    inner join touches
        on
            spells.customer_id = touches.customer_id
            and spells.started_at <= touches.touched_until
            and (spells.ended_at > touches.touched_until or spells.ended_at is null)
    inner join ranks as from_ranks on spells.stage = from_ranks.stage
    left join ranks as to_ranks on spells.next_stage = to_ranks.stage
    where
        spells.stage in ('explore', 'inform', 'intent')
        and {{ seconds_later('touches.touched_until', 86400 * var('channel_advance_days')) }}
        <= {{ as_of_end() }}
    qualify
        row_number() over (
            partition by
                spells.customer_id, spells.category, spells.started_at,
                cast(touches.hour_at as date)
            order by touches.hour_at desc, touches.direction asc, touches.channel asc
        ) = 1

),

people as (

    select
        stage,
        customer_id,
        count(*) as moment_count,
        count_if(is_advanced) as advanced_count
    from moments
    group by stage, customer_id

),

cells as (

    select
        stage,
        direction,
        channel,
        customer_id,
        count(*) as moment_count,
        count_if(is_advanced) as advanced_count
    from moments
    group by stage, direction, channel, customer_id

),

stage_totals as (

    select
        stage,
        sum(moment_count) as moment_count,
        sum(advanced_count) as advanced_count
    from people
    group by stage

),

totals as (

    select
        stage,
        direction,
        channel,
        count(*) as customer_count,
        count_if(advanced_count > 0) as advanced_customer_count,
        sum(moment_count) as moment_count,
        sum(advanced_count) as advanced_count
    from cells
    group by stage, direction, channel

),

usual_pulls as (

    -- how far each customer moves the logarithm of the usual share
    select
        people.stage,
        people.customer_id,
        cast(people.moment_count as double) / stage_totals.moment_count
        - cast(people.advanced_count as double) / stage_totals.advanced_count as pull
    from people
    inner join stage_totals on people.stage = stage_totals.stage
    where stage_totals.advanced_count > 0

),

usual_errors as (

    select
        stage,
        sum(cast(pull * pull as decimal(38, 18))) as square
    from usual_pulls
    group by stage

),

pulls as (

    -- and of the share by the channel over it
    select
        cells.stage,
        cells.direction,
        cells.channel,
        usual_pulls.pull as usual_pull,
        usual_pulls.pull
        + cast(cells.advanced_count as double) / totals.advanced_count
        - cast(cells.moment_count as double) / totals.moment_count as pull
    from cells
    inner join totals
        on
            cells.stage = totals.stage
            and cells.direction = totals.direction
            and cells.channel = totals.channel
    inner join usual_pulls
        on cells.stage = usual_pulls.stage and cells.customer_id = usual_pulls.customer_id
    where totals.advanced_count > 0

),

errors as (

    -- the touches of one customer are one witness, so the variance is summed over customers
    select
        pulls.stage,
        pulls.direction,
        pulls.channel,
        sqrt(greatest(0e0, cast(
            max(usual_errors.square)
            + sum(cast(
                pulls.pull * pulls.pull - pulls.usual_pull * pulls.usual_pull as decimal(38, 18)
            )) as double
        ))) as log_error
    from pulls
    inner join usual_errors on pulls.stage = usual_errors.stage
    group by pulls.stage, pulls.direction, pulls.channel

),

compared as (

    select
        totals.stage,
        totals.direction,
        totals.channel,
        totals.customer_count,
        totals.moment_count,
        totals.advanced_count,
        cast(totals.advanced_count as double) / totals.moment_count as advance_share,
        cast(stage_totals.advanced_count as double) / stage_totals.moment_count
            as usual_advance_share,
        errors.log_error,
        totals.customer_count >= {{ var('channel_advance_min_customers') }}
        and totals.advanced_customer_count >= {{ var('channel_advance_min_advanced') }}
            as is_reliable
    from totals
    inner join stage_totals on totals.stage = stage_totals.stage
    left join errors
        on
            totals.stage = errors.stage
            and totals.direction = errors.direction
            and totals.channel = errors.channel

)

select
    -- ids
    stage,
    direction,
    channel,

    -- properties
    is_reliable,

    -- measures
    case when is_reliable then advance_share / usual_advance_share end as advance_lift,
    case
        when is_reliable
            then advance_share / usual_advance_share * exp(-{{ z_95() }} * log_error)
    end as advance_lift_low,
    case
        when is_reliable
            then advance_share / usual_advance_share * exp({{ z_95() }} * log_error)
    end as advance_lift_high,
    case when is_reliable then advance_share end as advance_share,
    usual_advance_share,
    cast(customer_count as bigint) as customer_count,
    cast(moment_count as bigint) as touch_count,
    cast(advanced_count as bigint) as advanced_count
from compared
