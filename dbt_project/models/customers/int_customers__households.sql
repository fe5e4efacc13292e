with golden_values as (

    select
        customer_id,
        attribute,
        match_value
    from {{ ref('int_customers__golden_values') }}
    where attribute in (
        'last_name', 'street', 'house_number', 'unit', 'postcode', 'city'
    )

),

records as (

    select
        source,
        source_record_id,
        first_seen_at
    from {{ ref('int_identity__records') }}

),

customer_records as (

    select
        customer_id,
        source,
        source_record_id
    from {{ ref('customer_records') }}
    where valid_to is null

),

homes as (

    select
        customer_id,
        max(case when attribute = 'last_name' then match_value end) as last_name,
        max(case when attribute = 'street' then match_value end) as street,
        max(case when attribute = 'house_number' then match_value end) as house_number,
        max(case when attribute = 'unit' then match_value end) as unit,
        max(case when attribute = 'postcode' then match_value end) as postcode,
        max(case when attribute = 'city' then match_value end) as city
    from golden_values
    group by customer_id

),

placed as (

    select
        customer_id,
        last_name,
        street,
        house_number,
        unit,
        coalesce(postcode, city) as place
    from homes
    where
        length(last_name) > 1
        and street is not null
        and house_number is not null
        and coalesce(postcode, city) is not null

),

name_units as (

    select
        street,
        house_number,
        place,
        last_name,
        max(unit) as unit
    from placed
    group by street, house_number, place, last_name
    having min(unit) = max(unit)

),

addressed as (

    -- who leaves out the unit lives in that of the name, when the name has only one in the house
    select
        placed.customer_id,
        placed.last_name,
        placed.street,
        placed.house_number,
        placed.place,
        coalesce(placed.unit, name_units.unit, '') as unit
    from placed
    left join name_units
        on
            placed.street = name_units.street
            and placed.house_number = name_units.house_number
            and placed.place = name_units.place
            and placed.last_name = name_units.last_name

),

busy_addresses as (

    -- an office, a parcel shop, or a tower whose residents leave out the number of their flat
    select
        street,
        house_number,
        unit,
        place
    from addressed
    group by street, house_number, unit, place
    having count(distinct last_name) > {{ var('household_max_names_at_address') }}

),

at_home as (

    select addressed.*
    from addressed
    anti join busy_addresses
        on
            addressed.street = busy_addresses.street
            and addressed.house_number = busy_addresses.house_number
            and addressed.unit = busy_addresses.unit
            and addressed.place = busy_addresses.place

),

first_seen as (

    select
        customer_records.customer_id,
        min(records.first_seen_at) as first_seen_at
    from customer_records
    inner join records
        on
            customer_records.source = records.source
            and customer_records.source_record_id = records.source_record_id
    group by customer_records.customer_id

),

members as (

    -- the member whom we have known longest gives the household its id, so that it stays when
    -- others come and go, and when all of them move together
    select
        at_home.customer_id,
        first_value(at_home.customer_id) over (
            partition by
                at_home.street,
                at_home.house_number,
                at_home.unit,
                at_home.place,
                at_home.last_name
            order by first_seen.first_seen_at nulls last, at_home.customer_id
        ) as oldest_customer_id,
        count(*) over (
            partition by
                at_home.street,
                at_home.house_number,
                at_home.unit,
                at_home.place,
                at_home.last_name
        ) as member_count
    from at_home
    inner join first_seen on at_home.customer_id = first_seen.customer_id

)

select
    -- ids
    'h' || left(md5('household|' || oldest_customer_id), 20) as household_id,
    customer_id,

    -- measures
    cast(member_count as bigint) as member_count
from members
where member_count <= {{ var('household_max_members') }}
