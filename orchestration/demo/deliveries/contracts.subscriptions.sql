-- As it was agreed, and once more when its end is known.
with sent as (

    select *, false as knows_end, started_landed_on as landed_on
    from subscriptions
    where
        started_landed_on between getvariable('since') and getvariable('day')
        -- an export says only how things stand
        and (cancelled_landed_on is null or cancelled_landed_on > started_landed_on)

    union all

    select *, true, cancelled_landed_on
    from subscriptions
    where cancelled_landed_on between getvariable('since') and getvariable('day')

)

select
    'S' || cast(subscription_no as varchar) as subscription_id,
    account_id,
    member_id,
    plan,
    if(draw(subscription_no, 'no fee') < 0.01, null, monthly_fee) as monthly_fee,
    started_on,
    if(knows_end, ended_on, null) as ended_on,
    if(knows_end, cancelled_on, null) as cancelled_on,
    if(knows_end, end_reason, null) as end_reason,
    iso(
        cast(if(knows_end, cancelled_on, started_on) as timestamp) + interval 5 hour
        + to_seconds(cast(floor(43200 * draw(subscription_no * 2 + if(knows_end, 1, 0), 'subscription at')) as bigint))
    ) as updated_at,
    landed_on
from sent
order by subscription_no, knows_end
