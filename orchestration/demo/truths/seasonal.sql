-- One row per person and event of the calendar for which purchases are planted; without people whose
-- purchases in stores are real. is_planted: the person buys because of the event.
-- extra_purchases: how many purchases in the feeds are due to it.
with counted as (

    select
        person_id,
        if(occasion_key % 400 < 320, 'black_friday', 'christmas_season') as event_code,
        count(*) as extra_purchases
    from occasions
    where kind = 'gift_or_event' and landed_on <= last_day()
    group by all

),

events (event_code) as (values ('black_friday'), ('christmas_season'))

select
    'person-' || cast(people.person_id as varchar) as person_id,
    events.event_code,
    counted.person_id is not null as is_planted,
    coalesce(counted.extra_purchases, 0) as extra_purchases
from people
cross join events
left join counted on people.person_id = counted.person_id and events.event_code = counted.event_code
where not people.is_real
order by people.person_id, events.event_code
