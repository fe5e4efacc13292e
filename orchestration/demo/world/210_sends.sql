-- Messages sent to people, and what they did with them. Every message gives a 'sent' and a
-- 'delivered' or 'bounced' event, made in the delivery; the rest is in `reactions`.
--
-- shop_hours(utc_date, hours): what to add to the retailer's local time to get UTC
-- day_seconds(key, purpose, daypart): a time of day in seconds; 70 % of it within a favourite daypart.
-- addressees(person_id, channel_no, address, from_on, unsubscribed_at, until_at, first_day_no, gap_days,
--          stops_after, is_machine, is_dead, click_rate, left_on, favourite_daypart, zone_no): who
--          is written to by which channel. address: e-mail or phone, as the sender knows it.
--          is_machine: every e-mail is opened by a machine within seconds. is_dead: the address
--          does not exist, everything bounces.
-- sends(send_id, person_id, channel_no, sent_at, landed_on, campaign_id, is_bounced, is_machine)
-- reactions(send_id, person_id, channel_no, kind, reacted_at, landed_on, campaign_id): kind 'opened'
--          (by a person), 'clicked', 'replied', 'unsubscribed' or 'complained'.

-- Rates. E-mails go out every four weeks, texts and push notifications every five; texts to
-- half of those who allowed them and to those who love them. Three in a hundred messages bounce. Of the addresses
-- 40 % have machines that open everything; people open 30 % of e-mails. Lovers of e-mail click on
-- 35 %, of texts on 30 %, of the app on 30 % of notifications; all others on 2 %.

create table shop_hours as
select
    local_date as utc_date,
    late_hours as hours
from utc_offsets
where time_zone = 'America/New_York';

create macro day_seconds(key, purpose, daypart) as cast(floor(
    case
        when daypart is not null and draw(key, purpose || ' habit') < 0.7 then
            21600 * (
                case daypart when 'night' then 0 when 'morning' then 1 when 'afternoon' then 2 else 3 end
                + draw(key, purpose || ' hour')
            )
        -- nobody's habit: any time from seven in the morning to midnight
        else 25200 + 61200 * draw(key, purpose || ' hour')
    end
) as integer);

create table addressees as
with answers as (

    select
        person_id,
        min(effective_at) filter (where medium = 'any' and status = 'withdrawn') as withdrawn_at,
        coalesce(bool_or(medium = 'sms' and status = 'granted'), false) as allows_texts,
        coalesce(bool_or(medium = 'push' and status = 'denied'), false) as denies_push
    from consent_events
    where purpose = 'marketing'
    group by person_id

),

reachable as (

    select
        subscribers.person_id,
        1 as channel_no,
        subscribers.email as address,
        cast(subscribers.subscribed_at as date) + 1 as from_on,
        subscribers.unsubscribed_at
    from subscribers
    where subscribers.email is not null

    union all

    select
        people.person_id,
        2,
        '+1' || cast(people.mobile as varchar),
        first_day(),
        null
    from people
    inner join behaviours on people.person_id = behaviours.person_id
    left join answers on people.person_id = answers.person_id
    where
        -- the lovers of texts asked for them, whether or not that was written down
        behaviours.favourite_channel is not distinct from 'sms'
        or (answers.allows_texts and draw(people.person_id, 'gets texts') < 0.5)

    union all

    select
        people.person_id,
        3,
        people.email,
        first_day(),
        null
    from people
    inner join behaviours on people.person_id = behaviours.person_id
    left join answers on people.person_id = answers.person_id
    where behaviours.has_app and not coalesce(answers.denies_push, false)

),

keyed as (

    select
        reachable.*,
        -- who forbids everything gets nothing more, and leaves no other trace of it here
        answers.withdrawn_at,
        reachable.person_id * 4 + reachable.channel_no as address_key
    from reachable
    left join answers on reachable.person_id = answers.person_id

)

