-- Typed by the customers themselves; every guest checkout makes a row of its own.
select
    written.record_id as account_id,
    written.is_guest,
    written.first_name,
    written.last_name,
    written.email,
    written.phone,
    written.street,
    written.house_number,
    written.postcode,
    if(written.has_address, if(draw(written.record_no, 'city in small letters') < 0.04, lower(cities.city), cities.city), null) as city,
    'US' as country,
    iso(written.created_at) as created_at,
    iso(written.updated_at) as updated_at,
    written.landed_on
from written
inner join cities on written.city_no = cities.city_no
where
    written.system = 'shop.accounts'
    and written.landed_on between getvariable('since') and getvariable('day')
order by written.landed_on, written.record_no, written.version_no, written.copy_no
