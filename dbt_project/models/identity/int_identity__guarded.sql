{{ config(schema='vault', materialized='view') }}

with identifiers as (

    select
        record_key,
        source,
        source_record_id,
        loyalty_id,
        first_name,
        last_name,
        email,
        phone,
        birth_date,
        street,
        house_number,
        unit,
        postcode,
        city,
        country
    from {{ ref('int_identity__identifiers') }}

),

shared_values as (

    select kind, contact_value
    from {{ ref('int_identity__shared_values') }}

),

guarded as (

    select
        identifiers.record_key,
        identifiers.source,
        identifiers.source_record_id,
        identifiers.loyalty_id,
        identifiers.first_name,
        identifiers.last_name,
        identifiers.birth_date,
        identifiers.street,
        identifiers.house_number,
        identifiers.unit,
        identifiers.postcode,
        identifiers.city,
        identifiers.country,
        case when emails.contact_value is null then identifiers.email end as email,
        case when phones.contact_value is null then identifiers.phone end as phone
    from identifiers
    left join shared_values as emails
        on emails.kind = 'email' and identifiers.email = emails.contact_value
    left join shared_values as phones
        on phones.kind = 'phone' and identifiers.phone = phones.contact_value

)

select
    -- ids
    {{ record_number('record_key') }} as record_no,
    record_key,
    source,
    source_record_id,
    loyalty_id,
    first_name,
    last_name,
    email,
    phone,
    birth_date,
    street,
    house_number,
    unit,
    postcode,
    city,
    country,

    -- all of it, to tell whether a record has changed
    md5(
        coalesce(loyalty_id, '~')
        || '|' || coalesce(first_name, '~')
        || '|' || coalesce(last_name, '~')
        || '|' || coalesce(email, '~')
        || '|' || coalesce(phone, '~')
        || '|' || coalesce(cast(birth_date as string), '~')
        || '|' || coalesce(street, '~')
        || '|' || coalesce(house_number, '~')
        || '|' || coalesce(unit, '~')
        || '|' || coalesce(postcode, '~')
        || '|' || coalesce(city, '~')
        || '|' || coalesce(country, '~')
    ) as content_key
from guarded
