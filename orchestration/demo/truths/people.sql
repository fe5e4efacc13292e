-- One row per real person. is_real: what the household buys in stores is real, all else is invented.
-- family: 'twins', 'namesakes' (father and son of one name), or null. region, time_zone: where the
-- person lives on the last day. left_on: from this day on the person does nothing any more; null for
-- most. record_count: rows of who_is_who. life_event_count: rows of life_events, 0 for nine in ten.
with record_counts as (

    select records.person_id, count(*) as record_count
    from records
    where records.record_no in (select record_no from record_versions)
    group by records.person_id

),

event_counts as (

    select person_id, count(*) as life_event_count
    from life_events
    group by person_id

)

select
    'person-' || cast(people.person_id as varchar) as person_id,
    'household-' || cast(people.household_id as varchar) as household_id,
    people.is_real,
    cast(people.real_household_id as varchar) as real_household_id,
    people.family,
    people.sex,
    people.birth_date,
    addresses.region,
    addresses.time_zone,
    behaviours.left_on,
    coalesce(record_counts.record_count, 0) as record_count,
    coalesce(event_counts.life_event_count, 0) as life_event_count
from people
inner join behaviours on people.person_id = behaviours.person_id
inner join addresses
    on people.household_id = addresses.household_id
    and last_day() >= addresses.from_on
    and last_day() < addresses.to_on
left join record_counts on people.person_id = record_counts.person_id
left join event_counts on people.person_id = event_counts.person_id
order by people.person_id
