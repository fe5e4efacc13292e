-- Who there is: households and their adults. One row of `people` is one real person; everything
-- that arrives later is some system's view of one of them.
--
-- households(household_id, real_household_id, age_band, adult_count, city_no, street, house_number, unit,
--            postcode, landline, family)
-- people(person_id, household_id, adult_no, is_real, real_household_id, sex, first_name, last_name,
--        maiden_name, married_on, name_suffix, birth_date, email, mobile, city_no, region,
--        time_zone, family)
-- is_real: the household's purchases in stores are real ones, so none are invented for it.
-- family: 'twins', 'namesakes' (father and son of one name), or null.
-- One person in thirty has a first name with accents, one family in thirty a last name with accents,
-- an apostrophe, a hyphen or blanks. Whatever is known of a real household (size, age of its head)
-- holds for the invented people in it.

-- A name as it stands in mail addresses: without accents and whatever is no letter.
create macro plain(name) as
    regexp_replace(lower(replace(translate(strip_accents(name), 'ŁłØø', 'LlOo'), 'ß', 'ss')), '[^a-z0-9._]', '', 'g');

create table households as
with sized as (

    select
        numbers.household_id,
        real_households.real_household_id,
        real_households.age_band,
        case
            when real_households.age_band is not null then null
            when draw(numbers.household_id, 'family') < 0.01 then 'twins'
            when draw(numbers.household_id, 'family') < 0.025 then 'namesakes'
        end as family,
        case
            when real_households.household_size = '1' then 1
            when real_households.marital_status = 'Married' then if(draw(numbers.household_id, 'adults') < 0.92, 2, 3)
            when draw(numbers.household_id, 'family') < 0.025 then 3
            when draw(numbers.household_id, 'adults') < 0.45 then 1
            when draw(numbers.household_id, 'adults') < 0.92 or real_households.household_size = '2' then 2
            else 3
        end as adult_count
    from range(1, people_count() + 1) as numbers (household_id)
    left join real_households on numbers.household_id = real_households.household_id

),

counted as (

    select
        *,
        -- not the 16 bytes of a sum: every key and join below hangs on it
        cast(sum(adult_count) over (order by household_id) as bigint) - adult_count as people_before
    from sized

),

placed as (

    select
        counted.household_id,
        counted.real_household_id,
        counted.age_band,
        counted.family,
        -- the last household gives way, so that exactly the people asked for exist
        least(counted.adult_count, people_count() - counted.people_before) as adult_count,
        counted.people_before,
        -- a few cities hold most people
        cast(floor(56 * power(draw(counted.household_id, 'city'), 1.6)) as integer) as city_no
    from counted
    where counted.people_before < people_count()

)

select
    placed.household_id,
    placed.real_household_id,
    placed.age_band,
    placed.family,
    cast(placed.adult_count as integer) as adult_count,
    placed.people_before,
    placed.city_no,
    street_names.street,
    cast(1 + pick(placed.household_id, 'house', 4999) as varchar) as house_number,
    case
        when draw(placed.household_id, 'unit') < 0.3
            then 'Apt ' || cast(1 + pick(placed.household_id, 'unit no', 40) as varchar)
    end as unit,
    cities.prefix || lpad(cast(pick(placed.household_id, 'postcode', 20) as varchar), 2, '0') as postcode,
    -- landlines lie above 6000000, mobiles below: no number is both
    case
        when draw(placed.household_id, 'landline') < 0.4
            then cities.area_code * 10000000 + 6000000 + (placed.household_id * 7907) % 3999971
    end as landline
from placed
inner join cities on placed.city_no = cities.city_no
inner join street_names on pick(placed.household_id, 'street', 400) = street_names.street_no;

create table people as
with adults as (

    select
        households.*,
        unnest(range(1, households.adult_count + 1)) as adult_no
    from households

),

keyed as (

    select
        *,
        people_before + adult_no as person_id
    from adults

),

born as (

    select
        *,
        case
            when family = 'namesakes' and adult_no in (1, 3) then 'm'
            when family = 'twins' and adult_no in (2, 3)
                then if(draw(household_id, 'twins sex') < 0.5, 'f', 'm')
            -- the second adult is mostly the partner
            when adult_no = 2 then if((draw(household_id, 'sex') < 0.5) = (draw(household_id, 'couple') < 0.9), 'm', 'f')
            when adult_no = 1 then if(draw(household_id, 'sex') < 0.5, 'f', 'm')
            else if(draw(person_id, 'sex') < 0.5, 'f', 'm')
        end as sex,
        -- head of household: 24 to 79 years; a partner within a few years; grown children of 18 to 23
        first_day() - cast(365.25 * case age_band
            when '19-24' then 19.5 + 5 * draw(household_id, 'age')
            when '25-34' then 25.5 + 9 * draw(household_id, 'age')
            when '35-44' then 35.5 + 9 * draw(household_id, 'age')
            when '45-54' then 45.5 + 9 * draw(household_id, 'age')
            when '55-64' then 55.5 + 9 * draw(household_id, 'age')
            when '65+' then 65.5 + 20 * draw(household_id, 'age')
            else 24 + 55 * draw(household_id, 'age')
        end as integer) as head_born,
        family is not null or (adult_no <= 2 and draw(household_id, 'one name') < 0.75) or adult_no = 3 as has_family_name
    from keyed

),

