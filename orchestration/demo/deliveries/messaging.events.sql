-- What happened to messages on these days. Whether a message arrived follows its sending within a
-- minute; an opening by a machine within seconds more. Three in a thousand events come again the
-- day after.
with sent as (

    select
        send_id,
        person_id,
        channel_no,
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
        case kind
            when 'sent' then sent_at
            when 'machine' then sent_at + to_seconds(32 + pick(send_id, 'machine opens after', 20))
            else sent_at + to_seconds(1 + pick(send_id, 'arrives after', 30))
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

),

-- only numbers and short words are sorted
sorted as (

    select *
    from delivered
    order by landed_on, send_id, kind, copy_no

)

select
    'M' || cast(sorted.send_id as varchar) || '-' || left(sorted.kind, 2) as event_id,
    sorted.event_at,
    if(sorted.channel_no = 1, 'N' || cast(sorted.person_id as varchar), null) as subscriber_id,
    if(sorted.channel_no != 2, addressees.address, null) as email,
    if(sorted.channel_no = 2, addressees.address, null) as phone,
    case sorted.channel_no when 1 then 'email' when 2 then 'sms' else 'push' end as channel,
    'M' || cast(sorted.send_id as varchar) as message_id,
    sorted.campaign_id,
    if(sorted.kind = 'machine', 'opened', sorted.kind) as event_type,
    sorted.landed_on
from sorted
inner join addressees on sorted.person_id = addressees.person_id and sorted.channel_no = addressees.channel_no
