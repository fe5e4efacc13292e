{{ config(
    schema='vault',
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('event_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('messaging', 'events'),
        name='messaging.events',
        key=['event_id'],
        cursor='event_at'
    ) }}

)

select
    -- ids
    event_id,
    {{ clean_text('message_id') }} as message_id,
    {{ clean_text('subscriber_id') }} as subscriber_id,
    {{ clean_text('campaign_id') }} as campaign_id,

    -- personal
    {{ clean_text('email') }} as email,
    {{ email_match('email') }} as email_match,
    {{ clean_text('phone') }} as phone,
    {{ phone_match('phone') }} as phone_match,

    -- properties
    {{ clean_text('channel') }} as channel,
    {{ clean_text('event_type') }} as event_type,

    -- timestamps
    event_at,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