select
    keyed.person_id,
    cast(keyed.channel_no as tinyint) as channel_no,
    keyed.address,
    keyed.from_on,
    keyed.unsubscribed_at,
    least(keyed.unsubscribed_at, keyed.withdrawn_at) as until_at,
    cast(if(keyed.channel_no = 1, 28, 35) as integer) as gap_days,
    pick(keyed.address_key, 'first message', if(keyed.channel_no = 1, 28, 35)) as first_day_no,
    -- texts and notifications are switched off after so many of them; e-mails at until_at
    case when keyed.channel_no > 1
        then 1 + cast(floor(wait(keyed.address_key, 'switched off') * 150) as integer) end as stops_after,
    keyed.channel_no = 1 and draw(keyed.address_key, 'machine opens') < 0.4 as is_machine,
    draw(keyed.address_key, 'dead address') < 0.012
    or (keyed.channel_no != 2 and keyed.address not like '%@%') as is_dead,
    case
        when keyed.channel_no = 1 and behaviours.favourite_channel = 'email' then 0.35
        when keyed.channel_no = 2 and behaviours.favourite_channel = 'sms' then 0.3
        when keyed.channel_no = 3 and behaviours.favourite_channel = 'app' then 0.3
        else 0.02
    end as click_rate,
    behaviours.left_on,
    behaviours.favourite_daypart,
    zones.zone_no
from keyed
inner join behaviours on keyed.person_id = behaviours.person_id
inner join people on keyed.person_id = people.person_id
inner join zones on people.time_zone = zones.time_zone;

