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

),

received as (

    select
        coalesce(customer_records.customer_id, contact_points.customer_id) as customer_id,
        hours.*
    from hours
    left join customer_records on hours.subscriber_id = customer_records.source_record_id
    left join contact_points
        on
            contact_points.kind = case hours.channel when 'sms' then 'phone' else 'email' end
            and case hours.channel when 'sms' then hours.phone_match else hours.email_match end
            = contact_points.match_value

)

select
    -- ids
    customer_id,
    channel,

    -- timestamps
    hour_at,

    -- measures
    cast(sum(delivered_count) as bigint) as delivered_count,
    cast(sum(opened_count) as bigint) as opened_count,
    cast(sum(responded_count) as bigint) as responded_count
from received
where customer_id is not null
group by customer_id, channel, hour_at
