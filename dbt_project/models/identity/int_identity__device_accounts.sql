with events as (

    select
        device_id,
        account_id,
        event_at
    from {{ ref('stg_web__events') }}
    where
        device_id is not null
        and account_id is not null
        and not is_clock_skewed
        and event_at < {{ as_of_end() }}

)

select
    -- ids
    device_id,
    account_id,

    -- timestamps
    min(event_at) as first_event_at,
    max(event_at) as last_event_at,

    -- measures
    count(*) as event_count
from events
group by device_id, account_id
