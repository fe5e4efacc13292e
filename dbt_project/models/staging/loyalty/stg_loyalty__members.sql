{{ config(schema='vault') }}

with latest as (

    {{ latest_by_key(source('loyalty', 'members'), key=['member_id'], cursor='updated_at') }}

)

select
    -- ids
    member_id,

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
    {{ clean_text('postcode') }} as postcode,
    {{ postcode_match('postcode') }} as postcode_match,
    {{ clean_text('city') }} as city,
    {{ place_match('city') }} as city_match,

    -- declared
    {{ clean_text('age_band') }} as age_band,
    {{ clean_text('income_band') }} as income_band,
    {{ clean_text('household_size') }} as household_size,
    {{ clean_text('marital_status') }} as marital_status,
    {{ clean_text('home_ownership') }} as home_ownership,
    {{ clean_text('tier') }} as tier,

    -- timestamps
    joined_at,
    updated_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
