{{ config(
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('event_id') }}"
) }}

with latest as (

    {{ latest_by_load_date(
        source('web', 'events'),
        name='web.events',
        key=['event_id'],
        cursor='event_at'
    ) }}

)

select
    -- ids
    event_id,
    {{ clean_text('device_id') }} as device_id,
    {{ clean_text('account_id') }} as account_id,
    {{ clean_text('product_id') }} as product_id,
    {{ clean_text('campaign_id') }} as campaign_id,

    -- properties
    {{ clean_text('platform') }} as platform,
    lower({{ clean_text('event_type') }}) as event_type,
    {{ clean_text('category') }} as category,
    {{ clean_text('search_term') }} as search_term,
    lower({{ clean_text('referrer_channel') }}) as referrer_channel,

    -- timestamps
    event_at,
    -- the clock is the device's: what comes from after its delivery, with a day's grace, or from
    -- long before it, is suspect
    event_at >= {{ utc_start_of("_load_date + interval '2' day") }}
    or event_at < {{ utc_start_of("_load_date - interval '30' day") }} as is_clock_skewed,

    -- lineage
    _load_date,
    _source_file,
    _line_number,
    _raw_version
from latest
