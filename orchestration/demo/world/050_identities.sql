-- The keys under which a person is known to the systems. One row per person; null where unknown.
--
-- identities(person_id, account_id, second_account_id, member_id, subscriber_id, contact_id,
--            work_email, handle)
-- Guest checkouts and records that are typed anew get keys of their own where they are made.

create table identities as
select
    people.person_id,
    if(behaviours.is_online, 'A' || cast(people.person_id as varchar), null) as account_id,
    -- forgot the password, opened another one
    if(
        behaviours.is_online and draw(people.person_id, 'second account') < 0.04,
        'B' || cast(people.person_id as varchar), null
    ) as second_account_id,
    case
        when behaviours.is_member and people.is_real then cast(people.real_household_id as varchar)
        when behaviours.is_member then 'L' || cast(people.person_id as varchar)
    end as member_id,
    if(behaviours.is_subscriber, 'N' || cast(people.person_id as varchar), null) as subscriber_id,
    if(draw(people.person_id, 'contact') < 0.6, 'C' || cast(people.person_id as varchar), null) as contact_id,
    if(
        draw(people.person_id, 'work email') < 0.15,
        plain(left(people.first_name, 1) || '.' || people.last_name) || cast(people.person_id as varchar) || '@work.example.com',
        null
    ) as work_email,
    if(
        behaviours.favourite_channel = 'social' or draw(people.person_id, 'handle') < 0.2,
        '@' || plain(people.first_name) || cast(people.person_id as varchar), null
    ) as handle
from people
inner join behaviours on people.person_id = behaviours.person_id;
