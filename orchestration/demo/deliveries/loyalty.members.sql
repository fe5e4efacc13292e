-- From paper forms, typed by staff. Who the real households say they are is real; four in ten of the
-- invented members said so too.
with real_answers as (

    select
        cast(real_household_id as varchar) as member_id,
        age_band, income_band, household_size, marital_status, home_ownership
    from real_households

)

select
    written.record_id as member_id,
    written.first_name,
    written.last_name,
    written.email,
    written.phone,
    written.birth_date,
    written.postcode,
    if(written.has_address, cities.city, null) as city,
    'US' as country,
    case
        when people.is_real then real_answers.age_band
        when draw(people.person_id, 'tells age') >= 0.4 then null
        when datediff('year', people.birth_date, first_day()) < 25 then '19-24'
        when datediff('year', people.birth_date, first_day()) < 35 then '25-34'
        when datediff('year', people.birth_date, first_day()) < 45 then '35-44'
        when datediff('year', people.birth_date, first_day()) < 55 then '45-54'
        when datediff('year', people.birth_date, first_day()) < 65 then '55-64'
        else '65+'
    end as age_band,
    case
        when people.is_real then real_answers.income_band
        when draw(people.person_id, 'tells income') < 0.35
            then one_of(
                people.household_id, 'income',
                ['Under 15K', '15-24K', '25-34K', '35-49K', '35-49K', '50-74K', '50-74K', '75-99K', '100-124K', '125-149K', '150-174K', '250K+']
            )
    end as income_band,
    case
        when people.is_real then real_answers.household_size
        when draw(people.person_id, 'tells size') < 0.4
            then if(
                households.adult_count + pick(people.household_id, 'children', 3) > 4,
                '5+', cast(households.adult_count + pick(people.household_id, 'children', 3) as varchar)
            )
    end as household_size,
    case
        when people.is_real then real_answers.marital_status
        when draw(people.person_id, 'tells status') < 0.35
            then if(households.adult_count > 1 and people.adult_no <= 2, 'Married', 'Unmarried')
    end as marital_status,
    case
        when people.is_real then real_answers.home_ownership
        when draw(people.person_id, 'tells home') < 0.3
            then if(draw(people.household_id, 'owns home') < 0.65, 'Homeowner', 'Renter')
    end as home_ownership,
    -- who was promoted in the period stood one tier lower before
    case
        when written.has_new_tier or draw(written.record_no, 'touched') >= 0.08 then written.tier
        when written.tier = 'gold' then 'silver'
        else 'bronze'
    end as tier,
    iso(written.created_at) as joined_at,
    iso(written.updated_at) as updated_at,
    written.landed_on
from written
inner join cities on written.city_no = cities.city_no
inner join people on written.person_id = people.person_id
inner join households on people.household_id = households.household_id
left join real_answers on written.record_id = real_answers.member_id
where
    written.system = 'loyalty.members'
    and written.landed_on between getvariable('since') and getvariable('day')
order by written.landed_on, written.record_no, written.version_no, written.copy_no
