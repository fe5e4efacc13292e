with events as (

    select event_type, _load_date
    from {{ ref('stg_web__events') }}

),

event_types as (

    select event_type
    from {{ ref('web_event_types') }}

)

select
    -- ids
    events.event_type,

    -- measures
    count(*) as event_count,

    -- dates
    min(events._load_date) as first_load_date,
    max(events._load_date) as last_load_date
from events
left join event_types on events.event_type = event_types.event_type
where event_types.event_type is null
group by events.event_type
