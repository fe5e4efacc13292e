{{ config(schema='vault') }}

with subscribers as (

    select
        subscriber_id,
        email_match
    from {{ ref('stg_newsletter__subscribers') }}

),

events as (

    select
        channel,
        event_type,
        event_at,
        subscriber_id,
        email_match,
        phone_match
    from {{ ref('stg_messaging__events') }}
    where
        event_at < {{ as_of_end() }}
        and event_type in (
            'delivered', 'clicked', 'replied', 'bounced', 'unsubscribed', 'complained'
        )

),

addressed as (

    select
        events.channel,
        case
            when events.channel = 'sms' then events.phone_match
            else coalesce(events.email_match, subscribers.email_match)
        end as match_value,
        events.event_type,
        events.event_at
    from events
    left join subscribers on events.subscriber_id = subscribers.subscriber_id

)

select
    -- keys
    channel,
    match_value,

    -- timestamps
    max(case when event_type in ('delivered', 'clicked', 'replied') then event_at end)
        as last_delivered_at,
    max(case when event_type in ('clicked', 'replied') then event_at end) as last_engaged_at,
    max(case when event_type = 'bounced' then event_at end) as last_bounced_at,
    max(case when event_type in ('unsubscribed', 'complained') then event_at end)
        as last_refused_at
from addressed
where match_value is not null
group by channel, match_value
