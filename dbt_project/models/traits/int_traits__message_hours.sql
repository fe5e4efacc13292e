{{ config(
    schema='vault',
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('hour_at') }}"
) }}

with versions as (

    {{ load_date_versions(ref('stg_messaging__events')) }}

),

changed as (

    {{ changed_load_dates('versions') }}

),

hours as (

    select
        events._load_date,
        cast(date_trunc('hour', events.event_at) as timestamp) as hour_at,
        events.channel,
        events.subscriber_id,
        events.email_match,
        events.phone_match,
        count_if(events.event_type = 'delivered') as delivered_count,
        count_if(events.event_type = 'opened') as opened_count,
        -- who clicks twice in a message has responded to one
        count(distinct case
            when events.event_type in ('clicked', 'replied') then events.message_id
        end) as responded_count,
        max(events.event_at) as last_event_at
    from {{ ref('stg_messaging__events') }} as events
    where events._load_date in (select changed._load_date from changed)
    group by all

)

select
    -- personal: the address written to
    hours.email_match,
    hours.phone_match,

    -- ids
    hours.subscriber_id,

    -- properties
    hours.channel,

    -- timestamps
    hours.hour_at,
    hours.last_event_at,

    -- measures
    cast(hours.delivered_count as bigint) as delivered_count,
    cast(hours.opened_count as bigint) as opened_count,
    cast(hours.responded_count as bigint) as responded_count,

    -- lineage
    changed._load_date,
    changed._version
from changed
left join hours on changed._load_date = hours._load_date
