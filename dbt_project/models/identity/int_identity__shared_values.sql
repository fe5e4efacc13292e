{{ config(schema='vault') }}

with identifiers as (

    select email, phone, last_name
    from {{ ref('int_identity__identifiers') }}

),

contact_values as (

    select 'email' as kind, email as contact_value, last_name
    from identifiers
    where email is not null
    union all
    select 'phone' as kind, phone as contact_value, last_name
    from identifiers
    where phone is not null

),

-- most values are on a record or two: surnames are counted of the others only
frequent as (

    select kind, contact_value, count(*) as record_count
    from contact_values
    group by kind, contact_value
    having count(*) > {{ var('identity_surnames_per_value') }}

),

counted as (

    select
        frequent.kind,
        frequent.contact_value,
        cast(max(frequent.record_count) as bigint) as record_count,
        cast(count(distinct contact_values.last_name) as bigint) as surname_count
    from contact_values
    inner join frequent
        on
            contact_values.kind = frequent.kind
            and contact_values.contact_value = frequent.contact_value
    group by frequent.kind, frequent.contact_value

)

-- a shop's own phone number, the address of whoever typed the records
select
    kind,
    contact_value,
    record_count,
    surname_count
from counted
where
    surname_count > {{ var('identity_surnames_per_value') }}
    or record_count > {{ var('identity_records_per_customer') }}