dated as (

    select
        *,
        case
            when family = 'twins' and adult_no in (2, 3)
                then first_day() - cast(18 * 365.25 + 5 * 365.25 * draw(household_id, 'twins age') as integer)
            when adult_no = 1 and family is not null
                then first_day() - cast(48 * 365.25 + 20 * 365.25 * draw(household_id, 'age') as integer)
            when adult_no = 2 and family is not null
                then first_day() - cast(46 * 365.25 + 20 * 365.25 * draw(household_id, 'age') as integer)
            when adult_no = 1 then head_born
            when adult_no = 2 then head_born + cast(1500 * (draw(person_id, 'partner age') - 0.5) as integer)
            else first_day() - cast(18 * 365.25 + 6 * 365.25 * draw(person_id, 'child age') as integer)
        end as birth_date
    from born

),

named as (

    select
        dated.* exclude (head_born, age_band),
        -- twins are not called alike, a namesake is
        case
            when dated.family is null and draw(dated.person_id, 'accents') < 0.033
                then one_of(dated.person_id, 'accented name', accented_first_names(dated.sex))
            else first_names.name
        end as first_name,
        case
            when draw(dated.household_id, 'family accents') < 0.033
                then one_of(dated.household_id, 'family accented name', accented_last_names())
            else family_names.name
        end as family_name,
        own_names.name as own_name
    from dated
    inner join first_name_slots as first_names
        on
            dated.sex = first_names.sex
            -- a namesake son is called like his father; twins never share a slot
            and cast(
                case
                    when dated.family = 'namesakes' and dated.adult_no = 3
                        then pick(dated.people_before + 1, 'first name', 10000)
                    when dated.family = 'twins' and dated.adult_no = 3
                        then (pick(dated.person_id - 1, 'first name', 10000) + 5000) % 10000
                    else pick(dated.person_id, 'first name', 10000)
                end as integer
            ) = first_names.slot
    inner join last_name_slots as family_names
        on pick(dated.household_id, 'last name', 10000) = family_names.slot
    inner join last_name_slots as own_names
        on pick(dated.person_id, 'own name', 10000) = own_names.slot

),

married as (

    select
        *,
        if(has_family_name, family_name, own_name) as last_name,
        -- some brides still stand under their own name in older records
        case when has_family_name and adult_no = 2 and sex = 'f' and family is null
            and draw(person_id, 'maiden') < 0.25 then own_name end as maiden_name,
        case when family = 'namesakes' and adult_no = 3 then 'Jr' end as name_suffix
    from named

),

addressed as (

    select
        married.*,
        cities.region,
        cities.time_zone,
        cities.area_code,
        mail_domain_slots.domain,
        plain(
            case pick(married.person_id, 'mail style', 4)
                when 0 then married.first_name || '.' || married.last_name
                when 1 then left(married.first_name, 1) || married.last_name
                when 2 then married.first_name || '_' || married.last_name
                else married.first_name || right(cast(year(married.birth_date) as varchar), 2)
            end
        ) as mail_name
    from married
    inner join cities on married.city_no = cities.city_no
    inner join mail_domain_slots on pick(married.person_id, 'mail domain', 100) = mail_domain_slots.slot

)

select
    person_id,
    household_id,
    cast(adult_no as integer) as adult_no,
    real_household_id is not null as is_real,
    real_household_id,
    sex,
    first_name,
    last_name,
    maiden_name,
    -- half of the maiden names changed during the period, the others before it
    case
        when maiden_name is not null and draw(person_id, 'wedding') < 0.5
            then first_day() + pick(person_id, 'wedding day', day_count())
    end as married_on,
    name_suffix,
    birth_date,
    -- nobody shares an address by accident; households that share one do so in their records
    mail_name
    || case
        when row_number() over (partition by mail_name, domain order by person_id) > 1
            then cast(row_number() over (partition by mail_name, domain order by person_id) as varchar)
        else ''
    end
    || '@' || domain as email,
    area_code * 10000000 + 2000000 + (person_id * 7919) % 3999971 as mobile,
    city_no,
    region,
    time_zone,
    family
from addressed;
