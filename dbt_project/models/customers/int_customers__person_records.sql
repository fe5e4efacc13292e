{{ config(schema='vault') }}

with listed as (

    select *
    from {{ ref('int_identity__listed_records') }}

),

customer_records as (

    select customer_id, source, source_record_id
    from {{ ref('customer_records') }}
    where valid_to is null

),

signed_in as (

    select account_id
    from {{ ref('int_identity__device_accounts') }}
    group by account_id

),

outcomes as (

    select
        channel,
        match_value,
        coalesce(last_delivered_at > last_bounced_at, last_delivered_at is not null) as has_arrived,
        coalesce(last_bounced_at >= last_delivered_at, last_bounced_at is not null) as has_bounced
    from {{ ref('int_customers__message_outcomes') }}

)

select
    -- ids
    customer_records.customer_id,
    listed.source,
    listed.source_record_id,

    -- what was shown to be right
    coalesce(
        emails.has_arrived
        or (
            signed_in.account_id is not null
            and not listed.is_guest
            and not coalesce(emails.has_bounced, false)
        ),
        false
    ) as is_email_verified,
    coalesce(phones.has_arrived, false) as is_phone_verified,

    -- timestamps
    listed.entered_at,
    listed.changed_at,

    -- personal: as given, and standardised for comparing
    listed.first_name,
    listed.first_name_match,
    listed.last_name,
    listed.last_name_match,
    listed.email,
    listed.email_match,
    listed.phone,
    listed.phone_match,
    listed.birth_date,
    listed.birth_date_match,
    listed.gender,
    listed.gender_match,
    listed.street,
    listed.street_match,
    listed.house_number,
    listed.house_number_match,
    cast(null as string) as unit,
    listed.unit_match,
    listed.postcode,
    listed.postcode_match,
    listed.city,
    listed.city_match,
    listed.region,
    listed.region_match,
    listed.country,
    listed.country_match,
    listed.age_band,
    listed.age_band_match,
    listed.income_band,
    listed.income_band_match,
    listed.household_size,
    listed.household_size_match,
    listed.marital_status,
    listed.marital_status_match,
    listed.home_ownership,
    listed.home_ownership_match,
    listed.tier,
    listed.tier_match
from listed
inner join customer_records
    on
        listed.source = customer_records.source
        and listed.source_record_id = customer_records.source_record_id
left join signed_in
    on
        listed.source = 'shop.accounts'
        and listed.source_record_id = signed_in.account_id
left join outcomes as emails
    on
        emails.channel = 'email'
        and listed.email_match = emails.match_value
left join outcomes as phones
    on
        phones.channel = 'sms'
        and listed.phone_match = phones.match_value
