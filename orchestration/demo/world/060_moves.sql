-- What changes in people's lives: they move, marry, change jobs and change their e-mail address.
--
-- addresses(home_no, household_id, address_no, from_on, to_on, city_no, region, time_zone, postcode, street,
--           house_number, unit, landline, area_code): where a household lives from from_on until the
--           day before to_on. 0 is where it lived before the period's address, 1 is the address in
--           `households`, 2 the one after a move in the period. Records typed once keep the old one.
--           home_no is household_id * 4 + address_no.
-- moves(household_id, moved_on, city_no, region, time_zone, postcode, street, house_number, unit,
--           area_code, landline, is_declared): one row per household that moves in the period, with
--           the new address. is_declared: the household tells the shop.
-- email_changes(person_id, changed_on, old_email): the address used before changed_on; the one in
--           `people` is used from that day on.
-- life_events(person_id, household_id, kind, happened_on, is_declared, new_work_email, new_daypart):
--           kind 'moved_home', 'new_household_member' (a wedding, for both) or 'new_job'. A new job
--           may come with another work e-mail and another time of day for shopping; null for the
--           others. Nine people in ten have none.

-- Rates: 4 % of households move in the period, 80 % of them tell the shop. Of the moves 60 % stay in
-- the city, 25 % in the region.
create table addresses as
with new_homes as (

    -- one in six has moved within the five years before the period
    select
        household_id,
        2 as address_no,
        city_no as old_city_no,
        first_day() + cast(floor(day_count() * (0.04 + 0.92 * draw(household_id, 'moves when'))) as integer) as changes_on
    from households
    where draw(household_id, 'moves') < 0.04

    union all

    select
        household_id,
        0,
        city_no,
        first_day() - 1 - pick(household_id, 'moved when', 1825)
    from households
    where draw(household_id, 'moved') < 0.16

),

found as (

    select
        *,
        household_id * 4 + address_no as home_no,
        cast(case
            when draw(household_id * 4 + address_no, 'how far') < 0.6 then old_city_no
            -- cities of one region stand as many places apart as there are regions
            when draw(household_id * 4 + address_no, 'how far') < 0.85
                then (old_city_no + 14 * (1 + pick(household_id * 4 + address_no, 'which near city', 3))) % 56
            else pick(household_id * 4 + address_no, 'which far city', 56)
        end as integer) as city_no
    from new_homes

),

built as (

    select
        found.household_id,
        found.address_no,
        found.changes_on,
        found.city_no,
        cities.prefix || lpad(cast(pick(found.home_no, 'new postcode', 20) as varchar), 2, '0') as postcode,
        street_names.street,
        cast(1 + pick(found.home_no, 'new house', 4999) as varchar) as house_number,
        case
            when draw(found.home_no, 'new unit') < 0.3
                then 'Apt ' || cast(1 + pick(found.home_no, 'new unit no', 40) as varchar)
        end as unit,
        -- who moves within an area code keeps the number
        case
            when households.landline is null then null
            when households.landline // 10000000 = cities.area_code then households.landline
            else cities.area_code * 10000000 + 6000000 + (found.household_id * 7907) % 3999971
        end as landline
    from found
    inner join households on found.household_id = households.household_id
    inner join cities on found.city_no = cities.city_no
    inner join street_names on pick(found.home_no, 'new street', 400) = street_names.street_no

),

dated as (

    select
        household_id,
        address_no,
        if(address_no = 2, changes_on, date '1900-01-01') as from_on,
        if(address_no = 0, changes_on, date '2999-12-31') as to_on,
        city_no, postcode, street, house_number, unit, landline
    from built

    union all

    select
        households.household_id,
        1,
        coalesce(before.changes_on, date '1900-01-01'),
        coalesce(after.changes_on, date '2999-12-31'),
        households.city_no, households.postcode, households.street, households.house_number,
        households.unit, households.landline
    from households
    left join built as before on households.household_id = before.household_id and before.address_no = 0
    left join built as after on households.household_id = after.household_id and after.address_no = 2

)

select
    dated.household_id * 4 + dated.address_no as home_no,
    dated.household_id,
    cast(dated.address_no as tinyint) as address_no,
    dated.from_on,
    dated.to_on,
    dated.city_no,
    cities.region,
    cities.time_zone,
    dated.postcode,
    dated.street,
    dated.house_number,
    dated.unit,
    dated.landline,
    cities.area_code
from dated
inner join cities on dated.city_no = cities.city_no
order by dated.household_id, dated.address_no;

create table moves as
select
    household_id,
    from_on as moved_on,
    city_no, region, time_zone, postcode, street, house_number, unit, area_code, landline,
    draw(household_id, 'tells of move') < 0.8 as is_declared
from addresses
where address_no = 2;

-- 7 % have changed their address in the three years before the period, 3 % do so within it.
create table email_changes as
select
    person_id,
    case
        when draw(person_id, 'changes e-mail') < 0.07
            then first_day() - 1 - pick(person_id, 'changed e-mail when', 1095)
        else first_day() + pick(person_id, 'changes e-mail when', day_count())
    end as changed_on,
    -- the number keeps it apart from everybody else's
    lower(left(split_part(email, '@', 1), 1)) || '.' || cast(person_id as varchar) || '@'
    || one_of(person_id, 'old mail domain', ['example.com', 'mail.example.com', 'example.net']) as old_email
from people
where draw(person_id, 'changes e-mail') < 0.1;

-- Who has left the shop by then leaves no trace of the event, so it is not planted.
create table life_events as
with happened as (

    select
        people.person_id,
        people.household_id,
        'moved_home' as kind,
        moves.moved_on as happened_on,
        moves.is_declared,
        cast(null as varchar) as new_work_email,
        cast(null as varchar) as new_daypart
    from moves
    inner join people on moves.household_id = people.household_id

    union all

    select
        partners.person_id,
        partners.household_id,
        'new_household_member',
        brides.married_on,
        draw(brides.household_id, 'tells of wedding') < 0.6,
        null,
        null
    from people as brides
    inner join people as partners
        on brides.household_id = partners.household_id and partners.adult_no <= 2
    where brides.married_on is not null

    union all

    -- 3 % of those of working age; half of them say so by giving the new work e-mail
    select
        person_id,
        household_id,
        'new_job',
        first_day() + cast(floor(day_count() * (0.04 + 0.92 * draw(person_id, 'new job when'))) as integer),
        draw(person_id, 'tells of new job') < 0.5,
        'staff' || cast(person_id as varchar) || '@office.example.com',
        one_of(person_id, 'new daypart', ['night', 'morning', 'afternoon', 'evening'])
    from people
    where draw(person_id, 'new job') < 0.03 and birth_date > first_day() - 23741

)

select happened.*
from happened
inner join behaviours on happened.person_id = behaviours.person_id
where behaviours.left_on is null or happened.happened_on < behaviours.left_on - 30
order by happened.person_id, happened.kind;
