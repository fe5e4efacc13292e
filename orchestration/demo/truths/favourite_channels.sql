-- One row per person. favourite_channel: the channel through which the person likes to come and to
-- be reached (email, sms, app, web, social, store); null: none was planted. favourite_daypart: part
-- of the day, in the person's own time zone, in which 70 % of what she does falls, as of the last
-- day; null: none. has_new_daypart: a new job changed it. time_zone: the person's; hours keep to it
-- after a move. is_tracked: the tracker of web and app sees the person; of the others only orders,
-- messages and social networks tell. is_active: has not left.
with new_dayparts as (

    select
        person_id,
        max_by(new_daypart, happened_on) as new_daypart
    from life_events
    where kind = 'new_job' and new_daypart is not null and happened_on <= last_day()
    group by person_id

)

select
    'person-' || cast(behaviours.person_id as varchar) as person_id,
    behaviours.favourite_channel,
    coalesce(new_dayparts.new_daypart, behaviours.favourite_daypart) as favourite_daypart,
    new_dayparts.person_id is not null as has_new_daypart,
    browsers.person_id is not null as is_tracked,
    people.time_zone,
    behaviours.left_on is null or behaviours.left_on > last_day() as is_active
from behaviours
inner join people on behaviours.person_id = people.person_id
left join browsers on behaviours.person_id = browsers.person_id
left join new_dayparts on behaviours.person_id = new_dayparts.person_id
order by behaviours.person_id
