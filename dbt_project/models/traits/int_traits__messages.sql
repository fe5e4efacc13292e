{{ config(materialized='view') }}

with hours as (

    select
        email_match,
        phone_match,
        subscriber_id,
        channel,
        hour_at,
        last_event_at,
        delivered_count,
        opened_count,
        responded_count
    from {{ ref('int_traits__message_hours') }}
    where
        last_event_at < {{ as_of_end() }}
        and delivered_count + opened_count + responded_count > 0

),

customer_records as (

    select customer_id, source_record_id
    from {{ ref('customer_records') }}
    where source = 'newsletter.subscribers' and valid_to is null

),

contact_points as (

    select
        kind,
        match_value,
        customer_id
    from {{ ref('int_customers__contact_points') }}

)

select
    -- ids
    coalesce(customer_records.customer_id, contact_points.customer_id) as customer_id,
    hours.channel,

    -- timestamps
    hours.hour_at,

    -- measures
    hours.delivered_count,
    hours.opened_count,
    hours.responded_count
from hours
left join customer_records on hours.subscriber_id = customer_records.source_record_id
left join contact_points
    on
        contact_points.kind = case hours.channel when 'sms' then 'phone' else 'email' end
        and case hours.channel when 'sms' then hours.phone_match else hours.email_match end
        = contact_points.match_value
where coalesce(customer_records.customer_id, contact_points.customer_id) is not null
