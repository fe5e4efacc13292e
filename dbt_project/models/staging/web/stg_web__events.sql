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

),

believed as (

    -- the clock is the device's: what comes from after its delivery, with a day's grace, or from
    -- long before it, is suspect. Once per load date, because zones are slow to convert
    select
        _load_date,
        {{ utc_start_of("_load_date - interval '30' day") }} as believed_from,
        {{ utc_start_of("_load_date + interval '2' day") }} as believed_until
    from latest
    group by _load_date

)

select
    -- ids
    latest.event_id,
    {{ clean_text('latest.device_id') }} as device_id,
    {{ clean_text('latest.account_id') }} as account_id,
    {{ clean_text('latest.product_id') }} as product_id,
    {{ clean_text('latest.campaign_id') }} as campaign_id,

    -- properties
    {{ clean_text('latest.platform') }} as platform,
    lower({{ clean_text('latest.event_type') }}) as event_type,
    {{ clean_text('latest.category') }} as category,
    {{ clean_text('latest.search_term') }} as search_term,
    lower({{ clean_text('latest.referrer_channel') }}) as referrer_channel,

    -- timestamps
    latest.event_at,
    latest.event_at >= believed.believed_until
    or latest.event_at < believed.believed_from as is_clock_skewed,

    -- lineage
    latest._load_date,
    latest._source_file,
    latest._line_number,
    latest._raw_version
from latest
inner join believed on latest._load_date = believed._load_date
