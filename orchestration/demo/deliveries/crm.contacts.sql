-- Typed by staff, in stores and on the phone; a few records are tests that nobody removed.
with typed as (

    select
        record_id as contact_id,
        written.first_name,
        written.last_name,
        written.email,
        written.phone,
        written.birth_date,
        written.gender,
        written.street,
        written.house_number,
        written.postcode,
        if(written.has_address, if(draw(written.record_no, 'city in capitals') < 0.05, upper(cities.city), cities.city), null) as city,
        if(written.has_address, cities.region, null) as region,
        case
            when draw(written.record_no, 'country') < 0.05 then null
            when draw(written.record_no, 'country') < 0.15 then 'USA'
            when draw(written.record_no, 'country') < 0.18 then 'United States'
            else 'US'
        end as country,
        strftime(written.created_at, '%Y-%m-%d %H:%M:%S') as created_at,
        strftime(written.updated_at, '%Y-%m-%d %H:%M:%S') as updated_at,
        written.copy_no,
        written.landed_on
    from written
    inner join cities on written.city_no = cities.city_no
    where
        written.system = 'crm.contacts'
        and written.landed_on between getvariable('since') and getvariable('day')

    union all

    select
        'T' || cast(test_no as varchar),
        'Test',
        if(draw(test_no, 'test name') < 0.5, 'Test', 'Test ' || cast(test_no as varchar)),
        'test@test.com',
        '0000000000',
        date '1900-01-01',
        null, 'Test', '1', '00000', 'Test', null, 'US',
        strftime(cast(first_day() as timestamp) - interval 90 day, '%Y-%m-%d %H:%M:%S'),
        strftime(cast(first_day() as timestamp) - interval 90 day, '%Y-%m-%d %H:%M:%S'),
        0, first_day()
    from range(1, 2 + people_count() // 1000) as numbers (test_no)
    where first_day() between getvariable('since') and getvariable('day')

)

select * exclude (copy_no)
from typed
order by contact_id, updated_at, copy_no