create table sends as
with planned as (

    select
        person_id,
        channel_no,
        unnest(range(cast((day_count() - 1 - first_day_no) // gap_days + 1 as integer))) as number,
        first_day_no,
        gap_days,
        from_on,
        until_at,
        stops_after,
        is_machine,
        is_dead
    from addressees

),

newsletters as (

    select
        (person_id * 4 + channel_no) * 1000 + number as send_id,
        person_id,
        channel_no,
        first_day() + cast(first_day_no + number * gap_days as integer) as sent_on,
        null as campaign_id,
        from_on,
        until_at,
        is_machine,
        is_dead
    from planned
    where stops_after is null or number < stops_after

),

offers as (

    -- to those who were chosen for a campaign and can be reached by its channel
    select
        (addressees.person_id * 4 + addressees.channel_no) * 1000 + 900 + cast(substr(campaigns.campaign_id, 2) as integer) as send_id,
        addressees.person_id,
        addressees.channel_no,
        campaigns.starts_on as sent_on,
        campaigns.campaign_id,
        addressees.from_on,
        addressees.until_at,
        addressees.is_machine,
        addressees.is_dead
    from assignments
    inner join campaigns on assignments.campaign_id = campaigns.campaign_id
    inner join addressees
        on
            assignments.person_id = addressees.person_id
            and addressees.channel_no = case campaigns.channel when 'email' then 1 when 'sms' then 2 when 'app' then 3 when 'push' then 3 end
    where
        assignments.arm = 'treatment'
        and (
            addressees.stops_after is null
            or campaigns.starts_on
            <= first_day() + cast(addressees.first_day_no + (addressees.stops_after - 1) * addressees.gap_days as integer)
        )

),

together as (

    select * from newsletters
    union all
    select * from offers

),

timed as (

    select
        together.*,
        -- e-mails between half past six and half past nine, the others between noon and three
        cast(together.sent_on as timestamp)
        + to_seconds(cast(
            if(together.channel_no = 1, 23400, 43200) + shop_hours.hours * 3600
            + pick(together.send_id, 'sent at', 10800) as bigint
        )) as sent_at
    from together
    inner join shop_hours on together.sent_on = shop_hours.utc_date
    where together.sent_on between first_day() and last_day() and together.sent_on >= together.from_on

)

select
    send_id,
    cast(person_id as integer) as person_id,
    cast(channel_no as tinyint) as channel_no,
    sent_at,
    sent_on as landed_on,
    campaign_id,
    is_dead or draw(send_id, 'bounces') < 0.018 as is_bounced,
    is_machine
from timed
where until_at is null or sent_at < until_at
-- in the order of the deliveries, so that each reads only its own part
order by landed_on, send_id;

create table reactions as
with delivered as (

    select
        sends.send_id,
        sends.person_id,
        sends.channel_no,
        sends.sent_at,
        sends.landed_on,
        sends.campaign_id,
        addressees.click_rate,
        addressees.favourite_daypart,
        addressees.zone_no,
        addressees.left_on,
        addressees.until_at,
        sends.is_machine,
        draw(sends.send_id, 'reacts') as reaction_draw,
        draw(sends.send_id, 'reacts otherwise') as other_draw
    from sends
    inner join addressees on sends.person_id = addressees.person_id and sends.channel_no = addressees.channel_no
    where not sends.is_bounced and (addressees.left_on is null or sends.landed_on < addressees.left_on)

),

reacting as (

    select
        delivered.*,
        reaction_draw < click_rate as is_clicked,
        channel_no = 1 and not is_machine and reaction_draw < greatest(0.3, click_rate) as is_opened,
        channel_no = 2 and other_draw < if(click_rate > 0.1, 0.05, 0.003) as is_replied,
        other_draw > 0.9998 as is_complained,
        -- somewhere in the person's day; what is past by then happens the day after
        day_seconds(send_id, 'reacts at', favourite_daypart) as day_second
    from delivered

),

timed as (

    select
        reacting.*,
        reacting.sent_at - to_hours(zone_hours.late_hours) as sent_local,
        zone_hours.late_hours as hours
    from reacting
    inner join zone_hours on reacting.zone_no * 10000 + cast(reacting.landed_on - first_day() as integer) = zone_hours.hours_key
    where is_clicked or is_opened or is_replied or is_complained

),

happened as (

    select
        *,
        cast(cast(sent_local as date) + cast(if(cast(sent_local as date) + to_seconds(day_second) > sent_local + interval 1 minute, 0, 1) as integer) as timestamp)
        + to_seconds(cast(day_second + hours * 3600 as bigint)) as reacted_at
    from timed

),

kinds as (

    select send_id, person_id, channel_no, 'opened' as kind, reacted_at - to_seconds(10 + pick(send_id, 'reads', 110)) as reacted_at, campaign_id, left_on, until_at
    from happened
    where is_opened

    union all

    select send_id, person_id, channel_no, 'clicked', reacted_at, campaign_id, left_on, until_at
    from happened
    where is_clicked

    union all

    select send_id, person_id, channel_no, 'replied', reacted_at + interval 3 minute, campaign_id, left_on, until_at
    from happened
    where is_replied

    union all

    select send_id, person_id, channel_no, 'complained', reacted_at + interval 5 minute, campaign_id, left_on, until_at
    from happened
    where is_complained

),

leavers as (

    select
        person_id,
        channel_no,
        unsubscribed_at,
        left_on
    from addressees
    where
        not is_dead
        and (
            unsubscribed_at is not null
            or (
                until_at is null
                and first_day() + cast(first_day_no + (stops_after - 1) * gap_days as integer) <= last_day()
            )
        )

),

unsubscribed as (

    -- the newsletter is left through the last one received, the others by switching them off
    select
        sends.person_id,
        sends.channel_no,
        sends.send_id,
        coalesce(leavers.unsubscribed_at, sends.sent_at + interval 7 minute) as reacted_at
    from sends
    inner join leavers on sends.person_id = leavers.person_id and sends.channel_no = leavers.channel_no
    where
        leavers.unsubscribed_at is not null
        or (not sends.is_bounced and (leavers.left_on is null or sends.landed_on < leavers.left_on))
    qualify row_number() over (
        partition by sends.person_id, sends.channel_no order by sends.sent_at desc, sends.send_id desc
    ) = 1

),

together as (

    select send_id, person_id, channel_no, kind, reacted_at, campaign_id
    from kinds
    where
        (left_on is null or reacted_at < cast(left_on as timestamp))
        and (until_at is null or reacted_at < until_at)

    union all

    select send_id, person_id, channel_no, 'unsubscribed', reacted_at, null
    from unsubscribed

),

landed as (

    select
        together.*,
        cast(together.reacted_at - to_hours(shop_hours.hours) as date) as happened_on,
        draw(together.send_id, together.kind || ' late') as late_draw
    from together
    inner join shop_hours on cast(together.reacted_at as date) = shop_hours.utc_date

)

select
    landed.send_id,
    cast(landed.person_id as integer) as person_id,
    cast(landed.channel_no as tinyint) as channel_no,
    landed.kind,
    landed.reacted_at,
    -- one in a hundred comes a day or two later
    landed.happened_on + cast(if(landed.late_draw < 0.01, 1 + floor(landed.late_draw * 200), 0) as integer) as landed_on,
    landed.campaign_id
from landed
where landed.happened_on <= last_day()
order by landed_on, send_id, kind;
