-- One row per person and thing that happened in the person's life in the period: kind 'moved_home'
-- (everybody of the household), 'new_household_member' (a wedding, for both) or 'new_job'. Nine people
-- in ten have none. is_declared: the person or household told the shop. is_in_records: some record
-- that arrived by the last day was written knowing it; a new record may know it without a word said.
with last_versions as (

    select
        record_no,
        max(person_on) as person_on,
        max(address_on) as address_on,
        bool_or(has_new_job) as has_new_job
    from record_versions
    group by record_no

),

people_seen as (

    select
        records.person_id,
        max(last_versions.person_on) as person_on,
        bool_or(last_versions.has_new_job) as has_new_job
    from records
    inner join last_versions on records.record_no = last_versions.record_no
    where records.person_id in (select person_id from life_events)
    group by records.person_id

),

households_seen as (

    select records.household_id, max(last_versions.address_on) as address_on
    from records
    inner join last_versions on records.record_no = last_versions.record_no
    where records.household_id in (select household_id from moves)
        and records.address_kind is distinct from 'missing'
    group by records.household_id

)

select
    'person-' || cast(life_events.person_id as varchar) as person_id,
    'household-' || cast(life_events.household_id as varchar) as household_id,
    life_events.kind,
    life_events.happened_on,
    life_events.is_declared,
    coalesce(case life_events.kind
        when 'moved_home' then households_seen.address_on >= life_events.happened_on
        when 'new_household_member' then people.married_on is not null and people_seen.person_on >= life_events.happened_on
        else people_seen.has_new_job
    end, false) as is_in_records
from life_events
inner join people on life_events.person_id = people.person_id
left join people_seen on life_events.person_id = people_seen.person_id
left join households_seen on life_events.household_id = households_seen.household_id
order by life_events.person_id, life_events.kind
