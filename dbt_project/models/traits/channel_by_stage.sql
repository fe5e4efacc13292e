with touches as (

    select
        customer_id,
        channel,
        direction,
        stage,
        touch_count,
        response_count,
        cast(
            power(
                cast(0.5 as double),
                {{ seconds_between('hour_at', as_of_end()) }}
                / (86400.0 * {{ var("channel_half_life_days") }})
            ) as decimal(18, 9)
        ) as recency
    from {{ ref('int_traits__touches') }}

),

cells as (

    select
        customer_id,
        stage,
        channel,
        sum(case when direction = 'inbound' then touch_count else 0 end) as inbound_count,
        sum(case when direction = 'inbound' then touch_count * recency else 0 end)
            as inbound_weight,
        sum(case when direction = 'outbound' then touch_count else 0 end) as delivered_count,
        sum(case when direction = 'outbound' then response_count else 0 end) as response_count
    from touches
    group by customer_id, stage, channel

),

counted as (

    -- what was delivered before the first day known can be answered after it
    select
        customer_id,
        stage,
        channel,
        inbound_count,
        inbound_weight,
        delivered_count,
        least(response_count, delivered_count) as response_count
    from cells
    where stage is not null
    union all
    select
        customer_id,
        'all' as stage,
        channel,
        sum(inbound_count) as inbound_count,
        sum(inbound_weight) as inbound_weight,
        sum(delivered_count) as delivered_count,
        least(sum(response_count), sum(delivered_count)) as response_count
    from cells
    group by customer_id, channel

),

rates as (

    select
        stage,
        channel,
        cast(sum(response_count) as double) / nullif(sum(delivered_count), 0) as response_rate
    from counted
    group by stage, channel

),

totals as (

    select
        customer_id,
        stage,
        sum(inbound_weight) as inbound_weight
    from counted
    group by customer_id, stage

)

select
    -- ids
    counted.customer_id,
    counted.stage,
    counted.channel,

    -- measures
    cast(
        cast(counted.inbound_weight as double) / nullif(totals.inbound_weight, 0) as decimal(9, 6)
    ) as score,
    cast(counted.inbound_weight as decimal(18, 3)) as inbound_weight,
    cast(counted.inbound_count as bigint) as inbound_count,
    cast(counted.delivered_count as bigint) as delivered_count,
    cast(counted.response_count as bigint) as response_count,
    cast(
        case
            when counted.delivered_count > 0
                then
                    (
                        counted.response_count
                        + {{ var("channel_prior_messages") }} * rates.response_rate
                    ) / (counted.delivered_count + {{ var("channel_prior_messages") }})
        end as decimal(9, 6)
    ) as response_rate,
    cast(counted.inbound_count + counted.delivered_count as bigint) as evidence_count
from counted
inner join totals
    on counted.customer_id = totals.customer_id and counted.stage = totals.stage
inner join rates on counted.stage = rates.stage and counted.channel = rates.channel
where counted.inbound_count + counted.delivered_count > 0
