-- What happened to messages on these days. Whether a message arrived follows its sending within a
-- minute; an opening by a machine within seconds more. Three in a thousand events come again the
-- day after.
with sent as (

    select
        send_id,
        person_id,
        channel_no,
        address,
        sent_at,
        landed_on,
        campaign_id,
        unnest(
            case
                when is_bounced then ['sent', 'bounced']
                when is_machine then ['sent', 'delivered', 'machine']
                else ['sent', 'delivered']
            end
        ) as kind
    from sends
    where landed_on between getvariable('since') - 1 and getvariable('day')

),

happened as (

    select
        send_id,
        person_id,
        channel_no,
        address,
        case kind
            when 'sent' then sent_at
            when 'machine' then sent_at + to_seconds(cast(32 + pick(send_id, 'machine opens after', 20) as bigint))
            else sent_at + to_seconds(cast(1 + pick(send_id, 'arrives after', 30) as bigint))
        end as event_at,
        landed_on,
        campaign_id,
        kind
    from sent

    union all

    select
        send_id,
        person_id,
        channel_no,
        address,
        reacted_at,
        landed_on,
        campaign_id,
        kind
    from reactions
    where landed_on between getvariable('since') - 1 and getvariable('day')

),

delivered as (

    select
        * exclude (landed_on),
        landed_on,
        0 as copy_no
    from happened
    where landed_on >= getvariable('since')

    union all

    select
        * exclude (landed_on),
        landed_on + 1,
        1 as copy_no
    from happened
    where landed_on < getvariable('day') and draw(send_id, kind || ' comes again') < 0.003

)

select
    'M' || cast(delivered.send_id as varchar) || '-' || left(delivered.kind, 2) as event_id,
    delivered.event_at,
    if(delivered.channel_no = 1, 'N' || lpad(cast(delivered.person_id as varchar), 7, '0'), null) as subscriber_id,
    if(delivered.channel_no != 2, delivered.address, null) as email,
    if(delivered.channel_no = 2, delivered.address, null) as phone,
    case delivered.channel_no when 1 then 'email' when 2 then 'sms' else 'push' end as channel,
    'M' || cast(delivered.send_id as varchar) as message_id,
    delivered.campaign_id,
    if(delivered.kind = 'machine', 'opened', delivered.kind) as event_type,
    delivered.landed_on
from delivered
order by delivered.event_at, delivered.send_id, delivered.kind, delivered.copy_no;
