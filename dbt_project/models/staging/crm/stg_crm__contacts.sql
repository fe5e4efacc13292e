{{ config(schema='vault') }}

with latest as (

    {{ latest_by_key(source('crm', 'contacts'), key=['contact_id'], cursor='updated_at') }}

)

select
    -- ids
    contact_id,

    -- personal; country first, because the phone number is read by it
    {{ clean_text('country') }} as country,
    {{ country_match('country') }} as country_match,
    {{ clean_text('first_name') }} as first_name,
    {{ name_match('first_name') }} as first_name_match,
    {{ clean_text('last_name') }} as last_name,
    {{ name_match('last_name') }} as last_name_match,
    {{ clean_text('email') }} as email,
    {{ email_match('email') }} as email_match,
    {{ clean_text('phone') }} as phone,
    {{ phone_match('phone', 'country_match') }} as phone_match,
    birth_date,
    {{ date_match('birth_date', '_load_date') }} as birth_date_match,
    {{ clean_text('street') }} as street,
    {{ street_match('street') }} as street_match,
    {{ clean_text('house_number') }} as house_number,
    {{ house_number_match('house_number', 'street') }} as house_number_match,
    {{ unit_match('street') }} as unit_match,
    {{ clean_text('postcode') }} as postcode,
    {{ postcode_match('postcode') }} as postcode_match,
    {{ clean_text('city') }} as city,
    {{ place_match('city') }} as city_match,

    -- declared
    {{ clean_text('region') }} as region,
    {{ clean_text('gender') }} as gender,

    -- timestamps
    created_at,
    updated_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
