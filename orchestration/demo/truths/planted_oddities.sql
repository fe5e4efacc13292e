-- One row per feed of browsing, messages and social networks and kind of odd but acceptable data:
-- how many rows of the feed are so. wrong_clock: events whose time is days off. late: rows that come
-- one to three days after they happened. delivered_again: rows that come a second time the day
-- after. bot: events of bots. unmapped_type: event types that no stage knows. repeated_hour: events
-- in the hour, of New York, that comes twice in autumn. machine_open: openings by machines.
with visits as (

    select
        sessions.*,
        cast(sessions.started_at - to_hours(shop_hours.hours) + interval 8 minute as date) as day_on,
        if(sessions.is_redelivered and sessions.landed_on < last_day(), 2, 1) as copies
    from sessions
    inner join shop_hours on cast(sessions.started_at as date) = shop_hours.utc_date
    where sessions.landed_on <= last_day()

),

numbered as (

    select
        session_id,
        login_at,
        event_count,
        device_key,
        copies,
        unnest(range(event_count)) as number
    from visits
    where script not in ('checkout', 'buy', 'after')

)

select 'web.events' as feed, 'wrong_clock' as kind, cast(coalesce(sum(event_count * copies) filter (where clock_days != 0), 0) as bigint) as count
from visits

union all

select 'web.events', 'late', cast(coalesce(sum(event_count) filter (where landed_on > day_on), 0) as bigint)
from visits

union all

select 'web.events', 'delivered_again', cast(coalesce(sum(event_count) filter (where copies = 2), 0) as bigint)
from visits

union all

select 'web.events', 'bot', cast(coalesce(sum(event_count * copies) filter (where kind = 'bot'), 0) as bigint)
from visits

union all

select 'web.events', 'repeated_hour', cast(coalesce(sum(event_count * copies) filter (where kind = 'repeated'), 0) as bigint)
from visits

union all

select 'web.events', 'unmapped_type', cast(coalesce(sum(copies), 0) as bigint)
from numbered
where
    number is distinct from login_at
    and not (device_key > 3000000000000 and number = event_count - 1)
    and draw(session_id * 512 + number, 'unmapped type') < 0.004

union all

select 'messaging.events', 'machine_open', count(*)
from sends
where is_machine and not is_bounced

union all

select 'messaging.events', 'late', count(*)
from reactions
inner join shop_hours on cast(reactions.reacted_at as date) = shop_hours.utc_date
where
    reactions.landed_on > cast(reactions.reacted_at - to_hours(shop_hours.hours) as date)
    and reactions.landed_on <= last_day()

union all

select 'social.interactions', 'delivered_again', count(*)
from social_acts
where is_redelivered and landed_on < last_day()

union all

select 'social.interactions', 'stranger', count(*)
from social_acts
where stranger_no is not null and landed_on <= last_day()
order by feed, kind
