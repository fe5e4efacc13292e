{{ config(schema='vault', materialized='view') }}

with records as (

    select *
    from {{ ref('int_identity__listed_records') }}

)

select
    -- ids
    source || ':' || source_record_id as record_key,
    source,
    source_record_id,
    case when source = 'loyalty.members' then source_record_id end as loyalty_id,

    -- personal, all standardised for comparing
    first_name_match as first_name,
    last_name_match as last_name,
    email_match as email,
    phone_match as phone,
    birth_date_match as birth_date,
    street_match as street,
    house_number_match as house_number,
    unit_match as unit,
    postcode_match as postcode,
    city_match as city,
    country_match as country,

    -- timestamps
    entered_at,
    changed_at,

    -- lineage
    _load_date,
    _raw_version
from records
