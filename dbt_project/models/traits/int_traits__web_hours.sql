{{ config(
    materialized='incremental',
    incremental_strategy=replace_load_dates(),
    unique_key='_load_date',
    partition_by='_load_date',
    on_schema_change='fail',
    post_hook="{{ remove_emptied_load_dates('hour_at') }}"
) }}

with event_types as (

    select
        event_type,
        stage,
        weight
    from {{ ref('web_event_types') }}

),

meaning as (

    -- another meaning of the events is another content of every load date
    select
        {{ joined("concat_ws(',', event_type, stage, cast(weight as string))", ';') }}
        || '{{ var("machine_events_per_hour") }}' as types
    from event_types

),

versions as (

    {{ load_date_versions(ref('stg_web__events'), also='(select types from meaning)') }}

),

changed as (

    {{ changed_load_dates('versions') }}

),

events as (

    select
        events._load_date,
        cast(date_trunc('hour', events.event_at) as timestamp) as hour_at,
        events.device_id,
        events.account_id,
        events.platform,
        events.referrer_channel,
        events.category,
        -- of what a page says no category, the catalogue may
        case when events.category is null then events.product_id end as product_id,
        events.event_type,
        event_types.stage,
        coalesce(event_types.weight, 0) as weight,
        events.is_clock_skewed,
        events.event_at
    from {{ ref('stg_web__events') }} as events
    left join event_types on events.event_type = event_types.event_type
    where events._load_date in (select changed._load_date from changed)

),

hours as (

    select
        _load_date,
        hour_at,
        device_id,
        account_id,
        platform,
        referrer_channel,
        category,
        product_id,
        stage,
        is_clock_skewed,
        count(*) as event_count,
        count_if(event_type = 'video_play') as video_count,
        sum(weight) as weight,
        -- of two at one moment the last by name
        max_by(event_type, concat_ws(' ', cast(event_at as string), event_type)) as last_event_type,
        min(event_at) as first_event_at,
        max(event_at) as last_event_at,
        -- no person is that busy
        sum(count(*)) over (
            partition by _load_date, hour_at, coalesce(device_id, account_id), is_clock_skewed
        ) > {{ var("machine_events_per_hour") }} as is_machine
    from events
    group by
        _load_date, hour_at, device_id, account_id, platform, referrer_channel, category,
        product_id, stage, is_clock_skewed

)

select
    -- ids
    hours.device_id,
    hours.account_id,
    hours.product_id,

    -- properties
    hours.platform,
    hours.referrer_channel,
    hours.category,
    hours.stage,
    hours.last_event_type,
    hours.is_clock_skewed,
    hours.is_machine,

    -- timestamps
    hours.hour_at,
    hours.first_event_at,
    hours.last_event_at,

    -- measures
    cast(hours.event_count as bigint) as event_count,
    cast(hours.video_count as bigint) as video_count,
    cast(hours.weight as decimal(18, 3)) as weight,

    -- lineage
    changed._load_date,
    changed._version
from changed
left join hours on changed._load_date = hours._load_date
