{{ config(materialized='view') }}

with hours as (

    select
        *,
        -- a device says whose the visit is only where nobody is signed in
        case when account_id is null then device_id end as unsigned_device_id
    from {{ ref('int_traits__web_hours') }}
    where not is_clock_skewed and not is_machine and last_event_at < {{ as_of_end() }}

),

customer_records as (

    select
        customer_id,
        source_record_id
    from {{ ref('customer_records') }}
    where source = 'shop.accounts' and valid_to is null

),

owners as (

    select
        device_id,
        customer_id,
        valid_from
    from {{ ref('int_customers__device_owners') }}
    where not is_shared

)

select
    -- ids
    coalesce(customer_records.customer_id, owners.customer_id) as customer_id,
    hours.device_id,
    hours.product_id,

    -- properties
    hours.platform,
    hours.referrer_channel,
    hours.category,
    hours.stage,
    hours.last_event_type,

    -- timestamps
    hours.hour_at,
    hours.first_event_at,
    hours.last_event_at,
    case
        when customer_records.customer_id is not null then hours.last_event_at
        else greatest(hours.last_event_at, owners.valid_from)
    end as known_at,

    -- measures
    hours.event_count,
    hours.video_count,
    hours.weight
from hours
left join customer_records on hours.account_id = customer_records.source_record_id
left join owners on hours.unsigned_device_id = owners.device_id
where coalesce(customer_records.customer_id, owners.customer_id) is not null
