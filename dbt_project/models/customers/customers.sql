with customer_records as (

    select customer_id, source, source_record_id
    from {{ ref('customer_records') }}
    where valid_to is null

),

records as (

    select
        source,
        source_record_id,
        first_seen_at,
        last_seen_at
    from {{ ref('int_identity__records') }}

),

golden_values as (

    select
        customer_id,
        attribute,
        value,
        match_value
    from {{ ref('int_customers__golden_values') }}

),

households as (

    select customer_id, household_id
    from {{ ref('int_customers__households') }}

),

consents as (

    select
        customer_id,
        purpose,
        medium,
        status,
        is_allowed
    from {{ ref('int_customers__consents') }}

),

outcomes as (

    -- addresses from which messages come back
    select
        channel,
        match_value
    from {{ ref('int_customers__message_outcomes') }}
    where last_bounced_at >= coalesce(last_delivered_at, last_bounced_at)

),

known as (

    select
        customer_records.customer_id,
        count(distinct customer_records.source) as source_count,
        count(*) as record_count,
        min(records.first_seen_at) as first_seen_at,
        max(records.last_seen_at) as last_seen_at
    from customer_records
    inner join records
        on
            customer_records.source = records.source
            and customer_records.source_record_id = records.source_record_id
    group by customer_records.customer_id

),

golden as (

    select
        customer_id,
        max(case when attribute = 'country' then match_value end) as country,
        max(case when attribute = 'region' then value end) as region,
        max(case when attribute = 'postcode' then value end) as postcode,
        max(case when attribute = 'gender' then match_value end) as gender,
        max(case when attribute = 'age_band' then value end) as age_band,
        max(case when attribute = 'birth_date' then try_cast(value as date) end) as birth_date,
        max(case when attribute = 'email' then match_value end) as email,
        max(case when attribute = 'phone' then match_value end) as phone
    from golden_values
    group by customer_id

),

aged as (

    select
        *,
        {{ age_in_years('birth_date', as_of()) }} as age_years
    from golden

),

allowed as (

    select
        customer_id,
        bool_or(purpose = 'marketing' and medium = 'email' and is_allowed) as is_email_allowed,
        bool_or(purpose = 'marketing' and medium = 'sms' and is_allowed) as is_sms_allowed,
        -- who refuses it on one medium is not followed on another
        bool_or(purpose = 'personalisation' and is_allowed)
        and not bool_or(purpose = 'personalisation' and status in ('denied', 'withdrawn'))
            as is_personalisation_allowed
    from consents
    group by customer_id

)

select
    -- ids
    known.customer_id,
    households.household_id,

    -- properties
    aged.country,
    aged.region,
    {{ postcode_area('aged.postcode') }} as postcode_area,
    coalesce(
        aged.age_band,
        case
            when aged.age_years < 19 then '<19'
            when aged.age_years < 25 then '19-24'
            when aged.age_years < 35 then '25-34'
            when aged.age_years < 45 then '35-44'
            when aged.age_years < 55 then '45-54'
            when aged.age_years < 65 then '55-64'
            when aged.age_years >= 65 then '65+'
        end
    ) as age_band,
    aged.gender,

    -- what we hold and may do; what was never asked is not granted
    aged.email is not null as has_email,
    aged.phone is not null as has_phone,
    aged.email is not null
    and coalesce(allowed.is_email_allowed, false)
    and bounced_emails.match_value is null as can_email,
    aged.phone is not null
    and coalesce(allowed.is_sms_allowed, false)
    and bounced_phones.match_value is null as can_sms,
    coalesce(allowed.is_personalisation_allowed, false) as can_personalise,

    -- counts
    cast(known.source_count as bigint) as source_count,
    cast(known.record_count as bigint) as record_count,

    -- timestamps
    known.first_seen_at,
    known.last_seen_at
from known
left join aged on known.customer_id = aged.customer_id
left join households on known.customer_id = households.customer_id
left join allowed on known.customer_id = allowed.customer_id
left join outcomes as bounced_emails
    on
        bounced_emails.channel = 'email'
        and aged.email = bounced_emails.match_value
left join outcomes as bounced_phones
    on
        bounced_phones.channel = 'sms'
        and aged.phone = bounced_phones.match_value
