{{ config(schema='vault') }}

-- all four in one shape: an attribute that a source does not have is null
with contacts as (

    select
        'crm.contacts' as source,
        contact_id as source_record_id,
        false as is_guest,
        created_at as entered_at,
        updated_at as changed_at,
        first_name,
        first_name_match,
        last_name,
        last_name_match,
        email,
        email_match,
        phone,
        phone_match,
        birth_date,
        birth_date_match,
        gender,
        {{ gender_match('gender') }} as gender_match,
        street,
        street_match,
        house_number,
        house_number_match,
        cast(null as string) as unit,
        coalesce(unit_match, {{ unit_match('house_number') }}) as unit_match,
        postcode,
        postcode_match,
        city,
        city_match,
        region,
        {{ place_match('region') }} as region_match,
        country,
        country_match,
        cast(null as string) as age_band,
        cast(null as string) as age_band_match,
        cast(null as string) as income_band,
        cast(null as string) as income_band_match,
        cast(null as string) as household_size,
        cast(null as string) as household_size_match,
        cast(null as string) as marital_status,
        cast(null as string) as marital_status_match,
        cast(null as string) as home_ownership,
        cast(null as string) as home_ownership_match,
        cast(null as string) as tier,
        cast(null as string) as tier_match
    from {{ ref('stg_crm__contacts') }}

),

accounts as (

    select
        'shop.accounts' as source,
        account_id as source_record_id,
        is_guest,
        created_at as entered_at,
        updated_at as changed_at,
        first_name,
        first_name_match,
        last_name,
        last_name_match,
        email,
        email_match,
        phone,
        phone_match,
        cast(null as date) as birth_date,
        cast(null as date) as birth_date_match,
        cast(null as string) as gender,
        cast(null as string) as gender_match,
        street,
        street_match,
        house_number,
        house_number_match,
        cast(null as string) as unit,
        coalesce(unit_match, {{ unit_match('house_number') }}) as unit_match,
        postcode,
        postcode_match,
        city,
        city_match,
        cast(null as string) as region,
        cast(null as string) as region_match,
        country,
        country_match,
        cast(null as string) as age_band,
        cast(null as string) as age_band_match,
        cast(null as string) as income_band,
        cast(null as string) as income_band_match,
        cast(null as string) as household_size,
        cast(null as string) as household_size_match,
        cast(null as string) as marital_status,
        cast(null as string) as marital_status_match,
        cast(null as string) as home_ownership,
        cast(null as string) as home_ownership_match,
        cast(null as string) as tier,
        cast(null as string) as tier_match
    from {{ ref('stg_shop__accounts') }}

),

members as (

    select
        'loyalty.members' as source,
        member_id as source_record_id,
        false as is_guest,
        joined_at as entered_at,
        updated_at as changed_at,
        first_name,
        first_name_match,
        last_name,
        last_name_match,
        email,
        email_match,
        phone,
        phone_match,
        birth_date,
        birth_date_match,
        cast(null as string) as gender,
        cast(null as string) as gender_match,
        cast(null as string) as street,
        cast(null as string) as street_match,
        cast(null as string) as house_number,
        cast(null as string) as house_number_match,
        cast(null as string) as unit,
        cast(null as string) as unit_match,
        postcode,
        postcode_match,
        city,
        city_match,
        cast(null as string) as region,
        cast(null as string) as region_match,
        country,
        country_match,
        age_band,
        {{ junk_to_null('lower(age_band)', 'name') }} as age_band_match,
        income_band,
        {{ junk_to_null('lower(income_band)', 'name') }} as income_band_match,
        household_size,
        {{ junk_to_null('lower(household_size)', 'name') }} as household_size_match,
        marital_status,
        {{ junk_to_null('lower(marital_status)', 'name') }} as marital_status_match,
        home_ownership,
        {{ junk_to_null('lower(home_ownership)', 'name') }} as home_ownership_match,
        tier,
        {{ junk_to_null('lower(tier)', 'name') }} as tier_match
    from {{ ref('stg_loyalty__members') }}

),

subscribers as (

    select
        'newsletter.subscribers' as source,
        subscriber_id as source_record_id,
        false as is_guest,
        subscribed_at as entered_at,
        updated_at as changed_at,
        first_name,
        first_name_match,
        cast(null as string) as last_name,
        cast(null as string) as last_name_match,
        email,
        email_match,
        cast(null as string) as phone,
        cast(null as string) as phone_match,
        cast(null as date) as birth_date,
        cast(null as date) as birth_date_match,
        cast(null as string) as gender,
        cast(null as string) as gender_match,
        cast(null as string) as street,
        cast(null as string) as street_match,
        cast(null as string) as house_number,
        cast(null as string) as house_number_match,
        cast(null as string) as unit,
        cast(null as string) as unit_match,
        cast(null as string) as postcode,
        cast(null as string) as postcode_match,
        cast(null as string) as city,
        cast(null as string) as city_match,
        cast(null as string) as region,
        cast(null as string) as region_match,
        cast(null as string) as country,
        cast(null as string) as country_match,
        cast(null as string) as age_band,
        cast(null as string) as age_band_match,
        cast(null as string) as income_band,
        cast(null as string) as income_band_match,
        cast(null as string) as household_size,
        cast(null as string) as household_size_match,
        cast(null as string) as marital_status,
        cast(null as string) as marital_status_match,
        cast(null as string) as home_ownership,
        cast(null as string) as home_ownership_match,
        cast(null as string) as tier,
        cast(null as string) as tier_match
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

    -- personal: as given, unless it is junk, and standardised for comparing
    case when listed.first_name_match is not null then listed.first_name end as first_name,
    listed.first_name_match,
    case when listed.last_name_match is not null then listed.last_name end as last_name,
    listed.last_name_match,
    case when listed.email_match is not null then listed.email end as email,
    listed.email_match,
    case when listed.phone_match is not null then listed.phone end as phone,
    listed.phone_match,
    case when listed.birth_date_match is not null then listed.birth_date end as birth_date,
    listed.birth_date_match,
    case when listed.gender_match is not null then listed.gender end as gender,
    listed.gender_match,
    case when listed.street_match is not null then listed.street end as street,
    listed.street_match,
    case when listed.house_number_match is not null then listed.house_number end as house_number,
    listed.house_number_match,
    listed.unit,
    listed.unit_match,
    case when listed.postcode_match is not null then listed.postcode end as postcode,
    listed.postcode_match,
    case when listed.city_match is not null then listed.city end as city,
    listed.city_match,
    case when listed.region_match is not null then listed.region end as region,
    listed.region_match,
    case when listed.country_match is not null then listed.country end as country,
    listed.country_match,
    case when listed.age_band_match is not null then listed.age_band end as age_band,
    listed.age_band_match,
    case when listed.income_band_match is not null then listed.income_band end as income_band,
    listed.income_band_match,
    case when listed.household_size_match is not null then listed.household_size end
        as household_size,
    listed.household_size_match,
    case when listed.marital_status_match is not null then listed.marital_status end
        as marital_status,
    listed.marital_status_match,
    case when listed.home_ownership_match is not null then listed.home_ownership end
        as home_ownership,
    listed.home_ownership_match,
    case when listed.tier_match is not null then listed.tier end as tier,
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
