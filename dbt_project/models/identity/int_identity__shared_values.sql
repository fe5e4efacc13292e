{{ config(schema='vault') }}

with identifiers as (

    select email, phone, last_name, source
    from {{ ref('int_identity__identifiers') }}

),

-- a shop's own phone number, the address of whoever typed the records
contact_values as (

    select 'email' as kind, email as contact_value, last_name, source
    from identifiers
    where email is not null
    union all
    select 'phone' as kind, phone as contact_value, last_name, source
    from identifiers
    where phone is not null

)

select
    kind,
    contact_value,
    cast(count(*) as bigint) as record_count,
    cast(count(distinct last_name) as bigint) as surname_count
from contact_values
group by kind, contact_value
having
    count(distinct last_name) > {{ var('identity_surnames_per_value') }}
    or count(*) > 20 * {{ var('identity_surnames_per_value') }}
