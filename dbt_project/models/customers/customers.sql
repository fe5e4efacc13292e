with customer_records as (

    select customer_id, source, source_record_id
    from {{ ref('customer_records') }}
    where valid_to is null

),

records as (

    select
        source,
        source_record_id,
        country,
        postcode_area,
        age_band,
        has_email,
        has_phone,
        first_seen_at,
        last_seen_at
    from {{ ref('int_identity__records') }}

)

select
    -- ids
    customer_records.customer_id,
    cast(null as string) as household_id,

    -- properties: one record per customer until records of several sources are linked
    max(records.country) as country,
    cast(null as string) as region,
    max(records.postcode_area) as postcode_area,
    max(records.age_band) as age_band,
    cast(null as string) as gender,

    -- what we hold and may do: no consent has arrived, so none is granted
    bool_or(records.has_email) as has_email,
    bool_or(records.has_phone) as has_phone,
    false as can_email,
    false as can_sms,
    false as can_personalise,

    -- counts
    cast(count(distinct customer_records.source) as bigint) as source_count,
    cast(count(*) as bigint) as record_count,

    -- timestamps
    min(records.first_seen_at) as first_seen_at,
    max(records.last_seen_at) as last_seen_at
from customer_records
inner join records
    on
        customer_records.source = records.source
        and customer_records.source_record_id = records.source_record_id
group by customer_records.customer_id
