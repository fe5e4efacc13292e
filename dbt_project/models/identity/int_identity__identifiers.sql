{{ config(schema='vault', materialized='view') }}

with contacts as (

    select
        'crm.contacts' as source,
        contact_id as source_record_id,
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
        cast(null as string) as loyalty_id
    from {{ ref('stg_crm__contacts') }}

),

accounts as (

    select
        'shop.accounts' as source,
        account_id as source_record_id,
        first_name_match as first_name,
        last_name_match as last_name,
        email_match as email,
        phone_match as phone,
        cast(null as date) as birth_date,
        street_match as street,
        house_number_match as house_number,
        unit_match as unit,
        postcode_match as postcode,
        city_match as city,
        country_match as country,
        cast(null as string) as loyalty_id
    from {{ ref('stg_shop__accounts') }}

),

members as (

    select
        'loyalty.members' as source,
        member_id as source_record_id,
        first_name_match as first_name,
        last_name_match as last_name,
        email_match as email,
        phone_match as phone,
        birth_date_match as birth_date,
        cast(null as string) as street,
        cast(null as string) as house_number,
        cast(null as string) as unit,
        postcode_match as postcode,
        city_match as city,
        country_match as country,
        member_id as loyalty_id
    from {{ ref('stg_loyalty__members') }}

),

subscribers as (

    select
        'newsletter.subscribers' as source,
        subscriber_id as source_record_id,
        first_name_match as first_name,
        cast(null as string) as last_name,
        email_match as email,
        cast(null as string) as phone,
        cast(null as date) as birth_date,
        cast(null as string) as street,
        cast(null as string) as house_number,
        cast(null as string) as unit,
        cast(null as string) as postcode,
        cast(null as string) as city,
        cast(null as string) as country,
        cast(null as string) as loyalty_id
    from {{ ref('stg_newsletter__subscribers') }}

),

listed as (

    select * from contacts
    union all
    select * from accounts
    union all
    select * from members
    union all
    select * from subscribers

)

select
    -- ids
    source || ':' || source_record_id as record_key,
    source,
    source_record_id,
    loyalty_id,

    -- personal, all as the *_match columns of staging
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
from listed
